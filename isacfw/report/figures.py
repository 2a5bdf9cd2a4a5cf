"""Figures of a comparison."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from .style import COLOURS, LINES, MARKERS, axis_label
from .summary import Columns, means_and_intervals, sweep_of

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_AXIS_LABELS = {
    "snr_db": "SNR [dB]",
    "link_budget.transmit_power_dbm": "Transmit power [dBm]",
    "link_budget.bandwidth_hz": "Bandwidth [Hz]",
    "link_budget.carrier_hz": "Carrier frequency [Hz]",
    "target.distance_m": "Distance of the target [m]",
    "sensing.crlb_limit_db": "CRLB limit [dB]",
    "sensing.crlb_limit_offset_db": "Offset of the CRLB limits [dB]",
    "channel.users": "Users",
    "transmit_array.horizontal": "Horizontal transmit antennas",
    "transmit_array.vertical": "Vertical transmit antennas",
}


def comparison_figures(dataset: xarray.Dataset) -> dict[str, Figure]:
    """Return figures of the objective, of each group of requirements, and of each requested metric.

    Over the first swept path that has several numeric values, a panel for each combination of the others; for
    a comparison without such a sweep, over the allocators.
    """
    dataset = _in_one_axis(dataset)
    axis = next(
        (name for name in sweep_of(dataset) if dataset.sizes[name] > 1 and dataset[name].dtype.kind in "iuf"),
        None,
    )
    columns = Columns.of(dataset)
    figures: dict[str, list[tuple[str, str | None]]] = {columns.objective: [(columns.objective, None)]}
    for name, limit in columns.requirements.items():
        figures.setdefault(dataset[name].attrs["group"], []).append((name, limit))
    figures |= {name: [(name, None)] for name in columns.metrics}
    return {
        title: _figure(dataset, axis, [(name, axis_label(dataset[name]), limit) for name, limit in rows])
        for title, rows in figures.items()
    }


def _in_one_axis(dataset: xarray.Dataset) -> xarray.Dataset:
    """Return a data set in which precoders and beams, if there are several, share the axis of the precoders."""
    if "beam" not in dataset.dims:
        return dataset
    names = [f"{one}, {two}" for one in dataset["precoder"].to_numpy() for two in dataset["beam"].to_numpy()]
    # Neither text in a file nor an empty history can be stacked; only the status is needed.
    drawn = [name for name in dataset.data_vars if dataset[name].dtype.kind in "fiub" and dataset[name].size]
    dataset = dataset[drawn].assign(status=dataset["status"].load())
    stacked = dataset.stack(block=("precoder", "beam"), create_index=False).drop_vars(["precoder", "beam"])
    return stacked.rename({"block": "precoder"}).assign_coords(precoder=names).assign_attrs(beams="compared")


def _figure(dataset: xarray.Dataset, axis: str | None, rows: list[tuple[str, str, str | None]]) -> Figure:
    from matplotlib.figure import Figure

    others = [name for name in sweep_of(dataset) if name != axis]
    panels = list(itertools.product(*(range(dataset.sizes[name]) for name in others)))
    figure = Figure(figsize=(2.2 + 4.6 * len(panels), 0.9 + 2.9 * len(rows)), layout="constrained")
    drops = dataset.sizes["drop"]
    about = f"mean of {drops} drops with 95 % interval" if drops > 1 else "1 drop"
    figure.suptitle(f"{dataset.attrs['title']}: {about}", fontsize="medium")
    grid = figure.subplots(len(rows), len(panels), squeeze=False, sharex=True, sharey="row")
    for column, positions in enumerate(panels):
        panel = dataset.isel(dict(zip(others, positions, strict=True)))
        for row, (name, label, limit) in enumerate(rows):
            axes = grid[row, column]
            _draw(axes, panel, axis, name, limit)
            axes.grid(visible=True, alpha=0.3)
            _widen(axes)
            if column == 0:
                axes.set_ylabel(label)
        if others:
            title = ", ".join(f"{path} = {panel[path].item()}" for path in others)
            grid[0, column].set_title(title, fontsize="small")
        if axis is not None:
            grid[-1, column].set_xlabel(_AXIS_LABELS.get(axis, axis))
    handles, labels = grid[0, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize="small", frameon=False)
    return figure


def _widen(axes: Axes) -> None:
    """Make the vertical axis span at least a thousandth of its values; less is solver tolerance."""
    low, high = axes.get_ylim()
    least = 1e-3 * max(abs(low), abs(high))
    if high - low < least:
        middle = (low + high) / 2
        axes.set_ylim(middle - least / 2, middle + least / 2)


def _draw(axes: Axes, panel: xarray.Dataset, axis: str | None, name: str, limit: str | None) -> None:
    if axis is None:
        _draw_bars(axes, panel, name)
    else:
        _draw_lines(axes, panel, axis, name)
    if limit is not None and np.isfinite(panel[limit]).all():
        limits = panel[limit].to_numpy()
        if axis is None:
            axes.axhline(float(limits), color="0.3", linestyle=(0, (1, 1)), label="limit")
        else:
            axes.plot(panel[axis].to_numpy(), limits, color="0.3", linestyle=(0, (1, 1)), label="limit")


def _draw_lines(axes: Axes, panel: xarray.Dataset, axis: str, name: str) -> None:
    x, allocators = panel[axis].to_numpy(), panel["allocator"].to_numpy()
    for row, precoder in enumerate(panel["precoder"].to_numpy()):
        for column, allocator in enumerate(allocators):
            values = panel[name].isel(precoder=row, allocator=column).transpose(axis, "drop")
            mean, half = means_and_intervals(values.to_numpy())
            by_allocator = len(allocators) > 1 and "beams" not in panel.attrs
            colour = COLOURS[(column if by_allocator else row) % len(COLOURS)]
            axes.errorbar(
                x,
                mean,
                yerr=half,
                capsize=2.5,
                elinewidth=0.8,
                color=colour,
                linestyle=LINES[(row if by_allocator or len(allocators) == 1 else column) % len(LINES)],
                marker=MARKERS[column % len(MARKERS)],
                markersize=4 + 1.5 * (len(panel["allocator"]) - column),
                markerfacecolor="none",
                linewidth=1.2,
                label=f"{precoder}, {allocator}",
            )


def _draw_bars(axes: Axes, panel: xarray.Dataset, name: str) -> None:
    values = panel[name].transpose("precoder", "allocator", "drop").to_numpy()
    allocators = [str(allocator) for allocator in panel["allocator"].to_numpy()]
    width = 0.8 / len(values)
    for row, precoder in enumerate(panel["precoder"].to_numpy()):
        mean, half = means_and_intervals(values[row])
        centres = np.arange(len(allocators)) + (row - (len(values) - 1) / 2) * width
        axes.errorbar(
            centres,
            mean,
            yerr=half,
            color=COLOURS[row % len(COLOURS)],
            marker=MARKERS[row % len(MARKERS)],
            linestyle="none",
            capsize=3,
            label=str(precoder),
        )
    axes.set_xticks(range(len(allocators)), allocators, rotation=20, ha="right")
    axes.set_xlim(-0.6, len(allocators) - 0.4)
