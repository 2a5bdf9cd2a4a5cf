"""A small scenario, for which allocations and beams are found quickly."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, Any] = {
    "name": "small",
    "drops": 2,
    "snr_db": 20.0,
    "precoders": ["zf"],
    "allocators": ["conic"],
    "transmit_array": {"kind": "ula", "elements": 8},
    "receive_array": {"kind": "ula", "elements": 6},
    "target": {"azimuth_deg": 20.0, "elevation_deg": 90.0, "known": ["elevation"]},
    "channel": {
        "kind": "rayleigh",
        "large_scale_fading": [1.0, 0.4],
        "pilot_length": 2,
        "coherence_length": 50,
        "pilot_snr_db": 15.0,
    },
}
