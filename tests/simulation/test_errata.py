"""The errata's evidence: the example's functions against finite differences, and the page against its output."""

from __future__ import annotations

import importlib.util
import re
import runpy
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from isacfw import Direction, FloatArray
from isacfw.sensing.fisher import fisher_information
from isacfw.sensing.information import crlb
from isacfw_plugins.arrays.upa import UPA

ROOT = Path(__file__).parents[2]
COMMAND = "python examples/errata.py"
ARRAY = UPA(horizontal=5, vertical=5)
TARGET = Direction(azimuth_deg=22.5, elevation_deg=45)
AMPLITUDE, LENGTH, SHARE = 0.1, 30, 0.5


def load() -> ModuleType:
    path = ROOT / "examples" / "errata.py"
    specification = importlib.util.spec_from_file_location("errata_example", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def errata() -> ModuleType:
    return load()


def table(text: str) -> FloatArray:
    """Return the rows that begin with a number in degrees."""
    rows = [line.replace("°", "").split() for line in text.splitlines() if re.match(r" *\d+°", line)]
    return np.array(rows, dtype=float)


def misaligned(errata: ModuleType, offset: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the CRLBs as printed, from the 4 x 4 and from finite differences, for a beam off by some degrees."""
    beam = Direction(azimuth_deg=22.5 + offset, elevation_deg=45 + offset)
    communication, sensing = fisher_information(
        transmit=ARRAY, receive=ARRAY, target=TARGET, beam=beam, amplitude=AMPLITUDE, frame_length=LENGTH
    )
    arguments = (ARRAY, ARRAY, TARGET, beam, AMPLITUDE, LENGTH, SHARE)
    return (
        errata.printed_theorem_2(*arguments),
        crlb((1 - SHARE) * communication + SHARE * sensing),
        errata.difference_crlb(*arguments),
    )


def test_slopes_are_derivatives_per_radian(errata: ModuleType) -> None:
    found = np.array(errata.slopes(ARRAY.steering_vector, TARGET))
    np.testing.assert_allclose(found, ARRAY.steering_derivatives(TARGET), rtol=1e-7, atol=1e-7)


def test_erratum_1_shows_in_all_elevations_but_45_degrees(
    errata: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    errata.erratum_1()
    elevation, printed, corrected, numeric = table(capsys.readouterr().out).T
    assert 45 in elevation
    assert len(elevation) >= 3
    np.testing.assert_allclose(corrected, numeric, rtol=1e-6)
    np.testing.assert_allclose(printed[elevation == 45], numeric[elevation == 45], rtol=1e-6)
    assert (np.abs(printed / numeric - 1)[elevation != 45] > 0.1).all()


@pytest.mark.parametrize("elevation_deg", [30.0, 45.0, 60.0, 75.0])
def test_corrected_norm_is_that_of_the_derivative(errata: ModuleType, elevation_deg: float) -> None:
    array, azimuth, elevation = UPA(horizontal=15, vertical=5), np.radians(22.5), np.radians(elevation_deg)
    numeric = np.linalg.norm(
        errata.slopes(array.steering_vector, Direction(azimuth_deg=22.5, elevation_deg=elevation_deg))[1]
    )
    across, up = 224 * np.sin(azimuth) ** 2 * np.cos(elevation) ** 2, 24 * np.sin(elevation) ** 2
    assert 75 / 12 * np.pi**2 * (across + up) == pytest.approx(numeric**2, rel=1e-6)
    printed = 75 / 12 * np.pi**2 * np.cos(elevation) ** 2 * (224 * np.sin(azimuth) ** 2 + 24)
    assert bool(np.isclose(printed, numeric**2, rtol=1e-6)) is (elevation_deg == 45.0)


@pytest.mark.parametrize("offset", [0.0, 1.0, 2.0, 5.0, 10.0])
def test_full_fisher_information_agrees_with_finite_differences(errata: ModuleType, offset: float) -> None:
    _, full, numeric = misaligned(errata, offset)
    np.testing.assert_allclose(full, numeric, rtol=1e-5)


def test_printed_theorem_2_is_right_for_an_aligned_beam_only(errata: ModuleType) -> None:
    printed, full, _ = misaligned(errata, 0.0)
    np.testing.assert_allclose(printed, full, rtol=1e-9)
    printed, full, _ = misaligned(errata, 1.0)
    assert printed[1] > 2 * full[1]


def test_printed_theorem_2_is_negative_at_two_degrees(errata: ModuleType) -> None:
    printed, full, _ = misaligned(errata, 2.0)
    assert printed[1] < 0 < full[1]


def page_block(page: str) -> str:
    """Return the first block of text after the command that prints it."""
    found = re.search(r"^```text\n(.*?)^```", page[page.index(COMMAND) :], re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.mark.slow
def test_page_shows_what_the_example_prints(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "errata.py"), run_name="__main__")
    printed = capsys.readouterr().out
    page = (ROOT / "docs" / "errata.md").read_text(encoding="utf-8")
    assert page_block(page).split() == printed.split()
    assert [line.rstrip() for line in page_block(page).strip().splitlines()] == [
        line.rstrip() for line in printed.strip().splitlines()
    ]
