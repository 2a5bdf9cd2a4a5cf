"""Figures of radiation patterns and of eigenvalues."""

from __future__ import annotations

import math
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.numbers import FloatArray
from ..scenario.cuts import Cut
from ..scenario.radiation import Curve, Radiation
from ..signal.eigenvalues import Spectrum
from .style import COLOURS, LINES, PAGE, finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Yellow is too light for thin lines.
_COLOURS = tuple(colour for colour in COLOURS if colour != "#F0E442")
_LOWEST_DB = -30.0
_LOWEST_EIGENVALUE_DB = -60.0
_MOST_LINES = 8
"""Number of users up to which each has an entry in the legend."""

_MOST_MARKED = 40
_LABEL = 24
"""Number of characters in a line of a legend beside panels."""


def patterns_figure(radiation: Radiation, title: str) -> Figure:
    """Return the figure of patterns along all cuts."""
    from matplotlib import rc_context

    from .plain_figure import PlainFigure

    cuts = radiation.cuts
    styles = _styles(radiation.curves)
    lines = 2 + sum(math.ceil(len(curve.label) / _LABEL) for curve in radiation.curves if curve.kind != "user")
    rows = math.ceil(len(cuts) / 2)
    heading = f"{title}; {radiation.shares}"
    if radiation.draws is not None:
        heading += f"; patterns marked * are means of {radiation.draws} draws"
    with rc_context(PAGE):
        figure = PlainFigure(figsize=(7.0, 0.6 + max(2.4 * rows, 0.17 * lines)), layout="constrained")
        grid: Any = figure.subplots(rows, 2, squeeze=False, sharey=True)
        limits = _limits(radiation.curves)
        for number, axes in enumerate(grid.flat):
            if number >= len(cuts):
                axes.remove()
                continue
            _draw_cut(axes, cuts[number], number, styles)
            axes.set_ylim(limits)
            if number % 2 == 0:
                axes.set_ylabel("gain over one element [dB]")
            axes.tick_params(labelleft=number % 2 == 0)
        named: dict[str, Any] = {}
        for axes in figure.axes:
            handles, labels = axes.get_legend_handles_labels()
            named |= dict(zip(labels, handles, strict=True))
        if named:
            figure.legend(
                named.values(), named.keys(), loc="outside right upper", fontsize="small", frameon=False
            )
        finish(figure, heading)
    return figure


def _styles(curves: tuple[Curve, ...]) -> list[tuple[Curve, dict[str, Any]]]:
    """Return the curves with their styles: precoders solid, beams broken, users' signals thin."""
    found, colour, broken = [], 0, 0
    count = sum(curve.kind != "user" for curve in curves)
    for curve in curves:
        # Later ones are thinner, so that equal patterns do not hide each other.
        style: dict[str, Any] = {"linewidth": 2.2 - 1.2 * colour / max(count - 1, 1), "linestyle": "-"}
        if curve.kind == "user":
            style |= {"linewidth": 0.5, "alpha": 0.6, "color": "0.5"}
            label = fill(f"{curve.label}, each user's signal", _LABEL)
        else:
            style["color"] = _COLOURS[colour % len(_COLOURS)]
            if curve.kind == "both":
                style["linestyle"] = LINES[colour % len(LINES)]
            elif curve.kind == "beam" or colour >= len(_COLOURS):
                style["linestyle"] = LINES[1 + broken % (len(LINES) - 1)]
                broken += 1
            colour += 1
            mark = "" if curve.draws is None else " *"
            own = {"precoder": "users, ", "beam": "beam ", "both": ""}[curve.kind]
            label = fill(f"{own}{curve.label}{mark}", _LABEL)
        found.append((curve, style | {"label": label}))
    return found


def _decibels(gains: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(gains))


def _limits(curves: tuple[Curve, ...]) -> tuple[float, float]:
    """Return the range of the ordinate, which leaves out the depths of nulls."""
    if not curves:
        return -10.0, 10.0
    every = np.concatenate([_decibels(gains) for curve in curves for gains in curve.gains])
    every = np.maximum(every, _LOWEST_DB)
    high = 5 * math.ceil((every.max() + 2) / 5)
    return min(5.0 * math.floor(np.percentile(every, 5) / 5), high - 15.0), high


