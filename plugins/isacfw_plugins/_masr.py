"""Options of the mainlobe-to-average-sidelobe ratio that its metric and its requirement share."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import attrs

from isacfw import AngularBox, AngularRegion, Direction, InputError
from isacfw.validators import each, instance_of

_BOX = each(instance_of(AngularBox, "a table with azimuth_deg, elevation_deg and points"))

EXAMPLE: dict[str, Any] = {
    "mainlobe": (AngularBox(azimuth_deg=(21.0, 24.0), elevation_deg=(44.0, 46.0), points=(4, 3)),),
    "sidelobe": (
        AngularBox(azimuth_deg=(-80.0, 0.0), elevation_deg=(30.0, 150.0), points=(9, 7)),
        AngularBox(azimuth_deg=(45.0, 80.0), elevation_deg=(30.0, 150.0), points=(5, 7)),
    ),
}


def check_boxes(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check that a field is a nonempty tuple of boxes."""
    _BOX(instance, attribute, value)


def regions_of(part: Any) -> tuple[AngularRegion, AngularRegion]:
    """Return mainlobe and sidelobe of a part."""
    return AngularRegion(boxes=part.mainlobe), AngularRegion(boxes=part.sidelobe)


def check_regions(part: Any) -> None:
    """Check that mainlobe and sidelobe have no direction in common."""
    one = _shared(*regions_of(part))
    if one is not None:
        raise InputError(
            "sidelobe",
            f"must have no direction of the mainlobe, got azimuth {one.azimuth_deg:g}° and elevation"
            f" {one.elevation_deg:g}° in both",
        )


@lru_cache(maxsize=64)
def _shared(mainlobe: AngularRegion, sidelobe: AngularRegion) -> Direction | None:
    """Return the first direction that two regions have in common."""
    shared = set(mainlobe.directions) & set(sidelobe.directions)
    return min(shared, key=lambda one: (one.azimuth_deg, one.elevation_deg), default=None)
