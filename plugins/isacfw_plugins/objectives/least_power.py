"""Registration of the least power, which is defined in the framework."""

from __future__ import annotations

import isacfw
from isacfw import LeastPower


@isacfw.hookimpl
def register_objectives() -> list[type[isacfw.Objective]]:
    """Register the least power."""
    return [LeastPower]
