"""
A beam that misses the target
=============================

``examples/scenarios/misaligned_beam.toml`` turns the sensing beam away from the target by up to 7.5°: more power goes to
sensing, and less is left for the users.
"""

import isacfw

comparison = isacfw.compare("../../scenarios/misaligned_beam.toml", allocators=["exact"])
comparison.plot(quantity=["sum_rate"], style="paper-wide")["sum_rate"]
