"""The global optimum, in closed form."""

from __future__ import annotations

from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import (
    AnyProblem,
    FloatArray,
    PowerAllocationProblem,
    Shares,
    Status,
    UplinkProblem,
    Utility,
    cache_blocks,
)

from ._power_control import max_min_control, product_control
from ._uplink_exact import solve_uplink, uplink_refusal

_LARGEST_INVERSE = 1e300

_GAP = 1e-6
"""Largest relative gap between value and bound of an optimal answer for several streams."""


@final
@attrs.frozen(kw_only=True)
class Exact(isacfw.Allocator):
    r"""The global optimum in two stages, for targets that all users' signals illuminate alike.

    Notes
    -----
    With :math:`SINR_k = g_k x_k / (b_k q + c_k f + \sum_j C_{kj} x_j + 1)` and :math:`f = \sum_k x_k`, for an
    objective that does not fall with any rate:

    1. Full power is optimal: scaling all shares up raises every SINR and lowers every CRLB.
    2. At :math:`q = 1 - f`, raising f in proportion for all users, :math:`x_k = f s_k`, raises every
       :math:`SINR_k = g_k s_k f / (b_k + 1 + (c_k + \sum_j C_{kj} s_j - b_k) f)`, whose derivative has the sign
       of :math:`b_k + 1`. So the largest f that meets the requirements on sensing is optimal:
       :attr:`~isacfw.PowerAllocationProblem.largest_communication_share`. If there is none, the problem is
       infeasible, and the smallest reachable CRLBs certify it.
       Several streams may share q in any way: the mix that allows the largest f is optimal,
       :attr:`~isacfw.PowerAllocationProblem.best_mix`.
    3. At that f, without :math:`C_{kj}`, the effective gains :math:`a_k = g_k / (b_k q + c_k f + 1)` are
       constants, and the objective's :meth:`~isacfw.Utility.split` of f is optimal. With :math:`C_{kj}` the
       smallest rate is largest at a Perron vector, and the product of SINRs at the solution of a geometric
       program; other objectives have no known global solution at this price.

    Minimum rates are least shares in the third stage. The least power and the least CRLB lie on the frontier of f
    and q that the requirements on sensing allow, see :attr:`~isacfw.PowerAllocationProblem.splits`: each drop
    meets it with the line on which its users have their minimum rates.

    In the uplink, the least power and the largest smallest rate have closed forms, see
    :class:`~isacfw.allocation.uplink_least.RadarDemand`. Other α-fair utilities are concave in the variables of
    :class:`~isacfw.ConcaveUplink`; if full power of all users does not solve them, an interior-point method
    does to a certified gap of 1e-9.
    """

    name: ClassVar[str] = "exact"
    vectorized: ClassVar[bool] = True
    certified: ClassVar[bool] = True
    links: ClassVar[tuple[isacfw.Link, ...]] = ("downlink", "uplink")

    def refusal(self, problem: AnyProblem) -> str | None:
        """Return why there is no exact solution, such as differing Fisher information; None if there is one."""
        if isinstance(problem, UplinkProblem):
            return uplink_refusal(problem)
        streams = problem.stream_coupling is not None and bool(problem.stream_coupling.any())
        objective = problem.objective
        name = objective.name
        if not isinstance(objective, Utility):
            if not isinstance(objective, isacfw.LeastPower | isacfw.LeastCRLB):
                return f"the exact solution needs a utility of the rates with a split, and {name} is none"
            if problem.coupled:
                return (
                    f"the exact solution of {name} needs interference that is common to all users and streams"
                    f"{_advice(objective)}"
                )
            return _refuse_differing(problem) or _refuse_ratios(problem)
        pairs = problem.coupling is not None and bool(problem.coupling.any())
        form = objective.fairness
        controlled = form is not None and (np.isinf(form.alpha) or form.of_sinr)
        if streams or (pairs and not controlled):
            return (
                "the exact solution needs interference that is common to all users and streams, and these couple"
                f" in pairs{_advice(objective)}"
            )
        if (reason := _refuse_differing(problem)) is not None:
            return reason
        if not pairs and type(objective).split is Utility.split:
            return f"the exact solution needs a split, which {objective.name} does not have"
        return None

    def solve(self, problem: AnyProblem) -> Shares:
        """Return the optimal shares of a batch."""
        if isinstance(problem, UplinkProblem):
            return solve_uplink(problem)
        if (reason := self.refusal(problem)) is not None:  # For callers that do not ask first.
            raise isacfw.IncompatibleError(reason)
        if not isinstance(problem.objective, Utility):
            return _on_frontier(problem)
        f, mix = problem.best_mix
        infeasible = np.isnan(f)
        communication = _optimal_split(problem, np.where(infeasible, 0.0, f))
        sensing: FloatArray = np.broadcast_to(1 - f, problem.batch_shape)
        if problem.minimum_rate is not None:
            infeasible = infeasible | np.isnan(communication).any(axis=-1)
            sensing = np.where(infeasible, np.nan, sensing)
        if infeasible.any():
            communication[np.isnan(sensing)] = np.nan
        found = _answer(problem, communication, sensing, mix, infeasible)
        return found if problem.fisher_streams is None else _with_bound(problem, found, mix)


