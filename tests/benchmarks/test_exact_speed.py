"""How long the exact solution takes beside sorting, beside more users and antennas, and beside IPOPT.

Run it with ``python -m pytest tests/benchmarks/test_exact_speed.py --benchmark-only``; other programs disturb it
least on one thread, with OPENBLAS_NUM_THREADS=1 (or the like) in the environment. Ratios, of times taken in turns
in the same run, are in the table at the end. Only answers are asserted.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pytest
from numerics import random_problem
from stopwatch import timed

from isacfw import (
    FloatArray,
    LeastCRLB,
    LeastPower,
    Objective,
    PowerAllocationProblem,
    Precoder,
    Scenario,
    Sensing,
    Shares,
    SumRate,
    Target,
)
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.objectives.alpha_fair import AlphaFair
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.objectives.proportional_fair import ProportionalFair
from isacfw_plugins.objectives.sinr_product import SINRProduct
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.zf import ZF

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

DROPS, USERS = 1_000_000, 12
ROUNDS = 5


def batch(drops: int, users: int) -> PowerAllocationProblem:
    """Return problems as a study poses them: the users' numbers differ, Fisher information and limit do not."""
    generator = np.random.default_rng([81, users])
    one = random_problem(generator, users)
    gain = 10 ** generator.uniform(-2, 3, (drops, users))
    return attrs.evolve(
        one,
        gain=gain,
        sensing_interference=gain * generator.uniform(0.01, 1, (drops, users)),
        common_interference=gain * generator.uniform(0.01, 1, (drops, users)),
        fisher_communication=one.fisher_communication[None],
        fisher_sensing=one.fisher_sensing[None],
        crlb_limit=one.crlb_limit[None],
    )


def anew(problem: PowerAllocationProblem) -> Callable[[], tuple[tuple[PowerAllocationProblem], dict[str, Any]]]:
    """Return what hands over a copy of a problem, with nothing cached, outside the time that is taken."""
    return lambda: ((attrs.evolve(problem),), {})


def shortest(functions: dict[Any, Callable[[], Any]], rounds: int = ROUNDS) -> dict[Any, float]:
    """Return the shortest time of each, in turns, so that a change of the machine's load meets all alike."""
    turns = [{key: timed(function) for key, function in functions.items()} for _ in range(rounds)]
    return {key: min(turn[key] for turn in turns) for key in functions}


def sort_and_logarithm(gain: FloatArray) -> None:
    np.sort(gain, axis=-1)
    np.log2(gain)


