"""Algorithm 1: successive convex approximation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import (
    FEASIBILITY_TOLERANCE,
    STATIONARITY_TOLERANCE,
    FloatArray,
    InnerShares,
    InputError,
    PowerAllocationProblem,
    Shares,
    Status,
    first_order_rise,
    inner_shares,
)
from isacfw.validators import choice, integer, number, text

from ._goals import fairness_of, is_usual, refuse_unknown, within_requirements
from ._lender import Lender
from ._limits import Kind, Limits, refuse_displaced
from ._sca_cones import ConeProgram, Layout
from ._sca_goal_model import GoalModel
from ._sca_goals import GoalApproximation, GoalProgram
from ._sca_model import Approximation, Model, NoSolution, Surrogate


def _initial_share(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    named = isinstance(value, str) and value in ("smallest", "half")
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1
    if not named and not numeric:
        raise InputError(attribute.name, f"must be 'smallest', 'half' or a number in [0, 1), got {value!r}")


_DIRECT = "CLARABEL"


@final
@attrs.frozen(kw_only=True)
class SCA(isacfw.Allocator):
    r"""Successive convex approximation, Algorithm 1 of the paper.

    Parameters
    ----------
    surrogate : {"reciprocal", "logarithmic"}
        Concave lower bound of the rate in every iteration: the paper's (55), with :math:`1/x_k`, or one that
        keeps :math:`\ln(x + y)` and linearises :math:`\ln y` alone. The second has the same fixed points and
        needs far fewer iterations.
    initial : {"smallest", "half"} or float
        Sensing share of the starting point: the smallest that meets the limits (the paper's
        :math:`p_0^\ast`), one half, or a number; in equal parts for the streams.
    tolerance : float
        Stop when an iteration raises the sum rate by less than this, relatively, and the point is stationary to
        :data:`~isacfw.STATIONARITY_TOLERANCE`.
    max_iterations : int
        Stop after this many iterations, with the status ``feasible``.
    solver : str
        CVXPY's name of a conic solver.

    Notes
    -----
    With :math:`s_k = g_k x_k`, :math:`y_k = b_k q + c_k f + 1` and the values of the last iteration marked by
    a hat, (55) reads, up to a constant,

    .. math:: \ln(1 + s/y) \ge -\frac{\hat s^2}{\hat s + \hat y} \frac{1}{s}
        - \frac{\hat s}{(\hat s + \hat y) \hat y}\, y .

    The unknowns are ratios :math:`t_k = x_k / \hat x_k`, so that every coefficient is of order one even if a user
    has little power. Each limit is a second-order cone, (59)-(60), for an aligned beam, and a linear matrix
    inequality :math:`J - e_i e_i^T / limit_i \succeq 0` otherwise, in the shares of all signals with differing
    Fisher information. Each iteration passes the numbers of a cone program to Clarabel, whose layout is built
    once per kind of problem; other solvers are called through a CVXPY problem, which is also compiled once.

    If the increases become small before the point is stationary, a step is prolonged as long as the sum rate
    increases, and solved to a higher accuracy if the usual one is insufficient.
    """

    name: ClassVar[str] = "sca"

    surrogate: Surrogate = attrs.field(default="reciprocal", validator=choice("reciprocal", "logarithmic"))
    initial: str | float = attrs.field(default="smallest", validator=_initial_share)
    tolerance: float = attrs.field(default=1e-5, validator=number(above=0, below=1))
    max_iterations: int = attrs.field(default=200, validator=integer(at_least=1))
    solver: str = attrs.field(default="CLARABEL", validator=text)

    @classmethod
    def unavailable(cls) -> str | None:
        """Solve a small problem with the default solver."""
        try:
            outcome = _one_user()
        except Exception as error:
            return f"Clarabel does not work ({error}); python -m pip install clarabel"
        if isinstance(outcome, NoSolution):
            return f"Clarabel does not solve a problem with a known solution: it reported {outcome.reported}"
        return None

    @property
    def thread_safe(self) -> bool:
        """Whether several threads may solve at a time: with Clarabel alone, since CVXPY keeps global state."""
        return self.solver == _DIRECT

    def refusal(self, problem: PowerAllocationProblem) -> str | None:
        """Return a message if the solver is not installed, or the objective is unsuitable."""
        if (reason := refuse_displaced(problem) or refuse_objective(problem)) is not None:
            return reason
        if self.solver == _DIRECT:
            return None
        import cvxpy as cp

        installed = cp.installed_solvers()
        return (
            None
            if self.solver in installed
            else f"solver must be one of {', '.join(installed)}, got {self.solver!r}"
        )

    def solve(self, problem: PowerAllocationProblem) -> Shares:
        """Iterate from the starting point until it is stationary and the objective no longer rises."""
        if (reason := refuse_objective(problem)) is not None:  # For callers that do not ask first.
            raise isacfw.IncompatibleError(reason)
        if not is_usual(problem):
            return self._solve_goal(problem)
        limits = Limits.of(problem)
        start = None if limits is None else self.start(problem)
        if limits is None or start is None:
            return Shares.none(problem, Status.INFEASIBLE, str(problem.infeasibility))
        with self.convex(problem, limits) as convex:
            return _Ascent(self, problem, convex, *start).run()

    def _solve_goal(self, problem: PowerAllocationProblem) -> Shares:
        """Return the answer for any utility and all requirements."""
        inner, limits = inner_shares(problem), problem.information_limits()
        if limits is None or inner.infeasibility:
            return Shares.none(problem, Status.INFEASIBLE, str(problem.infeasibility) or inner.infeasibility)
        program = GoalProgram if self.solver == _DIRECT else GoalModel
        convex = program(problem, self.surrogate, limits, self.solver)
        return _GoalAscent(self, problem, convex, *self._inner_start(problem, inner), inner).run()

    def _inner_start(self, problem: PowerAllocationProblem, inner: InnerShares) -> tuple[FloatArray, FloatArray]:
        """Return the shares to start from, between them and inner ones if they violate a requirement."""
        start = self.start(problem)
        if start is not None and problem.violation(*start) <= FEASIBILITY_TOLERANCE / 2:
            return start
        return _mix_with_equal_parts(problem, inner)

    @contextmanager
    def convex(self, problem: PowerAllocationProblem, limits: Limits) -> Iterator[_Convex]:
        """Yield the convex problem of an iteration, for exclusive use in the body."""
        kind = Kind.of(problem, limits)
        if self.solver == _DIRECT:
            yield layout_of(kind, self.surrogate).set_limits(limits)
            return
        with MODELS.lent(
            (kind, self.surrogate, self.solver), lambda: Model(kind, self.surrogate, self.solver)
        ) as model:
            yield model.set_limits(limits)

    def start(self, problem: PowerAllocationProblem) -> tuple[FloatArray, FloatArray] | None:
        """Return the shares to start from; None if the smallest sensing share is requested and does not exist."""
        if self.initial == "smallest":
            share = 1 - problem.largest_communication_share
            if np.isnan(share):
                return _inner(problem)
        else:
            share = np.asarray(0.5 if self.initial == "half" else float(self.initial))
        return (1 - share) * problem.equal_split, problem.stream_shares(problem.equal_split, share)


_Convex = ConeProgram | Model | GoalProgram | GoalModel
_LONGEST, _LEAST, _PATIENCE = 1024.0, 1e-3, 50
_EXACTLY, _SHORTEST = 1e-10, 1e-14


def refuse_objective(problem: PowerAllocationProblem) -> str | None:
    """Return why the rates' surrogates do not help with an objective."""
    objective, fairness = problem.objective, fairness_of(problem)
    if isinstance(objective, (isacfw.LeastPower, isacfw.LeastCRLB)):
        return f"sca approximates rates; {objective.name} is a convex problem, which exact and conic solve"
    if fairness is None:
        return refuse_unknown(problem, "sca")
    if fairness.of_sinr and fairness.alpha not in (1, np.inf):
        return "sca solves utilities of SINRs for alpha = 1 and their minimum; ipopt solves the others"
    return None


