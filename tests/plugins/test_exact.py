"""The exact solution against methods that know nothing of its derivation."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numerics import (
    PROPERTY,
    SEEDS,
    best_improvement,
    crlb_by_inverse,
    limits_met_at,
    make_problem,
    random_geometry,
    random_problem,
    sum_rate,
)
from numpy.random import Generator

from isacfw import Allocation, FloatArray, PowerAllocationProblem, water_filling
from isacfw.testing import problems
from isacfw_plugins.allocators.equal_com import EqualCom
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt

BEAMS = pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "misaligned"])


@st.composite
def random_problems(draw: st.DrawFn, most_users: int = 6) -> PowerAllocationProblem:
    """Draw a feasible problem whose gains span up to ten decades, with equal and extreme numbers among them."""
    users = draw(st.integers(1, most_users))

    def decades(low: float, high: float) -> FloatArray:
        exponents = st.one_of(st.floats(low, high), st.integers(int(low), int(high)).map(float))
        return 10 ** np.array(draw(st.lists(exponents, min_size=users, max_size=users)))

    ratio = draw(st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1.0]), min_size=users, max_size=users))
    fisher = random_geometry(np.random.default_rng(draw(SEEDS)), aligned=draw(st.booleans())).fisher()
    slack = draw(st.sampled_from([0.0, 0.5, 3.0])), draw(st.sampled_from([0.0, 1.0, 60.0]))
    return make_problem(
        gain=decades(-6, 4),
        interference=decades(-3, 3),
        ratio=np.array(ratio),
        fisher=fisher,
        limit=limits_met_at(fisher, draw(st.floats(0.01, 0.99)), np.array(slack)),
    )


def solved(problem: PowerAllocationProblem) -> Allocation:
    found = Exact().allocate(problem)
    assert found.status == "optimal"
    assert found.violation <= 1e-9
    assert found.sum_rate == pytest.approx(
        sum_rate(problem, found.communication, found.sensing), rel=1e-12, abs=1e-15
    )
    return found


# Against other methods


@BEAMS
@pytest.mark.parametrize("users", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_ipopt_from_many_starts_finds_nothing_better_and_the_same_rate(
    users: int, seed: int, aligned: bool
) -> None:
    problem = random_problem(np.random.default_rng([61, users, seed]), users, aligned=aligned)
    exact = solved(problem)
    ipopt = Ipopt(starts=8).allocate(problem)
    assert ipopt.feasible
    # A violation of up to 1e-6 is within what counts as feasible, and can buy as much.
    np.testing.assert_allclose(ipopt.sum_rate, exact.sum_rate, rtol=2e-6)


def best_on_a_grid(problem: PowerAllocationProblem) -> float:
    """Return the best sum rate of two users over the simplex: a grid, refined around its best point."""
    centre, width, best = np.full(3, 0.5), 0.5, -np.inf
    for _ in range(12):
        axes = [np.clip(np.linspace(c - width, c + width, 41), 0, 1) for c in centre]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        points = points[(points.sum(axis=-1) <= 1) & (points.sum(axis=-1) > 0)]
        f, q = points[:, 0] + points[:, 1], points[:, 2]
        fisher = f[:, None, None] * problem.fisher_communication + q[:, None, None] * problem.fisher_sensing
        keep = np.flatnonzero((crlb_by_inverse(fisher) <= problem.crlb_limit).all(axis=-1))
        rates = sum_rate(problem, points[keep, :2], q[keep])
        best = max(best, float(rates.max()))
        centre, width = points[keep[int(np.argmax(rates))]], width * 0.4
    return best


@BEAMS
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3, 4))])
def test_dense_search_over_two_users(seed: int, aligned: bool) -> None:
    problem = random_problem(np.random.default_rng([62, seed]), 2, aligned=aligned)
    exact = solved(problem)
    found = best_on_a_grid(problem)
    assert found <= exact.sum_rate * (1 + 1e-12)
    assert found >= exact.sum_rate * (1 - 1e-3)


@BEAMS
@pytest.mark.parametrize("users", [1, 2, 5, 12])
def test_no_feasible_point_is_better(users: int, aligned: bool) -> None:
    generator = np.random.default_rng([63, users])
    for _ in range(4):
        problem = random_problem(generator, users, aligned=aligned)
        exact = solved(problem)
        gain = best_improvement(problem, exact.communication, exact.sensing, generator, draws=10_000)
        assert gain <= 1e-11


@PROPERTY
@given(problem=random_problems(), seed=SEEDS)
def test_no_feasible_direction_improves(problem: PowerAllocationProblem, seed: int) -> None:
    exact = solved(problem)
    generator = np.random.default_rng(seed)
    other_x, other_q = random_full_power(problem, generator)
    for step in (1e-3, 0.1, 1.0):
        x = exact.communication + step * (other_x - exact.communication)
        q = exact.sensing + step * (other_q - exact.sensing)
        assert (sum_rate(problem, x, q) <= exact.sum_rate * (1 + 1e-9)).all()


def random_full_power(problem: PowerAllocationProblem, generator: Generator) -> tuple[FloatArray, FloatArray]:
    """Return feasible points of full power: at shares f that meet the limits, whatever the users' split."""
    f = np.append(np.linspace(0, 1, 400), problem.largest_communication_share)
    weight = f[1:, None, None]
    fisher = weight * problem.fisher_communication + (1 - weight) * problem.fisher_sensing
    f = f[1:][(crlb_by_inverse(fisher) <= problem.crlb_limit * (1 + 1e-9)).all(axis=-1)]
    split = generator.dirichlet(np.full(problem.users, 0.7), f.size)
    return f[:, None] * split, 1 - f


