"""EqualC&S: half the power for communication, half for sensing."""

from __future__ import annotations

from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import AnyProblem, Shares, UplinkProblem


@final
@attrs.frozen(kw_only=True)
class EqualCS(isacfw.Allocator):
    r"""Half of the power for sensing, half for users with equal power factors; it ignores the limits.

    Notes
    -----
    The paper's EqualC&S, (23): :math:`q = 1/2`, :math:`x_k = \xi_{bf,k} / (2 \sum_j \xi_{bf,j})`. In the uplink
    users and radar send with full power.
    """

    name: ClassVar[str] = "equal_cs"
    vectorized: ClassVar[bool] = True
    links: ClassVar[tuple[isacfw.Link, ...]] = ("downlink", "uplink")

    def solve(self, problem: AnyProblem) -> Shares:
        """Return the shares of a batch; the framework checks feasibility."""
        shape = problem.batch_shape
        if isinstance(problem, UplinkProblem):
            return Shares(communication=np.ones((*shape, problem.users)), sensing=np.ones(shape))
        x = np.broadcast_to(0.5 * problem.equal_split, (*shape, problem.users))
        return Shares(communication=x, sensing=np.full(shape, 0.5))


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register EqualC&S."""
    return [EqualCS]
