"""The built-in beamformers: optima against second methods and closed forms, certificates, and refusals."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from scipy.optimize import minimize

import isacfw
from isacfw import BeamformingProblem, ExtendedTarget, PointTargets, Target
from isacfw.testing import beamformers
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.beamformers.crb_beams import CrbBeams
from isacfw_plugins.beamformers.crb_sdr import CrbSdr
from isacfw_plugins.beamformers.fixed_beams import FixedBeams

EXTENDED = ExtendedTarget(receive_antennas=20)


def draw(shape, seed):
    generator = np.random.default_rng(seed)
    return (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)) / np.sqrt(2)


def azimuth(antennas=16, receive=20, azimuth_deg=0.0):
    target = Target(azimuth_deg=azimuth_deg, elevation_deg=90.0, reflection_amplitude=1.0, known=("elevation",))
    return PointTargets.at([target], transmit=ULA(elements=antennas), receive=ULA(elements=receive))


def angles(count, shape=(4, 4), receive=(4, 4)):
    places = [(20.0, 60.0), (-35.0, 80.0), (5.0, 110.0)][:count]
    targets = [
        Target(azimuth_deg=one, elevation_deg=other, reflection_amplitude=0.1, reflection_phase_deg=50.0 * number)
        for number, (one, other) in enumerate(places)
    ]
    transmit, receive = (UPA(horizontal=one, vertical=other) for one, other in (shape, receive))
    return PointTargets.at(targets, transmit=transmit, receive=receive)


def posed(sensed, users=4, sinr_db=10.0, power=1000.0, seed=0, antennas=16):
    sinr = 10 ** (np.asarray(sinr_db) / 10)
    return BeamformingProblem(channels=draw((antennas, users), seed), power=power, sinr=sinr, sensed=sensed)


@pytest.mark.parametrize("users", [4, 6])
@pytest.mark.parametrize("sinr_db", [0.0, 10.0, 22.0])
@pytest.mark.parametrize("sensed", [azimuth(), EXTENDED], ids=["point", "extended"])
def test_beams_are_certified(users, sinr_db, sensed):
    for seed in range(3):
        found = CrbBeams().beamform(posed(sensed, users, sinr_db, seed=seed))
        assert (found.status, found.claim) == ("optimal", "locally_optimal")
        assert -1e-9 <= found.gap <= 1e-6
        assert found.violation <= 1e-10


@pytest.mark.parametrize(
    ("sensed", "users", "sinr_db"),
    [
        (azimuth(), 3, 12.0),
        (azimuth(azimuth_deg=25.0), 2, [0.0, 15.0]),
        (EXTENDED, 3, 18.0),
        (angles(1), 3, 10.0),
        (angles(2), 3, 10.0),
        (angles(1), 3, [10.0, -np.inf, 3.0]),
    ],
    ids=["azimuth", "two targets in SINR", "extended", "two angles", "two targets", "a user without target"],
)
def test_local_beams_are_those_of_the_relaxation(sensed, users, sinr_db):
    problem = posed(sensed, users, sinr_db, seed=5)
    local = CrbBeams().beamform(problem)
    relaxed = CrbSdr(polish_iterations=0).beamform(problem)
    polished = CrbSdr().beamform(problem)
    assert relaxed.crb == pytest.approx(float(local.crb), rel=1e-4)
    assert polished.crb == pytest.approx(float(local.crb), rel=1e-8)
    assert polished.status == local.status == "optimal"
    # Each certifies a bound of the other.
    for one, other in ((local, polished), (polished, local)):
        assert one.bound <= other.crb * (1 + 1e-9)


def test_one_user_has_a_closed_form():
    sensed = azimuth()
    steering = sensed.steering[:, 0]
    for seed, sinr_db in ((1, 0.0), (2, 38.0), (3, 40.0)):
        problem = posed(sensed, 1, sinr_db, seed=seed)
        channel, sinr, power = problem.channels[:, 0], problem.sinr[0], problem.power
        beam = np.sqrt(power / 16) * steering
        if abs(channel.conj() @ beam) ** 2 < sinr:
            unit = channel / np.linalg.norm(channel)
            along = unit.conj() @ steering
            across = steering - along * unit
            needed = sinr / np.linalg.norm(channel) ** 2
            beam = np.sqrt(needed) * along / abs(along) * unit
            beam = beam + np.sqrt(power - needed) * across / np.linalg.norm(across)
        expected, _ = sensed.evaluate(beam[:, None], problem.basis(), 0.0)
        assert CrbBeams().beamform(problem).crb == pytest.approx(expected, rel=1e-9)


def test_one_user_of_an_extended_target_too():
    for sinr_db in (0.0, 33.0):
        problem = posed(EXTENDED, 1, sinr_db, seed=4)
        gain = np.linalg.norm(problem.channels) ** 2
        along = max(problem.power / 16, problem.sinr[0] / gain)
        expected = 20 / 30 * (1 / along + 15**2 / (problem.power - along))
        assert CrbBeams().beamform(problem).crb == pytest.approx(expected, rel=1e-9)


def test_without_targets_an_extended_target_gets_all_directions_alike():
    found = CrbBeams().beamform(posed(EXTENDED, 4, -np.inf))
    assert found.crb == pytest.approx(20 * 16**2 / (30 * 1000.0), rel=1e-9)
    covariance = found.weights @ found.weights.conj().T + found.sensing @ found.sensing.conj().T
    inside = np.linalg.qr(posed(EXTENDED, 4).channels)[0]
    covariance = covariance + found.rest / 12 * (np.eye(16) - inside @ inside.conj().T)
    np.testing.assert_allclose(covariance, np.eye(16) * 1000 / 16, atol=0.05)


def test_more_streams_are_used_where_one_beam_is_not_enough():
    problem = posed(angles(3), 1, 10.0, power=100.0)
    alone, free = CrbBeams(streams=0).beamform(problem), CrbBeams().beamform(problem)
    assert alone.sensing.shape[-1] == 0
    assert alone.crb > 1.01 * free.crb
    assert free.status == "optimal"
    assert free.sensing.shape[-1] > 0
    assert CrbBeams(streams=2).beamform(problem).sensing.shape == (16, 2)


def test_beams_that_are_blind_to_a_reflection_coefficient_are_certified():
    # With more antennas that send than receive, difference beams alone may be best for a target: J is singular.
    sensed = beamformers.sensed()["two targets"]
    problem = beamformers.problem(sensed)
    found = CrbBeams(streams=3).beamform(problem)
    steering = sensed.steering[:, ::3] / 4
    columns = np.concatenate([found.weights, found.sensing], axis=-1)
    seen = (np.abs(steering.conj().T @ columns) ** 2).sum(axis=-1) / found.power
    assert seen.min() < 1e-6
    assert found.status == "optimal"


@pytest.mark.parametrize(("sensed", "aims"), [(azimuth(), 1), (angles(2), 2), (EXTENDED, 5)])
def test_fixed_beams_have_the_best_shares(sensed, aims):
    part, problem = FixedBeams(regularisation=0.1, sensing_regularisation=0.3), posed(sensed, 4, 8.0)
    split, found = part.split(problem), part.beamform(problem)
    assert found.status == "feasible"
    assert found.crb == pytest.approx(split.value, rel=1e-9)
    assert 0 <= 1 - split.bound / split.value <= 1e-9
    assert (split.shares >= 0).all()
    assert split.shares.sum() == pytest.approx(1)
    assert len(split.shares) == 4 + aims
    assert found.crb >= CrbBeams().beamform(problem).crb
    reduced = problem.reduce()
    beams = part.beams(problem, reduced)

    def short(shares):
        return (reduced.sinr(beams * np.sqrt(np.maximum(shares, 0))) / reduced.floors - 1) / 10

    start = 0.8 * split.shares + 0.2 / len(split.shares)
    second = minimize(
        lambda shares: np.log(reduced.value(beams * np.sqrt(np.maximum(shares, 1e-15)))),
        start,
        bounds=[(0, 1)] * len(start),
        constraints=[
            {"type": "ineq", "fun": short},
            {"type": "ineq", "fun": lambda shares: 1 - shares.sum()},
        ],
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-13},
    )
    value = reduced.measure.unit * np.exp(second.fun)
    assert split.value == pytest.approx(value, rel=1e-5)


def test_fixed_beams_are_those_of_their_definition():
    part, problem = FixedBeams(regularisation=0.1, sensing_regularisation=0.3), posed(angles(2), 3)
    channels, steering = problem.channels, problem.sensed.steering[:, ::3]
    gram, even = channels.conj().T @ channels, np.eye(3)
    users = channels @ np.linalg.inv(gram + 0.1 * even)
    aims = steering - channels @ np.linalg.solve(gram + 0.3 * even, channels.conj().T @ steering)
    expected = np.concatenate([users, aims], axis=-1)
    expected /= np.linalg.norm(expected, axis=0)
    reduced = problem.reduce()
    np.testing.assert_allclose(reduced.basis @ part.beams(problem, reduced), expected, atol=1e-12)


def test_targets_that_cost_too_much_are_infeasible():
    problem = posed(azimuth(), 4, 60.0)
    for part in (CrbBeams(), CrbSdr(), FixedBeams()):
        found = part.beamform(problem)
        assert (found.status, found.claim) == ("infeasible", "infeasible")
        assert np.isnan(found.crb)
    message = str(CrbBeams().beamform(problem).message)
    needed = float(message.removeprefix("the SINR targets need at least ").removesuffix(" times the power"))
    assert needed > 1
    ample = attrs.evolve(problem, power=1.01 * needed * problem.power)
    found = CrbBeams().beamform(ample)
    assert found.feasible
    assert found.gap < 1e-3
    assert CrbBeams().beamform(attrs.evolve(ample, power=0.99 * needed * problem.power)).status == "infeasible"


def test_a_user_without_a_channel_has_no_beam():
    problem = posed(azimuth(), 2)
    channels = problem.channels * [1, 0]
    for part in (CrbBeams(), CrbSdr()):
        found = part.beamform(attrs.evolve(problem, channels=channels))
        assert (found.status, found.message) == ("infeasible", "a user with an SINR target has no channel")
    for part in (CrbBeams(), CrbSdr(), FixedBeams()):
        assert part.beamform(attrs.evolve(problem, channels=channels, sinr=[1.0, 0.0])).feasible


@pytest.mark.parametrize("sensed", [azimuth(64), EXTENDED], ids=["point", "extended"])
def test_many_antennas_cost_no_more_dimensions(sensed):
    problem = posed(sensed, 3, 15.0, antennas=64)
    found = CrbBeams().beamform(problem)
    assert found.status == "optimal"
    assert found.weights.shape == (64, 3)
    assert problem.reduce().dimensions <= 5


@pytest.mark.parametrize(
    ("part", "options", "words"),
    [
        (CrbBeams, {"streams": -1}, "streams must be an integer at least 0, got -1"),
        (CrbBeams, {"tolerance": 0}, "tolerance must be a finite number greater than 0 and less than 1, got 0.0"),
        (CrbBeams, {"max_iterations": 0}, "max_iterations must be an integer at least 1, got 0"),
        (CrbSdr, {"solver": "CLARABLE"}, "solver must be one of 'CLARABEL', 'SCS', got 'CLARABLE'; did you mean"),
        (CrbSdr, {"polish_iterations": -1}, "polish_iterations must be an integer at least 0, got -1"),
        (FixedBeams, {"regularisation": 0}, "regularisation must be a finite number greater than 0, got 0.0"),
        (FixedBeams, {"sensing_regularisation": "a"}, "sensing_regularisation must be a finite number greater"),
    ],
)
def test_an_invalid_option_is_refused_in_one_line(part, options, words):
    with pytest.raises(isacfw.InputError, match=f"^{words}"):
        part(**options)
