"""Differences between results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import isacfw
from isacfw import Comparison, InputError
from isacfw.cli import main

SMALL = {"precoders": ["zf"], "allocators": ["exact", "equal_cs"], "drops": 2}


@pytest.fixture(scope="module")
def first() -> Comparison:
    return compare()


def compare(**changes: object) -> Comparison:
    overrides = [f"{key} = {value!r}".replace("'", '"') for key, value in {"snr_db": 10.0, **changes}.items()]
    return isacfw.compare(isacfw.load_scenario("nguyen2025", overrides=overrides), **SMALL)  # type: ignore[arg-type]


def altered(comparison: Comparison, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Comparison:
    data = comparison.dataset.copy(deep=True)
    data[name] = data[name].copy(data=change(data[name].to_numpy()))
    return Comparison(dataset=data)


def test_equal_results_do_not_differ(first: Comparison) -> None:
    found = first.difference(compare())
    assert found.same
    assert str(found) == "no difference"


def test_keys_and_numbers_of_another_power(first: Comparison) -> None:
    found = first.difference(compare(snr_db=11.0))
    assert [(one.key, one.first, one.second) for one in found.keys] == [("snr_db", "10.0", "11.0")]
    named = {one.name: one for one in found.numbers}
    assert named["sum_rate"].count == named["sum_rate"].total == 4
    assert named["crlb_azimuth_db"].largest == pytest.approx(1.0, abs=0.5)
    assert "seconds" not in named
    assert "  snr_db  10.0 | 11.0" in str(found)


def test_rows_of_one_result_are_named(first: Comparison) -> None:
    other = isacfw.compare("nguyen2025", precoders=["zf"], allocators=["exact", "equal_com"], drops=3)
    found = first.difference(other)
    assert found.rows == ("first: allocator equal_cs", "second: allocator equal_com", "second: drop 2")
    # What both have is equal.
    assert not found.numbers


def test_axes_with_repeated_labels_are_compared_by_position() -> None:
    """The labels of an axis of several keys are the values of the first one."""

    def swept(*users: int) -> Comparison:
        values = f'sweep = [{{snr_db = {[5.0] * len(users)}, "channel.users" = {[*users]}}}]'
        return isacfw.compare(isacfw.load_scenario("nguyen2025", overrides=[values]), **SMALL)  # type: ignore[arg-type]

    one = swept(2, 3)
    assert str(one.difference(swept(2, 3))) == "no difference"
    other = {found.name: found for found in one.difference(swept(2, 4)).numbers}
    assert other["sum_rate"].count == 4
    assert "snr_db at position 1" in other["sum_rate"].place
    longer = one.difference(swept(2, 3, 4))
    assert "snr_db: 2 | 3 entries with the same labels" in longer.rows
    assert "sum_rate" not in {found.name for found in longer.numbers}


@pytest.mark.parametrize(
    ("name", "change", "tolerance", "largest"),
    [
        ("sum_rate", lambda values: values * (1 + 1e-6), 1e-7, 1e-6),
        ("sum_rate", lambda values: values * (1 + 1e-6), 1e-5, None),
        ("crlb_azimuth_db", lambda values: values + 1e-4, 1e-6, 1e-4),
        ("crlb_azimuth_db", lambda values: values + 1e-4, 1e-4, None),
        ("max_violation", lambda values: values + 1e-12, 1e-9, None),
        ("margin_sensing", lambda values: values + 1e-3, 1e-9, 1e-3),
    ],
)
def test_tolerance_is_that_of_the_kind_of_number(
    first: Comparison, name: str, change: Callable[..., np.ndarray], tolerance: float, largest: float | None
) -> None:
    found = first.difference(altered(first, name, change), tolerance=tolerance)
    if largest is None:
        assert found.same
    else:
        (one,) = found.numbers
        assert one.name == name
        assert one.largest == pytest.approx(largest, rel=1e-3)


def test_a_missing_number_and_a_status_count_most(first: Comparison) -> None:
    def broken(values: np.ndarray) -> np.ndarray:
        values = values.copy()
        values.flat[1] = np.nan
        return values

    (one,) = first.difference(altered(first, "sum_rate", broken)).numbers
    assert one.count == 1
    assert one.largest is None
    assert one.second == "nan"
    assert one.place == "precoder zf, allocator exact, drop 1"
    (status,) = first.difference(altered(first, "status", lambda values: np.full_like(values, "failed"))).numbers
    assert (status.first, status.second) == ("optimal", "failed")


def test_versions_and_variables_of_one_result(first: Comparison) -> None:
    data = first.dataset.assign_attrs(versions='{"numpy": "0.1"}').drop_vars("rho")
    found = first.difference(Comparison(dataset=data))
    assert {one.key for one in found.versions} >= {"numpy", "isacfw"}
    assert found.variables == ("rho",)
    assert "numpy" in str(found)


def test_negative_tolerance_is_refused(first: Comparison) -> None:
    with pytest.raises(InputError, match="tolerance must be a finite number at least 0, got -1"):
        first.difference(first, tolerance=-1.0)


def test_exit_status_says_whether_results_differ(
    first: Comparison, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first.save(tmp_path / "a")
    compare(snr_db=12.0).save(tmp_path / "b")
    capsys.readouterr()
    assert main(["diff", str(tmp_path / "a"), str(tmp_path / "a" / "results.nc")]) == 0
    assert capsys.readouterr().out == "no difference\n"
    assert main(["diff", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    assert "snr_db  10.0 | 12.0" in capsys.readouterr().out
    assert main(["diff", str(tmp_path / "a"), str(tmp_path / "c")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
