"""Detection and rates of a base station that scans for targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Comparison, Progress, Scenario, complex_normal
from isacfw.simulation import Transmission, symbols

from ..metrics.detection import Detection
from . import _paper

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SCAN = "sensing.beam_elevation_deg"
_SIDES = (5, 6, 7, 8, 9, 10, 12, 14, 16)
_HORIZONTAL, _VERTICAL = "transmit_array.horizontal", "transmit_array.vertical"
_NAMES = ("detection_probability", "smallest_rate", "feasible")


@final
@attrs.frozen(kw_only=True)
class Scanning(isacfw.Figure):
    r"""Probability of detection, and the smallest rate under it, over directions of the beam and antennas.

    Notes
    -----
    After S. Buzzi, C. D'Andrea and M. Lops, "Using Massive MIMO Arrays for Joint Communication and Sensing",
    Asilomar 2019; not one of its figures. The detection probability is that of half of the power in the beam.
    Circles are shares of echoes :math:`Y = \alpha G X + N` that a detector finds, each with its own channel,
    symbols, reflection coefficient and noise.
    """

    name: ClassVar[str] = "buzzi2019"
    style: ClassVar[Mapping[str, Any]] = _paper.STYLE

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Compare over the beam's directions and over square arrays, and simulate echoes."""
        import xarray

        detection = next((one for one in scenario.metrics if isinstance(one, Detection)), Detection())
        own = attrs.evolve(scenario, metrics=(detection,))
        over_antennas = attrs.evolve(own, sweep=({_HORIZONTAL: _SIDES, _VERTICAL: _SIDES},))
        scan = compare(own, progress=progress).dataset
        antennas = compare(over_antennas, progress=progress).dataset
        counts = (antennas[_HORIZONTAL] * antennas[_VERTICAL]).to_numpy()
        antennas = antennas.assign_coords(antennas=(_HORIZONTAL, counts)).swap_dims({_HORIZONTAL: "antennas"})
        data = xarray.Dataset(
            {
                f"{name}_in_{axis}": part[name]
                for axis, part in (("scan", scan), ("size", antennas))
                for name in _NAMES
            }
        )
        data = data.drop_vars([_HORIZONTAL, _VERTICAL], errors="ignore")
        points = [[point for _, point in each.points()] for each in (own, over_antennas)]
        total, done = sum(map(len, points)), 0
        for axis, each, dimension in zip(("scan", "size"), points, (_SCAN, "antennas"), strict=True):
            shares: list[float] = []
            for number, point in enumerate(each):
                generator = np.random.default_rng(
                    np.random.SeedSequence(scenario.seed, spawn_key=(len(shares), axis == "size"))
                )
                shares.append(_detected(point, detection, self.trials or 500, generator))
                progress(done + number + 1, total)
            done += len(each)
            data[f"detected_in_{axis}"] = dimension, np.array(shares)
        return data.assign_attrs(required=_required(scenario))

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw probability and rate over directions, and over numbers of antennas."""
        figure, grid = _paper.new_figure(2, 2)
        sides = (
            ("scan", _SCAN, "Elevation of the beam [degrees]"),
            ("size", "antennas", "Transmit antennas $N_t$"),
        )
        for column, (axis, dimension, label) in enumerate(sides):
            probability, rate = grid[:, column]
            _draw_probability(probability, data, axis, dimension)
            _draw_rates(rate, data, axis, dimension)
            rate.set(xlabel=label, ylabel="Smallest rate [bit/s/Hz]", title=f"({'cd'[column]})")
            rate.set_ylim(bottom=0)
            rate.set_xlim(probability.get_xlim())
            probability.set(xlabel=label, ylabel="Probability of detection", title=f"({'ab'[column]})")
        grid[0, 1].legend(loc="lower right")
        _paper.legend(figure, grid[1, 0])
        return figure


def _draw_rates(axes: Axes, data: xarray.Dataset, axis: str, dimension: str) -> None:
    """Draw mean rates over the drops where allocations meet the requirements in all of them."""
    rates = data[f"smallest_rate_in_{axis}"].where(data[f"feasible_in_{axis}"])
    for precoder in data["precoder"].to_numpy():
        for allocator in data["allocator"].to_numpy():
            own = rates.sel(precoder=precoder, allocator=allocator).transpose(dimension, "drop").to_numpy()
            axes.plot(
                data[dimension].to_numpy(),
                own.mean(axis=-1),
                color=_paper.COLOURS.get(str(precoder), "black"),
                linestyle=_paper.LINES.get(str(allocator), "-."),
                linewidth=_paper.WIDTHS.get(str(precoder), 1.0),
                label=f"{str(precoder).upper()}, {_paper.NAMES.get(str(allocator), str(allocator))}",
            )


def _draw_probability(axes: Axes, data: xarray.Dataset, axis: str, dimension: str) -> None:
    """Draw the probability at half of the power for sensing, simulated shares, and what is required."""
    half = data[f"detection_probability_in_{axis}"].isel(precoder=0).sel(allocator="equal_cs")
    places = data[dimension].to_numpy()
    axes.plot(places, half.isel({"drop": 0}).to_numpy(), color="black", label="half of the power for sensing")
    axes.plot(
        places,
        data[f"detected_in_{axis}"].to_numpy(),
        "o",
        color="black",
        markerfacecolor="none",
        markeredgewidth=0.7,
        label="simulation",
    )
    if np.isfinite(data.attrs["required"]):
        axes.axhline(data.attrs["required"], color="0.4", linestyle="--", linewidth=0.8, label="required")
    axes.set_ylim(0, 1.03)


def _required(scenario: Scenario) -> float:
    """Return the largest probability of detection that is required; NaN for none."""
    asked = [getattr(one, "probability", np.nan) for one in scenario.requirements.values()]
    return float(max(asked, default=np.nan))


def _detected(point: Scenario, detection: Detection, trials: int, generator: np.random.Generator) -> float:
    """Return the share of simulated echoes that are detected, with half of the power for sensing."""
    precoder, length = point.precoders[0], point.sensing.frame_length
    problem = point.problem(precoder, point.statistics([0]))[0]
    x, q = problem.equal_split / 2, 0.5
    transmission = Transmission.of(point, precoder, 0, x, q)
    target, receive = point.sensed[0], point.receive_array
    response = receive.steering_vector(target.direction)
    towards = point.transmit_array.steering_vector(target.direction).conj()
    level = point.receiver_noise.white
    if detection.waveform == "sensing":
        level *= 1 + float(problem.echo_energy(x, q)[0][0]) / length
    detector = detection.detector(receive.n_elements * length)
    hits = 0
    for start in range(0, trials, 16):
        number = min(16, trials - start)
        _, waveforms = transmission.draw(number, generator)
        signals = towards @ (waveforms @ symbols(waveforms.shape[-1], length, generator, number))
        coefficient = np.exp(2j * np.pi * generator.uniform(size=number))
        if detection.target_model != "steady":
            coefficient = complex_normal((number,), generator)
        echo = response[:, None] * signals[:, None, :]
        noise = point.receiver_noise.draw(receive, echo.shape, generator)
        frames = target.amplitude * coefficient[:, None, None] * echo + noise
        hits += int(detector.detects(frames.reshape(number, -1), echo.reshape(number, -1), level).sum())
    return hits / trials


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register the figure."""
    return [Scanning]
