"""The best value of an objective where it has a closed form: a certificate for answers of iterative solvers."""

from __future__ import annotations

import numpy as np

from ..base.numbers import FloatArray, sum_last
from .least import LeastCRLB, LeastPower
from .problem import FEASIBILITY_TOLERANCE, PowerAllocationProblem
from .utilities import FairUtility

_LARGEST_INVERSE = 1e300


def has_closed_form(problem: PowerAllocationProblem) -> bool:
    """Return whether :func:`best_value` is known: all signals look alike, and interference is common to all."""
    if problem.fisher_users is not None or problem.fisher_streams is not None or problem.coupled:
        return False
    return isinstance(problem.objective, FairUtility | LeastPower | LeastCRLB)


def best_value(problem: PowerAllocationProblem) -> FloatArray:
    r"""Return the best value of the objective within the requirements, NaN if these are infeasible; (...).

    Parameters
    ----------
    problem : PowerAllocationProblem
        With :func:`has_closed_form`.

    Notes
    -----
    Of a utility, at the largest share for communication that the requirements on sensing allow, with the
    utility's split; of the least power, or CRLB, on the trade-off of :attr:`PowerAllocationProblem.splits`.
    """
    shape = problem.batch_shape
    if isinstance(problem.objective, FairUtility):
        f = np.broadcast_to(problem.largest_communication_share, shape)
        lost = np.isnan(f)
        x, q = _best_split(problem, problem.objective, np.where(lost, 0.0, f)), 1 - f
    else:
        f, q = (np.broadcast_to(part, shape) for part in (problem.splits.communication, problem.splits.sensing))
        lost = np.isnan(f)
        x = problem.least_split(np.where(lost, 0.0, f), np.where(lost, 0.0, q))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        value = problem.value(np.broadcast_to(x, (*shape, problem.users)), q)
    return np.where(lost, np.nan, value)


def _best_split(problem: PowerAllocationProblem, utility: FairUtility, total: FloatArray) -> FloatArray:
    """Return the users' best shares of a total at full power; NaN if it does not suffice for minimum rates."""
    shape = (*problem.batch_shape, problem.users)
    f = total[..., None]
    inverse = problem.sensing_interference * (1 - f) + problem.common_interference * f + 1
    with np.errstate(over="ignore"):
        inverse = np.minimum(inverse / np.maximum(problem.gain, 1 / _LARGEST_INVERSE), _LARGEST_INVERSE)
    inverse = np.array(np.broadcast_to(inverse, shape), order="C")
    least = problem.least_sinr
    if least is None:
        return utility.split(inverse, total)
    with np.errstate(over="ignore"):
        floor = np.minimum(least * inverse, _LARGEST_INVERSE)
    needed = sum_last(floor)
    missed = needed > total * (1 + FEASIBILITY_TOLERANCE)
    floor[missed] = 0.0
    excess = np.divide(total, needed, out=np.ones_like(total), where=needed > 0)
    found = np.array(utility.split(inverse, total, floor * np.minimum(1.0, excess)[..., None]))
    found[missed] = np.nan
    return found
