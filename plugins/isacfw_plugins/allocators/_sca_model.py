"""The convex problem of one iteration of successive convex approximation, for CVXPY."""

from __future__ import annotations

import math
from typing import Any, Literal

import attrs
import numpy as np

from isacfw import FloatArray, PowerAllocationProblem, seconds_left

from ._limits import Kind, Limits

Surrogate = Literal["reciprocal", "logarithmic"]
_LEAST_UNIT = 1e-3


@attrs.frozen
class Disturbance:
    """Noise and interference of each user, relative to its total received power.

    Attributes
    ----------
    noise, c : ndarray, shape (K,)
        Noise, and interference per unit of f.
    b : ndarray, shape (K, S)
        Interference per unit of each stream.
    coupling : ndarray, shape (K, K), or None
        Interference per unit of each ratio.
    """

    noise: FloatArray
    b: FloatArray
    c: FloatArray
    coupling: FloatArray | None


@attrs.frozen(kw_only=True)
class NoSolution:
    """The reason why a convex problem has no solution.

    Parameters
    ----------
    reported : str
        Status reported by the solver.
    infeasible : bool
        Whether it found the problem infeasible.
    """

    reported: str
    infeasible: bool = False


@attrs.frozen
class Approximation:
    """Numbers of the convex problem at a point; the unknowns t are ratios of the users' shares to `scale`.

    Attributes
    ----------
    scale, signal : ndarray, shape (K,)
        Unit of each user's share, and the coefficient of its ratio in the surrogate.
    price_f : float
        Cost of a unit of f to all users through their interference.
    price_q : ndarray, shape (S,)
        Cost of a unit of each stream.
    price_t : ndarray, shape (K,), or None
        Cost of the ratios, if there is coupling.
    disturbance : Disturbance or None
        Noise and interference in the logarithms of the surrogate; None with reciprocals.
    """

    scale: FloatArray
    signal: FloatArray
    price_f: float
    price_q: FloatArray
    price_t: FloatArray | None
    disturbance: Disturbance | None

    @classmethod
    def around(
        cls,
        problem: PowerAllocationProblem,
        x: FloatArray,
        q: FloatArray,
        surrogate: Surrogate,
        *,
        careful: bool = False,
    ) -> Approximation:
        """Return the surrogate that touches the sum rate of a problem at a point.

        With `careful`, nearly zero shares get a larger unit; otherwise the solver's tolerance leaves them
        undetermined.
        """
        c = problem.common_interference
        b = np.repeat(problem.sensing_interference[:, None], problem.streams, axis=1)
        if problem.stream_coupling is not None:
            b = b + problem.stream_coupling
        disturbance = problem.disturbance(x, q)
        # The start can give a user far less than the optimum: with logarithms, a scale of at least 1 / K keeps
        # the ratios bounded, whereas reciprocals are of order one only in ratios to the last point.
        scale = x if surrogate == "reciprocal" else np.maximum(x, 1 / problem.users)
        if careful:
            scale = np.maximum(scale, _LEAST_UNIT * x.sum() / problem.users)
        coupling = None if problem.coupling is None else problem.coupling * scale
        signal = problem.gain * (x if surrogate == "reciprocal" else scale)
        received = signal + disturbance
        signal = signal / received
        relative = None
        if surrogate == "reciprocal":
            # The solver's tolerances are absolute: an objective of order one keeps them relative to the rate.
            signal /= signal.sum() or 1.0
            price = signal / disturbance
            if careful:
                signal = signal * np.divide(x, scale, out=np.ones_like(x), where=scale > 0)
        else:
            price = 1 / disturbance
            coupled = None if coupling is None else coupling / received[:, None]
            relative = Disturbance(1 / received, b / received[:, None], c / received, coupled)
        price_t = None if coupling is None else price @ coupling
        return cls(scale, signal, float(price @ c), _price(price, b), price_t, relative)


def _price(price: FloatArray, b: FloatArray) -> FloatArray:
    # Column by column, so that one stream gives the same bits as a vector product.
    return np.array([price @ np.ascontiguousarray(column) for column in b.T])


def time_options(solver: str) -> dict[str, float]:
    """Return the option of CVXPY's solver for the time limit that runs; nothing if there is none."""
    left = seconds_left()
    names = {"CLARABEL": "time_limit", "SCS": "time_limit_secs", "HIGHS": "time_limit", "SCIPY": "time_limit"}
    return {names[solver]: left} if solver in names and math.isfinite(left) else {}


