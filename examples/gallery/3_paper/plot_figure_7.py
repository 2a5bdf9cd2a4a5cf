"""
Figure 7: the price of a limit
==============================

Sum rate and powers over the limit on the CRLBs.
"""

import isacfw
from isacfw_plugins.figures.nguyen2025_fig7 import Figure7

scenario = isacfw.load_scenario("nguyen2025-fig7", overrides=["drops = 3"]).scenario
figure = Figure7(trials=10)
data = figure.collect(scenario, isacfw.compare, progress=lambda done, total: None)
figure.draw_styled(data)
