"""A beamforming problem in the few dimensions that matter, whatever the number of antennas."""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np

from ..base.errors import IncompatibleError
from ..base.numbers import ComplexArray, FloatArray
from .least_power import LeastPowerBeams, least_power
from .measure import Measure

RANK_TOLERANCE = 1e-10
"""Directions whose share in the signals is below this are left out."""


def spanning_basis(columns: ComplexArray) -> ComplexArray:
    """Return orthonormal columns that span given ones, (N, M), each taken at unit norm; (N, d)."""
    norms = np.linalg.norm(columns, axis=0)
    unit = columns[:, norms > 0] / norms[norms > 0]
    vectors, sizes, _ = np.linalg.svd(unit, full_matrices=False)
    return np.asarray(vectors[:, sizes > RANK_TOLERANCE * sizes[:1].max(initial=0.0)])


@attrs.frozen(kw_only=True, eq=False)
class ReducedProblem:
    r"""A beamforming problem of one channel in E dimensions, with unit noise and unit power.

    Parameters
    ----------
    channels : ndarray of complex, shape (E, K)
        Channels :math:`\sqrt{P}\, Q^H h_k`.
    floors : ndarray, shape (K,)
        Smallest SINRs :math:`\Gamma_k`; 0 for none.
    measure : Measure
        The CRB as a function of the covariance.
    basis : ndarray of complex, shape (N, d)
        Orthonormal columns Q that span all channels and what is sensed.
    power : float
        Power P, relative to the noise.
    spread : bool
        Whether the last of the E dimensions, which is then beyond the basis, stands for power that is spread
        evenly over the complement of the basis; E is d + 1 then, and d otherwise.

    Notes
    -----
    Only :math:`H^H R H` and what is sensed count. The projection of R onto Q keeps both and lowers the power. For
    an extended target, the mean of R over all rotations of the complement of the channels is no worse, since the
    trace of the inverse is convex, and the complement then has one number. Beams are columns of a matrix F of
    shape (E, C), C ≥ K: the first K carry the users' data, the others are sensing streams, and
    :math:`R = F F^H`.
    """

    channels: ComplexArray
    floors: FloatArray
    measure: Measure
    basis: ComplexArray
    power: float
    spread: bool = False

    @property
    def users(self) -> int:
        """Number of users K."""
        return int(self.channels.shape[1])

    @property
    def dimensions(self) -> int:
        """Number of dimensions E."""
        return int(self.channels.shape[0])

    @property
    def even(self) -> FloatArray:
        """Share of the power in each dimension if the signal is the same in all directions that count; (E,)."""
        if not self.spread:
            return np.full(self.dimensions, 1 / self.dimensions)
        antennas, size = self.basis.shape
        return np.append(np.full(size, 1 / antennas), 1 - size / antennas)

    def sinr(self, columns: ComplexArray) -> FloatArray:
        """Return the SINR of each user for beams (E, C); (K,)."""
        powers = np.abs(self.channels.conj().T @ columns) ** 2
        own = np.arange(self.users)
        wanted = powers[own, own]
        powers[own, own] = 0.0
        return np.asarray(wanted / (powers.sum(axis=-1) + 1))

    def value(self, columns: ComplexArray) -> float:
        """Return the CRB of beams (E, C) in units of :attr:`Measure.unit`, infinite if it does not exist."""
        return self.measure.value(columns @ columns.conj().T)

    def value_and_slope(self, columns: ComplexArray) -> tuple[float, ComplexArray]:
        r"""Return the CRB of beams in units of :attr:`Measure.unit`, and its gradient, (E, C).

        The gradient is :math:`-2 C F`, with the adjoint C of :math:`Z Z^H` and :math:`Z = J^{-1} S`; the CRB
        changes by the real part of its inner product with a change of F.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the information is singular.
        """
        best = self.measure.minimiser(columns @ columns.conj().T)
        value = float((self.measure.selection * best.real).sum())
        return value, -2 * self.measure.adjoint(best @ best.conj().T) @ columns

    @cached_property
    def least_power(self) -> LeastPowerBeams:
        """The least power with which all users reach their SINRs, in units of the power.

        Raises
        ------
        IncompatibleError
            If the iteration for it does not converge.
        """
        found = least_power(self.channels, self.floors)
        if found is None:
            raise IncompatibleError("the least power for the SINR targets cannot be determined")
        return found

    def lift(self, columns: ComplexArray) -> tuple[ComplexArray, ComplexArray, float]:
        """Return beams (E, C) in terms of the antennas: weights (N, K), sensing (N, C - K), and a rest of power.

        The rest is the power to be spread evenly over the complement of the basis. Without `spread` it is 0.
        """
        inside = columns[:-1] if self.spread else columns
        weights = np.sqrt(self.power) * (self.basis @ inside)
        rest = self.power * float((np.abs(columns[-1]) ** 2).sum()) if self.spread else 0.0
        return weights[:, : self.users], weights[:, self.users :], rest

    def project(self, weights: ComplexArray, sensing: ComplexArray, rest: float) -> ComplexArray:
        """Return the part of beams that matters, their power beyond the basis as one more stream; (E, C)."""
        columns = np.concatenate([weights, sensing], axis=-1) / np.sqrt(self.power)
        inside = self.basis.conj().T @ columns
        if not self.spread:
            return np.asarray(inside)
        total = float((np.abs(columns) ** 2).sum() - (np.abs(inside) ** 2).sum()) + rest / self.power
        found = np.zeros((self.dimensions, columns.shape[1] + 1), dtype=np.complex128)
        found[:-1, :-1], found[-1, -1] = inside, np.sqrt(max(total, 0.0))
        return found
