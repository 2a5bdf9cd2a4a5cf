"""The figure of a Pareto front."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from textwrap import fill
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from .dominance import ABSCISSA, DOMINATED, exact_allocators
from .front_scale import add_degrees
from .legend import place_legend
from .panels import SIDE_BY_SIDE, Panel, count_panels, first_panels, grid_shape, make_panels, name_panels
from .places import sweep_of
from .style import CURVE_COLOURS, CURVE_MARKERS, PAGE, Style, axis_label, plain_labels, plain_text
from .summary import Columns, means_and_intervals

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_PANEL = (2.9, 2.7)
"""Size of a panel in inches: two of them and the legend have the width of a journal's page."""

_LEGEND_WIDTH = 1.35
_MOST_LARGE = 2
"""Number of panels up to which they are large."""

_SCALE_HEIGHT = 0.35
"""Height in inches of the scale above a panel."""

_HIGHEST = 0.9
"""Part of the height of a slide that a legend may take."""

_BAND = 0.12


@attrs.frozen(kw_only=True, eq=False)
class _Curve:
    """Means over the drops in the order of the abscissae, with half-widths of the intervals of the ordinates.

    A point is dominated if it is in most of the drops.
    """

    x: FloatArray
    y: FloatArray
    half: FloatArray
    dominated: NDArray[np.bool_]

    @classmethod
    def of(cls, own: xarray.Dataset, along: str, objective: str) -> _Curve:
        """Return the curve of an allocator, over the drops for which it has an answer at any point.

        A point without an answer in one of them is left out: its mean would be over other channels than those of
        its neighbours.
        """
        x, y = (own[name].transpose("drop", along).to_numpy() for name in (ABSCISSA, objective))
        missing = np.isnan(x) | np.isnan(y)
        answering = ~missing.all(axis=1)
        whole = ~missing[answering].any(axis=0) & answering.any()
        x, y = (side[answering][:, whole] for side in (x, y))
        if not x.size:
            return cls(x=np.zeros(0), y=np.zeros(0), half=np.zeros(0), dominated=np.zeros(0, dtype=bool))
        worse = own[DOMINATED].transpose("drop", along).to_numpy()[answering][:, whole].mean(axis=0) > 0.5
        mean, half = means_and_intervals(y.T)
        order = np.argsort(x.mean(axis=0), kind="stable")
        return cls(x=x.mean(axis=0)[order], y=mean[order], half=half[order], dominated=worse[order])


@attrs.frozen(kw_only=True, eq=False)
class _Style:
    """What distinguishes the curves: panels, colours and markers."""

    panels: str | None
    coloured: str
    exact: str | None
    names: dict[str, list[str]]

    @classmethod
    def of(cls, dataset: xarray.Dataset) -> _Style:
        """Return the style for a data set.

        Colours are those of beams, of precoders if there is one beam, or of allocators if there is one precoder
        too; with several of both, each precoder has a panel.
        """
        names = {
            axis: [str(name) for name in dataset[axis].to_numpy()]
            for axis in ("precoder", "beam", "allocator")
            if axis in dataset.dims
        }
        several = [axis for axis in ("beam", "precoder") if len(names.get(axis, ())) > 1]
        return cls(
            panels="precoder" if len(several) == 2 else None,
            coloured=several[0] if several else "allocator",
            exact=next(iter(exact_allocators(dataset)), None),
            names=names,
        )

    def colour(self, name: str) -> str:
        """Return the colour of what is distinguished by it."""
        return CURVE_COLOURS[self.names[self.coloured].index(name) % len(CURVE_COLOURS)]

    def marker(self, allocator: str) -> tuple[str, float]:
        """Return the marker of an allocator that forms no front, and its size: later ones are smaller."""
        points = [name for name in self.names["allocator"] if name != self.exact]
        number = points.index(allocator)
        return CURVE_MARKERS[number % len(CURVE_MARKERS)], 4.0 + 6.0 * (1 - (number + 1) / len(points))

    def rows(self, panel: xarray.Dataset) -> Iterator[tuple[str, str, xarray.Dataset]]:
        """Yield allocator, colour and data of each curve of a panel, the fronts last."""
        axes = [axis for axis in ("precoder", "beam") if axis in panel.dims]
        allocators = sorted(self.names["allocator"], key=lambda name: name == self.exact)
        for allocator in allocators:
            for place in itertools.product(*(self.names[axis] for axis in axes)):
                named = {**dict(zip(axes, place, strict=True)), "allocator": allocator}
                yield allocator, self.colour(named[self.coloured]), panel.sel(named)


def front_figures(dataset: xarray.Dataset, style: Style | None = None, size: Any = None) -> dict[str, Figure]:
    """Return the figures of :meth:`isacfw.ParetoFront.figures`, in a style or that of a screen."""
    from matplotlib import rc_context

    dataset = plain_labels(dataset)
    looks = _Style.of(dataset)
    others = [name for name in sweep_of(dataset) if name != dataset.attrs["along"]]
    apart = [*others, *filter(None, [looks.panels])]
    found = {}
    for number, first in enumerate(first_panels(dataset, apart), 1):
        _, drawn = count_panels(dataset, apart, first)
        settings = PAGE if style is None else PAGE | {"font.size": style.fonts[drawn > _MOST_LARGE]}
        sheet = _Sheet(looks=looks, apart=apart, style=style, size=size, first=first)
        with plain_text(), rc_context(settings):
            found[f"front-{number}" if number > 1 else "front"] = sheet.draw(dataset)
    return found


