"""Registration of the smallest CRLBs, which is defined in the framework."""

from __future__ import annotations

import isacfw
from isacfw import LeastCRLB


@isacfw.hookimpl
def register_objectives() -> list[type[isacfw.Objective]]:
    """Register the smallest CRLBs."""
    return [LeastCRLB]
