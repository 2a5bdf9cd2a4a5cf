"""Objectives and requirements beyond the sum rate and limits on single CRLBs, as sca and ipopt need them."""

from __future__ import annotations

from typing import Any, Literal

import attrs
import numpy as np

import isacfw
from isacfw import FEASIBILITY_TOLERANCE, FloatArray, PowerAllocationProblem

Form = Literal["utility", "smallest", "power", "crlb_sum", "crlb_worst"]


@attrs.frozen(kw_only=True)
class Goal:
    """The structure of objective and requirements that problems of one kind share.

    Attributes
    ----------
    form : str
        An α-fair utility with finite α, the smallest rate, the least power, or the least CRLBs.
    alpha : float
        α of a utility.
    of_sinr : bool
        Whether a utility is one of the SINRs.
    served : tuple of bool
        Which users have a positive weight in a utility.
    floored : tuple of bool
        Which users have a minimum rate.
    plain, bordered : tuple of int
        Which angles have a limit, or are part of a sum.
    sums, linear : int
        Numbers of sums, and of linear requirements.
    """

    form: Form
    alpha: float = 0.0
    of_sinr: bool = False
    served: tuple[bool, ...] = ()
    floored: tuple[bool, ...] = ()
    plain: tuple[int, ...] = ()
    bordered: tuple[int, ...] = ()
    sums: int = 0
    linear: int = 0

    @classmethod
    def of(cls, problem: PowerAllocationProblem, limits: isacfw.InformationLimits) -> Goal:
        """Return the goal of a problem whose objective is not refused."""
        objective, users = problem.objective, problem.users
        least = problem.least_sinr
        requirements: dict[str, Any] = {
            "floored": (False,) * users if least is None else tuple((least > 0).tolist()),
            "plain": limits.plain,
            "bordered": limits.bordered,
            "sums": len(limits.sums),
            "linear": problem.linear_floors,
        }
        if isinstance(objective, isacfw.LeastPower):
            return cls(form="power", **requirements)
        if isinstance(objective, isacfw.LeastCRLB):
            return cls(form="crlb_sum" if objective.measure == "sum" else "crlb_worst", **requirements)
        fairness = fairness_of(problem)
        assert fairness is not None
        if np.isinf(fairness.alpha):
            return cls(form="smallest", of_sinr=fairness.of_sinr, served=(True,) * users, **requirements)
        served = tuple((fairness.weights_of(users) > 0).tolist())
        return cls(form="utility", alpha=fairness.alpha, of_sinr=fairness.of_sinr, served=served, **requirements)


def fairness_of(problem: PowerAllocationProblem) -> isacfw.Fairness | None:
    """Return the objective as an α-fair utility; None if it is none."""
    return problem.objective.fairness if isinstance(problem.objective, isacfw.Utility) else None


def is_usual(problem: PowerAllocationProblem) -> bool:
    """Return whether the sum rate is to be maximised within limits on single CRLBs."""
    form = fairness_of(problem)
    usual = form is not None and form.alpha == 0 and form.weights is None and not form.of_sinr
    others = (problem.minimum_rate, problem.crlb_sum_limit, problem.linear_least)
    return usual and all(one is None for one in others)


def refuse_unknown(problem: PowerAllocationProblem, solver: str) -> str | None:
    """Return why an objective cannot be modelled: its form is unknown."""
    objective = problem.objective
    if isinstance(objective, (isacfw.LeastPower, isacfw.LeastCRLB)) or fairness_of(problem) is not None:
        return None
    if isinstance(objective, isacfw.Utility):
        return f"{solver} needs a utility that states its `fairness`, which {objective.name} does not"
    return f"{solver} has no model of the objective {objective.name}"


def level_of(problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> float:
    """Return the level of shares, see InnerShares: how far limits, and the noise, are from binding."""
    levels = [np.inf]
    crlb = problem.crlb(x, q)
    with np.errstate(divide="ignore", invalid="ignore"):
        limited = np.isfinite(problem.crlb_limit) & ~np.isnan(crlb)
        levels += (problem.crlb_limit[limited] / crlb[limited]).tolist()
        if problem.crlb_sum_weights is not None and problem.crlb_sum_limit is not None:
            sums = np.where(problem.crlb_sum_weights > 0, problem.crlb_sum_weights * crlb, 0.0).sum(axis=-1)
            levels += (problem.crlb_sum_limit / sums).tolist()
    if problem.linear_least is not None:
        needed = problem.linear_least > 0
        levels += (problem.linear_rows @ np.concatenate([x, q]) / problem.linear_least)[needed].tolist()
    least = problem.least_sinr
    if least is not None:
        floored = least > 0
        interference = problem.disturbance(x, q) - 1
        levels += (problem.gain * x / np.where(floored, least, 1.0) - interference)[floored].tolist()
    return float(min(levels))


def within_requirements(
    problem: PowerAllocationProblem,
    inner: isacfw.InnerShares,
    x: FloatArray,
    q: FloatArray,
    allowed: float = FEASIBILITY_TOLERANCE / 2,
) -> tuple[FloatArray, FloatArray]:
    """Return shares that meet the requirements to a tolerance, moved towards inner ones if need be."""
    if problem.violation(x, q) <= allowed:
        return x, q
    total, level = float(x.sum() + q.sum()), level_of(problem, x, q)
    # More power for all raises the level in proportion.
    factor = min(1 / total, 1 / level if 0 < level < 1 else 1.0) if total > 0 else 1.0
    if 0 < total < 1 and isinstance(problem.objective, isacfw.Utility):
        factor = 1 / total
    x, q = x * factor, q * factor
    if problem.violation(x, q) <= allowed:
        return x, q
    ends = inner.x - x, inner.q - q
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = np.sqrt(max(low, 1e-16) * high)
        met = problem.violation(x + middle * ends[0], q + middle * ends[1]) <= allowed
        low, high = (low, middle) if met else (middle, high)
        if high - low <= 1e-3 * high:
            break
    return x + high * ends[0], q + high * ends[1]
