"""Standing of allocators in each drop: distances to the best of them, and gaps to the best bound."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.numbers import FloatArray

BINDING = 1e-4
"""Largest relative margin at which a requirement binds."""


_EXACT = 1e-9
"""Violation, relative to the limits, up to which a value does not owe anything to their tolerance."""


def without_tolerance(
    values: FloatArray, bounds: FloatArray, violations: FloatArray, feasible: Any, *, better: int, axis: int = 0
) -> FloatArray:
    """Return values of which those count as the best bound of their drop that are beyond it by a tolerance.

    A feasible answer may violate a limit by its tolerance. At limits that can just be met, that may raise its
    value by a per cent above the optimum, and is no merit.

    Parameters
    ----------
    values, bounds, violations : ndarray
        Objective, bounds of it, NaN for none, and largest relative violations of the limits.
    feasible : ndarray of bool
        Whether an answer is feasible; the values of others are as they were.
    better, axis
        See :func:`distances_to_best`.

    Returns
    -------
    ndarray
        Values of answers that meet all limits are as they were.
    """
    bounds = better * bounds
    best = np.where(np.isnan(bounds), np.inf, bounds).min(axis=axis, keepdims=True)
    with np.errstate(invalid="ignore"):
        beyond = feasible & (violations > _EXACT) & (better * values > best)
    return np.where(beyond, better * best, values)


def distances_to_best(
    values: FloatArray, feasible: Any, *, better: int, scale: float, axis: int = 0
) -> tuple[FloatArray, Any]:
    """Return the distance to the best feasible value of each drop, and where there is one.

    Parameters
    ----------
    values, feasible : ndarray
        Objective, and whether it is that of a feasible answer.
    better : int
        1 if larger values are better, -1 if smaller ones are.
    scale : float
        Smallest magnitude to which distances are relative.
    axis : int
        The axis of the allocators, which has length 1 in the second array that is returned.
    """
    within = np.where(feasible, better * values, -np.inf)
    best = better * within.max(axis=axis, keepdims=True)
    solvable = np.isfinite(best)
    reference = np.maximum(np.abs(best), scale)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(solvable & (reference > 0), (values - best) / reference, np.nan), solvable


def bound_gaps(
    values: FloatArray, bounds: FloatArray, feasible: Any, *, better: int, scale: float, axis: int = 0
) -> FloatArray:
    """Return the gap to the best bound of each drop that any allocator found; NaN where there is none.

    Parameters
    ----------
    values, feasible, better, scale, axis
        See :func:`distances_to_best`.
    bounds : ndarray
        Bounds of the objective; NaN for none.
    """
    bounds = better * bounds
    best = np.where(np.isnan(bounds), np.inf, bounds).min(axis=axis, keepdims=True)
    reference = np.maximum(np.abs(values), scale)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = (best - better * values) / reference
        return np.where(feasible & np.isfinite(best) & (reference > 0), np.maximum(gap, 0.0), np.nan)
