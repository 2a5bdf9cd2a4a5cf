"""Product of SINRs."""

from __future__ import annotations

from typing import ClassVar, final

import attrs

import isacfw
from isacfw import Fairness, Quantity


@final
@attrs.frozen(kw_only=True)
class SINRProduct(isacfw.FairUtility):
    r"""The product of all users' SINRs, as its logarithm.

    Notes
    -----
    :math:`\sum_k \ln SINR_k`: maximised by a geometric
    program even where users interfere in pairs. M. Chiang et al., "Power control by geometric programming", IEEE
    Transactions on Wireless Communications 6(7), 2007.
    """

    name: ClassVar[str] = "sinr_product"
    quantity: ClassVar[Quantity] = Quantity(
        name="log_sinr_product",
        better="higher",
        description="Logarithm of the product of SINRs",
        role="objective",
        heading="log of\nSINR\nproduct",
        signed=True,
    )

    @property
    def fairness(self) -> Fairness:
        """α = 1, of the SINRs."""
        return Fairness(alpha=1.0, of_sinr=True)


@isacfw.hookimpl
def register_objectives() -> list[type[isacfw.Objective]]:
    """Register the product of SINRs."""
    return [SINRProduct]
