"""Pyomo model of all objectives and requirements."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

import isacfw
from isacfw import FloatArray, PowerAllocationProblem

from ._goals import Goal, fairness_of
from ._ipopt_general import GeneralNumbers, add_information, add_shares
from ._limits import Kind, Limits, row_sizes


def build_goal_model(kind: Kind, goal: Goal) -> Any:
    r"""Return the problem with any objective and all requirements as a Pyomo model with mutable parameters.

    Parameters
    ----------
    kind : Kind
        Numbers of users, streams and angles, and which of them differ.
    goal : Goal
        Structure of objective and requirements.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables of :func:`build_general_model`, and ``t`` for the smallest rate, or the largest ratio of a
        CRLB to its limit. Rates are in units of ``unit``. With :math:`J y_l = r_l`, the CRLB of an angle in its
        unit is :math:`r_l^T y_l`. A minimum rate is :math:`x_k \ge (\Gamma_k / g_k) I_k`, with interference and
        noise :math:`I_k`.
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel()
    disturbance = add_shares(model, kind)
    users = range(kind.users)
    floored = [k for k in users if goal.floored[k]]
    _add_linear(model, kind, goal)
    model.need = pyo.Param(users, mutable=True, initialize=1.0)
    model.floor = pyo.Constraint(floored, rule=lambda model, k: model.x[k] - model.need[k] * disturbance(k) >= 0)
    crlb: list[Any] = []
    if kind.limits and kind.order:
        add_information(model, kind)
        rows = range(kind.order)
        crlb = [sum(model.r[limit, i] * model.y[limit, i] for i in rows) for limit in range(kind.limits)]
        model.crlb = pyo.Constraint(list(goal.plain), rule=lambda _, limit: crlb[limit] <= 1)
        model.w = pyo.Param(range(goal.sums), range(kind.limits), mutable=True, initialize=1.0)
        model.sums = pyo.Constraint(
            range(goal.sums),
            rule=lambda model, m: (
                sum(
                    model.w[m, limit] * model.r[limit, i] * model.y[limit, i]
                    for limit in goal.bordered
                    for i in rows
                )
                <= 1
            ),
        )
    if goal.form in ("utility", "smallest"):
        _add_utility(model, goal, [model.g[k] * model.x[k] / disturbance(k) for k in users])
    elif goal.form == "power":
        model.goal = pyo.Objective(expr=model.f + model.sensing)
    else:
        _add_crlbs(model, kind, goal)
    return model


def _add_linear(model: Any, kind: Kind, goal: Goal) -> None:
    """Add the linear requirements on the shares of all users and streams."""
    import pyomo.environ as pyo

    users, streams, linear = range(kind.users), range(kind.streams), range(goal.linear)
    model.linear = pyo.Param(linear, range(kind.users + kind.streams), mutable=True, initialize=1.0)
    model.linear_least = pyo.Param(linear, mutable=True, initialize=0.0)
    model.reached = pyo.Constraint(
        linear,
        rule=lambda model, r: (
            sum(model.linear[r, k] * model.x[k] for k in users)
            + sum(model.linear[r, kind.users + s] * model.q[s] for s in streams)
            - model.linear_least[r]
            >= 0
        ),
    )


def _add_utility(model: Any, goal: Goal, sinr: list[Any]) -> None:
    import pyomo.environ as pyo

    model.unit = pyo.Param(mutable=True, initialize=1.0)
    model.weight = pyo.Param(range(len(sinr)), mutable=True, initialize=1.0)
    each = {
        k: (one if goal.of_sinr else pyo.log(1 + one)) / model.unit
        for k, one in enumerate(sinr)
        if goal.served[k]
    }
    if goal.form == "smallest":
        model.t = pyo.Var(bounds=(0, None))
        model.smallest = pyo.Constraint(list(each), rule=lambda model, k: each[k] - model.t >= 0)
        model.goal = pyo.Objective(expr=model.t, sense=pyo.maximize)
        return
    if goal.alpha == 0:
        terms = each
    elif goal.alpha == 1:
        terms = {k: pyo.log(one) for k, one in each.items()}
    else:
        terms = {k: one ** (1 - goal.alpha) / (1 - goal.alpha) for k, one in each.items()}
    model.goal = pyo.Objective(expr=sum(model.weight[k] * term for k, term in terms.items()), sense=pyo.maximize)


def _add_crlbs(model: Any, kind: Kind, goal: Goal) -> None:
    import pyomo.environ as pyo

    angles, rows = range(kind.limits), range(kind.order)
    model.chosen = pyo.Param(angles, mutable=True, initialize=1.0)
    if goal.form == "crlb_sum":
        model.goal = pyo.Objective(
            expr=sum(model.chosen[a] * model.r[a, i] * model.y[a, i] for a in angles for i in rows)
        )
        return
    model.t = pyo.Var(bounds=(0, None))
    model.worst = pyo.Constraint(
        angles,
        rule=lambda model, a: sum(model.chosen[a] * model.r[a, i] * model.y[a, i] for i in rows) - model.t <= 0,
    )
    model.goal = pyo.Objective(expr=model.t)


