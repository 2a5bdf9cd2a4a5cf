"""Names, axes and attributes of the variables of a data set of results."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.errors import PluginError
from ..scenario.labels import by_label, label_values
from ..scenario.scenario import Scenario
from ..scenario.sweep import Sweep, sweep_axes, sweep_shape
from .batches import ATTRIBUTE, BatchSizes, join_sizes, sizes_to_text
from .chunk import Chunk, ChunkSummary
from .numbers import Field, Plan
from .schema import HISTORY, Variable, limits_of, units_of


@attrs.frozen(kw_only=True)
class ResultSizes:
    """Sizes of the results of a study that are known only from its chunks.

    Parameters
    ----------
    users : tuple of int
        Number of users at each sweep point.
    iterations : int
        Largest length of a history.
    widths : dict of str to int
        Largest number of bytes of a string, by name of the variable.
    batches : tuple of (int, int)
        Smallest and largest number of problems that each allocator solved together; empty if they are not known.
    """

    users: tuple[int, ...]
    iterations: int
    widths: dict[str, int]
    batches: BatchSizes = ()

    @classmethod
    def of(cls, points: int, summaries: Iterable[ChunkSummary]) -> ResultSizes:
        """Return the sizes of a study with a number of points, from the summaries of all of its chunks."""
        users, iterations = [0] * points, 0
        widths: dict[str, int] = {}
        batches: BatchSizes | None = None
        for summary in summaries:
            batches = summary.batches if batches is None else join_sizes(batches, summary.batches)
            for point, count in zip(summary.chunk.points, summary.users, strict=True):
                users[point] = max(users[point], int(count))
            iterations = max(iterations, summary.iterations)
            widths |= {name: max(width, widths.get(name, 1)) for name, width in summary.widths.items()}
        return cls(users=tuple(users), iterations=iterations, widths=widths, batches=batches or ())


class Layout:
    """Names, axes and attributes of all variables of a study's data set.

    Parameters
    ----------
    scenario : Scenario
        The study.
    variables : dict of str to Variable
        All variables of a row of results, by name.
    streams : int
        Largest number of sensing streams of any beam.
    sizes : ResultSizes
        Sizes of the results.
    attributes : mapping of str to object
        Attributes of the data set as a whole.
    """

    def __init__(
        self,
        scenario: Scenario,
        variables: Mapping[str, Variable],
        streams: int,
        *,
        sizes: ResultSizes,
        attributes: Mapping[str, Any],
    ) -> None:
        self.variables, self.sizes, self.attributes = variables, sizes, attributes
        self.sweep_shape = sweep_shape(scenario.sweep)
        # Beams are an axis if there are several.
        beams = len(scenario.compared_beams)
        self.rows = (len(scenario.precoders), beams) if beams > 1 else (len(scenario.precoders),)
        self.axes = (*("precoder", "beam")[: len(self.rows)], "allocator", *_names(scenario.sweep), "drop")
        self.lengths = (*self.rows, len(scenario.allocators), *self.sweep_shape, scenario.drops)
        self.streams = streams
        self.users = max(1, *sizes.users)
        used = {axis for variable in variables.values() for axis in variable.axes}
        self.coordinates = {
            name: values
            for name, values in _coordinates(scenario, self.users, streams).items()
            if name not in ("user", "stream") or name in used
        }
        self._scenario = scenario

    @cached_property
    def fixed(self) -> dict[str, Any]:
        """The variables over the sweep alone."""
        return _fixed_variables(self._scenario, self.sizes.users)

    @property
    def digest(self) -> str:
        """Digest of the attributes of the data set."""
        return hashlib.sha256(json.dumps(self.attributes, sort_keys=True).encode()).hexdigest()

    def axes_of(self, name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Return axes and lengths of a variable."""
        lengths = {"user": self.users, "stream": self.streams, "iteration": self.sizes.iterations}
        own = self.variables[name].axes
        return (*self.axes, *own), (*self.lengths, *(lengths[axis] for axis in own))

    def plan_numbers(self, precision: str) -> Plan:
        """Return the plan of all numbers, without positions.

        Parameters
        ----------
        precision : str
            Type of floating-point numbers.
        """
        kinds = {"float": np.dtype(precision).str, "int": "<i8", "bool": "|i1"}
        points, drops = math.prod(self.sweep_shape), self.lengths[-1]
        return Plan(
            rows=math.prod(self.lengths) // (points * drops),
            allocators=self.lengths[len(self.rows)],
            points=points,
            drops=drops,
            fields=tuple(
                Field(
                    name=name,
                    dtype=kinds[variable.dtype],
                    width=self.axes_of(name)[1][-1] if variable.axes else None,
                    offset=0,
                )
                for name, variable in self.variables.items()
                if variable.dtype != "text" and name != HISTORY
            ),
            size=0,
        )

    def attributes_of(self, name: str) -> dict[str, str]:
        """Return unit, label, direction and role of a variable, and of the times the batches."""
        found = self.variables[name].attributes
        if name == "seconds" and self.sizes.batches:
            found[ATTRIBUTE] = sizes_to_text(self.coordinates["allocator"], self.sizes.batches)
        return found

    def slabs(self, chunk: Chunk, value: NDArray[Any]) -> Iterator[tuple[tuple[Any, ...], NDArray[Any]]]:
        """Yield index and values of a chunk in a variable, for as many sweep points at a time as are a block."""
        drops, first = chunk.drops, chunk.points.start
        before = (slice(None),) * (len(self.rows) + 1)
        after = (slice(drops.start, drops.stop), *map(slice, value.shape[4:]))
        for points, block in blocks_of_points(chunk.points, self.sweep_shape):
            slab = value[:, :, points.start - first : points.stop - first]
            shape = tuple(one.stop - one.start for one in block)
            yield (
                (*before, *block, *after),
                slab.reshape(*self.rows, slab.shape[1], *shape, *slab.shape[3:]),
            )


