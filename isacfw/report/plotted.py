"""The numbers of a figure's curves: as a table, and as a figure for pgfplots."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from ..base.errors import InputError
from ..base.numbers import FloatArray
from ..base.text import spreadsheet_cell
from .export import latex_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = {
    "o": ("o", "*", 0),
    "s": ("square", "square*", 0),
    "^": ("triangle", "triangle*", 0),
    "D": ("diamond", "diamond*", 0),
    "v": ("triangle", "triangle*", 180),
    "P": ("+", "oplus*", 0),
    "X": ("x", "otimes*", 0),
    "*": ("star", "10-pointed star", 0),
    "<": ("triangle", "triangle*", 90),
    ">": ("triangle", "triangle*", 270),
    "p": ("pentagon", "pentagon*", 0),
    "h": ("oplus", "Mercedes star", 0),
    "x": ("x", "x", 0),
}
"""Hollow and filled marks of pgfplots, with their rotation in degrees, by those of matplotlib."""

_HEAD = r"""% Needs in the preamble:
%   \usepackage{pgfplots} \pgfplotsset{compat=1.16}
%   \usepgfplotslibrary{groupplots} \usetikzlibrary{plotmarks}
"""


@attrs.frozen(kw_only=True, eq=False)
class Curve:
    """A curve of a figure.

    Parameters
    ----------
    label : str
        Its label in the legend.
    x, y, below, above : ndarray, shape (n,)
        Its points, and how far its error bars reach.
    line : matplotlib.lines.Line2D
        How it is drawn.
    """

    label: str
    x: FloatArray
    y: FloatArray
    below: FloatArray
    above: FloatArray
    line: Any


@attrs.frozen(kw_only=True, eq=False)
class Plot:
    """Axes of a figure: title of the panel, labels, position in the grid, names of places, and curves."""

    axes: Axes
    title: str
    x: str
    y: str
    place: tuple[int, int]
    names: dict[float, str]
    curves: tuple[Curve, ...]


def plots_of(figure: Figure) -> list[Plot]:
    """Return the axes of a figure of panels, from left to right and from top to bottom."""
    places = {axes: _place(axes) for axes in figure.axes}
    found = []
    for axes, (row, column) in places.items():
        above = [one for one, (other, own) in places.items() if own == column and other <= row]
        beside = [one for one, (other, _) in places.items() if other == row]
        below = [one for one, (other, own) in places.items() if own == column and other >= row]
        found.append(
            Plot(
                axes=axes,
                title=_first(one.get_title() for one in reversed(above)),
                x=_first(one.get_xlabel() for one in below),
                y=_first(one.get_ylabel() for one in beside),
                place=(row, column),
                names=_names(axes),
                curves=tuple(_curves(axes)),
            )
        )
    return sorted(found, key=lambda plot: plot.place)


def _place(axes: Axes) -> tuple[int, int]:
    spec: Any = axes.get_subplotspec()
    return spec.rowspan.start, spec.colspan.start


def _first(texts: Iterator[str]) -> str:
    """Return the first text that is not empty, in one line."""
    return " ".join(next(filter(None, texts), "").split())


def _names(axes: Axes) -> dict[float, str]:
    """Return the names of places on the horizontal axis; none if they are numbers."""
    from matplotlib.ticker import FuncFormatter

    # Of this class is what matplotlib makes of ticks that are given with labels.
    formatter = axes.xaxis.get_major_formatter()
    if not isinstance(formatter, FuncFormatter):
        return {}
    places = [float(place) for place in axes.get_xticks()]
    return {
        place: " ".join(text.split()) for place, text in zip(places, formatter.format_ticks(places), strict=True)
    }


def _curves(axes: Axes) -> Iterator[Curve]:
    """Yield the curves of axes that have a value, those with error bars first."""
    bars: list[Any] = [one for one in axes.containers if hasattr(one, "has_yerr")]
    for container in bars:
        line, _, collections = container.lines
        x, y = _points(axes, line)
        low, high = y.copy(), y.copy()
        for number, segment in enumerate(one for bar in collections for one in bar.get_segments()):
            # That of a missing value is empty.
            if len(segment) and segment.ndim == 2:
                low[number], high[number] = segment[:, 1].min(), segment[:, 1].max()
        if np.isfinite(y).any():
            yield Curve(label=str(container.get_label()), x=x, y=y, below=y - low, above=high - y, line=line)
    drawn = {one.lines[0] for one in bars}
    for line in axes.lines:
        if line not in drawn and not str(line.get_label()).startswith("_"):
            x, y = _points(axes, line)
            none = np.zeros(len(y))
            yield Curve(label=str(line.get_label()), x=x, y=y, below=none, above=none, line=line)


def _points(axes: Axes, line: Any) -> tuple[FloatArray, FloatArray]:
    """Return the points of a line; of one through the whole width, those at the ends of the axis."""
    x, y = (np.asarray(values, dtype=np.float64) for values in (line.get_xdata(), line.get_ydata()))
    return (np.array(axes.get_xlim()) if line.get_transform() == axes.get_yaxis_transform() else x), y


def write_csv(figure: Figure, path: Path) -> None:
    """Write a row for each point of each curve: panel, quantity, curve, place, value and interval."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["panel", "quantity", "curve", "abscissa", "name", "x", "y", "low", "high"])
        for plot in plots_of(figure):
            for curve in plot.curves:
                for x, y, below, above in zip(curve.x, curve.y, curve.below, curve.above, strict=True):
                    name = plot.names.get(float(np.round(x)), "")
                    values = (float(one) for one in (x, y, y - below, y + above))
                    numbers = [repr(one) if np.isfinite(one) else "" for one in values]
                    words = (plot.title, plot.y, " ".join(curve.label.split()), plot.x, name)
                    writer.writerow([*map(spreadsheet_cell, words), *numbers])


