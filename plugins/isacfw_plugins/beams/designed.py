"""Registration of the designed beam, which is defined in the framework."""

from __future__ import annotations

import isacfw
from isacfw import Designed


@isacfw.hookimpl
def register_beams() -> list[type[isacfw.Beam]]:
    """Register the designed beam."""
    return [Designed]
