r"""Design of the sensing covariance: the S that leaves the most power to communication within the CRLB limits.

Only :math:`P^H S P` matters, with :math:`P = [a, \dot a_1, \dot a_2]` of all targets under all hypotheses on
their directions. So S may live in the span of P, of dimension 3T per hypothesis, whatever the number of antennas.
"""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np

from ..base.numbers import ComplexArray, FloatArray
from ..signal.array import gram
from .fisher import EchoModel
from .hermitian import coordinates_of, hermitian_basis, matrix_of
from .information import Line
from .linear import LinearLevels
from .program import ShareProgram
from .requirements import SensingLimits


@attrs.frozen(kw_only=True, eq=False)
class Design:
    """The largest communication share at full power, and the sensing covariance that attains it.

    Attributes
    ----------
    share : float
        Communication share f; NaN if the limits are infeasible.
    covariance : ndarray of complex, shape (n, n)
        S in the coordinates of the :class:`DesignSpace`, of trace 1 - f. If the limits are infeasible, S of trace
        1 - f' for the share f' with the smallest excess.
    mix : ndarray of complex, shape (n, n)
        S / tr S; the projection onto the space, scaled, if S is zero.
    excess : float
        Smallest ratio, over all shares and covariances, of CRLBs and their sums to the limits, the largest of
        these ratios. Above 1 if and only if the limits are infeasible; computed in that case only, else NaN.
    bound : float
        Upper bound on the communication share of any covariance; if the limits are infeasible, lower bound on the
        excess.
    """

    share: float
    covariance: ComplexArray
    mix: ComplexArray
    excess: float
    bound: float


