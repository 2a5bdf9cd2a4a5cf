"""Colours, lines, markers and labels of figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import fill
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

# Okabe and Ito's palette, suitable for colour-blind readers; black last.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", ":", "-.")
FILLS = ("none", "full", "left", "bottom")
"""Markers of rows that have no lines to tell them apart."""

PAGE: Any = {"font.size": 8, "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6}
"""Settings of figures that are as wide as a page."""


@contextmanager
def plain_text() -> Iterator[None]:
    """Draw text as it is, since dollars in names of a scenario are not formulas."""
    from matplotlib import rc_context

    with rc_context({"text.parse_math": False}):
        yield


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


def axis_label(quantity: xarray.DataArray) -> str:
    """Return the label of an axis that shows a quantity: its name and unit."""
    # The name of a level in dB includes its reference.
    name, unit = quantity.attrs["long_name"] or quantity.name, quantity.attrs["units"].removesuffix(" rad^2")
    return f"{name} [{unit}]" if unit else str(name)
