"""The measure of stationarity, and what becomes of claims of local optimality that do not hold."""

from __future__ import annotations

from typing import Any

import attrs
import cvxpy as cp
import numpy as np
import pytest
from numerics import central_difference, general_problem, in_pairs, random_problem

from isacfw import (
    Allocator,
    FloatArray,
    LeastCRLB,
    LeastPower,
    PowerAllocationProblem,
    Shares,
    Status,
    SumRate,
)
from isacfw.allocation.first_order import Pieces, gradient
from isacfw.allocation.stationarity import STATIONARITY_TOLERANCE, first_order_rise
from isacfw.sensing.reduction import in_angles
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.objectives.alpha_fair import AlphaFair
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.objectives.sinr_product import SINRProduct


def rate_in_nats(problem: PowerAllocationProblem, shares: FloatArray) -> FloatArray:
    x, q = shares[: problem.users], shares[problem.users :]
    return np.asarray(problem.sum_rate(x, q) * np.log(2) / problem.prelog)


def rise_by_cones(problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> float:
    """Return the measure by finite differences and a cone program in the inverse Fisher information."""
    point = np.concatenate([x, q])
    slopes = central_difference(lambda at: rate_in_nats(problem, at), point, 1e-6)
    users, streams = problem.fisher_users, problem.fisher_streams
    if users is None:
        users = np.broadcast_to(problem.fisher_communication, (len(x), *problem.fisher_communication.shape))
    if streams is None:
        streams = np.broadcast_to(problem.fisher_sensing, (len(q), *problem.fisher_sensing.shape))
    signals = in_angles(np.concatenate([users, streams]), problem.jacobians[None])
    scale = 1 / np.sqrt(np.diagonal(signals.sum(axis=0)))
    signals = signals * np.outer(scale, scale)
    shares = cp.Variable(len(point), nonneg=True)
    fisher = sum(matrix * shares[number] for number, matrix in enumerate(signals))
    constraints = [cp.sum(shares) <= 1]
    for angle in np.flatnonzero(np.isfinite(problem.crlb_limit)):
        unit = np.zeros(len(scale))
        row = 4 * (angle // 2) + angle % 2
        unit[row] = scale[row] / np.sqrt(problem.crlb_limit[angle])
        constraints.append(cp.matrix_frac(unit, fisher) <= 1)
    size = np.abs(slopes).max()
    cp.Problem(cp.Maximize(slopes / size @ shares), constraints).solve(solver="CLARABEL")
    best = size * (slopes / size @ shares.value)
    return float((best - slopes @ point) / rate_in_nats(problem, point))


def feasible_point(problem: PowerAllocationProblem, generator: Any) -> tuple[FloatArray, FloatArray]:
    """Return shares near the best ones for sensing, in part with less than full power."""
    x, q, _ = problem.feasible_shares()
    other_x, other_q = generator.dirichlet(np.ones(len(x))), generator.dirichlet(np.ones(len(q)))
    weight = 1.0
    while True:
        weight /= 2
        point = x + weight * (other_x / 2 - x), q + weight * (other_q / 2 - q)
        scaled = 0.97 * point[0], 0.97 * point[1]
        for shares in (scaled, point):
            if problem.violation(*shares) == 0:
                return shares


@pytest.mark.parametrize("kind", ["aligned", "misaligned", "coupled", "general", "streams", "two targets"])
@pytest.mark.parametrize("seed", range(2))
def test_rise_is_that_of_a_cone_program(seed: int, kind: str) -> None:
    generator = np.random.default_rng([501, seed])
    if kind in ("aligned", "misaligned", "coupled"):
        problem = random_problem(generator, 3, aligned=kind == "aligned")
        problem = in_pairs(problem, generator) if kind == "coupled" else problem
    else:
        alike = kind != "general"
        problem = general_problem(
            generator, 3, users_differ=not alike, streams_differ=kind != "two targets", targets=2 if seed else 1
        )
    problem = attrs.evolve(problem, crlb_limit=1.1 * problem.crlb_limit)
    x, q = feasible_point(problem, generator)
    found = first_order_rise(problem, x, q)
    assert found == pytest.approx(rise_by_cones(problem, x, q), rel=1e-4, abs=1e-6)
    assert found > 0


@pytest.mark.parametrize("coupled", [False, True])
def test_gradient_is_that_of_finite_differences(coupled: bool) -> None:
    generator = np.random.default_rng(502)
    problem = general_problem(generator, 4, streams=3, coupled=coupled)
    shares = generator.dirichlet(np.ones(7))
    users, streams = gradient(problem, shares[:4], shares[4:])
    expected = central_difference(lambda at: rate_in_nats(problem, at), shares, 1e-6)
    np.testing.assert_allclose(np.concatenate([users, streams]), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("aligned", [True, False])
def test_rise_is_nothing_at_an_optimum_and_bounds_the_distance_to_it(aligned: bool) -> None:
    generator = np.random.default_rng(503)
    problem = PowerAllocationProblem.stack([random_problem(generator, 4, aligned=aligned) for _ in range(20)])
    best = Exact().allocate(problem)
    assert (first_order_rise(problem, best.communication, best.sensing) <= 1e-9).all()
    split = generator.dirichlet(np.ones(4), 20) * best.communication.sum(axis=-1, keepdims=True)
    rise = first_order_rise(problem, split, best.sensing)
    assert (rise >= best.sum_rate / problem.sum_rate(split, best.sensing) - 1 - 1e-9).all()


def test_rise_of_a_batch_is_that_of_its_members() -> None:
    generator = np.random.default_rng(504)
    problem = PowerAllocationProblem.stack([general_problem(generator, 3) for _ in range(3)])
    x = np.tile(np.full(3, 0.1), (3, 1))
    q = np.full((3, 2), 0.35)
    where = np.array([True, False, True])
    found = first_order_rise(problem, x, q, where=where)
    assert np.isnan(found).tolist() == [False, True, False]
    for number in (0, 2):
        assert found[number] == pytest.approx(
            float(first_order_rise(problem[number], x[number], q[number])), rel=1e-9
        )


@attrs.frozen(kw_only=True)
class Claims(Allocator):
    """Moves power between users of the optimum, and claims what it is told."""

    name = "claims"
    vectorized = True
    moved: float
    status: Any = Status.LOCALLY_OPTIMAL
    message: str = ""

    def solve(self, problem: PowerAllocationProblem) -> Shares:
        found = Exact().solve(problem)
        x = (1 - self.moved) * found.communication + self.moved * found.communication.mean(axis=-1, keepdims=True)
        return Shares(communication=x, sensing=found.sensing, status=self.status, message=self.message)


@pytest.mark.parametrize("batch", [(), (1,), (3,)])
def test_a_false_claim_of_local_optimality_is_feasible_with_the_reason(batch: tuple[int, ...]) -> None:
    problem = random_problem(np.random.default_rng(505), 4)
    if batch:
        problem = PowerAllocationProblem.stack([problem] * batch[0])
    true, false = Claims(moved=0.0).allocate(problem), Claims(moved=0.2).allocate(problem)
    assert set(np.ravel(true.status)) == {"locally_optimal"}
    assert set(np.ravel(true.message)) == {""}
    assert set(np.ravel(false.status)) == {"feasible"}
    assert set(np.ravel(false.claim)) == {"locally_optimal"}
    for message in np.ravel(false.message):
        assert message.startswith("reported as locally optimal, but another allocation raises the sum rate by ")
        assert message.endswith(" %")


def test_the_tolerance_is_where_the_claim_ends() -> None:
    problem = random_problem(np.random.default_rng(506), 4)
    best = Exact().allocate(problem)
    for moved in 10.0 ** np.arange(-6, 0, 0.5):
        found = Claims(moved=moved).allocate(problem)
        rise = first_order_rise(problem, found.communication, found.sensing)
        assert (found.status == "locally_optimal") == (rise <= STATIONARITY_TOLERANCE)
        assert found.sum_rate >= best.sum_rate * (1 - rise) - 1e-12


def test_messages_of_the_allocator_stay() -> None:
    found = Claims(moved=0.3, message="a remark").allocate(random_problem(np.random.default_rng(507), 4))
    assert str(found.message).startswith("a remark; reported as locally optimal, but")


@pytest.mark.parametrize("claim", ["optimal", "locally_optimal", "feasible"])
def test_a_claim_of_an_answer_that_violates_a_limit_does_not_stand(claim: str) -> None:
    problem = random_problem(np.random.default_rng(508), 4)
    tight = attrs.evolve(problem, crlb_limit=np.array([np.inf, 1e-3 * problem.smallest_crlb[1]]))

    class Blind(Claims):
        def solve(self, problem: PowerAllocationProblem) -> Shares:
            x = 0.5 * problem.equal_split
            return Shares(communication=x, sensing=np.asarray(0.5), status=claim)

    found = Blind(moved=0.0).allocate(tight)
    assert (found.status, found.claim) == ("infeasible", claim)
    assert np.isfinite(found.sum_rate)
    assert "but the allocation violates a constraint by" in str(found.message)


def test_ipopt_is_stationary_to_far_less_than_the_tolerance() -> None:
    for seed in range(5):
        problem = random_problem(np.random.default_rng([509, seed]), 3, aligned=False)
        found = Ipopt().allocate(problem)
        assert first_order_rise(problem, found.communication, found.sensing) <= 1e-5


# Other objectives and requirements

OBJECTIVES = {
    "weighted": SumRate(weights=(1.0, 2.0, 0.5)),
    "alpha 2": AlphaFair(alpha=2.0),
    "max-min": MaxMin(),
    "product": SINRProduct(),
    "power": LeastPower(),
    "CRLBs": LeastCRLB(),
    "worst CRLB": LeastCRLB(measure="worst"),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_slopes_of_every_objective_are_those_of_finite_differences(name: str) -> None:
    generator = np.random.default_rng(520)
    problem = attrs.evolve(general_problem(generator, 3), objective=OBJECTIVES[name])
    shares = generator.dirichlet(np.ones(5))
    pieces = Pieces.of(problem, shares[:3], shares[3:])
    assert pieces is not None
    sign = 1 if problem.objective.rises else -1
    worst = int(np.argmin(pieces.values))
    assert sign * pieces.values[worst] == pytest.approx(float(problem.value(shares[:3], shares[3:])), rel=1e-9)
    expected = central_difference(lambda at: problem.value(at[:3], at[3:]), shares, 1e-7)
    size = np.abs(expected).max()
    np.testing.assert_allclose(sign * pieces.slopes[worst], expected, rtol=1e-5, atol=1e-5 * size)


def linear_rise(problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> float:
    """Return the measure by a cone program in the inverse Fisher information, with all requirements."""
    pieces, j = Pieces.of(problem, x, q), np.concatenate([problem.fisher_users, problem.fisher_streams])
    assert pieces is not None
    j = in_angles(j, problem.jacobians[None])
    scale = 1 / np.sqrt(np.diagonal(j.sum(axis=0)))
    j = j * np.outer(scale, scale)
    p = cp.Variable(len(x) + len(q), nonneg=True)
    fisher = sum(matrix * p[number] for number, matrix in enumerate(j))
    rows = [4 * (angle // 2) + angle % 2 for angle in range(2 * problem.targets)]
    crlb = [cp.matrix_frac(np.eye(len(scale))[row] * scale[row], (fisher + fisher.T) / 2) for row in rows]
    constraints = [cp.sum(p) <= 1]
    constraints += [one / limit <= 1 for one, limit in zip(crlb, problem.crlb_limit, strict=True)]
    total = sum(one / problem.crlb_sum_limit[0] for one in crlb)
    constraints.append(total <= 1)
    users, streams = p[: len(x)], p[len(x) :]
    sensing = problem.sensing_interference[:, None] + problem.stream_coupling
    common = problem.common_interference * cp.sum(users) + problem.coupling @ users + sensing @ streams + 1
    constraints.append(cp.multiply(problem.gain, users) >= cp.multiply(problem.least_sinr, common))
    point = np.concatenate([x, q])
    size = np.abs(pieces.slopes).max()
    goal = cp.min((pieces.values - pieces.slopes @ point) / size + pieces.slopes / size @ p)
    cp.Problem(cp.Maximize(goal), constraints).solve(solver="CLARABEL")
    best = float((pieces.values + pieces.slopes @ (p.value - point)).min())
    value = abs(float(problem.value(x, q)))
    return (best - pieces.values.min()) / max(value, 1.0 if problem.objective.reported().signed else 0.0)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_rise_within_minimum_rates_and_sums_is_that_of_a_cone_program(name: str) -> None:
    generator = np.random.default_rng(521)
    problem = general_problem(generator, 3, targets=1)
    problem = attrs.evolve(problem, crlb_limit=1.5 * problem.crlb_limit)
    x, q = feasible_point(problem, generator)
    problem = attrs.evolve(
        problem,
        minimum_rate=problem.rates(x, q) * np.array([0.9, 0.0, 0.5]),
        crlb_sum_weights=np.ones((1, 2)),
        crlb_sum_limit=1.1 * problem.crlb(x, q).sum(keepdims=True),
        objective=OBJECTIVES[name],
    )
    found = first_order_rise(problem, x, q)
    assert found > 0
    assert found == pytest.approx(linear_rise(problem, x, q), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", ["alpha 2", "max-min", "product"])
def test_no_rate_at_all_is_far_from_stationary_without_warnings(name: str) -> None:
    problem = attrs.evolve(random_problem(np.random.default_rng(522), 3), objective=OBJECTIVES[name])
    f = float(problem.largest_communication_share)
    rise = float(first_order_rise(problem, np.array([f, 0.0, 0.0]), np.array([1 - f])))
    assert rise > STATIONARITY_TOLERANCE


def test_the_reason_names_the_objective() -> None:
    problem = attrs.evolve(random_problem(np.random.default_rng(523), 3), objective=MaxMin())

    class Even(Claims):
        def solve(self, problem: PowerAllocationProblem) -> Shares:
            f = float(problem.largest_communication_share)
            return Shares(communication=np.full(3, f / 3), sensing=1 - f, status="locally_optimal")

    found = Even(moved=0.0).allocate(problem)
    assert found.status == "feasible"
    assert "another allocation raises the smallest rate of a user by" in str(found.message)
