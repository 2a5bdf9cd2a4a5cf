"""Paths of files on the command line, which are relative to the working directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..scenario.scenario import Scenario
from .document import Document
from .sweep import SWEEP, find_table, flatten, type_at


def place_paths(document: Document, assignment: Document, scenario: Scenario) -> bool:
    """Make the paths that an assignment has set in a document absolute; return whether there are any.

    Parameters
    ----------
    document : dict
        After the assignment.
    assignment : dict
        What was assigned.
    scenario : Scenario
        The scenario of the document, whose fields tell which keys are paths.
    """
    found = False
    for keys, value in _leaves(assignment):
        if keys[0] == SWEEP:
            continue
        if isinstance(value, str) and type_at(scenario, keys) in _PATHS:
            table = document
            for key in keys[:-1]:
                table = table[key]
            table[keys[-1]], found = str(Path(value).absolute()), True
    swept = assignment.get(SWEEP, {})
    for path, values in flatten(swept).items() if isinstance(swept, dict) else ():
        if isinstance(values, list) and type_at(scenario, path.split(".")) in _PATHS:
            find_table(document, path)[path] = [
                str(Path(one).absolute()) if isinstance(one, str) else one for one in values
            ]
            found = True
    return found


_PATHS = (Path, Path | None)


def _leaves(table: Document, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the keys and the value of each leaf of nested tables."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value
