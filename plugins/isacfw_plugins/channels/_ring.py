r"""Covariance of the signals from a horizontal ring of scatterers about a user.

A ring of radius q < 1 about a user at the distance 1 has its point at the angle :math:`\xi`, as the user sees it,
at an angle :math:`\delta` from the user's direction, as the base station sees it. By the law of sines
:math:`\sin\delta = q \sin(\xi - \delta)`. So for :math:`\tau = \xi - \delta` that angle is
:math:`\arcsin(q \sin\tau)`, and the horizontal distance :math:`\cos\delta + q\cos\tau`. Scatterers that are even
in :math:`\xi` have the density :math:`(1 + d\delta/d\tau) / 2\pi` in :math:`\tau`. All of these are smooth and
periodic, so sums over equally spaced :math:`\tau` converge exponentially.
"""

from __future__ import annotations

import numpy as np

from isacfw import ComplexArray, FloatArray, InputError

from ._angles import count_nodes, sum_of_waves

_ACCURACY = 1e-12
_MOST_NODES = 2**17


def ring_covariance(positions: FloatArray, azimuth: float, *, radius: float, height: float) -> ComplexArray:
    r"""Return :math:`E\,a a^H` over the scatterers of a ring; (N, N).

    Parameters
    ----------
    positions : ndarray, shape (N, 2) or (N, 3)
        Positions of the elements in half wavelengths about their centroid.
    azimuth : float
        Azimuth of the user in radians.
    radius : float
        Radius of the ring relative to the horizontal distance of the user, less than 1.
    height : float
        Height of ring and user above the base station, relative to the same.
    """
    places = np.zeros((len(positions), 3))
    places[:, : positions.shape[1]] = positions
    reach = 2 * np.pi * float(np.linalg.norm(places, axis=-1).max())
    nodes = count_nodes(radius * reach)
    found = _sum(places, azimuth, radius, height, np.arange(nodes) / nodes)
    while nodes <= _MOST_NODES:
        between = _sum(places, azimuth, radius, height, (np.arange(nodes) + 0.5) / nodes)
        apart = np.abs(found - between).max()
        found = (found + between) / 2
        if apart <= _ACCURACY:
            return found
        nodes *= 2
    raise InputError(
        "ring_radius_m", "must leave more space between each ring of scatterers and the base station"
    )


def _sum(places: FloatArray, azimuth: float, radius: float, height: float, turns: FloatArray) -> ComplexArray:
    """Return the mean over scatterers at some values of τ, in turns."""
    across, along = radius * np.sin(2 * np.pi * turns), radius * np.cos(2 * np.pi * turns)
    cosine = np.sqrt(1 - across**2)
    distance = cosine + along
    angle = azimuth + np.arcsin(across)
    cosines = np.stack([distance * np.sin(angle), np.full(len(turns), height), distance * np.cos(angle)], axis=-1)
    cosines /= np.hypot(distance, height)[:, None]
    weights = (1 + along / cosine) / len(turns)
    return sum_of_waves(places, cosines, weights)
