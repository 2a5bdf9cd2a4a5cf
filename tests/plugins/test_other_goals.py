"""All objectives and requirements in sca and ipopt: against closed forms, a conic solver, and each other."""

from __future__ import annotations

from typing import Any, ClassVar, final

import attrs
import cvxpy as cp
import numpy as np
import pytest
from numerics import general_problem, in_pairs, make_problem, random_problem
from numpy.random import Generator

import isacfw
from isacfw import (
    Allocation,
    Fairness,
    FairUtility,
    FloatArray,
    LeastCRLB,
    LeastPower,
    Objective,
    Performance,
    PowerAllocationProblem,
    Quantity,
    SumRate,
    Utility,
    inner_shares,
)
from isacfw_plugins.allocators._goals import within_requirements
from isacfw_plugins.allocators._sca_goal_model import GoalModel
from isacfw_plugins.allocators._sca_goals import GoalApproximation, GoalProgram
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.allocators.sca import SCA
from isacfw_plugins.objectives.alpha_fair import AlphaFair
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.objectives.proportional_fair import ProportionalFair
from isacfw_plugins.objectives.sinr_product import SINRProduct

WEIGHTS = (1.0, 2.0, 0.5)
UTILITIES: dict[str, Utility] = {
    "sum rate": SumRate(),
    "weighted": SumRate(weights=WEIGHTS),
    "alpha 0.5": AlphaFair(alpha=0.5),
    "alpha 2": AlphaFair(alpha=2.0, weights=WEIGHTS),
    "alpha 5": AlphaFair(alpha=5.0),
    "proportional": ProportionalFair(weights=(1.0, 0.0, 2.0)),
    "max-min": MaxMin(),
    "product": SINRProduct(),
}
LEAST: dict[str, Objective] = {
    "power": LeastPower(),
    "sum of CRLBs": LeastCRLB(),
    "one CRLB": LeastCRLB(angle="azimuth"),
    "worst CRLB": LeastCRLB(measure="worst"),
}
LOG = SCA(surrogate="logarithmic")
ALLOCATORS = pytest.mark.parametrize("allocator", [LOG, SCA(), Ipopt()], ids=["log", "reciprocal", "ipopt"])
EACH_UTILITY = pytest.mark.parametrize("name", UTILITIES)


def answered(allocator: Any, problem: PowerAllocationProblem) -> Allocation:
    found = allocator.allocate(problem)
    assert found.status == "locally_optimal", found.message
    assert found.violation <= 1e-6
    return found


def size(problem: PowerAllocationProblem, value: float) -> float:
    return max(abs(value), 1.0 if problem.objective.reported().signed else 0.0)


def plain(seed: int, users: int = 3) -> PowerAllocationProblem:
    """Return an uncoupled problem whose users are within 20 dB of each other."""
    generator = np.random.default_rng([601, seed])
    problem = random_problem(generator, users, aligned=False)
    return attrs.evolve(
        problem, gain=10 ** generator.uniform(0.5, 2.5, users), weight_power=generator.uniform(0.5, 2, users)
    )


def with_requirements(problem: PowerAllocationProblem, floors: bool, sums: bool) -> PowerAllocationProblem:
    """Return a problem with minimum rates for all but the second user, a limit on a sum of CRLBs, or both."""
    inner, best = inner_shares(problem), Ipopt().allocate(attrs.evolve(problem, objective=SumRate()))
    x, q = 0.4 * inner.x + 0.6 * best.communication, 0.4 * inner.q + 0.6 * best.streams
    if floors:
        wanted = np.where(np.arange(problem.users) == 1, 0.0, 0.8) * problem.rates(x, q)
        problem = attrs.evolve(problem, minimum_rate=wanted)
    if sums:
        weights = np.where(problem.known > 0, 0.0, 1.0)[None]
        limit = np.nansum(problem.crlb(x, q), keepdims=True)
        problem = attrs.evolve(problem, crlb_sum_weights=weights, crlb_sum_limit=limit)
    return problem


def some_problem(kind: str, seed: int) -> PowerAllocationProblem:
    generator = np.random.default_rng([602, seed])
    if kind == "plain":
        return plain(seed)
    if kind == "pairs":
        problem = in_pairs(plain(seed), generator)
        return attrs.evolve(problem, coupling=problem.coupling + 10 ** generator.uniform(-2, 1, (3, 3)))
    return general_problem(generator, 3, targets=1 + seed % 2)


# Uncoupled problems: the largest communication share, then parallel channels


