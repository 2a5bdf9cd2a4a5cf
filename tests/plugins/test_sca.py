"""Successive convex approximation: its claim of local optimality, its options and what it must not depend on."""

from __future__ import annotations

import tracemalloc
from typing import Any

import attrs
import numpy as np
import pytest
from numerics import best_improvement, in_pairs, limits_met_at, make_problem, random_problem

from isacfw import Allocation, Direction, InputError, PowerAllocationProblem
from isacfw.sensing.fisher import fisher_information
from isacfw_plugins.allocators import sca
from isacfw_plugins.allocators._limits import Kind, Limits
from isacfw_plugins.allocators._sca_cones import Layout
from isacfw_plugins.allocators._sca_model import Approximation, Model
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.sca import SCA
from isacfw_plugins.arrays.ula import ULA

SURROGATES = pytest.mark.parametrize("surrogate", ["reciprocal", "logarithmic"])
BEAMS = pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "misaligned"])


def answered(allocator: SCA, problem: PowerAllocationProblem) -> Allocation:
    found = allocator.allocate(problem)
    assert found.status == "locally_optimal", found.message
    assert found.feasible
    return found


def gap(found: Allocation, problem: PowerAllocationProblem) -> float:
    """Return the sum rate relative to the optimum, less one."""
    return float(found.sum_rate / Exact().allocate(problem).sum_rate - 1)


# Where it ends


@BEAMS
@pytest.mark.parametrize("seed", range(3))
def test_logarithmic_surrogate_reaches_the_optimum(seed: int, aligned: bool) -> None:
    problem = random_problem(np.random.default_rng([81, seed]), 4, aligned=aligned)
    found = answered(SCA(surrogate="logarithmic"), problem)
    assert -1e-5 <= gap(found, problem) <= 1e-6
    assert found.iterations <= 8


@BEAMS
@pytest.mark.parametrize("seed", range(3))
def test_reciprocal_surrogate_comes_close_to_the_optimum(seed: int, aligned: bool) -> None:
    problem = random_problem(np.random.default_rng([82, seed]), 4, aligned=aligned)
    assert -4e-3 <= gap(answered(SCA(), problem), problem) <= 1e-6


@BEAMS
@SURROGATES
def test_no_small_feasible_step_improves_the_final_point(surrogate: Any, aligned: bool) -> None:
    generator = np.random.default_rng(83)
    for _ in range(2):
        problem = random_problem(generator, 3, aligned=aligned)
        found = answered(SCA(surrogate=surrogate, tolerance=1e-8, max_iterations=500), problem)
        gain = best_improvement(
            problem, found.communication, found.sensing, generator, draws=20_000, steps=(1e-3, 1e-2)
        )
        assert gain <= 1e-6


@SURROGATES
def test_no_small_feasible_step_improves_the_final_point_of_a_coupled_problem(surrogate: Any) -> None:
    generator = np.random.default_rng(84)
    for _ in range(2):
        plain = random_problem(generator, 3)
        problem = attrs.evolve(plain, coupling=10 ** generator.uniform(-2, 2, (3, 3)))
        found = answered(SCA(surrogate=surrogate, tolerance=1e-8, max_iterations=500), problem)
        gain = best_improvement(
            problem, found.communication, found.sensing, generator, draws=20_000, steps=(1e-3, 1e-2)
        )
        assert gain <= 1e-6


@SURROGATES
def test_common_interference_written_as_coupling_has_the_same_optimum(surrogate: Any) -> None:
    generator = np.random.default_rng(85)
    problem = random_problem(generator, 4)
    coupled = in_pairs(problem, generator)
    found = answered(SCA(surrogate=surrogate), coupled)
    lowest = -1e-5 if surrogate == "logarithmic" else -4e-3
    assert lowest <= gap(found, problem) <= 1e-6


@SURROGATES
@pytest.mark.parametrize("initial", ["smallest", "half", 0.0, 0.7])
def test_start_does_not_change_the_end(surrogate: Any, initial: Any) -> None:
    problem = random_problem(np.random.default_rng(86), 3)
    found = answered(SCA(surrogate=surrogate, initial=initial), problem)
    assert -4e-3 <= gap(found, problem) <= 1e-6


