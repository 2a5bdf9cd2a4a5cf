r"""Best shares of power among signals within limits on the CRLBs, by small semidefinite programs.

The unknowns are the shares p of B signals, nonnegative, or coordinates of a covariance that is designed. The
level of shares is the smallest ratio of a limit to the CRLB, or sum of CRLBs, that it limits: concave in p and of
degree 1. Used where the shares do not lie on a line, see :class:`isacfw.sensing.information.Line`.
"""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np

from ..base.numbers import FloatArray
from .cones import ShareCones, total_weights
from .domain import Domain, LinearLimits, shortfall
from .inequalities import MatrixInequalities
from .optimum import Optimum
from .reduction import reduction
from .requirements import SensingLimits
from .share_solver import ShareSolver


@attrs.frozen(kw_only=True, eq=False)
class ShareProgram:
    r"""The programs of one sensing problem, whose cones are built once; made by :meth:`of`.

    Parameters
    ----------
    solver : ShareSolver
        Signals and limits.
    objective : ndarray, shape (2T,)
        Weights of the CRLBs under the nominal hypothesis for :meth:`least_sum`; 0 for known angles.
    """

    solver: ShareSolver
    objective: FloatArray

    @classmethod
    def of(
        cls, signals: FloatArray, limits: SensingLimits, *, order: int = 0, objective: FloatArray | None = None
    ) -> ShareProgram | None:
        """Return the programs, or None if an angle in a limit or in the objective cannot be estimated.

        Parameters
        ----------
        signals : ndarray, shape (H, B, 4T, 4T)
            Fisher information in coordinates, under each hypothesis, if all power goes to signal b.
        limits : SensingLimits
            Limits on the CRLBs, and linear requirements.
        order : int
            Order n of a covariance S that is designed: the last n² signals are those of its coordinates, see
            :mod:`isacfw.sensing.hermitian`, and its share is tr S. 0 for none.
        objective : ndarray, shape (2T,), optional
            Weights of the CRLBs in the objective; none by default.
        """
        weights = np.zeros(limits.limit.shape) if objective is None else np.asarray(objective, dtype=np.float64)
        weights = np.where(limits.known > 0, 0.0, weights)
        inequalities = []
        for hypothesis, own in enumerate(signals):
            used = weights if hypothesis == 0 else np.zeros(weights.shape)
            each = _scaled(own, limits, limits.jacobians[hypothesis], used, order)
            if each is None:
                return None
            inequalities.append(each)
        cones = ShareCones(
            inequalities=tuple(inequalities),
            order=order,
            sum_weights=_relative_weights(limits),
            objective=weights,
            linear=limits.linear,
        )
        return cls(solver=ShareSolver(signals=signals, limits=limits, cones=cones), objective=weights)

    @property
    def signals(self) -> FloatArray:
        """Fisher information of the signals under each hypothesis; (H, B, 4T, 4T)."""
        return self.solver.signals

    @property
    def limits(self) -> SensingLimits:
        """Limits on the CRLBs."""
        return self.solver.limits

    @property
    def cones(self) -> ShareCones:
        """The limits as blocks of conic programs."""
        return self.solver.cones

    def _domain(self, linear: LinearLimits | None, first: float | None = None) -> Domain:
        """Return the domain of shares that meet requirements of least value 0, and further ones."""
        return Domain(first=first, linear=LinearLimits.joined(self.limits.balances, linear))

    @cached_property
    def ends(self) -> tuple[Optimum, Optimum] | None:
        """Shares of sum one with the smallest and the largest first one that meet requirements of least value 0.

        Without regard to the limits; None if no shares meet them.
        """
        alone = ShareProgram.of(self.signals, self.limits.unlimited(), order=self.cones.order)
        assert alone is not None
        first = np.eye(1, self.cones.count)[0]
        low, high = alone.largest(-first), alone.largest(first)
        return None if low is None or high is None else (low, high)

    def excess(self, shares: FloatArray) -> float:
        """Return the inverse of the level: the largest ratio to its limit; infinite if one is."""
        return self.solver.excess(shares)

    def weighted_sum(self, shares: FloatArray) -> float:
        """Return the objective of :meth:`least_sum`; infinite if an angle in it cannot be estimated."""
        information = self.solver.information(shares)[0, self.objective > 0]
        if (information <= 0).any():
            return np.inf
        return float((self.objective[self.objective > 0] / information).sum())

    def largest(self, weights: FloatArray, linear: LinearLimits | None = None) -> Optimum | None:
        """Return shares of sum one within the limits that maximise a weighted sum; None if infeasible.

        Parameters
        ----------
        weights : ndarray, shape (B,)
            Weights of the shares, or of the coordinates.
        linear : LinearLimits, optional
            Further requirements.
        """
        size = float(np.abs(weights).max()) or 1.0
        cost = np.zeros(self.cones.variables)
        cost[: len(weights)] = -weights / size
        domain = self._domain(linear)
        found = self.solver.least_cost(cost, domain, lambda shares: float(-weights @ shares) / size)
        return None if found is None else found.times(-size)

    def least_sum(self, *, linear: LinearLimits | None = None, first: float | None = None) -> Optimum | None:
        """Return shares of sum one within the limits with the least weighted sum of CRLBs; None if infeasible.

        Parameters
        ----------
        linear : LinearLimits, optional
            Further requirements.
        first : float, optional
            Share of the first signal, below one, if it is given.
        """
        nominal = self.cones.inequalities[0]
        weights = self.objective[list(nominal.angles)] * nominal.units
        size = float(weights.sum())
        cost = np.zeros(self.cones.variables)
        for variable, (hypothesis, place) in enumerate(self.cones.summed):
            if hypothesis == 0:
                cost[self.cones.count + 1 + variable] = weights[place] / size
        domain = self._domain(linear, first)
        found = self.solver.least_cost(cost, domain, lambda shares: self.weighted_sum(shares) / size)
        return None if found is None else found.times(size)

    def smallest_excess(self, linear: LinearLimits | None = None) -> Optimum:
        """Return shares of sum one with the smallest :meth:`excess`.

        Infinite, with shares that are NaN, if the further requirements are infeasible.
        """
        found = self.solver.smallest_excess(self._domain(linear))
        nothing = np.full(self.cones.count, np.nan)
        return Optimum(shares=nothing, value=np.inf, bound=np.inf) if found is None else found

    def smallest_ratio(self, angles: FloatArray, linear: LinearLimits | None = None) -> Optimum | None:
        """Return shares of sum one within all limits with the smallest of the largest ratios of CRLBs to limits.

        Parameters
        ----------
        angles : ndarray, shape (2T,)
            Positive for the angles whose nominal CRLBs count; at least one of them must have a limit.
        linear : LinearLimits, optional
            Further requirements.

        Returns
        -------
        Optimum or None
            None if the requirements are infeasible.
        """
        graded = np.flatnonzero((angles > 0) & np.isfinite(self.limits.effective_limit))
        return self.solver.smallest_ratio(attrs.evolve(self._domain(linear), graded=tuple(graded.tolist())))

    def largest_margin(self, linear: LinearLimits) -> Optimum | None:
        r"""Return shares of sum one within all limits with the largest margin of further requirements.

        Parameters
        ----------
        linear : LinearLimits
            Further requirements with a growth, which is positive for some of them.

        Returns
        -------
        Optimum or None
            Value and bound are those of m with :math:`R p \ge r + m w`; None if the other requirements are
            infeasible.
        """
        joined = LinearLimits.joined(self.limits.balances, linear)
        assert joined is not None
        found = self.solver.largest_margin(joined)
        if found is None:
            return None
        return attrs.evolve(found, value=-1 - found.value, bound=-1 - found.bound)

    def best_level(self, first: float, rest: float) -> Optimum:
        """Return shares with the smallest :meth:`excess` for a given share of the first signal.

        Parameters
        ----------
        first, rest : float
            Share of the first signal, and the positive sum of the others.
        """
        total = first + rest
        found = self.solver.smallest_excess(self._domain(None, first / total))
        assert found is not None
        return attrs.evolve(
            found, shares=found.shares * total, value=found.value / total, bound=found.bound / total
        )

    def least_power(self, linear: LinearLimits | None = None) -> Optimum | None:
        """Return shares of the least sum, of any size, within the limits; None if infeasible.

        Parameters
        ----------
        linear : LinearLimits, optional
            Further requirements.
        """
        equal, unit = self._unit
        if not np.isfinite(unit):
            return None
        linear = LinearLimits.joined(self.limits.balances, linear)
        lack = shortfall(linear, equal)
        unit = max(unit, lack if np.isfinite(lack) else 1.0)
        if not unit > 0:
            return Optimum(shares=np.zeros(self.cones.count), value=0.0, bound=0.0)
        small = None if linear is None else LinearLimits(rows=linear.rows, least=linear.least / unit)
        return self.solver.least_total(Domain(budget=False, linear=small, level=1 / unit), linear)

    @cached_property
    def _unit(self) -> tuple[FloatArray, float]:
        """Equal shares, and the order of the power that the limits need."""
        equal = self.cones.move_into(Domain(), self.cones.totals)
        unit = self.excess(equal)
        return equal, unit if np.isfinite(unit) else self.smallest_excess().value


