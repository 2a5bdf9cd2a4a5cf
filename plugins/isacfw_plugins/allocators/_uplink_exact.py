"""Global optima of the uplink: closed forms, and an interior-point method where there is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import isacfw
from isacfw import (
    FEASIBILITY_TOLERANCE,
    ConcaveUplink,
    Fairness,
    FloatArray,
    Multipliers,
    Shares,
    Status,
    UplinkProblem,
    Utility,
)

from ._interior_point import ascend

_OPTIMAL_GAP = 1e-9
"""Largest gap of an optimal answer, relative to its value."""

_ROUNDING = 1e-12
_THINNEST = 1e-10
"""Smallest share of a budget that the requirements must leave, for an interior point to exist."""

_NUMBERS_TOGETHER = 2**20
_STEPS = 40


def uplink_refusal(problem: UplinkProblem) -> str | None:
    """Return why there is no exact solution; None if there is one."""
    objective = problem.objective
    if isinstance(objective, isacfw.LeastPower) or _fairness(problem) is not None:
        return None
    return f"the exact solution of the uplink needs an α-fair utility or the least power, not {objective.name}"


def solve_uplink(problem: UplinkProblem) -> Shares:
    """Return the optimal shares of a batch."""
    if (reason := uplink_refusal(problem)) is not None:  # For callers that do not ask first.
        raise isacfw.IncompatibleError(reason)
    demand = problem.radar_demand
    x, q = demand.least_shares(problem.least_sinr)
    x, q = np.broadcast_to(x, (*problem.batch_shape, problem.users)), np.broadcast_to(q, problem.batch_shape)
    needed = np.maximum(x.max(axis=-1), q)
    infeasible = ~(needed <= 1 + FEASIBILITY_TOLERANCE)
    form = _fairness(problem)
    if form is None:
        found = Shares(communication=x, sensing=q, status=Status.OPTIMAL)
    elif np.isinf(form.alpha):
        found = _max_min(problem, infeasible)
    else:
        found = _utility(problem, needed)
    return _without(found, infeasible, problem) if infeasible.any() else found


def _fairness(problem: UplinkProblem) -> Fairness | None:
    return problem.objective.fairness if isinstance(problem.objective, Utility) else None


def _without(found: Shares, infeasible: NDArray[np.bool_], problem: UplinkProblem) -> Shares:
    """Return an answer without the shares of infeasible problems, with their certificates."""
    shape = problem.batch_shape
    status = np.array(np.broadcast_to(np.asarray(found.status, dtype=object), shape), dtype=object)
    message = np.array(np.broadcast_to(np.asarray(found.message, dtype=object), shape), dtype=object)
    status[infeasible], message[infeasible] = Status.INFEASIBLE, problem.infeasibility[infeasible]
    return Shares(
        communication=np.where(infeasible[..., None], np.nan, found.communication),
        sensing=np.where(infeasible, np.nan, found.sensing),
        status=status,
        message=message,
        iterations=found.iterations,
        bound=None if found.bound is None else np.where(infeasible, np.nan, found.bound),
    )


def _max_min(problem: UplinkProblem, infeasible: NDArray[np.bool_]) -> Shares:
    """Return the shares with the largest common SINR, above which only least SINRs are."""
    floors = problem.least_sinr
    level = problem.radar_demand.largest_level(floors)[..., None]
    sinr = np.broadcast_to(level, (*problem.batch_shape, problem.users))
    if floors is not None:
        sinr = np.maximum(sinr, floors)
    x, q = problem.radar_demand.least_shares(np.where(infeasible[..., None], 0.0, sinr))
    # Beyond the budgets by rounding errors alone.
    return Shares(communication=np.minimum(x, 1.0), sensing=np.minimum(q, 1.0), status=Status.OPTIMAL)


def _utility(problem: UplinkProblem, needed: FloatArray) -> Shares:
    """Return the shares of the largest utility, problem by problem in blocks."""
    shape, users = problem.batch_shape, problem.users
    if not shape:
        problem, needed = problem[None], needed[None]
    x, q = np.full((*shape, users), np.nan), np.full(shape, np.nan)
    gap, iterations = np.full(shape, np.inf), np.zeros(shape, dtype=np.int64)
    places = np.argwhere(needed <= 1 + FEASIBILITY_TOLERANCE)
    together = max(1, _NUMBERS_TOGETHER // (users + 1) ** 2)
    for first in range(0, len(places), together):
        at = tuple(places[first : first + together].T)
        own = at if shape else ()
        found = _block(problem[at], needed[at])
        x[own], q[own], gap[own], iterations[own] = found if shape else (part[0] for part in found)
    with np.errstate(invalid="ignore"):
        value = problem.value(x, q).reshape(shape)
        proven = gap <= _OPTIMAL_GAP * np.maximum(np.abs(value), 1e-3)
        bound = value + gap
    status = np.where(proven, Status.OPTIMAL, Status.FEASIBLE).astype(object)
    message = np.where(proven, "", "the answer is not proved to be within 1e-9 of the optimum").astype(object)
    return Shares(communication=x, sensing=q, status=status, message=message, iterations=iterations, bound=bound)


def _block(
    problem: UplinkProblem, needed: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.int64]]:
    """Return shares, certified gaps and numbers of iterations for one batch axis of feasible problems."""
    x = np.ones((len(needed), problem.users))
    q, gap = problem.radar_demand.radar_share(x), _gap_at_full_power(ConcaveUplink.of(problem))
    iterations = np.zeros(len(needed), dtype=np.int64)
    full = gap <= _ROUNDING
    gap[full] = 0.0
    thin = ~full & (needed > 1 - _THINNEST)
    if thin.any():
        x[thin], q[thin] = (np.minimum(part[thin], 1.0) for part in _least(problem))
        gap[thin] = np.inf
    rest = ~full & ~thin
    if rest.any():
        own = ConcaveUplink.of(problem[rest])
        found = ascend(own, *_inside(own))
        x[rest], q[rest] = own.shares(found.z, found.s)
        gap[rest], iterations[rest] = found.gap, found.iterations
    return x, np.minimum(q, 1.0), gap, iterations


def _gap_at_full_power(form: ConcaveUplink) -> FloatArray:
    r"""Return the certified gap of full power of all users, relative to its value; infinite if it is infeasible.

    Notes
    -----
    There :math:`z_k = s`, and one constraint m on the disturbance is tight. If full power is optimal, its
    multiplier is :math:`\lambda = s \sum_k U_k'`, and that of each cap, :math:`U_k' - \lambda A_{mk}`, is not
    negative.
    """
    problem = form.problem
    x = np.ones((*problem.batch_shape, problem.users))
    (z, s), q = form.at(x), problem.radar_demand.radar_share(x)
    slope, slacks = form.gradient(z), form.slacks(z, s)
    tight = slacks.total == slacks.total.min(axis=-1, keepdims=True)
    tight &= tight.cumsum(axis=-1) == 1
    level = (s * slope.sum(axis=-1))[..., None]
    price = level * np.where(tight[..., None], form.load, 0.0).sum(axis=-2)
    multipliers = Multipliers(
        floor=np.zeros_like(z),
        cap=np.maximum(slope - price, 0.0),
        total=np.where(tight, level, 0.0),
        room=np.zeros_like(form.noise),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = form.gap(z, s, multipliers) / np.abs(form.value(z))
    meets = (q <= 1) & (slacks.floor >= -_ROUNDING * form.floor).all(axis=-1)
    return np.asarray(np.where(meets, np.nan_to_num(gap, nan=np.inf), np.inf))


def _least(problem: UplinkProblem) -> tuple[FloatArray, FloatArray]:
    x, q = problem.radar_demand.least_shares(problem.least_sinr)
    shape = problem.batch_shape
    return np.array(np.broadcast_to(x, (*shape, problem.users))), np.array(np.broadcast_to(q, shape))


def _inside(form: ConcaveUplink) -> tuple[FloatArray, FloatArray]:
    r"""Return points with positive slacks.

    Notes
    -----
    The least shares for :math:`\Gamma_k (1 + \delta) + \delta \gamma_k`, with the SINRs :math:`\gamma` at full
    power, and for a radar that needs :math:`1 + \delta` times its power, at the largest :math:`\delta \le 1` of a
    bisection that leaves half of what the least shares leave of the budgets.
    """
    problem = form.problem
    shape = (*problem.batch_shape, problem.users)
    demand, least = problem.radar_demand, problem.least_sinr
    floors = np.zeros(shape) if least is None else np.broadcast_to(least, shape)
    full = problem.sinr(np.ones(shape), 1.0)

    def at(delta: FloatArray) -> tuple[FloatArray, FloatArray]:
        each = delta[..., None]
        return demand.scaled(1 + delta).least_shares(floors * (1 + each) + each * full)

    def used(delta: FloatArray) -> FloatArray:
        x, q = at(delta)
        return np.asarray(np.maximum(x.max(axis=-1), q))

    most = (1 + used(np.zeros(shape[:-1]))) / 2
    low, high = np.zeros(shape[:-1]), np.ones(shape[:-1])
    for _ in range(_STEPS):
        middle = (low + high) / 2
        within = used(middle) <= most
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    x, q = at(low)
    s = 1 / problem.total_disturbance(x, q)
    # The radar's spare power alone need not leave a slack, if it disturbs nobody.
    s = s * (1 - low / 8)
    return np.asarray(x * s[..., None] * (1 - low[..., None] / 8)), s
