"""Solution of conic programs in shares of signals, with bounds from their dual variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs
import numpy as np

from ..base.errors import IsacError
from ..base.numbers import FloatArray
from .cones import Price, ShareCones
from .conic import ATTEMPTS, solve
from .domain import VIOLATION, Domain, LinearLimits, deficit, shortfall
from .optimum import ACCURATE, Dual, Optimum, better, trusted
from .reduction import angle_information
from .requirements import SensingLimits

_COARSE = 1e-5
"""Largest gap of a solution that is accepted at all."""

_PARTS = (1e-8, 1e-7, 1e-6)
"""Parts of equal shares that make the information of other shares regular."""

_PROPORTIONAL = 1e4
"""Largest ratio to the limits, and to its inverse, of equal shares for which limits are used as they are."""

_TINY = np.finfo(np.float64).tiny


Judge: TypeAlias = Callable[[FloatArray, Price], Optimum]
"""Computes value, bound and violation for shares and a Lagrangian."""


@attrs.frozen(kw_only=True, eq=False)
class ShareSolver:
    """Minimises functions of shares within limits.

    Parameters
    ----------
    signals : ndarray, shape (H, B, 4T, 4T)
        Fisher information of the signals under each hypothesis.
    limits : SensingLimits
        Limits on the CRLBs.
    cones : ShareCones
        The same as blocks of conic programs.
    """

    signals: FloatArray
    limits: SensingLimits
    cones: ShareCones

    def information(self, shares: FloatArray) -> FloatArray:
        """Return the information on each angle under each hypothesis, infinite if of no interest; (H, 2T)."""
        information = np.full((len(self.signals), len(self.limits.limit)), np.inf)
        for hypothesis, each in enumerate(self.cones.inequalities):
            crlbs = each.crlbs(shares)
            if crlbs is None:
                return self._careful_information(shares)
            information[hypothesis, list(each.angles)] = 1 / crlbs
        return information

    def _careful_information(self, shares: FloatArray) -> FloatArray:
        fisher = np.tensordot(shares, self.signals, axes=(0, 1))
        return angle_information(fisher, self.limits.jacobians, self.limits.known)[0]

    def excess(self, shares: FloatArray) -> float:
        """Return the inverse of the level: the largest ratio to its limit; infinite if one is."""
        level = float(self.limits.linear_level(shares)) if len(self.limits.linear) else np.inf
        return max(self._largest_ratio(shares), 1 / level) if level > 0 else np.inf

    def _largest_ratio(self, shares: FloatArray) -> float:
        """Return the largest ratio of a CRLB, or a sum of CRLBs, to its limit; infinite if one is."""
        if not len(self.cones.sum_weights):
            each = [one.largest_ratio(shares) for one in self.cones.inequalities]
            if all(map(np.isfinite, each)):
                return max(each)
        level = float(self.limits.levels(self.information(shares)).min(initial=np.inf))
        return 1 / level if level > 0 else np.inf

    def least_cost(
        self, cost: FloatArray, domain: Domain, value: Callable[[FloatArray], float]
    ) -> Optimum | None:
        """Minimise a linear cost of all variables within the limits; None if infeasible.

        Parameters
        ----------
        cost : ndarray, shape (n,)
            Costs of order one of the variables of :class:`~isacfw.sensing.cones.ShareCones`.
        domain : Domain
            Where the shares lie; of level 1.
        value : callable
            Computes the cost from the shares.
        """

        def judge(shares: FloatArray, price: Price) -> Optimum:
            violation = max(self.excess(shares) - 1, deficit(domain.linear, shares), 0.0)
            bound = price.level + price.constant + self.cones.cheapest(price.costs, domain)
            return Optimum(shares=shares, value=value(shares), bound=bound, violation=violation)

        return self._optimise(cost, cost, domain, judge)

    def smallest_excess(self, domain: Domain) -> Optimum | None:
        """Minimise :meth:`excess` over the shares of a domain of any level; None if it is empty."""
        if not self.cones.limited and domain.linear is None:
            shares = self.cones.move_into(domain, self.cones.totals)
            return Optimum(shares=shares, value=0.0, bound=0.0)
        cost = np.zeros(self.cones.variables)
        if not self.cones.limited:
            return self.least_cost(cost, domain, lambda _shares: 0.0)
        cost[self.cones.count] = -1.0
        factor = self._order_of_excess(domain)
        scaled = self if factor == 1 else attrs.evolve(self, cones=self.cones.loosened(factor))

        def judge(shares: FloatArray, price: Price) -> Optimum:
            return Optimum(
                shares=shares,
                value=self.excess(shares),
                bound=factor * scaled._inverse_of_level(price, domain),
                violation=deficit(domain.linear, shares),
            )

        found = scaled._optimise(cost, np.zeros(cost.shape), attrs.evolve(domain, level=None), judge)
        return found if found is None or factor == 1 else attrs.evolve(found, factor=factor)

    def _order_of_excess(self, domain: Domain) -> float:
        """Return the excess of equal shares if it is far from 1: limits times that are in proportion. Else 1."""
        with np.errstate(over="ignore"):
            excess = self.excess(self.cones.move_into(domain, self.cones.totals))
        return excess if np.isfinite(excess) and not 1 / _PROPORTIONAL < excess < _PROPORTIONAL else 1.0

    def smallest_ratio(self, domain: Domain) -> Optimum | None:
        """Minimise the largest ratio of some nominal CRLBs to their limits; None if infeasible.

        Parameters
        ----------
        domain : Domain
            With :attr:`~isacfw.sensing.cones.Domain.graded`.
        """
        cost = np.zeros(self.cones.variables)
        cost[self.cones.count] = -1.0

        def judge(shares: FloatArray, price: Price) -> Optimum:
            information = self.information(shares)
            level = float(self.limits.levels(information)[0, list(domain.graded or ())].min())
            return Optimum(
                shares=shares,
                value=1 / level if level > 0 else np.inf,
                bound=self._inverse_of_level(price, domain),
                violation=max(self.excess(shares) - 1, deficit(domain.linear, shares), 0.0),
            )

        return self._optimise(cost, np.zeros(cost.shape), attrs.evolve(domain, level=None), judge)

    def largest_margin(self, linear: LinearLimits) -> Optimum | None:
        """Maximise the margin of further requirements within all limits; None if infeasible.

        Parameters
        ----------
        linear : LinearLimits
            With a growth, which is positive for some of them.

        Returns
        -------
        Optimum or None
            Its value and bound are -1 - m.
        """
        cost, growth = np.zeros(self.cones.variables), linear.growth
        cost[self.cones.count] = -1.0
        assert growth is not None
        grows = growth > 0
        fixed = LinearLimits(rows=linear.rows[~grows], least=linear.least[~grows])
        domain = Domain(linear=linear, level=None, graded=())

        def judge(shares: FloatArray, price: Price) -> Optimum:
            margin = float(((linear.rows @ shares - linear.least)[grows] / growth[grows]).min())
            slack = -(price.constant + self.cones.cheapest(price.costs, domain))
            return Optimum(
                shares=shares,
                value=-1 - margin,
                bound=-1 - slack / price.level if price.level > 0 else -np.inf,
                violation=max(self.excess(shares) - 1, deficit(fixed, shares), 0.0),
            )

        return self._optimise(cost, np.zeros(cost.shape), domain, judge)

    def _inverse_of_level(self, price: Price, domain: Domain) -> float:
        best = -(price.constant + self.cones.cheapest(price.costs, domain))
        return price.level / best if best > 0 else np.inf

    def least_total(self, domain: Domain, linear: LinearLimits | None) -> Optimum | None:
        """Minimise the total of shares that reach the level of a domain, and return them in its inverse as unit.

        Parameters
        ----------
        domain : Domain
            Without budget.
        linear : LinearLimits, optional
            Its further requirements for shares in that unit.
        """
        cones, level = self.cones, domain.level
        assert level is not None
        cost = np.zeros(cones.variables)
        cost[: cones.count] = cones.totals

        def judge(shares: FloatArray, price: Price) -> Optimum:
            shares = shares / level
            shares = shares * max(self.excess(shares), shortfall(linear, shares))
            needed = price.level * level + price.constant
            bound = max(needed, 0.0) / max(-cones.smallest(price.costs, 0), _TINY) / level
            return Optimum(shares=shares, value=float(cones.totals @ shares), bound=bound)

        return self._optimise(cost, np.zeros(cost.shape), domain, judge)

    def _optimise(self, cost: FloatArray, charged: FloatArray, domain: Domain, judge: Judge) -> Optimum | None:
        """Minimise a linear cost; `charged` is the part of it that enters the Lagrangian given to `judge`."""
        best: Optimum | None = None
        # The second coordinates are better for optima far from equal shares, and worse for others.
        for whitened in (False, True):
            cones = self.cones.whitened if whitened else self.cones
            priced = (*cones.limits_in(domain), *cones.rows(domain.linear))
            blocks = (*priced, *cones.signs, *cones.equalities(domain))
            for attempt in ATTEMPTS:
                answer = solve(cost, blocks, attempt, cones.designed)
                if answer.infeasible:
                    return None
                if not cones.totals @ answer.point[: cones.count] > 0:
                    continue
                duals, known = answer.duals[: len(priced)], -np.inf if best is None else best.bound
                price = cones.price(charged, priced, duals)
                best = self._best_near(cones.shares_in(domain, answer.point), price, judge, domain, best)
                if domain.first is not None and best.bound > known:
                    best = attrs.evolve(
                        best, dual=Dual(inequalities=cones.inequalities, blocks=priced, values=duals)
                    )
                if best.gap <= ACCURATE:
                    return best
            if best is not None and best.gap <= _COARSE and best.violation <= VIOLATION:
                return best
        if domain.level is not None and domain.budget:
            closest = self.smallest_excess(domain)
            if closest is None or closest.value >= 1 - _COARSE:
                return None
        raise IsacError("Clarabel does not solve the program for the best shares within the CRLB limits")

    def _best_near(
        self, shares: FloatArray, price: Price, judge: Judge, domain: Domain, best: Optimum | None
    ) -> Optimum:
        """Return the best of known shares, those of a solver and, if these are not accurate, others near them."""
        best = better(best, trusted(judge(shares, price)))
        if best.gap > _COARSE and domain.linear is None:
            equal = self.cones.move_into(domain, self.cones.totals)
            for part in _PARTS:
                best = better(best, trusted(judge(shares + part * (equal - shares), price)))
        return best
