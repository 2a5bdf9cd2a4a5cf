"""Regions in which channels place their users."""

from __future__ import annotations

import attrs

from ..base.validators import number, real


@attrs.frozen(kw_only=True)
class UserRegion:
    r"""A sector of a ring about the base station, in which users are placed at random.

    Parameters
    ----------
    inner_m, outer_m : float
        Smallest and largest horizontal distance in metres.
    sector_deg : float
        Width w of the sector: azimuths are within :math:`\pm w / 2` about broadside.
    """

    inner_m: float = attrs.field(converter=real, validator=number(at_least=0))
    outer_m: float = attrs.field(converter=real, validator=number(above=0))
    sector_deg: float = attrs.field(default=360.0, converter=real, validator=number(above=0, at_most=360))
