"""
Several targets
===============

The least sum of the CRLBs of three targets against the users' rate, after Topal et al. See :doc:`its page </peers/topal2024>`.
"""

import isacfw
from isacfw_plugins.figures.topal2024 import SeveralTargets

scenario = isacfw.load_scenario("topal2024", overrides=["drops = 1"]).scenario
figure = SeveralTargets(trials=1)
data = figure.collect(scenario, isacfw.compare, progress=lambda done, total: None)
figure.draw_styled(data)