@pytest.mark.parametrize("initial", ["smallest", "half", 0.4])
def test_history_starts_at_the_initial_point_and_rises(initial: Any) -> None:
    problem = random_problem(np.random.default_rng(87), 4)
    q = np.asarray(
        {"smallest": 1 - problem.largest_communication_share, "half": 0.5}.get(initial, initial), dtype=float
    )
    found = answered(SCA(initial=initial), problem)
    start = problem.sum_rate((1 - q) * problem.equal_split, q)
    assert found.history[0] == pytest.approx(float(start), rel=1e-12)
    assert found.history[-1] == pytest.approx(float(found.sum_rate), rel=1e-12)
    assert len(found.history) == found.iterations + 1
    started_feasible = problem.violation((1 - q) * problem.equal_split, q) <= 1e-6
    rises = np.diff(found.history)[0 if started_feasible else 1 :]
    assert (rises >= -1e-6 * found.sum_rate).all()


# Options


def test_iteration_limit_claims_no_optimum() -> None:
    problem = random_problem(np.random.default_rng(88), 4)
    found = SCA(max_iterations=2, tolerance=1e-12).allocate(problem)
    assert found.status == "feasible"
    assert found.feasible
    assert found.iterations == 2
    assert "2 iterations" in str(found.message)
    assert found.history.shape == (3,)


def test_tolerance_ends_the_iterations() -> None:
    problem = random_problem(np.random.default_rng(89), 4)
    loose, tight = (answered(SCA(tolerance=tolerance), problem) for tolerance in (1e-2, 1e-6))
    assert loose.iterations < tight.iterations
    assert loose.sum_rate < tight.sum_rate
    for found, tolerance in ((loose, 1e-2), (tight, 1e-6)):
        rises = np.diff(found.history)
        assert rises[-1] <= tolerance * found.history[-1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("surrogate", "cubic"),
        ("initial", "largest"),
        ("initial", 1.0),
        ("initial", -0.1),
        ("initial", True),
        ("tolerance", 0.0),
        ("max_iterations", 0),
    ],
)
def test_options_that_mean_nothing_are_refused(key: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"^{key} must"):
        SCA(**{key: value})


def test_solver_that_is_not_installed_skips_the_problem() -> None:
    found = SCA(solver="NO_SUCH_SOLVER").allocate(random_problem(np.random.default_rng(90), 2))
    assert found.status == "skipped"
    assert "CLARABEL" in str(found.message)
    assert "NO_SUCH_SOLVER" in str(found.message)


def test_another_conic_solver_finds_the_same() -> None:
    pytest.importorskip("scs")
    problem = random_problem(np.random.default_rng(91), 3)
    found = answered(SCA(surrogate="logarithmic", solver="SCS", tolerance=1e-3), problem)
    assert abs(gap(found, problem)) <= 1e-2


def test_it_works_here() -> None:
    assert SCA.unavailable() is None


# Corner cases


@SURROGATES
@pytest.mark.parametrize("weak", [1e-3, 1e-9])
@pytest.mark.parametrize("favoured", [1, -1], ids=["start favours the strong", "start favours the weak"])
def test_a_user_with_a_tiny_gain(surrogate: Any, weak: float, favoured: int) -> None:
    problem = random_problem(np.random.default_rng(92), 3)
    gain = np.array([300.0, 40.0, weak])
    problem = attrs.evolve(problem, gain=gain, weight_power=gain**favoured)
    found = answered(SCA(surrogate=surrogate), problem)
    assert -4e-3 <= gap(found, problem) <= 1e-6
    assert found.communication[2] <= 1e-3


@SURROGATES
@pytest.mark.parametrize("strongest", [1e-2, 1e-5])
def test_optimum_does_not_need_strong_users(surrogate: Any, strongest: float) -> None:
    problem = random_problem(np.random.default_rng(92), 3)
    problem = attrs.evolve(problem, gain=strongest * np.array([1.0, 0.9, 0.3]))
    assert -4e-3 <= gap(answered(SCA(surrogate=surrogate), problem), problem) <= 1e-6


@SURROGATES
def test_one_user(surrogate: Any) -> None:
    problem = random_problem(np.random.default_rng(93), 1, aligned=False)
    assert gap(answered(SCA(surrogate=surrogate), problem), problem) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("initial", ["smallest", "half"])
@BEAMS
def test_infeasible_limits_have_no_answer(initial: str, aligned: bool) -> None:
    problem = random_problem(np.random.default_rng(94), 3, aligned=aligned)
    found = SCA(initial=initial).allocate(attrs.evolve(problem, crlb_limit=0.5 * problem.smallest_crlb))
    assert found.status == "infeasible"
    assert np.isnan(found.communication).all()
    assert found.message


