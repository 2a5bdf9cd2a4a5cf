"""Direct solution of the nonconvex problem: a CVXPY nonlinear program solved by Uno."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import (
    Fairness,
    FloatArray,
    PowerAllocationProblem,
    Shares,
    Status,
    interrupts_held_back,
    seconds_left,
)
from isacfw.validators import choice, integer, number

from ._barrier import Interior, between, find_interior
from ._lender import Lender
from ._limits import refuse_displaced
from ._shares import ShareProblem, infeasible, refusal_of
from ._uno_model import Answer, Program, Structure

_INSTALL = 'python -m pip install "isacfw[uno]"'
_PRESETS = {"filtersqp": {"preset": "filtersqp"}, "ipopt": {"preset": "ipopt", "linear_solver": "MUMPS"}}


@final
@attrs.frozen(kw_only=True)
class Uno(isacfw.Allocator):
    r"""The nonconvex problem itself, solved by Uno from one or several starting points.

    Parameters
    ----------
    starts : int
        Number of starting points: the first is well inside the limits, the others are random. The best answer is
        returned.
    seed : int
        Seed of the random starting points.
    tolerance : float
        Uno's ``primal_tolerance`` and ``dual_tolerance``.
    max_iterations : int
        Uno's ``max_iterations``, for each start.
    preset : {"filtersqp", "ipopt"}
        Uno's method: sequential quadratic programming with a filter, or an interior-point method.

    Notes
    -----
    Full power is optimal for every utility that does not fall with any rate, so all shares add up to 1.
    The program, in the SINRs :math:`t_k` with :math:`t_k y_k = g_k x_k`, is a CVXPY problem that is compiled once
    per structure; its derivatives are CVXPY's. C. Vanaret and S. Leyffer, "Unifying nonlinearly constrained
    nonconvex optimization", arXiv:2406.13454.
    """

    name: ClassVar[str] = "uno"

    starts: int = attrs.field(default=1, validator=integer(at_least=1))
    seed: int = attrs.field(default=0, validator=integer(at_least=0))
    tolerance: float = attrs.field(default=1e-9, validator=number(above=0, below=1))
    max_iterations: int = attrs.field(default=500, validator=integer(at_least=1))
    preset: str = attrs.field(default="filtersqp", validator=choice(*_PRESETS))

    @classmethod
    def unavailable(cls) -> str | None:
        """Solve a small problem whose optimum is known."""
        try:
            import unopy  # noqa: F401

            answer = _two_users()
        except ImportError as error:
            return f"Uno needs unopy and CVXPY 1.9 ({error}): {_INSTALL}"
        except Exception as error:
            return f"Uno does not work here ({type(error).__name__}: {error}): {_INSTALL}"
        if not np.allclose(answer.p, [0.5, 0.5, 0.0], atol=1e-5):
            return f"Uno does not solve a problem with a known solution: {_INSTALL}"
        return None

    @property
    def thread_safe(self) -> bool:
        """Whether several threads may solve at a time: CVXPY and BQPD, a solver in Uno, keep global state."""
        return False

    def refusal(self, problem: PowerAllocationProblem) -> str | None:
        """Return a message for objectives that are convex, or unknown."""
        return refuse_displaced(problem) or refusal_of(problem)

    def solve(self, problem: PowerAllocationProblem) -> Shares:
        """Return the best answer over the starting points."""
        # Neither Uno's callbacks nor a program under modification is safe if an exception occurs anywhere.
        with interrupts_held_back() as due:
            shares = ShareProblem.of(problem)
            inner = None if shares is None else find_interior(shares)
            if shares is None or inner is None:
                return infeasible(problem)
            return self._solve(problem, shares, inner, due)

    def _solve(
        self, problem: PowerAllocationProblem, shares: ShareProblem, inner: Interior, due: Callable[[], bool]
    ) -> Shares:
        structure, users = Structure.of(shares), shares.users
        if shares.degenerate:
            return _shares(problem, inner.p, Status.FEASIBLE, "all allocations have the same value")
        found: list[tuple[float, FloatArray, Answer]] = []
        iterations = 0
        with PROGRAMS.lent(structure, lambda: Program(structure)) as program:
            for start in self._starting_points(shares, inner):
                if found and due():
                    break
                answer = program.solve(shares, start, self._options())
                p = between(shares, inner, answer.p)
                found.append((float(problem.value(p[:users], p[users:])), p, answer))
                iterations += answer.iterations
        _, p, answer = max(found, key=lambda one: one[0])
        converged = answer.status in ("optimal", "optimal_inaccurate")
        status = Status.LOCALLY_OPTIMAL if converged else Status.FEASIBLE
        message = "" if answer.status == "optimal" else f"Uno: {answer.status.replace('_', ' ')}"
        return _shares(problem, p, status, message, iterations)

    def _options(self) -> dict[str, Any]:
        return {
            **_PRESETS[self.preset],
            "primal_tolerance": self.tolerance,
            "dual_tolerance": self.tolerance,
            "max_iterations": self.max_iterations,
            **({"time_limit": left} if math.isfinite(left := seconds_left()) else {}),
        }

    def _starting_points(self, shares: ShareProblem, inner: Interior) -> list[FloatArray]:
        """Return feasible, positive shares."""
        generator = np.random.default_rng(self.seed)
        points = [inner.p]
        for _ in range(self.starts - 1):
            edge = between(shares, inner, generator.dirichlet(np.ones(shares.signals)))
            points.append(inner.p + 0.95 * (edge - inner.p))
        return points


def _shares(
    problem: PowerAllocationProblem, p: FloatArray, status: Status, message: str, iterations: int = 0
) -> Shares:
    rest = p[problem.users :]
    return Shares(
        communication=p[: problem.users],
        sensing=rest if problem.streams > 1 else rest[0],
        status=status,
        message=message,
        iterations=iterations,
    )


def _two_users() -> Answer:
    problem = ShareProblem(
        gain=np.full(2, 3.0),
        interference=np.zeros((2, 3)),
        least_sinr=np.zeros(2),
        limits=(),
        scale=1.0,
        fairness=Fairness(alpha=0.0),
    )
    options = {"preset": "filtersqp"}
    return Program(Structure.of(problem)).solve(problem, np.array([0.3, 0.2, 0.5]), options)


PROGRAMS: Lender[Program] = Lender(32)
"""Compiled programs, which change in place: each is used by one thread at a time."""


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register the direct nonconvex solution by Uno."""
    return [Uno]
