"""The power-allocation problem, allocators, and the verification of allocations."""
