"""Figures of what an answer costs: the objective over the iterations, and times against gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.numbers import FloatArray
from ..results.schema import HISTORY
from .curves import coincident, make_look, move, shifts_of
from .means import SHIFTED, each_look, finish_axes
from .panels import Panel
from .sheet import CROSSED
from .style import axis_label
from .summary import Columns, gaps_to_bound, means_and_intervals, standing, values_to_compare

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

_FLOOR = 1e-4
"""Gap in per cent below which the axis is linear."""


def mean_histories(history: xarray.DataArray) -> tuple[FloatArray, FloatArray]:
    """Return the means over the drops after each iteration, and the half-widths of their 95 % intervals.

    A drop whose iterations have ended keeps its last value; drops without iterations are left out. NaN follows
    the last iteration of all drops.
    """
    values = history.transpose("drop", "iteration").to_numpy().astype(np.float64)
    values = values[np.isfinite(values).any(axis=1)]
    if not len(values):
        none = np.full(history.sizes["iteration"], np.nan)
        return none, none
    steps = np.arange(values.shape[1])
    last = np.maximum.accumulate(np.where(np.isfinite(values), steps, 0), axis=1)
    carried = np.take_along_axis(values, last, axis=1)
    end = int(last.max())
    mean, half = means_and_intervals(carried.T)
    return np.where(steps <= end, mean, np.nan), np.where(steps <= end, half, np.nan)


def draw_convergence(panel: Panel) -> str | None:
    """Draw the mean objective over the iterations; return a note for the title if curves are moved."""
    from matplotlib import rcParams
    from matplotlib.ticker import MaxNLocator

    (axes,) = panel.axes
    looks = each_look(panel.data)
    numbers = [mean_histories(panel.data[HISTORY].isel(place)) for place, _, _ in looks]
    kept = [number for number, (mean, _) in enumerate(numbers) if np.isfinite(mean).any()]
    means = np.array([numbers[number][0] for number in kept])
    size = rcParams["lines.markersize"]
    groups = coincident(means) if kept else []
    shifts = shifts_of(groups, len(kept), marker=size, room=10.0)
    for number, shift in zip(kept, shifts, strict=True):
        (mean, half), (_, label, look) = numbers[number], looks[number]
        steps = np.arange(len(mean))
        (line,) = axes.plot(
            steps,
            mean,
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            markevery=max(1, len(mean) // 15),
            fillstyle=look.fill,
            linewidth=1.2,
            label=label,
        )
        move([line], axes, shift)
        if len(kept) == 1:
            axes.fill_between(steps, mean - half, mean + half, color=look.colour, alpha=0.15, linewidth=0)
    finish_axes(axes, panel, axis_label(panel.data[Columns.of(panel.data).objective]))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if panel.low:
        axes.set_xlabel("Iteration")
    return SHIFTED if groups else None


def has_bounds(dataset: xarray.Dataset) -> bool:
    """Return whether there is a bound of the objective wherever there is a feasible answer."""
    if "bound" not in dataset:
        return False
    answered = dataset["feasible"].any("allocator")
    known = dataset["bound"].notnull().any("allocator")
    return bool((known | ~answered).all()) and bool(known.any())


def draw_time(panel: Panel, *, bounded: bool) -> str | None:
    """Draw the mean gap of each allocator in per cent against its median time."""
    (axes,) = panel.axes
    data, columns = panel.data, Columns.of(panel.data)
    allocators = [str(one) for one in data["allocator"].to_numpy()]
    for row, precoder in enumerate(data["precoder"].to_numpy()):
        own = data.isel(precoder=row).transpose("allocator", "drop", ...)
        values, feasible = own[columns.objective].to_numpy(), own["feasible"].to_numpy()
        values = values if bounded else values_to_compare(own, values, columns)
        gaps = gaps_to_bound(own, values, feasible, columns) if bounded else _distances(values, feasible, columns)
        seconds = np.median(own["seconds"].to_numpy(), axis=-1)
        for column, allocator in enumerate(allocators):
            look = make_look(column, row, data.sizes["precoder"])
            there = ([seconds[column]], [100 * gaps[column]])
            if not np.isfinite(there).all():
                continue
            look_of: Any = {"color": look.colour, "marker": look.marker, "fillstyle": look.fill}
            axes.plot(*there, linestyle="none", label=f"{precoder}, {allocator}", clip_on=False, **look_of)
            if not feasible[column].all():
                axes.plot(*there, "x", color="0.15", markersize=4, zorder=5, label=CROSSED)
    _finish_gaps(axes, panel, bounded)
    return None


def _distances(values: FloatArray, feasible: Any, columns: Columns) -> FloatArray:
    """Return the mean distances to the best feasible value of each drop, relative to it."""
    found, _ = standing(values, feasible, columns)
    return np.abs(np.asarray(found, dtype=np.float64))


def _finish_gaps(axes: Axes, panel: Panel, bounded: bool) -> None:
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=_FLOOR, linscale=0.6)
    finish_axes(axes, panel, "Mean gap to the best bound [%]" if bounded else "Mean distance to the best [%]")
    axes.set_ylim(bottom=-0.3 * _FLOOR)
    if panel.low:
        axes.set_xlabel("Median time of an allocation [s]")
