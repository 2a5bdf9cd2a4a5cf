"""Share programs, the design of the sensing covariance and its trade-off, against CVXPY and reference numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cvxpy
import numpy as np
import pytest
from numerics import crlb_by_inverse, random_direction, random_planar
from numpy.random import Generator

from isacfw import ComplexArray, Direction, FloatArray
from isacfw.sensing.design import DesignSpace
from isacfw.sensing.domain import LinearLimits
from isacfw.sensing.fisher import EchoModel
from isacfw.sensing.hermitian import coordinates_of, hermitian_basis, matrix_of, positive_part, real_embedding
from isacfw.sensing.information import Line, crlb
from isacfw.sensing.program import ShareProgram
from isacfw.sensing.reduction import in_angles
from isacfw.sensing.requirements import SensingLimits, sum_information, sum_slope
from isacfw.sensing.splits import Infeasibility
from isacfw.sensing.tradeoff import Tradeoff
from isacfw_plugins.arrays.upa import UPA

CASES = Path(__file__).parents[1] / "acceptance"
DESIGNED: dict[str, Any] = json.loads((CASES / "general.json").read_text(encoding="utf-8"))["designed_covariance"]
TOPAL: dict[str, Any] = {
    name: case
    for name, case in json.loads((CASES / "peers.json").read_text(encoding="utf-8"))["topal2024"].items()
    if "beams" in case["input"]
}


def space_of(case: dict[str, Any], offsets_deg: tuple[tuple[float, float], ...] = ((0.0, 0.0),)) -> DesignSpace:
    phases = np.deg2rad(case.get("reflection_phases_deg", np.zeros(len(case["targets_deg"]))))
    sizes = [UPA(horizontal=case[end][0], vertical=case[end][1]) for end in ("transmit", "receive")]
    models = tuple(
        EchoModel(
            transmit=sizes[0],
            receive=sizes[1],
            directions=tuple(
                Direction(azimuth_deg=azimuth + offset[0], elevation_deg=elevation + offset[1])
                for azimuth, elevation in case["targets_deg"]
            ),
            amplitudes=np.array(case["reflection_amplitudes"]) * np.exp(1j * phases),
            frame_length=case["frame_length"],
        )
        for offset in offsets_deg
    )
    return DesignSpace(models=models, power=10 ** (case["snr_db"] / 10))


def limits_of(case: dict[str, Any], space: DesignSpace) -> SensingLimits:
    return SensingLimits(limit=10 ** (np.array(case["crlb_limits_db"]).ravel() / 10), jacobians=space.jacobians)


def bounds_at(space: DesignSpace, share: float, covariance: ComplexArray) -> FloatArray:
    """Return the CRLBs under each hypothesis by inversion; (H, 2T)."""
    fisher = in_angles(share * space.communication + space.fisher(covariance), space.jacobians)
    inverse = np.linalg.inv(fisher)
    angles = [4 * target + own for target in range(space.models[0].targets) for own in (0, 1)]
    return np.asarray(np.diagonal(inverse, axis1=-2, axis2=-1)[:, angles])


@pytest.mark.parametrize("name", DESIGNED)
def test_designed_covariances_of_the_acceptance_cases(name: str) -> None:
    case, expected = DESIGNED[name]["input"], DESIGNED[name]["expected"]
    space = space_of(case)
    design = space.largest_share(limits_of(case, space))
    if expected.get("status") == "infeasible":
        assert np.isnan(design.share)
        assert 1 < design.bound <= design.excess * (1 + 1e-12)
        assert design.excess == pytest.approx(design.bound, rel=1e-7)
        return
    assert design.share == pytest.approx(expected["communication"], abs=1e-6)
    assert np.trace(design.covariance).real == pytest.approx(expected["sensing"], abs=1e-6)
    found = 10 * np.log10(bounds_at(space, design.share, design.covariance)[0])
    np.testing.assert_allclose(found, np.ravel(expected["crlb_db"]), atol=1e-5)
    assert design.share <= design.bound <= design.share + 1e-6
    if name == "more-receive":
        assert design.share == 1.0
        assert not design.covariance.any()


@pytest.mark.parametrize(("limit_db", "designed", "aligned"), [(-45, 0.0497, 0.294), (-40, 0.0089, 0.060)])
def test_a_designed_covariance_needs_a_sixth_of_the_sensing_power(
    limit_db: float, designed: float, aligned: float
) -> None:
    space = space_of(DESIGNED["paper-45"]["input"])
    limits = SensingLimits(limit=np.full(2, 10 ** (limit_db / 10)), jacobians=space.jacobians)
    beam = space.models[0].isotropic_forms[:, :1] * space.models[0].transmit.n_elements
    sensing = space.power * space.models[0].fisher(beam @ beam.conj().T / space.models[0].transmit.n_elements)
    line = Line(
        communication=space.communication[0],
        sensing=sensing,
        limit=limits.limit,
        jacobians=space.jacobians[0],
    )
    assert 1 - space.largest_share(limits).share == pytest.approx(designed, abs=5e-5)
    assert 1 - line.largest_share() == pytest.approx(aligned, abs=5e-4)


def test_waveforms_and_forms_are_those_of_the_antennas() -> None:
    space = space_of(DESIGNED["two-targets"]["input"], ((0.0, 0.0), (3.0, 0.0), (0.0, -3.0)))
    generator = np.random.default_rng(1)
    factor = generator.standard_normal((2, space.order, 2)) @ [1, 1j]
    covariance = factor.T @ factor.conj()
    transmit = space.models[0].transmit
    columns = [transmit.steering_basis(one) for model in space.models for one in model.directions]
    waveforms = np.concatenate(columns, axis=1) @ space.waveforms(covariance)
    assert waveforms.shape == (transmit.n_elements, 2)
    assert np.linalg.norm(waveforms) ** 2 == pytest.approx(np.trace(covariance).real, rel=1e-9)
    for number, forms in enumerate(space.forms(covariance)):
        seen = np.concatenate(columns[2 * number : 2 * number + 2], axis=1).conj().T @ waveforms
        np.testing.assert_allclose(seen @ seen.conj().T, forms, atol=1e-9 * np.abs(forms).max())


def random_space(generator: Generator, targets: int, hypotheses: int) -> DesignSpace:
    nominal = [random_direction(generator) for _ in range(targets)]
    transmit, receive = random_planar(generator), random_planar(generator)
    amplitudes = generator.uniform(0.1, 0.5, targets) * np.exp(1j * generator.uniform(0, 6, targets))
    models = []
    for number in range(hypotheses):
        move = 4.0 * number
        directions = tuple(
            Direction(azimuth_deg=one.azimuth_deg + move, elevation_deg=one.elevation_deg) for one in nominal
        )
        models.append(
            EchoModel(
                transmit=transmit, receive=receive, directions=directions, amplitudes=amplitudes, frame_length=20
            )
        )
    return DesignSpace(models=tuple(models), power=8.0)


def random_limits(generator: Generator, space: DesignSpace, tightness: float) -> SensingLimits:
    """Return limits on angles and on two sums that a random share of isotropic sensing meets with a factor."""
    mix = np.eye(space.order) / space.order
    reached = bounds_at(space, 0.5, mix / 2).max(axis=0)
    weights = generator.uniform(0.2, 1, (2, len(reached)))
    weights[0, 0] = 0.0
    limit = tightness * reached * generator.uniform(0.8, 1.5, len(reached))
    limit[generator.integers(len(limit))] = np.inf
    return SensingLimits(
        limit=limit,
        jacobians=space.jacobians,
        sum_weights=weights,
        sum_limit=tightness * weights @ reached * generator.uniform(0.8, 1.5, 2),
    )


class Reference:
    """The same problems in CVXPY, in the angles, with the covariance as a complex variable."""

    def __init__(self, space: DesignSpace, limits: SensingLimits) -> None:
        order = space.order
        self.f, self.covariance = cvxpy.Variable(nonneg=True), cvxpy.Variable((order, order), hermitian=True)
        basis = hermitian_basis(order)
        self.constraints = [self.covariance >> 0]
        self.bounds: list[Any] = []
        for number in range(limits.hypotheses):
            angular = in_angles(space.signals[number], space.jacobians[number][None])
            angles = [4 * target + own for target in range(space.models[0].targets) for own in (0, 1)]
            scale = np.sqrt(np.diagonal(np.linalg.inv(angular[0] + angular[1 : order + 1].sum(axis=0))))
            scaled = angular * np.outer(scale, scale)
            information = self.f * scaled[0]
            for matrix, own in zip(basis, scaled[1:], strict=True):
                information = information + cvxpy.real(cvxpy.trace(matrix @ self.covariance)) * own
            bounds = []
            for angle in angles:
                u = cvxpy.Variable()
                unit = np.eye(len(scale))[:, [angle]]
                self.constraints.append(cvxpy.bmat([[information, unit], [unit.T, u[None, None]]]) >> 0)
                bounds.append(u * scale[angle] ** 2)
            for bound, limit in zip(bounds, limits.limit, strict=True):
                if np.isfinite(limit):
                    self.constraints.append(bound / limit <= 1)
            for weights, limit in zip(limits.sum_weights, limits.sum_limit, strict=True):
                self.constraints.append(sum(w * u for w, u in zip(weights, bounds, strict=True)) / limit <= 1)
            self.bounds.append(bounds)

    @property
    def q(self) -> Any:
        return cvxpy.real(cvxpy.trace(self.covariance))

    def solve(self, objective: Any, *constraints: Any) -> float | None:
        problem = cvxpy.Problem(objective, [*self.constraints, *constraints])
        problem.solve(solver="SCS", eps=1e-8, max_iters=200_000)
        return float(problem.value) if problem.status == "optimal" else None


@pytest.mark.parametrize(("seed", "hypotheses"), [(0, 1), (1, 1), (0, 2)])
def test_programs_against_cvxpy(seed: int, hypotheses: int) -> None:
    generator = np.random.default_rng([71, seed, hypotheses])
    space = random_space(generator, 1, hypotheses)
    limits = random_limits(generator, space, 0.8)
    weights = generator.uniform(0.2, 1, 2)
    program = space.program(limits, objective=weights)
    assert program is not None
    totals = program.cones.totals
    reference = Reference(space, limits)

    best = program.largest(np.eye(1, len(totals))[0])
    expected = reference.solve(cvxpy.Maximize(reference.f), reference.f + reference.q == 1)
    assert best is not None
    assert best.value == pytest.approx(expected, rel=1e-5)
    assert best.value - 1e-8 <= best.bound <= best.value + 1e-6

    least, a, b, c = program.least_power(), 0.3, 0.4, 0.2
    assert least is not None
    row = np.concatenate([[1 - c], -b * totals[1:]])[None]
    linear = LinearLimits(rows=row, least=np.array([a]))
    for rows, constraints in ((None, ()), (linear, (reference.f * (1 - c) - b * reference.q >= a,))):
        found = program.least_power(rows)
        expected = reference.solve(cvxpy.Minimize(reference.f + reference.q), *constraints)
        assert found is not None
        assert found.value == pytest.approx(expected, rel=1e-5)
        assert found.value * (1 - 1e-6) <= found.bound <= found.value * (1 + 1e-9)
        assert program.excess(found.shares) <= 1 + 1e-12

    total = sum(w * u for w, u in zip(weights, reference.bounds[0], strict=True))
    unit = program.weighted_sum(best.shares)
    for rows, constraints in ((None, ()), (linear, (reference.f * (1 - c) - b * reference.q >= a,))):
        found = program.least_sum(linear=rows)
        expected = reference.solve(cvxpy.Minimize(total / unit), reference.f + reference.q == 1, *constraints)
        assert (found is None) == (expected is None)
        if found is None:
            continue
        assert found.value / unit == pytest.approx(expected, rel=1e-5)
        assert found.value * (1 - 1e-6) <= found.bound <= found.value * (1 + 1e-6)


@pytest.mark.parametrize("targets", [1, 2])
def test_the_smallest_excess_is_where_feasibility_ends(targets: int) -> None:
    generator = np.random.default_rng([72, targets])
    space = random_space(generator, targets, 1)
    limits = random_limits(generator, space, 0.2)
    program = space.program(limits)
    assert program is not None
    closest = program.smallest_excess()
    assert closest.value == program.excess(closest.shares)
    assert closest.value * (1 - 1e-6) <= closest.bound <= closest.value * (1 + 1e-12)
    least = program.least_power()
    assert least is not None
    assert least.value == pytest.approx(closest.value, rel=1e-6)
    for factor, feasible in ((1 + 1e-5, True), (1 - 1e-5, False)):
        ratio = closest.value * factor
        moved = SensingLimits(
            limit=limits.limit * ratio,
            jacobians=limits.jacobians,
            sum_weights=limits.sum_weights,
            sum_limit=limits.sum_limit * ratio,
        )
        design = space.largest_share(moved)
        assert np.isfinite(design.share) == feasible
        if not feasible:
            assert design.excess == pytest.approx(1 / factor, rel=1e-6)
            assert design.bound > 1
    m = float(closest.shares[0])
    level = program.best_level(m, 1 - m)
    assert level.value == pytest.approx(closest.value, rel=1e-6)
    assert program.best_level(2 * m, 2 - 2 * m).value == pytest.approx(level.value / 2, rel=1e-6)


@pytest.mark.parametrize("name", TOPAL)
def test_shares_of_given_beams(name: str) -> None:
    case, expected = TOPAL[name]["input"], TOPAL[name]["expected"]
    space = space_of(case)
    model, transmit = space.models[0], space.models[0].transmit
    targets = model.targets
    signals = [space.communication[0]]
    share = expected.get("projected_share", 1.0)
    for beam in case["beams"]:
        azimuth, elevation = beam["direction_deg"]
        column = {"steering": 0, "difference_u": 1, "difference_w": 2}[beam["kind"]]
        own = transmit.steering_basis(Direction(azimuth_deg=azimuth, elevation_deg=elevation))[:, column]
        seen = np.concatenate([transmit.steering_basis(one) for one in model.directions], axis=1).conj().T @ own
        sensing = space.power * model.fisher(np.outer(seen, seen.conj()) / np.linalg.norm(own) ** 2)
        signals.append(share * sensing + (1 - share) * space.communication[0])
    everything = np.array(signals)[None]
    free = SensingLimits(limit=np.full(2 * targets, np.inf), jacobians=space.jacobians)
    least = expected["least_sum_crlb"]
    program = ShareProgram.of(everything, free, objective=np.ones(2 * targets))
    assert program is not None
    first = np.eye(1, len(signals))[0]
    linear = LinearLimits(rows=first[None], least=np.array([least["communication"]]))
    for found in (program.least_sum(linear=linear), program.least_sum(first=least["communication"])):
        assert found is not None
        assert found.value == pytest.approx(least["sum_crlb"], rel=1e-6)
        assert found.bound == pytest.approx(least["bound"], rel=1e-6)
        np.testing.assert_allclose(found.shares[1:], least["sensing"], atol=1e-4)
    limited = SensingLimits(
        limit=np.full(2 * targets, np.inf),
        jacobians=space.jacobians,
        sum_weights=np.ones((1, 2 * targets)),
        sum_limit=[10 ** (case["sum_crlb_limit_db"] / 10)],
    )
    program = ShareProgram.of(everything, limited)
    assert program is not None
    best = program.largest(first)
    assert best is not None
    assert best.value == pytest.approx(expected["sum_rate"]["communication"], rel=1e-6)
    mix = np.array(expected["sum_rate"]["sensing"]) / np.sum(expected["sum_rate"]["sensing"])
    line = Line(
        communication=signals[0],
        sensing=np.tensordot(mix, np.array(signals[1:]), axes=1),
        limit=limited.limit,
        jacobians=space.jacobians[0],
        sum_weights=limited.sum_weights,
        sum_limit=limited.sum_limit,
    )
    assert float(line.largest_share()) == pytest.approx(expected["sum_rate"]["communication"], rel=1e-9)


def test_a_design_holds_under_every_hypothesis() -> None:
    case = DESIGNED["paper-45"]["input"]
    nominal = space_of(case)
    robust = space_of(case, ((0.0, 0.0), (2.0, 0.0), (-2.0, 0.0), (0.0, 2.0), (0.0, -2.0)))
    limit = limits_of(case, nominal).limit
    alone = nominal.largest_share(limits_of(case, nominal))
    design = robust.largest_share(limits_of(case, robust))
    found = bounds_at(robust, design.share, design.covariance)
    assert (found <= limit * (1 + 1e-9)).all()
    assert found.max() == pytest.approx(limit[0], rel=1e-9)
    assert design.share < alone.share
    # The nominal design, seen from the displaced directions, is too weak.
    forms = nominal.waveforms(alone.covariance)
    basis = nominal.models[0].transmit.steering_basis(nominal.models[0].directions[0])
    displaced = robust.models[1].transmit.steering_basis(robust.models[1].directions[0])
    seen = displaced.conj().T @ (basis @ forms)
    fisher = alone.share * robust.communication[1] + robust.power * robust.models[1].fisher(seen @ seen.conj().T)
    assert crlb_by_inverse(in_angles(fisher, robust.jacobians[1])).max() > limit[0]


@pytest.fixture(scope="module", params=["designed", "single", "streams"])
def tradeoff(request: pytest.FixtureRequest) -> Tradeoff:
    case = DESIGNED["rectangular"]["input"]
    space = space_of(case)
    limits, weights = limits_of(case, space), np.array([1.0, 2.0])
    if request.param == "designed":
        program = space.program(limits, objective=weights)
    else:
        beams = np.eye(space.order)[: 3 if request.param == "streams" else 1]
        streams = space.fisher(
            0.8 * beams[:, :, None] * beams[:, None, :] + 0.2 * np.eye(space.order) / space.order
        )
        signals = np.concatenate([space.communication[:, None], streams], axis=1)
        program = ShareProgram.of(signals, limits, objective=weights)
    assert program is not None
    return Tradeoff(program=program)


def test_tables_are_as_good_as_programs(tradeoff: Tradeoff) -> None:
    generator = np.random.default_rng(73)
    table, program = tradeoff.levels, tradeoff.program
    m = np.concatenate([generator.uniform(0, 1, 6), [0.999, 1.0]])
    expected = [
        1
        / (
            program.best_level(one, 1 - one).value
            if one < 1
            else program.excess(np.eye(1, program.cones.count)[0])
        )
        for one in m
    ]
    np.testing.assert_allclose(table.evaluate(m), expected, rtol=3e-9)
    for one, mix in zip(m, table.mix(m), strict=True):
        shares = np.concatenate([[one], (1 - one) * mix])
        assert program.cones.totals[1:] @ mix == pytest.approx(1, abs=1e-12)
        assert 1 / program.excess(shares) == pytest.approx(float(table.evaluate(np.array(one))), rel=1e-9)
    low, high = tradeoff.feasible
    for end, sign in ((low, -1.0), (high, 1.0)):
        best = program.largest(sign * np.eye(1, program.cones.count)[0])
        assert best is not None
        assert end == pytest.approx(float(best.shares[0]), abs=1e-7)
    for one in generator.uniform(low, high, 5):
        found = program.least_sum(first=one)
        assert found is not None
        assert -tradeoff.sums.evaluate(np.array(one)) == pytest.approx(found.value, rel=1e-8)


def test_splits_of_drops_against_programs(tradeoff: Tradeoff) -> None:
    generator = np.random.default_rng(74)
    program = tradeoff.program
    A, B, C = generator.uniform(0, 0.6, 12), generator.uniform(0, 1.0, 12), generator.uniform(0, 0.9, 12)
    power, sums = tradeoff.least_power(A, B, C), tradeoff.least_crlb(A, B, C)
    for number in range(len(A)):
        row = np.concatenate([[1 - C[number]], -B[number] * program.cones.totals[1:]])[None]
        linear = LinearLimits(rows=row, least=A[number : number + 1])
        least = program.least_power(linear)
        assert least is not None
        f, q = power.communication[number], power.sensing[number]
        assert (power.infeasibility[number] == Infeasibility.NONE) == (least.value <= 1)
        if least.value <= 1:
            assert f + q == pytest.approx(least.value, rel=1e-7)
            assert f + q >= least.bound * (1 - 1e-9)
            assert f * (1 - C[number]) - B[number] * q >= A[number] * (1 - 1e-9)
            assert program.excess(np.concatenate([[f], q * power.mix[number]])) <= 1 + 1e-9
        best = program.least_sum(linear=linear)
        assert (sums.infeasibility[number] == Infeasibility.NONE) == (best is not None)
        if best is not None:
            f, q = sums.communication[number], sums.sensing[number]
            shares = np.concatenate([[f], q * sums.mix[number]])
            assert f + q == pytest.approx(1, abs=1e-12)
            assert program.weighted_sum(shares) == pytest.approx(best.value, rel=1e-7)
            assert program.excess(shares) <= 1 + 1e-8


def test_splits_do_not_depend_on_other_drops_and_name_the_obstacle(tradeoff: Tradeoff) -> None:
    generator = np.random.default_rng(75)
    A, B, C = generator.uniform(0, 0.5, (3, 4, 5))
    for solve in (tradeoff.least_power, tradeoff.least_crlb):
        together, alone = solve(A, B, C), solve(A[1, 2], B[1, 2], C[1, 2])
        for field in ("communication", "sensing", "mix", "infeasibility"):
            np.testing.assert_array_equal(getattr(together, field)[1, 2], getattr(alone, field))
        assert solve(np.array(0.1), np.array(0.0), np.array(1.5)).infeasibility == Infeasibility.INTERFERENCE
        crowded = solve(np.array(0.99), np.array(0.5), np.array(0.5))
        assert crowded.infeasibility == Infeasibility.POWER
        assert np.isnan(crowded.communication)
        assert np.isnan(crowded.mix).all()


def test_no_split_where_the_limits_are_out_of_reach() -> None:
    case = DESIGNED["infeasible"]["input"]
    space = space_of(case)
    streams = space.fisher(np.eye(space.order)[:1, :, None] * np.eye(space.order)[:1, None, :])
    signals = np.concatenate([space.communication[:, None], streams], axis=1)
    program = ShareProgram.of(signals, limits_of(case, space), objective=np.ones(2))
    assert program is not None
    for solve in (Tradeoff(program=program).least_power, Tradeoff(program=program).least_crlb):
        assert (solve(np.full(2, 0.1), np.zeros(2), np.zeros(2)).infeasibility == Infeasibility.LIMITS).all()


def test_without_limits_users_alone_decide() -> None:
    space = space_of(DESIGNED["rectangular"]["input"])
    free = SensingLimits(limit=np.full(2, np.inf), jacobians=space.jacobians)
    program = space.program(free, objective=np.ones(2))
    assert program is not None
    trade = Tradeoff(program=program)
    split = trade.least_power(np.array(0.2), np.array(0.3), np.array(0.5))
    assert (split.communication, split.sensing) == (0.4, 0.0)
    assert space.largest_share(free).share == 1.0
    split = trade.least_crlb(np.array(0.2), np.array(0.3), np.array(0.5))
    assert split.communication == pytest.approx(0.5 / 0.8, rel=1e-12)


def test_angles_that_cannot_be_estimated() -> None:
    case = {**DESIGNED["rectangular"]["input"], "transmit": [6, 1], "receive": [4, 1]}
    space = space_of(case)
    both = SensingLimits(limit=np.full(2, 1e-3), jacobians=space.jacobians)
    assert space.program(both) is None
    design = space.largest_share(both)
    assert np.isnan(design.share)
    assert design.excess == np.inf
    single = SensingLimits(limit=[1e-2, np.inf], jacobians=space.jacobians, known=[0.0, 1.0])
    assert np.isfinite(space.largest_share(single).share)


@pytest.mark.parametrize("scale_db", [-150, 0, 150])
def test_programs_hold_over_extreme_units(scale_db: float) -> None:
    case = DESIGNED["paper-45"]["input"]
    expected = DESIGNED["paper-45"]["expected"]["communication"]
    space = space_of({**case, "snr_db": case["snr_db"] + scale_db})
    limits = SensingLimits(limit=np.full(2, 10 ** ((-45 - scale_db) / 10)), jacobians=space.jacobians)
    assert space.largest_share(limits).share == pytest.approx(expected, abs=1e-7)


def test_coordinates_of_hermitian_matrices() -> None:
    generator = np.random.default_rng(76)
    first, second = generator.standard_normal((2, 3, 4, 4, 2)) @ [1, 1j]
    first, second = (one + np.swapaxes(one.conj(), -1, -2) for one in (first, second))
    np.testing.assert_allclose(matrix_of(coordinates_of(first), 4), first, atol=1e-12)
    products = np.einsum("kij,kji->k", first, second).real
    np.testing.assert_allclose((coordinates_of(first) * coordinates_of(second)).sum(axis=-1), products)
    values = np.linalg.eigvalsh(first)
    np.testing.assert_allclose(np.linalg.eigvalsh(real_embedding(first))[:, ::2], values, atol=1e-10)
    nearest = matrix_of(positive_part(coordinates_of(first), 4), 4)
    np.testing.assert_allclose(np.linalg.eigvalsh(nearest), np.maximum(values, 0), atol=1e-10)


def test_slopes_of_sums_are_derivatives() -> None:
    generator = np.random.default_rng(77)
    information, slopes = generator.uniform(0.5, 2, (2, 5, 4))
    weights = generator.uniform(0, 1, (3, 4)) * (generator.uniform(size=(3, 4)) > 0.3)
    step = 1e-6
    difference = sum_information(information + step * slopes, weights) - sum_information(
        information - step * slopes, weights
    )
    np.testing.assert_allclose(sum_slope(information, slopes, weights), difference / (2 * step), rtol=1e-8)
    assert sum_information(np.array([0.0, 1.0]), np.array([[1.0, 1.0], [0.0, 2.0]])).tolist() == [0.0, 0.5]


def test_a_line_with_sums_and_hypotheses_against_a_search() -> None:
    generator = np.random.default_rng(78)
    space = random_space(generator, 1, 2)
    mix = np.zeros((space.order, space.order))
    mix[0, 0] = mix[1, 1] = 0.5
    limits = random_limits(generator, space, 1.0)
    line = Line(
        communication=space.communication,
        sensing=space.fisher(mix),
        limit=limits.limit,
        jacobians=space.jacobians,
        sum_weights=limits.sum_weights,
        sum_limit=limits.sum_limit,
        hypotheses=True,
    )
    grid = np.linspace(0, 1, 2001)
    bounds = np.array([crlb(f * line.communication + (1 - f) * line.sensing, space.jacobians) for f in grid])
    ratios = np.concatenate([bounds / limits.limit, bounds @ limits.sum_weights.T / limits.sum_limit], axis=-1)
    worst = ratios.max(axis=(-2, -1))
    assert line.smallest_excess() == pytest.approx(worst.min(), rel=1e-4)
    tight = Line(
        communication=line.communication,
        sensing=line.sensing,
        limit=limits.limit * worst.min() * 1.2,
        jacobians=space.jacobians,
        sum_weights=limits.sum_weights,
        sum_limit=limits.sum_limit * worst.min() * 1.2,
        hypotheses=True,
    )
    assert tight.largest_share() == pytest.approx(grid[worst <= worst.min() * 1.2].max(), abs=1e-3)
    np.testing.assert_allclose(line.smallest_crlb(), bounds.max(axis=-2).min(axis=0), rtol=1e-4)


def test_least_power_is_not_always_on_the_line_of_the_users() -> None:
    case = DESIGNED["rectangular"]["input"]
    space = space_of(case)
    # This beam alone says nothing of one angle, so some communication pays even if no user asks for it.
    basis = space.models[0].transmit.steering_basis(space.models[0].directions[0])
    seen = basis.conj().T @ basis[:, 1] / np.linalg.norm(basis[:, 1])
    sensing = space.power * space.models[0].fisher(np.outer(seen, seen.conj()))
    signals = np.stack([space.communication[0], sensing])[None]
    limits = SensingLimits(limit=3 * limits_of(case, space).limit, jacobians=space.jacobians)
    program = ShareProgram.of(signals, limits)
    assert program is not None
    trade = Tradeoff(program=program)
    assert 0 < trade.best_level < 1
    split = trade.least_power(np.array([0.0, 1e-3]), np.zeros(2), np.zeros(2))
    least = program.least_power()
    assert least is not None
    np.testing.assert_allclose(split.communication + split.sensing, least.value, rtol=1e-8)
    assert (split.communication > 1e-3).all()