@attrs.frozen(eq=False)
class GoalNumbers:
    """The numbers of a problem in the form of the model's parameters.

    Attributes
    ----------
    general : GeneralNumbers
        Those of interference and Fisher information.
    limits : InformationLimits
        Limits on CRLBs and on their sums.
    goal : Goal
        Objective and requirements.
    """

    general: GeneralNumbers
    limits: isacfw.InformationLimits
    goal: Goal

    @classmethod
    def of(cls, problem: PowerAllocationProblem) -> GoalNumbers | None:
        """Return the numbers of a problem; None if an angle that matters cannot be estimated."""
        limits = problem.information_limits(selected_angles(problem))
        if limits is None:
            return None
        users = problem.users if limits.users_differ else 1
        matrices = Limits(
            limits.signals[None, :users], limits.signals[None, users:], limits.directions[:, :, None]
        )
        kind = Kind(
            users=problem.users,
            streams=problem.streams,
            limits=len(limits.directions),
            order=limits.signals.shape[-1],
            coupled=problem.coupling is not None,
            stream_coupled=problem.stream_coupling is not None,
            users_differ=limits.users_differ,
            streams_differ=limits.streams_differ,
        )
        return cls(GeneralNumbers(kind, matrices, limits.directions), limits, Goal.of(problem, limits))

    @property
    def key(self) -> tuple[Kind, Goal]:
        """Kind and goal, which determine the model."""
        return self.general.kind, self.goal

    def set_in(self, model: Any, problem: PowerAllocationProblem, start: tuple[FloatArray, FloatArray]) -> None:
        """Set the model's parameters; rates are relative to those at a start."""
        self.general.set_in(model, problem)
        least = problem.least_sinr
        if least is not None:
            model.need.store_values(dict(enumerate((least / problem.gain).tolist())))
        if problem.linear_least is not None:
            size = row_sizes(problem.linear_rows)
            rows, linear = problem.linear_rows / size[:, None], problem.linear_least / size
            model.linear.store_values({index: float(rows[index]) for index in model.linear})
            model.linear_least.store_values(dict(enumerate(linear.tolist())))
        if self.limits.angles:
            weights = np.zeros((self.goal.sums, len(self.limits.angles)))
            weights[:, list(self.limits.bordered)] = self.limits.sums
            model.w.store_values({index: float(weights[index]) for index in model.w})
        if self.goal.form in ("utility", "smallest"):
            fairness = fairness_of(problem)
            assert fairness is not None
            weight = fairness.weights_of(problem.users)
            model.weight.store_values(dict(enumerate((weight / weight.max()).tolist())))
            model.unit.set_value(self._unit(problem, *start))
        elif self.goal.form != "power":
            chosen = self._chosen(problem)
            model.chosen.store_values(dict(enumerate(chosen.tolist())))

    def _unit(self, problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> float:
        """Return a typical rate in nats, or SINR, of the users that count."""
        sinr = problem.sinr(x, q)
        each = (sinr if self.goal.of_sinr else np.log1p(sinr))[list(self.goal.served)]
        typical = float(each.min() if self.goal.form == "smallest" or self.goal.alpha > 1 else each.mean())
        return typical if typical > 0 else 1.0

    def _chosen(self, problem: PowerAllocationProblem) -> FloatArray:
        """Return the weight of each CRLB, in its unit, in an objective of order one."""
        angles = list(self.limits.angles)
        selected = selected_angles(problem)
        assert selected is not None
        chosen = np.where(selected[angles] > 0, self.limits.units, 0.0)
        if self.goal.form == "crlb_worst":
            limit = problem.crlb_limit[angles]
            return np.where(np.isfinite(limit), chosen / limit, 0.0)
        return np.asarray(chosen / chosen.max())

    def point(self, problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> FloatArray:
        """Return all unknowns of the model at shares (K,) and (S,)."""
        known = self.general.point(problem, x, q)
        if self.goal.form in ("smallest", "crlb_worst"):
            return np.append(known, 0.5 if self.goal.form == "smallest" else 1.0)
        return known


def selected_angles(problem: PowerAllocationProblem) -> FloatArray | None:
    """Return 1 for each angle in the objective, 0 for others; (2T,), or None if it is not one of CRLBs."""
    objective = problem.objective
    return objective.selected(problem.known) if isinstance(objective, isacfw.LeastCRLB) else None
