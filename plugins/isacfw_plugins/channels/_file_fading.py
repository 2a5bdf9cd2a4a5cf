r"""Fading that is not Gaussian, from samples or paths, and its linear MMSE estimates from pilots.

:math:`h_k = \bar h_k + s_k` is received as :math:`y_p = \sum_{k \in P} s_k + n / \sqrt{E}` by the pilot of the
users P, with the pilot energy E. With :math:`C_k = \mathrm{Cov}(s_k, \sum_j s_j)` and
:math:`\Sigma = \mathrm{Cov}(\sum_j s_j)`, the estimate :math:`\hat h_k = \bar h_k + F_k y_p`,
:math:`F_k = C_k (\Sigma + I / E)^{-1}`, is the best linear one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self, final

import attrs
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from isacfw import Array, ComplexArray, FloatArray, complex_normal

LOST = 1e-14
"""Eigenvalues below this part of the largest are rounding."""


@attrs.frozen(kw_only=True, eq=False)
class Fading(ABC):
    """Fading of the K users of a drop about its mean.

    Parameters
    ----------
    mean : ndarray of complex, shape (K, N)
        Mean of the channels.
    """

    mean: ComplexArray

    @property
    @abstractmethod
    def covariances(self) -> ComplexArray:
        """Covariances about the mean; (K, N, N)."""

    @abstractmethod
    def joint(self, users: NDArray[np.int64]) -> tuple[ComplexArray, ComplexArray]:
        """Return the covariances of each of some users with their sum, (k, N, N), and that of the sum, (N, N)."""

    @abstractmethod
    def draw(self, draws: int, generator: Generator) -> ComplexArray:
        """Draw the fading about its mean; (M, K, N)."""

    @abstractmethod
    def draw_apart(self, draws: int, generator: Generator) -> ComplexArray:
        """Draw the fading of each user independently of all others; (M, K, N)."""


@final
@attrs.frozen(kw_only=True, eq=False)
class SampledFading(Fading):
    """Fading that takes each of S values with the same probability, those of all users together.

    Parameters
    ----------
    samples : ndarray of complex, shape (S, N, K)
        Channels but for the scale.
    scale : float
        Factor of the samples.
    """

    samples: ComplexArray
    scale: float

    @classmethod
    def of(cls, samples: ComplexArray, scale: float) -> Self:
        """Return the fading of samples and their mean."""
        mean = np.ascontiguousarray(scale * samples.mean(axis=0).T)
        return cls(samples=samples, scale=scale, mean=mean)

    def _scattered(self) -> ComplexArray:
        """Return the samples about their mean, of each user; (K, S, N)."""
        each = np.ascontiguousarray(np.moveaxis(self.samples, -1, 0))
        return np.asarray(self.scale * each - self.mean[:, None])

    @property
    def covariances(self) -> ComplexArray:
        """Covariances of the samples; (K, N, N)."""
        return np.stack([hermitian(_covariance(one, one)) for one in self._scattered()])

    def joint(self, users: NDArray[np.int64]) -> tuple[ComplexArray, ComplexArray]:
        """Return covariances with the sum of users, (k, N, N), and that of the sum, (N, N)."""
        scattered = self._scattered()[users]
        total = scattered.sum(axis=0)
        return np.stack([_covariance(one, total) for one in scattered]), hermitian(_covariance(total, total))

    def draw(self, draws: int, generator: Generator) -> ComplexArray:
        """Draw samples of all users together; (M, K, N)."""
        drawn = self.samples[generator.integers(len(self.samples), size=draws)]
        return np.asarray(self.scale * np.swapaxes(drawn, -1, -2) - self.mean)

    def draw_apart(self, draws: int, generator: Generator) -> ComplexArray:
        """Draw samples of each user independently; (M, K, N)."""
        users = self.samples.shape[-1]
        number = generator.integers(len(self.samples), size=(draws, users))
        return np.asarray(self.scale * self.samples[number, :, np.arange(users)] - self.mean)


@final
@attrs.frozen(kw_only=True, eq=False)
class PathFading(Fading):
    r"""Plane waves of independent uniform phases: :math:`h_k = \sum_l g_{kl} a_{kl} e^{j \psi_{kl}}`.

    Parameters
    ----------
    waves : ndarray of complex, shape (K, N, L)
        Steering vectors of the paths times the moduli of their gains.
    """

    waves: ComplexArray

    @classmethod
    def of(cls, waves: ComplexArray) -> Self:
        """Return the fading of waves; its mean is 0."""
        return cls(waves=waves, mean=np.zeros(waves.shape[:2], dtype=np.complex128))

    @property
    def covariances(self) -> ComplexArray:
        r"""Covariances :math:`\sum_l |g_{kl}|^2 a_{kl} a_{kl}^H`; (K, N, N)."""
        return hermitian(self.waves @ np.swapaxes(self.waves.conj(), -1, -2))

    def joint(self, users: NDArray[np.int64]) -> tuple[ComplexArray, ComplexArray]:
        """Return covariances with the sum of users, (k, N, N), and that of the sum, (N, N)."""
        own = self.covariances[users]
        return own, np.asarray(own.sum(axis=0))

    def draw(self, draws: int, generator: Generator) -> ComplexArray:
        """Draw phases; (M, K, N)."""
        users, _, paths = self.waves.shape
        turns = np.exp(2j * np.pi * generator.random((draws, users, paths)))
        return np.moveaxis(self.waves @ np.moveaxis(turns, 0, -1), -1, 0)

    def draw_apart(self, draws: int, generator: Generator) -> ComplexArray:
        """Draw phases, which are independent; (M, K, N)."""
        return self.draw(draws, generator)


def plane_waves(array: Array, gain: ComplexArray, azimuth: FloatArray, elevation: FloatArray) -> ComplexArray:
    """Return steering vectors (10) of paths times the moduli of their gains; (K, N, L).

    Parameters
    ----------
    array : Array
        The transmit array.
    gain, azimuth, elevation : ndarray, shape (K, L)
        Amplitudes, and angles in radians, see :class:`isacfw.Direction`.
    """
    sine = np.sin(elevation)
    vectors = np.stack([np.sin(azimuth) * sine, np.cos(elevation), np.cos(azimuth) * sine], axis=-2)
    positions = array.centred_positions()
    phases = np.pi * (positions @ vectors[..., : positions.shape[1], :])
    return np.asarray(np.abs(gain)[..., None, :] * np.exp(1j * phases))


@final
@attrs.frozen(kw_only=True)
class PilotEstimation:
    """Estimation from pilots.

    Parameters
    ----------
    pilots : tuple of int
        Pilot of each user.
    energy : float
        Energy E of a pilot relative to the noise.
    independent : bool
        Whether the disturbance by other users of the pilot is drawn independently for each user.
    """

    pilots: tuple[int, ...]
    energy: float
    independent: bool

    def filters(self, fading: Fading) -> tuple[ComplexArray, FloatArray, FloatArray]:
        """Return filters F, (K, N, N), and the variances xi and epsilon per antenna, (K,) each."""
        own, mean, pilots = fading.covariances, fading.mean, np.array(self.pilots)
        filters = np.zeros_like(own)
        known, error = np.zeros(len(pilots)), np.zeros(len(pilots))
        antennas = mean.shape[-1]
        for pilot in np.unique(pilots):
            users = np.flatnonzero(pilots == pilot)
            apart = self.independent or len(users) == 1
            with_sum, total = (own[users], own[users].sum(axis=0)) if apart else fading.joint(users)
            inverse, noise = _inverse(total, self.energy), np.eye(antennas) / self.energy
            for user, cross in zip(users, with_sum, strict=True):
                found = filters[user] = cross @ inverse
                known[user] = _power(found, total + noise) / antennas
                # The error is (I - F) s_k - F (r + n), r the rest of the sum: good estimates cancel nothing.
                rest = total - cross - cross.conj().T + own[user]
                left = np.eye(antennas) - found
                linked = _trace(left @ (cross - own[user]) @ found.conj().T)
                error[user] = _power(left, own[user]) + _power(found, rest + noise) - 2 * linked
        known += (np.abs(mean) ** 2).mean(axis=-1)
        return filters, known, np.maximum(error, 0) / antennas

    def draw(
        self, fading: Fading, filters: ComplexArray, draws: int, generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        """Draw channels and estimates; (M, N, K) each."""
        scattered, pilots = fading.draw(draws, generator), np.array(self.pilots)
        names, place = np.unique(pilots, return_inverse=True)
        shape = (draws, len(pilots) if self.independent else len(names), scattered.shape[-1])
        received = complex_normal(shape, generator) / np.sqrt(self.energy)
        if self.independent:
            received += scattered
            for shift in range(1, int(np.bincount(place).max())):
                other, valid = _others(place, shift)
                received[:, valid] += fading.draw_apart(draws, generator)[:, other[valid]]
        else:
            for user, pilot in enumerate(place):
                received[:, pilot] += scattered[:, user]
            received = received[:, place]
        mean = fading.mean
        estimates = mean + np.swapaxes(np.swapaxes(received, 0, 1) @ np.swapaxes(filters, -1, -2), 0, 1)
        return np.swapaxes(mean + scattered, -1, -2), np.swapaxes(estimates, -1, -2)


def _others(place: NDArray[np.intp], shift: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return, for each user, the user who follows it by a shift on the same pilot, and whether there is one."""
    other, valid = np.zeros_like(place), np.zeros(len(place), dtype=np.bool_)
    for pilot in range(int(place.max()) + 1):
        users = np.flatnonzero(place == pilot)
        if shift < len(users):
            other[users], valid[users] = np.roll(users, -shift), True
    return other, valid


