"""Utilities in SCIP: for each kind of them the formulation that branch and bound solves fastest."""

from __future__ import annotations

from typing import Any

import numpy as np

from isacfw import FloatArray

from ._scip_model import TOLERANCE, Cuts, Outcome, ScipModel, Target, Units
from ._shares import ShareProblem

_ERRORS = 5
"""Number of constraints, each within the tolerance, that a user's part of the utility depends on."""
_LEAST_LOGARITHM = -600.0
"""Lowest bound on ln SINR: so little of a user disturbs no other beyond rounding."""
_LINEAR = 1e-4
_MANY_USERS = 24
_NEAR = np.array([0.0, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 1.6, 2.4, 3.5, 5.0, 8.0, 12.0])


def run(problem: ShareProblem, cuts: Cuts, target: Target, due: Any) -> Outcome:
    """Maximise the utility over shares that meet cuts and the minimum rates.

    Parameters
    ----------
    problem : ShareProblem
        A problem whose utility is finite, and depends on some user with a positive gain.
    cuts : Cuts
        What represents the limits.
    target : Target
        Starting point, gap and time limit.
    due : callable
        Returns whether to stop.
    """
    model = ScipModel(problem, cuts, target)
    if np.isinf(problem.fairness.alpha):
        _maximise_least_rate(model)
    elif problem.fairness.alpha >= 1:
        _maximise_in_logarithms(model)
    else:
        _maximise_in_rates(model)
    return model.run(due)


def _maximise_least_rate(model: ScipModel) -> None:
    r"""Maximise γ subject to :math:`\gamma y_k \le g_k x_k`, relative to the smallest SINR at the start."""
    problem, target = model.problem, model.target
    least = float(problem.sinr(target.start).min())
    most = max(float(problem.largest_sinr.min()) / least, 1.0) * (1 + 1e-9)
    level = model.variable(0.0, most, 1.0)
    for user in range(problem.users):
        y, low, _ = model.affine(problem.interference[user])
        model.scip.addCons(level * y <= float(problem.gain[user] / (low * least)) * model.shares[user])
    of_sinr, scale = problem.fairness.of_sinr, problem.scale

    def value_of(bound: float) -> float:
        return float(least * bound if of_sinr else scale * np.log1p(least * bound))

    slope = least if of_sinr else scale * least / (1 + least)
    model.maximise([level], Units(value_of, target.gap / slope, _ERRORS * TOLERANCE))


def _maximise_in_rates(model: ScipModel) -> None:
    """Maximise a sum of functions of the rates, each relative to the largest rate of its user."""
    problem, target, alpha = model.problem, model.target, model.problem.fairness.alpha
    weights, largest = problem.weights, np.log1p(problem.largest_sinr)
    size = abs(target.value)
    at = np.log1p(problem.sinr(target.start))
    terms, margin = [], 0.0
    for user in np.flatnonzero((weights > 0) & (problem.gain > 0)).tolist():
        top = float(largest[user])
        ratio = model.variable(0.0, 1.0, float(at[user]) / top)
        _limit_rate(model, user, ratio, top)
        unit = float(weights[user]) * (problem.scale * top) ** (1 - alpha) / (1 - alpha) / size
        if alpha:
            term = model.variable(0.0, 1.0, float(at[user] / top) ** (1 - alpha))
            model.scip.addCons(term <= ratio ** (1 - alpha))
        terms.append(unit * (term if alpha else ratio))
        margin += _ERRORS * TOLERANCE * unit * max(float(at[user]) / top, TOLERANCE) ** -alpha
    model.maximise(terms, Units(lambda bound: bound * size, target.gap / size, margin))


