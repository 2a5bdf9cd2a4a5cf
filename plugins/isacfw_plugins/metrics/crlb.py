"""Cramér-Rao lower bounds of the target's angles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Allocation, FloatArray, PowerAllocationProblem, Quantity


def _quantities(angle: str) -> tuple[Quantity, Quantity]:
    return (
        Quantity(name=f"crlb_{angle}_db", unit="dB rad^2", better="lower", description=f"CRLB of the {angle}"),
        Quantity(
            name=f"root_crlb_{angle}_deg",
            unit="degree",
            better="lower",
            description=f"Smallest standard deviation of the {angle}",
        ),
    )


@final
@attrs.frozen(kw_only=True)
class CRLB(isacfw.Metric):
    """Cramér-Rao lower bounds of azimuth and elevation, in dB and as a standard deviation in degrees.

    Notes
    -----
    The first two diagonal entries of the inverse of the full 4 x 4 Fisher information, (28)-(40) with errata 1
    and 2 corrected: 10 log10 of the bound in rad², and its root in degrees.
    """

    name: ClassVar[str] = "crlb"
    quantities: ClassVar[tuple[Quantity, ...]] = (*_quantities("azimuth"), *_quantities("elevation"))

    def evaluate(self, problem: PowerAllocationProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return both bounds in both forms; shape (...) each."""
        values: dict[str, FloatArray] = {}
        for position, angle in enumerate(("azimuth", "elevation")):
            bound = allocation.crlb[..., position]
            values[f"crlb_{angle}_db"] = 10 * np.log10(bound)
            values[f"root_crlb_{angle}_deg"] = np.degrees(np.sqrt(bound))
        return values


@isacfw.hookimpl
def register_metrics() -> list[type[isacfw.Metric]]:
    """Register the CRLBs."""
    return [CRLB]
