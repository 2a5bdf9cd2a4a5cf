"""Global solution by spatial branch and bound: SCIP."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Fairness, FloatArray, PowerAllocationProblem, Shares, Status, interrupts_held_back
from isacfw.validators import number

from ._barrier import Interior, between, find_interior, maximise
from ._limits import refuse_displaced
from ._scip_model import Cuts, Outcome, Target
from ._scip_utilities import run, simple_bound
from ._shares import ShareProblem, infeasible, refusal_of

_INSTALL = 'python -m pip install "isacfw[scip]"'
_WIDENINGS = (0.0, 0.03, 0.3)
_CLOSE = 1e-4
_PROGRESS = 0.02


@final
@attrs.frozen(kw_only=True)
class Scip(isacfw.Allocator):
    r"""Spatial branch and bound with SCIP: an optimum with a bound, whatever interferes with what.

    Parameters
    ----------
    seconds : float
        Stop after this time, with the best answer and the bound of that moment.
    gap : float
        Gap between bound and value at which an answer counts as optimal, relative to the value, or to 1 if the
        value is smaller and may have either sign.

    Notes
    -----
    Full power is optimal for every utility that does not fall with any rate. So the shares p of all signals add
    up to 1, and disturbances :math:`y = D p + 1` are linear in them; SCIP branches on these. A limit on CRLBs,
    :math:`\operatorname{tr} S^T J(p)^{-1} S \le 1`, is represented by cuts
    :math:`\operatorname{tr} Z^T J(p) Z \ge 1` with :math:`\operatorname{tr} S^T Z = 1`, all of which a feasible p
    meets. The best answer to the cuts is moved into the limits, and a local method continues from it; new cuts
    are added at the points where the answers leave the limits, until bound and value agree. The bound of every
    round is valid.

    SCIP meets constraints, and computes bounds, to a tolerance of 1e-6. So cuts and minimum rates are relaxed by
    twice that, and the bound has a margin that is proportional to it.
    """

    name: ClassVar[str] = "scip"

    seconds: float = attrs.field(default=30.0, converter=float, validator=number(above=0))
    gap: float = attrs.field(default=1e-4, validator=number(above=0, below=1))

    @classmethod
    def unavailable(cls) -> str | None:
        """Solve a small problem whose optimum is known."""
        try:
            outcome = _two_users()
        except ImportError as error:
            return f"SCIP needs PySCIPOpt ({error}): {_INSTALL}"
        except Exception as error:
            return f"SCIP does not work here ({type(error).__name__}: {error}): {_INSTALL}"
        # Both users have the same gain and no interference: half of the power for each.
        optimum = 2 * np.log2(1 + 3 / 2)
        if not (outcome.closed and optimum <= outcome.bound <= optimum + 1e-3):
            return f"SCIP does not solve a problem with a known solution: {_INSTALL}"
        return None

    @classmethod
    def libraries(cls) -> dict[str, str]:
        """Return the version of SCIP, which PySCIPOpt may be linked to from elsewhere."""
        try:
            from pyscipopt import Model
        except ImportError:
            return {}
        return {"scip": str(Model().version())}

    @property
    def thread_safe(self) -> bool:
        """Whether several threads may solve at a time: MUMPS, a linear solver in SCIP, keeps global state."""
        return False

    def refusal(self, problem: PowerAllocationProblem) -> str | None:
        """Return a message for objectives that need no branch and bound, or are unknown."""
        return refuse_displaced(problem) or refusal_of(problem)

    def solve(self, problem: PowerAllocationProblem) -> Shares:
        """Return the best answer found, and a bound."""
        # A search in another thread must end before an exception leaves this one.
        with interrupts_held_back() as due:
            shares = ShareProblem.of(problem)
            start = None if shares is None else find_interior(shares)
            if shares is None or start is None:
                return infeasible(problem)
            return _Search(self, problem, shares, start).run(due)


class _Search:
    """The rounds of one problem.

    Parameters
    ----------
    allocator : Scip
        Allocator with the options.
    problem : PowerAllocationProblem
        Problem without batch axes.
    shares : ShareProblem
        Its numbers.
    inner : Interior
        Shares with some slack.
    """

    def __init__(
        self, allocator: Scip, problem: PowerAllocationProblem, shares: ShareProblem, inner: Interior
    ) -> None:
        self.allocator, self.problem, self.shares, self.inner = allocator, problem, shares, inner
        self.end = time.perf_counter() + allocator.seconds
        self.best = inner.p
        self.value = self._value(inner.p)
        if not shares.degenerate:
            self._improve(inner)
        self.bound = simple_bound(shares)
        self.limit_cuts: list[FloatArray] = []
        self.sinrs: list[FloatArray] = []
        self.nodes, self.failure = 0, ""

    def run(self, due: Callable[[], bool]) -> Shares:
        """Run SCIP until bound and value agree, or time is up."""
        if self.shares.degenerate:
            return self._answer(Status.FEASIBLE, "all allocations have the same value", None)
        if not np.isfinite(self.value):
            return self._answer(
                Status.FEASIBLE, "the values of allocations are beyond the range of numbers", None
            )
        self._add_cuts([self.best])
        while not self._closed() and not due():
            left = self.end - time.perf_counter()
            if left <= 0:
                break
            target = Target(start=self.best, value=self.value, gap=0.9 * self._wanted(), seconds=left)
            limits = np.array(self.limit_cuts).reshape(-1, self.shares.signals)
            sinrs = np.array(self.sinrs).reshape(-1, self.shares.users)
            outcome = run(self.shares, Cuts(limits, sinrs), target, due)
            self.nodes += outcome.nodes
            before = self.bound - self.value
            self.bound = min(self.bound, outcome.bound)
            self.failure = outcome.failure
            self._follow(outcome)
            # A gap that new cuts and tangents hardly change is due to SCIP's tolerances.
            if not outcome.closed or before - (self.bound - self.value) < _PROGRESS * self._wanted():
                break
        return self._conclude()

    def _conclude(self) -> Shares:
        gap = self._gap()
        if gap < -self.allocator.gap / 2:
            return self._answer(Status.FEASIBLE, "SCIP's bound contradicts a feasible allocation", None)
        if self._closed():
            return self._answer(Status.OPTIMAL, f"gap {max(gap, 0.0):.1e}", max(self.bound, self.value))
        message = self.failure or f"the gap is {gap:.2g} after {self.nodes} nodes"
        return self._answer(Status.FEASIBLE, message, self.bound)

    def _answer(self, status: Status, message: str, bound: float | None) -> Shares:
        users, rest = self.shares.users, self.best[self.shares.users :]
        return Shares(
            communication=self.best[:users],
            sensing=rest if len(rest) > 1 else rest[0],
            status=status,
            message=message,
            iterations=self.nodes,
            bound=bound,
        )

    def _value(self, p: FloatArray) -> float:
        return float(self.problem.value(p[: self.shares.users], p[self.shares.users :]))

    def _scale(self) -> float:
        return max(abs(self.value), 1.0 if self.problem.objective.reported().signed else 0.0)

    def _wanted(self) -> float:
        return self.allocator.gap * self._scale()

    def _gap(self) -> float:
        scale = self._scale()
        return (self.bound - self.value) / scale if scale else 0.0 * self.bound

    def _closed(self) -> bool:
        return self.bound - self.value <= self._wanted()

    def _improve(self, start: Interior, largest: float = 1.0) -> None:
        """Continue from feasible shares by the local method, and keep the result if it is the best."""
        p = maximise(self.shares, start, largest)
        value = self._value(p)
        if value > self.value or not np.isfinite(self.value):
            self.best, self.value = p, value

    def _follow(self, outcome: Outcome) -> None:
        """Move the answers of SCIP into the limits, improve the best one, and cut off those beyond the limits."""
        edges = [between(self.shares, self.inner, point) for point in outcome.points]
        self.sinrs += [self.shares.sinr(point) for point in outcome.points if (point > 0).all()]
        self._add_cuts([edge for edge, point in zip(edges, outcome.points, strict=True) if edge is not point])
        for edge in edges[:1]:
            inside = edge + _CLOSE * (self.inner.p - edge)
            self._improve(Interior(inside, self.inner.relaxed), _CLOSE)

    def _add_cuts(self, points: list[FloatArray]) -> None:
        """Add the cuts of all limits at points, and at points between them and the interior."""
        for point in points:
            for weight in _WIDENINGS:
                p = point + weight * (self.inner.p - point)
                for limit in self.shares.limits:
                    level = limit.level(p)
                    if level is not None and np.isfinite(level[1]).all():
                        self.limit_cuts.append(level[1])


def _two_users() -> Outcome:
    problem = ShareProblem(
        gain=np.full(2, 3.0),
        interference=np.zeros((2, 3)),
        least_sinr=np.zeros(2),
        limits=(),
        scale=1 / np.log(2),
        fairness=Fairness(alpha=0.0),
    )
    start = np.array([0.25, 0.25, 0.5])
    value = float(np.log2(1 + problem.sinr(start)).sum())
    target = Target(start=start, value=value, gap=1e-5, seconds=10.0)
    return run(problem, Cuts(np.zeros((0, 3)), np.zeros((0, 2))), target, lambda: False)


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register spatial branch and bound."""
    return [Scip]
