r"""Gaussian channels with given means and covariances, and their linear MMSE estimates from pilots.

:math:`h_k = \bar h_k + R_k^{1/2} z_k`. Users that share a pilot are received together,
:math:`y = \sum_j (h_j - \bar h_j) + n / \sqrt{E}` with the pilot energy E, so with
:math:`\Psi = E \sum_j R_j + I` the estimates :math:`\hat h_k = \bar h_k + E R_k \Psi^{-1} y` have the covariances
:math:`\Phi_{kj} = E R_j \Psi^{-1} R_k` where j and k share a pilot, and 0 elsewhere.
"""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..base.numbers import ComplexArray, FloatArray


@attrs.frozen(kw_only=True, eq=False)
class SecondOrder:
    r"""Means and covariances of the channels of one drop, and of their estimates.

    Parameters
    ----------
    means : ndarray of complex, shape (K, N)
        Means, known to the base station with their phases.
    covariances : ndarray of complex, shape (K, N, N)
        Covariances of the channels about their means.
    pilots : ndarray of int, shape (K,)
        Number of each user's pilot.
    pilot_energy : float
        Energy of a pilot relative to the noise, :math:`\tau_p p_p`.
    independent : bool
        Whether estimates of users that share a pilot are nevertheless drawn independently, as in the paper.
    """

    means: ComplexArray
    covariances: ComplexArray
    pilots: NDArray[np.int64]
    pilot_energy: float
    independent: bool = False

    @property
    def users(self) -> int:
        """Number of users K."""
        return len(self.means)

    @cached_property
    def _received(self) -> dict[int, ComplexArray]:
        """The matrix Ψ of each pilot; (N, N)."""
        found: dict[int, ComplexArray] = {}
        for pilot in np.unique(self.pilots):
            total = self.covariances[self.pilots == pilot].sum(axis=0)
            found[int(pilot)] = np.eye(total.shape[-1]) + self.pilot_energy * total
        return found

    @cached_property
    def filters(self) -> ComplexArray:
        r"""The matrices :math:`E R_k \Psi^{-1}` that map the pilot signals to the estimates; (K, N, N)."""
        solved = [
            _solve(self._received[int(pilot)], covariance)
            for pilot, covariance in zip(self.pilots, self.covariances, strict=True)
        ]
        filters: ComplexArray = np.swapaxes(np.array(solved, dtype=np.complex128).conj(), -1, -2)
        return filters * self.pilot_energy

    @cached_property
    def estimate_covariances(self) -> ComplexArray:
        r"""Covariance :math:`\Phi_{kk}` of each user's estimate; (K, N, N)."""
        return _hermitian(self.filters @ self.covariances)

    @cached_property
    def error_covariances(self) -> ComplexArray:
        r"""Covariance :math:`R_k - \Phi_{kk}` of each user's estimation error; (K, N, N)."""
        if not self._shared.any():
            # R - E R (E R + I)^-1 R = R (E R + I)^-1, without the difference.
            return _hermitian(self.filters / self.pilot_energy)
        return _hermitian(self.covariances - self.estimate_covariances)

    @cached_property
    def _shared(self) -> NDArray[np.bool_]:
        """Which pairs of different users share a pilot; (K, K)."""
        return np.equal.outer(self.pilots, self.pilots) & ~np.eye(self.users, dtype=np.bool_)

    @cached_property
    def coherent_means(self) -> ComplexArray:
        r"""The means :math:`E\,h_k^H \hat h_j` over the fading; (K, K)."""
        found = self.means.conj() @ self.means.T
        related = np.eye(self.users, dtype=np.bool_)
        if not self.independent:
            related |= self._shared
        for k, j in np.argwhere(related):
            found[k, j] += np.einsum("ab,ba->", self.filters[j], self.covariances[k])
        return found

    @cached_property
    def spread(self) -> FloatArray:
        r"""The variances :math:`E|h_k^H \hat h_j|^2 - |E\,h_k^H \hat h_j|^2` over the fading; (K, K).

        :math:`\mathrm{tr} R_k \Phi_{jj} + \bar h_k^H \Phi_{jj} \bar h_k + \bar h_j^H R_k \bar h_j`.
        """
        covariances, estimates = self.covariances, self.estimate_covariances
        flat = covariances.reshape(self.users, -1).conj() @ estimates.reshape(self.users, -1).T
        own = _quadratic(estimates, self.means).T
        other = _quadratic(covariances, self.means)
        return np.asarray(flat.real + own + other)

    def of_vectors(self, vectors: ComplexArray) -> FloatArray:
        r"""Return :math:`E|h_k^H v|^2 = v^H R_k v + |\bar h_k^H v|^2` of fixed vectors (N, B); (K, B)."""
        return np.asarray(_quadratic(self.covariances, vectors.T) + np.abs(self.means.conj() @ vectors) ** 2)

    @cached_property
    def _roots(self) -> tuple[ComplexArray, ComplexArray]:
        """Return square roots of the covariances of channels, or of estimates and errors; (K, N, N) each."""
        if self.independent:
            return _roots(self.estimate_covariances), _roots(self.error_covariances)
        return _roots(self.covariances), self.filters

    def draw(self, draws: int, generator: Generator) -> tuple[ComplexArray, ComplexArray]:
        """Draw channels and their estimates; (M, N, K) each."""
        first, second = self._roots
        size = (draws, self.users, self.means.shape[-1])
        if self.independent:
            estimates = self.means + _apply(first, complex_normal(size, generator))
            channels = estimates + _apply(second, complex_normal(size, generator))
            return np.swapaxes(channels, -1, -2), np.swapaxes(estimates, -1, -2)
        scattered = _apply(first, complex_normal(size, generator))
        names, place = np.unique(self.pilots, return_inverse=True)
        received = complex_normal((draws, len(names), size[-1]), generator) / np.sqrt(self.pilot_energy)
        for user, pilot in enumerate(place):
            received[:, pilot] += scattered[:, user]
        estimates = self.means + _apply(second, received[:, place])
        return np.swapaxes(self.means + scattered, -1, -2), np.swapaxes(estimates, -1, -2)


