"""A study in chunks: which drops and sweep points are solved together, and how a chunk is solved."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .allocation.allocation import Allocation, Shares, Status
from .allocation.allocator import Allocator
from .allocation.problem import PowerAllocationProblem
from .allocation.verdict import verified
from .base.errors import IncompatibleError, IsacError, log_traceback, one_line, raised
from .base.part import LabelledPart, described
from .host.host import PluginHost
from .results.chunk import Chunk, Solved, Work, shortened
from .results.schema import HISTORY
from .scenario.labels import by_label
from .scenario.moments import count_streams
from .scenario.scenario import Scenario
from .sensing.beam import Beam
from .sensing.beam_statistics import BeamStatistics
from .signal.link import LinkStatistics
from .signal.precoder import Precoder
from .signal.statistics import ChannelStatistics

POINTS_TOGETHER = 64
PROBLEMS_TOGETHER = 16384
NUMBERS_TOGETHER = 2**18
PROBLEMS_IN_A_LOOP = 128
NUMBERS_IN_A_LOOP = 2**24
CHUNKS_PER_WORKER = 16
"""At least so many, as far as there are drops, so that none waits long for the last chunk of another."""


def sizes_of(scenario: Scenario) -> tuple[int, int]:
    """Return `numbers` and `streams` of :class:`Work`, from one drop of each channel, and every point's beams.

    A beam that breaks down counts as one stream; its rows say so later.
    """
    numbers, streams = 1, 1
    channels: dict[Any, ChannelStatistics] = {}
    counted: set[Any] = set()
    for _, point in scenario.points():
        fading = _fading(point)
        if fading not in channels:
            one = channels[fading] = point.statistics(range(1))
            own = one.users if one.collinear is None and one.isotropic else one.users**2
            extra = [value for value in (one.covariances, *one.extra.values()) if value is not None]
            numbers = max(numbers, own, *(value[0].size for value in extra))
        for beam in scenario.compared_beams:
            key = beam, fading, _seen(point, beam, channels[fading])
            if key not in counted:
                counted.add(key)
                with suppress(IsacError):
                    streams = max(streams, count_streams(beam, point.scene(channels[fading]), point.time_limit_s))
    return numbers, streams


def planned(scenario: Scenario, done: Iterable[Chunk] = (), *, workers: int = 1, numbers: int = 1) -> list[Chunk]:
    """Return the chunks into which a study is cut, without what is done already.

    Parameters
    ----------
    scenario : Scenario
        The study. Its results do not depend on how it is cut.
    done : iterable of Chunk
        What need not be done again.
    workers : int
        How many are to share the work.
    numbers : int
        As in :class:`Work`.
    """
    points = math.prod(len(values) for values in scenario.sweep.values())
    fast = (
        all(allocator.vectorized for allocator in scenario.allocators)
        and all(type(one).link_statistics is not Precoder.link_statistics for one in scenario.precoders)
        and all(type(one).beam_statistics is not Beam.beam_statistics for one in scenario.compared_beams)
    )
    finished: dict[range, list[range]] = {}
    for chunk in done:
        finished.setdefault(chunk.points, []).append(chunk.drops)
    chunks = []
    for first in range(0, points, POINTS_TOGETHER):
        group = range(first, min(first + POINTS_TOGETHER, points))
        most = PROBLEMS_TOGETHER if fast else PROBLEMS_IN_A_LOOP
        together = min(most, (NUMBERS_TOGETHER if fast else NUMBERS_IN_A_LOOP) // numbers)
        size = max(1, together // len(group))
        if workers > 1:
            size = min(size, math.ceil(scenario.drops / (CHUNKS_PER_WORKER * workers)))
        for gap in _gaps(scenario.drops, finished.get(group, [])):
            starts = range(gap.start, gap.stop, size)
            chunks += [Chunk(drops=range(start, min(start + size, gap.stop)), points=group) for start in starts]
    return chunks


def _gaps(drops: int, done: Sequence[range]) -> Iterator[range]:
    """Yield the runs of drops that no range covers."""
    start = 0
    for one in sorted(done, key=lambda each: each.start):
        if one.start > start:
            yield range(start, one.start)
        start = max(start, one.stop)
    if start < drops:
        yield range(start, drops)


def solved(work: Work, host: PluginHost, chunk: Chunk, advance: Callable[[int], None] | None = None) -> Solved:
    """Solve a chunk of a study.

    Parameters
    ----------
    work : Work
        The study.
    host : PluginHost
        Its observers are told of each batch.
    chunk : Chunk
        Which drops and points.
    advance : callable, optional
        Called with the number of allocations done since the last call.

    Raises
    ------
    IsacError
        If the channel of a point breaks down: then there is no problem to solve.
    """
    return _Run(work, host, chunk, advance or (lambda _count: None)).solved()


class _Run:
    """The solution of a chunk: precoder by precoder, points with the same number of users as one batch."""

    def __init__(self, work: Work, host: PluginHost, chunk: Chunk, advance: Callable[[int], None]) -> None:
        self.work, self.host, self.chunk, self.advance = work, host, chunk, advance
        scenario = work.scenario
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
        """Return the channel statistics of each point, drawn once where the channel is the same."""
        known: dict[Any, ChannelStatistics] = {}
        for point in self.points:
            if _fading(point) not in known:
                known[_fading(point)] = point.statistics(self.chunk.drops)
        return [known[_fading(point)] for point in self.points]

    def _empty(self) -> dict[str, NDArray[Any]]:
        widths = {"user": int(self.users.max()), "stream": self.work.streams}
        kinds: dict[str, tuple[Any, Any]] = {
            "float": (np.nan, np.float64),
            "int": (0, np.int64),
            "bool": (False, np.bool_),
            "text": ("", object),
        }
        values = {}
        for name, variable in self.work.variables.items():
            if name != HISTORY:
                shape = (*self.shape, *(widths[axis] for axis in variable.axes))
                values[name] = np.full(shape, *kinds[variable.dtype])
        values["seconds"][:] = 0
        return values

    def solved(self) -> Solved:
        """Solve everything."""
        for row in range(len(self.rows)):
            for group, problem in self._problems(row):
                for column in range(len(self.allocators)):
                    self._allocate(row, column, group, problem)
        values = self.values | {HISTORY: self._history()}
        return Solved(chunk=self.chunk, users=self.users, values=values, warnings=tuple(self.told))

    def _problems(self, row: int) -> list[tuple[list[int], PowerAllocationProblem]]:
        """Return the problems of a precoder and a beam, points whose problems are of one layout as one batch."""
        (precoder_title, precoder), (beam_title, beam) = self.rows[row]
        reasons = (("precoder", precoder_title), ("beam", beam_title))
        reason = next(filter(None, map(self.work.unavailable.get, reasons)), None)
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
            except IsacError as error:  # A part's breakdown must cost its own rows only.
                self._mark(row, number, Status.FAILED, str(error))
        batches = []
        for group in groups.values():
            stacked = PowerAllocationProblem.stack([problem for _, problem in group])
            batches.append(([number for number, _ in group], stacked.with_drops(len(self.chunk.drops))))
        return batches

    def _moments(
        self, point: Scenario, part: LabelledPart, statistics: ChannelStatistics
    ) -> LinkStatistics | BeamStatistics:
        """Return the moments of a precoder or a beam, which do not depend on limits: taken once for all."""
        key: Any = part, _fading(point), _seen(point, part, statistics)
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
        reason = self.work.unavailable.get(("allocator", title))
        if reason is not None:
            allocation = verified(problem, Shares.none(problem, Status.SKIPPED, reason))
            self.advance(math.prod(problem.batch_shape))
        else:
            self._observe("allocation_started", allocator=allocator, problem=problem)
            allocation = allocator.allocate(problem, self.advance, self.work.scenario.time_limit_s)
            if self.host.observed("allocation_finished"):
                self._observe(
                    "allocation_finished", allocator=allocator, problem=problem, allocation=allocation.copied()
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
        for metric in self.work.metrics:
            try:
                values = metric.evaluate(problem, allocation)
                for quantity in self.work.quantities_of(metric):
                    if quantity.per_user or quantity.per_stream:
                        count = problem.users if quantity.per_user else problem.streams
                        last: tuple[slice, ...] = (slice(None), slice(count))
                    else:
                        last = ()
                    self.values[quantity.name][(*place, *last)] = quantity.checked(values, problem)
            except (Exception, SystemExit) as error:  # A metric's breakdown must not cost the allocation.
                sentence = one_line(f"metric {described(metric)} {raised(error)}")
                log_traceback(sentence)
                self.told[sentence] = None

    def _history(self) -> NDArray[np.float64]:
        longest = max((history.shape[-1] for history in self.histories.values()), default=0)
        padded = np.full((*self.shape, longest), np.nan)
        for place, history in self.histories.items():
            padded[place][:, : history.shape[-1]] = history
        return shortened(padded)


def _fading(point: Scenario) -> tuple[Any, ...]:
    """Return all that the fading at a point of the sweep depends on, and how well its moments are to be known."""
    return point.channel, point.transmit_array, point.seed, point.sampling_accuracy


def _seen(point: Scenario, part: LabelledPart, statistics: ChannelStatistics) -> tuple[Any, ...]:
    """Return what else the moments of a precoder or beam depend on: directions, and the power if it is used."""
    if isinstance(part, Precoder) and statistics.isotropic and part.turns_with_channel and not part.uses_scene():
        return ()  # Its signals are the same in all directions.
    directions = tuple((target.direction, point.sensing.beam(target)) for target in point.sensed)
    uses_power = part.uses_scene() if isinstance(part, Precoder) else cast(Beam, part).depends_on_power()
    return directions, point.snr_db if uses_power else None
