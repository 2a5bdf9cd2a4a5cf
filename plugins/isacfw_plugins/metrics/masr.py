"""Mainlobe-to-average-sidelobe ratio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import Allocation, AngularBox, AngularRegion, FloatArray, PowerAllocationProblem, Quantity, to_boxes

from .._masr import EXAMPLE, check_boxes, check_regions, regions_of


@final
@attrs.frozen(kw_only=True)
class MASR(isacfw.Metric):
    r"""Mainlobe-to-average-sidelobe ratio of all transmitted signals together.

    Parameters
    ----------
    mainlobe, sidelobe : list of AngularBox
        Unions of grids of directions, without a direction in common.

    Notes
    -----
    :math:`(\sum_k \bar G_{m,k} x_k + \sum_s \bar G_{m,s} q_s) / (\sum_k \bar G_{s,k} x_k + \sum_s \bar G_{s,s}
    q_s)`, with the mean gains of users' signals and streams over both regions, 1 for isotropic signals; a
    requirement of Liao, Ngo, Matthaiou and Smith, [46] of Nguyen et al.
    """

    name: ClassVar[str] = "masr"
    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity(
            name="masr",
            better="higher",
            description="Mainlobe-to-average-sidelobe ratio as a power ratio",
            heading="MASR",
        ),
        Quantity(
            name="masr_db",
            unit="dB",
            better="higher",
            description="Mainlobe-to-average-sidelobe ratio",
            heading="MASR\ndB",
        ),
    )

    mainlobe: tuple[AngularBox, ...] = attrs.field(converter=to_boxes, validator=check_boxes)
    sidelobe: tuple[AngularBox, ...] = attrs.field(converter=to_boxes, validator=check_boxes)

    def __attrs_post_init__(self) -> None:
        check_regions(self)

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a lobe with sidelobes on both sides."""
        return (cls(**EXAMPLE),)

    def regions(self) -> tuple[AngularRegion, AngularRegion]:
        """Return mainlobe and sidelobe."""
        return regions_of(self)

    def evaluate(self, problem: PowerAllocationProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return the ratio, and in dB; shape (...) each."""
        mainlobe, sidelobe = (
            problem.mean_gain(region, allocation.communication, allocation.streams) for region in self.regions()
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = mainlobe / sidelobe
            return {"masr": ratio, "masr_db": 10 * np.log10(ratio)}


@isacfw.hookimpl
def register_metrics() -> list[type[isacfw.Metric]]:
    """Register the mainlobe-to-average-sidelobe ratio."""
    return [MASR]
