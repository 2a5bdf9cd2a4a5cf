"""EqualCom: the best split between communication and sensing, equal factors for the users."""

from __future__ import annotations

from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import AnyProblem, Shares, Status, UplinkProblem

_TOO_LOUD = "full power of all users leaves the radar too little, though other shares do not"
_UNEQUAL = "equal power factors and equal parts for the streams cannot meet the limits, though other shares can"


@final
@attrs.frozen(kw_only=True)
class EqualCom(isacfw.Allocator):
    r"""Equal power factors for all users, and the least power for sensing that meets the limits.

    Notes
    -----
    The paper's EqualCom: problem (54) with :math:`\gamma_1 = \dots = \gamma_K`. With f the largest share for
    communication that meets the limits, :math:`x_k = f \xi_{bf,k} / \sum_j \xi_{bf,j}`; several sensing streams
    get equal parts of the rest. In the uplink all users send with full power, and the radar with the least that
    meets its requirements. Where no such shares meet the limits, though others do, the answer comes as close to
    them as possible.
    """

    name: ClassVar[str] = "equal_com"
    vectorized: ClassVar[bool] = True
    links: ClassVar[tuple[isacfw.Link, ...]] = ("downlink", "uplink")

    def solve(self, problem: AnyProblem) -> Shares:
        """Return the shares of a batch."""
        if isinstance(problem, UplinkProblem):
            return _solve_uplink(problem)
        f = np.broadcast_to(problem.largest_communication_share, problem.batch_shape)
        reason = np.full(f.shape, "", dtype=object)
        lost = np.isnan(f)
        unequal = np.zeros(f.shape, dtype=np.bool_)
        if lost.any():
            certificate = problem.infeasibility
            unequal = lost & (certificate == "")
            reason = np.where(lost, np.where(unequal, _UNEQUAL, certificate), "")
            f = np.where(unequal, problem.closest_communication_share, f)
        # The split knows nothing of minimum rates: the framework judges it by them.
        status = np.full(f.shape, Status.FEASIBLE if problem.minimum_rate is None else None, dtype=object)
        status[lost] = Status.INFEASIBLE
        status[unequal] = None
        return Shares(
            communication=f[..., None] * problem.equal_split,
            sensing=1 - f,
            status=status,
            message=np.asarray(reason, dtype=object),
        )


def _solve_uplink(problem: UplinkProblem) -> Shares:
    """Return full power of all users, and the least of the radar."""
    x = np.ones((*problem.batch_shape, problem.users))
    q = problem.radar_demand.radar_share(x)
    missed = ~(q <= 1)
    unequal = np.zeros(q.shape, dtype=np.bool_)
    reason = np.full(q.shape, "", dtype=object)
    if missed.any():
        certificate = problem.infeasibility
        unequal = missed & (certificate == "")
        reason = np.where(missed, np.where(unequal, _TOO_LOUD, certificate), "")
        missed = missed & ~unequal
        q = np.where(unequal, 1.0, q)
    x[missed] = np.nan
    status = np.full(q.shape, Status.FEASIBLE if problem.minimum_rate is None else None, dtype=object)
    status[missed] = Status.INFEASIBLE
    status[unequal] = None
    return Shares(communication=x, sensing=np.where(missed, np.nan, q), status=status, message=reason)


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register EqualCom."""
    return [EqualCom]
