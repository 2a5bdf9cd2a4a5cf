"""
Figure 5: rate and CRLB over the SNR
====================================

Closed form and simulation, for both precoders: the sum rate, the CRLBs, and one against the other.
"""

import isacfw
from isacfw_plugins.figures.nguyen2025_fig5 import Figure5

scenario = isacfw.load_scenario("nguyen2025-fig5", overrides=["drops = 3"]).scenario
figure = Figure5(trials=10)
data = figure.collect(scenario, isacfw.compare, progress=lambda done, total: None)
figure.draw_styled(data)
