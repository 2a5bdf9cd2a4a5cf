"""Local maximisation of a utility over shares by a primal barrier method, and the search for feasible shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from isacfw import FloatArray

from ._shares import ShareProblem

_LARGEST, _SMALLEST, _FACTOR = 1.0, 1e-10, 0.1
_STEPS, _HALVINGS = 60, 40
_AMPLE = 0.1
RELAXED = 5e-7
"""Part of a limit by which it may be missed where no shares meet it with some slack."""

Terms = tuple[float, FloatArray, FloatArray]
"""Value, gradient (B,) and Hessian (B, B) of a function of the shares."""
Function = Callable[[FloatArray, float], Terms | None]
"""A function of shares and the barrier's weight; None outside its domain."""


@attrs.frozen(eq=False)
class Interior:
    """Shares in the interior of the feasible set, and the tolerance of the limits to which they are."""

    p: FloatArray
    relaxed: float


def find_interior(problem: ShareProblem) -> Interior | None:
    """Return shares that meet all limits and minimum rates with some slack; None if the problem is infeasible.

    Notes
    -----
    Maximises the smallest slack, a concave function. At the barrier weight μ its maximum is at most that of the
    present point plus μ times the number of terms, which proves infeasibility.
    """
    p = np.full(problem.signals, 1 / problem.signals)
    count = len(problem.limits) + problem.floored
    if not count or problem.slack(p) > _AMPLE:
        return Interior(p, 0.0)
    if (problem.least_sinr > problem.largest_sinr).any():
        return None
    rows = problem.floors()

    def smallest(p: FloatArray, weight: float) -> Terms | None:
        return _least_slack(problem, rows, p, weight)

    weight = _LARGEST
    while weight > _SMALLEST:
        p = _climb(smallest, p, weight)
        slack = _slack(problem, rows, p)
        if slack > 10 * count * weight or slack > _AMPLE:
            return Interior(p, 0.0)
        if slack + 2 * (count + len(p)) * weight < -RELAXED:
            return None
        weight *= _FACTOR
    if slack > RELAXED / 10:
        return Interior(p, 0.0)
    return Interior(p, RELAXED) if slack > -0.8 * RELAXED else None


def maximise(problem: ShareProblem, start: Interior, largest: float = _LARGEST) -> FloatArray:
    """Return shares from which no small feasible step improves the utility, by a barrier from an interior point.

    Parameters
    ----------
    problem : ShareProblem
        The problem.
    start : Interior
        Where to start, and the tolerance of the limits.
    largest : float
        First weight of the barrier; the smaller, the closer the answer to the start.
    """
    rows = problem.floors(start.relaxed)
    utility = utility_of(problem, start.p)

    def objective(p: FloatArray, weight: float) -> Terms | None:
        value = utility(p, weight)
        if value is None:
            return None
        for limit in problem.limits:
            level = limit.level(p)
            if level is None or level[0] <= 1 - start.relaxed:
                return None
            value = _add_log(value, level[0] - 1 + start.relaxed, level[1], level[2], weight)
        for row in rows:
            if row @ p <= 0:
                return None
            value = _add_log(value, float(row @ p), row, None, weight)
        return value

    p, weight = start.p, largest
    while weight >= _SMALLEST:
        p = _climb(objective, p, weight)
        weight *= _FACTOR
    return p


def between(problem: ShareProblem, inner: Interior, outer: FloatArray) -> FloatArray:
    """Return the last feasible point of a segment that begins in the interior; (B,)."""
    low, high = 0.0, 1.0
    if problem.slack(outer) >= -inner.relaxed:
        return outer
    for _ in range(60):
        middle = (low + high) / 2
        inside = problem.slack(inner.p + middle * (outer - inner.p)) >= -inner.relaxed
        low, high = (middle, high) if inside else (low, middle)
    return np.asarray(inner.p + low * (outer - inner.p))


