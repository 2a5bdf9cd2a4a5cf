"""A channel with correlated fading, for checks of precoders and beams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs
import numpy as np
from numpy.random import Generator

from ..base.numbers import ComplexArray
from ..signal.array import Array
from ..signal.channel import Channel
from ..signal.drops import Drop
from ..signal.statistics import ChannelStatistics
from .line_of_sight import LineOfSight


@attrs.frozen(kw_only=True)
class Correlated(Channel):
    r"""Gaussian fading with exponential correlation about plane waves of known phase.

    Parameters
    ----------
    correlation : float
        Correlation r of neighbours at half a wavelength; :math:`r^{|x| + |y|}` at the distance (x, y).
    k_factor : float
        Power of the line of sight relative to that of the scattering.
    shared : bool
        Whether the last two users share a pilot.
    """

    name: ClassVar[str] = "correlated"

    correlation: float = 0.9
    k_factor: float = 0.0
    shared: bool = False

    def statistics(self, drops: Sequence[Drop], array: Array) -> ChannelStatistics:
        """Return means and covariances of three users, the same in all drops."""
        sight = LineOfSight(k_factor=self.k_factor, random_phase=False)
        scattered = np.array(sight.large_scale_fading) / (self.k_factor + 1)
        positions = array.centred_positions()
        distance = np.abs(positions[:, None] - positions).sum(axis=-1)
        means = sight.statistics(drops, array).means
        return ChannelStatistics.of_covariances(
            (scattered[:, None, None] * self.correlation**distance)[None].astype(np.complex128),
            means=means if self.k_factor else None,
            pilots=np.array([0, 1, 1 if self.shared else 2]),
            pilot_energy=20.0,
            prelog=0.9,
        )

    def draw(
        self, statistics: ChannelStatistics, array: Array, draws: int, generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        """Draw channels and their estimates from shared pilots; (M, ..., N, K)."""
        if statistics.beta.ndim == 1:
            return statistics.second_order.draw(draws, generator)
        pairs = [
            self.draw(statistics.of_drop(drop), array, draws, generator) for drop in range(len(statistics.beta))
        ]
        channels, found = (np.stack(values, axis=1) for values in zip(*pairs, strict=True))
        return channels, found
