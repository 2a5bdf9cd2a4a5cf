"""Proportional fairness."""

from __future__ import annotations

from typing import ClassVar, Self, final

import attrs

import isacfw
from isacfw import Fairness, Quantity
from isacfw.validators import reals, user_weights


@final
@attrs.frozen(kw_only=True)
class ProportionalFair(isacfw.FairUtility):
    r"""Proportional fairness: the sum of the logarithms of the rates.

    Parameters
    ----------
    weights : list of float, optional
        A nonnegative weight for each user; by default 1.

    Notes
    -----
    :math:`\sum_k w_k \ln R_k` with rates in bit/s/Hz: the α-fair utility of :math:`\alpha = 1`. F. Kelly,
    "Charging and rate control for elastic traffic", European Transactions on Telecommunications 8(1), 1997.
    """

    name: ClassVar[str] = "proportional_fair"
    quantity: ClassVar[Quantity] = Quantity(
        name="log_rates",
        better="higher",
        description="Sum of the logarithms of the rates",
        role="objective",
        heading="sum of\nlog rates\nnat",
        signed=True,
    )

    weights: tuple[float, ...] | None = attrs.field(default=None, converter=reals, validator=user_weights)

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return the utility without and with weights."""
        return cls(), cls(weights=(1.0, 2.0, 0.5))

    @property
    def fairness(self) -> Fairness:
        """α = 1."""
        return Fairness(alpha=1.0, weights=self.weights)


@isacfw.hookimpl
def register_objectives() -> list[type[isacfw.Objective]]:
    """Register proportional fairness."""
    return [ProportionalFair]
