"""Records as a table: as text, and as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from .markup import shorten
from .sortable import Cell, Heading, HtmlTable
from .text_lines import text_cell
from .text_table import align, write_parts

_SCALES = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


@attrs.frozen(kw_only=True)
class RecordTable:
    """A table of records.

    Parameters
    ----------
    title : str
        What it shows.
    headings : sequence of str
        Headings of its columns.
    rows : sequence of sequence of str
        Its cells; an empty one repeats that above.
    words : sequence of int
        Numbers of the columns of words; up to the last of them, cells name the rows.
    notes : sequence of str
        Notes below it.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[int]
    notes: Sequence[str] = ()

    def text(self, width: int | None = None) -> str:
        """Return it as text, folded to a width if one is given."""
        table = align(self.headings, self.rows, words=self.words, heads=1 + max(self.words), margin=0)
        return write_parts([text_cell(self.title), table, *map(text_cell, self.notes)], width)

    def sortable(self) -> HtmlTable:
        """Return it as a sortable table, each row of which says what it is about."""
        rows: list[tuple[Cell, ...]] = []
        for row in self.rows:
            above = rows[-1] if rows else (Cell(text=""),) * len(row)
            texts = [text or last.text for text, last in zip(row, above, strict=True)]
            rows.append(tuple(self._cell(number, text) for number, text in enumerate(texts)))
        return HtmlTable(
            caption=shorten(self.title),
            headings=tuple(
                Heading(text=heading, numeric=number not in self.words)
                for number, heading in enumerate(self.headings)
            ),
            rows=tuple(rows),
            head=max(self.words),
            notes=tuple(shorten(note, 1000) for note in self.notes),
        )

    def html(self) -> str:
        """Return :meth:`sortable` with its style and script, for a notebook."""
        return self.sortable().fragment()

    def _cell(self, number: int, text: str) -> Cell:
        return Cell(text=shorten(text), key=None if number in self.words else number_in(text))


def number_in(text: str) -> float:
    """Return the number with which a text begins, times in seconds, shares as fractions; NaN for none."""
    first, _, unit = text.removeprefix("≤ ").partition(" ")
    count, slash, total = first.rstrip("†").partition("/")
    try:
        return float(count) / (float(total) if slash else 1.0) * _SCALES.get(unit, 1.0)
    except (ValueError, ZeroDivisionError):
        return float("nan")
