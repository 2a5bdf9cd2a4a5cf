"""Several targets, several streams, and users whose signals tell different things of the targets."""

from __future__ import annotations

from typing import Any

import attrs
import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from numerics import (
    PROPERTY,
    SEEDS,
    crlb_by_schur,
    general_problem,
    random_problem,
    random_shares,
    sum_rate,
)
from numpy.random import Generator

from isacfw import Allocation, FloatArray, PowerAllocationProblem
from isacfw.sensing.program import ShareProgram
from isacfw.sensing.reduction import in_angles
from isacfw_plugins.allocators._limits import Kind, Limits
from isacfw_plugins.allocators._sca_cones import Layout
from isacfw_plugins.allocators._sca_model import Approximation, Model
from isacfw_plugins.allocators.equal_com import EqualCom
from isacfw_plugins.allocators.equal_cs import EqualCS
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.allocators.sca import SCA

LOG = SCA(surrogate="logarithmic")
SURROGATES = pytest.mark.parametrize("surrogate", ["reciprocal", "logarithmic"])
FEW = settings(PROPERTY, max_examples=25)


def some_general_problem(generator: Generator, **options: Any) -> PowerAllocationProblem:
    """Return a problem of any kind."""
    chosen = {
        "streams": int(generator.integers(1, 4)),
        "targets": int(generator.integers(1, 3)),
        "users_differ": bool(generator.integers(2)),
        "streams_differ": bool(generator.integers(2)),
        "coupled": bool(generator.integers(2)),
        "known": (1,) if generator.integers(4) == 0 else (),
    }
    return general_problem(generator, int(generator.integers(1, 5)), **chosen | options)


def violation(problem: PowerAllocationProblem, found: Allocation) -> float:
    """Return the largest relative violation, the CRLBs by inverting the whole matrix in the angles."""
    x, q = found.communication, found.streams
    limited = np.isfinite(problem.crlb_limit)
    excess = crlb_by_schur(problem, x, q)[limited] / problem.crlb_limit[limited] - 1
    return float(max(excess.max(initial=0), x.sum() + q.sum() - 1, -x.min(), -q.min()))


