"""The iterations of successive convex approximation."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from isacfw import (
    FEASIBILITY_TOLERANCE,
    STATIONARITY_TOLERANCE,
    FloatArray,
    InnerShares,
    PowerAllocationProblem,
    Shares,
    Status,
    first_order_rise,
)

from ._goals import within_requirements
from ._sca_cones import ConeProgram
from ._sca_goal_model import GoalModel
from ._sca_goals import GoalApproximation, GoalProgram
from ._sca_model import Approximation, Model, NoSolution, Surrogate
from ._sca_points import within_limits

Convex = ConeProgram | Model | GoalProgram | GoalModel
"""The convex problem of an iteration."""

_LONGEST, _LEAST, _PATIENCE = 1024.0, 1e-3, 50
_EXACTLY = 1e-10


class Options(Protocol):
    """Options of the allocator that the iterations depend on."""

    @property
    def surrogate(self) -> Surrogate:
        """Concave lower bound of the rate."""

    @property
    def initial(self) -> str | float:
        """Sensing share of the starting point."""

    @property
    def tolerance(self) -> float:
        """Relative increase that is small."""

    @property
    def max_iterations(self) -> int:
        """Largest number of iterations."""


class Ascent:
    """The iterations of one problem.

    Parameters
    ----------
    allocator : Options
        Options of the allocator.
    problem : PowerAllocationProblem
        Problem without batch axes.
    convex : ConeProgram or Model
        The problem of an iteration.
    x, q : ndarray, shapes (K,) and (S,)
        Starting point.
    """

    approximate: Any = staticmethod(Approximation.around)

    def __init__(
        self, allocator: Options, problem: PowerAllocationProblem, convex: Convex, x: FloatArray, q: FloatArray
    ) -> None:
        self.allocator, self.problem, self.convex = allocator, problem, convex
        self.x, self.q = x, q
        self.history = [self._value(x, q)]
        self.met = allocator.initial == "smallest" or bool(problem.violation(x, q) <= FEASIBILITY_TOLERANCE)
        self.careful = False

    def run(self) -> Shares:
        """Iterate, and return the answer."""
        status, message = Status.FEASIBLE, f"stopped at the limit of {self.allocator.max_iterations} iterations"
        finished = False
        for _ in range(self.allocator.max_iterations):
            outcome = self._outcome()
            if isinstance(outcome, NoSolution):
                if not self.met:
                    return _failure(self.problem, outcome)
                finished, message = True, f"stopped early: the convex solver reported {outcome.reported}"
                break
            reason = self._take(outcome)
            if reason is not None:
                finished, message = True, reason
                break
        self._correct(FEASIBILITY_TOLERANCE / 2)
        if finished and self._stationary():
            status, message = Status.LOCALLY_OPTIMAL, ""
        return Shares(
            communication=self.x,
            sensing=self.q if self.problem.streams > 1 else self.q[0],
            status=status,
            message=message,
            iterations=len(self.history) - 1,
            history=tuple(self.history),
        )

    def step(self) -> tuple[FloatArray, FloatArray] | NoSolution:
        """Return the solution of the approximation at the present point, or the reason why there is none."""
        around: Any = self.approximate(
            self.problem, self.x, self.q, self.allocator.surrogate, careful=self.careful
        )
        outcome = self.convex.solve(around, careful=self.careful)
        if isinstance(outcome, NoSolution):
            return outcome
        ratio, found = outcome
        return np.maximum(around.scale * ratio, 0.0), np.maximum(found, 0.0)

    def _outcome(self) -> tuple[FloatArray, FloatArray] | NoSolution:
        """Return a step, solved carefully if the usual one makes no progress."""
        outcome = self.step()
        if self.met and not self.careful and not self._worth_taking(outcome):
            # The increases are below the solver's accuracy, or below the gain from a previously violated limit.
            self.careful = True
            self._correct(_EXACTLY)
            outcome = self.step()
        if self.careful and not isinstance(outcome, NoSolution):
            return max(self._variants(*outcome), key=lambda shares: self._value(*shares))
        return outcome

    def _variants(self, x: FloatArray, q: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
        """Return a step within the limits and, if the split of f does not affect them, one with the last f."""
        variants = [self._within(x, q, _EXACTLY)]
        if self.problem.fisher_users is None and x.sum() > 0:
            variants.append((x * (self.x.sum() / x.sum()), self.q))
        return variants

    def _worth_taking(self, outcome: tuple[FloatArray, FloatArray] | NoSolution) -> bool:
        """Return whether a step raises the sum rate, or the present point is stationary."""
        if isinstance(outcome, NoSolution):
            return False
        return self._value(*outcome) >= self.history[-1] or self._stationary()

    def _take(self, outcome: tuple[FloatArray, FloatArray]) -> str | None:
        """Move to the point of a step; return why the iterations end there, "" if it is stationary, else None."""
        rate = self._value(*outcome)
        rise = rate - self.history[-1]
        met, self.met = self.met, True
        # A step may lower the rate by the solver's tolerance, or when the start is infeasible.
        moved = rise >= 0 or not met
        last = self.x, self.q
        if moved:
            self.x, self.q = outcome
        self.history.append(max(rate, self.history[-1]) if met else rate)
        if not met:
            return None
        small = rise <= self.allocator.tolerance * self._size(rate)
        if small:
            self._correct(FEASIBILITY_TOLERANCE / 2)
            if self._stationary():
                return ""
            if not moved:
                return "stopped early: the convex solver's accuracy admits no further rise"
        if moved and (small or len(self.history) > _PATIENCE):
            self._prolong(last)
        return None

    def _prolong(self, last: tuple[FloatArray, FloatArray]) -> None:
        """Extrapolate from the last point through the present one while the sum rate rises within the limits.

        Small steps tend to repeat: a surrogate that drops quickly below the sum rate allows no longer ones.
        """
        x, q, length = self.x, self.q, 1.0
        while length < _LONGEST:
            length *= 2
            # Keep all shares positive; a share of zero would remain zero.
            x_there = np.maximum(last[0] + length * (x - last[0]), _LEAST * x)
            q_there = np.maximum(last[1] + length * (q - last[1]), 0.0)
            total = max(float(x_there.sum() + q_there.sum()), 1.0)
            there = x_there / total, q_there / total
            rate = self._value(*there)
            if rate <= self.history[-1] or self.problem.violation(*there) > FEASIBILITY_TOLERANCE / 2:
                break
            (self.x, self.q), self.history[-1] = there, rate

    def _correct(self, allowed: float) -> None:
        """Move to a point within the limits, to a tolerance."""
        x, q = self._within(self.x, self.q, allowed)
        if x is not self.x:
            self.x, self.q, self.history[-1] = x, q, self._value(x, q)

    def _stationary(self) -> bool:
        return bool(first_order_rise(self.problem, self.x, self.q) <= STATIONARITY_TOLERANCE)

    def _value(self, x: FloatArray, q: FloatArray) -> float:
        return float(self.problem.sum_rate(x, q))

    def _size(self, value: float) -> float:
        """Return the magnitude of values to which increases are relative."""
        return value

    def _within(self, x: FloatArray, q: FloatArray, allowed: float) -> tuple[FloatArray, FloatArray]:
        return within_limits(self.problem, x, q, allowed)


class GoalAscent(Ascent):
    """The iterations of one problem with any utility and all requirements.

    Parameters
    ----------
    allocator, problem, convex, x, q
        See the base class.
    inner : InnerShares
        Shares that meet the requirements with a margin.
    """

    approximate = staticmethod(GoalApproximation.around)

    def __init__(
        self,
        allocator: Options,
        problem: PowerAllocationProblem,
        convex: GoalProgram | GoalModel,
        x: FloatArray,
        q: FloatArray,
        inner: InnerShares,
    ) -> None:
        self.inner = inner
        self._unused = np.full(2 * problem.targets, np.nan)
        super().__init__(allocator, problem, convex, x, q)
        self.met = bool(problem.violation(x, q) <= FEASIBILITY_TOLERANCE)

    def _value(self, x: FloatArray, q: FloatArray) -> float:
        # A utility does not depend on the CRLBs, which take longest.
        return float(self.problem.objective.value(self.problem.performance(x, q, self._unused)))

    def _size(self, value: float) -> float:
        return max(abs(value), 1.0) if self.problem.objective.reported().signed else abs(value)

    def _within(self, x: FloatArray, q: FloatArray, allowed: float) -> tuple[FloatArray, FloatArray]:
        return within_requirements(self.problem, self.inner, x, q, allowed)

    def _variants(self, x: FloatArray, q: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
        variants = super()._variants(x, q)
        return variants[:1] + [one for one in variants[1:] if self.problem.violation(*one) <= _EXACTLY]


def _failure(problem: PowerAllocationProblem, outcome: NoSolution) -> Shares:
    if outcome.infeasible and (message := str(problem.infeasibility)):
        return Shares.none(problem, Status.INFEASIBLE, message)
    return Shares.none(problem, Status.FAILED, f"the convex solver reported {outcome.reported}")
