"""Linear requirements: levels, certificates, margins, and every allocator against linear programs and SLSQP."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs
import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given
from numerics import PROPERTY, SEEDS, general_problem, random_problem
from numpy.random import Generator
from scipy.optimize import linprog, minimize

import isacfw
from isacfw import (
    FloatArray,
    InputError,
    LeastCRLB,
    LeastPower,
    LinearFloors,
    LinearQuantity,
    PluginError,
    PowerAllocationProblem,
    SumRate,
)
from isacfw.allocation.requirement import Constraints, margin_of
from isacfw.allocation.splits import needed_power
from isacfw.allocation.stationarity import _relax, first_order_rise
from isacfw.sensing.information import Line
from isacfw.sensing.linear import LinearLevels
from isacfw.testing import goals
from isacfw_plugins.allocators._sca_goal_model import GoalModel
from isacfw_plugins.allocators._sca_goals import GoalApproximation, GoalProgram
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.allocators.equal_com import EqualCom
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.allocators.sca import SCA
from isacfw_plugins.allocators.scip import Scip
from isacfw_plugins.allocators.uno import Uno
from isacfw_plugins.objectives.max_min import MaxMin

LOCAL = (SCA(), Ipopt(), Uno(), Scip())


def with_rows(
    problem: PowerAllocationProblem, generator: Generator, rows: int = 2, slack: float = 0.97
) -> PowerAllocationProblem:
    """Return a problem with rows that shares with a third of the power for sensing meet, some barely."""
    users, streams = problem.users, problem.streams
    negative = -generator.uniform(0.1, 1, (rows, users if problem.fisher_users is not None else 1))
    positive = generator.uniform(5, 20, (rows, streams if problem.fisher_streams is not None else 1))
    a, b = np.broadcast_to(negative, (rows, users)), np.broadcast_to(positive, (rows, streams))
    at = a @ np.full(users, 2 / (3 * users)) + b @ np.full(streams, 1 / (3 * streams))
    return attrs.evolve(problem, linear_users=a, linear_streams=b, linear_least=slack * at)


def without_limits(problem: PowerAllocationProblem, **others: Any) -> PowerAllocationProblem:
    return attrs.evolve(problem, crlb_limit=np.full_like(problem.crlb_limit, np.inf), **others)


def some_problem(seed: int, **options: Any) -> PowerAllocationProblem:
    """Return a problem with rows, and signals that differ in all ways."""
    generator = np.random.default_rng(seed)
    chosen: dict[str, Any] = {
        "streams": 1 + seed % 3,
        "targets": 1 + seed % 2,
        "users_differ": seed % 3 != 0,
        "streams_differ": seed % 5 != 0,
        "coupled": seed % 4 != 2,
    }
    problem = general_problem(generator, 2 + seed % 4, **chosen | options)
    return with_rows(problem, generator)


def rows_of(problem: PowerAllocationProblem, sinr: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Return A and b of A p ≤ b: linear requirements, and SINRs in the terms of the problem's fields."""
    assert problem.linear_users is not None
    assert problem.linear_streams is not None
    assert problem.linear_least is not None
    a = [-np.concatenate([problem.linear_users, problem.linear_streams], axis=1)]
    b = [-problem.linear_least]
    if sinr is not None:
        k, s = problem.users, problem.streams
        own = np.broadcast_to(problem.common_interference[:, None], (k, k))
        others = np.broadcast_to(problem.sensing_interference[:, None], (k, s))
        own = own if problem.coupling is None else own + problem.coupling
        others = others if problem.stream_coupling is None else others + problem.stream_coupling
        interference = np.concatenate([own, others], axis=1)
        signal = np.concatenate([np.diag(problem.gain), np.zeros((k, s))], axis=1)
        a.append((sinr[:, None] * interference - signal) / problem.gain[:, None])
        b.append(-sinr / problem.gain)
    return np.concatenate(a), np.concatenate(b)


def least_power(problem: PowerAllocationProblem, sinr: FloatArray | None) -> float:
    """Return the least power by HiGHS; infinite if there is none."""
    rows, least = rows_of(problem, sinr)
    found = linprog(np.ones(rows.shape[1]), rows, least, method="highs")
    return float(found.fun) if found.status == 0 else np.inf


