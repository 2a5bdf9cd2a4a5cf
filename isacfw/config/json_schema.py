"""The JSON Schema of scenario files, by which editors complete and check them."""

from __future__ import annotations

import types
import typing
from pathlib import Path
from typing import Any

import attrs

from ..host.describe import describe
from ..host.host import PluginHost
from ..host.kinds import KINDS
from ..scenario.scenario import Scenario
from ..scenario.sweep import Sweep

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SIMPLE: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    Path: {"type": "string"},
    type(None): {},
}


def json_schema(host: PluginHost) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of scenario files with the parts of a host.

    It states keys and types. Ranges, and what values demand of each other, are checked when a scenario is loaded;
    so are required keys, since a key may be swept instead.
    """
    definitions: dict[str, Any] = {}
    builder = _Builder(host, definitions)
    root = builder.of_table(Scenario)
    return {"$schema": _DIALECT, "title": "isacfw scenario", **root, "$defs": definitions}


class _Builder:
    """Schemas of types; those of parts and tables are definitions that others refer to."""

    def __init__(self, host: PluginHost, definitions: dict[str, Any]) -> None:
        self.host, self.definitions = host, definitions

    def of(self, hint: Any) -> dict[str, Any]:
        """Return the schema of a type of a field."""
        if hint in _SIMPLE:
            return dict(_SIMPLE[hint])
        if hint == Sweep:
            return _sweep()
        origin, members = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, types.UnionType):
            each = [self.of(member) for member in members if member is not type(None)]
            return each[0] if len(each) == 1 else {"anyOf": each}
        if origin is typing.Literal:
            return {"enum": list(members)}
        if origin is tuple:
            return {"type": "array", "items": self.of(members[0])}
        if origin in (dict, typing.get_origin(typing.Mapping[str, Any])):
            return {"type": "object", "additionalProperties": self.of(members[1])}
        if hint in KINDS.values():
            return self._reference(hint)
        if isinstance(hint, type) and attrs.has(hint):
            return self._reference(hint)
        return {}

    def _reference(self, cls: type[Any]) -> dict[str, Any]:
        name = cls.__name__
        if name not in self.definitions:
            self.definitions[name] = {}  # A part may contain others of its kind.
            self.definitions[name] = self._kind(cls) if cls in KINDS.values() else self.of_table(cls)
        return {"$ref": f"#/$defs/{name}"}

    def _kind(self, base: type[Any]) -> dict[str, Any]:
        kind = next(name for name, one in KINDS.items() if one is base)
        parts = self.host.parts(kind)
        names = [name for part in parts for name in (part.name, part.qualified_name)]
        tables = []
        for part in parts:
            table = self.of_table(part.cls)
            table["properties"] = {"kind": {"enum": [part.name, part.qualified_name]}, **table["properties"]}
            table["required"] = ["kind"]
            tables.append(table)
        return {"anyOf": [{"type": "string", "enum": names}, *tables]}

    def of_table(self, cls: type[Any]) -> dict[str, Any]:
        """Return the schema of a table with the fields of a class as its keys."""
        hints = typing.get_type_hints(cls)
        properties: dict[str, Any] = {}
        described = describe(cls)
        for option in described.options:
            schema = self.of(hints[option.name])
            if option.meaning:
                schema = {**schema, "description": option.meaning}
            properties[option.name] = schema
        found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        if described.summary:
            found["description"] = described.summary
        return found


def _sweep() -> dict[str, Any]:
    table = {"type": "object", "additionalProperties": {"type": ["array", "object"]}}
    return {"anyOf": [table, {"type": "array", "items": table}], "description": "Paths and the values they take."}
