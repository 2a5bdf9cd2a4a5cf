r"""Distance of an allocation from a local optimum: the largest first-order rise of the sum rate.

The feasible set is convex, so a feasible point is stationary if and only if no other feasible point lies in a
direction of ascent. The measure is the Frank-Wolfe gap: the maximum over feasible shares :math:`p'` of
:math:`\nabla R(p)^T (p' - p)`, relative to :math:`R(p)`.

Along :math:`\alpha p` every SINR grows with :math:`\alpha`, so :math:`\nabla R(p)^T p \ge 0`, and more power
never violates a limit. So the maximum is at full power.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from .problem import FEASIBILITY_TOLERANCE, PowerAllocationProblem

STATIONARITY_TOLERANCE = 1e-3
"""Largest relative first-order rise of the sum rate at which an allocation counts as locally optimal.

If the sum rate is concave in the shares (common interference, at the optimal sensing share), it also bounds the
distance to the optimum, which is usually smaller by orders of magnitude.
"""

_TINY = np.finfo(np.float64).tiny


def gradient(problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives of the sum rate in nats per data symbol with respect to all shares.

    Parameters
    ----------
    problem : PowerAllocationProblem
        Its prelog does not matter.
    x, q : ndarray, shapes (..., K) and (..., S)
        Shares of the users and of the streams.

    Returns
    -------
    users, streams : ndarray, shapes (..., K) and (..., S)
    """
    disturbance = problem.disturbance(x, q)
    received = disturbance + problem.gain * x
    # Cost of a unit of interference to each user.
    price = problem.gain * x / (disturbance * received)
    common = (price * problem.common_interference).sum(axis=-1, keepdims=True)
    users = problem.gain / received - common
    if problem.coupling is not None:
        users = users - (price[..., None, :] @ problem.coupling)[..., 0, :]
    streams = -(price * problem.sensing_interference).sum(axis=-1, keepdims=True)
    if problem.stream_coupling is not None:
        streams = streams - (price[..., None, :] @ problem.stream_coupling)[..., 0, :]
    return np.asarray(users), np.broadcast_to(streams, (*users.shape[:-1], problem.streams))


def first_order_rise(
    problem: PowerAllocationProblem,
    x: FloatArray,
    q: FloatArray,
    where: NDArray[np.bool_] | None = None,
) -> FloatArray:
    """Return the largest first-order rise of the sum rate towards a feasible point, relative to the sum rate.

    Parameters
    ----------
    problem : PowerAllocationProblem
        With any batch axes.
    x, q : ndarray, shapes (..., K) and (..., S) or (...)
        Shares of the users and of the streams.
    where : ndarray of bool, shape (...), optional
        Problems for which it is wanted; all by default.

    Returns
    -------
    ndarray, shape (...)
        0 at a stationary point, NaN if it is not wanted or cannot be determined.
    """
    shape = problem.batch_shape
    one_line = problem.fisher_users is None and problem.fisher_streams is None
    if where is None and one_line and not np.isnan(problem.largest_communication_share).any():
        return _rise(problem, x, problem.stream_shares(x, q), problem.largest_communication_share)
    where = np.ones(shape, dtype=np.bool_) if where is None else np.broadcast_to(where, shape)
    found = np.full(shape, np.nan)
    if not where.any():
        return found
    users = np.broadcast_to(x, (*shape, problem.users))[where]
    streams = np.broadcast_to(problem.stream_shares(x, q), (*shape, problem.streams))[where]
    share = np.broadcast_to(problem.largest_communication_share, shape)[where] if one_line else None
    found[where] = _rise(problem[where], users, streams, share)
    return found


def _rise(
    problem: PowerAllocationProblem, users: FloatArray, streams: FloatArray, share: FloatArray | None
) -> FloatArray:
    slopes = gradient(problem, users, streams)
    present = (slopes[0] * users).sum(axis=-1) + (slopes[1] * streams).sum(axis=-1)
    best = _best(problem, slopes, share)
    total = np.log1p(problem.sinr(users, streams)).sum(axis=-1)
    return np.asarray(np.maximum(best - present, 0.0) / np.maximum(total, _TINY))


def _best(
    problem: PowerAllocationProblem, slopes: tuple[FloatArray, FloatArray], share: FloatArray | None
) -> FloatArray:
    """Return the largest value of a linear function of the shares within the limits; (n,) for n problems."""
    if share is None:
        return np.array([_best_of_one(problem[number], slopes, number) for number in range(len(slopes[0]))])
    lost = np.isnan(share)
    if lost.any():
        share = share.copy()
        share[lost] = _relax(problem[lost]).largest_communication_share
    users, streams = slopes[0].max(axis=-1), slopes[1].max(axis=-1)
    return np.asarray(users * share + streams * (1 - share))


def _best_of_one(problem: PowerAllocationProblem, slopes: tuple[FloatArray, FloatArray], number: int) -> Any:
    users, streams = slopes[0][number], slopes[1][number]
    weights = np.concatenate(
        [
            users.max(keepdims=True) if problem.fisher_users is None else users,
            streams.max(keepdims=True) if problem.fisher_streams is None else streams,
        ]
    )
    size = np.abs(weights).max() or 1.0
    for each in (problem, _relax(problem)):
        limits = each.matrix_inequalities()
        shares = None if limits is None else limits.largest(weights / size)
        if shares is not None:
            return weights @ shares
    return np.nan


def _relax(problem: PowerAllocationProblem) -> PowerAllocationProblem:
    """Return a problem with limits relaxed beyond the tolerance within which they count as met."""
    return attrs.evolve(problem, crlb_limit=problem.crlb_limit * (1 + 3 * FEASIBILITY_TOLERANCE))
