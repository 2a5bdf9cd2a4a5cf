"""Figures of arrays and cells."""

from __future__ import annotations

import math
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.numbers import FloatArray
from ..scenario.geometry import ArrayView, CellMap
from .style import COLOURS, MARKERS, PAGE, finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SAMPLE = 300
"""Number of elements whose neighbours are looked for."""

_LARGEST = 6.0
_AXES_WIDTH = 110.0
"""Somewhat less than the width of an array's panel in typographic points."""

_MOST_NUMBERED = 20
"""Number of users up to which they are numbered."""

_MOST_NAMED = 8
"""Number of targets up to which each has an entry in the legend."""


def arrays_figure(views: list[ArrayView], title: str) -> Figure:
    """Return the figure of the elements of both arrays."""
    from matplotlib import rc_context

    from .plain_figure import PlainFigure

    rows = math.ceil(len(views) / 2)
    with rc_context(PAGE):
        figure = PlainFigure(figsize=(6.4, 0.4 + 3.0 * rows), layout="constrained")
        grid: Any = figure.subplots(rows, 2, squeeze=False)
        for number, axes in enumerate(grid.flat):
            if number >= len(views):
                axes.remove()
                continue
            _draw_array(axes, views[number])
        finish(figure, title)
    return figure


def _draw_array(axes: Axes, view: ArrayView) -> None:
    size = _marker_size(view.points)
    axes.plot(*view.points.T, "o", color=COLOURS[0], markersize=size, markeredgewidth=0, rasterized=True)
    spans = np.ptp(view.points, axis=0)
    half = (spans.max() or 1.0) * 0.55
    middle = (view.points.max(axis=0) + view.points.min(axis=0)) / 2
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_aspect("equal")
    axes.set_title(fill(view.title, 40), fontsize="small")
    axes.set_xlabel(f"{view.across} axis [{view.unit}]")
    axes.set_ylabel(f"{view.up} axis [{view.unit}]")
    axes.grid(visible=True, alpha=0.3)


def _marker_size(points: FloatArray) -> float:
    """Return the size of markers in typographic points, for which most neighbours do not touch."""
    some = points[:: max(1, len(points) // _SAMPLE)]
    distances = np.linalg.norm(some[:, None] - points, axis=-1)
    distances[distances == 0] = np.inf
    nearest, span = float(np.median(distances.min(axis=-1))), float(np.ptp(points, axis=0).max())
    if not 0 < nearest < np.inf:
        return _LARGEST
    return min(_LARGEST, max(0.6, _AXES_WIDTH * nearest / span))


def cell_figure(cell: CellMap, title: str, drop: int) -> Figure:
    """Return the figure of the cell from above."""
    from matplotlib import rc_context

    from .plain_figure import PlainFigure

    with rc_context(PAGE):
        figure = PlainFigure(figsize=(6.4, 4.3), layout="constrained")
        axes = figure.subplots()
        metres = _extent(cell)
        _draw_region(axes, cell)
        _draw_users(axes, cell, drop)
        _draw_targets(axes, cell, metres or 1.0)
        axes.plot(0, 0, "s", color="black", markersize=6, label="base station", zorder=5)
        axes.set_aspect("equal")
        axes.margins(0.06)
        limits = axes.dataLim
        shape = limits.height / limits.width if limits.width else 1.0
        figure.set_size_inches(6.4, 1.0 + min(max(4.2 * shape, 1.6), 4.2))
        if metres:
            axes.set_xlabel("horizontal axis [m]")
            axes.set_ylabel("normal axis (broadside) [m]")
            axes.grid(visible=True, alpha=0.3)
        else:
            axes.set_xlabel("horizontal axis (no distance is known)")
            axes.set_ylabel("normal axis (broadside)")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_xlim(-1.1, 1.1)
            axes.set_ylim(-1.1, 1.1)
        figure.legend(loc="outside right upper", fontsize="small", frameon=False)
        finish(figure, title + (f"; {cell.missing}" if cell.missing else ""))
    return figure


def _extent(cell: CellMap) -> float:
    """Return the largest distance in metres that is known; 0 if none is."""
    found = [target.distance_m for target in cell.targets if target.distance_m is not None]
    if cell.region is not None:
        found.append(cell.region.outer_m)
    known = [one for one in (cell.users, cell.others) if one is not None and one.size]
    found += [float(np.hypot(one[..., 0], one[..., 1]).max()) for one in known]
    return max(found, default=0.0)


def _draw_region(axes: Axes, cell: CellMap) -> None:
    if cell.region is None:
        return
    inner, outer, half = cell.region.inner_m, cell.region.outer_m, np.radians(cell.region.sector_deg / 2)
    angles = np.linspace(-half, half, 361)
    arc = np.array([np.sin(angles), np.cos(angles)])
    edges = [inner * arc, outer * arc]
    if cell.region.sector_deg < 360:
        edges += [np.outer(arc[:, end], [inner, outer]) for end in (0, -1)]
    width = "" if cell.region.sector_deg == 360 else f",\nsector of {cell.region.sector_deg:g}°"
    for number, edge in enumerate(edges):
        label = f"cell, {inner:g} m to {outer:g} m{width}" if number == 0 else None
        axes.plot(*edge, color="0.4", linewidth=0.8, label=label)


def _draw_users(axes: Axes, cell: CellMap, drop: int) -> None:
    from matplotlib.patheffects import withStroke

    if cell.users is None:
        return
    if len(cell.others):
        count = len(cell.others)
        label = f"users of {count} other drop{'s' * (count > 1)}"
        places = cell.others.reshape(-1, 2)
        axes.plot(*places.T, "o", color="0.75", markersize=2.5, markeredgewidth=0, label=label, rasterized=True)
    numbered = len(cell.users) <= _MOST_NUMBERED
    size = 5.0 if numbered else 3.0
    axes.plot(*cell.users.T, "o", color=COLOURS[0], markersize=size, label=f"users of drop {drop}", zorder=4)
    if numbered:
        for number, place in enumerate(cell.users):
            text = axes.annotate(
                str(number), _pair(place), (4, 3), textcoords="offset points", fontsize="small", zorder=6
            )
            text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])


def _draw_targets(axes: Axes, cell: CellMap, metres: float) -> None:
    for number, target in enumerate(cell.targets):
        colour = COLOURS[1 + number % (len(COLOURS) - 2)]
        label = fill(target.label, 28) if number < _MOST_NAMED else None
        if target.direction is None:
            axes.plot(0, 0, "o", color=colour, markersize=11, fillstyle="none", label=label)
        elif target.distance_m is None:
            end = metres * target.direction
            axes.plot([0, end[0]], [0, end[1]], "--", color=colour, linewidth=1.2, label=label)
        else:
            place = target.distance_m * target.direction
            marker = MARKERS[(3 + number) % len(MARKERS)]
            axes.plot(*place, marker, color=colour, markersize=8, linestyle="none", label=label, zorder=4)


def _pair(place: FloatArray) -> tuple[float, float]:
    return float(place[0]), float(place[1])
