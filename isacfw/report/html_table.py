"""The table of a comparison in HTML: sortable, without text that could become markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from ..allocation.status import Status
from .kept import count_drops, summary
from .markup import shorten
from .places import labels_of, swept_paths
from .sortable import Cell, Heading, HtmlTable
from .summary import Columns, blocks_of
from .table import duration, notes_of

if TYPE_CHECKING:
    import xarray

_MOST_NOTES = 16

_LEAST_PERCENTAGE = 1e-3
"""Percentage below which only rounding determines the digits of a margin."""

_LARGE_PERCENTAGE = 1e3

_SHOWN = {"locally_optimal": "local"}


def caption_of(dataset: xarray.Dataset) -> str:
    """Return title, drops and seed of a comparison."""
    drops = count_drops(dataset)
    return f"{dataset.attrs['title']}: {drops} drop{'s' * (drops > 1)}, seed {dataset.attrs['seed']}"


def html_table(dataset: xarray.Dataset, frame: Any = None, *, messages: bool = True) -> HtmlTable:
    """Return the table of a comparison: a row per sweep point, precoder, beam (if several) and allocator.

    Parameters
    ----------
    dataset : xarray.Dataset
        Results.
    frame : pandas.DataFrame, optional
        Their summary, if it is known.
    messages : bool
        Whether notes say why drops are unsolved.
    """
    frame = summary(dataset) if frame is None else frame
    columns, names = Columns.of(dataset), RowNames.of(dataset)
    builder = _Rows(dataset=dataset, columns=columns, limits=_common_limits(frame, columns), frame=frame)
    rows = []
    for index, row in frame.iterrows():
        cells = names.cells(index)
        cells[-1] = attrs.evolve(
            cells[-1], text=cells[-1].text + " ★" * bool(row["best"]), style="best" if row["best"] else ""
        )
        rows.append((*cells, *builder.cells(row)))
    return HtmlTable(
        caption=shorten(caption_of(dataset)),
        headings=(*names.headings, *builder.headings()),
        rows=tuple(rows),
        head=len(names.headings) - 1,
        notes=_some(notes_of(dataset, frame, messages=messages)),
    )


@attrs.frozen(kw_only=True, eq=False)
class RowNames:
    """The columns that name the rows of a table: swept values, precoder, beam (if several) and allocator."""

    words: tuple[str, ...]
    labels: dict[str, dict[Any, str]]
    headings: tuple[Heading, ...]

    @classmethod
    def of(cls, dataset: xarray.Dataset) -> RowNames:
        """Return those of results."""
        words = (*swept_paths(dataset), *blocks_of(dataset), "allocator")
        headings = tuple(Heading(text=shorten(word), numeric=_is_numeric(dataset, word)) for word in words)
        return cls(words=words, labels=labels_of(dataset), headings=headings)

    def cells(self, index: Any) -> list[Cell]:
        """Return the cells of a row, from its index in a frame over these columns."""
        names = index if isinstance(index, tuple) else (index,)
        return [_word(word, value, self.labels) for word, value in zip(self.words, names, strict=True)]


def _some(notes: Iterable[str]) -> tuple[str, ...]:
    """Return the first notes, and how many are left out."""
    found = [shorten(note, 1000) for note in notes]
    left = len(found) - _MOST_NOTES
    return tuple(found[:_MOST_NOTES]) + ((f"{left} more notes",) if left > 0 else ())


def _is_numeric(dataset: xarray.Dataset, word: str) -> bool:
    return word in swept_paths(dataset) and dataset[word].dtype.kind in "iuf"


def _word(word: str, value: Any, labels: dict[str, dict[Any, str]]) -> Cell:
    """Return the cell of a swept value, or of the name of a part."""
    numeric = word in labels and isinstance(value, (int, float)) and not isinstance(value, bool)
    return Cell(text=shorten(labels.get(word, {}).get(value, str(value))), key=float(value) if numeric else None)


def _common_limits(frame: Any, columns: Columns) -> dict[str, float]:
    """Return the limits of requirements that are finite and the same in all rows."""
    found = {limit: np.unique(frame[limit]) for limit in columns.requirements.values()}
    return {limit: float(one[0]) for limit, one in found.items() if len(one) == 1 and np.isfinite(one[0])}


@attrs.frozen(kw_only=True, eq=False)
class _Rows:
    """Columns of numbers: objective, distances, requirements, metrics, margins, statuses and times."""

    dataset: xarray.Dataset
    columns: Columns
    limits: dict[str, float]
    frame: Any

    @property
    def gaps(self) -> bool:
        """Whether any allocator found a bound."""
        return bool(np.isfinite(self.frame["gap_percent"]).any())

    def headings(self) -> Iterator[Heading]:
        """Yield the headings."""
        columns = self.columns
        yield self._quantity(columns.objective, "± 95 %" if self._intervals() else "")
        yield Heading(text="to best", note="%", numeric=True)
        if self.gaps:
            yield Heading(text="gap to bound", note="≤ %", numeric=True)
        for name, limit in columns.requirements.items():
            yield self._quantity(name, f"≤ {self.limits[limit]:g}" if limit in self.limits else "")
        for name in columns.metrics:
            yield self._quantity(name)
        for name in columns.margins:
            yield Heading(
                text=f"margin of {shorten(name.removeprefix('margin_'), 40)}", note="least, %", numeric=True
            )
        if columns.margins:
            yield Heading(text="binding")
        yield Heading(text="within limits", note="drops", numeric=True)
        yield Heading(text="status")
        yield Heading(text="median time", numeric=True)

    def _intervals(self) -> bool:
        return bool(np.isfinite(self.frame[f"{self.columns.objective}_ci95"]).any())

    def _quantity(self, name: str, note: str = "") -> Heading:
        attributes = self.dataset[name].attrs
        unit = attributes.get("units", "").removesuffix(" rad^2")
        text = shorten(attributes.get("long_name") or name, 60)
        return Heading(text=text, note=" ".join(filter(None, (unit, note))), numeric=True)

    def cells(self, row: Any) -> Iterator[Cell]:
        """Yield the cells of a row of the summary."""
        columns, answered = self.columns, row["answered"] > 0
        mean, half = row[columns.objective], row[f"{columns.objective}_ci95"]
        interval = f" ± {half:.2g}" if np.isfinite(half) else ""
        marks = " †" * bool(answered and row["answered"] < row["drops"])
        broken = row["within_limits"] < row["answered"]
        marks += " ‡" * bool(answered and broken and row["drops"] > 1)
        yield Cell(text=f"{mean:#.6g}{interval}{marks}" if answered else "–", key=mean)
        yield _number(row["distance_to_best_percent"], "+.3f")
        if self.gaps:
            yield _number(row["gap_percent"], ".3f" if row["gap_percent"] < _LARGE_PERCENTAGE else ".0f")
        for name, limit in columns.requirements.items():
            yield self._requirement(row[name], row[limit], limit)
        for name in columns.metrics:
            yield _number(row[name], ".5g")
        for name in columns.margins:
            violated = row[f"{name}_violated"] > 0
            yield attrs.evolve(_percentage(100 * row[f"{name}_least"]), style="bad" if violated else "")
        if columns.margins:
            yield Cell(text=", ".join(_binding(row, columns.margins)) or "–")
        yield Cell(
            text=f"{row['within_limits']}/{row['drops']}",
            key=row["within_limits"] / row["drops"],
            style="bad" if broken else "",
        )
        yield Cell(text=_status(row["status"]), style="bad" if breaks_down(row["status"]) else "")
        yield Cell(text=duration(row["seconds_median"]), key=row["seconds_median"])

    def _requirement(self, value: float, bound: float, limit: str) -> Cell:
        cell = _number(value, ".2f")
        if not np.isfinite(value):
            return cell
        shown = f"{cell.text} (≤ {bound:g})" if limit not in self.limits and np.isfinite(bound) else cell.text
        return attrs.evolve(cell, text=shown, style="bad" if value > bound + 1e-5 else "")


def _number(value: float, digits: str) -> Cell:
    """Return the cell of a number, without the negative zero that rounding leaves."""
    if not np.isfinite(value):
        return Cell(text="–", key=np.nan)
    text = format(value, digits)
    if float(text) == 0:
        text = format(0.0, digits.removeprefix("+"))
    return Cell(text=text.replace("-", "−"), key=value)


def _percentage(value: float) -> Cell:
    return _number(value, ".3g" if abs(value) >= _LEAST_PERCENTAGE else ".3f")


def _binding(row: Any, margins: Sequence[str]) -> Iterator[str]:
    """Yield the requirements that bind, with numbers of drops."""
    for name in margins:
        if count := row[f"{name}_binding"]:
            yield f"{shorten(name.removeprefix('margin_'), 40)} {count}/{row['answered']}"


def _status(text: str) -> str:
    for long, short in _SHOWN.items():
        text = text.replace(long, short)
    return text.replace("_", " ")


def breaks_down(status: str) -> bool:
    """Return whether the statuses of a row include a failure."""
    words = {word for part in status.split(", ") for word in part.split()}
    return not words.isdisjoint({Status.FAILED.value, Status.TIMED_OUT.value})
