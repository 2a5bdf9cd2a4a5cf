"""Solution of a chunk of a study."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, Protocol, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from ..allocation.allocation import Allocation, Shares
from ..allocation.allocator import Allocator
from ..allocation.metric import Metric
from ..allocation.problem import PowerAllocationProblem
from ..allocation.quantity import Quantity
from ..allocation.status import Status
from ..allocation.verdict import verify
from ..base.errors import (
    IncompatibleError,
    IsacError,
    PartTimedOutError,
    describe_exception,
    log_traceback,
    one_line,
)
from ..base.part import LabelledPart, Part, display_name
from ..results.chunk import Chunk, ChunkResult, trim_histories
from ..results.schema import HISTORY, Variable, variables_of
from ..scenario.labels import by_label
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam
from ..sensing.beam_statistics import BeamStatistics
from ..signal.link import LinkStatistics
from ..signal.precoder import Precoder
from ..signal.statistics import ChannelStatistics


class Observers(Protocol):
    """Observers of each batch of problems: a plugin host."""

    def observed(self, hook: str) -> bool:
        """Return whether any plugin implements an observer hook."""

    def observe(self, hook: str, **arguments: Any) -> list[str]:
        """Call an observer hook of every plugin; return a message for each that raises."""


@attrs.frozen(kw_only=True)
class StudySpec:
    """Everything a worker needs to solve a chunk.

    Parameters
    ----------
    scenario : Scenario
        Scenario with the parts to compare.
    metrics : tuple of Metric
        The default metrics and those of the scenario.
    unavailable : dict
        Reasons why parts are not available, by kind and title.
    largest_array : int
        Size of the largest array in any problem or its channels, per drop: K, K² with pairwise coupling, more
        with covariances.
    streams : int
        Largest number of sensing streams of any beam.
    """

    scenario: Scenario
    metrics: tuple[Metric, ...]
    unavailable: dict[tuple[str, str], str]
    largest_array: int
    streams: int = 1

    def quantities_of(self, metric: Metric) -> tuple[Quantity, ...]:
        """Return the quantities that a metric reports in this study."""
        return metric.quantities_of(len(self.scenario.sensed), self.streams)

    @property
    def variables(self) -> dict[str, Variable]:
        """All variables of a row of results, by name."""
        quantities = [
            Variable.of(quantity, metric, asked=metric in self.scenario.metrics)
            for metric in self.metrics
            for quantity in self.quantities_of(metric)
        ]
        return {variable.name: variable for variable in variables_of(quantities)}

    @property
    def parts(self) -> list[type[Part]]:
        """Classes of all parts that affect the results, at any point of the sweep."""
        beams = self.scenario.compared_beams
        parts: list[Part] = [*self.scenario.precoders, *beams, *self.scenario.allocators, *self.metrics]
        for _, point in self.scenario.points():
            parts += [point.channel, point.transmit_array, point.receive_array]
        return list(dict.fromkeys(map(type, parts)))


def solve_chunk(
    spec: StudySpec, host: Observers, chunk: Chunk, advance: Callable[[int], None] | None = None
) -> ChunkResult:
    """Solve a chunk of a study.

    Parameters
    ----------
    spec : StudySpec
        The study.
    host : Observers
        Observers, which are called for each batch.
    chunk : Chunk
        Chunk to solve.
    advance : callable, optional
        Called with the number of allocations completed since the last call.

    Raises
    ------
    IsacError
        If the channel of a point fails, so that there is no problem to solve.
    """
    return _Run(spec, host, chunk, advance or (lambda _count: None)).solve_chunk()


class _Run:
    """The solution of a chunk: precoder by precoder, points with the same number of users as one batch."""

    def __init__(self, spec: StudySpec, host: Observers, chunk: Chunk, advance: Callable[[int], None]) -> None:
        self.spec, self.host, self.chunk, self.advance = spec, host, chunk, advance
        scenario = spec.scenario
        everything = [point for _, point in scenario.points()]
        self.points = [everything[number] for number in chunk.points]
        self.statistics = self._statistics()
        self.users = np.array([statistics.users for statistics in self.statistics])
        precoders, beams = by_label(scenario.precoders), by_label(scenario.compared_beams)
        self.rows = list(itertools.product(precoders.items(), beams.items()))
        self.allocators = by_label(scenario.allocators)
        self.moments: dict[Any, LinkStatistics | BeamStatistics | IsacError] = {}
        self.shape = (len(self.rows), len(self.allocators), len(self.points), len(chunk.drops))
        self.values = self._empty()
        self.histories: dict[tuple[int, int, int], NDArray[np.float64]] = {}
        self.told: dict[str, None] = {}

    def _statistics(self) -> list[ChannelStatistics]:
        """Return the channel statistics of each point, drawn once for equal channels."""
        known: dict[Any, ChannelStatistics] = {}
        for point in self.points:
            if fading_key(point) not in known:
                known[fading_key(point)] = point.statistics(self.chunk.drops)
        return [known[fading_key(point)] for point in self.points]

    def _empty(self) -> dict[str, NDArray[Any]]:
        widths = {"user": int(self.users.max()), "stream": self.spec.streams}
        kinds: dict[str, tuple[Any, Any]] = {
            "float": (np.nan, np.float64),
            "int": (0, np.int64),
            "bool": (False, np.bool_),
            "text": ("", object),
        }
        values = {}
        for name, variable in self.spec.variables.items():
            if name != HISTORY:
                shape = (*self.shape, *(widths[axis] for axis in variable.axes))
                values[name] = np.full(shape, *kinds[variable.dtype])
        values["seconds"][:] = 0
        return values

    def solve_chunk(self) -> ChunkResult:
        """Solve everything."""
        for row in range(len(self.rows)):
            for group, problem in self._problems(row):
                for column in range(len(self.allocators)):
                    self._allocate(row, column, group, problem)
        values = self.values | {HISTORY: self._history()}
        return ChunkResult(chunk=self.chunk, users=self.users, values=values, warnings=tuple(self.told))

    def _problems(self, row: int) -> list[tuple[list[int], PowerAllocationProblem]]:
        """Return the problems of a precoder and a beam; problems of the same layout form one batch."""
        (precoder_title, precoder), (beam_title, beam) = self.rows[row]
        reasons = (("precoder", precoder_title), ("beam", beam_title))
        reason = next(filter(None, map(self.spec.unavailable.get, reasons)), None)
        groups: dict[Any, list[tuple[int, PowerAllocationProblem]]] = {}
        for number, (point, statistics) in enumerate(zip(self.points, self.statistics, strict=True)):
            try:
                if reason is not None:
                    raise IncompatibleError(reason)
                problem = point.problem(
                    cast(Precoder, precoder),
                    statistics,
                    cast(LinkStatistics, self._moments(point, precoder, statistics)),
                    cast(Beam, beam),
                    cast(BeamStatistics, self._moments(point, beam, statistics)),
                )
                groups.setdefault(problem.layout, []).append((number, problem))
            except IncompatibleError as error:
                self._mark(row, number, Status.SKIPPED, str(error))
            except PartTimedOutError as error:
                self._mark(row, number, Status.TIMED_OUT, str(error))
            except IsacError as error:  # A faulty part must fail only its own rows.
                self._mark(row, number, Status.FAILED, str(error))
        batches = []
        for group in groups.values():
            stacked = PowerAllocationProblem.stack([problem for _, problem in group])
            batches.append(([number for number, _ in group], stacked.with_drops(len(self.chunk.drops))))
        return batches

    def _moments(
        self, point: Scenario, part: LabelledPart, statistics: ChannelStatistics
    ) -> LinkStatistics | BeamStatistics:
        """Return the moments of a precoder or a beam, cached because they do not depend on limits."""
        key: Any = part, fading_key(point), view_key(point, part, statistics)
        if key not in self.moments:
            of = point.link_statistics if isinstance(part, Precoder) else point.beam_statistics
            try:
                self.moments[key] = of(part, statistics)  # type: ignore[arg-type]
            except IsacError as error:
                self.moments[key] = error
        found = self.moments[key]
        if isinstance(found, IsacError):
            raise found
        return found

    def _mark(self, row: int, number: int, status: Status, sentence: str) -> None:
        self.values["status"][row, :, number] = status.value
        self.values["message"][row, :, number] = sentence
        self.advance(self.shape[1] * self.shape[3])

    def _allocate(self, row: int, column: int, group: list[int], problem: PowerAllocationProblem) -> None:
        title, allocator = list(self.allocators.items())[column]
        assert isinstance(allocator, Allocator)
        reason = self.spec.unavailable.get(("allocator", title))
        if reason is not None:
            allocation = verify(problem, Shares.none(problem, Status.SKIPPED, reason))
            self.advance(math.prod(problem.batch_shape))
        else:
            self._observe("allocation_started", allocator=allocator, problem=problem)
            allocation = allocator.allocate(problem, self.advance, self.spec.scenario.time_limit_s)
            if self.host.observed("allocation_finished"):
                self._observe(
                    "allocation_finished", allocator=allocator, problem=problem, allocation=allocation.copy()
                )
        self._fill(row, column, group, problem, allocation)

    def _observe(self, hook: str, **arguments: Any) -> None:
        for sentence in self.host.observe(hook, **arguments):
            self.told[sentence] = None

    def _fill(
        self, row: int, column: int, group: list[int], problem: PowerAllocationProblem, allocation: Allocation
    ) -> None:
        place: tuple[Any, ...] = (row, column, group)
        for name in ("status", "message", "feasible", "iterations", "seconds"):
            self.values[name][place] = getattr(allocation, name)
        self.values["max_violation"][place] = allocation.violation
        for number, history in zip(group, allocation.history, strict=True):
            self.histories[row, column, number] = history
        for metric in self.spec.metrics:
            try:
                values = metric.evaluate(problem, allocation)
                for quantity in self.spec.quantities_of(metric):
                    if quantity.per_user or quantity.per_stream:
                        count = problem.users if quantity.per_user else problem.streams
                        last: tuple[slice, ...] = (slice(None), slice(count))
                    else:
                        last = ()
                    self.values[quantity.name][(*place, *last)] = quantity.select(values, problem)
            except (Exception, SystemExit) as error:  # A faulty metric must not fail the allocation.
                sentence = one_line(f"metric {display_name(metric)} {describe_exception(error)}")
                log_traceback(sentence)
                self.told[sentence] = None

    def _history(self) -> NDArray[np.float64]:
        longest = max((history.shape[-1] for history in self.histories.values()), default=0)
        padded = np.full((*self.shape, longest), np.nan)
        for place, history in self.histories.items():
            padded[place][:, : history.shape[-1]] = history
        return trim_histories(padded)


def fading_key(point: Scenario) -> tuple[Any, ...]:
    """Return everything that the fading at a sweep point depends on, and the accuracy of its moments."""
    return point.channel, point.transmit_array, point.seed, point.sampling_accuracy


def view_key(point: Scenario, part: LabelledPart, statistics: ChannelStatistics) -> tuple[Any, ...]:
    """Return the other dependencies of a precoder's or beam's moments: directions, and power if used."""
    if isinstance(part, Precoder) and statistics.isotropic and part.turns_with_channel and not part.uses_scene():
        return ()  # Its signals are isotropic.
    directions = tuple((target.direction, point.sensing.beam(target)) for target in point.sensed)
    uses_power = part.uses_scene() if isinstance(part, Precoder) else cast(Beam, part).depends_on_power()
    return directions, point.snr_db if uses_power else None
