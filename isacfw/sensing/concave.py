"""Concave functions of a share of the power: their maxima, and the largest shares at which they meet limits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray

_STEPS = 60


def beyond_layer(
    level_and_slope: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    meets: Callable[[FloatArray], NDArray[np.bool_]],
    share: FloatArray,
    short: NDArray[np.bool_],
) -> FloatArray:
    """Return the largest shares that meet the limits, by bisection from those of the highest level; (...).

    A first signal with almost no information on some parameter lets the information on an angle rise from almost
    nothing, within a part of the power for the second signal that is lost against 1, or whose information is lost
    in rounding errors.

    Parameters
    ----------
    level_and_slope : callable
        Function from shares to the level, concave and nonnegative, and to its derivative.
    meets : callable
        Function from shares to whether they meet the limits.
    share : ndarray, shape (...)
        Shares that are at least the largest ones.
    short : ndarray of bool, shape (...)
        Shares that are to be lowered; all others are returned as they are.

    Returns
    -------
    ndarray
        NaN where no share meets the limits.
    """
    low, high = np.zeros(share.shape), share
    for _ in range(_STEPS):
        middle = (low + high) / 2
        rising = level_and_slope(middle)[1] > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    inside = np.where(level_and_slope(high)[0] > level_and_slope(low)[0], high, low)
    met, outside = meets(inside), share
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        fits = meets(middle)
        inside, outside = np.where(fits, middle, inside), np.where(fits, outside, middle)
    return np.where(short, np.where(met, inside, np.nan), share)


def concave_maximum(
    value_and_slope: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    shape: tuple[int, ...],
    first: FloatArray | float = 0.0,
    last: FloatArray | float = 1.0,
) -> tuple[FloatArray, FloatArray]:
    """Return the largest value of concave functions within [0, 1], and its place, by bisection on the slope."""
    low, high = (np.clip(np.broadcast_to(end, shape), 0.0, 1.0) for end in (first, last))
    best = np.maximum(value_and_slope(low)[0], value_and_slope(high)[0])
    for _ in range(_STEPS):
        middle = (low + high) / 2
        value, slope = value_and_slope(middle)
        best = np.maximum(best, value)
        rising: NDArray[np.bool_] = slope > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return best, np.asarray((low + high) / 2)
