r"""The trade-off between communication and one sensing signal, for batches of sensing problems and drops.

With :math:`m = f / (f + q)`, the level e(m), the smallest ratio of a limit to what it limits at full power, is
concave, and the limits need the power :math:`1 / e(m)`; see :mod:`isacfw.sensing.tradeoff`, where several signals
share q.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import LOST, FloatArray
from .information import Line, worst
from .reduction import ReducedInformation
from .requirements import sum_information, sum_slope
from .splits import FULL, Infeasibility, Splits

_STEPS = 100
_NODES, _BISECTIONS = 129, 7
_LAST_STEP = 1e-9

_NEAR_ZERO = 2.0**-8
"""Shares above which nonnegative concave functions are constant on the last interval, up to rounding errors."""

Slope = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


@attrs.frozen(kw_only=True, eq=False)
class LineTradeoff:
    """The trade-off on a line.

    Parameters
    ----------
    line : Line
        Splits of full power between communication and the sensing signal.
    """

    line: Line

    def level(self, m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the level e(m), infinite without limits, and its derivative; (...)."""
        line = self.line
        single = line.communication.shape[-1] == 4 and not line.hypotheses
        if single and line.sum_limit is None and line.linear is None:
            return _level_of_one_target(line, m)
        information, slope = line.on_requirements(m)
        required = line.required
        needed = required > 0
        ratio = np.divide(information, required, out=np.full(information.shape, np.inf), where=needed)
        return worst(ratio, np.divide(slope, required, out=np.zeros(information.shape), where=needed))

    def sum_level(self, weights: FloatArray) -> Slope:
        """Return the function from m to the inverse of a weighted sum of CRLBs, and to its derivative."""

        def value_and_slope(m: FloatArray) -> tuple[FloatArray, FloatArray]:
            information, slope = self.line.at(m)
            if self.line.hypotheses:
                information, slope = information[..., 0, :], np.broadcast_to(slope, information.shape)[..., 0, :]
            single = weights[..., None, :]
            return sum_information(information, single)[..., 0], sum_slope(information, slope, single)[..., 0]

        return value_and_slope

    def least_power(self, A: FloatArray, B: FloatArray, C: FloatArray) -> Splits:
        """Return the splits of the least total power that meet all requirements.

        See :meth:`isacfw.sensing.tradeoff.Tradeoff.least_power`.
        """
        A, B, C = (np.asarray(each, dtype=np.float64) for each in np.broadcast_arrays(A, B, C))
        best, ends = self.best_level
        low, high = self.line.interval
        usable = C < 1
        received = slack = np.where(usable, 1 - C, 1.0)
        if self.line.linear is not None:
            # What users get of full power at the largest share that they may have.
            received = slack * high - B * (1 - np.asarray(high))
            usable = usable & (received > 0)
            received = np.where(usable, received, 1.0)
        unlimited = np.isinf(ends[0])
        alone = unlimited | (received <= A * np.where(unlimited, 0.0, ends[0]))
        crossing, level = self._crossing(A, B, slack, ~alone & (A > 0))
        beyond = crossing <= best
        m = np.where(alone, high, np.where(beyond, best, crossing))
        level = np.where(beyond, ends[1], level)
        needed = np.divide(1.0, level, out=np.full(level.shape, np.inf), where=level > 0)
        total = np.where(alone, A / received, needed)
        reason = np.where(usable, np.where(total <= FULL, 0, Infeasibility.POWER), Infeasibility.INTERFERENCE)
        reason = np.where((FULL * ends[1] < 1) | (np.asarray(low) > high), Infeasibility.LIMITS, reason)
        return _splits(m, total, reason)

    @cached_property
    def best_level(self) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
        """The m with the largest level, and the levels at the largest m, 1 in general, and there."""
        low, high = (np.clip(end, 0.0, 1.0) for end in self.line.interval)
        best = np.minimum(np.maximum(_argmax(self.level, self.line.shape), low), high)
        ends = np.broadcast_to(high, self.line.shape)
        return best, (self.level(ends)[0], self.level(best)[0])

    @np.errstate(invalid="ignore")  # A level may be infinite where A is 0.
    def _crossing(
        self, A: FloatArray, B: FloatArray, slack: FloatArray, where: NDArray[np.bool_]
    ) -> tuple[FloatArray, FloatArray]:
        """Return the m at which users and limits need the same power, 0 elsewhere, and the level there.

        The surplus of the users' share is convex in m and positive at m = 1, so that the iterates of Newton's
        method fall to its root.
        """

        def step(m: FloatArray, level: FloatArray, slope: FloatArray) -> FloatArray:
            surplus = slack * m - B * (1 - m) - A * level
            rise = slack + B - A * slope
            step = np.divide(surplus, rise, out=np.zeros(m.shape), where=active & (rise > 0))
            return np.clip(step, 0.0, m)

        found, active = np.zeros(A.shape), np.array(where)
        m, level, slope = self._right_of_root(A, B, slack)
        m = np.where(where, m - step(m, level, slope), 0.0)
        for _ in range(_STEPS):
            if not active.any():
                break
            level, slope = self.level(m)
            level, slope = (np.where(active, part, 0.0) for part in (level, slope))
            change = step(m, level, slope)
            m = m - change
            found = np.where(active, level - slope * change, found)
            # The error after a step is of the order of its square.
            active &= change > _LAST_STEP * m
        return m, found

    @cached_property
    def _nodes(self) -> tuple[FloatArray, FloatArray]:
        """Levels and slopes at evenly spaced m, from 0 to 1, of the line that all problems share."""
        level, slope = self.level(np.arange(_NODES) / (_NODES - 1))
        return level, np.broadcast_to(slope, level.shape)

    @np.errstate(invalid="ignore")
    def _right_of_root(
        self, A: FloatArray, B: FloatArray, slack: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the first node at which the surplus is nonnegative, by bisection, and its level and slope.

        The nodes are the same for a problem alone as in a batch, so that the last bit is too.
        """
        shared = self.line.shape in ((), (1,))

        def at(node: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
            return (self._nodes[0][node], self._nodes[1][node]) if shared else self.level(node / (_NODES - 1))

        low, high = np.zeros(A.shape, dtype=np.intp), np.full(A.shape, _NODES - 1)
        for _ in range(_BISECTIONS):
            middle = (low + high) // 2
            m = middle / (_NODES - 1)
            beyond = slack * m - B * (1 - m) >= A * at(middle)[0]
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        return np.asarray(high / (_NODES - 1)), *at(high)

    def level_of(self, angles: FloatArray) -> Slope:
        """Return the function from m to the level of the limits on some angles alone, and to its derivative."""
        limit = np.where(angles > 0, self.line.limit, np.inf)
        some = attrs.evolve(self.line, limit=limit, sum_weights=None, sum_limit=None, linear=None)
        return LineTradeoff(line=some).level

    def highest(self, quantity: Slope) -> Callable[[FloatArray, FloatArray, FloatArray], Splits]:
        """Return the function from sums to the splits of full power with the highest concave function of m.

        Parameters
        ----------
        quantity : callable
            :meth:`sum_level` of some weights, or :meth:`level_of` some angles.

        Returns
        -------
        callable
            Of A, B and C, see :meth:`least_power`; its splits meet all requirements.
        """
        best = _argmax(quantity, self.line.shape)
        line = self.line
        high = line.largest_share()
        linear = None if line.linear is None else line.linear.swapped
        swapped = attrs.evolve(line, communication=line.sensing, sensing=line.communication, linear=linear)
        low = 1 - swapped.largest_share()
        # Limits that are just met may be so at a single split, and from one side only.
        inside = np.clip(best, np.where(np.isnan(low), high, low), high)

        def splits(A: FloatArray, B: FloatArray, C: FloatArray) -> Splits:
            slack = 1 - C + B
            least = np.divide(A + B, slack, out=np.full(np.shape(slack), np.inf), where=slack > 0)
            m = np.minimum(np.maximum(least, inside), high)
            reason = np.where(
                slack > 0, np.where(least <= FULL * high, 0, Infeasibility.POWER), Infeasibility.INTERFERENCE
            )
            reason = np.where(np.isnan(high), Infeasibility.LIMITS, reason)
            return _splits(m, np.ones(m.shape), reason)

        return splits


def _level_of_one_target(line: Line, m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return level and derivative entry by entry, without forming the matrices of a batch."""
    known = np.zeros(2) if line.known is None else line.known
    jacobian = np.eye(2) if line.jacobians is None else line.jacobians[..., 0, :, :]
    first, second = line.communication, line.sensing

    def entry(row: int, column: int) -> FloatArray:
        return np.asarray(m * first[..., row, column] + (1 - m) * second[..., row, column])

    angles = ReducedInformation(entry, jacobian, known)
    change = first - second
    alpha = entry(2, 2)
    inverse = np.divide(1.0, alpha, out=np.zeros_like(alpha), where=alpha > 0)
    levels, slopes = [], []
    for angle in (0, 1):
        limit = line.limit[..., angle]
        limited = np.isfinite(limit)
        unit = np.where(limited, limit, 0.0)
        levels.append(np.where(limited, angles.information(angle) * unit, np.inf))
        a, b = angles.minimiser(angle)
        c, d = (-(a * entry(0, part) + b * entry(1, part)) * inverse for part in (2, 3))
        slope = change[..., 0, 0] * a**2 + 2 * change[..., 0, 1] * a * b + change[..., 1, 1] * b**2
        slope = slope + 2 * (change[..., 0, 2] * a + change[..., 1, 2] * b) * c
        slope = slope + 2 * (change[..., 0, 3] * a + change[..., 1, 3] * b) * d
        slopes.append((slope + change[..., 2, 2] * (c**2 + d**2)) * unit)
    lower = levels[0] <= levels[1]
    return np.where(lower, levels[0], levels[1]), np.where(lower, slopes[0], slopes[1])


def _argmax(value_and_slope: Slope, shape: tuple[int, ...]) -> FloatArray:
    """Return where concave functions on [0, 1] are largest, by bisection on the sign of the slope."""
    low, high = np.zeros(shape), np.ones(shape)
    if (value_and_slope(high)[1] >= 0).all():
        return high
    if (value_and_slope(low)[1] <= 0).all():
        return low
    for _ in range(60):
        middle = (low + high) / 2
        rising = value_and_slope(middle)[1] > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    ends = [value_and_slope(np.full(shape, end))[0] for end in (0.0, 1.0)]
    inside = value_and_slope(low)[0]
    near = low < _NEAR_ZERO
    if near.any():
        # Close to 0 functions may rise from almost nothing within less than the last interval.
        above = value_and_slope(high)[0]
        steep = near & (above > inside * (1 + LOST))
        low, inside = np.where(steep, high, low), np.where(steep, above, inside)
    # Exact at the ends, where the maximum often is.
    return np.where(ends[1] >= inside, 1.0, np.where(ends[0] >= inside, 0.0, low))


def _splits(m: FloatArray, total: FloatArray, reason: NDArray[np.int_]) -> Splits:
    m, total, reason = np.broadcast_arrays(m, total, reason)
    found = reason == Infeasibility.NONE
    return Splits(
        communication=np.where(found, m * total, np.nan),
        sensing=np.where(found, (1 - m) * total, np.nan),
        mix=np.where(found, 1.0, np.nan)[..., None],
        infeasibility=reason.astype(np.int_),
        power=np.where(reason == Infeasibility.INTERFERENCE, np.inf, total),
    )
