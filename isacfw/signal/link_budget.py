"""Link budgets: carrier, bandwidth, powers and noise, from which all numbers relative to the noise follow."""

from __future__ import annotations

import math
from typing import Any

import attrs

from ..base.validators import number, real

SPEED_OF_LIGHT_M_S = 299_792_458.0
"""Speed of light in vacuum, exact by the definition of the metre."""

BOLTZMANN_J_K = 1.380649e-23
"""Boltzmann constant, exact by the definition of the kelvin."""

TEMPERATURE_K = 290.0
"""Reference temperature of noise figures (IEEE)."""

_POWER = number(at_least=-200, at_most=200)
_FIGURE = number(at_least=0, at_most=100)
_GAIN = number(at_least=-100, at_most=100)


def _frequency(at_least: float) -> Any:
    """Return a field in Hz whose least value is above any number that is meant in GHz or MHz."""
    return attrs.field(converter=real, validator=number(at_least=at_least, at_most=1e15))


def _decibels(validator: Any, default: Any = attrs.NOTHING) -> Any:
    return attrs.field(default=default, converter=real, validator=validator)


@attrs.frozen(kw_only=True)
class LinkBudget:
    r"""Carrier, bandwidth, powers, noise and element gains, in place of ``snr_db`` and ``pilot_snr_db``.

    Parameters
    ----------
    carrier_hz, bandwidth_hz : float
        Carrier frequency and bandwidth in Hz.
    transmit_power_dbm : float
        Transmit power :math:`P_t` of the base station in dBm.
    pilot_power_dbm : float
        Power of a pilot symbol of a user in dBm.
    user_noise_figure_db, station_noise_figure_db : float
        Noise figures of the users' receivers and of the base station's in dB; 0, an ideal receiver, by default.
    transmit_element_gain_dbi, receive_element_gain_dbi, user_gain_dbi : float
        Gains of an element of the transmit and of the receive array, and of a user's antenna, in dBi, in all
        directions alike; 0 by default.

    Notes
    -----
    Noise powers are :math:`k T B F` with :math:`T = 290` K. Large-scale fading then is a path gain, and powers
    are relative to the users' noise: :math:`\mathrm{SNR} = P_t G_t G_u / N_u`. The reflection coefficient of a
    target of radar cross section σ at the distance d absorbs the ratio of noise powers,

    .. math:: |\alpha|^2 = \frac{\lambda^2 \sigma}{(4 \pi)^3 d^4} \frac{G_r N_u}{G_u N_b},

    so that the power of an echo is relative to the noise at the base station.
    """

    carrier_hz: float = _frequency(1e6)
    bandwidth_hz: float = _frequency(1e3)
    transmit_power_dbm: float = _decibels(_POWER)
    pilot_power_dbm: float = _decibels(_POWER)
    user_noise_figure_db: float = _decibels(_FIGURE, 0.0)
    station_noise_figure_db: float = _decibels(_FIGURE, 0.0)
    transmit_element_gain_dbi: float = _decibels(_GAIN, 0.0)
    receive_element_gain_dbi: float = _decibels(_GAIN, 0.0)
    user_gain_dbi: float = _decibels(_GAIN, 0.0)

    @property
    def wavelength_m(self) -> float:
        """Wavelength in metres."""
        return SPEED_OF_LIGHT_M_S / self.carrier_hz

    @property
    def user_noise_dbm(self) -> float:
        """Noise power at a user in dBm."""
        return self._thermal_noise_dbm + self.user_noise_figure_db

    @property
    def station_noise_dbm(self) -> float:
        """Noise power at an element of the base station in dBm."""
        return self._thermal_noise_dbm + self.station_noise_figure_db

    @property
    def _thermal_noise_dbm(self) -> float:
        return 10 * math.log10(BOLTZMANN_J_K * TEMPERATURE_K * self.bandwidth_hz) + 30

    @property
    def snr_db(self) -> float:
        """SNR of a user at unit path gain in dB, for the whole transmit power from one element."""
        gains = self.transmit_element_gain_dbi + self.user_gain_dbi
        return self.transmit_power_dbm + gains - self.user_noise_dbm

    @property
    def pilot_snr_db(self) -> float:
        """SNR of a pilot at unit path gain in dB."""
        gains = self.transmit_element_gain_dbi + self.user_gain_dbi
        return self.pilot_power_dbm + gains - self.station_noise_dbm

    def free_space_loss_db(self, distance_m: float) -> float:
        """Return the path loss in free space in dB, by the equation of Friis for isotropic antennas."""
        return 20 * math.log10(4 * math.pi * distance_m / self.wavelength_m)

    def reflection_amplitude(self, cross_section_m2: float, distance_m: float) -> float:
        r"""Return :math:`|\alpha|` of a target by the radar equation.

        Parameters
        ----------
        cross_section_m2 : float
            Radar cross section in m².
        distance_m : float
            Distance of the target in metres.
        """
        gain_db = 10 * math.log10(self.wavelength_m**2 * cross_section_m2 / (4 * math.pi) ** 3)
        gain_db += self.receive_element_gain_dbi - self.user_gain_dbi
        gain_db += self.user_noise_dbm - self.station_noise_dbm - 40 * math.log10(distance_m)
        return float(10 ** (gain_db / 20))
