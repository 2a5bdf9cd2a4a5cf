"""
Your own allocator
==================

An allocator is a class with one method. The framework computes rates, CRLBs and violations of its shares, so that it stands
beside the others in the same table. ``isacfw new allocator my_allocator`` writes such a file with a test.
"""

import attrs

import isacfw


@attrs.frozen(kw_only=True)
class InverseFading(isacfw.Allocator):
    """Power in inverse proportion to the large-scale fading, and the least for sensing within the limits."""

    name = "inverse_fading"

    def solve(self, problem):
        """Return shares of the power for each user, and for sensing."""
        share = problem.largest_communication_share
        weight = 1 / problem.sensing_interference
        return isacfw.Shares(communication=share * weight / weight.sum(), sensing=1 - share)


loaded = isacfw.load_scenario("nguyen2025", overrides=["sweep.snr_db = [0, 10, 20]", "drops = 5"])
comparison = isacfw.compare(loaded, precoders=["mrt"], allocators=["exact", InverseFading(), "equal_com"])
comparison.plot(quantity="sum_rate", style="paper-wide")["sum_rate"]

# %%
# The same as a table:

comparison