def test_exact_for_a_million_problems(benchmark: BenchmarkFixture, record: Callable[..., None]) -> None:
    problem = batch(DROPS, USERS)
    reference = [timed(sort_and_logarithm, problem.gain)]

    def setup() -> tuple[tuple[PowerAllocationProblem], dict[str, Any]]:
        reference.append(timed(sort_and_logarithm, problem.gain))
        return anew(problem)()

    shares: Shares = benchmark.pedantic(Exact().solve, setup=setup, rounds=ROUNDS)
    if benchmark.stats is not None:
        record("time, in sorts and logarithms", benchmark.stats.stats.min / min(reference), at_most=4)
    record("peak memory, in answers", peak_memory(problem) / problem.gain.nbytes)
    power = shares.communication.sum(axis=-1) + shares.sensing
    np.testing.assert_allclose(power, 1, rtol=1e-12)
    few = np.arange(0, DROPS, DROPS // 7)
    np.testing.assert_array_equal(Exact().solve(problem[few]).communication, shares.communication[few])


def peak_memory(problem: PowerAllocationProblem) -> int:
    tracemalloc.start()
    Exact().solve(problem)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


WEIGHTS = tuple(np.random.default_rng(82).uniform(0.1, 3, USERS))
OBJECTIVES: dict[str, tuple[Objective, float]] = {
    "weighted sum rate": (SumRate(weights=WEIGHTS), 4),
    "max-min": (MaxMin(), 4),
    "product of SINRs": (SINRProduct(), 4),
    "least power": (LeastPower(), 4),
    "least sum of CRLBs": (LeastCRLB(), 4),
    "least ratio to the limits": (LeastCRLB(measure="worst"), 4),
    "0.5-fair": (AlphaFair(alpha=0.5), 20),
    "proportionally fair": (ProportionalFair(), 20),
    "2-fair": (AlphaFair(alpha=2.0), 20),
    "2-fair and weighted": (AlphaFair(alpha=2.0, weights=WEIGHTS), 20),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_for_a_million_problems(
    benchmark: BenchmarkFixture, record: Callable[..., None], name: str
) -> None:
    objective, limit = OBJECTIVES[name]
    plain = batch(DROPS, USERS)
    best = Exact().solve(attrs.evolve(plain, objective=MaxMin()))
    floors = 0.3 * plain.rates(best.communication, best.sensing)
    problem = attrs.evolve(plain, objective=objective)
    floored = attrs.evolve(problem, minimum_rate=floors)
    turns = {
        "reference": partial(sort_and_logarithm, plain.gain),
        "plain": lambda: Exact().solve(attrs.evolve(problem)),
        "floored": lambda: Exact().solve(attrs.evolve(floored)),
    }
    shares: Shares = benchmark.pedantic(Exact().solve, setup=anew(problem), rounds=1)
    if benchmark.stats is not None:
        times = shortest(turns, rounds=3)
        record("time, in sorts and logarithms", times["plain"] / times["reference"], at_most=limit)
        record("the same with minimum rates", times["floored"] / times["reference"])
    few = np.arange(0, DROPS, DROPS // 7)
    np.testing.assert_array_equal(Exact().solve(problem[few]).communication, shares.communication[few])


def test_exact_for_a_thousand_users(benchmark: BenchmarkFixture, record: Callable[..., None]) -> None:
    problems = {users: batch(5_000, users) for users in (100, 1000)}

    def solve(users: int) -> Shares:
        return Exact().solve(attrs.evolve(problems[users]))

    shares = benchmark.pedantic(solve, (1000,), rounds=ROUNDS)
    times = shortest({users: lambda users=users: solve(users) for users in problems}, rounds=15)
    record("time, in those of 100 users", times[1000] / times[100], at_most=10)
    x, q = shares.communication, shares.sensing
    problem = problems[1000]
    slope = problem.gain / (problem.gain * x + problem.disturbance(x, q))
    level = slope.max(axis=-1, keepdims=True)
    assert (np.abs(slope / level - 1)[x > 0] <= 1e-9).all()


@pytest.mark.parametrize("precoder", [MRT(), ZF()], ids=["mrt", "zf"])
def test_closed_forms_for_a_million_antennas(
    benchmark: BenchmarkFixture, record: Callable[..., None], precoder: Precoder
) -> None:
    scenarios = {side: scenario_of(side) for side in (15, 1000)}
    statistics = scenarios[15].statistics()
    problem = benchmark(scenarios[1000].problem, precoder, statistics)
    times = shortest({side: lambda s=s: s.problem(precoder, statistics) for side, s in scenarios.items()}, 200)
    record("time, in those of 15 x 15 antennas", times[1000] / times[15], at_most=1.5)
    assert problem.antennas == 1_000_000


def scenario_of(side: int) -> Scenario:
    return Scenario(
        name="speed",
        seed=1,
        drops=10,
        snr_db=10,
        transmit_array=UPA(horizontal=side, vertical=side),
        receive_array=UPA(horizontal=side, vertical=side),
        target=Target(azimuth_deg=20, elevation_deg=60, reflection_amplitude=0.1),
        sensing=Sensing(crlb_limit_db=-50),
        channel=Rayleigh(users=USERS),
        precoders=[MRT()],
        allocators=[Exact()],
    )


def test_exact_beside_ipopt_through_casadi(benchmark: BenchmarkFixture, record: Callable[..., None]) -> None:
    pytest.importorskip("casadi")
    from casadi_program import CasadiProgram

    problem = batch(100_000, USERS)
    shares: Shares = benchmark.pedantic(Exact().solve, setup=anew(problem), rounds=ROUNDS)
    program = CasadiProgram(USERS)
    seconds = []
    for drop in range(0, 100_000, 5_000):
        one = problem[drop]
        seconds.append(min(timed(program.solve, one) for _ in range(3)))
        x, q = program.solve(one)
        best = one.sum_rate(shares.communication[drop], shares.sensing[drop])
        np.testing.assert_allclose(one.sum_rate(x, q), best, rtol=1e-6)
    if benchmark.stats is not None:
        per_problem = benchmark.stats.stats.min / 100_000
        record("times faster, per problem", float(np.mean(seconds)) / per_problem, at_least=5000)