def _relative_weights(limits: SensingLimits) -> FloatArray:
    """Return the weights of finite sums, divided by their limits; (M', 2T)."""
    finite = np.isfinite(limits.sum_limit) & (limits.effective_weights > 0).any(axis=-1)
    return np.asarray(limits.effective_weights[finite] / limits.sum_limit[finite, None])


def _scaled(
    signals: FloatArray, limits: SensingLimits, jacobians: FloatArray, objective: FloatArray, order: int
) -> MatrixInequalities | None:
    """Return the inequalities under one hypothesis; None if a wanted angle cannot be estimated."""
    relative = _relative_weights(limits).max(axis=0, initial=0.0)
    limited = np.isfinite(limits.effective_limit)
    basis: FloatArray | None = None
    rows: dict[int, FloatArray] = {}
    for angle in np.flatnonzero(limited | (relative > 0) | (objective > 0)).tolist():
        # The basis is the same for all angles that are unknown anyway.
        basis, row = reduction(jacobians, limits.known, angle)
        if basis is None or row is None:
            return None
        rows[angle] = row
    if basis is None:
        basis = np.zeros((signals.shape[-1], 0))
    reduced = basis.T @ signals @ basis
    with np.errstate(divide="ignore"):
        units = 1 / np.maximum(1 / limits.effective_limit, relative)
    return MatrixInequalities.of(
        reduced,
        np.tensordot(total_weights(len(signals), order), reduced, axes=1),
        rows,
        limits.effective_limit,
        units,
    )
