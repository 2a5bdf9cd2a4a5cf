"""Documents: TOML files, mappings and assignments as plain dictionaries."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ..base.errors import InputError

Document = dict[str, Any]


def to_plain(value: Any) -> Any:
    """Return a copy that contains only the types of TOML."""
    if isinstance(value, Mapping):
        return {str(key): to_plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(member) for member in value]
    return value.tolist() if hasattr(value, "tolist") else value


def read_document(path: Path) -> Document:
    """Return the content of a TOML file.

    Raises
    ------
    InputError
        If the file cannot be read or is not valid TOML; its key is the path.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), f"must be a file that can be read, got: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(str(path), "is not a UTF-8 text file") from None
    except ValueError as error:
        raise InputError(str(path), f"must be a file that can be read, got: {error}") from None
    return parse(path, text)


def parse(path: Path, text: Any) -> Document:
    """Return the content of the text of a TOML file.

    Raises
    ------
    InputError
        If the text is not valid TOML; its key is the path.
    """
    try:
        return tomllib.loads(text)
    except (TypeError, ValueError) as error:
        raise InputError(str(path), f"is not valid TOML: {error}") from None


def parse_assignment(text: str) -> Document:
    """Parse ``key=value``; a value that is not TOML is a string, so that words need no quotes."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InputError("--set", f"must be key=value, got {text!r}")
    for right in (value, json.dumps(value.strip())):
        try:
            return tomllib.loads(f"{key} = {right}")
        except tomllib.TOMLDecodeError:
            continue
    raise InputError("--set", f"must be key=value with a key of a scenario file, got {text!r}")


def assigned_path(text: str) -> str:
    """Return the path of keys to which :func:`parse_assignment` assigns, with dots."""
    table: Any = tomllib.loads(f"{text.partition('=')[0]} = 0")
    keys = []
    while isinstance(table, dict):
        (key, table), *_ = table.items()
        keys.append(key)
    return ".".join(keys)


def merge(document: Document, changes: Mapping[str, Any]) -> None:
    """Merge changes into a document, table by table."""
    for key, value in changes.items():
        table = document.get(key)
        if isinstance(table, str) and isinstance(value, dict):
            table = document[key] = {"kind": table}  # The name of a part, which gets options.
        # Options of the previous part do not apply to a part of another kind.
        same = (
            isinstance(table, dict) and isinstance(value, dict) and value.get("kind") in (None, table.get("kind"))
        )
        if same:
            merge(document[key], value)
        else:
            document[key] = value


def nest_value(keys: list[str], value: Any) -> Document:
    """Return a document with a value at a path of keys."""
    for key in reversed(keys):
        value = {key: value}
    return cast(Document, value)