def largest_common_sinr(problem: PowerAllocationProblem) -> float:
    """Return the largest smallest SINR by bisection over linear programs."""
    low, high = 0.0, float(problem.gain.max())
    for _ in range(80):
        middle = np.sqrt(max(low, 1e-9 * high) * high)
        enough = least_power(problem, np.full(problem.users, middle)) <= 1
        low, high = (middle, high) if enough else (low, middle)
    return low


# The line between two signals


@PROPERTY
@given(seed=SEEDS)
def test_largest_share_of_a_line_in_closed_form(seed: int) -> None:
    generator = np.random.default_rng(seed)
    first, second = generator.normal(0, 3, (2, 4))
    least = 10 ** generator.uniform(-3, 1, 4)
    line = Line(
        communication=np.eye(4),
        sensing=np.eye(4),
        limit=np.full(2, np.inf),
        linear=LinearLevels(first=first[:, None], second=second[:, None], least=least[:, None]),
    )
    found = line.largest_share()
    for v1, v2, r, share in zip(first, second, least, found, strict=True):
        if v1 >= r:
            assert share == 1
        elif v2 >= r:
            assert share == pytest.approx((v2 - r) / (v2 - v1), rel=1e-12)
        else:
            assert np.isnan(share)
    excess = line.smallest_excess()
    best = np.maximum(first, second)
    expected = np.divide(least, best, out=np.full(4, np.inf), where=best > 0)
    assert excess == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("size", [1.0, 1e6, 1e9])
