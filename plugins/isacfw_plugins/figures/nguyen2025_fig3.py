"""Fig. 3: convergence of Algorithm 1."""

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
    from matplotlib.figure import Figure


_LABELS = {
    "sca-half": (r"$p_0 = \frac{1}{2}$, surrogate (55)", "--", "s"),
    "sca-smallest": (r"$p_0 = p_0^\ast$, surrogate (55)", "-", "o"),
    "sca-log-half": (r"$p_0 = \frac{1}{2}$, logarithmic surrogate", "--", "x"),
    "sca-log-smallest": (r"$p_0 = p_0^\ast$, logarithmic surrogate", "-", "+"),
}
_SHOWN = 31


def _hold(history: FloatArray) -> FloatArray:
    """Return histories (..., I) with the last value repeated after an allocator has stopped."""
    length = np.isfinite(history).sum(axis=-1, keepdims=True)
    positions = np.minimum(np.arange(_SHOWN), np.maximum(length - 1, 0))
    return np.asarray(np.take_along_axis(history, positions, axis=-1))


@final
@attrs.frozen(kw_only=True)
class Figure3(isacfw.Figure):
    """Convergence of Algorithm 1 from both starting points, with both surrogates.

    Notes
    -----
    Fig. 3 of Nguyen et al. The exact optimum is a line; IPOPT from 14 starting points corresponds to the paper's
    global search with 14 solvers.
    """

    name: ClassVar[str] = "nguyen2025-fig3"
    style: ClassVar[Mapping[str, Any]] = _paper.STYLE

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Compare."""
        return compare(scenario, progress=progress).dataset

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw the mean sum rate after each iteration, a panel for each precoder."""
        figure, grid = _paper.new_figure(columns=data.sizes["precoder"])
        for axes, precoder in zip(grid[0], data["precoder"].to_numpy(), strict=True):
            own = data.sel(precoder=precoder)
            colour = _paper.COLOURS.get(str(precoder), "black")
            for allocator, (label, line, marker) in _LABELS.items():
                history = _hold(own["objective_history"].sel(allocator=allocator).to_numpy())
                axes.plot(
                    history.mean(axis=0), line, color=colour, marker=marker, markerfacecolor="none", label=label
                )
            optimum = float(own["sum_rate"].sel(allocator="exact").mean())
            searched = float(own["sum_rate"].sel(allocator="ipopt").mean())
            axes.axhline(optimum, color="black", linewidth=0.7, label="optimum (exact)")
            axes.plot([_SHOWN - 1], [searched], "*", color="black", label="IPOPT, 14 starts")
            axes.set(xlabel="Iteration", ylabel="Sum rate [bit/s/Hz]", title=str(precoder).upper())
        _paper.legend(figure, grid[0, 0])
        return figure


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register Fig. 3."""
    return [Figure3]
