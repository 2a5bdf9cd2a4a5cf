"""Verification of allocations: objective, CRLBs, violations and reported statuses, recomputed from the shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import one_line
from ..base.numbers import FloatArray, in_rows, read_only
from .allocation import Allocation, Shares
from .any_problem import AnyProblem
from .breakdown import Breakdown, BreakdownKind
from .claims import Answer
from .closed_form import has_closed_form
from .objective import checked_value
from .problem import FEASIBILITY_TOLERANCE, PowerAllocationProblem
from .stationarity import STATIONARITY_TOLERANCE, distance_to_best, first_order_rise
from .status import Status
from .uplink import UplinkProblem
from .uplink_rise import uplink_rise


def pad_histories(histories: list[tuple[float, ...]], shape: tuple[int, ...]) -> FloatArray:
    """Return histories of all problems of a batch as one array, NaN after the end of each; (..., I)."""
    if not any(histories):
        return np.empty((*shape, 0))
    length = max((len(history) for history in histories), default=0)
    padded = np.full((len(histories), length), np.nan)
    for row, history in zip(padded, histories, strict=True):
        row[: len(history)] = history
    return padded.reshape(*shape, length)


def verify(
    problem: AnyProblem,
    shares: Shares,
    seconds: FloatArray | float = 0.0,
    histories: list[tuple[float, ...]] | None = None,
    by: str = "the allocator",
    *,
    certified: bool = False,
    together: int = 1,
) -> Allocation:
    """Verify shares by recomputing rates, CRLBs and constraint violations.

    Parameters
    ----------
    problem : PowerAllocationProblem or UplinkProblem
        The problem.
    shares : Shares
        The answer, over the problem's batch axes.
    seconds : ndarray, shape (...), or float
        Wall time of each problem.
    histories : list of tuple, optional
        Value of the objective after every iteration, for each problem.
    by : str
        Name of the allocator, for messages.
    certified : bool
        Whether an optimal answer follows from a closed form, which needs no comparison with another.
    together : int
        Number of problems that were solved at once.
    """
    shape = problem.batch_shape
    x, q, answered = _shares_in_rows(problem, shares)
    with np.errstate(invalid="ignore"):
        crlb = np.where(answered[..., None], problem.crlb(x, q), np.nan)
        performance = problem.performance(x, q, crlb)
        value = np.where(answered, checked_value(problem.objective, performance), np.nan)
        violation = problem.violation(x, q, crlb, performance.rates)
    feasible = np.asarray(violation <= FEASIBILITY_TOLERANCE)
    answer = Answer(problem=problem, x=x, q=q, crlb=crlb, violation=violation)
    reported = _resolve_status(problem, shares, answered, feasible, by)
    status, message = _check_claims(answer, *reported, certified=certified)
    bound, message = _check_bound(problem, shares.bound, value, status, message)
    values = {
        "communication": x,
        "sensing": q[..., 0] if problem.streams == 1 else q.sum(axis=-1),
        "streams": q,
        "status": status,
        "message": message,
        **_costs(shares, seconds, together, shape),
        "rates": performance.rates,
        "sum_rate": performance.rates.sum(axis=-1),
        "value": value,
        "bound": bound,
        "crlb": crlb,
        "violation": violation,
        "feasible": feasible,
        "history": pad_histories(histories or [], shape),
        "claim": _claim(shares, shape),
    }
    return Allocation(**{name: read_only(value) for name, value in values.items()})


def _costs(
    shares: Shares, seconds: FloatArray | float, together: int, shape: tuple[int, ...]
) -> dict[str, NDArray[Any]]:
    return {
        "iterations": np.broadcast_to(np.asarray(shares.iterations, dtype=np.int64), shape),
        "seconds": np.broadcast_to(np.asarray(seconds, dtype=np.float64), shape),
        "batch_size": np.broadcast_to(np.int64(together), shape),
    }


def _shares_in_rows(problem: AnyProblem, shares: Shares) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return shares of users and streams, all NaN in rows without an answer, and which rows have one."""
    x, q = in_rows(shares.communication), problem.stream_shares(shares.communication, in_rows(shares.sensing))
    answered = np.asarray(np.isfinite(x).all(axis=-1) & np.isfinite(q).all(axis=-1))
    if not answered.all():
        x, q = np.where(answered[..., None], x, np.nan), np.where(answered[..., None], q, np.nan)
    return x, q, answered


BOUND_TOLERANCE = 1e-6
"""Largest amount, relative to the value, by which a valid bound may be worse than a feasible value."""

_CONTRARY = "the requirements can be met"

_ANSWERS = (Status.OPTIMAL, Status.LOCALLY_OPTIMAL, Status.FEASIBLE)


