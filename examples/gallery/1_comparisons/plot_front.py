"""
Sum rate against the CRLB
=========================

Every point of a front is the largest sum rate under a limit on the CRLBs: the price of a tighter limit.
"""

import isacfw

loaded = isacfw.load_scenario("nguyen2025", overrides=["snr_db = 20", "drops = 3"])
front = isacfw.pareto(loaded, against="crlb", points=15)
front.plot()
