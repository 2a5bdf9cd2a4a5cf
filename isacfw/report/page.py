"""The report of one or several comparisons: a single file in HTML without references to others."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import attrs

from ..base.errors import IncompatibleError, InputError
from .figures import comparison_figures
from .html_table import caption_of, html_table
from .kept import summary
from .markup import citation, environment, shorten
from .overview_figures import (
    convergence_figure,
    distribution_figure,
    fewer_points,
    first_drop,
    first_place,
    tradeoff_figure,
)
from .places import sweep_of
from .side_by_side import differences, joint_table
from .sortable import HtmlTable
from .statistics_tables import statistics_tables
from .style import axis_label, plain_text
from .svg import LARGEST, Drawing, inline_svg
from .verdict import verdict, without_result

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

MOST_RESULTS = 6
"""Number of comparisons side by side."""

LARGEST_PAGE = 2_000_000
"""Number of bytes below which a report stays."""

_MOST_ROWS = (400, 100, 25, 5)
"""Numbers of rows of a table of all comparisons together: the first with which the report is small enough."""

_CHARACTERS_PER_ROW = 2500
"""Number of characters of all figures together for each of these rows."""

_MOST_REASONS = 60
"""Number of reasons for allocations without a result."""

_MOST_QUANTITIES = 6
"""Number of figures of objective, requirements and metrics."""

_LONGEST_SCENARIO = 60_000


@attrs.frozen(kw_only=True, eq=False)
class Entry:
    """A comparison in a report.

    Parameters
    ----------
    dataset : xarray.Dataset
        Its results.
    figures : mapping of str to matplotlib.figure.Figure
        Figures of its scenario by their titles.
    skipped : tuple of str
        Figures that are left out, with reasons.
    """

    dataset: xarray.Dataset
    figures: Mapping[str, Figure] = attrs.field(factory=dict)
    skipped: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Part:
    """All that a report shows of a comparison.

    Parameters
    ----------
    number : str
        Beginning of ids in the page.
    name : str
        Its title, distinct from those of the others.
    caption : str
        Title, drops and seed.
    verdict : tuple of str
        Sentences.
    table : HtmlTable
        The summary over the drops.
    statistics : tuple of HtmlTable
        Distribution of the objective over the drops, and paired differences.
    drawings, skipped : tuple
        Figures, and reasons for those that are left out.
    unsolved : tuple of tuple of str
        Where, allocator, statuses and reason of allocations without a result.
    scenario : str
        TOML.
    versions : dict of str to str
        Versions by package.
    seed : str
        Seed of the drops.
    """

    number: str
    name: str
    caption: str
    verdict: tuple[str, ...]
    table: HtmlTable
    statistics: tuple[HtmlTable, ...]
    drawings: tuple[Drawing, ...]
    skipped: tuple[str, ...]
    unsolved: tuple[tuple[str, ...], ...]
    scenario: str
    versions: dict[str, str]
    seed: str


def render_page(entries: Sequence[Entry]) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    entries : sequence of Entry
        The comparisons, at most :data:`MOST_RESULTS`.
    """
    for rows in _MOST_ROWS:
        text = _render(entries, rows // len(entries))
        if len(text.encode()) < LARGEST_PAGE:
            break
    return text


def _render(entries: Sequence[Entry], rows: int) -> str:
    """Return the report with at most a number of rows in each table of a comparison."""
    datasets = [entry.dataset for entry in entries]
    titles = [shorten(str(dataset.attrs["title"]), 80) for dataset in datasets]
    several = len(entries) > 1
    names = [f"{number}: {title}" for number, title in enumerate(titles, 1)] if several else titles
    thin = [fewer_points(dataset, _points(dataset, rows)) for dataset in datasets]
    frames = [summary(dataset) for dataset in thin]
    parts = [
        _part(f"r{number}", name, entry, thin[number], frames[number], rows)
        for number, (name, entry) in enumerate(zip(names, entries, strict=True))
    ]
    text: str = (
        environment()
        .get_template("report.html")
        .render(
            title=" and ".join(dict.fromkeys(titles)),
            parts=parts,
            joint=joint_table(names, thin, frames) if several else None,
            differences=[
                differences((names[0], name), datasets[0], dataset)
                for name, dataset in zip(names[1:], datasets[1:], strict=True)
            ],
            citation=citation(parts[0].versions.get("isacfw", "")),
        )
    )
    return text


def _points(dataset: xarray.Dataset, rows: int) -> int:
    """Return the number of points of a sweep that fit into a number of rows."""
    status = dataset["status"]
    each = math.prod(status.sizes[name] for name in ("precoder", "beam", "allocator") if name in status.dims)
    return max(1, rows // each)


def _part(number: str, name: str, entry: Entry, thin: xarray.Dataset, frame: Any, most: int) -> Part:
    """Return what a report shows of a comparison whose results are thinned to some points of its sweep."""
    dataset = entry.dataset
    whole = frame if thin is dataset else summary(dataset)
    table = html_table(thin, frame, messages=False)
    skipped = list(entry.skipped)
    if thin is not dataset:
        kept, total = (_count_points(each) for each in (thin, dataset))
        note = f"Tables and figures show {kept} of {total} points of the sweep; the verdict is on all."
        table = attrs.evolve(table, notes=(note, *table.notes))
    table = table.first(most)
    unsolved = without_result(dataset, whole)
    if len(unsolved) > _MOST_REASONS:
        skipped.append(f"reasons: the first {_MOST_REASONS} of {len(unsolved)} are shown")
    drawings = list(_drawings(number, entry, thin, frame, skipped, _CHARACTERS_PER_ROW * most))
    scenario = dataset.attrs["scenario"]
    if len(scenario) > _LONGEST_SCENARIO:
        scenario = scenario[:_LONGEST_SCENARIO]
        skipped.append("the end of the scenario, which is too long to be shown")
    return Part(
        number=number,
        name=name,
        caption=shorten(caption_of(dataset)),
        verdict=verdict(dataset, whole),
        table=table,
        statistics=statistics_tables(thin, most),
        drawings=tuple(drawings),
        skipped=tuple(skipped),
        unsolved=tuple(unsolved[:_MOST_REASONS]),
        scenario=scenario,
        versions=json.loads(dataset.attrs.get("versions", "{}")),
        seed=str(dataset.attrs["seed"]),
    )


def _count_points(dataset: xarray.Dataset) -> int:
    return math.prod(dataset.sizes[axis] for axis in sweep_of(dataset))


def _drawings(
    number: str, entry: Entry, thin: xarray.Dataset, frame: Any, skipped: list[str], most: int
) -> Iterator[Drawing]:
    """Yield the figures that fit into a number of characters; add the reasons of all others to a list."""
    used = 0
    with plain_text():
        figures = _figures(thin, frame, skipped)
        for count, (title, caption, figure) in enumerate(chain(figures, _scenario_figures(entry))):
            svg = inline_svg(figure, f"{title}. {caption}", f"{number}-f{count}", min(LARGEST, most // 8))
            if used + len(svg) > most:
                skipped.append(f"{title}: the report would become too large")
                continue
            used += len(svg)
            yield Drawing(title=title, caption=caption, svg=svg)


def _scenario_figures(entry: Entry) -> Iterator[tuple[str, str, Figure]]:
    for title, figure in entry.figures.items():
        text = figure.get_suptitle()
        yield title, _suptitle(figure), figure
        # A report that is too large is drawn again.
        figure.suptitle(text)


def _figures(thin: xarray.Dataset, frame: Any, skipped: list[str]) -> Iterator[tuple[str, str, Figure]]:
    """Yield title, caption and figure of all that is drawn of results."""
    if not frame["answered"].any():
        skipped.append("figures of the results: no allocation was found")
        return
    try:
        named = comparison_figures(thin)
    except InputError as error:
        skipped.append(f"figures of the results: {error}")
        return
    for count, (name, figure) in enumerate(named.items()):
        if count >= _MOST_QUANTITIES:
            skipped.append(
                f"{', '.join(list(named)[count:])}: figures of {_MOST_QUANTITIES} quantities are shown"
            )
            break
        title = axis_label(thin[name]) if name in thin else name.replace("_", " ").replace("crlb", "CRLBs")
        yield title, _suptitle(figure), figure
    place = first_place(thin)
    at = f", at {place}" if place else ""
    more: dict[str, tuple[str, Callable[[], Figure]]] = {
        "Objective against CRLB": (
            "Means over the drops; a marker for each row of the table that has a result",
            lambda: tradeoff_figure(thin, frame),
        ),
        "Distribution over the drops": (
            f"Empirical distribution of the objective{at}",
            lambda: distribution_figure(thin),
        ),
        "Convergence": (
            f"Distance of the objective to the best value found in drop {first_drop(thin)}{at}",
            lambda: convergence_figure(thin),
        ),
    }
    for title, (caption, draw) in more.items():
        try:
            yield title, caption, draw()
        except IncompatibleError as error:
            skipped.append(f"{title}: {error}")


def _suptitle(figure: Figure) -> str:
    """Remove the title of a figure, and return it."""
    text = figure.get_suptitle()
    if text:
        figure.suptitle("")
    return " ".join(text.split())
