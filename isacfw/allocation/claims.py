"""Claims of allocators that do not hold, with the sentences that say why."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray, in_rows, sum_last
from .any_problem import AnyProblem
from .closed_form import has_closed_form
from .problem import FEASIBILITY_TOLERANCE, PowerAllocationProblem

_CLOSE = 1.01
_SAME = 1 + 1e-12

Doubts = dict[tuple[int, ...], str]
"""Sentences by the index of a row."""


@attrs.frozen(kw_only=True, eq=False)
class Answer:
    """Shares of a batch of problems, and what follows from them.

    Parameters
    ----------
    problem : PowerAllocationProblem or UplinkProblem
        The problem.
    x, q : ndarray, shapes (..., K) and (..., S)
        Shares of users and streams; NaN where there are none.
    crlb : ndarray, shape (..., 2T)
        Their CRLBs.
    violation : ndarray, shape (...)
        Largest relative violation of a constraint.
    """

    problem: AnyProblem
    x: FloatArray
    q: FloatArray
    crlb: FloatArray
    violation: FloatArray

    def doubts(self, improvable: NDArray[np.bool_], rise: FloatArray, *, local: NDArray[np.bool_]) -> Doubts:
        """Return a sentence about each row whose claim does not hold, by its index.

        Parameters
        ----------
        improvable : ndarray of bool, shape (...)
            Rows with a better value nearby, or at the optimum.
        rise : ndarray, shape (...)
            By how much it is better, relatively.
        local : ndarray of bool, shape (...)
            Rows reported as locally optimal, and not as optimal.
        """
        found: Doubts = {}
        for index in map(tuple, np.argwhere(improvable)):
            found[index] = self._explain(float(rise[index]), local=bool(local[index]))
        return found

    def inaccuracies(self, claimed: NDArray[np.bool_]) -> Doubts:
        """Return a sentence about each claim whose limits rounding errors keep from being verified, by index."""
        found: Doubts = {}
        if not claimed.any():
            return found
        error = self._error()
        for index in map(tuple, np.argwhere(claimed & (error > 0))):
            found[index] = (
                f"its CRLBs are accurate to {error[index]:.2g} only, since the Fisher information is close to"
                " singular, so the limits cannot be verified"
            )
        return found

    def contradicts_certificate(self, infeasible: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return where a report of infeasibility without an answer does not agree with the certificate; (...)."""
        missing = infeasible & np.isnan(self.violation)
        return missing & self.problem.requirements_can_be_met if missing.any() else missing

    def _error(self) -> FloatArray:
        """Return the relative error of a CRLB where it matters: the limit may be exceeded; 0 elsewhere."""
        problem = self.problem
        if not isinstance(problem, PowerAllocationProblem) or not problem.limits_crlbs:
            return np.zeros(problem.batch_shape)
        errors = self._crlb_errors(problem)
        with np.errstate(invalid="ignore", over="ignore"):
            beyond = self.crlb * (1 + errors) > problem.crlb_limit * (1 + FEASIBILITY_TOLERANCE)
            matters = beyond & np.isfinite(problem.crlb_limit) & (errors > FEASIBILITY_TOLERANCE)
            if problem.crlb_sum_limit is not None and problem.crlb_sum_weights is not None:
                counted = problem.crlb_sum_weights > 0
                most = np.where(counted, problem.crlb_sum_weights * (self.crlb * (1 + errors))[..., None, :], 0.0)
                over = most.sum(axis=-1) > problem.crlb_sum_limit * (1 + FEASIBILITY_TOLERANCE)
                matters |= (over[..., None] & counted).any(axis=-2) & (errors > FEASIBILITY_TOLERANCE)
        return np.asarray(np.where(matters, errors, 0.0).max(axis=-1))

    def _crlb_errors(self, problem: PowerAllocationProblem) -> FloatArray:
        """Return the relative error of each CRLB; once for rows that share a sensing problem and its split."""
        shape = problem.line.shape
        if shape[-1:] in ((), (1,)) and problem.fisher_users is None and problem.fisher_streams is None:
            parts = sum_last(self.x), sum_last(self.q)
            # Changes of both shares by a factor change the error by such a factor.
            if math.prod(shape) == 1 and all(part.max() <= _CLOSE * part.min() for part in parts):
                one = (0,) * len(problem.batch_shape)
                return problem[one].crlb_error(self.x[one], self.q[one])
            if problem.batch_shape and all(map(_same_in_drops, parts)):
                x, q = (in_rows(part[..., :1, :]) for part in (self.x, self.q))
                first = (*[slice(None)] * (len(problem.batch_shape) - 1), slice(1))
                return problem[first].crlb_error(x, q)
        return problem.crlb_error(self.x, self.q)

    def _explain(self, rise: float, *, local: bool) -> str:
        if np.isnan(rise):
            return "this could not be verified"
        gain = f"{100 * rise:.2g} %" if rise < 10 else "more than 1000 %"
        if not local or (isinstance(self.problem, PowerAllocationProblem) and has_closed_form(self.problem)):
            return f"another allocation {self._change} by {gain}"
        return f"a feasible direction {self._change} by {gain} to first order"

    @property
    def _change(self) -> str:
        """The improvement of the objective as a verb with its object."""
        objective = self.problem.objective
        named = objective.reported().description
        return f"{'raises' if objective.rises else 'lowers'} the {named[:1].lower()}{named[1:]}"


def _same_in_drops(values: FloatArray) -> bool:
    """Return whether values (..., D) do not depend on the last axis, but for rounding errors."""
    return bool((values.max(axis=-1) <= _SAME * values.min(axis=-1)).all())
