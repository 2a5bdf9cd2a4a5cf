"""The global optimum, in closed form."""

from __future__ import annotations

from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import FloatArray, PowerAllocationProblem, Shares, Status


def water_filling(gain: FloatArray, total: FloatArray) -> FloatArray:
    r"""Return the shares that maximise :math:`\sum_k \log(1 + a_k x_k)` for a given total.

    Parameters
    ----------
    gain : ndarray, shape (..., K)
        Effective gains :math:`a_k`, not negative.
    total : ndarray, shape (...)
        Sum of the shares, not negative.

    Returns
    -------
    ndarray, shape (..., K)
        :math:`x_k = (\mu - 1 / a_k)^+` with the water level :math:`\mu` at which they add up to the total.

    Notes
    -----
    With the inverse gains sorted, the best m users have the level
    :math:`\mu_m = (total + \sum_{i \le m} 1 / a_i) / m`; m is the largest number for which :math:`\mu_m` is above
    the m-th inverse gain.
    """
    # Relative to the best user, or else the level cancels to nothing against large inverse gains.
    inverse = 1 / np.maximum(gain, 1e-300)
    inverse = inverse - inverse.min(axis=-1, keepdims=True)
    ordered = np.sort(inverse, axis=-1)
    users = np.arange(1, gain.shape[-1] + 1)
    levels = (total[..., None] + np.cumsum(ordered, axis=-1)) / users
    active = np.maximum((levels > ordered).sum(axis=-1, keepdims=True), 1)
    level = np.take_along_axis(levels, active - 1, axis=-1)
    return np.asarray(np.maximum(level - inverse, 0.0))


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
    3. At that f the effective gains :math:`a_k = g_k / (b_k q + c_k f + 1)` are constants, and water-filling
       is optimal.
    """

    name: ClassVar[str] = "exact"
    vectorized: ClassVar[bool] = True

    def solve(self, problem: PowerAllocationProblem) -> Shares:
        """Return the optimal shares of a batch."""
        if problem.coupling is not None and problem.coupling.any():
            raise isacfw.IncompatibleError(
                "the exact solution needs interference that is common to all users, and these couple in pairs"
            )
        f = np.broadcast_to(problem.largest_communication_share, problem.batch_shape)
        q = 1 - f
        disturbance = problem.sensing_interference * q[..., None] + problem.common_interference * f[..., None] + 1
        infeasible = np.isnan(f)
        x = water_filling(problem.gain / disturbance, np.where(infeasible, 0.0, f))
        return Shares(
            communication=np.where(infeasible[..., None], np.nan, x),
            sensing=q,
            status=np.where(infeasible, Status.INFEASIBLE, Status.OPTIMAL).astype(object),
            message=problem.infeasibility,
        )


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register the exact solution."""
    return [Exact]
