"""Values of a limit for a front, from the tightest feasible one to one that does not bind."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np

from ..allocation.least import LeastPower
from ..allocation.problem import PowerAllocationProblem
from ..allocation.requirement import weighted_sum
from ..allocation.splits import needed_power
from ..base.errors import InputError, IsacError
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam
from ..signal.precoder import Precoder
from ..signal.statistics import ChannelStatistics
from .limit_path import LimitPath
from .study_spec import fading_key, view_key

DROPS = 16
"""Largest number of drops for which the ends are found."""

_FAR_DB = 60.0
"""Distance in dB from a limit to one that is infeasible for certain, and of a front's ends at most."""

_LOWEST_DB = 30.0
"""Distance in dB of the lowest power from that of the scenario."""

_MARGIN_DB = 1e-4
"""Distance of a tightest limit from the limit of feasibility, which is found by a solver."""

_STEPS = 24
"""Number of bisections of a range."""

_INSIDE = 1e-5
"""Distance of an end from the limit of feasibility, relative to the range, where bisection finds it.

Allocators need not find allocations within the tolerance of feasibility.
"""

_ALIKE = 1e-3
"""Distance of two ends, relative to the range, up to which they count as one."""


def front_values(path: LimitPath, points: int) -> list[float]:
    """Return values of a limit, in ascending order.

    Parameters
    ----------
    path : LimitPath
        The limit.
    points : int
        Number of values. They are shared between the ends of all precoders and beams, and are denser there.

    Raises
    ------
    InputError
        If no precoder and beam meet the other requirements.
    """
    slack, ends, reason = -np.inf, [], ""
    for row in _rows(path):
        try:
            found = row.ends()
        except IsacError as error:  # Such a row is skipped, or fails, in the comparison.
            reason = str(error)
            continue
        if found is None:
            reason = row.reason
            continue
        ends.append(found[0])
        slack = found[1] if np.isinf(slack) else max(slack, found[1])
    if not ends:
        raise InputError("against", f"has no feasible limit for any precoder and beam: {reason}")
    return _spread(ends, slack, points)


def _spread(ends: list[float], slack: float, points: int) -> list[float]:
    """Return values from each end to the slack one, with distances that grow in proportion to their number."""
    width = max(abs(slack - end) for end in ends)
    apart: list[float] = []
    for end in sorted(ends, key=lambda one: abs(slack - one)):  # The slackest of those that are alike.
        if all(abs(end - other) > _ALIKE * width for other in apart):
            apart.append(end)
    apart = apart[::-1][: points - 1]
    values = {slack}
    for number, end in enumerate(apart):
        count = len(range(number, points - 1, len(apart)))
        values |= {end + (slack - end) * (step / count) ** 2 for step in range(count)}
    return sorted(map(float, values))


