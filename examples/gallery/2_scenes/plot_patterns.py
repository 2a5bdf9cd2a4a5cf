"""
Radiation patterns
==================

The gain of users' signals and of sensing beams over one element with the same power, near a target at 20°.
"""

import isacfw

SCENARIO = {
    "name": "patterns",
    "drops": 1,
    "snr_db": 20,
    "precoders": ["mrt"],
    "beams": ["steered", {"kind": "difference", "sum_share": 0.2}],
    "allocators": ["exact"],
    "transmit_array": {"kind": "upa", "horizontal": 12, "vertical": 8},
    "receive_array": {"kind": "upa", "horizontal": 5, "vertical": 5},
    "target": {"azimuth_deg": 20, "elevation_deg": 80},
    "sensing": {"crlb_limit_db": -40},
    "channel": {"kind": "rayleigh", "users": 6},
}

isacfw.plot_scenario(isacfw.load_scenario(SCENARIO), only=["patterns"])["patterns"]