def blocks_of_points(points: range, shape: tuple[int, ...]) -> Iterator[tuple[range, tuple[slice, ...]]]:
    """Yield the parts of a range of points that are blocks of a sweep of a shape, with their indices.

    A range is at most two blocks for each axis: the rest of a row, whole rows, and the beginning of one.
    """
    if not shape:
        yield points, ()
        return
    size = math.prod(shape[1:])
    first, last = -(-points.start // size), points.stop // size
    if first < last:
        whole = tuple(slice(0, length) for length in shape[1:])
        yield range(first * size, last * size), (slice(first, last), *whole)
    ends = [points] if first > last else [range(points.start, first * size), range(last * size, points.stop)]
    for end in filter(len, ends):
        row = end.start // size
        start = row * size
        for own, block in blocks_of_points(range(end.start - start, end.stop - start), shape[1:]):
            yield range(own.start + start, own.stop + start), (slice(row, row + 1), *block)


def _coordinates(scenario: Scenario, users: int, streams: int) -> dict[str, Any]:
    several = {"beam": list(by_label(scenario.beams))} if len(scenario.beams) > 1 else {}
    return {
        "precoder": list(by_label(scenario.precoders)),
        **several,
        "allocator": list(by_label(scenario.allocators)),
        **_sweep_coordinates(scenario.sweep),
        "drop": np.arange(scenario.drops),
        "user": np.arange(users),
        **({"stream": np.arange(streams)} if streams > 1 else {}),
    }


def _names(sweep: Sweep) -> list[str]:
    """Return the names of the axes of a sweep: the first path of each."""
    return [next(iter(axis)) for axis in sweep_axes(sweep)]


def _sweep_coordinates(sweep: Sweep) -> dict[str, Any]:
    """Return the values of all swept paths along their axes."""
    return {
        path: (name, label_values(values))
        for name, axis in zip(_names(sweep), sweep_axes(sweep), strict=True)
        for path, values in axis.items()
    }


def _derived_units(scenario: Scenario) -> list[list[float]]:
    """Return the values of each of :func:`~isacfw.results.schema.units_of`; nothing without a link budget."""
    if scenario.link_budget is None:
        return []
    rows = []
    for point in scenario.sweep_points:
        budget = point.link_budget
        assert budget is not None
        amplitudes = [target.amplitude_by(budget) for target in point.sensed]
        rows.append([budget.snr_db, budget.user_noise_dbm, budget.station_noise_dbm, *amplitudes])
    return [list(column) for column in zip(*rows, strict=True)]


def _crlb_limits(point: Scenario) -> NDArray[np.float64]:
    """Return the CRLB limits of a point; NaN if a faulty requirement, which fails its rows, has none."""
    try:
        return point.crlb_limits()
    except PluginError:
        return np.full(2 * len(point.sensed), np.nan)


def _fixed_variables(scenario: Scenario, users: tuple[int, ...]) -> dict[str, Any]:
    """Return the variables over the sweep alone."""
    sweep, shape = _names(scenario.sweep), sweep_shape(scenario.sweep)
    variables: dict[str, Any] = {}
    if scenario.link == "downlink":
        limits = 10 * np.log10([_crlb_limits(point) for point in scenario.sweep_points])
        variables |= {
            limit.name: (sweep, limits[:, position].reshape(shape), limit.attributes)
            for position, limit in enumerate(limits_of(len(scenario.sensed)))
        }
    for unit, values in zip(units_of(len(scenario.sensed)), _derived_units(scenario), strict=False):
        variables[unit.name] = (sweep, np.reshape(values, shape), unit.attributes)
    variables["users"] = (sweep, np.array(users, dtype=np.int64).reshape(shape))
    return variables
