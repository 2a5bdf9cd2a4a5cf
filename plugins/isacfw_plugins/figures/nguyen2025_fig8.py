"""Fig. 8: sum rate and CRLB against the number of transmit antennas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

import attrs

import isacfw
from isacfw import Comparison, Progress, Scenario

from . import _paper

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

_HORIZONTAL, _VERTICAL = "transmit_array.horizontal", "transmit_array.vertical"


@final
@attrs.frozen(kw_only=True)
class Figure8(isacfw.Figure):
    """Sum rate and CRLB against the number of transmit antennas of a square array.

    Notes
    -----
    Fig. 8 of Nguyen et al.; rates by (20), simulated by (19), bounds by (46)-(47).
    """

    name: ClassVar[str] = "nguyen2025-fig8"
    style: ClassVar[Mapping[str, Any]] = _paper.STYLE

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Compare, then simulate."""
        data = compare(scenario, progress=progress).dataset
        antennas = (data[_HORIZONTAL] * data[_VERTICAL]).to_numpy()
        data = data.assign_coords(antennas=(_HORIZONTAL, antennas)).swap_dims({_HORIZONTAL: "antennas"})
        points = [point for _, point in scenario.points()]
        return _paper.add_simulation(data, "antennas", points, self.trials or 100, progress)

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw (a) the sum rate and (b) the CRLB of the azimuth."""
        figure, grid = _paper.new_figure(columns=2)
        rate, bound = grid[0]
        _paper.draw_lines(rate, data, "antennas", "sum_rate")
        _paper.draw_simulated(rate, data, "antennas", "simulated_sum_rate")
        rate.set(ylabel="Sum rate [bit/s/Hz]", title="(a)")
        _paper.legend(figure, rate)
        _paper.draw_lines(bound, data, "antennas", "crlb_azimuth_db")
        _paper.draw_simulated(bound, data, "antennas", "simulated_crlb_azimuth_db")
        bound.set(ylabel=r"CRLB of $\theta$ [dB]", title="(b)")
        for axes in grid[0]:
            axes.set_xlabel(r"Transmit antennas $N_t$")
        return figure


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register Fig. 8."""
    return [Figure8]
