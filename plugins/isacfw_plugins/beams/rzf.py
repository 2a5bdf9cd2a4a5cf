"""Beams that are attenuated towards the users."""

from __future__ import annotations

import math
from typing import ClassVar, Self, final

import attrs
import numpy as np
from numpy.random import Generator

import isacfw
from isacfw import Beam, BeamStatistics, ComplexArray, FloatArray, Scene, Steered, SteeringBeam
from isacfw.validators import instance_of, number, real

from .projected import unprojected, without_span

_DRAWS_AT_ONCE = 1000
_PATIENCE = 20


@final
@attrs.frozen(kw_only=True)
class RZFBeam(isacfw.Beam):
    r"""Another beam, regularised against the users' channel estimates.

    Parameters
    ----------
    of : Beam
        The original beam.
    regularization : float
        :math:`\lambda`, in units of the noise. With :math:`\lambda \to 0` the beam is projected away from the
        estimates, with :math:`\lambda \to \infty` it is unchanged.

    Notes
    -----
    :math:`v = \lambda (\hat H \hat H^H + \lambda I)^{-1} v_0` without normalisation. On independent isotropic
    fading, for estimates that are not collinear and a beam that does not depend on the channel, its moments
    follow from the K x K matrix :math:`\hat H^H \hat H` alone, which is Wishart: with its eigenvalues
    :math:`s_i`, :math:`m_i = \lambda / (s_i + \lambda)`, :math:`t_1 = N_t - K + \sum m_i` and :math:`t_2 = N_t
    - K + \sum m_i^2`, the covariance is :math:`\mu R_0 + (1 - \mu) I / N_t` with :math:`\mu = E(N_t t_1^2 -
    t_2) / ((N_t^2 - 1) E t_2)`, and user k is disturbed by :math:`\epsilon_k + E[\lambda^2 Z \hat H^H \hat H
    Z]_{kk} / E t_2`, :math:`Z = (\hat H^H \hat H + \lambda I)^{-1}`. These are sampled at no cost in
    :math:`N_t`. Elsewhere the moments are sampled from channels.
    """

    name: ClassVar[str] = "rzf"

    of: Beam = attrs.field(factory=Steered, validator=instance_of(Beam, "a beam"))
    regularization: float = attrs.field(default=1.0, converter=real, validator=number(above=0))

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return the regularised steered beam."""
        return (cls(),)

    def depends_on_power(self) -> bool:
        """Return whether the original beam depends on the power."""
        return self.of.depends_on_power()

    def weights(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        """Return the regularised weights; (..., N, S, R)."""
        gram = np.swapaxes(estimates.conj(), -1, -2) @ estimates
        inverse = np.linalg.inv(gram + self.regularization * np.eye(gram.shape[-1]))
        return without_span(
            unprojected(self.of, scene, estimates), estimates, np.asarray(inverse, dtype=np.complex128)
        )

    def beam_statistics(self, scene: Scene) -> BeamStatistics:
        """Return the moments, from Wishart matrices if sufficient, else from channels."""
        statistics = scene.statistics
        wishart = statistics.isotropic and statistics.collinear is None and scene.antennas >= scene.users
        if not wishart or not isinstance(self.of, SteeringBeam):
            return super().beam_statistics(scene)
        fading = statistics.source
        original = self.of.beam_statistics(scene)
        each = []
        for drop, xi in enumerate(statistics.xi):
            generator = fading.generator(drop)
            each.append(_wishart_moments(xi, scene.antennas, self.regularization, fading.accuracy, generator))
        share, power, leak, errors = (np.array(values) for values in zip(*each, strict=True))
        isotropic = scene.isotropic_forms
        changed = original.forms - isotropic
        return BeamStatistics(
            interference=statistics.epsilon + leak,
            weight_power=original.weight_power * power[:, None],
            forms=isotropic + share[:, None, None, None] * changed,
            gains=None if original.gains is None else 1 + share[:, None, None] * (original.gains - 1),
            standard_error=BeamStatistics(
                interference=errors[:, 2:],
                weight_power=original.weight_power * errors[:, 1, None],
                forms=np.abs(changed) * errors[:, 0, None, None, None],
            ),
        )


def _wishart_moments(
    xi: FloatArray, antennas: int, regularization: float, accuracy: float, generator: Generator
) -> tuple[float, float, FloatArray, FloatArray]:
    """Return μ, E‖v‖² per ‖v0‖², the interference through estimates, and their standard errors (2 + K,)."""
    samples: list[FloatArray] = []
    while True:
        samples.append(_samples(xi, antennas, regularization, generator))
        values = np.concatenate(samples)
        found = _combine(values.mean(axis=0), antennas)
        # The delta method, with the derivative of the reported quantities along each sample.
        mean, count = values.mean(axis=0), len(values)
        slopes = np.array(
            [_combine(mean + 1e-6 * (one - mean), antennas) for one in values[:: max(1, count // 1000)]]
        )
        errors = slopes.std(axis=0, ddof=1) * 1e6 / np.sqrt(count)
        scale = np.concatenate([found[:2], np.maximum(found[2:], 0.01 * xi)])
        if (errors <= accuracy * scale).all() or count >= math.ceil(_PATIENCE / accuracy**2):
            return float(found[0]), float(found[1]), found[2:], errors


def _combine(mean: FloatArray, antennas: int) -> FloatArray:
    """Return the reported quantities from the means of t₁², t₂ and the interference."""
    share = (antennas * mean[0] - mean[1]) / ((antennas**2 - 1) * mean[1])
    return np.concatenate([[share, mean[1] / antennas], mean[2:] / mean[1]])


def _samples(xi: FloatArray, antennas: int, regularization: float, generator: Generator) -> FloatArray:
    """Return t₁², t₂ and the unnormalised interference of draws of the Gram matrix; (M, 2 + K)."""
    users, draws = len(xi), _DRAWS_AT_ONCE
    # Bartlett's decomposition of a complex Wishart matrix.
    factor = np.zeros((draws, users, users), dtype=np.complex128)
    row, column = np.tril_indices(users, -1)
    parts = generator.standard_normal((2, draws, len(row)))
    factor[:, row, column] = (parts[0] + 1j * parts[1]) / np.sqrt(2)
    factor[:, range(users), range(users)] = np.sqrt(
        generator.gamma(antennas - np.arange(users), size=(draws, users))
    )
    factor *= np.sqrt(xi)[:, None]
    values, vectors = np.linalg.eigh(factor @ np.swapaxes(factor.conj(), -1, -2))
    kept = regularization / (np.maximum(values, 0.0) + regularization)
    rest = antennas - users
    first, second = rest + kept.sum(axis=-1), rest + (kept**2).sum(axis=-1)
    leak = (np.abs(vectors) ** 2 @ (kept**2 * np.maximum(values, 0.0))[..., None])[..., 0]
    return np.concatenate([first[:, None] ** 2, second[:, None], leak], axis=-1)


@isacfw.hookimpl
def register_beams() -> list[type[isacfw.Beam]]:
    """Register regularised beams."""
    return [RZFBeam]
