"""Users of a cell whose large-scale fading follows from a path-loss exponent and shadowing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import attrs
import numpy as np

from isacfw import Drop, Drops, InputError, LinkBudget, UserRegion
from isacfw.validators import each, number, optional, real, reals

from ._users import CellUsers, PlacedChannel, locate


@attrs.frozen(kw_only=True)
class CellChannel(PlacedChannel):
    r"""Abstract base class of Gaussian channels that follow from where the users are.

    Parameters
    ----------
    large_scale_fading : sequence of float, optional
        :math:`\beta_k`, the same in every drop. Otherwise it follows from distances and shadowing.
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
    users, azimuths_deg, distances_m, sector_deg, pilot_length, coherence_length, pilot_snr_db, estimates
        As for :class:`PlacedChannel`; with given `large_scale_fading`, users without `distances_m` are at unknown
        distances.

    Notes
    -----
    :math:`\beta_k = z_k (r_k / r_h)^{-\nu}` with the distance :math:`r_k`, heights included, and the smallest
    horizontal distance :math:`r_h`, divided by the path loss at :math:`r_h` if there is one. User k of a drop is
    the same for any number of users.
    """

    lists: ClassVar[tuple[str, ...]] = ("large_scale_fading", *PlacedChannel.lists)

    large_scale_fading: tuple[float, ...] | None = attrs.field(
        default=None, converter=reals, validator=optional(each(number(above=0)))
    )
    base_station_height_m: float = attrs.field(default=1.5, converter=real, validator=number(at_least=0))
    user_height_m: float = attrs.field(default=1.5, converter=real, validator=number(at_least=0))
    cell_radius_m: float = attrs.field(default=1000.0, converter=real, validator=number(above=0))
    min_distance_m: float = attrs.field(default=100.0, converter=real, validator=number(above=0))
    path_loss_exponent: float = attrs.field(default=3.2, converter=real, validator=number(at_least=0))
    shadowing_db: float = attrs.field(default=7.0, converter=real, validator=number(at_least=0))
    path_loss_db: float | None = attrs.field(
        default=None, converter=real, validator=optional(number(at_least=-300, at_most=300))
    )

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.large_scale_fading is not None:
            self._refuse("large_scale_fading is given", "path_loss_exponent", "shadowing_db", "path_loss_db")
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

    @property
    def _need_of_distances(self) -> str:
        """Which option needs distances, as the end of a message; empty if there is none."""
        return "heights that differ" if self.base_station_height_m != self.user_height_m else ""

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
        found = Drops.of(drops[:1] if self._all_given else drops)
        drawn, shadows = found.uniform((self.count, 2)), found.normal(self.count)
        azimuth = self.azimuths(drawn[..., 1])
        descent = self.base_station_height_m - self.user_height_m
        elevation, positions, distance = np.full(azimuth.shape, 90.0), None, None
        if self.distances_m is not None or self.large_scale_fading is None:
            distance = self.distances(drawn[..., 0], self.min_distance_m, self.cell_radius_m)
            elevation, positions = locate(azimuth, distance, descent)
        if self.large_scale_fading is not None:
            beta = np.tile(self.large_scale_fading, (len(found), 1))
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

    def user_region(self) -> UserRegion | None:
        """Return the sector of the cell; None if distances are unknown, or all users have given places."""
        if self.distances_m is None and self.large_scale_fading is not None:
            return None
        return self.region(self.min_distance_m, self.cell_radius_m)

    @property
    def _all_given(self) -> bool:
        if self.azimuths_deg is None:
            return False
        return self.large_scale_fading is not None or (self.distances_m is not None and self.shadowing_db == 0)
