"""The convex problem of one iteration of successive convex approximation, for CVXPY."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import attrs
import numpy as np

from isacfw import FloatArray, IncompatibleError, PowerAllocationProblem

Surrogate = Literal["reciprocal", "logarithmic"]


@attrs.frozen
class Limits:
    """Limits of the two angles, the Fisher information scaled to a diagonal of order one.

    Attributes
    ----------
    communication, sensing, required : ndarray, shape (2, N, N)
        For each angle, `f * communication + q * sensing - required` must be positive semidefinite; N is 2 for an
        aligned beam, where the angles do not couple with α, and 4 otherwise.
    """

    communication: FloatArray
    sensing: FloatArray
    required: FloatArray

    @classmethod
    def of(cls, problem: PowerAllocationProblem, aligned: bool) -> Limits:
        """Return the limits of a problem; where an angle has none, they ask for f + q >= 0."""
        size = 2 if aligned else 4
        fisher = np.stack([problem.fisher_communication, problem.fisher_sensing])[:, :size, :size]
        diagonal = np.diagonal(fisher.sum(axis=0))
        scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        limited = np.isfinite(problem.crlb_limit)[:, None, None]
        communication, sensing = np.where(limited, (fisher * np.outer(scale, scale))[:, None], np.eye(size))
        required = np.zeros((2, size, size))
        required[[0, 1], [0, 1], [0, 1]] = scale[:2] ** 2 / problem.crlb_limit
        return cls(communication, sensing, required)


@attrs.frozen
class Disturbance:
    """Noise and interference of each user, in parts of what it receives in all.

    Attributes
    ----------
    noise, b, c : ndarray, shape (K,)
        Noise, and interference per unit of q and of f.
    coupling : ndarray, shape (K, K), or None
        Interference per unit of each ratio.
    """

    noise: FloatArray
    b: FloatArray
    c: FloatArray
    coupling: FloatArray | None


@attrs.frozen
class Approximation:
    """Numbers of the convex problem around a point; the unknowns t are ratios of the users' shares to `scale`.

    Attributes
    ----------
    scale, signal : ndarray, shape (K,)
        Unit of each user's share, and the coefficient of its ratio in the surrogate.
    price_f, price_q : float
        What a unit of f and of q costs all users through their interference.
    price_t : ndarray, shape (K,), or None
        The same for the ratios, where there is coupling.
    disturbance : Disturbance or None
        What the logarithms of the surrogate hold besides signals; None with reciprocals.
    """

    scale: FloatArray
    signal: FloatArray
    price_f: float
    price_q: float
    price_t: FloatArray | None
    disturbance: Disturbance | None

    @classmethod
    def around(
        cls, problem: PowerAllocationProblem, x: FloatArray, q: FloatArray, surrogate: Surrogate
    ) -> Approximation:
        """Return the surrogate that touches the sum rate of a problem at a point."""
        b, c = problem.sensing_interference, problem.common_interference
        disturbance = problem.disturbance(x, q)
        # A start can give a user far less than its due: with logarithms a scale of 1 / K at least keeps the
        # ratios bounded, whereas the reciprocals are of order one only in ratios to the last point.
        scale = x if surrogate == "reciprocal" else np.maximum(x, 1 / problem.users)
        coupling = None if problem.coupling is None else problem.coupling * scale
        signal = problem.gain * scale
        received = signal + disturbance
        signal = signal / received
        relative = None
        if surrogate == "reciprocal":
            # The solver's tolerances are absolute: an objective of order one keeps them relative to the rate.
            signal /= signal.sum()
            price = signal / disturbance
        else:
            price = 1 / disturbance
            coupled = None if coupling is None else coupling / received[:, None]
            relative = Disturbance(1 / received, b / received, c / received, coupled)
        price_t = None if coupling is None else price @ coupling
        return cls(scale, signal, float(price @ c), float(price @ b), price_t, relative)


class Model:
    """Problem (61) as it reads, compiled once and parametrised for every iteration."""

    def __init__(self, users: int, surrogate: Surrogate, aligned: bool, coupled: bool, solver: str) -> None:
        import cvxpy as cp

        self.solver = solver
        self.ratio = cp.Variable(users, nonneg=True)
        self.f, self.q = cp.Variable(nonneg=True), cp.Variable(nonneg=True)
        self.scale, self.signal = (cp.Parameter(users, nonneg=True) for _ in range(2))
        self.price_f, self.price_q = cp.Parameter(nonneg=True), cp.Parameter(nonneg=True)
        objective = -self.price_f * self.f - self.price_q * self.q
        if coupled:
            self.price_t = cp.Parameter(users, nonneg=True)
            objective -= self.price_t @ self.ratio
        if surrogate == "reciprocal":
            objective -= self.signal @ cp.inv_pos(self.ratio)
        else:
            self.noise, self.b, self.c = (cp.Parameter(users, nonneg=True) for _ in range(3))
            received = self.noise + self.b * self.q + self.c * self.f + cp.multiply(self.signal, self.ratio)
            if coupled:
                self.coupling = cp.Parameter((users, users), nonneg=True)
                received += self.coupling @ self.ratio
            objective += cp.sum(cp.log(received))
        size = 2 if aligned else 4
        self.communication, self.sensing, self.required = (
            [cp.Parameter((size, size), symmetric=True) for _ in range(2)] for _ in range(3)
        )
        constraints = [self.f == self.scale @ self.ratio, self.f + self.q <= 1]
        constraints += [self._limit(angle) for angle in range(2)]
        self.problem = cp.Problem(cp.Maximize(objective), constraints)
        assert self.problem.is_dcp(dpp=True)

    def _limit(self, angle: int) -> Any:
        """Return the limit of one angle as a cone constraint."""
        import cvxpy as cp

        matrix = self.communication[angle] * self.f + self.sensing[angle] * self.q - self.required[angle]
        if matrix.shape[0] > 2:
            return matrix >> 0
        first, second, cross = matrix[0, 0], matrix[1, 1], matrix[0, 1]
        return cp.SOC(first + second, cp.hstack([2 * cross, first - second]))

    def limited(self, limits: Limits) -> Model:
        """Return the model with its limits set."""
        for name in ("communication", "sensing", "required"):
            for parameter, value in zip(getattr(self, name), getattr(limits, name), strict=True):
                parameter.value = value
        return self

    def solve(self, approximation: Approximation) -> tuple[FloatArray, float] | str:
        """Return the ratios and `q` that solve the problem, or why there is none."""
        import cvxpy as cp

        numbers = attrs.asdict(approximation)
        numbers |= numbers.pop("disturbance") or {}
        for name, value in numbers.items():
            if value is not None:
                getattr(self, name).value = value
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                # A warm start would make a result depend on the problems solved before it.
                self.problem.solve(solver=self.solver, warm_start=False)
        except cp.SolverError as error:
            if self.solver not in cp.installed_solvers():
                installed = ", ".join(cp.installed_solvers())
                raise IncompatibleError(f"solver must be one of {installed}, got {self.solver!r}") from None
            return f"an error: {' '.join(str(error).split())}"
        if self.problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return str(self.problem.status)
        return self.ratio.value, float(self.q.value)
