"""Error of the radar channel in the uplink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Allocation, AnyProblem, FloatArray, Quantity, UplinkProblem


@final
@attrs.frozen(kw_only=True)
class RadarNMSE(isacfw.Metric):
    r"""Normalised mean square error of the radar channel, in the uplink.

    Notes
    -----
    After division by the radar's symbols, :math:`n_r / (q P_r \sum_t |\alpha_t|^2)` per antenna and resource
    element, with what is left when the users are taken away,
    :math:`n_r = \sum_j \epsilon_j x_j P_u + \sigma_{si} q P_r + 1`; see :class:`~isacfw.UplinkProblem`. Infinite
    without radar.
    """

    name: ClassVar[str] = "radar_nmse"
    links: ClassVar[tuple[isacfw.Link, ...]] = ("uplink",)
    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity(
            name="radar_nmse_db",
            unit="dB",
            better="lower",
            description="Normalised error of the radar channel",
            heading="\nradar\nNMSE dB",
        ),
    )

    def evaluate(self, problem: AnyProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return the error in dB; shape (...)."""
        if not isinstance(problem, UplinkProblem):
            raise isacfw.IncompatibleError("is for the uplink alone")
        return {"radar_nmse_db": 10 * np.log10(problem.radar_nmse(allocation.communication, allocation.streams))}


@isacfw.hookimpl
def register_metrics() -> list[type[isacfw.Metric]]:
    """Register the error of the radar channel."""
    return [RadarNMSE]
