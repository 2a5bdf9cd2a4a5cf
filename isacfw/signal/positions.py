"""Comparison of element positions from elsewhere with those of an array."""

from __future__ import annotations

import numpy as np

from ..base.numbers import FloatArray

TOLERANCE = 1e-3
"""Largest distance between positions that agree, in half wavelengths."""


def mismatch(given: FloatArray, own: FloatArray) -> str:
    """Return how given positions differ from those of an array, both about any origin; empty if they agree.

    Parameters
    ----------
    given, own : ndarray, shape (N, 2) or (N, 3)
        Positions in half wavelengths.
    """
    given, own = _about_centroid(given), _about_centroid(own)
    if len(given) != len(own):
        return f"{len(given)} elements, not {len(own)}"
    apart = np.sqrt(((given - own) ** 2).sum(axis=-1))
    if apart.max() <= TOLERANCE:
        return ""
    from scipy.spatial import KDTree

    distance, nearest = map(np.asarray, KDTree(own).query(given))
    first = int(np.argmax(apart > TOLERANCE))
    if distance.max() <= TOLERANCE and len(np.unique(nearest)) == len(own):
        return f"in another order: its element {first} is element {nearest[first]} of the array"
    there, here = (", ".join(f"{value + 0.0:.4g}" for value in one[first].round(6)) for one in (given, own))
    return f"others: element {first} at ({there}), not at ({here}), half wavelengths from the centroid"


def _about_centroid(positions: FloatArray) -> FloatArray:
    """Return positions (N, 3) about their centroid."""
    found = np.zeros((len(positions), 3))
    found[:, : positions.shape[1]] = positions
    return np.asarray(found - found.mean(axis=0))
