"""Figures of a report: objective against CRLB, distribution over the drops, and convergence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import IncompatibleError
from ..base.numbers import FloatArray
from ..results.schema import HISTORY, has_drops
from .kept import NO_DROPS
from .places import labels_of, name_place, sweep_of, swept_paths
from .style import COLOURS, LINES, MARKERS, axis_label
from .summary import Columns, blocks_of

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_BLOCKS = 4
"""Number of precoders and beams that have a panel."""

_MOST_LEVELS = 200
"""Number of points of a distribution."""

_LEAST_DISTANCE = 1e-9
"""Relative distance below which an iteration has reached the best value."""


def crlb_of(dataset: xarray.Dataset) -> str:
    """Return the name of the first CRLB of a data set.

    Raises
    ------
    IncompatibleError
        If there is none.
    """
    found = [name for name in Columns.of(dataset).requirements if dataset[name].attrs.get("group") == "crlb"]
    if not found:
        raise IncompatibleError("the results have no CRLB")
    return found[0]


def tradeoff_figure(dataset: xarray.Dataset, frame: Any) -> Figure:
    """Return the figure of the mean objective against the mean of the first CRLB, a marker per row of the table.

    Parameters
    ----------
    dataset : xarray.Dataset
        Results.
    frame : pandas.DataFrame
        Their summary.

    Raises
    ------
    IncompatibleError
        If there are no CRLBs, or no finite ones.
    """
    name, objective = crlb_of(dataset), Columns.of(dataset).objective
    groups = [one for one in _groups(frame, dataset) if _known(one[1], name, objective)]
    if not groups:
        raise IncompatibleError("no allocation was found")
    figure, grid = _figure(min(len(groups), _MOST_BLOCKS))
    for axes, (block, group) in zip(grid, groups, strict=False):
        for column, allocator in enumerate(_allocators(dataset)):
            own = group.xs(allocator, level="allocator")
            if _known(own, name, objective):
                line = "-" if len(own) > 1 else "none"
                style = _style(column) | {"linewidth": 0.8, "linestyle": line, "fillstyle": "none"}
                marker = MARKERS[column % len(MARKERS)]
                axes.plot(own[name], own[objective], marker=marker, label=allocator, **style)
        axes.set_title(block, fontsize="small")
        axes.set_xlabel(axis_label(dataset[name]))
    grid[0].set_ylabel(axis_label(dataset[objective]))
    _finish(figure, *grid)
    return figure


def _groups(frame: Any, dataset: xarray.Dataset) -> list[tuple[str, Any]]:
    """Return the summaries of precoders, or of precoders and beams."""
    groups = frame.groupby(level=blocks_of(dataset), sort=False)
    return [(", ".join(map(str, block)), own) for block, own in groups]


def _known(frame: Any, *names: str) -> bool:
    """Return whether a row has all of some numbers."""
    return bool(frame[list(names)].notna().all(axis=1).any())


def distribution_figure(dataset: xarray.Dataset) -> Figure:
    """Return the figure of the distribution of the objective over the drops, at the first point of a sweep.

    Raises
    ------
    IncompatibleError
        If there is one drop only, or no allocation was found.
    """
    if not has_drops(dataset):
        raise IncompatibleError(NO_DROPS)
    if dataset.sizes["drop"] < 2:
        raise IncompatibleError("the results have one drop only")
    objective = Columns.of(dataset).objective
    panels = [(title, values) for title, values in _panels(dataset, objective) if np.isfinite(values).any()]
    if not panels:
        raise IncompatibleError("no allocation was found at the first point")
    figure, grid = _figure(len(panels))
    for axes, (title, values) in zip(grid, panels, strict=True):
        for column, (allocator, own) in enumerate(zip(_allocators(dataset), values, strict=True)):
            sample = np.sort(own[np.isfinite(own)])
            if not len(sample):
                continue
            levels = np.arange(1, len(sample) + 1) / len(sample)
            if len(sample) > _MOST_LEVELS:
                kept = np.linspace(0, len(sample) - 1, _MOST_LEVELS).astype(int)
                sample, levels = sample[kept], levels[kept]
            places, heights = np.append(sample[:1], sample), np.append(0.0, levels)
            axes.plot(places, heights, drawstyle="steps-post", label=allocator, **_style(column))
        axes.set_title(title, fontsize="small")
        axes.set_xlabel(axis_label(dataset[objective]))
    grid[0].set_ylabel("Share of the drops at most")
    _finish(figure, *grid)
    return figure


def convergence_figure(dataset: xarray.Dataset) -> Figure:
    """Return the figure of distances to the best value over the iterations, of the first drop and point.

    Raises
    ------
    IncompatibleError
        If no allocator reports its iterations.
    """
    if not has_drops(dataset):
        raise IncompatibleError(NO_DROPS)
    if HISTORY not in dataset:
        raise IncompatibleError(f"the study did not keep {HISTORY}")
    if dataset.sizes.get("iteration", 0) < 2:
        raise IncompatibleError("no allocator reports its iterations")
    columns = Columns.of(dataset)
    first = dataset.isel({"drop": slice(1)})
    histories, finals = _panels(first, HISTORY), _panels(first, columns.objective)
    both = [
        (title, values, final)
        for (title, values), (_, final) in zip(histories, finals, strict=True)
        if (np.isfinite(values).sum(axis=-1) > 1).any()
    ]
    if not both:
        raise IncompatibleError("no allocator reports its iterations in the first drop")
    figure, grid = _figure(len(both))
    for axes, (title, values, final) in zip(grid, both, strict=True):
        known = columns.better * np.concatenate([values[:, 0].ravel(), final.ravel()])
        best = np.max(known[np.isfinite(known)], initial=-np.inf)
        for column, (allocator, own) in enumerate(zip(_allocators(dataset), values[:, 0], strict=True)):
            history = own[np.isfinite(own)]
            if len(history) < 2:
                continue
            distance = (best - columns.better * history) / max(abs(best), columns.scale, 1e-300)
            reached = np.maximum(distance, _LEAST_DISTANCE)
            axes.plot(reached, label=allocator, marker=".", markersize=4, **_style(column))
        axes.set_title(title, fontsize="small")
        axes.set_xlabel("Iteration")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}")
    grid[0].set_ylabel("Relative distance to the best value")
    _finish(figure, *grid)
    return figure


def first_drop(dataset: xarray.Dataset) -> int:
    """Return the number of the first drop; 0 if there are only statistics of all."""
    return int(dataset["drop"][0]) if has_drops(dataset) else 0


def first_place(dataset: xarray.Dataset) -> str:
    """Return the first point of a sweep in words; empty without a sweep."""
    first = dataset.isel(dict.fromkeys(sweep_of(dataset), 0))
    place = {path: first[path].item() for path in swept_paths(dataset)}
    return name_place(place, labels_of(dataset))


def _allocators(dataset: xarray.Dataset) -> list[str]:
    return [str(one) for one in dataset["allocator"].to_numpy()]


def _style(column: int) -> dict[str, Any]:
    return {
        "color": COLOURS[column % len(COLOURS)],
        "linestyle": LINES[(column + column // len(COLOURS)) % len(LINES)],
        "linewidth": 1.3,
    }


def _panels(dataset: xarray.Dataset, name: str) -> list[tuple[str, FloatArray]]:
    """Return title and values over allocators and drops of the first precoders and beams, at the first point."""
    blocks = blocks_of(dataset)
    own = dataset[name].isel(dict.fromkeys(sweep_of(dataset), 0))
    own = own.transpose(*blocks, "allocator", "drop", ...)
    shape = [own.sizes[block] for block in blocks]
    places = list(np.ndindex(*shape))[:_MOST_BLOCKS]
    values = own.to_numpy()
    names = [dataset[block].to_numpy() for block in blocks]
    return [
        (", ".join(str(each[i]) for each, i in zip(names, place, strict=True)), values[place]) for place in places
    ]


def _figure(panels: int) -> tuple[Figure, list[Axes]]:
    from .plain_figure import PlainFigure

    columns = min(panels, 2)
    rows = -(-panels // 2)
    figure = PlainFigure(figsize=((5.4, 7.0)[columns - 1], 0.4 + 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for spare in list(grid.flat)[panels:]:
        spare.remove()
    return figure, list(grid.flat)[:panels]


def _finish(figure: Figure, *grid: Axes) -> None:
    """Add grids, and a legend of all curves."""
    named: dict[str, Any] = {}
    for axes in grid:
        axes.grid(visible=True, alpha=0.3)
        handles, labels = axes.get_legend_handles_labels()
        named = dict(zip(labels, handles, strict=True)) | named
    figure.legend(named.values(), named.keys(), loc="outside right upper", fontsize="small", frameon=False)


def fewer_points(dataset: xarray.Dataset, most: int) -> xarray.Dataset:
    """Return results at no more than a number of points of the sweep, evenly spaced along each axis."""
    sizes = {axis: dataset.sizes[axis] for axis in sweep_of(dataset)}
    while math.prod(sizes.values()) > most and max(sizes.values()) > 1:
        longest = max(sizes, key=lambda axis: sizes[axis])
        others = math.prod(sizes.values()) // sizes[longest]
        sizes[longest] = max(1, min(sizes[longest] - 1, max(sizes[longest] // 2, most // others)))
    kept = {
        axis: np.linspace(0, dataset.sizes[axis] - 1, size).round().astype(int)
        for axis, size in sizes.items()
        if size < dataset.sizes[axis]
    }
    return dataset.isel(kept) if kept else dataset