def utility_of(problem: ShareProblem, at: FloatArray) -> Function:
    """Return the utility, scaled to order one, as a function of shares; for max-min, its smoothed logarithm."""
    fairness, users = problem.fairness, problem.users
    of_sinr = fairness.of_sinr or bool(np.isinf(fairness.alpha))
    interference, gain = problem.interference, problem.gain
    weights = problem.weights
    active = (gain > 0) & ((weights > 0) | np.isinf(fairness.alpha))
    magnitude = _magnitude(problem, active, at)

    def function(p: FloatArray, weight: float) -> Terms | None:
        if not (p > 0).all():
            return None
        y = interference @ p + 1
        received = gain * p[:users]
        if not active.any():
            return 0.0, np.zeros(len(p)), np.zeros((len(p), len(p)))
        forms = np.zeros_like(interference) if of_sinr else interference.copy()
        forms[np.arange(users), np.arange(users)] += gain
        numerator = received if of_sinr else received + y
        below = interference / y[:, None]
        above = np.divide(forms, numerator[:, None], out=np.zeros_like(forms), where=active[:, None])
        with np.errstate(divide="ignore"):
            argument = np.log(received / y) if of_sinr else np.log1p(received / y)
        value, slope, bend, rank_one = _outer(problem, argument, active, weight, magnitude)
        inner = (above - below) if of_sinr else _rate_slopes(below, received, numerator, gain)
        gradient = slope @ inner
        hessian = -(above.T * slope) @ above + (below.T * slope) @ below + (inner.T * bend) @ inner
        if rank_one is not None:
            along = rank_one @ inner
            hessian += np.outer(along, along)
        return value, gradient, hessian

    return function


def _rate_slopes(below: FloatArray, received: FloatArray, numerator: FloatArray, gain: FloatArray) -> FloatArray:
    """Return the derivatives of ln(1 + SINR) without the cancellation at low SINRs; (K, B)."""
    slopes = -below * (received / numerator)[:, None]
    users = np.arange(len(gain))
    slopes[users, users] += gain / numerator
    return np.asarray(slopes)


def _magnitude(problem: ShareProblem, active: Any, at: FloatArray) -> float:
    """Return the logarithm of the scale of the utility at shares."""
    alpha = problem.fairness.alpha
    if problem.fairness.of_sinr or np.isinf(alpha) or not active.any():
        return 0.0
    sizes = np.log(problem.weights[active])
    if alpha != 1:
        rates = problem.scale * np.log1p(problem.sinr(at)[active])
        sizes = sizes + (1 - alpha) * np.log(rates)
    return float(np.logaddexp.reduce(sizes))


def _outer(
    problem: ShareProblem, argument: FloatArray, active: Any, weight: float, magnitude: float
) -> tuple[float, FloatArray, FloatArray, FloatArray | None]:
    """Return the utility of ln(1 + SINR), or ln SINR: value, gradient, diagonal of the Hessian, and its rest."""
    alpha, slope, bend = problem.fairness.alpha, np.zeros(len(argument)), np.zeros(len(argument))
    if np.isinf(alpha):
        own = soft_minimum(argument[active], weight)
        slope[active], bend[active] = own[1], own[2]
        rank_one = np.zeros(len(argument))
        rank_one[active] = own[3]
        return own[0], slope, bend, rank_one
    weights = problem.weights[active]
    if problem.fairness.of_sinr:
        slope[active] = weights / weights.sum()
        return float(slope[active] @ argument[active]), slope, bend, None
    rates = argument[active]
    log_size = np.log(weights) - magnitude
    if alpha == 1:
        size = np.exp(log_size)
        slope[active], bend[active] = size / rates, -size / rates**2
        return float(size @ np.log(rates)), slope, bend, None
    each = np.exp(log_size + (1 - alpha) * np.log(problem.scale * rates))
    slope[active], bend[active] = each / rates, -alpha * each / rates**2
    return float(each.sum() / (1 - alpha)), slope, bend, None


