"""Shares of power as an allocator returns them, and as the framework has verified them."""

from __future__ import annotations

import enum
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray, float_array
from .problem import PowerAllocationProblem


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
    TIMED_OUT = "timed_out", "The allocator was stopped at its time limit."

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
    :data:`~isacfw.STATIONARITY_TOLERANCE`. The arrays are read-only.

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
