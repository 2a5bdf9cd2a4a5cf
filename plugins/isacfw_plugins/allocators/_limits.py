"""Limits of a problem as linear matrix inequalities, and kinds of problems."""

from __future__ import annotations

import math

import attrs
import numpy as np

from isacfw import FloatArray, PowerAllocationProblem, in_angles

_REGULAR = 1e-3
"""Sine of the angle between the derivatives of the coordinates above which the angles serve as coordinates."""


@attrs.frozen
class Kind:
    """The common structure of problems that differ only in numbers.

    Attributes
    ----------
    users, streams : int
        Numbers K and S.
    limits, order : int
        Numbers of matrix inequalities and of their rows.
    coupled, stream_coupled : bool
        Whether interference differs from user to user, or from stream to stream.
    users_differ, streams_differ : bool
        Whether the Fisher information of the users' signals, or of the streams, differs.
    """

    users: int
    streams: int
    limits: int
    order: int
    coupled: bool
    stream_coupled: bool
    users_differ: bool
    streams_differ: bool

    @classmethod
    def of(cls, problem: PowerAllocationProblem, limits: Limits) -> Kind:
        """Return the kind of a problem with its limits."""
        return cls(
            users=problem.users,
            streams=problem.streams,
            limits=len(limits.required),
            order=limits.required.shape[-1],
            coupled=problem.coupling is not None,
            stream_coupled=problem.stream_coupling is not None,
            users_differ=limits.users.shape[1] > 1,
            streams_differ=limits.streams.shape[1] > 1,
        )


@attrs.frozen
class Limits:
    """Limits as linear matrix inequalities, the Fisher information scaled to a diagonal of order one.

    Attributes
    ----------
    users, streams : ndarray, shapes (L, 1 or K, N, N) and (L, 1 or S, N, N)
        For each limit, the information of the signals of the users and of the streams; one if they are alike.
    required : ndarray, shape (L, N, N)
        Required information: the information in each limit minus this must be positive semidefinite. N is 2 for
        one target with an aligned beam, for which the angles do not couple with α.
    """

    users: FloatArray
    streams: FloatArray
    required: FloatArray

    @classmethod
    def of(cls, problem: PowerAllocationProblem) -> Limits | None:
        """Return the limits of a problem; None if a limited angle cannot be estimated."""
        if is_plain(problem):
            return cls._of_one_target(problem)
        limits = problem.matrix_inequalities()
        if limits is None:
            return None
        count = len(limits.required)
        signals = np.broadcast_to(limits.signals, (count, *limits.signals.shape))
        users = 1 if problem.fisher_users is None else problem.users
        return cls(signals[:, :users], signals[:, users:], limits.required)

    @classmethod
    def _of_one_target(cls, problem: PowerAllocationProblem) -> Limits:
        """Return the limits of both angles; a missing one becomes f + q >= 0."""
        size = 2 if problem.aligned else 4
        fisher = angular(problem)[:, :size, :size]
        diagonal = np.diagonal(fisher.sum(axis=0))
        scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        limited = np.isfinite(problem.crlb_limit)[:, None, None]
        communication, sensing = np.where(limited, (fisher * np.outer(scale, scale))[:, None], np.eye(size))
        required = np.zeros((2, size, size))
        required[[0, 1], [0, 1], [0, 1]] = scale[:2] ** 2 / problem.crlb_limit
        return cls(communication[:, None], sensing[:, None], required)


def refuse_displaced(problem: PowerAllocationProblem) -> str | None:
    """Return why a solver with models of the nominal targets alone refuses a problem; None if it does not."""
    if problem.displaced_sensing is None:
        return None
    return "the limits hold at displaced targets too; the allocators exact and conic solve that"


def is_plain(problem: PowerAllocationProblem) -> bool:
    """Return whether there is one target with both angles unknown, and all signals are alike."""
    if problem.targets > 1 or problem.fisher_users is not None or problem.fisher_streams is not None:
        return False
    jacobian = problem.jacobians[0]
    (a, b), (c, d) = jacobian.tolist()
    determinant = abs(a * d - b * c)
    regular = determinant >= _REGULAR * math.hypot(a, c) * math.hypot(b, d)
    return regular and determinant > 0 and not problem.known.any()


def angular(problem: PowerAllocationProblem) -> FloatArray:
    """Return the Fisher information of a plain problem in the angles, communication then sensing; (2, 4, 4)."""
    fisher = np.stack([problem.fisher_communication, problem.fisher_sensing])
    return fisher if np.array_equal(problem.jacobians[0], np.eye(2)) else in_angles(fisher, problem.jacobians)


def row_sizes(rows: FloatArray) -> FloatArray:
    """Return the largest absolute coefficient of each row, 1 for a row of zeros; (R,)."""
    size = np.abs(rows).max(axis=-1)
    return np.where(size > 0, size, 1.0)
