"""Correlated Rayleigh fading of users at random or given positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self, final

import attrs

import isacfw
from isacfw import Array, ChannelStatistics, Drop

from ._scattering import ScatteringChannel


@final
@attrs.frozen(kw_only=True)
class Correlated(ScatteringChannel):
    r"""Correlated Rayleigh fading: local scattering, one ring, or exponential correlation.

    Parameters
    ----------
    scattering : {"gaussian", "laplace", "uniform", "one_ring", "exponential"}
        Model of the covariances: a distribution of the angles of arrival about the user's direction, scatterers
        on a ring about the user, or an exponential decay with the distance between antennas.
    spread_deg, elevation_spread_deg : float
        Standard deviations of azimuth and elevation of arrival, for the angular distributions.
    ring_radius_m : float
        Radius of the ring of scatterers about each user, for ``"one_ring"``.
    correlation : float
        Correlation of neighbours at half a wavelength, for ``"exponential"``.
    users : int, optional
        Number of users K; may be omitted if a list with an entry per user is given.
    large_scale_fading, azimuths_deg, distances_m : sequence of float, optional
        :math:`\beta_k`, azimuths and horizontal distances of the users, the same in every drop; what is not given
        is random.
    sector_deg : float
        Width of the sector of the users, centred about broadside.
    base_station_height_m, user_height_m : float
        Heights of the base station and of all users. At equal heights, all elevations are 90 degrees.
    cell_radius_m, min_distance_m, path_loss_exponent, shadowing_db, path_loss_db : float
        Largest and smallest horizontal distance of the users, exponent of the path loss, standard deviation of
        the shadowing, and path loss at the smallest distance, as for `rayleigh`.
    pilot_length, coherence_length, pilot_snr_db, estimates
        As for `rayleigh`.

    Notes
    -----
    :math:`h_k = R_k^{1/2} z_k`; :class:`ScatteringChannel` has the covariances :math:`R_k`,
    :class:`CellChannel` the users. Estimates are MMSE estimates from pilots.
    """

    name: ClassVar[str] = "correlated"

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return one channel for each model of scattering, with random and with given users."""
        return (
            cls(users=3, elevation_spread_deg=4.0, base_station_height_m=25.0),
            cls(azimuths_deg=(-35.0, 10.0, 50.0), large_scale_fading=(1.0, 0.5, 0.1), scattering="laplace"),
            cls(
                large_scale_fading=(1.0, 0.5, 0.2, 0.1),
                scattering="uniform",
                spread_deg=30.0,
                pilot_length=2,
                estimates="physical",
            ),
            cls(users=3, scattering="one_ring", ring_radius_m=60.0),
            cls(users=3, scattering="exponential", correlation=0.9, pilot_snr_db=0.0),
        )

    def statistics(self, drops: Sequence[Drop], array: Array) -> ChannelStatistics:
        """Return positions, covariances and estimation quality of each drop; (D, K) or (1, K)."""
        users = self.place(drops)
        return self.estimate(users, users.beta[..., None, None] * self.correlations(users, array))


@isacfw.hookimpl
def register_channels() -> list[type[isacfw.Channel]]:
    """Register correlated fading."""
    return [Correlated]
