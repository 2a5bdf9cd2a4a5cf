"""Fig. 5: sum rate, CRLB and their trade-off against the SNR."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

import attrs

import isacfw
from isacfw import Comparison, Progress, Scenario

from . import _paper

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@final
@attrs.frozen(kw_only=True)
class Figure5(isacfw.Figure):
    """Sum rate, CRLB and their trade-off against the SNR, closed form and simulated.

    Notes
    -----
    Fig. 5 of Nguyen et al.; rates by (20), bounds by (46)-(47), simulations by (19) and (36).
    """

    name: ClassVar[str] = "nguyen2025-fig5"
    style: ClassVar[Mapping[str, Any]] = _paper.STYLE

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Compare, then simulate every allocation except that of Algorithm 1, which is close to the optimum."""
        data = compare(scenario, progress=progress).dataset
        points = [point for _, point in scenario.points()]
        return _paper.add_simulation(data, "snr_db", points, self.trials or 100, progress)

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw (a) sum rate, (b) CRLB of the azimuth, (c) one against the other."""
        figure, grid = _paper.new_figure(columns=3)
        rate, bound, trade_off = grid[0]
        _paper.draw_lines(rate, data, "snr_db", "sum_rate")
        _paper.draw_simulated(rate, data, "snr_db", "simulated_sum_rate")
        rate.set(xlabel="SNR [dB]", ylabel="Sum rate [bit/s/Hz]", title="(a)")
        _paper.draw_lines(bound, data, "snr_db", "crlb_azimuth_db")
        _paper.draw_simulated(bound, data, "snr_db", "simulated_crlb_azimuth_db")
        bound.plot(data["snr_db"], data["crlb_azimuth_limit_db"], color="0.3", linestyle="-.", label="CRLB limit")
        bound.set(xlabel="SNR [dB]", ylabel=r"CRLB of $\theta$ [dB]", title="(b)")
        _draw_trade_off(trade_off, data)
        _paper.legend(figure, bound, columns=5)
        return figure


def _draw_trade_off(axes: Axes, data: xarray.Dataset) -> None:
    means: Any = data[["sum_rate", "crlb_azimuth_db"]].mean("drop")
    for precoder in data["precoder"].to_numpy():
        for allocator in data["allocator"].to_numpy():
            own = means.sel(precoder=precoder, allocator=allocator)
            axes.plot(
                own["crlb_azimuth_db"],
                own["sum_rate"],
                color=_paper.COLOURS.get(str(precoder), "black"),
                linestyle=_paper.LINES.get(str(allocator), "-."),
                linewidth=_paper.WIDTHS.get(str(precoder), 1.0),
                marker=_paper.MARKERS.get(str(allocator), "."),
            )
    axes.set(xlabel=r"CRLB of $\theta$ [dB]", ylabel="Sum rate [bit/s/Hz]", title="(c)")


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register Fig. 5."""
    return [Figure5]
