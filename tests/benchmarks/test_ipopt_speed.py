"""How long the built-in IPOPT allocator takes beside CasADi and IPOPT on the same problems.

Run it with ``python -m pytest tests/benchmarks/test_ipopt_speed.py --benchmark-only``. Both start at the same
point with the same tolerance, and have compiled their program before. Ratios, of times taken in turns in the same
run, are in the table at the end. Only answers are asserted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numerics import random_problem
from stopwatch import timed

from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt, build_model

pytest.importorskip("casadi")
from casadi_program import CasadiProgram

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

TOLERANCE = 1e-9
# A violation within the tolerance of the scaled limits buys rate: more, the more users share what it buys.
AGREEMENT = {12: 1e-6, 100: 1e-5, 1000: 1e-4}


@pytest.mark.parametrize("users", AGREEMENT)
def test_ipopt_beside_casadi(benchmark: BenchmarkFixture, record: Callable[..., None], users: int) -> None:
    problems = [random_problem(np.random.default_rng([82, users, seed]), users) for seed in range(5)]
    ipopt, program = Ipopt(tolerance=TOLERANCE), CasadiProgram(users, tolerance=TOLERANCE)
    benchmark(ipopt.solve, problems[0])
    own = casadi = 0.0
    for problem in problems:
        turns = [(timed(ipopt.solve, problem), timed(program.solve, problem)) for _ in range(5)]
        own += min(turn[0] for turn in turns)
        casadi += min(turn[1] for turn in turns)
        shares = ipopt.solve(problem)
        rate = problem.sum_rate(shares.communication, shares.sensing)
        best = Exact().allocate(problem).sum_rate
        np.testing.assert_allclose(rate, problem.sum_rate(*program.solve(problem)), rtol=1e-9)
        np.testing.assert_allclose(rate, best, rtol=AGREEMENT[users])
    record("time, in those of CasADi and IPOPT", own / casadi, at_most=5)


@pytest.mark.parametrize("users", [12, 1000])
def test_ipopt_s_derivatives_are_sparse(
    benchmark: BenchmarkFixture, record: Callable[..., None], users: int
) -> None:
    """Compile the program: no entry couples two users, so their number is linear in that of the users."""
    from isacfw_plugins.allocators._pyomo_nlp import PyomoNLP

    def compiled() -> PyomoNLP:
        return PyomoNLP(build_model(users, aligned=True, limited=(True, True)))

    program = benchmark.pedantic(compiled, rounds=3)
    rows, columns = program.hessianstructure()
    assert not ((rows < users) & (columns < users) & (rows != columns)).any()
    entries = len(rows) + len(program.jacobianstructure()[0])
    record("entries of the derivatives, per user", entries / users, at_most=20)
    assert entries <= 20 * users
