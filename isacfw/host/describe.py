"""What a part is and which options it has, from its fields and its docstring."""

from __future__ import annotations

import inspect
import re
import typing
import unicodedata
from collections.abc import Iterator
from typing import Any

import attrs
import docstring_parser

from .kinds import KINDS

_ROLE = re.compile(r":[\w:]+:`~?([^`]+)`")
_REFERENCE = re.compile(r"``?([^`]+)``?")
_COMMAND = re.compile(r"\\([a-z]+)")
_SPELLINGS = {"lambda": "lamda"}
_SIGNS = {"ge": "≥", "le": "≤", "to": "→", "infty": "∞", "ast": "*"}


@attrs.frozen(kw_only=True)
class Option:
    """An option of a part, or a key of a table.

    Parameters
    ----------
    name, type, meaning : str
        Its key, type and meaning, the latter two as its docstring states them, without markup.
    required : bool
        Whether it must be given.
    default : str
        The default in the notation of scenario files; empty if it has none to show.
    """

    name: str
    type: str
    meaning: str
    required: bool
    default: str


@attrs.frozen(kw_only=True)
class Description:
    """A class whose fields are options.

    Parameters
    ----------
    cls : type
        The class.
    summary, notes : str
        First line and notes of its docstring, without markup.
    options : tuple of Option
        Its options in the order of its fields, common ones such as `label` last.
    tables : tuple of type
        Classes of tables among the values of its options.
    """

    cls: type[Any]
    summary: str
    notes: str
    options: tuple[Option, ...]
    tables: tuple[type[Any], ...]


def describe(cls: type[Any]) -> Description:
    """Return the description of an attrs class, such as that of a part."""
    parsed = _parse(cls)
    own = [name for one in parsed.params for name in _names(one.arg_name)]
    # An entry without a type refers to another class.
    documented = [one for one in _parameters(cls) if one.type_name]
    fields = sorted(attrs.fields(cls), key=lambda field: field.name not in own)
    hints = typing.get_type_hints(cls)
    options = []
    tables: dict[type[Any], None] = {}
    for field in fields:
        if not field.init:
            continue
        found = next((one for one in documented if field.name in _names(one.arg_name)), None)
        tables |= dict.fromkeys(_tables_in(hints[field.name]))
        options.append(
            Option(
                name=field.name,
                type="" if found is None else plain((found.type_name or "").removesuffix(", optional")),
                meaning="" if found is None else plain(found.description or ""),
                required=field.default is attrs.NOTHING,
                default=_shown_default(field),
            )
        )
    notes = next((one.description or "" for one in parsed.meta if one.args == ["notes"]), "")
    return Description(
        cls=cls,
        summary=plain(parsed.short_description or ""),
        notes=notes,
        options=tuple(options),
        tables=tuple(tables),
    )


def _parse(cls: type[Any]) -> docstring_parser.Docstring:
    text = inspect.cleandoc(vars(cls).get("__doc__") or "")
    return docstring_parser.parse(text, style=docstring_parser.DocstringStyle.NUMPYDOC)


def _parameters(cls: type[Any]) -> Iterator[docstring_parser.DocstringParam]:
    """Yield what the docstrings of a class and of its bases say about their fields."""
    for base in cls.__mro__:
        yield from _parse(base).params


def _names(listed: str) -> list[str]:
    """Return the names of parameters that share one entry."""
    return [name.strip() for name in listed.split(",")]


def plain(text: str) -> str:
    """Return text without the markup of docstrings, in one line."""
    text = _REFERENCE.sub(r"\1", _ROLE.sub(lambda found: found[1].rpartition(".")[2], text))
    return " ".join(_COMMAND.sub(_character, text).split())


def _character(command: re.Match[str]) -> str:
    """Return the character of a TeX command: a Greek letter, or a sign; the name of a function such as ln."""
    letter = f"GREEK SMALL LETTER {_SPELLINGS.get(command[1], command[1]).upper()}"
    try:
        return _SIGNS.get(command[1]) or unicodedata.lookup(letter)
    except KeyError:
        return command[1]


def _tables_in(hint: Any) -> Iterator[type[Any]]:
    """Yield the classes of tables in a type, which are not parts."""
    for member in typing.get_args(hint):
        yield from _tables_in(member)
    if isinstance(hint, type) and attrs.has(hint) and not issubclass(hint, tuple(KINDS.values())):
        yield hint


def _shown_default(field: attrs.Attribute[Any]) -> str:
    value = field.default
    if value is attrs.NOTHING or value is None:
        return ""
    if isinstance(value, attrs.Factory):  # type: ignore[arg-type]
        if value.takes_self:
            return ""
        value = value.factory()
    return shown(value)


def shown(value: Any) -> str:
    """Return a value in the notation of scenario files."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {shown(one)}' for key, one in value.items())} }}" if value else "{}"
    if attrs.has(type(value)):
        name = getattr(type(value), "name", "")
        return f'"{name}"' if isinstance(name, str) and name else "{}"
    return f"{value:g}" if isinstance(value, float) else str(value)
