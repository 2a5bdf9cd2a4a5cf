"""The points of a sweep as scenarios, each built once."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, Self, TypeVar, cast

import attrs

from ..base.errors import InputError
from .changes import changed_values, nest, with_changes
from .shared import SharedValues
from .sweep import Sweep, axis_rows, locate, sweep_axes, sweep_shape

MOST_KEPT = 2**17
"""Number of points up to which they are kept in memory; beyond it, they are built again at each use."""


Point = TypeVar("Point", bound="Swept")


class SweepPoints(Generic[Point]):
    """The points of a sweep.

    A point costs what its own values cost: what follows from the values along some of the axes, such as a changed
    part, is made once for all points that share them.

    Parameters
    ----------
    scenario : ScenarioFields
        A valid scenario.
    """

    def __init__(self, scenario: Point) -> None:
        self._scenario = scenario
        self._plain: Point = scenario.without_sweep()
        axes = sweep_axes(scenario.sweep)
        self._axes = [[dict(zip(axis, row, strict=True)) for row in axis_rows(axis)] for axis in axes]
        self._shape = sweep_shape(scenario.sweep)
        self._shared = SharedValues()
        self._groups = _group_axes(scenario.sweep)
        self._changed: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._built: dict[int, Point] = {}

    def __len__(self) -> int:
        return math.prod(self._shape)

    def place(self, number: int) -> dict[str, Any]:
        """Return the values of all swept paths at a point, the last axis first to move."""
        return self._values_at(self._index(number), range(len(self._axes)))

    def __iter__(self) -> Iterator[Point]:
        return map(self.point, range(len(self)))

    def point(self, number: int) -> Point:
        """Return the scenario of a point.

        Raises
        ------
        InputError
            If a value is not valid there.
        """
        known = self._built.get(number)
        if known is None:
            known = self._build(number)
            if len(self) <= MOST_KEPT:
                self._built[number] = known
        return known

    def distinct(self, *keys: str) -> Iterator[Point]:
        """Yield the first point of each combination of values of some keys of the scenario, those below included.

        In the order of all points. Other keys may have any value.
        """
        own = {axis for key in keys for axis in self._groups.get(key, ())}
        lengths = [range(length if axis in own else 1) for axis, length in enumerate(self._shape)]
        for index in itertools.product(*lengths):
            yield self.point(self._number(index))

    def _build(self, number: int) -> Point:
        index = self._index(number)
        try:
            values: dict[str, Any] = {}
            for key, axes in self._groups.items():
                place = (key, *(index[axis] for axis in axes))
                if place not in self._changed:
                    own = self._values_at(index, axes)
                    changes = nest({path: value for path, value in own.items() if _top(path) == key})
                    if len(self._changed) >= MOST_KEPT:
                        self._changed.clear()
                    self._changed[place] = changed_values(self._plain, changes)
                values |= self._changed[place]
            return self._plain.with_fields(values, self._shared)
        except Exception:
            # The whole change at once reports its errors with the keys of the sweep.
            return self._check(number)

    def _check(self, number: int) -> Point:
        try:
            return self._scenario.with_values(self.place(number))
        except InputError as error:
            raise locate(error, self._scenario.sweep) from None

    def _index(self, number: int) -> tuple[int, ...]:
        found = []
        for length in reversed(self._shape):
            number, last = divmod(number, length)
            found.append(last)
        return tuple(reversed(found))

    def _number(self, index: Iterable[int]) -> int:
        number = 0
        for length, position in zip(self._shape, index, strict=True):
            number = number * length + position
        return number

    def _values_at(self, index: tuple[int, ...], axes: Iterable[int]) -> dict[str, Any]:
        return {path: value for axis in axes for path, value in self._axes[axis][index[axis]].items()}


def _top(path: str) -> str:
    return str(path).partition(".")[0]


def _group_axes(sweep: Sweep) -> dict[str, tuple[int, ...]]:
    """Return the keys of a scenario that a sweep changes, or below which it does, each with its axes."""
    found: dict[str, dict[int, None]] = {}
    for number, axis in enumerate(sweep_axes(sweep)):
        for path in axis:
            found.setdefault(_top(path), {})[number] = None
    return {key: tuple(axes) for key, axes in found.items()}


@attrs.frozen(kw_only=True)
class Swept(ABC):
    """What a sweep makes of a scenario: other values at paths, and points."""

    @property
    @abstractmethod
    def sweep(self) -> Sweep:
        """Values of swept paths."""

    def without_sweep(self) -> Self:
        """Return the scenario without its sweep."""
        none: dict[str, Any] = {"sweep": {}}
        return attrs.evolve(self, **none) if self.sweep else self

    def with_value(self, path: str, value: Any) -> Self:
        """Return :meth:`with_values` for one path."""
        return self.with_values({path: value})

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """Return the scenario with changed values at dotted paths, all at once, and without a sweep.

        Raises
        ------
        InputError
            If a path does not exist, or a value is invalid there.
        """
        changes = nest(values)
        try:
            changed: Self = with_changes(self.without_sweep(), changes)
            return changed
        except InputError as error:
            raise error.within("sweep") from None

    def with_fields(self, values: Mapping[str, Any], shared: SharedValues) -> Self:
        """Return the scenario with other values of some fields, which are validated; a point of a sweep.

        Parameters
        ----------
        values : mapping
            Values by name of the field.
        shared : SharedValues
            What the points of the sweep share.
        """
        changed = object.__new__(type(self))
        fields = attrs.fields_dict(type(self))
        for name in fields:
            object.__setattr__(changed, name, getattr(self, name))
        object.__setattr__(changed, "shared", shared)
        for name, value in values.items():
            convert, validate = cast(Any, fields[name].converter), fields[name].validator
            object.__setattr__(changed, name, value if convert is None else convert(value))
            if validate is not None:
                validate(changed, fields[name], getattr(changed, name))
        changed.__attrs_post_init__()  # type: ignore[attr-defined]
        return changed

    @cached_property
    def shared(self) -> SharedValues:
        """What the points of a sweep share."""
        return SharedValues()

    @cached_property
    def sweep_points(self) -> SweepPoints[Self]:
        """The points of the sweep, one by one."""
        return SweepPoints(self)

    def points(self, numbers: Iterable[int] | None = None) -> Iterator[tuple[dict[str, Any], Self]]:
        """Yield each point of the sweep: the values of all swept paths, and its scenario.

        Parameters
        ----------
        numbers : iterable of int, optional
            Positions of the points; all of them in order by default.
        """
        points = self.sweep_points
        for number in range(len(points)) if numbers is None else numbers:
            yield points.place(number), points.point(number)