def _limit_rate(model: ScipModel, user: int, ratio: Any, top: float) -> None:
    r"""Limit a rate, given relative to its largest value, to that of the shares.

    Notes
    -----
    If the SINR t may exceed 1: :math:`r \le \ln s - \ln y` with the received power s and the disturbance y.
    Otherwise these two would nearly cancel: :math:`r \le \ln(1 + t)` with :math:`t y \le g x`.
    """
    import pyscipopt

    problem, most = model.problem, float(model.problem.largest_sinr[user])
    y, low, highest = model.affine(problem.interference[user])
    if most > 1:
        received = problem.interference[user].copy()
        received[user] += problem.gain[user]
        s, least, most_received = model.affine(received)
        at = 1 + problem.interference[user] @ model.target.start, 1 + received @ model.target.start
        log_y = model.variable(0.0, np.log(highest), float(np.log(at[0] / low)))
        log_s = model.variable(0.0, np.log(most_received), float(np.log(at[1] / least)))
        model.scip.addCons(log_y >= pyscipopt.log(y))
        model.scip.addCons(log_s <= pyscipopt.log(s))
        model.scip.addCons(top * ratio <= log_s - log_y + float(np.log(least / low)))
        return
    at_start = float(problem.sinr(model.target.start)[user]) / most
    sinr = model.variable(0.0, 1.0, at_start)
    model.scip.addCons(sinr * y <= float(problem.gain[user] / (low * most)) * model.shares[user])
    if most <= _LINEAR:
        model.scip.addCons(ratio <= (most / top) * sinr)
        return
    one = model.variable(1.0, 1 + most, 1 + most * at_start)
    model.scip.addCons(one == 1 + most * sinr)
    model.scip.addCons(ratio <= (1 / top) * pyscipopt.log(one))


def _maximise_in_logarithms(model: ScipModel) -> None:
    r"""Maximise a sum of concave functions of the logarithms z of the SINRs.

    Notes
    -----
    For :math:`\alpha \ge 1` the utility of :math:`\ln(1 + e^z)` is concave in z, and so is z itself for a product
    of SINRs. It is represented by its tangents. With :math:`z = \ln g x - \ln y`, :math:`e^{\ln x} \le x` is
    convex, and :math:`e^{\ln y} \ge y` is what SCIP branches on. As in a geometric program, :math:`e^{\ln y_k}`
    is also at least :math:`1 + \sum_j D_{kj} e^{\ln x_j}` over the users, which is convex: a redundant constraint
    that makes the relaxation tight in the shares of the users.
    """
    import pyscipopt

    problem, target = model.problem, model.target
    active = np.flatnonzero((problem.weights > 0) & (problem.gain > 0)).tolist()
    start = np.log(problem.sinr(target.start))
    size = _size(problem, target)
    least, most = _range(problem, target, active)
    terms, margin = [], 0.0
    logs_x, logs_y = {}, {}
    y_start = problem.disturbance(target.start)
    for user, low_z, high_z in zip(active, least, most, strict=True):
        y, low, highest = model.affine(problem.interference[user])
        at = float(np.log(y_start[user] / low))
        log_y = model.variable(0.0, np.log(highest), at)
        model.scip.addCons(log_y >= pyscipopt.log(y))
        own = float(target.start[user])
        log_x = model.variable(low_z - start[user] - at - 1e-6, -np.log(own), 0.0)
        model.scip.addCons(pyscipopt.exp(log_x) <= (1 / own) * model.shares[user])
        z = model.variable(low_z, high_z, float(start[user]))
        model.scip.addCons(z <= log_x - log_y + float(start[user] + at))
        term, slope = _term(model, user, z, size)
        terms.append(term)
        margin += _ERRORS * TOLERANCE * slope
        logs_x[user], logs_y[user] = log_x, (log_y, low)
    if problem.users <= _MANY_USERS:
        for user, (log_y, low) in logs_y.items():
            numbers = (problem.interference[user, active] * target.start[active] / low).tolist()
            parts = [
                number * pyscipopt.exp(logs_x[other] - log_y)
                for other, number in zip(active, numbers, strict=True)
                if number > 0
            ]
            model.scip.addCons(pyscipopt.quicksum([*parts, (1 / low) * pyscipopt.exp(-log_y)]) <= 1)
    offset = _offset(problem, target)
    model.maximise(terms, Units(lambda bound: bound * size + offset, target.gap / size, margin))


def _size(problem: ShareProblem, target: Target) -> float:
    """Return the unit of the terms of the utility."""
    alpha = problem.fairness.alpha
    return 1.0 if problem.fairness.of_sinr or alpha == 1 else abs(target.value)


def _offset(problem: ShareProblem, target: Target) -> float:
    """Return the utility at the start, if terms are relative to it; they are for logarithms."""
    return target.value if problem.fairness.of_sinr or problem.fairness.alpha == 1 else 0.0