def best_split(problem: PowerAllocationProblem) -> float:
    """Return the optimum of a utility as a concave program in the shares of parallel channels."""
    f = float(problem.largest_communication_share)
    gain = problem.gain / (problem.sensing_interference * (1 - f) + problem.common_interference * f + 1)
    x = cp.Variable(problem.users, nonneg=True)
    rates = cp.multiply(float(problem.prelog) / np.log(2), cp.log1p(cp.multiply(gain, x)))
    form = problem.objective.fairness
    weights = form.weights_of(problem.users)
    if form.of_sinr:
        value = cp.sum(cp.log(cp.multiply(gain, x)))
    elif np.isinf(form.alpha):
        value = cp.min(rates)
    elif form.alpha == 1:
        served = weights > 0
        value = weights[served] @ cp.log(rates[served])
    else:
        value = weights @ (rates if form.alpha == 0 else cp.power(rates, 1 - form.alpha) / (1 - form.alpha))
    constraints = [cp.sum(x) <= f]
    if problem.minimum_rate is not None:
        constraints.append(rates >= problem.minimum_rate)
    return float(cp.Problem(cp.Maximize(value), constraints).solve(solver="CLARABEL"))


@EACH_UTILITY
@ALLOCATORS
@pytest.mark.parametrize("floors", [False, True])
def test_utilities_of_uncoupled_users_reach_the_optimum(allocator: Any, name: str, floors: bool) -> None:
    problem = attrs.evolve(with_requirements(plain(2), floors, False), objective=UTILITIES[name])
    found, best = answered(allocator, problem), best_split(problem)
    assert -1e-3 <= (float(found.value) - best) / size(problem, best) <= 2e-6


@ALLOCATORS
def test_closed_forms_of_max_min_and_of_the_product(allocator: Any) -> None:
    problem = plain(2)
    f = float(problem.largest_communication_share)
    gain = problem.gain / (problem.sensing_interference * (1 - f) + problem.common_interference * f + 1)
    found = answered(allocator, attrs.evolve(problem, objective=MaxMin()))
    common = f / (1 / gain).sum()
    assert found.value == pytest.approx(float(problem.prelog) * np.log2(1 + common), rel=1e-4)
    np.testing.assert_allclose(found.communication, common / gain, rtol=1e-2)
    found = answered(allocator, attrs.evolve(problem, objective=SINRProduct()))
    np.testing.assert_allclose(found.communication, f / 3, rtol=3e-2)


# Coupled problems


