"""
Figure 6: where the power goes
==============================

Power for communication and for sensing over the SNR, at the optimum.
"""

import isacfw
from isacfw_plugins.figures.nguyen2025_fig6 import Figure6

scenario = isacfw.load_scenario("nguyen2025-fig6", overrides=["drops = 3"]).scenario
figure = Figure6()
data = figure.collect(scenario, isacfw.compare, progress=lambda done, total: None)
figure.draw_styled(data)
