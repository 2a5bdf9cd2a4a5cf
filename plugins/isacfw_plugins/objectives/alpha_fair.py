"""α-fair utility of the rates."""

from __future__ import annotations

from typing import ClassVar, Self, final

import attrs

import isacfw
from isacfw import Fairness, Quantity
from isacfw.validators import number, real, reals, user_weights


@final
@attrs.frozen(kw_only=True)
class AlphaFair(isacfw.FairUtility):
    r"""α-fair utility of the rates, from the sum rate (α = 0) to the least rate (α → ∞).

    Parameters
    ----------
    alpha : float
        :math:`\alpha`, nonnegative.
    weights : list of float, optional
        A nonnegative weight for each user; by default 1.

    Notes
    -----
    :math:`\sum_k w_k R_k^{1 - \alpha} / (1 - \alpha)`, and :math:`\sum_k w_k \ln R_k` for :math:`\alpha = 1`,
    with rates in bit/s/Hz. J. Mo and J. Walrand, "Fair end-to-end window-based congestion control", IEEE/ACM
    Transactions on Networking 8(5), 2000.
    """

    name: ClassVar[str] = "alpha_fair"
    quantity: ClassVar[Quantity] = Quantity(
        name="alpha_fair_utility",
        better="higher",
        description="α-fair utility",
        role="objective",
        heading="\nα-fair\nutility",
        signed=True,
    )

    alpha: float = attrs.field(converter=real, validator=number(at_least=0, at_most=1e3))
    weights: tuple[float, ...] | None = attrs.field(default=None, converter=reals, validator=user_weights)

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return utilities on both sides of 1, and one with weights."""
        return cls(alpha=0.5), cls(alpha=2.0), cls(alpha=1.0, weights=(1.0, 2.0, 0.5))

    @property
    def fairness(self) -> Fairness:
        """The given α and weights."""
        return Fairness(alpha=self.alpha, weights=self.weights)


@isacfw.hookimpl
def register_objectives() -> list[type[isacfw.Objective]]:
    """Register the α-fair utility."""
    return [AlphaFair]
