"""Levels of linear requirements, which are of degree 1 in the shares like the information on an angle."""

from __future__ import annotations

import attrs
import numpy as np

from ..base.numbers import FloatArray

_ROUNDING = 1e-14


@attrs.frozen(kw_only=True, eq=False)
class LinearLevels:
    r"""Linear requirements on splits of full power between two signals, f for the first and 1 - f for the second.

    Parameters
    ----------
    first, second : ndarray, shape (..., R)
        Values :math:`v_1` and :math:`v_2` if all power goes to the first signal, or to the second.
    least : ndarray, shape (..., R)
        Least values r, positive: :math:`f v_1 + (1 - f) v_2 \ge r`.
    """

    first: FloatArray
    second: FloatArray
    least: FloatArray

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Batch shapes of the fields."""
        return [each.shape[:-1] for each in (self.first, self.second, self.least)]

    @property
    def swapped(self) -> LinearLevels:
        """The same requirements with the signals in the other order."""
        return LinearLevels(first=self.second, second=self.first, least=self.least)

    @property
    def rounding(self) -> FloatArray:
        """Rounding errors of the values, which may be small differences of large terms; (..., R)."""
        # A share close to one has steps of 1e-16.
        return np.asarray(_ROUNDING * np.maximum(self.least, (np.abs(self.first) + np.abs(self.second)) / 16))

    def at(self, share: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the values at shares f (...), and their derivatives; (..., R) each."""
        weight = share[..., None]
        return weight * self.first + (1 - weight) * self.second, self.first - self.second
