"""Streams that share the power, whose best mix changes at once between other limits: exact against bounds.

The second methods are conic programs, at each of many shares of communication or for all shares at once; neither
interpolates between programs.
"""

from __future__ import annotations

from functools import cache

import attrs
import numpy as np
import pytest
from test_faint_streams import Point, faint_problem

from isacfw import Allocation, LeastCRLB, LeastPower, Objective, PowerAllocationProblem
from isacfw.sensing import table_builder
from isacfw.sensing.program import ShareProgram
from isacfw.sensing.table import Table
from isacfw.sensing.tradeoff import Tradeoff
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.allocators.exact import Exact

KINKS = ((19, 2), (2, 2))
"""Second number of the seed, and number of streams, of problems with a kink near the optimum."""

INACCURATE = (3, 2)
"""The same of a problem whose programs are solved to a relative gap of 1e-6 only."""


def kinked(seed: int, streams: int) -> PowerAllocationProblem:
    return faint_problem(np.random.default_rng([9, seed]), streams, faint_users=True)[0]


def program_of(problem: PowerAllocationProblem, *, weighted: bool) -> ShareProgram:
    weights = LeastCRLB().selected(problem.known) if weighted else None
    program = problem.share_program(objective=weights)
    assert program is not None
    return program


@cache
def table_of(seed: int, streams: int, *, weighted: bool) -> Table:
    tradeoff = Tradeoff(program=program_of(kinked(seed, streams), weighted=weighted))
    return tradeoff.sums if weighted else tradeoff.levels


@pytest.mark.parametrize(("seed", "streams", "weighted"), [(*KINKS[0], False), (*INACCURATE, True)])
def test_values_between_nodes_fall_short_by_no_more_than_is_said(seed: int, streams: int, weighted: bool) -> None:
    table = table_of(seed, streams, weighted=weighted)
    low, high = max(float(table.nodes[0]), 1e-3), min(float(table.nodes[-1]), 1 - 1e-3)
    shares = np.random.default_rng(1).uniform(low, high, 30)
    exact = np.array([table.solve(m) for m in shares.tolist()])
    lost, gap = (exact - table.evaluate(shares)) / np.abs(exact), table.gap(shares)
    assert (lost <= gap + 1e-9).all()
    assert np.isfinite(gap).all()
    if (seed, streams) != INACCURATE:
        assert gap.max() <= 1e-6


@pytest.mark.parametrize(("seed", "streams"), [*KINKS, INACCURATE])
@pytest.mark.parametrize("weighted", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_value_is_above_a_majorant(seed: int, streams: int, weighted: bool) -> None:
    table = table_of(seed, streams, weighted=weighted)
    generator = np.random.default_rng(2)
    zero, one = (each[:, None] for each in table.majorant(generator.uniform(0.01, 0.99, 50)))
    assert np.isfinite(zero).all()
    shares = np.clip(generator.uniform(0, 1, 200), table.nodes[0], table.nodes[-1])
    values = table.evaluate(shares)
    assert (zero + (one - zero) * shares - values >= -1e-9 * np.abs(values)).all()
    assert table.peak[1] >= values.max() - 1e-12 * np.abs(values.max())


@pytest.mark.parametrize(("seed", "streams"), KINKS)
@pytest.mark.parametrize("goal", [LeastPower(), pytest.param(LeastCRLB(measure="worst"), marks=pytest.mark.slow)])
def test_optimal_answers_are_those_of_the_conic_programs(seed: int, streams: int, goal: Objective) -> None:
    problem = attrs.evolve(kinked(seed, streams), objective=goal)
    found, other = Exact().allocate(problem), Conic().allocate(problem)
    assert found.status == "optimal"
    assert float(found.bound) <= float(found.value) <= float(other.value) * (1 + 1e-6)
    assert float(found.bound) <= float(other.value) * (1 + 1e-9)


def test_an_answer_that_is_not_known_to_be_the_best_is_feasible_with_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = attrs.evolve(kinked(*KINKS[0]), objective=LeastPower())
    best = Exact().allocate(problem)
    monkeypatch.setattr(table_builder, "_MOST_FOR_CERTIFICATES", 0)
    monkeypatch.setattr(table_builder, "ROUNDS", 0)
    coarse = Exact().allocate(problem)
    assert coarse.status == "feasible"
    assert str(coarse.message).endswith(" of the value away")
    assert float(coarse.bound) <= float(best.value) < float(coarse.value) * (1 - 1e-6)


def value_within_limits(problem: PowerAllocationProblem, answer: Allocation, point: Point) -> float:
    """Return the value of an answer moved towards a point until it is within the limits, without tolerance.

    Limits are convex in the shares.
    """
    for step in (0.0, *np.geomspace(1e-12, 1.0, 49)):
        found = answer.communication, answer.streams
        x, q = ((1 - step) * own + step * other for own, other in zip(found, point, strict=True))
        crlb = problem.crlb(x, q) * (1 + problem.crlb_error(x, q))
        if problem.violation(x, q, crlb) == 0:
            return float(problem.value(x, q))
    raise AssertionError("the point is not within the limits")


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(10))
def test_no_optimal_answer_is_beaten_on_hundreds_of_problems(block: int) -> None:
    """120 answers in each of ten blocks."""
    goals = (LeastPower(), LeastCRLB(), LeastCRLB(measure="worst"))
    claimed = 0
    for seed in range(10 * block, 10 * block + 10):
        for streams in (2, 3):
            for faint in (False, True):
                one, point = faint_problem(np.random.default_rng([9, seed]), streams, faint_users=faint)
                for goal in goals:
                    problem = attrs.evolve(one, objective=goal)
                    found, other = Exact().allocate(problem), Conic().allocate(problem)
                    best = [float(problem.value(*point))]
                    if other.feasible:
                        best.append(value_within_limits(problem, other, point))
                    if found.status == "optimal":
                        claimed += 1
                        assert float(found.value) <= min(best) * (1 + 1e-6), (seed, streams, faint, goal)
                    if np.isfinite(found.bound):
                        assert float(found.bound) <= min(best) * (1 + 1e-9), (seed, streams, faint, goal)
    assert claimed >= 100
