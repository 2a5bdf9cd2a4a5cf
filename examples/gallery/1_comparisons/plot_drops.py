"""
Distributions over drops
========================

Means hide how much drops differ. All allocators have the same drops, so that differences to a reference are known much better
than the means themselves.
"""

import isacfw

loaded = isacfw.load_scenario("nguyen2025", overrides=["drops = 60"])
comparison = isacfw.compare(loaded, precoders=["mrt"], allocators=["exact", "equal_com", "equal_cs"])
comparison.plot("cdf", quantity="sum_rate", style="paper-wide")["sum_rate"]

# %%
# Differences to the optimum in the same drop, for each drop:

comparison.plot("difference", quantity="sum_rate", style="paper-wide")["sum_rate"]
