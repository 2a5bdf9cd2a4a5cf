"""Shares of power returned by an allocator, and allocations verified by the framework."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray, float_array
from .quantity import Sizes
from .status import Status


@attrs.frozen(kw_only=True, eq=False)
class Shares:
    """An allocator's answer to a problem or a batch of problems.

    Parameters
    ----------
    communication : ndarray, shape (..., K)
        Shares :math:`x_k` of the power; NaN if there is no answer.
    sensing : ndarray, shape (..., S) or (...)
        Shares :math:`q_s` of the sensing streams, or their sum `q`, which is divided evenly among them.
    status : Status or ndarray of str, shape (...), optional
        Status as reported by the allocator. By default, and where it is None, feasible or infeasible as
        determined by the framework.
    message : str or ndarray of str, shape (...)
        Optional explanation.
    iterations : int or ndarray of int, shape (...)
        Number of iterations, 0 for a closed form.
    history : sequence of float
        Value of the objective after every iteration, for an iterative allocator on one problem.
    bound : float or ndarray, shape (...), optional
        Bound on the value of the objective that no feasible allocation exceeds (or falls below, if smaller values
        are better); NaN for none. By default, an optimal answer is its own bound.
    """

    communication: FloatArray = attrs.field(converter=float_array)
    sensing: FloatArray = attrs.field(converter=float_array)
    status: Status | NDArray[Any] | None = None
    message: str | NDArray[Any] = ""
    iterations: int | NDArray[np.int64] = 0
    history: tuple[float, ...] = ()
    bound: FloatArray | float | None = None

    @classmethod
    def none(cls, problem: Sizes, status: Status, message: str, bound: float | None = None) -> Shares:
        """Return shares that are all NaN, with a reason."""
        shape = problem.batch_shape
        return cls(
            communication=np.full((*shape, problem.users), np.nan),
            sensing=np.full(shape, np.nan),
            status=status,
            message=message,
            bound=bound,
        )


@attrs.frozen(kw_only=True, eq=False)
class Allocation:
    """Shares of power as verified by the framework; arrays over the batch of a problem.

    Objective, CRLBs and constraint violation are recomputed from the shares. `status` is as reported by the
    allocator (`claim`), unless the report does not hold. An answer that violates a constraint is ``infeasible``.
    One reported as optimal or locally optimal is ``feasible`` if the closed-form optimum, where there is one, or
    a feasible direction is better by more than :data:`~isacfw.STATIONARITY_TOLERANCE`, or if its CRLBs are not
    accurate enough to verify the limits. A problem reported as infeasible whose requirements can be met has
    ``failed``. The arrays are read-only.

    Attributes
    ----------
    communication : ndarray, shape (..., K)
        Share of the power for each user; NaN if there is no answer.
    sensing : ndarray, shape (...)
        Share of the power for sensing, over all streams.
    streams : ndarray, shape (..., S)
        Share of the power for each sensing stream.
    status, message : ndarray of str, shape (...)
        See :class:`Status`.
    iterations : ndarray of int, shape (...)
        Number of iterations as reported by the allocator.
    seconds : ndarray, shape (...)
        Wall time per problem; for a vectorised allocator, the batch's time divided equally.
    batch_size : ndarray of int, shape (...)
        Number of problems that were solved together in that time.
    rates : ndarray, shape (..., K)
        Rate of each user in bit/s/Hz.
    sum_rate : ndarray, shape (...)
        Sum rate in bit/s/Hz.
    value : ndarray, shape (...)
        Value of the problem's objective.
    bound : ndarray, shape (...)
        Bound on the value of any feasible allocation, as reported by the allocator, or the value of an optimal
        answer; NaN for none.
    crlb : ndarray, shape (..., 2T)
        CRLBs of azimuth and elevation of each target in rad².
    violation : ndarray, shape (...)
        Largest relative constraint violation, see :meth:`PowerAllocationProblem.violation`.
    feasible : ndarray of bool, shape (...)
        Whether the violation is at most 1e-6.
    history : ndarray, shape (..., I)
        Value of the objective after every iteration, NaN after the last; I is 0 without iterative answers.
    claim : ndarray of str, shape (...)
        Status as reported by the allocator; empty if it reported none.
    """

    communication: FloatArray
    sensing: FloatArray
    streams: FloatArray
    status: NDArray[Any]
    message: NDArray[Any]
    iterations: NDArray[np.int64]
    seconds: FloatArray
    batch_size: NDArray[np.int64]
    rates: FloatArray
    sum_rate: FloatArray
    value: FloatArray
    bound: FloatArray
    crlb: FloatArray
    violation: FloatArray
    feasible: NDArray[np.bool_]
    history: FloatArray
    claim: NDArray[Any]

    def copy(self) -> Allocation:
        """Return a writable copy."""
        return Allocation(
            **{field.name: np.array(getattr(self, field.name)) for field in attrs.fields(type(self))}
        )

    copied = copy  # Former name.