def rate_by_hand(problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> FloatArray:
    """Return the sum rate of shares (n, K) and (n, S), streams one by one."""
    own = problem.stream_coupling
    if own is None:
        return sum_rate(problem, x, q.sum(axis=-1))
    total = np.zeros(len(x))
    for k in range(problem.users):
        noise = 1 + problem.common_interference[k] * x.sum(axis=-1)
        for j in range(problem.users):
            noise = noise + problem.coupling[k, j] * x[:, j]
        for s in range(problem.streams):
            noise = noise + (problem.sensing_interference[k] + own[k, s]) * q[:, s]
        total += problem.prelog * np.log2(1 + problem.gain[k] * x[:, k] / noise)
    return total


def best_small_step(
    problem: PowerAllocationProblem, found: Allocation, generator: Generator, step: float
) -> float:
    """Return the largest relative rise of the sum rate by a step towards random feasible points."""
    x, q = random_shares(generator, problem.users, 3000)
    streams = q[:, None] * generator.dirichlet(np.full(problem.streams, 0.5), len(q))
    # Halfway to the best point for sensing more of them are feasible.
    inner_x, inner_q, _ = problem.feasible_shares()
    weight = generator.uniform(0, 1, (len(x), 1))
    x, streams = x + weight * (inner_x - x), streams + weight * (inner_q - streams)
    with np.errstate(invalid="ignore"):
        limited = np.isfinite(problem.crlb_limit)
        kept = (problem.crlb(x, streams)[:, limited] <= problem.crlb_limit[limited]).all(axis=-1)
    assert kept.sum() >= 10
    x, streams = x[kept], streams[kept]
    x = found.communication + step * (x - found.communication)
    streams = found.streams + step * (streams - found.streams)
    own = rate_by_hand(problem, found.communication[None], found.streams[None])[0]
    return float(rate_by_hand(problem, x, streams).max() / own - 1)


# sca and ipopt


@FEW
@given(SEEDS)
def test_two_methods_agree_on_general_problems(seed: int) -> None:
    generator = np.random.default_rng([401, seed])
    problem = some_general_problem(generator)
    found = {"sca": LOG.allocate(problem), "ipopt": Ipopt(starts=2).allocate(problem)}
    best = max(float(one.sum_rate) for one in found.values())
    for name, one in found.items():
        assert one.status == "locally_optimal", f"{name}: {one.message}"
        assert violation(problem, one) <= 1e-6
        own = rate_by_hand(problem, one.communication[None], one.streams[None])[0]
        assert own == pytest.approx(float(one.sum_rate), rel=1e-12)
        assert one.sum_rate >= best * (1 - 1e-3), name


@pytest.mark.parametrize("seed", range(6))
def test_the_reciprocal_surrogate_reaches_the_same(seed: int) -> None:
    problem = some_general_problem(np.random.default_rng([402, seed]))
    found, other = SCA().allocate(problem), Ipopt(starts=2).allocate(problem)
    assert found.status == "locally_optimal", found.message
    assert violation(problem, found) <= 1e-6
    assert found.sum_rate == pytest.approx(float(other.sum_rate), rel=1e-3)


@pytest.mark.parametrize("allocator", [LOG, Ipopt()], ids=["sca", "ipopt"])
@pytest.mark.parametrize("seed", range(4))
def test_no_small_feasible_step_improves_a_general_answer(seed: int, allocator: Any) -> None:
    generator = np.random.default_rng([403, seed])
    problem = general_problem(generator, 3, known=(3,) if seed == 0 else ())
    found = allocator.allocate(problem)
    # A step of a thousandth along a direction with a first-order rise of a thousandth gains a millionth.
    assert best_small_step(problem, found, generator, 1e-3) <= 2e-6


@pytest.mark.parametrize("allocator", [LOG, SCA(), Ipopt()], ids=["log", "reciprocal", "ipopt"])
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_feasible_problems_that_equal_parts_cannot_meet(seed: int, allocator: Any) -> None:
    generator = np.random.default_rng([404, seed])
    problem = general_problem(generator, 3, coupled=bool(seed % 2))
    tight = attrs.evolve(problem, crlb_limit=1.02 * problem.crlb_limit * problem.feasible_shares()[2])
    assert np.isnan(tight.largest_communication_share)
    found = allocator.allocate(tight)
    assert found.status == "locally_optimal", found.message
    assert violation(tight, found) <= 1e-6
    assert best_small_step(tight, found, generator, 1e-3) <= 2e-6


@pytest.mark.parametrize("allocator", [LOG, SCA(), SCA(initial="half"), Ipopt()])
@pytest.mark.parametrize("alike", [True, False])
def test_infeasible_general_problems_have_no_answer_but_a_certificate(alike: bool, allocator: Any) -> None:
    problem = general_problem(np.random.default_rng(405), 3, users_differ=not alike)
    tight = attrs.evolve(problem, crlb_limit=0.98 * problem.crlb_limit * problem.feasible_shares()[2])
    found = allocator.allocate(tight)
    assert found.status == "infeasible"
    assert np.isnan(found.communication).all()
    assert str(found.message).startswith("the CRLB limits are infeasible: at full power")


@pytest.mark.parametrize("allocator", [LOG, Ipopt()], ids=["sca", "ipopt"])
@pytest.mark.parametrize("seed", range(3))
def test_coordinates_of_the_fisher_information_do_not_matter(seed: int, allocator: Any) -> None:
    generator = np.random.default_rng([406, seed])
    problem = general_problem(generator, 3, targets=1 + seed % 2, users_differ=seed > 0, streams_differ=seed > 0)
    targets = problem.targets
    angles = {
        name: in_angles(getattr(problem, name), problem.jacobians)
        for name in ("fisher_communication", "fisher_sensing", "fisher_users", "fisher_streams")
        if getattr(problem, name) is not None
    }
    same = attrs.evolve(problem, jacobians=np.tile(np.eye(2), (targets, 1, 1)), **angles)
    first, second = (allocator.allocate(one) for one in (problem, same))
    assert first.status == second.status == "locally_optimal"
    assert first.sum_rate == pytest.approx(float(second.sum_rate), rel=1e-5)


@pytest.mark.parametrize("allocator", [LOG, SCA(), Ipopt()], ids=["log", "reciprocal", "ipopt"])
def test_an_angle_that_no_signal_tells_anything_of(allocator: Any) -> None:
    problem = general_problem(np.random.default_rng(407), 3, targets=1, coupled=False)
    blind = np.diag([1.0, 0.0, 1.0, 1.0])
    values = {
        name: blind @ getattr(problem, name) @ blind
        for name in ("fisher_communication", "fisher_sensing", "fisher_users", "fisher_streams")
    }
    line = attrs.evolve(problem, jacobians=np.eye(2)[None], crlb_limit=np.array([1.0, np.inf]), **values)
    line = attrs.evolve(line, crlb_limit=1.5 * line.crlb_limit * line.feasible_shares()[2])
    known = attrs.evolve(line, known=np.array([0.0, 1.0]))
    found = [allocator.allocate(one) for one in (line, known)]
    assert [one.status for one in found] == ["locally_optimal", "locally_optimal"]
    assert found[0].sum_rate == pytest.approx(float(found[1].sum_rate), rel=1e-4)
    both = attrs.evolve(line, crlb_limit=np.array([1e9, 1e9]))
    assert allocator.allocate(both).status == "infeasible"


@pytest.mark.parametrize("allocator", [LOG, Ipopt()], ids=["sca", "ipopt"])
def test_general_problems_without_limits(allocator: Any) -> None:
    problem = general_problem(np.random.default_rng(408), 3)
    problem = attrs.evolve(problem, crlb_limit=np.full(4, np.inf))
    found = allocator.allocate(problem)
    assert found.status == "locally_optimal"
    assert found.sensing <= 1e-5


@pytest.mark.parametrize("differ", [(True, True), (True, False), (False, True), (False, False)])
@SURROGATES
def test_numbers_for_clarabel_are_those_of_the_cvxpy_model(surrogate: Any, differ: tuple[bool, bool]) -> None:
    generator = np.random.default_rng(409)
    problem = general_problem(generator, 3, users_differ=differ[0], streams_differ=differ[1])
    x, q, _ = problem.feasible_shares()
    x, q = 0.9 * x + 0.03, 0.9 * q + 0.005
    around, limits = Approximation.around(problem, x, q, surrogate), Limits.of(problem)
    assert limits is not None
    kind = Kind.of(problem, limits)
    direct = Layout(kind, surrogate).set_limits(limits).solve(around)
    model = Model(kind, surrogate, "CLARABEL").set_limits(limits)
    expected = model.solve(around)
    assert not isinstance(direct, str)
    assert not isinstance(expected, str)
    value = model.problem.objective.value
    model.ratio.value, model.q.value = np.maximum(direct[0], 1e-12), np.maximum(direct[1], 0)
    model.f.value = around.scale @ model.ratio.value
    assert model.problem.objective.value == pytest.approx(value, rel=1e-6, abs=1e-6)
    found = around.scale * direct[0], direct[1]
    assert problem.violation(*found) <= 1e-6


def test_another_conic_solver_solves_a_general_problem() -> None:
    pytest.importorskip("scs")
    problem = general_problem(np.random.default_rng(410), 2, targets=1)
    found = SCA(surrogate="logarithmic", solver="SCS", tolerance=1e-3, max_iterations=20).allocate(problem)
    assert found.sum_rate == pytest.approx(float(LOG.allocate(problem).sum_rate), rel=1e-2)


# The global optimum with several streams


def largest_share(problem: PowerAllocationProblem) -> float:
    """Return f* by a cone program in the inverse Fisher information, e' J^-1 e <= limit."""
    f, q = cp.Variable(nonneg=True), cp.Variable(problem.streams, nonneg=True)
    fisher = in_angles(problem.fisher_communication, problem.jacobians) * f
    for s, matrix in enumerate(in_angles(problem.fisher_streams, problem.jacobians[None])):
        fisher = fisher + matrix * q[s]
    rows = [4 * (angle // 2) + angle % 2 for angle in range(2 * problem.targets)]
    kept = [
        row for row in range(4 * problem.targets) if row not in {rows[a] for a in np.flatnonzero(problem.known)}
    ]
    scale = 1 / np.sqrt(np.diagonal(in_angles(problem.fisher_streams.sum(axis=0), problem.jacobians))[kept])
    small = cp.multiply(fisher[kept][:, kept], np.outer(scale, scale))
    constraints = [f + cp.sum(q) == 1]
    for angle in np.flatnonzero(np.isfinite(problem.crlb_limit)):
        unit = np.where(np.array(kept) == rows[angle], scale, 0.0) / np.sqrt(problem.crlb_limit[angle])
        constraints.append(cp.matrix_frac(unit, (small + small.T) / 2) <= 1)
    cp.Problem(cp.Maximize(f), constraints).solve(solver="CLARABEL")
    return float(f.value)


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 8))]
)
def test_exact_with_several_streams_has_the_largest_communication_share(seed: int) -> None:
    generator = np.random.default_rng([411, seed])
    problem = general_problem(
        generator,
        3,
        streams=2 + seed % 3,
        targets=1 + seed % 2,
        users_differ=False,
        coupled=False,
        known=(0,) if seed == 3 else (),
        slack_db=0.1,
    )
    found = Exact().allocate(problem)
    assert found.status == "optimal"
    assert violation(problem, found) <= 1e-9
    assert found.communication.sum() == pytest.approx(largest_share(problem), rel=1e-6)
    assert found.communication.sum() >= np.nan_to_num(problem.largest_communication_share) - 1e-12
    others = [LOG.allocate(problem), Ipopt().allocate(problem)]
    for other in others:
        assert other.sum_rate == pytest.approx(float(found.sum_rate), rel=5e-6)


