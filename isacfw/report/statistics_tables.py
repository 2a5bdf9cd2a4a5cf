"""Statistics over the drops as sortable tables of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from .html_table import RowNames
from .kept import count_drops
from .markup import shorten
from .sortable import Cell, Heading, HtmlTable
from .statistics import paired_differences, statistics
from .summary import Columns

if TYPE_CHECKING:
    import xarray

_INTERVAL = "± 95 %"


def statistics_tables(dataset: xarray.Dataset, most: int) -> tuple[HtmlTable, ...]:
    """Return the tables of the objective over the drops: its distribution, and paired differences.

    Parameters
    ----------
    dataset : xarray.Dataset
        Results.
    most : int
        Number of rows of each table.

    Returns
    -------
    tuple of HtmlTable
        Empty for one drop, which has no distribution; without differences if there is one allocator only.
    """
    if count_drops(dataset) < 2:
        return ()
    quantity = dataset[Columns.of(dataset).objective].attrs
    label, unit = shorten(quantity.get("long_name") or "objective", 60), quantity.get("units", "")
    tables = [_distribution(dataset, label, unit)]
    if dataset.sizes["allocator"] > 1:
        tables.append(_differences(dataset, label, unit))
    return tuple(table.first(most) for table in tables)


def _distribution(dataset: xarray.Dataset, label: str, unit: str) -> HtmlTable:
    headings = (
        Heading(text="mean", note=f"{unit} {_INTERVAL}".strip(), numeric=True),
        *(Heading(text=text, note=unit, numeric=True) for text in ("5 % quantile", "median", "95 % quantile")),
        Heading(text="outage", note="% of the drops", numeric=True),
        Heading(text="drops", note="with a result", numeric=True),
    )

    def cells(row: Any) -> Iterator[Cell]:
        yield _mean(row["mean"], row["ci95"], "#.6g")
        for name in ("q05", "median", "q95"):
            yield _number(row[name], "#.6g")
        yield Cell(
            text=f"{100 * row['outage']:.3g}", key=100 * row["outage"], style="bad" if row["outage"] > 0 else ""
        )
        yield Cell(
            text=f"{row['answered']:.0f}/{row['drops']:.0f}", key=float(row["answered"]) / float(row["drops"])
        )

    notes = (
        "Quantiles and the mean are over the drops with a result; ± is the half-width of the 95 % interval of"
        " the mean (Student's t).",
        "Outage: drops without a result, or in which a limit is violated.",
    )
    return _table(dataset, statistics(dataset), f"{label} over the drops", headings, cells, notes)


def _differences(dataset: xarray.Dataset, label: str, unit: str) -> HtmlTable:
    frame = paired_differences(dataset)
    reference = shorten(str(frame["reference"].iloc[0]), 60)
    headings = (
        Heading(text="difference", note=f"{unit} {_INTERVAL}".strip(), numeric=True),
        Heading(text="difference", note=f"% {_INTERVAL}", numeric=True),
        Heading(text="drops", note="with both results", numeric=True),
    )

    def cells(row: Any) -> Iterator[Cell]:
        yield _mean(row["difference"], row["ci95"], "+.4g")
        yield _mean(row["difference_percent"], row["ci95_percent"], "+.4g")
        yield Cell(text=f"{row['drops']:.0f}", key=float(row["drops"]))

    notes = (
        "Mean of the differences drop by drop, with the interval of a paired t-test: what all drops have in"
        " common cancels.",
    )
    caption = f"{label}: paired differences from {reference} on the same drops"
    return _table(dataset, frame, caption, headings, cells, notes)


def _table(
    dataset: xarray.Dataset,
    frame: Any,
    caption: str,
    headings: tuple[Heading, ...],
    cells: Callable[[Any], Iterator[Cell]],
    notes: tuple[str, ...],
) -> HtmlTable:
    names = RowNames.of(dataset)
    return HtmlTable(
        caption=caption,
        headings=(*names.headings, *headings),
        rows=tuple((*names.cells(index), *cells(row)) for index, row in frame.iterrows()),
        head=len(names.headings) - 1,
        notes=notes,
    )


def _mean(value: float, half: float, digits: str) -> Cell:
    """Return the cell of a mean with the half-width of its interval, if there is one."""
    cell = _number(value, digits)
    return attrs.evolve(cell, text=f"{cell.text} ± {half:.2g}") if np.isfinite(half) else cell


def _number(value: float, digits: str) -> Cell:
    text = format(value, digits).replace("-", "−") if np.isfinite(value) else "–"
    return Cell(text="0" if value == 0 else text, key=float(value))
