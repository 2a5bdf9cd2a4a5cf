r"""Link statistics of any linear precoder, from sampled channels: all that is asked of it is its weights.

With :math:`t_{kj} = h_k^H w_j`, the moments of the use-and-then-forget bound are means over draws of the fading:
:math:`\lambda_k = |E\,t_{kk}|^2`, :math:`N_t \zeta_{kj} = E|t_{kj}|^2 - \delta_{kj} \lambda_k` and
:math:`N_t \xi_{bf,k} = E\|w_k\|^2`, see (17), (21) and (22).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.linalg import norm

from .array import ComplexArray, FloatArray
from .channel import ChannelStatistics, Fading
from .errors import IncompatibleError, InputError, PluginError, blamed
from .part import described
from .precoder import LinkStatistics
from .time_limit import TimeUp, time_limit

if TYPE_CHECKING:
    from .precoder import Precoder

FIRST_DRAWS = 1000
BYTES_AT_ONCE = 2**21
LARGEST_DRAW = 2**30
PATIENCE = 20


def sampled_link_statistics(precoder: Precoder, antennas: int, statistics: ChannelStatistics) -> LinkStatistics:
    r"""Return the moments of a precoder, each drop sampled until they are known to a stated accuracy.

    Parameters
    ----------
    precoder : Precoder
        Gives the weights.
    antennas : int
        Number of transmit antennas N.
    statistics : ChannelStatistics
        Of D drops, with their fading: (D, K).

    Returns
    -------
    LinkStatistics
        With its standard errors. All interference is in `coupling`: nothing is assumed to be common to the users.

    Raises
    ------
    IncompatibleError
        If the accuracy is out of reach, as it is when a moment does not exist.
    InputError
        If the statistics do not say where fading is drawn from.
    PluginError
        If weights or channels are not what they must be.

    Notes
    -----
    Draws go on until, for every user, these relative standard errors are all within the accuracy: of the signal
    gain (relative to :math:`E|t_{kk}|^2`), of the weight power, and of the vector of
    :math:`\zeta_{kj} / \xi_{bf,j}` over j, in the Euclidean norm. The SINR of a user is made of one of each.
    The draws of a drop depend on the seed and the number of the drop alone, so all precoders see the same.
    """
    fading = statistics.fading
    if fading is None:
        raise InputError("channel", "must be a scenario's statistics, which say how fading is drawn, got others")
    size = 2 * 16 * antennas * statistics.users
    if size > LARGEST_DRAW:
        raise IncompatibleError(
            f"the moments of {precoder.title} are sampled, and one draw for {antennas} antennas and"
            f" {statistics.users} users takes {size / 2**30:.1f} GiB; a closed form of link_statistics takes none"
        )
    found = [
        _sampled(precoder, antennas, statistics.of_drop(position), fading, position)
        for position in range(len(statistics.beta))
    ]
    errors = LinkStatistics.stacked([each.standard_error for each in found if each.standard_error is not None])
    return attrs.evolve(LinkStatistics.stacked(found), standard_error=errors)


class _Sums:
    """Sums over draws of the powers of the samples, and the moments that follow."""

    def __init__(self, antennas: int, users: int) -> None:
        self.antennas, self.draws = antennas, 0
        self.centre: ComplexArray = np.zeros(users, dtype=np.complex128)
        self.first: ComplexArray = np.zeros(users, dtype=np.complex128)
        self.square, self.fourth = np.zeros((users, users)), np.zeros((users, users))
        self.power, self.power_square = np.zeros(users), np.zeros(users)

    def add(self, channels: ComplexArray, weights: ComplexArray) -> None:
        """Add draws of channels and weights; (M, N, K) each."""
        received = np.swapaxes(channels.conj(), -1, -2) @ weights
        own = np.einsum("mkk->mk", received)
        if not self.draws:
            # About a first guess of their mean, or else the spread of a strong signal cancels to nothing.
            self.centre = own.mean(axis=0)
        own -= self.centre
        self.first += own.sum(axis=0)
        square = received.real**2 + received.imag**2
        self.square += square.sum(axis=0)
        self.fourth += np.einsum("mkj,mkj->kj", square, square)
        power = (weights.real**2 + weights.imag**2).sum(axis=-2)
        self.power += power.sum(axis=0)
        self.power_square += (power**2).sum(axis=0)
        self.draws += len(channels)

    def _spread(self, total: FloatArray, squares: FloatArray) -> FloatArray:
        """Return the standard error of a mean from sums of the samples and of their squares."""
        mean = total / self.draws
        return np.asarray(np.sqrt(np.maximum(squares / self.draws - mean**2, 0) / (self.draws - 1)))

    def statistics(self) -> LinkStatistics:
        """Return the moments with their standard errors."""
        offset = self.first / self.draws
        amplitude = np.abs(self.centre + offset)
        disturbance = self.square / self.draws - np.diag(np.abs(offset) ** 2)
        own = np.diagonal(disturbance)
        none = np.zeros_like(amplitude)
        return LinkStatistics(
            signal_gain=amplitude**2,
            interference_gain=none,
            weight_power=self.power / self.draws / self.antennas,
            coupling=disturbance / self.antennas,
            standard_error=LinkStatistics(
                # An upper bound: only the part of the spread in phase with the mean counts.
                signal_gain=2 * amplitude * np.sqrt(own / (self.draws - 1)),
                interference_gain=none,
                weight_power=self._spread(self.power, self.power_square) / self.antennas,
                coupling=self._spread(self.square, self.fourth) / self.antennas,
            ),
        )

    def worst(self, link: LinkStatistics) -> float:
        """Return the largest relative standard error, as the accuracy counts it."""
        error, own = link.standard_error, np.diagonal(self.square) / self.draws
        assert error is not None
        assert error.coupling is not None
        assert link.coupling is not None
        pairs = (
            (error.signal_gain, link.signal_gain + own),
            (error.weight_power, link.weight_power),
            (norm(error.coupling / link.weight_power, axis=-1), norm(link.coupling / link.weight_power, axis=-1)),
        )
        return max(float((np.divide(e, v, out=np.zeros_like(v), where=v > 0)).max()) for e, v in pairs)


def _sampled(
    precoder: Precoder, antennas: int, statistics: ChannelStatistics, fading: Fading, position: int
) -> LinkStatistics:
    """Sample one drop, in chunks that fit the cache, until its moments are known well enough."""
    users, generator = statistics.users, fading.generator(position)
    chunk = max(1, BYTES_AT_ONCE // (16 * users * (2 * antennas + users)))
    sums = _Sums(antennas, users)
    most = math.ceil(PATIENCE / fading.accuracy**2)
    wanted = min(FIRST_DRAWS, most)
    while True:
        while sums.draws < wanted:
            sums.add(*_draw(precoder, antennas, statistics, fading, chunk, generator))
        link = sums.statistics()
        if not (link.weight_power > 0).all():
            raise PluginError(f"precoder {described(precoder)} must give every user a weight, got one without")
        worst = sums.worst(link)
        if worst <= fading.accuracy:
            return link
        if sums.draws >= most:
            raise IncompatibleError(
                f"the moments of {precoder.title} are known to {100 * worst:.2g} % after {sums.draws} draws, not"
                f" to {100 * fading.accuracy:g} %: they may not exist, or else sampling_accuracy asks too much"
            )
        wanted = min(most, max(math.ceil(1.02 * sums.draws * (worst / fading.accuracy) ** 2), sums.draws + 1))


def _draw(
    precoder: Precoder,
    antennas: int,
    statistics: ChannelStatistics,
    fading: Fading,
    draws: int,
    generator: np.random.Generator,
) -> tuple[ComplexArray, ComplexArray]:
    """Draw channels and the weights for their estimates; (M, N, K) each."""
    shape = (draws, antennas, statistics.users)
    origin = f"channel {described(fading.channel)}"
    with blamed(origin):
        drawn = fading.channel.draw(statistics, antennas, draws, generator)
        channels, estimates = (np.asarray(value, dtype=np.complex128) for value in drawn)
    for noun, value in (("channels", channels), ("estimates", estimates)):
        if value.shape != shape:
            raise PluginError(f"{origin} must draw {noun} of shape {shape}, got {value.shape}")
        if not np.isfinite(value.sum()):
            raise PluginError(f"{origin} must draw finite {noun}, got NaN or an infinite number")
    estimates = estimates.view()
    estimates.flags.writeable = False
    who = f"precoder {described(precoder)}"
    try:
        with time_limit(fading.time_limit_s):
            weights = np.asarray(precoder.weights(estimates), dtype=np.complex128)
    except TimeUp:
        raise PluginError(f"{who} was stopped at its time limit of {fading.time_limit_s:g} s") from None
    if weights.shape != shape:
        raise PluginError(f"{who} must return weights of shape {shape}, got {weights.shape}")
    if not np.isfinite(weights.sum()):
        raise PluginError(f"{who} must return finite weights, got NaN or an infinite number")
    return channels, weights