@BEAMS
@pytest.mark.parametrize("limited", [(True, False), (False, True), (False, False)])
def test_limits_on_one_angle_or_none(limited: tuple[bool, bool], aligned: bool) -> None:
    problem = random_problem(np.random.default_rng(95), 3, aligned=aligned)
    problem = attrs.evolve(problem, crlb_limit=np.where(limited, problem.crlb_limit, np.inf))
    found = answered(SCA(surrogate="logarithmic"), problem)
    assert -1e-5 <= gap(found, problem) <= 1e-6


def broadside_line(beam_azimuth_deg: float) -> PowerAllocationProblem:
    """Return a problem with a horizontal line of antennas that sees the azimuth and is blind to elevation."""
    target = Direction(azimuth_deg=25.0, elevation_deg=90.0)
    fisher = fisher_information(
        transmit=ULA(elements=8),
        receive=ULA(elements=6),
        target=target,
        beam=Direction(azimuth_deg=beam_azimuth_deg, elevation_deg=90.0),
        amplitude=0.2,
        frame_length=30,
    )
    seen = tuple(matrix[np.ix_([0, 2, 3], [0, 2, 3])] for matrix in fisher)
    reduced = 0.4 * seen[0] + 0.6 * seen[1]
    limit = np.array([np.linalg.inv(reduced)[0, 0], np.inf])
    gain = np.array([50.0, 7.0, 2.0])
    return make_problem(
        gain=gain, interference=np.array([3.0, 0.5, 1.0]), ratio=np.full(3, 0.7), fisher=fisher, limit=limit
    )


@SURROGATES
@pytest.mark.parametrize("beam_azimuth_deg", [25.0, 22.0], ids=["aligned", "misaligned"])
def test_an_angle_that_cannot_be_seen_and_has_no_limit(surrogate: Any, beam_azimuth_deg: float) -> None:
    problem = broadside_line(beam_azimuth_deg)
    assert problem.largest_communication_share == pytest.approx(0.4, rel=1e-9)
    found = answered(SCA(surrogate=surrogate), problem)
    assert -4e-3 <= gap(found, problem) <= 1e-6


# Clarabel's numbers and the CVXPY model


@pytest.mark.parametrize("coupled", [False, True], ids=["common", "coupled"])
@BEAMS
@SURROGATES
def test_numbers_for_clarabel_are_those_of_the_cvxpy_model(surrogate: Any, aligned: bool, coupled: bool) -> None:
    generator = np.random.default_rng(100)
    for case in range(3):
        problem = random_problem(generator, 4, aligned=aligned)
        # Among users that hardly count, an optimum that is right to 1e-8 splits power in many ways.
        problem = attrs.evolve(problem, gain=generator.uniform(30, 100, 4), weight_power=np.ones(4))
        if coupled:
            problem = in_pairs(problem, generator)
        if case == 2:
            problem = attrs.evolve(problem, crlb_limit=np.where([True, False], problem.crlb_limit, np.inf))
        q = 1 - problem.largest_communication_share
        around = Approximation.around(problem, (1 - q) * problem.equal_split, q, surrogate)
        limits = Limits.of(problem)
        assert limits is not None
        kind = Kind.of(problem, limits)
        assert (kind.limits, kind.order) == (2, 2 if aligned else 4)
        direct = Layout(kind, surrogate).set_limits(limits).solve(around)
        model = Model(kind, surrogate, "CLARABEL").set_limits(limits)
        expected = model.solve(around)
        assert not isinstance(direct, str)
        assert not isinstance(expected, str)
        np.testing.assert_allclose(direct[0], expected[0], rtol=1e-3, atol=1e-3)
        assert direct[1] == pytest.approx(expected[1], abs=1e-6)
        value = model.problem.objective.value
        model.ratio.value, model.q.value = np.maximum(direct[0], 0), direct[1]
        model.f.value = around.scale @ model.ratio.value
        assert model.problem.objective.value == pytest.approx(value, rel=1e-7)
        f, q = around.scale @ direct[0], direct[1].sum()
        assert f + q <= 1 + 1e-7
        slack = np.linalg.eigvalsh(f * limits.users[:, 0] + q * limits.streams[:, 0] - limits.required)
        assert slack.min() >= -1e-7


