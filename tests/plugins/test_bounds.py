"""Bounds and certificates against the best feasible value that any allocator finds, over random problems."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
import numpy as np
import pytest
from numerics import general_problem
from test_faint_streams import faint_problem

from isacfw import Allocation, LeastCRLB, LeastPower, PowerAllocationProblem, SumRate
from isacfw.allocation.splits import needed_power
from isacfw.sensing.optimum import Optimum
from isacfw.sensing.program import ShareProgram
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.allocators.equal_com import EqualCom
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.allocators.sca import SCA
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.objectives.sinr_product import SINRProduct

OBJECTIVES = (LeastPower(), LeastCRLB(), LeastCRLB(measure="worst"), MaxMin(), SINRProduct(), SumRate())
FAST: dict[str, Any] = {"exact": Exact(), "conic": Conic(), "equal_com": EqualCom()}
ALL: dict[str, Any] = FAST | {"sca": SCA(), "ipopt": Ipopt()}

WITHIN = 1e-12
"""Violation up to which an answer counts as feasible: one within the tolerance may be better than any optimum."""


def mixed_problem(seed: int) -> PowerAllocationProblem:
    """Return a problem whose streams share the power, and whose users differ and couple in two cases of three."""
    generator = np.random.default_rng([941, seed])
    if seed % 3 == 0:
        found = faint_problem(generator, 2 + seed % 2, faint_users=bool(generator.random() < 0.5))[0]
    else:
        coupled = bool(generator.random() < 0.7)
        found = general_problem(generator, 3, streams=2, users_differ=seed % 3 == 1, coupled=coupled)
    return attrs.evolve(found, objective=OBJECTIVES[generator.integers(len(OBJECTIVES))])


def broken_bounds(problem: PowerAllocationProblem, answers: dict[str, Allocation]) -> list[str]:
    """Return the bounds and certificates that a feasible answer contradicts, each in a line."""
    sign = 1 if problem.objective.rises else -1
    within = [(sign * float(one.value), name) for name, one in answers.items() if float(one.violation) <= WITHIN]
    best, by = max(within, default=(-np.inf, ""))
    size = max(abs(best), 1.0 if problem.objective.reported().signed else 0.0)
    found = []
    for name, one in answers.items():
        if np.isfinite(one.bound) and sign * float(one.bound) < best - 1e-9 * size:
            found.append(f"{name}: bound {float(one.bound):.10g}, but {by} has {sign * best:.10g}")
        if one.status == "infeasible" and np.isnan(one.value) and within:
            found.append(f"{name}: infeasible, but {by} meets all requirements")
    return found


def count(seeds: range, allocators: dict[str, Any]) -> Counter[str]:
    """Return how many bounds there are, by allocator, and assert that none is broken."""
    counted: Counter[str] = Counter()
    for seed in seeds:
        problem = mixed_problem(seed)
        answers = {name: one.allocate(problem) for name, one in allocators.items()}
        assert broken_bounds(problem, answers) == [], seed
        counted.update(name for name, one in answers.items() if np.isfinite(one.bound))
    return counted


def test_no_bound_is_beaten() -> None:
    counted = count(range(12), FAST)
    assert min(counted["exact"], counted["conic"]) >= 3


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(10))
def test_no_bound_is_beaten_on_hundreds_of_problems(block: int) -> None:
    assert count(range(30 * block, 30 * block + 30), ALL)["conic"] >= 10


def test_a_bound_that_is_beaten_is_found() -> None:
    problem = attrs.evolve(mixed_problem(0), objective=MaxMin())
    best = Exact().allocate(problem)
    liar = attrs.evolve(best, bound=best.value * (1 - 1e-6))
    assert "bound" in broken_bounds(problem, {"exact": best, "liar": liar})[0]
    none = attrs.evolve(best, value=np.asarray(np.nan), status=np.asarray("infeasible", dtype=object))
    none = attrs.evolve(none, violation=np.asarray(np.nan))
    assert "infeasible" in broken_bounds(problem, {"exact": best, "none": none})[0]


def inaccurate(found: Optimum | None) -> Optimum | None:
    """Return a solution as an inaccurate solver has it: the bound holds, the value is too large."""
    return None if found is None else attrs.evolve(found, value=found.value * 1.001)


@pytest.mark.parametrize("margin", [1e-4, -1e-4])
def test_certificates_are_dual_bounds(monkeypatch: pytest.MonkeyPatch, margin: float) -> None:
    """Requirements that are a hair above, or below, infeasible where programs are solved to 0.1 % only."""
    plain = general_problem(np.random.default_rng(7), 3, streams=2, users_differ=True, coupled=False)
    ratio = plain.feasible_shares()[2]
    tight = attrs.evolve(plain, crlb_limit=plain.crlb_limit * ratio * (1 + margin), minimum_rate=None)
    alone = attrs.evolve(plain, crlb_limit=np.full_like(plain.crlb_limit, np.inf))
    rates = Conic().allocate(attrs.evolve(alone, objective=MaxMin(), minimum_rate=None))
    wanted = np.full(plain.users, float(rates.value) * (1 - margin))
    demanding = attrs.evolve(alone, minimum_rate=wanted)
    for name in ("smallest_excess", "least_power"):
        own = getattr(ShareProgram, name)
        monkeypatch.setattr(
            ShareProgram, name, lambda self, *given, own=own, **named: inaccurate(own(self, *given, **named))
        )
    assert (tight.infeasibility == "") == (margin > 0)
    assert (demanding.infeasibility == "") == (margin > 0)
    assert float(needed_power(demanding, np.ones((), dtype=bool))) == pytest.approx(1, abs=1e-3)
    reachable = tight.smallest_crlb
    monkeypatch.undo()
    np.testing.assert_allclose(reachable, attrs.evolve(tight).smallest_crlb, rtol=1e-6)