def test_exact_solves_one_program_for_all_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(412)
    one = general_problem(generator, 3, users_differ=False, coupled=False, slack_db=0.1)
    infeasible = attrs.evolve(one, crlb_limit=0.9 * one.crlb_limit * one.feasible_shares()[2])
    stacked = PowerAllocationProblem.stack([one[None], infeasible[None]])
    drops = attrs.evolve(stacked, gain=one.gain * 10 ** generator.uniform(-1, 1, (2, 50, 3)))
    asked = []
    plain = ShareProgram.largest
    monkeypatch.setattr(ShareProgram, "largest", lambda self, weights: asked.append(1) or plain(self, weights))
    found = Exact().allocate(drops)
    assert len(asked) == 2
    assert set(found.status[0]) == {"optimal"}
    assert set(found.status[1]) == {"infeasible"}
    assert all(message.startswith("the CRLB limits are infeasible") for message in found.message[1])
    for drop in (0, 17):
        alone = Exact().allocate(drops[0, drop])
        np.testing.assert_allclose(found.communication[0, drop], alone.communication, rtol=1e-12)
        np.testing.assert_allclose(found.streams[0, drop], alone.streams, rtol=1e-12, atol=1e-15)


def test_exact_refuses_streams_that_interfere_differently() -> None:
    problem = general_problem(np.random.default_rng(413), 3, users_differ=False)
    assert Exact().allocate(problem).status == "skipped"
    assert Exact().allocate(general_problem(np.random.default_rng(413), 3, coupled=False)).status == "skipped"