@BEAMS
@SURROGATES
def test_a_thousand_users(surrogate: Any, aligned: bool) -> None:
    problem = random_problem(np.random.default_rng([3, 1000]), 1000, aligned=aligned)
    SCA(surrogate=surrogate, max_iterations=1).allocate(random_problem(np.random.default_rng(3), 2))
    tracemalloc.start()
    found = SCA(surrogate=surrogate, max_iterations=2).allocate(problem)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.feasible
    assert peak < 8 * problem.users**2 / 2, "a matrix of all pairs of users"


# Its last point


@SURROGATES
def test_no_point_of_the_history_is_better_than_the_answer(surrogate: Any) -> None:
    generator = np.random.default_rng(101)
    for _ in range(5):
        problem = random_problem(generator, 4)
        found = answered(SCA(surrogate=surrogate, tolerance=1e-9, max_iterations=1000), problem)
        assert found.sum_rate == pytest.approx(float(found.history.max()), rel=1e-12)
        assert (np.diff(found.history) >= 0).all()


@SURROGATES
def test_start_that_breaks_the_limits_may_lose_rate(surrogate: Any) -> None:
    problem = random_problem(np.random.default_rng(102), 3)
    fisher = problem.fisher_communication, problem.fisher_sensing
    tight = attrs.evolve(
        problem,
        crlb_limit=limits_met_at(fisher, 0.05, np.zeros(2)),
        gain=np.full(3, 5.0),
        sensing_interference=np.full(3, 1e-3),
        common_interference=np.full(3, 1e-3),
        weight_power=np.ones(3),
    )
    found = answered(SCA(surrogate=surrogate, initial=0.0), tight)
    assert found.history[1] < 0.9 * found.history[0]
    assert found.iterations >= 2
    assert -4e-3 <= gap(found, tight) <= 1e-6


# What the result must not depend on


@BEAMS
@SURROGATES
def test_result_does_not_depend_on_problems_solved_before(surrogate: Any, aligned: bool) -> None:
    generator = np.random.default_rng(96)
    allocator = SCA(surrogate=surrogate)
    first, second, third = (random_problem(generator, 3, aligned=aligned) for _ in range(3))
    unlimited = attrs.evolve(second, crlb_limit=np.array([np.inf, second.crlb_limit[1]]))
    sca.layout_of.cache_clear()
    fresh = answered(allocator, first)
    for other in (second, unlimited, third):
        answered(allocator, other)
    again = answered(allocator, first)
    np.testing.assert_array_equal(again.communication, fresh.communication)
    np.testing.assert_array_equal(again.sensing, fresh.sensing)
    np.testing.assert_array_equal(again.history, fresh.history)


def test_batch_equals_its_members_bit_for_bit() -> None:
    generator = np.random.default_rng(97)
    problem = PowerAllocationProblem.stack([random_problem(generator, 3) for _ in range(3)])
    together = SCA().allocate(problem)
    for position in range(3):
        alone = SCA().allocate(problem[position])
        np.testing.assert_array_equal(together.communication[position], alone.communication)
        own = together.history[position]
        np.testing.assert_array_equal(own[np.isfinite(own)], alone.history)


def test_scale_of_the_fisher_information_does_not_matter() -> None:
    problem = random_problem(np.random.default_rng(98), 3, aligned=False)
    units = np.diag([1e4, 1e-3, 1e2, 1e2])
    scaled = attrs.evolve(
        problem,
        fisher_communication=units @ problem.fisher_communication @ units,
        fisher_sensing=units @ problem.fisher_sensing @ units,
        crlb_limit=problem.crlb_limit / np.diagonal(units)[:2] ** 2,
    )
    found = [answered(SCA(surrogate="logarithmic"), each).sum_rate for each in (problem, scaled)]
    assert found[0] == pytest.approx(float(found[1]), rel=1e-7)


def test_limits_of_the_search_hold_at_the_answer() -> None:
    problem = random_problem(np.random.default_rng(99), 3, aligned=False)
    fisher = problem.fisher_communication, problem.fisher_sensing
    tight = attrs.evolve(problem, crlb_limit=limits_met_at(fisher, 0.5, np.zeros(2)))
    found = answered(SCA(surrogate="logarithmic"), tight)
    assert found.violation <= 1e-6
    assert found.communication.sum() == pytest.approx(0.5, rel=1e-5)
