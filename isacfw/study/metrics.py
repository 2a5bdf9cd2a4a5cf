"""Values of metrics in the arrays of a chunk: evaluated on batches, or simulated drop by drop."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import attrs
from numpy.typing import NDArray

from ..allocation.allocation import Allocation
from ..allocation.any_problem import AnyProblem
from ..allocation.metric import Metric
from ..allocation.problem import PowerAllocationProblem
from ..allocation.quantity import Quantity
from ..base.errors import IsacError, PartTimedOutError, one_line
from ..base.guard import guard
from ..base.numbers import FloatArray
from ..base.part import display_name
from ..sensing.fisher import EchoModel
from ..simulation.channels import EffectiveChannels
from ..simulation.metric import SimulatedMetric
from ..simulation.signals import SignalDraws, are_powers
from .rows import index_of


@attrs.frozen(kw_only=True, eq=False)
class Answers:
    """The answers of an allocator to a batch of problems.

    Parameters
    ----------
    place : tuple of int
        Row and column of precoder, beam and allocator in the arrays of a chunk.
    points : list of int
        Positions of the sweep points in these arrays.
    problem : PowerAllocationProblem
        Batch over points and drops.
    allocation : Allocation
        The answers.
    """

    place: tuple[int, int]
    points: list[int]
    problem: AnyProblem
    allocation: Allocation


@attrs.frozen(kw_only=True, eq=False)
class DrawSource:
    """Source of draws at a sweep point for a precoder and a beam.

    Parameters
    ----------
    key : hashable
        Everything that the draws depend on: points with the same key share them.
    draw : callable
        Returns the channels of the drop at a position, for a number of draws.
    model : EchoModel
        The echoes of all targets.
    drops : int
        Number of positions; 1 if the channel is the same in all drops.
    """

    key: Hashable
    draw: Callable[[int, int], EffectiveChannels]
    model: EchoModel
    drops: int


class MetricValues:
    """The values of all metrics in the arrays of a chunk; a metric that fails loses only its own.

    Parameters
    ----------
    metrics : sequence of tuple
        Metrics with their quantities.
    values : dict of str to ndarray
        Arrays by name, which are written to.
    told : dict of str to None
        Messages about failures, which are added to.
    """

    def __init__(
        self,
        metrics: Sequence[tuple[Metric, tuple[Quantity, ...]]],
        values: dict[str, NDArray[Any]],
        told: dict[str, None],
    ) -> None:
        self.values, self.told = values, told
        self.simulated = [(one, own) for one, own in metrics if isinstance(one, SimulatedMetric)]
        self.evaluated = [(one, own) for one, own in metrics if not isinstance(one, SimulatedMetric)]

    def evaluate(self, answers: Answers) -> None:
        """Fill in the metrics that follow from problem and allocation."""
        place = (*answers.place, index_of(answers.points), slice(None))
        for metric, quantities in self.evaluated:
            compute = partial(metric.evaluate, cast(PowerAllocationProblem, answers.problem), answers.allocation)
            self._fill(metric, quantities, place=place, problem=answers.problem, compute=compute)

    def simulate(self, answers: Sequence[Answers], source: Callable[[int], DrawSource]) -> None:
        """Fill in the metrics that are simulated, with the same draws for all allocators.

        Parameters
        ----------
        answers : sequence of Answers
            Answers of all allocators to the problems of one precoder and one beam.
        source : callable
            Returns the source of draws at a sweep point.
        """
        if not self.simulated:
            return
        sources = {
            point: source(point) for point in dict.fromkeys(itertools.chain(*(one.points for one in answers)))
        }
        shared: dict[Hashable, list[tuple[DrawSource, Answers, int]]] = {}
        for one in answers:
            for at, point in enumerate(one.points):
                shared.setdefault(sources[point].key, []).append((sources[point], one, at))
        for group in shared.values():
            # Drop by drop, so that the draws of one drop at a time are in memory.
            for position in range(group[0][0].drops):
                self._simulate_drop(group, position)

    def _simulate_drop(self, group: Sequence[tuple[DrawSource, Answers, int]], position: int) -> None:
        first = group[0][0]
        drops = range(group[0][1].problem.batch_shape[-1]) if first.drops == 1 else (position,)
        answered = [
            (own, one, (at, drop)) for own, one, at in group for drop in drops if _is_answered(one, (at, drop))
        ]
        if not answered:
            return
        channels = first.draw(position, max(metric.draws for metric, _ in self.simulated))
        try:
            channels.hold()
        except IsacError as error:
            names = ", ".join(display_name(metric) for metric, _ in self.simulated)
            self._tell(f"without draws for metric {names}: {error}")
            return
        for own, one, index in answered:
            self._simulate_answer(one, index, channels, own.model)

    def _simulate_answer(
        self, answers: Answers, index: tuple[int, int], channels: EffectiveChannels, model: EchoModel
    ) -> None:
        problem, allocation = answers.problem[index], answers.allocation
        place = (*answers.place, answers.points[index[0]], index[1])
        signals: dict[int, SignalDraws] = {}
        for metric, quantities in self.simulated:
            if metric.draws not in signals:
                signals[metric.draws] = SignalDraws(
                    channels=channels,
                    problem=cast(PowerAllocationProblem, problem),
                    communication=allocation.communication[index],
                    streams=allocation.streams[index],
                    model=model,
                    draws=metric.draws,
                )
            compute = partial(metric.simulate, signals[metric.draws])
            self._fill(metric, quantities, place=place, problem=problem, compute=compute)

    def _fill(
        self,
        metric: Metric,
        quantities: Iterable[Quantity],
        *,
        place: tuple[Any, ...],
        problem: AnyProblem,
        compute: Callable[[], Mapping[str, FloatArray]],
    ) -> None:
        """Write the quantities of a metric at a place in the arrays: row, column, point and drop."""
        who = f"metric {display_name(metric)}"
        try:
            drops = 1 if isinstance(metric, SimulatedMetric) else 0
            with guard(who, metric, problem.objective, drops=drops):
                values = compute()
                for quantity in quantities:
                    last: tuple[slice, ...] = ()
                    if quantity.per_user or quantity.per_stream:
                        last = (slice(problem.users if quantity.per_user else problem.streams),)
                    self.values[quantity.name][(*place, *last)] = quantity.select(values, problem)
        except IsacError as error:  # A faulty metric must not fail the allocation.
            link = ": " if isinstance(error, PartTimedOutError) else " "
            self._tell(str(error) if str(error).startswith(who) else f"{who}{link}{error}")

    def _tell(self, sentence: str) -> None:
        self.told[one_line(sentence)] = None


def _is_answered(answers: Answers, index: tuple[int, int]) -> bool:
    """Return whether the answer at an index of the batch can be transmitted."""
    allocation = answers.allocation
    return bool(are_powers(allocation.communication[index], allocation.streams[index]))
