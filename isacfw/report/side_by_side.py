"""Several comparisons side by side: a table of their objectives, and what differs between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from .difference import difference
from .markup import shorten
from .places import labels_of, name_place, swept_paths
from .sortable import Cell, Heading, HtmlTable
from .summary import Columns, blocks_of

if TYPE_CHECKING:
    import xarray

_MOST_ROWS = 300
_MOST_LINES = 60
"""Number of lines of a list of differences."""


@attrs.frozen(kw_only=True)
class Differences:
    """What differs between the first and another comparison.

    Parameters
    ----------
    title : str
        Names of both.
    groups : tuple
        Title, headings and rows of each kind of difference.
    notes : tuple of str
        What is left out.
    """

    title: str
    groups: tuple[tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]], ...]
    notes: tuple[str, ...] = ()


def differences(names: tuple[str, str], first: xarray.Dataset, other: xarray.Dataset) -> Differences:
    """Return what differs between two comparisons."""
    found = difference(first, other)
    pair = ("", *names)
    changes = (("Scenario", found.keys), ("Versions", found.versions))
    groups: list[tuple[str, tuple[str, ...], Sequence[tuple[str, ...]]]] = [
        (title, pair, [(one.key, one.first or "–", one.second or "–") for one in own]) for title, own in changes
    ]
    groups.append(("In one only", ("",), [(one,) for one in (*found.rows, *found.variables)]))
    numbers = [
        (one.name, f"{one.count} of {one.total}", one.size() or "–", one.place, one.first, one.second)
        for one in found.numbers
    ]
    headings = ("variable", "differ", "by up to", "there", *names)
    groups.append((f"Numbers, beyond {found.tolerance:g}", headings, numbers))
    notes = [
        f"{title}: the first {_MOST_LINES} of {len(rows)} differences"
        for title, _, rows in groups
        if len(rows) > _MOST_LINES
    ]
    kept = tuple(
        (title, heads, tuple(tuple(shorten(cell) for cell in row) for row in rows[:_MOST_LINES]))
        for title, heads, rows in groups
        if rows
    )
    return Differences(title=f"{names[1]} against {names[0]}", groups=kept, notes=tuple(notes))


def joint_table(names: Sequence[str], datasets: Sequence[xarray.Dataset], frames: Sequence[Any]) -> HtmlTable:
    """Return a table with the mean objective of each comparison, and its difference from the first.

    Parameters
    ----------
    names : sequence of str
        Names of the comparisons.
    datasets : sequence of xarray.Dataset
        Their results.
    frames : sequence of pandas.DataFrame
        Their summaries.
    """
    columns = [_objectives(dataset, frame) for dataset, frame in zip(datasets, frames, strict=True)]
    keys = list(dict.fromkeys(key for column in columns for key in column))
    headings = [Heading(text="where"), Heading(text="allocator")]
    for number, (name, dataset) in enumerate(zip(names, datasets, strict=True)):
        quantity = dataset[Columns.of(dataset).objective].attrs
        note = f"{quantity['long_name']} {quantity['units']}".strip()
        headings.append(Heading(text=shorten(name, 60), note=note, numeric=True))
        if number:
            headings.append(Heading(text="difference", note=f"from {shorten(names[0], 40)}, %", numeric=True))
    rows = []
    for where, allocator in keys[:_MOST_ROWS]:
        cells, first = [Cell(text=shorten(where)), Cell(text=shorten(allocator))], np.nan
        for number, column in enumerate(columns):
            value = column.get((where, allocator), np.nan)
            cells.append(Cell(text=f"{value:#.6g}" if np.isfinite(value) else "–", key=value))
            first = value if number == 0 else first
            if number:
                change = 100 * (value - first) / abs(first) if first else np.nan
                cells.append(Cell(text=f"{change:+.3f}" if np.isfinite(change) else "–", key=change))
        rows.append(tuple(cells))
    left_out = (f"The first {_MOST_ROWS} of {len(keys)} rows.",) if len(keys) > _MOST_ROWS else ()
    return HtmlTable(
        caption="Mean objectives side by side",
        headings=tuple(headings),
        rows=tuple(rows),
        head=1,
        notes=left_out,
    )


def _objectives(dataset: xarray.Dataset, frame: Any) -> dict[tuple[str, str], float]:
    """Return the mean objective by place and allocator."""
    sweep, labels = swept_paths(dataset), labels_of(dataset)
    objective = Columns.of(dataset).objective
    found = {}
    for row in frame.reset_index().to_dict("records"):
        words = [str(row[name]) for name in blocks_of(dataset)]
        place = name_place({path: row[path] for path in sweep}, labels)
        found[", ".join(filter(None, (*words, place))), str(row["allocator"])] = float(row[objective])
    return found