def write_pgfplots(figure: Figure, path: Path) -> None:
    """Write a figure for pgfplots: a group of plots with the coordinates of all curves, and a legend below.

    Raises
    ------
    InputError
        If pgfplots has no such axes.
    """
    if any(axes.get_yscale() == "symlog" for axes in figure.axes):
        raise InputError("--format", "must be another than tex for axes that are logarithmic down to 0; try csv")
    figure.draw_without_rendering()
    plots = plots_of(figure)
    rows, columns = (1 + max(plot.place[axis] for plot in plots) for axis in (0, 1))
    box = plots[0].axes.bbox
    width = f"{0.85 / columns:.3f}\\linewidth"
    legend = "legend:" + "".join(one for one in plots[0].y if one.isascii() and one.isalnum())
    lines = [
        _HEAD + r"\begin{tikzpicture}",
        rf"\begin{{groupplot}}[group style={{group size={columns} by {rows}, horizontal sep=0.3cm,",
        rf"  vertical sep=1.1cm}}, scale only axis, width={width}, height={box.height / box.width:.3f}*{width},",
        rf"  grid=major, scaled ticks=false, title style={{font=\small, align=center, text width={width}}},",
        rf"  legend to name={{{legend}}}, legend columns=2, legend cell align=left,",
        r"  legend style={font=\small, draw=none}]",
    ]
    there = {plot.place: plot for plot in plots}
    for place in np.ndindex(rows, columns):
        lines += _axis(there[place]) if place in there else [r"\nextgroupplot[group/empty plot]"]
        if place == (0, 0):
            lines += _legend(plots)
    below = rf"[yshift=-1.3cm]group c1r{rows}.south west"
    node = rf"\node[anchor=north west] at ({below}) {{\pgfplotslegendfromname{{{legend}}}}};"
    lines += [r"\end{groupplot}", node, r"\end{tikzpicture}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _legend(plots: list[Plot]) -> Iterator[str]:
    """Yield the entries of all curves, which may be in any of the axes."""
    labels = {curve.label: curve for plot in reversed(plots) for curve in reversed(plot.curves)}
    for label, curve in reversed(labels.items()):
        yield rf"\addlegendimage{{{', '.join(_look(curve))}}}"
        yield rf"\addlegendentry{{{latex_text(label)}}}"


def _axis(plot: Plot) -> Iterator[str]:
    """Yield the lines of axes."""
    axes = plot.axes
    texts = {"title": axes.get_title(), "xlabel": axes.get_xlabel(), "ylabel": axes.get_ylabel()}
    parts = [f"{key}={{{latex_text(text)}}}" for key, text in texts.items() if text]
    for one in "xy":
        low, high = getattr(axes, f"get_{one}lim")()
        parts += [f"{one}min={low:.10g}", f"{one}max={high:.10g}"]
        parts += [f"{one}mode=log"] * (getattr(axes, f"get_{one}scale")() == "log")
    if plot.names:
        ticks = ",".join(f"{place:g}" for place in plot.names)
        labels = ",".join(f"{{{latex_text(name)}}}" for name in plot.names.values())
        parts += [f"xtick={{{ticks}}}", f"xticklabels={{{labels}}}", "xticklabel style={rotate=30, anchor=east}"]
    # Panels share their axes, whose labels are at the margins alone.
    parts += [] if axes.get_ylabel() else ["yticklabels={}"]
    parts += [] if axes.xaxis.get_tick_params()["labelbottom"] else ["xticklabels={}"]
    yield rf"\nextgroupplot[{', '.join(parts)}]"
    for curve in plot.curves:
        yield rf"\addplot[forget plot, {', '.join(_look(curve))}] coordinates {{"
        yield from _coordinates(curve)
        yield "};"


def _coordinates(curve: Curve) -> Iterator[str]:
    """Yield the points that have a value."""
    for x, y, below, above in zip(curve.x, curve.y, curve.below, curve.above, strict=True):
        if not np.isfinite(y):
            continue
        error = f" += (0,{above:.10g}) -= (0,{below:.10g})" if below > 0 or above > 0 else ""
        yield f"  ({x:.10g},{y:.10g}){error}"


def _look(curve: Curve) -> list[str]:
    """Return the options of a curve: colour, line, marks and error bars."""
    from matplotlib.colors import to_rgb

    line = curve.line
    red, green, blue = (round(255 * one) for one in to_rgb(line.get_color()))
    parts = [f"color={{rgb,255:red,{red};green,{green};blue,{blue}}}"]
    _, dashes = line._unscaled_dash_pattern
    if line.get_linestyle() == "None":
        parts.append("only marks")
    elif dashes:
        pattern = " ".join(f"{('on', 'off')[number % 2]} {one:g}pt" for number, one in enumerate(dashes))
        parts.append(f"dash pattern={pattern}")
    if "steps" in line.get_drawstyle():
        parts.append("const plot mark mid" if "mid" in line.get_drawstyle() else "const plot")
    mark = _MARKS.get(line.get_marker())
    if mark is None:
        parts.append("mark=none")
    else:
        hollow, filled, rotation = mark
        options = ", ".join(["solid", *([f"rotate={rotation}"] if rotation else [])])
        match line.get_markevery():
            case (start, every) if every > 1:
                parts.append(f"mark repeat={every}, mark phase={start + 1}")
            case int(every) if every > 1:
                parts.append(f"mark repeat={every}")
        parts.append(f"mark={hollow if line.get_fillstyle() == 'none' else filled}, mark options={{{options}}}")
    if (curve.below > 0).any() or (curve.above > 0).any():
        parts.append("error bars/.cd, y dir=both, y explicit, error bar style={solid}")
    return parts
