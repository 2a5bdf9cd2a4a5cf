r"""Moments of any linear precoder and any beam, from sampled channels: they need to provide only their weights.

With :math:`t_{kj} = h_k^H w_j`, the moments of the use-and-then-forget bound are means over draws of the
fading: :math:`\lambda_k = |E\,t_{kk}|^2`, :math:`N_t \zeta_{kj} = E|t_{kj}|^2 - \delta_{kj} \lambda_k` and
:math:`N_t \xi_{bf,k} = E\|w_k\|^2`, see (17), (21) and (22). Where
estimates are conditional means of the channels, as those of Gaussian channels are,
:math:`E\,t_{kk} = E\,\hat h_k^H w_k`, which is known far better from as many draws. What the targets see of
a signal is :math:`P^H E\{w_k w_k^H\} P`, and what a sensing stream is to a user :math:`E|h_k^H v_s|^2`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import numpy as np
from numpy.linalg import norm

from .base.errors import IncompatibleError, InputError, PluginError, blamed
from .base.numbers import ComplexArray, FloatArray, read_only
from .base.part import Part, described
from .base.time_limit import TimeUp, time_limit
from .channel import FadingSource
from .precoder import LinkStatistics

if TYPE_CHECKING:
    from .beam import Beam, BeamStatistics
    from .precoder import Precoder
    from .scene import Scene

FIRST_DRAWS = 1000
BYTES_AT_ONCE = 2**21
LARGEST_DRAW = 2**30
PATIENCE = 20
ROUNDING = 1e-8


def sampled_link_statistics(precoder: Precoder, scene: Scene) -> LinkStatistics:
    r"""Return the moments of a precoder, each drop sampled until they are known to a stated accuracy.

    Parameters
    ----------
    precoder : Precoder
        Gives the weights.
    scene : Scene
        With the statistics of D drops and their source of fading: (D, K).

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
    Draws go on until, for every user, these relative standard errors are all within the accuracy:
    of the signal gain, of the weight power, and of the vector of :math:`\zeta_{kj} / \xi_{bf,j}` over j, in the
    Euclidean norm. The SINR of a user is made of one of each. Where the channel is not isotropic, or the
    precoder does not turn with it, the same holds for the diagonal of what the targets see of each user's
    signal. The draws of a drop depend on the seed and the number of the drop alone, so all precoders and beams
    see the same.
    """
    isotropic = scene.statistics.isotropic and precoder.turns_with_channel
    columns = scene.users

    def sums(own: Scene) -> _Sums:
        return _LinkSums(own, None if isotropic else own.basis)

    found = _each_drop(precoder, scene, columns, sums)
    return attrs.evolve(LinkStatistics.stacked(found), isotropic=isotropic)


def sampled_forms(precoder: Precoder, scene: Scene) -> ComplexArray:
    """Return what the targets see of each user's signal, sampled; (D, K, 3T, 3T)."""

    def sums(own: Scene) -> _Sums:
        return _LinkSums(own, own.basis, forms_alone=True)

    found = LinkStatistics.stacked(_each_drop(precoder, scene, scene.users, sums))
    assert found.forms is not None
    return found.forms


def sampled_in_full(precoder: Precoder, scene: Scene) -> LinkStatistics:
    """Return all moments of a precoder sampled, with the forms of its signals, whatever it claims of them."""

    def sums(own: Scene) -> _Sums:
        return _LinkSums(own, own.basis)

    return LinkStatistics.stacked(_each_drop(precoder, scene, scene.users, sums))


def sampled_beam_statistics(beam: Beam, scene: Scene) -> BeamStatistics:
    """Return the moments of a beam, each drop sampled until they are known to a stated accuracy.

    Parameters
    ----------
    beam : Beam
        Gives the weights.
    scene : Scene
        With the statistics of D drops and their source of fading: (D, K).

    Returns
    -------
    BeamStatistics
        With its standard errors. The interference of several streams is in `coupling`.

    Raises
    ------
    IncompatibleError, InputError, PluginError
        As :func:`sampled_link_statistics`.

    Notes
    -----
    Draws go on until the relative standard errors of the streams' powers, of their interference to
    each user (as a vector over the streams) and of the diagonals of their forms are all within the accuracy.
    """
    from .beam import BeamStatistics

    found = _each_drop(beam, scene, scene.users, lambda own: _BeamSums(beam, own.users, own.basis))
    return BeamStatistics.stacked(found)


