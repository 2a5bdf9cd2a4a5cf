"""
Sum rate against the SNR
========================

A sweep of the paper's set-up, with the distance between the methods.
"""

import isacfw

comparison = isacfw.compare("examples/scenarios/sweep_snr.toml") if False else isacfw.compare(
    isacfw.load_scenario("nguyen2025", overrides=["sweep.snr_db=[0, 5, 10, 15, 20]", "drops=5"]), allocators=["exact", "equal_com", "equal_cs"]
)
comparison.plot()["sum_rate"]
