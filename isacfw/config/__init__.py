"""Scenario files: from TOML to scenarios and back, with errors that name the key."""

from .load import LoadedScenario, load_scenario
from .toml import to_toml

__all__ = ["LoadedScenario", "load_scenario", "to_toml"]
