"""A least mainlobe-to-average-sidelobe ratio."""

from __future__ import annotations

import math
from typing import ClassVar, Self, final

import attrs

import isacfw
from isacfw import AngularBox, AngularRegion, GainRatio, LinearQuantity, Setting, to_boxes
from isacfw.validators import number, real

from .._masr import EXAMPLE, check_boxes, check_regions, regions_of


@final
@attrs.frozen(kw_only=True)
class LobeRatio(LinearQuantity):
    """The ratio of mainlobe to sidelobe.

    Parameters
    ----------
    least_db : float
        The least ratio in dB, of which the MASR is a multiple.

    Notes
    -----
    See :class:`MASR`.
    """

    least_db: float

    def explain(self, ratio: float) -> str:
        """Return the largest ratio."""
        reached = self.least_db + 10 * math.log10(ratio) if ratio > 0 else -math.inf
        return f"{self.name} can be no larger than {reached:.3f} dB (required {self.least_db:g})"


@final
@attrs.frozen(kw_only=True)
class MASR(isacfw.Requirement):
    r"""A least mainlobe-to-average-sidelobe ratio of all transmitted signals together.

    Parameters
    ----------
    least_db : float
        Least ratio in dB.
    mainlobe, sidelobe : list of AngularBox
        Unions of grids of directions, without a direction in common.

    Notes
    -----
    :math:`(\sum_k \bar G_{m,k} x_k + \sum_s \bar G_{m,s} q_s) / (\sum_k \bar G_{s,k} x_k + \sum_s \bar G_{s,s}
    q_s) \ge \kappa`, with the mean gains of users' signals and streams over both regions, 1 for isotropic signals
    (Liao, Ngo, Matthaiou and Smith; [46] of Nguyen et al.). Linear in the shares. The ratio is between 1, without
    sensing, and that of a stream alone.
    """

    name: ClassVar[str] = "masr"

    least_db: float = attrs.field(converter=real, validator=number())
    mainlobe: tuple[AngularBox, ...] = attrs.field(converter=to_boxes, validator=check_boxes)
    sidelobe: tuple[AngularBox, ...] = attrs.field(converter=to_boxes, validator=check_boxes)

    def __attrs_post_init__(self) -> None:
        check_regions(self)

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a lobe with sidelobes on both sides."""
        return (cls(least_db=6.0, **EXAMPLE),)

    def regions(self) -> tuple[AngularRegion, AngularRegion]:
        """Return mainlobe and sidelobe."""
        return regions_of(self)

    def constraint(self, setting: Setting) -> GainRatio:
        """Return the ratio of mean gains."""
        mainlobe, sidelobe = self.regions()
        return GainRatio(
            first=mainlobe,
            second=sidelobe,
            least=10 ** (self.least_db / 10),
            quantity=LobeRatio(name="the mainlobe-to-average-sidelobe ratio", least_db=self.least_db),
        )


@isacfw.hookimpl
def register_requirements() -> list[type[isacfw.Requirement]]:
    """Register the least mainlobe-to-average-sidelobe ratio."""
    return [MASR]
