r"""Shares of power that meet the CRLB limits, for several signals, as small semidefinite programs.

The unknowns are the shares p of B signals, nonnegative and of sum at most one; each limit is a linear matrix
inequality :math:`\sum_b p_b A_b - R \succeq 0`. Used if the shares do not lie on a line, see
:class:`isacfw.sensing.information.Line`.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from ..base.errors import IsacError
from ..base.numbers import FloatArray
from .reduction import LOST, reduction


@attrs.frozen(kw_only=True, eq=False)
class MatrixInequalities:
    r"""Limits of one problem: :math:`\sum_b p_b A_b - R_l \succeq 0` for every limit l, scaled to order one.

    Parameters
    ----------
    signals : ndarray, shape (B, n, n)
        :math:`A_b`, the information if all power goes to signal b.
    required : ndarray, shape (L, n, n)
        :math:`R_l`, of rank one.
    angles : tuple of int
        Number of the angle of each limit.
    """

    signals: FloatArray
    required: FloatArray
    angles: tuple[int, ...]

    @classmethod
    def of(
        cls, signals: FloatArray, limit: FloatArray, jacobians: FloatArray, known: FloatArray
    ) -> MatrixInequalities | None:
        """Return the limits on the CRLBs, or None if a limited angle cannot be estimated.

        Parameters
        ----------
        signals : ndarray, shape (B, 4T, 4T)
            Fisher information in coordinates.
        limit, jacobians, known : ndarray, shapes (2T,), (T, 2, 2), (2T,)
            See :class:`~isacfw.sensing.information.Line`.
        """
        angles = tuple(int(angle) for angle in np.flatnonzero(np.isfinite(limit)))
        if not angles:
            return cls(signals=np.zeros((len(signals), 0, 0)), required=np.zeros((0, 0, 0)), angles=())
        rows = []
        for angle in angles:
            basis, row = reduction(jacobians, known, angle)
            if basis is None or row is None:
                return None
            rows.append(row)
        assert basis is not None
        reduced = basis.T @ signals @ basis
        diagonal = np.diagonal(reduced.max(axis=0) if len(reduced) == 1 else reduced.sum(axis=0))
        scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        signals, scaled = reduced * np.outer(scale, scale), np.array(rows) * scale
        # Drop directions without information from any signal; otherwise no matrix is positive definite.
        values, vectors = np.linalg.eigh(signals.sum(axis=0))
        seen = values > len(values) * LOST * values[-1]
        if not seen.all():
            lost = ((scaled @ vectors[:, ~seen]) ** 2).sum(axis=-1)
            if (lost > len(values) * LOST * (scaled**2).sum(axis=-1)).any():
                return None
            signals, scaled = vectors[:, seen].T @ signals @ vectors[:, seen], scaled @ vectors[:, seen]
        return cls(
            signals=signals,
            required=scaled[:, :, None] * scaled[:, None, :] / limit[list(angles), None, None],
            angles=angles,
        )

    def largest(self, weights: FloatArray) -> FloatArray | None:
        """Return shares of sum one that meet the limits and maximise a weighted sum; None if infeasible; (B,)."""
        return self._solve(weights, self.required, np.zeros_like(self.required))[0]

    def smallest_excess(self) -> tuple[FloatArray, float]:
        """Return shares of sum one that minimise the largest ratio of CRLB to limit, and that ratio."""
        if not self.angles:
            return np.full(len(self.signals), 1 / len(self.signals)), 0.0
        shares, level = self._solve(None, np.zeros_like(self.required), self.required)
        if shares is None:
            raise IsacError("Clarabel does not solve the program for the smallest CRLBs")
        return shares, float(np.divide(1.0, level)) if level > 0 else np.inf

    def _solve(
        self, weights: FloatArray | None, required: FloatArray, raised: FloatArray
    ) -> tuple[FloatArray | None, float]:
        """Maximise weights p, or the level t, subject to sum p A - required - t raised >= 0; return p and t."""
        import clarabel  # type: ignore[import-untyped]
        from scipy import sparse

        count, order = len(self.signals), self.signals.shape[-1]
        column, row = np.tril_indices(order)
        factor = np.where(row == column, 1.0, np.sqrt(2))
        signals = self.signals[:, row, column] * factor
        blocks, offsets, cones = [np.append(np.ones(count), 0.0)[None]], [np.ones(1)], [clarabel.ZeroConeT(1)]
        blocks.append(np.concatenate([-np.eye(count), np.zeros((count, 1))], axis=1))
        offsets.append(np.zeros(count))
        cones.append(clarabel.NonnegativeConeT(count))
        # Levels of order one, regardless of the limits.
        unit = max((float(np.abs(matrix).max()) for matrix in raised), default=0.0) or 1.0
        for fixed, moving in zip(required, raised, strict=True):
            size = max(float(np.abs(fixed).max(initial=0.0)), 1.0)
            moves = moving[row, column] * factor / unit
            blocks.append(np.concatenate([-signals.T / size, moves[:, None] / size], axis=1))
            offsets.append(-fixed[row, column] * factor / size)
            cones.append(clarabel.PSDTriangleConeT(order))
        cost = np.append(np.zeros(count), -1.0) if weights is None else np.append(-weights, 0.0)
        if weights is not None:
            blocks.append(np.append(np.zeros(count), 1.0)[None])
            offsets.append(np.zeros(1))
            cones.append(clarabel.ZeroConeT(1))
        solver = clarabel.DefaultSolver(
            sparse.csc_array((count + 1, count + 1)),
            cost,
            sparse.csc_array(np.concatenate(blocks)),
            np.concatenate(offsets),
            cones,
            _settings(),
        )
        solution: Any = solver.solve()
        if str(solution.status) not in ("Solved", "AlmostSolved", "InsufficientProgress"):
            return None, 0.0
        found = np.maximum(np.array(solution.x), 0.0)
        return found[:count] / found[:count].sum(), float(found[count]) / unit


def _settings() -> Any:
    """Return the settings of Clarabel: quiet, accurate, and the same bits for any number of threads."""
    import clarabel

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.direct_solve_method = "qdldl"
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    return settings
