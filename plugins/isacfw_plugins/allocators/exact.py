"""The global optimum, in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import FloatArray, PowerAllocationProblem, Shares, Status

_LARGEST_INVERSE = 1e300
_SORTED_USERS = 256
_SAMPLED_USERS = 128
_NUMBERS_IN_CACHE = 2**15


def water_filling(gain: FloatArray, total: FloatArray) -> FloatArray:
    r"""Return the shares that maximise :math:`\sum_k \log(1 + a_k x_k)` for a given total.

    Parameters
    ----------
    gain : ndarray, shape (..., K)
        Effective gains :math:`a_k`, nonnegative.
    total : ndarray, shape (...)
        Sum of the shares, nonnegative.

    Returns
    -------
    ndarray, shape (..., K)
        :math:`x_k = (\mu - 1 / a_k)^+` with the water level :math:`\mu` at which they add up to the total.

    Notes
    -----
    With the inverse gains sorted, the best m users alone have the level
    :math:`\mu_m = (total + \sum_{i \le m} 1 / a_i) / m`. The next user lowers it if its inverse gain is below it,
    and raises it if not, as do all users after that one. So :math:`\mu` is the lowest of the levels.
    """
    return _fill(1 / np.maximum(gain, 1 / _LARGEST_INVERSE), total)


def _fill(inverse: FloatArray, total: FloatArray) -> FloatArray:
    """Return the shares of water-filling for inverse gains, in place."""
    # Relative to the best user; otherwise the level cancels against large inverse gains.
    if inverse.shape[-1] <= _SORTED_USERS:
        ordered = _sort(inverse)
        best = ordered[0].copy()
        ordered -= best
        inverse -= best[..., None]
        level = _lowest_level(ordered, total)
    else:
        inverse -= inverse.min(axis=-1, keepdims=True)
        level = _level_of_many(inverse, total)
    np.subtract(level[..., None], inverse, out=inverse)
    return np.maximum(inverse, 0.0, out=inverse)


def _sort(inverse: FloatArray) -> FloatArray:
    """Return inverse gains in ascending order, users first; (K, ...).

    Sums and minima over the users then run over long rows, even for few users.
    """
    return np.ascontiguousarray(np.moveaxis(np.sort(inverse, axis=-1), -1, 0))


def _lowest_level(ordered: FloatArray, total: FloatArray) -> FloatArray:
    """Return the water level as the lowest of those of the best users; overwrites the ordered gains."""
    np.cumsum(ordered, axis=0, out=ordered)
    ordered += total
    ordered /= np.arange(1, len(ordered) + 1).reshape(-1, *[1] * total.ndim)
    return np.asarray(ordered.min(axis=0))


def _level_of_many(inverse: FloatArray, total: FloatArray) -> FloatArray:
    """Return the water level, without sorting, for large K.

    The level for a sample of the users is an upper bound. Users above a level get no power, and the others alone
    determine the next level, until it serves all of them.
    """
    stride = -(-inverse.shape[-1] // _SAMPLED_USERS)
    served = inverse <= _lowest_level(_sort(inverse[..., ::stride]), total)[..., None]
    users, remaining = served.sum(axis=-1).ravel(), inverse[served]
    while True:
        first = np.cumsum(users) - users
        level = (total.ravel() + np.add.reduceat(remaining, first)) / users
        served = remaining <= np.repeat(level, users)
        if served.all():
            return np.asarray(level.reshape(total.shape))
        users, remaining = np.add.reduceat(served, first, dtype=np.int64), remaining[served]


def _blocks(shape: tuple[int, ...], size: int) -> Iterator[tuple[int | slice, ...]]:
    """Yield the indices of blocks of up to `size` problems that make up a batch, each a view of its fields."""
    axis, inner = len(shape), 1
    while axis and inner * shape[axis - 1] <= size:
        axis -= 1
        inner *= shape[axis]
    if not axis:
        yield ()
        return
    step = max(size // inner, 1)
    for outer in np.ndindex(shape[: axis - 1]):
        for start in range(0, shape[axis - 1], step):
            yield (*outer, slice(start, start + step))


@final
@attrs.frozen(kw_only=True)
class Exact(isacfw.Allocator):
    r"""The global optimum, for interference that is common to all users.

    Notes
    -----
    With :math:`SINR_k = g_k x_k / (b_k q + c_k f + 1)` and :math:`f = \sum_k x_k`:

    1. Full power is optimal: scaling all shares up raises every SINR and lowers every CRLB.
    2. At :math:`q = 1 - f`, raising f in proportion for all users, :math:`x_k = f s_k`, raises every
       :math:`SINR_k = g_k s_k f / (b_k + 1 + (c_k - b_k) f)`, whose derivative has the sign of
       :math:`b_k + 1`. So the largest f that meets the limits is optimal:
       :attr:`~isacfw.PowerAllocationProblem.largest_communication_share`. If there is none, the problem is
       infeasible, and the smallest reachable CRLBs certify it.
       Several streams may share q in any way: the mix that allows the largest f is optimal,
       :attr:`~isacfw.PowerAllocationProblem.best_mix`.
    3. At that f the effective gains :math:`a_k = g_k / (b_k q + c_k f + 1)` are constants, and water-filling
       is optimal.
    """

    name: ClassVar[str] = "exact"
    vectorized: ClassVar[bool] = True

    def refusal(self, problem: PowerAllocationProblem) -> str | None:
        """Return why there is no exact solution: pairwise interference, or differing Fisher information."""
        if problem.coupled:
            return (
                "the exact solution needs interference that is common to all users and streams, and these couple"
                " in pairs; sca and ipopt solve that too"
            )
        if problem.fisher_users is not None:
            return (
                "the exact solution needs equal Fisher information of all users' signals; sca and ipopt solve"
                " the problem where it differs"
            )
        return None

    def solve(self, problem: PowerAllocationProblem) -> Shares:
        """Return the optimal shares of a batch."""
        if (reason := self.refusal(problem)) is not None:  # For callers that do not ask first.
            raise isacfw.IncompatibleError(reason)
        f, mix = problem.best_mix
        infeasible = np.isnan(f)
        communication = _optimal_split(problem, np.where(infeasible, 0.0, f))
        sensing: FloatArray = np.broadcast_to(1 - f, problem.batch_shape)
        if infeasible.any():
            communication[np.isnan(sensing)] = np.nan
        if problem.fisher_streams is not None:
            sensing = sensing[..., None] * mix
        if not infeasible.any():
            return Shares(communication=communication, sensing=sensing, status=Status.OPTIMAL)
        status = np.where(infeasible, Status.INFEASIBLE, Status.OPTIMAL).astype(object)
        return Shares(
            communication=communication,
            sensing=sensing,
            status=np.broadcast_to(status, problem.batch_shape),
            message=problem.infeasibility,
        )


def _optimal_split(problem: PowerAllocationProblem, share: FloatArray) -> FloatArray:
    """Return the users' optimal shares (..., K) at full power, `share` (...) of it for communication."""
    shape = problem.batch_shape
    fields = (problem.gain, problem.sensing_interference, problem.common_interference)
    gain, sensing, common = (np.broadcast_to(field, (*shape, problem.users)) for field in fields)
    f, q = (np.broadcast_to(part[..., None], (*shape, 1)) for part in (share, 1 - share))
    split = np.empty((*shape, problem.users))
    # In blocks, which fit into the cache and take a fraction of the time.
    for block in _blocks(shape, _NUMBERS_IN_CACHE // problem.users):
        inverse = sensing[block] * q[block]
        inverse += common[block] * f[block]
        inverse += 1
        with np.errstate(over="ignore"):
            inverse /= np.maximum(gain[block], 1 / _LARGEST_INVERSE)
        np.minimum(inverse, _LARGEST_INVERSE, out=inverse)
        split[block] = _fill(inverse, f[block][..., 0])
    return split


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register the exact solution."""
    return [Exact]
