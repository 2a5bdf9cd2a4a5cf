"""Monte-Carlo simulation: rates and CRLBs from drawn channels, and echoes of a target.

Every estimate comes with its standard error, by a delete-one-block jackknife: draws are made in independent
blocks, and the estimate is repeated without each of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
import numpy as np
from numpy.random import Generator

from .array import ComplexArray, FloatArray
from .channel import Channel, ChannelStatistics, complex_normal
from .estimator import MaximumLikelihood
from .fisher import crlb, fisher_of_covariance
from .precoder import Precoder
from .scenario import Scenario

BLOCKS = 100
DRAWS_AT_ONCE = 16
"""Number of draws that are held in memory at once; part of what a seed determines."""


@attrs.frozen(kw_only=True, eq=False)
class Simulated:
    """A simulated quantity.

    Parameters
    ----------
    value : ndarray
        The estimate.
    standard_error : ndarray
        Its standard error, of the same shape.
    """

    value: FloatArray
    standard_error: FloatArray


@attrs.frozen(kw_only=True, eq=False)
class Transmission:
    r"""The transmitter of one drop, with waveforms :math:`F = W \mathrm{diag}(\sqrt\gamma) + v \bar\eta^T`.

    Parameters
    ----------
    channel, precoder : Channel, Precoder
        Where channels and their estimates come from, and what is made of the estimates.
    statistics : ChannelStatistics
        Of one drop, without batch axes: (K,).
    antennas : int
        Number of transmit antennas.
    beam : ndarray of complex, shape (N,)
        The sensing beam v.
    gamma : ndarray, shape (K,)
        Power factors of the users.
    rho : float
        Power factor of sensing, in equal parts on all streams: :math:`\bar\eta_k = \sqrt{\rho / K}`.
    """

    channel: Channel
    precoder: Precoder
    statistics: ChannelStatistics
    antennas: int
    beam: ComplexArray
    gamma: FloatArray
    rho: float

    @classmethod
    def of(
        cls, scenario: Scenario, precoder: Precoder, drop: int, communication: FloatArray, sensing: float
    ) -> Transmission:
        """Return the transmitter of a drop of a scenario, for shares of the power.

        Parameters
        ----------
        scenario : Scenario
            Without a sweep, or at one of its points.
        precoder : Precoder
            The precoder.
        drop : int
            Number of the drop.
        communication : ndarray, shape (K,)
            Shares of the power to the users.
        sensing : float
            Share of the power to sensing.
        """
        statistics = scenario.statistics([drop])
        problem = scenario.problem(precoder, statistics)[0]
        return cls(
            channel=scenario.channel,
            precoder=precoder,
            statistics=statistics.of_drop(0),
            antennas=scenario.transmit_array.n_elements,
            beam=scenario.transmit_array.steering_vector(scenario.sensing.beam(scenario.target)),
            gamma=problem.gamma(communication),
            rho=float(problem.rho(np.asarray(sensing))),
        )

    def draw(self, draws: int, generator: Generator) -> tuple[ComplexArray, ComplexArray]:
        """Draw channels H and waveform matrices F; shape (M, N, K) each."""
        channels, estimates = self.channel.draw(self.statistics, self.antennas, draws, generator)
        weights = self.precoder.weights(estimates)
        streams = np.sqrt(self.rho / len(self.gamma)) * self.beam[:, None]
        return channels, weights * np.sqrt(self.gamma) + streams


def _blocks(
    transmission: Transmission,
    draws: int,
    generator: Generator,
    sample: Callable[[ComplexArray, ComplexArray], ComplexArray],
) -> ComplexArray:
    """Return the means of a sampled quantity over blocks of draws, all of one size; (blocks, ...).

    The last block is full, though the number of draws may not fill it.
    """
    number = math.ceil(draws / BLOCKS)
    means = []
    for _ in range(math.ceil(draws / number)):
        total: ComplexArray | float = 0.0
        for start in range(0, number, DRAWS_AT_ONCE):
            channels, waveforms = transmission.draw(min(DRAWS_AT_ONCE, number - start), generator)
            total = total + sample(channels, waveforms).sum(axis=0)
        means.append(total / number)
    return np.array(means)


def jackknife(blocks: ComplexArray, function: Callable[[ComplexArray], FloatArray]) -> Simulated:
    """Return a function of the mean of block means, and its delete-one-block standard error.

    Parameters
    ----------
    blocks : ndarray, shape (B, ...)
        Means over blocks of equal size.
    function : callable
        Maps means (n, ...) to estimates (n, ...).
    """
    count = len(blocks)
    value = function(blocks.mean(axis=0, keepdims=True))[0]
    if count == 1:
        return Simulated(value=value, standard_error=np.full(np.shape(value), np.nan))
    partial = function((blocks.sum(axis=0) - blocks) / (count - 1))
    with np.errstate(invalid="ignore"):
        spread = ((partial - partial.mean(axis=0)) ** 2).sum(axis=0)
    return Simulated(value=value, standard_error=np.sqrt((count - 1) / count * spread))


def simulated_rates(transmission: Transmission, draws: int, generator: Generator) -> Simulated:
    r"""Return the users' rates (19) from drawn channels.

    Parameters
    ----------
    transmission : Transmission
        What is transmitted.
    draws : int
        Number of channel draws.
    generator : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    Simulated
        In bit/s/Hz, shape (K,).

    Notes
    -----
    With :math:`t_{kj} = h_k^H f_j`, the SINR is
    :math:`|E\,t_{kk}|^2 / (\sum_j E|t_{kj}|^2 - |E\,t_{kk}|^2 + 1)`.
    """

    def sample(channels: ComplexArray, waveforms: ComplexArray) -> ComplexArray:
        received = np.swapaxes(channels.conj(), -1, -2) @ waveforms
        wanted = np.diagonal(received, axis1=-2, axis2=-1)
        return np.stack([wanted, (np.abs(received) ** 2).sum(axis=-1)], axis=1)

    def rates(means: ComplexArray) -> FloatArray:
        signal, total = np.abs(means[:, 0]) ** 2, means[:, 1].real
        return np.asarray(transmission.statistics.prelog * np.log2(1 + signal / (total - signal + 1)))

    return jackknife(_blocks(transmission, draws, generator, sample), rates)


def simulated_crlb(transmission: Transmission, scenario: Scenario, draws: int, generator: Generator) -> Simulated:
    r"""Return the CRLBs of azimuth and elevation from the sample covariance of drawn waveforms.

    Parameters
    ----------
    transmission : Transmission
        What is transmitted.
    scenario : Scenario
        For its arrays, target and frame length.
    draws, generator
        As in :func:`simulated_rates`.

    Returns
    -------
    Simulated
        In rad², shape (2,).

    Notes
    -----
    :math:`R_x = E\{F F^H\}`, (36), enters only through :math:`P^H R_x P`, see
    :func:`~isacfw.fisher.fisher_of_covariance`.
    """
    basis = scenario.transmit_array.steering_basis(scenario.target.direction).conj().T

    def sample(_channels: ComplexArray, waveforms: ComplexArray) -> ComplexArray:
        projected = basis @ waveforms
        return np.asarray(projected @ np.swapaxes(projected.conj(), -1, -2))

    def bound(means: ComplexArray) -> FloatArray:
        return crlb(
            fisher_of_covariance(
                means,
                receive=scenario.receive_array,
                target=scenario.target.direction,
                amplitude=scenario.target.amplitude,
                frame_length=scenario.sensing.frame_length,
            )
        )

    return jackknife(_blocks(transmission, draws, generator, sample), bound)


def symbols(streams: int, length: int, generator: Generator, draws: int = 1) -> ComplexArray:
    """Draw independent QPSK symbols of unit power; shape (M, K, L)."""
    quarter = generator.integers(4, size=(draws, streams, length))
    return np.asarray(np.exp(0.5j * np.pi * (quarter + 0.5)))


def echoes(signals: ComplexArray, scenario: Scenario, generator: Generator) -> ComplexArray:
    r"""Return noisy echoes (8) of transmitted signals.

    Parameters
    ----------
    signals : ndarray of complex, shape (..., N_t, L)
        Transmitted signals X = F S.
    scenario : Scenario
        For its arrays and its target.
    generator : numpy.random.Generator
        For the noise, of unit variance.

    Returns
    -------
    ndarray of complex, shape (..., N_r, L)
        :math:`Y_s = \alpha\, b\, a^H X + N_s` with real α.
    """
    direction = scenario.target.direction
    incident = scenario.transmit_array.steering_vector(direction).conj() @ signals
    received = scenario.receive_array.steering_vector(direction)[:, None] * incident[..., None, :]
    noise = complex_normal(received.shape, generator)
    return np.asarray(scenario.target.amplitude * received + noise)


@attrs.frozen(kw_only=True, eq=False)
class SquaredErrors:
    """Squared errors of the maximum-likelihood estimator, trial by trial.

    Parameters
    ----------
    grid, refined : ndarray, shape (T, 2)
        Of azimuth and elevation in rad², at the best grid point and refined from there.
    """

    grid: FloatArray
    refined: FloatArray


def squared_errors(
    transmission: Transmission,
    scenario: Scenario,
    estimator: MaximumLikelihood,
    trials: int,
    generator: Generator,
) -> SquaredErrors:
    """Return the estimator's errors for simulated echoes, each with its own channel, symbols and noise.

    Parameters
    ----------
    transmission : Transmission
        What is transmitted.
    scenario : Scenario
        For its arrays, target and frame length.
    estimator : MaximumLikelihood
        For the same arrays.
    trials : int
        Number of echoes T.
    generator : numpy.random.Generator
        Where the randomness comes from.
    """
    target = scenario.target.direction
    truth = np.radians([target.azimuth_deg, target.elevation_deg])
    users, length = len(transmission.gamma), scenario.sensing.frame_length
    found: list[tuple[FloatArray, FloatArray]] = []
    for start in range(0, trials, DRAWS_AT_ONCE):
        number = min(DRAWS_AT_ONCE, trials - start)
        _, waveforms = transmission.draw(number, generator)
        signals = waveforms @ symbols(users, length, generator, number)
        received = echoes(signals, scenario, generator)
        found.append(estimator.estimate(received, signals))
    grid, refined = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return SquaredErrors(grid=(grid - truth) ** 2, refined=(refined - truth) ** 2)
