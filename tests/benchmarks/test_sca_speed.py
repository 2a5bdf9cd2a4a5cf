"""How long successive convex approximation takes, as multiples of other things measured in the same run.

`python -m pytest tests/benchmarks/test_sca_speed.py --benchmark-only` ends in a table of the ratios; other
programs disturb them least on one thread, with OPENBLAS_NUM_THREADS=1 (or the like) in the environment.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numerics import random_problem

from isacfw import FloatArray, PowerAllocationProblem
from isacfw_plugins.allocators import sca
from isacfw_plugins.allocators._limits import Kind, Limits
from isacfw_plugins.allocators._sca_ascent import Ascent
from isacfw_plugins.allocators._sca_model import Approximation, Model, Surrogate
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.sca import SCA

SURROGATES = pytest.mark.parametrize("surrogate", ["reciprocal", "logarithmic"])
BEAMS = pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "misaligned"])


def seconds(function: Callable[[], Any], repeats: int) -> float:
    """Return the median wall time of a call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


class Clarabel:
    """Clarabel's solver, whose reports are kept."""

    def __init__(self, monkeypatch: Any) -> None:
        import clarabel

        self.reported: list[float] = []
        plain, reported = clarabel.DefaultSolver, self.reported

        class Listening:
            def __init__(self, *numbers: Any) -> None:
                self.solver = plain(*numbers)

            def solve(self) -> Any:
                solution = self.solver.solve()
                reported.append(solution.solve_time)
                return solution

        monkeypatch.setattr(clarabel, "DefaultSolver", Listening)


def started(allocator: SCA, problem: PowerAllocationProblem) -> Ascent:
    """Return the iterations of an allocation before the first."""
    limits, start = Limits.of(problem), allocator.start(problem)
    assert limits is not None
    assert start is not None
    with allocator.convex(problem, limits) as convex:
        return Ascent(allocator, problem, convex, *start)


def visited(allocator: SCA, problem: PowerAllocationProblem) -> list[tuple[FloatArray, FloatArray]]:
    """Return the points around which an allocation approximates the sum rate."""
    ascent = started(allocator, problem)
    points = [(ascent.x, ascent.q)]
    for _ in range(int(allocator.allocate(problem).iterations) - 1):
        ascent.x, ascent.q = points[-1]
        step = ascent.step()
        assert not isinstance(step, str)
        points.append(step)
    return points


@BEAMS
@SURROGATES
def test_sca_beside_clarabel(
    benchmark: Any, record: Any, monkeypatch: Any, surrogate: Surrogate, aligned: bool
) -> None:
    clarabel = Clarabel(monkeypatch)
    problem = random_problem(np.random.default_rng(3), 12, aligned=aligned)
    allocator = SCA(surrogate=surrogate)
    points = visited(allocator, problem)
    ascent = started(allocator, problem)

    def iterations() -> None:
        for point in points:
            ascent.x, ascent.q = point
            step = ascent.step()
            assert not isinstance(step, str)
            problem.sum_rate(*step)

    def ratio(function: Callable[[], Any]) -> float:
        clarabel.reported.clear()
        start = time.perf_counter()
        function()
        return (time.perf_counter() - start) / sum(clarabel.reported)

    def whole() -> Any:
        return allocator.solve(problem)

    repeats = max(5, 300 // len(points))
    each = np.median([ratio(iterations) for _ in range(repeats)])
    record("time of an iteration, in those that Clarabel reports", each, at_most=1.5)
    allocation = np.median([ratio(whole) for _ in range(repeats)])
    record("time of an allocation, in those that Clarabel reports", allocation)
    found = benchmark(whole)
    assert found.history[-1] == pytest.approx(float(Exact().allocate(problem).sum_rate), rel=4e-3)


def usual_way(allocator: SCA, problem: PowerAllocationProblem) -> float:
    """Return the sum rate of the same algorithm with a new CVXPY problem in every iteration."""
    limits = Limits.of(problem)
    assert limits is not None
    start = started(allocator, problem)
    x, q = start.x, start.q
    rates = [float(problem.sum_rate(x, q))]
    while len(rates) == 1 or rates[-1] - rates[-2] > allocator.tolerance * rates[-1]:
        around = Approximation.around(problem, x, q, allocator.surrogate)
        model = Model(Kind.of(problem, limits), allocator.surrogate, "CLARABEL")
        outcome = model.set_limits(limits).solve(around)
        assert not isinstance(outcome, str)
        x, q = np.maximum(around.scale * outcome[0], 0), np.maximum(outcome[1], 0)
        rates.append(float(problem.sum_rate(x, q)))
    return max(rates)


@BEAMS
@SURROGATES
def test_sca_beside_a_new_cvxpy_problem_in_every_iteration(
    benchmark: Any, record: Any, surrogate: Surrogate, aligned: bool
) -> None:
    problem = random_problem(np.random.default_rng(4), 12, aligned=aligned)
    allocator = SCA(surrogate=surrogate)
    found = benchmark(allocator.solve, problem)
    assert found.history[-1] == pytest.approx(usual_way(allocator, problem), rel=1e-4)
    usual = seconds(lambda: usual_way(allocator, problem), 3)
    record("times faster", usual / seconds(lambda: allocator.solve(problem), 20), at_least=10)


@BEAMS
@SURROGATES
def test_sca_for_a_thousand_users(benchmark: Any, record: Any, surrogate: Surrogate, aligned: bool) -> None:
    problem = random_problem(np.random.default_rng(5), 1000, aligned=aligned)
    allocator = SCA(surrogate=surrogate)
    few = random_problem(np.random.default_rng(5), 12, aligned=aligned)
    allocator.solve(few)
    sca.layout_of.cache_clear()
    tracemalloc.start()
    found = allocator.solve(problem)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    dense = 8 * problem.users**2
    benchmark.pedantic(allocator.solve, args=(problem,), rounds=2)
    slower = seconds(lambda: allocator.solve(problem), 2) / seconds(lambda: allocator.solve(few), 20)
    record("time, in those of 12 users", slower)
    record("peak memory, in matrices of users by users", peak / dense, at_most=0.5)
    assert peak < dense / 2
    assert found.status == "locally_optimal"
    assert found.history[-1] == pytest.approx(float(Exact().allocate(problem).sum_rate), rel=4e-3)
