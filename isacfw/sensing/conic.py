r"""Small conic programs for Clarabel: minimise :math:`c^T x` with affine functions of x in cones."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import lru_cache
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from ..base.time_limit import limited_settings

ATTEMPTS = ((0.99, 1e-7), (0.9, 1e-6), (0.9, 1e-5))
"""Largest fraction of the step to the boundary, and regularisation, of the successive attempts at a program.

With its default, 1e-8, Clarabel stalls at gaps of 1e-6 if several matrix inequalities are active.
"""


@attrs.frozen(kw_only=True, eq=False)
class Block:
    r"""The constraint that :math:`F x + g` lies in a cone.

    Parameters
    ----------
    columns : ndarray, shape (size, n)
        F; matrices are written as the vectors of :func:`vectors_of`.
    offset : ndarray, shape (size,)
        g.
    order : int
        Order of the positive semidefinite matrix; 0 for nonnegative numbers, -1 for zeros.
    """

    columns: FloatArray
    offset: FloatArray
    order: int

    def fix(self, variable: int) -> Block:
        """Return the constraint with a variable fixed at one."""
        columns = self.columns.copy()
        columns[:, variable] = 0.0
        return Block(columns=columns, offset=self.offset + self.columns[:, variable], order=self.order)

    def nearest_dual(self, dual: FloatArray) -> FloatArray:
        """Return the member of the dual cone that is nearest to an approximate dual variable."""
        if self.order <= 0:
            return dual if self.order < 0 else np.maximum(dual, 0.0)
        from scipy.linalg.lapack import dpotrf

        matrix = matrices_from(dual, self.order)
        if dpotrf(matrix)[1] == 0:
            return dual
        values, vectors = np.linalg.eigh(matrix)
        return vectors_of((vectors * np.maximum(values, 0.0)) @ vectors.T)


@lru_cache(maxsize=64)
def _places(order: int) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]:
    column, row = np.tril_indices(order)
    return row, column, np.where(row == column, 1.0, np.sqrt(2))


def vectors_of(matrices: FloatArray) -> FloatArray:
    """Return symmetric matrices as vectors with the same inner products; (..., n (n + 1) / 2)."""
    row, column, factor = _places(matrices.shape[-1])
    return np.asarray(matrices[..., row, column] * factor)


def matrices_from(vectors: FloatArray, order: int) -> FloatArray:
    """Return the symmetric matrices of vectors of :func:`vectors_of`; (..., n, n)."""
    row, column, factor = _places(order)
    matrices = np.zeros((*vectors.shape[:-1], order, order))
    matrices[..., row, column] = matrices[..., column, row] = vectors / factor
    return matrices


@attrs.frozen(kw_only=True, eq=False)
class Answer:
    """What Clarabel reports: a point, the dual variable of each block, and whether there is no feasible point."""

    point: FloatArray
    duals: list[FloatArray]
    infeasible: bool


def solve(cost: FloatArray, blocks: Sequence[Block], attempt: tuple[float, float], alike: slice) -> Answer:
    """Minimise a linear function within cones.

    Parameters
    ----------
    cost : ndarray, shape (n,)
        c.
    blocks : sequence of Block
        All constraints.
    attempt : tuple
        Member of :data:`ATTEMPTS`.
    alike : slice
        Variables that are scaled by the same number. Scaling is left to this function, not to Clarabel.
    """
    import clarabel  # type: ignore[import-untyped]

    lengths = [len(block.offset) for block in blocks]
    ends: NDArray[np.intp] = np.cumsum(lengths)
    matrix = np.concatenate([block.columns for block in blocks])
    sizes = np.abs(matrix).max(axis=0)
    sizes[alike] = sizes[alike].max(initial=0.0)
    scale = 1 / np.where(sizes > 0, sizes, 1.0)
    matrix *= scale
    heights = np.maximum.reduceat(np.abs(matrix).max(axis=1), ends - lengths)
    heights = np.repeat(np.where(heights > 0, heights, 1.0), lengths)
    matrix /= -heights[:, None]
    price = float(np.abs(cost * scale).max()) or 1.0
    solver = clarabel.DefaultSolver(
        _nothing(len(cost)),
        cost * scale / price,
        _sparse(matrix),
        np.concatenate([block.offset for block in blocks]) / heights,
        [_cone(block.order, length) for block, length in zip(blocks, lengths, strict=True)],
        limited_settings(_settings, *attempt),
    )
    try:
        solution: Any = solver.solve()
    except BaseException as error:
        # Clarabel's eigenvalue solver panics where numbers overflow: no answer, which another attempt may have.
        if type(error).__name__ != "PanicException":
            raise
        lost = [np.full(length, np.nan) for length in lengths]
        return Answer(point=np.full(len(cost), np.nan), duals=lost, infeasible=False)
    dual = np.array(solution.z) * (price / heights)
    return Answer(
        point=np.array(solution.x) * scale,
        duals=[dual[end - length : end] for end, length in zip(ends.tolist(), lengths, strict=True)],
        infeasible=str(solution.status) in ("PrimalInfeasible", "AlmostPrimalInfeasible"),
    )


@lru_cache(maxsize=64)
def _nothing(size: int) -> Any:
    """Return a sparse matrix of zeros."""
    from scipy import sparse

    return sparse.csc_array((size, size))


def _sparse(matrix: FloatArray) -> Any:
    """Return a matrix in compressed columns: a copy of one with the same places, filled with its numbers."""
    columns = np.ascontiguousarray(matrix.T)
    places = columns != 0
    filled = copy(_places_in_columns(columns.shape, places.tobytes()))
    filled.data = columns[places]
    return filled


@lru_cache(maxsize=64)
def _places_in_columns(shape: tuple[int, int], places: bytes) -> Any:
    from scipy import sparse

    pattern = sparse.csc_array(np.frombuffer(places, dtype=np.bool_).reshape(shape).T.astype(np.float64))
    pattern.sort_indices()
    assert pattern.has_canonical_format
    return pattern


@lru_cache(maxsize=256)
def _cone(order: int, length: int) -> Any:
    """Return Clarabel's cone of a block."""
    import clarabel

    if order > 0:
        return clarabel.PSDTriangleConeT(order)
    return clarabel.NonnegativeConeT(length) if order == 0 else clarabel.ZeroConeT(length)


@lru_cache(maxsize=8)
def _settings(step: float, regularisation: float) -> Any:
    """Return the settings of Clarabel: quiet, accurate, and the same bits for any number of threads."""
    import clarabel

    settings = clarabel.DefaultSettings()
    settings.verbose = settings.equilibrate_enable = settings.chordal_decomposition_enable = False
    settings.direct_solve_method = "qdldl"
    settings.max_step_fraction = step
    settings.static_regularization_constant = regularisation
    settings.iterative_refinement_max_iter, settings.iterative_refinement_stop_ratio = 50, 2.0
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    return settings
