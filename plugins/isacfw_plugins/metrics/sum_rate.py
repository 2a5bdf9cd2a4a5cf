"""Sum rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import attrs

import isacfw
from isacfw import Allocation, AnyProblem, FloatArray, Quantity


@final
@attrs.frozen(kw_only=True)
class SumRate(isacfw.Metric):
    r"""Sum of the users' rates, the objective (54a).

    Notes
    -----
    :math:`\sum_k \bar\tau \log_2(1 + SINR_k)` in bit/s/Hz, (20).
    """

    name: ClassVar[str] = "sum_rate"
    links: ClassVar[tuple[isacfw.Link, ...]] = ("downlink", "uplink")
    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity(
            name="sum_rate",
            unit="bit/s/Hz",
            better="higher",
            description="Sum rate",
            role="objective",
            heading="\nsum rate\nbit/s/Hz",
        ),
    )

    def evaluate(self, problem: AnyProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return the sum rate; shape (...)."""
        return {"sum_rate": allocation.sum_rate}


@isacfw.hookimpl
def register_metrics() -> list[type[isacfw.Metric]]:
    """Register the sum rate."""
    return [SumRate]
