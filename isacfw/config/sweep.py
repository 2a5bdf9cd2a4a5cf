"""Sweeps of scenario files: a table or an array of tables, whose values may be parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import attrs
import cattrs

from ..base.errors import InputError, short_repr
from ..base.toml import MOST_LEVELS
from ..host.kinds import KINDS
from ..scenario.scenario import Scenario
from ..scenario.sweep import Sweep
from .document import Document, merge, nest_value
from .messages import first_error

SWEEP = "sweep"
_NAMED = (Path, Path | None, *KINDS.values())
"""Types whose values may be strings: paths, and names of parts."""


def sweep_tables(sweep: Any) -> dict[str, Document]:
    """Return the tables of a sweep by their keys: ``"sweep"``, or ``"sweep[0]"``, ``"sweep[1]"``, ...

    Raises
    ------
    InputError
        If the sweep is neither a table of lists nor a list of such tables.
    """
    if isinstance(sweep, list) and sweep:
        tables = {f"{SWEEP}[{number}]": table for number, table in enumerate(sweep)}
    else:
        tables = {SWEEP: sweep}
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise InputError(key, f"must be a table of lists, got {short_repr(table)}")
        tables[key] = table = flatten(table)
        for path, values in table.items():
            if path.count(".") >= MOST_LEVELS:
                raise InputError(f"{key}.{path:.60}...", f"must be a path of at most {MOST_LEVELS} keys")
            if not isinstance(values, list):
                raise InputError(f"{key}.{path}", f"must be a list, got {short_repr(values)}")
    return tables


def flatten(table: Document) -> Document:
    """Return a table with the paths of nested tables as keys: ``channel.users`` without quotes."""
    found: Document = {}
    for key, value in table.items():
        nested = flatten(value) if isinstance(value, dict) else None
        found |= {f"{key}.{path}": own for path, own in nested.items()} if nested else {key: value}
    return found


def first_values(tables: Mapping[str, Document]) -> dict[str, Any]:
    """Return the first value of every path that has one."""
    return {path: values[0] for table in tables.values() for path, values in table.items() if values}


def fill(content: Document, path: str, value: Any) -> None:
    """Set a missing key of a document at a path."""
    merge(content, nest_value(path.split("."), value))


def structure_sweep(tables: Mapping[str, Document], scenario: Scenario, converter: cattrs.Converter) -> Sweep:
    """Return a sweep whose tables, names of parts and paths of files are read like those elsewhere in a file.

    Raises
    ------
    InputError
        If a part is not valid; its key is the path of the value.
    """
    found = [
        {path: tuple(_structure(key, path, values, scenario, converter)) for path, values in table.items()}
        for key, table in tables.items()
    ]
    return found[0] if SWEEP in tables else tuple(found)


def _structure(
    key: str, path: str, values: Sequence[Any], scenario: Scenario, converter: cattrs.Converter
) -> Iterator[Any]:
    structured = any(isinstance(value, (Mapping, str)) for value in values)
    kind = type_at(scenario, path.split(".")) if structured else None
    for position, value in enumerate(values):
        if kind is None or not (isinstance(value, Mapping) or (isinstance(value, str) and kind in _NAMED)):
            yield value
            continue
        try:
            yield converter.structure(value, kind)
        except Exception as error:
            raise first_error(error, f"{key}.{path}[{position}]") from None


def type_at(scenario: Scenario, keys: Sequence[str]) -> Any:
    """Return the type of the field at a path, None if there is none."""
    current: Any = scenario
    found: Any = None
    for key in keys:
        if isinstance(current, Mapping):
            found, current = found.__args__[1], current.get(key)
        elif attrs.has(type(current)):
            found, current = get_type_hints(type(current)).get(key), getattr(current, key, None)
        else:
            return None
    return found


def merge_assignment(document: Document, assignment: Document) -> None:
    """Merge an assignment of the command line into a document.

    A path of an array of tables keeps its table, so that linked paths stay linked; a new path is a further table.
    """
    changes, sweep = assignment.get(SWEEP), document.get(SWEEP)
    if not isinstance(changes, dict) or not isinstance(sweep, list):
        flat = {SWEEP: flatten(changes)} if isinstance(changes, dict) else {}
        merge(document, assignment | flat)
        return
    for path, values in flatten(changes).items():
        find_table(document, path)[path] = values


def find_table(document: Document, path: str) -> Document:
    """Return the table of a document's sweep that has a path, or else a new one for it."""
    sweep = document.setdefault(SWEEP, {})
    if isinstance(sweep, dict):
        return sweep
    table = next((one for one in sweep if isinstance(one, dict) and path in one), None)
    if table is None:
        table = {}
        sweep.append(table)
    return table


def paths_of(document: Document) -> set[str]:
    """Return all paths that a document sweeps; none if its sweep is not valid."""
    sweep = document.get(SWEEP, {})
    tables = sweep if isinstance(sweep, list) else [sweep]
    return {path for table in tables if isinstance(table, dict) for path in flatten(table)}


def check_effect(path: str, swept: Iterable[str]) -> None:
    """Check that a path which was assigned is not swept, nor a key of a part or table that is.

    Raises
    ------
    InputError
        If a sweep replaces the value at every point.
    """
    for own in sorted(swept):
        if path.partition(".")[0] != SWEEP and f"{path}.".startswith(f"{own}."):
            raise InputError(path, f"has no effect, since the scenario sweeps {own}; set sweep.'{own}' instead")