class _Sums(Protocol):
    """Sums over draws, and the moments that follow."""

    draws: int

    def add(self, channels: ComplexArray, estimates: ComplexArray, weights: ComplexArray) -> None:
        """Add draws."""

    def biased(self) -> bool:
        """Return whether estimates are no conditional means."""

    def statistics(self) -> Any:
        """Return the moments with their standard errors."""

    def worst(self, found: Any) -> float:
        """Return the largest relative standard error, as the accuracy counts it."""


def _each_drop(part: Part, scene: Scene, columns: int, sums: Callable[[Scene], _Sums]) -> list[Any]:
    fading = scene.statistics.fading
    if fading is None:
        raise InputError("channel", "must come from `Scenario.statistics`; these carry no source of fading")
    size = 2 * 16 * scene.antennas * scene.users
    if size > LARGEST_DRAW:
        raise IncompatibleError(
            f"the moments of {_title(part)} are sampled, and one draw for {scene.antennas} antennas and"
            f" {scene.users} users takes {size / 2**30:.1f} GiB; a closed form takes none"
        )
    chunk = max(1, BYTES_AT_ONCE // (16 * columns * (2 * scene.antennas + columns)))
    found = []
    for position in range(len(scene.statistics.beta)):
        own = scene.of_drop(position)
        found.append(_sampled(part, own, sums(own), fading, position, chunk))
    return found


def _title(part: Part) -> str:
    return str(getattr(part, "title", part.name))


class _FormSums:
    """Sums of what the targets see of signals with weights w: P^H w w^H P, entry by entry."""

    def __init__(self, signals: int, basis: ComplexArray) -> None:
        order = basis.shape[-1]
        self.basis = basis.conj().T
        # The targets see nothing of a signal below a hundredth of what they see of an isotropic one.
        self.least = 0.01 * (np.abs(basis) ** 2).sum(axis=0) / len(basis)
        self.total: ComplexArray = np.zeros((signals, order, order), dtype=np.complex128)
        self.square = np.zeros((signals, order, order))

    def add(self, weights: ComplexArray) -> None:
        """Add draws of weights; (M, N, B), or (M, N, B, R) for signals with R waveforms."""
        # Draw by draw: one large product has other bits with another number of threads.
        flat = self.basis @ weights.reshape(*weights.shape[:2], -1)
        seen = np.moveaxis(flat, 1, -1).reshape(len(weights), *weights.shape[2:], -1)
        seen = seen if weights.ndim == 4 else seen[:, :, None]
        products = np.einsum("mbri,mbrj->mbij", seen, seen.conj())
        self.total += products.sum(axis=0)
        self.square += (products.real**2 + products.imag**2).sum(axis=0)

    def forms(self, draws: int, power: FloatArray, power_error: FloatArray) -> tuple[ComplexArray, FloatArray]:
        """Return the forms per unit power, and their standard errors; (B, 3T, 3T) each."""
        mean = self.total / draws
        spread = np.sqrt(np.maximum(self.square / draws - np.abs(mean) ** 2, 0) / max(draws - 1, 1))
        forms = mean / power[:, None, None]
        relative = (power_error / power)[:, None, None]
        # An upper bound, since numerator and denominator rise together.
        return forms, spread / power[:, None, None] + np.abs(forms) * relative

    def worst(self, forms: ComplexArray, error: FloatArray) -> float:
        """Return the largest relative standard error of a signal's diagonal."""
        scale = np.maximum(np.einsum("bii->bi", forms).real, self.least)
        relative = np.divide(np.einsum("bii->bi", error), scale, out=np.zeros(scale.shape), where=scale > 0)
        return float((norm(relative, axis=-1) / np.sqrt(scale.shape[-1])).max())


class _LinkSums:
    """Sums over draws of the powers of the samples, and the moments of a precoder that follow."""

    def __init__(self, scene: Scene, basis: ComplexArray | None, *, forms_alone: bool = False) -> None:
        users = scene.users
        self.antennas, self.draws = scene.antennas, 0
        # Estimates of Gaussian channels are conditional means; others may be the best linear ones only, for which
        # what they leave out of the channels has a mean behind a precoder that is not linear in them.
        self.conditional = scene.statistics.isotropic or scene.statistics.correlated
        self.forms = None if basis is None else _FormSums(users, basis)
        self.forms_alone = forms_alone
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
            # Centre by a first estimate of the mean to avoid cancellation.
            self.centre = own.mean(axis=0)
        own -= self.centre
        self.first += own.sum(axis=0)
        square = received.real**2 + received.imag**2
        self.square += square.sum(axis=0)
        self.fourth += np.einsum("mkj,mkj->kj", square, square)
        power = (weights.real**2 + weights.imag**2).sum(axis=-2)
        self.power += power.sum(axis=0)
        self.power_square += (power**2).sum(axis=0)
        if self.forms is not None:
            self.forms.add(weights)
        self.draws += len(channels)

    def _add_signal(self, own: ComplexArray, known: ComplexArray) -> None:
        """Add draws of the users' own signals, and of what the base station knows of them; (M, K) each."""
        self.known += known.sum(axis=0)
        self.known_square += (known.real**2 + known.imag**2).sum(axis=0)
        error = own - known
        self.error += error.sum(axis=0)
        self.error_square += (error.real**2 + error.imag**2).sum(axis=0)

    def biased(self) -> bool:
        """Return whether errors of Gaussian estimates have a mean, by more than 6 standard errors."""
        if not self.conditional:
            return False
        allowed = 6 * np.sqrt(self.error_square) + ROUNDING * np.sqrt(self.draws * self.known_square)
        return bool((np.abs(self.error) > allowed).any())

    def _spread(self, total: FloatArray, squares: FloatArray) -> FloatArray:
        """Return the standard error of a mean from sums of the samples and of their squares."""
        mean = total / self.draws
        return np.asarray(np.sqrt(np.maximum(squares / self.draws - mean**2, 0) / (self.draws - 1)))

    def statistics(self) -> LinkStatistics:
        """Return the moments with their standard errors."""
        disturbance = self.square / self.draws - np.diag(np.abs(self.first / self.draws) ** 2)
        if self.conditional:
            amplitude = np.abs(self.known) / self.draws
            variance = np.maximum(self.known_square / self.draws - amplitude**2, 0)
        else:
            amplitude = np.abs(self.centre + self.first / self.draws)
            variance = np.maximum(np.diagonal(disturbance), 0)
        none = np.zeros_like(amplitude)
        power_error = self._spread(self.power, self.power_square)
        forms: ComplexArray | None = None
        errors: ComplexArray | None = None
        if self.forms is not None and (self.power > 0).all():
            forms, spread = self.forms.forms(self.draws, self.power / self.draws, power_error)
            errors = spread.astype(np.complex128)
        return LinkStatistics(
            forms=forms,
            signal_gain=amplitude**2,
            interference_gain=none,
            weight_power=self.power / self.draws / self.antennas,
            coupling=disturbance / self.antennas,
            standard_error=LinkStatistics(
                # An upper bound, since only the spread in phase with the mean counts; for zero forcing it is
                # rounding alone.
                signal_gain=2 * amplitude * np.sqrt(variance / (self.draws - 1)) + ROUNDING * amplitude**2,
                interference_gain=none,
                weight_power=power_error / self.antennas,
                coupling=self._spread(self.square, self.fourth) / self.antennas,
                forms=errors,
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
        known = [float((np.divide(e, v, out=np.zeros_like(v), where=v > 0)).max()) for e, v in pairs]
        if self.forms is None or link.forms is None or error.forms is None:
            return max(known)
        forms = self.forms.worst(link.forms, np.asarray(error.forms).real)
        return forms if self.forms_alone else max(*known, forms)


class _BeamSums:
    """Sums over draws of the powers of the samples, and the moments of a beam that follow."""

    def __init__(self, beam: Beam, users: int, basis: ComplexArray) -> None:
        self.beam, self.users, self.basis, self.draws = beam, users, basis, 0
        self.forms: _FormSums | None = None
        self.square: FloatArray = np.zeros(0)
        self.fourth: FloatArray = np.zeros(0)
        self.power: FloatArray = np.zeros(0)
        self.power_square: FloatArray = np.zeros(0)
        self.error: ComplexArray = np.zeros(users, dtype=np.complex128)

    def add(self, channels: ComplexArray, estimates: ComplexArray, weights: ComplexArray) -> None:
        """Add draws of channels (M, N, K) and of weights (M, N, S, R)."""
        streams = weights.shape[2]
        if self.forms is None:
            self.forms = _FormSums(streams, self.basis)
            self.square, self.fourth = np.zeros((self.users, streams)), np.zeros((self.users, streams))
            self.power, self.power_square = np.zeros(streams), np.zeros(streams)
        received = np.swapaxes(channels.conj(), -1, -2) @ weights.reshape(*weights.shape[:2], -1)
        square = (
            (received.real**2 + received.imag**2).reshape(len(channels), self.users, streams, -1).sum(axis=-1)
        )
        self.square += square.sum(axis=0)
        self.fourth += (square**2).sum(axis=0)
        power = (weights.real**2 + weights.imag**2).sum(axis=(1, 3))
        self.power += power.sum(axis=0)
        self.power_square += (power**2).sum(axis=0)
        self.forms.add(weights)
        self.draws += len(channels)

    def biased(self) -> bool:
        """Return False: no moment of a beam relies on what estimates are."""
        return False

    def _spread(self, total: FloatArray, squares: FloatArray) -> FloatArray:
        mean = total / self.draws
        return np.asarray(np.sqrt(np.maximum(squares / self.draws - mean**2, 0) / max(self.draws - 1, 1)))

    def statistics(self) -> BeamStatistics:
        """Return the moments with their standard errors."""
        from .beam import BeamStatistics

        assert self.forms is not None
        power, power_error = self.power / self.draws, self._spread(self.power, self.power_square)
        if not (power > 0).all():
            raise PluginError(f"beam {described(self.beam)} must give every stream a weight, got one without")
        forms, forms_error = self.forms.forms(self.draws, power, power_error)
        each = self.square / self.draws / power
        error = self._spread(self.square, self.fourth) / power + each * power_error / power
        single = each.shape[1] == 1
        return BeamStatistics(
            interference=each[:, 0] if single else np.zeros(self.users),
            coupling=None if single else each,
            weight_power=power,
            forms=forms,
            standard_error=BeamStatistics(
                interference=error[:, 0] if single else np.zeros(self.users),
                coupling=None if single else error,
                weight_power=power_error,
                forms=forms_error.astype(np.complex128),
            ),
        )

    def worst(self, found: BeamStatistics) -> float:
        """Return the largest relative standard error, as the accuracy counts it."""
        error = found.standard_error
        assert error is not None
        assert self.forms is not None
        each, errors = norm(found.stream_interference, axis=-1), norm(error.stream_interference, axis=-1)
        return max(
            float((error.weight_power / found.weight_power).max()),
            float(np.divide(errors, each, out=np.zeros_like(each), where=each > 0).max()),
            self.forms.worst(found.forms, error.forms.real),
        )


def _sampled(part: Part, scene: Scene, sums: _Sums, fading: FadingSource, position: int, chunk: int) -> Any:
    """Sample one drop, in chunks that fit the cache, until its moments are known well enough."""
    generator = fading.generator(position)
    most = math.ceil(PATIENCE / fading.accuracy**2)
    wanted = min(FIRST_DRAWS, most)
    while True:
        while sums.draws < wanted:
            sums.add(*_draw(part, scene, fading, chunk, generator))
        found = sums.statistics()
        if isinstance(found, LinkStatistics) and not (found.weight_power > 0).all():
            raise PluginError(f"precoder {described(part)} must give every user a weight, got one without")
        if sums.biased():
            raise PluginError(
                f"channel {described(fading.channel)} must draw estimates that are conditional means (MMSE), got"
                " others: what they leave out of the channels is not zero in the mean"
            )
        worst = sums.worst(found)
        if worst <= fading.accuracy:
            return found
        if sums.draws >= most:
            raise IncompatibleError(
                f"the moments of {_title(part)} reached an accuracy of {100 * worst:.3g} % after {sums.draws}"
                f" draws, short of the {100 * fading.accuracy:g} % required: the moments may not exist, or"
                " sampling_accuracy is too strict"
            )
        wanted = min(most, max(math.ceil(1.02 * sums.draws * (worst / fading.accuracy) ** 2), sums.draws + 1))


def _draw(
    part: Part, scene: Scene, fading: FadingSource, draws: int, generator: np.random.Generator
) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """Draw channels and estimates, (M, N, K) each, and return them with the weights of a precoder or beam."""
    channels, estimates = drawn_channels(fading.channel, scene, draws, generator)
    return channels, estimates, drawn_weights(part, scene, estimates, fading.time_limit_s)


def drawn_channels(
    channel: Any, scene: Scene, draws: int, generator: np.random.Generator
) -> tuple[ComplexArray, ComplexArray]:
    """Draw channels and estimates of one drop, checked and read-only; (M, N, K) each."""
    shape = (draws, scene.antennas, scene.users)
    origin = f"channel {described(channel)}"
    with blamed(origin):
        drawn = channel.draw(scene.statistics, scene.array, draws, generator)
        # A channel may fill the same buffers again with the next draws.
        channels, estimates = (np.array(value, dtype=np.complex128) for value in drawn)
    for noun, value in (("channels", channels), ("estimates", estimates)):
        if value.shape != shape:
            raise PluginError(f"{origin} must draw {noun} of shape {shape}, got {value.shape}")
        if not np.isfinite(value.sum()):
            raise PluginError(f"{origin} must draw finite {noun}, got NaN or an infinite number")
    return read_only(channels), read_only(estimates)


def drawn_weights(
    part: Any, scene: Scene, estimates: ComplexArray, time_limit_s: float | None = None
) -> ComplexArray:
    """Return checked weights of a precoder, (M, N, K), or a beam, (M, N, S, R), for estimates (M, N, K)."""
    precoder = hasattr(part, "weights_in")
    who = f"{'precoder' if precoder else 'beam'} {described(part)}"
    draws, antennas, _ = estimates.shape
    if not precoder and draws == antennas:
        # With one draw more, or else the first axis of a beam's weights may be either's.
        more = np.concatenate([estimates, estimates[-1:]])
        return drawn_weights(part, scene, np.asarray(read_only(more)), time_limit_s)[:draws]
    with blamed(who):
        try:
            with time_limit(time_limit_s):
                given = part.weights_in(scene, estimates) if precoder else part.weights(scene, estimates)
                weights = np.asarray(given, dtype=np.complex128)
        except TimeUp:
            raise PluginError(f"{who} was stopped at its time limit of {time_limit_s:g} s") from None
    if precoder:
        if weights.shape != estimates.shape:
            raise PluginError(f"{who} must return weights of shape {estimates.shape}, got {weights.shape}")
    else:
        if weights.ndim in (2, 3) and weights.shape[0] == antennas:
            weights = np.broadcast_to(weights, (draws, *weights.shape))
        if weights.ndim == 3:
            weights = weights[..., None]
        if weights.ndim != 4 or weights.shape[:2] != (draws, antennas) or not weights.size:
            raise PluginError(
                f"{who} must return weights of shape ({draws}, {antennas}, S) or ({draws}, {antennas}, S, R),"
                f" got {np.shape(given)}"
            )
    if not np.isfinite(weights.sum()):
        raise PluginError(f"{who} must return finite weights, got NaN or an infinite number")
    return weights
