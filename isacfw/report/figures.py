"""Figures of a comparison."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from .abscissa import Abscissa
from .panels import Panel, count_panels, grid_shape, make_panels
from .places import sweep_of
from .style import COLOURS, FILLS, LINES, MARKERS, axis_label
from .summary import Columns, means_and_intervals

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_MOST_SPACED = 30
"""Number of points up to which markers are large."""

_CROSSED = "not feasible in all drops"

_MOST_LARGE = 2
"""Number of panels up to which they are large; with more, the figure has the width of a page."""


def comparison_figures(dataset: xarray.Dataset) -> dict[str, Figure]:
    """Return figures of the objective, of each group of requirements, and of each requested metric.

    Over the first swept path with several distinct numeric values, in ascending order, or else over the numbers
    of the points along the first axis of the sweep; a panel for each combination of the others. Without a sweep,
    over the allocators.
    """
    dataset = _in_one_axis(dataset)
    abscissa = Abscissa.of(dataset)
    columns = Columns.of(dataset)
    figures: dict[str, list[tuple[str, str | None]]] = {columns.objective: [(columns.objective, None)]}
    for name, limit in columns.requirements.items():
        figures.setdefault(dataset[name].attrs["group"], []).append((name, limit))
    figures |= {name: [(name, None)] for name in columns.metrics}
    return {
        title: _figure(dataset, abscissa, [(name, axis_label(dataset[name]), limit) for name, limit in rows])
        for title, rows in figures.items()
    }


def _in_one_axis(dataset: xarray.Dataset) -> xarray.Dataset:
    """Return a data set in which precoders and beams, if there are several, share the axis of the precoders."""
    if "beam" not in dataset.dims:
        return dataset
    names = [f"{one}, {two}" for one in dataset["precoder"].to_numpy() for two in dataset["beam"].to_numpy()]
    # Neither text in a file nor an empty history can be stacked; only the status is needed.
    drawn = [name for name in dataset.data_vars if dataset[name].dtype.kind in "fiub" and dataset[name].size]
    dataset = dataset[drawn].assign(status=dataset["status"].load())
    stacked = dataset.stack(block=("precoder", "beam"), create_index=False).drop_vars(["precoder", "beam"])
    return stacked.rename({"block": "precoder"}).assign_coords(precoder=names).assign_attrs(beams="compared")


def _figure(
    dataset: xarray.Dataset, abscissa: Abscissa | None, rows: list[tuple[str, str, str | None]]
) -> Figure:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    apart = [name for name in sweep_of(dataset) if abscissa is None or name != abscissa.axis]
    total, drawn = count_panels(dataset, apart)
    drops = dataset.sizes["drop"]
    about = f"mean of {drops} drops with 95 % interval" if drops > 1 else "1 drop"
    about += f"; the first {drawn} of {total} combinations" if drawn < total else ""
    compact = drawn > _MOST_LARGE
    blocks, columns = grid_shape(drawn)
    width, panel, height = (1.4, 1.95, 1.9) if compact else (2.2, 4.6, 2.9)
    dense = compact or (abscissa is not None and len(abscissa.values) > _MOST_SPACED)
    settings: Any = ({"font.size": 7} if compact else {}) | ({"lines.markersize": 3} if dense else {})
    with rc_context(settings):
        figure = Figure(
            figsize=(width + panel * columns, 0.9 + height * len(rows) * blocks), layout="constrained"
        )
        title = fill(f"{dataset.attrs['title']}: {about}", int(panel * columns * (17 if compact else 12)))
        # On the left, since the legend on the right is as high as the figure.
        figure.suptitle(title, fontsize="medium", x=0.01, horizontalalignment="left")
        for one in make_panels(figure, dataset, apart, len(rows)):
            _draw_panel(one, abscissa, rows)
            one.axes[0].set_title(fill(one.title, 30 if compact else 60), fontsize="small")
        named: dict[str, Any] = {}
        for axes in figure.axes:
            handles, labels = axes.get_legend_handles_labels()
            named = dict(zip(labels, handles, strict=True)) | named
        if crossed := named.pop(_CROSSED, None):
            named[_CROSSED] = crossed
        figure.legend(named.values(), named.keys(), loc="outside right upper", fontsize="small", frameon=False)
    return figure


def _draw_panel(panel: Panel, abscissa: Abscissa | None, rows: list[tuple[str, str, str | None]]) -> None:
    for axes, (name, label, limit) in zip(panel.axes, rows, strict=True):
        _draw(axes, panel.data, abscissa, name, limit)
        axes.grid(visible=True, alpha=0.3)
        _widen(axes)
        if panel.left:
            axes.set_ylabel(label)
    if abscissa is not None:
        abscissa.set_ticks(panel.axes[-1])
        if panel.low:
            panel.axes[-1].set_xlabel(abscissa.label)


def _widen(axes: Axes) -> None:
    """Make the vertical axis span at least a thousandth of its values; less is solver tolerance."""
    low, high = axes.get_ylim()
    least = 1e-3 * max(abs(low), abs(high))
    if high - low < least:
        middle = (low + high) / 2
        axes.set_ylim(middle - least / 2, middle + least / 2)


def _draw(axes: Axes, panel: xarray.Dataset, abscissa: Abscissa | None, name: str, limit: str | None) -> None:
    if abscissa is None:
        _draw_bars(axes, panel, name)
    else:
        _draw_lines(axes, panel, abscissa, name)
    if limit is not None and np.isfinite(panel[limit]).all():
        if abscissa is None:
            axes.axhline(float(panel[limit]), color="0.3", linestyle=(0, (1, 1)), label="limit")
        else:
            style = "default" if abscissa.numeric else "steps-mid"
            limits = abscissa.along(panel[limit])
            axes.plot(abscissa.values, limits, color="0.3", linestyle=(0, (1, 1)), drawstyle=style, label="limit")


def _draw_lines(axes: Axes, panel: xarray.Dataset, abscissa: Abscissa, name: str) -> None:
    """Draw means and intervals: lines between numbers, markers alone at the numbers of points."""
    from matplotlib import rcParams

    allocators, unit = panel["allocator"].to_numpy(), rcParams["lines.markersize"]
    for row, precoder in enumerate(panel["precoder"].to_numpy()):
        for column, allocator in enumerate(allocators):
            values = abscissa.along(panel[name].isel(precoder=row, allocator=column))
            mean, half = means_and_intervals(values)
            by_allocator = len(allocators) > 1 and "beams" not in panel.attrs
            colour = COLOURS[(column if by_allocator else row) % len(COLOURS)]
            number, count = row * len(allocators) + column, len(allocators) * len(panel["precoder"])
            line = LINES[(row if by_allocator or len(allocators) == 1 else column) % len(LINES)]
            axes.errorbar(
                abscissa.places(number, count),
                mean,
                yerr=half,
                capsize=2.5,
                elinewidth=0.8,
                color=colour,
                linestyle=line if abscissa.numeric else "none",
                marker=MARKERS[column % len(MARKERS)],
                markersize=unit * (2 / 3 + (len(allocators) - column) / 4),
                fillstyle=FILLS[0 if abscissa.numeric or not by_allocator else row % len(FILLS)],
                linewidth=1.2,
                label=f"{precoder}, {allocator}",
            )
            feasible = abscissa.along(panel["feasible"].isel(precoder=row, allocator=column))
            _mark_infeasible(axes, abscissa.places(number, count), mean, feasible)


def _mark_infeasible(axes: Axes, places: Any, mean: Any, feasible: Any) -> None:
    """Cross out means (P,) in some of whose drops there is no feasible answer, by (P, drops)."""
    crossed = ~np.asarray(feasible, dtype=np.bool_).all(axis=-1) & np.isfinite(mean)
    if crossed.any():
        there = np.asarray(places)[crossed], mean[crossed]
        axes.plot(*there, "x", color="0.15", markersize=4, zorder=5, label=_CROSSED)


def _draw_bars(axes: Axes, panel: xarray.Dataset, name: str) -> None:
    values = panel[name].transpose("precoder", "allocator", "drop").to_numpy()
    allocators = [str(allocator) for allocator in panel["allocator"].to_numpy()]
    width = 0.8 / len(values)
    for row, precoder in enumerate(panel["precoder"].to_numpy()):
        mean, half = means_and_intervals(values[row])
        centres = np.arange(len(allocators)) + (row - (len(values) - 1) / 2) * width
        axes.errorbar(
            centres,
            mean,
            yerr=half,
            color=COLOURS[row % len(COLOURS)],
            marker=MARKERS[row % len(MARKERS)],
            linestyle="none",
            capsize=3,
            label=str(precoder),
        )
        feasible = panel["feasible"].isel(precoder=row).transpose("allocator", "drop").to_numpy()
        _mark_infeasible(axes, centres, mean, feasible)
    axes.set_xticks(range(len(allocators)), allocators, rotation=20, ha="right")
    axes.set_xlim(-0.6, len(allocators) - 0.4)
