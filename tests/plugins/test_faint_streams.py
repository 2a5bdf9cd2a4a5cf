"""Streams whose Fisher information spans forty orders of magnitude: exact against conic and a point."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from numerics import random_direction, random_forms, random_problem
from numpy.random import Generator

import isacfw
from isacfw import FloatArray, LeastCRLB, LeastPower, PowerAllocationProblem, SumRate
from isacfw.sensing.fisher import EchoModel
from isacfw.sensing.information import Line
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.objectives.max_min import MaxMin

GOALS = (LeastPower(), LeastCRLB(), LeastCRLB(measure="worst"), MaxMin())
Point = tuple[FloatArray, FloatArray]


def faint_problem(
    generator: Generator, streams: int, *, targets: int = 1, faint_users: bool = False
) -> tuple[PowerAllocationProblem, Point]:
    """Return a problem whose streams have information of 1e-40 to 1, and a point within its limits."""
    model = EchoModel(
        transmit=UPA(horizontal=4, vertical=4),
        receive=UPA(horizontal=4, vertical=5),
        directions=tuple(random_direction(generator) for _ in range(targets)),
        amplitudes=generator.uniform(0.2, 0.5, targets) + 0j,
        frame_length=30,
    )
    users = model.fisher(random_forms(generator, model, 1, 16))[0] * generator.uniform(0.01, 0.3)
    if faint_users:
        users = users * 10 ** -generator.uniform(0, 40)
    shape = streams, 3 * targets
    parts = generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
    parts = parts * 10 ** -generator.uniform(0, 20, shape) * (generator.random(shape) < 0.9)
    each = model.fisher(parts[:, :, None] * parts[:, None, :].conj())
    plain = random_problem(generator, 3)
    problem = PowerAllocationProblem(
        gain=plain.gain,
        sensing_interference=plain.sensing_interference * 10 ** -generator.uniform(0, 6),
        common_interference=plain.common_interference * 10 ** -generator.uniform(0, 4),
        prelog=0.9,
        fisher_communication=users,
        fisher_sensing=each.mean(axis=0),
        crlb_limit=np.full(2 * targets, np.inf),
        power=3.0,
        weight_power=np.ones(3),
        antennas=16,
        fisher_streams=each if streams > 1 else None,
        jacobians=model.jacobians,
    )
    share = float(generator.choice([0.5, 0.99, 1e-6, 1e-3]))
    x, q = share * generator.dirichlet(np.ones(3)), (1 - share) * generator.dirichlet(np.ones(streams))
    limit = problem.crlb(x, q) * 10 ** generator.uniform(0, 1, 2 * targets)
    rates = problem.rates_of(problem.sinr(x, q)) * 10 ** -generator.uniform(0, 3)
    return attrs.evolve(problem, crlb_limit=limit, minimum_rate=rates), (x, q)


def assert_optimal(problem: PowerAllocationProblem, point: Point) -> None:
    assert problem.violation(*point) <= isacfw.FEASIBILITY_TOLERANCE
    for goal in (*GOALS, SumRate()):
        own = attrs.evolve(problem, objective=goal)
        found = Exact().allocate(own)
        assert found.status == "optimal", found.message
        sign = 1 if goal.rises else -1
        known = float(own.value(*point))
        assert sign * (float(found.value) - known) >= -1e-8 * abs(known)
        if goal not in GOALS:
            continue
        other = Conic().allocate(own)
        # Conic may miss its tolerance, but then its answer and its bound hold none the less.
        assert other.feasible
        assert sign * (float(found.value) - float(other.value)) >= -1e-6 * abs(float(found.value))
        if other.status == "optimal":
            assert sign * (float(other.bound) - float(found.value)) >= -1e-6 * abs(float(found.value))


@pytest.mark.parametrize("seed", range(8))
def test_one_faint_stream(seed: int) -> None:
    assert_optimal(*faint_problem(np.random.default_rng([21, seed]), 1))


@pytest.mark.parametrize("seed", range(7))
def test_faint_streams_of_faint_users(seed: int) -> None:
    assert_optimal(*faint_problem(np.random.default_rng([22, seed]), 1, faint_users=True))


@pytest.mark.parametrize("seed", range(3))
def test_faint_streams_that_share_the_power(seed: int) -> None:
    assert_optimal(*faint_problem(np.random.default_rng([23, seed]), 2))


def lost_amplitude(scale: float) -> tuple[FloatArray, FloatArray]:
    """Return users' information and that of a beam, whose amplitude is lost but for `scale`."""
    users = np.diag([2.0, 2.0, 3.0, 3.0])
    root = np.array(
        [[7.0, 0.7, scale, 0.0], [0.6, 7.0, 0.0, scale], [0.0, 0.0, scale, 0.0], [0.0, 0.0, 0.0, scale]]
    )
    sensing = root[:2].T @ root[:2]
    sensing[2:, 2:] = np.eye(2) * scale**2
    return users, sensing


@pytest.mark.parametrize("scale", [1e-6, 1e-12, 1e-17, 1e-20])
@pytest.mark.parametrize("factor", [1e-30, 1.0, 1e30])
def test_largest_sensing_share_of_a_beam_without_amplitude(scale: float, factor: float) -> None:
    """Almost all power may go to such a beam, since hardly any of the users' power tells the amplitude."""
    users, sensing = (factor * each for each in lost_amplitude(scale))
    limit = np.full(2, 1 / (20 * factor))
    share = Line(communication=sensing, sensing=users, limit=limit).largest_share()
    assert share == pytest.approx(1, rel=1e-9)
    crlb = isacfw.crlb(share * sensing + (1 - share) * users)
    assert (crlb <= limit * (1 + 1e-9)).all()


def test_two_targets_and_one_stream_in_a_batch() -> None:
    problem, _point = faint_problem(np.random.default_rng(4), 1, targets=2)
    problem = attrs.evolve(problem, known=np.zeros((1, 4)), objective=LeastCRLB(measure="worst"))
    found = Exact().allocate(problem)
    assert found.status.tolist() == ["optimal"]
