"""Scenarios: who is where, what is required, and which parts are compared."""

from .scenario import Scenario

__all__ = ["Scenario"]
