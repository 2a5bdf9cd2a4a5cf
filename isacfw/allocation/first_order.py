r"""Derivatives of objectives with respect to all shares."""

from __future__ import annotations

import attrs
import numpy as np

from ..base.numbers import FloatArray
from ..sensing.reduction import angle_information
from .least import LeastCRLB, LeastPower
from .objective import Objective, Utility
from .problem import PowerAllocationProblem


def is_sum_rate(objective: Objective) -> bool:
    """Return whether an objective is the sum rate without weights."""
    form = objective.fairness if isinstance(objective, Utility) else None
    return form is not None and form.alpha == 0 and form.weights is None and not form.of_sinr


def is_smallest(objective: Objective) -> bool:
    """Return whether an objective is the smallest rate, or SINR."""
    form = objective.fairness if isinstance(objective, Utility) else None
    return form is not None and bool(np.isinf(form.alpha))


def gradient(
    problem: PowerAllocationProblem, x: FloatArray, q: FloatArray, weights: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    r"""Return the derivatives of a weighted sum rate in nats per data symbol with respect to all shares.

    Parameters
    ----------
    problem : PowerAllocationProblem
        Its prelog does not matter.
    x, q : ndarray, shapes (..., K) and (..., S)
        Shares of the users and of the streams.
    weights : ndarray, shape (..., K), optional
        Weights :math:`w_k` of :math:`\ln(1 + SINR_k)`; 1 by default.

    Returns
    -------
    users, streams : ndarray, shapes (..., K) and (..., S)
    """
    disturbance = problem.disturbance(x, q)
    received = disturbance + problem.gain * x
    # Cost of a unit of interference to each user.
    price = problem.gain * x / (disturbance * received)
    own = problem.gain / received
    if weights is not None:
        # Infinite weights have no finite derivatives; callers check the result.
        with np.errstate(invalid="ignore", over="ignore"):
            price, own = weights * price, weights * own
    common = (price * problem.common_interference).sum(axis=-1, keepdims=True)
    users = own - common
    if problem.coupling is not None:
        users = users - (price[..., None, :] @ problem.coupling)[..., 0, :]
    streams = -(price * problem.sensing_interference).sum(axis=-1, keepdims=True)
    if problem.stream_coupling is not None:
        streams = streams - (price[..., None, :] @ problem.stream_coupling)[..., 0, :]
    return np.asarray(users), np.broadcast_to(streams, (*users.shape[:-1], problem.streams))


def utility_and_weights(
    problem: PowerAllocationProblem, x: FloatArray, q: FloatArray
) -> tuple[FloatArray, FloatArray]:
    r"""Return a utility, and its derivatives with respect to :math:`\ln(1 + SINR_k)`; (...) and (..., K).

    The derivatives may be infinite at rates of 0.
    """
    objective = problem.objective
    assert isinstance(objective, Utility)
    # A utility does not depend on the CRLBs.
    performance = problem.performance(x, q, np.full(2 * problem.targets, np.nan))
    with np.errstate(all="ignore"):
        value = objective.value(performance)
        return value, np.asarray(objective.gradient(performance) * (1 + performance.sinr))


@attrs.frozen(kw_only=True, eq=False)
class Pieces:
    """An objective at a point as the minimum of functions that are to be maximised.

    Attributes
    ----------
    values, slopes : ndarray, shapes (M,) and (M, K + S)
        Value of each function, and its derivatives with respect to all shares.
    """

    values: FloatArray
    slopes: FloatArray

    @classmethod
    def of(cls, problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> Pieces | None:
        """Return the objective of a problem without batch axes at shares (K,) and (S,); None if it is unknown."""
        objective = problem.objective
        if isinstance(objective, Utility):
            value, weights = utility_and_weights(problem, x, q)
            if is_smallest(objective):
                return cls._of_smallest(problem, x, q)
            return cls(values=value[None], slopes=np.concatenate(gradient(problem, x, q, weights))[None])
        if isinstance(objective, LeastPower):
            return cls(values=-(x.sum() + q.sum())[None], slopes=-np.ones((1, len(x) + len(q))))
        if isinstance(objective, LeastCRLB):
            return cls._of_crlbs(problem, objective, x, q)
        return None

    @classmethod
    def _of_smallest(cls, problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> Pieces:
        sinr = problem.sinr(x, q)
        form = problem.objective.fairness if isinstance(problem.objective, Utility) else None
        of_sinr = form is not None and form.of_sinr
        each = 1 + sinr if of_sinr else np.full(problem.users, float(problem.prelog) / np.log(2))
        slopes = [np.concatenate(gradient(problem, x, q, row)) for row in np.diag(each)]
        return cls(values=sinr if of_sinr else problem.rates_of(sinr), slopes=np.array(slopes))

    @classmethod
    def _of_crlbs(
        cls, problem: PowerAllocationProblem, objective: LeastCRLB, x: FloatArray, q: FloatArray
    ) -> Pieces:
        selected = np.flatnonzero(objective.selected(problem.known) > 0)
        information, minimiser = angle_information(problem.information(x, q), problem.jacobians, problem.known)
        with np.errstate(divide="ignore"):
            crlb, vectors = 1 / information[selected], minimiser[selected]
        users = problem.fisher_communication[None] if problem.fisher_users is None else problem.fisher_users
        streams = problem.fisher_sensing[None] if problem.fisher_streams is None else problem.fisher_streams
        each = [
            np.broadcast_to(np.einsum("ai,bij,aj->ab", vectors, signals, vectors), (len(selected), count))
            for signals, count in ((users, len(x)), (streams, len(q)))
        ]
        with np.errstate(invalid="ignore", over="ignore"):
            slopes = crlb[:, None] ** 2 * np.concatenate(each, axis=1)
        if objective.measure == "sum":
            return cls(values=-crlb.sum(keepdims=True), slopes=slopes.sum(axis=0)[None])
        limit = problem.crlb_limit[selected]
        limited = np.isfinite(limit)
        return cls(values=-crlb[limited] / limit[limited], slopes=slopes[limited] / limit[limited, None])
