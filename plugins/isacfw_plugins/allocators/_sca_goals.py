r"""The convex problem of an iteration for any utility and all requirements, in Clarabel's form.

With ratios :math:`t_k` of the users' shares to their units, the surrogate of each rate, in nats, or of each
logarithm of a SINR, is :math:`\rho_k = e_k + a_k u_k - p_k I_k`, with the interference :math:`I_k`, which is
linear, and :math:`u_k \ge 1 / t_k` or :math:`u_k \le \ln y_k` as for the sum rate. The utility of these
surrogates is concave and increases in each. It touches the utility at the last point and is below it elsewhere,
so every iteration raises it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

import isacfw
from isacfw import FloatArray, PowerAllocationProblem, limited_settings

from ._goals import Goal, fairness_of
from ._limits import row_sizes
from ._sca_cones import _in_cone, _settings
from ._sca_model import NoSolution, Surrogate

_LEAST_UNIT = 1e-3
_SOLVED = ("Solved", "AlmostSolved")


@attrs.frozen(kw_only=True, eq=False)
class GoalApproximation:
    """Numbers of the convex problem at a point.

    Attributes
    ----------
    scale : ndarray, shape (K,)
        Unit of each user's share.
    factor, price, offset : ndarray, shape (K,)
        :math:`a_k`, :math:`p_k` and :math:`e_k`.
    received : ndarray, shape (K, 1 + 1 + S + K)
        Constant, and coefficients of f, q and t, of :math:`y_k`.
    interference : ndarray, shape (K, 1 + S + K)
        Coefficients of f, q and t of :math:`I_k`.
    present : ndarray, shape (K,)
        Rates in nats, or logarithms of SINRs, at the point.
    floors : ndarray, shape (F, 1 + 1 + S + K)
        Constant, and coefficients of f, q and t, of what must be nonnegative for each minimum rate.
    linear : ndarray, shape (R, 1 + K + S)
        Constant, and coefficients of t and q, of what must be nonnegative for each linear requirement.
    """

    scale: FloatArray
    factor: FloatArray
    price: FloatArray
    offset: FloatArray
    received: FloatArray
    interference: FloatArray
    present: FloatArray
    floors: FloatArray
    linear: FloatArray

    @classmethod
    def around(
        cls,
        problem: PowerAllocationProblem,
        x: FloatArray,
        q: FloatArray,
        surrogate: Surrogate,
        *,
        careful: bool = False,
    ) -> GoalApproximation:
        """Return the surrogates that touch the rates of a problem at a point; see Approximation.around."""
        users, of_sinr = problem.users, _of_sinr(problem)
        reciprocal = surrogate == "reciprocal"
        scale = x if reciprocal else np.maximum(x, 1 / users)
        if careful:
            scale = np.maximum(scale, _LEAST_UNIT * x.sum() / users)
        disturbance, signal = problem.disturbance(x, q), problem.gain * x
        total = signal + disturbance
        interference = np.zeros((users, 1 + problem.streams + users))
        interference[:, 0] = problem.common_interference
        interference[:, 1:-users] = problem.sensing_interference[:, None]
        if problem.stream_coupling is not None:
            interference[:, 1:-users] += problem.stream_coupling
        if problem.coupling is not None:
            interference[:, -users:] = problem.coupling * scale
        own = np.arange(users)
        received = np.zeros((users, 1 + interference.shape[1]))
        if of_sinr:
            share, present = np.ones(users), np.log(np.maximum(signal, 1e-300) / disturbance)
            received[own, own - users] = scale / np.maximum(x, 1e-300)
        else:
            share, present = signal / total, np.log1p(signal / disturbance)
            received[:, 0], received[:, 1:] = 1 / total, interference / total[:, None]
            received[own, own - users] += problem.gain * scale / total
        price = share / disturbance if reciprocal else 1 / disturbance
        ratio = np.divide(x, scale, out=np.ones(users), where=scale > 0)
        least = problem.least_sinr
        floors = np.zeros((0, 1 + interference.shape[1]))
        if least is not None:
            floors = -np.concatenate([np.ones((users, 1)), interference], axis=1) * least[:, None]
            floors[own, own - users] += problem.gain * scale
            floors = floors[least > 0]
            floors /= np.abs(floors).max(axis=1, keepdims=True)
        return cls(
            scale=scale,
            factor=-share * ratio if reciprocal else np.ones(users),
            price=price,
            offset=present + price * (disturbance - 1) + (share if reciprocal else 0.0),
            received=received,
            interference=interference,
            present=present,
            floors=floors,
            linear=_linear_rows(problem, scale),
        )


def _linear_rows(problem: PowerAllocationProblem, scale: FloatArray) -> FloatArray:
    """Return the linear requirements for shares of the users in given units, scaled to order one."""
    if problem.linear_least is None:
        return np.zeros((0, 1 + problem.users + problem.streams))
    units = np.concatenate([scale, np.ones(problem.streams)])
    rows = np.concatenate([-problem.linear_least[:, None], problem.linear_rows * units], axis=1)
    return np.asarray(rows / row_sizes(rows)[:, None])


def _of_sinr(problem: PowerAllocationProblem) -> bool:
    fairness = fairness_of(problem)
    return fairness is not None and fairness.of_sinr


@attrs.frozen(kw_only=True, eq=False)
class Terms:
    """The utility as a sum, or a minimum, of terms in surrogates of order one.

    Attributes
    ----------
    weights : ndarray, shape (K,)
        Weight of each term.
    units : ndarray, shape (K,)
        Units of the surrogates.
    """

    weights: FloatArray
    units: FloatArray

    @classmethod
    def of(cls, goal: Goal, weights: FloatArray, present: FloatArray) -> Terms:
        """Return the terms at present rates; those of users without weight are left out."""
        served = np.array(goal.served)
        if goal.form == "smallest":
            return cls(weights=weights, units=np.ones(len(present)) if goal.of_sinr else present)
        if goal.alpha == 0 or goal.of_sinr:
            return cls(weights=weights / weights.max(), units=np.ones(len(present)))
        units = np.where(served, present, 1.0)
        logarithms = np.log(np.where(served, weights, 1.0)) + (1 - goal.alpha) * np.log(units)
        relative = np.exp(np.minimum(logarithms - logarithms[served].max(), 0.0))
        return cls(weights=np.where(served, relative, 0.0), units=units)


class GoalProgram:
    """Clarabel's problem for one problem, for successive approximations.

    The columns are t, f, q, u, a bound v on each term of the utility (or one on all), and a bound on the CRLB of
    each angle in a sum.

    Parameters
    ----------
    problem : PowerAllocationProblem
        The problem.
    surrogate : str
        Surrogate of each rate.
    limits : InformationLimits
        Its limits on CRLBs and their sums.
    """

    def __init__(
        self,
        problem: PowerAllocationProblem,
        surrogate: Surrogate,
        limits: isacfw.InformationLimits,
        _solver: str = "CLARABEL",
    ) -> None:
        self.problem, self.surrogate, self.limits = problem, surrogate, limits
        self.goal = Goal.of(problem, limits)
        users, streams = problem.users, problem.streams
        self.linear = self.goal.form == "utility" and (self.goal.alpha == 0 or self.goal.of_sinr)
        terms = 0 if self.linear else 1 if self.goal.form == "smallest" else users
        starts = np.cumsum([users, 1, streams, users, terms, limits.bounded])
        self.t, self.f, self.q, self.u, self.v, self.bounds = np.split(np.arange(starts[-1]), starts[:-1])
        self.width = int(starts[-1])

    @property
    def _moving(self) -> NDArray[np.int64]:
        """Columns of f, q and t."""
        return np.concatenate([self.f, self.q, self.t])

    @cached_property
    def _weights(self) -> FloatArray:
        fairness = fairness_of(self.problem)
        assert fairness is not None
        return fairness.weights_of(self.problem.users)

    def solve(
        self, around: GoalApproximation, *, careful: bool = False
    ) -> tuple[FloatArray, FloatArray] | NoSolution:
        """Return the optimal ratios and streams' shares, or the reason why there are none."""
        import clarabel  # type: ignore[import-untyped]
        from scipy import sparse

        terms = Terms.of(self.goal, self._weights, around.present)
        blocks = [*self._shares(around), *self._surrogates(around), *self._utility(around, terms)]
        blocks += self._limits(around)
        blocks = [block for block in blocks if len(block[1])]
        matrix = sparse.csc_array(np.concatenate([block[0] for block in blocks]))
        settings = limited_settings(_settings, self.surrogate, careful=careful)
        program = clarabel.DefaultSolver(
            sparse.csc_array((self.width, self.width)),
            self._cost(around, terms),
            matrix,
            np.concatenate([block[1] for block in blocks]),
            [cone for block in blocks for cone in block[2]],
            settings,
        )
        solution = program.solve()
        status = str(solution.status)
        if status not in _SOLVED and not (careful and status == "InsufficientProgress"):
            infeasible = status in ("PrimalInfeasible", "AlmostPrimalInfeasible")
            return NoSolution(reported="infeasible" if infeasible else status, infeasible=infeasible)
        found = np.array(solution.x)
        return found[self.t], found[self.q]

    def _rows(self, count: int) -> FloatArray:
        return np.zeros((count, self.width))

    def _shares(self, around: GoalApproximation) -> list[Any]:
        """Return the sum of the users' shares, the power, signs, minimum rates and linear requirements."""
        import clarabel

        total, power = self._rows(1), self._rows(1)
        total[0, self.t], total[0, self.f] = around.scale, -1.0
        power[0, self.f], power[0, self.q] = 1.0, 1.0
        signs = -np.eye(self.width)[np.concatenate([self.t, self.q])]
        floors = self._rows(len(around.floors))
        floors[:, self._moving] = -around.floors[:, 1:]
        linear = self._rows(self.goal.linear)
        linear[:, np.concatenate([self.t, self.q])] = -around.linear[:, 1:]
        rows = np.concatenate([power, signs, floors, linear])
        offset = np.concatenate([[1.0], np.zeros(len(signs)), around.floors[:, 0], around.linear[:, 0]])
        return [
            (total, np.zeros(1), [clarabel.ZeroConeT(1)]),
            (rows, offset, [clarabel.NonnegativeConeT(len(offset))]),
        ]

    def _surrogates(self, around: GoalApproximation) -> list[Any]:
        """Return the cones of u."""
        import clarabel

        users = len(self.t)
        rows, offset = self._rows(3 * users), np.zeros((users, 3))
        place = 3 * np.arange(users)
        if self.surrogate == "reciprocal":
            rows[place, self.u], rows[place, self.t] = -1.0, -1.0
            rows[place + 1, self.u], rows[place + 1, self.t] = -1.0, 1.0
            offset[:, 2] = 2.0
            return [(rows, offset.ravel(), [clarabel.SecondOrderConeT(3)] * users)]
        rows[place, self.u] = -1.0
        rows[(place + 2)[:, None], self._moving] = -around.received[:, 1:]
        offset[:, 1], offset[:, 2] = 1.0, around.received[:, 0]
        return [(rows, offset.ravel(), [clarabel.ExponentialConeT()] * users)]

    def _rates(self, around: GoalApproximation, terms: Terms) -> tuple[FloatArray, FloatArray]:
        """Return coefficients and constants of the surrogates in their units."""
        rows = self._rows(len(self.t))
        rows[:, self._moving] = -around.price[:, None] * around.interference
        rows[np.arange(len(self.t)), self.u] += around.factor
        return rows / terms.units[:, None], around.offset / terms.units

    def _utility(self, around: GoalApproximation, terms: Terms) -> list[Any]:
        """Return the cones of v."""
        import clarabel

        if self.linear:
            return []
        users = len(self.t)
        rates, constant = self._rates(around, terms)
        if self.goal.form == "smallest":
            # v is the rise of the minimum, in units of it.
            smallest = float(around.present.min())
            unit = 1.0 if self.goal.of_sinr else smallest
            rates[:, self.v[0]] = -unit / terms.units
            return [(-rates, constant - smallest / terms.units, [clarabel.NonnegativeConeT(users)])]
        served = np.array(self.goal.served)
        rates[~served], constant = 0.0, np.where(served, constant, 1.0)
        rows, offset = self._rows(3 * users), np.zeros((users, 3))
        place, alpha = 3 * np.arange(users), self.goal.alpha
        if alpha == 1:
            rows[place, self.v] = -1.0
            rows[place + 2], offset[:, 1], offset[:, 2] = -rates, 1.0, constant
            return [(rows, offset.ravel(), [clarabel.ExponentialConeT()] * users)]
        if alpha < 1:
            rows[place], offset[:, 0], offset[:, 1] = -rates, constant, 1.0
            rows[place + 2, self.v] = -1.0
            return [(rows, offset.ravel(), [clarabel.PowerConeT(1 - alpha)] * users)]
        rows[place, self.v] = -1.0
        rows[place + 1], offset[:, 1], offset[:, 2] = -rates, constant, 1.0
        return [(rows, offset.ravel(), [clarabel.PowerConeT(1 / alpha)] * users)]

    def _cost(self, around: GoalApproximation, terms: Terms) -> FloatArray:
        if self.linear:
            rates, _ = self._rates(around, terms)
            cost = -terms.weights @ rates
            # The solver's tolerances are absolute: an objective of order one keeps them relative to the rates.
            return np.asarray(cost / (np.abs(cost[self.u]).max() or 1.0))
        cost = np.zeros(self.width)
        if self.goal.form == "smallest":
            cost[self.v] = -1.0
        else:
            cost[self.v] = terms.weights if self.goal.alpha > 1 else -terms.weights
        return cost

    def _limits(self, around: GoalApproximation) -> list[Any]:
        """Return the matrix inequalities of all angles, and the sums."""
        import clarabel

        limits, blocks = self.limits, list[Any]()
        users = self.t if limits.users_differ else self.f
        streams = [self.q[s : s + 1] for s in range(len(self.q))] if limits.streams_differ else [self.q]
        scale = around.scale if limits.users_differ else np.ones(1)
        size = limits.signals.shape[-1]
        for number in sorted({*limits.plain, *limits.bordered}):
            bound = limits.bordered.index(number) if number in limits.bordered else None
            order = size + (bound is not None)
            matrices, fixed = np.zeros((self.width, order, order)), np.zeros((order, order))
            count = len(users)
            matrices[users, :size, :size] = limits.signals[:count] * scale[:, None, None]
            for columns, signal in zip(streams, limits.signals[count:], strict=True):
                matrices[columns, :size, :size] = signal
            direction = limits.directions[number]
            if bound is None:
                fixed[:] = -np.outer(direction, direction)
            else:
                fixed[:size, -1] = fixed[-1, :size] = direction
                matrices[self.bounds[bound], -1, -1] = 1.0
            cone = clarabel.PSDTriangleConeT(order) if order > 2 else clarabel.SecondOrderConeT(3)
            if order == 1:
                cone = clarabel.NonnegativeConeT(1)
            rows = -_vectors(matrices).T
            blocks.append((rows, _vectors(fixed), [cone]))
        rows = self._rows(len(limits.sums) + len(limits.plain))
        rows[: len(limits.sums), self.bounds] = limits.sums
        used = [limits.bordered.index(one) for one in limits.plain if one in limits.bordered]
        rows[len(limits.sums) + np.arange(len(used)), self.bounds[used]] = 1.0
        rows = rows[: len(limits.sums) + len(used)]
        blocks.append((rows, np.ones(len(rows)), [clarabel.NonnegativeConeT(len(rows))]))
        return blocks


def _vectors(matrices: FloatArray) -> FloatArray:
    return matrices[..., 0] if matrices.shape[-1] == 1 else _in_cone(matrices)
