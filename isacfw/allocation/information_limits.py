"""Limits on CRLBs and on weighted sums of CRLBs, in one system of coordinates."""

from __future__ import annotations

import attrs
import numpy as np

from ..base.numbers import FloatArray
from .limited_problem import LimitedProblem


@attrs.frozen(kw_only=True, eq=False)
class InformationLimits:
    r"""The limits of one problem, with :math:`CRLB_i = u_i\, r_i^T J^{-1} r_i` in scaled coordinates.

    Parameters
    ----------
    signals : ndarray, shape (B, n, n)
        Information of the users' signals, or of one for all, then of the streams, or of one for all.
    directions : ndarray, shape (A, n)
        :math:`r_i` of each angle with a limit of its own or in a sum.
    units : ndarray, shape (A,)
        :math:`u_i` in rad².
    angles : tuple of int
        Number of each of these angles.
    plain, bordered : tuple of int
        Which of them have the limit :math:`r_i^T J^{-1} r_i \le 1`, and which are part of a sum.
    sums : ndarray, shape (M, number of bordered ones)
        Weights of :math:`r_i^T J^{-1} r_i` in each sum, whose limit is 1.
    users_differ, streams_differ : bool
        Whether the signals are those of single users, or of single streams.
    """

    signals: FloatArray
    directions: FloatArray
    units: FloatArray
    angles: tuple[int, ...]
    plain: tuple[int, ...]
    bordered: tuple[int, ...]
    sums: FloatArray
    users_differ: bool
    streams_differ: bool

    @property
    def bounded(self) -> int:
        """Number of angles in sums."""
        return len(self.bordered)

    @classmethod
    def of(cls, problem: LimitedProblem, wanted: FloatArray | None = None) -> InformationLimits | None:
        """Return the limits of a problem without batch axes; None if an angle cannot be estimated.

        Parameters
        ----------
        problem : LimitedProblem
            The problem.
        wanted : ndarray, shape (2T,), optional
            Positive for angles that are needed without a limit as well.

        Notes
        -----
        A limit on a sum implies one on each of its members, which serves as its unit.
        """
        implied, weights = _implied_limits(problem)
        if wanted is not None:
            reached = problem.crlb(problem.equal_split / 2, 0.5)
            implied = np.where((wanted > 0) & np.isinf(implied), reached, implied)
            if not np.isfinite(implied[wanted > 0]).all():
                return None
        inequalities = attrs.evolve(problem, crlb_limit=implied).matrix_inequalities()
        if inequalities is None:
            return None
        angles = np.array(inequalities.angles, dtype=np.int64)
        units = implied[angles]
        relative = weights[:, angles] * units
        # Equal shares of all signals have the identity: solvers fail on ill-conditioned matrices.
        values, vectors = np.linalg.eigh(inequalities.signals.mean(axis=0))
        change = vectors / np.sqrt(values)
        return cls(
            signals=change.T @ inequalities.signals @ change,
            directions=_roots_of(inequalities.required) @ change,
            units=units,
            angles=inequalities.angles,
            plain=tuple(np.flatnonzero(problem.crlb_limit[angles] <= units).tolist()),
            bordered=tuple(np.flatnonzero((relative > 0).any(axis=0)).tolist()),
            sums=relative[:, (relative > 0).any(axis=0)],
            users_differ=problem.fisher_users is not None,
            streams_differ=problem.fisher_streams is not None,
        )


def _implied_limits(problem: LimitedProblem) -> tuple[FloatArray, FloatArray]:
    """Return the limits that all limits imply on single angles (2T,), and weights of sums by limit (M, 2T)."""
    implied = np.array(problem.crlb_limit)
    if problem.crlb_sum_weights is None or problem.crlb_sum_limit is None:
        return implied, np.zeros((0, len(implied)))
    weights = np.where(problem.known > 0, 0.0, problem.crlb_sum_weights / problem.crlb_sum_limit[:, None])
    largest = weights.max(axis=0)
    members = np.divide(1.0, largest, out=np.full(len(implied), np.inf), where=largest > 0)
    return np.minimum(implied, members), weights


def _roots_of(matrices: FloatArray) -> FloatArray:
    """Return vectors r whose outer products are symmetric matrices of rank one; (L, n) for (L, n, n)."""
    roots = np.zeros(matrices.shape[:-1])
    for root, matrix in zip(roots, matrices, strict=True):
        largest = int(np.argmax(np.diagonal(matrix)))
        root[:] = matrix[largest] / np.sqrt(matrix[largest, largest])
    return roots