def soft_minimum(values: FloatArray, weight: float) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    r"""Return the barrier's smoothed minimum, gradient, and Hessian as a diagonal and a vector of rank one.

    Notes
    -----
    :math:`\max_t t + \mu \sum_k \ln(v_k - t)`, where :math:`\sum_k \mu / (v_k - t) = 1`.
    """
    distance = values - values.min()
    low, high = weight, weight * len(values)
    for _ in range(100):
        if high - low <= 1e-16 * high:
            break
        total = (weight / (low + distance)).sum()
        # Newton's method on a convex, decreasing function, from below.
        low = min(low + (total - 1) / (weight / (low + distance) ** 2).sum(), high)
        if total - 1 <= 1e-14:
            break
    gap = low + distance
    slope = weight / gap
    square = slope**2 / weight
    rank_one = square / np.sqrt(square.sum())
    return float(values.min() - low + weight * np.log(gap).sum()), slope, -square, rank_one


def _least_slack(problem: ShareProblem, rows: FloatArray, p: FloatArray, weight: float) -> Terms | None:
    """Return the smoothed minimum of all slacks."""
    if not (p > 0).all():
        return None
    levels = [limit.level(p) for limit in problem.limits]
    if any(level is None for level in levels):
        return None
    known = [level for level in levels if level is not None]
    values = np.array([*(level[0] - 1 for level in known), *(rows @ p)])
    slopes = np.array([*(level[1] for level in known), *rows])
    value, slope, bend, rank_one = soft_minimum(values, weight)
    along = rank_one @ slopes
    hessian = (slopes.T * bend) @ slopes + np.outer(along, along)
    for share, level in zip(slope, known, strict=False):
        hessian += share * level[2]
    return value, slope @ slopes, hessian


def _slack(problem: ShareProblem, rows: FloatArray, p: FloatArray) -> float:
    return float(min([*(limit.value(p) - 1 for limit in problem.limits), *(rows @ p)]))


def _add_log(value: Terms, slack: float, slope: FloatArray, curvature: FloatArray | None, weight: float) -> Terms:
    """Add weight · ln(slack)."""
    hessian = value[2] - (weight / slack**2) * np.outer(slope, slope)
    if curvature is not None:
        hessian += (weight / slack) * curvature
    return value[0] + weight * np.log(slack), value[1] + (weight / slack) * slope, hessian


def _climb(function: Function, p: FloatArray, weight: float) -> FloatArray:
    """Return the maximiser of a function and the barrier of the shares, at constant sum, by Newton's method."""

    def whole(p: FloatArray) -> Terms | None:
        value = function(p, weight)
        return None if value is None else (value[0] + weight * np.log(p).sum(), value[1], value[2])

    present = whole(p)
    if present is None:
        return p
    for _ in range(_STEPS):
        step, rise = _newton(p, present, weight)
        if not rise > 1e-6 * weight:
            break
        length, moved = min(1.0, 0.95 / max(float((-step).max()), 1e-300)), False
        for _ in range(_HALVINGS):
            there = p * (1 + length * step)
            value = whole(there / there.sum())
            if value is not None and value[0] > present[0] + 1e-4 * length * rise:
                p, present, moved = there / there.sum(), value, True
                break
            length /= 2
        if not moved:
            break
    return p


def _newton(p: FloatArray, terms: Terms, weight: float) -> tuple[FloatArray, float]:
    """Return a direction of ascent relative to the shares, and its first-order rise."""
    gradient = p * terms[1] + weight
    hessian = terms[2] * np.outer(p, p)
    hessian[np.arange(len(p)), np.arange(len(p))] -= weight
    normal = p / np.linalg.norm(p)
    gradient = gradient - normal * (normal @ gradient)
    hessian = hessian - np.outer(normal, normal @ hessian)
    hessian = hessian - np.outer(hessian @ normal, normal)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    size = np.maximum(np.abs(values), max(1e-3 * weight, 1e-14 * float(np.abs(values).max())))
    step = vectors @ ((vectors.T @ gradient) / size)
    step = step - normal * (normal @ step)
    return step, float(gradient @ step)