def collinear_pairs(filters: ComplexArray, mean: ComplexArray, pilots: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which users of one pilot have estimates without mean that are multiples of each other; (K, K)."""
    flat = filters.reshape(len(filters), -1)
    size = np.linalg.norm(flat, axis=-1)
    flat = flat / np.where(size > 0, size, 1)[:, None]
    alike = np.abs(flat.conj() @ flat.T) > 1 - 1e-12
    without = ~mean.any(axis=-1)
    shared = np.equal.outer(pilots, pilots) & ~np.eye(len(pilots), dtype=np.bool_)
    return np.asarray(alike & shared & np.logical_and.outer(without, without))


def hermitian(matrices: ComplexArray) -> ComplexArray:
    """Return the Hermitian part of matrices; (..., N, N)."""
    return np.asarray((matrices + np.swapaxes(matrices.conj(), -1, -2)) / 2)


def _covariance(first: ComplexArray, second: ComplexArray) -> ComplexArray:
    """Return the mean of the products of samples (S, N) of zero mean; (N, N)."""
    return np.asarray(first.T @ second.conj() / len(first))


def _inverse(total: ComplexArray, energy: float) -> ComplexArray:
    r"""Return :math:`(\Sigma + I / E)^{-1}` where the covariance has power, and 0 elsewhere; (N, N).

    Directions without power are left out rather than amplified, as they would be by rounding at high energy.
    """
    values, vectors = np.linalg.eigh(total)
    kept = values > LOST * max(values[-1], 0.0)
    weights = np.where(kept, 1 / (np.where(kept, values, 1) + 1 / energy), 0)
    return np.asarray((vectors * weights) @ vectors.conj().T)


def _power(matrix: ComplexArray, covariance: ComplexArray) -> float:
    """Return the trace of the covariance behind a matrix."""
    return _trace(matrix @ covariance @ matrix.conj().T)


def _trace(matrix: ComplexArray) -> float:
    return float(np.einsum("nn->", matrix).real)
