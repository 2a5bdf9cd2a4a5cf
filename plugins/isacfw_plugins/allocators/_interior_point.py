"""An interior-point method for the concave form of the uplink, for a batch of problems at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import attrs
import numpy as np
from numpy.typing import NDArray

from isacfw import ConcaveUplink, Fairness, FloatArray, Multipliers, Utility

_CENTRING = 0.1
"""Factor of the complementarity at which a step aims."""

_TO_BOUNDARY = 0.995
_ITERATIONS = 120
_HALVINGS = 30
_PATIENCE = 25
_ARMIJO = 1e-4
_ROUNDING = 1e-13
_GAP = 1e-13
"""Gap to the optimum, relative to the value, at which the iteration stops."""

_NAMES = ("floor", "cap", "total", "room")


@attrs.frozen(kw_only=True, eq=False)
class Ascent:
    """A point of the concave form, and the gap that its multipliers prove.

    Parameters
    ----------
    z, s : ndarray, shapes (P, K) and (P,)
        The point.
    gap : ndarray, shape (P,)
        Largest distance of its utility from the optimum.
    iterations : ndarray of int, shape (P,)
        Number of steps.
    """

    z: FloatArray
    s: FloatArray
    gap: FloatArray
    iterations: NDArray[np.int64]


def ascend(form: ConcaveUplink, z: FloatArray, s: FloatArray) -> Ascent:
    r"""Maximise an α-fair utility of finite α from an interior point of each problem.

    Parameters
    ----------
    form : ConcaveUplink
        Problems with one batch axis.
    z, s : ndarray, shapes (P, K) and (P,)
        Points with positive slacks.

    Notes
    -----
    A primal-dual method: with the constraints :math:`G v \le h`, their slacks y and multipliers :math:`\lambda`,
    Newton's method for :math:`\nabla U = G^T \lambda`, :math:`\lambda_i y_i = \mu`, whose step in v solves

    .. math:: (-\nabla^2 U + G^T \mathrm{diag}(\lambda / y) G)\, \Delta v = \nabla U - G^T (\mu / y),

    with :math:`\mu` a tenth of the mean of :math:`\lambda_i y_i`. S. Boyd and L. Vandenberghe, "Convex
    Optimization", section 11.7. A problem stops at the best certified gap, whatever happens to the others.
    """
    best = _State.at(form, z, s)
    state, gap = best, best.gap(form)
    iterations = np.zeros(len(s), dtype=np.int64)
    running, idle = np.ones(len(s), dtype=np.bool_), np.zeros(len(s), dtype=np.int64)
    for _ in range(_ITERATIONS):
        running = running & ~(gap <= _GAP * np.abs(form.value(best.z)))
        if not running.any():
            break
        state = state.step(form, running)
        own = state.gap(form)
        better = running & (own < gap)
        best, gap = best.where(better, state), np.where(better, own, gap)
        iterations += running
        idle = np.where(better, 0, idle + 1)
        # Rounding errors dominate once the gap no longer falls.
        running = running & (idle < _PATIENCE)
    return Ascent(z=best.z, s=best.s, gap=np.maximum(gap, 0.0), iterations=iterations)


@attrs.frozen(kw_only=True, eq=False)
class _State:
    """Point, slacks and multipliers of each problem; slacks are kept, since computed anew they would cancel."""

    z: FloatArray
    s: FloatArray
    slacks: Multipliers
    multipliers: Multipliers

    @classmethod
    def at(cls, form: ConcaveUplink, z: FloatArray, s: FloatArray) -> _State:
        """Return a point with multipliers of equal complementarity."""
        slacks = form.slacks(z, s)
        count = 2 * z.shape[-1] + 2 * form.noise.shape[-1]
        level = np.maximum((form.gradient(z) * z).sum(axis=-1), 1e-300) / count
        return cls(z=z, s=s, slacks=slacks, multipliers=_each(lambda y: level[:, None] / y, slacks))

    def where(self, chosen: NDArray[np.bool_], other: _State) -> _State:
        """Return the other state where it is chosen."""

        def pick(own: FloatArray, one: FloatArray) -> FloatArray:
            return np.where(chosen[:, None], one, own)

        return _State(
            z=pick(self.z, other.z),
            s=np.where(chosen, other.s, self.s),
            slacks=_each(pick, self.slacks, other.slacks),
            multipliers=_each(pick, self.multipliers, other.multipliers),
        )

    def gap(self, form: ConcaveUplink) -> FloatArray:
        """Return the certified gap."""
        return form.gap(self.z, self.s, self.multipliers, self.slacks)

    def step(self, form: ConcaveUplink, running: NDArray[np.bool_]) -> _State:
        """Return the state after a step of Newton's method, shortened until the barrier function rises."""
        slacks, own = self.slacks, self.multipliers
        products = np.concatenate([getattr(own, name) * getattr(slacks, name) for name in _NAMES], axis=-1)
        level = _CENTRING * products.mean(axis=-1)
        (dz, ds), rise = self._direction(form, level, running)
        change = _changes(form, dz, ds)
        steps = _each(lambda y, m, c: level[:, None] / y - m + m / y * c, slacks, own, change)
        length = np.minimum(_TO_BOUNDARY * _longest(slacks, _each(np.negative, change)), 1.0)
        before = self._barrier(form, level)
        for _ in range(_HALVINGS):
            ahead = self._moved(dz, ds, change, length)
            least = before + _ARMIJO * length * rise - _ROUNDING * np.abs(before)
            short = running & ~(ahead._barrier(form, level) >= least)
            if not short.any():
                break
            length = np.where(short, length / 2, length)
        dual = np.minimum(_TO_BOUNDARY * _longest(own, steps), 1.0)
        return attrs.evolve(
            self._moved(dz, ds, change, length),
            multipliers=_each(lambda m, d: m + dual[:, None] * d, own, steps),
        )

    def _moved(self, dz: FloatArray, ds: FloatArray, change: Multipliers, length: FloatArray) -> _State:
        return attrs.evolve(
            self,
            z=self.z + length[:, None] * dz,
            s=self.s + length * ds,
            slacks=_each(lambda y, c: y - length[:, None] * c, self.slacks, change),
        )

    def _barrier(self, form: ConcaveUplink, level: FloatArray) -> FloatArray:
        """Return the utility and the logarithms of all slacks at a level."""
        logarithms = [np.log(getattr(self.slacks, name)).sum(axis=-1) for name in _NAMES]
        return np.asarray(form.value(self.z) + level * sum(logarithms))

    def _direction(
        self, form: ConcaveUplink, level: FloatArray, running: NDArray[np.bool_]
    ) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
        r"""Return the step in z and s, and the slope of the barrier function along it.

        The step is 0 for problems that do not run, or whose numbers overflow.

        Notes
        -----
        In :math:`\Delta z = u + \tau \Delta s` with :math:`\tau` the part of the cap in the weights of cap and
        floor, in which these two have no mixed term that would cancel; and with the weighted changes of the
        other constraints as unknowns, which keeps their large weights out of the matrix.
        """
        ratio = _each(lambda m, y: m / y, self.multipliers, self.slacks)
        users, slope = self.z.shape[-1], form.gradient(self.z)
        both, bend = ratio.floor + ratio.cap, -curvature(form, self.z, slope)
        part = ratio.cap / both
        rows = np.concatenate([form.load, form.users], axis=-2)
        ends = np.concatenate([form.noise, -form.room], axis=-1) + (rows * part[:, None, :]).sum(axis=-1)
        weights = np.concatenate([ratio.total, ratio.room], axis=-1)
        matrix = np.zeros((len(self.s), users + 1 + len(weights[0]), users + 1 + len(weights[0])))
        place, last = np.arange(users), users + 1 + np.arange(len(weights[0]))
        matrix[:, place, place] = both + bend
        matrix[:, place, users] = matrix[:, users, place] = bend * part
        matrix[:, users, users] = (ratio.floor * part + bend * part**2).sum(axis=-1)
        matrix[:, last, :users], matrix[:, last, users] = rows, ends
        matrix[:, :users, last], matrix[:, users, last] = np.swapaxes(rows, -1, -2), ends
        matrix[:, last, last] = -1 / weights
        aimed = _each(lambda y: level[:, None] / y, self.slacks)
        for_z, _ = form.stationarity(self.z, aimed)
        ahead = slope * part + aimed.cap * (1 - part) + aimed.floor * part
        for_both = ahead.sum(axis=-1) - (np.concatenate([aimed.total, aimed.room], axis=-1) * ends).sum(axis=-1)
        right = np.concatenate([for_z, for_both[:, None], np.zeros_like(weights)], axis=-1)
        found = _solve(matrix, right, running)
        ds = found[:, users]
        dz = found[:, :users] + part * ds[:, None]
        rise = (for_z * found[:, :users]).sum(axis=-1) + for_both * ds
        return (dz, ds), np.asarray(rise)


