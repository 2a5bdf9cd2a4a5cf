r"""Distance of an allocation from a local optimum: the largest first-order improvement of the objective.

The feasible set is convex, so a feasible point is stationary if and only if no other feasible point lies in a
direction of improvement. The measure is the Frank-Wolfe gap: for an objective U that is to be maximised, the
maximum over feasible shares :math:`p'` of :math:`\nabla U(p)^T (p' - p)`, relative to :math:`|U(p)|`, or to
:math:`\max(1, |U(p)|)` if the value may be zero or negative. A minimum of differentiable functions is linearised
function by function: :math:`\max_{p'} \min_m [U_m(p) + \nabla U_m(p)^T (p' - p)] - \min_m U_m(p)`.

For a utility, the maximum is at full power: along :math:`\alpha p` every SINR grows with :math:`\alpha`, so
:math:`\nabla U(p)^T p \ge 0`, and more power never violates a requirement.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from .closed_form import best_value, has_closed_form
from .first_order import Pieces, gradient, is_smallest, is_sum_rate, utility_and_weights
from .objective import Utility
from .problem import FEASIBILITY_TOLERANCE, PowerAllocationProblem
from .region import Region

STATIONARITY_TOLERANCE = 1e-3
"""Largest relative first-order improvement of the objective at which an allocation counts as locally optimal.

