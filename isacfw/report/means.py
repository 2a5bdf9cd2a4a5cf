"""Figures of means over the drops: lines over a sweep, or points over the allocators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from .abscissa import Abscissa
from .curves import Look, coincident, make_look, move, shifts_of
from .panels import Panel
from .sheet import CROSSED, LIMIT, NO_VALUE
from .style import fold_label
from .summary import means_and_intervals

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

_LINE = 1.3
"""Distance of lines of text relative to the size of the font."""

MOST_SPACED = 30
"""Number of points up to which markers are large."""

_MOST_MARKED = 15
"""Number of points up to which each has a marker."""

_FEW = 8
"""Number of curves up to which intervals are as dark as the curves."""

SHIFTED = "coincident curves are drawn side by side"


@attrs.frozen(kw_only=True)
class Row:
    """A quantity with its label, the name of its limit if it has one, and whether 0 is marked."""

    name: str
    label: str
    limit: str | None = None
    zero: bool = False


def draw_means(panel: Panel, abscissa: Abscissa | None, rows: list[Row]) -> str | None:
    """Draw quantities below each other, and return a note for the title if curves are moved."""
    shifted = False
    for axes, row in zip(panel.axes, rows, strict=True):
        shifted |= _draw(axes, panel.data, abscissa, row)
        finish_axes(axes, panel, row.label)
    if abscissa is not None:
        abscissa.set_ticks(panel.axes[-1])
        if panel.low:
            panel.axes[-1].set_xlabel(abscissa.label)
    return SHIFTED if shifted else None


def finish_axes(axes: Axes, panel: Panel, label: str) -> None:
    """Add grid and label; make the axis span at least a thousandth of its values, as less is solver tolerance."""
    axes.grid(visible=True, alpha=0.3)
    low, high = axes.get_ylim()
    least = 1e-3 * max(abs(low), abs(high))
    if high - low < least:
        middle = (low + high) / 2
        axes.set_ylim(middle - least / 2, middle + least / 2)
    if panel.left:
        axes.set_ylabel(fold_label(axes, label, "y"))


def _draw(axes: Axes, data: xarray.Dataset, abscissa: Abscissa | None, row: Row) -> bool:
    if abscissa is None:
        _draw_points(axes, data, row.name)
        shifted = False
    else:
        shifted = _draw_lines(axes, data, abscissa, row.name)
    if row.zero:
        axes.axhline(0, color="0.3", linewidth=0.8)
    if row.limit is not None and np.isfinite(data[row.limit]).all():
        limit: Any = {"color": "0.3", "linestyle": (0, (1, 1)), "label": LIMIT}
        if abscissa is None:
            axes.axhline(float(data[row.limit]), **limit)
        else:
            style = "default" if abscissa.numeric else "steps-mid"
            axes.plot(abscissa.values, abscissa.along(data[row.limit]), drawstyle=style, **limit)
    return shifted


def each_look(data: xarray.Dataset) -> list[tuple[dict[str, int], str, Look]]:
    """Return position, label and look of each curve: by allocator, or by precoder and beam if compared."""
    precoders, allocators = (data[name].to_numpy() for name in ("precoder", "allocator"))
    # Of a difference, curves look like those of its allocators elsewhere.
    all_allocators = list(data.attrs.get("allocators", map(str, allocators)))
    by_allocator = len(all_allocators) > 1 and "beams" not in data.attrs
    found = []
    for row, precoder in enumerate(precoders):
        for column, allocator in enumerate(allocators):
            number = all_allocators.index(str(allocator))
            first, second, seconds = (
                (number, row, len(precoders)) if by_allocator else (row, number, len(all_allocators))
            )
            place = {"precoder": row, "allocator": column}
            found.append((place, f"{precoder}, {allocator}", make_look(first, second, seconds)))
    return found


def _draw_lines(axes: Axes, data: xarray.Dataset, abscissa: Abscissa, name: str) -> bool:
    """Draw means and intervals: lines between numbers, markers alone at the numbers of points."""
    from matplotlib import rcParams

    looks = each_look(data)
    numbers = [_means(data[name].isel(place), abscissa) for place, _, _ in looks]
    groups = coincident(np.array([mean for mean, _ in numbers])) if abscissa.numeric else []
    size = rcParams["lines.markersize"]
    shifts = shifts_of(groups, len(looks), marker=size, room=_room(axes, abscissa))
    every = max(1, len(abscissa.values) // 8) if len(abscissa.values) > _MOST_MARKED else 1
    for number, ((place, label, look), (mean, half)) in enumerate(zip(looks, numbers, strict=True)):
        places = abscissa.places(number, len(looks))
        drawn = axes.errorbar(
            places,
            mean,
            yerr=half,
            capsize=0.4 * size if every == 1 else 0.0,
            elinewidth=0.8,
            color=look.colour,
            linestyle=look.line if abscissa.numeric else "none",
            marker=look.marker,
            markersize=size,
            markevery=(number % every, every),
            fillstyle=look.fill,
            linewidth=1.2,
            label=label if np.isfinite(mean).any() else label + NO_VALUE,
        )
        for bar in (*drawn.lines[1], *drawn.lines[2]):
            bar.set_alpha(0.25 if every > 1 else 1.0 if len(looks) <= _FEW else 0.4)
        crossed = _mark_infeasible(axes, places, mean, abscissa.along(data["feasible"].isel(place)))
        move([*drawn.get_children(), *crossed], axes, shifts[number])
    if groups:
        _make_room(axes, np.abs(shifts).max() + size)
    return bool(groups)


def _means(values: xarray.DataArray, abscissa: Abscissa) -> tuple[Any, Any]:
    """Return means and half-widths of intervals along an abscissa, of drops or from statistics of them."""
    if "statistic" not in values.dims:
        return means_and_intervals(abscissa.along(values))
    mean, half = (abscissa.along(values.sel(statistic=one)) for one in ("mean", "ci95"))
    return mean, np.nan_to_num(half)


def _width(axes: Axes) -> float:
    """Return about how many points wide the axes are on the page, before they are laid out."""
    grid: Any = axes.get_subplotspec()
    figure: Any = axes.get_figure()
    return float(0.75 * 72 * figure.get_size_inches()[0] / grid.get_gridspec().ncols)


def _room(axes: Axes, abscissa: Abscissa) -> float:
    """Return about how many points the closest values are apart on the page."""
    values = np.asarray(abscissa.values, dtype=np.float64)
    width = 0.8 * _width(axes)
    return width * float(np.diff(values).min() / np.ptp(values)) if len(values) > 1 else width


def _make_room(axes: Axes, points: float) -> None:
    """Widen the horizontal axis, which panels share, so that moved curves are within it."""
    low, high = axes.dataLim.intervalx
    beyond = (high - low) * points / max(_width(axes) - 2 * points, points)
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, low - beyond), max(right, high + beyond))


def _mark_infeasible(axes: Axes, places: Any, mean: Any, feasible: Any) -> list[Any]:
    """Cross out means (P,) in some of whose drops there is no feasible answer, by (P, drops)."""
    crossed = ~np.asarray(feasible, dtype=np.bool_).all(axis=-1) & np.isfinite(mean)
    if not crossed.any():
        return []
    there = np.asarray(places)[crossed], mean[crossed]
    return axes.plot(*there, "x", color="0.15", markersize=4, zorder=5, label=CROSSED)


def _draw_points(axes: Axes, data: xarray.Dataset, name: str) -> None:
    """Draw means and intervals over the allocators."""
    values = data[name].transpose("precoder", "allocator", ...)
    allocators = [str(allocator) for allocator in data["allocator"].to_numpy()]
    width = 0.8 / len(values)
    for row, precoder in enumerate(data["precoder"].to_numpy()):
        own = values.isel(precoder=row)
        if "statistic" in own.dims:
            mean, half = (own.sel(statistic=one).to_numpy() for one in ("mean", "ci95"))
        else:
            mean, half = means_and_intervals(own.to_numpy())
        centres = np.arange(len(allocators)) + (row - (len(values) - 1) / 2) * width
        look = make_look(row, 0, 1)
        axes.errorbar(
            centres,
            mean,
            yerr=half,
            color=look.colour,
            marker=look.marker,
            linestyle="none",
            capsize=3,
            label=str(precoder),
        )
        feasible = data["feasible"].isel(precoder=row).transpose("allocator", "drop").to_numpy()
        _mark_infeasible(axes, centres, mean, feasible)
    name_allocators(axes, allocators)


def name_allocators(axes: Axes, allocators: list[str]) -> None:
    """Label the places 0, 1, … by the allocators."""
    from matplotlib import rcParams

    room = _width(axes) / len(allocators)
    if room < 3 * rcParams["font.size"]:
        size = min(0.8 * rcParams["font.size"], max(4.0, 0.8 * room))
        axes.set_xticks(range(len(allocators)), allocators, rotation=90, fontsize=size)
    else:
        # So steep that names are a line apart.
        angle = max(20.0, float(np.degrees(np.arcsin(_LINE * rcParams["font.size"] / room))))
        axes.set_xticks(range(len(allocators)), allocators, rotation=angle, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.6, len(allocators) - 0.4)
