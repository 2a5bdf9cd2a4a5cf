"""Max-min fairness."""

from __future__ import annotations

from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Fairness, Quantity


@final
@attrs.frozen(kw_only=True)
class MaxMin(isacfw.FairUtility):
    r"""Max-min fairness: the smallest rate of any user.

    Notes
    -----
    :math:`\min_k R_k` in bit/s/Hz, the limit of α-fair utilities for :math:`\alpha \to \infty`.
    """

    name: ClassVar[str] = "max_min"
    quantity: ClassVar[Quantity] = Quantity(
        name="smallest_rate",
        unit="bit/s/Hz",
        better="higher",
        description="Smallest rate of a user",
        role="objective",
        heading="smallest\nrate\nbit/s/Hz",
    )

    @property
    def fairness(self) -> Fairness:
        """α = ∞."""
        return Fairness(alpha=np.inf)


@isacfw.hookimpl
def register_objectives() -> list[type[isacfw.Objective]]:
    """Register max-min fairness."""
    return [MaxMin]