@attrs.frozen(kw_only=True, eq=False)
class _Row:
    """Problems of a precoder and a beam at a point of the further sweep, as functions of the limit."""

    path: LimitPath
    point: Scenario
    precoder: Precoder
    beam: Beam
    statistics: ChannelStatistics
    moments: dict[Any, Any]

    def problem(self, value: float) -> PowerAllocationProblem:
        """Return the problems of all drops for a value of the limit."""
        point = self.path.at(self.point, value)
        link = self._moments(point, self.precoder, point.link_statistics)
        streams = self._moments(point, self.beam, point.beam_statistics)
        return point.problem(self.precoder, self.statistics, link, self.beam, streams)

    def _moments(self, point: Scenario, part: Precoder | Beam, compute: Callable[..., Any]) -> Any:
        key = part, fading_key(point), view_key(point, part, self.statistics)
        if key not in self.moments:
            self.moments[key] = compute(part, self.statistics)
        return self.moments[key]

    def feasible(self, value: float) -> bool:
        """Return whether all drops are feasible."""
        return bool((self.problem(value).infeasibility == "").all())

    @property
    def reason(self) -> str:
        """Why the limit is infeasible even where it is slack."""
        messages = self.problem(self._slack()).infeasibility
        return str(next((message for message in messages.flat if message), ""))

    def ends(self) -> tuple[float, float] | None:
        """Return the tightest feasible value and a slack one; None if that is infeasible."""
        slack = self._slack()
        if not self.feasible(slack):
            return None
        tight = self._tightest(slack)
        if self.feasible(tight):
            return tight, slack
        end = self._bisect(tight, slack)
        return end + _INSIDE * (slack - end), slack

    def _bisect(self, tight: float, slack: float) -> float:
        for _ in range(_STEPS):
            middle = (tight + slack) / 2
            tight, slack = (tight, middle) if self.feasible(middle) else (middle, slack)
        return slack

    def _slack(self) -> float:
        """Return a value at which the limit does not bind."""
        against = self.path.against
        if against == "power":
            return self.path.power_of(self.point)
        if against == "rate":
            return 0.0
        value = self.path.reference
        problem = self.problem(value)
        ratio = _excess_without_sensing(self._alone(problem)) / _least_communication(problem)
        lowest = self._tightest(np.nan) + 1e-3
        finite = np.isfinite(ratio) & (ratio > 0)
        slack = value + 10 * np.log10(float(np.max(ratio[finite], initial=1e-30)))
        return float(np.clip(slack, lowest, lowest + _FAR_DB))

    def _tightest(self, slack: float) -> float:
        """Return a value that is the tightest feasible one for this limit alone, or tighter."""
        against = self.path.against
        if against == "power":
            return slack - _LOWEST_DB
        if against == "rate":
            problem = self.problem(0.0)
            return float((problem.prelog[..., None] * np.log2(1 + problem.gain)).min())
        value = self.path.reference - _FAR_DB
        excess = _smallest_excess(self._alone(self.problem(value)))
        return float(value + 10 * np.log10(excess) + _MARGIN_DB)

    def _alone(self, problem: PowerAllocationProblem) -> PowerAllocationProblem:
        """Return a problem with the limit of the front alone."""
        problem = problem.without_linear()
        if self.path.against == "crlb":
            return attrs.evolve(problem, crlb_sum_weights=None, crlb_sum_limit=None, minimum_rate=None)
        return attrs.evolve(problem, crlb_limit=np.full_like(problem.crlb_limit, np.inf), minimum_rate=None)


def _rows(path: LimitPath) -> Iterator[_Row]:
    moments: dict[Any, Any] = {}
    for _, point in path.scenario.points():
        statistics = point.statistics(range(min(DROPS, point.drops)))
        for precoder, beam in itertools.product(point.precoders, point.compared_beams):
            yield _Row(
                path=path, point=point, precoder=precoder, beam=beam, statistics=statistics, moments=moments
            )


def _smallest_excess(problem: PowerAllocationProblem) -> float:
    """Return the smallest ratio to the limit in the worst drop."""
    if problem.fisher_users is None and problem.fisher_streams is None:
        return float(problem.line.smallest_excess().max())
    return max(one.feasible_shares()[2] for _, one in problem.sensing_problems())


def _excess_without_sensing(problem: PowerAllocationProblem) -> Any:
    """Return the largest ratio to the limit if all power goes to the users in equal parts; (...)."""
    crlb = problem.crlb(problem.equal_split, np.zeros(problem.batch_shape))
    ratios = np.where(np.isfinite(problem.crlb_limit), crlb / problem.crlb_limit, 0.0)
    found = np.nan_to_num(ratios, nan=0.0, posinf=np.inf).max(axis=-1)
    if problem.crlb_sum_weights is not None and problem.crlb_sum_limit is not None:
        sums = weighted_sum(crlb[..., None, :], problem.crlb_sum_weights) / problem.crlb_sum_limit
        found = np.maximum(found, sums.max(axis=-1))
    return found


def _least_communication(problem: PowerAllocationProblem) -> Any:
    """Return the users' share of the power without the limit: below 1 only if the objective saves power."""
    if not isinstance(problem.objective, LeastPower) or problem.minimum_rate is None:
        return 1.0
    limit = np.full_like(problem.crlb_limit, np.inf)
    free = attrs.evolve(problem.without_linear(), crlb_limit=limit, crlb_sum_weights=None, crlb_sum_limit=None)
    return np.clip(needed_power(free, np.ones(free.batch_shape, dtype=bool), certified=False), 1e-300, 1.0)
