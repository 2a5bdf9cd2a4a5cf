"""Acceptance cases: every number that an independent implementation reports for given scenarios."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isacfw
from isacfw_plugins.allocators.sca import SCA

FOLDER = Path(__file__).parent / "acceptance"
EXPECTED: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / "expected.json").read_text())
CASES = sorted(EXPECTED)
FEASIBLE = [case for case in CASES if case != "infeasible"]
PRECODERS = ("mrt", "zf")
NUMBERS = (
    "sum_rate",
    "rates",
    "crlb_azimuth_db",
    "crlb_elevation_db",
    "communication_power",
    "sensing_power",
    "gamma",
    "rho",
)
SCA_VARIANTS = (
    SCA(),
    SCA(label="logarithmic", surrogate="logarithmic"),
    SCA(label="from half", initial="half"),
    SCA(label="from 0.35", initial=0.35),
    SCA(label="logarithmic from half", surrogate="logarithmic", initial="half"),
)
VARIANTS = [variant.title for variant in SCA_VARIANTS]


@cache
def comparison(case: str) -> isacfw.Comparison:
    """Return the case with the allocators of its file."""
    return isacfw.compare(FOLDER / f"{case}.toml")


@cache
def sca_comparison(case: str) -> isacfw.Comparison:
    return isacfw.compare(FOLDER / f"{case}.toml", allocators=SCA_VARIANTS)


def row(found: isacfw.Comparison, precoder: str, allocator: str) -> dict[str, Any]:
    return records(found)[precoder, allocator]


@cache
def records(found: isacfw.Comparison) -> dict[tuple[str, str], dict[str, Any]]:
    return {(record["precoder"], record["allocator"]): record for record in found.records()}


def row_expected(case: str, precoder: str, allocator: str) -> dict[str, Any]:
    (record,) = (r for r in EXPECTED[case] if r["precoder"] == precoder and r["allocator"] == allocator)
    return record


@cache
def power_of(case: str) -> float:
    scenario = isacfw.load_scenario(FOLDER / f"{case}.toml").scenario
    return float(10 ** (scenario.snr_db / 10))


def assert_agrees(actual: Any, expected: Any, zero: float) -> None:
    """Compare to 1e-6 relatively, and zeros absolutely."""
    wanted = np.asarray(expected, dtype=float)
    tolerance = np.where(wanted == 0, zero, 1e-6 * np.abs(wanted))
    assert np.shape(actual) == wanted.shape
    assert (np.abs(np.asarray(actual, dtype=float) - wanted) <= tolerance).all(), (actual, expected)


def test_every_case_has_a_scenario_and_numbers() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.toml")) == CASES
    for case in CASES:
        found = {(record["precoder"], record["allocator"]) for record in EXPECTED[case]}
        assert found == {(p, a) for p in PRECODERS for a in ("exact", "equal_com", "equal_cs")}
        for record in EXPECTED[case]:
            answered = record["allocator"] == "equal_cs" or case != "infeasible"
            assert {*NUMBERS, "feasible"} <= set(record) if answered else record["status"] == "infeasible"


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param(case, expected, id=f"{case}-{expected['precoder']}-{expected['allocator']}")
        for case in CASES
        for expected in EXPECTED[case]
    ],
)
def test_closed_forms_reproduce_every_number(case: str, expected: dict[str, Any]) -> None:
    actual = row(comparison(case), expected["precoder"], expected["allocator"])
    for key, value in expected.items():
        if isinstance(value, (str, bool)):
            assert actual[key] == value
        else:
            assert_agrees(actual[key], value, 1e-9 * power_of(case))


@pytest.mark.parametrize("precoder", PRECODERS)
@pytest.mark.parametrize("allocator", ["exact", "equal_com", "sca", "ipopt"])
def test_infeasible_case_has_a_status_and_no_numbers(precoder: str, allocator: str) -> None:
    record = row(comparison("infeasible"), precoder, allocator)
    assert record["status"] == "infeasible"
    assert record["feasible"] is False
    assert record["message"]
    for key in NUMBERS:
        value = record[key]
        assert value is None or (isinstance(value, list) and set(value) == {None}), key


@pytest.mark.parametrize("precoder", PRECODERS)
def test_infeasible_case_has_numbers_of_the_benchmark_without_limits(precoder: str) -> None:
    record = row(comparison("infeasible"), precoder, "equal_cs")
    assert record["status"] == "infeasible"
    assert record["feasible"] is False
    assert record["max_violation"] > 1
    assert all(np.isfinite(record[key]).all() for key in NUMBERS)


@pytest.mark.parametrize("case", FEASIBLE)
@pytest.mark.parametrize("precoder", PRECODERS)
def test_status_of_each_allocator(case: str, precoder: str) -> None:
    expected = {
        "exact": "optimal",
        "sca": "locally_optimal",
        "ipopt": "locally_optimal",
        "equal_com": "feasible",
        "equal_cs": "feasible" if row_expected(case, precoder, "equal_cs")["feasible"] else "infeasible",
    }
    assert expected == {name: row(comparison(case), precoder, name)["status"] for name in expected}


@pytest.mark.parametrize("case", FEASIBLE)
@pytest.mark.parametrize("precoder", PRECODERS)
def test_ipopt_finds_the_optimum(case: str, precoder: str) -> None:
    record = row(comparison(case), precoder, "ipopt")
    assert record["feasible"] is True
    assert record["sum_rate"] == pytest.approx(row_expected(case, precoder, "exact")["sum_rate"], rel=1e-5)


@pytest.mark.parametrize("case", FEASIBLE)
@pytest.mark.parametrize("precoder", PRECODERS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_sca_comes_close_to_the_optimum_and_never_passes_it(case: str, precoder: str, variant: str) -> None:
    record = row(sca_comparison(case), precoder, variant)
    assert record["feasible"] is True
    assert record["status"] == "locally_optimal"
    gap = record["sum_rate"] / row_expected(case, precoder, "exact")["sum_rate"] - 1
    assert -4e-3 <= gap <= 1e-6


@pytest.mark.parametrize("case", FEASIBLE)
@pytest.mark.parametrize("precoder", PRECODERS)
@pytest.mark.parametrize("variant", [title for title in VARIANTS if title.startswith("logarithmic")])
def test_logarithmic_surrogate_needs_few_iterations(case: str, precoder: str, variant: str) -> None:
    record = row(sca_comparison(case), precoder, variant)
    assert record["sum_rate"] == pytest.approx(row_expected(case, precoder, "exact")["sum_rate"], rel=1e-5)
    assert record["iterations"] <= 5


@pytest.mark.parametrize("case", FEASIBLE)
@pytest.mark.parametrize("precoder", PRECODERS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_objective_history_never_falls(case: str, precoder: str, variant: str) -> None:
    found = sca_comparison(case)
    place = {"precoder": precoder, "allocator": variant, "drop": 0}
    history = found.dataset["objective_history"].sel(place).to_numpy()
    history = history[np.isfinite(history)]
    record = row(found, precoder, variant)
    assert len(history) == record["iterations"] + 1 >= 2
    assert history[-1] == pytest.approx(record["sum_rate"], rel=1e-12)
    assert (np.diff(history) >= -1e-6 * history[:-1]).all()
