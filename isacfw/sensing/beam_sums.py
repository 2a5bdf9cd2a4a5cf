"""Sums over draws of channels and weights, and the resulting moments of a sensing beam."""

from __future__ import annotations

import numpy as np
from numpy.linalg import norm

from ..base.errors import PluginError
from ..base.numbers import ComplexArray, FloatArray
from ..signal.form_sums import FormSums
from .beam_statistics import BeamStatistics


class BeamSums:
    """Sums over draws of the powers of the samples.

    Parameters
    ----------
    who : str
        Kind and name of the beam, for messages.
    users : int
        Number of users K.
    basis : ndarray of complex, shape (N, 3T)
        :attr:`Scene.basis`, for the streams at the targets.
    """

    def __init__(self, who: str, users: int, basis: ComplexArray) -> None:
        self.who, self.users, self.basis, self.draws = who, users, basis, 0
        self.forms: FormSums | None = None
        self.square: FloatArray = np.zeros(0)
        self.fourth: FloatArray = np.zeros(0)
        self.power: FloatArray = np.zeros(0)
        self.power_square: FloatArray = np.zeros(0)
        self.error: ComplexArray = np.zeros(users, dtype=np.complex128)

    def add(self, channels: ComplexArray, estimates: ComplexArray, weights: ComplexArray) -> None:
        """Add draws of channels (M, N, K) and of weights (M, N, S, R)."""
        streams = weights.shape[2]
        if self.forms is None:
            self.forms = FormSums(streams, self.basis)
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

    def is_biased(self) -> bool:
        """Return False: no moment of a beam depends on the kind of estimates."""
        return False

    def _spread(self, total: FloatArray, squares: FloatArray) -> FloatArray:
        mean = total / self.draws
        return np.asarray(np.sqrt(np.maximum(squares / self.draws - mean**2, 0) / max(self.draws - 1, 1)))

    def statistics(self) -> BeamStatistics:
        """Return the moments with their standard errors."""
        assert self.forms is not None
        power, power_error = self.power / self.draws, self._spread(self.power, self.power_square)
        if not (power > 0).all():
            raise PluginError(f"{self.who} must give every stream a weight, got one without")
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
        """Return the largest relative standard error among those that must reach the accuracy."""
        error = found.standard_error
        assert error is not None
        assert self.forms is not None
        each, errors = norm(found.stream_interference, axis=-1), norm(error.stream_interference, axis=-1)
        return max(
            float((error.weight_power / found.weight_power).max()),
            float(np.divide(errors, each, out=np.zeros_like(each), where=each > 0).max()),
            self.forms.worst(found.forms, error.forms.real),
        )
