"""The regions of directions over which requirements and metrics need mean gains."""

from __future__ import annotations

from ..allocation.metric import Metric
from ..allocation.requirement import Requirement
from ..base.errors import PluginError
from ..base.guard import guard
from ..base.part import display_name
from ..signal.angular_region import AngularRegion


def regions_of(*parts: Requirement | Metric) -> tuple[AngularRegion, ...]:
    """Return the regions of all parts; a faulty metric has none here, and fails where it is evaluated.

    Raises
    ------
    PluginError
        If a requirement fails.
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
