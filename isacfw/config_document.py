"""Documents: TOML files, mappings and assignments as plain dictionaries."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from .base.errors import InputError

Document = dict[str, Any]


def _plain(value: Any) -> Any:
    """Return a copy made of the types that a TOML file gives."""
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _read(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), f"must be a file that can be read, got: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(str(path), "is not a UTF-8 text file") from None
    except ValueError as error:
        raise InputError(str(path), f"must be a file that can be read, got: {error}") from None
    return _parsed(path, text)


def _parsed(path: Path, text: Any) -> Document:
    try:
        return tomllib.loads(text)
    except (TypeError, ValueError) as error:
        raise InputError(str(path), f"is not valid TOML: {error}") from None


def _assignment(text: str) -> Document:
    """Read ``key=value``; a value that is no TOML is a string, so that words need no quotes."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InputError("--set", f"must be key=value, got {text!r}")
    for right in (value, json.dumps(value.strip())):
        try:
            return tomllib.loads(f"{key} = {right}")
        except tomllib.TOMLDecodeError:
            continue
    raise InputError("--set", f"must be key=value with a key of a scenario file, got {text!r}")


def _merge(document: Document, changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        table = document.get(key)
        # The options of a part of another kind are not those of the new one.
        same = (
            isinstance(table, dict) and isinstance(value, dict) and value.get("kind") in (None, table.get("kind"))
        )
        if same:
            _merge(document[key], value)
        else:
            document[key] = value


def _nested(keys: list[str], value: Any) -> Document:
    for key in reversed(keys):
        value = {key: value}
    return cast(Document, value)
