"""Scenarios and parts as TOML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import tomli_w

from ..base.part import LabelledPart, Part
from ..host.host import PluginHost, default_host
from ..scenario.scenario import Scenario
from .document import Document, to_plain


def to_toml(scenario: Scenario, host: PluginHost | None = None) -> str:
    """Return a scenario as TOML, with all keys that have a value; loading it gives the same scenario."""
    return to_changed_toml(scenario, host or default_host(), {})


def to_changed_toml(scenario: Scenario, host: PluginHost, changes: Mapping[str, Any]) -> str:
    """Return :func:`to_toml` with other values of some keys, without building the points of a sweep anew."""
    document = _unstructure(scenario, host) | dict(changes)
    document = {key: value for key, value in document.items() if value is not None}
    # Omit empty lists that are usually absent.
    absent = [key for key in ("beams", "targets") if document.get(key) == []]
    document = {key: value for key, value in document.items() if value != {} and key not in absent}
    sweep = document.get("sweep", {})
    tables = sweep if isinstance(sweep, list) else [sweep]
    if all(map(_keeps_order, tables)):
        return tomli_w.dumps(document)
    # The order of a sweep is that of the axes of its results, whose names are its first paths.
    del document["sweep"]
    heading = "[[sweep]]" if tables is sweep else "[sweep]"
    text = [f"{heading}\n" + "".join(map(_line, table, table.values())) for table in tables]
    return "\n".join([tomli_w.dumps(document), *text])


def _keeps_order(table: Mapping[str, Any]) -> bool:
    """Return whether values that are written last, as those of a swept part, are last."""
    last = [_is_written_last(values) for values in table.values()]
    return last == sorted(last)


def _is_written_last(values: Any) -> bool:
    return isinstance(values, Mapping) or (
        isinstance(values, (list, tuple)) and len(values) > 0 and all(isinstance(one, Mapping) for one in values)
    )


def _line(path: str, values: Any) -> str:
    return f"{_key(path)} = {_inline(values)}\n"


def _key(name: str) -> str:
    return tomli_w.dumps({name: 0}).removesuffix(" = 0\n")


def _inline(value: Any) -> str:
    """Return a value as TOML in one line."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_inline(member)}' for key, member in value.items())} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_inline, value))}]"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").rstrip("\n")


def part_to_table(part: Part, host: PluginHost) -> Document:
    """Return the table of a scenario file for a part."""
    return {"kind": host.name_of(part), **_fields(part, host)}


def _unstructure(value: Any, host: PluginHost) -> Any:
    if isinstance(value, Part):
        table = part_to_table(value, host)
        return table["kind"] if isinstance(value, LabelledPart) and has_defaults_only(value) else table
    if attrs.has(type(value)):
        return _fields(value, host)
    if isinstance(value, (tuple, list)):
        return [_unstructure(member, host) for member in value]
    if isinstance(value, dict):
        return {key: _unstructure(member, host) for key, member in value.items()}
    return str(value) if isinstance(value, Path) else to_plain(value)


def has_defaults_only(part: Part) -> bool:
    """Return whether a part is determined by its name."""
    try:
        return part == type(part)()
    except Exception:  # It has a required option.
        return False


def _fields(value: Any, host: PluginHost) -> Document:
    values = {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
    return {key: _unstructure(member, host) for key, member in values.items() if member is not None}
