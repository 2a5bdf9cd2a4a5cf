"""Lines of text in which nothing is markup, folded to a width."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..base.text import escape_controls

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

HANGING = 2
"""Indentation of further lines."""


def longest_word(texts: Iterable[str]) -> int:
    """Return the width of the longest word of texts."""
    return max((cell_width(word) for text in texts for word in text.split()), default=0)


def cell_width(text: str) -> int:
    """Return the width of a text in a terminal, where some characters take two cells."""
    from rich.cells import cell_len

    return cell_len(escape_controls(text))


def text_cell(text: str, style: str = "") -> Text:
    """Return text as a cell in which nothing is markup or controls the terminal."""
    from rich.text import Text

    return Text(escape_controls(text), style)


def fold_line(text: Text, width: int, hang: int = 0) -> list[Text]:
    """Return the lines of a text: folded between words, and within those that are longer than a line."""
    from rich.text import Text

    if text.cell_len <= width:
        return [text]
    indent = len(text.plain) - len(text.plain.lstrip(" "))
    if indent + hang >= width:
        indent = hang = 0
    first, *_ = _wrap(text[indent:], width - indent)
    rest = text[indent + len(first.plain) :]
    rest = rest[len(rest.plain) - len(rest.plain.lstrip(" ")) :]
    others = [Text(" " * (indent + hang)) + line for line in _wrap(rest, width - indent - hang)]
    return [Text(" " * indent) + first, *others]


def _wrap(text: Text, width: int) -> Sequence[Text]:
    lines = text.wrap(plain_console(width), width, overflow="fold", no_wrap=False)
    for line in lines:
        line.rstrip()
    return list(lines)


def plain_console(width: int, *, colour: bool = False) -> Console:
    """Return a console that writes text of a width, for all environments alike, notebooks included."""
    from rich.console import Console

    system: Any = "standard" if colour else None
    return Console(
        file=io.StringIO(),
        width=width,
        height=25,
        force_terminal=colour,
        force_jupyter=False,
        color_system=system,
        legacy_windows=False,
    )


def fold_text(text: str, width: int | None) -> str:
    """Return lines of text that are no wider than a width, further lines indented; no width folds nothing."""
    lines = [text_cell(line) for line in text.split("\n")]
    folded = lines if width is None else [part for line in lines for part in fold_line(line, width, HANGING)]
    return "\n".join(line.plain for line in folded)
