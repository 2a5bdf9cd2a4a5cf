"""
Arrays and cell
===============

What a scenario describes, before anything is compared: here a sector of an urban macrocell by 3GPP TR 38.901, and a car to be
sensed.
"""

import isacfw

figures = isacfw.plot_scenario("../../scenarios/urban_macro.toml", only=["arrays", "cell"])
figures["cell"]

# %%

figures["arrays"]
