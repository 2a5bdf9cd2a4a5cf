"""Fig. 7: sum rate and powers against the CRLB limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Comparison, Progress, Scenario

from . import _paper

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


_AXIS = "sensing.crlb_limit_db"


@final
@attrs.frozen(kw_only=True)
class Figure7(isacfw.Figure):
    """Sum rate and powers against the CRLB limit, closed form and simulated.

    Notes
    -----
    Fig. 7 of Nguyen et al.; rates by (20), simulated by (19), powers by (16).
    """

    name: ClassVar[str] = "nguyen2025-fig7"
    style: ClassVar[Mapping[str, Any]] = _paper.STYLE

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Compare, then simulate."""
        data = compare(scenario, progress=progress).dataset
        points = [point for _, point in scenario.points()]
        return _paper.add_simulation(data, _AXIS, points, self.trials or 100, progress)

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw (a) the sum rate and (b) the powers."""
        figure, grid = _paper.new_figure(columns=3)
        rate, *powers = grid[0]
        _paper.draw_lines(rate, data, _AXIS, "sum_rate")
        _paper.draw_simulated(rate, data, _AXIS, "simulated_sum_rate")
        rate.set(ylabel="Sum rate [bit/s/Hz]", title="(a)")
        _paper.legend(figure, rate, columns=5)
        for axes, name in zip(powers, ("communication", "sensing"), strict=True):
            power = data[f"{name}_power"]
            level = 10 * np.log10(power.where(power > 1e-4))
            _paper.draw_lines(axes, data.assign(level=level), _AXIS, "level")
            axes.set(ylabel=f"{name.capitalize()} power [dB]", title=f"(b), {name}")
            axes.set_xlim(rate.get_xlim())
        for axes in grid[0]:
            axes.set_xlabel("CRLB limit [dB]")
        return figure


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register Fig. 7."""
    return [Figure7]
