"""Curves that can be told apart: looks, and what to do if they coincide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from .style import CURVE_COLOURS, CURVE_LINES, CURVE_MARKERS, FILLS

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_SAME = 0.01
"""Difference, relative to the span of all curves, up to which curves hide each other."""

_FLAT = 1e-3
"""Smallest span of curves relative to their values; less is solver tolerance."""

_ROOM = 0.7
"""Part of the distance between neighbouring points that coincident curves may occupy."""


@attrs.frozen(kw_only=True)
class Look:
    """Colour, marker, line and filling of a curve."""

    colour: str
    marker: str
    line: Any
    fill: str


def make_look(first: int, second: int, seconds: int) -> Look:
    """Return the look of a curve, unlike that of all others up to 96 curves.

    Parameters
    ----------
    first : int
        Number among what colours and markers distinguish.
    second, seconds : int
        Number among what lines and fillings distinguish, and their number.
    """
    turn, kind = divmod(first, len(CURVE_COLOURS))
    line = second + seconds * turn
    return Look(
        colour=CURVE_COLOURS[kind],
        marker=CURVE_MARKERS[kind],
        line=CURVE_LINES[line % len(CURVE_LINES)],
        fill=FILLS[line % len(FILLS)],
    )


def coincident(curves: FloatArray) -> list[list[int]]:
    """Return the groups of curves (C, P) that would hide each other, those alone left out.

    Curves belong together if they differ from the first of the group by at most 1 % of the span of all curves, at
    all points at which both have a value.
    """
    finite = curves[np.isfinite(curves)]
    if not finite.size:
        return []
    least = max(np.ptp(finite), _FLAT * float(np.abs(finite).max()))
    groups: list[list[int]] = []
    for number, own in enumerate(curves):
        for group in groups:
            both = np.isfinite(own) & np.isfinite(curves[group[0]])
            if both.any() and np.abs(own - curves[group[0]])[both].max() <= _SAME * least:
                group.append(number)
                break
        else:
            groups.append([number])
    return [group for group in groups if len(group) > 1]


def shifts_of(groups: Iterable[list[int]], count: int, *, marker: float, room: float) -> NDArray[np.float64]:
    """Return by how many points each of a number of curves is moved to the right, so that none hides another.

    Parameters
    ----------
    groups : iterable of list of int
        Groups of curves that coincide.
    count : int
        Number of curves.
    marker : float
        Size of a marker in points.
    room : float
        Distance between neighbouring points of a curve in points.
    """
    shifts = np.zeros(count)
    for group in groups:
        step = min(1.2 * marker, _ROOM * room / len(group))
        shifts[group] = step * (np.arange(len(group)) - (len(group) - 1) / 2)
    return shifts


def move(artists: Iterable[Artist], axes: Axes, points: float) -> None:
    """Move what is drawn to the right on the page; its numbers stay those of the data."""
    from matplotlib.transforms import ScaledTranslation

    if points:
        figure: Any = axes.get_figure()
        shifted = axes.transData + ScaledTranslation(points / 72, 0, figure.dpi_scale_trans)
        for artist in artists:
            artist.set_transform(shifted)
