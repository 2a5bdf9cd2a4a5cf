"""An allocator in a single file, compared with the built-in ones.

From the terminal: isacfw compare --plugin examples/single_file_plugin.py --allocators exact,inverse_fading
"""

import attrs

import isacfw


@attrs.frozen(kw_only=True)
class InverseFading(isacfw.Allocator):
    """Power in inverse proportion to the large-scale fading, and the least for sensing within the limits."""

    name = "inverse_fading"

    def solve(self, problem):
        """Return the shares of one problem; NaN if no split meets the limits."""
        share = problem.largest_communication_share
        weight = 1 / problem.sensing_interference
        return isacfw.Shares(communication=share * weight / weight.sum(), sensing=1 - share)


@isacfw.hookimpl
def register_allocators():
    """Register the allocator."""
    return [InverseFading]


if __name__ == "__main__":
    print(isacfw.compare("nguyen2025", allocators=["exact", "equal_com", InverseFading()], drops=20))
