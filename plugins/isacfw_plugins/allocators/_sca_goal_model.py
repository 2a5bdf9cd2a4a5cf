"""The convex problem of an iteration for any utility and all requirements, for CVXPY."""

from __future__ import annotations

from typing import Any

import numpy as np

import isacfw
from isacfw import FloatArray, PowerAllocationProblem

from ._goals import Goal, fairness_of
from ._sca_goals import GoalApproximation, Terms
from ._sca_model import NoSolution, Surrogate, time_options


class GoalModel:
    """The problem as stated, which is built anew for every iteration.

    Parameters
    ----------
    problem : PowerAllocationProblem
        The problem.
    surrogate : str
        Surrogate of each rate.
    limits : InformationLimits
        Its limits on CRLBs and their sums.
    solver : str
        CVXPY's name of a conic solver.
    """

    def __init__(
        self,
        problem: PowerAllocationProblem,
        surrogate: Surrogate,
        limits: isacfw.InformationLimits,
        solver: str,
    ) -> None:
        self.problem, self.surrogate, self.limits, self.solver = problem, surrogate, limits, solver
        self.goal = Goal.of(problem, limits)

    def build(self, around: GoalApproximation) -> tuple[Any, Any, Any]:
        """Return the problem, its ratios t and the shares q of its streams."""
        import cvxpy as cp

        ratio = cp.Variable(self.problem.users, nonneg=True)
        q = cp.Variable(self.problem.streams, nonneg=True)
        x = cp.multiply(around.scale, ratio)
        moving = cp.hstack([cp.sum(x), q, ratio])
        if self.surrogate == "reciprocal":
            own = cp.multiply(around.factor, cp.inv_pos(ratio))
        else:
            own = cp.log(around.received[:, 0] + around.received[:, 1:] @ moving)
        rates = around.offset + own - cp.multiply(around.price, around.interference @ moving)
        constraints = [cp.sum(x) + cp.sum(q) <= 1, *self._limits(x, q)]
        if len(around.floors):
            constraints.append(around.floors[:, 0] + around.floors[:, 1:] @ moving >= 0)
        if len(around.linear):
            constraints.append(around.linear[:, 0] + around.linear[:, 1:] @ cp.hstack([ratio, q]) >= 0)
        return cp.Problem(cp.Maximize(self._utility(rates, around.present)), constraints), ratio, q

    def _utility(self, rates: Any, present: FloatArray) -> Any:
        """Return the utility, up to a factor and a constant."""
        import cvxpy as cp

        fairness, goal = fairness_of(self.problem), self.goal
        assert fairness is not None
        terms = Terms.of(goal, fairness.weights_of(self.problem.users), present)
        if goal.form == "smallest":
            return cp.min(rates)
        served = np.flatnonzero(goal.served)
        weights, rates = terms.weights[served], cp.multiply(1 / terms.units[served], rates[served])
        if goal.alpha == 0 or goal.of_sinr:
            return weights @ rates
        if goal.alpha == 1:
            return weights @ cp.log(rates)
        return weights @ cp.power(rates, 1 - goal.alpha) / (1 - goal.alpha)

    def _limits(self, x: Any, q: Any) -> list[Any]:
        """Return limits on CRLBs, and on their sums, without matrix inequalities."""
        import cvxpy as cp

        limits = self.limits
        if not limits.angles:
            return []
        shares = [x[k] for k in range(self.problem.users)] if limits.users_differ else [cp.sum(x)]
        shares += [q[s] for s in range(self.problem.streams)] if limits.streams_differ else [cp.sum(q)]
        fisher = sum(signal * share for signal, share in zip(limits.signals, shares, strict=True))
        crlb = [cp.matrix_frac(direction, (fisher + fisher.T) / 2) for direction in limits.directions]
        constraints = [crlb[number] <= 1 for number in limits.plain]
        for weights in limits.sums:
            members = zip(weights, limits.bordered, strict=True)
            constraints.append(sum(weight * crlb[number] for weight, number in members) <= 1)
        return constraints

    def solve(
        self, around: GoalApproximation, *, careful: bool = False
    ) -> tuple[FloatArray, FloatArray] | NoSolution:
        """Return the ratios and the streams' shares that solve the problem, or why there is none.

        `careful` has no effect.
        """
        import cvxpy as cp

        problem, ratio, q = self.build(around)
        try:
            data, chain, inverse = problem.get_problem_data(self.solver, solver_opts={})
            raw = chain.solve_via_data(
                problem, data, warm_start=False, verbose=False, solver_opts=time_options(self.solver)
            )
            solution = chain.invert(raw, inverse)
            if solution.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
                problem.unpack(solution)
        except cp.SolverError as error:
            return NoSolution(reported=f"an error: {' '.join(str(error).split())}")
        if solution.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            infeasible = solution.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE)
            return NoSolution(reported=str(solution.status), infeasible=infeasible)
        return np.asarray(ratio.value), np.asarray(q.value)
