"""Users of a cell: where they are, their large-scale fading and their pilots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import attrs
import numpy as np
from numpy.random import Generator

import isacfw
from isacfw import Array, ChannelStatistics, ComplexArray, Drop, FloatArray, InputError, LinkBudget
from isacfw.validators import choice, each, integer, number, optional, real, reals

_LISTS = ("large_scale_fading", "azimuths_deg", "distances_m")


@attrs.frozen(kw_only=True, eq=False)
class CellUsers:
    """Users of several drops.

    Parameters
    ----------
    beta : ndarray, shape (D, K)
        Large-scale fading.
    azimuth_deg, elevation_deg : ndarray, shape (D, K)
        Directions in which the base station sees the users, as in :class:`isacfw.Direction`.
    distance_m : ndarray, shape (D, K), optional
        Horizontal distances from the base station in metres; None if they are unknown.
    positions : ndarray, shape (D, K, 3), optional
        Positions in metres along the horizontal, the vertical and the normal axis, from the base station; None if
        distances are unknown.
    """

    beta: FloatArray
    azimuth_deg: FloatArray
    elevation_deg: FloatArray
    distance_m: FloatArray | None
    positions: FloatArray | None


@attrs.frozen(kw_only=True)
class CellChannel(isacfw.Channel):
    r"""Abstract base class of Gaussian channels that follow from where the users are.

    Parameters
    ----------
    users : int, optional
        Number of users K; may be omitted if a list with an entry per user is given.
    large_scale_fading : sequence of float, optional
        :math:`\beta_k`, the same in every drop. Otherwise it follows from distances and shadowing.
    azimuths_deg : sequence of float, optional
        Azimuths of the users, the same in every drop. Otherwise they are uniform over the sector.
    distances_m : sequence of float, optional
        Horizontal distances of the users, the same in every drop. Otherwise users are uniform over the area of
        the cell, or, with given `large_scale_fading`, at unknown distances.
    sector_deg : float
        Width of the sector of the users, centred about broadside.
    base_station_height_m, user_height_m : float
        Heights of the base station and of all users. At equal heights, all elevations are 90 degrees.
    cell_radius_m, min_distance_m : float
        Largest and smallest horizontal distance of the users.
    path_loss_exponent : float
        Exponent :math:`\nu` of the path loss.
    shadowing_db : float
        Standard deviation of the log-normal shadowing in dB.
    path_loss_db : float, optional
        Path loss at the distance `min_distance_m` in dB; 0 by default, and that in free space with a link budget.
    pilot_length, coherence_length : int
        :math:`\tau_p` and :math:`\tau_c` in symbols; user k uses pilot k mod :math:`\tau_p`.
    pilot_snr_db : float
        Pilot SNR :math:`p_p` in dB.
    estimates : {"independent", "physical"}
        Whether estimates of users that share a pilot are drawn independently, or result from the same received
        pilot signal.

    Notes
    -----
    :math:`\beta_k = z_k (r_k / r_h)^{-\nu}` with the distance :math:`r_k`, heights included, and the smallest
    horizontal distance :math:`r_h`, divided by the path loss at :math:`r_h` if there is one. User k of a drop is
    the same for any number of users.
    """

    users: int | None = attrs.field(default=None, validator=optional(integer(at_least=1, at_most=1_000_000)))
    large_scale_fading: tuple[float, ...] | None = attrs.field(
        default=None, converter=reals, validator=optional(each(number(above=0)))
    )
    azimuths_deg: tuple[float, ...] | None = attrs.field(
        default=None, converter=reals, validator=optional(each(number(at_least=-180, at_most=180)))
    )
    distances_m: tuple[float, ...] | None = attrs.field(
        default=None, converter=reals, validator=optional(each(number(above=0)))
    )
    sector_deg: float = attrs.field(default=120.0, converter=real, validator=number(above=0, at_most=360))
    base_station_height_m: float = attrs.field(default=1.5, converter=real, validator=number(at_least=0))
    user_height_m: float = attrs.field(default=1.5, converter=real, validator=number(at_least=0))
    cell_radius_m: float = attrs.field(default=1000.0, converter=real, validator=number(above=0))
    min_distance_m: float = attrs.field(default=100.0, converter=real, validator=number(above=0))
    path_loss_exponent: float = attrs.field(default=3.2, converter=real, validator=number(at_least=0))
    shadowing_db: float = attrs.field(default=7.0, converter=real, validator=number(at_least=0))
    path_loss_db: float | None = attrs.field(
        default=None, converter=real, validator=optional(number(at_least=-300, at_most=300))
    )
    pilot_length: int = attrs.field(default=10, validator=integer(at_least=1, at_most=10**9))
    coherence_length: int = attrs.field(default=100, validator=integer(at_least=2, at_most=10**9))
    pilot_snr_db: float = attrs.field(default=30.0, converter=real, validator=number(at_least=-300, at_most=300))
    estimates: Literal["independent", "physical"] = attrs.field(
        default="independent", validator=choice("independent", "physical")
    )

    def __attrs_post_init__(self) -> None:
        self._check_users()
        if self.large_scale_fading is not None:
            self._refuse("large_scale_fading is given", "path_loss_exponent", "shadowing_db", "path_loss_db")
        if self.azimuths_deg is not None:
            self._refuse("azimuths_deg is given", "sector_deg")
        if self.distances_m is not None:
            self._refuse("distances_m is given", "cell_radius_m")
        elif self.large_scale_fading is not None:
            self._refuse("large_scale_fading is given", "cell_radius_m", "min_distance_m")
            if self._need_of_distances:
                raise InputError(
                    "distances_m",
                    f"is required with large_scale_fading and {self._need_of_distances}",
                    missing=True,
                )
        self._check_distances()
        if self.pilot_length >= self.coherence_length:
            raise InputError(
                "pilot_length",
                f"must be less than coherence_length, which is {self.coherence_length}, got {self.pilot_length}",
            )

    def _check_users(self) -> None:
        lengths = {key: len(getattr(self, key)) for key in _LISTS if getattr(self, key) is not None}
        if self.users is None and not lengths:
            raise InputError(
                "users",
                "is required unless large_scale_fading, azimuths_deg or distances_m is given",
                missing=True,
            )
        for key, length in lengths.items():
            if length != self.count:
                raise InputError(
                    key, f"must have one entry for each of the {self.count} users, got {length} entries"
                )

    @property
    def count(self) -> int:
        """Number of users K."""
        if self.users is not None:
            return self.users
        return next(len(given) for given in (getattr(self, key) for key in _LISTS) if given is not None)

    @property
    def _need_of_distances(self) -> str:
        """Which option needs distances, as the end of a message; empty if there is none."""
        return "heights that differ" if self.base_station_height_m != self.user_height_m else ""

    def _refuse(self, reason: str, *keys: str) -> None:
        """Refuse options that have no effect for a reason."""
        fields = attrs.fields_dict(type(self))
        for key in keys:
            if getattr(self, key) != fields[key].default:
                raise InputError(key, f"has no effect when {reason}, got {getattr(self, key)!r}")

    def _check_distances(self) -> None:
        for position, distance in enumerate(self.distances_m or ()):
            if distance < self.min_distance_m:
                raise InputError(
                    f"distances_m[{position}]",
                    f"must be at least min_distance_m, which is {self.min_distance_m:g}, got {distance:g}",
                )
        if self.distances_m is None and self.min_distance_m >= self.cell_radius_m:
            raise InputError(
                "min_distance_m",
                f"must be less than cell_radius_m, which is {self.cell_radius_m:g}, got {self.min_distance_m:g}",
            )

    def place(self, drops: Sequence[Drop]) -> CellUsers:
        """Return the users of drops; (D, K), or (1, K) if nothing about them is random."""
        if self._all_given:
            drops = drops[:1]
        # A stream each: normal numbers take a varying count of random bits, and the first users of a drop
        # must not depend on the number of users.
        streams = [drop.generator.spawn(2) for drop in drops]
        drawn = np.array([places.random((self.count, 2)) for places, _ in streams])
        shadows = np.array([shadows.standard_normal(self.count) for _, shadows in streams])
        given = np.ones((len(drops), 1))
        if self.azimuths_deg is None:
            azimuth = self.sector_deg * (drawn[..., 1] - 0.5)
        else:
            azimuth = given * self.azimuths_deg
        distance = self._distances(drawn[..., 0])
        descent = self.base_station_height_m - self.user_height_m
        elevation, positions = np.full(azimuth.shape, 90.0), None
        if distance is not None:
            elevation = 90 + np.degrees(np.arctan2(descent, distance))
            turned = np.radians(azimuth)
            positions = np.stack(
                [distance * np.sin(turned), np.full(distance.shape, -descent), distance * np.cos(turned)], -1
            )
        if self.large_scale_fading is not None:
            beta = given * self.large_scale_fading
        else:
            assert distance is not None
            relative = np.hypot(distance, descent) / self.min_distance_m
            beta = 10 ** (self.shadowing_db * shadows / 10) * relative**-self.path_loss_exponent
            if self.path_loss_db is not None:
                beta = beta * 10 ** (-self.path_loss_db / 10)
        return CellUsers(
            beta=beta, azimuth_deg=azimuth, elevation_deg=elevation, distance_m=distance, positions=positions
        )

    def with_link_budget(self, budget: LinkBudget) -> Self:
        """Return the channel with absolute path losses and pilots of given power."""
        channel = super().with_link_budget(budget)
        if self.large_scale_fading is not None or self.path_loss_db is not None:
            return channel
        return attrs.evolve(channel, path_loss_db=budget.free_space_loss_db(self.min_distance_m))

    @property
    def _all_given(self) -> bool:
        if self.azimuths_deg is None:
            return False
        return self.large_scale_fading is not None or (self.distances_m is not None and self.shadowing_db == 0)

    def _distances(self, areas: FloatArray) -> FloatArray | None:
        """Return horizontal distances, given or for a share of the cell's area nearer than each user; (D, K)."""
        if self.distances_m is not None:
            return np.tile(self.distances_m, (len(areas), 1))
        if self.large_scale_fading is not None:
            return None
        # Relative to the inner radius; uniform over the area means uniform in the squared distance.
        outer = np.float64(self.cell_radius_m / self.min_distance_m) ** 2
        return np.asarray(self.min_distance_m * np.sqrt(1 + areas * (outer - 1)))

    def estimate(
        self, users: CellUsers, covariances: ComplexArray, means: ComplexArray | None = None
    ) -> ChannelStatistics:
        """Return the statistics of channels with given covariances and means, estimated from pilots; (D, K)."""
        pilots = np.arange(self.count) % self.pilot_length
        found = ChannelStatistics.of_covariances(
            covariances,
            means=means,
            pilots=pilots,
            pilot_energy=float(self.pilot_length * 10 ** (self.pilot_snr_db / 10)),
            prelog=(self.coherence_length - self.pilot_length) / self.coherence_length,
            independent_estimates=self.estimates == "independent",
            positions=users.positions,
        )
        if self.estimates == "independent" or self.count <= self.pilot_length:
            return found
        collinear = np.equal.outer(pilots, pilots) & ~np.eye(self.count, dtype=np.bool_)
        for first, second in np.argwhere(np.triu(collinear)):
            own = _are_proportional(covariances, means, first, second)
            collinear[first, second] = collinear[second, first] = own
        return attrs.evolve(found, collinear=collinear) if collinear.any() else found

    def draw(
        self, statistics: ChannelStatistics, array: Array, draws: int, generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        """Draw channels and their estimates from means and covariances; (M, ..., N, K) each."""
        if statistics.beta.ndim == 1:
            return statistics.second_order.draw(draws, generator)
        each = [
            self.draw(statistics.of_drop(drop), array, draws, generator) for drop in range(len(statistics.beta))
        ]
        channels, estimates = zip(*each, strict=True)
        return np.stack(channels, axis=1), np.stack(estimates, axis=1)


def _are_proportional(covariances: ComplexArray, means: ComplexArray | None, first: int, second: int) -> bool:
    """Return whether estimates of two users with the same pilot are collinear.

    They are if covariances and means are proportional with the same factor. The first drop tells: users at random
    places are so in all drops or, with probability one, in none.
    """
    own, other = covariances[0, first], covariances[0, second]
    factor = np.vdot(own, other) / np.vdot(own, own)
    if np.abs(other - factor * own).max() > 1e-7 * np.abs(other).max():
        return False
    if means is None:
        return True
    apart = np.linalg.norm(means[0, second] - factor * means[0, first])
    return bool(apart <= 1e-7 * np.sqrt(np.trace(other).real))
