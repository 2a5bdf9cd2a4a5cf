r"""Affine functions of the share of communication that no value of a sensing problem exceeds, from multipliers.

With nonnegative multipliers of all limits, the Lagrangian bounds the level :math:`e(m)`, or the negative sum of
CRLBs, for every m at once, and is affine in m; multipliers that solve the program at m touch the value there. A
matrix inequality of one angle, :math:`J - t\,d\,d^T \succeq 0`, needs a multiplier of rank one only: with
:math:`c = Z d / d^T Z d` and :math:`w = d^T Z d`, that of :math:`w\,c\,c^T` is never worse than that of Z. So
weights w and vectors c can be interpolated between programs, and bound the value wherever they are evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from ..base.numbers import FloatArray
from .cones import ShareCones
from .conic import matrices_from
from .hermitian import matrix_of
from .optimum import Optimum

_FAINT = 1e-12
"""Part of the trace of a multiplier below which a weight is no evidence of its vector."""


@attrs.frozen(kw_only=True, eq=False)
class Majorants:
    """The affine majorants of one sensing problem.

    Parameters
    ----------
    cones : ShareCones
        Its limits.
    balances : ndarray, shape (R, B)
        Linear requirements of least value 0.
    weighted : bool
        Whether the value is the negative weighted sum of CRLBs, within the limits; if not, it is the level.
    """

    cones: ShareCones
    balances: FloatArray
    weighted: bool
    _limited: tuple[tuple[int, int, float], ...] = attrs.field(init=False)
    """Hypothesis and place of each limited angle, and the ratio of its unit to its limit."""

    @_limited.default
    def _find_limited(self) -> tuple[tuple[int, int, float], ...]:
        return tuple(
            (number, place, float(each.units[place] / each.limits[place]))
            for number, each in enumerate(self.cones.inequalities)
            for place in np.flatnonzero(np.isfinite(each.limits)).tolist()
        )

    @property
    def _ends(self) -> list[int]:
        """Where the weights of sums, linear requirements, limits and rows of least value 0 end."""
        cones = self.cones
        counts = len(cones.sum_weights) * len(cones.inequalities), len(cones.linear), len(self._limited)
        return list(map(int, np.cumsum([*counts, len(self.balances)])))

    def flatten(self, optimum: Optimum) -> FloatArray | None:
        """Return weights and vectors from the dual variables of a program for a given share; (D,).

        Vectors whose weights are lost follow from the shares. None without dual variables, or where rounding
        errors spoil them.
        """
        if optimum.dual is None:
            return None
        dual, shares = optimum.dual, optimum.shares
        level, given, pairs = self.cones.count, len(self.cones.summed), list(dual.nearest())
        first, second, third, _last = (given + end for end in self._ends)
        weights = [float(value @ block.columns[:, level]) for block, value in pairs[given:first]]
        weights += [-float(value @ block.columns[:, level]) for block, value in pairs[first:second]]
        vectors = []
        for (number, place, ratio), (block, value) in zip(self._limited, pairs[second:third], strict=True):
            weights.append(-float(value @ block.columns[:, level]) / ratio)
            matrix, own = matrices_from(value, block.order), dual.inequalities[number].directions[place]
            reached = matrix @ own
            if own @ reached > _FAINT * np.trace(matrix) * (own @ own):
                vectors.append(dual.in_first(number, reached / (own @ reached)))
            else:
                solved = self._solve(shares, number, place)
                vectors.append(solved / max(self.cones.inequalities[number].directions[place] @ solved, _FAINT))
        for (number, place), (block, value) in zip(self.cones.summed, pairs[:given], strict=True):
            matrix = matrices_from(value, block.order)
            if matrix[-1, -1] > _FAINT * np.trace(matrix):
                vectors.append(dual.in_first(number, matrix[:-1, -1] / (matrix[-1, -1] * optimum.factor)))
            else:
                vectors.append(-self._solve(shares, number, place))
        # Requirements of least value 0 are the same for all limits.
        weights = [weight * optimum.factor for weight in weights]
        for block, value in pairs[third:]:
            ratios = np.abs(block.columns).max(axis=-1) / np.abs(self.balances).max(axis=-1)
            weights += (value * ratios).tolist()
        flat = np.concatenate([np.array(weights) * optimum.size, *vectors])
        if not self.weighted:
            flat[: len(weights)] /= self._constant(flat) or 1.0
        return flat if np.isfinite(flat).all() else None

    def _solve(self, shares: FloatArray, number: int, place: int) -> FloatArray:
        """Return :math:`J^{-1} d` at shares."""
        each = self.cones.inequalities[number]
        information = np.tensordot(shares, each.signals, axes=1)
        return np.asarray(np.linalg.pinv(information, hermitian=True) @ each.directions[place])

    def _parts(self, flat: FloatArray) -> Iterator[tuple[FloatArray, int, int, FloatArray]]:
        """Yield weight, hypothesis, place and vector of each limit, and then of each bound on a CRLB."""
        sums, linear, _third, start = self._ends
        weights = np.maximum(flat[..., :start], 0.0)
        for number, (hypothesis, place, _ratio) in enumerate(self._limited):
            end = start + len(self.cones.inequalities[hypothesis].directions[place])
            yield weights[..., linear + number], hypothesis, place, flat[..., start:end]
            start = end
        several = len(self.cones.inequalities)
        for hypothesis, place in self.cones.summed:
            each = self.cones.inequalities[hypothesis]
            angle, unit = each.angles[place], each.units[place]
            paid = weights[..., hypothesis:sums:several] * self.cones.sum_weights[:, angle]
            weight = unit * paid.sum(axis=-1)
            if self.weighted and hypothesis == 0:
                weight = weight + unit * self.cones.objective[angle]
            end = start + len(each.directions[place])
            yield weight, hypothesis, place, flat[..., start:end]
            start = end

    def _constant(self, flat: FloatArray) -> FloatArray:
        """Return the coefficient of the level in the Lagrangian; (...)."""
        sums, linear, _third, _last = self._ends
        found = np.maximum(flat[..., sums:linear], 0.0).sum(axis=-1)
        found = found - np.maximum(flat[..., :sums], 0.0).sum(axis=-1)
        for number, (weight, hypothesis, place, vector) in enumerate(self._parts(flat)):
            reached = (vector * self.cones.inequalities[hypothesis].directions[place]).sum(axis=-1)
            if number < len(self._limited):
                # Vectors are scaled to d^T c = 1, which interpolation keeps up to rounding errors.
                found = found + weight * self._limited[number][2] * reached**2
            else:
                found = found - 2 * weight * reached
        return np.asarray(found)

    def ends_of(self, flat: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the values at m = 0 and m = 1 of the majorants of weights and vectors (..., D); (...).

        Parameters
        ----------
        flat : ndarray, shape (..., D)
            Those of :meth:`flatten`, interpolated in any way.

        Returns
        -------
        tuple of ndarray
            Infinite where there is no majorant.
        """
        sums, linear, third, last = self._ends
        gains = np.zeros((*flat.shape[:-1], self.cones.count))
        for start, end, rows in ((sums, linear, self.cones.linear), (third, last, self.balances)):
            for number, row in enumerate(rows[: end - start]):
                gains = gains + np.maximum(flat[..., start + number, None], 0.0) * row
        for weight, hypothesis, _place, vector in self._parts(flat):
            signals = self.cones.inequalities[hypothesis].signals
            square = (vector[..., :, None] * vector[..., None, :]).reshape(*vector.shape[:-1], 1, -1)
            gains = gains + weight[..., None] * (square @ signals.reshape(len(signals), -1).T)[..., 0, :]
        first, others = gains[..., 0], gains[..., 1 : self.cones.plain]
        rest = others.max(axis=-1) if others.shape[-1] else np.full(first.shape, -np.inf)
        if self.cones.order:
            designed = np.linalg.eigvalsh(matrix_of(gains[..., self.cones.plain :], self.cones.order))
            rest = np.maximum(rest, designed[..., -1])
        constant = self._constant(flat)
        if self.weighted:
            return rest - constant, first - constant
        usable = constant > 0
        scale = np.where(usable, constant, 1.0)
        return np.where(usable, rest / scale, np.inf), np.where(usable, first / scale, np.inf)


def lowest_peak(zero: FloatArray, one: FloatArray) -> tuple[float, float] | None:
    """Return where majorants are highest together, and their value there; None without any.

    Parameters
    ----------
    zero, one : ndarray, shape (N,)
        Their values at m = 0 and m = 1.

    Returns
    -------
    tuple of float, or None
        Of a rising and a falling one, or of one alone with its highest value at an end.
    """
    finite = np.isfinite(zero) & np.isfinite(one)
    zero, one = zero[finite], one[finite]
    if not len(zero):
        return None
    steep = one - zero
    alone = int(np.argmin(np.maximum(zero, one)))
    found = float(steep[alone] > 0), float(max(zero[alone], one[alone]))
    up, down = steep > 0, steep < 0
    if not up.any() or not down.any():
        return found
    place = (zero[None, down] - zero[up, None]) / (steep[up, None] - steep[None, down])
    value = zero[up, None] + steep[up, None] * place
    value = np.where((place >= 0) & (place <= 1), value, np.inf)
    lowest = np.unravel_index(int(np.argmin(value)), value.shape)
    met = float(place[lowest]), float(value[lowest])
    return met if met[1] < found[1] else found
