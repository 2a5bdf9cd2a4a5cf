"""Figures of distributions over the drops: cumulative distribution functions and box plots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.numbers import FloatArray
from .curves import coincident, make_look
from .means import Row, each_look, finish_axes, name_allocators
from .panels import Panel
from .style import fold_label

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

PARTIAL = "over the values that exist"
INFEASIBLE = "infeasible answers are included"
HIDDEN = "markers of coincident curves alternate"

_MARKED = 8
"""Number of markers of a curve."""


def draw_cdf(panel: Panel, rows: list[Row]) -> str | None:
    """Draw the empirical distribution functions of quantities below each other; return notes for the title."""
    notes: dict[str, None] = {}
    for axes, row in zip(panel.axes, rows, strict=True):
        notes |= dict.fromkeys(_draw_steps(axes, panel.data, row.name))
        finish_axes(axes, panel, "Share of the drops" if "user" not in panel.data[row.name].dims else "Share")
        axes.set_ylim(-0.03, 1.03)
        if panel.low or len(rows) > 1:
            axes.set_xlabel(fold_label(axes, row.label, "x"))
            axes.tick_params(labelbottom=True)
    notes |= {INFEASIBLE: None} if _with_infeasible(panel.data, rows) else {}
    return "; ".join(notes) or None


def sample_of(values: xarray.DataArray) -> FloatArray:
    """Return the values that exist of all drops, and of all users if each has one, in ascending order."""
    flat = np.asarray(values.to_numpy(), dtype=np.float64).ravel()
    return np.sort(flat[np.isfinite(flat)])


def _draw_steps(axes: Axes, data: xarray.Dataset, name: str) -> list[str]:
    looks = each_look(data)
    samples = [sample_of(data[name].isel(place)) for place, _, _ in looks]
    most = max(map(len, samples))
    padded = np.full((len(samples), max(most, 1)), np.nan)
    for number, sample in enumerate(samples):
        padded[number, : len(sample)] = sample
    for number, ((_, label, look), sample) in enumerate(zip(looks, samples, strict=True)):
        if not len(sample):
            continue
        every = max(1, len(sample) // _MARKED)
        axes.plot(
            np.concatenate([sample[:1], sample]),
            np.arange(len(sample) + 1) / len(sample),
            drawstyle="steps-post",
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            markevery=(1 + number % every, every),
            fillstyle=look.fill,
            linewidth=1.2,
            label=label,
        )
    notes = [PARTIAL] if 0 < min(map(len, samples)) < most else []
    return notes + ([HIDDEN] if coincident(padded) else [])


def draw_boxes(panel: Panel, rows: list[Row]) -> str | None:
    """Draw box plots over the allocators: quartiles, median, and whiskers of 1.5 times their range."""
    for axes, row in zip(panel.axes, rows, strict=True):
        _draw_boxes(axes, panel.data, row.name)
        finish_axes(axes, panel, row.label)
    return INFEASIBLE if _with_infeasible(panel.data, rows) else None


def _with_infeasible(data: xarray.Dataset, rows: list[Row]) -> bool:
    """Return whether there are values of drops without a feasible answer."""
    return any(bool((data[row.name].notnull() & ~data["feasible"].astype(bool)).any()) for row in rows)


def _quartiles(samples: list[FloatArray]) -> FloatArray:
    """Return the quartiles and, in the middle, the medians of samples; NaN for empty ones; (3, n)."""
    found = [np.percentile(sample, [25, 50, 75]) if len(sample) else np.full(3, np.nan) for sample in samples]
    return np.array(found).T


def _draw_boxes(axes: Axes, data: xarray.Dataset, name: str) -> None:
    from matplotlib import rcParams

    precoders, allocators = data["precoder"].to_numpy(), [str(one) for one in data["allocator"].to_numpy()]
    width = 0.8 / len(precoders)
    for row, precoder in enumerate(precoders):
        look = make_look(row, 0, 1)
        centres = np.arange(len(allocators)) + (row - (len(precoders) - 1) / 2) * width
        own = data[name].isel(precoder=row)
        samples = [sample_of(own.isel(allocator=column)) for column in range(len(allocators))]
        drawn = [number for number, sample in enumerate(samples) if len(sample)]
        if not drawn:
            continue
        thin: Any = {"color": look.colour, "linewidth": 1.0}
        axes.boxplot(
            [samples[number] for number in drawn],
            positions=centres[drawn],
            widths=0.8 * width,
            manage_ticks=False,
            boxprops=thin,
            whiskerprops=thin,
            capprops=thin,
            medianprops={"color": look.colour, "linewidth": 1.8},
            flierprops={"marker": ".", "markersize": 3, "markeredgecolor": look.colour},
        )
        low, median, high = _quartiles(samples)
        axes.errorbar(
            centres,
            median,
            yerr=[median - low, high - median],
            color=look.colour,
            marker=look.marker,
            fillstyle=look.fill,
            markersize=0.6 * rcParams["lines.markersize"],
            linestyle="none",
            elinewidth=0,
            label=str(precoder),
        )
    name_allocators(axes, allocators)
