"""Allocation on statistics against beamforming for each channel: CRLBs and rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Comparison, Progress, Scenario

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

_PER_DROP = ("planned_crb", "drop_seconds")
RATE = "requirements.service.minimum"


@final
@attrs.frozen(kw_only=True)
class Regimes(isacfw.Figure):
    r"""CRLBs against rates of allocations on statistics, and of beamformers for estimates or channels.

    Notes
    -----
    See :func:`isacfw.compare_regimes`: means over draws of :math:`\sum_i [J^{-1}]_{ii}` and of :math:`\bar\tau
    \log_2(1 + SINR_k)`, at the rates over which the scenario sweeps its requirement.
    """

    name: ClassVar[str] = "regimes"
    style: ClassVar[Mapping[str, Any]] = {"font.size": 8, "legend.fontsize": 7.5}

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Compare the regimes."""
        rates = [place[RATE] for place, _ in scenario.points()]
        found = isacfw.compare_regimes(scenario, rates=rates, draws=self.trials or 10, progress=progress)
        return found.dataset.drop_vars(["seconds", *_PER_DROP])

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw the CRLBs against the mean rate of the weakest user, and against the rate in 95 % of the draws."""
        unknown = data["crb"] * np.nan
        left_out = {name: unknown.isel(draw=0, drop=True) for name in _PER_DROP}
        return isacfw.RegimeResults(dataset=data.assign(left_out | {"seconds": unknown})).plot()


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register the figure."""
    return [Regimes]
