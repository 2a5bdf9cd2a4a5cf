"""Feasible points of successive convex approximation: to start from, and close to those of a solver."""

from __future__ import annotations

import numpy as np

from isacfw import FEASIBILITY_TOLERANCE, FloatArray, InnerShares, PowerAllocationProblem

_SHORTEST = 1e-14


def inner_point(problem: PowerAllocationProblem) -> tuple[FloatArray, FloatArray] | None:
    """Return feasible shares of all users and streams where equal parts are infeasible; None if all are."""
    if problem.fisher_users is None and problem.fisher_streams is None:
        return None
    x, q, ratio = problem.feasible_shares()
    if ratio > 1 + FEASIBILITY_TOLERANCE:
        return None
    return _mix_with_all(problem, x, q)


def _mix_with_all(problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return feasible shares with a part for every user and stream."""
    # Shares of zero would remain zero: the reciprocals are relative to the last point.
    f = x.sum() if x.sum() > 0 else 0.5
    all_users = problem.equal_split * f
    all_streams = np.full(problem.streams, (x.sum() + q.sum() - f) / problem.streams)
    weight = 0.25
    while weight > 1e-9:
        mixed = x + weight * (all_users - x), q + weight * (all_streams - q)
        if problem.violation(*mixed) <= FEASIBILITY_TOLERANCE / 2:
            return mixed
        weight /= 4
    return x + weight * (all_users - x), q + weight * (all_streams - q)


def mix_with_equal_parts(problem: PowerAllocationProblem, inner: InnerShares) -> tuple[FloatArray, FloatArray]:
    """Return feasible shares between inner ones and equal parts of the power, as close to these as possible."""
    ends = problem.equal_split / 2, np.full(problem.streams, 0.5 / problem.streams)
    weight = 1.0
    while weight > 1e-9:
        mixed = inner.x + weight * (ends[0] - inner.x), inner.q + weight * (ends[1] - inner.q)
        if problem.violation(*mixed) <= FEASIBILITY_TOLERANCE / 2:
            return mixed
        weight /= 2
    return mixed


def within_limits(
    problem: PowerAllocationProblem, x: FloatArray, q: FloatArray, allowed: float = FEASIBILITY_TOLERANCE / 2
) -> tuple[FloatArray, FloatArray]:
    """Return shares that are feasible to a tolerance, moved towards the best ones for sensing if need be.

    The convex solver's tolerance is absolute, and large relative to the limits close to infeasibility.
    """
    if problem.violation(x, q) <= allowed:
        return x, q
    # More power never violates a limit.
    total = x.sum() + q.sum()
    x, q = x / total, q / total
    if problem.violation(x, q) <= allowed:
        return x, q
    inner_x, inner_q, ratio = problem.feasible_shares()
    if not ratio <= 1 + allowed:
        return x, q
    # Keep shares that do not affect the limits.
    if problem.fisher_users is None and x.sum() > 0:
        inner_x = x * (inner_x.sum() / x.sum())
    if problem.fisher_streams is None and q.sum() > 0:
        inner_q = q * (inner_q.sum() / q.sum())

    def there(weight: float) -> tuple[FloatArray, FloatArray]:
        return x + weight * (inner_x - x), q + weight * (inner_q - q)

    high = 1.0
    while high > _SHORTEST and problem.violation(*there(high / 10)) <= allowed:
        high /= 10
    low = high / 10
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if problem.violation(*there(middle)) <= allowed else (middle, high)
    return there(high)
