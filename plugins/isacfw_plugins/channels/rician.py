"""Rician fading of users at random or given positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import Array, ChannelStatistics, Drop
from isacfw.validators import choice, number, real

from ._scattering import SCATTERING, ScatteringChannel, steering_vectors


@final
@attrs.frozen(kw_only=True)
class Rician(ScatteringChannel):
    r"""Rician fading: a line of sight from the users' positions, and independent or correlated scattering.

    Parameters
    ----------
    k_factor_db : float
        Power :math:`\kappa` of the line of sight relative to that of the scattering, in dB.
    scattering : {"independent", "gaussian", "laplace", "uniform", "one_ring", "exponential"}
        Covariances of the scattering: equal and independent at all antennas, or as for `correlated`.
    spread_deg, elevation_spread_deg, ring_radius_m, correlation
        As for `correlated`.
    users, large_scale_fading, azimuths_deg, distances_m, sector_deg, base_station_height_m, user_height_m
        As for `correlated`.
    cell_radius_m, min_distance_m, path_loss_exponent, shadowing_db, path_loss_db
        As for `correlated`.
    pilot_length, coherence_length, pilot_snr_db, estimates
        As for `correlated`.

    Notes
    -----
    .. math:: h_k = \sqrt{\beta_k \kappa / (1 + \kappa)}\,a(\theta_k, \phi_k) + R_k^{1/2} z_k / \sqrt{1 + \kappa}

    with the steering vector a of the transmit array and the covariance :math:`R_k` of the scattering,
    :math:`\beta_k I` if it is independent. The line of sight and its phase are known to the base station.
    """

    name: ClassVar[str] = "rician"

    scattering: str = attrs.field(default="independent", validator=choice("independent", *SCATTERING))
    k_factor_db: float = attrs.field(default=9.0, converter=real, validator=number(at_least=-300, at_most=300))

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return channels with independent and with correlated scattering."""
        return (
            cls(users=3),
            cls(
                azimuths_deg=(-35.0, 10.0, 50.0),
                distances_m=(150.0, 400.0, 200.0),
                shadowing_db=0.0,
                k_factor_db=0.0,
            ),
            cls(users=4, scattering="gaussian", k_factor_db=3.0, pilot_length=2, estimates="physical"),
        )

    def statistics(self, drops: Sequence[Drop], array: Array) -> ChannelStatistics:
        """Return positions, means, covariances and estimation quality of each drop; (D, K) or (1, K)."""
        users = self.place(drops)
        ratio = 10 ** (self.k_factor_db / 10)
        means = np.sqrt(users.beta * (ratio / (1 + ratio)))[..., None] * steering_vectors(users, array)
        scattered = users.beta / (1 + ratio)
        return self.estimate(users, scattered[..., None, None] * self.correlations(users, array), means)


@isacfw.hookimpl
def register_channels() -> list[type[isacfw.Channel]]:
    """Register Rician fading."""
    return [Rician]
