"""Algorithm 1: successive convex approximation with CVXPY."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any, ClassVar, Literal, final

import attrs
import numpy as np

import isacfw
from isacfw import FloatArray, InputError, PowerAllocationProblem, Shares, Status
from isacfw.errors import shown
from isacfw.validators import choice, integer, number, text

Surrogate = Literal["reciprocal", "logarithmic"]


def _initial_share(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    named = isinstance(value, str) and value in ("smallest", "half")
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1
    if not named and not numeric:
        raise InputError(attribute.name, f"must be 'smallest', 'half' or a number in [0, 1), got {shown(value)}")


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
        :math:`p_0^\ast`), one half, or a number.
    tolerance : float
        Stop when an iteration raises the sum rate by less than this, relatively.
    max_iterations : int
        Stop after this many iterations.
    solver : str
        CVXPY's name of a conic solver.

    Notes
    -----
    With :math:`s_k = g_k x_k`, :math:`y_k = b_k q + c_k f + 1` and the values of the last iteration marked by
    a hat, (55) reads, up to a constant,

    .. math:: \ln(1 + s/y) \ge -\frac{\hat s^2}{\hat s + \hat y} \frac{1}{s}
        - \frac{\hat s}{(\hat s + \hat y) \hat y}\, y .

    The unknowns are ratios :math:`t_k = x_k / \hat x_k`, so that every coefficient is of order one however
    little power a user has. Each limit is a second-order cone, (59)-(60), for an aligned beam, and a linear
    matrix inequality :math:`J - e_i e_i^T / limit_i \succeq 0` otherwise. The problem is compiled once per
    number of users and then only gets new parameters.
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
            import cvxpy as cp

            unknown = cp.Variable()
            cp.Problem(cp.Maximize(-cp.inv_pos(unknown)), [unknown <= 1]).solve(solver="CLARABEL")
        except Exception as error:
            return f"CVXPY with Clarabel does not work ({error}); python -m pip install cvxpy clarabel"
        return None

    def solve(self, problem: PowerAllocationProblem) -> Shares:
        """Iterate from the starting point until the sum rate no longer rises."""
        convex = _compiled(problem.users, self.surrogate, problem.aligned, problem.coupling is not None)
        q = self._initial_sensing_share(problem)
        if np.isnan(q):
            return Shares.none(problem, Status.INFEASIBLE, str(problem.infeasibility))
        x = (1 - q) * problem.equal_split
        convex.set_limits(problem)
        history = [float(problem.sum_rate(x, np.asarray(q)))]
        status, message = Status.FEASIBLE, f"stopped at the limit of {self.max_iterations} iterations"
        for _ in range(self.max_iterations):
            outcome = convex.step(problem, x, q, self.solver)
            if isinstance(outcome, str):
                if len(history) == 1:
                    return _failure(problem, outcome)
                message = f"stopped early: the convex solver reported {outcome}"
                break
            x, q = outcome
            history.append(float(problem.sum_rate(x, np.asarray(q))))
            if history[-1] - history[-2] <= self.tolerance * history[-1]:
                status, message = Status.LOCALLY_OPTIMAL, ""
                break
        return Shares(
            communication=x,
            sensing=np.asarray(q),
            status=status,
            message=message,
            iterations=len(history) - 1,
            history=tuple(history),
        )

    def _initial_sensing_share(self, problem: PowerAllocationProblem) -> float:
        if isinstance(self.initial, str):
            return 0.5 if self.initial == "half" else 1 - float(problem.largest_communication_share)
        return float(self.initial)


def _failure(problem: PowerAllocationProblem, outcome: str) -> Shares:
    status = Status.INFEASIBLE if outcome.startswith("infeasible") else Status.FAILED
    return Shares.none(problem, status, f"the convex solver reported {outcome}")


class _ConvexProblem:
    """Problem (61), compiled once and parametrised for every iteration."""

    def __init__(self, users: int, surrogate: Surrogate, aligned: bool, coupled: bool) -> None:
        import cvxpy as cp

        self.surrogate, self.aligned = surrogate, aligned
        self.ratio = cp.Variable(users, nonneg=True)
        self.f, self.q = cp.Variable(nonneg=True), cp.Variable(nonneg=True)
        self.scale = cp.Parameter(users, nonneg=True)
        self.signal = cp.Parameter(users, nonneg=True)
        self.price_f, self.price_q = cp.Parameter(nonneg=True), cp.Parameter(nonneg=True)
        self.noise, self.b, self.c = (cp.Parameter(users, nonneg=True) for _ in range(3))
        self.price_x = cp.Parameter(users, nonneg=True)
        self.coupling = cp.Parameter((users, users), nonneg=True)
        objective = -self.price_f * self.f - self.price_q * self.q
        if coupled:
            objective -= self.price_x @ self.ratio
        if surrogate == "reciprocal":
            objective -= self.signal @ cp.inv_pos(self.ratio)
        else:
            disturbance = self.noise + self.b * self.q + self.c * self.f
            if coupled:
                disturbance += self.coupling @ self.ratio
            objective += cp.sum(cp.log(disturbance + cp.multiply(self.signal, self.ratio)))
        constraints = [self.f == self.scale @ self.ratio, self.f + self.q <= 1]
        size = 2 if aligned else 4
        self.fisher_c, self.fisher_s, self.required = (
            [cp.Parameter((size, size), symmetric=True) for _ in range(2)] for _ in range(3)
        )
        constraints += [self._cone(cp, angle) for angle in range(2)]
        self.problem = cp.Problem(cp.Maximize(objective), constraints)
        assert self.problem.is_dcp(dpp=True)

    def _cone(self, cp: Any, angle: int) -> Any:
        """Return the limit of one angle as a cone constraint."""
        matrix = self.fisher_c[angle] * self.f + self.fisher_s[angle] * self.q - self.required[angle]
        if not self.aligned:
            return matrix >> 0
        first, second, cross = matrix[0, 0], matrix[1, 1], matrix[0, 1]
        return cp.SOC(first + second, cp.hstack([2 * cross, first - second]))

    def set_limits(self, problem: PowerAllocationProblem) -> None:
        """Set the Fisher information, scaled to a diagonal of order one, and the limits."""
        communication, sensing = problem.fisher_communication, problem.fisher_sensing
        diagonal = np.diagonal(communication + sensing)
        scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        size = self.required[0].shape[0]
        for angle in range(2):
            required = np.zeros((size, size))
            required[angle, angle] = scale[angle] ** 2 / problem.crlb_limit[angle]
            limited = np.isfinite(problem.crlb_limit[angle])
            for parameter, value in (
                (self.fisher_c[angle], communication),
                (self.fisher_s[angle], sensing),
            ):
                scaled = (value * np.outer(scale, scale))[:size, :size]
                parameter.value = scaled if limited else np.eye(size)
            self.required[angle].value = required

    def step(
        self, problem: PowerAllocationProblem, x: FloatArray, q: float, solver: str
    ) -> tuple[FloatArray, float] | str:
        """Return the solution of the approximation around a point, or why there is none."""
        import cvxpy as cp

        b, c = problem.sensing_interference, problem.common_interference
        disturbance = problem.disturbance(x, np.asarray(q))
        # A start can give a user far less than its due: with logarithms a scale of 1 / K at least keeps the
        # ratios bounded, whereas the reciprocals are of order one only in ratios to the last point.
        scale = x if self.surrogate == "reciprocal" else np.maximum(x, 1 / problem.users)
        received = problem.gain * scale + disturbance
        signal = problem.gain * scale / received
        if self.surrogate == "reciprocal":
            # The solver's tolerances are absolute: an objective of order one keeps them relative to the rate.
            signal = signal / signal.sum()
        self.scale.value, self.signal.value = scale, signal
        price = signal / disturbance
        if self.surrogate == "logarithmic":
            price = 1 / disturbance
            self.noise.value, self.b.value, self.c.value = 1 / received, b / received, c / received
        self.price_f.value, self.price_q.value = price @ c, price @ b
        if problem.coupling is not None:
            coupling = problem.coupling * scale
            self.price_x.value, self.coupling.value = price @ coupling, coupling / received[:, None]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                # A warm start would make a result depend on the problems solved before it.
                self.problem.solve(solver=solver, warm_start=False)
        except cp.SolverError as error:
            if solver not in cp.installed_solvers():
                installed = ", ".join(cp.installed_solvers())
                raise isacfw.IncompatibleError(f"solver must be one of {installed}, got {solver!r}") from None
            return f"an error: {' '.join(str(error).split())}"
        if self.problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return str(self.problem.status)
        return np.maximum(scale * self.ratio.value, 0.0), max(float(self.q.value), 0.0)


@lru_cache(maxsize=32)
def _compiled(users: int, surrogate: Surrogate, aligned: bool, coupled: bool) -> _ConvexProblem:
    return _ConvexProblem(users, surrogate, aligned, coupled)


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register successive convex approximation."""
    return [SCA]
