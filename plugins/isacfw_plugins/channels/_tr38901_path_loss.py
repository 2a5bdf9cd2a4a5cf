r"""Path loss and line-of-sight probability of 3GPP TR 38.901, Tables 7.4.1-1 and 7.4.2-1.

Distances and heights are in metres, carriers in GHz, losses in dB. The breakpoint distance is

.. math:: d_\mathrm{BP} = 4 (h_\mathrm{BS} - h_\mathrm{E}) (h_\mathrm{UT} - h_\mathrm{E}) f / c,
   \quad c = 3 \cdot 10^8\,\mathrm{m/s},

with the effective environment height :math:`h_\mathrm{E}`.
"""

from __future__ import annotations

import math

import attrs
import numpy as np

from isacfw import FloatArray

_SPEED_OF_LIGHT = 3.0e8
"""Rounded as in the report."""


@attrs.frozen(kw_only=True)
class Deployment:
    """What determines path losses and lines of sight, besides the distance.

    Parameters
    ----------
    scenario : str
        Name of the scenario.
    carrier_ghz : float
        Carrier frequency.
    base_height_m, user_height_m : float
        Heights of base station and users.
    clutter_density, clutter_size_m, clutter_height_m : float
        Share of the area that clutter covers, its size and its height; NaN without clutter.
    """

    scenario: str
    carrier_ghz: float
    base_height_m: float
    user_height_m: float
    clutter_density: float = math.nan
    clutter_size_m: float = math.nan
    clutter_height_m: float = math.nan

    @property
    def descent(self) -> float:
        """Height of the base station above the users."""
        return self.base_height_m - self.user_height_m


def line_of_sight_probability(deployment: Deployment, distance: FloatArray) -> FloatArray:
    """Return the probability of a line of sight at horizontal distances; of the same shape."""
    if deployment.scenario == "inf_hh":
        return np.ones_like(distance)
    if deployment.scenario in ("uma", "umi"):
        decay = 63 if deployment.scenario == "uma" else 36
        near = 18 / np.maximum(distance, 18)
        found = near + np.exp(-distance / decay) * (1 - near)
        if deployment.scenario == "uma":
            # The factor is 1 up to 18 m too, by the definition of g.
            found = found * (1 + _height_factor(deployment.user_height_m) * _distance_factor(distance))
        return np.asarray(found)
    scale = -deployment.clutter_size_m / math.log1p(-deployment.clutter_density)
    if deployment.scenario in ("inf_sh", "inf_dh"):
        scale *= deployment.descent / (deployment.clutter_height_m - deployment.user_height_m)
    return np.asarray(np.exp(-distance / scale))


def _height_factor(user_height: float) -> float:
    r"""Return :math:`((h_\mathrm{UT} - 13) / 10)^{1.5}`, 0 below 13 m."""
    return float(max((user_height - 13) / 10, 0.0) ** 1.5)


def _distance_factor(distance: FloatArray) -> FloatArray:
    r"""Return :math:`g(d) = \frac54 (d / 100)^3 e^{-d / 150}`, 0 up to 18 m."""
    return np.where(distance > 18, 1.25 * (distance / 100) ** 3 * np.exp(-distance / 150), 0.0)


def environment_heights(deployment: Deployment, distance: FloatArray, draws: FloatArray) -> FloatArray:
    r"""Return effective environment heights :math:`h_\mathrm{E}`, note 1 of Table 7.4.1-1.

    1 m, but for users of UMa at 13 m and above only with a probability of
    :math:`1 / (1 + ((h_\mathrm{UT} - 13) / 10)^{1.5} g(d))`, and otherwise one of 12, 15, ... m, up to 1.5 m
    below the user, with equal probability. Users below 13.5 m, for whom this list is empty, have 12 m.

    Parameters
    ----------
    distance : ndarray, shape (...)
        Horizontal distances.
    draws : ndarray, shape (..., 2)
        Uniform numbers for whether it is 1 m, and for which other height it is.
    """
    if deployment.scenario != "uma" or deployment.user_height_m < 13:
        return np.ones_like(distance)
    count = max(math.floor((deployment.user_height_m - 1.5 - 12) / 3) + 1, 1)
    others = 12 + 3 * np.floor(count * draws[..., 1])
    probability = 1 / (1 + _height_factor(deployment.user_height_m) * _distance_factor(distance))
    return np.where(draws[..., 0] < probability, 1.0, others)


def path_losses(
    deployment: Deployment, distance: FloatArray, environment_height: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return path losses with and without line of sight at horizontal distances; of the same shape."""
    distance_3d = np.hypot(distance, deployment.descent)
    along, carrier = np.log10(distance_3d), 20 * math.log10(deployment.carrier_ghz)
    if deployment.scenario == "uma":
        visible = _two_slopes(deployment, distance, environment_height, (28.0, 22.0, 9.0))
        hidden = 13.54 + 39.08 * along + carrier - 0.6 * (deployment.user_height_m - 1.5)
    elif deployment.scenario == "umi":
        visible = _two_slopes(deployment, distance, environment_height, (32.4, 21.0, 9.5))
        hidden = 22.4 + 35.3 * along + 1.065 * carrier - 0.3 * (deployment.user_height_m - 1.5)
    else:
        visible = 31.84 + 21.5 * along + 0.95 * carrier
        hidden = _hidden_in_factory(deployment.scenario, along) + carrier
    return np.asarray(visible), np.maximum(visible, hidden)


def _two_slopes(
    deployment: Deployment,
    distance: FloatArray,
    environment_height: FloatArray,
    constants: tuple[float, float, float],
) -> FloatArray:
    """Return the loss below and beyond the breakpoint, from its constant, its first slope and a correction."""
    constant, slope, correction = constants
    along = np.log10(np.hypot(distance, deployment.descent))
    effective = (deployment.base_height_m - environment_height) * (deployment.user_height_m - environment_height)
    breakpoint_distance = 4 * effective * (deployment.carrier_ghz * 1e9 / _SPEED_OF_LIGHT)
    beyond = 40 * along - correction * np.log10(breakpoint_distance**2 + deployment.descent**2)
    carrier = 20 * math.log10(deployment.carrier_ghz)
    return constant + carrier + np.where(distance <= breakpoint_distance, slope * along, beyond)


def _hidden_in_factory(scenario: str, along: FloatArray) -> FloatArray:
    """Return the loss without line of sight in an indoor factory, less the term of the carrier."""
    sparse_low = 33.0 + 25.5 * along
    if scenario == "inf_dl":
        return np.maximum(18.6 + 35.7 * along, sparse_low)
    if scenario == "inf_sh":
        return np.asarray(32.4 + 23.0 * along)
    if scenario == "inf_dh":
        return np.asarray(33.63 + 21.9 * along)
    # Users of InF-HH all have a line of sight.
    return np.asarray(sparse_low)
