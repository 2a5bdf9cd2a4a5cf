"""Statistics and draws of a channel for its checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from ..base.numbers import ComplexArray
from ..signal.array import Array
from ..signal.channel import Channel, validate_statistics
from ..signal.statistics import ChannelStatistics, drops_of
from . import problems

DRAWS = 400


def transmit_array(horizontal: int = 4, vertical: int = 2) -> Array:
    """Return a planar array."""
    return cast(Array, problems.built_in("array", "upa", horizontal=horizontal, vertical=vertical))


def statistics_of(
    part: Channel, drops: Sequence[int] = (0, 1, 2), array: Array | None = None
) -> ChannelStatistics:
    """Return the checked statistics of a channel for drops."""
    array = transmit_array() if array is None else array
    return validate_statistics(part.statistics(drops_of(0, drops), array), part, len(drops), array)


def draw(
    part: Channel, statistics: ChannelStatistics, seed: int, draws: int = DRAWS
) -> tuple[ComplexArray, ComplexArray]:
    """Return copies of drawn channels and estimates, since a channel may fill the same arrays again."""
    drawn = part.draw(statistics, transmit_array(), draws, np.random.default_rng(seed))
    channels, estimates = (np.array(value, dtype=np.complex128) for value in drawn)
    return channels, estimates


def draw_one_drop(
    part: Channel, seed: int, draws: int = DRAWS
) -> tuple[ComplexArray, ComplexArray, ChannelStatistics]:
    """Return channels, estimates and statistics of one drop; (M, N, K) and (K,)."""
    statistics = statistics_of(part).of_drop(0)
    return *draw(part, statistics, seed, draws), statistics


def without_means(values: ComplexArray, statistics: ChannelStatistics) -> ComplexArray:
    """Return channels or estimates without the means that the statistics give."""
    return values if statistics.means is None else values - np.swapaxes(statistics.means, -1, -2)
