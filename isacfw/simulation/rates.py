"""Monte-Carlo simulation: rates and CRLBs from drawn channels, and echoes of a target.

Every estimate has a standard error from a delete-one-block jackknife: draws are made in independent blocks, and
the estimate is repeated without each of them.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..base.numbers import ComplexArray, FloatArray
from ..scenario.scenario import Scenario
from ..sensing.information import crlb
from .transmission import Simulated, Transmission, jackknife, mean_of_blocks


def simulated_rates(transmission: Transmission, draws: int, generator: Generator) -> Simulated:
    r"""Return the users' rates (19) from drawn channels.

    Parameters
    ----------
    transmission : Transmission
        The transmitter.
    draws : int
        Number of channel draws.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Simulated
        Rates in bit/s/Hz, shape (K,).

    Notes
    -----
    With :math:`t_{kj} = h_k^H f_j`, the SINR is
    :math:`|E\,t_{kk}|^2 / (\sum_j E|t_{kj}|^2 - |E\,t_{kk}|^2 + 1)`, the sum over all columns of F.
    """

    def sample(channels: ComplexArray, waveforms: ComplexArray) -> ComplexArray:
        received = np.swapaxes(channels.conj(), -1, -2) @ waveforms
        wanted = np.diagonal(received, axis1=-2, axis2=-1)
        return np.stack([wanted, (np.abs(received) ** 2).sum(axis=-1)], axis=1)

    def rates(means: ComplexArray) -> FloatArray:
        signal, total = np.abs(means[:, 0]) ** 2, means[:, 1].real
        return np.asarray(transmission.statistics.prelog * np.log2(1 + signal / (total - signal + 1)))

    return jackknife(mean_of_blocks(transmission, draws, generator, sample), rates)


def simulated_crlb(transmission: Transmission, scenario: Scenario, draws: int, generator: Generator) -> Simulated:
    r"""Return the CRLBs of all angles from the sample covariance of drawn waveforms.

    Parameters
    ----------
    transmission : Transmission
        The transmitter.
    scenario : Scenario
        Scenario, which defines arrays, target and frame length.
    draws, generator
        See :func:`simulated_rates`.

    Returns
    -------
    Simulated
        CRLBs in rad², azimuth and elevation of each target; shape (2T,).

    Notes
    -----
    :math:`R_x = E\{F F^H\}`, (36), enters only through :math:`P^H R_x P`, see
    :class:`~isacfw.sensing.fisher.EchoModel`.
    """
    basis, model = transmission.scene.basis.conj().T, scenario.echo_model
    known = scenario.known_angles(model)

    def sample(_channels: ComplexArray, waveforms: ComplexArray) -> ComplexArray:
        projected = basis @ waveforms
        return np.asarray(projected @ np.swapaxes(projected.conj(), -1, -2))

    def bound(means: ComplexArray) -> FloatArray:
        return crlb(model.fisher(means), model.jacobians, known)

    return jackknife(mean_of_blocks(transmission, draws, generator, sample), bound)
