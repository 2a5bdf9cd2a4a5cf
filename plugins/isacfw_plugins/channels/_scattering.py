r"""Covariances of scattered signals: local scattering, a ring of scatterers, exponential correlation."""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs
import numpy as np

from isacfw import Array, ComplexArray, Direction, IncompatibleError, InputError
from isacfw.validators import choice, number, real

from ._angles import DISTRIBUTIONS, Differences, count_nodes, covariances_of, spread_of
from ._cell import CellChannel
from ._ring import ring_covariance
from ._users import CellUsers

SCATTERING = (*DISTRIBUTIONS, "one_ring", "exponential")

_LARGEST = 2**32
"""Largest size of the covariances of a drop in bytes."""
_USED = {
    **dict.fromkeys(DISTRIBUTIONS, ("spread_deg", "elevation_spread_deg")),
    "one_ring": ("ring_radius_m",),
    "exponential": ("correlation",),
}
"""Options that have an effect on each model of scattering."""


@attrs.frozen(kw_only=True)
class ScatteringChannel(CellChannel):
    r"""Abstract base class of channels with correlated scattering.

    Parameters
    ----------
    scattering : {"gaussian", "laplace", "uniform", "one_ring", "exponential"}
        Model of the covariances.
    spread_deg, elevation_spread_deg : float
        Standard deviations :math:`\sigma` of the azimuth and of the elevation in which signals of a user arrive,
        about the user's direction, for the angular distributions.
    ring_radius_m : float
        Radius of the ring of scatterers about each user, for ``"one_ring"``.
    correlation : float
        Correlation r of neighbours at half a wavelength, for ``"exponential"``.

    Notes
    -----
    With the positions :math:`p_n` of the elements in half wavelengths and directions d of arrival (cosines), the
    covariance is :math:`[R_k]_{mn} = \beta_k E\,e^{j\pi (p_m - p_n) \cdot d}`.

    ``"gaussian"``, ``"laplace"`` and ``"uniform"`` are distributions of azimuth and elevation about those of the
    user, independent of each other: Laplace of scale :math:`\sigma/\sqrt 2`, uniform of half-width
    :math:`\sqrt 3 \sigma`. None of them is truncated: deviations beyond half a turn wrap around. The expectation
    is exact up to rounding, not an approximation for small angles.

    ``"one_ring"``: scatterers evenly on a horizontal ring of radius r about the user, at the user's height, each
    seen as a plane wave. At equal heights and for a user at the distance D in broadside, a horizontal line of
    elements has :math:`R_{mn} = \beta J_0(\pi |m - n| r / D)`.

    ``"exponential"``: :math:`[R_k]_{mn} = \beta_k r^{|p_m - p_n|_1} a_m a_n^*` with the steering vector a towards
    the user, the product over the axes of the exponential model.
    """

    scattering: str = attrs.field(default="gaussian", validator=choice(*SCATTERING))
    spread_deg: float = attrs.field(default=10.0, converter=real, validator=number(at_least=0, at_most=360))
    elevation_spread_deg: float = attrs.field(
        default=0.0, converter=real, validator=number(at_least=0, at_most=360)
    )
    ring_radius_m: float = attrs.field(default=30.0, converter=real, validator=number(at_least=0))
    correlation: float = attrs.field(default=0.7, converter=real, validator=number(at_least=0, at_most=1))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        used = _USED.get(self.scattering, ())
        unused = [key for keys in _USED.values() for key in keys if key not in used]
        self._refuse(f"scattering is {self.scattering!r}", *unused)
        if self.scattering == "one_ring":
            self._check_rings()

    @property
    def _need_of_distances(self) -> str:
        return "rings of scatterers" if self.scattering == "one_ring" else super()._need_of_distances

    def _check_rings(self) -> None:
        nearest = self.min_distance_m if self.distances_m is None else min(self.distances_m)
        if self.ring_radius_m >= nearest:
            raise InputError(
                "ring_radius_m",
                f"must be less than the smallest distance of a user, which is {nearest:g}, got"
                f" {self.ring_radius_m:g}",
            )

    def correlations(self, users: CellUsers, array: Array) -> ComplexArray:
        """Return the covariances of all users with unit fading; (D, K, N, N)."""
        shape = (*users.beta.shape, array.n_elements, array.n_elements)
        check_size(users, array)
        if self.scattering == "independent":
            return np.broadcast_to(np.eye(shape[-1], dtype=np.complex128), shape)
        found = np.empty(shape, dtype=np.complex128)
        each = {"one_ring": self._rings, "exponential": self._exponential}.get(self.scattering, self._spread)
        for place, covariance in zip(np.ndindex(*shape[:2]), each(users, array), strict=True):
            found[place] = covariance
        return found

    def _spread(self, users: CellUsers, array: Array) -> Iterator[ComplexArray]:
        differences = Differences(array.centred_positions())
        flat, whole = differences.phases
        nodes = count_nodes(flat), count_nodes(whole)
        deviations = math.radians(self.spread_deg), math.radians(self.elevation_spread_deg)
        spreads = [
            spread_of(
                (self.scattering, self.scattering),
                (math.radians(azimuth), math.radians(90 - elevation)),
                deviations,
                nodes,
            )
            for azimuth, elevation in zip(users.azimuth_deg.flat, users.elevation_deg.flat, strict=True)
        ]
        if self.elevation_spread_deg or np.ptp(users.elevation_deg) == 0:
            yield from covariances_of(differences, spreads)
            return
        for spread in spreads:
            yield from covariances_of(differences, [spread])

    def _rings(self, users: CellUsers, array: Array) -> Iterator[ComplexArray]:
        assert users.distance_m is not None
        positions = array.centred_positions()
        descent = self.base_station_height_m - self.user_height_m
        for azimuth, distance in zip(users.azimuth_deg.flat, users.distance_m.flat, strict=True):
            yield ring_covariance(
                positions, math.radians(azimuth), radius=self.ring_radius_m / distance, height=-descent / distance
            )

    def _exponential(self, users: CellUsers, array: Array) -> Iterator[ComplexArray]:
        positions = array.centred_positions()
        decay = self.correlation ** np.abs(positions[:, None] - positions).sum(axis=-1)
        for steering in steering_vectors(users, array).reshape(-1, len(positions)):
            waves = decay * np.outer(steering, steering.conj())
            yield np.asarray((waves + waves.conj().T) / 2)


def check_size(users: CellUsers, array: Array) -> None:
    """Refuse covariances that do not fit in memory."""
    count, antennas = users.beta.shape[1], array.n_elements
    if (size := 16 * count * antennas**2) > _LARGEST:
        raise IncompatibleError(
            f"the covariances of {count} users at {antennas} antennas take {size / 2**30:.1f} GiB per drop"
        )


def steering_vectors(users: CellUsers, array: Array) -> ComplexArray:
    """Return the steering vectors towards all users; (D, K, N)."""
    vectors = [
        array.steering_vector(Direction(azimuth_deg=float(azimuth), elevation_deg=float(elevation)))
        for azimuth, elevation in zip(users.azimuth_deg.flat, users.elevation_deg.flat, strict=True)
    ]
    return np.reshape(vectors, (*users.beta.shape, -1))
