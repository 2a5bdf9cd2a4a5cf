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
    FloatArray,
    InnerShares,
    InputError,
    PowerAllocationProblem,
    Shares,
    Status,
    inner_shares,
)
from isacfw.validators import choice, integer, number, text

from ._goals import fairness_of, is_usual, refuse_unknown
from ._lender import Lender
from ._limits import Kind, Limits, refuse_displaced
from ._sca_ascent import Ascent, Convex, GoalAscent
from ._sca_cones import Layout
from ._sca_goal_model import GoalModel
from ._sca_goals import GoalProgram
from ._sca_model import Approximation, Model, NoSolution, Surrogate
from ._sca_points import inner_point, mix_with_equal_parts


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
            return Ascent(self, problem, convex, *start).run()

    def _solve_goal(self, problem: PowerAllocationProblem) -> Shares:
        """Return the answer for any utility and all requirements."""
        inner, limits = inner_shares(problem), problem.information_limits()
        if limits is None or inner.infeasibility:
            return Shares.none(problem, Status.INFEASIBLE, str(problem.infeasibility) or inner.infeasibility)
        program = GoalProgram if self.solver == _DIRECT else GoalModel
        convex = program(problem, self.surrogate, limits, self.solver)
        return GoalAscent(self, problem, convex, *self._inner_start(problem, inner), inner).run()

    def _inner_start(self, problem: PowerAllocationProblem, inner: InnerShares) -> tuple[FloatArray, FloatArray]:
        """Return the shares to start from, between them and inner ones if they violate a requirement."""
        start = self.start(problem)
        if start is not None and problem.violation(*start) <= FEASIBILITY_TOLERANCE / 2:
            return start
        return mix_with_equal_parts(problem, inner)

    @contextmanager
    def convex(self, problem: PowerAllocationProblem, limits: Limits) -> Iterator[Convex]:
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
                return inner_point(problem)
        else:
            share = np.asarray(0.5 if self.initial == "half" else float(self.initial))
        return (1 - share) * problem.equal_split, problem.stream_shares(problem.equal_split, share)


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


MODELS: Lender[Model] = Lender(32)
"""Compiled CVXPY problems, which change in place: each is used by one thread at a time."""

layout_of = lru_cache(maxsize=32)(Layout)


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register successive convex approximation."""
    return [SCA]
