"""Where Newton's method for α-fair splits starts: steps in single precision, at a fourth of the price."""

from __future__ import annotations

import numpy as np

from ..base.numbers import FloatArray
from .water_filling import sum_users

_STEPS = 3
_SMALLEST, _LARGEST = np.float32(1e-30), np.float32(1e30)
_LEAST_ALPHA = 0.01
"""Fairness below which rounding errors, divided by it, are larger than a step."""


def fair_start(
    alpha: float,
    y: FloatArray,
    inverse: FloatArray,
    score: FloatArray,
    rest: FloatArray,
    floors: tuple[FloatArray, FloatArray] | None,
) -> tuple[FloatArray, FloatArray]:
    r"""Return :math:`x_k / i_k` and v of :func:`~isacfw.allocation.fair_split.fair_split`, to about three digits.

    Parameters
    ----------
    alpha : float
        Fairness.
    y : ndarray, shape (K, N)
        First guess of :math:`x_k / i_k`.
    inverse : ndarray, shape (K, N)
        Inverse gains.
    score : ndarray, shape (K, N)
        :math:`\ln(w_k / i_k)`, or its exponential for fairness below 1.
    rest : ndarray, shape (N,)
        Total less the least shares.
    floors : tuple of two ndarrays, shape (K, N), or None
        Least shares, and shares above which users have more.

    Returns
    -------
    y : ndarray, shape (K, N)
        The first guess for problems outside the range of single precision.
    v : ndarray, shape (N,)
    """
    if alpha < _LEAST_ALPHA:
        return y, np.zeros(rest.size)
    with np.errstate(all="ignore"):
        near, v = _steps(np.float32(alpha), y, inverse, score, rest, floors)
    lost = ~np.isfinite(v) | (inverse.min(axis=0) < _SMALLEST) | (inverse.max(axis=0) > _LARGEST)
    if lost.any():
        near[:, lost], v[lost] = y[:, lost], 0.0
    return near, v


def _steps(
    alpha: np.float32,
    y: FloatArray,
    inverse: FloatArray,
    score: FloatArray,
    rest: FloatArray,
    floors: tuple[FloatArray, FloatArray] | None,
) -> tuple[FloatArray, FloatArray]:
    """Return :math:`x_k / i_k` and v after steps of :class:`~isacfw.allocation.fair_split._Problems`."""
    y, inverse, score, rest = (_single(of) for of in (y, inverse, score, rest))
    floors = None if floors is None else (_single(floors[0]), _single(floors[1]))
    score = score if alpha >= 1 else np.log(score)
    top = np.minimum((rest if floors is None else floors[0] + rest) / inverse, _LARGEST)
    v = np.zeros_like(rest)
    for _ in range(_STEPS if alpha >= 1 else _STEPS + 1):
        np.maximum(y, _SMALLEST, out=y)
        missing, dv = _step(alpha, y, inverse, score + v, rest, floors)
        v += dv
        y *= np.exp(missing, out=missing)
        np.minimum(y, top, out=y)
    return np.maximum(y, _SMALLEST).astype(np.float64), v.astype(np.float64)


def _step(
    alpha: np.float32,
    y: FloatArray,
    inverse: FloatArray,
    missing: FloatArray,
    rest: FloatArray,
    floors: tuple[FloatArray, FloatArray] | None,
) -> tuple[FloatArray, FloatArray]:
    r"""Return a step in :math:`\ln x_k` and v, from the right-hand sides of the users' equations."""
    rate = _logarithm(y)
    slope = rate / y
    slope += rate
    x = rate + alpha
    slope /= x
    np.multiply(inverse, y, out=x)
    if floors is not None:
        free = x > floors[1]
        x *= free
        rest = rest + sum_users(floors[0] * free)
    share = sum_users(x)
    x *= slope
    missing -= rate
    np.log(rate, out=rate)
    rate *= alpha
    missing -= rate
    growth = sum_users(x)
    x *= missing
    dv = (share * np.log(rest / share) - sum_users(x)) / growth
    missing += dv
    missing *= slope
    return missing, dv


def _single(numbers: FloatArray) -> FloatArray:
    """Return numbers in single precision."""
    return np.asarray(numbers, dtype=np.float32)


def _logarithm(y: FloatArray) -> FloatArray:
    """Return ln(1 + y); NumPy's log1p has no vector instructions for single precision."""
    u = y + np.float32(1)
    error = u - np.float32(1)
    error -= y
    error /= u
    np.log(u, out=u)
    u -= error
    return u
