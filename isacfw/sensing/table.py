r"""Best sensing mixes at full power, tabulated over the share of communication.

A table holds the mixes of some solved programs. Between them it interpolates the mix, and computes the value of
that mix exactly: so a value is always attained, and falls short of the best by the error of interpolation alone.
"""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from .hermitian import positive_part
from .linear import row_sizes
from .majorants import Majorants, lowest_peak
from .optimum import Optimum
from .program import ShareProgram
from .reduction import angle_information
from .requirements import sum_information

TOLERANCE = 1e-9
"""Relative error of interpolated values at which an interval is divided no further."""

ROUNDS = 20
"""Largest number of points that are tried for the highest value."""


@attrs.frozen(kw_only=True, eq=False)
class Table:
    """Best sensing mixes for shares m of communication between two ends, by interpolation.

    Parameters
    ----------
    program : ShareProgram
        The sensing problem; its first signal is communication.
    nodes : ndarray, shape (N,)
        Increasing shares m.
    sensing : ndarray, shape (N, B - 1)
        Shares of the other signals, or coordinates of the covariance, of total 1 - m.
    weighted : bool
        Whether the value is the negative weighted sum of CRLBs, within the limits; if not, it is the level.
    programs : int
        Number of semidefinite programs that were solved.
    error : float
        Largest relative error at the last midpoints if the number of nodes ended the refinement; 0 if all
        midpoints agree to 1e-9.
    loss : float
        Bound on the relative loss at the first node to shares below it.
    certified : ndarray, shape (C,)
        Nodes with multipliers.
    multipliers : ndarray, shape (C, D)
        Weights and vectors of :class:`~isacfw.sensing.majorants.Majorants`; none for a table of one signal.
    """

    program: ShareProgram
    nodes: FloatArray
    sensing: FloatArray
    weighted: bool
    programs: int = 0
    error: float = 0.0
    loss: float = 0.0
    certified: FloatArray = attrs.field(factory=lambda: np.zeros(0))
    multipliers: FloatArray = attrs.field(factory=lambda: np.zeros((0, 0)))

    def evaluate(self, m: FloatArray) -> FloatArray:
        """Return the value at shares m between the ends; (...)."""
        return self._best(m)[0]

    def solve(self, m: float) -> float:
        """Return the best value at a share m, of a program for it alone."""
        if m >= 1:
            return float(self.evaluate(np.array(m)))
        value = solve_at(self.program, m, self.weighted).value
        return -value if self.weighted else 1 / value

    def mix(self, m: FloatArray) -> FloatArray:
        """Return the sensing shares, of total one, that attain the value; (..., B - 1)."""
        shares = self._best(m)[1]
        rest = 1 - m[..., None]
        last = self.sensing[-2 if self.nodes[-1] == 1 else -1]
        total = float(self.program.cones.totals[1:] @ last)
        return np.where(
            rest > 0, np.divide(shares, rest, out=np.zeros(shares.shape), where=rest > 0), last / total
        )

    @cached_property
    def _majorants(self) -> Majorants:
        return Majorants(cones=self.program.cones, balances=self.program.limits.balances, weighted=self.weighted)

    def majorant(self, m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the ends, at m' = 0 and 1, of the affine function above all values that is lowest at m; (...).

        Of several interpolations of the multipliers; infinite without any. Valid up to rounding errors.
        """
        ends = np.full(m.shape, np.inf), np.full(m.shape, np.inf)
        best = np.full(m.shape, np.inf)
        count = len(self.certified)
        if not count:
            return ends
        place = np.clip(np.searchsorted(self.certified, m, side="right") - 1, 0, count - 1)
        for points, before in ((1, 0), (1, -1), (2, 0), (4, 1), (6, 2)):
            if points > count:
                break
            first = np.clip(place - before, 0, count - points)
            flat = _interpolate(m, first, points=points, given=(self.certified, self.multipliers))
            with np.errstate(invalid="ignore", over="ignore"):
                zero, one = self._majorants.ends_of(flat)
                here = zero + (one - zero) * m
            better = here < best
            best = np.where(better, here, best)
            ends = np.where(better, zero, ends[0]), np.where(better, one, ends[1])
        return ends

    def gap(self, m: FloatArray) -> FloatArray:
        """Return the largest relative amount by which the value at shares m may be too low; (...)."""
        zero, one = self.majorant(m)
        value = self.evaluate(m)
        with np.errstate(invalid="ignore"):
            gap = (zero + (one - zero) * m - value) / np.abs(value)
        return np.where(np.isnan(gap), np.inf, np.maximum(gap, 0.0))

    @cached_property
    def peak(self) -> tuple[float, float]:
        """Where a rising and a falling majorant meet lowest, and their value there, a bound at all m."""
        best = float(self.nodes[np.argmax(self.evaluate(self.nodes))]), np.inf
        middles = (self.nodes[1:] + self.nodes[:-1]) / 2
        zero, one = self.majorant(np.concatenate([self.nodes, middles]))
        for _ in range(ROUNDS):
            met = lowest_peak(zero, one)
            if met is None or not met[1] < best[1]:
                break
            best = met
            more = self.majorant(np.array([best[0]]))
            if not more[0][0] + (more[1] - more[0])[0] * best[0] < best[1] - TOLERANCE * abs(best[1]):
                break
            zero, one = np.append(zero, more[0]), np.append(one, more[1])
        return best

    def _best(self, m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return value and sensing shares of the best of several interpolations.

        The linear one is never worse than the line between two values; the others are more accurate where the mix
        changes smoothly.
        """
        place = np.clip(np.searchsorted(self.nodes, m, side="right") - 1, 0, len(self.nodes) - 2)
        best = _interpolate(m, place, points=2, given=(self.nodes, self.sensing))
        value = self._value(m, best)
        for points in (4, 6):
            if len(self.nodes) < points or self.sensing.shape[1] == 1:
                break
            first = np.clip(place + 1 - points // 2, 0, len(self.nodes) - points)
            shares = self._inside(m, _interpolate(m, first, points=points, given=(self.nodes, self.sensing)))
            other = self._value(m, shares)
            better = other > value
            value, best = np.where(better, other, value), np.where(better[..., None], shares, best)
        return value, best

    def _inside(self, m: FloatArray, shares: FloatArray) -> FloatArray:
        """Return shares moved into the cone, of total 1 - m."""
        cones = self.program.cones
        plain = cones.plain - 1
        parts = [np.maximum(shares[..., :plain], 0.0)]
        if cones.order:
            parts.append(positive_part(shares[..., plain:], cones.order))
        moved = np.concatenate(parts, axis=-1)
        total = (moved * cones.totals[1:]).sum(axis=-1)
        scale = np.divide(1 - m, total, out=np.zeros(m.shape), where=total > 0)
        return np.asarray(moved * scale[..., None])

    def _value(self, m: FloatArray, shares: FloatArray) -> FloatArray:
        """Return the value of sensing shares (..., B - 1) at m; (...)."""
        program = self.program
        rows, balances = program.limits.linear, program.limits.balances
        whole = np.concatenate([m[..., None], shares], axis=-1) if len(rows) or len(balances) else shares
        worst = program.limits.linear_level(whole)
        if len(balances):
            lack = -(whole @ balances.T) / row_sizes(balances)
            worst = np.where((lack <= TOLERANCE).all(axis=-1), worst, -np.inf)
        objective = np.zeros(m.shape)
        for hypothesis, signals in enumerate(program.signals):
            order = signals.shape[-1]
            flat = shares[..., None, :] @ signals[1:].reshape(len(signals) - 1, order**2)
            fisher = flat.reshape(*m.shape, order, order) + m[..., None, None] * signals[0]
            limits = program.limits
            information = angle_information(fisher, limits.jacobians[hypothesis], limits.known)[0]
            if limits.limit.size:
                worst = np.minimum(worst, limits.levels(information).min(axis=-1))
            if self.weighted and hypothesis == 0:
                level = sum_information(information, program.objective[None])[..., 0]
                objective = -np.divide(1.0, level, out=np.full(level.shape, np.inf), where=level > 0)
        return np.where(worst >= 1 - TOLERANCE, objective, -np.inf) if self.weighted else worst


def _interpolate(
    m: FloatArray, first: NDArray[np.intp], *, points: int, given: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Return numbers (N, D), given at nodes (N,), at shares m by polynomials through some nodes; (..., D)."""
    nodes, numbers = given
    chosen = [nodes[first + number] for number in range(points)]
    found = np.zeros((*m.shape, numbers.shape[1]))
    for number, node in enumerate(chosen):
        weight = np.ones(m.shape)
        for other, place in enumerate(chosen):
            if other != number:
                weight = weight * (m - place) / (node - place)
        found += weight[..., None] * numbers[first + number]
    return found


def solve_at(program: ShareProgram, m: float, weighted: bool) -> Optimum:
    """Return the optimum at a share m of communication below 1."""
    optimum = program.least_sum(first=m) if weighted else program.best_level(m, 1 - m)
    if optimum is None:
        # An end of the feasible interval, up to rounding.
        optimum = program.best_level(m, 1 - m)
    return optimum