@attrs.frozen(kw_only=True, eq=False)
class _Sheet:
    """A figure of the panels from one combination of values on."""

    looks: _Style
    apart: list[str]
    style: Style | None
    size: Any
    first: int

    def draw(self, dataset: xarray.Dataset) -> Figure:
        """Return the figure."""
        from .plain_figure import PlainFigure

        style, looks = self.style, self.looks
        _, drawn = count_panels(dataset, self.apart, self.first)
        most = SIDE_BY_SIDE if style is None else style.side_by_side
        blocks, columns = grid_shape(drawn, most)
        size = self.size or _size(style, blocks, columns, drawn)
        figure = PlainFigure(figsize=size, layout="constrained")
        for panel in make_panels(figure, dataset, self.apart, most=most, first=self.first):
            _draw_panel(panel, dataset, looks)
        drops = dataset.sizes["drop"]
        left_out = name_panels(dataset, self.apart, self.first)
        if style is None:
            if left_out:
                figure.suptitle(left_out, fontsize="medium")
            _add_legend(figure, looks, drops)
            return figure
        named = {str(handle.get_label()): handle for handle in _handles(looks)}
        _, height = place_legend(figure, named, aside=style.aside)
        if self.size is None:
            width, own = figure.get_size_inches()
            figure.set_size_inches(width, own + height if style.height is None else max(own, height / _HIGHEST))
        about = [f"mean of {drops} drops, 95 % intervals"] if drops > 1 else []
        if title := "; ".join([*about, *filter(None, [left_out])]):
            figure.suptitle(title, fontsize="small", x=0.01, horizontalalignment="left")
        return figure


def _size(style: Style | None, blocks: int, columns: int, drawn: int) -> tuple[float, float]:
    """Return the size of the figure in inches, without a legend below."""
    if style is None or style.width is None:
        return _LEGEND_WIDTH + _PANEL[0] * columns, _PANEL[1] * blocks
    small = drawn > _MOST_LARGE
    height = (style.heights[small] + _SCALE_HEIGHT) * blocks
    return style.width, height if style.height is None else max(style.height, height / 2)


def _draw_panel(panel: Panel, dataset: xarray.Dataset, style: _Style) -> None:
    (axes,), objective = panel.axes, Columns.of(dataset).objective
    for allocator, colour, own in style.rows(panel.data):
        curve = _Curve.of(own, dataset.attrs["along"], objective)
        if allocator == style.exact:
            _draw_front(axes, curve, colour)
        else:
            _draw_points(axes, curve, colour, *style.marker(allocator))
    axes.grid(visible=True, alpha=0.3, linewidth=0.5)
    named = [str(panel.data[name].item()) for name in filter(None, [style.panels])]
    axes.set_title(fill(", ".join(filter(None, [*named, panel.title])), 40), fontsize="medium")
    if panel.low:
        axes.set_xlabel(axis_label(dataset[ABSCISSA]))
    add_degrees(axes, dataset)
    if panel.left:
        axes.set_ylabel(axis_label(dataset[objective]))


def _draw_front(axes: Axes, curve: _Curve, colour: str) -> None:
    """Draw a line, and a band for the intervals; of a single point a dot, and its interval."""
    single = len(curve.x) == 1
    axes.plot(curve.x, curve.y, color=colour, linewidth=1.3, marker="." if single else "None", zorder=3)
    if single and curve.half.any():
        axes.vlines(curve.x, curve.y - curve.half, curve.y + curve.half, color=colour, linewidth=1.3, alpha=0.5)
    elif curve.half.any():
        low, high = curve.y - curve.half, curve.y + curve.half
        axes.fill_between(curve.x, low, high, color=colour, alpha=_BAND, linewidth=0)


def _draw_points(axes: Axes, curve: _Curve, colour: str, marker: str, size: float) -> None:
    """Draw points, open and with intervals where they are dominated; the others have the band of the front."""
    worse = curve.dominated
    if curve.half[worse].any():
        x, y, half = curve.x[worse], curve.y[worse], curve.half[worse]
        axes.vlines(x, y - half, y + half, color=colour, linewidth=0.5, alpha=0.5)
    for chosen, edge, face in ((~worse, "white", colour), (worse, colour, "white")):
        axes.plot(
            curve.x[chosen],
            curve.y[chosen],
            linestyle="none",
            marker=marker,
            markersize=size,
            markeredgewidth=0.5 if edge == "white" else 0.8,
            markeredgecolor=edge,
            markerfacecolor=face,
            zorder=4,
        )


def _handles(style: _Style) -> list[Line2D]:
    """Return what the legend shows."""
    from matplotlib.lines import Line2D

    handles = []
    if style.coloured != "allocator":
        handles += [
            Line2D([], [], color=style.colour(name), linewidth=2.5, label=name)
            for name in style.names[style.coloured]
        ]
    for name in style.names["allocator"]:
        colour = style.colour(name) if style.coloured == "allocator" else "0.2"
        if name == style.exact:
            handles.append(Line2D([], [], color=colour, linewidth=1.4, label=f"{name} (front)"))
            continue
        handles.append(
            Line2D([], [], color=colour, linestyle="none", marker=style.marker(name)[0], markersize=5, label=name)
        )
    if style.names["allocator"] != [style.exact]:
        open_marker = Line2D([], [], color="0.2", linestyle="none", marker="o", markerfacecolor="white")
        open_marker.set_label("open: dominated")
        handles.append(open_marker)
    return handles


def _add_legend(figure: Figure, style: _Style, drops: int) -> None:
    title = f"mean of {drops} drops,\n95 % intervals" if drops > 1 else None
    figure.legend(
        handles=_handles(style),
        loc="outside right upper",
        fontsize="small",
        title=title,
        title_fontsize="small",
        alignment="left",
        frameon=False,
    )
