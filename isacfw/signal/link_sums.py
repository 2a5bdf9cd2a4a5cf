"""Sums over draws of channels and weights, and the resulting moments of a precoder."""

from __future__ import annotations

import numpy as np
from numpy.linalg import norm

from ..base.errors import PluginError
from ..base.numbers import ComplexArray, FloatArray
from .form_sums import FormSums
from .link import LinkStatistics
from .statistics import ChannelStatistics

ROUNDING = 1e-8


class LinkSums:
    """Sums over draws of the powers of the samples.

    Parameters
    ----------
    who : str
        Kind and name of the precoder, for messages.
    statistics : ChannelStatistics
        Statistics of one drop.
    antennas : int
        Number of transmit antennas N.
    basis : ndarray of complex, shape (N, 3T), or None
        :attr:`Scene.basis`, for the signals at the targets; None if these are known.
    forms_alone : bool
        Whether the accuracy counts only the signals at the targets.
    """

    def __init__(
        self,
        who: str,
        statistics: ChannelStatistics,
        antennas: int,
        basis: ComplexArray | None,
        *,
        forms_alone: bool = False,
    ) -> None:
        users, self.who = statistics.users, who
        self.antennas, self.draws = antennas, 0
        # Estimates of Gaussian channels are conditional means; others may be only the best linear ones. Their
        # errors then have a nonzero mean behind a precoder that is not linear in the estimates.
        self.conditional = statistics.isotropic or statistics.correlated
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
        """Add draws of the users' own signals, and of their estimates at the base station; (M, K) each."""
        self.known += known.sum(axis=0)
        self.known_square += (known.real**2 + known.imag**2).sum(axis=0)
        error = own - known
        self.error += error.sum(axis=0)
        self.error_square += (error.real**2 + error.imag**2).sum(axis=0)

    def is_biased(self) -> bool:
        """Return whether errors of Gaussian estimates have a mean that exceeds 6 standard errors."""
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
            raise PluginError(f"{self.who} must give every user a weight, got one without")
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
                # An upper bound, since only the spread in phase with the mean counts; for zero forcing it is pure
                # rounding.
                signal_gain=2 * amplitude * np.sqrt(variance / (self.draws - 1)) + ROUNDING * amplitude**2,
                interference_gain=none,
                weight_power=power_error / self.antennas,
                coupling=self._spread(self.square, self.fourth) / self.antennas,
                forms=errors,
            ),
        )

    def worst(self, link: LinkStatistics) -> float:
        """Return the largest relative standard error among those that must reach the accuracy."""
        error = link.standard_error
        assert error is not None
        assert error.coupling is not None
        assert link.coupling is not None
        pairs = (
            # A signal without a mean has no gain, and so no relative error.
            (error.signal_gain, np.maximum(link.signal_gain, 0.01 * self.known_square / self.draws)),
            (error.weight_power, link.weight_power),
            (norm(error.coupling / link.weight_power, axis=-1), norm(link.coupling / link.weight_power, axis=-1)),
        )
        known = [float((np.divide(e, v, out=np.zeros_like(v), where=v > 0)).max()) for e, v in pairs]
        if self.forms is None or link.forms is None or error.forms is None:
            return max(known)
        forms = self.forms.worst(link.forms, np.asarray(error.forms).real)
        return forms if self.forms_alone else max(*known, forms)