def _refuse_differing(problem: PowerAllocationProblem) -> str | None:
    """Return why there is no exact solution if the signals of the users differ; None if they do not."""
    if problem.fisher_users is None:
        return None
    return (
        "the exact solution needs equal Fisher information of all users' signals, and it differs"
        f"{_advice(problem.objective)}"
    )


def _advice(objective: isacfw.Objective) -> str:
    """Return which allocators solve what this one refuses, as the end of a sentence."""
    form = objective.fairness if isinstance(objective, Utility) else None
    if isinstance(objective, Utility) and (form is None or not np.isinf(form.alpha)):
        return "; scip bounds the optimum, and sca, ipopt and uno find local optima" if form is not None else ""
    return "; conic solves that globally"


def _refuse_ratios(problem: PowerAllocationProblem) -> str | None:
    """Return why the mix of several streams is unknown for a ratio of some CRLBs to their limits."""
    objective = problem.objective
    if problem.fisher_streams is None or getattr(objective, "measure", "sum") == "sum":
        return None
    assert isinstance(objective, isacfw.LeastCRLB)
    selected = objective.selected(problem.known) > 0
    others = np.isfinite(problem.crlb_limit) & ~selected & ~(problem.known > 0)
    if problem.crlb_sum_limit is None and problem.linear_least is None and not others.any():
        return None
    return (
        "the exact solution of several streams needs all limits to be among those that are minimised; see conic"
    )


def _answer(
    problem: PowerAllocationProblem, x: FloatArray, q: FloatArray, mix: FloatArray, infeasible: FloatArray
) -> Shares:
    """Return optimal shares, with the certificate of infeasibility for problems without any."""
    if problem.fisher_streams is not None:
        q = q[..., None] * mix
    if not infeasible.any():
        return Shares(communication=x, sensing=q, status=Status.OPTIMAL)
    status = np.where(infeasible, Status.INFEASIBLE, Status.OPTIMAL).astype(object)
    return Shares(
        communication=x,
        sensing=q,
        status=np.broadcast_to(status, problem.batch_shape),
        message=problem.infeasibility,
    )


def _with_bound(problem: PowerAllocationProblem, shares: Shares, mix: FloatArray) -> Shares:
    """Return the answer for a utility with its bound: the utility at the bound on the share for communication."""
    objective = problem.objective
    shape = problem.batch_shape
    most = problem.largest_share_bound
    # A utility does not depend on the CRLBs, which take longest.
    none = np.full(2 * problem.targets, np.nan)

    def value_of(x: FloatArray, q: FloatArray) -> FloatArray:
        return objective.value(problem.performance(x, np.broadcast_to(q, (*shape, problem.streams)), none))

    with np.errstate(invalid="ignore", divide="ignore"):
        x = _optimal_split(problem, np.where(np.isnan(most), 0.0, most))
        value = value_of(shares.communication, shares.sensing)
        bound = np.maximum(value, value_of(x, (1 - most)[..., None] * mix))
        size = np.maximum(np.abs(value), 1.0) if objective.reported().signed else np.abs(value)
        gap = np.where(size > 0, (bound - value) / size, 0.0)
    return _bounded(problem, shares, bound, gap)


