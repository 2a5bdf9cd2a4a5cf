r"""The trade-off between communication and sensing power, which all drops of a sensing problem share.

With f and q the shares of communication and sensing, :math:`m = f / (f + q)`. The best level e(m) over all
sensing mixes at full power is concave, and :math:`f = m / e(m)`, :math:`q = (1 - m) / e(m)` is the frontier of
the pairs that meet the limits. The least weighted sum of CRLBs at full power is convex in m. A drop enters
through its users' requirement :math:`f (1 - C) \ge A + B q` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.errors import IsacError
from ..base.numbers import LOST, FloatArray
from .crossings import crossing_of, feasible_end, maximise
from .program import ShareProgram
from .splits import FULL, Infeasibility, Splits
from .table import Table
from .table_builder import build_table

_SMALL_SHARES = (1e-8, 1e-6, 1e-4, 1e-2)

_LARGEST_LOSS = 1e-6
"""Largest relative loss at the start of a table with which an answer is still the optimum."""

_INSIDE = 1e-10
"""Part of the interval of shares by which tables stay within it."""


@attrs.frozen(kw_only=True, eq=False)
class Tradeoff:
    """The trade-off of one sensing problem.

    Parameters
    ----------
    program : ShareProgram
        The sensing problem; its first signal is communication.
    """

    program: ShareProgram

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The smallest and the largest m that meet requirements of least value 0; NaN if there is none."""
        if not len(self.program.limits.balances):
            return 0.0, 1.0
        ends = self.program.ends
        if ends is None:
            return np.nan, np.nan
        low, high = (float(end.shares[0]) for end in ends)
        # The programs at the ends themselves have no interior.
        part = _INSIDE * (high - low)
        return (low + part if low > 0 else 0.0), (high - part if high < 1 else 1.0)

    @cached_property
    def levels(self) -> Table:
        """The best level e(m) for m within :attr:`interval`."""
        return self._table(*self.interval, weighted=False)

    def _table(self, low: float, high: float, *, weighted: bool) -> Table:
        """Return a table, from a little above the low end if the programs there cannot be solved.

        That is so if the sensing signals have almost no information on some parameter.
        """
        try:
            return build_table(self.program, low, high, weighted=weighted)
        except IsacError:
            own = self.program
            # Levels need no bounds on CRLBs that are part of the objective alone.
            program = own if weighted else ShareProgram.of(own.signals, own.limits, order=own.cones.order)
            assert program is not None
            for part in (0.0, *_SMALL_SHARES):
                with suppress(IsacError):
                    table = build_table(program, low + part * (high - low), high, weighted=weighted)
                    # The value is concave, or the inverse of a concave one.
                    return attrs.evolve(table, loss=part)
            raise

    @cached_property
    def best_level(self) -> float:
        """The share m with the largest level; the largest m without limits."""
        return maximise(self.levels) if self.program.cones.limited else self.interval[1]

    @cached_property
    def feasible(self) -> tuple[float, float]:
        """The smallest and the largest m that meet the limits at full power; NaN if there is none."""
        if not self.program.cones.limited or np.isnan(self.interval[0]):
            return self.interval
        best, table = self.best_level, self.levels
        if not table.evaluate(np.array(best)) >= 1:
            return np.nan, np.nan
        low, high = self.interval
        return feasible_end(table, best, max(low, float(table.nodes[0]))), feasible_end(table, best, high)

    @cached_property
    def sums(self) -> Table:
        """The negative least weighted sum of CRLBs for m within :attr:`feasible`."""
        low, high = self.feasible
        # Sensing signals alone may leave an angle inestimable; then the sum is infinite at m = 0, and falls.
        if low == 0 and self._inestimable(0.0):
            low = next((m for m in _SMALL_SHARES if m < high and not self._inestimable(m)), high)
        table, levels = self._table(low, high, weighted=True), self.levels if self.program.cones.limited else None
        return table if levels is None else attrs.evolve(table, loss=table.loss + levels.loss)

    def _inestimable(self, m: float) -> bool:
        """Return whether no mix within the limits has a finite weighted sum of CRLBs."""
        try:
            found = self.program.least_sum(first=m) if m < 1 else None
        except IsacError:
            return False
        return found is None or not np.isfinite(found.value)

    @cached_property
    def least_sum(self) -> float:
        """The share m with the least weighted sum of CRLBs."""
        return maximise(self.sums)

    def least_power(self, A: FloatArray, B: FloatArray, C: FloatArray) -> Splits:
        r"""Return the splits of the least total power :math:`f + q` that meet all requirements.

        Parameters
        ----------
        A, B, C : ndarray, shape (...)
            Users require :math:`f (1 - C) \ge A + B q`; nonnegative.

        Notes
        -----
        On a ray of constant m, the limits need the power 1 / e(m), and the users
        :math:`A / (m (1 - C) - B (1 - m))`, which falls with m. So m is where both are equal, or that of the
        largest level if it is larger, or 1 if the users need more than the limits even there.
        """
        A, B, C = (np.asarray(each, dtype=np.float64) for each in np.broadcast_arrays(A, B, C))
        high = self.interval[1]
        if np.isnan(high):
            return self._splits(np.ones(A.shape), np.ones(A.shape), np.full(A.shape, Infeasibility.LIMITS))
        slack = np.where(C < 1, 1 - C, 1.0)
        # What users get of full power at the largest share that they may have.
        received = slack * high - B * (1 - high)
        usable = (C < 1) & (received > 0)
        received = np.where(usable, received, 1.0)
        gap = np.zeros(A.shape)
        if not self.program.cones.limited:
            m, total = np.full(A.shape, high), A / received
        else:
            ends = self.levels.evaluate(np.array([high, self.best_level]))
            alone = received <= A * ends[0]

            def surplus(m: FloatArray, level: FloatArray) -> FloatArray:
                return slack * m - B * (1 - m) - A * level

            crossing = crossing_of(self.levels, surplus, A.shape)
            m = np.where(alone, high, np.maximum(crossing, self.best_level))
            level = self.levels.evaluate(m)
            needed = np.divide(1.0, level, out=np.full(level.shape, np.inf), where=level > 0)
            total = np.where(alone, A / received, needed)
            gap = self._power_gap(m, total, (A, B, slack))
            gap = np.where(alone, 0.0, gap)
            if FULL * ends[1] < 1:
                return self._splits(m, total, np.full(A.shape, Infeasibility.LIMITS))
        reason = np.where(usable, np.where(total <= FULL, 0, Infeasibility.POWER), Infeasibility.INTERFERENCE)
        return self._splits(m, total, reason, self._mixes, (total, gap))

    @np.errstate(invalid="ignore", divide="ignore")
    def _power_gap(
        self, m: FloatArray, total: FloatArray, users: tuple[FloatArray, FloatArray, FloatArray]
    ) -> FloatArray:
        r"""Return by how much the least power may be less than `total`, relatively; (...).

        Under a majorant :math:`u + v m \ge e(m)`, a power p, of which f is for communication, meets the limits
        only if :math:`u p + v f \ge 1`, and users require :math:`f (1 - C + B) \ge A + B p`. If v is negative,
        that is a bound on p; another is the highest value of the majorants.
        """
        A, B, slack = users
        zero, one = self.levels.majorant(m)
        fall = (one - zero) / (slack + B)
        slope = zero + fall * B
        crossing = np.where((slope > 0) & (fall <= 0), (1 - fall * A) / slope, 0.0)
        return np.asarray(np.maximum(1 - np.fmax(crossing, 1 / self.levels.peak[1]) / total, 0.0))

    @property
    def _mixes(self) -> Table | None:
        """The table of the mixes of the streams; None if any mix will do."""
        return self.levels if self.program.cones.limited or len(self.program.limits.balances) else None

    def least_crlb(self, A: FloatArray, B: FloatArray, C: FloatArray) -> Splits:
        """Return the splits of full power with the least weighted sum of CRLBs that meet all requirements.

        Parameters
        ----------
        A, B, C
            See :meth:`least_power`.
        """
        return self._nearest(lambda: (self.least_sum, self.sums), (A, B, C))

    def least_ratio(self, A: FloatArray, B: FloatArray, C: FloatArray) -> Splits:
        """Return the splits of full power with the largest level that meet all requirements.

        Parameters
        ----------
        A, B, C
            See :meth:`least_power`.
        """
        return self._nearest(lambda: (self.best_level, self.levels), (A, B, C))

    def _nearest(
        self, best: Callable[[], tuple[float, Table]], sums: tuple[FloatArray, FloatArray, FloatArray]
    ) -> Splits:
        """Return the splits of full power closest to the m that is best where limits can be met."""
        A, B, C = (np.asarray(each, dtype=np.float64) for each in np.broadcast_arrays(*sums))
        slack = 1 - C + B
        high = self.feasible[1]
        if np.isnan(high):
            return self._splits(np.ones(A.shape), np.ones(A.shape), np.full(A.shape, Infeasibility.LIMITS))
        share, table = best()
        least = np.divide(A + B, slack, out=np.full(A.shape, np.inf), where=slack > 0)
        m = np.minimum(np.maximum(least, share), high)
        reason = np.where(
            slack > 0, np.where(least <= FULL * high, 0, Infeasibility.POWER), Infeasibility.INTERFERENCE
        )
        return self._splits(m, np.ones(A.shape), reason, table, self._value_and_gap(table, m, least))

    @np.errstate(invalid="ignore", divide="ignore")
    def _value_and_gap(self, table: Table, m: FloatArray, least: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the weighted sum, or the inverse of the level, at shares m, and how much lower it may be; (...).

        Relatively, for any shares from `least` on.
        """
        zero, one = table.majorant(m)
        value = table.evaluate(m)
        low, high = self._outer
        ends = [zero + (one - zero) * end for end in (np.clip(least, low, high), np.full(m.shape, high))]
        most = np.fmin(np.maximum(*ends), table.peak[1])
        gap = (most - value) / np.abs(value) if table.weighted else 1 - value / most
        return -value if table.weighted else 1 / value, np.where(np.isnan(gap), np.inf, np.maximum(gap, 0.0))

    @cached_property
    def _outer(self) -> tuple[float, float]:
        """Bounds on the smallest and the largest m that meet the limits, by majorants of the level."""
        ends = [*self.feasible]
        if not self.program.cones.limited:
            return ends[0], ends[1]
        for place, limit in enumerate(self.interval):
            zero, one = (float(each) for each in self.levels.majorant(np.array(ends[place])))
            steep = one - zero
            falls = steep > 0 if place == 0 else steep < 0
            # Where the majorant reaches level 1, outside of it no share does.
            crossing = (1 - zero) / steep if falls and np.isfinite(zero) else limit
            ends[place] = max(limit, min(ends[0], crossing)) if place == 0 else min(limit, max(ends[1], crossing))
        return ends[0], ends[1]

    def _splits(
        self,
        m: FloatArray,
        total: FloatArray,
        reason: NDArray[np.int_],
        table: Table | None = None,
        known: tuple[FloatArray, FloatArray] | None = None,
    ) -> Splits:
        """Return the splits; `known` is the value of the objective, and its gap."""
        found = reason == Infeasibility.NONE
        total = np.where(found, total, np.nan)
        if table is not None and table.loss > 0 and found.any():
            self._check(np.unique(m[found]), table)
        mix = np.full((*m.shape, self.program.cones.count - 1), np.nan)
        if table is not None:
            mix = np.where(found[..., None], table.mix(m), np.nan)
        return Splits(
            communication=m * total,
            sensing=(1 - m) * total,
            mix=mix,
            infeasibility=reason.astype(np.int_),
            power=np.where(reason == Infeasibility.INTERFERENCE, np.inf, total),
            bound=np.full(m.shape, np.nan) if known is None else known[0] * (1 - known[1] - LOST),
            gap=np.zeros(m.shape) if known is None else known[1],
        )

    @staticmethod
    def _check(m: FloatArray, table: Table) -> None:
        """Raise an error if a table without its low end does not have the optimum at shares m."""
        exact = np.array([table.solve(one) for one in m.tolist()])
        inexact = table.evaluate(m) < exact - _LARGEST_LOSS * np.abs(exact)
        if inexact.any() or (table.loss > _LARGEST_LOSS and m[0] <= table.nodes[0]):
            raise IsacError("Clarabel does not solve the programs for the smallest shares of communication")
