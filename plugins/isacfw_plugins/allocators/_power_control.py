"""Power control of users that interfere in pairs, for a given total share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from isacfw import FloatArray

_EIGENVALUE_ACCURACY = 1e-13
_GAP = 5e-10
_STEPS = 200
_LONGEST_STEP = 10.0


def least_power_control(
    gain: FloatArray, coupling: FloatArray, noise: FloatArray, least: FloatArray
) -> FloatArray:
    r"""Return the smallest shares that reach given SINRs.

    Parameters
    ----------
    gain : ndarray, shape (..., K)
        Gains :math:`g_k`, positive.
    coupling : ndarray, shape (..., K, K)
        Interference :math:`M_{kj}` of user j's share at user k, nonnegative.
    noise : ndarray, shape (..., K)
        Noise and all interference that does not depend on the shares, :math:`n_k`, positive.
    least : ndarray, shape (..., K)
        SINRs :math:`\Gamma_k` to reach, nonnegative.

    Returns
    -------
    ndarray, shape (..., K)
        The componentwise smallest x with :math:`g_k x_k \ge \Gamma_k (\sum_j M_{kj} x_j + n_k)`; NaN if there is
        none.

    Notes
    -----
    With :math:`x_k = z_k \Gamma_k n_k / g_k` the equations are :math:`z = 1 + E z`, E nonnegative. They have a
    nonnegative solution if and only if the spectral radius of E is below 1, and it is the smallest.
    """
    gain, coupling, noise, least = _broadcast(gain, coupling, noise, least)
    with np.errstate(over="ignore", invalid="ignore"):
        alone = least * noise / gain
        relative = coupling * alone[..., None, :] / noise[..., None]
        factor = _solve(np.eye(gain.shape[-1]) - relative, np.ones_like(gain))
        excess = factor - _times(relative, factor)
        exists = ((factor > 0.5) & (excess > 0)).all(axis=-1, keepdims=True)
        return np.where(exists, alone * factor, np.nan)


def max_min_control(
    gain: FloatArray,
    coupling: FloatArray,
    noise: FloatArray,
    total: FloatArray,
    least: FloatArray | None = None,
) -> FloatArray:
    r"""Return the shares with the largest least SINR.

    Parameters
    ----------
    gain, coupling, noise : ndarray
        As of :func:`least_power_control`.
    total : ndarray, shape (...)
        Sum of the shares f, positive.
    least : ndarray, shape (..., K), optional
        Least SINRs :math:`\Gamma_k`, nonnegative; by default 0.

    Returns
    -------
    ndarray, shape (..., K)
        Shares x with :math:`\sum_k x_k = f` and :math:`SINR_k = \max(t, \Gamma_k)` at the largest t; NaN if the
        least SINRs cannot be reached.

    Notes
    -----
    At full power :math:`SINR_k = g_k x_k / (N x)_k` with :math:`N = M + n 1^T / f`. So x is the Perron vector of
    :math:`B(t) = diag(\max(t, \Gamma_k) / g_k) N` for the t with the spectral radius 1. Without least SINRs
    this is an eigenvalue problem. Otherwise, the logarithm of the radius is convex in ln t (Kingman), so Newton's
    method descends to the root from the t without them.
    """
    gain, coupling, noise, least = _broadcast(gain, coupling, noise, 0.0 if least is None else least, total)
    total = np.broadcast_to(total, gain.shape[:-1])
    demand = _at_full_power(gain, coupling, noise, total)
    x, radius = _perron(demand)
    level = np.asarray(-np.log(radius))
    if (least > 0).any():
        x, level = _descend(demand, np.log(np.maximum(least, 1e-300)), level, x)
        power = least_power_control(gain, coupling, noise, least).sum(axis=-1)
        x = np.where((power <= total * (1 + 1e-12))[..., None], x, np.nan)
    return np.asarray(x * (total / x.sum(axis=-1))[..., None])


def product_control(
    gain: FloatArray,
    coupling: FloatArray,
    noise: FloatArray,
    total: FloatArray,
    least: FloatArray | None = None,
) -> FloatArray:
    r"""Return the shares with the largest product of SINRs.

    Parameters
    ----------
    gain, coupling, noise, total, least : ndarray
        As of :func:`max_min_control`.

    Returns
    -------
    ndarray, shape (..., K)
        Shares x with :math:`\sum_k x_k = f`, whose :math:`\sum_k \ln SINR_k` is within 1e-9 of the largest; NaN
        if the least SINRs cannot be reached.

    Notes
    -----
    At full power, :math:`u_k = \ln SINR_k = \ln g_k + y_k - \ln \sum_j N_{kj} e^{y_j}` with N of
    :func:`max_min_control` is concave in :math:`y = \ln x` and does not change with the sum of the shares. A
    barrier method maximises :math:`\sum_k u_k + \mu \sum_k \ln(u_k - \ln \Gamma_k)` by damped Newton steps, and
    lowers :math:`\mu` until the gap :math:`K \mu` is small enough.
    """
    gain, coupling, noise, least = _broadcast(gain, coupling, noise, 0.0 if least is None else least, total)
    total = np.broadcast_to(total, gain.shape[:-1])
    fair = max_min_control(gain, coupling, noise, total, least)
    demand = _at_full_power(gain, coupling, noise, total)
    users = gain.shape[-1]
    split = fair.reshape(-1, users).copy()
    solvable = np.isfinite(split).all(axis=-1)
    matrix, floor = demand.reshape(-1, users, users)[solvable], least.reshape(-1, users)[solvable]
    # Strictly above the least SINRs: half of the largest least SINR leaves power, of which all get a part.
    x = split[solvable]
    level = (x / _times(matrix, x)).min(axis=-1, keepdims=True)
    target = np.maximum(floor, level / 2)
    start, radius = _perron(target[..., None] * matrix)
    inner = radius < 1 - 1e-12
    x[inner] = _climb(matrix[inner], floor[inner], np.log(start[inner]))
    split[solvable] = x
    found = split.reshape(gain.shape)
    return np.asarray(found * (total / found.sum(axis=-1))[..., None])


def _broadcast(
    gain: FloatArray, coupling: FloatArray, noise: FloatArray, least: FloatArray | float, *more: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return numbers of all problems of a batch."""
    users = np.shape(gain)[-1]
    shapes = (np.shape(gain), np.shape(coupling)[:-1], np.shape(noise), np.shape(least) or (users,))
    batch = np.broadcast_shapes(*(shape[:-1] for shape in shapes), *map(np.shape, more))
    gain, noise, least = (np.array(np.broadcast_to(part, (*batch, users))) for part in (gain, noise, least))
    return gain, np.array(np.broadcast_to(coupling, (*batch, users, users))), noise, least


