"""Global optima by conic programs, for users that interfere in any way."""

from __future__ import annotations

from typing import Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import (
    FEASIBILITY_TOLERANCE,
    AnyProblem,
    FloatArray,
    IsacError,
    PowerAllocationProblem,
    Shares,
    Status,
    UplinkProblem,
    Utility,
)

from ._geometric import largest_product
from ._uplink_conic import solve_uplink, uplink_refusal

_GAP = 1e-6
"""Largest relative gap between value and bound of an optimal answer."""

_CLOSE = 1e-10
"""Relative rise of the smallest SINR at which it is taken for the largest."""

_BRACKET = 1e-9
"""Relative distance from a SINR that is reached to the first one that is tried to be excluded."""

_STEPS = 60


@final
@attrs.frozen(kw_only=True)
class Conic(isacfw.Allocator):
    r"""Least power, least CRLB, max-min fairness and the product of SINRs, solved globally by Clarabel.

    Notes
    -----
    With the interference :math:`I_k(p)` of user k, linear in the shares p of all users and streams, a least SINR
    is the linear inequality :math:`g_k x_k \ge \Gamma_k (I_k(p) + 1)`, and limits on CRLBs are linear matrix
    inequalities in p. So the least power and the least CRLB are one conic program.

    The largest common SINR is found by Dinkelbach's algorithm for ratios: if t is the smallest SINR at shares
    with the disturbances :math:`\hat D_k = I_k(\hat p) + 1`, the shares that solve

    .. math:: \max m \quad \text{s.t.} \quad g_k x_k - t (I_k(p) + 1) \ge m t \hat D_k

    within all requirements have a larger one unless m = 0, and convergence is superlinear. A slightly larger t at
    which the dual bound of m is negative is an upper bound. J.-P. Crouzeix and J. A. Ferland, "Algorithms for
    generalized fractional programming", Mathematical Programming 52, 1991.

    The product of SINRs is a geometric program, see M. Chiang et al., "Power control by geometric programming",
    IEEE Transactions on Wireless Communications 6(7), 2007. Limits on CRLBs are not convex in the logarithms of
    the shares, so it needs a first stage that settles them: the largest communication share that they allow,
    which is optimal if all users' signals look alike to the targets and all streams disturb a user alike.

    In the uplink, all α-fair utilities are exponential-cone programs in the variables of
    :class:`~isacfw.ConcaveUplink`, by CVXPY.

    Each answer has a bound from dual variables. It is ``optimal`` if the bound is within 1e-6 of the value,
    relatively.
    """

    name: ClassVar[str] = "conic"
    links: ClassVar[tuple[isacfw.Link, ...]] = ("downlink", "uplink")

    @classmethod
    def unavailable(cls) -> str | None:
        """Import the solver."""
        try:
            import clarabel  # type: ignore[import-untyped]  # noqa: F401
        except ImportError as error:
            return f"Clarabel cannot be imported ({error}); python -m pip install clarabel"
        return None

    def refusal(self, problem: AnyProblem) -> str | None:
        """Return why there is no convex program for the problem; None if there is one."""
        if isinstance(problem, UplinkProblem):
            return uplink_refusal(problem)
        objective = problem.objective
        if isinstance(objective, isacfw.LeastPower | isacfw.LeastCRLB):
            return None
        form = objective.fairness if isinstance(objective, Utility) else None
        if form is not None and np.isinf(form.alpha):
            return None
        if form is None or not form.of_sinr or form.alpha != 1:
            return (
                f"{objective.name} is not concave in the shares of power, and NP-hard to maximise if users"
                " interfere in pairs; sca and ipopt find local optima, and scip bounds them"
            )
        streams = problem.stream_coupling is not None and bool(problem.stream_coupling.any())
        if problem.limited and (streams or problem.fisher_users is not None):
            return (
                f"{objective.name} under requirements on sensing needs equal Fisher information of all users'"
                " signals, and sensing interference that is common to the streams"
            )
        return None

    def solve(self, problem: AnyProblem) -> Shares:
        """Return optimal shares, with a bound on the value of all others."""
        if (reason := self.refusal(problem)) is not None:  # For callers that do not ask first.
            raise isacfw.IncompatibleError(reason)
        if isinstance(problem, UplinkProblem):
            return solve_uplink(problem)
        try:
            return _solve(problem)
        except IsacError:
            # Requirements that can almost be met are hard to tell from those that can.
            if not str(problem.infeasibility):
                raise
            return _without_answer(problem)


def _solve(problem: PowerAllocationProblem) -> Shares:
    objective = problem.objective
    if isinstance(objective, isacfw.LeastPower):
        return _least_power(problem)
    if isinstance(objective, isacfw.LeastCRLB):
        return _least_crlb(problem, objective)
    form = _fairness(problem)
    return _product(problem, form) if form.of_sinr and form.alpha == 1 else _max_min(problem, form)


def _fairness(problem: PowerAllocationProblem) -> isacfw.Fairness:
    assert isinstance(problem.objective, Utility)
    assert problem.objective.fairness is not None
    return problem.objective.fairness


def _least_power(problem: PowerAllocationProblem) -> Shares:
    program = problem.share_program(single=True)
    found = None if program is None else program.least_power(_floors(problem))
    if found is None or found.bound > 1 + FEASIBILITY_TOLERANCE:
        return _without_answer(problem)
    return _answer(problem, found.shares, found.value, found.bound)


def _least_crlb(problem: PowerAllocationProblem, objective: isacfw.LeastCRLB) -> Shares:
    selected, summed = objective.selected(problem.known), objective.measure == "sum"
    program = problem.share_program(single=True, objective=selected if summed else None)
    if program is None:
        return _without_answer(problem)
    linear = _floors(problem)
    found = program.least_sum(linear=linear) if summed else program.smallest_ratio(selected, linear)
    return _without_answer(problem) if found is None else _answer(problem, found.shares, found.value, found.bound)