If the objective is concave in the shares (the sum rate with common interference, at the optimal sensing share) or
if it is a power or a CRLB, it also bounds the distance to the optimum, which is usually smaller by orders of
magnitude.
"""

_TINY = np.finfo(np.float64).tiny
_SMALLEST_UNIT = 1e-3


def first_order_rise(
    problem: PowerAllocationProblem,
    x: FloatArray,
    q: FloatArray,
    where: NDArray[np.bool_] | None = None,
) -> FloatArray:
    """Return the largest first-order improvement of the objective towards a feasible point, by its value.

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
        0 at a stationary point, infinite where the objective has an infinite derivative, NaN if it is not wanted
        or cannot be determined, as for objectives of unknown kind. If the best value has a closed form, it is not
        below the distance to that.
    """
    if not has_closed_form(problem):
        return _largest_rise(problem, x, q, where)
    if not _is_simple(problem):
        # The distance itself; a linear program would be less accurate.
        return distance_to_best(problem, x, q, where)
    rise = _largest_rise(problem, x, q, where)
    # Small slopes prove nothing where they grow by magnitudes along the way.
    close = rise <= STATIONARITY_TOLERANCE
    return np.where(close, np.fmax(rise, distance_to_best(problem, x, q, close)), rise) if close.any() else rise


def distance_to_best(
    problem: PowerAllocationProblem,
    x: FloatArray,
    q: FloatArray,
    where: NDArray[np.bool_] | None = None,
) -> FloatArray:
    """Return how far the value at shares is below, or above, the best one that has a closed form, relatively.

    Parameters
    ----------
    problem : PowerAllocationProblem
        With :func:`~isacfw.allocation.closed_form.has_closed_form`.
    x, q, where
        See :func:`first_order_rise`.

    Returns
    -------
    ndarray, shape (...)
        NaN where it is not wanted or unknown.
    """
    shape = problem.batch_shape
    where = np.ones(shape, dtype=np.bool_) if where is None else np.broadcast_to(where, shape)
    found = np.full(shape, np.nan)
    if not where.any():
        return found
    wanted, users, streams = _select(problem, x, q, where)
    value = wanted.value(users, streams)
    best = best_value(wanted)
    lost = np.isnan(best)
    if lost.any():
        best[lost] = best_value(_relax(wanted[lost]))
    with np.errstate(invalid="ignore"):
        short = best - value if problem.objective.rises else value - best
        found[where] = np.maximum(short, 0.0) / _size(problem, best)
    return found


def _select(
    problem: PowerAllocationProblem, x: FloatArray, q: FloatArray, where: NDArray[np.bool_]
) -> tuple[PowerAllocationProblem, FloatArray, FloatArray]:
    """Return some of the problems, and the shares of their users and streams."""
    shape = problem.batch_shape
    users = np.broadcast_to(x, (*shape, problem.users))
    streams = np.broadcast_to(problem.stream_shares(x, q), (*shape, problem.streams))
    return problem[where], users[where], streams[where]


def _largest_rise(
    problem: PowerAllocationProblem, x: FloatArray, q: FloatArray, where: NDArray[np.bool_] | None
) -> FloatArray:
    shape = problem.batch_shape
    simple = _is_simple(problem)
    one_line = problem.fisher_users is None and problem.fisher_streams is None
    if where is None and simple and one_line and not np.isnan(problem.largest_communication_share).any():
        return _rise(problem, x, problem.stream_shares(x, q), problem.largest_communication_share)
    where = np.ones(shape, dtype=np.bool_) if where is None else np.broadcast_to(where, shape)
    found = np.full(shape, np.nan)
    if not where.any():
        return found
    wanted, users, streams = _select(problem, x, q, where)
    if not simple:
        each = [(wanted[number], users[number], streams[number]) for number in range(len(users))]
        found[where] = [_rise_of_one(*one) for one in each]
        return found
    share = np.broadcast_to(problem.largest_communication_share, shape)[where] if one_line else None
    found[where] = _rise(wanted, users, streams, share)
    return found


def _is_simple(problem: PowerAllocationProblem) -> bool:
    """Return whether a differentiable utility is to be maximised within limits on single CRLBs."""
    utility = isinstance(problem.objective, Utility) and not is_smallest(problem.objective)
    return utility and problem.minimum_rate is None and problem.crlb_sum_limit is None


def _rise(
    problem: PowerAllocationProblem, users: FloatArray, streams: FloatArray, share: FloatArray | None
) -> FloatArray:
    weights = None
    if is_sum_rate(problem.objective):
        size = np.maximum(np.log1p(problem.sinr(users, streams)).sum(axis=-1), _TINY)
    else:
        value, weights = utility_and_weights(problem, users, streams)
        size = _size(problem, value)
    users_slopes, streams_slopes = gradient(problem, users, streams, weights)
    known = np.asarray(np.isfinite(users_slopes).all(axis=-1) & np.isfinite(streams_slopes).all(axis=-1))
    if not known.all():
        users_slopes = np.where(known[..., None], users_slopes, 0.0)
        streams_slopes = np.where(known[..., None], streams_slopes, 0.0)
    gap = _gap(problem, (users, streams), (users_slopes, streams_slopes), share)
    return np.asarray(gap / size) if known.all() else np.where(known, gap / size, np.inf)


def _size(problem: PowerAllocationProblem, value: FloatArray) -> FloatArray:
    """Return the magnitude of values to which improvements are relative."""
    return np.maximum(np.abs(value), 1.0 if problem.objective.reported().signed else _TINY)


def _gap(
    problem: PowerAllocationProblem,
    shares: tuple[FloatArray, FloatArray],
    slopes: tuple[FloatArray, FloatArray],
    share: FloatArray | None,
) -> FloatArray:
    present = (slopes[0] * shares[0]).sum(axis=-1) + (slopes[1] * shares[1]).sum(axis=-1)
    return np.asarray(np.maximum(_best(problem, slopes, share) - present, 0.0))


def _rise_of_one(problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> float:
    """Return the relative improvement for any objective and all requirements, by a conic program."""
    pieces = Pieces.of(problem, x, q)
    if pieces is None:
        return np.nan
    if not (np.isfinite(pieces.values).all() and np.isfinite(pieces.slopes).all()):
        return np.inf
    size = float(_size(problem, np.abs(pieces.values.min())))
    at = np.concatenate([x, q])
    for each in (problem, _relax(problem)):
        region = Region.of(each, np.clip(at, _SMALLEST_UNIT, 1.0))
        rise = None if region is None else region.best(pieces.values, pieces.slopes, at)
        if rise is not None:
            return max(rise, 0.0) / size
    return np.nan


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
        program = each.share_program()
        best = None if program is None else program.largest(weights / size)
        if best is not None:
            return weights @ best.shares
    return np.nan


def _relax(problem: PowerAllocationProblem) -> PowerAllocationProblem:
    """Return a problem with requirements relaxed beyond the tolerance within which they count as met."""
    more = 3 * FEASIBILITY_TOLERANCE
    relaxed = attrs.evolve(problem, crlb_limit=problem.crlb_limit * (1 + more))
    if problem.crlb_sum_limit is not None:
        relaxed = attrs.evolve(relaxed, crlb_sum_limit=problem.crlb_sum_limit * (1 + more))
    if problem.minimum_rate is not None:
        relaxed = attrs.evolve(relaxed, minimum_rate=problem.minimum_rate * (1 - more))
    if problem.linear_least is not None:
        assert problem.linear_users is not None
        assert problem.linear_streams is not None
        rows = [
            np.where(each < 0, (1 - more) * each, each) for each in (problem.linear_users, problem.linear_streams)
        ]
        least = problem.linear_least * (1 - more)
        relaxed = attrs.evolve(relaxed, linear_users=rows[0], linear_streams=rows[1], linear_least=least)
    return relaxed