# Equal parts


@pytest.mark.parametrize("seed", range(4))
def test_equal_com_takes_the_largest_share_of_equal_parts(seed: int) -> None:
    problem = general_problem(np.random.default_rng([414, seed]), 3)
    x, q = problem.equal_split, np.full(problem.streams, 1 / problem.streams)
    limited = np.isfinite(problem.crlb_limit)

    def met(f: float) -> bool:
        return bool((crlb_by_schur(problem, f * x, (1 - f) * q) <= problem.crlb_limit)[limited].all())

    loose = attrs.evolve(
        problem, crlb_limit=np.maximum(problem.crlb_limit, crlb_by_schur(problem, 0.4 * x, 0.6 * q))
    )
    problem = loose
    found = EqualCom().allocate(problem)
    f = float(found.communication.sum())
    assert found.status == "feasible"
    np.testing.assert_allclose(found.communication, f * x, rtol=1e-12)
    np.testing.assert_allclose(found.streams, (1 - f) * q, rtol=1e-12)
    assert met(f * (1 - 1e-4))
    assert f == 1 or not met(min(f * (1 + 1e-4), 1))


def test_equal_cs_divides_sensing_evenly() -> None:
    problem = general_problem(np.random.default_rng(415), 3, streams=3)
    found = EqualCS().allocate(problem)
    np.testing.assert_allclose(found.streams, 1 / 6)
    assert bool(found.feasible) is (violation(problem, found) <= 1e-6)


# Close to infeasibility


@pytest.mark.parametrize("margin", [1e-2, 1e-3, 1e-4, 1e-6])
@SURROGATES
def test_claims_hold_close_to_infeasibility(surrogate: Any, margin: float) -> None:
    for seed in range(6):
        generator = np.random.default_rng([416, seed])
        problem = random_problem(generator, int(generator.integers(1, 6)), aligned=False)
        limit = problem.crlb_limit * 10 ** generator.uniform(0, 1, 2)
        problem = attrs.evolve(problem, crlb_limit=limit)
        excess = float(attrs.evolve(problem.line).smallest_excess())
        problem = attrs.evolve(problem, crlb_limit=limit * excess * (1 + margin))
        found = SCA(surrogate=surrogate).allocate(problem)
        assert found.status in ("locally_optimal", "feasible"), found.message
        assert found.violation <= 1e-6
        if surrogate == "logarithmic":
            assert found.status == "locally_optimal", found.message
        if found.status == "locally_optimal" and margin >= 1e-3:
            assert found.sum_rate == pytest.approx(float(Exact().allocate(problem).sum_rate), rel=2e-3)
        elif found.status == "feasible":
            assert found.message


