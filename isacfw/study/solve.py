"""Solution of a chunk of a study."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..allocation.allocation import Allocation, Shares
from ..allocation.allocator import Allocator
from ..allocation.any_problem import AnyProblem
from ..allocation.problem import PowerAllocationProblem
from ..allocation.requirement import Constraints, margin_of
from ..allocation.status import Status
from ..allocation.verdict import verify
from ..base.environment import is_own
from ..base.errors import IncompatibleError, InputError, IsacError, PluginError
from ..base.guard import guard, part_time_limit
from ..base.part import LabelledPart, display_name, key_of
from ..base.threads import one_thread
from ..results.batches import batch_range, join_ranges
from ..results.chunk import Chunk, ChunkResult, pad_histories
from ..results.schema import HISTORY
from ..scenario.labels import by_label
from ..sensing.beam import Beam
from ..sensing.beam_statistics import BeamStatistics
from ..signal.link import LinkStatistics
from ..signal.moments import WeightedPart
from ..signal.precoder import Precoder
from ..signal.statistics import ChannelStatistics
from ..simulation.channels import EffectiveChannels
from .drops import draw_drops, status_of
from .metrics import Answers, DrawSource, MetricValues
from .observers import Observers
from .rows import empty_values, index_of
from .study_spec import StudySpec, fading_key, view_key
from .warm_up import warm_up


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
    with one_thread(), part_time_limit(spec.scenario.time_limit_s):
        return _Run(spec, host, chunk, advance or (lambda _count: None)).solve_chunk()


_Groups = list[list[tuple[int, AnyProblem]]]
_Failure = tuple[int, IsacError]


class _Run:
    """The solution of a chunk: precoder by precoder, points with the same number of users as one batch."""

    def __init__(self, spec: StudySpec, host: Observers, chunk: Chunk, advance: Callable[[int], None]) -> None:
        self.spec, self.host, self.chunk, self.advance = spec, host, chunk, advance
        scenario = spec.scenario
        self.points = list(map(scenario.sweep_points.point, chunk.points))
        self.drawn = draw_drops(self.points, chunk.drops, fading_key)
        self.users = np.array([0 if one.statistics is None else one.statistics.users for one in self.drawn])
        self.constraints: dict[int, Constraints] = {}
        precoders, beams = by_label(scenario.precoders), by_label(scenario.compared_beams)
        self.rows = list(itertools.product(precoders.items(), beams.items()))
        self.allocators = by_label(scenario.allocators)
        self.moments: dict[Any, LinkStatistics | BeamStatistics | IsacError] = {}
        self.shape = (len(self.rows), len(self.allocators), len(self.points), len(chunk.drops))
        self.values = self._empty()
        self.histories: dict[tuple[int, int, int], NDArray[np.float64]] = {}
        self.told: dict[str, None] = {}
        self.batches = [(0, 0)] * len(self.allocators)
        metrics = [(metric, spec.quantities_of(metric)) for metric in spec.metrics]
        self.metrics = MetricValues(metrics, self.values, self.told)

    def _empty(self) -> dict[str, NDArray[Any]]:
        widths = {"user": max(1, int(self.users.max())), "stream": self.spec.streams}
        return empty_values(self.spec.variables.values(), self.shape, widths)

    def _statistics(self, number: int) -> ChannelStatistics:
        """Return the channel statistics of a point.

        Raises
        ------
        PluginError
            If its channel fails for all drops.
        """
        drawn = self.drawn[number]
        if drawn.statistics is None:
            raise next(iter(drawn.failures.values()))
        return drawn.statistics

    def _fail_drops(self) -> None:
        """Replace the rows of stand-ins by what the channel raised for the drops that they stand for."""
        for number, drawn in enumerate(self.drawn):
            for position, error in drawn.failures.items() if drawn.statistics is not None else ():
                empty = self._empty()
                for name, value in self.values.items():
                    value[:, :, number, position] = empty[name][:, :, number, position]
                self.values["status"][:, :, number, position] = status_of(error).value
                self.values["message"][:, :, number, position] = str(error)
                for place, history in self.histories.items():
                    if place[2] == number:
                        history[position] = np.nan

    def solve_chunk(self) -> ChunkResult:
        """Solve everything."""
        for row in range(len(self.rows)):
            answers = [
                self._allocate(row, column, group, problem)
                for group, problem in self._problems(row)
                for column in range(len(self.allocators))
            ]
            self.metrics.simulate([one for one in answers if one is not None], partial(self._source, row))
        self._fail_drops()
        values = self.values | {HISTORY: pad_histories(self.histories, self.shape)}
        known: Any = {"warnings": tuple(self.told), "batches": tuple(self.batches)}
        return ChunkResult(chunk=self.chunk, users=self.users, values=values, **known)

    def _problems(self, row: int) -> list[tuple[list[int], AnyProblem]]:
        """Return the problems of a precoder and a beam; problems of the same layout form one batch."""
        try:
            groups, without = self._group(row, PowerAllocationProblem.trusted)
            batches = [self._stack(group) for group in groups]
        except InputError:
            # Numbers of one point are not valid: validated one by one, only its own rows fail.
            groups, without = self._group(row, PowerAllocationProblem)
            batches = [self._stack(group) for group in groups]
        for number, error in without:
            self._mark(row, number, status_of(error), str(error))
        return batches

    def _group(self, row: int, make: Callable[..., PowerAllocationProblem]) -> tuple[_Groups, list[_Failure]]:
        """Return problems with their positions by layout, and the positions without one, with the reason."""
        (precoder_title, precoder), (beam_title, beam) = self.rows[row]
        reasons = (("precoder", precoder_title), ("beam", beam_title))
        reason = next(filter(None, map(self.spec.unavailable.get, reasons)), None)
        groups: dict[Any, list[tuple[int, AnyProblem]]] = {}
        without: list[_Failure] = []
        for number in range(len(self.points)):
            try:
                if reason is not None:
                    raise IncompatibleError(reason)
                problem = self._problem(number, cast(Precoder, precoder), cast(Beam, beam), make)
                groups.setdefault(problem.layout, []).append((number, problem))
            except IsacError as error:  # A faulty part must fail only its own rows.
                without.append((number, error))
        return list(groups.values()), without

    def _stack(self, group: list[tuple[int, AnyProblem]]) -> tuple[list[int], AnyProblem]:
        problems = [problem for _, problem in group]
        stacked = type(problems[0]).stack(cast(list[Any], problems))
        return [number for number, _ in group], stacked.with_drops(len(self.chunk.drops))

    def _problem(
        self, number: int, precoder: Precoder, beam: Beam, make: Callable[..., PowerAllocationProblem]
    ) -> AnyProblem:
        point, statistics = self.points[number], self._statistics(number)
        link = cast(LinkStatistics, self._moments(number, precoder))
        if point.link == "uplink":
            return point.uplink_problem(precoder, statistics, link)
        return point.problem_of(statistics, link, cast(BeamStatistics, self._moments(number, beam)), make)

    def _moments(self, number: int, part: LabelledPart) -> LinkStatistics | BeamStatistics:
        """Return the moments of a precoder or a beam, cached because they do not depend on limits."""
        point, statistics = self.points[number], self._statistics(number)
        # Points with the same fading have the same statistics.
        key: Any = key_of(part), id(statistics), view_key(point, part, statistics)
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

    def _allocate(self, row: int, column: int, group: list[int], problem: AnyProblem) -> Answers | None:
        title, allocator = list(self.allocators.items())[column]
        assert isinstance(allocator, Allocator)
        reason = self.spec.unavailable.get(("allocator", title))
        try:
            if reason is not None:
                allocation = verify(problem, Shares.none(problem, Status.SKIPPED, reason))
                self.advance(math.prod(problem.batch_shape))
            else:
                self._observe("allocation_started", allocator=allocator, problem=problem)
                with self._guard_objective():
                    warm_up(allocator, problem, self.spec.scenario.time_limit_s)
                    allocation = allocator.allocate(problem, self.advance, self.spec.scenario.time_limit_s)
        except PluginError as error:  # A faulty objective must not end the study.
            self.values["status"][row, column, group] = status_of(error).value
            self.values["message"][row, column, group] = str(error)
            return None
        if reason is None and self.host.observed("allocation_finished"):
            self._observe(
                "allocation_finished", allocator=allocator, problem=problem, allocation=allocation.copy()
            )
        return self._fill(row, column, group, problem, allocation)

    def _guard_objective(self) -> AbstractContextManager[None]:
        """Guard the calls of an objective of others while answers are verified."""
        part = self.spec.scenario.objective
        return nullcontext() if is_own(part) else guard(f"objective {display_name(part)}", part)

    def _observe(self, hook: str, **arguments: Any) -> None:
        for sentence in self.host.observe(hook, **arguments):
            self.told[sentence] = None

    def _fill(
        self, row: int, column: int, group: list[int], problem: AnyProblem, allocation: Allocation
    ) -> Answers:
        place: tuple[Any, ...] = (row, column, index_of(group))
        for name in ("status", "message", "feasible", "iterations", "seconds"):
            self.values[name][place] = getattr(allocation, name)
        self.values["max_violation"][place] = allocation.violation
        self.values["bound"][place] = allocation.bound
        objective = self.spec.scenario.objective.reported().name
        self.values[objective][place] = allocation.value
        self.batches[column] = join_ranges(self.batches[column], batch_range(allocation))
        self._fill_margins((row, column), group, problem, allocation)
        for number, history in zip(group, allocation.history, strict=True):
            self.histories[row, column, number] = np.array(history)
        answers = Answers(place=(row, column), points=group, problem=problem, allocation=allocation)
        self.metrics.evaluate(answers)
        return answers

    def _source(self, row: int, number: int) -> DrawSource:
        """Return the source of draws at a point for a precoder and a beam, whose moments exist."""
        precoder, beam = (cast(WeightedPart, part) for _, part in self.rows[row])
        point, statistics = self.points[number], self._statistics(number)
        link = cast(LinkStatistics, self._moments(number, precoder))
        streams = cast(BeamStatistics, self._moments(number, beam))
        scene = point.scene(statistics)
        views = tuple(view_key(point, part, statistics) for part in (precoder, beam))
        return DrawSource(
            key=(fading_key(point), *views),
            draw=lambda position, draws: EffectiveChannels(
                precoder, beam, scene=scene, position=position, moments=(link, streams), draws=draws
            ),
            model=point.echo_model,
            drops=len(statistics.beta),
        )

    def _fill_margins(
        self, place: tuple[int, int], group: list[int], problem: AnyProblem, allocation: Allocation
    ) -> None:
        """Write the margin of each requirement, the smallest one if limits hold at displaced targets too."""
        with np.errstate(invalid="ignore"):
            displaced = problem.displaced_crlb(allocation.communication, allocation.streams)
            ratios = problem.linear_ratios(allocation.communication, allocation.streams)
        for position, number in enumerate(group):
            if number not in self.constraints:
                self.constraints[number] = self.points[number].constraints(
                    int(self.users[number]), self._statistics(number).prelog
                )
            for name, constraint in self.constraints[number].named.items():
                own = ratios[position][..., self.constraints[number].rows_of(name)]
                self.values[f"margin_{name}"][(*place, number)] = np.min(
                    [
                        margin_of(constraint, allocation.rates[position], crlb[position], own)
                        for crlb in (allocation.crlb, *displaced)
                    ],
                    axis=0,
                )
