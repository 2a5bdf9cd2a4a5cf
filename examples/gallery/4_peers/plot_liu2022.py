"""
Beams for a known channel
=========================

Least CRB under SINR targets, for a point target and for an extended one, after Liu et al. See :doc:`its page </peers/liu2022>`.
"""

import isacfw
from isacfw_plugins.figures.liu2022 import LiuFigure

scenario = isacfw.load_scenario("liu2022", overrides=["drops = 1"]).scenario
figure = LiuFigure(trials=1)
data = figure.collect(scenario, isacfw.compare, progress=lambda done, total: None)
figure.draw_styled(data)
