"""The problem of power allocation, allocators, and the verification of what they return."""
