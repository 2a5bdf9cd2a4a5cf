"""The steered beam, which is the default and so comes with the framework."""

from __future__ import annotations

import isacfw
from isacfw import Steered


@isacfw.hookimpl
def register_beams() -> list[type[isacfw.Beam]]:
    """Register the steered beam."""
    return [Steered]
