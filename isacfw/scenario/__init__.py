"""Scenarios: geometry, requirements, and the parts to compare."""

from .scenario import Scenario

__all__ = ["Scenario"]
