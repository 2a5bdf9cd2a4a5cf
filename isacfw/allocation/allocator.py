"""Power allocators, and the verification of their answers."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, ClassVar, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.errors import (
    IncompatibleError,
    describe_exception,
    one_line,
    short_repr,
)
from ..base.guard import guard_environment
from ..base.interrupts import raise_if_interrupted
from ..base.link import Link
from ..base.part import ONE_AT_A_TIME, LabelledPart, display_name
from ..base.threads import one_thread
from ..base.time_limit import time_limit
from .allocation import Allocation, Shares
from .any_problem import AnyProblem
from .breakdown import Breakdown, BreakdownKind, describe_failure
from .problem import PowerAllocationProblem
from .status import Status
from .verdict import verify

Advance = Callable[[int], None]


@attrs.frozen(kw_only=True)
class Allocator(LabelledPart):
    """Abstract base class of power allocators.

    Attributes
    ----------
    vectorized : bool
        Class attribute: whether :meth:`solve` takes a whole batch. If not, it is called with one problem at a
        time, without batch axes.
    certified : bool
        Class attribute: whether optimal answers follow from a closed form. If not, the framework compares them
        with one, where it knows one.
    links : tuple of {"downlink", "uplink"}
        Class attribute: the links whose problems :meth:`solve` takes; an :class:`~isacfw.UplinkProblem` in the
        uplink.
    """

    vectorized: ClassVar[bool] = False
    certified: ClassVar[bool] = False
    links: ClassVar[tuple[Link, ...]] = ("downlink",)

    @property
    def thread_safe(self) -> bool:
        """Whether several threads of a process may call :meth:`solve` at the same time.

        If not, only one such allocator solves at a time in a process, because the code that is not thread-safe is
        usually a library that several allocators share. Waiting counts neither as solution time nor towards the
        time limit.
        """
        return True

    def refusal(self, problem: PowerAllocationProblem) -> str | None:
        """Return the reason why the allocator cannot solve problems of this kind, or None if it can.

        Called before timing starts; a refused batch is skipped with this reason. None by default.
        """
        return None

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
        problem: AnyProblem,
        progress: Advance | None = None,
        time_limit_s: float | None = None,
    ) -> Allocation:
        """Solve every problem of a batch, and verify the answers; a failure of the solver never raises.

        If a vectorised allocator fails on a batch, its problems are solved one by one, so that only the failing
        ones lose their rows.

        Parameters
        ----------
        problem : PowerAllocationProblem or UplinkProblem
            A problem with any batch axes.
        progress : callable, optional
            Called with the number of problems solved since the last call.
        time_limit_s : float, optional
            Longest time in seconds for a problem; for a batch that is solved at once, the limit applies to the
            whole batch before its problems are solved one by one.

        Returns
        -------
        Allocation
            Allocation over the problem's batch axes. A problem for which the allocator raised has the status
            ``failed``, one at which it was stopped ``timed_out``.
        """
        shape, size = problem.batch_shape, math.prod(problem.batch_shape)
        judge = partial(verify, problem, by=display_name(self), certified=self.certified)
        if self.vectorized:
            attempt = self._attempt(problem, time_limit_s)
            if attempt.breakdown is None or size == 1:
                if progress is not None:
                    progress(size)
                return judge(attempt.shares, attempt.seconds / max(size, 1), together=size)
        answers, seconds = [], np.zeros(shape)
        for index in np.ndindex(shape):
            attempt = self._attempt(problem[index], time_limit_s)
            seconds[index] = attempt.seconds
            answers.append(attempt.shares)
            if progress is not None:
                progress(1)
        histories = [answer.history for answer in answers]
        return judge(_merge(problem, answers), seconds, histories)

    def _attempt(self, problem: AnyProblem, time_limit_s: float | None) -> _Attempt:
        # Acquire the lock outside the time limit, whose exception can occur anywhere and must not leave it held.
        # A solver's sums, unlike those of a batch, are mostly those of a library.
        with self._lock(), nullcontext() if self.vectorized else one_thread():
            # Drop cached values so that every allocator is timed from the same state.
            problem = problem.without_cache()
            try:
                with guard_environment(f"refusal of {display_name(self)}", self), time_limit(time_limit_s):
                    refusal = self.reason_to_skip(problem)
                if refusal is not None and not (isinstance(refusal, str) and refusal.strip()):
                    raise TypeError(f"its refusal must be a nonempty string or None, got {short_repr(refusal)}")
            except IncompatibleError as error:
                refusal = reason_of(error, display_name(self))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                return self._fail(problem, self._breakdown(error, time_limit_s), 0.0)
            if refusal is not None:
                return _Attempt(shares=Shares.none(problem, Status.SKIPPED, refusal), seconds=0.0)
            elapsed = 0.0
            try:
                with guard_environment(display_name(self), self, problem.objective):
                    start = time.perf_counter()
                    try:
                        with time_limit(time_limit_s):
                            shares = _copy_of(self.solve(cast(PowerAllocationProblem, problem)), problem)
                    finally:
                        elapsed = time.perf_counter() - start
            except IncompatibleError as error:
                shares = Shares.none(problem, Status.SKIPPED, reason_of(error, display_name(self)))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                raise_if_interrupted()
                # A faulty part must fail only its own rows. Panics of libraries in Rust are no Exception.
                return self._fail(problem, self._breakdown(error, time_limit_s), elapsed)
            return _Attempt(shares=shares, seconds=elapsed)

    def _lock(self) -> AbstractContextManager[Any]:
        """Return the lock under which the allocator solves; one that cannot say whether it needs it gets it."""
        try:
            return nullcontext() if self.thread_safe else ONE_AT_A_TIME
        except Exception:
            return ONE_AT_A_TIME

    def reason_to_skip(self, problem: AnyProblem) -> str | None:
        """Return why the allocator cannot solve problems of this link, or of this kind; None if it can."""
        if problem.link not in self.links:
            return f"{self.name} is for the {self.links[0]} alone; exact and conic solve the {problem.link}"
        return self.refusal(cast(PowerAllocationProblem, problem))

    def _breakdown(self, error: BaseException, time_limit_s: float | None) -> Breakdown:
        """Return the breakdown for the exception that is being handled."""
        wrong_shape = isinstance(error, _WrongShapeError)
        shown = ValueError(*error.args) if wrong_shape else error
        timed_out, message = describe_failure(shown, display_name(self), time_limit_s)
        kind = BreakdownKind.WRONG_SHAPE if wrong_shape else BreakdownKind.RAISED
        kind = BreakdownKind.TIMED_OUT if timed_out else kind
        return Breakdown(kind=kind, message=message)

    def _fail(self, problem: AnyProblem, breakdown: Breakdown, seconds: float) -> _Attempt:
        shares = Shares.none(problem, breakdown.status, breakdown.message)
        return _Attempt(shares=shares, seconds=seconds, breakdown=breakdown)


@attrs.frozen(kw_only=True, eq=False)
class _Attempt:
    """An allocator's answer, its time, and the breakdown, if any."""

    shares: Shares
    seconds: float
    breakdown: Breakdown | None = None


