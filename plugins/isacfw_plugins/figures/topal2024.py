"""Sum of the CRLBs of several targets against the users' rates: on statistics, and on known channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Comparison, FloatArray, Progress, Scenario

from . import _paper

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATE = "requirements.service.minimum"
BEAMFORMERS = {"crb_beams": "best beams", "fixed_beams": "fixed beams"}
_COLOURS = {"mrt": "#0072B2", "zf": "#D55E00", "rzf": "#009E73"}
# Zero forcing and its regularised form nearly agree: the wider line is visible below the other.
_WIDTHS = {"zf": 2.2, "rzf": 0.8}
_LINES: dict[str, Any] = {"steered": "-", "rzf": "--", "projected": ":", "crb_beams": "-", "fixed_beams": "--"}


@final
@attrs.frozen(kw_only=True)
class SeveralTargets(isacfw.Figure):
    r"""Least sum of the CRLBs against the rate of every user, on statistics and on known channels.

    Notes
    -----
    The quantities of Topal et al., "Multi-target integrated sensing and communications in massive MIMO systems";
    not one of its figures. (a) is :math:`\sum_i [J^{-1}]_{ii}` of the mean covariance, under the rates (20); (b)
    is the mean over draws of the fading, with :math:`SINR_k = 2^{R_k / \bar\tau} - 1` in each of them, and its
    standard error. Points where a drop or a draw has no answer are left out.
    """

    name: ClassVar[str] = "topal2024"
    style: ClassVar[Mapping[str, Any]] = _paper.STYLE

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Compare over the rates, and run beamformers at the SINRs of the same rates."""
        import xarray

        allocated = compare(scenario, progress=progress).dataset
        if "beam" not in allocated.dims:
            allocated = allocated.expand_dims(beam=[scenario.compared_beams[0].title])
        prelog = float(scenario.statistics([0]).prelog)
        targets = 10 * np.log10(np.expm1(np.log(2) * allocated[RATE].to_numpy() / prelog))
        known = isacfw.beamform(
            scenario, list(BEAMFORMERS), sinr_db=targets.tolist(), draws=self.trials or 10, progress=progress
        ).dataset
        known = known.rename(sinr_db=RATE).assign_coords({RATE: allocated[RATE].to_numpy()})
        return xarray.Dataset(
            {
                "allocated": allocated["sum_crlb"].where(allocated["feasible"]).isel(allocator=0, drop=True),
                "beamformed": known["crb"].where(known["feasible"]).assign_attrs(units="rad^2"),
                "bound": known["bound"].assign_attrs(units="rad^2"),
            }
        )

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw (a) allocations for each precoder and beam, (b) beams for known channels."""
        figure, grid = _paper.new_figure(columns=2)
        left, right = grid[0]
        _draw_allocations(left, data["allocated"])
        _draw_beams(right, data["beamformed"])
        left.set(ylabel="Sum of the CRLBs [dB rad²]", title="(a) allocation on statistics")
        right.set(title="(b) beams for known channels")
        limits = [bound for axes in (left, right) for bound in axes.get_ylim()]
        for axes in (left, right):
            axes.set_xlabel("Rate of every user [bit/s/Hz]")
            axes.set_ylim(min(limits), max(limits))
        _add_legend(left, data)
        right.legend(loc="upper left")
        return figure


def _draw_allocations(axes: Axes, values: xarray.DataArray) -> None:
    """Draw means over drops of each precoder and beam."""
    for precoder in map(str, values["precoder"].to_numpy()):
        for beam in map(str, values["beam"].to_numpy()):
            own = values.sel(precoder=precoder, beam=beam).transpose(RATE, "drop").to_numpy()
            axes.plot(
                values[RATE].to_numpy(),
                10 * np.log10(own.mean(axis=1)),
                color=_COLOURS.get(precoder, "black"),
                linestyle=_LINES.get(beam, "-."),
                linewidth=_WIDTHS.get(precoder, 1.0),
            )


def _add_legend(axes: Axes, data: xarray.Dataset) -> None:
    """Name the precoders by colour, and the beams by line."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_COLOURS.get(one, "black"), linewidth=_WIDTHS.get(one, 1.0), label=one.upper())
        for one in map(str, data["precoder"].to_numpy())
    ]
    handles += [
        Line2D([], [], color="0.3", linestyle=_LINES.get(one, "-."), label=f"{one} beams")
        for one in map(str, data["beam"].to_numpy())
    ]
    axes.legend(handles=handles, loc="upper left", handlelength=2.4)


def _draw_beams(axes: Axes, values: xarray.DataArray) -> None:
    """Draw means over drops and draws of each beamformer, with standard errors."""
    for part in map(str, values["beamformer"].to_numpy()):
        own = values.sel(beamformer=part).transpose(RATE, "drop", "draw").to_numpy()
        mean, error = np.array([_mean_and_error(each) for each in own]).T
        axes.errorbar(
            values[RATE].to_numpy(),
            10 * np.log10(mean),
            yerr=10 / np.log(10) * error / mean,
            color="black",
            linestyle=_LINES.get(part, "-."),
            marker="o",
            markerfacecolor="none",
            capsize=2,
            label=BEAMFORMERS.get(part, part),
        )


def _mean_and_error(values: FloatArray) -> tuple[float, float]:
    """Return mean and standard error over draws of one drop, or over the means of several; (drops, draws)."""
    sample = values.mean(axis=1) if len(values) > 1 else values[0]
    error = sample.std(ddof=1) / np.sqrt(len(sample)) if len(sample) > 1 else 0.0
    return float(sample.mean()), float(error)


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register the figure."""
    return [SeveralTargets]
