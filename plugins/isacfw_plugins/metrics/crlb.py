"""Cramér-Rao lower bounds of the target's angles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Allocation, FloatArray, PowerAllocationProblem, Quantity

_SHORT = {"azimuth": "azim.", "elevation": "elev."}


def _quantities(angle: str, target: int | None = None) -> tuple[Quantity, Quantity]:
    key = angle if target is None else f"{angle}_{target}"
    of = f"the {angle}" if target is None else f"the {angle} of target {target}"
    return (
        Quantity(
            name=f"crlb_{key}_db",
            unit="dB rad^2",
            better="lower",
            description=f"CRLB of {of}",
            role="requirement",
            limit=f"crlb_{key}_limit_db",
            heading=f"CRLB\n{_SHORT[angle]} dB",
        ),
        Quantity(
            name=f"root_crlb_{key}_deg",
            unit="degree",
            better="lower",
            description=f"Smallest standard deviation of {of}",
        ),
    )


@final
@attrs.frozen(kw_only=True)
class CRLB(isacfw.Metric):
    """Cramér-Rao lower bounds of azimuth and elevation, in dB and as a standard deviation in degrees.

    Notes
    -----
    Diagonal entries of the inverse of the full Fisher information, (28)-(40) with errata 1 and 2
    corrected: 10 log10 of the bound in rad², and its root in degrees. Several targets are numbered from 1:
    ``crlb_azimuth_1_db``. Infinite if an angle cannot be estimated, missing if it is known.
    """

    name: ClassVar[str] = "crlb"
    quantities: ClassVar[tuple[Quantity, ...]] = (*_quantities("azimuth"), *_quantities("elevation"))

    def quantities_of(self, targets: int, streams: int) -> tuple[Quantity, ...]:
        """Return two quantities per angle of each target."""
        if targets == 1:
            return self.quantities
        angles = ("azimuth", "elevation")
        pairs = [_quantities(angle, target + 1) for target in range(targets) for angle in angles]
        return tuple(quantity for pair in pairs for quantity in pair)

    def evaluate(self, problem: PowerAllocationProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return both bounds of each target in both forms; shape (...) each."""
        values: dict[str, FloatArray] = {}
        quantities = self.quantities_of(problem.targets, problem.streams)
        for position, (decibels, degrees) in enumerate(zip(quantities[::2], quantities[1::2], strict=True)):
            bound = allocation.crlb[..., position]
            values[decibels.name] = 10 * np.log10(bound)
            values[degrees.name] = np.degrees(np.sqrt(bound))
        return values


@isacfw.hookimpl
def register_metrics() -> list[type[isacfw.Metric]]:
    """Register the CRLBs."""
    return [CRLB]
