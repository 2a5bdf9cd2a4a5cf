"""Sum rate, and error and image of the radar, over the radar's power in the uplink."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Comparison, Progress, Scenario
from isacfw.simulation import UplinkReception

from ..metrics.image_sinr import ImageSINR
from ..metrics.radar_nmse import RadarNMSE
from . import _paper

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RADAR, _ESTIMATES = "uplink.radar_snr_db", "channel.estimates"
_POWERS = tuple(float(power) for power in range(0, 41, 4))
_KINDS = {"independent": "estimated channels", "perfect": "perfect CSI"}
_COLOURS = {**_paper.COLOURS, "osic": "#009E73"}
_WIDTHS = {**_paper.WIDTHS, "osic": 1.6}
_FULL = "equal_cs"


@final
@attrs.frozen(kw_only=True)
class RadarPower(isacfw.Figure):
    r"""Sum rate, normalised error of the radar channel and SINR of the radar image over the radar's power.

    Notes
    -----
    After M. Temiz, E. Alsusa and M. W. Baidas, "A dual-function massive MIMO uplink OFDM communication and radar
    architecture", IEEE Trans. Cogn. Commun. Netw. 8(2), 2022; not one of its figures.
    Circles are simulated OFDM frames, in which users and radar send with full power, see
    :class:`~isacfw.simulation.UplinkReception`.
    """

    name: ClassVar[str] = "temiz2022"
    style: ClassVar[Mapping[str, Any]] = _paper.STYLE

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Compare over the radar's power and the kinds of estimates, and simulate frames."""
        sweep = {_RADAR: _POWERS, _ESTIMATES: tuple(_KINDS)}
        own = attrs.evolve(scenario, metrics=(RadarNMSE(), ImageSINR()), sweep=sweep)
        data = compare(own, progress=progress).dataset
        first = "image_sinr_db" if len(scenario.sensed) == 1 else "image_sinr_1_db"
        data = data[["sum_rate", "radar_nmse_db", first, "feasible"]].rename({first: "image_sinr_db"})
        values = np.full((2, len(_POWERS), len(_KINDS)), np.nan)
        for number, (place, point) in enumerate(own.points()):
            at = _POWERS.index(place[_RADAR]), list(_KINDS).index(place[_ESTIMATES])
            seed = np.random.SeedSequence(scenario.seed, spawn_key=(number,))
            values[(slice(None), *at)] = _simulate(point, self.trials or 8, np.random.default_rng(seed))
            progress(number + 1, values[0].size)
        names = ("simulated_radar_nmse_db", "simulated_image_sinr_db")
        simulated = {name: ((_RADAR, _ESTIMATES), value) for name, value in zip(names, values, strict=True)}
        return data.assign(simulated).assign_attrs(required=_required(scenario))

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw rates for both kinds of estimates, and what the radar reaches."""
        figure, grid = _paper.new_figure(2, 2)
        for axes, kind, letter in zip(grid[0], _KINDS, "ab", strict=True):
            _draw_rates(axes, data.sel({_ESTIMATES: kind}))
            axes.set(xlabel="Power of the radar [dB]", ylabel="Sum rate [bit/s/Hz]")
            axes.set_title(f"({letter}) {_KINDS[kind]}")
        grid[0, 1].sharey(grid[0, 0])
        grid[0, 0].set_ylim(bottom=0)
        for axes, name in zip(grid[1], ("radar_nmse_db", "image_sinr_db"), strict=True):
            _draw_radar(axes, data, name)
            axes.set(xlabel="Power of the radar [dB]")
        grid[1, 0].set(ylabel="Error of the radar channel [dB]", title="(c)")
        grid[1, 1].set(ylabel="SINR of the radar image [dB]", title="(d)")
        if np.isfinite(data.attrs["required"]):
            grid[1, 1].axhline(data.attrs["required"], color="0.4", linestyle=":", label="required")
        grid[1, 1].legend(loc="lower right")
        _paper.legend(figure, grid[0, 0])
        return figure


def _draw_rates(axes: Axes, data: xarray.Dataset) -> None:
    """Draw mean rates over the drops where allocations meet the requirements in all of them, or ignore them."""
    for combiner in data["precoder"].to_numpy():
        for allocator in data["allocator"].to_numpy():
            own = data.sel(precoder=combiner, allocator=allocator)
            rates = own["sum_rate"] if allocator == _FULL else own["sum_rate"].where(own["feasible"])
            name = {"mrt": "MRC"}.get(str(combiner), str(combiner).upper())
            kind = "full power" if allocator == _FULL else _paper.NAMES.get(str(allocator), str(allocator))
            axes.plot(
                data[_RADAR].to_numpy(),
                rates.transpose(_RADAR, "drop").to_numpy().mean(axis=-1),
                color=_COLOURS.get(str(combiner), "black"),
                linestyle=_paper.LINES.get(str(allocator), "-."),
                linewidth=_WIDTHS.get(str(combiner), 1.0),
                label=f"{name}, {kind}",
            )


def _draw_radar(axes: Axes, data: xarray.Dataset, name: str) -> None:
    """Draw what the radar reaches with full power of all, and simulated frames."""
    places = data[_RADAR].to_numpy()
    for kind, line in zip(_KINDS, ("-", "--"), strict=True):
        place = {"precoder": 0, "drop": 0}
        own = data[name].sel({"allocator": _FULL, _ESTIMATES: kind}).isel(place)
        axes.plot(places, own.to_numpy(), color="black", linestyle=line, label=f"full power, {_KINDS[kind]}")
        simulated = data[f"simulated_{name}"].sel({_ESTIMATES: kind}).to_numpy()
        axes.plot(places, simulated, "o", color="black", markerfacecolor="none", markeredgewidth=0.7)
    axes.plot([], [], "o", color="black", markerfacecolor="none", markeredgewidth=0.7, label="simulated frames")


def _simulate(point: Scenario, frames: int, generator: np.random.Generator) -> tuple[float, float]:
    """Return error and image SINR of the first drop in dB, with full power of users and radar."""
    combiner = point.precoders[0]
    users = point.statistics([0]).users
    reception = UplinkReception.of(point, combiner, 0, np.ones(users), 1.0)
    found = reception.radar(frames, generator)
    decibels = 10 * np.log10([float(found.nmse.value), float(found.image_sinr.value[0])])
    return float(decibels[0]), float(decibels[1])


def _required(scenario: Scenario) -> float:
    """Return the largest SINR of the image that is required, in dB; NaN for none."""
    return float(
        max((getattr(one, "minimum_db", np.nan) for one in scenario.requirements.values()), default=np.nan)
    )


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register the figure."""
    return [RadarPower]
