"""Sums over draws of the signals received at the targets."""

from __future__ import annotations

import numpy as np
from numpy.linalg import norm

from ..base.numbers import ComplexArray, FloatArray


class FormSums:
    """Sums of P^H w w^H P, what the targets receive from signals with weights w, entry by entry."""

    def __init__(self, signals: int, basis: ComplexArray) -> None:
        order = basis.shape[-1]
        self.basis = basis.conj().T
        # A signal counts as invisible to the targets below a hundredth of an isotropic one.
        self.least = 0.01 * (np.abs(basis) ** 2).sum(axis=0) / len(basis)
        self.total: ComplexArray = np.zeros((signals, order, order), dtype=np.complex128)
        self.square = np.zeros((signals, order, order))

    def add(self, weights: ComplexArray) -> None:
        """Add draws of weights; (M, N, B), or (M, N, B, R) for signals with R waveforms."""
        # Draw by draw: the bits of one large product depend on the number of threads.
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
        # An upper bound, since numerator and denominator increase together.
        return forms, spread / power[:, None, None] + np.abs(forms) * relative

    def worst(self, forms: ComplexArray, error: FloatArray) -> float:
        """Return the largest relative standard error of a signal's diagonal."""
        scale = np.maximum(np.einsum("bii->bi", forms).real, self.least)
        relative = np.divide(np.einsum("bii->bi", error), scale, out=np.zeros(scale.shape), where=scale > 0)
        return float((norm(relative, axis=-1) / np.sqrt(scale.shape[-1])).max())
