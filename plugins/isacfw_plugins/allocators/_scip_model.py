"""A SCIP model of a problem in shares, in which the limits on CRLBs are linear cuts, and runs of SCIP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from isacfw import FloatArray, seconds_left

from ._shares import ShareProblem

TOLERANCE = 1e-6
"""SCIP's tolerance of constraints, relative to their size, and that of the framework."""
_WAIT_S = 0.02
_POINTS = 3


@attrs.frozen(eq=False)
class Target:
    """What a run starts from, and what it has to achieve.

    Attributes
    ----------
    start : ndarray, shape (B,)
        Feasible shares, positive.
    value : float
        Value of the objective there.
    gap : float
        Absolute gap at which to stop.
    seconds : float
        Longest time.
    """

    start: FloatArray
    value: float
    gap: float
    seconds: float


@attrs.frozen(eq=False)
class Cuts:
    r"""Linear constraints that every feasible point meets, and points at which to linearise concave utilities.

    Attributes
    ----------
    limits : ndarray, shape (n, B)
        Coefficients a of :math:`a^T p \ge 1`.
    sinrs : ndarray, shape (m, K)
        SINRs at earlier answers.
    """

    limits: FloatArray
    sinrs: FloatArray


@attrs.frozen(eq=False)
class Outcome:
    """What a run of SCIP found.

    Attributes
    ----------
    bound : float
        Bound on the value of the objective; infinite if SCIP found none.
    points : list of ndarray, shape (B,)
        Shares of the solutions, the best first; of the limits they need meet the cuts only.
    nodes : int
        Number of nodes of the search.
    closed : bool
        Whether SCIP closed the gap.
    failure : str
        What SCIP reported if it failed, for instance if numbers differ by too many orders of magnitude.
    """

    bound: float
    points: list[FloatArray]
    nodes: int
    closed: bool
    failure: str = ""


@attrs.frozen(eq=False)
class Units:
    """The units of a SCIP model.

    Attributes
    ----------
    value_of : callable
        Turns SCIP's bound into one on the value of the objective.
    gap : float
        The absolute gap in SCIP's units.
    margin : float
        By how much SCIP's tolerances may affect its bound, in its units.
    """

    value_of: Callable[[float], float]
    gap: float
    margin: float


class ScipModel:
    """The shares, cuts and minimum rates of a problem in SCIP, without an objective.

    Parameters
    ----------
    problem : ShareProblem
        The problem.
    cuts : Cuts
        The cuts that represent its limits.
    target : Target
        Where to start.
    """

    def __init__(self, problem: ShareProblem, cuts: Cuts, target: Target) -> None:
        import pyscipopt

        self.problem, self.cuts, self.target = problem, cuts, target
        self.scip = pyscipopt.Model()
        self.scip.hideOutput()
        self.scip.setParam("misc/catchctrlc", False)
        # IPOPT's ordering (METIS) in PySCIPOpt's wheels overruns its memory; the local method is the framework's.
        self.scip.setParam("nlp/disable", True)
        # Otherwise SoPlex prints that it cannot reach the tolerances that SCIP asks for.
        self.scip.setParam("constraints/nonlinear/tightenlpfeastol", False)
        self.scip.setParam("limits/time", max(min(target.seconds, seconds_left()), 0.01))
        self._start: list[tuple[Any, float]] = []
        self.shares = [self.variable(0, 1, float(share)) for share in target.start]
        self.scip.addCons(self.sum(np.ones(problem.signals)) == 1)
        for cut in cuts.limits:
            # Relaxed by the tolerance within which the framework counts limits as met, and by SCIP's.
            size = float(cut.max())
            self.scip.addCons(self.sum(cut / size) >= (1 - 2 * TOLERANCE) / size)
        for row in problem.floors(2 * TOLERANCE):
            self.scip.addCons(self.sum(row / np.abs(row).max()) >= 0)

    def variable(self, lower: float, upper: float, start: float) -> Any:
        """Return a variable with its value at the start."""
        variable = self.scip.addVar(lb=float(lower), ub=float(max(lower, upper)))
        self._start.append((variable, min(max(start, lower), max(lower, upper))))
        return variable

    def sum(self, row: FloatArray) -> Any:
        """Return a linear function of the shares, of coefficients (B,)."""
        import pyscipopt

        return pyscipopt.quicksum(
            float(number) * share for number, share in zip(row, self.shares, strict=True) if number
        )

    def affine(self, row: FloatArray) -> tuple[Any, float, float]:
        """Return a variable for row · p + 1 relative to its smallest value, that value, and the largest ratio."""
        low, high = 1 + float(row.min()), 1 + float(row.max())
        at = 1 + float(row @ self.target.start)
        variable = self.variable(1.0, high / low, at / low)
        self.scip.addCons(variable == self.sum(row / low) + 1 / low)
        return variable, low, high / low

    def maximise(self, terms: list[Any], units: Units) -> None:
        """Set the objective, the gap and the starting point."""
        import pyscipopt

        self.units = units
        self.scip.setObjective(pyscipopt.quicksum(terms), "maximize")
        self.scip.setParam("limits/absgap", max(units.gap - units.margin, 0.1 * units.gap))
        solution = self.scip.createSol()
        for variable, value in self._start:
            self.scip.setSolVal(solution, variable, value)
        self.scip.addSol(solution)

    def run(self, due: Callable[[], bool]) -> Outcome:
        """Run SCIP, and stop it when that is due."""
        # In a thread, and without the interpreter's lock, so that this one can stop it.
        failures: list[Exception] = []
        thread = threading.Thread(target=self._optimise, args=(failures,), daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(_WAIT_S)
            if due():
                self.scip.interruptSolve()
        if failures:
            return Outcome(bound=np.inf, points=[], nodes=0, closed=False, failure=str(failures[0]))
        dual = float(self.scip.getDualbound())
        found = abs(dual) < 0.1 * self.scip.infinity()
        return Outcome(
            bound=self.units.value_of(dual + self.units.margin) if found else np.inf,
            points=[self._shares_of(solution) for solution in self.scip.getSols()[:_POINTS]],
            nodes=int(self.scip.getNTotalNodes()),
            closed=self.scip.getStatus() in ("optimal", "gaplimit"),
        )

    def _optimise(self, failures: list[Exception]) -> None:
        try:
            self.scip.optimizeNogil()
        except Exception as error:
            failures.append(error)

    def _shares_of(self, solution: Any) -> FloatArray:
        found = np.array([max(float(self.scip.getSolVal(solution, share)), 0.0) for share in self.shares])
        return np.asarray(found / found.sum())
