"""
Figure 4: the bound is reached
==============================

The mean-squared error of the maximum-likelihood estimator against the CRLBs, over the sensing SNR.
"""

import isacfw
from isacfw_plugins.figures.nguyen2025_fig4 import Figure4

scenario = isacfw.load_scenario("nguyen2025-fig4", overrides=["drops = 1"]).scenario
figure = Figure4(trials=40)
data = figure.collect(scenario, isacfw.compare, progress=lambda done, total: None)
figure.draw_styled(data)
