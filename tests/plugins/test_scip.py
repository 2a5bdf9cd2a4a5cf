"""SCIP: optima with bounds that no feasible allocation exceeds."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import attrs
import numpy as np
import pytest
from numerics import general_problem, in_pairs, random_problem
from test_uno import UTILITIES, with_floors_and_sums

import isacfw
from isacfw import Allocation, PowerAllocationProblem
from isacfw_plugins.allocators._barrier import find_interior, maximise, soft_minimum
from isacfw_plugins.allocators._shares import Limit, ShareProblem
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.allocators.sca import SCA
from isacfw_plugins.allocators.scip import Scip
from isacfw_plugins.allocators.uno import Uno
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.objectives.proportional_fair import ProportionalFair
from isacfw_plugins.objectives.sinr_product import SINRProduct

ALL_UTILITIES = pytest.mark.parametrize("objective", UTILITIES, ids=lambda one: one.name)


def coupled_problem(seed: int, users: int, kind: int) -> PowerAllocationProblem:
    """Return a problem with pairwise interference, for one target with equal signals, or in general."""
    generator = np.random.default_rng([601, seed, users])
    if kind:
        return general_problem(generator, users)
    problem = random_problem(generator, users)
    return attrs.evolve(problem, coupling=10 ** generator.uniform(-2, 2, (users, users)))


def gap(problem: PowerAllocationProblem, found: Allocation) -> float:
    scale = max(abs(float(found.value)), 1.0 if problem.objective.reported().signed else 0.0)
    return float(found.bound - found.value) / scale


def best_random(problem: PowerAllocationProblem, found: Allocation, draws: int = 20_000) -> float:
    """Return the best value of feasible shares at random, all around and close to an answer."""
    generator = np.random.default_rng(602)
    answer = np.concatenate([found.communication, found.streams])
    p = generator.dirichlet(np.full(len(answer), 0.5), draws)
    p = answer + generator.choice([1e-4, 1e-2, 0.1, 1.0], (draws, 1)) * (p - answer)
    x, q = p[:, : problem.users], p[:, problem.users :]
    each = problem[None]
    kept = each.violation(x, q) <= 1e-6
    assert kept.any()
    return float(problem.value(x[kept], q[kept]).max())


def assert_valid(problem: PowerAllocationProblem, found: Allocation) -> None:
    assert found.violation <= 1e-6
    assert np.isfinite(found.bound)
    assert found.bound >= found.value
    rivals = [Uno(starts=4).allocate(problem).value, best_random(problem, found)]
    if problem.objective == isacfw.SumRate() and problem.minimum_rate is None and problem.crlb_sum_limit is None:
        rivals += [one.allocate(problem).value for one in (SCA(surrogate="logarithmic"), Ipopt(starts=4))]
    assert max(map(float, rivals)) <= found.bound


# Optima


@pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "misaligned"])
def test_sum_rate_of_exact_without_coupling(aligned: bool) -> None:
    problem = random_problem(np.random.default_rng(603), 4, aligned=aligned)
    found, best = Scip().allocate(problem), Exact().allocate(problem)
    assert found.status == "optimal", found.message
    np.testing.assert_allclose(found.sum_rate, best.sum_rate, rtol=1e-6)
    assert best.sum_rate <= found.bound <= best.sum_rate * (1 + 1e-4)


@ALL_UTILITIES
def test_every_utility_against_the_split_of_a_largest_share(objective: Any) -> None:
    problem = attrs.evolve(random_problem(np.random.default_rng(604), 3), objective=objective)
    f = problem.largest_communication_share
    generator = np.random.default_rng(605)
    splits = np.concatenate([generator.dirichlet(np.full(3, alpha), 20_000) for alpha in (0.2, 1.0, 5.0)])
    best = float(problem.value(f * splits, np.full(len(splits), 1 - f)).max())
    found = Scip().allocate(problem)
    assert found.status == "optimal", found.message
    scale = max(abs(best), 1.0)
    assert best <= found.value + 1e-6 * scale
    assert found.value <= best + 0.02 * scale
    assert 0 <= gap(problem, found) <= 1e-4


@ALL_UTILITIES
@pytest.mark.parametrize("kind", [0, 1], ids=["coupled", "general"])
def test_the_gap_is_closed_and_nothing_beats_the_bound(kind: int, objective: Any) -> None:
    problem = attrs.evolve(coupled_problem(0, 3, kind), objective=objective)
    found = Scip(seconds=10).allocate(problem)
    # SCIP's tolerances matter to users with low rates where marginal utilities are high.
    steep = objective.fairness.alpha == 0.5
    assert steep or found.status == "optimal", found.message
    assert 0 <= gap(problem, found) <= (5e-4 if steep else 1e-4)
    assert_valid(problem, found)


@pytest.mark.slow
@pytest.mark.parametrize("objective", [isacfw.SumRate(), ProportionalFair(), MaxMin(), SINRProduct()])
@pytest.mark.parametrize("kind", [0, 1], ids=["coupled", "general"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 4))])
def test_four_users_have_a_closed_gap(seed: int, kind: int, objective: Any) -> None:
    problem = attrs.evolve(coupled_problem(seed, 4, kind), objective=objective)
    found = Scip().allocate(problem)
    assert found.status == "optimal", found.message
    assert gap(problem, found) <= 1e-4
    assert_valid(problem, found)


@pytest.mark.parametrize("objective", [isacfw.SumRate(), SINRProduct(), MaxMin()])
def test_twelve_users_have_an_honest_gap_within_seconds(objective: Any) -> None:
    problem = attrs.evolve(coupled_problem(0, 12, 0), objective=objective)
    found = Scip(seconds=1).allocate(problem)
    assert found.status in ("optimal", "feasible")
    assert (found.status == "optimal") == (gap(problem, found) <= 1e-4)
    assert found.status == "optimal" or "gap" in str(found.message)
    assert_valid(problem, found)


@ALL_UTILITIES
def test_minimum_rates_and_sums_of_crlbs(objective: Any) -> None:
    problem = with_floors_and_sums(503, objective)
    found = Scip().allocate(problem)
    assert found.status == "optimal", found.message
    assert gap(problem, found) <= 1e-4
    assert_valid(problem, found)


def test_common_interference_written_as_coupling_has_the_same_optimum() -> None:
    generator = np.random.default_rng(606)
    problem = random_problem(generator, 3)
    found, best = Scip().allocate(in_pairs(problem, generator)), Exact().allocate(problem)
    assert found.sum_rate == pytest.approx(float(best.sum_rate), rel=1e-6)
    assert found.bound >= best.sum_rate


def test_a_smaller_gap_is_a_tighter_bound() -> None:
    problem = coupled_problem(1, 4, 0)
    loose, tight = (Scip(gap=gap_).allocate(problem) for gap_ in (1e-2, 1e-4))
    assert loose.status == tight.status == "optimal"
    assert loose.iterations <= tight.iterations
    assert tight.bound <= loose.bound


def test_answers_are_reproducible_bit_for_bit() -> None:
    problem = coupled_problem(2, 3, 1)
    first, second = (Scip().allocate(problem) for _ in range(2))
    np.testing.assert_array_equal(first.communication, second.communication)
    assert (first.bound, first.iterations) == (second.bound, second.iterations)


@pytest.mark.parametrize("gain", [1e-15, 1e-8, 1e6])
def test_gains_of_any_size(gain: float) -> None:
    problem = random_problem(np.random.default_rng(607), 3)
    problem = attrs.evolve(problem, gain=gain * np.array([1.0, 0.3, 2.0]))
    found, best = Scip(seconds=3).allocate(problem), Exact().allocate(problem)
    np.testing.assert_allclose(found.sum_rate, best.sum_rate, rtol=1e-6)
    assert best.sum_rate <= found.bound


# Refusals, and problems without an answer


def test_a_user_of_next_to_no_weight() -> None:
    # All that the value at the start excludes for it is a rate below the smallest number.
    problem = coupled_problem(3, 3, 0)
    problem = attrs.evolve(problem, objective=ProportionalFair(weights=(1e3, 0.02, 1.0)))
    found, local = Scip(seconds=10).allocate(problem), Ipopt().allocate(problem)
    assert found.status == "optimal"
    assert_valid(problem, found)
    assert found.value >= local.value - 1e-4 * abs(local.value)


def test_infeasible_problems_are_reported_with_the_certificate() -> None:
    problem = coupled_problem(0, 3, 1)
    tight = attrs.evolve(problem, crlb_limit=0.98 * problem.crlb_limit * problem.feasible_shares()[2])
    found = Scip().allocate(tight)
    assert found.status == "infeasible"
    assert found.message == tight.infeasibility != ""
    found = Scip().allocate(attrs.evolve(problem, minimum_rate=np.full(3, 20.0)))
    assert found.status == "infeasible"
    assert "minimum rates" in str(found.message)


def test_limits_just_above_the_smallest_are_met() -> None:
    problem = coupled_problem(0, 3, 1)
    tight = attrs.evolve(problem, crlb_limit=(1 + 1e-6) * problem.crlb_limit * problem.feasible_shares()[2])
    found = Scip(seconds=2).allocate(tight)
    # Within the tolerances of the framework and of SCIP, far more power is left for communication.
    assert found.status == "feasible"
    assert found.violation <= 1e-6
    assert found.bound > found.value > 0


@pytest.mark.parametrize("objective", [isacfw.LeastPower(), isacfw.LeastCRLB()])
def test_convex_objectives_are_refused(objective: Any) -> None:
    found = Scip().allocate(attrs.evolve(coupled_problem(0, 2, 0), objective=objective))
    assert found.status == "skipped"
    assert "conic" in str(found.message)


def test_a_user_without_a_gain_leaves_nothing_to_choose() -> None:
    problem = attrs.evolve(coupled_problem(0, 3, 0), gain=np.array([10.0, 0.0, 5.0]))
    found = Scip().allocate(attrs.evolve(problem, objective=MaxMin()))
    assert (found.status, found.value) == ("feasible", 0.0)
    assert Scip().allocate(problem).status == "optimal"


def test_without_its_package_it_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Scip.unavailable() is None
    monkeypatch.setitem(sys.modules, "pyscipopt", None)
    assert 'python -m pip install "isacfw[scip]"' in str(Scip.unavailable())


def test_it_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    Scip().allocate(coupled_problem(0, 2, 1))
    assert capfd.readouterr() == ("", "")


# Time limits and Ctrl-C

PROGRAM = """
import os, signal, threading
import numpy as np
from isacfw.testing import problems
from isacfw_plugins.allocators.scip import Scip

