"""Channels and precoders of the tests that are not isotropic, and scenes without a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import attrs
import numpy as np
from numpy.random import Generator

from isacfw import Array, Channel, ChannelStatistics, ComplexArray, Direction, Drop, Precoder, Scene
from isacfw.signal.channel import complex_normal
from isacfw.signal.statistics import FadingSource, drops_of
from isacfw_plugins.arrays.ula import ULA

TARGET = Direction(azimuth_deg=20.0, elevation_deg=70.0)


def scene(
    statistics: ChannelStatistics,
    array: Array | int = 10,
    *,
    targets: tuple[Direction, ...] = (TARGET,),
    beams: tuple[Direction, ...] | None = None,
    power: float = 10.0,
) -> Scene:
    """Return a scene for statistics; a number stands for a linear array of as many elements."""
    array = ULA(elements=array) if isinstance(array, int) else array
    return Scene(
        array=array,
        statistics=statistics,
        targets=targets,
        beams=targets if beams is None else beams,
        power=power,
    )


def with_fading(
    channel: Channel,
    array: Array | int = 10,
    *,
    seed: int = 0,
    accuracy: float = 0.01,
    drops: Sequence[int] = (0,),
) -> ChannelStatistics:
    """Return the statistics of drops of a channel, with their source of fading."""
    array = ULA(elements=array) if isinstance(array, int) else array
    fading = FadingSource(channel=channel, seed=seed, drops=drops, accuracy=accuracy)
    return attrs.evolve(channel.statistics(drops_of(seed, drops), array), fading=fading)


@final
@attrs.frozen(kw_only=True)
class LineOfSight(Channel):
    """Half of a user's power, or another part, from a line of sight of random phase: fading that is not Gaussian.

    The base station knows the phase, and the rest but for a tenth.
    """

    name: ClassVar[str] = "lines_of_random_phase"

    fading: tuple[float, ...] = (2.0, 0.7, 0.3)
    azimuths_deg: tuple[float, ...] = (-6.0, 0.0, 3.0)
    part: float = 0.5

    def statistics(self, drops: Sequence[Drop], array: Array) -> ChannelStatistics:
        beta = np.array([self.fading])
        return ChannelStatistics(beta=beta, xi=0.9 * beta, epsilon=0.1 * beta, prelog=0.9)

    def draw(
        self, statistics: ChannelStatistics, array: Array, draws: int, generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        shape = (draws, array.n_elements, statistics.users)
        directions = [Direction(azimuth_deg=azimuth, elevation_deg=80.0) for azimuth in self.azimuths_deg]
        waves = np.stack([array.steering_vector(one) for one in directions], axis=-1)
        phase = np.exp(2j * np.pi * generator.random((draws, 1, statistics.users)))
        line = np.sqrt(self.part) * waves * phase
        known = line + np.sqrt(1 - self.part) * complex_normal(shape, generator)
        estimates = np.sqrt(statistics.xi) * known
        return estimates + np.sqrt(statistics.epsilon) * complex_normal(shape, generator), estimates


@final
@attrs.frozen(kw_only=True)
class Gaussian(Channel):
    r"""Gaussian fading with means of known phase and exponential correlation along the elements' numbers.

    Parameters
    ----------
    fading : tuple of float
        Large-scale fading of each user.
    azimuths_deg : tuple of float
        Directions of the lines of sight.
    k_factor : float
        Power of the line of sight relative to the rest.
    correlation, phase : float
        Covariance :math:`r^{|m-n|} e^{j\phi(m-n)}` of elements m and n.
    pilots : tuple of int
        Each user's pilot.
    pilot_energy : float
        Relative to the noise.
    estimates : {"independent", "physical"}
        As for Rayleigh fading.
    told : bool
        Whether the statistics have means and covariances; without them all moments are sampled.
    """

    name: ClassVar[str] = "gaussian"

    fading: tuple[float, ...] = (1.0, 0.6, 0.3)
    azimuths_deg: tuple[float, ...] = (-20.0, 10.0, 45.0)
    k_factor: float = 0.0
    correlation: float = 0.0
    phase: float = 0.4
    pilots: tuple[int, ...] = (0, 1, 2)
    pilot_energy: float = 5.0
    estimates: Literal["independent", "physical"] = "physical"
    told: bool = True

    def moments(self, array: Array) -> tuple[ComplexArray, ComplexArray]:
        """Return means (K, N) and covariances (K, N, N)."""
        directions = [Direction(azimuth_deg=azimuth, elevation_deg=80.0) for azimuth in self.azimuths_deg]
        beta, k = np.array(self.fading), self.k_factor
        means = np.sqrt(beta * k / (1 + k))[:, None] * [array.steering_vector(one) for one in directions]
        apart = np.subtract.outer(np.arange(array.n_elements), np.arange(array.n_elements))
        matrix = self.correlation ** np.abs(apart) * np.exp(1j * self.phase * apart)
        return means, (beta / (1 + k))[:, None, None] * matrix

    def _whole(self, array: Array) -> ChannelStatistics:
        means, covariances = self.moments(array)
        return ChannelStatistics.of_covariances(
            covariances[None],
            means=means[None],
            pilots=np.array(self.pilots),
            pilot_energy=self.pilot_energy,
            prelog=0.9,
            independent_estimates=self.estimates == "independent",
        )

    def statistics(self, drops: Sequence[Drop], array: Array) -> ChannelStatistics:
        whole = self._whole(array)
        if self.told:
            return whole
        return ChannelStatistics(beta=whole.beta, xi=whole.xi, epsilon=whole.epsilon, prelog=whole.prelog)

    def draw(
        self, statistics: ChannelStatistics, array: Array, draws: int, generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        own = statistics.second_order if self.told else self._whole(array).of_drop(0).second_order
        return own.draw(draws, generator)


@final
@attrs.frozen(kw_only=True)
class HalfArray(Precoder):
    """Maximum-ratio transmission from the first half of the antennas: only its weights are given."""

    name: ClassVar[str] = "half_array"

    def weights(self, estimates: ComplexArray) -> ComplexArray:
        kept = np.arange(estimates.shape[-2]) < estimates.shape[-2] // 2
        return estimates * kept[:, None]
