"""
A base station that scans
=========================

The probability of detection over the direction of the beam, and the smallest rate under it, after Buzzi et al. See :doc:`its page </peers/buzzi2019>`.
"""

import isacfw
from isacfw_plugins.figures.buzzi2019 import Scanning

scenario = isacfw.load_scenario("buzzi2019", overrides=["drops = 2"]).scenario
figure = Scanning(trials=50)
data = figure.collect(scenario, isacfw.compare, progress=lambda done, total: None)
figure.draw_styled(data)
