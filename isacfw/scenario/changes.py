"""Changes of values at dotted paths of a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from ..base.errors import InputError, short_repr, suggestion

NOT_SWEPT = (
    "name",
    "link",
    "drops",
    "until",
    "keep",
    "precision",
    "summary_only",
    "targets",
    "precoders",
    "beams",
    "allocators",
    "metrics",
    "plugins",
    "sweep",
    "time_limit_s",
)


def to_tuple(value: Any) -> Any:
    """Convert a sequence or array to a tuple; leave anything else for the validator."""
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


class Changes(dict[str, Any]):
    """Changes below a key, as opposed to a value that is a mapping.

    Parameters
    ----------
    base : object, optional
        What the changes apply to; by default, what the key already leads to.
    """

    def __init__(self, base: Any = None) -> None:
        super().__init__()
        self.base = base

    def apply(self, current: Any) -> Any:
        """Return the base, or else the current value, with the changes."""
        return with_changes(current if self.base is None else self.base, self)


def nest(values: Mapping[str, Any]) -> Changes:
    """Return values at dotted paths as nested changes, regardless of the order: parts first, then their fields.

    Raises
    ------
    InputError
        If a path cannot be swept.
    """
    changes = Changes()
    for path, value in values.items():
        *parents, key = str(path).split(".")
        if (parents or [key])[0] in NOT_SWEPT:
            raise InputError(f"sweep.{path}", f"must not be swept, got {short_repr(value)}")
        table = changes
        for parent in parents:
            below = table.get(parent)
            table[parent] = below if isinstance(below, Changes) else Changes(base=below)
            table = table[parent]
        if isinstance(table.get(key), Changes):
            table[key].base = value
        else:
            table[key] = value
    return changes


def with_changes(part: Any, changes: Mapping[str, Any]) -> Any:
    """Return an attrs object with changed values of its fields, and of the fields of its parts."""
    if isinstance(part, Mapping):
        return _with_changed_parts(part, changes)
    values = changed_values(part, changes)
    try:
        return attrs.evolve(part, **values)
    except InputError:
        raise
    except Exception as error:
        raise InputError(next(iter(values)), f"is not valid: {error}") from error


def changed_values(part: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changed values of the fields of an attrs object."""
    known = [field.name for field in attrs.fields(type(part))] if attrs.has(type(part)) else []
    values: dict[str, Any] = {}
    for key, value in changes.items():
        if key not in known:
            raise InputError(key, f"must be a key of the scenario{suggestion(key, known)}")
        current = getattr(part, key)
        if isinstance(value, Changes):
            try:
                values[key] = value.apply(current)
            except InputError as error:
                raise error.within(key) from None
        elif attrs.has(type(current)) and not attrs.has(type(value)):
            raise InputError(key, f"must lead to a value and not to a table, got {short_repr(value)}")
        else:
            values[key] = to_tuple(value)
    return values


def _with_changed_parts(parts: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table of parts by name with changed or other parts."""
    changed = dict(parts)
    for name, value in changes.items():
        if name not in parts:
            raise InputError(name, f"must be in the table{suggestion(name, list(parts))}")
        if attrs.has(type(value)):
            changed[name] = value
            continue
        if not isinstance(value, Changes):
            raise InputError(name, f"must lead to a value and not to a table, got {short_repr(value)}")
        try:
            changed[name] = value.apply(parts[name])
        except InputError as error:
            raise error.within(name) from None
    return changed