def _at_full_power(gain: FloatArray, coupling: FloatArray, noise: FloatArray, total: FloatArray) -> FloatArray:
    """Return diag(1 / g) N, which is positive."""
    return np.asarray((coupling + (noise / total[..., None])[..., None]) / gain[..., None])


def _times(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """Return products of matrices and vectors, each in the order of its own row."""
    return np.asarray((matrix * vector[..., None, :]).sum(axis=-1))


def _solve(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Return the solutions of linear equations, NaN where a matrix is singular."""
    try:
        return np.asarray(np.linalg.solve(matrix, right[..., None])[..., 0])
    except np.linalg.LinAlgError:
        if matrix.ndim == 2:
            return np.full_like(right, np.nan)
        return np.array([_solve(*one) for one in zip(matrix, right, strict=True)])


def _perron(matrix: FloatArray, start: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
    """Return Perron vectors (..., K) and spectral radii (...) of positive matrices.

    Noda's iteration: inverse iteration, shifted by the upper bound of Collatz and Wielandt, which falls
    quadratically. It ends where the bounds agree. Matrices are scaled by the current vector, so that small
    components are as accurate as large ones.
    """
    shape = matrix.shape[:-1]
    users = shape[-1]
    matrix = np.ascontiguousarray(matrix).reshape(-1, users, users)
    x = np.ones((len(matrix), users)) if start is None else start.reshape(-1, users).copy()
    for _ in range(5 if start is None else 0):
        x = _times(matrix, x)
        x /= x.max(axis=-1, keepdims=True)
    radius, open_ = np.empty(len(matrix)), np.arange(len(matrix))
    for _ in range(_STEPS):
        scaled = matrix[open_] * x[open_, None, :] / x[open_, :, None]
        ratio = scaled.sum(axis=-1)
        upper, lower = ratio.max(axis=-1), ratio.min(axis=-1)
        radius[open_] = np.sqrt(upper * lower)
        going = upper - lower > _EIGENVALUE_ACCURACY * users * upper
        open_ = open_[going]
        if not open_.size:
            break
        shifted = -scaled[going] / upper[going, None, None]
        shifted[:, range(users), range(users)] += 1
        factor = np.abs(_solve(shifted, np.ones((open_.size, users))))
        factor /= factor.max(axis=-1, keepdims=True)
        x[open_] *= factor
        x[open_] /= x[open_].max(axis=-1, keepdims=True)
    return x.reshape(shape), radius.reshape(shape[:-1])


def _descend(
    demand: FloatArray, floor: FloatArray, level: FloatArray, x: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return Perron vectors (..., K) and ln t (...) at which the radius of B(t) is 1, from above."""
    users = x.shape[-1]
    shape = level.shape
    demand, floor, x, level = (
        demand.reshape(-1, users, users),
        floor.reshape(-1, users),
        x.reshape(-1, users),
        level.reshape(-1),
    )
    x, level = x.copy(), level.copy()
    open_ = np.arange(level.size)
    for _ in range(_STEPS):
        aim = np.maximum(level[open_, None], floor[open_])
        matrix = np.exp(aim)[..., None] * demand[open_]
        x[open_], radius = _perron(matrix, x[open_])
        left, _ = _perron(np.swapaxes(matrix, -1, -2))
        part = left * x[open_]
        slope = (part * (level[open_, None] > floor[open_])).sum(axis=-1) / part.sum(axis=-1)
        step = np.log(radius) / np.maximum(slope, 1e-300)
        going = (step > 1e-13) & (slope > 1e-12)
        level[open_[going]] -= step[going]
        open_ = open_[going]
        if not open_.size:
            break
    return x.reshape(*shape, users), level.reshape(shape)


def _climb(matrix: FloatArray, floor: FloatArray, y: FloatArray) -> FloatArray:
    """Return shares (N, K) with the largest product of SINRs, up to a factor, from a strictly feasible ln x."""
    users = y.shape[-1]
    logarithm = np.log(matrix)
    held = floor > 0
    bound = np.log(np.where(held, floor, 1.0))
    last = _GAP / users
    barrier = np.where(held.any(axis=-1), 1.0, last)
    y, open_ = y.copy(), np.arange(len(y))
    for _ in range(_STEPS):
        if not open_.size:
            break
        value = _barrier(logarithm[open_], bound[open_], held[open_], barrier[open_])
        step, decrement = _newton_step(logarithm[open_], y[open_], bound[open_], held[open_], barrier[open_])
        y[open_] = _search(value, y[open_], step, decrement)
        y[open_] -= y[open_].max(axis=-1, keepdims=True)
        centred = decrement <= np.maximum(1e-3 * barrier[open_], 1e-16)
        final = barrier[open_] <= last
        barrier[open_[centred]] = np.maximum(barrier[open_[centred]] / 10, last)
        open_ = open_[~(centred & final)]
    return np.exp(y)


def _logarithmic_sinr(logarithm: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return ln SINR (N, K), and the parts (N, K, K) of users in what disturbs each."""
    exponent = logarithm + y[..., None, :]
    largest = exponent.max(axis=-1, keepdims=True)
    part = np.exp(exponent - largest)
    whole = part.sum(axis=-1, keepdims=True)
    part /= whole
    return y - (largest + np.log(whole))[..., 0], part


def _barrier(
    logarithm: FloatArray, bound: FloatArray, held: NDArray[np.bool_], barrier: FloatArray
) -> Callable[[FloatArray], FloatArray]:
    """Return the function that a stage of the barrier method maximises."""

    def value(y: FloatArray) -> FloatArray:
        sinr, _ = _logarithmic_sinr(logarithm, y)
        slack = np.where(held, sinr - bound, 1.0)
        inside = (slack > 0).all(axis=-1)
        each = sinr + barrier[:, None] * np.log(np.where(slack > 0, slack, 1.0))
        return np.where(inside, each.sum(axis=-1), -np.inf)

    return value


def _newton_step(
    logarithm: FloatArray, y: FloatArray, bound: FloatArray, held: NDArray[np.bool_], barrier: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return Newton's step (N, K) of a stage, and what it gains to first order (N,)."""
    sinr, part = _logarithmic_sinr(logarithm, y)
    slack = np.where(held, sinr - bound, np.inf)
    weight = 1 + barrier[:, None] / slack
    slope = np.eye(y.shape[-1]) - part
    gradient = (slope * weight[..., None]).sum(axis=-2)
    hessian = -np.swapaxes(part, -1, -2) @ (weight[..., None] * part)
    diagonal = range(y.shape[-1])
    hessian[:, diagonal, diagonal] += (weight[..., None] * part).sum(axis=-2)
    hessian += np.swapaxes(slope, -1, -2) @ ((barrier[:, None] / slack**2)[..., None] * slope)
    # The sum of the shares is free: the mean of ln x stays as it is. So, all but, are users that hardly interact.
    scale = hessian[:, diagonal, diagonal].max(axis=-1)[:, None]
    hessian[:, diagonal, diagonal] += 1e-12 + 1e-15 * scale
    step = _solve(hessian + np.maximum(scale, 1.0)[..., None] / y.shape[-1], gradient)
    step -= step.mean(axis=-1, keepdims=True)
    step *= np.minimum(1.0, _LONGEST_STEP / np.maximum(np.abs(step).max(axis=-1, keepdims=True), 1e-300))
    return step, np.abs((step * gradient).sum(axis=-1))


def _search(
    value: Callable[[FloatArray], FloatArray], y: FloatArray, step: FloatArray, decrement: FloatArray
) -> FloatArray:
    """Return the points after a step, halved until the function rises enough."""
    before, length = value(y), np.ones(len(y))
    for _ in range(60):
        after = value(y + length[:, None] * step)
        # The gain of a small step is lost in rounding, and the step is within the range of quadratic convergence.
        fine = (after >= before + 0.1 * length * decrement) | (np.isfinite(after) & (decrement <= 1e-9))
        if fine.all():
            break
        length = np.where(fine, length, length / 2)
    return y + length[:, None] * step
