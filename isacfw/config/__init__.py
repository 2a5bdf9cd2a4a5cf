"""Scenario files: from TOML to scenarios and back, with errors that name the key."""

from .document import Document
from .load import LoadedScenario, load_scenario
from .structure import part_from_table, structure
from .toml import part_to_table, to_toml

__all__ = [
    "Document",
    "LoadedScenario",
    "load_scenario",
    "part_from_table",
    "part_to_table",
    "structure",
    "to_toml",
]
