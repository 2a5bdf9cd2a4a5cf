"""The reference of the parts: their options from fields and docstrings, as `isacfw info` shows them."""

from __future__ import annotations

import inspect
import re

import docstring_parser

import isacfw
from isacfw.host.describe import Description, Option, describe
from isacfw.host.kinds import PartInfo


def parts(kind: str) -> list[PartInfo]:
    """Return the built-in parts of a kind."""
    return [part for part in isacfw.PluginHost(discover=False).parts() if part.kind == kind]


def list_parts(kind: str) -> str:
    """Return a section for each part of a kind, in Markdown."""
    return "\n".join(_section(part) for part in parts(kind))


def tabulate_parts(kind: str) -> str:
    """Return a table of the parts of a kind with their first lines."""
    rows = [
        f"| [`{part.name}`]({kind}.md#{_slug(part.name)}) | {escape(part.cls.summary())} |"
        for part in parts(kind)
    ]
    return "\n".join(["| name | |", "| --- | --- |", *rows]) + "\n"


def _slug(name: str) -> str:
    return re.sub(r"[^\w-]", "", name.lower())


def _section(part: PartInfo) -> str:
    found = describe(part.cls)
    tables = "".join(
        f"\nTable of `{cls.__name__}`: {escape(describe(cls).summary)}\n\n{_options(describe(cls))}"
        for cls in found.tables
    )
    return f"## `{part.name}`\n\n{_rst(_prose(part.cls, found))}\n{_options(found)}{tables}"


def _prose(cls: type, found: Description) -> str:
    """Return what a docstring says besides its parameters."""
    text = inspect.cleandoc(vars(cls)["__doc__"])
    parsed = docstring_parser.parse(text, style=docstring_parser.DocstringStyle.NUMPYDOC)
    prose = (parsed.short_description, parsed.long_description, found.notes)
    return "\n\n".join(one.strip() for one in prose if one)


def _rst(text: str) -> str:
    return f"```{{eval-rst}}\n.. currentmodule:: isacfw\n\n{text}\n```\n"


def _options(found: Description) -> str:
    """Return a list of options: on a narrow screen a table with long cells would be wider than it."""
    if not found.options:
        return "No options.\n"
    return "\n".join(map(_entry, found.options))


def _entry(option: Option) -> str:
    default = "required" if option.required else f"default `{option.default}`" if option.default else ""
    details = ", ".join(filter(None, (escape(option.type), default)))
    return f"`{option.name}`{f' ({details})' if details else ''}\n: {escape(option.meaning)}\n"


def escape(text: str) -> str:
    """Return text that Markdown leaves alone."""
    return re.sub(r"([\\`*_{}\[\]<>|$#])", r"\\\1", text)
