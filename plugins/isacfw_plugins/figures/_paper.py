"""Common code of the paper's figures: styles, lines over a sweep, and simulated values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isacfw import FloatArray, Progress, Scenario, mean_and_interval
from isacfw.simulation import Transmission, simulated_crlb, simulated_rates

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: dict[str, Any] = {
    "font.size": 8,
    "font.family": "serif",
    "mathtext.fontset": "dejavuserif",
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.0,
    "lines.markersize": 4,
    "legend.fontsize": 7,
    "legend.framealpha": 0.9,
    "figure.constrained_layout.use": True,
}
WIDTH = 3.5
COLOURS = {"mrt": "#0072B2", "zf": "#D55E00"}
# If both precoders give the same curve, the wider line is visible below the other.
WIDTHS = {"mrt": 2.0, "zf": 0.9}
LINES = {"exact": "-", "sca": "", "equal_com": "--", "equal_cs": ":"}
MARKERS = {"sca": "+"}
NAMES = {
    "exact": "optimum (exact)",
    "sca": "Proposed (Algorithm 1)",
    "equal_com": "EqualCom",
    "equal_cs": "EqualC&S",
}


def new_figure(rows: int = 1, columns: int = 1, height: float = 2.6) -> tuple[Figure, Any]:
    """Return a figure in a journal's column width, with axes (rows, columns)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH * columns, height * rows))
    return figure, figure.subplots(rows, columns, squeeze=False)


def average(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and half-width of the 95 % interval over the last axis, the drops."""
    flat = values.reshape(-1, values.shape[-1])
    pairs = np.array([mean_and_interval(row) for row in flat]).reshape(*values.shape[:-1], 2)
    return pairs[..., 0], np.nan_to_num(pairs[..., 1])


def draw_lines(axes: Axes, data: xarray.Dataset, axis: str, name: str) -> None:
    """Draw a quantity of each precoder and allocator over an axis: mean over drops with its interval."""
    for precoder in data["precoder"].to_numpy():
        for allocator in data["allocator"].to_numpy():
            own = data[name].sel(precoder=precoder, allocator=allocator).transpose(axis, "drop")
            mean, half = average(own.to_numpy())
            colour = COLOURS.get(str(precoder), "black")
            axes.plot(
                data[axis].to_numpy(),
                mean,
                color=colour,
                linestyle=LINES.get(str(allocator), "-."),
                linewidth=WIDTHS.get(str(precoder), 1.0),
                marker=MARKERS.get(str(allocator), ""),
                label=f"{str(precoder).upper()}, {NAMES.get(str(allocator), str(allocator))}",
            )
            if half.max() > 1e-6 * np.nan_to_num(np.abs(mean)).max():
                axes.errorbar(
                    data[axis].to_numpy(),
                    mean,
                    yerr=half,
                    color=colour,
                    linestyle="",
                    capsize=1.5,
                    elinewidth=0.5,
                )


def draw_simulated(axes: Axes, data: xarray.Dataset, axis: str, name: str) -> None:
    """Draw simulated values as open circles, on the mean over drops."""
    for precoder in data["precoder"].to_numpy():
        for allocator in data["simulated_allocator"].to_numpy():
            own = data[name].sel(precoder=precoder, simulated_allocator=allocator).transpose(axis, "drop")
            axes.plot(
                data[axis].to_numpy(),
                average(own.to_numpy())[0],
                color=COLOURS.get(str(precoder), "black"),
                linestyle="",
                marker="o",
                markerfacecolor="none",
                markeredgewidth=0.7,
            )
    axes.plot([], [], color="0.3", linestyle="", marker="o", markerfacecolor="none", label="simulation")


def legend(figure: Figure, axes: Axes, columns: int = 3) -> None:
    """Draw the legend of some axes below the figure."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def add_simulation(
    data: xarray.Dataset,
    axis: str,
    scenarios: list[Scenario],
    trials: int,
    progress: Progress,
    allocators: tuple[str, ...] = ("exact", "equal_com", "equal_cs"),
) -> xarray.Dataset:
    """Return the data with simulated sum rates and CRLBs of some allocators.

    Parameters
    ----------
    data : xarray.Dataset
        Data of a comparison over one axis.
    axis : str
        The swept dimension.
    scenarios : list of Scenario
        The scenario for each of its values.
    trials : int
        Number of channel draws per point.
    progress : callable
        Called after every simulated point.
    allocators : tuple of str
        Allocators whose allocations are simulated.
    """
    names = ("sum_rate", "crlb_azimuth_db", "crlb_elevation_db")
    dims = ("precoder", "simulated_allocator", axis, "drop")
    shape = (data.sizes["precoder"], len(allocators), len(scenarios), data.sizes["drop"])
    values = np.full((len(names), *shape), np.nan)
    total = int(np.prod(shape))
    for done, index in enumerate(np.ndindex(*shape)):
        row, column, point, drop = index
        # As a mapping, since isel has an argument called drop.
        place = {"precoder": row, "drop": drop, axis: point}
        cell = data.isel(place).sel(allocator=allocators[column])
        seed = np.random.SeedSequence(scenarios[point].seed, spawn_key=(drop, row, point))
        values[(slice(None), *index)] = _simulate(cell, scenarios[point], row, trials, seed)
        progress(done + 1, total)
    simulated = {f"simulated_{name}": (dims, value) for name, value in zip(names, values, strict=True)}
    return data.assign_coords(simulated_allocator=list(allocators)).assign(simulated)


def _simulate(
    cell: xarray.Dataset, scenario: Scenario, row: int, trials: int, seed: np.random.SeedSequence
) -> tuple[float, float, float]:
    """Return simulated sum rate and CRLBs in dB for one allocation; NaN without one."""
    power = scenario.power
    sensing = float(cell["sensing_power"]) / power
    if not np.isfinite(sensing):
        return np.nan, np.nan, np.nan
    precoder, drop = scenario.precoders[row], int(cell["drop"])
    problem = scenario.problem(precoder, scenario.statistics([drop]))[0]
    communication = cell["gamma"].to_numpy() / problem.gamma(np.ones(problem.users))
    transmission = Transmission.of(scenario, precoder, drop, communication, sensing)
    generator = np.random.default_rng(seed)
    rates = simulated_rates(transmission, trials, generator).value
    azimuth, elevation = 10 * np.log10(simulated_crlb(transmission, scenario, trials, generator).value)
    return float(rates.sum()), float(azimuth), float(elevation)
