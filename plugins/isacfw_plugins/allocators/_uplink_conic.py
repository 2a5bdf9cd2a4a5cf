"""The uplink as conic programs, in the variables of its concave form."""

from __future__ import annotations

import warnings
from typing import Any, cast

import numpy as np

import isacfw
from isacfw import ConcaveUplink, Fairness, FloatArray, Multipliers, Shares, Status, UplinkProblem, Utility

from ._interior_point import curvature

_GAP = 1e-6
"""Largest relative gap between value and bound of an optimal answer."""

_TOLERANCE = 1e-11
_CORRECTIONS = 3


def uplink_refusal(problem: UplinkProblem) -> str | None:
    """Return why there is no conic program; None if there is one."""
    objective = problem.objective
    if isinstance(objective, isacfw.LeastPower) or (isinstance(objective, Utility) and objective.fairness):
        return None
    return f"the conic program of the uplink needs an α-fair utility or the least power, not {objective.name}"


def solve_uplink(problem: UplinkProblem) -> Shares:
    """Return optimal shares of a problem without batch axes, with a bound on the value of all others."""
    if message := str(problem.infeasibility[()]):
        return Shares.none(problem, Status.INFEASIBLE, message)
    if isinstance(problem.objective, isacfw.LeastPower):
        return _least_power(problem)
    return _utility(problem, cast(Fairness, cast(Utility, problem.objective).fairness))


def _utility(problem: UplinkProblem, fairness: Fairness) -> Shares:
    import cvxpy as cp

    form = ConcaveUplink.of(problem)
    # In units of the smallest s, so that all variables are about 1.
    unit = 1 / float(problem.total_disturbance(np.ones(problem.users), 1.0))
    z, s = cp.Variable(problem.users), cp.Variable()
    constraints = [
        z >= form.floor / unit,
        z <= s,
        (unit * form.load) @ z + (unit * form.noise) * s <= 1,
        form.users @ z <= form.room * s,
    ]
    sinr = cp.multiply(unit * problem.gain, z)
    t, smallest = cp.Variable(), None
    if np.isinf(fairness.alpha):
        smallest = t <= sinr
        objective: Any = t
    else:
        objective = _objective(fairness, sinr, problem)
    program = cp.Problem(cp.Maximize(objective), constraints if smallest is None else [*constraints, smallest])
    _solve(program)
    if z.value is None:
        return Shares.none(problem, Status.FAILED, f"Clarabel reports {program.status}")
    x, q = form.shares(np.maximum(z.value, 0.0), np.asarray(s.value))
    duals = [np.maximum(np.atleast_1d(one.dual_value), 0.0) for one in constraints]
    multipliers = Multipliers(floor=duals[0] / unit, cap=duals[1] / unit, total=duals[2], room=duals[3] / unit)
    if smallest is None:
        bound = _largest_utility(form, x, multipliers)
    else:
        bound = _largest_rate(form, x, multipliers, np.maximum(smallest.dual_value, 0.0))
    return _judged(x, q, float(problem.value(x, q)), bound, problem)


def _solve(program: Any) -> None:
    """Solve a program more accurately than by default, since bounds need accurate multipliers."""
    import cvxpy as cp

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Answers are judged by their bounds.
        program.solve(solver=cp.CLARABEL, tol_gap_abs=_TOLERANCE, tol_gap_rel=_TOLERANCE, tol_feas=_TOLERANCE)


def _objective(fairness: Fairness, sinr: Any, problem: UplinkProblem) -> Any:
    """Return the utility of the SINRs, in the units of its value."""
    import cvxpy as cp

    weights = fairness.weights_of(problem.users)
    weighted = np.flatnonzero(weights > 0)
    argument = sinr if fairness.of_sinr else float(problem.prelog) / np.log(2) * cp.log1p(sinr)
    argument, weights = argument[weighted], weights[weighted]
    if fairness.alpha == 0:
        return weights @ argument
    if fairness.alpha == 1:
        return weights @ cp.log(argument)
    return weights @ cp.power(argument, 1 - fairness.alpha) / (1 - fairness.alpha)


def _largest_utility(form: ConcaveUplink, x: FloatArray, multipliers: Multipliers) -> float:
    """Return a bound from the tangent at the point to which the multipliers belong, close to the answer."""
    z, s = form.at(x)
    with np.errstate(all="ignore"):
        for _ in range(_CORRECTIONS):
            slope = form.gradient(z)
            step = form.stationarity(z, multipliers)[0] / np.maximum(-curvature(form, z, slope), 1e-300)
            z = np.maximum(z + np.where(slope > 0, step, 0.0), z / 2)
        return float(form.value(z) + form.gap(z, s, multipliers))


def _largest_rate(form: ConcaveUplink, x: FloatArray, multipliers: Multipliers, parts: FloatArray) -> float:
    """Return a bound on the smallest rate: that of a mean of all SINRs, which the smallest cannot exceed."""
    total = parts.sum()
    gradient = parts / total * form.problem.gain
    (z, s), scaled = form.at(x), {name: getattr(multipliers, name) / total for name in ("floor", "cap")}
    both = Multipliers(**scaled, total=multipliers.total / total, room=multipliers.room / total)
    most = gradient @ z + form.gap(z, s, both, gradient=gradient)
    return float(form.problem.rates_of(np.asarray(most)[None])[0])


def _least_power(problem: UplinkProblem) -> Shares:
    import cvxpy as cp

    users, demand = problem.users, problem.radar_demand
    least = np.zeros(users) if problem.least_sinr is None else problem.least_sinr
    ratio = least / np.where(least > 0, problem.gain, 1.0)
    # Each user's SINR, then each requirement on the radar: rows of what is needed for the smallest shares.
    sinr = np.eye(users + 1)[:users] - ratio[:, None] * np.append(
        problem.source_interference, problem.sensing_interference
    )
    radar = np.concatenate([-demand.users, np.ones((len(demand.own), 1))], axis=-1)
    rows, needed = np.concatenate([sinr, radar]), np.concatenate([ratio, demand.own])
    shares = cp.Variable(users + 1, nonneg=True)
    meets = rows @ shares >= needed
    program = cp.Problem(cp.Minimize(cp.sum(shares)), [meets, shares <= 1])
    _solve(program)
    if shares.value is None:
        return Shares.none(problem, Status.FAILED, f"Clarabel reports {program.status}")
    found = np.clip(shares.value, 0.0, 1.0)
    weights = np.maximum(meets.dual_value, 0.0)
    # Weak duality, after scaling the multipliers so that no share saves more than it costs.
    bound = float(needed @ weights / max(1.0, float((rows.T @ weights).max())))
    return _judged(found[:users], np.asarray(found[users]), float(found.sum()), bound, problem)


def _judged(x: FloatArray, q: FloatArray, value: float, bound: float, problem: UplinkProblem) -> Shares:
    """Return an answer, optimal if it is close to its bound."""
    scale = max(abs(value), 1.0 if problem.objective.reported().signed else 0.0)
    status = Status.OPTIMAL if abs(bound - value) <= _GAP * scale else Status.FEASIBLE
    return Shares(communication=x, sensing=q, status=status, bound=bound)