@pytest.mark.parametrize("spread_db", [40, 60])
@SURROGATES
def test_users_far_apart_come_close_to_the_optimum(surrogate: Any, spread_db: float) -> None:
    for seed in range(5):
        generator = np.random.default_rng([417, seed])
        problem = random_problem(generator, 4)
        gain = 1e3 * 10 ** (-spread_db / 10 * np.linspace(0, 1, 4)) * generator.uniform(0.5, 1.5, 4)
        weight = 10 ** (spread_db / 10 * generator.uniform(-1, 0, 4))
        problem = attrs.evolve(problem, gain=gain, weight_power=weight)
        found = SCA(surrogate=surrogate).allocate(problem)
        assert found.status == "locally_optimal", found.message
        assert found.sum_rate == pytest.approx(float(Exact().allocate(problem).sum_rate), rel=6e-4)


def test_equal_com_says_that_other_shares_meet_the_limits() -> None:
    problem = general_problem(np.random.default_rng(404), 3)
    tight = attrs.evolve(problem, crlb_limit=1.02 * problem.crlb_limit * problem.feasible_shares()[2])
    found = EqualCom().allocate(tight)
    assert found.status == "infeasible"
    assert "though other shares can" in str(found.message)
    hopeless = attrs.evolve(problem, crlb_limit=0.9 * problem.crlb_limit * problem.feasible_shares()[2])
    assert str(EqualCom().allocate(hopeless).message).startswith("the CRLB limits are infeasible")
    # With minimum rates, the framework judges the answers that there are.
    limits = np.stack([1e9 * tight.crlb_limit, tight.crlb_limit, hopeless.crlb_limit])
    for rate, status in ((1e-9, "feasible"), (1e3, "infeasible")):
        batch = EqualCom().allocate(attrs.evolve(problem, crlb_limit=limits, minimum_rate=np.full(3, rate)))
        assert batch.status.tolist() == [status, "infeasible", "infeasible"]
        assert np.isfinite(batch.sum_rate).tolist() == [True, status == "feasible", False]
        assert ("though other shares can" in str(batch.message[1])) == (status == "feasible")


@pytest.mark.parametrize("allocator", [LOG, SCA(), Ipopt()], ids=["log", "reciprocal", "ipopt"])
@pytest.mark.parametrize("seed", [0, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (5, 11))])
def test_a_direction_across_the_coordinates_that_no_signal_tells_anything_of(seed: int, allocator: Any) -> None:
    generator = np.random.default_rng([419, seed])
    problem = general_problem(generator, 3, targets=1, coupled=False)
    turn = generator.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    seen = np.eye(4)
    seen[:2, :2] = np.outer(rotation[:, 0], rotation[:, 0])
    values = {
        name: seen @ getattr(problem, name) @ seen
        for name in ("fisher_communication", "fisher_sensing", "fisher_users", "fisher_streams")
    }
    line = attrs.evolve(problem, jacobians=rotation[None], crlb_limit=np.array([1.0, np.inf]), **values)
    line = attrs.evolve(line, crlb_limit=1.01 * line.crlb_limit * line.feasible_shares()[2])
    found = allocator.allocate(line)
    assert found.status == "locally_optimal", found.message
    assert found.violation <= 1e-6


def test_rises_below_the_usual_accuracy_are_found_close_to_infeasibility() -> None:
    claimed = 0
    for seed in range(20):
        generator = np.random.default_rng([9, seed])
        users = int(generator.integers(1, 8))
        problem = random_problem(generator, users, aligned=seed % 4 == 0)
        problem = attrs.evolve(problem, crlb_limit=problem.crlb_limit * 10 ** generator.uniform(0, 1, 2))
        excess = float(problem.line.smallest_excess())
        problem = attrs.evolve(problem, crlb_limit=problem.crlb_limit * excess * (1 + 1e-4))
        claimed += bool(SCA().allocate(problem).status == "locally_optimal")
    assert claimed >= 19
