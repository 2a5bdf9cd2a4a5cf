"""How long the conic programs take, as multiples of other things measured in the same run.

`python -m pytest tests/benchmarks/test_conic_speed.py --benchmark-only` ends in a table of the ratios; other
programs disturb them least on one thread, with OPENBLAS_NUM_THREADS=1 (or the like) in the environment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
from numerics import general_problem, random_problem
from stopwatch import timed

import isacfw
from isacfw import LeastCRLB, LeastPower, PowerAllocationProblem
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.objectives.sinr_product import SINRProduct

USERS = 12


class Clarabel:
    """Clarabel's solver, with the time that it takes, for setup and solution."""

    def __init__(self, monkeypatch: Any) -> None:
        import clarabel

        self.seconds: list[float] = []
        plain, seconds = clarabel.DefaultSolver, self.seconds

        class Timed:
            def __init__(self, *numbers: Any) -> None:
                start = time.perf_counter()
                self.solver = plain(*numbers)
                seconds.append(time.perf_counter() - start)

            def solve(self) -> Any:
                start = time.perf_counter()
                solution = self.solver.solve()
                seconds.append(time.perf_counter() - start)
                return solution

        monkeypatch.setattr(clarabel, "DefaultSolver", Timed)

    def ratio(self, problem: PowerAllocationProblem) -> float:
        """Return the time of an allocation, as a multiple of that of Clarabel in it."""
        self.seconds.clear()
        start = time.perf_counter()
        Conic().solve(problem)
        return (time.perf_counter() - start) / sum(self.seconds)


def alike(users: int) -> PowerAllocationProblem:
    """Return a problem with a closed form: users and streams alike, no coupling."""
    return floored(random_problem(np.random.default_rng(3), users, aligned=False))


def differing(users: int) -> PowerAllocationProblem:
    """Return a problem whose users and streams couple and differ."""
    return floored(general_problem(np.random.default_rng(3), users, targets=1, slack_db=1.0))


def floored(problem: PowerAllocationProblem) -> PowerAllocationProblem:
    x, q, _ = problem.feasible_shares()
    return attrs.evolve(problem, minimum_rate=0.3 * problem.rates(x, q))


@pytest.mark.parametrize("objective", [LeastPower(), LeastCRLB(), MaxMin()], ids=["power", "crlb", "max_min"])
@pytest.mark.parametrize("kind", [alike, differing], ids=["alike", "differing"])
def test_conic_beside_clarabel(
    benchmark: Any,
    record: Any,
    monkeypatch: Any,
    kind: Callable[[int], PowerAllocationProblem],
    objective: isacfw.Objective,
) -> None:
    clarabel = Clarabel(monkeypatch)
    problem = attrs.evolve(kind(USERS), objective=objective)

    found = np.median([clarabel.ratio(problem.without_cache()) for _ in range(100)])
    record("time of an allocation, in those of Clarabel", found, at_most=1.5)
    benchmark(lambda: Conic().solve(problem.without_cache()))
    assert Conic().allocate(problem).status == "optimal"


@pytest.mark.parametrize(
    "objective", [LeastPower(), MaxMin(), SINRProduct()], ids=["power", "max_min", "product"]
)
def test_conic_for_a_hundred_users(benchmark: Any, record: Any, objective: isacfw.Objective) -> None:
    problem, few = (attrs.evolve(alike(users), objective=objective) for users in (100, USERS))
    found = benchmark.pedantic(Conic().allocate, args=(problem,), rounds=2)
    each = [float(np.median([timed(Conic().solve, one) for _ in range(5)])) for one in (problem, few)]
    record("time, in those of 12 users", each[0] / each[1])
    assert found.status == "optimal"
    assert found.value == pytest.approx(float(Exact().allocate(problem).value), rel=1e-6)
