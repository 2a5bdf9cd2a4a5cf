"""Metrics: quantities computed from a problem and its allocation, with a unit and a direction."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import attrs

from ..base.link import Link
from ..base.numbers import FloatArray
from ..base.part import Part
from ..signal.angular_region import AngularRegion
from .allocation import Allocation
from .problem import PowerAllocationProblem
from .quantity import Quantity


@attrs.frozen(kw_only=True)
class Metric(Part):
    """Abstract base class of metrics.

    Attributes
    ----------
    quantities : tuple of Quantity
        Class attribute: the quantities that it reports.
    links : tuple of {"downlink", "uplink"}
        Class attribute: the links that it is for; in the uplink, :meth:`evaluate` gets an
        :class:`~isacfw.UplinkProblem`.
    """

    quantities: ClassVar[tuple[Quantity, ...]] = ()
    links: ClassVar[tuple[Link, ...]] = ("downlink",)

    def quantities_of(self, targets: int, streams: int) -> tuple[Quantity, ...]:
        """Return the quantities for given numbers of targets and streams; by default :attr:`quantities`."""
        return self.quantities

    def regions(self) -> tuple[AngularRegion, ...]:
        """Return the regions of directions over which the metric needs mean gains; none by default."""
        return ()

    @abstractmethod
    def evaluate(self, problem: PowerAllocationProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return an array for each quantity by name; shape (...), or (..., K) per user."""
