"""Statuses are claims: none is wrong on random problems at the ends of the valid range."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from claims import wide_problem
from numerics import crlb_at_full_power, make_problem, random_geometry
from numpy.random import Generator

import isacfw
from isacfw import PowerAllocationProblem, Shares
from isacfw.allocation.verdict import verify
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.allocators.equal_com import EqualCom
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.allocators.sca import SCA
from isacfw_plugins.objectives.alpha_fair import AlphaFair
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.objectives.proportional_fair import ProportionalFair
from isacfw_plugins.objectives.sinr_product import SINRProduct

OBJECTIVES = (
    isacfw.SumRate(),
    isacfw.SumRate(),
    MaxMin(),
    SINRProduct(),
    ProportionalFair(),
    AlphaFair(alpha=2.0),
)
FAST = {"sca": SCA(), "log": SCA(surrogate="logarithmic"), "equal_com": EqualCom()}
ALL: dict[str, Any] = FAST | {"ipopt": Ipopt(), "conic": Conic()}


def extreme_problem(generator: Generator) -> PowerAllocationProblem:
    """Return a problem with gains over up to 300 dB, users far apart, and limits from slack to infeasible."""
    problem = wide_problem(generator, nearest=8.0, one_weak=0.4)
    objective = OBJECTIVES[generator.integers(len(OBJECTIVES))]
    return attrs.evolve(problem, objective=objective, weight_power=10 ** generator.uniform(-2, 2, problem.users))


def wrong_claims(problem: PowerAllocationProblem, allocators: dict[str, Any]) -> list[str]:
    """Return the claims of allocators that the exact solution, or the limits, contradict."""
    exact = Exact().allocate(problem)
    best, signed = float(exact.value), problem.objective.reported().signed
    found = []
    for name, allocator in allocators.items():
        answer = allocator.allocate(problem)
        status, value = str(answer.status), float(answer.value)
        if status in ("optimal", "locally_optimal"):
            if not answer.violation <= isacfw.FEASIBILITY_TOLERANCE:
                found.append(f"{name}: {status}, violates a limit by {answer.violation:.2g}")
            if exact.status == "optimal" and best - value > 0.01 * (max(abs(best), 1.0) if signed else abs(best)):
                found.append(f"{name}: {status} at {value:.6g}, and {best:.6g} is optimal")
        if status == "infeasible" and np.isnan(value) and exact.feasible:
            found.append(f"{name}: infeasible, though exact is feasible: {answer.message}")
    return found


@pytest.mark.parametrize("block", range(3))
def test_no_claim_is_wrong_at_the_ends_of_the_range(block: int) -> None:
    for seed in range(8 * block, 8 * block + 8):
        assert wrong_claims(extreme_problem(np.random.default_rng([931, seed])), FAST) == [], seed


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(20))
def test_no_claim_of_any_solver_is_wrong_at_the_ends_of_the_range(block: int) -> None:
    for seed in range(15 * block, 15 * block + 15):
        assert wrong_claims(extreme_problem(np.random.default_rng([932, seed])), ALL) == [], seed


def plain_problem(objective: isacfw.Objective) -> PowerAllocationProblem:
    """Return a feasible problem whose users have little in common."""
    generator = np.random.default_rng(5)
    fisher = random_geometry(generator, aligned=True).fisher()
    problem = make_problem(
        gain=1e-22 * np.array([1.0, 1e-5, 1e5]),
        interference=np.ones(3),
        ratio=np.full(3, 0.5),
        fisher=fisher,
        limit=10 * crlb_at_full_power(*fisher, np.asarray(0.5)),
    )
    return attrs.evolve(problem, objective=objective)


@pytest.mark.parametrize("claim", ["optimal", "locally_optimal"])
@pytest.mark.parametrize("objective", [isacfw.SumRate(), MaxMin()], ids=["sum rate", "smallest rate"])
def test_a_claim_far_from_the_optimum_at_tiny_rates_is_feasible(objective: isacfw.Objective, claim: str) -> None:
    problem = plain_problem(objective)
    found = verify(problem, Shares(communication=np.full(3, 0.1), sensing=np.asarray(0.7), status=claim))
    assert found.status == "feasible"
    assert f"reported as {claim.replace('_', ' ')}, but another allocation raises the" in str(found.message)
    best = Exact().allocate(problem)
    shares = Shares(communication=best.communication, sensing=best.sensing, status=claim)
    assert verify(problem, shares).status == claim


def test_infeasible_needs_the_certificate() -> None:
    problem = plain_problem(isacfw.SumRate())
    none = Shares.none(problem, isacfw.Status.INFEASIBLE, "no split found")
    found = verify(problem, none)
    assert found.status == "failed"
    assert found.message == "no split found; reported as infeasible, but the requirements can be met"
    tight = attrs.evolve(problem, crlb_limit=1e-9 * problem.crlb_limit)
    assert verify(tight, none).status == "infeasible"


def test_limits_that_rounding_errors_hide_are_not_claimed_to_be_met() -> None:
    """Two targets so close that the Fisher information is singular to nine digits."""
    scenario = isacfw.load_scenario(
        {
            "snr_db": 10.0,
            "transmit_array": {"kind": "upa", "horizontal": 4, "vertical": 4},
            "receive_array": {"kind": "upa", "horizontal": 3, "vertical": 3},
            "channel": {"kind": "rayleigh", "large_scale_fading": [1.0, 0.5]},
            "targets": [
                {"azimuth_deg": azimuth, "elevation_deg": elevation, "reflection_amplitude": 0.1}
                for azimuth, elevation in ((20.0, 60.0), (21.0, 60.3))
            ],
            "precoders": ["mrt"],
            "allocators": ["exact"],
        }
    ).scenario
    statistics, precoder, beam = scenario.statistics([0]), scenario.precoders[0], scenario.compared_beams[0]
    link, streams = scenario.link_statistics(precoder, statistics), scenario.beam_statistics(beam, statistics)
    problem = scenario.problem(precoder, statistics, link, beam, streams)[0]
    x, q = np.array([0.3, 0.3]), np.full(problem.streams, 0.4 / problem.streams)
    assert problem.crlb_error(x, q).max() > 1e-6
    shares = Shares(communication=x, sensing=q, status="optimal")
    tight = attrs.evolve(problem, crlb_limit=problem.crlb(x, q), objective=isacfw.LeastPower())
    found = verify(tight, shares, certified=True)
    assert found.status == "feasible"
    assert "so the limits cannot be verified" in str(found.message)
    slack = attrs.evolve(tight, crlb_limit=2 * problem.crlb(x, q))
    assert verify(slack, shares, certified=True).status == "optimal"
