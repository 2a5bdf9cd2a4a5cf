"""The largest product of SINRs, as a geometric program with exponential cones."""

from __future__ import annotations

from typing import Any

import numpy as np

from isacfw import FloatArray, IsacError, limited_settings

_NEWTON_STEPS = 50
_BALANCED = 1e-13


def largest_product(
    gain: FloatArray,
    coupling: FloatArray,
    noise: FloatArray,
    total: float,
    *,
    weights: FloatArray,
    least: FloatArray,
    most: tuple[float, FloatArray] | None = None,
) -> tuple[FloatArray, float] | None:
    r"""Return shares of a given sum with the largest :math:`\sum_k w_k \ln SINR_k`, and a bound on it.

    Parameters
    ----------
    gain, noise : ndarray, shape (K,)
        Gain, and noise with all interference that does not depend on the users' shares.
    coupling : ndarray, shape (K, K)
        Interference :math:`M_{kj}` of user j's share at user k.
    total : float
        Sum of the shares f, positive.
    weights : ndarray, shape (K,)
        Nonnegative weights.
    least : ndarray, shape (K,)
        Least SINRs, 0 for none.
    most : tuple of float and ndarray (K,), optional
        Another sum of the shares, at least as large, and the noise with it, for which the bound holds too.

    Returns
    -------
    shares : ndarray, shape (K,)
    bound : float
        Infinite if none could be verified.
        None, instead of both, if the least SINRs cannot be reached.

    Notes
    -----
    At full power, with :math:`N = M + n 1^T / f` and :math:`x = e^y`, :math:`\ln SINR_k = \ln g_k + y_k - d_k`
    with :math:`\sum_j N_{kj} e^{y_j - d_k} \le 1`, one exponential cone for each entry of N; rows of N that are
    multiples of each other share theirs.
    """
    demand = coupling + (noise / total)[:, None]
    y, multipliers = _solve(gain, demand, weights, least)
    if y is None:
        return None
    price = weights + multipliers
    # Multipliers bound the largest value at any sum, and it does not fall with the sum.
    largest = demand if most is None else coupling + (most[1] / most[0])[:, None]
    bound = _bound(gain, largest, price, multipliers, least, y)
    x = np.exp(y - y.max())
    return total * x / x.sum(), bound


def _solve(
    gain: FloatArray, demand: FloatArray, weights: FloatArray, least: FloatArray
) -> tuple[FloatArray | None, FloatArray]:
    """Return the logarithms of optimal shares, up to a constant, and the multipliers of the least SINRs.

    Variables are y (K), d (one for each distinct shape of a row of N), and a bound on each term.
    """
    import clarabel  # type: ignore[import-untyped]
    from scipy import sparse

    users = len(gain)
    shapes, of_user, offset = _shapes(demand)
    groups = len(shapes)
    held = np.flatnonzero(least > 0)
    group, user = np.nonzero(shapes > 0)
    terms = len(group)
    term = np.arange(terms)
    width = users + groups + terms
    # Rows: one equation that fixes the mean of y; sums of terms at most 1; least SINRs; cones (y_j - d, 1, term).
    first, cone = 1 + groups, 1 + groups + len(held)
    rows = [np.zeros(users, dtype=int), 1 + group, first + np.arange(len(held)), first + np.arange(len(held))]
    columns = [np.arange(users), users + groups + term, held, users + of_user[held]]
    values = [np.ones(users), np.ones(terms), -np.ones(len(held)), np.ones(len(held))]
    rows += [cone + 3 * term, cone + 3 * term, cone + 3 * term + 2]
    columns += [user, users + group, users + groups + term]
    values += [-np.ones(terms), np.ones(terms), -np.ones(terms)]
    right = np.zeros(cone + 3 * terms)
    right[1:first] = 1.0
    right[first:cone] = (np.log(gain) - offset - np.log(np.where(least > 0, least, 1.0)))[held]
    right[cone::3], right[cone + 1 :: 3] = np.log(shapes[group, user]), 1.0
    matrix = sparse.csc_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(len(right), width)
    )
    cost = np.zeros(width)
    cost[:users] = -weights
    np.add.at(cost, users + of_user, weights)
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(cone - 1), *[clarabel.ExponentialConeT()] * terms]
    for step in (0.99, 0.9):
        solver = clarabel.DefaultSolver(
            sparse.csc_array((width, width)), cost, matrix, right, cones, limited_settings(_settings, step)
        )
        solution = solver.solve()
        status = str(solution.status)
        if status in ("PrimalInfeasible", "AlmostPrimalInfeasible"):
            return None, np.zeros(users)
        if status in ("Solved", "AlmostSolved", "InsufficientProgress"):
            multipliers = np.zeros(users)
            multipliers[held] = np.maximum(np.array(solution.z)[first:cone], 0.0)
            return np.array(solution.x[:users]), multipliers
    raise IsacError(f"Clarabel does not solve the geometric program: it reported {status}")