@attrs.frozen(kw_only=True, eq=False)
class DesignSpace:
    """The space of sensing covariances for targets in given directions, with orthonormal coordinates.

    Parameters
    ----------
    models : tuple of EchoModel
        Echoes under each hypothesis on the directions of the same targets, the nominal one first.
    power : float
        Transmit power relative to the noise.
    """

    models: tuple[EchoModel, ...]
    power: float

    @cached_property
    def _coordinates(self) -> tuple[ComplexArray, ComplexArray]:
        """Return C and B: P C is orthonormal, and B is the basis P in its coordinates; (3TH, n) and (n, 3TH)."""
        model = self.models[0]
        directions = [direction for each in self.models for direction in each.directions]
        products = gram(model.transmit, directions)
        diagonal = np.diagonal(products).real
        scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        values, vectors = np.linalg.eigh(products * np.outer(scale, scale))
        kept = values > _UNSEEN * values[-1]
        root, vectors = np.sqrt(values[kept]), vectors[:, kept]
        return scale[:, None] * vectors / root, (vectors * root).conj().T / scale

    @property
    def order(self) -> int:
        """Dimension n of the space."""
        return int(self._coordinates[0].shape[1])

    def forms(self, matrices: ComplexArray) -> ComplexArray:
        """Return :math:`P^H S P` under each hypothesis for Hermitian matrices (..., n, n); (H, ..., 3T, 3T)."""
        basis = self._coordinates[1]
        columns = 3 * self.models[0].targets
        parts = [basis[:, columns * number : columns * (number + 1)] for number in range(len(self.models))]
        return np.stack([part.conj().T @ matrices @ part for part in parts])

    def fisher(self, matrices: ComplexArray) -> FloatArray:
        """Return the Fisher information of covariances of a share of the power; (H, ..., 4T, 4T)."""
        forms = self.forms(matrices)
        return np.stack([self.power * model.fisher(own) for model, own in zip(self.models, forms, strict=True)])

    @cached_property
    def communication(self) -> FloatArray:
        """Fisher information if all power is radiated isotropically; (H, 4T, 4T)."""
        return np.stack([self.power * model.fisher(model.isotropic_forms) for model in self.models])

    @cached_property
    def signals(self) -> FloatArray:
        """Fisher information of communication, and of each Hermitian coordinate; (H, 1 + n², 4T, 4T)."""
        designed = self.fisher(hermitian_basis(self.order))
        return np.concatenate([self.communication[:, None], designed], axis=1)

    @cached_property
    def jacobians(self) -> FloatArray:
        """Derivatives of the coordinates with respect to the angles under each hypothesis; (H, T, 2, 2)."""
        return np.stack([model.jacobians for model in self.models])

    def matrix_of(self, coordinates: FloatArray) -> ComplexArray:
        """Return the matrices of Hermitian coordinates (..., n²); (..., n, n)."""
        return matrix_of(coordinates, self.order)

    def coordinates_of(self, matrices: ComplexArray) -> FloatArray:
        """Return the Hermitian coordinates of matrices (..., n, n); (..., n²)."""
        return coordinates_of(matrices)

    def waveforms(self, covariance: ComplexArray) -> ComplexArray:
        r"""Return c such that the columns of P c are the waveforms of a covariance; (3TH, R).

        Parameters
        ----------
        covariance : ndarray of complex, shape (n, n)
            S in coordinates.

        Returns
        -------
        ndarray of complex
            P has the bases of all targets side by side, hypothesis by hypothesis. :math:`P c c^H P^H = S` up to
            eigenvalues that are rounding errors; R is the number of the others.
        """
        values, vectors = np.linalg.eigh(covariance)
        kept = values > _NEGLIGIBLE * values[-1]
        return np.asarray(self._coordinates[0] @ (vectors[:, kept] * np.sqrt(values[kept])))

    def program(self, limits: SensingLimits, objective: FloatArray | None = None) -> ShareProgram | None:
        """Return the programs in the share of communication and the coordinates of S; None if inestimable."""
        return ShareProgram.of(self.signals, limits, order=self.order, objective=objective)

    def largest_share(self, limits: SensingLimits) -> Design:
        """Return the covariance that leaves the largest share of the power to communication.

        Parameters
        ----------
        limits : SensingLimits
            Limits under all hypotheses of the space.

        Notes
        -----
        The program determines the mix; the share is then exact for that mix, see
        :meth:`isacfw.sensing.information.Line.largest_share`.
        """
        isotropic = np.eye(self.order, dtype=np.complex128) / self.order
        program = self.program(limits)
        if program is None:
            return Design(share=np.nan, covariance=isotropic, mix=isotropic, excess=np.inf, bound=np.inf)
        weights = np.eye(1, 1 + self.order**2)[0]
        if program.excess(weights) <= 1:
            return Design(share=1.0, covariance=0 * isotropic, mix=isotropic, excess=np.nan, bound=1.0)
        best = program.largest(weights)
        if best is not None:
            mix = self._mix(best.shares)
            share = self._line(limits, mix)
            if not np.isnan(share):
                return Design(
                    share=share,
                    covariance=(1 - share) * mix,
                    mix=mix,
                    excess=np.nan,
                    bound=max(best.bound, share),
                )
        # Close to infeasibility the mix above may just violate the limits, while this one meets them.
        closest = program.smallest_excess()
        mix = self._mix(closest.shares)
        share = self._line(limits, mix)
        if np.isnan(share):
            covariance = (1 - closest.shares[0]) * mix
            return Design(share=share, covariance=covariance, mix=mix, excess=closest.value, bound=closest.bound)
        bound = share if best is None else max(best.bound, share)
        return Design(share=share, covariance=(1 - share) * mix, mix=mix, excess=np.nan, bound=bound)

    def _mix(self, shares: FloatArray) -> ComplexArray:
        matrix = self.matrix_of(shares[1:])
        trace = float(np.trace(matrix).real)
        return matrix / trace if trace > 0 else np.eye(self.order, dtype=np.complex128) / self.order

    def _line(self, limits: SensingLimits, mix: ComplexArray) -> float:
        line = Line(
            communication=self.communication,
            sensing=self.fisher(mix),
            limit=limits.effective_limit,
            jacobians=self.jacobians,
            known=limits.known,
            sum_weights=limits.sum_weights,
            sum_limit=limits.sum_limit,
            hypotheses=True,
        )
        if len(limits.linear):
            second = limits.linear[:, 1:] @ self.coordinates_of(mix)
            linear = LinearLevels(first=limits.linear[:, 0], second=second, least=np.ones(len(second)))
            line = attrs.evolve(line, linear=linear)
        return float(line.largest_share())


_UNSEEN = 1e-4
"""Directions in the span of P that are seen with less than this part of the largest gain are left out."""

_NEGLIGIBLE = 1e-9
"""Eigenvalues below this part of the largest are errors of the solver."""
