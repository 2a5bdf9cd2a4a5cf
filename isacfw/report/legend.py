"""Legends outside the panels of a figure, as large as they need to be."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

_WIDEST = 0.36
"""Part of the width of a figure that a legend on the right may take."""


def place_legend(figure: Figure, named: Mapping[str, Any], *, aside: bool) -> tuple[float, float]:
    """Add a legend on the right of the panels if it fits there, or else below them.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Figure with a constrained layout.
    named : mapping of str to artist
        What is drawn, by label.
    aside : bool
        Whether the legend may be on the right.

    Returns
    -------
    width, height : float
        What it takes of the figure's width in inches if it is on the right, or of its height if it is below.
    """
    if not named:
        return 0.0, 0.0
    legend = _add(figure, named, "outside right upper" if aside else "outside lower left")
    box = legend.get_window_extent()
    if aside and box.height <= figure.bbox.height and box.width <= _WIDEST * figure.bbox.width:
        return box.width / figure.dpi, 0.0
    legend.remove()
    return 0.0, _add_below(figure, named, box.width).get_window_extent().height / figure.dpi


def add_legend(figure: Figure, named: Mapping[str, Any]) -> None:
    """Add a legend below the panels of a figure, and make the figure higher for it."""
    _, height = place_legend(figure, named, aside=False)
    width, own = figure.get_size_inches()
    figure.set_size_inches(width, own + height)


def _add_below(figure: Figure, named: Mapping[str, Any], widest: float) -> Legend:
    """Add a legend with as many columns as fit; long labels are folded if none does."""
    width = figure.bbox.width
    columns = int(width // widest) + 1
    longest = max(map(len, named))
    while True:
        legend = _add(figure, named, "outside lower left", columns)
        excess = legend.get_window_extent().width / width
        if excess <= 1:
            return legend
        if columns > 1:
            columns -= 1
        elif longest > 10:
            longest = min(longest - 1, int(longest / excess))
            named = {fill(label, longest): artist for label, artist in named.items()}
        else:
            return legend
        legend.remove()


def _add(figure: Figure, named: Mapping[str, Any], place: Any, columns: int = 1) -> Legend:
    return figure.legend(
        list(named.values()),
        list(named),
        loc=place,
        ncols=columns,
        fontsize="small",
        frameon=False,
        columnspacing=1.0,
        handletextpad=0.6,
    )
