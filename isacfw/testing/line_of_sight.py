"""A channel for scripts and tests: a line of sight with scattering, which is not Rayleigh fading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self, final

import attrs
import numpy as np
from numpy.random import Generator

from ..base.errors import InputError
from ..base.numbers import ComplexArray, FloatArray
from ..base.validators import each, number, real, reals
from ..signal.array import Array, Direction
from ..signal.channel import Channel, complex_normal
from ..signal.drops import Drop
from ..signal.statistics import ChannelStatistics


@final
@attrs.frozen(kw_only=True)
class LineOfSight(Channel):
    r"""Users in given directions: a plane wave of random or known phase, and scattering in all directions.

    Parameters
    ----------
    azimuth_deg, elevation_deg : sequence of float
        Direction of each user in degrees, see :class:`~isacfw.Direction`.
    large_scale_fading : sequence of float
        :math:`\beta_k` of each user, relative to the noise. The same in every drop.
    k_factor : float
        Power :math:`\kappa` of the line of sight relative to that of the scattering: 1 for half of the power, 0
        for Rayleigh fading.
    quality : float
        Fraction :math:`\eta` of the scattered power in the estimate. The line of sight is known.
    random_phase : bool
        Whether the phase of the line of sight is uniform and changes from draw to draw. If not, it is fixed, and
        the base station knows the mean of the channel.

    Notes
    -----
    With independent :math:`g_k, e_k \sim \mathcal{CN}(0, I)`, the steering vector :math:`a_k` and the phase
    :math:`\psi_k`, uniform or 0,

    .. math::

        \hat h_k &= \sqrt{\beta_k \kappa / (\kappa + 1)}\, e^{j\psi_k} a_k + \sqrt{\xi_k - \beta_k \kappa /
            (\kappa + 1)}\, g_k, \\
        h_k &= \hat h_k + \sqrt{\epsilon_k}\, e_k, \qquad \epsilon_k = (1 - \eta) \beta_k / (\kappa + 1),
            \quad \xi_k = \beta_k - \epsilon_k .

    The error is independent of the estimate, which is therefore the MMSE estimate.
    """

    name: ClassVar[str] = "line_of_sight"

    azimuth_deg: tuple[float, ...] = attrs.field(
        default=(-5.739, 0.0, 2.866), converter=reals, validator=each(number(at_least=-180, at_most=180))
    )
    elevation_deg: tuple[float, ...] = attrs.field(
        default=(90.0, 90.0, 90.0), converter=reals, validator=each(number(at_least=-180, at_most=180))
    )
    large_scale_fading: tuple[float, ...] = attrs.field(
        default=(2.0, 0.7, 0.3), converter=reals, validator=each(number(above=0))
    )
    k_factor: float = attrs.field(default=1.0, converter=real, validator=number(at_least=0))
    quality: float = attrs.field(default=0.9, converter=real, validator=number(above=0, at_most=1))
    random_phase: bool = True

    def __attrs_post_init__(self) -> None:
        users = len(self.large_scale_fading)
        for key in ("azimuth_deg", "elevation_deg"):
            if len(getattr(self, key)) != users:
                raise InputError(
                    key,
                    f"must have as many entries as large_scale_fading, {users}, got {len(getattr(self, key))}",
                )

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return channels with random and with known phase, and one near pure Rayleigh fading."""
        return cls(), cls(random_phase=False), cls(k_factor=0.1)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Directions of the users."""
        pairs = zip(self.azimuth_deg, self.elevation_deg, strict=True)
        return tuple(Direction(azimuth_deg=azimuth, elevation_deg=elevation) for azimuth, elevation in pairs)

    def _waves(self, array: Array) -> ComplexArray:
        """Return the plane waves of the users; (N, K)."""
        amplitude = np.sqrt(np.array(self.large_scale_fading) * self.k_factor / (self.k_factor + 1))
        return amplitude * np.stack([array.steering_vector(one) for one in self.directions], axis=-1)

    @property
    def _scattered(self) -> FloatArray:
        """Power of the scattering at each antenna; (K,)."""
        return np.asarray(np.array(self.large_scale_fading) / (self.k_factor + 1))

    def statistics(self, drops: Sequence[Drop], array: Array) -> ChannelStatistics:
        """Return the statistics, the same in all drops; (1, K)."""
        beta = np.array([self.large_scale_fading])
        epsilon = (1 - self.quality) * self._scattered[None]
        means = None if self.random_phase else self._waves(array).T[None]
        return ChannelStatistics(beta=beta, xi=beta - epsilon, epsilon=epsilon, prelog=0.9, means=means)

    def draw(
        self, statistics: ChannelStatistics, array: Array, draws: int, generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        """Draw plane waves with scattering, and independent errors; (M, ..., N, K)."""
        shape = (draws, *statistics.beta.shape[:-1], array.n_elements, statistics.users)
        waves = self._waves(array)
        if self.random_phase:
            waves = waves * np.exp(2j * np.pi * generator.random((*shape[:-2], 1, shape[-1])))
        estimates = waves + np.sqrt(self.quality * self._scattered) * complex_normal(shape, generator)
        errors = np.sqrt((1 - self.quality) * self._scattered) * complex_normal(shape, generator)
        return estimates + errors, estimates