def _resolve_status(
    problem: AnyProblem,
    shares: Shares,
    answered: NDArray[np.bool_],
    feasible: NDArray[np.bool_],
    by: str,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return status and message; a non-finite answer with a status that claims an answer has failed.

    Without a reported status, a missing answer to an infeasible problem counts as correct and receives the
    certificate.
    """
    shape = problem.batch_shape
    if isinstance(shares.status, Status) and shares.status in _ANSWERS and answered.all():
        one = np.asarray(shares.status.value, dtype=object), np.asarray(one_line(shares.message), dtype=object)
        if isinstance(shares.message, str):
            return np.broadcast_to(one[0], shape), np.broadcast_to(one[1], shape)
    claim = "" if shares.status is None else shares.status
    status = np.array(np.broadcast_to(np.asarray(claim, dtype=object), shape), dtype=object)
    message = np.array(np.broadcast_to(np.asarray(shares.message, dtype=object), shape), dtype=object)
    silent = status == ""
    status[silent] = np.where(feasible[silent], Status.FEASIBLE.value, Status.INFEASIBLE.value)
    excused = np.isin(status, [Status.INFEASIBLE, Status.SKIPPED, Status.FAILED, Status.TIMED_OUT]) & ~silent
    if (silent & ~answered).any():
        right = silent & ~answered & (problem.infeasibility != "")
        message[right] = problem.infeasibility[right]
        excused |= right
    broken = ~excused & ~answered
    breakdown = Breakdown(kind=BreakdownKind.NOT_FINITE, message=f"{by} returned non-finite shares")
    status[broken] = breakdown.status.value
    message[broken] = breakdown.message
    mute = silent & answered & ~feasible & (message == "")
    message[mute] = "the allocation violates a constraint"
    return _each(str, status), _each(one_line, message)


def _claim(shares: Shares, shape: tuple[int, ...]) -> NDArray[Any]:
    claim = np.asarray("" if shares.status is None else shares.status, dtype=object)
    return np.broadcast_to(_each(str, claim), shape)


def _check_claims(
    answer: Answer, status: NDArray[Any], message: NDArray[Any], *, certified: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return status and message, with every reported status that does not hold replaced by one that does."""
    violation = answer.violation
    violated = ~(violation <= FEASIBILITY_TOLERANCE)
    if violated.any():
        violated &= np.logical_or.reduce([_equal(status, answer) for answer in _ANSWERS])
    optimal = _equal(status, Status.OPTIMAL) & ~violated
    local = _equal(status, Status.LOCALLY_OPTIMAL) & ~violated
    rise = _largest_rise(answer, optimal & (not certified), local)
    doubts = answer.doubts(~(rise <= STATIONARITY_TOLERANCE), rise, local=local)
    doubts |= answer.inaccuracies(optimal | local)
    contrary = answer.contradicts_certificate(_equal(status, Status.INFEASIBLE))
    if not violated.any() and not contrary.any() and not doubts:
        return status, message
    reasons = {index: (Status.FEASIBLE, sentence) for index, sentence in doubts.items()}
    for index in map(tuple, np.argwhere(violated)):
        sentence = f"the allocation violates a constraint by {violation[index]:.2g} of its limit"
        reasons[index] = Status.INFEASIBLE, sentence
    reasons |= {tuple(index): (Status.FAILED, _CONTRARY) for index in np.argwhere(contrary)}
    status, message = np.array(status, dtype=object), np.array(message, dtype=object)
    for index, (verdict, reason) in reasons.items():
        sentence = f"reported as {str(status[index]).replace('_', ' ')}, but {reason}"
        status[index] = verdict.value
        message[index] = f"{message[index]}; {sentence}" if message[index] else sentence
    return status, message


def _largest_rise(answer: Answer, optimal: NDArray[np.bool_], local: NDArray[np.bool_]) -> FloatArray:
    """Return the largest improvement of the objective, 0 where no claim is to be checked, or none is known."""
    problem = answer.problem
    rise = np.zeros(problem.batch_shape)
    if local.any():
        if isinstance(problem, UplinkProblem):
            found = uplink_rise(problem, answer.x, where=local)
        else:
            found = first_order_rise(problem, answer.x, answer.q, where=local)
        rise = np.where(local, found, rise)
    if optimal.any() and isinstance(problem, PowerAllocationProblem) and has_closed_form(problem):
        distance = distance_to_best(problem, answer.x, answer.q, optimal)
        rise = np.where(optimal & (distance > STATIONARITY_TOLERANCE), distance, rise)
    return rise


def _check_bound(
    problem: AnyProblem,
    claimed: FloatArray | float | None,
    value: FloatArray,
    status: NDArray[Any],
    message: NDArray[Any],
) -> tuple[FloatArray, NDArray[Any]]:
    """Return the bound of each problem, and messages that name bounds which a feasible answer contradicts."""
    optimal = _equal(status, Status.OPTIMAL)
    if claimed is None:
        return np.where(optimal, value, np.nan), message
    bound = np.array(np.broadcast_to(np.asarray(claimed, dtype=np.float64), value.shape))
    bound = np.where(optimal & np.isnan(bound), value, bound)
    answer = np.logical_or.reduce([_equal(status, one) for one in _ANSWERS])
    excess = (value - bound) if problem.objective.rises else (bound - value)
    with np.errstate(invalid="ignore"):
        beaten = answer & (excess > BOUND_TOLERANCE * np.maximum(np.abs(value), _scale(problem)))
    if beaten.any():
        bound[beaten] = np.nan
        message = np.array(message, dtype=object)
        for index in map(tuple, np.argwhere(beaten)):
            sentence = f"its answer contradicts the bound that it reported, by {excess[index]:.2g}"
            message[index] = f"{message[index]}; {sentence}" if message[index] else sentence
    return bound, message


def _scale(problem: AnyProblem) -> float:
    """Return the magnitude below which values are not compared relatively."""
    return 1.0 if problem.objective.reported().signed else 0.0


def _equal(status: NDArray[Any], wanted: Status) -> NDArray[np.bool_]:
    if status.size and not any(status.strides):  # One status for the whole batch.
        return np.broadcast_to(status.flat[0] == wanted.value, status.shape)
    return np.asarray(status == wanted.value)


def _each(function: Callable[[Any], str], values: NDArray[Any]) -> NDArray[Any]:
    """Apply a function to every value, calling it once for each distinct one."""
    known = {value: function(value) for value in set(values.flat)}
    return np.array([known[value] for value in values.flat], dtype=object).reshape(values.shape)
