"""The transmitter of a drop, and estimates from its draws with standard errors.

Every estimate has a standard error from a delete-one-block jackknife: draws are made in independent blocks, and
the estimate is repeated without each of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
import numpy as np
from numpy.random import Generator

from ..base.numbers import ComplexArray, FloatArray
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam
from ..signal.channel import Channel
from ..signal.moments import drawn_channels
from ..signal.precoder import Precoder
from ..signal.scene import Scene
from ..signal.statistics import ChannelStatistics

BLOCKS = 100


DRAWS_AT_ONCE = 16
"""Number of draws that are held in memory at once; results for a seed depend on it."""


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
    r"""The transmitter of one drop: user and sensing streams, each with its own waveform.

    Parameters
    ----------
    channel : Channel
        Source of channels and their estimates.
    precoder, beam : Precoder, Beam
        Precoder and beam, which compute weights from the estimates.
    scene : Scene
        Scene of one drop, its statistics without batch axes: (K,).
    gamma : ndarray, shape (K,)
        Power factors of the users.
    rho : ndarray, shape (S,)
        Power factors of the sensing streams, :math:`q_s P_t / E\|v_s\|^2`.
    superposed : bool
        Whether sensing is superposed on the data as in the paper, :math:`F = W \mathrm{diag}(\sqrt\gamma) + V
        \sqrt\rho\, \bar\eta^T` with equal parts on all user streams. The two agree if the fading is invariant to
        rotations of each user's phase; with means of known phase, data and sensing interfere, and the
        superposition radiates a different power.

    Notes
    -----
    :math:`F = [W \mathrm{diag}(\sqrt\gamma), V \mathrm{diag}(\sqrt\rho)]`: K + S columns.
    """

    channel: Channel
    precoder: Precoder
    beam: Beam
    scene: Scene
    gamma: FloatArray
    rho: FloatArray
    superposed: bool = False

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        precoder: Precoder,
        drop: int,
        communication: FloatArray,
        sensing: FloatArray | float,
        *,
        beam: Beam | None = None,
        superposed: bool = False,
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
            Shares of the power for the users.
        sensing : ndarray, shape (S,), or float
            Shares of the power for the sensing streams, or their sum, which is divided equally.
        beam : Beam, optional
            The scenario's first by default.
        superposed : bool
            Whether sensing is superposed on the data as in the paper.
        """
        beam = scenario.compared_beams[0] if beam is None else beam
        statistics = scenario.statistics([drop])
        moments = scenario.beam_statistics(beam, statistics)
        problem = scenario.problem(precoder, statistics, beam=beam, beam_statistics=moments)[0]
        x = np.asarray(communication, dtype=np.float64)
        weight_power = np.broadcast_to(moments.weight_power, (1, moments.streams))[0]
        return cls(
            channel=scenario.budgeted_channel,
            precoder=precoder,
            beam=beam,
            scene=scenario.scene(statistics).of_drop(0),
            gamma=problem.gamma(x),
            rho=problem.stream_shares(x, sensing) * float(problem.power) / weight_power,
            superposed=superposed,
        )

    @property
    def statistics(self) -> ChannelStatistics:
        """Channel statistics of the drop; (K,)."""
        return self.scene.statistics

    def draw(self, draws: int, generator: Generator) -> tuple[ComplexArray, ComplexArray]:
        """Draw channels H, (M, N, K), and waveform matrices F, (M, N, K + S); (M, N, K) where superposed.

        A stream with several waveforms has as many columns.
        """
        channels, estimates = drawn_channels(self.channel, self.scene, draws, generator)
        weights, streams = self.signals(estimates)
        if self.superposed:
            return channels, weights + streams.sum(axis=-1, keepdims=True) / np.sqrt(len(self.gamma))
        return channels, np.concatenate([weights, streams], axis=-1)

    def signals(self, estimates: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
        """Return the beams of users, (M, N, K), and streams, (M, N, S), for estimates (M, N, K)."""
        weights = self.precoder.checked_weights(self.scene, estimates) * np.sqrt(self.gamma)
        beams = self.beam.checked_weights(self.scene, estimates) * np.sqrt(self.rho)[:, None]
        return weights, beams.reshape(*beams.shape[:2], -1)


def mean_of_blocks(
    transmission: Transmission,
    draws: int,
    generator: Generator,
    sample: Callable[[ComplexArray, ComplexArray], ComplexArray],
) -> ComplexArray:
    """Return the means of a sampled quantity over blocks of draws of equal size; (blocks, ...).

    The number of draws is rounded up to full blocks.
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
