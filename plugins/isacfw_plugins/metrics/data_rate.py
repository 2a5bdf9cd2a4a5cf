"""Data rates in Mbit/s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Allocation, FloatArray, PowerAllocationProblem, Quantity


@final
@attrs.frozen(kw_only=True)
class DataRate(isacfw.Metric):
    """Rate of each user in Mbit/s, and their sum, in the bandwidth of the link budget.

    Notes
    -----
    The bandwidth times the rate (20) in bit/s/Hz, which already excludes the pilots.
    """

    name: ClassVar[str] = "data_rate"
    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity(
            name="sum_data_rate",
            unit="Mbit/s",
            better="higher",
            description="Sum of the data rates",
            heading="sum of\ndata rates\nMbit/s",
        ),
        Quantity(
            name="data_rates",
            unit="Mbit/s",
            better="higher",
            per_user=True,
            description="Data rate of a user",
            heading="data rate\nof a user\nMbit/s",
        ),
    )

    def evaluate(self, problem: PowerAllocationProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return the sum (...), and the rate of each user (..., K), in Mbit/s."""
        if problem.bandwidth is None:
            raise isacfw.IncompatibleError("needs link_budget.bandwidth_hz")
        rates = allocation.rates * problem.bandwidth[..., None] / 1e6
        return {"sum_data_rate": np.asarray(rates.sum(axis=-1)), "data_rates": rates}


@isacfw.hookimpl
def register_metrics() -> list[type[isacfw.Metric]]:
    """Register the data rates."""
    return [DataRate]
