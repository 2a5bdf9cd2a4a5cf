"""Registration of the steered beam, the default, which is defined in the framework."""

from __future__ import annotations

import isacfw
from isacfw import Steered


@isacfw.hookimpl
def register_beams() -> list[type[isacfw.Beam]]:
    """Register the steered beam."""
    return [Steered]
