"""Acceptance cases of the general model and of the peers, through ``acceptance/run_case.py``."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

FOLDER = Path(__file__).parent / "acceptance"
FILES = ("general.json", "peers.json")

EXACT = {
    "signal_gain",
    "weight_power",
    "second_moments",
    "beam_interference",
    "fisher_users",
    "fisher_sensing",
}
"""Compared with 1e-8 of the largest entry."""
SHARES = {"x", "sensing", "shares"}
"""Compared with 1e-5 absolutely; all other numbers with 1e-6 relatively."""

DECIBELS = {"crlb_db", "sum_crlb_db", "sinr_db", "masr_db"}
"""Compared with 1e-5 dB, below the tolerance of bounds that no limit binds."""
SECTIONS = (
    "designed_covariance",
    "objectives",
    "given_channels",
    "topal2024",
    "buzzi2019",
    "liao2024",
    "liu2022",
    "temiz2022",
)

RESULTS = (
    *("echo", "echo_sensing_waveform", "steady", "swerling1", "steady_sensing_waveform"),
    *("swerling1_sensing_waveform", "swerling1_unknown_noise"),
)


def ran(path: Path, folder: Path, script: Path = FOLDER / "run_case.py") -> dict[str, Any]:
    """Return what the script prints for a file, run from a folder."""
    done = subprocess.run([sys.executable, script, path], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@cache
def expected(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script prints for the sections of both files, with the expected numbers taken out, elsewhere."""
    folder = tmp_path_factory.mktemp("cases")
    content = copy.deepcopy({section: cases for name in FILES for section, cases in expected(name).items()})
    assert len(content) == sum(len(expected(name)) for name in FILES)
    for section in content.values():
        for case in section.values():
            case.pop("expected", None)
            for row in case.get("rows", ()):
                for key in RESULTS:
                    row.pop(key, None)
    (folder / "cases.json").write_text(json.dumps(content), encoding="utf-8")
    results = ran(folder / "cases.json", folder)
    return {name: {section: results[section] for section in expected(name)} for name in FILES}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of everything that is no table."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from leaves(member, f"{path}/{key}" if path else key)
    else:
        yield path, value


def at(content: Any, path: str) -> Any:
    """Return what is at a path of ``section/case/key...`` below ``expected``; None below a null."""
    section, case, *keys = path.split("/")
    for key in (section, case, "expected", *keys):
        content = None if content is None else content[key]
    return content


SUPPORTED = {
    f"{section}/{case}/{path}"
    for name in FILES
    for section, cases in expected(name).items()
    for case, members in cases.items()
    for path, _ in leaves(members.get("expected", {}))
    if section in SECTIONS
}

REFERENCES = [
    pytest.param(name, f"{section}/{case}/{path}", value, id=f"{section}/{case}/{path}")
    for name in FILES
    for section, cases in expected(name).items()
    for case, members in cases.items()
    for path, value in leaves(members.get("expected", {}))
    if f"{section}/{case}/{path}" in SUPPORTED and path != "why"
]


