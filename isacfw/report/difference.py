"""What differs between two results: scenario keys, versions, rows and numbers."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from ..base.errors import InputError
from ..base.numbers import FloatArray
from ..base.text import escape_controls

if TYPE_CHECKING:
    import xarray

_MEASURED = {"seconds"}
"""Variables that differ from run to run."""

_RELATIVE = ("max_violation", "margin_")
"""Names of variables that are relative themselves, and so is their difference."""

_WITHOUT_LABELS = "iteration"


@attrs.frozen(kw_only=True)
class Change:
    """A key with different values.

    Parameters
    ----------
    key : str
        Dotted key of the scenario, or name of a package.
    first, second : str
        Its values; empty where it is missing.
    """

    key: str
    first: str
    second: str


@attrs.frozen(kw_only=True)
class Deviation:
    """A variable that differs where both results have it.

    Parameters
    ----------
    name, unit : str
        Name and unit of the variable.
    count, total : int
        Number of entries that differ, and of all that are compared.
    largest : float or None
        Largest difference: relative, in dB for variables in dB; None for text, or where one of both is missing.
    place : str
        Where that is.
    first, second : str
        The values there.
    """

    name: str
    unit: str
    count: int
    total: int
    largest: float | None
    place: str
    first: str
    second: str

    def size(self) -> str:
        """Return the largest difference as text; empty for none."""
        if self.largest is None:
            return ""
        return f"{self.largest:.3g} dB" if _in_decibels(self.unit) else f"{100 * self.largest:.3g} %"


@attrs.frozen(kw_only=True)
class Difference:
    r"""What differs between two results.

    Parameters
    ----------
    tolerance : float
        Relative difference up to which numbers count as equal.
    keys, versions : tuple of Change
        Keys of the scenario, and packages.
    rows : tuple of str
        Labels that only one of the results has.
    variables : tuple of str
        Variables that only one of them has.
    numbers : tuple of Deviation
        Variables with different entries.

    Notes
    -----
    The relative difference of a and b is :math:`|a - b| / \max(|a|, |b|)`; margins and violations are relative
    themselves, so their difference counts. Times are not compared.
    """

    tolerance: float
    keys: tuple[Change, ...]
    versions: tuple[Change, ...]
    rows: tuple[str, ...]
    variables: tuple[str, ...]
    numbers: tuple[Deviation, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.keys or self.versions or self.rows or self.variables or self.numbers)

    def __str__(self) -> str:
        """Return all differences as text."""
        if self.same:
            return "no difference"
        return "\n\n".join(filter(None, (*self._changes(), self._missing(), self._deviations())))

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def _changes(self) -> Iterator[str]:
        for title, changes in (("scenario", self.keys), ("versions", self.versions)):
            if changes:
                width = max(len(one.key) for one in changes)
                lines = [
                    f"  {one.key:{width}}  {one.first or 'missing'} | {one.second or 'missing'}"
                    for one in changes
                ]
                yield "\n".join([title, *lines])

    def _missing(self) -> str:
        lines = [f"  {one}" for one in (*self.rows, *self.variables)]
        return "\n".join(["only in one", *lines]) if lines else ""

    def _deviations(self) -> str:
        if not self.numbers:
            return ""
        lines = [f"numbers, beyond {self.tolerance:g}"]
        for one in self.numbers:
            size = "" if one.largest is None else f", by up to {one.size()}"
            lines.append(f"  {one.name}: {one.count} of {one.total}{size}")
            lines.append(f"    {one.place}: {one.first} | {one.second}")
        return "\n".join(lines)


def difference(first: xarray.Dataset, second: xarray.Dataset, tolerance: float = 1e-9) -> Difference:
    """Return what differs between the data sets of two comparisons.

    Parameters
    ----------
    first, second : xarray.Dataset
        The data sets.
    tolerance : float
        Relative difference up to which numbers count as equal; for values in dB, that of the powers.

    Raises
    ------
    InputError
        If the tolerance is negative or not a number.
    """
    if not 0 <= tolerance < np.inf:
        raise InputError("tolerance", f"must be a finite number at least 0, got {tolerance}")
    names = [name for name in first.data_vars if name in second.data_vars and name not in _MEASURED]
    only = sorted(str(name) for name in {*first.data_vars} ^ {*second.data_vars})
    found = []
    for name in names:
        pair = [each[name] for each in (first, second)]
        if _WITHOUT_LABELS in pair[0].dims or set(pair[0].dims) != set(pair[1].dims):
            continue
        aligned = _aligned(*pair)
        deviation = None if aligned is None else _deviation(*aligned, tolerance)
        if deviation is not None:
            found.append(deviation)
    return Difference(
        tolerance=tolerance,
        keys=tuple(_changes(*(_flat(tomllib.loads(each.attrs.get("scenario", ""))) for each in (first, second)))),
        versions=tuple(_changes(*(json.loads(each.attrs.get("versions", "{}")) for each in (first, second)))),
        rows=tuple(_labels_of_one(first, second)),
        variables=tuple(only),
        numbers=tuple(found),
    )


def _aligned(
    first: xarray.DataArray, second: xarray.DataArray
) -> tuple[xarray.DataArray, xarray.DataArray] | None:
    """Return two variables where their labels agree; along axes with repeated labels, position by position.

    None if these have other lengths.
    """
    import xarray

    for axis in first.dims:
        if not all(each.indexes[axis].is_unique for each in (first, second) if axis in each.indexes):
            first, second = (each.drop_vars([axis], errors="ignore") for each in (first, second))
    if any(axis not in first.indexes and first.sizes[axis] != second.sizes[axis] for axis in first.dims):
        return None
    own, other = xarray.align(first, second, join="inner", copy=False)
    return own, other.transpose(*own.dims)


def _flat(table: Any, path: str = "") -> dict[str, str]:
    """Return dotted keys and values of nested tables."""
    if not isinstance(table, dict):
        return {path: json.dumps(table)}
    found: dict[str, str] = {}
    for key, value in table.items():
        found |= _flat(value, f"{path}.{key}" if path else key)
    return found


def _changes(first: dict[str, Any], second: dict[str, Any]) -> Iterator[Change]:
    for key in dict.fromkeys([*first, *second]):
        values = [str(each.get(key, "")) for each in (first, second)]
        if values[0] != values[1]:
            yield Change(
                key=escape_controls(key), first=escape_controls(values[0]), second=escape_controls(values[1])
            )


def _labels_of_one(first: xarray.Dataset, second: xarray.Dataset) -> Iterator[str]:
    """Yield the labels along each dimension that only one data set has."""
    for dimension in dict.fromkeys([*first.dims, *second.dims]):
        labels = [_labels(each, dimension) for each in (first, second)]
        for which, own, other in (("first", *labels), ("second", *labels[::-1])):
            alone = [str(label) for label in own if label not in other]
            if alone:
                shown = ", ".join(alone[:10]) + (", ..." if len(alone) > 10 else "")
                yield escape_controls(f"{which}: {dimension} {shown}")
        sizes = [each.sizes.get(dimension, 0) for each in (first, second)]
        if labels[0] and labels[0].keys() == labels[1].keys() and sizes[0] != sizes[1]:
            yield escape_controls(f"{dimension}: {sizes[0]} | {sizes[1]} entries with the same labels")


def _labels(data: xarray.Dataset, dimension: Hashable) -> dict[Any, None]:
    if dimension == _WITHOUT_LABELS or dimension not in data.indexes:
        return {}
    return dict.fromkeys(data.indexes[dimension].tolist())


def _in_decibels(unit: str) -> bool:
    return unit.startswith("dB")


def _deviation(first: xarray.DataArray, second: xarray.DataArray, tolerance: float) -> Deviation | None:
    """Return how a variable differs, None if it does not."""
    a, b = np.asarray(first.to_numpy()), np.asarray(second.to_numpy())
    unit = str(first.attrs.get("units", ""))
    if a.dtype.kind in "fiu" and b.dtype.kind in "fiu":
        absolute = _in_decibels(unit) or str(first.name).startswith(_RELATIVE)
        size = _sizes(a.astype(np.float64), b.astype(np.float64), absolute=absolute)
        limit = 10 * np.log10(1 + tolerance) if _in_decibels(unit) else tolerance
    else:
        size, limit = np.where(a != b, np.inf, 0.0), 0.0
    differs = size > limit
    if not differs.any():
        return None
    # A number that one of both lacks counts most.
    place = np.unravel_index(int(np.argmax(size)), size.shape)
    largest = float(size[place])
    return Deviation(
        name=str(first.name),
        unit=unit,
        count=int(differs.sum()),
        total=size.size,
        largest=largest if np.isfinite(largest) else None,
        place=_place(first, place),
        first=_shown(a[place]),
        second=_shown(b[place]),
    )


def _sizes(a: FloatArray, b: FloatArray, *, absolute: bool) -> FloatArray:
    """Return differences, absolute or relative, 0 for equal entries, infinite where only one is a number."""
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.abs(a - b)
        if not absolute:
            size = size / np.maximum(np.abs(a), np.abs(b))
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(equal, 0.0, np.where(np.isfinite(size), size, np.inf))


def _shown(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, (float, np.floating)) else escape_controls(str(value))


def _place(data: xarray.DataArray, place: tuple[Any, ...]) -> str:
    words = []
    for dimension, number in zip(data.dims, place, strict=True):
        if dimension in data.indexes:
            words.append(f"{dimension} {data.indexes[dimension][int(number)]}")
        else:
            words.append(f"{dimension} at position {int(number)}")
    return escape_controls(", ".join(words)) or "everywhere"
