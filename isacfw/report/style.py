"""Colours, lines, markers and labels of figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray

# Okabe and Ito's palette, suitable for colour-blind readers; black last.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", ":", "-.")
FILLS = ("none", "full", "left", "bottom")
"""Markers of rows that have no lines to tell them apart."""

PAGE: Any = {"font.size": 8, "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6}
"""Settings of figures that are as wide as a page."""


def axis_label(quantity: xarray.DataArray) -> str:
    """Return the label of an axis that shows a quantity: its name and unit."""
    # The name of a level in dB includes its reference.
    name, unit = quantity.attrs["long_name"] or quantity.name, quantity.attrs["units"].removesuffix(" rad^2")
    return f"{name} [{unit}]" if unit else str(name)
