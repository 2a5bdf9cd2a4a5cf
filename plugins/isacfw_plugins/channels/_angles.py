r"""Expectations over distributions of angles, by quadrature with equally spaced nodes.

A steering vector's entries are band-limited functions of azimuth and elevation: with the phase
:math:`\pi |d|` between two elements, harmonics beyond it decay faster than exponentially (Jacobi-Anger). With
nodes :math:`a_l = 2\pi l / M` on the whole circle and the weights

.. math:: w_l = \frac 1M \sum_{|k| \le M/2} c_k e^{jk(a_l - \mu)},

where :math:`c_k = E\,e^{jk\delta}` is the characteristic function of the deviation, the expectation of every
harmonic up to M/2 is exact, whatever the spread. The distributions are those on the whole line, wrapped around
the circle: nothing is truncated.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import attrs
import numpy as np
from numpy.typing import NDArray

from isacfw import ComplexArray, FloatArray

DISTRIBUTIONS = ("gaussian", "laplace", "uniform")

_AT_ONCE = 2**16
"""Largest number of exponentials at a time: few enough for caches."""
_NEGLIGIBLE = 1e-16
"""Weights below this are rounding errors of the sum of harmonics."""


def characteristic_function(distribution: str, spread: float, harmonics: NDArray[np.int64]) -> FloatArray:
    """Return the characteristic function of a symmetric distribution of a given standard deviation in radians."""
    scaled = spread * harmonics
    if distribution == "gaussian":
        return np.asarray(np.exp(-(scaled**2) / 2))
    if distribution == "laplace":
        return np.asarray(1 / (1 + scaled**2 / 2))
    return np.asarray(np.sinc(math.sqrt(3) * scaled / np.pi))


def count_nodes(phase: float) -> int:
    """Return the number of nodes for functions whose phase swings by `phase` radians about its mean."""
    # Bessel functions of a higher order are below 1e-16.
    return 2 * math.ceil(phase + 12 * math.cbrt(phase) + 10) + 1


def weigh_nodes(distribution: str, spread: float, mean: float, nodes: int) -> FloatArray:
    """Return the weights of equally spaced angles for a distribution about a mean, in radians; (nodes,)."""
    harmonics = np.arange(nodes // 2 + 1)
    turned = characteristic_function(distribution, spread, harmonics) * np.exp(-1j * mean * harmonics)
    weights = np.fft.irfft(turned, n=nodes)
    return np.where(np.abs(weights) > _NEGLIGIBLE, weights, 0.0)


def spaced_angles(nodes: int) -> FloatArray:
    """Return angles equally spaced over the circle; (nodes,)."""
    return np.asarray(2 * np.pi * np.arange(nodes) / nodes)


@attrs.frozen(kw_only=True, eq=False)
class Spread:
    """Where the signal of a user comes from: weights of elevations and of azimuths.

    Parameters
    ----------
    azimuth_weights : ndarray, shape (A,)
        Weights of A azimuths equally spaced over the circle.
    elevations : ndarray, shape (E,)
        Elevations above the horizon in radians.
    elevation_weights : ndarray, shape (E,)
        Their weights.
    """

    azimuth_weights: FloatArray
    elevations: FloatArray
    elevation_weights: FloatArray

    @property
    def halves(self) -> tuple[FloatArray, FloatArray]:
        """Weights of the elevations of :func:`upper_half`, and of the opposite ones; (ceil(E / 2),) each."""
        upper = len(self.elevations) // 2 + 1
        lower = np.zeros(upper)
        lower[1:] = self.elevation_weights[:0:-1][: upper - 1]
        return self.elevation_weights[:upper], lower


def upper_half(elevations: FloatArray) -> FloatArray:
    """Return equally spaced elevations without those opposite to others, or a single one; (ceil(E / 2),)."""
    return elevations[: len(elevations) // 2 + 1]


def spread_of(
    distributions: tuple[str, str],
    means: tuple[float, float],
    spreads: tuple[float, float],
    nodes: tuple[int, int],
) -> Spread:
    """Return the weights for independent azimuth and elevation above the horizon.

    Parameters
    ----------
    distributions : tuple of str
        Those of azimuth and elevation, of `DISTRIBUTIONS`.
    means, spreads : tuple of float
        Means and standard deviations of azimuth and elevation in radians.
    nodes : tuple of int
        Numbers of nodes for azimuth and elevation.
    """
    weights = weigh_nodes(distributions[0], spreads[0], means[0], nodes[0])
    if spreads[1] == 0:
        return Spread(azimuth_weights=weights, elevations=np.array([means[1]]), elevation_weights=np.ones(1))
    return Spread(
        azimuth_weights=weights,
        elevations=spaced_angles(nodes[1]),
        elevation_weights=weigh_nodes(distributions[1], spreads[1], means[1], nodes[1]),
    )


class Differences:
    """Distinct differences between the positions of elements.

    Parameters
    ----------
    positions : ndarray, shape (N, 2) or (N, 3)
        Positions in half wavelengths.
    """

    def __init__(self, positions: FloatArray) -> None:
        self.positions = np.zeros((len(positions), 3))
        self.positions[:, : positions.shape[1]] = positions
        (right, rights), (up, self.heights), (front, fronts) = map(_distinct, self.positions.T)
        codes = (right * len(fronts) + front) * len(self.heights) + up
        # Opposite differences have conjugate values, so that one of them is enough.
        self.kept = codes >= codes.T
        distinct, self.place = np.unique(codes[self.kept], return_inverse=True)
        levels, self.height_of = np.divmod(distinct, len(self.heights))
        planes, self.plane_of = np.unique(levels, return_inverse=True)
        self.planes = np.stack([rights[planes // len(fronts)], fronts[planes % len(fronts)]], axis=-1)

    @property
    def few(self) -> bool:
        """Whether there are much fewer than pairs of elements, as for a regular array."""
        return len(self.plane_of) <= self.kept.size / 16

    @property
    def phases(self) -> tuple[float, float]:
        """Largest phases between two elements along the horizon and in all, in radians."""
        flat = math.pi * float(np.linalg.norm(self.planes, axis=-1).max())
        return flat, math.hypot(flat, math.pi * float(np.abs(self.heights).max()))

    def expand(self, values: ComplexArray) -> ComplexArray:
        """Return the Hermitian matrix (N, N) of one value per distinct difference."""
        found = np.zeros(self.kept.shape, dtype=np.complex128)
        found[self.kept] = values[self.place]
        return np.asarray(np.where(self.kept, found, found.conj().T))


def _distinct(coordinates: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the number of the difference of each pair of coordinates, (N, N), and the distinct differences."""
    sites, site = np.unique(coordinates, return_inverse=True)
    apart = np.subtract.outer(sites, sites).reshape(-1)
    # Differences that are equal but for rounding count as one.
    rounded = np.round(apart * (2.0**40 / (np.abs(apart).max() + 1)))
    _, first, number = np.unique(rounded, return_index=True, return_inverse=True)
    table = np.asarray(number, dtype=np.int64).reshape(len(sites), len(sites))
    return table[np.ix_(site, site)], apart[first]


