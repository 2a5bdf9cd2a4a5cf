"""Pyomo model of problems with differing users, streams or targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from isacfw import FloatArray, PowerAllocationProblem

from ._limits import Kind, Limits


def build_general_model(kind: Kind) -> Any:
    r"""Return problem (54) with limits on any number of angles as a Pyomo model with mutable parameters.

    Parameters
    ----------
    kind : Kind
        Numbers of users, streams and limits, and which of them differ.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables ``x`` (shares of the users), ``f`` (their sum), ``q`` (shares of the streams), ``sensing``
        (their sum), ``i`` (interference that is not common), ``J`` (Fisher information) and, for each limit l, a
        vector ``y``. With the required information :math:`r_l r_l^T`, a limit :math:`J - r_l r_l^T \succeq 0`
        is :math:`r_l^T J^{-1} r_l \le 1`, that is :math:`J y_l = r_l` and :math:`r_l^T y_l \le 1`.
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel()
    disturbance = add_shares(model, kind)
    model.rate = pyo.Objective(
        expr=sum(pyo.log(1 + model.g[k] * model.x[k] / disturbance(k)) for k in range(kind.users)),
        sense=pyo.maximize,
    )
    if kind.limits and kind.order:
        add_information(model, kind)
        limits, rows = range(kind.limits), range(kind.order)
        model.crlb = pyo.Constraint(
            limits, rule=lambda model, limit: sum(model.r[limit, i] * model.y[limit, i] for i in rows) <= 1
        )
    return model


def add_shares(model: Any, kind: Kind) -> Callable[[int], Any]:
    """Add shares, their sums and interference to a model; return noise and interference of a user."""
    import pyomo.environ as pyo

    users, streams = range(kind.users), range(kind.streams)
    model.x = pyo.Var(users, bounds=(0, 1))
    model.f = pyo.Var(bounds=(0, 1))
    model.q = pyo.Var(streams, bounds=(0, 1))
    for name in ("g", "b", "c"):
        setattr(model, name, pyo.Param(users, mutable=True, initialize=1.0))
    pairs = kind.coupled or kind.stream_coupled
    if pairs:
        model.i = pyo.Var(users, bounds=(0, None))
        model.C = pyo.Param(users, users, mutable=True, initialize=0.0)
        model.B = pyo.Param(users, streams, mutable=True, initialize=0.0)
        model.coupling = pyo.Constraint(
            users,
            rule=lambda model, k: (
                sum(model.C[k, j] * model.x[j] for j in users if kind.coupled)
                + sum(model.B[k, s] * model.q[s] for s in streams if kind.stream_coupled)
                == model.i[k]
            ),
        )
    model.sensing = pyo.Var(bounds=(0, 1))
    model.total = pyo.Constraint(expr=sum(model.x[k] for k in users) - model.f == 0)
    model.total_sensing = pyo.Constraint(expr=sum(model.q[s] for s in streams) - model.sensing == 0)
    model.power = pyo.Constraint(expr=model.f + model.sensing <= 1)

    def disturbance(k: int) -> Any:
        common = model.b[k] * model.sensing + model.c[k] * model.f + 1
        return common + model.i[k] if pairs else common

    return disturbance


def add_information(model: Any, kind: Kind) -> None:
    """Add the Fisher information J, and the vectors y with J y = r, to a model with shares."""
    import pyomo.environ as pyo

    shares = [model.x[k] for k in range(kind.users)] if kind.users_differ else [model.f]
    shares += [model.q[s] for s in range(kind.streams)] if kind.streams_differ else [model.sensing]
    rows, signals, limits = range(kind.order), range(len(shares)), range(kind.limits)
    entries = [(i, j) for i in rows for j in range(i + 1)]
    model.A = pyo.Param(signals, entries, mutable=True, initialize=1.0)
    model.r = pyo.Param(limits, rows, mutable=True, initialize=1.0)
    model.J = pyo.Var(entries)
    model.y = pyo.Var(limits, rows)
    model.information = pyo.Constraint(
        entries,
        rule=lambda model, i, j: (
            sum(model.A[signal, i, j] * shares[signal] for signal in signals) - model.J[i, j] == 0
        ),
    )
    model.inverse = pyo.Constraint(
        limits,
        rows,
        rule=lambda model, limit, i: (
            sum(model.J[max(i, j), min(i, j)] * model.y[limit, j] for j in rows) - model.r[limit, i] == 0
        ),
    )


@attrs.frozen(eq=False)
class GeneralNumbers:
    """The numbers of a general problem, in the form of the model's parameters.

    Attributes
    ----------
    kind : Kind
        Kind of the problem.
    limits : Limits
        Limits of the problem.
    directions : ndarray, shape (L, N)
        :math:`r_l`, whose outer product is the required information.
    """

    kind: Kind
    limits: Limits
    directions: FloatArray

    @classmethod
    def of(cls, problem: PowerAllocationProblem, limits: Limits) -> GeneralNumbers:
        """Return the numbers of a problem."""
        directions = np.zeros(limits.required.shape[:-1])
        for row, matrix in zip(directions, limits.required, strict=True):
            largest = int(np.argmax(np.diagonal(matrix)))
            row[:] = matrix[largest] / np.sqrt(matrix[largest, largest])
        return cls(Kind.of(problem, limits), limits, directions)

    @property
    def _signals(self) -> FloatArray:
        return np.concatenate([self.limits.users[0], self.limits.streams[0]])

    @property
    def _limited(self) -> bool:
        return bool(self.kind.limits and self.kind.order)

    def set_in(self, model: Any, problem: PowerAllocationProblem) -> None:
        """Set the model's parameters to the numbers of the problem."""
        model.g.store_values(dict(enumerate(problem.gain.tolist())))
        model.b.store_values(dict(enumerate(problem.sensing_interference.tolist())))
        model.c.store_values(dict(enumerate(problem.common_interference.tolist())))
        if problem.coupling is not None:
            model.C.store_values({index: float(problem.coupling[index]) for index in model.C})
        if problem.stream_coupling is not None:
            model.B.store_values({index: float(problem.stream_coupling[index]) for index in model.B})
        if self._limited:
            signals = self._signals
            model.A.store_values({index: float(signals[index]) for index in model.A})
            model.r.store_values({index: float(self.directions[index]) for index in model.r})

    def point(self, problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> FloatArray:
        """Return all unknowns of the model at shares (K,) and (S,)."""
        parts: list[Any] = [x, [x.sum()], q]
        if self.kind.coupled or self.kind.stream_coupled:
            own = np.zeros(problem.users)
            if problem.coupling is not None:
                own = own + problem.coupling @ x
            if problem.stream_coupling is not None:
                own = own + problem.stream_coupling @ q
            parts.append(own)
        parts.append([q.sum()])
        if self._limited:
            shares = np.concatenate(
                [x if self.kind.users_differ else [x.sum()], q if self.kind.streams_differ else [q.sum()]]
            )
            fisher = np.tensordot(shares, self._signals, 1)
            solved = np.linalg.lstsq(fisher, self.directions.T, rcond=None)[0].T
            rows, columns = np.tril_indices(self.kind.order)
            parts += [fisher[rows, columns], solved.ravel()]
        return np.concatenate(parts)
