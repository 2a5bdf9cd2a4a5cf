"""Communication channels: random drops of users, and how well their channels are known."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence

import attrs
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .array import ComplexArray, FloatArray
from .part import Part


@attrs.frozen(kw_only=True, eq=False)
class ChannelStatistics:
    r"""Large-scale fading of all users and the quality of their channel estimates, for a batch of drops.

    Parameters
    ----------
    beta : ndarray, shape (..., K)
        Large-scale fading :math:`\beta_k` relative to the noise.
    xi : ndarray, shape (..., K)
        Variance :math:`\xi_k` of the channel estimate per antenna, (6).
    epsilon : ndarray, shape (..., K)
        Variance :math:`\epsilon_k = \beta_k - \xi_k` of the estimation error, (7); given beside the other two,
        since the difference loses its digits when estimates are good.
    collinear : ndarray of bool, shape (K, K), optional
        Which pairs of different users have collinear estimates, since they share a pilot. None where estimates of
        all users are independent.
    prelog : float
        Share :math:`\bar\tau = (\tau_c - \tau_p) / \tau_c` of the coherence block that carries data.
    """

    beta: FloatArray
    xi: FloatArray
    epsilon: FloatArray
    prelog: float
    collinear: NDArray[np.bool_] | None = None

    @property
    def users(self) -> int:
        """Number of users K."""
        return int(self.beta.shape[-1])


@attrs.frozen(kw_only=True)
class Channel(Part):
    """Contract of a channel: statistics of random drops, and draws of small-scale fading."""

    @abstractmethod
    def statistics(self, generators: Sequence[Generator]) -> ChannelStatistics:
        """Return the statistics of as many drops as there are generators.

        Parameters
        ----------
        generators : sequence of numpy.random.Generator
            One generator per drop, so that a drop is the same whichever others are drawn beside it.

        Returns
        -------
        ChannelStatistics
            With leading axis (D,), or (1,) when all drops are the same.
        """

    @abstractmethod
    def draw(
        self, statistics: ChannelStatistics, antennas: int, draws: int, generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        """Draw small-scale fading and its estimates.

        Parameters
        ----------
        statistics : ChannelStatistics
            Of one drop or several: (..., K).
        antennas, draws : int
            Number of transmit antennas N and of draws M.
        generator : numpy.random.Generator
            Where the randomness comes from.

        Returns
        -------
        channels, estimates : ndarray of complex, shape (M, ..., N, K)
            The columns are the users' channels and what the base station knows of them.
        """


def drop_generators(seed: int, drops: Iterable[int]) -> list[Generator]:
    """Return one generator per drop number, each a function of the seed and that number alone."""
    return [np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(drop,))) for drop in drops]


def complex_normal(shape: tuple[int, ...], generator: Generator) -> ComplexArray:
    """Draw circularly symmetric complex Gaussian numbers of unit variance."""
    pairs = generator.standard_normal((*shape, 2))
    return np.asarray(pairs.view(np.complex128)[..., 0] * np.sqrt(0.5))
