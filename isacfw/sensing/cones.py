r"""Limits on the CRLBs of shares of signals, and where the shares lie, as blocks of a conic program.

The variables are the shares p, the level t, and a bound :math:`u_i` on each CRLB that is part of a sum. With the
scaled information J(p) of :class:`~isacfw.sensing.inequalities.MatrixInequalities`, a limit is :math:`J(p) - t\,
r_i e_i e_i^T \succeq 0`, and a sum :math:`\sum_i W_i u_i \le t` with :math:`[[J(p), t e_i], [t e_i^T, u_i]]
\succeq 0`. A linear requirement is :math:`L p \ge t`. At t = 1 these are the limits, and the largest t is the
level.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import attrs
import numpy as np

from ..base.numbers import FloatArray
from .conic import Block, vectors_of
from .domain import Domain, LinearLimits
from .hermitian import hermitian_basis, matrix_of, positive_part, real_embedding
from .inequalities import MatrixInequalities


@attrs.frozen(kw_only=True, eq=False)
class ShareCones:
    """The blocks of one sensing problem.

    Parameters
    ----------
    inequalities : tuple of MatrixInequalities
        The scaled signals under each hypothesis.
    order : int
        Order of the designed covariance, whose coordinates are the last shares; 0 for none.
    sum_weights : ndarray, shape (M, 2T)
        Weights of the sums of CRLBs, divided by their limits.
    objective : ndarray, shape (2T,)
        Weights of CRLBs under the nominal hypothesis that are part of an objective.
    linear : ndarray, shape (R, B)
        Linear requirements on the shares, whose least values are 1.
    """

    inequalities: tuple[MatrixInequalities, ...]
    order: int
    sum_weights: FloatArray
    objective: FloatArray
    linear: FloatArray

    @property
    def count(self) -> int:
        """Number of shares B."""
        return len(self.inequalities[0].signals)

    @property
    def plain(self) -> int:
        """Number of shares that are nonnegative one by one."""
        return self.count - self.order**2

    @property
    def designed(self) -> slice:
        """The coordinates of the covariance among the variables."""
        return slice(self.plain, self.count)

    @cached_property
    def totals(self) -> FloatArray:
        """Weight of each share, or coordinate, in the total; (B,)."""
        return total_weights(self.count, self.order)

    @cached_property
    def whitened(self) -> ShareCones:
        """The same cones in coordinates in which equal shares have the identity."""
        return attrs.evolve(self, inequalities=tuple(each.whitened(self.totals) for each in self.inequalities))

    def loosened(self, factor: float) -> ShareCones:
        """Return the cones of limits times a factor, for which the level is larger by as much."""
        return attrs.evolve(
            self,
            inequalities=tuple(attrs.evolve(one, limits=one.limits * factor) for one in self.inequalities),
            sum_weights=self.sum_weights / factor,
            linear=self.linear * factor,
        )

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        others = bool(len(self.sum_weights) or len(self.linear))
        return others or any(np.isfinite(each.limits).any() for each in self.inequalities)

    @cached_property
    def summed(self) -> tuple[tuple[int, int], ...]:
        """Hypothesis, and number of the angle within it, of each variable u."""
        used = np.asarray((self.sum_weights > 0).any(axis=0)), self.objective > 0
        return tuple(
            (hypothesis, place)
            for hypothesis, each in enumerate(self.inequalities)
            for place, angle in enumerate(each.angles)
            if used[0][angle] or (hypothesis == 0 and used[1][angle])
        )

    @cached_property
    def variables(self) -> int:
        """Number of variables: shares, level and bounds."""
        return self.count + 1 + len(self.summed)

    @cached_property
    def requirements(self) -> tuple[Block, ...]:
        """The limits, with the level as a variable: first those of :attr:`summed`, then sums, rows and others."""
        blocks = [self._bound_of(variable, *place) for variable, place in enumerate(self.summed)]
        for weights in self.sum_weights:
            for hypothesis, each in enumerate(self.inequalities):
                row = np.zeros((1, self.variables))
                row[0, self.count] = 1.0
                for variable, (own, place) in enumerate(self.summed):
                    if own == hypothesis:
                        row[0, self.count + 1 + variable] = -weights[each.angles[place]] * each.units[place]
                blocks.append(Block(columns=row, offset=np.zeros(1), order=0))
        for linear in self.linear:
            row = np.zeros((1, self.variables))
            row[0, : self.count], row[0, self.count] = linear, -1.0
            size = max(1.0, float(np.abs(linear).max()))
            blocks.append(Block(columns=row / size, offset=np.zeros(1), order=0))
        for each in self.inequalities:
            signals = vectors_of(each.signals)
            for required in vectors_of(each.required):
                columns = np.zeros((len(required), self.variables))
                columns[:, : self.count], columns[:, self.count] = signals.T, -required
                size = max(1.0, float(np.abs(columns).max()))
                blocks.append(
                    Block(columns=columns / size, offset=np.zeros(len(required)), order=each.signals.shape[-1])
                )
        return tuple(blocks)

    def limits_in(self, domain: Domain) -> tuple[Block, ...]:
        """Return :attr:`requirements`, of which those that the level does not apply to hold at level 1."""
        if domain.graded is None:
            return self.requirements
        single = len(self.summed) + len(self.sum_weights) * len(self.inequalities) + len(self.linear)
        angles = [
            angle if number == 0 else None
            for number, each in enumerate(self.inequalities)
            for angle, limit in zip(each.angles, each.limits, strict=True)
            if np.isfinite(limit)
        ]
        return tuple(
            block if place >= single and angles[place - single] in domain.graded else block.fix(self.count)
            for place, block in enumerate(self.requirements)
        )

    def _bound_of(self, variable: int, hypothesis: int, place: int) -> Block:
        each = self.inequalities[hypothesis]
        size = each.signals.shape[-1] + 1
        matrices = np.zeros((self.variables, size, size))
        matrices[: self.count, :-1, :-1] = each.signals
        matrices[self.count, :-1, -1] = matrices[self.count, -1, :-1] = each.directions[place]
        matrices[self.count + 1 + variable, -1, -1] = 1.0
        return Block(columns=vectors_of(matrices).T, offset=np.zeros(size * (size + 1) // 2), order=size)

    @cached_property
    def signs(self) -> tuple[Block, ...]:
        """The shares are nonnegative, and the designed covariance is positive semidefinite."""
        blocks = [Block(columns=np.eye(self.plain, self.variables), offset=np.zeros(self.plain), order=0)]
        if self.order:
            embedded = vectors_of(real_embedding(hermitian_basis(self.order)))
            columns = np.zeros((embedded.shape[1], self.variables))
            columns[:, self.plain : self.count] = embedded.T
            blocks.append(Block(columns=columns, offset=np.zeros(len(columns)), order=2 * self.order))
        return tuple(blocks)

    def equalities(self, domain: Domain) -> tuple[Block, ...]:
        """Return the constraints on the total, on the first share and on the level."""
        rows: list[tuple[int | slice, FloatArray | float, float]] = []
        if domain.level is not None:
            rows.append((self.count, 1.0, domain.level))
        if domain.budget:
            rows.append((slice(self.count), self.totals, 1.0))
        if domain.first is not None:
            rows.append((0, 1.0, domain.first))
        columns, offset = np.zeros((len(rows), self.variables)), np.zeros(len(rows))
        for number, (place, values, total) in enumerate(rows):
            columns[number, place], offset[number] = values, -total
        return (Block(columns=columns, offset=offset, order=-1),)

    def rows(self, linear: LinearLimits | None) -> tuple[Block, ...]:
        """Return further requirements, each scaled to order one."""
        if linear is None:
            return ()
        size = np.maximum(np.abs(linear.rows).max(axis=-1), np.abs(linear.least))
        size = np.where(size > 0, size, 1.0)
        columns = np.zeros((len(size), self.variables))
        columns[:, : self.count] = linear.rows / size[:, None]
        if linear.growth is not None:
            columns[:, self.count] = -linear.growth / size
        return (Block(columns=columns, offset=-linear.least / size, order=0),)

    def shares_in(self, domain: Domain, point: FloatArray) -> FloatArray:
        """Return the shares of a solver's point, moved into the domain and to its further requirements."""
        shares = point[: self.count]
        if domain.linear is not None:
            shares = domain.linear.lift(shares, float(point[self.count]))
        return self.move_into(domain, shares)

    def move_into(self, domain: Domain, shares: FloatArray) -> FloatArray:
        """Return shares with the signs of the domain and its total, close to those of a solver."""
        shares = shares.copy()
        shares[: self.plain] = np.maximum(shares[: self.plain], 0.0)
        if self.order:
            shares[self.plain :] = positive_part(shares[self.plain :], self.order)
        if not domain.budget:
            return shares
        if domain.first is None:
            return np.asarray(shares / (self.totals @ shares))
        shares[0] = 0.0
        shares *= (1 - domain.first) / (self.totals @ shares)
        shares[0] = domain.first
        return shares

    def cheapest(self, costs: FloatArray, domain: Domain) -> float:
        """Return the smallest cost of any shares of the domain's total, without regard to other requirements."""
        if domain.first is None:
            return self.smallest(costs, 0)
        return float(costs[0] * domain.first + (1 - domain.first) * self.smallest(costs, 1))

    def smallest(self, costs: FloatArray, start: int) -> float:
        """Return the smallest cost of shares of total one among the signals from one on."""
        values = costs[start : self.plain].tolist()
        if self.order:
            values.append(float(np.linalg.eigvalsh(matrix_of(costs[self.plain :], self.order))[0]))
        return float(min(values))

    def price(self, cost: FloatArray, blocks: Sequence[Block], duals: Sequence[FloatArray]) -> Price:
        """Return the Lagrangian of approximate dual variables, in which the bounds u have no cost.

        Parameters
        ----------
        cost : ndarray, shape (n,)
            Cost of the variables.
        blocks, duals
            :attr:`requirements`, in this order, and further blocks of inequalities, with their dual variables.
        """
        nearest = [block.nearest_dual(dual) for block, dual in zip(blocks, duals, strict=True)]
        taken = cost.copy()
        constant = 0.0
        for block, dual in zip(blocks[len(self.summed) :], nearest[len(self.summed) :], strict=True):
            taken -= dual @ block.columns
            constant -= float(dual @ block.offset)
        for variable, (block, dual) in enumerate(zip(blocks, nearest[: len(self.summed)], strict=False)):
            # Any multiple of the matrix is admissible; this one cancels the cost of u.
            corner = dual @ block.columns[:, self.count + 1 + variable]
            wanted = taken[self.count + 1 + variable]
            if wanted > 0 and corner <= 0:
                return Price(costs=np.full(self.count, -np.inf), level=0.0, constant=-np.inf)
            factor = wanted / corner if corner > 0 else 0.0
            taken -= factor * (dual @ block.columns)
            constant -= factor * float(dual @ block.offset)
        return Price(costs=taken[: self.count], level=float(taken[self.count]), constant=constant)


@attrs.frozen(kw_only=True, eq=False)
class Price:
    """A Lagrangian: costs of the shares (B,) and of the level, and a constant."""

    costs: FloatArray
    level: float
    constant: float


def total_weights(count: int, order: int) -> FloatArray:
    """Return the weight of each share in the total: 1, or 0 for coordinates off the diagonal; (B,)."""
    weights = np.ones(count)
    if order:
        weights[count - order**2 + order :] = 0.0
    return weights
