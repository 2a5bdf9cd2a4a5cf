"""Pareto fronts of several beams: sum rate against the CRLB."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, final

import attrs

import isacfw
from isacfw import Comparison, ParetoFront, Progress, Scenario

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


@final
@attrs.frozen(kw_only=True)
class ParetoFigure(isacfw.Figure):
    """Sum rate against the CRLB for several precoders and beams.

    Notes
    -----
    The fronts of problem (54) along its limits (54b)-(54c), see :class:`isacfw.ParetoFront`.
    """

    name: ClassVar[str] = "pareto"

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Compare along the limits."""
        data = compare(scenario, progress=progress).dataset
        return ParetoFront.of(data, against="crlb", along="sensing.crlb_limit_db").dataset

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw the fronts, a panel for each precoder."""
        return ParetoFront(dataset=data).plot()


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register the fronts."""
    return [ParetoFigure]