def complex_normal(shape: tuple[int, ...], generator: Generator) -> ComplexArray:
    """Draw circularly symmetric complex Gaussian numbers of unit variance."""
    pairs = generator.standard_normal((*shape, 2))
    pairs *= np.sqrt(0.5)
    return np.asarray(pairs.view(np.complex128)[..., 0])


def _apply(matrices: ComplexArray, vectors: ComplexArray) -> ComplexArray:
    """Return the products of a matrix per user with vectors; (K, N, N) and (M, K, N)."""
    return np.asarray(np.swapaxes(np.swapaxes(vectors, 0, 1) @ np.swapaxes(matrices, -1, -2), 0, 1))


def _hermitian(matrices: ComplexArray) -> ComplexArray:
    return np.asarray((matrices + np.swapaxes(matrices.conj(), -1, -2)) / 2)


def _quadratic(matrices: ComplexArray, vectors: ComplexArray) -> FloatArray:
    """Return v^H M v of every matrix (K, N, N) and vector (B, N); (K, B)."""
    return np.asarray(np.einsum("bn,kbn->kb", vectors.conj(), vectors @ np.swapaxes(matrices, -1, -2)).real)


def _solve(received: ComplexArray, covariance: ComplexArray) -> ComplexArray:
    """Return the solution X of Ψ X = R, without the directions of no power if rounding makes Ψ singular."""
    try:
        return np.asarray(np.linalg.solve(received, covariance))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(received, hermitian=True) @ covariance)


def _roots(matrices: ComplexArray) -> ComplexArray:
    """Return the Hermitian square roots, the only ones that rounding errors of processors do not turn."""
    values, vectors = np.linalg.eigh(matrices)
    scaled = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    return np.asarray(scaled @ np.swapaxes(vectors.conj(), -1, -2))