class _Ascent:
    """The iterations of one problem.

    Parameters
    ----------
    allocator : SCA
        Allocator with the options.
    problem : PowerAllocationProblem
        Problem without batch axes.
    convex : ConeProgram or Model
        The problem of an iteration.
    x, q : ndarray, shapes (K,) and (S,)
        Starting point.
    """

    approximate: Any = staticmethod(Approximation.around)

    def __init__(
        self, allocator: SCA, problem: PowerAllocationProblem, convex: _Convex, x: FloatArray, q: FloatArray
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
        return _within_limits(self.problem, x, q, allowed)


class _GoalAscent(_Ascent):
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
        allocator: SCA,
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


def _inner(problem: PowerAllocationProblem) -> tuple[FloatArray, FloatArray] | None:
    """Return feasible shares of all users and streams where equal parts are infeasible; None if all are."""
    if problem.fisher_users is None and problem.fisher_streams is None:
        return None
    x, q, ratio = problem.feasible_shares()
    if ratio > 1 + FEASIBILITY_TOLERANCE:
        return None
    return _mix_with_all(problem, x, q)


def _mix_with_all(problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return feasible shares with a part for every user and stream."""
    # Shares of zero would remain zero: the reciprocals are relative to the last point.
    f = x.sum() if x.sum() > 0 else 0.5
    all_users = problem.equal_split * f
    all_streams = np.full(problem.streams, (x.sum() + q.sum() - f) / problem.streams)
    weight = 0.25
    while weight > 1e-9:
        mixed = x + weight * (all_users - x), q + weight * (all_streams - q)
        if problem.violation(*mixed) <= FEASIBILITY_TOLERANCE / 2:
            return mixed
        weight /= 4
    return x + weight * (all_users - x), q + weight * (all_streams - q)


def _mix_with_equal_parts(problem: PowerAllocationProblem, inner: InnerShares) -> tuple[FloatArray, FloatArray]:
    """Return feasible shares between inner ones and equal parts of the power, as close to these as possible."""
    ends = problem.equal_split / 2, np.full(problem.streams, 0.5 / problem.streams)
    weight = 1.0
    while weight > 1e-9:
        mixed = inner.x + weight * (ends[0] - inner.x), inner.q + weight * (ends[1] - inner.q)
        if problem.violation(*mixed) <= FEASIBILITY_TOLERANCE / 2:
            return mixed
        weight /= 2
    return mixed


def _within_limits(
    problem: PowerAllocationProblem, x: FloatArray, q: FloatArray, allowed: float = FEASIBILITY_TOLERANCE / 2
) -> tuple[FloatArray, FloatArray]:
    """Return shares that are feasible to a tolerance, moved towards the best ones for sensing if need be.

    The convex solver's tolerance is absolute, and large relative to the limits close to infeasibility.
    """
    if problem.violation(x, q) <= allowed:
        return x, q
    # More power never violates a limit.
    total = x.sum() + q.sum()
    x, q = x / total, q / total
    if problem.violation(x, q) <= allowed:
        return x, q
    inner_x, inner_q, ratio = problem.feasible_shares()
    if not ratio <= 1 + allowed:
        return x, q
    # Keep shares that do not affect the limits.
    if problem.fisher_users is None and x.sum() > 0:
        inner_x = x * (inner_x.sum() / x.sum())
    if problem.fisher_streams is None and q.sum() > 0:
        inner_q = q * (inner_q.sum() / q.sum())

    def there(weight: float) -> tuple[FloatArray, FloatArray]:
        return x + weight * (inner_x - x), q + weight * (inner_q - q)

    high = 1.0
    while high > _SHORTEST and problem.violation(*there(high / 10)) <= allowed:
        high /= 10
    low = high / 10
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if problem.violation(*there(middle)) <= allowed else (middle, high)
    return there(high)


def _one_user() -> tuple[FloatArray, FloatArray] | NoSolution:
    identity, one = np.broadcast_to(np.eye(2), (2, 1, 2, 2)), np.ones(1)
    limits = Limits(identity, identity, 0 * identity[:, 0])
    kind = Kind(
        users=1,
        streams=1,
        limits=2,
        order=2,
        coupled=False,
        stream_coupled=False,
        users_differ=False,
        streams_differ=False,
    )
    return (
        Layout(kind, "reciprocal").set_limits(limits).solve(Approximation(one, one, 0.0, np.zeros(1), None, None))
    )


def _failure(problem: PowerAllocationProblem, outcome: NoSolution) -> Shares:
    if outcome.infeasible and (message := str(problem.infeasibility)):
        return Shares.none(problem, Status.INFEASIBLE, message)
    return Shares.none(problem, Status.FAILED, f"the convex solver reported {outcome.reported}")


MODELS: Lender[Model] = Lender(32)
"""Compiled CVXPY problems, which change in place: each is used by one thread at a time."""

layout_of = lru_cache(maxsize=32)(Layout)


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register successive convex approximation."""
    return [SCA]
