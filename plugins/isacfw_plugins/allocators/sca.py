"""Algorithm 1: successive convex approximation."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import FloatArray, InputError, PowerAllocationProblem, Shares, Status
from isacfw.errors import shown
from isacfw.problem import FEASIBILITY_TOLERANCE
from isacfw.validators import choice, integer, number, text

from ._sca_cones import ConeProgram, Layout
from ._sca_model import Approximation, Limits, Model, Surrogate


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
    matrix inequality :math:`J - e_i e_i^T / limit_i \succeq 0` otherwise. Each iteration hands Clarabel the
    numbers of its cone program, whose layout is made once per number of users; other solvers get them through a
    CVXPY problem, which is compiled once too.
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
        if isinstance(outcome, str):
            return f"Clarabel does not solve a problem with a known solution: it reported {outcome}"
        return None

    def solve(self, problem: PowerAllocationProblem) -> Shares:
        """Iterate from the starting point until the sum rate no longer rises."""
        convex = self._convex(problem)
        q = self._initial_sensing_share(problem)
        if np.isnan(q):
            return Shares.none(problem, Status.INFEASIBLE, str(problem.infeasibility))
        x = (1 - q) * problem.equal_split
        history = [float(problem.sum_rate(x, q))]
        met = self.initial == "smallest" or bool(problem.violation(x, q) <= FEASIBILITY_TOLERANCE)
        status, message = Status.FEASIBLE, f"stopped at the limit of {self.max_iterations} iterations"
        for _ in range(self.max_iterations):
            outcome = self._step(problem, convex, x, q)
            if isinstance(outcome, str):
                if len(history) == 1:
                    return _failure(problem, outcome)
                message = f"stopped early: the convex solver reported {outcome}"
                break
            rate = float(problem.sum_rate(*outcome))
            rise = rate - history[-1]
            # A step loses by the solver's tolerance, or from a start that breaks the limits.
            if rise >= 0 or not met:
                x, q = outcome
            history.append(max(rate, history[-1]) if met else rate)
            if met and rise <= self.tolerance * rate:
                status, message = Status.LOCALLY_OPTIMAL, ""
                break
            met = True
        return Shares(
            communication=x,
            sensing=q,
            status=status,
            message=message,
            iterations=len(history) - 1,
            history=tuple(history),
        )

    def _convex(self, problem: PowerAllocationProblem) -> ConeProgram | Model:
        aligned = problem.aligned
        compiled = _compiled(self.solver, problem.users, self.surrogate, aligned, problem.coupling is not None)
        return compiled.limited(Limits.of(problem, aligned))

    def _step(
        self, problem: PowerAllocationProblem, convex: ConeProgram | Model, x: FloatArray, q: FloatArray
    ) -> tuple[FloatArray, FloatArray] | str:
        """Return the solution of the approximation around a point, or why there is none."""
        around = Approximation.around(problem, x, q, self.surrogate)
        outcome = convex.solve(around)
        if isinstance(outcome, str):
            return outcome
        ratio, q_found = outcome
        return np.maximum(around.scale * ratio, 0.0), np.asarray(max(q_found, 0.0))

    def _initial_sensing_share(self, problem: PowerAllocationProblem) -> FloatArray:
        if self.initial == "smallest":
            return np.asarray(1 - problem.largest_communication_share)
        return np.asarray(0.5 if self.initial == "half" else float(self.initial))


def _one_user() -> tuple[FloatArray, float] | str:
    identity, one = np.broadcast_to(np.eye(2), (2, 2, 2)), np.ones(1)
    program = Layout(1, "reciprocal", aligned=True, coupled=False).limited(
        Limits(identity, identity, 0 * identity)
    )
    return program.solve(Approximation(one, one, 0.0, 0.0, None, None))


def _failure(problem: PowerAllocationProblem, outcome: str) -> Shares:
    status = Status.INFEASIBLE if outcome.startswith("infeasible") else Status.FAILED
    return Shares.none(problem, status, f"the convex solver reported {outcome}")


@lru_cache(maxsize=32)
def _compiled(solver: str, users: int, surrogate: Surrogate, aligned: bool, coupled: bool) -> Layout | Model:
    if solver == "CLARABEL":
        return Layout(users, surrogate, aligned, coupled)
    return Model(users, surrogate, aligned, coupled, solver)


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register successive convex approximation."""
    return [SCA]