def _draw_cut(axes: Axes, cut: Cut, number: int, styles: list[tuple[Curve, dict[str, Any]]]) -> None:
    for curve, style in styles:
        axes.plot(cut.angles_deg, _decibels(curve.gains[number]), **style)
    for _, angle in cut.targets:
        axes.axvline(angle, color="black", linestyle=(0, (1, 1.5)), linewidth=1.0, label="direction of a target")
    if len(cut.users_deg):
        axes.plot(
            cut.users_deg,
            np.full(len(cut.users_deg), 0.02),
            "^",
            color="black",
            markersize=4,
            markeredgewidth=0,
            transform=axes.get_xaxis_transform(),
            label=f"users' {cut.varied}s" if cut.varied == "azimuth" else None,
            zorder=4,
        )
    axes.set_xlim(cut.angles_deg[0], cut.angles_deg[-1])
    axes.set_xlabel(f"{cut.varied} [°]")
    axes.xaxis.set_major_locator(_steps(cut))
    names = ", ".join(name for name, _ in cut.targets)
    other = "elevation" if cut.varied == "azimuth" else "azimuth"
    owner = f" of {names}" if names else ", the users' median"
    angle_text = f"{cut.fixed_deg:g}°".replace("-", "−")
    axes.set_title(fill(f"at the {other} {angle_text}{owner}", 44), fontsize="small")
    axes.grid(visible=True, alpha=0.3)


def _steps(cut: Cut) -> Any:
    from matplotlib.ticker import MultipleLocator

    return MultipleLocator(30 if cut.angles_deg[-1] - cut.angles_deg[0] <= 180 else 60)


def eigenvalues_figure(spectrum: Spectrum, title: str, *, isotropic: bool) -> Figure:
    """Return the figure of the eigenvalues of the users' correlation matrices."""
    from matplotlib import rc_context

    from .plain_figure import PlainFigure

    values = spectrum.relative_db
    heading = f"{title}: eigenvalues of the users' correlation matrices"
    if spectrum.draws is not None:
        heading += f", from {spectrum.draws} draws"
    if len(values) < spectrum.users:
        heading += f", of the first {len(values)} of {spectrum.users} users"
    with rc_context(PAGE):
        figure = PlainFigure(figsize=(6.4, 3.2), layout="constrained")
        axes = figure.subplots()
        _draw_spectrum(axes, values, isotropic=isotropic)
        seen = np.flatnonzero((values >= _LOWEST_EIGENVALUE_DB).any(axis=0))[-1] + 1
        axes.set_xlim(0.5, seen + 0.5)
        axes.set_xlabel(f"number of the eigenvalue, of {values.shape[1]} in descending order")
        axes.set_ylabel("eigenvalue over their mean [dB]")
        axes.grid(visible=True, alpha=0.3)
        low, high = float(values[np.isfinite(values)].min()), float(values.max())
        axes.set_ylim(max(_LOWEST_EIGENVALUE_DB, min(low, -5.0) - 1), max(high + 2, 5.0))
        figure.legend(loc="outside right upper", fontsize="small", frameon=False)
        finish(figure, heading)
    return figure


def _draw_spectrum(axes: Axes, values: FloatArray, *, isotropic: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    index = np.arange(1, values.shape[1] + 1)
    marker = "." if len(index) <= _MOST_MARKED else ""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if isotropic:
        axes.plot(index, values[0], color=COLOURS[0], marker=marker, label="all users\n(isotropic fading)")
        return
    if len(values) <= _MOST_LINES:
        for user, own in enumerate(values):
            line = LINES[user % len(LINES)]
            width = 1.8 - 0.8 * user / max(len(values) - 1, 1)
            label = f"user {user}"
            axes.plot(index, own, line, color=COLOURS[user], marker=marker, linewidth=width, label=label)
        return
    for user, own in enumerate(values):
        axes.plot(
            index,
            own,
            color="0.6",
            linewidth=0.5,
            alpha=0.6,
            label="" if user else f"each of {len(values)} users",
        )
    axes.plot(index, np.median(values, axis=0), color=COLOURS[0], marker=marker, label="median of the users")