def _solve(matrix: FloatArray, right: FloatArray, running: NDArray[np.bool_]) -> FloatArray:
    """Return the solutions of symmetric systems, 0 for those that do not run or have no finite numbers."""
    size = matrix.shape[-1]
    with np.errstate(all="ignore"):
        # Equilibrated, since the entries of users at a bound are larger than others by orders of magnitude.
        scale = 1 / np.sqrt(np.abs(np.einsum("pii->pi", matrix)))
        for _ in range(2):
            norm = np.sqrt(((matrix * scale[:, :, None] * scale[:, None, :]) ** 2).sum(axis=-1))
            scale = scale / np.sqrt(norm)
        even = matrix * scale[:, :, None] * scale[:, None, :]
        aim = right * scale
    good = running & np.isfinite(even).all(axis=(-2, -1)) & np.isfinite(aim).all(axis=-1)
    even[~good], aim[~good] = np.eye(size), 0.0
    found = np.where(good[:, None], scale, 0.0) * np.linalg.solve(even, aim[..., None])[..., 0]
    return np.asarray(found)


def curvature(form: ConcaveUplink, z: FloatArray, slope: FloatArray) -> FloatArray:
    r"""Return the second derivatives of an α-fair utility with respect to z; (..., K).

    Parameters
    ----------
    form : ConcaveUplink
        Problems with such an objective, of finite α.
    z, slope : ndarray, shape (..., K)
        A point, and the first derivatives there.

    Notes
    -----
    Of :math:`w R^{1 - \alpha} / (1 - \alpha)`, :math:`U'' = U' (R'' / R' - \alpha R' / R)` with respect to the
    SINR :math:`\gamma = g z`, of which R is the rate; for utilities of the SINR, :math:`-\alpha U' / \gamma`.
    """
    fairness = cast(Fairness, cast(Utility, form.problem.objective).fairness)
    gain = form.problem.gain
    sinr = gain * z
    if fairness.of_sinr:
        return np.asarray(-fairness.alpha * slope / z)
    bend = -1 / (1 + sinr)
    if fairness.alpha:
        bend = bend - fairness.alpha / ((1 + sinr) * np.log1p(sinr))
    return np.asarray(slope * gain * bend)


def _changes(form: ConcaveUplink, dz: FloatArray, ds: FloatArray) -> Multipliers:
    r"""Return :math:`G \Delta v` for each constraint: what a step takes from its slack."""
    return Multipliers(
        floor=-dz,
        cap=dz - ds[:, None],
        total=(form.load * dz[:, None, :]).sum(axis=-1) + form.noise * ds[:, None],
        room=(form.users * dz[:, None, :]).sum(axis=-1) - form.room * ds[:, None],
    )


def _longest(values: Multipliers, steps: Multipliers) -> FloatArray:
    """Return the longest step after which all values are nonnegative."""
    found = []
    for name in _NAMES:
        value, step = getattr(values, name), getattr(steps, name)
        found.append(np.where(step < 0, value / np.where(step < 0, -step, 1.0), np.inf).min(axis=-1))
    return np.asarray(np.min(found, axis=0))


def _each(function: Callable[..., FloatArray], *values: Multipliers) -> Multipliers:
    """Return a function of the arrays of each constraint."""
    return Multipliers(**{name: function(*(getattr(one, name) for one in values)) for name in _NAMES})
