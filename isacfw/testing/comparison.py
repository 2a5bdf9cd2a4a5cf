"""Comparisons of small scenarios, for figures to be tried on."""

from __future__ import annotations

import itertools
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..allocation.allocation import Allocation, Shares, Status
from ..allocation.allocator import Allocator
from ..allocation.metric import Metric
from ..allocation.problem import PowerAllocationProblem
from ..allocation.verdict import verify
from ..base.errors import IncompatibleError, IsacError, short_repr
from ..base.progress import Progress
from ..config.toml import to_toml
from ..host.host import default_host
from ..report.comparison import Comparison
from ..results.chunk import Chunk, ChunkResult, trim_histories
from ..results.layout import Layout, ResultSizes
from ..results.memory import build_in_memory
from ..results.schema import HISTORY, STANDARD_METRICS, Variable, variables_of
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam
from ..signal.precoder import Precoder
from .checks import longest_s, require

if TYPE_CHECKING:
    import xarray

_EMPTY: dict[str, tuple[Any, Any]] = {
    "float": (np.nan, np.float64),
    "int": (0, np.int64),
    "bool": (False, np.bool_),
    "text": ("", object),
}
_KNOWN: deque[tuple[Scenario, xarray.Dataset]] = deque(maxlen=16)
"""The last comparisons: each check of a figure asks for the same."""


def compare(scenario: Scenario, progress: Progress | None = None) -> Comparison:
    """Return the comparison of a small scenario, reproducible to the bit.

    The kit is on the floor of :mod:`isacfw.study` and makes no use of it. The data set is that of
    :func:`isacfw.compare`, except that the times are zero and the versions are left out. There are no chunks, no
    processes and no observers.

    Parameters
    ----------
    scenario : Scenario
        With all the drops and sweep points to compare.
    progress : callable, optional
        Called at the end.

    Raises
    ------
    CheckFailed
        If it is given something else.
    """
    require(isinstance(scenario, Scenario), f"compare must be given a Scenario, got {short_repr(scenario)}")
    dataset = next((found for one, found in _KNOWN if one == scenario), None)
    if dataset is None:
        dataset = _Small(scenario).dataset()
        _KNOWN.append((scenario, dataset))
    if progress is not None:
        count = dataset["status"].size
        progress(count, count)
    return Comparison(dataset=dataset.copy(deep=True))


class _Small:
    """A small scenario that is solved point by point."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, host = scenario, default_host()
        self.points = [point for _, point in scenario.points()]
        self.statistics = [point.statistics() for point in self.points]
        self.rows = list(itertools.product(scenario.precoders, scenario.compared_beams))
        self.streams = 1
        for (point, statistics), beam in itertools.product(
            zip(self.points, self.statistics, strict=True), scenario.compared_beams
        ):
            with suppress(IsacError):
                self.streams = max(self.streams, point.streams_of(beam, statistics))
        usual = [cast(Metric, host.find("metric", f"isacfw:{name}").cls()) for name in STANDARD_METRICS]
        own = [one for one in scenario.metrics if one not in usual and one.why_unavailable() is None]
        self.metrics = (*usual, *own)

    def variables(self) -> dict[str, Variable]:
        """Return the variables of a row of results, by name."""
        found = variables_of(
            Variable.of(quantity, metric, asked=metric in self.scenario.metrics)
            for metric in self.metrics
            for quantity in metric.quantities_of(len(self.scenario.sensed), self.streams)
        )
        return {variable.name: variable for variable in found}

    def dataset(self) -> xarray.Dataset:
        """Solve everything."""
        users = np.array([statistics.users for statistics in self.statistics])
        chunk = Chunk(drops=range(self.scenario.drops), points=range(len(self.points)))
        result = ChunkResult(chunk=chunk, users=users, values=self._values(int(users.max())), warnings=())
        layout = Layout(
            self.scenario,
            self.variables(),
            self.streams,
            sizes=ResultSizes.of(len(self.points), [result.summary]),
            attributes={
                "title": self.scenario.name,
                "scenario": to_toml(self.scenario, default_host()),
                "seed": self.scenario.seed,
            },
        )
        return build_in_memory(layout, [result])

    def _values(self, users: int) -> dict[str, Any]:
        allocators = self.scenario.allocators
        shape = (len(self.rows), len(allocators), len(self.points), self.scenario.drops)
        widths = {"user": users, "stream": self.streams}
        values = {
            name: np.full((*shape, *(widths[axis] for axis in one.axes)), *_EMPTY[one.dtype])
            for name, one in self.variables().items()
            if name != HISTORY
        }
        values["seconds"][:] = 0
        histories: dict[tuple[int, int, int], Any] = {}
        for (row, parts), point in itertools.product(enumerate(self.rows), range(len(self.points))):
            problem = self._problem(*parts, point)
            for column, allocator in enumerate(allocators):
                place = row, column, point
                if isinstance(problem, PowerAllocationProblem):
                    allocation = _allocate(allocator, problem)
                    histories[place] = allocation.history
                    self._fill(values, place, problem, allocation)
                else:
                    values["status"][place], values["message"][place] = problem[0].value, problem[1]
        return values | {HISTORY: _padded(histories, shape)}

    def _problem(
        self, precoder: Precoder, beam: Beam, number: int
    ) -> PowerAllocationProblem | tuple[Status, str]:
        """Return the problem of a point, or why there is none."""
        point, statistics = self.points[number], self.statistics[number]
        try:
            for part in (precoder, beam):
                if (reason := part.why_unavailable()) is not None:
                    raise IncompatibleError(reason)
            return point.problem(precoder, statistics, beam=beam).with_drops(self.scenario.drops)
        except IncompatibleError as error:
            return Status.SKIPPED, str(error)
        except IsacError as error:
            return Status.FAILED, str(error)

    def _fill(
        self,
        values: dict[str, Any],
        place: tuple[int, int, int],
        problem: PowerAllocationProblem,
        allocation: Allocation,
    ) -> None:
        for name in ("status", "message", "feasible", "iterations"):
            values[name][place] = getattr(allocation, name)
        values["max_violation"][place] = allocation.violation
        for metric in self.metrics:
            found = metric.evaluate(problem, allocation)
            for quantity in metric.quantities_of(len(self.scenario.sensed), self.streams):
                value = quantity.checked(found, problem)
                last = (slice(value.shape[-1]),) if quantity.per_user or quantity.per_stream else ()
                values[quantity.name][(*place, slice(None), *last)] = value


def _allocate(allocator: Allocator, problem: PowerAllocationProblem) -> Allocation:
    if (reason := allocator.why_unavailable()) is not None:
        return verify(problem, Shares.none(problem, Status.SKIPPED, reason))
    return allocator.allocate(problem, time_limit_s=longest_s())


def _padded(histories: dict[tuple[int, int, int], Any], shape: tuple[int, ...]) -> Any:
    longest = max((history.shape[-1] for history in histories.values()), default=0)
    padded = np.full((*shape, longest), np.nan)
    for place, history in histories.items():
        padded[place][:, : history.shape[-1]] = history
    return trim_histories(padded)