@EACH_UTILITY
@pytest.mark.parametrize(("floors", "sums"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("kind", ["plain", "pairs", "general"])
def test_methods_and_starts_agree(name: str, floors: bool, sums: bool, kind: str) -> None:
    problem = with_requirements(some_problem(kind, 2), floors, sums)
    problem = attrs.evolve(problem, objective=UTILITIES[name])
    values = [
        float(answered(allocator, problem).value)
        for allocator in (LOG, SCA(), SCA(surrogate="logarithmic", initial="half"), Ipopt(starts=2))
    ]
    if name in ("sum rate", "weighted"):  # These have several local optima.
        assert abs(values[1] - values[3]) <= 0.05 * size(problem, values[3])
    else:
        assert max(values) - min(values) <= 1e-3 * size(problem, values[0])


@EACH_UTILITY
@pytest.mark.parametrize("surrogate", ["logarithmic", "reciprocal"])
def test_histories_hold_rising_values_of_the_objective(surrogate: Any, name: str) -> None:
    problem = attrs.evolve(with_requirements(some_problem("pairs", 4), True, True), objective=UTILITIES[name])
    found = answered(SCA(surrogate=surrogate, tolerance=1e-7), problem)
    assert (np.diff(found.history) >= 0).all()
    assert found.history[-1] == pytest.approx(float(found.value), rel=1e-12)


# Power and CRLBs


def least_by_cones(problem: PowerAllocationProblem) -> float:
    """Return the least power, or the least CRLBs, by a conic program in the inverse Fisher information."""
    users, streams = problem.users, problem.streams
    x, q = cp.Variable(users, nonneg=True), cp.Variable(streams, nonneg=True)
    j = isacfw.in_angles(np.concatenate([problem.fisher_users, problem.fisher_streams]), problem.jacobians[None])
    scale = 1 / np.sqrt(np.diagonal(j.sum(axis=0)))
    j = j * np.outer(scale, scale)
    fisher = sum(matrix * share for matrix, share in zip(j, [*x, *q], strict=True))
    rows = [4 * (angle // 2) + angle % 2 for angle in range(2 * problem.targets)]
    crlb = [cp.matrix_frac(np.eye(len(scale))[row], (fisher + fisher.T) / 2) for row in rows]
    units = scale[rows] ** 2
    constraints = [cp.sum(x) + cp.sum(q) <= 1]
    constraints += [one * unit / own <= 1 for one, unit, own in zip(crlb, units, problem.crlb_limit, strict=True)]
    for weights, limit in zip(problem.crlb_sum_weights, problem.crlb_sum_limit, strict=True):
        members = zip(weights * units / limit, crlb, strict=True)
        constraints.append(sum(weight * one for weight, one in members) <= 1)
    sensing = problem.sensing_interference[:, None] + problem.stream_coupling
    common = problem.common_interference * cp.sum(x) + problem.coupling @ x + sensing @ q + 1
    constraints.append(cp.multiply(problem.gain, x) >= cp.multiply(problem.least_sinr, common))
    objective = problem.objective
    if isinstance(objective, LeastPower):
        goal, unit = cp.sum(x) + cp.sum(q), 1.0
    else:
        chosen = np.flatnonzero(objective.selected(problem.known) > 0)
        if objective.measure == "sum":
            unit = float(units[chosen].max())
            goal = sum(crlb[angle] * units[angle] / unit for angle in chosen)
        else:
            unit, goal = (
                1.0,
                cp.max(cp.hstack([crlb[angle] * units[angle] / problem.crlb_limit[angle] for angle in chosen])),
            )
    return unit * float(cp.Problem(cp.Minimize(goal), constraints).solve(solver="CLARABEL"))


@pytest.mark.parametrize("name", LEAST)
@pytest.mark.parametrize("seed", [0, 2])
def test_ipopt_finds_the_least_power_and_crlbs(name: str, seed: int) -> None:
    problem = with_requirements(some_problem("general", seed), True, True)
    problem = attrs.evolve(problem, objective=LEAST[name])
    found = answered(Ipopt(), problem)
    assert found.value == pytest.approx(least_by_cones(problem), rel=1e-5)


def test_least_power_of_uncoupled_users_without_limits_has_a_closed_form() -> None:
    problem = attrs.evolve(plain(5), crlb_limit=np.full(2, np.inf), minimum_rate=np.array([0.1, 0.0, 0.2]))
    floor = problem.least_sinr
    assert floor is not None
    least = (floor / problem.gain).sum() / (1 - (floor * problem.common_interference / problem.gain).sum())
    found = answered(Ipopt(), attrs.evolve(problem, objective=LeastPower()))
    assert found.value == pytest.approx(least, rel=1e-5)


# Clarabel's numbers and the CVXPY model


@EACH_UTILITY
@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
@pytest.mark.parametrize("surrogate", ["logarithmic", "reciprocal"])
def test_numbers_for_clarabel_are_those_of_the_cvxpy_model(surrogate: Any, name: str) -> None:
    for kind in ("plain", "pairs", "general"):
        problem = with_requirements(some_problem(kind, 6), True, True)
        problem = attrs.evolve(problem, objective=UTILITIES[name])
        inner, limits = inner_shares(problem), problem.information_limits()
        assert limits is not None
        x, q = SCA()._inner_start(problem, inner)
        around = GoalApproximation.around(problem, x, q, surrogate)
        direct = GoalProgram(problem, surrogate, limits).solve(around)
        stated, ratio, streams = GoalModel(problem, surrogate, limits, "CLARABEL").build(around)
        best = float(stated.solve(solver="CLARABEL"))
        assert isinstance(direct, tuple)
        ratio.value, streams.value = np.maximum(direct[0], 1e-12), np.maximum(direct[1], 0)
        value = float(stated.objective.value)
        # The objective is of order one, up to a constant.
        assert abs(value - best) <= 2e-4 * max(abs(best), 1.0)
        assert problem.violation(around.scale * direct[0], direct[1]) <= 1e-4


def test_another_conic_solver_solves_other_utilities() -> None:
    problem = attrs.evolve(with_requirements(plain(7), True, True), objective=MaxMin())
    other = SCA(surrogate="logarithmic", solver="SCS", tolerance=1e-3, max_iterations=5).allocate(problem)
    assert other.violation <= 1e-6
    assert other.value == pytest.approx(float(answered(LOG, problem).value), rel=1e-2)


# What cannot be solved


@final
@attrs.frozen(kw_only=True)
class Custom(Utility):
    """The sum rate without its form."""

    name: ClassVar[str] = "custom"
    quantity: ClassVar[Quantity] = SumRate.quantity

    def value(self, performance: Performance) -> FloatArray:
        return np.asarray(performance.rates.sum(axis=-1))

    def gradient(self, performance: Performance) -> FloatArray:
        return SumRate().gradient(performance)


@final
@attrs.frozen(kw_only=True)
class SumOfSINRs(FairUtility):
    """The sum of SINRs."""

    name: ClassVar[str] = "sum_of_sinrs"
    quantity: ClassVar[Quantity] = SumRate.quantity

    @property
    def fairness(self) -> Fairness:
        return Fairness(alpha=0.0, of_sinr=True)


@pytest.mark.parametrize(
    ("allocator", "objective", "reason"),
    [
        (SCA(), Custom(), "fairness"),
        (Ipopt(), Custom(), "fairness"),
        (SCA(), SumOfSINRs(), "alpha = 1"),
        (SCA(), LeastPower(), "exact and conic"),
        (SCA(), LeastCRLB(), "exact and conic"),
    ],
)
def test_unsuitable_objectives_are_refused(allocator: Any, objective: Objective, reason: str) -> None:
    problem = attrs.evolve(plain(8), objective=objective)
    found = allocator.allocate(problem)
    assert found.status == "skipped"
    assert reason in str(found.message)
    with pytest.raises(isacfw.IncompatibleError, match=reason):
        allocator.solve(problem)


def test_ipopt_solves_other_utilities_of_sinrs() -> None:
    problem = attrs.evolve(plain(8), objective=SumOfSINRs())
    f = float(problem.largest_communication_share)
    noise = problem.sensing_interference * (1 - f) + problem.common_interference * f + 1
    found = answered(Ipopt(starts=4), problem)
    assert found.value == pytest.approx((problem.gain / noise).max() * f, rel=1e-4)


@ALLOCATORS
@pytest.mark.parametrize("kind", ["plain", "general"])
def test_infeasible_requirements_have_no_answer_but_a_certificate(allocator: Any, kind: str) -> None:
    problem = with_requirements(some_problem(kind, 9), True, True)
    floor, limit = problem.minimum_rate, problem.crlb_sum_limit
    assert floor is not None
    assert limit is not None
    for tight in (
        attrs.evolve(problem, minimum_rate=20 * floor),
        attrs.evolve(problem, minimum_rate=400 * floor),
        attrs.evolve(problem, crlb_sum_limit=1e-3 * limit),
    ):
        for objective in (SumRate(), MaxMin()):
            found = allocator.allocate(attrs.evolve(tight, objective=objective))
            assert found.status == "infeasible"
            assert np.isnan(found.communication).all()
            assert "infeasible" in str(found.message)


@pytest.mark.parametrize("kind", ["plain", "general"])
def test_inner_shares_have_the_level_that_they_state(kind: str) -> None:
    problem = with_requirements(some_problem(kind, 10), True, True)
    inner = inner_shares(problem)
    assert inner.level > 1
    level = 1 + 0.99 * (inner.level - 1)
    for factor, feasible in ((level, True), (1.02 * inner.level, inner.level > 9.99)):
        tight = attrs.evolve(
            problem,
            crlb_limit=problem.crlb_limit / factor,
            crlb_sum_limit=problem.crlb_sum_limit / factor,
            gain=problem.gain / factor,
            sensing_interference=problem.sensing_interference / factor,
            common_interference=problem.common_interference / factor,
            coupling=None if problem.coupling is None else problem.coupling / factor,
            stream_coupling=None if problem.stream_coupling is None else problem.stream_coupling / factor,
        )
        assert bool(tight.violation(inner.x, inner.q) <= 1e-6) is feasible or not feasible
        assert (inner_shares(tight).infeasibility == "") is feasible


@EACH_UTILITY
@pytest.mark.parametrize("spread_db", [30, 60])
def test_users_far_apart(name: str, spread_db: float) -> None:
    generator: Generator = np.random.default_rng(611)
    problem = in_pairs(plain(11), generator)
    gain = 1e3 * 10 ** (-spread_db / 10 * np.linspace(0, 1, 3))
    problem = attrs.evolve(problem, gain=gain, objective=UTILITIES[name])
    values = [float(answered(allocator, problem).value) for allocator in (LOG, Ipopt())]
    assert abs(values[0] - values[1]) <= 1e-3 * size(problem, values[1])


def test_sparse_limits_of_users_very_far_apart() -> None:
    # Clarabel's chordal decomposition panics at some of the sparse matrices on the way.
    problem = make_problem(
        gain=np.array([2023.6553369740652, 0.7728796568782756, 9.373720244711409e-07, 2.0238556786520843e-13]),
        interference=np.array([31.622776601683793, 0.014677992676220705, 6.812920690579622e-06, 3.16e-09]),
        ratio=np.ones(4),
        fisher=(
            np.diag([13258.336755698256, 13258.336755698254, 47434.16490252569, 47434.16490252569]),
            np.diag([234078.22134198298, 234078.22134198298, 3035786.5537616443, 3035786.5537616443]),
        ),
        limit=np.full(2, 3.9810717055349695e-05),
    )
    problem = attrs.evolve(
        problem,
        jacobians=np.array([[[0.6532814824381882, 0.2705980500730985], [0.0, -0.7071067811865475]]]),
        objective=MaxMin(),
    )
    assert LOG.allocate(problem).status in ("locally_optimal", "feasible")


def test_no_power_at_all_is_moved_within_the_requirements() -> None:
    problem = with_requirements(plain(12), True, False)
    x, q = within_requirements(problem, inner_shares(problem), np.zeros(3), np.zeros(1))
    assert problem.violation(x, q) <= 1e-6
