"""Metrics: what is read from a problem and its allocation, with a unit and a direction."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import attrs

from ..base.numbers import FloatArray
from ..base.part import Part
from .allocation import Allocation
from .problem import PowerAllocationProblem
from .quantity import Quantity


@attrs.frozen(kw_only=True)
class Metric(Part):
    """Contract of a metric.

    Attributes
    ----------
    quantities : tuple of Quantity
        Class attribute: what it reports.
    """

    quantities: ClassVar[tuple[Quantity, ...]] = ()

    def quantities_of(self, targets: int, streams: int) -> tuple[Quantity, ...]:
        """Return what it reports for numbers of targets and sensing streams; :attr:`quantities` by default."""
        return self.quantities

    @abstractmethod
    def evaluate(self, problem: PowerAllocationProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return an array for the name of each quantity; shape (...), or (..., K) per user."""
