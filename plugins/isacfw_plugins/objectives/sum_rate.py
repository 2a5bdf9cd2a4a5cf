"""Registration of the sum rate, the default, which is defined in the framework."""

from __future__ import annotations

import isacfw
from isacfw import SumRate


@isacfw.hookimpl
def register_objectives() -> list[type[isacfw.Objective]]:
    """Register the sum rate."""
    return [SumRate]