class _WrongShapeError(ValueError):
    """Shares have the wrong shape."""


def _copy_of(shares: Any, problem: AnyProblem) -> Shares:
    """Validate shares returned by a solver, and return them with copies of their arrays."""
    if not isinstance(shares, Shares):
        raise TypeError(f"it must return Shares, got {short_repr(shares)}")
    shape = (*problem.batch_shape, problem.users)
    streams = (*shape[:-1], problem.streams)
    if shares.communication.shape != shape or shares.sensing.shape not in (shape[:-1], streams):
        wanted = shape[:-1] if problem.streams == 1 else f"{streams} or {shape[:-1]}"
        raise _WrongShapeError(
            f"its shares have shapes {shares.communication.shape} and {shares.sensing.shape},"
            f" not {shape} and {wanted}"
        )
    for name in ("status", "message", "iterations", "bound"):
        value = np.asarray(getattr(shares, name), dtype=object)
        if value.shape not in ((), shape[:-1]):
            raise _WrongShapeError(f"its {name} has shape {value.shape}, not {shape[:-1]}")
    known = {*map(str, Status), "None"}
    claims = np.unique(np.asarray(shares.status, dtype=object).astype(str))
    for claim in claims:
        if claim not in known:
            raise ValueError(f"its status must be one of {', '.join(map(str, Status))}, got {claim!r}")
    if not isinstance(shares.history, (tuple, list)) or not all(map(_is_number, shares.history)):
        raise TypeError(f"its history must hold numbers, got {short_repr(shares.history)}")
    status, message, bound = shares.status, shares.message, shares.bound
    if status is not None and not isinstance(status, Status):
        each = np.asarray(status, dtype=object)
        status = np.array(["" if claim is None else str(claim) for claim in each.flat], object).reshape(
            each.shape
        )
    if type(message) is not str:
        message = _lines(message)
    # Copies of the plain types: an allocator may reuse its buffers for the next problem.
    return Shares(
        communication=np.array(shares.communication, dtype=np.float64, order="C"),
        sensing=np.array(shares.sensing, dtype=np.float64, order="C"),
        status=status,
        message=message,
        iterations=np.array(shares.iterations, dtype=np.int64),
        history=tuple(map(float, shares.history)),
        bound=None if bound is None else np.array(bound, dtype=np.float64),
    )


def _lines(message: Any) -> NDArray[Any]:
    each = np.asarray(message, dtype=object)
    return np.array([one_line(one) for one in each.flat], dtype=object).reshape(each.shape)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float))


def reason_of(error: IncompatibleError, by: str) -> str:
    """Return the text of an error of a part, even if it cannot be formatted."""
    told = describe_exception(error)
    return told.partition(": ")[2] or f"{by} {told}"


def _merge(problem: AnyProblem, answers: list[Shares]) -> Shares:
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
        bound=np.array(
            [np.nan if answer.bound is None else answer.bound for answer in answers], dtype=np.float64
        ).reshape(shape),
    )
