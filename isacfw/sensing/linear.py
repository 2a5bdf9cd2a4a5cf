"""Levels of linear requirements, which are of degree 1 in the shares like the information on an angle."""

from __future__ import annotations

import attrs
import numpy as np

from ..base.numbers import ComplexArray, FloatArray

_ROUNDING = 1e-14


@attrs.frozen(kw_only=True, eq=False)
class LinearLevels:
    r"""Linear requirements on splits of full power between two signals, f for the first and 1 - f for the second.

    Parameters
    ----------
    first, second : ndarray, shape (..., R)
        Values :math:`v_1` and :math:`v_2` if all power goes to the first signal, or to the second.
    least : ndarray, shape (..., R)
        Least values r, nonnegative: :math:`f v_1 + (1 - f) v_2 \ge r`. Those of 0 do not depend on the power, but
        limit f to :attr:`interval`.
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

    @property
    def interval(self) -> tuple[FloatArray, FloatArray]:
        """Smallest and largest f that meet the requirements of least value 0, crossed if none does; (...)."""
        shape = np.broadcast_shapes(self.first.shape, self.second.shape, self.least.shape)
        first, second = np.broadcast_to(self.first, shape), np.broadcast_to(self.second, shape)
        free = np.broadcast_to(self.least > 0, shape)
        root = np.divide(second, second - first, out=np.zeros(shape), where=first != second)
        low = np.where(free | (second >= 0), 0.0, np.where(first > 0, root, np.inf))
        high = np.where(free | (first >= 0), 1.0, np.where(second >= 0, root, -np.inf))
        return low.max(axis=-1), high.min(axis=-1)

    def at(self, share: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the values at shares f (...), and their derivatives; (..., R) each."""
        weight = share[..., None]
        return weight * self.first + (1 - weight) * self.second, self.first - self.second


@attrs.frozen(kw_only=True, eq=False)
class GainFloors:
    r"""Linear requirements in the gains G of the signals towards targets, :math:`a f + b\, G q \ge 1`.

    Parameters
    ----------
    target : tuple of int
        Number of the target of each requirement, from 0.
    communication, sensing : ndarray, shape (R,)
        a and b; the signals of the users have the gain 1.
    """

    target: tuple[int, ...] = ()
    communication: FloatArray = attrs.field(factory=lambda: np.zeros(0))
    sensing: FloatArray = attrs.field(factory=lambda: np.zeros(0))

    def rows(self, forms: ComplexArray) -> FloatArray:
        """Return the coefficients of communication, and of B covariances by their forms; (R, 1 + B).

        Parameters
        ----------
        forms : ndarray of complex, shape (B, 3T, 3T)
            :math:`P^H R P`, see :meth:`~isacfw.sensing.fisher.EchoModel.fisher`.
        """
        place = 3 * np.array(self.target, dtype=np.int64)
        gains = forms[:, place, place].real.T
        return np.concatenate([self.communication[:, None], self.sensing[:, None] * gains], axis=1)


def row_sizes(rows: FloatArray) -> FloatArray:
    """Return the largest absolute coefficient of each row, 1 for a row of zeros; (...)."""
    size = np.abs(rows).max(axis=-1)
    return np.where(size > 0, size, 1.0)
