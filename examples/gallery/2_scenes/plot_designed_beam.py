"""
Four sensing beams
==================

Two targets, and the sum rate that each sensing beam leaves the users under the same limits, from
``examples/scenarios/two_targets.toml``, here over the SNR.
"""

import isacfw

loaded = isacfw.load_scenario(
    "../../scenarios/two_targets.toml", overrides=["sweep.snr_db = [16, 20, 24]", "drops = 5"]
)
comparison = isacfw.compare(loaded, allocators=["exact"])
comparison.plot(quantity="sum_rate", style="paper-wide")["sum_rate"]
