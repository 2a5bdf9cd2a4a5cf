"""Tables of text that fit a width: words are folded, numbers never; wide tables are split into parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs

from .text_lines import HANGING, cell_width, fold_line, longest_word, plain_console, text_cell

if TYPE_CHECKING:
    from rich.text import Text

FULL = 100
"""Least width of lines of text where there is no terminal."""

_LEAST_WORDS = 14
"""Least width of a column of words that are folded."""

_LONGEST_WORD = 24
"""Width up to which words are not divided."""

_LEAST = 4
"""Least width of any column."""

_AMPLE = 0.7
"""Part of a line that columns with folded words may need at least for wide gaps between them."""


@attrs.frozen(kw_only=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    heading : str
        Its heading, of one or several lines.
    cells : tuple of rich.text.Text
        Its cells.
    words : bool
        Whether they are words, which are on the left and may be folded, and not numbers.
    least : int
        Width down to which words are folded before the table is split into parts.
    """

    heading: str
    cells: tuple[Text, ...]
    words: bool = False
    least: int = _LEAST_WORDS

    @property
    def natural(self) -> int:
        """Width that it needs without folding."""
        return max([self._widest_cell, *(cell_width(line) for line in self.heading.split("\n"))])

    @property
    def narrow(self) -> int:
        """Least width: that of its numbers and of the words of its heading."""
        cells = self._widest_cell
        if self.words:
            longest = longest_word(one.plain for one in self.cells)
            cells = min(cells, max(self.least, min(longest, _LONGEST_WORD)))
        return max(cells, longest_word([self.heading]))

    @property
    def _widest_cell(self) -> int:
        return max((one.cell_len for one in self.cells), default=0)


@attrs.frozen(kw_only=True)
class TextTable:
    """A table.

    Parameters
    ----------
    columns : sequence of Column
        Its columns.
    heads : int
        Number of the first columns that name the rows and are repeated in each part of a table that is split.
    sections : mapping of int to str
        Titles of groups of rows, by the number of their first row; an empty line is above each but the first.
    margin : int
        Number of spaces on the left.
    """

    columns: Sequence[Column]
    heads: int = 1
    sections: Mapping[int, str] = {}
    margin: int = 1

    @property
    def width(self) -> int:
        """Width that it needs without folding."""
        titles = [cell_width(title) for title in self.sections.values()]
        return self.margin + max([_total([one.natural for one in self.columns], gap=2), *titles])

    def lines(self, width: int | None = None) -> Iterator[Text]:
        """Yield its lines, of at most a width if one is given, beginning and ending with an empty one."""
        from rich.text import Text

        margin = Text(" " * self.margin)
        room = None if width is None else max(1, width - self.margin)
        yield Text()
        for shown, widths, gap in _arrange(self.columns, self.heads, room):
            for line in (*_draw_heading(shown, widths, gap), *self._rows(shown, widths, gap, room)):
                yield margin + line
            yield Text()

    def _rows(self, shown: Sequence[Column], widths: list[int], gap: int, width: int | None) -> Iterator[Text]:
        for row in range(len(shown[0].cells)):
            yield from self._section(row, width)
            cells = [
                # Of the names, lines after the first are not to be taken for other rows.
                fold_line(one.cells[row], size, HANGING if column < self.heads else 0)
                for column, (one, size) in enumerate(zip(shown, widths, strict=True))
            ]
            yield from _join(cells, shown, widths, gap)

    def _section(self, row: int, width: int | None) -> Iterator[Text]:
        """Yield the title of the rows that begin with a row, if they have one."""
        from rich.text import Text

        if row not in self.sections:
            return
        if row:
            yield Text()
        title = text_cell(self.sections[row], "bold")
        yield from [title] if width is None else fold_line(title, width)


def _arrange(
    columns: Sequence[Column], heads: int, width: int | None
) -> Iterator[tuple[Sequence[Column], list[int], int]]:
    """Yield the columns of each part of a table with their widths, and the gap between them."""
    natural, narrow = [one.natural for one in columns], [one.narrow for one in columns]
    for gap in (2, 1):
        if width is None or _total(natural, gap) <= width:
            yield columns, natural, gap
            return
    assert width is not None
    gap = 2 if _total(narrow, 2) <= _AMPLE * width else 1
    for first, last in pairwise(_splits(narrow, heads, width)):
        part = [*range(heads), *range(first, last)]
        shown = [columns[number] for number in part]
        yield shown, _widen(shown, [narrow[number] for number in part], width, gap), gap


