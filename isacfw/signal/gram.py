"""Inner products of steering vectors and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base.numbers import ComplexArray, FloatArray
from .array import Array, Direction


def gram(array: Array, directions: Sequence[Direction]) -> ComplexArray:
    """Return :math:`P^H P` of the bases of several directions side by side; (3T, 3T)."""
    count = len(directions)
    found = np.zeros((3 * count, 3 * count), dtype=np.complex128)
    for row, first in enumerate(directions):
        own = slice(3 * row, 3 * row + 3)
        found[3 * row, 3 * row] = array.n_elements
        found[own, own][1:, 1:] = _second_moments(array, first)
        for column in range(row):
            products = array.inner_products(first, directions[column])
            found[own, 3 * column : 3 * column + 3] = products
            found[3 * column : 3 * column + 3, own] = products.conj().T
    return found


def _second_moments(array: Array, direction: Direction) -> FloatArray:
    moments = array.second_moments()
    if moments.shape == (2, 2):
        return moments
    return np.asarray(direction.tangents.T @ moments @ direction.tangents)