signal.signal(signal.SIGINT, signal.default_int_handler)
problem, scip = problems.problem(14, seed=10, batch=(1,), coupled=True), Scip(seconds=60)
for limit in (0.001, 0.2, 0.5):
    found = scip.allocate(problem, time_limit_s=limit)
    assert found.status[0] == "timed_out" and found.seconds[0] < limit + 3, (found.status, found.seconds)
threads = [threading.Thread(target=lambda: scip.allocate(problem, time_limit_s=0.3)) for _ in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
alarm = threading.Timer(0.4, lambda: os.kill(os.getpid(), signal.SIGINT))
alarm.start()
try:
    scip.allocate(problem)
except KeyboardInterrupt:
    print("interrupted")
small = problems.problem(2, seed=1, batch=(1,), coupled=True)
assert scip.allocate(small).status[0] == "optimal"
"""


def test_scip_stops_at_time_limits_and_interrupts() -> None:
    ran = subprocess.run([sys.executable, "-X", "faulthandler", "-c", PROGRAM], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "interrupted\n"), ran.stderr[-2000:]
    assert signal.getsignal(signal.SIGINT) is not None


# Its mathematics


def share_problem(seed: int, objective: Any) -> ShareProblem:
    shares = ShareProblem.of(with_floors_and_sums(seed, objective))
    assert shares is not None
    return shares


@pytest.mark.parametrize("limit", [0, 1])
def test_levels_and_their_cuts(limit: int) -> None:
    generator = np.random.default_rng(608)
    own: Limit = share_problem(503, isacfw.SumRate()).limits[limit]
    p = generator.dirichlet(np.ones(len(own.signals)))
    found = own.level(p)
    assert found is not None
    level, slope, curvature = found
    for step in 1e-6 * generator.standard_normal((4, len(p))):
        ahead, behind = own.level(p + step), own.level(p - step)
        assert ahead is not None
        assert behind is not None
        assert ahead[0] - behind[0] == pytest.approx(2 * slope @ step, rel=1e-5, abs=1e-9 * level)
        np.testing.assert_allclose(ahead[1] - behind[1], 2 * curvature @ step, rtol=1e-4, atol=1e-9)
    for other in generator.dirichlet(np.full(len(p), 0.3), 200):
        assert own.value(other) <= slope @ other * (1 + 1e-12)


def test_the_smoothed_minimum_and_its_derivatives() -> None:
    generator = np.random.default_rng(609)
    values = generator.uniform(-3, 3, 5)
    value, slope, bend, along = soft_minimum(values, 0.1)
    assert value <= values.min() + 0.1 * np.log(5) * 5
    assert soft_minimum(values, 1e-12)[0] == pytest.approx(values.min(), abs=1e-10)
    for step in 1e-5 * generator.standard_normal((4, 5)):
        ahead, behind = soft_minimum(values + step, 0.1), soft_minimum(values - step, 0.1)
        assert ahead[0] - behind[0] == pytest.approx(2 * slope @ step, abs=1e-11)
        np.testing.assert_allclose(ahead[1] - behind[1], 2 * (bend * step + along * (along @ step)), atol=1e-8)


def test_the_local_method_finds_the_optimum_of_exact() -> None:
    problem = random_problem(np.random.default_rng(610), 6)
    shares = ShareProblem.of(problem)
    assert shares is not None
    inner = find_interior(shares)
    assert inner is not None
    p = maximise(shares, inner)
    best = Exact().allocate(problem).sum_rate
    assert problem.sum_rate(p[:6], p[6:]) == pytest.approx(float(best), rel=1e-6)