def _range(problem: ShareProblem, target: Target, active: Any) -> tuple[FloatArray, FloatArray]:
    """Return bounds on ln SINR of each user for allocations that are no worse than the start."""
    weights, most = problem.weights[active], np.log(problem.largest_sinr[active])
    best = _utility(problem, weights, most)
    missing = float(best.sum()) - target.value
    slack = missing * (1 + 1e-6) + 1e-6 * _size(problem, target)
    least = np.array([_inverse(problem, w, b - slack) for w, b in zip(weights, best, strict=True)])
    floors = problem.least_sinr[active] * (1 - 2 * TOLERANCE)
    with np.errstate(divide="ignore"):
        least = np.maximum(least, np.log(floors))
    start = np.log(problem.sinr(target.start)[active])
    return np.minimum(least, start) - 1e-6, np.maximum(most, start) + 1e-9


def _utility(problem: ShareProblem, weights: FloatArray, z: FloatArray) -> FloatArray:
    """Return the terms of the utility for ln SINR."""
    if problem.fairness.of_sinr:
        return np.asarray(weights * z)
    return utilities(weights, problem.scale * np.logaddexp(0.0, z), problem.fairness.alpha)


def _inverse(problem: ShareProblem, weight: float, value: float) -> float:
    """Return ln SINR at which a term of the utility has a value."""
    alpha = problem.fairness.alpha
    if problem.fairness.of_sinr:
        return value / weight
    if alpha == 1:
        log_rate = value / weight - np.log(problem.scale)
    else:
        log_rate = np.log(value * (1 - alpha) / weight) / (1 - alpha) - np.log(problem.scale)
    if log_rate < _LEAST_LOGARITHM:
        return _LEAST_LOGARITHM
    rate = np.exp(log_rate)
    # ln(e^r - 1), for small and for large r.
    return float(log_rate + np.log(np.expm1(rate) / rate) if rate < 1 else rate + np.log(-np.expm1(-rate)))


def _term(model: ScipModel, user: int, z: Any, size: float) -> tuple[Any, float]:
    """Return a user's term of the utility, in units of the size, and its slope at the start."""
    problem, alpha = model.problem, model.problem.fairness.alpha
    weight = float(problem.weights[user])
    start = float(np.log(problem.sinr(model.target.start)[user]))
    if problem.fairness.of_sinr:
        return weight * (z - start), weight
    one = np.array([weight])
    offset = float(_utility(problem, one, np.array([start]))[0]) if alpha == 1 else 0.0
    low, high = z.getLbOriginal(), z.getUbOriginal()
    spacing = _NEAR / alpha
    points = np.concatenate([start + spacing, start - spacing, np.linspace(low, high, 12)])
    if len(model.cuts.sinrs):
        points = np.concatenate([points, np.log(model.cuts.sinrs[:, user])])
    points = np.unique(np.clip(points, low, high))
    values = (_utility(problem, one, points) - offset) / size
    rates = np.logaddexp(0.0, points)
    with np.errstate(over="ignore"):
        slopes = weight * (problem.scale * rates) ** (1 - alpha) / rates / (1 + np.exp(-points)) / size
    ends = _utility(problem, one, np.array([low, high, start]))
    term = model.variable(*((ends - offset) / size).tolist())
    for point, value, slope in zip(points.tolist(), values.tolist(), slopes.tolist(), strict=True):
        model.scip.addCons(term <= value + slope * (z - point))
    own = float(np.interp(start, points, slopes))
    return term, own


def utilities(weights: FloatArray, rates: FloatArray, alpha: float) -> FloatArray:
    """Return the terms of the utility for rates in bit/s/Hz."""
    if alpha == 1:
        return np.asarray(weights * np.log(rates))
    return np.asarray(weights * rates ** (1 - alpha) / (1 - alpha))


def simple_bound(problem: ShareProblem) -> float:
    """Return the value of the objective if every user had all the power, which no allocation exceeds."""
    fairness, most = problem.fairness, problem.largest_sinr
    if np.isinf(fairness.alpha):
        return float(most.min()) if fairness.of_sinr else float(problem.scale * np.log1p(most.min()))
    kept = problem.weights > 0
    weights = problem.weights[kept]
    with np.errstate(divide="ignore"):
        if fairness.of_sinr:
            return float(weights @ np.log(most[kept]))
        return float(utilities(weights, problem.scale * np.log1p(most[kept]), fairness.alpha).sum())