def covariances_of(differences: Differences, spreads: list[Spread]) -> Iterator[ComplexArray]:
    r"""Yield the covariances :math:`E\,a a^H` of users who all have the same elevations as nodes; (N, N) each."""
    if not differences.few:
        for spread in spreads:
            yield sum_of_waves(differences.positions, *_directions(spread))
        return
    found = np.zeros((len(spreads), len(differences.plane_of)), dtype=np.complex128)
    azimuths = spaced_angles(len(spreads[0].azimuth_weights))
    towards = np.pi * differences.planes @ [np.sin(azimuths), np.cos(azimuths)]
    # Opposite elevations have the same horizontal components.
    elevations, halves = upper_half(spreads[0].elevations), [spread.halves for spread in spreads]
    step = max(1, _AT_ONCE // towards.size)
    for start in range(0, len(elevations), step):
        # The blocks are the same for all users, so that none depends on the others.
        block = slice(start, start + step)
        concerned = [any(half[block].any() for half in both) for both in halves]
        if not any(concerned):
            continue
        phases = (towards[:, None] * np.cos(elevations[block])[:, None]).reshape(-1, len(azimuths))
        real, imaginary = np.cos(phases), np.sin(phases)
        upright = _waves(np.pi * np.outer(differences.heights, np.sin(elevations[block])))
        each = itertools.compress(zip(found, spreads, halves, strict=True), concerned)
        for own, spread, (upper, lower) in each:
            seen = (real @ spread.azimuth_weights + 1j * (imaginary @ spread.azimuth_weights)).reshape(
                len(towards), -1
            )
            mixed = upright * upper[block] + upright.conj() * lower[block]
            own += (seen[differences.plane_of] * mixed[differences.height_of]).sum(axis=-1)
    for own in found:
        yield differences.expand(own)


def _waves(phases: FloatArray) -> ComplexArray:
    """Return exp(j phases); twice as fast as the exponential of complex numbers."""
    found = np.empty(phases.shape, dtype=np.complex128)
    np.cos(phases, out=found.real)
    np.sin(phases, out=found.imag)
    return found


def _directions(spread: Spread) -> tuple[FloatArray, FloatArray]:
    """Return direction cosines (n, 3) and weights (n,) of all pairs of angles with a weight."""
    weights = np.outer(spread.elevation_weights, spread.azimuth_weights)
    elevation, azimuth = np.nonzero(weights)
    angles = spaced_angles(weights.shape[1])[azimuth]
    up = spread.elevations[elevation]
    cosines = np.stack([np.sin(angles) * np.cos(up), np.sin(up), np.cos(angles) * np.cos(up)], axis=-1)
    return cosines, weights[elevation, azimuth]


def sum_of_waves(positions: FloatArray, cosines: FloatArray, weights: FloatArray) -> ComplexArray:
    r"""Return :math:`\sum_l w_l a_l a_l^H` over directions with cosines (n, 3) and weights (n,); (N, N)."""
    found = np.zeros((len(positions), len(positions)), dtype=np.complex128)
    step = max(1, _AT_ONCE // len(positions))
    for start in range(0, len(weights), step):
        block = slice(start, start + step)
        steering = _waves(np.pi * (positions @ cosines[block].T))
        found += (steering * weights[block]) @ steering.conj().T
    return np.asarray((found + found.conj().T) / 2)
