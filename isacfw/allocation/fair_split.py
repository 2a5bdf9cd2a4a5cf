"""The α-fair split of a total share among users on parallel channels."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from .fair_start import fair_start
from .water_filling import cache_blocks, in_columns, sum_users, water_filling

_EXTREME = 1e300
_LAST_STEP = 1e-6
"""Step in ln x whose square is below the accuracy of the shares."""
_NEWTON_STEPS, _BRACKET_STEPS = 40, 200


def fair_split(
    inverse: FloatArray,
    total: FloatArray,
    alpha: float,
    *,
    weight: FloatArray | None = None,
    least: FloatArray | None = None,
) -> FloatArray:
    r"""Return the shares that maximise :math:`\sum_k w_k R_k^{1 - \alpha} / (1 - \alpha)` for a given total.

    Parameters
    ----------
    inverse : ndarray, shape (..., K)
        Inverse effective gains :math:`i_k`, positive.
    total : ndarray, shape (...)
        Sum of the shares, nonnegative.
    alpha : float
        Fairness, nonnegative and finite. The objective is the weighted sum rate for 0, the weighted sum of
        :math:`\ln R_k` for 1, and approaches the least rate as it grows.
    weight : ndarray, shape (..., K), optional
        Weights :math:`w_k`, nonnegative; by default all equal. Only their ratios matter. If all weights of a
        problem are zero, they count as equal.
    least : ndarray, shape (..., K), optional
        Least shares :math:`s_k`, nonnegative; by default 0.

    Returns
    -------
    ndarray, shape (..., K)
        Shares :math:`x_k`, NaN for problems whose least shares exceed the total.

    Notes
    -----
    Rates are proportional to :math:`r_k = \ln(1 + x_k / i_k)`. Users above their least share have the same
    marginal utility :math:`w_k r_k^{-\alpha} / (i_k + x_k) = e^{-v}`, that is

    .. math:: \alpha \ln r_k + r_k = \ln(w_k / i_k) + v.

    Newton's method for all :math:`\ln x_k` and v together starts from equal shares. The slope of the left-hand
    side in :math:`\ln x_k` is between :math:`\min(\alpha, 1)` and :math:`\max(\alpha, 1)`, so few steps are
    enough; the first ones are in single precision, :func:`~isacfw.allocation.fair_start.fair_start`. If they are
    not, which least shares can cause, v is bracketed, with :math:`r_k` from the Wright omega function.
    """
    if alpha == 0:
        return water_filling(1 / inverse, total, weight=weight, least=least)
    parts = [np.asarray(part) for part in (inverse, weight, least) if part is not None]
    batch = np.broadcast_shapes(np.shape(total), *(part.shape[:-1] for part in parts))
    shape = (*batch, parts[0].shape[-1])
    total = np.broadcast_to(total, batch)
    inverse = np.broadcast_to(inverse, shape)
    weight, least = (None if part is None else np.broadcast_to(part, shape) for part in (weight, least))
    split = np.empty(shape)
    for block in cache_blocks(batch, shape[-1]):
        w, s = (None if part is None else in_columns(part[block], part[block].shape) for part in (weight, least))
        found = _split(in_columns(inverse[block], inverse[block].shape), total[block].reshape(-1), alpha, w, s)
        split[block] = found.T.reshape(split[block].shape)
    return split


def _split(
    inverse: FloatArray, total: FloatArray, alpha: float, weight: FloatArray | None, least: FloatArray | None
) -> FloatArray:
    """Return the shares (K, N) of problems with users first."""
    split = np.zeros_like(inverse) if least is None else least.copy()
    rest = total if least is None else total - sum_users(least)
    split[:, ~(rest >= 0)] = np.nan
    open_ = rest > 0
    if not open_.any():
        return split
    if not open_.all():
        inverse, total, rest = np.compress(open_, inverse, axis=1), total[open_], rest[open_]
        weight, least = (None if of is None else np.compress(open_, of, axis=1) for of in (weight, least))
    least = None if least is None else least / total
    with np.errstate(over="ignore"):
        inverse = np.clip(inverse / total, 1 / _EXTREME, _EXTREME)
        problems = _Problems.scale(inverse, rest / total, alpha, weight, least)
        found = problems.solve() * total
    split[:, open_] = np.maximum(found, split[:, open_], out=found)
    return split


@attrs.frozen(eq=False)
class _Problems:
    """Problems with a total of 1, users first.

    Attributes
    ----------
    alpha : float
        Fairness.
    inverse : ndarray, shape (K, N)
        Inverse gains.
    top : ndarray, shape (K, N)
        Largest :math:`x_k / i_k`, of a user that gets all that the least shares leave.
    score : ndarray, shape (K, N)
        :math:`w_k / i_k` for fairness below 1, its logarithm above.
    rest : ndarray, shape (N,)
        Total less the least shares.
    floors : tuple of two ndarrays, shape (K, N), or None
        Least shares, and the same with infinity for users without weight; None if neither exist.
    """

    alpha: float
    inverse: FloatArray
    top: FloatArray
    score: FloatArray
    rest: FloatArray
    floors: tuple[FloatArray, FloatArray] | None

    @classmethod
    def scale(
        cls,
        inverse: FloatArray,
        rest: FloatArray,
        alpha: float,
        weight: FloatArray | None,
        least: FloatArray | None,
    ) -> _Problems:
        """Return problems with weights relative to the largest of a problem."""
        floors = None if least is None else (least, least)
        if weight is None:
            score = 1 / inverse
        else:
            largest = weight.max(axis=0)
            weight = np.where(largest > 0, weight / np.where(largest > 0, largest, 1.0), 1.0)
            if not weight.all():
                least = np.zeros_like(weight) if least is None else least
                floors = least, np.where(weight > 0, least, np.inf)
                weight[weight == 0] = 1.0
            score = np.clip(weight / inverse, 1 / _EXTREME, _EXTREME)
        # Below 1, a small difference of two large logarithms would be divided by alpha.
        score = score if alpha < 1 else np.log(score)
        top = np.clip((rest if least is None else least + rest) / inverse, 1 / _EXTREME, _EXTREME)
        return cls(alpha, inverse, top, score, rest, floors)

    def take(self, chosen: NDArray[np.bool_]) -> _Problems:
        """Return some of the problems."""
        # Unlike an index, compress leaves the users' rows contiguous, and so the order of sums as it is.
        inverse, top, score, rest = (
            np.compress(chosen, of, axis=-1) for of in (self.inverse, self.top, self.score, self.rest)
        )
        floors = self.floors
        if floors is not None:
            floors = np.compress(chosen, floors[0], axis=1), np.compress(chosen, floors[1], axis=1)
        return _Problems(self.alpha, inverse, top, score, rest, floors)

    def middle(self) -> FloatArray:
        """Return :math:`x_k / i_k` of users that share equally what the least shares leave."""
        share = self.rest / len(self.inverse)
        share = share if self.floors is None else self.floors[0] + share
        return np.clip(share / self.inverse, 1 / _EXTREME, _EXTREME)

    def right(self, v: FloatArray) -> FloatArray:
        """Return the right-hand sides of the users' equations."""
        if self.alpha >= 1:
            return self.score + v
        score = self.score * np.exp(v)
        np.maximum(score, 1 / _EXTREME, out=score)
        np.minimum(score, _EXTREME, out=score)
        return np.log(score, out=score)

    def left(self, rate: FloatArray) -> FloatArray:
        """Return the left-hand sides of the users' equations."""
        left = np.log(rate)
        left *= self.alpha
        left += rate
        return left

    def step(self, y: FloatArray, v: FloatArray, *, solved: bool = False) -> tuple[FloatArray, FloatArray]:
        r"""Return Newton's step in :math:`\ln x_k` and v at :math:`y_k = x_k / i_k`, of the sum if solved."""
        rate = np.log1p(y)
        slope = rate / y
        slope += rate
        x = rate + self.alpha
        slope /= x
        np.multiply(self.inverse, y, out=x)
        aim = self.rest
        if self.floors is not None:
            least, threshold = self.floors
            free = _free(x, threshold)
            x *= free
            aim = aim + sum_users(least * free)
        share = sum_users(x)
        x *= slope
        growth = sum_users(x)
        dv = share * np.log(aim / share)
        if solved:
            dv /= growth
            return slope * dv, dv
        missing = self.right(v)
        missing -= self.left(rate)
        x *= missing
        dv -= sum_users(x)
        dv /= growth
        missing += dv
        missing *= slope
        return missing, dv

    def move(self, y: FloatArray, step: FloatArray) -> FloatArray:
        """Return the users' variables after a step."""
        y = y * np.exp(step)
        np.maximum(y, 1 / _EXTREME, out=y)
        return np.minimum(y, self.top, out=y)

    def settled(self, y: FloatArray, step: FloatArray, moved: FloatArray) -> NDArray[np.bool_]:
        """Return which problems are solved after a step; shares that vanish do not count."""
        size = np.abs(step)
        size[(y <= 1 / _EXTREME) & (step < 0)] = 0
        length = size.max(axis=0)
        last = length <= _LAST_STEP
        if self.floors is not None and last.any():
            # A step across a least share is not of second order in the sum.
            before, after = (self.inverse * of > self.floors[1] for of in (y, moved))
            last &= (before == after).all(axis=0) | (length <= 1e-14)
        return np.asarray(last)

    def shares(self, y: FloatArray) -> FloatArray:
        """Return the shares of users above their least shares, 0 for the others."""
        x = self.inverse * y
        return x if self.floors is None else x * (x > self.floors[1])

    def solve(self) -> FloatArray:
        """Return the shares (K, N) of users above their least shares, 0 for the others."""
        found = np.empty_like(self.inverse)
        problems, open_ = self, np.arange(self.rest.size)
        pending = np.ones(open_.size, dtype=bool)
        y, v = fair_start(self.alpha, self.middle(), self.inverse, self.score, self.rest, self.floors)
        for _ in range(_NEWTON_STEPS):
            step, dv = problems.step(y, v)
            moved = problems.move(y, step)
            # A large correction of v costs digits.
            ready = pending & problems.settled(y, step, moved) & (np.abs(dv) <= 0.1 * min(self.alpha, 1.0))
            y, v = moved, v + dv
            if ready.any():
                found[:, open_[ready]] = problems.shares(y)[:, ready]
                pending &= ~ready
                if not pending.any():
                    return found
                if 2 * np.count_nonzero(pending) < pending.size:
                    problems, open_ = problems.take(pending), open_[pending]
                    y, v = np.compress(pending, y, axis=1), v[pending]
                    pending = pending[pending]
        found[:, open_[pending]] = problems.take(pending).bracket()
        return found

    def bracket(self) -> FloatArray:
        """Return the same as solve, by bracketing v."""
        from scipy.special import wrightomega

        eligible = True if self.floors is None else np.isfinite(self.floors[1])
        logarithm = self.score if self.alpha >= 1 else np.log(self.score)
        # No user gets more than all that the least shares leave, and one gets the mean of it.
        low, high = (
            np.min(self.left(np.log1p(y)) - logarithm, axis=0, where=eligible, initial=np.inf)
            for y in (self.middle(), self.top)
        )
        v = (low + high) / 2
        found, pending = np.full_like(self.inverse, np.nan), np.ones(v.size, dtype=bool)
        for _ in range(_BRACKET_STEPS):
            rate = self.alpha * wrightomega(self.right(v) / self.alpha - np.log(self.alpha))
            y = np.clip(np.expm1(rate), 1 / _EXTREME, self.top)
            step, dv = self.step(y, v, solved=True)
            moved = self.move(y, step)
            ready = pending & self.settled(y, step, moved)
            found[:, ready] = self.shares(moved)[:, ready]
            pending &= ~ready
            if not pending.any():
                break
            low, high = np.where(dv > 0, v, low), np.where(dv > 0, high, v)
            v = np.where((v + dv > low) & (v + dv < high), v + dv, (low + high) / 2)
        return found


def _free(x: FloatArray, threshold: FloatArray) -> NDArray[np.bool_]:
    """Return which users have more than their least share."""
    free = x > threshold
    some = free.any(axis=0)
    if not some.all():
        # Least shares of all users leave something to all that may have more.
        free |= ~some & np.isfinite(threshold)
    return free
