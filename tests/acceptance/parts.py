"""Parts of scenarios that the acceptance cases need and the framework does not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import attrs
import numpy as np
from numpy.random import Generator

import isacfw
from isacfw import Array, ChannelStatistics, ComplexArray, Direction, Drop, PowerAllocationProblem, Shares
from isacfw.validators import each, instance_of, integer, number, optional, real


@final
@attrs.frozen(kw_only=True)
class GivenUser:
    r"""A user of a horizontal line: line of sight towards an azimuth, and exponentially correlated fading.

    Parameters
    ----------
    beta : float
        Large-scale fading relative to the noise.
    k_factor : float
        Power of the line of sight relative to the rest.
    correlation, phase : float
        Of neighbouring antennas: :math:`C_{mn} = r^{|m-n|} e^{j\phi(m-n)}`, the phase in radians.
    azimuth_deg : float
        Direction of the line of sight; the elevation is 90 degrees.
    """

    beta: float = attrs.field(converter=real, validator=number(above=0))
    k_factor: float = attrs.field(converter=real, validator=number(at_least=0))
    correlation: float = attrs.field(converter=real, validator=number(at_least=0, at_most=1))
    phase: float = attrs.field(converter=real, validator=number())
    azimuth_deg: float = attrs.field(converter=real, validator=number(at_least=-180, at_most=180))

    def mean(self, array: Array) -> ComplexArray:
        """Return the mean of the channel; (N,)."""
        steering = array.steering_vector(Direction(azimuth_deg=self.azimuth_deg, elevation_deg=90.0))
        return np.sqrt(self.beta * self.k_factor / (1 + self.k_factor)) * steering

    def covariance(self, antennas: int) -> ComplexArray:
        """Return the covariance of the channel about its mean; (N, N)."""
        offset = np.subtract.outer(np.arange(antennas), np.arange(antennas))
        matrix = self.correlation ** np.abs(offset) * np.exp(1j * self.phase * offset)
        return self.beta / (1 + self.k_factor) * matrix


@final
@attrs.frozen(kw_only=True)
class GivenChannels(isacfw.Channel):
    """Gaussian channels of a horizontal line by their means, of known phase, and covariances.

    Parameters
    ----------
    users : sequence of GivenUser
        The users.
    pilot_length : int
        In symbols; user k uses pilot k mod `pilot_length`.
    pilot_snr_db : float
        Pilot SNR in dB.
    coherence_length : int, optional
        In symbols; without it pilots cost nothing.
    """

    name: ClassVar[str] = "given"

    users: tuple[GivenUser, ...] = attrs.field(converter=tuple, validator=each(instance_of(GivenUser, "a user")))
    pilot_length: int = attrs.field(validator=integer(at_least=1))
    pilot_snr_db: float = attrs.field(converter=real, validator=number(at_least=-300, at_most=300))
    coherence_length: int | None = attrs.field(default=None, validator=optional(integer(at_least=2)))

    def statistics(self, drops: Sequence[Drop], array: Array) -> ChannelStatistics:
        """Return means, covariances and pilots; the same in all drops."""
        return ChannelStatistics.of_covariances(
            np.array([[user.covariance(array.n_elements) for user in self.users]]),
            means=np.array([[user.mean(array) for user in self.users]]),
            pilots=np.arange(len(self.users)) % self.pilot_length,
            pilot_energy=self.pilot_length * 10 ** (self.pilot_snr_db / 10),
            prelog=1 - self.pilot_length / self.coherence_length if self.coherence_length else 1.0,
        )

    def draw(
        self, statistics: ChannelStatistics, array: Array, draws: int, generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        """Draw channels and their physical estimates."""
        return statistics.second_order.draw(draws, generator)


@final
@attrs.frozen(kw_only=True)
class GivenShares(isacfw.Allocator):
    """Given shares of the power, that of communication in equal parts.

    Parameters
    ----------
    communication, sensing : float
        Sums of the shares of the users, and of the streams.
    """

    name: ClassVar[str] = "given_shares"

    communication: float = attrs.field(converter=real, validator=number(at_least=0, at_most=1))
    sensing: float = attrs.field(converter=real, validator=number(at_least=0, at_most=1))

    def solve(self, problem: PowerAllocationProblem) -> Shares:
        """Return the shares."""
        x = np.full(problem.users, self.communication / problem.users)
        return Shares(communication=x, sensing=np.asarray(self.sensing))
