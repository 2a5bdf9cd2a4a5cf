"""Sortable tables in HTML: headings, cells and notes."""

from __future__ import annotations

import attrs
import numpy as np

from .markup import environment


@attrs.frozen(kw_only=True)
class Heading:
    """The heading of a column.

    Parameters
    ----------
    text : str
        What the column shows.
    note : str
        Unit or limit below it.
    numeric : bool
        Whether its cells are numbers.
    """

    text: str
    note: str = ""
    numeric: bool = False


@attrs.frozen(kw_only=True)
class Cell:
    """A cell.

    Parameters
    ----------
    text : str
        Its text.
    key : float or None
        Number by which its column is sorted; None to sort by text, NaN for a missing number.
    style : {"", "best", "bad"}
        What it stands out for.
    """

    text: str
    key: float | None = None
    style: str = ""

    @property
    def sort_key(self) -> str:
        """The number as text; empty for none."""
        return "" if self.key is None or not np.isfinite(self.key) else f"{self.key:.10g}"


@attrs.frozen(kw_only=True)
class HtmlTable:
    """A sortable table.

    Parameters
    ----------
    caption : str
        What it shows.
    headings : tuple of Heading
        Headings of its columns.
    rows : tuple of tuple of Cell
        Its cells.
    head : int
        Number of the column whose cells name the rows.
    notes : tuple of str
        Notes below it.
    """

    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    head: int
    notes: tuple[str, ...] = ()

    def fragment(self) -> str:
        """Return the table with its style and script, for a notebook."""
        return environment().get_template("notebook.html").render(table=self, variables=(), scenario="")

    def first(self, most: int) -> HtmlTable:
        """Return its first rows, with a note if there are more."""
        if len(self.rows) <= most:
            return self
        note = f"The first {most} of {len(self.rows)} rows."
        return attrs.evolve(self, rows=self.rows[:most], notes=(note, *self.notes))
