"""A nonlinear program in CVXPY for all problems of one structure, whose numbers are its parameters."""

from __future__ import annotations

import warnings
from typing import Any

import attrs
import numpy as np

from isacfw import FloatArray

from ._shares import ShareProblem

_WEAK = 1e-7
"""SINR below which a rate is proportional to it."""


@attrs.frozen
class Structure:
    """What problems must have in common to share a program.

    Attributes
    ----------
    users, signals : int
        Numbers K and B.
    utility : {"sum", "logarithm", "power", "minimum", "product"}
        Sum of the rates, of their logarithms, or of a power of them; the smallest SINR, or the product of all.
    floors : int
        Number of minimum rates and linear requirements.
    limits : tuple of tuple of int
        Order of the Fisher information, and number of CRLBs, of each limit.
    """

    users: int
    signals: int
    utility: str
    floors: int
    limits: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, problem: ShareProblem) -> Structure:
        """Return the structure of a problem."""
        fairness = problem.fairness
        kinds = {0.0: "sum", 1.0: "product" if fairness.of_sinr else "logarithm", np.inf: "minimum"}
        return cls(
            users=problem.users,
            signals=problem.signals,
            utility=kinds.get(fairness.alpha, "power"),
            floors=problem.floored,
            limits=tuple((len(limit.factor), limit.factor.shape[1]) for limit in problem.limits),
        )


@attrs.frozen(eq=False)
class Answer:
    """Shares (B,) where Uno stopped, and how: CVXPY's status, and the number of iterations."""

    p: FloatArray
    status: str
    iterations: int


class Program:
    r"""Maximise a utility of the SINRs :math:`t_k`, subject to :math:`t_k y_k = g_k x_k`.

    Parameters
    ----------
    structure : Structure
        The structure of its problems.

    Notes
    -----
    All unknowns are relative to their values at the starting point, which are parameters. A limit
    :math:`\operatorname{tr} S^T J^{-1} S \le 1` is :math:`J Y = S` and :math:`\operatorname{tr} S^T Y \le 1`.
    """

    def __init__(self, structure: Structure) -> None:
        import cvxpy as cp

        self.structure = structure
        users, signals = structure.users, structure.signals
        self._parameters: dict[str, Any] = {}
        self.shares = cp.Variable(signals, bounds=[0, None])
        self.sinr, self.disturbance = cp.Variable(users, bounds=[0, None]), cp.Variable(users, bounds=[0, None])
        self.least = cp.Variable()
        self.solved = [cp.Variable(shape) for shape in structure.limits]
        noise, interference = self._parameter("noise", users), self._parameter("interference", users, signals)
        constraints = [
            self._parameter("start", signals) @ self.shares == 1,
            self.disturbance == interference @ self.shares + noise,
            cp.multiply(self.sinr, self.disturbance) == self.shares[:users],
        ]
        if structure.floors:
            constraints.append(self._parameter("floors", structure.floors, signals) @ self.shares >= 0)
        for number, ((order, sums), solved) in enumerate(zip(structure.limits, self.solved, strict=True)):
            fisher = self._parameter(f"fisher {number}", order**2, signals) @ self.shares
            factor = self._parameter(f"factor {number}", order, sums)
            constraints += [
                cp.reshape(fisher, (order, order), order="C") @ solved == factor,
                cp.sum(cp.multiply(factor, solved)) <= self._parameter(f"limit {number}"),
            ]
        utility = self._utility(constraints)
        self.problem = cp.Problem(cp.Maximize(utility), constraints)

    def _parameter(self, name: str, *shape: int) -> Any:
        import cvxpy as cp

        self._parameters[name] = cp.Parameter(shape)
        return self._parameters[name]

    def _utility(self, constraints: list[Any]) -> Any:
        import cvxpy as cp

        kind, users = self.structure.utility, self.structure.users
        if kind == "minimum":
            constraints.append(cp.multiply(self._parameter("level", users), self.sinr) >= self.least)
            return self.least
        weights = self._parameter("weights", users)
        if kind == "product":
            return weights @ cp.log(self.sinr)
        # Relative to the rates at the start.
        rates = cp.multiply(
            self._parameter("unit", users), cp.log(1 + cp.multiply(self._parameter("level", users), self.sinr))
        )
        rates = rates + cp.multiply(self._parameter("linear", users), self.sinr)
        if kind == "sum":
            return weights @ rates
        logarithms = cp.log(rates)
        if kind == "logarithm":
            return weights @ logarithms
        return weights @ cp.exp(self._parameter("exponent") * logarithms)

    def solve(self, problem: ShareProblem, start: FloatArray, options: dict[str, Any]) -> Answer:
        """Run Uno from positive shares (B,)."""
        import cvxpy as cp

        self._set(problem, start)
        with warnings.catch_warnings():
            # CVXPY warns of answers that Uno calls inaccurate, which the status says too.
            warnings.simplefilter("ignore")
            try:
                self.problem.solve(nlp=True, solver="UNO", logger="SILENT", **options)
            except cp.SolverError:
                return Answer(start, "failed", 0)
        if self.shares.value is None or not np.isfinite(self.shares.value).all():
            return Answer(start, str(self.problem.status), self._iterations())
        found = np.maximum(start * self.shares.value, 0.0)
        return Answer(found / found.sum(), str(self.problem.status), self._iterations())

    def _iterations(self) -> int:
        statistics = self.problem.solver_stats
        return 0 if statistics is None or statistics.num_iters is None else int(statistics.num_iters)

    def _set(self, problem: ShareProblem, start: FloatArray) -> None:
        """Set parameters and starting values."""
        disturbance, sinr = problem.disturbance(start), problem.sinr(start)
        values: dict[str, Any] = {
            "start": start,
            "noise": 1 / disturbance,
            "interference": problem.interference * start / disturbance[:, None],
        }
        if self.structure.floors:
            values["floors"] = problem.floors() * start
        for number, (limit, solved) in enumerate(zip(problem.limits, self.solved, strict=True)):
            size = np.sqrt(1 / limit.value(start))
            values[f"fisher {number}"] = (limit.signals * start[:, None, None]).reshape(len(start), -1).T
            values[f"factor {number}"] = limit.factor / size
            values[f"limit {number}"] = 1 / size**2
            fisher = np.tensordot(start, limit.signals, 1)
            solved.value = np.linalg.solve(fisher, limit.factor / size)
        values |= self._of_utility(problem, sinr)
        for name, parameter in self._parameters.items():
            parameter.value = values[name]
        self.shares.value, self.least.value = np.ones(problem.signals), 1.0
        self.sinr.value, self.disturbance.value = np.ones(problem.users), np.ones(problem.users)

    def _of_utility(self, problem: ShareProblem, sinr: FloatArray) -> dict[str, Any]:
        """Return parameters of the utility, which make it of order one."""
        if self.structure.utility == "minimum":
            return {"level": sinr / sinr.min()}
        alpha, weights = problem.fairness.alpha, np.where(sinr > 0, problem.weights, 0.0)
        weak = problem.largest_sinr < _WEAK
        # The rate of a user without a gain does not matter, but must have a logarithm.
        rates = np.where(sinr > 0, np.log1p(sinr), 1.0)
        values = {
            "level": np.where(weak, 0.0, sinr),
            "unit": np.where(weak, 0.0, 1 / rates),
            "linear": np.where(weak, 1.0, 0.0),
        }
        if self.structure.utility in ("product", "logarithm"):
            return {"weights": weights / weights.sum(), **values}
        each = weights * rates ** (1 - alpha)
        return {"weights": each / (each.sum() * (1 - alpha)), "exponent": 1 - alpha, **values}
