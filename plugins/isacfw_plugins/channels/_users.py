"""Channels of users at random or given places, with estimates from pilots."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs
import numpy as np
from numpy.random import Generator

import isacfw
from isacfw import Array, ChannelStatistics, ComplexArray, FloatArray, InputError, UserRegion
from isacfw.validators import choice, each, integer, number, optional, real, reals


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
class PlacedChannel(isacfw.Channel):
    r"""Abstract base class of Gaussian channels of users at random or given places.

    Parameters
    ----------
    users : int, optional
        Number of users K; may be omitted if a list with an entry per user is given.
    azimuths_deg : sequence of float, optional
        Azimuths of the users, the same in every drop. Otherwise they are uniform over the sector.
    distances_m : sequence of float, optional
        Horizontal distances of the users, the same in every drop. Otherwise users are uniform over the area of
        the cell.
    sector_deg : float
        Width of the sector of the users, centred about broadside.
    pilot_length, coherence_length : int
        :math:`\tau_p` and :math:`\tau_c` in symbols; user k uses pilot k mod :math:`\tau_p`.
    pilot_snr_db : float
        Pilot SNR :math:`p_p` in dB.
    estimates : {"independent", "physical"}
        Whether estimates of users that share a pilot are drawn independently, or result from the same received
        pilot signal.

    Notes
    -----
    User k of a drop is the same for any number of users.
    """

    lists: ClassVar[tuple[str, ...]] = ("azimuths_deg", "distances_m")
    """Options with an entry for each user."""

    users: int | None = attrs.field(default=None, validator=optional(integer(at_least=1, at_most=1_000_000)))
    azimuths_deg: tuple[float, ...] | None = attrs.field(
        default=None, converter=reals, validator=optional(each(number(at_least=-180, at_most=180)))
    )
    distances_m: tuple[float, ...] | None = attrs.field(
        default=None, converter=reals, validator=optional(each(number(above=0)))
    )
    sector_deg: float = attrs.field(default=120.0, converter=real, validator=number(above=0, at_most=360))
    pilot_length: int = attrs.field(default=10, validator=integer(at_least=1, at_most=10**9))
    coherence_length: int = attrs.field(default=100, validator=integer(at_least=2, at_most=10**9))
    pilot_snr_db: float = attrs.field(default=30.0, converter=real, validator=number(at_least=-300, at_most=300))
    estimates: Literal["independent", "physical"] = attrs.field(
        default="independent", validator=choice("independent", "physical")
    )

    def __attrs_post_init__(self) -> None:
        self._check_users()
        if self.azimuths_deg is not None:
            self._refuse("azimuths_deg is given", "sector_deg")
        if self.pilot_length >= self.coherence_length:
            raise InputError(
                "pilot_length",
                f"must be less than coherence_length, which is {self.coherence_length}, got {self.pilot_length}",
            )

    def _check_users(self) -> None:
        lengths = {key: len(getattr(self, key)) for key in self.lists if getattr(self, key) is not None}
        if self.users is None and not lengths:
            listed = f"{', '.join(self.lists[:-1])} or {self.lists[-1]}"
            raise InputError("users", f"is required unless {listed} is given", missing=True)
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
        return next(len(given) for given in (getattr(self, key) for key in self.lists) if given is not None)

    def memory(self, array: Array) -> int:
        """Return about how many bytes the statistics of a drop take: covariances, filters, and pairs of users."""
        return 64 * self.count * array.n_elements**2 + 32 * self.count**2

    def _refuse(self, reason: str, *keys: str) -> None:
        """Refuse options that have no effect for a reason."""
        fields = attrs.fields_dict(type(self))
        for key in keys:
            if getattr(self, key) != fields[key].default:
                raise InputError(key, f"has no effect when {reason}, got {getattr(self, key)!r}")

    def azimuths(self, shares: FloatArray) -> FloatArray:
        """Return azimuths in degrees, given or for a share of the sector on one side of each user; (D, K)."""
        if self.azimuths_deg is not None:
            return np.tile(self.azimuths_deg, (len(shares), 1))
        return np.asarray(self.sector_deg * (shares - 0.5))

    def region(self, nearest: float, farthest: float) -> UserRegion | None:
        """Return where users are that are uniform between two distances unless given; None if all are given."""
        sector = 360.0 if self.azimuths_deg is not None else self.sector_deg
        if self.distances_m is None:
            return UserRegion(inner_m=nearest, outer_m=farthest, sector_deg=sector)
        if self.azimuths_deg is not None:
            return None
        return UserRegion(inner_m=min(self.distances_m), outer_m=max(self.distances_m), sector_deg=sector)

    def distances(self, areas: FloatArray, nearest: float, farthest: float) -> FloatArray:
        """Return horizontal distances, given or for a share of the cell's area nearer than each user; (D, K)."""
        if self.distances_m is not None:
            return np.tile(self.distances_m, (len(areas), 1))
        # Relative to the inner radius; uniform over the area means uniform in the squared distance.
        outer = np.float64(farthest / nearest) ** 2
        return np.asarray(nearest * np.sqrt(1 + areas * (outer - 1)))

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


def locate(azimuth_deg: FloatArray, distance: FloatArray, descent: float) -> tuple[FloatArray, FloatArray]:
    """Return the elevations in degrees and the positions of users below the base station; (D, K), (D, K, 3)."""
    turned = np.radians(azimuth_deg)
    positions = np.stack(
        [distance * np.sin(turned), np.full(distance.shape, -descent), distance * np.cos(turned)], -1
    )
    return np.asarray(90 + np.degrees(np.arctan2(descent, distance))), positions
