r"""Real coordinates of Hermitian matrices, orthonormal for the inner product :math:`\mathrm{tr}\,AB`.

The first n coordinates are the diagonal; then come the real parts above it, times :math:`\sqrt 2`, and as many
imaginary parts.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..base.numbers import ComplexArray, FloatArray, read_only


def coordinates_of(matrices: ComplexArray) -> FloatArray:
    """Return the coordinates of Hermitian matrices (..., n, n); (..., n²)."""
    row, column = np.triu_indices(matrices.shape[-1], 1)
    pairs = np.sqrt(2) * matrices[..., row, column]
    diagonal = np.diagonal(matrices, axis1=-2, axis2=-1)
    return np.concatenate([diagonal.real, pairs.real, pairs.imag], axis=-1)


def matrix_of(coordinates: FloatArray, order: int) -> ComplexArray:
    """Return the Hermitian matrices with coordinates (..., n²); (..., n, n)."""
    flat = coordinates @ hermitian_basis(order).reshape(order**2, -1)
    return np.asarray(flat.reshape(*coordinates.shape[:-1], order, order))


@lru_cache(maxsize=32)
def hermitian_basis(order: int) -> ComplexArray:
    """Return the matrix of each coordinate; (n², n, n)."""
    basis = np.zeros((order**2, order, order), dtype=np.complex128)
    basis[range(order), range(order), range(order)] = 1.0
    row, column = np.triu_indices(order, 1)
    for first, value in ((order, 1.0), (order + len(row), 1.0j)):
        place = np.arange(first, first + len(row))
        basis[place, row, column] = value / np.sqrt(2)
        basis[place, column, row] = np.conj(value) / np.sqrt(2)
    return np.asarray(read_only(basis))


def real_embedding(matrices: ComplexArray) -> FloatArray:
    """Return [[Re, -Im], [Im, Re]], positive semidefinite if and only if the matrix is; (..., 2n, 2n)."""
    top = np.concatenate([matrices.real, -matrices.imag], axis=-1)
    bottom = np.concatenate([matrices.imag, matrices.real], axis=-1)
    return np.concatenate([top, bottom], axis=-2)


def positive_part(coordinates: FloatArray, order: int) -> FloatArray:
    """Return the coordinates of the nearest positive semidefinite matrices; (..., n²)."""
    values, vectors = np.linalg.eigh(matrix_of(coordinates, order))
    kept = vectors * np.maximum(values, 0.0)[..., None, :]
    nearest = coordinates_of(kept @ np.swapaxes(vectors.conj(), -1, -2))
    return np.where(values[..., :1] >= 0, coordinates, nearest)