@pytest.mark.parametrize(("name", "path", "value"), REFERENCES)
def test_case_agrees_with_the_reference(name: str, path: str, value: Any, found: dict[str, Any]) -> None:
    if isinstance(value, str):
        assert at(found[name], path) == value
        return
    actual, wanted = np.asarray(at(found[name], path), dtype=float), np.asarray(value, dtype=float)
    assert actual.shape == wanted.shape
    key = path.split("/")[-1]
    if key in EXACT:
        # Each matrix for itself.
        scale = np.abs(wanted).max(axis=tuple(range(wanted.ndim))[-2:], keepdims=True)
        assert (np.abs(actual - wanted) <= 1e-8 * scale).all()
    elif key in SHARES | DECIBELS:
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=1e-5)
    else:
        np.testing.assert_allclose(actual, wanted, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", FILES)
def test_layout_is_that_of_the_file(name: str, found: dict[str, Any]) -> None:
    actual = found[name]
    assert list(actual) == list(expected(name))
    for section, cases in actual.items():
        if cases is None:
            continue
        assert list(cases) == list(expected(name)[section])
        for case, members in cases.items():
            own = expected(name)[section][case]
            if members is not None and "rows" not in members:
                assert members["input"] == own["input"]
                assert set(members["expected"]) == set(own["expected"])


ROWS = expected("peers.json")["buzzi2019"]["detection-table"]["rows"]


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_row_of_the_detection_table_agrees(number: int, found: dict[str, Any]) -> None:
    own, row = found["peers.json"]["buzzi2019"]["detection-table"]["rows"][number], ROWS[number]
    assert set(own) == set(row)
    for key, value in row.items():
        if key not in RESULTS or value is None:
            assert own[key] == value
        else:
            assert own[key] == pytest.approx(value, rel=1e-6, abs=0 if value else 1e-12)


def test_nothing_else_has_numbers(found: dict[str, Any]) -> None:
    numbers = {
        f"{section}/{case}/{path}"
        for content in found.values()
        for section, cases in content.items()
        for case, members in (cases or {}).items()
        for path, value in leaves((members or {}).get("expected", {}))
        if value is not None
    }
    assert numbers == SUPPORTED


# Correlation matrices


CORRELATION = "correlation.json"


GOOD = {"elements": 3, "azimuth_rad": 0.1, "spread_deg": 5, "distribution": "gaussian"}
OTHERS = [
    {"elements": elements, "azimuth_rad": azimuth, "spread_deg": spread, "distribution": distribution}
    for elements, azimuth, spread in ((3, -1.2, 0.5), (5, 2.9, 40.0), (20, 4.0, 7.0))
    for distribution in ("gaussian", "laplace", "uniform")
]
UNANSWERED = [
    {**GOOD, "distribution": "cauchy"},
    {**GOOD, "spread_deg": -1},
    {**GOOD, "elements": 10**9},
    {"elements": 3},
    {**GOOD, "azimuth_rad": None, "first_row": [[1], [0]]},
]


@pytest.fixture(scope="module")
def correlations(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What the script prints for all cases of correlation matrices, the reference's without their numbers."""
    folder = tmp_path_factory.mktemp("correlations")
    given = [
        {key: value for key, value in case.items() if key != "first_row"}
        for case in expected(CORRELATION)["cases"]
    ]
    content = {"note": "kept", "cases": [*given, *OTHERS, *UNANSWERED, 3, GOOD]}
    (folder / CORRELATION).write_text(json.dumps(content), encoding="utf-8")
    found = ran(folder / CORRELATION, folder)
    assert list(found) == ["note", "cases"]
    assert found["note"] == "kept"
    assert len(found["cases"]) == len(content["cases"])
    return list(found["cases"])


def complex_row(case: dict[str, Any]) -> Any:
    real, imaginary = np.array(case["first_row"])
    return real + 1j * imaginary


def test_correlation_matrices_agree_with_the_reference(correlations: list[Any]) -> None:
    cases = expected(CORRELATION)["cases"]
    assert len(cases) == 4
    for case, own in zip(cases, correlations, strict=False):
        assert {**own, "first_row": None} == {**case, "first_row": None}
        np.testing.assert_allclose(complex_row(own), complex_row(case), rtol=0, atol=1e-6)


def averaged(case: dict[str, Any]) -> Any:
    """Return the first row by SciPy's adaptive quadrature over the density of the azimuth, untruncated."""
    sigma, mean = np.radians(case["spread_deg"]), case["azimuth_rad"]
    density, width = {
        "gaussian": (stats.norm(scale=sigma).pdf, 10 * sigma),
        "laplace": (stats.laplace(scale=sigma / np.sqrt(2)).pdf, 40 * sigma),
        "uniform": (stats.uniform(-np.sqrt(3) * sigma, 2 * np.sqrt(3) * sigma).pdf, np.sqrt(3) * sigma),
    }[case["distribution"]]

    def mean_of(wave: Any, m: int) -> float:
        total = 0.0
        for low, high in ((-width, 0.0), (0.0, width)):
            value = integrate.quad(
                lambda x: density(x) * wave(np.pi * m * np.sin(mean + x)), low, high, limit=2000, epsabs=1e-11
            )[0]
            total += float(value)
        return total

    return np.array([mean_of(np.cos, m) + 1j * mean_of(np.sin, m) for m in range(case["elements"])])


@pytest.mark.parametrize("case", OTHERS, ids=lambda case: f"{case['distribution']}-{case['elements']}")
def test_other_correlation_matrices_agree_with_adaptive_quadrature(
    case: dict[str, Any], correlations: list[Any]
) -> None:
    (own,) = (
        found
        for found in correlations[4:]
        if found and {**found, "first_row": None} == {**case, "first_row": None}
    )
    np.testing.assert_allclose(complex_row(own), averaged(case), rtol=0, atol=1e-9)


def test_a_broken_correlation_case_costs_no_other(correlations: list[Any]) -> None:
    *broken, number, good = correlations[-len(UNANSWERED) - 2 :]
    assert [case["first_row"] for case in broken] == [None] * len(UNANSWERED)
    assert number is None
    assert complex_row(good)[0] == pytest.approx(1.0)


# Hostile files


def small() -> dict[str, Any]:
    """Return a file with one good case in each supported section."""
    return {
        section: {case: copy.deepcopy(expected(name)[section][case])}
        for name, section, case in (
            ("general.json", "objectives", "small"),
            ("general.json", "given_channels", "ula8-rician"),
            ("peers.json", "topal2024", "two-targets-zf"),
            ("peers.json", "buzzi2019", "sum-rate-mrt-steady"),
            ("peers.json", "liao2024", "ula64-mrt"),
        )
    }


BROKEN: dict[str, Any] = {
    "no input": ("objectives", lambda case: case.pop("input")),
    "input is no table": ("objectives", lambda case: case.update(input=[1, 2])),
    "no fading": ("objectives", lambda case: case["input"].pop("large_scale_fading")),
    "an infinite power": ("objectives", lambda case: case["input"].update(snr_db=float("inf"))),
    "a limit too few": ("objectives", lambda case: case["input"].update(crlb_limits_db=[[-40.0]])),
    "no antennas": ("objectives", lambda case: case["input"].update(transmit=[0, 6])),
    "more antennas than memory": ("objectives", lambda case: case["input"].update(transmit=[10**9, 10**9])),
    "no users": ("given_channels", lambda case: case["input"].update(users=[])),
    "a user without gain": ("given_channels", lambda case: case["input"]["users"][1].pop("beta")),
    "a phase that is no number": (
        "given_channels",
        lambda case: case["input"]["users"][0].update(phase=float("nan")),
    ),
    "a planar array": ("given_channels", lambda case: case["input"].update(transmit=[4, 2])),
    "a beam that is no pair": ("given_channels", lambda case: case["input"].update(beam_deg=20.0)),
    "an unknown beam": (
        "topal2024",
        lambda case: case["input"]["beams"][0].update(kind="helical"),
    ),
    "an unknown precoder": ("topal2024", lambda case: case["input"].update(precoder="dirty paper")),
    "a probability above one": (
        "buzzi2019",
        lambda case: case["input"].update(detection_probability=1.5),
    ),
    "no sidelobe": ("liao2024", lambda case: case["input"].pop("sidelobe")),
    "a mainlobe without points": (
        "liao2024",
        lambda case: case["input"]["mainlobe"][0].update(points=[0, 1]),
    ),
    "two beams": ("buzzi2019", lambda case: case["input"]["beams_deg"].append([0.0, 90.0])),
    "an amplitude too few": ("topal2024", lambda case: case["input"].update(reflection_amplitudes=[0.1])),
    "targets in one direction": (
        "topal2024",
        lambda case: case["input"].update(targets_deg=[[22.5, 45.0], [22.5, 45.0]]),
    ),
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the script prints for a good file, and for one with all broken cases beside them."""
    folder = tmp_path_factory.mktemp("hostile")
    content = small()
    (folder / "good.json").write_text(json.dumps(content), encoding="utf-8")
    for title, (section, breaks) in BROKEN.items():
        (case,) = copy.deepcopy(small()[section]).values()
        breaks(case)
        content[section] = {title: case, **content[section]}
    content |= {
        "no such section": {"case": {"input": {}, "expected": {"value": 1}}},
        "an empty section": {},
        "a section that is a list": [1, 2],
    }
    content["objectives"]["a case that is a number"] = 3
    (folder / "bad.json").write_text(json.dumps(content), encoding="utf-8")
    return ran(folder / "good.json", folder), ran(folder / "bad.json", folder)


@pytest.mark.slow
@pytest.mark.parametrize("title", BROKEN)
def test_broken_case_is_null(title: str, hostile: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert hostile[1][BROKEN[title][0]][title] is None


@pytest.mark.slow
def test_broken_cases_cost_no_other(hostile: tuple[dict[str, Any], dict[str, Any]]) -> None:
    good, bad = hostile
    for section, cases in good.items():
        for case, members in cases.items():
            assert members is not None
            assert bad[section][case] == members


@pytest.mark.slow
def test_unknown_sections_are_null(hostile: tuple[dict[str, Any], dict[str, Any]]) -> None:
    bad = hostile[1]
    for section in ("no such section", "an empty section", "a section that is a list"):
        assert bad[section] is None
    assert bad["objectives"]["a case that is a number"] is None


@pytest.mark.slow
def test_another_number_of_users_costs_only_what_needs_it(tmp_path: Path) -> None:
    content = small()
    for section in ("objectives", "given_channels"):
        (case,) = content[section].values()
        case["input"]["minimum_rates"] = [0.1]
        case["input"]["weights"] = [1, 2]
    (case,) = content["given_channels"].values()
    case["input"]["users"] = case["input"]["users"][:2]
    path = tmp_path / "file.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    found = ran(path, tmp_path)
    own = found["objectives"]["small"]["expected"]
    for precoder in ("mrt", "zf"):
        assert own[precoder]["sum_rate"]["value"] > 0
        assert own[precoder]["weighted"] is None
        assert own[precoder]["sum_rate_with_minimum_rates"] is None
    moments = found["given_channels"]["ula8-rician"]["expected"]
    reference = expected("general.json")["given_channels"]["ula8-rician"]["expected"]
    # No pilot is shared there, so the moments of the first two users are the same without the third.
    np.testing.assert_allclose(moments["signal_gain"], reference["signal_gain"][:2], rtol=1e-8)
    np.testing.assert_allclose(
        moments["second_moments"], np.array(reference["second_moments"])[:2, :2], rtol=1e-8
    )


@pytest.mark.slow
def test_script_runs_next_to_its_parts_alone(tmp_path: Path) -> None:
    for name in ("run_case.py", "parts.py"):
        shutil.copy(FOLDER / name, tmp_path / name)
    content = {"objectives": small()["objectives"]}
    (tmp_path / "file.json").write_text(json.dumps(content), encoding="utf-8")
    found = ran(Path("file.json"), tmp_path, tmp_path / "run_case.py")
    assert found["objectives"]["small"]["expected"]["mrt"]["sum_rate"]["value"] > 0


def test_infeasible_limits_are_told_by_the_status(tmp_path: Path) -> None:
    content = {"objectives": small()["objectives"]}
    content["objectives"]["small"]["input"]["crlb_limits_db"] = [[-90.0, -90.0]]
    path = tmp_path / "file.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    own = ran(path, tmp_path)["objectives"]["small"]["expected"]
    assert own["mrt"]["sum_rate"] == own["zf"]["sum_rate"] == {"status": "infeasible"}