# Properties


@PROPERTY
@given(problem=random_problems())
def test_full_power_is_used(problem: PowerAllocationProblem) -> None:
    exact = solved(problem)
    assert exact.communication.sum() + exact.sensing == pytest.approx(1, abs=1e-9)
    assert exact.communication.min() >= 0


@PROPERTY
@given(problem=random_problems(), factor=st.floats(1, 1e3))
def test_more_power_is_never_worse(problem: PowerAllocationProblem, factor: float) -> None:
    names = ("gain", "sensing_interference", "common_interference", "fisher_communication", "fisher_sensing")
    richer = attrs.evolve(problem, **{name: factor * getattr(problem, name) for name in names})
    assert solved(richer).sum_rate >= solved(problem).sum_rate * (1 - 1e-9)


@PROPERTY
@given(problem=random_problems(), looser=st.tuples(st.floats(1, 1e4), st.floats(1, 1e4) | st.just(np.inf)))
def test_looser_limits_are_never_worse(problem: PowerAllocationProblem, looser: tuple[float, float]) -> None:
    relaxed = attrs.evolve(problem, crlb_limit=problem.crlb_limit * np.array(looser))
    assert solved(relaxed).sum_rate >= solved(problem).sum_rate * (1 - 1e-9)


@PROPERTY
@given(problem=random_problems(), seed=SEEDS)
def test_order_of_the_users_does_not_matter(problem: PowerAllocationProblem, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(problem.users)
    names = ("gain", "sensing_interference", "common_interference", "weight_power")
    shuffled = attrs.evolve(problem, **{name: getattr(problem, name)[order] for name in names})
    first, second = solved(problem), solved(shuffled)
    np.testing.assert_array_equal(second.communication, first.communication[order])
    np.testing.assert_array_equal(second.sensing, first.sensing)


@PROPERTY
@given(problem=random_problems())
def test_equal_factors_are_never_better(problem: PowerAllocationProblem) -> None:
    equal = EqualCom().allocate(problem)
    exact = solved(problem)
    assert equal.feasible
    np.testing.assert_array_equal(equal.sensing, exact.sensing)
    assert equal.sum_rate <= exact.sum_rate * (1 + 1e-9)
    gamma = problem.gamma(equal.communication)
    np.testing.assert_allclose(gamma, gamma[0], rtol=1e-12)


# Corner cases


@BEAMS
def test_limits_that_never_bind_leave_all_power_to_the_users(aligned: bool) -> None:
    problem = random_problem(np.random.default_rng(64), 3, aligned=aligned)
    loose = [limits_met_at((problem.fisher_communication, problem.fisher_sensing), 1.0, np.full(2, 0.1))]
    for limit in [*loose, np.full(2, np.inf), np.array([np.inf, loose[0][1]])]:
        exact = solved(attrs.evolve(problem, crlb_limit=limit))
        assert exact.sensing == 0
        assert exact.communication.sum() == pytest.approx(1, rel=1e-14)


@BEAMS
def test_one_user_gets_all_that_sensing_leaves(aligned: bool) -> None:
    problem = random_problem(np.random.default_rng(65), 1, aligned=aligned)
    exact = solved(problem)
    np.testing.assert_allclose(exact.communication, [problem.largest_communication_share], rtol=1e-12)


@BEAMS
def test_a_thousand_users(aligned: bool) -> None:
    generator = np.random.default_rng(66)
    problem = random_problem(generator, 1000, aligned=aligned, largest_gain=1e6)
    exact = solved(problem)
    served = exact.communication > 0
    assert 10 < served.sum() < 1000
    x, q = exact.communication, exact.sensing
    slope = problem.gain / (problem.gain * x + problem.disturbance(x, q))
    np.testing.assert_allclose(slope[served], slope[served][0], rtol=1e-9)
    assert slope[~served].max() <= slope[served].min() * (1 + 1e-9)


@pytest.mark.parametrize("weak", [0.0, 1e-300, 1e-12])
def test_a_user_out_of_reach_gets_nothing_and_costs_nothing(weak: float) -> None:
    problem = random_problem(np.random.default_rng(67), 3)
    without = attrs.evolve(
        problem,
        **{
            name: getattr(problem, name)[:2]
            for name in ("gain", "sensing_interference", "common_interference", "weight_power")
        },
    )
    exact = solved(attrs.evolve(problem, gain=np.array([*problem.gain[:2], weak])))
    assert exact.communication[2] == 0
    np.testing.assert_allclose(exact.communication[:2], solved(without).communication, rtol=1e-12)


@pytest.mark.parametrize("strongest", [1e-6, 1e-10, 1e-14, 1e-18])
@pytest.mark.parametrize("users", [1, 3])
def test_power_is_used_to_the_last_digit_however_weak_all_users_are(strongest: float, users: int) -> None:
    problem = random_problem(np.random.default_rng(68), users)
    exact = Exact().allocate(attrs.evolve(problem, gain=strongest * np.array([1.0, 0.9, 0.3])[:users]))
    assert exact.communication.sum() + exact.sensing == pytest.approx(1, rel=1e-12)
    # All but nothing of the budget is worth giving to anyone but the strongest.
    np.testing.assert_allclose(exact.communication[1:], 0, atol=1e-12)
    assert exact.feasible


@BEAMS
def test_infeasible_limits_have_no_answer_but_a_certificate(aligned: bool) -> None:
    problem = random_problem(np.random.default_rng(69), 3, aligned=aligned)
    tight = attrs.evolve(problem, crlb_limit=problem.smallest_crlb * np.array([1.0, 0.99]))
    found = Exact().allocate(tight)
    assert found.status == "infeasible"
    assert np.isnan(found.communication).all()
    assert np.isnan(found.sum_rate)
    assert not found.feasible
    assert f"{10 * np.log10(problem.smallest_crlb[1]):.3f} dB in elevation" in str(found.message)


def test_interference_between_pairs_is_skipped() -> None:
    problem = random_problem(np.random.default_rng(70), 2)
    coupled = attrs.evolve(problem, coupling=np.array([[0.0, 0.1], [0.0, 0.0]]))
    found = Exact().allocate(coupled)
    assert found.status == "skipped"
    assert "common to all users" in str(found.message)
    assert str(found.message).endswith("; scip bounds the optimum, and sca, ipopt and uno find local optima")
    uncoupled = Exact().allocate(attrs.evolve(problem, coupling=np.zeros((2, 2))))
    np.testing.assert_array_equal(uncoupled.communication, solved(problem).communication)


@pytest.mark.parametrize("name", ["sca", "ipopt"])
def test_what_is_named_in_its_place_solves_interference_between_pairs(name: str) -> None:
    problem = problems.problem(3, coupled=True)
    assert Exact().allocate(problem).status == "skipped"
    answer = problems.built_in("allocator", name).allocate(problem)
    assert (answer.status, answer.feasible) == ("locally_optimal", True)


@pytest.mark.parametrize("louder", [1.0, 3.0, 20.0])
@pytest.mark.parametrize("seed", range(3))
def test_users_that_disturb_each_other_more_than_sensing_does(louder: float, seed: int) -> None:
    problem = random_problem(np.random.default_rng(seed), 3)
    problem = attrs.evolve(problem, common_interference=louder * problem.sensing_interference)
    exact, searched = Exact().allocate(problem), Ipopt(starts=8).allocate(problem)
    assert searched.status == "locally_optimal"
    np.testing.assert_allclose(exact.sum_rate, searched.sum_rate, rtol=1e-6)


# Water-filling


@PROPERTY
@given(
    gain=st.lists(st.floats(1e-4, 1e6), min_size=1, max_size=8),
    total=st.floats(1e-6, 10),
    repeats=st.integers(1, 3),
)
def test_water_filling_meets_the_optimality_conditions(gain: list[float], total: float, repeats: int) -> None:
    a = np.repeat(gain, repeats)
    x = water_filling(a, np.asarray(total))
    assert x.min() >= 0
    assert x.sum() == pytest.approx(total, rel=1e-9, abs=0)
    slope = a / (1 + a * x)
    level = slope[x > 0]
    np.testing.assert_allclose(level, level[0], rtol=1e-9)
    assert (slope <= level[0] * (1 + 1e-9)).all()


@PROPERTY
@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=5), SEEDS)
def test_water_filling_beats_random_splits(gain: list[float], seed: int) -> None:
    a = np.array(gain)
    assume(np.ptp(a) > 0)
    best = np.log1p(a * water_filling(a, np.asarray(0.8))).sum()
    others = 0.8 * np.random.default_rng(seed).dirichlet(np.ones(a.size), 500)
    assert (np.log1p(a * others).sum(axis=-1) <= best * (1 + 1e-12)).all()


