"""Tables of 3GPP TR 38.901, Releases 16 to 18, for the large-scale parameters of UMa, UMi and InF.

Angular spreads are at the base station, the departure side of the report. Delays and the spreads at the users
have no effect on flat fading of single antennas and are left out, so the parameters of a user are shadow fading
SF, K factor, ASD and ZSD, in the report's order.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
import numpy as np

from isacfw import FloatArray

PARAMETERS = ("shadowing", "k_factor", "azimuth_spread", "zenith_spread")
"""Correlated parameters, in the order of step 4 of clause 7.5."""

LARGEST_SPREADS_DEG = 104.0, 52.0
"""Largest azimuth and zenith spread of departure, step 4 of clause 7.5."""


@attrs.frozen(kw_only=True)
class Condition:
    r"""Large-scale parameters with, or without, line of sight: Tables 7.4.1-1, 7.5-6 and 7.5-7 to 7.5-11.

    Parameters
    ----------
    shadowing_db : float
        Standard deviation of the shadow fading.
    k_factor_db : tuple of float, optional
        Mean and standard deviation of the K factor; None without line of sight.
    azimuth_mean, azimuth_deviation : tuple of float
        Mean and standard deviation of :math:`\lg(\mathrm{ASD}/1°)`: a constant and a slope over
        :math:`\lg(f + f_0)` with the carrier in GHz.
    zenith_mean : callable
        Mean of :math:`\lg(\mathrm{ZSD}/1°)` for horizontal distances in metres and the heights of base station
        and user.
    zenith_deviation : float
        Standard deviation of the same.
    zenith_offset : callable
        Offset of the zenith angle in degrees for horizontal distances in metres, the user's height, and the
        carrier in GHz.
    correlations : dict
        Correlations of pairs of `PARAMETERS` that are not 0.
    """

    shadowing_db: float
    k_factor_db: tuple[float, float] | None = None
    azimuth_mean: tuple[float, float]
    azimuth_deviation: tuple[float, float]
    zenith_mean: Callable[[FloatArray, float, float], FloatArray]
    zenith_deviation: float
    zenith_offset: Callable[[FloatArray, float, float], FloatArray]
    correlations: dict[tuple[str, str], float]

    @property
    def root(self) -> FloatArray:
        """Cholesky root of the correlations of `PARAMETERS`; (4, 4)."""
        matrix = np.eye(len(PARAMETERS))
        for (first, second), value in self.correlations.items():
            place = PARAMETERS.index(first), PARAMETERS.index(second)
            matrix[place] = matrix[place[::-1]] = value
        return np.asarray(np.linalg.cholesky(matrix))


@attrs.frozen(kw_only=True)
class Scenario:
    r"""A scenario of the report: how its users see the base station, and over which ranges it holds.

    Parameters
    ----------
    line_of_sight, obstructed : Condition
        Parameters with and without line of sight.
    lowest_ghz : float
        Carrier below which spreads are those at this carrier, in GHz (notes of Table 7.5-6).
    added_ghz : float
        The frequency :math:`f_0` of :class:`Condition`.
    heights_m : tuple of float or None
        Heights of base station and user, None if the report has none (clause 7.2).
    radii_m : tuple of float
        Smallest and largest horizontal distance of users (clauses 7.2 and 7.8).
    clutter : tuple of float, optional
        Density, size and height of the clutter in an indoor factory (Tables 7.2-4 and 7.8-7); None without.
    """

    line_of_sight: Condition
    obstructed: Condition
    lowest_ghz: float
    added_ghz: float
    heights_m: tuple[float, float | None]
    radii_m: tuple[float, float]
    clutter: tuple[float, float, float] | None = None


def _none(distance: FloatArray, _user_height: float, _carrier_ghz: float) -> FloatArray:
    return np.zeros_like(distance)


def _constant(value: float) -> Callable[[FloatArray, float, float], FloatArray]:
    def mean(distance: FloatArray, _base_height: float, _user_height: float) -> FloatArray:
        return np.full_like(distance, value)

    return mean


def _uma_zenith_mean(constant: float) -> Callable[[FloatArray, float, float], FloatArray]:
    def mean(distance: FloatArray, _base_height: float, user_height: float) -> FloatArray:
        return np.maximum(-0.5, -2.1 * distance / 1000 - 0.01 * (user_height - 1.5) + constant)

    return mean


def _uma_zenith_offset(distance: FloatArray, user_height: float, carrier_ghz: float) -> FloatArray:
    lg = math.log10(max(carrier_ghz, 6.0))
    exponent = (0.208 * lg - 0.782) * np.log10(np.maximum(25, distance))
    exponent += -0.13 * lg + 2.03 - 0.07 * (user_height - 1.5)
    return np.asarray(7.66 * lg - 5.96 - 10**exponent)


def _umi_visible_zenith_mean(distance: FloatArray, base_height: float, user_height: float) -> FloatArray:
    return np.maximum(-0.21, -14.8 * distance / 1000 + 0.01 * abs(user_height - base_height) + 0.83)


def _umi_obstructed_zenith_mean(distance: FloatArray, base_height: float, user_height: float) -> FloatArray:
    return np.maximum(-0.5, -3.1 * distance / 1000 + 0.01 * max(user_height - base_height, 0.0) + 0.2)


def _umi_zenith_offset(distance: FloatArray, _user_height: float, _carrier_ghz: float) -> FloatArray:
    return np.asarray(-(10 ** (-1.5 * np.log10(np.maximum(10, distance)) + 3.3)))


_UMA = Scenario(
    line_of_sight=Condition(
        shadowing_db=4.0,
        k_factor_db=(9.0, 3.5),
        azimuth_mean=(1.06, 0.1114),
        azimuth_deviation=(0.28, 0.0),
        zenith_mean=_uma_zenith_mean(0.75),
        zenith_deviation=0.40,
        zenith_offset=_none,
        correlations={("shadowing", "azimuth_spread"): -0.5, ("azimuth_spread", "zenith_spread"): 0.5},
    ),
    obstructed=Condition(
        shadowing_db=6.0,
        azimuth_mean=(1.5, -0.1144),
        azimuth_deviation=(0.28, 0.0),
        zenith_mean=_uma_zenith_mean(0.9),
        zenith_deviation=0.49,
        zenith_offset=_uma_zenith_offset,
        correlations={("shadowing", "azimuth_spread"): -0.6, ("azimuth_spread", "zenith_spread"): 0.5},
    ),
    lowest_ghz=6.0,
    added_ghz=0.0,
    heights_m=(25.0, 1.5),
    radii_m=(35.0, 250.0),
)

_UMI = Scenario(
    line_of_sight=Condition(
        shadowing_db=4.0,
        k_factor_db=(9.0, 5.0),
        azimuth_mean=(1.21, -0.05),
        azimuth_deviation=(0.41, 0.0),
        zenith_mean=_umi_visible_zenith_mean,
        zenith_deviation=0.35,
        zenith_offset=_none,
        correlations={
            ("shadowing", "k_factor"): 0.5,
            ("shadowing", "azimuth_spread"): -0.5,
            ("k_factor", "azimuth_spread"): -0.2,
            ("azimuth_spread", "zenith_spread"): 0.5,
        },
    ),
    obstructed=Condition(
        shadowing_db=7.82,
        azimuth_mean=(1.53, -0.23),
        azimuth_deviation=(0.33, 0.11),
        zenith_mean=_umi_obstructed_zenith_mean,
        zenith_deviation=0.35,
        zenith_offset=_umi_zenith_offset,
        correlations={("azimuth_spread", "zenith_spread"): 0.5},
    ),
    lowest_ghz=2.0,
    added_ghz=1.0,
    heights_m=(10.0, 1.5),
    radii_m=(10.0, 100.0),
)


def _factory(
    shadowing_db: float,
    heights_m: tuple[float, float | None],
    radius_m: float,
    clutter: tuple[float, float, float] | None = None,
) -> Scenario:
    """Return a variant of the indoor factory; all share their spreads."""
    return Scenario(
        line_of_sight=Condition(
            shadowing_db=4.3,
            k_factor_db=(7.0, 8.0),
            azimuth_mean=(1.56, 0.0),
            azimuth_deviation=(0.25, 0.0),
            zenith_mean=_constant(1.35),
            zenith_deviation=0.35,
            zenith_offset=_none,
            correlations={("k_factor", "azimuth_spread"): -0.5},
        ),
        obstructed=Condition(
            shadowing_db=shadowing_db,
            azimuth_mean=(1.57, 0.0),
            azimuth_deviation=(0.2, 0.0),
            zenith_mean=_constant(1.2),
            zenith_deviation=0.55,
            zenith_offset=_none,
            correlations={},
        ),
        lowest_ghz=0.5,
        added_ghz=1.0,
        heights_m=heights_m,
        radii_m=(1.0, radius_m),
        clutter=clutter,
    )


SCENARIOS: dict[str, Scenario] = {
    "uma": _UMA,
    "umi": _UMI,
    "inf_sl": _factory(5.7, (1.5, 1.5), 10.0, (0.2, 10.0, 2.0)),
    "inf_dl": _factory(7.2, (1.5, 1.5), 25.0, (0.6, 2.0, 6.0)),
    "inf_sh": _factory(5.9, (8.0, 1.5), 25.0, (0.2, 10.0, 2.0)),
    "inf_dh": _factory(4.0, (8.0, 1.5), 10.0, (0.6, 2.0, 6.0)),
    "inf_hh": _factory(4.3, (8.0, None), 10.0),
}
