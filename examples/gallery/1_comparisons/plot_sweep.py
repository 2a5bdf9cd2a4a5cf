"""
Sum rate over a sweep
=====================

The paper's set-up over the SNR: the optimum of ``exact``, and the baselines with equal power factors. Curves that coincide are
drawn side by side, bars are 95 % intervals of the mean over the drops.
"""

import isacfw

loaded = isacfw.load_scenario("nguyen2025", overrides=["sweep.snr_db = [0, 5, 10, 15, 20]", "drops = 10"])
comparison = isacfw.compare(loaded, allocators=["exact", "equal_com", "equal_cs"])
comparison.plot(quantity="sum_rate", style="paper-wide")["sum_rate"]

# %%
# The table has the same means, as a data frame for further use.

comparison.table()[["sum_rate"]].unstack("allocator").round(2)