def test_water_filling_of_nothing_gives_nothing() -> None:
    np.testing.assert_array_equal(water_filling(np.array([3.0, 1.0, 3.0]), np.asarray(0.0)), 0)


def test_water_filling_without_any_gain_still_gives_a_split() -> None:
    x = water_filling(np.zeros(3), np.asarray(0.6))
    assert x.min() >= 0
    assert x.sum() == pytest.approx(0.6)


def test_water_filling_known_by_hand() -> None:
    # Levels 1/a of 0.5, 1 and 4: the water stands at (1 + 0.5 + 1) / 2 = 1.25, below the third.
    x = water_filling(np.array([1.0, 2.0, 0.25]), np.asarray(1.0))
    np.testing.assert_allclose(x, [0.25, 0.75, 0.0], rtol=1e-14)


def test_water_filling_of_a_batch_equals_its_members_bit_for_bit() -> None:
    generator = np.random.default_rng(71)
    gain = 10 ** generator.uniform(-3, 3, (4, 3, 7))
    total = generator.uniform(0, 2, (4, 3))
    together = water_filling(gain, total)
    for index in np.ndindex(4, 3):
        np.testing.assert_array_equal(together[index], water_filling(gain[index], total[index]))


@PROPERTY
@given(
    users=st.integers(257, 600),
    decades=st.floats(0, 12),
    strongest=st.floats(-12, 6),
    order=st.sampled_from(["rising", "falling", "random"]),
    equal=st.booleans(),
    seed=SEEDS,
)
def test_water_filling_of_many_users(
    users: int, decades: float, strongest: float, order: str, equal: bool, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    gain = np.sort(10 ** (strongest - decades * generator.random((3, users))))
    if equal:
        gain[:, users // 3 :] = gain[:, users // 2, None]
    gain = {"rising": gain, "falling": gain[:, ::-1], "random": generator.permuted(gain, axis=-1)}[order]
    total = generator.uniform(0, 1, 3)
    x = water_filling(gain, total)
    np.testing.assert_allclose(x.sum(axis=-1), total, rtol=1e-12)
    depth = 1 / gain - 1 / gain.max(axis=-1, keepdims=True)
    level = x.max(axis=-1, keepdims=True)
    np.testing.assert_allclose(x, np.maximum(level - depth, 0), rtol=1e-12, atol=1e-15)


# Batches


def batch_of(generator: Generator, shape: tuple[int, ...], users: int) -> PowerAllocationProblem:
    """Return problems that differ in the users' numbers, with one Fisher information and limit."""
    one = random_problem(generator, users)
    return attrs.evolve(
        one,
        gain=10 ** generator.uniform(-2, 3, (*shape, users)),
        sensing_interference=10 ** generator.uniform(-2, 2, (*shape, users)),
        common_interference=10 ** generator.uniform(-2, 2, (*shape, users)),
    )


@pytest.mark.parametrize("users", [1, 3, 12, 100, 257, 1000])
def test_a_problem_has_the_same_answer_in_any_batch(users: int) -> None:
    generator = np.random.default_rng([72, users])
    drops = int(generator.integers(20_000, 30_000) // users) + 50
    problem = batch_of(generator, (drops,), users)
    whole = Exact().solve(problem).communication
    for size in [1, 2, 3, 7, 8, 61, *generator.integers(1, drops, 3).tolist()]:
        start = int(generator.integers(0, drops - size))
        part = Exact().solve(problem[start : start + size]).communication
        np.testing.assert_array_equal(part, whole[start : start + size])
    np.testing.assert_array_equal(Exact().solve(problem[drops - 1]).communication, whole[-1])
    np.testing.assert_array_equal(Exact().solve(problem[::-3]).communication, whole[::-3])


@pytest.mark.parametrize("users", [12, 300])
@pytest.mark.parametrize("shape", [(0,), (3, 0), (1, 1), (2, 3000), (3000, 2), (3, 40, 50), (40, 1, 50, 3)])
def test_a_batch_of_any_shape_is_its_problems_in_a_row(shape: tuple[int, ...], users: int) -> None:
    generator = np.random.default_rng([73, users, *shape])
    flat = batch_of(generator, (int(np.prod(shape)),), users)
    names = ("gain", "sensing_interference", "common_interference")
    shaped = attrs.evolve(flat, **{name: getattr(flat, name).reshape(*shape, users) for name in names})
    expected = Exact().solve(flat).communication.reshape(*shape, users)
    np.testing.assert_array_equal(Exact().solve(shaped).communication, expected)


def test_fields_that_do_not_depend_on_the_drop_give_the_same_as_if_they_did() -> None:
    generator = np.random.default_rng(74)
    # More problems than a block has, of which few are infeasible: each of these needs a certificate of its own.
    problem = batch_of(generator, (280, 10), 12)
    factors = np.array([*np.resize([1e9, 1.1, 1.0], 279), 1e-9])
    limits = problem.crlb_limit * factors[:, None, None]
    few = attrs.evolve(problem, crlb_limit=limits, common_interference=problem.common_interference[:, :1])
    found, spread = Exact().solve(few), Exact().solve(few[...])
    np.testing.assert_array_equal(found.communication, spread.communication)
    np.testing.assert_array_equal(found.sensing, spread.sensing)
    assert isinstance(found.status, np.ndarray)
    np.testing.assert_array_equal(found.status[:, 0], [*["optimal"] * 279, "infeasible"])
    np.testing.assert_array_equal(found.status, spread.status)
    assert np.isnan(found.communication[-1]).all()
    assert np.isfinite(found.communication[:-1]).all()
