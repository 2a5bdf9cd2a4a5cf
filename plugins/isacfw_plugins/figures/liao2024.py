"""Least power, and fewest antennas, under SINR and sidelobe targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import AngularBox, AngularRegion, Comparison, FloatArray, InputError, Progress, Scenario

from ..requirements.masr import MASR
from ..requirements.user_rate import UserRate
from . import _paper

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RATIOS = tuple(float(value) for value in np.arange(0.0, 33.1, 1.5))
_SHOWN = (3.0, 10.0, 15.0)
_SIZED = (3.0, 15.0)
_STEP, _MOST = 4, 200
_SIZE = "transmit_array.elements"
_LINES = ("-", "--", ":")
_AZIMUTHS = np.arange(-90.0, 90.1, 0.5)


@final
@attrs.frozen(kw_only=True)
class LeastPowerUnderLobes(isacfw.Figure):
    """Least power over SINR and MASR targets, fewest antennas, and the pattern at the least power.

    Notes
    -----
    After Z. Liao, H. Q. Ngo, M. Matthaiou and P. J. Smith, [46] of Nguyen et al.; not one of its figures. A line
    ends where some drop has no allocation.
    """

    name: ClassVar[str] = "liao2024"
    style: ClassVar[Mapping[str, Any]] = _paper.STYLE

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Compare over SINR targets, MASR targets and numbers of antennas, and evaluate the pattern."""
        import xarray

        users, lobes = _paths(scenario)
        targets = _targets(scenario, users)
        sized = targets[::2]
        exact = attrs.evolve(scenario, allocators=scenario.allocators[:1], metrics=(), sweep={})

        def compared(sweep: Mapping[str, Any], **names: str) -> xarray.Dataset:
            found = compare(attrs.evolve(exact, sweep=sweep), progress=progress).dataset
            return found.isel(allocator=0).rename({path: name for name, path in names.items()})

        over_sinr = compared({users: targets, lobes: _SHOWN}, sinr_db=users, shown_masr_db=lobes)
        over_masr = compared({lobes: _RATIOS}, masr_db=lobes)
        return xarray.Dataset(
            {
                "power_over_sinr_db": _mean_power_db(over_sinr, scenario.power),
                "power_over_masr_db": _mean_power_db(over_masr, scenario.power),
                "fewest_antennas": (
                    ("sized_masr_db", "sized_sinr_db", "precoder"),
                    [_fewest(exact, {lobes: ratio}, (users, sized), progress) for ratio in _SIZED],
                ),
                "pattern_db": (("shown_masr_db", "azimuth_deg"), _patterns(exact, over_sinr)),
            },
            coords={
                "azimuth_deg": _AZIMUTHS,
                "sized_masr_db": list(_SIZED),
                "sized_sinr_db": list(sized),
            },
            attrs={
                "pattern_sinr_db": _reference(over_sinr),
                "pattern_precoder": str(over_sinr["precoder"].values[-1]),
            },
        ).drop_vars(["drop", "allocator"], errors="ignore")

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw power over both targets, antennas over SINR targets, and the pattern."""
        figure, grid = _paper.new_figure(2, 2)
        lines = dict(zip(data["shown_masr_db"].to_numpy().tolist(), _LINES, strict=True))
        for axes, name, prefix, label in (
            (grid[0, 0], "power_over_sinr_db", "", "Least power [dB over the noise]"),
            (grid[1, 0], "fewest_antennas", "sized_", "Fewest antennas"),
        ):
            ratios = f"{prefix or 'shown_'}masr_db"
            for ratio in data[ratios].to_numpy().tolist():
                own = data[name].sel({ratios: ratio})
                _draw(axes, own, f"{prefix}sinr_db", lines.get(ratio, "-."), f", MASR ≥ {ratio:g} dB")
            axes.set(xlabel="SINR target [dB]", ylabel=label)
        grid[0, 0].set_title("(a)")
        grid[1, 0].set_title("(c)")
        _draw(grid[0, 1], data["power_over_masr_db"], "masr_db", "-", "")
        grid[0, 1].set(xlabel="MASR target [dB]", ylabel="Least power [dB over the noise]", title="(b)")
        for ratio, line in lines.items():
            pattern = data["pattern_db"].sel(shown_masr_db=ratio).to_numpy()
            grid[1, 1].plot(data["azimuth_deg"], pattern, color="black", linestyle=line, linewidth=0.8)
        where = f"{data.attrs['pattern_precoder'].upper()}, SINR ≥ {data.attrs['pattern_sinr_db']:g} dB"
        grid[1, 1].set(xlabel="Azimuth [degrees]", ylabel="Gain of all signals [dB]", title=f"(d) {where}")
        grid[1, 1].set_xticks([-90, -45, 0, 45, 90])
        _paper.legend(figure, grid[0, 0], 2)
        return figure


def _paths(scenario: Scenario) -> tuple[str, str]:
    """Return the paths of the SINR target and of the MASR target."""
    found = {}
    for name, one in scenario.requirements.items():
        if isinstance(one, MASR):
            found["masr"] = f"requirements.{name}.least_db"
        elif isinstance(one, UserRate) and isinstance(one.sinr_db, float):
            found["sinr"] = f"requirements.{name}.sinr_db"
    if len(found) < 2:
        raise InputError(
            "requirements", "must have one of kind masr, and one of kind user_rate with one sinr_db for all users"
        )
    return found["sinr"], found["masr"]


def _targets(scenario: Scenario, path: str) -> tuple[float, ...]:
    """Return the SINR targets that the scenario sweeps, or else its own."""
    name = path.split(".")[1]
    parts = [point.requirements[name] for _, point in scenario.points()]
    targets = [one.sinr_db for one in parts if isinstance(one, UserRate)]
    return tuple(dict.fromkeys(one for one in targets if isinstance(one, float)))


def _mean_power_db(data: xarray.Dataset, power: float) -> xarray.DataArray:
    """Return the mean power over the drops in dB; NaN where one of them is infeasible."""
    level = data["power_share"].mean("drop", skipna=False)
    return level.copy(data=10 * np.log10(power * level.to_numpy()))


def _fewest(
    scenario: Scenario, fixed: Mapping[str, Any], sweep: tuple[str, tuple[float, ...]], progress: Progress
) -> FloatArray:
    """Return the fewest antennas, in steps of 4, at each SINR target for each precoder; NaN for none."""
    path, targets = sweep
    found = np.full((len(targets), len(scenario.precoders)), np.nan)
    first = _STEP
    for number, target in enumerate(targets):
        own = scenario.with_values({path: target, **fixed})
        # A higher target never needs fewer antennas.
        counts = isacfw.first_feasible(own, _SIZE, range(first, _MOST + 1, _STEP))
        found[number] = [np.nan if value is None else value for value in counts.values()]
        progress(number + 1, len(targets))
        if np.isnan(found[number]).any():
            break
        first = int(found[number].min())
    return found


def _patterns(scenario: Scenario, data: xarray.Dataset) -> FloatArray:
    """Return gains of all signals in dB for each MASR target, for the last precoder and the first drop."""
    beam = scenario.compared_beams[0]
    statistics = scenario.statistics([0])
    weights = beam.weights(scenario.scene(statistics).of_drop(0), np.empty(0, dtype=np.complex128))
    points = [AngularBox(azimuth_deg=(azimuth, azimuth), points=(1, 1)) for azimuth in _AZIMUTHS.tolist()]
    gains = np.array(
        [AngularRegion(boxes=(point,)).gains(scenario.transmit_array, weights)[0] for point in points]
    )
    own = data.isel({"precoder": -1, "drop": 0}).sel(sinr_db=_reference(data))
    own = own.transpose("shown_masr_db", ...)
    f, q = (own[f"{name}_power"].to_numpy()[:, None] for name in ("communication", "sensing"))
    return np.asarray(10 * np.log10((f + q * gains) / (f + q)))


def _reference(data: xarray.Dataset) -> float:
    """Return the largest SINR target at which the first drop has an allocation for all MASR targets."""
    met = data["feasible"].isel({"precoder": -1, "drop": 0}).all("shown_masr_db")
    return float(data["sinr_db"].where(met).max())


def _draw(axes: Axes, data: xarray.DataArray, axis: str, line: str, suffix: str) -> None:
    """Draw a line for each precoder."""
    for precoder in data["precoder"].to_numpy():
        axes.plot(
            data[axis].to_numpy(),
            data.sel(precoder=precoder).to_numpy(),
            color=_paper.COLOURS.get(str(precoder), "black"),
            linestyle=line,
            linewidth=_paper.WIDTHS.get(str(precoder), 1.0),
            label=f"{str(precoder).upper()}{suffix}",
        )


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register the figure."""
    return [LeastPowerUnderLobes]
