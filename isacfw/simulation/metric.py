"""Metrics that are estimated from drawn channels, and the estimates that they use."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping

import attrs
import numpy as np

from ..allocation.allocation import Allocation
from ..allocation.metric import Metric
from ..allocation.problem import PowerAllocationProblem
from ..base.errors import InputError
from ..base.numbers import FloatArray
from ..base.validators import integer
from .signals import SignalDraws


@attrs.frozen(kw_only=True)
class SimulatedMetric(Metric):
    """Abstract base class of metrics that draw channels at the shares found by an allocator.

    A subclass defines :meth:`simulate`, which the framework calls for each drop with an answer; elsewhere, its
    numbers are NaN. Draws of channels depend on the seed and the number of the drop alone, so they are the same
    for all allocators, precoders and beams.

    Parameters
    ----------
    draws : int
        Number of channel draws per drop.
    """

    draws: int = attrs.field(default=1000, validator=integer(at_least=1, at_most=1_000_000))

    @abstractmethod
    def simulate(self, signals: SignalDraws) -> Mapping[str, FloatArray]:
        """Return an array for each quantity of one drop by name; shape (), (K,) per user, or (S,) per stream."""

    def evaluate(self, problem: PowerAllocationProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Raise an InputError: problem and allocation do not determine channels; see :meth:`simulate`."""
        raise InputError(
            self.name, "needs drawn channels: call simulate() with the result of isacfw.simulation.draw_signals()"
        )


def mean_and_error(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard error of the mean over independent draws.

    Parameters
    ----------
    values : ndarray, shape (M, ...)
        Values of M draws.

    Returns
    -------
    mean, error : ndarray, shape (...)
        Infinite and NaN if a value is infinite. The error of a single draw is NaN.
    """
    largest = np.abs(values).max(axis=0)
    # A spread is squared, which must not overflow.
    scale = np.where(np.isfinite(largest) & (largest > 0), largest, 1.0)
    scaled = values / scale
    mean = scaled.mean(axis=0)
    if len(values) == 1:
        return mean * scale, np.full(mean.shape, np.nan)
    with np.errstate(invalid="ignore"):
        variance = ((scaled - mean) ** 2).sum(axis=0) / (len(values) - 1)
    return mean * scale, np.sqrt(variance / len(values)) * scale


def quantile(values: FloatArray, level: float) -> FloatArray:
    r"""Return the quantile of draws: the smallest value that at least the part `level` of them do not exceed.

    Parameters
    ----------
    values : ndarray, shape (M, ...)
        Values of M draws; may be infinite.
    level : float
        Part of the draws, within (0, 1).

    Returns
    -------
    ndarray, shape (...)
        The order statistic of rank :math:`\lceil M \cdot level \rceil`: one of the values, so that it can be
        infinite, and is the same in any unit. NaN if there is a NaN.
    """
    rank = math.ceil(round(level * len(values), 9))
    ordered = np.sort(values, axis=0)
    # NaN comes last.
    return np.where(np.isnan(ordered[-1]), np.nan, ordered[max(rank, 1) - 1])
