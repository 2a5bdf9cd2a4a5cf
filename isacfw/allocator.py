"""Power allocators: the contract, and the framework's judgement of what they return."""

from __future__ import annotations

import enum
import math
import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, ClassVar

import attrs
import numpy as np
from numpy.typing import NDArray

from .base.errors import IncompatibleError, log_traceback, one_line, raised, shown
from .base.numbers import FloatArray, float_array, read_only
from .base.part import ONE_AT_A_TIME, LabelledPart, described
from .base.time_limit import TimeUp, time_limit
from .problem import FEASIBILITY_TOLERANCE, PowerAllocationProblem
from .stationarity import STATIONARITY_TOLERANCE, first_order_rise


class Status(enum.StrEnum):
    """What an allocator says of its answer; each member's `sentence` explains it."""

    sentence: str

    OPTIMAL = "optimal", "A globally optimal allocation."
    LOCALLY_OPTIMAL = (
        "locally_optimal",
        "An allocation that no feasible direction improves, as the framework verified.",
    )
    FEASIBLE = "feasible", "A feasible allocation; optimality is not claimed."
    INFEASIBLE = (
        "infeasible",
        "No allocation that meets the limits: none was found, or the one given violates one.",
    )
    SKIPPED = "skipped", "The allocator, the precoder and the problem do not fit each other."
    FAILED = "failed", "The allocator failed."

    def __new__(cls, value: str, sentence: str = "") -> Status:
        """Make a member that is the string `value` and carries its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member


@attrs.frozen(kw_only=True, eq=False)
class Shares:
    """An allocator's answer to one problem, or to a batch of them.

    Parameters
    ----------
    communication : ndarray, shape (..., K)
        Shares :math:`x_k` of the power; NaN where there is no answer.
    sensing : ndarray, shape (..., S) or (...)
        Shares :math:`q_s` of the sensing streams, or their sum `q`, which is divided evenly among them.
    status : Status or ndarray of str, shape (...), optional
        The allocator's own claim. Left out, the framework says feasible or infeasible, as it finds.
    message : str or ndarray of str, shape (...)
        Optional explanation.
    iterations : int or ndarray of int, shape (...)
        Number of iterations, 0 for a closed form.
    history : sequence of float
        Sum rate after every iteration, for an iterative allocator on one problem.
    """

    communication: FloatArray = attrs.field(converter=float_array)
    sensing: FloatArray = attrs.field(converter=float_array)
    status: Status | NDArray[Any] | None = None
    message: str | NDArray[Any] = ""
    iterations: int | NDArray[np.int64] = 0
    history: tuple[float, ...] = ()

    @classmethod
    def none(cls, problem: PowerAllocationProblem, status: Status, message: str) -> Shares:
        """Return shares that are all NaN, with a reason."""
        shape = problem.batch_shape
        return cls(
            communication=np.full((*shape, problem.users), np.nan),
            sensing=np.full(shape, np.nan),
            status=status,
            message=message,
        )


@attrs.frozen(kw_only=True, eq=False)
class Allocation:
    """Shares of power as verified by the framework; arrays over the batch of a problem.

    Objective, CRLBs and constraint violation are recomputed from the shares. `status` is what the allocator
    reported, `claim`, as far as it holds: an answer that violates a constraint is ``infeasible``, and one
    reported as locally optimal is ``feasible`` where a feasible direction raises the sum rate by more than
    :data:`~isacfw.stationarity.STATIONARITY_TOLERANCE`. The arrays are read-only.

    Attributes
    ----------
    communication : ndarray, shape (..., K)
        Shares of the power to each user; NaN without an answer.
    sensing : ndarray, shape (...)
        Share of the power to sensing, all streams together.
    streams : ndarray, shape (..., S)
        Share of the power to each sensing stream.
    status, message : ndarray of str, shape (...)
        See :class:`Status`.
    iterations : ndarray of int, shape (...)
        As the allocator counts them.
    seconds : ndarray, shape (...)
        Wall time per problem; for a vectorised allocator the batch's time in equal parts.
    rates : ndarray, shape (..., K)
        In bit/s/Hz.
    sum_rate : ndarray, shape (...)
        In bit/s/Hz.
    crlb : ndarray, shape (..., 2T)
        Of azimuth and elevation of each target in rad².
    violation : ndarray, shape (...)
        Largest relative constraint violation, see :meth:`PowerAllocationProblem.violation`.
    feasible : ndarray of bool, shape (...)
        Whether the violation is at most 1e-6.
    history : ndarray, shape (..., I)
        Sum rate after every iteration, NaN after the last; I is 0 without iterative answers.
    claim : ndarray of str, shape (...)
        Status as reported by the allocator; empty where it reported none.
    """

    communication: FloatArray
    sensing: FloatArray
    streams: FloatArray
    status: NDArray[Any]
    message: NDArray[Any]
    iterations: NDArray[np.int64]
    seconds: FloatArray
    rates: FloatArray
    sum_rate: FloatArray
    crlb: FloatArray
    violation: FloatArray
    feasible: NDArray[np.bool_]
    history: FloatArray
    claim: NDArray[Any]

    def copied(self) -> Allocation:
        """Return a copy that may be written to."""
        return Allocation(
            **{field.name: np.array(getattr(self, field.name)) for field in attrs.fields(type(self))}
        )


Progress = Callable[[int], None]


@attrs.frozen(kw_only=True)
class Allocator(LabelledPart):
    """Abstract base class of power allocators.

    Attributes
    ----------
    vectorized : bool
        Class attribute: whether :meth:`solve` takes a batch at once. If not, it sees one problem at a time,
        with no batch axes.
    """

    vectorized: ClassVar[bool] = False

    @property
    def thread_safe(self) -> bool:
        """Whether several threads of a process may call :meth:`solve` at the same time.

        If not, the framework lets one allocator of this sort solve at a time in a process, whichever it is: what
        is not thread-safe tends to be a library that several share. Waiting counts neither as its time nor
        towards its time limit.
        """
        return True

    @abstractmethod
    def solve(self, problem: PowerAllocationProblem) -> Shares:
        """Return shares of the power.

        Raises
        ------
        IncompatibleError
            If the allocator cannot solve problems of this kind.
        """

    def allocate(
        self,
        problem: PowerAllocationProblem,
        progress: Progress | None = None,
        time_limit_s: float | None = None,
    ) -> Allocation:
        """Solve every problem of a batch, verify the answers and never raise for a solver's failure.

        A vectorised allocator that breaks down on a batch is asked for one problem after the other, so that a
        problem costs its own row only.

        Parameters
        ----------
        problem : PowerAllocationProblem
            With any batch axes.
        progress : callable, optional
            Called with the number of problems solved since the last call.
        time_limit_s : float, optional
            Longest time in seconds for a problem; a batch that is solved at once has that much for all of it
            before its problems are tried one by one.

        Returns
        -------
        Allocation
            Over the problem's batch axes. A problem that made the allocator raise has status ``failed``.
        """
        shape, size = problem.batch_shape, math.prod(problem.batch_shape)
        if self.vectorized:
            shares, elapsed, broke = self._attempt(problem, time_limit_s)
            if not broke or size == 1:
                if progress is not None:
                    progress(size)
                return verified(problem, shares, elapsed / max(size, 1), by=described(self))
        answers, seconds = [], np.zeros(shape)
        for index in np.ndindex(shape):
            single = problem[index]
            shares, seconds[index], _ = self._attempt(single, time_limit_s)
            answers.append(shares)
            if progress is not None:
                progress(1)
        histories = [answer.history for answer in answers]
        return verified(problem, _merged(problem, answers), seconds, histories, by=described(self))

    def _attempt(self, problem: PowerAllocationProblem, time_limit_s: float | None) -> tuple[Shares, float, bool]:
        """Return the answer, the time it took, and whether the allocator broke down."""
        # Taken outside the time limit, which may strike anywhere: it must not leave the lock taken.
        with nullcontext() if self.thread_safe else ONE_AT_A_TIME:
            return self._attempt_alone(problem, time_limit_s)

    def _attempt_alone(
        self, problem: PowerAllocationProblem, time_limit_s: float | None
    ) -> tuple[Shares, float, bool]:
        # Drop cached values so that every allocator is timed from the same state.
        problem = problem.unsolved()
        failure = ""
        start = time.perf_counter()
        try:
            with time_limit(time_limit_s):
                shares = self.solve(problem)
                _check(shares, problem)
                # An allocator may fill the same buffers again for the next problem.
                shares = attrs.evolve(
                    shares, communication=np.array(shares.communication), sensing=np.array(shares.sensing)
                )
        except IncompatibleError as error:
            shares = Shares.none(problem, Status.SKIPPED, str(error))
        except TimeUp:
            failure = f"was stopped at its time limit of {time_limit_s:g} s"
            log_traceback(f"{described(self)} {failure}")
        except (Exception, SystemExit) as error:  # A part's breakdown must cost its own rows only.
            failure = raised(error)
            log_traceback(f"{described(self)} {failure}")
        elapsed = time.perf_counter() - start
        if failure:
            shares = Shares.none(problem, Status.FAILED, f"{described(self)} {failure}")
        return shares, elapsed, bool(failure)


def _check(shares: Any, problem: PowerAllocationProblem) -> None:
    """Raise an error, whose sentence the row shows, unless shares are what a solver must return."""
    if not isinstance(shares, Shares):
        raise TypeError(f"it must return Shares, got {shown(shares)}")
    shape = (*problem.batch_shape, problem.users)
    streams = (*shape[:-1], problem.streams)
    if shares.communication.shape != shape or shares.sensing.shape not in (shape[:-1], streams):
        wanted = shape[:-1] if problem.streams == 1 else f"{streams} or {shape[:-1]}"
        raise ValueError(
            f"its shares have shapes {shares.communication.shape} and {shares.sensing.shape},"
            f" not {shape} and {wanted}"
        )
    for name in ("status", "message", "iterations"):
        value = np.asarray(getattr(shares, name), dtype=object)
        if value.shape not in ((), shape[:-1]):
            raise ValueError(f"its {name} has shape {value.shape}, not {shape[:-1]}")
    known = {*map(str, Status), "None"}
    for claim in np.unique(np.asarray(shares.status, dtype=object).astype(str)):
        if claim not in known:
            raise ValueError(f"its status must be one of {', '.join(map(str, Status))}, got {claim!r}")
    np.asarray(shares.iterations, dtype=np.int64)
    if not all(isinstance(value, (int, float)) for value in shares.history):
        raise TypeError(f"its history must hold numbers, got {shown(shares.history)}")


def _merged(problem: PowerAllocationProblem, answers: list[Shares]) -> Shares:
    shape = problem.batch_shape
    return Shares(
        communication=np.array([answer.communication for answer in answers]).reshape(*shape, problem.users),
        sensing=np.array(
            [problem.stream_shares(answer.communication, answer.sensing) for answer in answers]
        ).reshape(*shape, problem.streams),
        status=np.array(
            ["" if answer.status is None else str(answer.status) for answer in answers], dtype=object
        ).reshape(shape),
        message=np.array([str(answer.message) for answer in answers], dtype=object).reshape(shape),
        iterations=np.array([answer.iterations for answer in answers], dtype=np.int64).reshape(shape),
    )


def _padded(histories: list[tuple[float, ...]], shape: tuple[int, ...]) -> FloatArray:
    if not any(histories):
        return np.empty((*shape, 0))
    length = max((len(history) for history in histories), default=0)
    padded = np.full((len(histories), length), np.nan)
    for row, history in zip(padded, histories, strict=True):
        row[: len(history)] = history
    return padded.reshape(*shape, length)


def verified(
    problem: PowerAllocationProblem,
    shares: Shares,
    seconds: FloatArray | float = 0.0,
    histories: list[tuple[float, ...]] | None = None,
    by: str = "the allocator",
) -> Allocation:
    """Verify shares by recomputing rates, CRLBs and constraint violations.

    Parameters
    ----------
    problem : PowerAllocationProblem
        What was asked.
    shares : Shares
        What was answered, over the problem's batch axes.
    seconds : ndarray, shape (...), or float
        Wall time of each problem.
    histories : list of tuple, optional
        Sum rate after every iteration, for each problem.
    by : str
        Who answered, for messages.
    """
    shape = problem.batch_shape
    x, q = shares.communication, problem.stream_shares(shares.communication, shares.sensing)
    answered = np.asarray(np.isfinite(x).all(axis=-1) & np.isfinite(q).all(axis=-1))
    with np.errstate(invalid="ignore"):
        if not answered.all():
            x, q = np.where(answered[..., None], x, np.nan), np.where(answered[..., None], q, np.nan)
        rates = problem.rates(x, q)
        crlb = np.array(np.broadcast_to(problem.crlb(x, q), (*shape, 2 * problem.targets)))
        crlb[~answered] = np.nan
        violation = problem.violation(x, q, crlb)
        feasible = np.asarray(violation <= FEASIBILITY_TOLERANCE)
    status, message = _judged(problem, shares, answered, feasible, by)
    status, message = _upheld(problem, x, q, status, message, violation)
    values = {
        "communication": x,
        "sensing": q[..., 0] if problem.streams == 1 else q.sum(axis=-1),
        "streams": q,
        "status": status,
        "message": message,
        "iterations": np.broadcast_to(np.asarray(shares.iterations, dtype=np.int64), shape),
        "seconds": np.broadcast_to(np.asarray(seconds, dtype=np.float64), shape),
        "rates": rates,
        "sum_rate": rates.sum(axis=-1),
        "crlb": crlb,
        "violation": violation,
        "feasible": feasible,
        "history": _padded(histories or [], shape),
        "claim": _claim(shares, shape),
    }
    return Allocation(**{name: read_only(value) for name, value in values.items()})


_ANSWERS = (Status.OPTIMAL, Status.LOCALLY_OPTIMAL, Status.FEASIBLE)


def _judged(
    problem: PowerAllocationProblem,
    shares: Shares,
    answered: NDArray[np.bool_],
    feasible: NDArray[np.bool_],
    by: str,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return status and message; an answer that is not finite, though claimed to be one, has failed.

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
    excused = np.isin(status, [Status.INFEASIBLE, Status.SKIPPED, Status.FAILED]) & ~silent
    if (silent & ~answered).any():
        right = silent & ~answered & (problem.infeasibility != "")
        message[right] = problem.infeasibility[right]
        excused |= right
    broken = ~excused & ~answered
    status[broken] = Status.FAILED.value
    message[broken] = f"{by} returned non-finite shares"
    mute = silent & answered & ~feasible & (message == "")
    message[mute] = "the allocation violates a constraint"
    return _each(str, status), _each(one_line, message)


def _claim(shares: Shares, shape: tuple[int, ...]) -> NDArray[Any]:
    claim = np.asarray("" if shares.status is None else shares.status, dtype=object)
    return np.broadcast_to(_each(str, claim), shape)


def _upheld(
    problem: PowerAllocationProblem,
    x: FloatArray,
    q: FloatArray,
    status: NDArray[Any],
    message: NDArray[Any],
    violation: FloatArray,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return status and message with every claim that does not hold replaced by what does."""
    violated = ~(violation <= FEASIBILITY_TOLERANCE)
    if violated.any():
        violated &= np.logical_or.reduce([_equal(status, answer) for answer in _ANSWERS])
    local = _equal(status, Status.LOCALLY_OPTIMAL) & ~violated
    if not violated.any() and not local.any():
        return status, message
    rise = first_order_rise(problem, x, q, where=local)
    improvable = local & ~(rise <= STATIONARITY_TOLERANCE)
    if not violated.any() and not improvable.any():
        return status, message
    status, message = np.array(status, dtype=object), np.array(message, dtype=object)
    for index in map(tuple, np.argwhere(violated | improvable)):
        reported = f"reported as {str(status[index]).replace('_', ' ')}, but"
        if violated[index]:
            status[index] = Status.INFEASIBLE.value
            sentence = f"{reported} the allocation violates a constraint by {violation[index]:.2g} of its limit"
        elif np.isnan(rise[index]):
            status[index] = Status.FEASIBLE.value
            sentence = f"{reported} this could not be verified"
        else:
            status[index] = Status.FEASIBLE.value
            gain = f"{100 * rise[index]:.2g} %" if rise[index] < 10 else "more than 1000 %"
            sentence = f"{reported} a feasible direction raises the sum rate by {gain} to first order"
        message[index] = f"{message[index]}; {sentence}" if message[index] else sentence
    return status, message


def _equal(status: NDArray[Any], wanted: Status) -> NDArray[np.bool_]:
    if status.size and not any(status.strides):  # The same for a whole batch, however large.
        return np.broadcast_to(status.flat[0] == wanted.value, status.shape)
    return np.asarray(status == wanted.value)


def _each(function: Callable[[Any], str], values: NDArray[Any]) -> NDArray[Any]:
    """Return a function of every value, asked once for each distinct one."""
    known = {value: function(value) for value in set(values.flat)}
    return np.array([known[value] for value in values.flat], dtype=object).reshape(values.shape)
