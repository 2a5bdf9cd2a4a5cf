"""The figure of a Pareto front."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from textwrap import fill
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..base.numbers import FloatArray
from .dominance import ABSCISSA, DOMINATED, exact_allocators
from .legend import place_legend
from .panels import SIDE_BY_SIDE, Panel, count_panels, grid_shape, make_panels, name_panels
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


def front_figure(dataset: xarray.Dataset, style: Style | None = None, size: Any = None) -> Figure:
    """Return the figure of :meth:`isacfw.ParetoFront.plot`, in a style or that of a screen."""
    from matplotlib import rc_context

    dataset = plain_labels(dataset)
    looks = _Style.of(dataset)
    others = [name for name in sweep_of(dataset) if name != dataset.attrs["along"]]
    apart = [*others, *filter(None, [looks.panels])]
    _, drawn = count_panels(dataset, apart)
    settings = PAGE if style is None else PAGE | {"font.size": style.fonts[drawn > _MOST_LARGE]}
    with plain_text(), rc_context(settings):
        return _figure(dataset, looks, apart, style, size)


def _figure(dataset: xarray.Dataset, looks: _Style, apart: list[str], style: Style | None, size: Any) -> Figure:
    from .plain_figure import PlainFigure

    _, drawn = count_panels(dataset, apart)
    most = SIDE_BY_SIDE if style is None else style.side_by_side
    blocks, columns = grid_shape(drawn, most)
    figure = PlainFigure(figsize=size or _size(style, blocks, columns, drawn), layout="constrained")
    for panel in make_panels(figure, dataset, apart, most=most):
        _draw_panel(panel, dataset, looks)
    drops = dataset.sizes["drop"]
    about = [f"mean of {drops} drops, 95 % intervals"] if drops > 1 else []
    left_out = list(filter(None, [name_panels(dataset, apart)]))
    if style is None:
        if left_out:
            figure.suptitle(left_out[0], fontsize="medium")
        _add_legend(figure, looks, drops)
        return figure
    named = {str(handle.get_label()): handle for handle in _handles(looks)}
    _, height = place_legend(figure, named, aside=style.aside)
    if size is None:
        width, own = figure.get_size_inches()
        figure.set_size_inches(width, own + height if style.height is None else max(own, height / _HIGHEST))
    if about or left_out:
        figure.suptitle("; ".join([*about, *left_out]), fontsize="small", x=0.01, horizontalalignment="left")
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
    _add_degrees(axes, dataset)
    if panel.left:
        axes.set_ylabel(axis_label(dataset[objective]))


def _draw_front(axes: Axes, curve: _Curve, colour: str) -> None:
    """Draw a line, and a band for the intervals."""
    axes.plot(curve.x, curve.y, color=colour, linewidth=1.3, zorder=3)
    if curve.half.any():
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


def _add_degrees(axes: Axes, dataset: xarray.Dataset) -> None:
    """Add an axis in degrees, if the abscissa is the CRLB of an angle."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if dataset.attrs["against"] != "crlb":
        return
    limits = [dataset[name].to_numpy() for name in Columns.of(dataset).requirements.values()]
    limited = [limit for limit in limits if np.isfinite(limit).all()]
    if any(not np.allclose(limit, limited[0]) for limit in limited):
        return  # It is relative to limits that differ.
    scale = axes.secondary_xaxis("top", functions=(_to_degrees, _to_decibels))
    scale.set_xscale("log", subs=[])
    scale.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    scale.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:.3g}"))
    scale.xaxis.set_minor_formatter(NullFormatter())
    scale.tick_params(labelsize="small")
    scale.set_xlabel("Root of the CRLB [degrees]", fontsize="small")


def _to_degrees(decibels: ArrayLike) -> FloatArray:
    return np.asarray(np.degrees(10 ** (np.asarray(decibels, dtype=np.float64) / 20)))


def _to_decibels(degrees: ArrayLike) -> FloatArray:
    # Matplotlib tries 0, too.
    return np.asarray(20 * np.log10(np.radians(np.maximum(np.asarray(degrees, dtype=np.float64), 1e-12))))


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
