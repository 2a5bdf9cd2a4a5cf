"""Power allocators: the contract, and the framework's judgement of what they return."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, ClassVar

import attrs
import numpy as np

from ..base.errors import IncompatibleError, log_traceback, raised, shown
from ..base.part import ONE_AT_A_TIME, LabelledPart, described
from ..base.time_limit import TimeUp, time_limit
from .allocation import Allocation, Shares, Status
from .problem import PowerAllocationProblem
from .verdict import verified

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
        problem = problem.without_cache()
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
