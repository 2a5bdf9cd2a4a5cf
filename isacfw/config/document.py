"""Documents: TOML files, mappings and assignments as plain dictionaries."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ..base.errors import InputError, short_repr
from ..base.inputs import is_pipe, read_pipe, read_text
from ..base.toml import check_bounds, parse_toml

Document = dict[str, Any]


def to_plain(value: Any) -> Any:
    """Return a copy that contains only the types of TOML."""
    if isinstance(value, Mapping):
        return {str(key): to_plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(member) for member in value]
    return value.tolist() if hasattr(value, "tolist") else value


def read_document(path: Path) -> Document:
    """Return the content of a TOML file, or of a pipe.

    Raises
    ------
    InputError
        If the file cannot be read or is not valid TOML; its key is the path.
    """
    return parse(path, read_pipe(path) if is_pipe(path) else read_text(path))


def parse(path: Path, text: Any) -> Document:
    """Return the content of the text of a TOML file.

    Raises
    ------
    InputError
        If the text is not valid TOML; its key is the path.
    """
    try:
        return parse_toml(text)
    except (TypeError, ValueError) as error:
        raise InputError(str(path), f"is not valid TOML: {error}") from None


def check_document(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a mapping with the keys of a file, after checking its depth and integers.

    Raises
    ------
    InputError
        If it is nested too deeply, or an integer is too large.
    """
    try:
        check_bounds(document)
    except ValueError as error:
        raise InputError("scenario", f"is not valid: {error}") from None
    return document


def parse_assignment(text: str) -> Document:
    """Parse ``key=value``; a value that is not TOML is a string, so that words need no quotes."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InputError("--set", f"must be key=value, got {short_repr(text)}")
    for right in (value, json.dumps(value.strip())):
        try:
            return parse_toml(f"{key} = {right}")
        except tomllib.TOMLDecodeError:
            continue
        except ValueError as error:
            raise InputError("--set", f"must be key=value of a scenario file: {error}") from None
    raise InputError("--set", f"must be key=value with a key of a scenario file, got {short_repr(text)}")


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