def _bounded(problem: PowerAllocationProblem, shares: Shares, bound: FloatArray, gap: FloatArray) -> Shares:
    """Return optimal shares with a bound on the objective, only feasible where the relative gap is large."""
    shape = problem.batch_shape
    bound, loose = np.broadcast_to(bound, shape), np.broadcast_to(gap > _GAP, shape)
    if not loose.any():
        return attrs.evolve(shares, bound=bound)
    status = np.array(np.broadcast_to(np.asarray(shares.status, dtype=object), shape), dtype=object)
    message = np.array(np.broadcast_to(np.asarray(shares.message, dtype=object), shape), dtype=object)
    for index in map(tuple, np.argwhere(loose)):
        if status[index] == Status.OPTIMAL:
            status[index] = Status.FEASIBLE
            message[index] = f"the bound is {float(gap[index]):.2g} of the value away"
    return attrs.evolve(shares, status=status, message=message, bound=bound)


def _on_frontier(problem: PowerAllocationProblem) -> Shares:
    """Return the shares of the least power, or the least CRLB, with which the users have their minimum rates."""
    splits = problem.splits
    shape = problem.batch_shape
    f, q = (np.broadcast_to(part, shape) for part in (splits.communication, splits.sensing))
    x = np.broadcast_to(problem.least_split(f, q), (*shape, problem.users))
    found = _answer(problem, x, q, splits.mix, np.isnan(f))
    if splits.bound is None or splits.gap is None:
        return found
    return _bounded(problem, found, splits.bound, np.where(np.isnan(f), 0.0, splits.gap))


def _optimal_split(problem: PowerAllocationProblem, share: FloatArray) -> FloatArray:
    """Return the users' optimal shares (..., K) at full power, `share` (...) of it for communication.

    NaN if they cannot have their minimum rates.
    """
    objective = problem.objective
    assert isinstance(objective, Utility)
    shape = problem.batch_shape
    fields = (problem.gain, problem.sensing_interference, problem.common_interference)
    gain, sensing, common = (np.broadcast_to(field, (*shape, problem.users)) for field in fields)
    f, q = (np.broadcast_to(part[..., None], (*shape, 1)) for part in (share, 1 - share))
    if problem.coupling is not None and problem.coupling.any():
        return _controlled_split(problem, share)
    least = problem.least_sinr
    if least is not None:
        least = np.broadcast_to(least, (*shape, problem.users))
    split = np.empty((*shape, problem.users))
    # In blocks, which fit into the cache and take a fraction of the time.
    for block in cache_blocks(shape, problem.users):
        inverse = sensing[block] * q[block]
        inverse += common[block] * f[block]
        inverse += 1
        with np.errstate(over="ignore"):
            inverse /= np.maximum(gain[block], 1 / _LARGEST_INVERSE)
        np.minimum(inverse, _LARGEST_INVERSE, out=inverse)
        total = f[block][..., 0]
        if least is None:
            split[block] = objective.split(inverse, total)
            continue
        floor = least[block] * inverse
        needed = np.einsum("...k->...", floor)
        missed = needed > total * (1 + isacfw.FEASIBILITY_TOLERANCE / 2)
        floor[missed] = 0
        floor *= np.minimum(1, np.divide(total, needed, out=np.ones_like(total), where=needed > 0))[..., None]
        found = np.array(objective.split(inverse, total, floor))
        found[missed] = np.nan
        split[block] = found
    return split


def _controlled_split(problem: PowerAllocationProblem, share: FloatArray) -> FloatArray:
    """Return the users' optimal shares if they interfere in pairs."""
    form = problem.objective.fairness if isinstance(problem.objective, Utility) else None
    assert form is not None
    assert problem.coupling is not None
    shape = problem.batch_shape
    common = np.broadcast_to(problem.common_interference, (*shape, problem.users))
    coupling = common[..., None] + problem.coupling
    noise = problem.sensing_interference * (1 - share)[..., None] + 1
    least = problem.least_sinr
    control = product_control if form.of_sinr else max_min_control
    every = (*shape, problem.users)
    share = np.broadcast_to(share, shape)
    split = control(
        np.broadcast_to(problem.gain, every),
        np.broadcast_to(coupling, (*every, problem.users)),
        np.broadcast_to(noise, every),
        np.where(share > 0, share, 1.0),
        None if least is None else np.broadcast_to(least, every),
    )
    if not (share > 0).all():
        nothing = np.zeros(every) if least is None else np.where(least > 0, np.nan, np.zeros(every))
        split = np.where((share > 0)[..., None], split, nothing)
    return split


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register the exact solution."""
    return [Exact]
