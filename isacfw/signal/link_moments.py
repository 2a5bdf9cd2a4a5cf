"""Moments of any linear precoder, sampled: it needs to provide only its weights."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.linalg import norm

from ..base.errors import PluginError
from ..base.numbers import ComplexArray, FloatArray
from ..base.part import described
from .link import LinkStatistics
from .moments import ROUNDING, FormSums, WeightedPart, sample_each_drop
from .scene import Scene


def sampled_link_statistics(precoder: WeightedPart, scene: Scene, *, isotropic: bool) -> LinkStatistics:
    r"""Return the moments of a precoder, each drop sampled until they are known to a stated accuracy.

    Parameters
    ----------
    precoder : Precoder
        Gives the weights.
    scene : Scene
        With the statistics of D drops and their source of fading: (D, K).
    isotropic : bool
        Whether its signals are known to be the same in all directions on average, so that what the targets see
        of them need not be sampled.

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
    Euclidean norm. The SINR of a user is made of one of each. Where they are not known to be
    isotropic, the same holds for the diagonal of what the targets see of each user's
    signal. The draws of a drop depend on the seed and the number of the drop alone, so all precoders and beams
    see the same.
    """
    found = sample_each_drop(
        precoder, scene, lambda own: _LinkSums(precoder, own, None if isotropic else own.basis)
    )
    return attrs.evolve(LinkStatistics.stacked(found), isotropic=isotropic)


def sampled_forms(precoder: WeightedPart, scene: Scene) -> ComplexArray:
    """Return what the targets see of each user's signal, sampled; (D, K, 3T, 3T)."""
    each = sample_each_drop(precoder, scene, lambda own: _LinkSums(precoder, own, own.basis, forms_alone=True))
    found = LinkStatistics.stacked(each)
    assert found.forms is not None
    return found.forms


def sampled_in_full(precoder: WeightedPart, scene: Scene) -> LinkStatistics:
    """Return all moments of a precoder sampled, with the forms of its signals, whatever it claims of them."""
    return LinkStatistics.stacked(
        sample_each_drop(precoder, scene, lambda own: _LinkSums(precoder, own, own.basis))
    )


class _LinkSums:
    """Sums over draws of the powers of the samples, and the moments of a precoder that follow."""

    def __init__(
        self, precoder: WeightedPart, scene: Scene, basis: ComplexArray | None, *, forms_alone: bool = False
    ) -> None:
        users, self.precoder = scene.users, precoder
        self.antennas, self.draws = scene.antennas, 0
        # Estimates of Gaussian channels are conditional means; others may be the best linear ones only, for which
        # what they leave out of the channels has a mean behind a precoder that is not linear in them.
        self.conditional = scene.statistics.isotropic or scene.statistics.correlated
        self.forms = None if basis is None else FormSums(users, basis)
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
        if not (self.power > 0).all():
            raise PluginError(
                f"precoder {described(self.precoder)} must give every user a weight, got one without"
            )
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
        if self.forms is not None:
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
