"""
Your own allocator
==================

An allocator is a class with one method. The framework computes rates, CRLBs and violations of its shares, so that it stands
beside the others in the same table. Its fields are options. ``isacfw new allocator my_allocator`` writes such a file with a test.
"""

import attrs
import numpy as np

import isacfw


@attrs.frozen(kw_only=True)
class Strongest(isacfw.Allocator):
    """Equal shares for the users with the largest gains, and the least for sensing within the limits."""

    name = "strongest"

    served: int = attrs.field(default=4, validator=isacfw.validators.integer(at_least=1))

    def solve(self, problem):
        """Return shares of the power for each user, and for sensing."""
        share = problem.largest_communication_share
        chosen = problem.gain.argsort()[-self.served :]
        shares = np.zeros(problem.users)
        shares[chosen] = share / len(chosen)
        return isacfw.Shares(communication=shares, sensing=1 - share)


loaded = isacfw.load_scenario("nguyen2025", overrides=["sweep.snr_db = [0, 10, 20]", "drops = 5"])
comparison = isacfw.compare(loaded, precoders=["mrt"], allocators=["exact", Strongest(), "equal_com"])
comparison.plot(quantity="sum_rate", style="paper-wide")["sum_rate"]

# %%
# The same as a table:

comparison
