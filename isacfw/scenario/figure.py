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
    """Abstract base class of figures, which collect data and draw them.

    A figure belongs to the scenario of the same name.

    Parameters
    ----------
    trials : int, optional
        Number of simulated channels or echoes per point; the default depends on the figure.

    Attributes
    ----------
    style : mapping
        Class attribute: Matplotlib settings for drawing.
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
            To be called with the number of completed steps and the total number of steps.
        """

    @abstractmethod
    def draw(self, data: xarray.Dataset) -> matplotlib.figure.Figure:
        """Return the figure of collected data; it computes nothing."""

    def draw_styled(self, data: xarray.Dataset) -> matplotlib.figure.Figure:
        """Return the figure of collected data in its style, whatever the settings of Matplotlib."""
        from matplotlib import rc_context

        settings: Any = {"text.usetex": False, **self.style}
        with rc_context(settings):
            return self.draw(data)
