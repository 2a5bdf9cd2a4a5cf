"""Figures with their own data collection and plotting."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from ..base.part import Part
from ..base.progress import Progress
from ..base.validators import integer, optional

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray


@attrs.frozen(kw_only=True)
class Figure(Part):
    """Contract of a figure: how its data come about, and how they are drawn.

    The scenario of the same name is what it is made for.

    Parameters
    ----------
    trials : int, optional
        Number of simulated channels or echoes per point; what the figure needs by default.

    Attributes
    ----------
    style : mapping
        Class attribute: Matplotlib's settings under which it is drawn.
    """

    style: ClassVar[Mapping[str, Any]] = {}

    trials: int | None = attrs.field(default=None, validator=optional(integer(at_least=1)))

    @abstractmethod
    def collect(self, scenario: Any, compare: Callable[..., Any], progress: Progress) -> xarray.Dataset:
        """Return all numbers of the figure.

        Parameters
        ----------
        scenario : Scenario
            The scenario, with the number of drops and the seed to use.
        compare : callable
            Runs a comparison with the plugins of the scenario: takes a scenario, and optionally `progress`.
        progress : callable
            To be called with the number of steps done and the number of all.
        """

    @abstractmethod
    def draw(self, data: xarray.Dataset) -> matplotlib.figure.Figure:
        """Return the figure of collected data; it computes nothing."""
