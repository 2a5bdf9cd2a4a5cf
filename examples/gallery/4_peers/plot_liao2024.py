"""
Least power under a sidelobe target
===================================

The least power that serves users and illuminates a region, after Liao et al. See :doc:`its page </peers/liao2024>`.
"""

import isacfw
from isacfw_plugins.figures.liao2024 import LeastPowerUnderLobes

scenario = isacfw.load_scenario("liao2024", overrides=["drops = 2"]).scenario
figure = LeastPowerUnderLobes()
data = figure.collect(scenario, isacfw.compare, progress=lambda done, total: None)
figure.draw_styled(data)
