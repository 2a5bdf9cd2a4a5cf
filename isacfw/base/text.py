"""Text of others that is shown as text: no character of it controls a terminal or reorders a line."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"
"""Invisible characters that spelling needs, in Persian for example; they change neither line nor order."""


def escape_controls(text: str, *, keep: str = "") -> str:
    r"""Return text whose control and formatting characters are escapes, such as ``\x1b`` or ``\u202e``.

    Parameters
    ----------
    text : str
        Any text, lone surrogates included.
    keep : str
        Characters to leave as they are, such as line breaks.
    """
    if text.isprintable():
        return text
    return "".join(one if _is_visible(one) or one in keep else _escape(one) for one in text)


_FORMULAS = tuple("=+-@\t\r＝＋－＠")
"""Characters with which spreadsheets begin a formula."""


def spreadsheet_cell(value: object) -> object:
    """Return a cell of a CSV file: text that a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def _is_visible(one: str) -> bool:
    return one.isprintable() or one in _JOINERS or unicodedata.category(one) == "Zs"


def _escape(one: str) -> str:
    return one.encode("unicode_escape").decode("ascii")
