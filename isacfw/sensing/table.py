r"""Best sensing mixes at full power, tabulated over the share of communication.

A table holds the mixes of some solved programs. Between them it interpolates the mix, and computes the value of
that mix exactly: so a value is always attained, and falls short of the best by the error of interpolation alone.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from .hermitian import positive_part
from .linear import row_sizes
from .optimum import Optimum
from .program import ShareProgram
from .reduction import angle_information
from .requirements import sum_information

_TOLERANCE = 1e-9
"""Relative error of interpolated values at which an interval is divided no further."""

_NARROWEST = 2.0**-30
_MOST_NODES = 400


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
    """

    program: ShareProgram
    nodes: FloatArray
    sensing: FloatArray
    weighted: bool
    programs: int = 0
    error: float = 0.0
    loss: float = 0.0

    def evaluate(self, m: FloatArray) -> FloatArray:
        """Return the value at shares m between the ends; (...)."""
        return self._best(m)[0]

    def solve(self, m: float) -> float:
        """Return the best value at a share m, of a program for it alone."""
        if m >= 1:
            return float(self.evaluate(np.array(m)))
        value = _solve(self.program, m, self.weighted).value
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

    def _best(self, m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return value and sensing shares of the best of several interpolations.

        The linear one is never worse than the line between two values; the others are more accurate where the mix
        changes smoothly.
        """
        place = np.clip(np.searchsorted(self.nodes, m, side="right") - 1, 0, len(self.nodes) - 2)
        best = self._interpolate(m, place, 2)
        value = self._value(m, best)
        for points in (4, 6):
            if len(self.nodes) < points or self.sensing.shape[1] == 1:
                break
            first = np.clip(place + 1 - points // 2, 0, len(self.nodes) - points)
            shares = self._inside(m, self._interpolate(m, first, points))
            other = self._value(m, shares)
            better = other > value
            value, best = np.where(better, other, value), np.where(better[..., None], shares, best)
        return value, best

    def _interpolate(self, m: FloatArray, first: NDArray[np.intp], points: int) -> FloatArray:
        chosen = [self.nodes[first + number] for number in range(points)]
        found = np.zeros((*m.shape, self.sensing.shape[1]))
        for number, node in enumerate(chosen):
            weight = np.ones(m.shape)
            for other, place in enumerate(chosen):
                if other != number:
                    weight = weight * (m - place) / (node - place)
            found += weight[..., None] * self.sensing[first + number]
        return found

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
            worst = np.where((lack <= _TOLERANCE).all(axis=-1), worst, -np.inf)
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
        return np.where(worst >= 1 - _TOLERANCE, objective, -np.inf) if self.weighted else worst


def build_table(program: ShareProgram, low: float, high: float, *, weighted: bool) -> Table:
    """Return a table between two shares of communication, refined until midpoints of intervals agree to 1e-9.

    Parameters
    ----------
    program : ShareProgram
        The sensing problem; its first signal is communication.
    low, high : float
        Ends of the table within [0, 1].
    weighted : bool
        See :class:`Table`.
    """
    if program.cones.count == 2:
        nodes = np.array([low, max(high, np.nextafter(low, 2))])
        return Table(program=program, nodes=nodes, sensing=1 - nodes[:, None], weighted=weighted)
    builder = _Builder(program, weighted)
    for part in _starts():
        builder.solve(low + part * (high - low))
    intervals = list(pairwise(sorted(builder.found)))
    while intervals and len(builder.found) < _MOST_NODES:
        intervals = builder.divide(intervals)
    return builder.table()


class _Builder:
    """Solves programs at nodes, and collects them in a table."""

    def __init__(self, program: ShareProgram, weighted: bool) -> None:
        self.program, self.weighted = program, weighted
        self.found: dict[float, FloatArray] = {}
        self.gaps: dict[float, float] = {}
        self.error = 0.0

    def solve(self, m: float) -> None:
        """Add a node."""
        if m < 1:
            optimum = _solve(self.program, m, self.weighted)
            self.found[m], self.gaps[m] = optimum.shares[1:], optimum.gap
        else:
            self.found[m], self.gaps[m] = np.zeros(self.program.cones.count - 1), 0.0

    def table(self) -> Table:
        """Return the table of the nodes so far."""
        nodes = sorted(self.found)
        return Table(
            program=self.program,
            nodes=np.array(nodes),
            sensing=np.array([self.found[m] for m in nodes]),
            weighted=self.weighted,
            programs=len(nodes) - (1.0 in self.found),
            error=self.error,
        )

    def divide(self, intervals: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """Halve intervals, and return the halves of those in which interpolation was not accurate."""
        middles = np.array([(left + right) / 2 for left, right in intervals])
        guess = self.table().evaluate(middles)
        for m in middles.tolist():
            self.solve(m)
        exact = self.table().evaluate(middles)
        divided = []
        self.error = 0.0
        for (left, right), m, one, other in zip(intervals, middles.tolist(), guess, exact, strict=True):
            # The mix of a program may miss the limits by rounding, where the interpolated one meets them.
            rounded = np.isneginf(other) and one > other
            lost = 0.0 if one == other or rounded else float((other - one) / abs(other))
            accurate = lost <= max(_TOLERANCE, self.gaps[m]) and not rounded
            if not accurate and right - left > _NARROWEST:
                divided += [(left, m), (m, right)]
                self.error = max(self.error, lost)
        return divided


def _starts() -> list[float]:
    """Return where to look first: the best mix may change quickly where one of the two shares is small."""
    powers = [2.0**-power for power in range(1, 13)]
    return sorted({0.0, 1.0, *powers, *(1 - power for power in powers)})


def _solve(program: ShareProgram, m: float, weighted: bool) -> Optimum:
    """Return the optimum at a share m of communication below 1."""
    optimum = program.least_sum(first=m) if weighted else program.best_level(m, 1 - m)
    if optimum is None:
        # An end of the feasible interval, up to rounding.
        optimum = program.best_level(m, 1 - m)
    return optimum


def maximise(table: Table) -> float:
    """Return the share m at which the concave value of a table is largest, by golden sections."""
    values = table.evaluate(table.nodes)
    best = int(np.argmax(values))
    low, high = table.nodes[max(best - 1, 0)], table.nodes[min(best + 1, len(values) - 1)]
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(60):
        inner = high - ratio * (high - low), low + ratio * (high - low)
        first, second = table.evaluate(np.array(inner))
        low, high = (inner[0], high) if second > first else (low, inner[1])
    candidates = np.array([table.nodes[best], (low + high) / 2, table.nodes[0], table.nodes[-1]])
    return float(candidates[np.argmax(table.evaluate(candidates))])


def feasible_end(table: Table, inside: float, outside: float) -> float:
    """Return the last m towards `outside` whose level is at least 1, by bisection."""
    if table.evaluate(np.array(outside)) >= 1:
        return outside
    for _ in range(60):
        middle = (inside + outside) / 2
        if table.evaluate(np.array(middle)) >= 1:
            inside = middle
        else:
            outside = middle
    return inside


def crossing_of(
    table: Table, surplus: Callable[[FloatArray, FloatArray], FloatArray], shape: tuple[int, ...]
) -> FloatArray:
    """Return where increasing functions surplus(m, e(m)) become nonnegative; (...).

    The nodes of the table bracket the root, and the Illinois method converges within, for each element by itself.
    """
    values, nodes = table.evaluate(table.nodes), table.nodes
    signs = [surplus(np.full(shape, m), np.full(shape, e)) >= 0 for m, e in zip(nodes, values, strict=True)]
    place = np.clip(np.argmax(np.stack(signs, axis=-1), axis=-1), 1, len(nodes) - 1)
    low, high = nodes[place - 1], nodes[place]
    left, right = surplus(low, values[place - 1]), surplus(high, values[place])
    side = np.zeros(shape)
    for _ in range(100):
        active = (high - low > 2e-16 * high) & (left < 0) & (right > 0)
        if not active.any():
            break
        part = np.divide(left, left - right, out=np.full(shape, 0.5), where=active)
        m = np.clip(low + (high - low) * part, low, high)
        value = surplus(m, table.evaluate(m))
        up, down = active & (value >= 0), active & (value < 0)
        left, right = np.where(up & (side > 0), left / 2, left), np.where(down & (side < 0), right / 2, right)
        low, left = np.where(down, m, low), np.where(down, value, left)
        high, right = np.where(up, m, high), np.where(up, value, right)
        side = np.where(up, 1.0, np.where(down, -1.0, side))
    return np.asarray(np.where(left >= 0, low, high))