def _splits(narrow: list[int], heads: int, width: int) -> Iterator[int]:
    """Yield the numbers of the columns with which the parts of a table begin, and that after the last."""
    yield heads
    used = _total(narrow[: heads + 1], 1)
    for number, size in enumerate(narrow[heads + 1 :], heads + 1):
        used += 1 + size
        if used > width:
            yield number
            used = _total([*narrow[:heads], size], 1)
    yield len(narrow)


def _widen(columns: Sequence[Column], widths: list[int], width: int, gap: int) -> list[int]:
    """Return widths that use the room of a line: first for words, then for headings."""
    widths = list(widths)
    for number in range(len(columns)):
        # Words give way to a number that is as wide as the line.
        excess = _total(widths, gap) - width
        if excess > 0 and columns[number].words:
            widths[number] = max(_LEAST, widths[number] - excess)
    for words in (True, False):
        for number, one in enumerate(columns):
            room = width - _total(widths, gap)
            if one.words == words and room > 0:
                widths[number] = min(one.natural, widths[number] + room)
    return widths


def _total(widths: Sequence[int], gap: int) -> int:
    """Return the width of columns and the gaps between them."""
    return sum(widths) + gap * (len(widths) - 1)


def _draw_heading(columns: Sequence[Column], widths: list[int], gap: int) -> Iterator[Text]:
    from rich.text import Text

    headings = []
    for column, size in zip(columns, widths, strict=True):
        lines = [text_cell(line, "bold") for line in column.heading.split("\n")]
        headings.append([part for line in lines for part in fold_line(line, size)])
    while all(one and not one[0] for one in headings):
        headings = [one[1:] for one in headings]
    most = max(map(len, headings))
    yield from _join([[Text()] * (most - len(one)) + one for one in headings], columns, widths, gap)
    yield Text("─" * _total(widths, gap))


def _join(cells: Sequence[list[Text]], columns: Sequence[Column], widths: list[int], gap: int) -> Iterator[Text]:
    """Yield the lines of a row."""
    from rich.text import Text

    for number in range(max(map(len, cells))):
        line = Text()
        for lines, column, size in zip(cells, columns, widths, strict=True):
            cell = lines[number] if number < len(lines) else Text()
            space = " " * (size - cell.cell_len)
            line = line + (cell + space if column.words else Text(space) + cell) + " " * gap
        line.rstrip()
        yield line


def write_parts(parts: Iterable[Text | TextTable], width: int | None = None, *, colour: bool = False) -> str:
    """Return texts and tables as text.

    Parameters
    ----------
    parts : iterable of rich.text.Text or TextTable
        Texts, each of which begins a line, and tables.
    width : int, optional
        Largest width of a line; by default that of the widest table, and at least 100.
    colour : bool
        Whether to use the colours of a terminal.
    """
    found = list(parts)
    room = max([FULL, *(one.width for one in found if isinstance(one, TextTable))]) if width is None else width
    console = plain_console(room, colour=colour)
    for one in found:
        if isinstance(one, TextTable):
            for line in one.lines(width):
                # A number that is wider than a line is not cut.
                console.print(line, highlight=False, no_wrap=True, overflow="ignore", crop=False)
        else:
            console.print(one, highlight=False, overflow="fold", no_wrap=False)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())


def align(
    headings: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int], **options: Any
) -> TextTable:
    """Return a table of text, whose columns of some numbers are words.

    Parameters
    ----------
    headings : sequence of str
        Headings of the columns.
    rows : sequence of sequence of str
        Cells of the rows.
    words : sequence of int
        Numbers of the columns of words.
    **options
        Those of :class:`TextTable`.
    """
    columns = [
        Column(heading=heading, cells=tuple(text_cell(row[number]) for row in rows), words=number in words)
        for number, heading in enumerate(headings)
    ]
    return TextTable(columns=columns, **options)
