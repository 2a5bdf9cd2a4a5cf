r"""Large-scale parameters of users by step 4 of clause 7.5 of 3GPP TR 38.901."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from isacfw import FloatArray

from ._tr38901_path_loss import Deployment
from ._tr38901_tables import LARGEST_SPREADS_DEG, Condition, Scenario


@attrs.frozen(kw_only=True, eq=False)
class LargeScale:
    r"""Large-scale parameters of users.

    Parameters
    ----------
    visible : ndarray of bool, shape (D, K)
        Whether the user has a line of sight.
    shadowing_db : ndarray, shape (D, K)
        Shadow fading; positive values are gains.
    k_factor : ndarray, shape (D, K)
        Power :math:`\kappa` of the line of sight relative to all else; 0 without line of sight.
    azimuth_spread_deg, zenith_spread_deg : ndarray, shape (D, K)
        ASD and ZSD: root mean square deviations of the whole signal, line of sight included.
    zenith_offset_deg : ndarray, shape (D, K)
        Offset of the mean zenith angle from the user's direction.
    """

    visible: NDArray[np.bool_]
    shadowing_db: FloatArray
    k_factor: FloatArray
    azimuth_spread_deg: FloatArray
    zenith_spread_deg: FloatArray
    zenith_offset_deg: FloatArray

    @property
    def scattered_spreads_deg(self) -> tuple[FloatArray, FloatArray]:
        r"""Azimuth and zenith spread of what is scattered, :math:`\sqrt{1 + \kappa}` times those of the whole.

        The line of sight has :math:`\kappa / (1 + \kappa)` of the power and no deviation.
        """
        factor = np.sqrt(1 + self.k_factor)
        return factor * self.azimuth_spread_deg, factor * self.zenith_spread_deg


def large_scale_parameters(
    scenario: Scenario,
    deployment: Deployment,
    distance: FloatArray,
    *,
    visible: NDArray[np.bool_],
    normals: FloatArray,
) -> LargeScale:
    """Return the large-scale parameters for standard normal numbers.

    Parameters
    ----------
    distance, visible : ndarray, shape (D, K)
        Horizontal distances in metres, and whether there is a line of sight.
    normals : ndarray, shape (D, K, 4)
        Independent standard normal numbers.
    """
    cases = [
        _parameters(condition, scenario, deployment, distance, normals)
        for condition in (scenario.line_of_sight, scenario.obstructed)
    ]
    shadowing, k_factor, azimuth, zenith, offset = (np.where(visible, *both) for both in zip(*cases, strict=True))
    return LargeScale(
        visible=visible,
        shadowing_db=shadowing,
        k_factor=k_factor,
        azimuth_spread_deg=azimuth,
        zenith_spread_deg=zenith,
        zenith_offset_deg=offset,
    )


def _parameters(
    condition: Condition, scenario: Scenario, deployment: Deployment, distance: FloatArray, normals: FloatArray
) -> tuple[FloatArray, ...]:
    """Return SF in dB, K, ASD and ZSD in degrees, and the zenith offset; (D, K) each."""
    drawn = np.stack([(normals * row).sum(axis=-1) for row in condition.root], axis=-1)
    lg = math.log10(max(deployment.carrier_ghz, scenario.lowest_ghz) + scenario.added_ghz)
    mean, deviation = (
        constant + slope * lg for constant, slope in (condition.azimuth_mean, condition.azimuth_deviation)
    )
    azimuth = 10 ** (mean + deviation * drawn[..., 2])
    zenith_mean = condition.zenith_mean(distance, deployment.base_height_m, deployment.user_height_m)
    zenith = 10 ** (zenith_mean + condition.zenith_deviation * drawn[..., 3])
    if condition.k_factor_db is None:
        k_factor = np.zeros_like(distance)
    else:
        k_factor = 10 ** ((condition.k_factor_db[0] + condition.k_factor_db[1] * drawn[..., 1]) / 10)
    return (
        condition.shadowing_db * drawn[..., 0],
        k_factor,
        np.minimum(azimuth, LARGEST_SPREADS_DEG[0]),
        np.minimum(zenith, LARGEST_SPREADS_DEG[1]),
        condition.zenith_offset(distance, deployment.user_height_m, deployment.carrier_ghz),
    )
