r"""Splits of the power between users and sensing, for users that enter through sums of their requirements alone.

Minimum rates need :math:`f \ge A + B q + C f`, see :attr:`isacfw.PowerAllocationProblem.user_sums`. So a problem
with common interference and equal Fisher information of all users is a point on the trade-off of
:mod:`isacfw.sensing.tradeoff`, which depends on the sensing problem alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from ..sensing.line_tradeoff import LineTradeoff
from ..sensing.splits import Splits
from ..sensing.tradeoff import Tradeoff
from .least import LeastCRLB, LeastPower
from .limited_problem import LimitedProblem
from .objective import Objective
from .water_filling import cache_blocks

_NUMBERS = 4
"""Numbers of a problem that the trade-off keeps at a time, for the size of blocks."""


def best_splits(problem: LimitedProblem, objective: Objective) -> Splits:
    """Return the splits of the least power, or of the least CRLB.

    Parameters
    ----------
    problem : LimitedProblem
        Without coupling, and with the same Fisher information of all users.
    objective : LeastPower or LeastCRLB
        What to minimise.
    """
    if problem.fisher_streams is not None:
        return _mixed_splits(problem, objective)
    sums = problem.user_sums
    if math.prod(problem.line.shape) > 1:
        return _solver(LineTradeoff(line=problem.line), problem, objective)(*sums)
    one = problem[(0,) * len(problem.batch_shape)]
    solve = _solver(LineTradeoff(line=one.line), one, objective)
    found = Splits.empty(problem.batch_shape, 1)
    # In blocks, which fit into the cache, of many drops of one sensing problem.
    for block in cache_blocks(problem.batch_shape, _NUMBERS):
        found.put(block, solve(*(each[block] for each in sums)))
    return found


def _solver(single: LineTradeoff, problem: LimitedProblem, objective: Objective) -> Callable[..., Splits]:
    """Return the function from the users' sums to the splits."""
    if isinstance(objective, LeastPower):
        return single.least_power
    assert isinstance(objective, LeastCRLB)
    selected = objective.selected(problem.known)
    return single.highest(single.sum_level(selected) if objective.measure == "sum" else single.level_of(selected))


def _mixed_splits(problem: LimitedProblem, objective: Objective) -> Splits:
    """Return the splits for streams that share the power: a trade-off for each distinct sensing problem."""
    summed = isinstance(objective, LeastCRLB) and objective.measure == "sum"
    found = Splits.empty(problem.batch_shape, problem.streams)
    for place, one in problem.sensing_problems():
        weights = objective.selected(one.known) if isinstance(objective, LeastCRLB) and summed else None
        program = one.share_program(objective=weights)
        if program is None:
            continue
        sums = [each[place] for each in problem.user_sums]
        tradeoff = Tradeoff(program=program)
        if isinstance(objective, LeastPower):
            solve = tradeoff.least_power
        else:
            solve = tradeoff.least_crlb if summed else tradeoff.least_ratio
        found.put(place, solve(*sums))
    return found


def needed_power(problem: LimitedProblem, where: NDArray[Any], *, certified: bool = True) -> FloatArray:
    """Return the least power that meets all requirements, as a multiple of the transmit power; (...).

    Parameters
    ----------
    problem : LimitedProblem
        With minimum rates.
    where : ndarray of bool, shape (...)
        Problems for which it is wanted; NaN for the others.
    certified : bool
        Whether less power is known not to suffice: the dual bound of a program, and not what it attains.

    Returns
    -------
    ndarray
        Infinite if no power suffices.
    """
    found = np.full(problem.batch_shape, np.nan)
    if not where.any():
        return found
    if problem.fisher_users is None and problem.fisher_streams is None and not problem.coupled:
        power = LineTradeoff(line=problem.line).least_power(*problem.user_sums).power
        return np.where(where, power, np.nan)
    least = problem.least_sinr
    assert least is not None
    least = np.broadcast_to(least, (*problem.batch_shape, problem.users))
    for index in map(tuple, np.argwhere(where)):
        one = problem[index]
        program = one.share_program(single=True)
        best = None if program is None else program.least_power(one.rate_limits(least[index]))
        if best is None:
            found[index] = np.inf
        else:
            found[index] = min(best.value, best.bound) if certified else best.value
    return found
