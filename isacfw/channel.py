"""Communication channels: random drops of users, and how well their channels are known."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence

import attrs
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .array import ComplexArray, FloatArray, float_array
from .errors import PluginError, shown
from .part import Part, described


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
    fading : Fading, optional
        Where small-scale fading of these drops is drawn from; a scenario adds it.
    prelog : float
        Share :math:`\bar\tau = (\tau_c - \tau_p) / \tau_c` of the coherence block that carries data.
    gaussian : bool
        Whether estimates and their errors are independent of each other, and each circularly symmetric complex
        Gaussian, independent and of equal variance at all antennas, and estimates independent between users that
        are not `collinear`. Closed forms of precoders hold there only. Where a channel does not say so, moments
        are sampled, which is right for any channel.
    """

    beta: FloatArray
    xi: FloatArray
    epsilon: FloatArray
    prelog: float
    collinear: NDArray[np.bool_] | None = None
    fading: Fading | None = None
    gaussian: bool = False

    @property
    def users(self) -> int:
        """Number of users K."""
        return int(self.beta.shape[-1])

    def of_drop(self, position: int) -> ChannelStatistics:
        """Return the statistics of the drop at a position of the first axis, without that axis."""
        beta, xi, epsilon = (value[position] for value in (self.beta, self.xi, self.epsilon))
        return attrs.evolve(self, beta=beta, xi=xi, epsilon=epsilon)


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
            The columns are the users' channels and what the base station knows of them: their conditional means
            given all estimates (MMSE).
        """


def checked(statistics: object, channel: Channel, drops: int) -> ChannelStatistics:
    """Return the channel statistics that a channel gave, all of shape (D, K) or all of (1, K).

    Raises
    ------
    PluginError
        If they are not what a channel must give.
    """
    who = f"channel {described(channel)}"
    if not isinstance(statistics, ChannelStatistics):
        raise PluginError(f"{who} must return ChannelStatistics, got {shown(statistics)}")
    names = ("beta", "xi", "epsilon")
    values = {name: float_array(getattr(statistics, name)) for name in names}
    shape = values["beta"].shape
    if len(shape) != 2 or shape[0] not in (1, drops) or not shape[1]:
        raise PluginError(f"{who} must return beta of shape (1, K) or ({drops}, K), got {shape}")
    for name, value in values.items():
        if value.shape != shape:
            raise PluginError(f"{who} must return {name} of the same shape as beta, {shape}, got {value.shape}")
        if not (np.isfinite(value) & (value >= 0)).all():
            raise PluginError(f"{who} must return {name} of finite numbers not less than 0, got others")
    if not 0 < statistics.prelog <= 1:
        raise PluginError(f"{who} must return a prelog within (0, 1], got {shown(statistics.prelog)}")
    if not isinstance(statistics.gaussian, (bool, np.bool_)):
        raise PluginError(f"{who} must return gaussian as True or False, got {shown(statistics.gaussian)}")
    return attrs.evolve(statistics, beta=values["beta"], xi=values["xi"], epsilon=values["epsilon"])


_FADING = 2**31  # Keeps the generators of the fading apart from any that a drop's own may spawn.


@attrs.frozen(kw_only=True)
class Fading:
    """Small-scale fading of a batch of drops.

    Parameters
    ----------
    channel : Channel
        Draws it.
    seed : int
        With the number of a drop, determines its draws.
    drops : sequence of int
        Number of the drop at each position.
    accuracy : float
        Relative standard error to which moments are to be sampled.
    time_limit_s : float, optional
        Longest time in seconds for the weights of a chunk of draws.
    """

    channel: Channel
    seed: int
    drops: Sequence[int]
    accuracy: float
    time_limit_s: float | None = None

    def generator(self, position: int) -> Generator:
        """Return a new generator for the drop at a position, the same at every call."""
        return np.random.default_rng(
            np.random.SeedSequence(entropy=self.seed, spawn_key=(self.drops[position], _FADING))
        )


def drop_generators(seed: int, drops: Iterable[int]) -> list[Generator]:
    """Return one generator per drop number, each a function of the seed and that number alone."""
    return [np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(drop,))) for drop in drops]


def complex_normal(shape: tuple[int, ...], generator: Generator) -> ComplexArray:
    """Draw circularly symmetric complex Gaussian numbers of unit variance."""
    pairs = generator.standard_normal((*shape, 2))
    pairs *= np.sqrt(0.5)
    return np.asarray(pairs.view(np.complex128)[..., 0])
