"""
A beam that misses the target
=============================

``examples/scenarios/misaligned_beam.toml`` turns the sensing beam away from the target by up to 7.5°. Under tight limits, more power goes to
sensing, and less is left for the users.
"""

import isacfw

SCENARIO = "../../scenarios/misaligned_beam.toml"

loaded = isacfw.load_scenario(SCENARIO, overrides=["sensing.crlb_limit_db = -48"])
comparison = isacfw.compare(loaded, allocators=["exact"])
comparison.plot(quantity="sum_rate", style="paper-wide")["sum_rate"]