def test_large_terms_that_cancel_are_no_reason_for_infeasibility(size: float) -> None:
    linear = LinearLevels(first=np.array([-size]), second=np.array([size]), least=np.array([1e-3]))
    line = Line(communication=np.eye(4), sensing=np.eye(4), limit=np.full(2, np.inf), linear=linear)
    assert float(line.largest_share()) == pytest.approx((size - 1e-3) / (2 * size), rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_share_with_crlb_limits_is_the_smaller_of_both(seed: int) -> None:
    generator = np.random.default_rng(seed)
    problem = with_rows(random_problem(generator, 3, aligned=False), generator)
    free, others = without_limits(problem), problem.without_linear()
    alone = float(free.largest_communication_share), float(others.largest_communication_share)
    assert float(problem.largest_communication_share) == pytest.approx(min(alone), rel=1e-12)
    (row, column) = problem.linear_rows[:, 0], problem.linear_rows[:, -1]
    assert problem.linear_least is not None
    assert alone[0] == pytest.approx(((column - problem.linear_least) / (column - row)).min(), rel=1e-12)


# Against linear programs


@pytest.mark.parametrize("seed", range(12))
def test_least_power_against_highs(seed: int) -> None:
    problem = without_limits(some_problem(seed), objective=LeastPower())
    expected = least_power(problem, None)
    found = Conic().allocate(problem)
    assert found.status == "optimal"
    assert float(found.value) == pytest.approx(expected, rel=1e-7)
    assert float(found.violation) < 1e-9
    exact = Exact()
    if exact.refusal(problem) is None:
        own = exact.allocate(problem)
        assert float(own.value) == pytest.approx(expected, rel=1e-7)
        assert own.status == "optimal"


@pytest.mark.parametrize("seed", range(12))
def test_needed_power_against_highs(seed: int) -> None:
    problem = without_limits(some_problem(seed))
    x, q = np.full(problem.users, 0.8 / problem.users), np.full(problem.streams, 0.2 / problem.streams)
    for part in (0.3, 1.0, 3.0):
        own = attrs.evolve(problem, minimum_rate=part * problem.rates(x, q))
        expected = least_power(own, own.least_sinr)
        assert float(needed_power(own, np.asarray(True))) == pytest.approx(expected, rel=1e-6)
        message = str(own.infeasibility)
        assert bool(message) == (expected > 1 + 1e-6)
        if message and np.isfinite(expected):
            (stated,) = re.findall(r"together with linear requirements need ([0-9.e+]+) times", message)
            assert float(stated) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("seed", range(8))
def test_largest_smallest_rate_against_highs(seed: int) -> None:
    problem = without_limits(some_problem(seed), objective=MaxMin())
    expected = float(problem.rates_of(np.array([largest_common_sinr(problem)]))[0])
    for allocator in (Conic(), Exact(), Uno(), Ipopt(), SCA()):
        if allocator.refusal(problem) is None:
            found = allocator.allocate(problem)
            assert float(found.value) == pytest.approx(expected, rel=1e-5 if isinstance(allocator, SCA) else 1e-6)
            assert found.status in ("optimal", "locally_optimal")


# Against a second method, with CRLB limits


def by_slsqp(problem: PowerAllocationProblem, starts: list[FloatArray]) -> float:
    """Return the best value of SLSQP from several starts."""
    users = problem.users
    sign = -1.0 if problem.objective.rises else 1.0

    def value(p: FloatArray) -> float:
        return sign * float(problem.value(p[:users], p[users:]))

    def slack(p: FloatArray) -> FloatArray:
        limited = np.isfinite(problem.crlb_limit)
        crlb = (1 - problem.crlb(p[:users], p[users:]) / problem.crlb_limit)[limited]
        assert problem.linear_least is not None
        return np.concatenate([crlb, problem.linear_rows @ p / problem.linear_least - 1, [1 - p.sum()]])

    found = [
        minimize(
            value,
            start,
            method="SLSQP",
            bounds=[(1e-9, 1)] * len(start),
            constraints={"type": "ineq", "fun": slack},
            options={"maxiter": 500, "ftol": 1e-12},
        )
        for start in starts
    ]
    return sign * min(float(one.fun) for one in found if slack(one.x).min() > -1e-7)


@pytest.mark.parametrize("seed", [0, 1, 3, 7, 8, 10])
def test_sum_rate_against_slsqp(seed: int) -> None:
    problem = some_problem(seed, slack_db=0.5)
    generator = np.random.default_rng(seed)
    starts = [generator.dirichlet(np.ones(problem.users + problem.streams)) for _ in range(6)]
    for allocator in LOCAL:
        found = allocator.allocate(problem)
        assert found.status in ("locally_optimal", "optimal"), found.message
        assert float(found.violation) <= 1e-6
        starts.append(np.concatenate([found.communication, found.streams]))
    best = by_slsqp(problem, starts)
    for allocator in LOCAL[1:]:
        assert float(allocator.allocate(problem).value) <= best * (1 + 1e-6)
    assert float(Scip().allocate(problem).bound) >= best * (1 - 1e-6)


@pytest.mark.parametrize("seed", [1, 2])
def test_step_of_sca_as_a_cone_program_and_as_stated(seed: int) -> None:
    problem = some_problem(seed, slack_db=0.5)
    limits, inner = problem.information_limits(), isacfw.inner_shares(problem)
    assert limits is not None
    around = GoalApproximation.around(problem, inner.x, inner.q, "logarithmic")
    direct = GoalProgram(problem, "logarithmic", limits).solve(around)
    assert isinstance(direct, tuple)
    stated, ratio, streams = GoalModel(problem, "logarithmic", limits, "CLARABEL").build(around)
    best = float(stated.solve(solver="CLARABEL"))
    ratio.value, streams.value = np.maximum(direct[0], 1e-12), np.maximum(direct[1], 0)
    assert float(stated.objective.value) == pytest.approx(best, rel=1e-5)
    assert problem.violation(around.scale * direct[0], direct[1]) <= 1e-5
    assert stated.constraints[-1].violation().max() <= 1e-5


@pytest.mark.parametrize("seed", [0, 2, 4, 7])
@pytest.mark.parametrize("objective", [LeastPower(), LeastCRLB()], ids=["power", "crlb"])
def test_frontier_of_several_streams_against_conic(seed: int, objective: isacfw.Objective) -> None:
    problem = some_problem(
        seed,
        streams=2 + seed % 2,
        targets=1,
        users_differ=False,
        streams_differ=True,
        coupled=False,
        slack_db=0.3,
    )
    # Rows that bind rather than limits.
    problem = attrs.evolve(problem, objective=objective, stream_coupling=None, crlb_limit=30 * problem.crlb_limit)
    problem = attrs.evolve(problem, minimum_rate=0.2 * problem.rates(0.6 * problem.equal_split, 0.4))
    exact, conic = Exact().allocate(problem), Conic().allocate(problem)
    assert float(exact.value) == pytest.approx(float(conic.value), rel=1e-6)
    assert exact.status == conic.status == "optimal"
    assert float(exact.violation) <= 1e-6
    if isinstance(objective, LeastPower):
        ratios = problem.linear_ratios(exact.communication, exact.streams)
        assert ratios.min() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_equal_factors_meet_rows_of_users_that_differ(seed: int) -> None:
    problem = without_limits(some_problem(seed, users_differ=True))
    found = EqualCom().allocate(problem)
    assert found.status == "feasible"
    ratios = problem.linear_ratios(found.communication, found.streams)
    assert ratios.min() == pytest.approx(1, rel=1e-9)


def on_a_line(seed: int, rows: FloatArray, least: FloatArray) -> PowerAllocationProblem:
    """Return a problem with one target and stream, minimum rates, and rows (R, 2) of the users and the stream."""
    problem = random_problem(np.random.default_rng(seed), 3, aligned=seed % 2 == 0)
    return attrs.evolve(
        problem,
        linear_users=np.repeat(rows[:, :1], 3, axis=1),
        linear_streams=rows[:, 1:],
        linear_least=least,
        minimum_rate=0.3 * problem.rates(0.3 * problem.equal_split, 0.7),
    )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("objective", [LeastPower(), LeastCRLB(), LeastCRLB(measure="worst")], ids=range(3))
def test_frontier_of_one_stream_against_conic(seed: int, objective: isacfw.Objective) -> None:
    """One row demands sensing, the other communication: each binds for some objective."""
    limited = on_a_line(seed, np.array([[-2.0, 10.0], [10.0, -1.0]]), np.array([2.0, 2.0]))
    loose = attrs.evolve(limited, crlb_limit=10 * limited.smallest_crlb, objective=objective)
    exact, conic = Exact().allocate(loose), Conic().allocate(loose)
    assert exact.status == conic.status == "optimal", (exact.message, conic.message)
    assert float(exact.value) == pytest.approx(float(conic.value), rel=1e-7)
    assert float(exact.violation) <= 1e-9


def test_least_power_on_a_line_by_hand() -> None:
    """Without minimum rates and CRLB limits, it is that of the signal with the largest coefficient."""
    problem = on_a_line(0, np.array([[1.0, 8.0]]), np.array([2.0]))
    problem = without_limits(problem, minimum_rate=None, objective=LeastPower())
    found = Exact().allocate(problem)
    assert float(found.value) == pytest.approx(0.25, rel=1e-12)
    assert float(found.sensing) == pytest.approx(0.25, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_level_of_inner_shares_against_highs(seed: int) -> None:
    """The level is the largest factor by which the least values can be multiplied at full power."""
    problem = without_limits(some_problem(seed))
    inner = isacfw.inner_shares(problem)
    rows, least = rows_of(problem, None)
    columns = np.concatenate([rows, -least[:, None]], axis=1)
    cost = np.eye(1, columns.shape[1], columns.shape[1] - 1)[0]
    total = np.append(np.ones(rows.shape[1]), 0.0)[None]
    found = linprog(-cost, columns, np.zeros(len(least)), total, [1.0], method="highs")
    assert inner.level == pytest.approx(min(float(-found.fun), 10.0), rel=1e-6)
    reached = problem.linear_rows @ np.concatenate([inner.x, inner.q]) / problem.linear_least
    assert reached.min() == pytest.approx(inner.level, rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_best_mix_meets_rows_that_bind(seed: int) -> None:
    problem = some_problem(seed, streams=3, users_differ=False, streams_differ=True, coupled=False, slack_db=3.0)
    share, mix = problem.best_mix
    program = problem.share_program()
    assert program is not None
    found = program.largest(np.eye(1, 4)[0])
    assert found is not None
    assert float(share) == pytest.approx(found.bound, rel=1e-7)
    x, q = share * problem.equal_split, (1 - share) * mix
    assert float(problem.violation(x, q)) < 1e-9


def test_batch_of_problems_with_rows_is_its_members() -> None:
    members = [
        with_rows(random_problem(np.random.default_rng(seed), 3), np.random.default_rng(9)) for seed in (1, 2)
    ]
    stacked = PowerAllocationProblem.stack(members)
    for allocator in (Exact(), EqualCom()):
        found = allocator.allocate(stacked)
        for number, one in enumerate(members):
            own = allocator.allocate(one)
            assert (found.communication[number] == own.communication).all()
            assert found.violation[number] == own.violation


# Verdict


def test_violation_and_margin_by_hand() -> None:
    problem = random_problem(np.random.default_rng(1), 2)
    problem = without_limits(
        problem,
        linear_users=np.full((1, 2), -3.0),
        linear_streams=np.full((1, 1), 10.0),
        linear_least=np.array([2.0]),
    )
    x, q = np.array([0.3, 0.1]), np.array([0.32])
    # 3.2 is reached, and 2 + 3 · 0.4 = 3.2 is needed.
    assert problem.linear_ratios(x, q) == pytest.approx([1.0], rel=1e-12)
    assert float(problem.violation(x, q)) == pytest.approx(0, abs=1e-12)
    assert float(problem.violation(x, 0.75 * q)) == pytest.approx(0.25, rel=1e-12)
    floors = LinearFloors(
        target=(0,), communication=[-3.0], sensing=[10.0], least=[2.0], quantity=(LinearQuantity(),)
    )
    ratios = problem.linear_ratios(x, 1.5 * q)
    assert float(margin_of(floors, problem.rates(x, q), problem.crlb(x, q), ratios)) == pytest.approx(0.5)


def test_rows_of_each_requirement() -> None:
    one, two = (
        LinearFloors(
            target=range(count),
            communication=np.ones(count),
            sensing=np.ones(count),
            least=np.ones(count),
            quantity=(LinearQuantity(),) * count,
        )
        for count in (1, 2)
    )
    limit = isacfw.AngleLimits(limit=np.full(4, 1e-3))
    asked = Constraints(named={"a": two, "b": limit, "c": one}, users=3, targets=2)
    assert [asked.rows_of(name) for name in "abc"] == [slice(0, 2), slice(2, 2), slice(2, 3)]
    assert asked.linear == [two, one]


@pytest.mark.parametrize("seed", range(4))
def test_stationarity_counts_rows(seed: int) -> None:
    """An optimum is stationary under the rows, and not without them, where they bind."""
    problem = without_limits(some_problem(seed, coupled=False))
    found = Uno().allocate(problem)
    assert float(first_order_rise(problem, found.communication, found.streams)) < 1e-4
    free = problem.without_linear()
    assert float(first_order_rise(free, found.communication, found.streams)) > 1e-3


def test_relaxed_rows_hold_for_shares_within_the_tolerance() -> None:
    problem = without_limits(some_problem(1))
    found = Conic().allocate(attrs.evolve(problem, objective=LeastPower()))
    x, q = found.communication, found.streams * (1 - 1e-6)
    assert float(problem.violation(x, q)) > 1e-7
    assert float(_relax(problem).violation(x, q)) == 0
    assert float(_relax(problem).violation(x, q * (1 - 1e-5))) > 0


# Certificates


def test_certificate_of_a_row_names_its_quantity_and_reach() -> None:
    problem = random_problem(np.random.default_rng(2), 3)
    names = LinearQuantity(name="the gain"), LinearQuantity(name="another")
    problem = attrs.evolve(
        problem,
        linear_users=[[-1.0] * 3, [1.0] * 3],
        linear_streams=[[4.0], [2.0]],
        linear_least=[5.0, 1.0],
        linear_quantities=names,
    )
    message = (
        "the requirements are infeasible: at full power the gain can reach no more than 0.8 times what is needed"
    )
    assert str(problem.infeasibility) == message
    found = Exact().allocate(problem)
    assert (str(found.status), str(found.message)) == ("infeasible", message)


def test_certificate_of_rows_that_exclude_each_other() -> None:
    problem = without_limits(
        random_problem(np.random.default_rng(2), 3),
        linear_users=[[2.0] * 3, [-1.0] * 3],
        linear_streams=[[-1.0], [2.0]],
        linear_least=[1.0, 1.0],
    )
    # Both reach a half at equal parts.
    assert "not at one split, where the worst misses its limit by 3.010 dB" in str(problem.infeasibility)
    assert str(problem.infeasibility).startswith("the linear requirements are infeasible")


@pytest.mark.parametrize("streams", [1, 2])
def test_certificate_with_crlb_limits(streams: int) -> None:
    generator = np.random.default_rng(3)
    problem = general_problem(
        generator, 3, streams=streams, targets=1, users_differ=False, streams_differ=streams > 1, coupled=False
    )
    far = attrs.evolve(with_rows(problem, generator), crlb_limit=problem.smallest_crlb / 4)
    assert str(far.infeasibility) == str(far.without_linear().infeasibility)
    assert "the CRLBs can be no smaller than" in str(far.infeasibility)
    close = attrs.evolve(problem, crlb_limit=problem.smallest_crlb * 1.5)
    assert not str(close.infeasibility)
    opposed = attrs.evolve(
        close,
        linear_users=np.full((1, 3), 2.0),
        linear_streams=np.full((1, streams), -50.0),
        linear_least=np.array([1.999]),
    )
    assert str(opposed.infeasibility).startswith("the CRLB limits and the linear requirements are infeasible")


# Fields and constraints


def test_rows_must_fit_the_problem() -> None:
    problem = random_problem(np.random.default_rng(4), 2)
    rows = {"linear_users": np.ones((1, 2)), "linear_streams": np.ones((1, 1)), "linear_least": np.ones(1)}
    assert attrs.evolve(problem, **rows).linear_floors == 1
    for changed, message in (
        ({"linear_least": -np.ones(1)}, "linear_least must be at least 0, got -1.0"),
        ({"linear_needed_users": np.ones((1, 2))}, "linear_needed_streams must be given, since the other is"),
        (
            {"linear_needed_users": np.zeros((1, 2)), "linear_needed_streams": -np.ones((1, 1))},
            "linear_needed_streams must be at least 0, got -1.0",
        ),
        ({"linear_users": None}, "linear_users must be given with linear_least"),
        ({"linear_users": np.ones((2, 2))}, r"linear_users must have shape \(..., 1, 2\), got \(2, 2\)"),
        ({"linear_users": np.array([[1.0, 2.0]])}, "linear_users must be equal in each row"),
        ({"linear_streams": np.array([[np.nan]])}, "linear_streams must be finite"),
        ({"linear_least": None}, r"linear_users must have shape \(..., 0, 2\)"),
    ):
        with pytest.raises(InputError, match=message):
            attrs.evolve(problem, **{**rows, **changed})


def test_constraint_must_fit_the_setting() -> None:
    setting = goals.setting(targets=2)
    good: dict[str, Any] = {
        "target": (1,),
        "communication": [0.0],
        "sensing": [1.0],
        "least": [1.0],
        "quantity": (LinearQuantity(),),
    }
    assert LinearFloors(**good).check("it", setting).target == (1,)
    for changed in ({"target": (2,)}, {"least": [1.0, 2.0]}, {"quantity": ()}, {"quantity": ("gain",)}):
        with pytest.raises(PluginError, match="it must give each row one of 2 targets"):
            LinearFloors(**good | changed).check("it", setting)
    for changed in ({"least": [0.0]}, {"least": [np.nan]}, {"sensing": [np.inf]}):
        with pytest.raises(PluginError, match="it must give each row finite numbers and a positive least value"):
            LinearFloors(**good | changed).check("it", setting)


# Scenarios


@attrs.frozen(kw_only=True)
class Illumination(isacfw.Requirement):
    """A least power towards the targets: the mean beampattern, relative to that of an isotropic signal."""

    name = "illumination"

    least: float = 3.0

    def constraint(self, setting: isacfw.Setting) -> LinearFloors:
        every = np.ones(setting.targets)
        return LinearFloors(
            target=range(setting.targets),
            communication=every,
            sensing=every,
            least=self.least * every,
            quantity=tuple(LinearQuantity(name=f"illumination {t + 1}") for t in range(setting.targets)),
        )


@pytest.fixture
def document(variant: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    return variant()


def load(document: dict[str, Any], **changes: Any) -> isacfw.Scenario:
    scenario = isacfw.load_scenario(document).scenario
    return attrs.evolve(scenario, **{"requirements": {"light": Illumination()}, **changes})


def test_gains_are_those_of_the_beam(document: dict[str, Any]) -> None:
    document["sensing"] = {"frame_length": 30, "beam_azimuth_deg": 22.0, "beam_elevation_deg": 47.0}
    scenario = load(document)
    problem = scenario.problem(scenario.precoders[0])
    array, target = scenario.transmit_array, scenario.sensed[0].direction
    beam = isacfw.Direction(azimuth_deg=22.0, elevation_deg=47.0)
    gain = abs(np.vdot(array.steering_vector(target), array.steering_vector(beam))) ** 2 / array.n_elements
    assert problem.linear_streams is not None
    assert float(problem.linear_streams[0, 0, 0]) == pytest.approx(gain, rel=1e-12)
    assert (np.asarray(problem.linear_users) == 1).all()
    for record in isacfw.compare(scenario).records():
        q = record["sensing_power"] / scenario.power
        assert 1 - q + gain * q == pytest.approx(3.0, rel=1e-9)
        assert record["margin_light"] == pytest.approx(0, abs=1e-9)


def test_gains_of_sampled_signals(document: dict[str, Any]) -> None:
    """The gains of users whose signals have directions are those of their forms."""
    document["channel"] = {"kind": "rician", "users": 3, "k_factor_db": 10.0, "azimuths_deg": [20.0, -40.0, 0.0]}
    document["channel"] |= {"distances_m": [200.0, 300.0, 400.0], "pilot_length": 10, "coherence_length": 100}
    document["channel"]["pilot_snr_db"] = 30.0
    document["drops"] = 1
    scenario = load(document, requirements={"light": Illumination(least=1.5)})
    link = scenario.link_statistics(scenario.precoders[0], scenario.statistics())
    problem = scenario.problem(scenario.precoders[0], link=link)
    assert link.forms is not None
    assert problem.linear_users is not None
    assert problem.linear_users[0, 0] == pytest.approx(link.forms[0, :, 0, 0].real)
    assert len(set(problem.linear_users[0, 0].tolist())) == 3


def test_energy_of_the_echo_is_that_of_the_signal(document: dict[str, Any]) -> None:
    document["targets"] = [
        {"azimuth_deg": 20.0, "elevation_deg": 50.0, "reflection_amplitude": 0.1},
        {"azimuth_deg": -30.0, "elevation_deg": 70.0, "reflection_amplitude": 0.05, "reflection_phase_deg": 40.0},
    ]
    del document["target"]
    document["sensing_noise"] = {
        "self_interference_db": -10.0,
        "clutter": [{"azimuth_deg": 25.0, "elevation_deg": 60.0, "gain_db": -5.0}],
    }
    document["beams"] = ["difference"]
    scenario = load(document, requirements={})
    problem = scenario.problem(scenario.precoders[1])[0]
    x, q = np.array([0.2, 0.1, 0.05]), np.array([0.3, 0.1, 0.15, 0.1])
    users, streams = problem.echo_energy(x, q)
    transmit, receive = scenario.transmit_array, scenario.receive_array
    clutter = receive.steering_vector(isacfw.Direction(azimuth_deg=25.0, elevation_deg=60.0))
    power = scenario.power
    noise = (1 + 0.1 * power) * np.eye(9) + power * 10**-0.5 * np.outer(clutter, clutter.conj())
    weights = scenario.compared_beams[0].weights(scenario.scene(scenario.statistics()), np.zeros((16, 3)))
    weights = weights.reshape(16, -1) / np.linalg.norm(weights.reshape(16, -1), axis=0)
    unit = []
    for target in scenario.sensed:
        a, b = (array.steering_vector(target.direction) for array in (transmit, receive))
        each = 30 * power * abs(target.amplitude) ** 2 * np.vdot(b, np.linalg.solve(noise, b)).real
        unit.append(each)
        number = len(unit) - 1
        assert users[number] == pytest.approx(each * x.sum(), rel=1e-10)
        assert streams[number] == pytest.approx(each * np.abs(a.conj() @ weights) ** 2 @ q, rel=1e-10)
    assert scenario.goals.find_echoes().energy == pytest.approx(unit, rel=1e-10)


def test_energy_needs_the_reflection() -> None:
    problem = random_problem(np.random.default_rng(5), 2)
    with pytest.raises(isacfw.IncompatibleError, match="reflection_power"):
        problem.echo_energy(np.full(2, 0.2), 0.5)


def largest_share_of_any_covariance(scenario: isacfw.Scenario, least: float) -> float:
    """Return the largest f with f + tr S = 1 under :class:`Illumination`, for S in the span of the targets."""
    array = scenario.transmit_array
    basis = np.linalg.qr(np.stack([array.steering_vector(one.direction) for one in scenario.sensed], axis=1))[0]
    count = len(scenario.sensed)
    if count == 1:
        return (array.n_elements - least) / (array.n_elements - 1)
    share, covariance = cp.Variable(), cp.Variable((count, count), hermitian=True)
    constraints = [covariance >> 0, share >= 0, share + cp.real(cp.trace(covariance)) == 1]
    for target in scenario.sensed:
        a = basis.conj().T @ array.steering_vector(target.direction)
        constraints.append(share + cp.real(a.conj() @ covariance @ a) >= least)
    return float(cp.Problem(cp.Maximize(share), constraints).solve(solver="CLARABEL"))


@pytest.mark.parametrize("azimuths", [(20.0,), (20.0, -25.0), (20.0, 32.0)])
def test_designed_beam_meets_linear_requirements(document: dict[str, Any], azimuths: tuple[float, ...]) -> None:
    table = document.pop("target")
    document["targets"] = [{**table, "azimuth_deg": azimuth} for azimuth in azimuths]
    document["sensing"] = {"frame_length": 30}
    document["beams"] = ["designed"]
    scenario = load(document, requirements={"light": Illumination(least=5.0)})
    problem = scenario.problem(scenario.precoders[0])
    share = largest_share_of_any_covariance(scenario, 5.0)
    assert problem.largest_communication_share == pytest.approx(share, rel=1e-6)
    for record in isacfw.compare(scenario).records():
        assert record["margin_light"] == pytest.approx(0, abs=1e-6)
    hopeless = load(document, requirements={"light": Illumination(least=17.0)})
    for record in isacfw.compare(hopeless).records():
        assert record["status"] == "infeasible"
        assert "illumination" in record["message"] or "linear requirements" in record["message"]


@pytest.mark.parametrize("objective", [LeastPower(), LeastCRLB(), SumRate()], ids=lambda one: one.name)
def test_designed_beam_is_best_under_all_requirements(
    document: dict[str, Any], objective: isacfw.Objective
) -> None:
    document["beams"] = ["designed", "steered", {"kind": "difference", "sum_share": 0.3}]
    document["sensing"] = {"frame_length": 30, "crlb_limit_db": -32.0}
    rates = isacfw.PluginHost(discover=False).find("requirement", "user_rate").cls(minimum=0.001)
    asked = {"light": Illumination(least=4.0), "rates": rates}
    scenario = load(document, requirements=asked, objective=objective, allocators=(Exact(),))
    values: dict[str, list[float]] = {}
    for record in isacfw.compare(scenario).records():
        assert record["status"] == "optimal", record["message"]
        assert record["max_violation"] <= 1e-6
        key = "" if record["precoder"] == "mrt" else "zf "
        values.setdefault(key + record["beam"], []).append(record["objective_value"])
    sign = 1 if objective.rises else -1
    for precoder in ("", "zf "):
        best = sign * np.array(values[precoder + "designed"])
        for beam in ("steered", "difference"):
            assert (best >= sign * np.array(values[precoder + beam]) * (1 - sign * 1e-6)).all()


def test_robust_designed_beam_refuses_linear_requirements(document: dict[str, Any]) -> None:
    document["beams"] = [{"kind": "designed", "robust_offsets_deg": [[1.0, 0.0]]}, "steered"]
    records = isacfw.compare(load(document)).records()
    found = {record["beam"]: record for record in records}
    assert found["designed"]["status"] == "skipped"
    assert "robust_offsets_deg of a designed beam do not apply" in found["designed"]["message"]
    assert found["steered"]["status"] == "optimal" or found["steered"]["status"] == "feasible"


def test_infeasible_scenario_names_the_requirement(document: dict[str, Any]) -> None:
    scenario = load(document, requirements={"light": Illumination(least=32.0)})
    for record in isacfw.compare(scenario).records():
        assert record["status"] == "infeasible"
        assert "illumination 1 can reach no more than 0.5 times what is needed" in record["message"]


def test_sweep_over_a_linear_requirement(document: dict[str, Any]) -> None:
    scenario = load(document, objective=SumRate(), sweep={"requirements.light.least": (2.0, 8.0, 20.0)})
    found = isacfw.compare(scenario).dataset.sel(allocator="exact", precoder="zf")
    rates = found["sum_rate"].mean("drop").to_numpy()
    assert rates[0] > rates[1] > 0
    assert np.isnan(rates[2])
