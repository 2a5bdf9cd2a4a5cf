"""The Cramér-Rao bound as a function of a covariance in few dimensions."""

from __future__ import annotations

from abc import ABC, abstractmethod

import attrs
import numpy as np

from ..base.numbers import LOST, ComplexArray, FloatArray


def weighted_bound(information: ComplexArray | FloatArray, selection: FloatArray) -> float:
    r"""Return :math:`\mathrm{tr}\, S^H J^{-1} S`, infinite if a column of S cannot be estimated.

    Parameters
    ----------
    information : ndarray, shape (D, D)
        Hermitian matrix J.
    selection : ndarray, shape (D, r)
        Matrix S.

    Notes
    -----
    J is scaled to unit diagonal first, so that units of the parameters do not matter.
    """
    diagonal = np.diagonal(information).real
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    values, vectors = np.linalg.eigh(information * scale[:, None] * scale)
    wanted = np.abs(vectors.conj().T @ (selection * scale[:, None])) ** 2
    lost = values <= len(values) * LOST * values[-1]
    if wanted[lost].sum() > len(values) * LOST * wanted.sum():
        return np.inf
    return float((wanted[~lost] / values[~lost, None]).sum())


@attrs.frozen(kw_only=True, eq=False)
class Measure(ABC):
    r"""Cramér-Rao bound :math:`u\, \mathrm{tr}\, S^H J(R)^{-1} S` of a covariance R in E dimensions.

    Parameters
    ----------
    selection : ndarray, shape (D, r)
        Matrix S.
    unit : float
        Factor u, with which the trace is 1 for a covariance that is the same in all directions.

    Notes
    -----
    J is linear in R, so the trace is convex, and for every Z of shape (D, r) at least
    :math:`2\, \mathrm{Re}\, \mathrm{tr}\, S^H Z - \mathrm{tr}\, C R` with the :meth:`adjoint` C of :math:`Z Z^H`;
    equal for :math:`Z = J^{-1} S`, where -C is the gradient.
    """

    selection: FloatArray
    unit: float

    @abstractmethod
    def information(self, covariance: ComplexArray) -> ComplexArray | FloatArray:
        """Return J for covariances (..., E, E); (..., D, D)."""

    @abstractmethod
    def adjoint(self, matrix: ComplexArray | FloatArray) -> ComplexArray:
        r"""Return the Hermitian C with :math:`\mathrm{Re}\, \mathrm{tr}\, Y J(R) = \mathrm{tr}\, C R`; (E, E).

        Parameters
        ----------
        matrix : ndarray, shape (D, D)
            Hermitian matrix Y.
        """

    def value(self, covariance: ComplexArray) -> float:
        r"""Return :math:`\mathrm{tr}\, S^H J^{-1} S`, infinite where J is singular."""
        return weighted_bound(self.information(covariance), self.selection)

    def minimiser(self, covariance: ComplexArray) -> ComplexArray | FloatArray:
        """Return the best Z of a covariance, J⁻¹ S; (D, r).

        Raises
        ------
        numpy.linalg.LinAlgError
            If J is singular.
        """
        return np.asarray(np.linalg.solve(self.information(covariance), self.selection))


@attrs.frozen(kw_only=True, eq=False)
class AngleMeasure(Measure):
    r"""Weighted sum of the CRLBs of angles of point targets.

    Parameters
    ----------
    maps : ndarray of complex, shape (D, D, E, E)
        Hermitian :math:`M_{mn}` with :math:`J_{mn} = \mathrm{tr}\, M_{mn} R`, of the unknown angles and the
        reflection coefficients: :math:`M_{mn} = L (D_m^H D_n + D_n^H D_m)` with the derivatives D of the echo.
    """

    maps: ComplexArray

    def information(self, covariance: ComplexArray) -> FloatArray:
        """Return J for covariances (..., E, E); (..., D, D)."""
        order, size = len(self.maps), self.maps.shape[-1] ** 2
        flat = np.swapaxes(covariance, -1, -2).reshape(*covariance.shape[:-2], size, 1)
        found = (self.maps.reshape(order**2, size) @ flat).real
        return np.asarray(found.reshape(*covariance.shape[:-2], order, order))

    def adjoint(self, matrix: ComplexArray | FloatArray) -> ComplexArray:
        """Return the sum of all maps, weighted with the entries of a matrix; (E, E)."""
        return np.asarray(np.tensordot(np.asarray(matrix).real, self.maps, axes=2))


@attrs.frozen(kw_only=True, eq=False)
class ResponseMeasure(Measure):
    r"""CRB of the response of an extended target: :math:`J = R`, with a diagonal S."""

    def information(self, covariance: ComplexArray) -> ComplexArray:
        """Return the covariances themselves."""
        return covariance

    def adjoint(self, matrix: ComplexArray | FloatArray) -> ComplexArray:
        """Return the matrix itself."""
        return np.asarray(matrix, dtype=np.complex128)