def _max_min(problem: PowerAllocationProblem, form: isacfw.Fairness) -> Shares:
    program = problem.share_program(single=True)
    if program is None:
        return _without_answer(problem)
    ascent = _Ascent(problem, program)
    shares = ascent.run()
    if shares is None:
        return _without_answer(problem)
    reached = np.array([ascent.level, ascent.bound()])
    value, bound = reached if form.of_sinr else problem.rates_of(reached)
    return attrs.evolve(_answer(problem, shares, float(value), float(bound)), iterations=ascent.iterations)


class _Ascent:
    """Dinkelbach's algorithm for the largest smallest SINR."""

    def __init__(self, problem: PowerAllocationProblem, program: Any) -> None:
        self.problem, self.program = problem, program
        self.floors = _floors(problem)
        self.level, self.iterations = 0.0, 0
        users, streams = problem.users, problem.streams
        equal = np.full(users, 0.5 / users), np.full(streams, 0.5 / streams)
        self.disturbance = problem.disturbance(*equal)

    def run(self) -> FloatArray | None:
        """Return shares with the largest smallest SINR; None if the requirements are infeasible."""
        best = None
        for self.iterations in range(1, _STEPS + 1):
            try:
                found = self.margin(self.level)
            except IsacError:
                if best is not None:
                    break
                found = self._least()
            before = self.level
            if found is None or not self._move_to(found.shares):
                break
            best = found.shares
            if self.level <= before * (1 + _CLOSE):
                break
        return best

    def _least(self) -> Any:
        """Return all of the power in the proportions of the least that suffices; None if it does not."""
        least = self.program.least_power(self.floors)
        if least is None or least.bound > 1 + FEASIBILITY_TOLERANCE or not least.value > 0:
            return None
        return attrs.evolve(least, shares=least.shares / least.shares.sum())

    def _move_to(self, shares: FloatArray) -> bool:
        """Continue from shares if their smallest SINR is larger, and return whether it is."""
        x, q = shares[: self.problem.users], shares[self.problem.users :]
        level = float(self.problem.sinr(x, q).min())
        if level <= self.level:
            return False
        self.level, self.disturbance = level, self.problem.disturbance(x, q)
        return True

    def bound(self) -> float:
        """Return a smallest SINR that no shares exceed; infinite if none is found."""
        distance = _BRACKET
        while distance < 1:
            level = self.level * (1 + distance)
            try:
                found = self.margin(level)
            except IsacError:
                return np.inf
            if found is None or found.bound < 0:
                return level
            distance *= 10
        return np.inf

    def margin(self, level: float) -> Any:
        """Return the solution of the conic program at a level of the SINRs."""
        limits = self.problem.rate_limits(np.full(self.problem.users, level))
        growth = self.disturbance / self.problem.gain
        growth = level * growth if level > 0 else growth / growth.sum()
        rows, least = limits.rows, limits.least
        if self.floors is not None:
            rows, least = np.concatenate([rows, self.floors.rows]), np.concatenate([least, self.floors.least])
            growth = np.concatenate([growth, np.zeros(len(self.floors.least))])
        return self.program.largest_margin(attrs.evolve(limits, rows=rows, least=least, growth=growth))


def _product(problem: PowerAllocationProblem, form: isacfw.Fairness) -> Shares:
    limited = problem.limited
    f, mix = problem.best_mix if limited else (np.asarray(1.0), np.full(problem.streams, 1 / problem.streams))
    if np.isnan(f):
        return _without_answer(problem)
    coupling = np.zeros((problem.users, problem.users)) if problem.coupling is None else problem.coupling
    largest = float(problem.largest_share_bound) if limited else 1.0
    found = largest_product(
        problem.gain,
        problem.common_interference[:, None] + coupling,
        problem.sensing_interference * (1 - f) + 1,
        float(f),
        weights=form.weights_of(problem.users),
        least=np.zeros(problem.users) if problem.least_sinr is None else problem.least_sinr,
        most=(largest, problem.sensing_interference * (1 - largest) + 1),
    )
    if found is None:
        return _without_answer(problem)
    (x, bound), q = found, (1 - f) * mix
    return _answer(problem, np.concatenate([x, q]), float(problem.value(x, q)), bound)


def _floors(problem: PowerAllocationProblem) -> Any:
    """Return the least SINRs as linear limits on the shares; None if there are none."""
    least = problem.least_sinr
    if least is None or not least.any():
        return None
    limits = problem.rate_limits(least)
    wanted = least > 0
    return limits if wanted.all() else attrs.evolve(limits, rows=limits.rows[wanted], least=limits.least[wanted])


def _answer(problem: PowerAllocationProblem, shares: FloatArray, value: float, bound: float) -> Shares:
    """Return shares of users and streams, optimal if the bound says so."""
    size = max(abs(value), 1.0) if problem.objective.reported().signed else abs(value)
    gap = abs(value - bound)
    optimal = gap <= _GAP * size
    streams = shares[problem.users :]
    return Shares(
        communication=shares[: problem.users],
        sensing=streams if problem.streams > 1 else streams[0],
        status=Status.OPTIMAL if optimal else Status.FEASIBLE,
        message="" if optimal else f"the bound is {gap:.2g} from the value",
        bound=bound,
    )


def _without_answer(problem: PowerAllocationProblem) -> Shares:
    """Return the certificate of infeasibility, or a failure if there is none."""
    if message := str(problem.infeasibility):
        return Shares.none(problem, Status.INFEASIBLE, message)
    return Shares.none(problem, Status.FAILED, "Clarabel finds no shares, but the requirements can be met")


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register the conic programs."""
    return [Conic]
