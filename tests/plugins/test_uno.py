"""Uno on the nonconvex problem, through CVXPY."""

from __future__ import annotations

import sys
from typing import Any

import attrs
import numpy as np
import pytest
from numerics import general_problem, in_pairs, random_problem

import isacfw
from isacfw import PowerAllocationProblem
from isacfw_plugins.allocators._barrier import find_interior, maximise
from isacfw_plugins.allocators._shares import ShareProblem
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.allocators.uno import PROGRAMS, Uno
from isacfw_plugins.objectives.alpha_fair import AlphaFair
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.objectives.proportional_fair import ProportionalFair
from isacfw_plugins.objectives.sinr_product import SINRProduct

UTILITIES = [
    isacfw.SumRate(),
    isacfw.SumRate(weights=(1.0, 2.0, 0.0)),
    AlphaFair(alpha=0.5),
    AlphaFair(alpha=2.0),
    ProportionalFair(),
    MaxMin(),
    SINRProduct(),
]
PRESETS = pytest.mark.parametrize("preset", ["filtersqp", "ipopt"])
ALL_UTILITIES = pytest.mark.parametrize("objective", UTILITIES, ids=lambda one: one.name)


def locally(problem: PowerAllocationProblem) -> float:
    """Return the value of the barrier method, which shares no formula of derivatives with CVXPY."""
    shares = ShareProblem.of(problem)
    assert shares is not None
    inner = find_interior(shares)
    assert inner is not None
    p = maximise(shares, inner)
    return float(problem.value(p[: problem.users], p[problem.users :]))


@PRESETS
@pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "misaligned"])
def test_sum_rate_of_exact_without_coupling(aligned: bool, preset: str) -> None:
    problem = random_problem(np.random.default_rng(501), 4, aligned=aligned)
    found = Uno(preset=preset).allocate(problem)
    assert found.status == "locally_optimal", found.message
    np.testing.assert_allclose(found.sum_rate, Exact().allocate(problem).sum_rate, rtol=2e-6)


@ALL_UTILITIES
@pytest.mark.parametrize("seed", range(3))
def test_every_utility_against_a_barrier_method(seed: int, objective: Any) -> None:
    generator = np.random.default_rng([502, seed])
    problem = random_problem(generator, 3) if seed == 0 else general_problem(generator, 3)
    problem = attrs.evolve(problem, objective=objective)
    found = Uno(starts=2).allocate(problem)
    assert found.claim == "locally_optimal", found.message
    assert found.violation <= 1e-6
    assert found.value == pytest.approx(locally(problem), rel=1e-6)


@ALL_UTILITIES
def test_minimum_rates_and_sums_of_crlbs(objective: Any) -> None:
    problem = with_floors_and_sums(503, objective)
    found = Uno().allocate(problem)
    assert found.claim == "locally_optimal", found.message
    assert found.violation <= 1e-6
    assert found.value == pytest.approx(locally(problem), rel=1e-6)
    # Minimum rates and limits cost something.
    free = attrs.evolve(problem, minimum_rate=None, crlb_sum_limit=1e6 * problem.crlb_sum_limit)
    assert found.value < Uno().allocate(free).value


def with_floors_and_sums(seed: int, objective: Any) -> PowerAllocationProblem:
    """Return a problem with minimum rates and limits on sums of CRLBs that given shares meet."""
    problem = general_problem(np.random.default_rng(seed), 3)
    x, q = 0.3 * problem.equal_split, np.array([0.3, 0.4])
    crlb = problem.crlb(x, q)
    return attrs.evolve(
        problem,
        objective=objective,
        minimum_rate=0.8 * problem.rates(x, q),
        crlb_limit=np.full(4, np.inf),
        crlb_sum_weights=np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0]]),
        crlb_sum_limit=1.05 * np.array([crlb.sum(), crlb[0]]),
    )


def test_common_interference_written_as_coupling_has_the_same_optimum() -> None:
    generator = np.random.default_rng(504)
    problem = random_problem(generator, 3)
    found = [Uno().allocate(one).sum_rate for one in (problem, in_pairs(problem, generator))]
    assert found[0] == pytest.approx(found[1], rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_from_several_starts_it_agrees_with_ipopt(seed: int) -> None:
    problem = general_problem(np.random.default_rng([505, seed]), 4)
    found = [allocator.allocate(problem).sum_rate for allocator in (Uno(starts=6), Ipopt(starts=6))]
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_result_does_not_depend_on_problems_solved_before() -> None:
    generator = np.random.default_rng(506)
    first, second = (general_problem(generator, 3) for _ in range(2))
    PROGRAMS.cache_clear()
    fresh = Uno(starts=2).allocate(first)
    Uno().allocate(second)
    again = Uno(starts=2).allocate(first)
    np.testing.assert_array_equal(again.communication, fresh.communication)
    np.testing.assert_array_equal(again.streams, fresh.streams)
    assert fresh.iterations == again.iterations > 0


@pytest.mark.parametrize("gain", [1e-15, 1e-8, 1e6])
def test_gains_of_any_size(gain: float) -> None:
    problem = random_problem(np.random.default_rng(507), 3)
    problem = attrs.evolve(problem, gain=gain * np.array([1.0, 0.3, 2.0]))
    np.testing.assert_allclose(Uno().allocate(problem).sum_rate, Exact().allocate(problem).sum_rate, rtol=1e-5)


def test_a_user_without_a_gain() -> None:
    problem = attrs.evolve(random_problem(np.random.default_rng(508), 3), gain=np.array([10.0, 0.0, 5.0]))
    np.testing.assert_allclose(Uno().allocate(problem).sum_rate, Exact().allocate(problem).sum_rate, rtol=2e-6)
    found = Uno().allocate(attrs.evolve(problem, objective=MaxMin()))
    assert (found.status, found.value) == ("feasible", 0.0)


def test_infeasible_limits_have_a_certificate_and_so_have_minimum_rates() -> None:
    problem = general_problem(np.random.default_rng(509), 3)
    tight = attrs.evolve(problem, crlb_limit=0.98 * problem.crlb_limit * problem.feasible_shares()[2])
    found = Uno().allocate(tight)
    assert found.status == "infeasible"
    assert str(found.message).startswith("the CRLB limits are infeasible: at full power")
    high = attrs.evolve(problem, minimum_rate=np.full(3, 1e3))
    found = Uno().allocate(high)
    assert found.status == "infeasible"
    assert "minimum rates" in str(found.message)


def test_iteration_limit_claims_no_optimum() -> None:
    found = Uno(max_iterations=1).allocate(random_problem(np.random.default_rng(510), 4))
    assert found.claim == "feasible"
    assert found.feasible


@pytest.mark.parametrize("objective", [isacfw.LeastPower(), isacfw.LeastCRLB()])
def test_convex_objectives_are_refused(objective: Any) -> None:
    problem = attrs.evolve(random_problem(np.random.default_rng(511), 2), objective=objective)
    found = Uno().allocate(problem)
    assert found.status == "skipped"
    assert "convex" in str(found.message)


def test_it_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    Uno(starts=2).allocate(random_problem(np.random.default_rng(512), 2))
    assert capfd.readouterr() == ("", "")


def test_without_its_package_it_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Uno.unavailable() is None
    monkeypatch.setitem(sys.modules, "unopy", None)
    assert 'python -m pip install "isacfw[uno]"' in str(Uno.unavailable())


def test_ipopt_advises_it_where_its_own_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyipopt", None)
    assert "uno" in str(Ipopt.unavailable())
