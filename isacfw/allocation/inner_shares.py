"""Shares that meet all requirements with a margin, or the certificate that there are none."""

from __future__ import annotations

import attrs
import numpy as np

from ..base.errors import IsacError
from ..base.numbers import FloatArray
from .problem import FEASIBILITY_TOLERANCE, PowerAllocationProblem
from .region import Region


@attrs.frozen(kw_only=True, eq=False)
class InnerShares:
    r"""Shares of a problem that meet its requirements with a margin, if any do.

    Attributes
    ----------
    x, q : ndarray, shapes (K,) and (S,)
        Shares of users and streams; NaN if an angle with a limit cannot be estimated.
    level : float
        Largest t with :math:`CRLB_i \le limit_i / t` and :math:`g_k x_k \ge \Gamma_k (I_k + t)`: factor by which
        all limits could be divided, and the noise multiplied, up to 10; below 1 if the requirements are
        infeasible, 0 if an angle with a limit cannot be estimated or no power suffices for the minimum rates.
    """

    x: FloatArray
    q: FloatArray
    level: float

    @property
    def infeasibility(self) -> str:
        """The certificate of infeasibility as a message; empty for a feasible problem."""
        if self.level >= 1 - FEASIBILITY_TOLERANCE:
            return ""
        if np.isnan(self.x).any():
            return "the requirements are infeasible: an angle with a limit cannot be estimated"
        if self.level < np.finfo(np.float64).eps:
            return "the requirements are infeasible at any power"
        return (
            "the requirements are infeasible: at full power, the CRLB limits would have to be"
            f" {-10 * np.log10(self.level):.3f} dB higher, and the noise lower by as much"
        )


def inner_shares(problem: PowerAllocationProblem) -> InnerShares:
    """Return shares at full power that meet the requirements of a problem without batch axes with a margin.

    Raises
    ------
    IsacError
        If the solver fails.
    """
    region = Region.of(problem)
    if region is None:
        lost = np.full(problem.users, np.nan), np.full(problem.streams, np.nan)
        return InnerShares(x=lost[0], q=lost[1], level=0.0)
    found = region.highest_level()
    if found is None:
        raise IsacError("Clarabel does not solve the program for shares within the requirements")
    shares = np.maximum(found[0], 0.0)
    total = float(shares.sum())
    shares = shares / total if total > 0 else np.full(len(shares), 1 / len(shares))
    return InnerShares(x=shares[: problem.users], q=shares[problem.users :], level=max(found[1], 0.0))
