"""Beamformers: the contract, and the call of a part on a batch."""

from __future__ import annotations

import time
from abc import abstractmethod
from contextlib import nullcontext
from typing import Any, ClassVar

import attrs
import numpy as np

from ..allocation.allocator import reason_of
from ..allocation.breakdown import describe_failure
from ..allocation.status import Status
from ..base.errors import (
    IncompatibleError,
    one_line,
    short_repr,
)
from ..base.guard import guard_environment
from ..base.interrupts import raise_if_interrupted
from ..base.part import ONE_AT_A_TIME, LabelledPart, display_name
from ..base.time_limit import time_limit
from .beams import Beamforming, Beams
from .problem import BeamformingProblem
from .verdict import verify


@attrs.frozen(kw_only=True)
class Beamformer(LabelledPart):
    """Abstract base class of beamformers: from known channels to beams.

    Attributes
    ----------
    thread_safe : bool
        Class attribute: whether several threads may call it at once; otherwise one lock of the process is held.
    """

    thread_safe: ClassVar[bool] = True

    @abstractmethod
    def solve(self, problem: BeamformingProblem) -> Beams:
        """Return beams for one channel.

        Parameters
        ----------
        problem : BeamformingProblem
            A problem without batch axes; :meth:`BeamformingProblem.reduce` has it in few dimensions.

        Returns
        -------
        Beams
            With the claim `optimal`, `locally_optimal` or `feasible`, or without one; NaN and `infeasible`
            if no beams meet the targets.

        Raises
        ------
        IncompatibleError
            If the beamformer cannot solve problems of this kind.
        """

    def beamform(self, problem: BeamformingProblem, time_limit_s: float | None = None) -> Beamforming:
        """Solve every problem of a batch, and verify the answers; a failure of the solver never raises.

        Parameters
        ----------
        problem : BeamformingProblem
            A problem with any batch axes.
        time_limit_s : float, optional
            Longest time in seconds for a channel.

        Returns
        -------
        Beamforming
            Over the problem's batch axes. A channel for which the beamformer raised has the status ``failed``,
            one at which it was stopped ``timed_out``.
        """
        answers, seconds = [], np.zeros(problem.batch_shape)
        for index in np.ndindex(problem.batch_shape):
            beams, seconds[index] = self._attempt(problem[index], time_limit_s)
            answers.append(beams)
        return verify(problem, answers, seconds, by=display_name(self))

    def _attempt(self, problem: BeamformingProblem, time_limit_s: float | None) -> tuple[Beams, float]:
        # Acquire the lock outside the time limit, whose exception can occur anywhere and must not leave it held.
        with nullcontext() if self.thread_safe else ONE_AT_A_TIME:
            elapsed = 0.0
            try:
                with guard_environment(display_name(self), self):
                    start = time.perf_counter()
                    try:
                        with time_limit(time_limit_s):
                            beams = _copy_of(self.solve(problem), problem)
                    finally:
                        elapsed = time.perf_counter() - start
            except IncompatibleError as error:
                beams = Beams.none(problem, Status.SKIPPED, reason_of(error, display_name(self)))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                raise_if_interrupted()
                # A faulty part must fail only its own rows. Panics of libraries in Rust are no Exception.
                beams = self._failure(problem, error, time_limit_s)
            return beams, elapsed

    def _failure(self, problem: BeamformingProblem, error: BaseException, time_limit_s: float | None) -> Beams:
        timed_out, message = describe_failure(error, display_name(self), time_limit_s)
        status = Status.TIMED_OUT if timed_out else Status.FAILED
        return Beams.none(problem, status, message)


def _copy_of(beams: Any, problem: BeamformingProblem) -> Beams:
    """Validate beams returned by a solver, and return them with copies of their arrays."""
    if not isinstance(beams, Beams):
        raise TypeError(f"it must return Beams, got {short_repr(beams)}")
    shape = (problem.antennas, problem.users)
    if beams.weights.shape != shape:
        raise ValueError(f"its weights have shape {beams.weights.shape}, not {shape}")
    sensing = beams.sensing
    if sensing is not None and (sensing.ndim != 2 or sensing.shape[0] != problem.antennas):
        raise ValueError(f"its sensing beams have shape {sensing.shape}, not ({problem.antennas}, S)")
    rest = float(beams.rest)
    if rest < 0:
        raise ValueError(f"its rest of the power must be nonnegative, got {rest!r}")
    if beams.status is not None and beams.status not in {*Status}:
        raise ValueError(f"its status must be one of {', '.join(map(str, Status))}, got {beams.status!r}")
    multipliers = beams.multipliers
    if multipliers is not None:
        multipliers = np.array(multipliers, dtype=np.float64)
        if multipliers.shape != (problem.users,):
            raise ValueError(f"its multipliers have shape {multipliers.shape}, not ({problem.users},)")
    return Beams(
        weights=np.array(beams.weights, dtype=np.complex128),
        sensing=None if sensing is None else np.array(sensing, dtype=np.complex128),
        rest=rest,
        status=None if beams.status is None else Status(beams.status),
        message=one_line(beams.message),
        multipliers=multipliers,
    )
