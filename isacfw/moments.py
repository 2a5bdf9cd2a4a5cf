r"""Link statistics of any linear precoder, from sampled channels: all that is asked of it is its weights.

With :math:`t_{kj} = h_k^H w_j`, the moments of the use-and-then-forget bound are means over draws of the fading:
:math:`\lambda_k = |E\,t_{kk}|^2`, :math:`N_t \zeta_{kj} = E|t_{kj}|^2 - \delta_{kj} \lambda_k` and
:math:`N_t \xi_{bf,k} = E\|w_k\|^2`, see (17), (21) and (22). Estimates are conditional means of the channels, so
:math:`E\,t_{kk} = E\,\hat h_k^H w_k`, which is known far better from as many draws.
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
ROUNDING = 1e-8


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
    gain, of the weight power, and of the vector of
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
        self.known: ComplexArray = np.zeros(users, dtype=np.complex128)
        self.known_square, self.error_square = np.zeros(users), np.zeros(users)
        self.error: ComplexArray = np.zeros(users, dtype=np.complex128)
        self.centre: ComplexArray = np.zeros(users, dtype=np.complex128)
        self.first: ComplexArray = np.zeros(users, dtype=np.complex128)
        self.square, self.fourth = np.zeros((users, users)), np.zeros((users, users))
        self.power, self.power_square = np.zeros(users), np.zeros(users)

    def add(self, channels: ComplexArray, estimates: ComplexArray, weights: ComplexArray) -> None:
        """Add draws of channels, their estimates and weights; (M, N, K) each."""
        received = np.swapaxes(channels.conj(), -1, -2) @ weights
        own = np.einsum("mkk->mk", received)
        self._add_signal(own, np.einsum("mnk,mnk->mk", estimates.conj(), weights))
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

    def _add_signal(self, own: ComplexArray, known: ComplexArray) -> None:
        """Add draws of the users' own signals, and of what the base station knows of them; (M, K) each."""
        self.known += known.sum(axis=0)
        self.known_square += (known.real**2 + known.imag**2).sum(axis=0)
        error = own - known
        self.error += error.sum(axis=0)
        self.error_square += (error.real**2 + error.imag**2).sum(axis=0)

    def biased(self) -> bool:
        """Return whether what estimates leave out of the channels has a mean, by more than 6 standard errors."""
        allowed = 6 * np.sqrt(self.error_square) + ROUNDING * np.sqrt(self.draws * self.known_square)
        return bool((np.abs(self.error) > allowed).any())

    def _spread(self, total: FloatArray, squares: FloatArray) -> FloatArray:
        """Return the standard error of a mean from sums of the samples and of their squares."""
        mean = total / self.draws
        return np.asarray(np.sqrt(np.maximum(squares / self.draws - mean**2, 0) / (self.draws - 1)))

    def statistics(self) -> LinkStatistics:
        """Return the moments with their standard errors."""
        amplitude = np.abs(self.known) / self.draws
        variance = np.maximum(self.known_square / self.draws - amplitude**2, 0)
        disturbance = self.square / self.draws - np.diag(np.abs(self.first / self.draws) ** 2)
        none = np.zeros_like(amplitude)
        return LinkStatistics(
            signal_gain=amplitude**2,
            interference_gain=none,
            weight_power=self.power / self.draws / self.antennas,
            coupling=disturbance / self.antennas,
            standard_error=LinkStatistics(
                # An upper bound, since only the spread in phase with the mean counts; for zero forcing it is
                # rounding alone.
                signal_gain=2 * amplitude * np.sqrt(variance / (self.draws - 1)) + ROUNDING * amplitude**2,
                interference_gain=none,
                weight_power=self._spread(self.power, self.power_square) / self.antennas,
                coupling=self._spread(self.square, self.fourth) / self.antennas,
            ),
        )

    def worst(self, link: LinkStatistics) -> float:
        """Return the largest relative standard error, as the accuracy counts it."""
        error = link.standard_error
        assert error is not None
        assert error.coupling is not None
        assert link.coupling is not None
        pairs = (
            # A signal without a mean has no gain of which a fraction could be known.
            (error.signal_gain, np.maximum(link.signal_gain, 0.01 * self.known_square / self.draws)),
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
        if sums.biased():
            raise PluginError(
                f"channel {described(fading.channel)} must draw estimates that are conditional means (MMSE), got"
                " others: what they leave out of the channels is not zero in the mean"
            )
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
) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """Draw channels and their estimates, and return them with the weights; (M, N, K) each."""
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
    return channels, estimates, weights
