"""Max-min fairness."""

from typing import ClassVar, final

import attrs
import numpy as np

import isacfw


@final
@attrs.frozen(kw_only=True)
class MaxMin(isacfw.Allocator):
    r"""The largest rate that all users can have at once, with the least power for sensing that meets the limits.

    Notes
    -----
    At the largest communication share f that meets the limits, interference that is common to all users is
    fixed, and user k has the SINR :math:`a_k x_k` with
    :math:`a_k = g_k / (b_k (1 - f) + c_k f + 1)`. All are equal for :math:`x_k = f a_k^{-1} / \sum_j a_j^{-1}`,
    and no user can have more without another having less.
    """

    name: ClassVar[str] = "max_min"
    vectorized: ClassVar[bool] = True

    def solve(self, problem: isacfw.PowerAllocationProblem) -> isacfw.Shares:
        """Return the shares of a batch; NaN if no split meets the limits."""
        if problem.coupling is not None:
            raise isacfw.IncompatibleError("max_min needs interference that is common to all users")
        f = np.broadcast_to(problem.largest_communication_share, problem.batch_shape)[..., None]
        disturbance = problem.sensing_interference * (1 - f) + problem.common_interference * f + 1
        inverse = disturbance / problem.gain
        x = f * inverse / inverse.sum(axis=-1, keepdims=True)
        return isacfw.Shares(communication=x, sensing=1 - f[..., 0])


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register max-min fairness."""
    return [MaxMin]
