"""No claim is false over the whole valid range, by the rules that the docstring of :mod:`claims` states."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import attrs
import claims
import numpy as np
import pytest
from numerics import crlb_at_full_power, make_problem, random_geometry

import isacfw
from isacfw import PowerAllocationProblem
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.allocators.equal_com import EqualCom
from isacfw_plugins.allocators.equal_cs import EqualCS
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.allocators.sca import SCA

FAST: dict[str, Any] = {"exact": Exact(), "equal_com": EqualCom(), "equal_cs": EqualCS()}
ITERATIVE: dict[str, Any] = {
    "sca": SCA(),
    "sca-log": SCA(surrogate="logarithmic"),
    "ipopt": Ipopt(),
    "conic": Conic(),
}


def problems(first: int, last: int, users: int = 10_000) -> Iterator[PowerAllocationProblem]:
    """Yield random problems with seeds in a range, those with at most a number of users."""
    for seed in range(first, last):
        problem = claims.random_problem(np.random.default_rng([933, seed]))
        if problem.users <= users:
            yield problem


def test_no_closed_form_claims_what_is_false() -> None:
    statuses, found = claims.count(problems(0, 15, users=40), FAST)
    assert found == []
    assert min(statuses["exact optimal"], statuses["equal_com feasible"]) >= 3
    assert statuses["exact infeasible"] >= 1


@pytest.mark.slow
def test_no_solver_claims_what_is_false() -> None:
    statuses, found = claims.count(problems(0, 15, users=8), FAST | ITERATIVE)
    assert found == []
    assert statuses["ipopt locally_optimal"] >= 3


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(8))
def test_no_allocator_claims_what_is_false_on_hundreds_of_problems(block: int) -> None:
    first = 50 * block
    assert claims.count(problems(first, first + 50, users=40), FAST | ITERATIVE)[1] == []
    assert claims.count(problems(first, first + 50), FAST)[1] == []


@pytest.mark.parametrize("seed", [21, 118, 347])
def test_limits_out_of_all_proportion_are_answered(seed: int) -> None:
    """Limits as they are drawn, up to 300 dB from what can be reached: programs are posed in proportion to it."""
    problem = claims.random_problem(np.random.default_rng([933, seed]), near=False)
    answers = claims.answers_of(problem, FAST)
    assert answers["exact"].status in ("optimal", "infeasible"), answers["exact"].message
    assert claims.false_claims(problem, answers) == []


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(8))
def test_no_limits_are_left_without_an_answer(block: int) -> None:
    drawn = [np.random.default_rng([933, seed]) for seed in range(50 * block, 50 * block + 50)]
    problems = [claims.random_problem(generator, near=False) for generator in drawn]
    statuses, found = claims.count((one for one in problems if one.users <= 40), FAST)
    assert found == []
    assert statuses["exact failed"] == 0


def test_requirements_that_are_just_met_are_met() -> None:
    """Power that exceeds the budget by rounding errors alone."""
    for seed in (156, 337, 395):
        problem = claims.random_problem(np.random.default_rng([933, seed]))
        answer = Exact().allocate(problem)
        assert answer.status == "optimal", answer.message


def plain_problem(share: float, slack: float = 1.0, seed: int = 6) -> PowerAllocationProblem:
    """Return a problem whose limits leave a share for communication."""
    fisher = random_geometry(np.random.default_rng(seed), aligned=True).fisher()
    return make_problem(
        gain=np.array([1.0, 30.0]),
        interference=np.array([1.0, 2.0]),
        ratio=np.array([0.5, 0.1]),
        fisher=fisher,
        limit=slack * crlb_at_full_power(*fisher, np.asarray(share)),
    )


@pytest.mark.parametrize(
    ("scale", "status", "words"),
    [
        (0.999, "optimal", "optimal at"),
        (0.9, "locally_optimal", "locally_optimal at"),
        (1.01, "feasible", "violates a requirement"),
        (1.01, "optimal", "violates a requirement"),
        (np.nan, "infeasible", "meets all requirements with a margin"),
    ],
)
def test_each_rule_finds_an_answer_that_breaks_it(scale: float, status: str, words: str) -> None:
    problem = plain_problem(0.4)
    best = Exact().allocate(problem)
    x = np.asarray(best.communication) * scale
    answer = attrs.evolve(
        best,
        communication=x,
        value=problem.value(x, best.streams),
        status=np.asarray(status, dtype=object),
    )
    assert any(words in one for one in claims.false_claims(problem, {"liar": answer}))
    assert claims.false_claims(problem, {"exact": best}) == []


@pytest.mark.parametrize("share", [1e-14, 1e-13, 1e-12, 1e-9, 0.3])
def test_an_optimum_is_one_within_the_rounding_of_the_limits(share: float) -> None:
    """A hair above infeasible, a relative change of the limits of 1e-14 changes the best share by its own size.

    So the optimum is known to within the margin: it is at least that of limits with the margin, and violates the
    limits themselves by less than the margin, both without rounding errors.
    """
    for seed in range(5):
        problem = plain_problem(share, seed=seed)
        best = Exact().allocate(problem)
        point = claims.Point(name="exact", x=best.communication, q=np.atleast_1d(best.streams))
        assert claims.excess(problem, point) <= claims.MARGIN
        for other in claims.with_margin(problem):
            assert float(problem.value(other.x, other.q)) <= float(best.value) * (1 + 1e-9)
        # Twice the share: better by as much, and within rounding errors of the limits where these decide.
        twice = attrs.evolve(point, x=2 * point.x, q=point.q - point.x.sum())
        beyond = claims.excess(problem, twice)
        assert float(problem.value(twice.x, twice.q)) > 1.1 * float(best.value)
        assert beyond > 0
        assert (beyond <= 10 * claims.MARGIN) == (share <= 1e-12)


def test_information_is_that_of_the_inverse() -> None:
    generator = np.random.default_rng(4)
    root = generator.standard_normal((8, 8))
    fisher, known = root @ root.T, np.array([0.0, 1.0, 0.0, 0.0])
    jacobians = generator.standard_normal((2, 2, 2))
    rows = [[Fraction(one) for one in row] for row in fisher.tolist()]
    expected = isacfw.sensing.information.crlb(fisher, jacobians, known)
    for angle in (0, 2, 3):
        found = claims.information(rows, jacobians, known, angle)
        assert float(1 / found) == pytest.approx(expected[angle], rel=1e-9)
