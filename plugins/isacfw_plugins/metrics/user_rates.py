"""Rate of each user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import attrs

import isacfw
from isacfw import Allocation, AnyProblem, FloatArray, Quantity


@final
@attrs.frozen(kw_only=True)
class UserRates(isacfw.Metric):
    r"""Rate of each user.

    Notes
    -----
    :math:`R_k = \bar\tau \log_2(1 + SINR_k)` in bit/s/Hz, (20).
    """

    name: ClassVar[str] = "user_rates"
    links: ClassVar[tuple[isacfw.Link, ...]] = ("downlink", "uplink")
    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity(
            name="rates",
            unit="bit/s/Hz",
            better="higher",
            per_user=True,
            description="User rate",
            role="detail",
        ),
    )

    def evaluate(self, problem: AnyProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return the rates; shape (..., K)."""
        return {"rates": allocation.rates}


@isacfw.hookimpl
def register_metrics() -> list[type[isacfw.Metric]]:
    """Register the users' rates."""
    return [UserRates]
