"""Regions of directions: unions of grids over which gains are averaged."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import attrs
import numpy as np

from ..base.errors import InputError, short_repr
from ..base.numbers import ComplexArray, FloatArray
from ..base.validators import reals
from .array import Array, Direction, conjugate_steering, received_power

MOST_POINTS = 100_000
"""Largest number of directions in a region."""

_NUMBERS_AT_ONCE = 2**20


def _check_range(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    good = isinstance(value, tuple) and len(value) == 2 and all(isinstance(one, float) for one in value)
    if not good or not -180 <= value[0] <= value[1] <= 180:
        raise InputError(
            attribute.name,
            f"must be two angles in degrees within [-180, 180], the smaller first, got {short_repr(value)}",
        )


def _to_counts(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_counts(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    whole = isinstance(value, tuple) and all(isinstance(n, int) and not isinstance(n, bool) for n in value)
    if not whole or len(value) != 2 or min(value) < 1 or value[0] * value[1] > MOST_POINTS:
        raise InputError(
            attribute.name,
            "must be the numbers of azimuths and of elevations, both at least 1 and their product at most"
            f" {MOST_POINTS}, got {short_repr(value)}",
        )


@attrs.frozen(kw_only=True)
class AngularBox:
    r"""A grid of evenly spaced azimuths and elevations, ends included.

    Parameters
    ----------
    azimuth_deg, elevation_deg : tuple of float
        First and last angle in degrees, as in :class:`~isacfw.Direction`.
    points : tuple of int
        Numbers of azimuths and of elevations. One of each stands for the first angle, which must be the last too.

    Notes
    -----
    :math:`\theta_i = \theta_1 + (i - 1)(\theta_2 - \theta_1) / (n - 1)`, and the same for the elevation.
    """

    azimuth_deg: tuple[float, ...] = attrs.field(converter=reals, validator=_check_range)
    elevation_deg: tuple[float, ...] = attrs.field(default=(90.0, 90.0), converter=reals, validator=_check_range)
    points: tuple[int, ...] = attrs.field(converter=_to_counts, validator=_check_counts)

    def __attrs_post_init__(self) -> None:
        for name, count, ends in zip(
            ("azimuth_deg", "elevation_deg"), self.points, (self.azimuth_deg, self.elevation_deg), strict=True
        ):
            if count == 1 and ends[0] != ends[1]:
                raise InputError("points", f"must be at least 2 for an interval of {name}, got {self.points}")

    @property
    def grid(self) -> list[tuple[float, float]]:
        """Azimuth and elevation of each point in degrees."""
        azimuths, elevations = (
            np.linspace(ends[0], ends[1], count).tolist()
            for ends, count in zip((self.azimuth_deg, self.elevation_deg), self.points, strict=True)
        )
        return [(azimuth, elevation) for azimuth in azimuths for elevation in elevations]


@attrs.frozen(kw_only=True)
class AngularRegion:
    r"""A union of grids of directions, each point of which counts once.

    Parameters
    ----------
    boxes : tuple of AngularBox
        The grids.

    Notes
    -----
    The mean gain of a signal of covariance R over the D directions is :math:`\frac{1}{D} \sum_d a_d^H R\, a_d /
    \operatorname{tr} R`.
    """

    boxes: tuple[AngularBox, ...]

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The D directions."""
        return _directions_in(self.boxes)

    def gains(self, array: Array, weights: ComplexArray) -> FloatArray:
        r"""Return the mean gains of fixed weights over the region; (S,).

        Parameters
        ----------
        array : Array
            The transmit array.
        weights : ndarray of complex, shape (N, S, R)
            Weights of S streams of R waveforms each.

        Notes
        -----
        The mean over the directions of :math:`\sum_r |a^H v_{sr}|^2 / \sum_r \|v_{sr}\|^2`.
        """
        total = np.sum(list(self.received(array, weights[None])), axis=0)
        power = (np.abs(weights) ** 2).sum(axis=(0, 2))
        return np.asarray(total[0] / len(self.directions) / power)

    def received(self, array: Array, weights: ComplexArray) -> Iterator[FloatArray]:
        """Yield the power of M draws of weights (M, N, S, R), summed over pieces of the region; (M, S) each."""
        draws, antennas, streams, waveforms = weights.shape
        size = max(1, _NUMBERS_AT_ONCE // max(antennas, draws * streams * waveforms))
        for start in range(0, len(self.directions), size):
            steering = conjugate_steering(array, self.directions[start : start + size])
            yield received_power(steering, weights).sum(axis=1)


@lru_cache(maxsize=64)
def _directions_in(boxes: tuple[AngularBox, ...]) -> tuple[Direction, ...]:
    points = dict.fromkeys(point for box in boxes for point in box.grid)
    return tuple(Direction(azimuth_deg=azimuth, elevation_deg=elevation) for azimuth, elevation in points)


def to_boxes(value: Any) -> Any:
    """Convert a region, a box, or a list of boxes to a tuple of boxes; leave anything else for the validator."""
    if isinstance(value, AngularRegion):
        return value.boxes
    if isinstance(value, AngularBox):
        return (value,)
    return value if isinstance(value, str) or not hasattr(value, "__iter__") else tuple(value)
