"""Text of others that is shown as text, not as a command of a terminal or a formula of a spreadsheet."""

from __future__ import annotations

from .errors import escape_controls

__all__ = ["escape_controls", "spreadsheet_cell"]

_FORMULAS = tuple("=+-@\t\r＝＋－＠")
"""Characters with which spreadsheets begin a formula."""


def spreadsheet_cell(value: object) -> object:
    """Return a cell of a CSV file: text that a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value
