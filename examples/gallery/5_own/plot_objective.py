"""
One objective against another
=============================

Rates of the users, sorted, under objectives from the sum rate to the smallest rate. Any of them may be your own.
"""

import numpy as np
from matplotlib.figure import Figure

import isacfw

figure = Figure(figsize=(7.16, 3.2), layout="constrained")
axes = figure.subplots()
for objective in ("sum_rate", "proportional_fair", "max_min"):
    loaded = isacfw.load_scenario(
        "nguyen2025", overrides=[f"objective = {objective}", "snr_db = 20", "drops = 1"]
    )
    found = isacfw.compare(loaded, precoders=["zf"], allocators=["exact"]).dataset
    rates = np.sort(found["rates"].squeeze())
    axes.step(range(1, rates.size + 1), rates, where="mid", label=objective)
axes.set(xlabel="User, from the smallest rate", ylabel="Rate [bit/s/Hz]")
axes.legend()
figure
