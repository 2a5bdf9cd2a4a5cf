"""Simulated echoes, and an estimator's errors for them."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.random import Generator

from ..base.errors import InputError
from ..base.numbers import ComplexArray, FloatArray
from ..scenario.scenario import Scenario
from .estimator import MaximumLikelihood
from .transmission import DRAWS_AT_ONCE, Transmission


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
        Scenario, which defines arrays and targets.
    generator : numpy.random.Generator
        Generator of the noise, in units of the thermal noise.

    Returns
    -------
    ndarray of complex, shape (..., N_r, L)
        :math:`Y_s = \sum_t \alpha_t\, b_t\, a_t^H X + N_s`.
    """
    received: ComplexArray | float = 0.0
    for target in scenario.sensed:
        incident = scenario.transmit_array.steering_vector(target.direction).conj() @ signals
        arriving = scenario.receive_array.steering_vector(target.direction)[:, None] * incident[..., None, :]
        received = received + target.reflection * arriving
    shape = np.shape(received)
    return np.asarray(received + scenario.receiver_noise.draw(scenario.receive_array, shape, generator))


@attrs.frozen(kw_only=True, eq=False)
class SquaredErrors:
    """Squared errors of the maximum-likelihood estimator, trial by trial.

    Parameters
    ----------
    grid, refined : ndarray, shape (T, 2)
        Errors of azimuth and elevation in rad², at the best grid point and after refinement.
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
        The transmitter.
    scenario : Scenario
        Scenario, which defines arrays, target and frame length.
    estimator : MaximumLikelihood
        Estimator for the same arrays.
    trials : int
        Number of echoes T.
    generator : numpy.random.Generator
        Source of randomness.

    Raises
    ------
    InputError
        If there are several targets, the noise is coloured, or the frame is shorter than the number of
        transmitted streams.
    """
    if len(scenario.sensed) > 1:
        raise InputError("targets", f"must be one for the estimator, got {len(scenario.sensed)}")
    if colour := scenario.receiver_noise.colour:
        raise InputError(
            f"sensing_noise.{colour}", "must be absent for the estimator, which takes noise for white"
        )
    target, length = scenario.sensed[0].direction, scenario.sensing.frame_length
    truth = np.radians([target.azimuth_deg, target.elevation_deg])
    found: list[tuple[FloatArray, FloatArray]] = []
    for start in range(0, trials, DRAWS_AT_ONCE):
        number = min(DRAWS_AT_ONCE, trials - start)
        _, waveforms = transmission.draw(number, generator)
        streams = waveforms.shape[-1]
        if length < streams:
            raise InputError(
                "sensing.frame_length",
                f"must be at least {streams}, the number of transmitted streams, got {length}",
            )
        signals = waveforms @ symbols(streams, length, generator, number)
        received = echoes(signals, scenario, generator)
        found.append(estimator.estimate(received, signals))
    grid, refined = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return SquaredErrors(grid=(grid - truth) ** 2, refined=(refined - truth) ** 2)
