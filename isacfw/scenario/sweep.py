"""Sweeps: paths with several values, each alone or linked with others, and the points that they give."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from ..base.errors import InputError, short_repr
from ..base.toml import MOST_LEVELS
from .changes import to_tuple

SweepTable = dict[str, tuple[Any, ...]]
Sweep = SweepTable | tuple[SweepTable, ...]
"""A table, each path of which is an axis of a product; or several tables, each of which is one axis."""


def to_sweep(value: Any) -> Any:
    """Convert the lists of a table, or of each of several tables, to tuples; leave the rest for the validator."""
    if isinstance(value, Mapping):
        return {path: to_tuple(values) for path, values in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(to_sweep(table) if isinstance(table, Mapping) else table for table in value)
    return value


def sweep_axes(sweep: Sweep) -> tuple[SweepTable, ...]:
    """Return the axes of the product, each a table of paths that move together."""
    if isinstance(sweep, Mapping):
        return tuple({path: values} for path, values in sweep.items())
    return sweep


def sweep_shape(sweep: Sweep) -> tuple[int, ...]:
    """Return the number of values along each axis."""
    return tuple(len(next(iter(axis.values()))) for axis in sweep_axes(sweep))


def axis_rows(axis: SweepTable) -> list[tuple[Any, ...]]:
    """Return the values of all paths of an axis at each of its positions."""
    return list(zip(*axis.values(), strict=True))


def shorten(sweep: Sweep, count: int) -> Sweep:
    """Return a sweep with at most the first values along each axis."""
    if isinstance(sweep, Mapping):
        return {path: values[:count] for path, values in sweep.items()}
    return tuple({path: values[:count] for path, values in table.items()} for table in sweep)


def extend(sweep: Sweep, path: str, values: Sequence[Any]) -> Sweep:
    """Return a sweep with a further axis, the last."""
    added = {path: tuple(values)}
    return {**sweep, **added} if isinstance(sweep, Mapping) else (*sweep, added)


def split(sweep: Sweep, path: str) -> tuple[Sweep, tuple[Any, ...] | None]:
    """Return a sweep without a path, and the values of the path, None if it is not swept.

    Raises
    ------
    InputError
        If the path is linked with others, whose values have no meaning without it.
    """
    for number, axis in enumerate(sweep_axes(sweep)):
        if path not in axis:
            continue
        if len(axis) > 1:
            others = " and ".join(other for other in axis if other != path)
            raise InputError(
                f"{_key(sweep, number)}.{path}", f"must be swept alone for a front, and moves with {others}"
            )
        if isinstance(sweep, Mapping):
            return {other: values for other, values in sweep.items() if other != path}, axis[path]
        return (*sweep[:number], *sweep[number + 1 :]) or {}, axis[path]
    return sweep, None


def _key(sweep: Sweep, number: int) -> str:
    """Return the key of the table to which the axis of a number belongs."""
    return "sweep" if isinstance(sweep, Mapping) else f"sweep[{number}]"


def locate(error: InputError, sweep: Sweep) -> InputError:
    """Return an error at a path of the sweep with the key of the table that has the path."""
    owners = {
        f"sweep.{path}": _key(sweep, number) for number, axis in enumerate(sweep_axes(sweep)) for path in axis
    }
    found = [path for path in owners if error.key == path or error.key.startswith((f"{path}.", f"{path}["))]
    if not found:
        return error
    owner = owners[max(found, key=len)]
    return InputError(f"{owner}{error.key.removeprefix('sweep')}", error.problem, error.missing)


def check_sweep(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check that a field is a table of lists, or a list of tables, each with lists of the same length."""
    if isinstance(value, dict):
        _check_lists(value, attribute.name)
        return
    if not isinstance(value, tuple) or not value:
        problem = f"must be a table of lists, or a nonempty list of such tables, got {short_repr(value)}"
        raise InputError(attribute.name, problem)
    owners: dict[str, str] = {}
    for number, table in enumerate(value):
        key = f"{attribute.name}[{number}]"
        if not isinstance(table, dict) or not table:
            raise InputError(key, f"must be a nonempty table of lists, got {short_repr(table)}")
        _check_lists(table, key)
        first, length = next((path, len(values)) for path, values in table.items())
        for path, values in table.items():
            if len(values) != length:
                raise InputError(
                    f"{key}.{path}", f"must have as many values as {first}, which has {length}, got {len(values)}"
                )
            if path in owners:
                raise InputError(f"{key}.{path}", f"must not be swept twice, and is in {owners[path]} too")
            owners[path] = key


def _check_lists(table: Mapping[str, Any], key: str) -> None:
    for path, values in table.items():
        if str(path).count(".") >= MOST_LEVELS:
            raise InputError(f"{key}.{path:.60}...", f"must be a path of at most {MOST_LEVELS} keys")
        if isinstance(values, tuple) and any(value is None for value in values):
            position = next(number for number, value in enumerate(values) if value is None)
            raise InputError(f"{key}.{path}[{position}]", "must be a value, got None")
        if not isinstance(values, tuple) or not values:
            raise InputError(f"{key}.{path}", f"must be a nonempty list, got {short_repr(values)}")


def check_distinct(sweep: Sweep) -> None:
    """Raise an InputError if an axis has the same value, or the same values of linked paths, twice."""
    for number, axis in enumerate(sweep_axes(sweep)):
        known: dict[Hashable, int] = {}
        for position, row in enumerate(axis_rows(axis)):
            first = known.setdefault(identity(row), position)
            if first == position:
                continue
            key = _key(sweep, number)
            if len(axis) == 1:
                path = f"{key}.{next(iter(axis))}"
                problem = f"must differ from {path}[{first}], got {short_repr(row[0])}"
                raise InputError(f"{path}[{position}]", problem)
            named = ", ".join(f"{path} = {short_repr(value)}" for path, value in zip(axis, row, strict=True))
            raise InputError(key, f"must not have a point twice, got {named} at positions {first} and {position}")


def identity(value: Any) -> Hashable:
    """Return a hashable value that is equal for equal values: lists, arrays and tuples are alike."""
    if isinstance(value, np.ndarray):
        return identity(value.tolist())
    if isinstance(value, Mapping):
        return tuple((key, identity(member)) for key, member in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(map(identity, value))
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value  # type: ignore[no-any-return]
