"""
An uplink with OFDM radar
=========================

Users send while the base station takes a radar image, after Temiz et al. See :doc:`its page </peers/temiz2022>`.
"""

import isacfw
from isacfw_plugins.figures.temiz2022 import RadarPower

scenario = isacfw.load_scenario("temiz2022", overrides=["drops = 2"]).scenario
figure = RadarPower(trials=2)
data = figure.collect(scenario, isacfw.compare, progress=lambda done, total: None)
figure.draw_styled(data)
