"""Fig. 6: power for communication and for sensing against the SNR."""

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


@final
@attrs.frozen(kw_only=True)
class Figure6(isacfw.Figure):
    """Power for communication and for sensing against the SNR.

    Notes
    -----
    Fig. 6 of Nguyen et al.: the two terms of (16) for the allocations of Fig. 5.
    """

    name: ClassVar[str] = "nguyen2025-fig6"
    style: ClassVar[Mapping[str, Any]] = _paper.STYLE

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Compare."""
        return compare(scenario, progress=progress).dataset

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw both powers in dB; a sensing power below -40 dB is omitted."""
        figure, grid = _paper.new_figure(columns=2)
        for axes, name in zip(grid[0], ("communication", "sensing"), strict=True):
            power = data[f"{name}_power"]
            level = 10 * np.log10(power.where(power > 1e-4))
            _paper.draw_lines(axes, data.assign(level=level), "snr_db", "level")
            axes.set(xlabel="SNR [dB]", ylabel=f"{name.capitalize()} power [dB]")
        grid[0, 1].set_xlim(grid[0, 0].get_xlim())
        _paper.legend(figure, grid[0, 0], columns=4)
        return figure


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register Fig. 6."""
    return [Figure6]