class Model:
    """Problem (61) as stated, compiled once and parametrised for every iteration."""

    def __init__(self, kind: Kind, surrogate: Surrogate, solver: str) -> None:
        import cvxpy as cp

        self.solver = solver
        self.ratio = cp.Variable(kind.users, nonneg=True)
        self.f, self.q = cp.Variable(nonneg=True), cp.Variable(kind.streams, nonneg=True)
        self.scale, self.signal = (cp.Parameter(kind.users, nonneg=True) for _ in range(2))
        self.price_f, self.price_q = cp.Parameter(nonneg=True), cp.Parameter(kind.streams, nonneg=True)
        objective = -self.price_f * self.f - self.price_q @ self.q
        if kind.coupled:
            self.price_t = cp.Parameter(kind.users, nonneg=True)
            objective -= self.price_t @ self.ratio
        if surrogate == "reciprocal":
            objective -= self.signal @ cp.inv_pos(self.ratio)
        else:
            self.noise, self.c = (cp.Parameter(kind.users, nonneg=True) for _ in range(2))
            self.b = cp.Parameter((kind.users, kind.streams), nonneg=True)
            received = self.noise + self.b @ self.q + self.c * self.f + cp.multiply(self.signal, self.ratio)
            if kind.coupled:
                self.coupling = cp.Parameter((kind.users, kind.users), nonneg=True)
                received += self.coupling @ self.ratio
            objective += cp.sum(cp.log(received))
        constraints = [self.f == self.scale @ self.ratio, self.f + cp.sum(self.q) <= 1]
        users, streams = [self.f], [cp.sum(self.q)]
        if kind.users_differ:
            self.x = cp.Variable(kind.users)
            constraints.append(self.x == cp.multiply(self.scale, self.ratio))
            users = [self.x[k] for k in range(kind.users)]
        if kind.streams_differ:
            streams = [self.q[s] for s in range(kind.streams)]
        self.limits = [
            _LimitParameters(len(users), len(streams), kind.order)
            for _ in range(kind.limits if kind.order else 0)
        ]
        constraints += [limit.met([*users, *streams]) for limit in self.limits]
        self.problem = cp.Problem(cp.Maximize(objective), constraints)
        assert self.problem.is_dcp(dpp=True)

    def set_limits(self, limits: Limits) -> Model:
        """Return the model with its limits set."""
        for parameters, users, streams, required in zip(
            self.limits, limits.users, limits.streams, limits.required, strict=True
        ):
            for parameter, value in zip(parameters.matrices, [*users, *streams, required], strict=True):
                parameter.value = (value + value.T) / 2
        return self

    def solve(
        self, approximation: Approximation, *, careful: bool = False
    ) -> tuple[FloatArray, FloatArray] | NoSolution:
        """Return the ratios and the streams' shares that solve the problem, or why there is none.

        `careful` has an effect with Clarabel only.
        """
        import cvxpy as cp

        numbers = attrs.asdict(approximation)
        numbers |= numbers.pop("disturbance") or {}
        for name, value in numbers.items():
            if value is not None:
                getattr(self, name).value = value
        try:
            # Not Problem.solve, which warns about inaccuracy: warnings cannot be caught in one thread only.
            data, chain, inverse = self.problem.get_problem_data(self.solver, solver_opts={})
            # A warm start would make a result depend on the problems solved before it.
            raw = chain.solve_via_data(
                self.problem, data, warm_start=False, verbose=False, solver_opts=time_options(self.solver)
            )
            solution = chain.invert(raw, inverse)
            if solution.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
                self.problem.unpack(solution)
        except cp.SolverError as error:
            return NoSolution(reported=f"an error: {' '.join(str(error).split())}")
        if solution.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            infeasible = solution.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE)
            return NoSolution(reported=str(solution.status), infeasible=infeasible)
        return self.ratio.value, self.q.value


class _LimitParameters:
    """The matrices of one limit: those of the signals, and the required one."""

    def __init__(self, users: int, streams: int, order: int) -> None:
        import cvxpy as cp

        self.order = order
        self.matrices = [cp.Parameter((order, order), symmetric=True) for _ in range(users + streams + 1)]

    def met(self, shares: list[Any]) -> Any:
        """Return the limit as a cone constraint."""
        import cvxpy as cp

        *signals, required = self.matrices
        matrix = sum(signal * share for signal, share in zip(signals, shares, strict=True)) - required
        if self.order > 2:
            return matrix >> 0
        first, second, cross = matrix[0, 0], matrix[1, 1], matrix[0, 1]
        return cp.SOC(first + second, cp.hstack([2 * cross, first - second]))
