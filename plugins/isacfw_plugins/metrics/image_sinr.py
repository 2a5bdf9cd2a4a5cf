"""SINR of the radar image in the uplink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Allocation, AnyProblem, FloatArray, Quantity, UplinkProblem


def _quantity(suffix: str = "", of: str = "the target") -> Quantity:
    return Quantity(
        name=f"image_sinr{suffix}_db",
        unit="dB",
        better="higher",
        description=f"SINR of {of} in the radar image",
        heading=("\n" if not suffix else "") + "image\nSINR dB" + (f"\ntarget {suffix[1:]}" if suffix else ""),
    )


@final
@attrs.frozen(kw_only=True)
class ImageSINR(isacfw.Metric):
    r"""SINR of each target's peak in the radar image, in the uplink.

    Notes
    -----
    :math:`N N_c M_s q P_r |\alpha_t|^2 / n_r` for a target on the grid of delays and Doppler shifts, with the
    residual :math:`n_r` of :class:`~isacfw.UplinkProblem`. Several targets are numbered from 1.
    """

    name: ClassVar[str] = "image_sinr"
    links: ClassVar[tuple[isacfw.Link, ...]] = ("uplink",)
    quantities: ClassVar[tuple[Quantity, ...]] = (_quantity(),)

    def quantities_of(self, targets: int, streams: int) -> tuple[Quantity, ...]:
        """Return a quantity per target."""
        if targets == 1:
            return self.quantities
        return tuple(_quantity(f"_{number}", f"target {number}") for number in range(1, targets + 1))

    def evaluate(self, problem: AnyProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return the SINR of each target in dB; shape (...) each."""
        if not isinstance(problem, UplinkProblem):
            raise isacfw.IncompatibleError("is for the uplink alone")
        sinr = problem.image_sinr(allocation.communication, allocation.streams)
        with np.errstate(divide="ignore"):
            decibels = 10 * np.log10(sinr)
        names = (quantity.name for quantity in self.quantities_of(problem.targets, problem.streams))
        return {name: np.asarray(decibels[..., target]) for target, name in enumerate(names)}


@isacfw.hookimpl
def register_metrics() -> list[type[isacfw.Metric]]:
    """Register the SINR of the radar image."""
    return [ImageSINR]
