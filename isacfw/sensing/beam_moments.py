"""Moments of any sensing beam, sampled: it needs to provide only its weights."""

from __future__ import annotations

import numpy as np
from numpy.linalg import norm

from ..base.errors import PluginError
from ..base.numbers import ComplexArray, FloatArray
from ..base.part import described
from ..signal.moments import FormSums, WeightedPart, sample_each_drop
from ..signal.scene import Scene
from .beam_statistics import BeamStatistics


def sampled_beam_statistics(beam: WeightedPart, scene: Scene) -> BeamStatistics:
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
        As :func:`~isacfw.signal.moments.sample_each_drop`.

    Notes
    -----
    Draws go on until the relative standard errors of the streams' powers, of their interference to
    each user (as a vector over the streams) and of the diagonals of their forms are all within the accuracy.
    """
    found = sample_each_drop(beam, scene, lambda own: _BeamSums(beam, own.users, own.basis))
    return BeamStatistics.stacked(found)


class _BeamSums:
    """Sums over draws of the powers of the samples, and the moments of a beam that follow."""

    def __init__(self, beam: WeightedPart, users: int, basis: ComplexArray) -> None:
        self.beam, self.users, self.basis, self.draws = beam, users, basis, 0
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

    def biased(self) -> bool:
        """Return False: no moment of a beam relies on what estimates are."""
        return False

    def _spread(self, total: FloatArray, squares: FloatArray) -> FloatArray:
        mean = total / self.draws
        return np.asarray(np.sqrt(np.maximum(squares / self.draws - mean**2, 0) / max(self.draws - 1, 1)))

    def statistics(self) -> BeamStatistics:
        """Return the moments with their standard errors."""
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
