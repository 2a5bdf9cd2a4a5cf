"""A precoder and an allocator for isacfw."""
