"""The exact allocator for all objectives: against second methods, in batches, and with several streams."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from numerics import general_problem, in_pairs, make_problem
from numpy.random import Generator

import isacfw
from isacfw import LeastCRLB, LeastPower, Objective, PowerAllocationProblem, SumRate
from isacfw.testing import problems
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.objectives.alpha_fair import AlphaFair
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.objectives.proportional_fair import ProportionalFair
from isacfw_plugins.objectives.sinr_product import SINRProduct

USERS = 4
OBJECTIVES: dict[str, Objective] = {
    "sum rate": SumRate(),
    "weighted sum rate": SumRate(weights=(1.0, 3.0, 0.5, 2.0)),
    "alpha 0.5": AlphaFair(alpha=0.5),
    "alpha 3": AlphaFair(alpha=3.0),
    "proportional fair": ProportionalFair(),
    "max-min": MaxMin(),
    "product": SINRProduct(),
    "least power": LeastPower(),
    "least sum": LeastCRLB(),
    "least azimuth": LeastCRLB(angle="azimuth"),
    "least ratio": LeastCRLB(measure="worst"),
    "least ratio of the elevation": LeastCRLB(measure="worst", angle="elevation"),
}


def posed(objective: Objective, seed: int, *, streams: int = 1, **changes: Any) -> PowerAllocationProblem:
    """Return a problem without coupling, with minimum rates that take part of the power."""
    if streams == 1:
        plain = problems.problem(USERS, seed=seed, aligned=bool(seed % 2))
    else:
        plain = general_problem(
            np.random.default_rng(seed), USERS, streams=streams, users_differ=False, coupled=False
        )
    best = Exact().allocate(attrs.evolve(plain, objective=MaxMin()))
    minimum = 0.5 * float(best.value) * np.array([0.0, 1.0, 0.5, 1.0])
    return attrs.evolve(plain, objective=objective, minimum_rate=minimum, **changes)


def random_shares(problem: PowerAllocationProblem, generator: Generator, count: int) -> Any:
    """Return feasible shares near an optimum and elsewhere; (n, K) and (n, S)."""
    found = Exact().allocate(problem)
    spread = 10 ** generator.uniform(-4, 0, (count, 1))
    x = found.communication * np.exp(spread * generator.normal(size=(count, problem.users)))
    q = found.streams * np.exp(spread * generator.normal(size=(count, problem.streams)))
    total = x.sum(axis=-1, keepdims=True) + q.sum(axis=-1, keepdims=True)
    over = np.maximum(total, 1.0)
    x, q = x / over, q / over
    met = problem.violation(x, q) <= 0
    return x[met], q[met]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("title", OBJECTIVES)
def test_no_feasible_shares_are_better(title: str, seed: int) -> None:
    problem = posed(OBJECTIVES[title], seed)
    best = Exact().allocate(problem)
    assert best.status == "optimal"
    x, q = random_shares(problem, np.random.default_rng(seed), 3000)
    assert len(x)
    better = problem.value(x, q) - best.value if problem.objective.rises else best.value - problem.value(x, q)
    assert better.max() <= 1e-9 * max(1.0, abs(float(best.value)))


LIMITED = ("max-min", "product", "least power", "least sum", "least azimuth", "least ratio")


@pytest.mark.parametrize(
    ("title", "streams", "count"),
    [
        *((title, 1, 3) for title in LIMITED),
        *((title, 3, 3) for title in LIMITED[:2]),
        ("least power", 3, 1),
        *(pytest.param(title, 3, 1, marks=pytest.mark.slow) for title in LIMITED[3:]),
        *(pytest.param(title, 3, 3, marks=pytest.mark.nightly) for title in LIMITED[2:]),
    ],
)
def test_a_conic_solver_agrees(title: str, streams: int, count: int) -> None:
    for seed in range(count):
        problem = posed(OBJECTIVES[title], seed, streams=streams)
        exact, conic = Exact().allocate(problem), Conic().allocate(problem)
        assert exact.status == conic.status == "optimal"
        np.testing.assert_allclose(float(exact.value), float(conic.value), rtol=2e-7)


@pytest.mark.parametrize("seed", range(38, 42))
def test_the_ratio_of_one_angle_knows_no_other_limit(seed: int) -> None:
    problem = posed(LeastCRLB(measure="worst", angle="azimuth"), 2 * seed)
    exact, conic = Exact().allocate(problem), Conic().allocate(problem)
    np.testing.assert_allclose(float(exact.value), float(conic.value), rtol=2e-7)


def test_several_streams_refuse_a_ratio_of_some_limits() -> None:
    problem = posed(LeastCRLB(measure="worst", angle="azimuth"), 0, streams=3)
    assert "conic" in str(Exact().refusal(problem))


@pytest.mark.parametrize("title", OBJECTIVES)
def test_a_batch_is_its_members_to_the_bit(title: str) -> None:
    generator = np.random.default_rng(3)
    one = posed(OBJECTIVES[title], 1)
    many = attrs.evolve(one, gain=one.gain * 10 ** generator.uniform(0, 1, (500, USERS)))
    together = Exact().allocate(many)
    for index in (0, 1, 250, 499):
        alone = Exact().allocate(many[index])
        for name in ("communication", "streams", "status"):
            np.testing.assert_array_equal(getattr(together, name)[index], getattr(alone, name))


def test_minimum_rates_out_of_reach_are_certified_by_the_power_that_would_do() -> None:
    problem = posed(SumRate(), 1)
    problem = attrs.evolve(problem, minimum_rate=5 * problem.minimum_rate)
    found = Exact().allocate(problem)
    assert found.status == "infeasible"
    factor = float(str(found.message).split(" times the transmit power")[0].split()[-1])
    # Power counts relative to the noise, so more of it is larger gains, interference and information.
    names = ("gain", "sensing_interference", "common_interference", "fisher_communication", "fisher_sensing")
    for scale, status in ((1.001, "optimal"), (0.999, "infeasible")):
        changes = {name: scale * factor * getattr(problem, name) for name in names}
        assert Exact().allocate(attrs.evolve(problem, **changes)).status == status


@pytest.mark.parametrize("objective", [MaxMin(), SINRProduct()])
@pytest.mark.parametrize("factor", [0.999, 1.0])
def test_pairs_without_power_for_communication(objective: Objective, factor: float) -> None:
    # Sensing alone needs all of the power, or more than that.
    plain = make_problem(
        gain=np.array([2.0, 1.0]),
        interference=np.ones(2),
        ratio=np.ones(2),
        fisher=(np.eye(4), 4 * np.eye(4)),
        limit=np.full(2, factor / 4),
    )
    problem = attrs.evolve(in_pairs(plain, np.random.default_rng(8)), objective=objective)
    found = Exact().allocate(problem)
    if factor < 1:
        assert found.status == "infeasible"
        return
    assert found.status == "optimal"
    np.testing.assert_array_equal(found.communication, [0, 0])
    assert float(found.sensing) == 1
    # The rest of a batch does not notice.
    batch = attrs.evolve(problem, crlb_limit=np.array([1.0, 2.0])[:, None] * problem.crlb_limit)
    together = Exact().allocate(batch)
    np.testing.assert_array_equal(together.communication[1], Exact().allocate(batch[1]).communication)
    assert Exact().allocate(attrs.evolve(problem, minimum_rate=np.array([0.1, 0.0]))).status == "infeasible"


def test_programs_that_miss_a_limit_by_rounding() -> None:
    # Without power for communication, the programs of the table stop just beyond the limit on the sum.
    fisher = np.diag([0.419265421335339, 0.419265421335339, 1.5, 1.5])
    streams = 19.430783664644668 * np.stack([np.diag([1.0, 0, 0, 0]), np.diag([0, 1.0, 0, 0])])
    plain = make_problem(
        gain=np.array([2.0, 1.0]),
        interference=np.ones(2),
        ratio=np.ones(2),
        fisher=(fisher, streams.mean(axis=0)),
        limit=np.full(2, 0.7290452847459129),
    )
    problem = attrs.evolve(
        plain,
        fisher_streams=streams,
        jacobians=np.array([[[0.6532814824381882, 0.2705980500730985], [0.0, -0.7071067811865475]]]),
        crlb_sum_weights=np.ones((1, 2)),
        crlb_sum_limit=np.array([1.4546365825592762]),
        objective=LeastCRLB(angle="azimuth"),
    )
    found, conic = Exact().allocate(problem), Conic().allocate(problem)
    assert (found.status, conic.status) == ("optimal", "optimal")
    assert float(found.value) == pytest.approx(float(conic.value), rel=1e-8)


def test_least_power_without_floors_meets_the_limits_alone() -> None:
    problem = attrs.evolve(posed(LeastPower(), 2), minimum_rate=None)
    found, conic = Exact().allocate(problem), Conic().allocate(problem)
    np.testing.assert_allclose(float(found.value), float(conic.value), rtol=1e-7)
    tighter = attrs.evolve(problem, crlb_limit=problem.crlb_limit * 0.99)
    assert Exact().allocate(tighter).value > found.value


def test_a_utility_without_a_split_is_refused() -> None:
    @attrs.frozen(kw_only=True)
    class Root(isacfw.Utility):
        name = "root"
        quantity = isacfw.Quantity(name="root", better="higher", description="Sum of roots")

        def value(self, performance: Any) -> Any:
            return np.sqrt(performance.rates).sum(axis=-1)

        def gradient(self, performance: Any) -> Any:
            return 0.5 / np.sqrt(performance.rates)

    assert "root" in str(Exact().refusal(attrs.evolve(posed(SumRate(), 0), objective=Root())))
