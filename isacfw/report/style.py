"""Colours, lines, markers and labels of figures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import fill
from typing import TYPE_CHECKING, Any

import attrs

from ..base.errors import InputError
from ..base.text import escape_controls

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, suitable for colour-blind readers; black last.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", ":", "-.")
FILLS = ("none", "full", "left", "bottom")
"""Markers of rows that have no lines to tell them apart."""

CURVE_COLOURS = (
    *(colour for colour in COLOURS[:-1] if colour != "#F0E442"),
    *("#332288", "#882255", "#117733", "#999933", "#7F7F7F", "#000000"),
)
"""Colours of curves, dark enough for thin lines on white: of Okabe and Ito's palette, and of Tol's."""

CURVE_MARKERS = (*MARKERS, "<", ">", "p", "h")
CURVE_LINES: Any = (*LINES, (0, (5, 1, 1, 1, 1, 1)), (0, (9, 2)), (0, (2, 3)), (0, (1, 4)))

PAGE: Any = {"font.size": 8, "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6}
"""Settings of figures that are as wide as a page."""


@contextmanager
def plain_text() -> Iterator[None]:
    """Draw text as it is, since dollars and backslashes in names of a scenario are not formulas.

    Raises
    ------
    InputError
        If the environment names a backend that Matplotlib does not have.
    """
    try:
        from matplotlib import rc_context
    except ValueError:
        backend = os.environ.get("MPLBACKEND", "")
        raise InputError("MPLBACKEND", f"must be a backend of Matplotlib, got {backend!r}") from None

    with rc_context({"text.parse_math": False, "text.usetex": False, "axes.formatter.use_mathtext": False}):
        yield


def plain_labels(dataset: xarray.Dataset) -> xarray.Dataset:
    """Return a data set without control characters in its labels, title, names and units."""
    labels = {
        name: (values.dims, [escape_controls(str(one)) for one in values.to_numpy()], values.attrs)
        for name, values in dataset.coords.items()
        if values.dtype.kind in "OUT" and values.ndim == 1
    }
    changed = dataset.assign_coords(labels).assign_attrs(_plain(dataset.attrs))
    for name, values in dataset.data_vars.items():
        changed[name].attrs = _plain(values.attrs)
    return changed


def _plain(attributes: dict[Any, Any]) -> dict[Any, Any]:
    shown = ("title", "long_name", "units", "heading")
    return attributes | {name: escape_controls(str(attributes[name])) for name in shown if name in attributes}


@attrs.frozen(kw_only=True)
class Style:
    """Sizes of a figure of panels.

    Parameters
    ----------
    width : float, optional
        Width of the figure in inches; by default that of its panels and of a legend.
    height : float, optional
        Least height of the figure in inches, which its legend does not change; by default that of its content.
    widths, heights : tuple of float
        Width (without that of the figure) and height in inches of one or two panels, and of one of many.
    legend_widths : tuple of float
        Width that the legend adds, if the figure is as wide as its panels.
    fonts : tuple of float
        Sizes of the font in points, for one or two panels, and for many.
    side_by_side : int
        Largest number of panels in a row.
    aside : bool
        Whether the legend is on the right of the panels if it fits there, and not below them.
    """

    width: float | None = None
    height: float | None = None
    widths: tuple[float, float] = (4.6, 1.95)
    heights: tuple[float, float] = (2.9, 1.9)
    legend_widths: tuple[float, float] = (2.2, 1.4)
    fonts: tuple[float, float] = (10.0, 7.0)
    side_by_side: int = 3
    aside: bool = True


STYLES = {
    "screen": Style(),
    "paper-column": Style(width=3.5, heights=(2.1, 1.4), fonts=(8.0, 7.0), side_by_side=2, aside=False),
    "paper-wide": Style(width=7.16, heights=(2.5, 1.7), fonts=(8.0, 7.0), aside=False),
    "slides": Style(width=10.0, height=5.625, fonts=(14.0, 10.0)),
}
"""Styles by name: for screens, a column and both columns of a journal's page, and slides of 16:9."""


def finish(figure: Figure, title: str) -> None:
    """Put a title above a figure, in the room beside its legend, and lay the figure out.

    It is laid out twice: tick labels, and so the room that they need, change with the size of the axes.
    """
    figure.draw_without_rendering()
    left = min((legend.get_window_extent().x0 for legend in figure.legends), default=figure.bbox.x1)
    text = figure.suptitle(title, x=0.01, ha="left", fontsize="medium")
    for width in range(130, 20, -3):
        text.set_text(fill(title, width))
        if text.get_window_extent().x1 < left - 4:
            break
    figure.draw_without_rendering()


def fold_label(axes: Axes, label: str, axis: str) -> str:
    """Fold the label of an axis, ``"x"`` or ``"y"``, to about its length before axes are laid out."""
    from matplotlib import rcParams

    grid: Any = axes.get_subplotspec()
    figure: Any = axes.get_figure()
    number = 0 if axis == "x" else 1
    shape = grid.get_gridspec().get_geometry()[::-1]
    length = 72 * 0.75 * figure.get_size_inches()[number] / shape[number]
    return fill(label, max(10, int(length / (0.56 * rcParams["font.size"]))))


COSTS = {
    "seconds": "Time of an allocation [s]",
    "iterations": "Iterations",
    "max_violation": "Largest violation",
}
"""Labels of variables that state none."""


def axis_label(quantity: xarray.DataArray) -> str:
    """Return the label of an axis that shows a quantity: its name and unit."""
    label = quantity.attrs.get("long_name")
    if not label:
        return COSTS.get(str(quantity.name), str(quantity.name))
    # The name of a level in dB includes its reference.
    unit = quantity.attrs["units"].removesuffix(" rad^2")
    return f"{label} [{unit}]" if unit else str(label)
