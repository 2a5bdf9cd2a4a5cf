r"""CRLB limits as linear matrix inequalities in shares of signals, scaled to order one."""

from __future__ import annotations

import attrs
import numpy as np

from ..base.numbers import LOST, FloatArray

_WIDEST = 1e4
"""Largest ratio of the unit of a CRLB to the smallest CRLB that any shares reach."""

_CONDITION = 1e9
"""Largest condition, roughly, of information that is inverted without further precautions."""


@attrs.frozen(kw_only=True, eq=False)
class MatrixInequalities:
    r"""The Fisher information of signals under one hypothesis, in units for which the limits are of order one.

    Parameters
    ----------
    signals : ndarray, shape (B, n, n)
        Information :math:`A_b` if all power goes to signal b, without directions that no signal sees.
    directions : ndarray, shape (A, n)
        Vectors :math:`d_a` with :math:`[J^{-1}]_{aa} = u_a\, d_a^T (\sum_b p_b A_b)^{-1} d_a`.
    units : ndarray, shape (A,)
        Units :math:`u_a` of the CRLBs in rad².
    angles : tuple of int
        Number of the angle of each direction.
    limits : ndarray, shape (A,)
        Largest CRLBs in rad²; infinite for an angle in sums of CRLBs alone.
    change : ndarray, shape (n, n), optional
        Change of coordinates by which these differ from others, :math:`A_b = V^T A'_b V`; none by default.
    """

    signals: FloatArray
    directions: FloatArray
    units: FloatArray
    angles: tuple[int, ...]
    limits: FloatArray
    change: FloatArray | None = None

    @classmethod
    def of(
        cls,
        reduced: FloatArray,
        total: FloatArray,
        rows: dict[int, FloatArray],
        limits: FloatArray,
        units: FloatArray,
    ) -> MatrixInequalities | None:
        """Return the scaled inequalities, or None if a wanted angle cannot be estimated.

        Parameters
        ----------
        reduced : ndarray, shape (B, D, D)
            Information of the signals on the coefficients of a basis of the unknowns.
        total : ndarray, shape (D, D)
            A bound on the information of all shares.
        rows : dict
            Each wanted angle as a linear function of the coefficients, (D,).
        limits, units : ndarray, shape (2T,)
            Largest CRLB of each angle in rad², and the value that should be of order one; infinite for none.
        """
        if not rows:
            return cls(
                signals=np.zeros((len(reduced), 0, 0)),
                directions=np.zeros((0, 0)),
                units=np.zeros(0),
                angles=(),
                limits=np.zeros(0),
            )
        angles = tuple(rows)
        diagonal = np.diagonal(total)
        scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        scaled = np.array([rows[angle] for angle in angles]) * scale
        values, vectors = np.linalg.eigh(total * np.outer(scale, scale))
        # Drop directions without information from any signal; otherwise no matrix is positive definite.
        seen = values > len(values) * LOST * values[-1]
        lost = ((scaled @ vectors[:, ~seen]) ** 2).sum(axis=-1)
        if (lost > len(values) * LOST * (scaled**2).sum(axis=-1)).any():
            return None
        smallest = ((scaled @ vectors[:, seen]) ** 2 / values[seen]).sum(axis=-1)
        given = units[list(angles)]
        unit = np.where(np.isfinite(given), np.clip(given, smallest, _WIDEST * smallest), 10 * smallest)
        change = np.diag(scale) if seen.all() else scale[:, None] * vectors[:, seen]
        return cls(
            signals=change.T @ reduced @ change,
            directions=np.array([rows[angle] for angle in angles]) @ change / np.sqrt(unit)[:, None],
            units=unit,
            angles=angles,
            limits=limits[list(angles)],
        )

    def crlbs(self, shares: FloatArray) -> FloatArray | None:
        """Return the CRLB of each angle in rad² for shares (B,); None if rounding errors spoil them; (A,)."""
        information = (shares @ self.signals.reshape(len(shares), -1)).reshape(self.signals.shape[1:])
        try:
            inverse = np.linalg.inv(information)
        except np.linalg.LinAlgError:
            return None
        diagonal = inverse.diagonal()
        spread = np.abs(information).max(initial=0.0) * np.abs(diagonal).max(initial=0.0)
        if not (diagonal > 0).all() or not spread < _CONDITION:
            return None
        return np.asarray(self.units * ((self.directions @ inverse) * self.directions).sum(axis=-1))

    def largest_ratio(self, shares: FloatArray) -> float:
        """Return the largest ratio of a CRLB to its limit for shares (B,); NaN if rounding errors spoil it."""
        crlbs = self.crlbs(shares)
        return np.nan if crlbs is None else float((crlbs / self.limits).max(initial=0.0))

    def whitened(self, weights: FloatArray) -> MatrixInequalities:
        """Return the same inequalities in coordinates in which a weighted sum of the signals is the identity."""
        values, vectors = np.linalg.eigh(np.tensordot(weights, self.signals, axes=1))
        if not (values > 0).all():
            return self
        change = vectors / np.sqrt(values)
        signals, directions = change.T @ self.signals @ change, self.directions @ change
        return attrs.evolve(self, signals=signals, directions=directions, change=change)

    @property
    def required(self) -> FloatArray:
        r"""Matrices of rank one, R, with :math:`\sum_b p_b A_b - R \succeq 0` for each limit; (L, n, n)."""
        limited = np.isfinite(self.limits)
        rows = self.directions[limited]
        ratio = self.units[limited] / self.limits[limited]
        return np.asarray(rows[:, :, None] * rows[:, None, :] * ratio[:, None, None])
