"""Regions of directions over which parts of a scenario need mean gains."""

from __future__ import annotations

from collections.abc import Iterable

from ..allocation.metric import Metric
from ..allocation.requirement import Requirement
from ..base.errors import PluginError
from ..base.guard import guard
from ..base.part import display_name
from ..signal.angular_region import AngularRegion


def find_regions(parts: Iterable[Requirement | Metric]) -> tuple[AngularRegion, ...]:
    """Return the regions that requirements and metrics ask for, each once.

    A faulty metric has none: it fails where it is evaluated, and with it no row.
    """
    found: dict[AngularRegion, None] = {}
    for part in parts:
        try:
            with guard(f"the regions of {display_name(part)}", part):
                found |= dict.fromkeys(part.regions())
        except PluginError:
            if isinstance(part, Requirement):
                raise
    return tuple(found)
