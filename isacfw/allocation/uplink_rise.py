"""Distance of an allocation of the uplink from a local optimum, which is a global one: the problem is concave."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from ..base.time_limit import seconds_left
from .objective import Utility
from .uplink import UplinkProblem
from .uplink_form import ConcaveUplink


def uplink_rise(problem: UplinkProblem, x: FloatArray, where: NDArray[np.bool_]) -> FloatArray:
    r"""Return the largest first-order improvement of the objective towards a feasible point, by its value; (...).

    Parameters
    ----------
    problem : UplinkProblem
        With any batch axes.
    x : ndarray, shape (..., K)
        Shares of the users.
    where : ndarray of bool, shape (...)
        Problems for which it is wanted.

    Returns
    -------
    ndarray, shape (...)
        NaN if it is not wanted, or the objective is not a utility. The least power has a closed form, and no
        allocator reports it as locally optimal.

    Notes
    -----
    The Frank-Wolfe gap :math:`\max_{z'} \nabla U(z)^T (z' - z)` in the variables of
    :class:`~isacfw.ConcaveUplink`, by a linear program, relative to :math:`|U|`, or to :math:`\max(1, |U|)` if
    the value may be zero or negative.
    """
    found = np.full(problem.batch_shape, np.nan)
    if not isinstance(problem.objective, Utility):
        return found
    for index in map(tuple, np.argwhere(np.broadcast_to(where, problem.batch_shape))):
        found[index] = _rise(ConcaveUplink.of(problem[index]), x[index])
    return found


def _rise(form: ConcaveUplink, x: FloatArray) -> float:
    from scipy.optimize import linprog

    z, _ = form.at(x)
    gradient, users, every = form.gradient(z), len(z), len(form.noise)
    if not np.isfinite(gradient).all():
        return float("inf")
    scale = float(np.abs(gradient @ z)) or 1.0
    rows = np.concatenate(
        [
            np.concatenate([form.load, form.noise[:, None]], axis=-1),
            np.concatenate([form.users, -form.room[:, None]], axis=-1),
            np.concatenate([np.eye(users), -np.ones((users, 1))], axis=-1),
        ]
    )
    most = np.concatenate([np.ones(every), np.zeros(every + users)])
    bounds = [*((float(least), None) for least in form.floor), (0.0, None)]
    left = seconds_left()
    options: Any = {"time_limit": left} if np.isfinite(left) else {}
    best = linprog(-np.append(gradient, 0.0) / scale, A_ub=rows, b_ub=most, bounds=bounds, options=options)
    if best.status != 0 or best.fun is None:
        return float("nan")
    value = float(form.value(z))
    unit = max(abs(value), 1.0 if form.problem.objective.reported().signed else 0.0)
    return max(-float(best.fun) * scale - float(gradient @ z), 0.0) / unit if unit else float("nan")
