"""Fields of sample problems that only metrics need."""

from __future__ import annotations

from typing import Any

import numpy as np


def units_of(targets: int) -> dict[str, Any]:
    """Return bandwidth, distances, reflections, frame length and receive antennas for T targets."""
    return {
        "bandwidth": np.array(1e7),
        "squared_arcs": np.tile([1e4, 4e4], targets),
        "reflection_power": np.geomspace(1e-2, 4e-2, targets),
        "frame_length": np.array(30.0),
        "receive_antennas": np.array(9.0),
    }