def _shapes(demand: FloatArray) -> tuple[FloatArray, Any, FloatArray]:
    """Return the distinct rows up to factors, the number of each user's, and the logarithm of its factor."""
    size = demand.max(axis=-1)
    scaled = demand / size[:, None]
    if (scaled == scaled[0]).all():
        return scaled[:1], np.zeros(len(demand), dtype=int), np.log(size)
    return scaled, np.arange(len(demand)), np.log(size)


def _bound(
    gain: FloatArray,
    demand: FloatArray,
    price: FloatArray,
    multipliers: FloatArray,
    least: FloatArray,
    y: FloatArray,
) -> float:
    r"""Return the largest value of the Lagrangian; infinite if it could not be found.

    With prices m, weights plus multipliers :math:`\mu`, it is :math:`\sum_k m_k \ln SINR_k(y) - \sum_k \mu_k \ln
    \Gamma_k`, concave in y, and a bound for any multipliers. With the parts :math:`\pi_{kj}` of users in what
    disturbs each, its derivative is :math:`m_j - \sum_k m_k \pi_{kj}`, and Newton's method makes it vanish.
    """
    used = price > 0
    gain, demand, price, y = gain[used], demand[np.ix_(used, used)], price[used], y[used]
    logarithm = np.log(demand)
    best = np.inf
    for _ in range(_NEWTON_STEPS):
        exponent = logarithm + y
        largest = exponent.max(axis=-1, keepdims=True)
        part = np.exp(exponent - largest)
        whole = part.sum(axis=-1, keepdims=True)
        part /= whole
        gradient = price - price @ part
        sinr = np.log(gain) + y - (largest + np.log(whole))[:, 0]
        if np.abs(gradient).max() <= _BALANCED * price.max():
            held = multipliers > 0
            floor = float(multipliers[held] @ np.log(least[held]))
            # What is left of the derivative changes the value in proportion to how far y can move.
            best = float(price @ sinr) - floor + float(np.abs(gradient).sum())
            break
        hessian = np.diag(price @ part) - part.T @ (price[:, None] * part)
        y = y + _newton(hessian, gradient)
        y -= y.mean()
    return best


def _newton(hessian: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return Newton's step of mean zero: a constant added to y changes nothing."""
    ones = np.ones_like(hessian) * np.diagonal(hessian).mean() / len(gradient)
    try:
        step = np.linalg.solve(hessian + ones, gradient)
    except np.linalg.LinAlgError:
        step = np.linalg.lstsq(hessian + ones, gradient, rcond=None)[0]
    return np.asarray(step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300)))


def _settings(step: float) -> Any:
    """Return the settings of Clarabel: quiet, accurate, and the same bits for any number of threads."""
    import clarabel

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.direct_solve_method = "qdldl"
    settings.equilibrate_enable = False
    settings.max_step_fraction = step
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    return settings
