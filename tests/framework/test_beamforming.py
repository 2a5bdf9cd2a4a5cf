"""Beamforming problems: their reduction, their CRB, lower bounds, least power, and verification."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import isacfw
from isacfw import BeamformingProblem, Beams, ExtendedTarget, InputError, PointTargets, Status, Target
from isacfw.beamforming.least_power import least_power
from isacfw.beamforming.measure import weighted_bound
from isacfw.beamforming.reduced import spanning_basis
from isacfw.beamforming.verdict import verify
from isacfw_plugins.arrays.upa import UPA

RNG = np.random.default_rng
PLACES = [(20.0, 60.0), (-35.0, 80.0), (5.0, 110.0)]


def complex_normal(shape, generator):
    return (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)) / np.sqrt(2)


def targets_at(places=PLACES[:1], **options):
    return [
        Target(
            azimuth_deg=azimuth,
            elevation_deg=elevation,
            reflection_amplitude=0.1 / (1 + number),
            reflection_phase_deg=50.0 * number,
            **options,
        )
        for number, (azimuth, elevation) in enumerate(places)
    ]


def points(count=1, shape=(4, 4), weights=None, **options):
    transmit = UPA(horizontal=shape[0], vertical=shape[1])
    return PointTargets.at(
        targets_at(PLACES[:count], **options),
        transmit=transmit,
        receive=UPA(horizontal=3, vertical=4),
        frame_length=30,
        weights=weights,
    )


def posed(sensed, users=3, sinr=2.0, power=50.0, seed=0, antennas=16):
    channels = complex_normal((antennas, users), RNG(seed))
    return BeamformingProblem(channels=channels, power=power, sinr=sinr, sensed=sensed)


SENSED = {
    "a target": points(),
    "a known elevation": points(known=("elevation",)),
    "two targets with weights": points(2, weights=[1.0, 0.0, 2.0, 0.5]),
    "three targets": points(3),
    "an extended target": ExtendedTarget(receive_antennas=12),
}


def random_columns(problem, seed, streams=2):
    reduced = problem.reduce()
    columns = complex_normal((reduced.dimensions, reduced.users + streams), RNG(seed))
    return reduced, columns / np.linalg.norm(columns)


def derivative_echoes(sensed):
    """Return the derivatives of the echo with respect to all parameters, by central differences; (4T, Nr, Nt)."""
    model, step = sensed.model, 1e-5
    angles = np.array([(one.azimuth_deg, one.elevation_deg) for one in model.directions])

    def echo(angles, amplitudes):
        found = 0
        for (azimuth, elevation), amplitude in zip(angles, amplitudes, strict=True):
            direction = isacfw.Direction(azimuth_deg=azimuth, elevation_deg=elevation)
            b, a = (array.steering_vector(direction) for array in (model.receive, model.transmit))
            found = found + amplitude * np.outer(b, a.conj())
        return found

    derivatives, selected = [], []
    for target in range(model.targets):
        for angle in (0, 1):
            if sensed.known[2 * target + angle]:
                continue
            ends = []
            for sign in (1, -1):
                moved = angles.copy()
                moved[target, angle] += sign * np.degrees(step)
                ends.append(echo(moved, model.amplitudes))
            weight = 1.0 if sensed.weights is None else sensed.weights[2 * target + angle]
            selected.append((len(derivatives), weight))
            derivatives.append((ends[0] - ends[1]) / (2 * step))
        for unit in (1, 1j):
            alone = np.zeros(model.targets, dtype=complex)
            alone[target] = unit
            derivatives.append(echo(angles, alone))
    return np.array(derivatives), selected


@pytest.mark.parametrize("title", [title for title in SENSED if title != "an extended target"])
def test_the_crb_of_points_is_that_of_the_derivatives_of_the_echo(title):
    sensed = SENSED[title]
    problem = posed(sensed)
    columns = complex_normal((16, 6), RNG(1))
    derivatives, selected = derivative_echoes(sensed)
    sent = derivatives @ columns
    fisher = 2 * 30 * np.einsum("mac,nac->mn", sent, sent.conj()).real
    inverse = np.linalg.inv(fisher)
    expected = sum(weight * inverse[row, row] for row, weight in selected)
    crb, crlb = sensed.evaluate(columns, problem.basis(), 0.0)
    assert crb == pytest.approx(expected, rel=1e-6)
    free = sensed.known == 0
    np.testing.assert_allclose(crlb[free], [inverse[row, row] for row, _ in selected], rtol=1e-6)
    assert np.isnan(crlb[~free]).all()


def test_the_crb_of_an_extended_target_is_the_error_of_least_squares():
    generator, antennas, receive, length = RNG(2), 5, 4, 12
    mixing = complex_normal((antennas, 7), generator)
    root = np.linalg.cholesky(mixing @ mixing.conj().T)
    waves, _ = np.linalg.qr(complex_normal((length, antennas), generator))
    signal = np.sqrt(length) * root @ waves.conj().T
    response = complex_normal((receive, antennas), generator)
    noise = complex_normal((20_000, receive, length), generator)
    estimates = (response @ signal + noise) @ np.linalg.pinv(signal)
    errors = (np.abs(estimates - response) ** 2).sum(axis=(1, 2))
    sensed = ExtendedTarget(receive_antennas=receive, frame_length=length)
    crb, crlb = sensed.evaluate(mixing, np.zeros((antennas, 0), dtype=complex), 0.0)
    assert abs(errors.mean() - crb) <= 4 * errors.std() / np.sqrt(len(errors))
    assert crlb.shape == (0,)


def test_power_in_the_complement_is_spread_evenly():
    sensed, generator = ExtendedTarget(receive_antennas=2, frame_length=3), RNG(3)
    basis = spanning_basis(complex_normal((8, 3), generator))
    inside = basis @ complex_normal((3, 4), generator)
    anywhere = complex_normal((8, 2), generator)
    complement = np.eye(8) - basis @ basis.conj().T
    for columns in (inside, np.concatenate([inside, anywhere], axis=-1)):
        covariance = columns @ columns.conj().T + 7.0 / 5 * complement
        expected = 2 / 3 * np.trace(np.linalg.inv(covariance)).real
        assert sensed.evaluate(columns, basis, 7.0)[0] == pytest.approx(expected, rel=1e-10)
    assert sensed.evaluate(inside, basis, 0.0)[0] == np.inf


def test_points_see_nothing_of_the_complement_but_of_other_directions_they_do():
    sensed = points(2)
    problem = posed(sensed)
    columns, basis = complex_normal((16, 4), RNG(4)), problem.basis()
    assert sensed.evaluate(columns, basis, 5.0)[0] == pytest.approx(sensed.evaluate(columns, basis, 0.0)[0])
    few = basis[:, :2]
    complement = np.eye(16) - few @ few.conj().T
    values, vectors = np.linalg.eigh(complement)
    even = vectors[:, values > 0.5] * np.sqrt(5.0 / 14)
    together = np.concatenate([columns, even], axis=-1)
    expected = sensed.evaluate(together, few, 0.0)[0]
    assert sensed.evaluate(columns, few, 5.0)[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("title", SENSED)
def test_few_dimensions_are_enough(title):
    problem = posed(SENSED[title])
    reduced, columns = random_columns(problem, 5, streams=8)
    if reduced.spread:
        # A stream alone in the last dimension: no correlation between the complement and the rest.
        columns[-1, :-1] = columns[:-1, -1] = 0.0
    weights, sensing, rest = reduced.lift(columns)
    found = verify(problem, [Beams(weights=weights, sensing=sensing, rest=rest)])
    value = reduced.measure.unit * reduced.value(columns)
    assert found.crb == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(found.sinr, reduced.sinr(columns), rtol=1e-10)
    assert found.power == pytest.approx(problem.power * np.linalg.norm(columns) ** 2, rel=1e-12)
    back = reduced.project(weights, sensing, rest)
    np.testing.assert_allclose(back @ back.conj().T, columns @ columns.conj().T, atol=1e-12)


def test_the_dimensions_do_not_depend_on_the_antennas():
    for shape in ((4, 4), (8, 8), (16, 16)):
        antennas = shape[0] * shape[1]
        for sensed, size in ((points(1, shape), 6), (points(2, shape), 9), (SENSED["an extended target"], 4)):
            assert posed(sensed, antennas=antennas).reduce().dimensions == size
    known = points(1, known=("elevation",))
    assert posed(known).reduce().dimensions == 5


@pytest.mark.parametrize("title", SENSED)
def test_the_gradient_is_that_of_differences(title):
    reduced, columns = random_columns(posed(SENSED[title]), 6, streams=4)
    value, slope = reduced.value_and_slope(columns)
    assert value == pytest.approx(reduced.value(columns), rel=1e-9)
    change, step = complex_normal(columns.shape, RNG(7)), 1e-6
    ends = [reduced.value(columns + sign * step * change) for sign in (1, -1)]
    assert np.vdot(slope, change).real == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5)


@pytest.mark.parametrize("title", SENSED)
def test_the_adjoint_is_one(title):
    reduced, columns = random_columns(posed(SENSED[title]), 8, streams=4)
    measure, covariance = reduced.measure, columns @ columns.conj().T
    information = measure.information(covariance)
    half = complex_normal(information.shape, RNG(9))
    half = half if np.iscomplexobj(information) else half.real
    matrix = half @ half.conj().T
    expected = np.trace(matrix @ information).real
    assert np.trace(measure.adjoint(matrix) @ covariance).real == pytest.approx(expected, rel=1e-10)


def test_the_unit_is_that_of_a_signal_in_all_directions():
    for sensed in SENSED.values():
        reduced = posed(sensed).reduce()
        size = len(reduced.basis.T)
        even = np.diag(np.append(np.full(size, 1 / 16), [1 - size / 16] if reduced.spread else []))
        if not reduced.spread:
            even = np.eye(size) / size
        assert reduced.measure.value(even.astype(complex)) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("title", SENSED)
@pytest.mark.parametrize("seed", range(3))
def test_no_beams_are_below_any_lower_bound(title, seed):
    problem = posed(SENSED[title], seed=seed)
    reduced = problem.reduce()
    generator = RNG(100 + seed)
    beams = reduced.least_power.beams
    assert beams is not None
    values, proofs = [], []
    for _ in range(20):
        # Beams that reach the targets, since the random parts reach no user.
        users = spanning_basis(reduced.channels)
        more = complex_normal((reduced.dimensions, 6), generator)
        more -= users @ (users.conj().T @ more)
        more *= np.sqrt(1 - np.linalg.norm(beams) ** 2) / np.linalg.norm(more)
        columns = np.concatenate([beams, more], axis=-1)
        assert (reduced.sinr(columns) >= reduced.floors * (1 - 1e-9)).all()
        assert np.linalg.norm(columns) <= 1 + 1e-12
        values.append(reduced.measure.unit * reduced.value(columns))
        best = reduced.measure.minimiser(columns @ columns.conj().T)
        noise = complex_normal(best.shape, generator)
        tried = best + 0.1 * np.abs(best).max() * (noise if np.iscomplexobj(best) else noise.real)
        multipliers = generator.exponential(size=problem.users) * np.exp(generator.normal() * 4)
        proofs += [isacfw.lower_bound(reduced, multipliers, each) for each in (best, tried)]
        proofs.append(isacfw.certificate(reduced, columns).bound)
    assert max(proofs) <= min(values)
    assert max(proofs) > 0.001 * min(values)


def test_more_multipliers_never_lower_the_bound():
    reduced, columns = random_columns(posed(points(2)), 11)
    alone = isacfw.certificate(reduced, columns)
    for multipliers in (np.zeros(3), np.ones(3), np.full(3, np.nan)):
        assert isacfw.certificate(reduced, columns, multipliers).bound >= alone.bound


def test_the_least_power_of_a_user_is_its_target_over_its_gain():
    problem = posed(points(), users=1, sinr=7.0, power=20.0)
    found = problem.reduce().least_power
    assert found.power == pytest.approx(7.0 / np.linalg.norm(problem.channels) ** 2 / 20.0)


def test_the_least_power_is_that_of_a_semidefinite_program():
    cp = pytest.importorskip("cvxpy")
    channels, floors = complex_normal((5, 4), RNG(12)), np.array([3.0, 1.0, 0.0, 0.5])
    scaled = 20 * channels
    found = least_power(scaled, floors)
    assert found is not None
    assert found.beams is not None
    matrices = [cp.Variable((5, 5), hermitian=True) for _ in range(4)]
    constraints = [matrix >> 0 for matrix in matrices]
    for user in np.flatnonzero(floors):
        product = np.outer(channels[:, user], channels[:, user].conj())
        received = [cp.real(cp.trace(product @ matrix)) for matrix in matrices]
        constraints.append((1 + 1 / floors[user]) * received[user] >= sum(received) + 1)
    program = cp.Problem(cp.Minimize(sum(cp.real(cp.trace(matrix)) for matrix in matrices)), constraints)
    assert 400 * found.power == pytest.approx(program.solve(solver="CLARABEL"), rel=1e-5)
    received = np.abs(scaled.conj().T @ found.beams) ** 2
    own = np.diagonal(received)
    sinr = own / (received.sum(axis=-1) - own + 1)
    np.testing.assert_allclose(sinr[floors > 0], floors[floors > 0], rtol=1e-9)


def test_too_high_targets_are_certified_as_infeasible():
    channels = complex_normal((3, 3), RNG(13))
    lowest, highest = 1.0, 1e6
    for _ in range(60):
        power = np.sqrt(lowest * highest)
        reached = least_power(np.sqrt(power) * channels, np.full(3, 4.0)).beams is not None
        lowest, highest = (lowest, power) if reached else (power, highest)
    plenty = least_power(100 * channels, np.full(3, 4.0))
    assert highest == pytest.approx(1e4 * plenty.power, rel=1e-6)
    # Three users on a line, of which two can never be told apart: no power is enough.
    together = least_power(1e6 * np.ones((1, 2), dtype=complex), np.array([1.0, 1.5]))
    assert together is None or together.beams is None
    nobody = least_power(np.zeros((2, 1), dtype=complex), np.array([1.0]))
    assert (nobody.power, nobody.beams) == (np.inf, None)


def test_a_matrix_without_inverse_has_no_bound_only_where_it_matters():
    information = np.diag([2.0, 0.0, 4.0])
    assert weighted_bound(information, np.eye(3)[:, :1]) == pytest.approx(0.5)
    assert weighted_bound(information, np.eye(3)[:, 1:2]) == np.inf
    tiny = np.diag([2e-30, 4e30])
    assert weighted_bound(tiny, np.array([[1.0], [0.0]])) == pytest.approx(5e29)


def good(problem):
    """Return beams that meet the targets, with the rest of the power in the complement of the channels."""
    reduced = problem.reduce()
    beams = reduced.least_power.beams
    users = spanning_basis(reduced.channels)
    more = complex_normal((reduced.dimensions, 4), RNG(14))
    more -= users @ (users.conj().T @ more)
    more *= np.sqrt(1 - np.linalg.norm(beams) ** 2) / np.linalg.norm(more)
    weights, sensing, rest = reduced.lift(np.concatenate([beams, more], axis=-1))
    return Beams(weights=weights, sensing=sensing, rest=rest)


@pytest.mark.parametrize("title", SENSED)
def test_beams_without_a_claim_are_what_they_are(title):
    problem = posed(SENSED[title])
    found = verify(problem, [good(problem)])
    assert (found.status, found.message, found.claim) == ("feasible", "", "")
    assert found.feasible
    assert 0 < found.gap < 1
    assert found.bound == pytest.approx((1 - found.gap) * found.crb)
    np.testing.assert_allclose(found.sinr, problem.sinr, rtol=1e-9)


def test_a_claim_that_does_not_hold_is_replaced():
    problem = posed(points())
    beams = good(problem)
    for status, words in (
        (Status.OPTIMAL, "reported as optimal, but the certified gap is 0."),
        (Status.LOCALLY_OPTIMAL, "reported as locally optimal, but the gradient is off by 0."),
    ):
        found = verify(problem, [attrs.evolve(beams, status=status, message="so it is")])
        assert (found.status, found.claim) == ("feasible", str(status))
        assert str(found.message).startswith(f"so it is; {words}")
    assert verify(problem, [attrs.evolve(beams, status=Status.FEASIBLE)]).status == "feasible"


def test_violations_are_found():
    problem = posed(points())
    beams = good(problem)
    louder = attrs.evolve(beams, weights=1.1 * beams.weights, sensing=1.1 * beams.sensing)
    found = verify(problem, [louder])
    assert (found.status, bool(found.feasible)) == ("infeasible", False)
    assert found.violation == pytest.approx(0.21)
    assert found.message == "the beams violate a target or the power by 0.21 of it"
    softer = attrs.evolve(beams, weights=beams.weights * [1, 0.8, 1], status=Status.OPTIMAL)
    found = verify(problem, [softer])
    assert (found.status, found.claim) == ("infeasible", "optimal")
    assert found.violation == pytest.approx(0.36, abs=1e-6)
    assert str(found.message).startswith("reported as optimal, but the beams violate")
    blind = verify(posed(SENSED["an extended target"]), [Beams(weights=beams.weights)])
    assert (blind.status, blind.crb, blind.gap) == ("infeasible", np.inf, 1)
    assert "cannot be estimated" in str(blind.message)


def test_no_answer_keeps_its_reason():
    problem = posed(points())
    found = verify(problem, [Beams.none(problem, Status.INFEASIBLE, "cannot")])
    assert found.status == "infeasible"
    assert str(found.message).startswith("cannot; beams of 0.")
    assert str(found.message).endswith("of the power reach the SINR targets")
    assert np.isnan([found.crb, found.bound, found.gap, found.violation, found.power]).all()
    never = posed(points(), sinr=1e9)
    assert verify(never, [Beams.none(never, Status.INFEASIBLE, "cannot")]).message == "cannot"
    failed = verify(problem, [Beams(weights=np.full((16, 3), np.nan))], by="mine")
    assert (failed.status, failed.message) == ("failed", "mine returned non-finite beams")


def test_a_batch_is_its_members():
    channels = complex_normal((2, 3, 16, 3), RNG(15))
    problem = BeamformingProblem(channels=channels, power=50.0, sinr=[1.0, 2.0, 0.0], sensed=points(2))
    assert problem.batch_shape == (2, 3)
    answers = [good(problem[index]) for index in np.ndindex(2, 3)]
    answers[4] = attrs.evolve(answers[4], sensing=answers[4].sensing[:, :1])
    together = verify(problem, answers)
    assert together.sinr.shape == (2, 3, 3)
    assert together.crlb.shape == (2, 3, 4)
    assert together.sensing.shape == (2, 3, 16, 4)
    for number, index in enumerate(np.ndindex(2, 3)):
        alone = verify(problem[index], [answers[number]])
        for name in ("sinr", "crb", "crlb", "power", "violation", "bound", "gap", "status", "weights"):
            np.testing.assert_array_equal(getattr(together, name)[index], getattr(alone, name))
    with pytest.raises(ValueError, match="read-only"):
        together.crb[0] = 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels": np.zeros(4)}, r"channels must have shape \(..., N, K\), got \(4,\)"),
        ({"channels": np.zeros((16, 0))}, r"channels must have shape \(..., N, K\), got \(16, 0\)"),
        ({"channels": np.full((16, 2), np.nan)}, "channels must be finite, got NaN or an infinite number"),
        ({"channels": "abc"}, "channels must be an array of numbers, got 'abc'"),
        ({"channels": np.ones((9, 2))}, "channels must have the 16 antennas of the array, got 9"),
        ({"power": 0}, "power must be a finite number greater than 0, got 0.0"),
        ({"sinr": -1.0}, "sinr must be finite and nonnegative, got -1.0"),
        ({"sinr": [1.0, 2.0]}, r"sinr must have shape \(3,\), or one number, got \(2,\)"),
        ({"sinr": "high"}, "sinr must be numbers, got 'high'"),
        ({"sensed": None}, "sensed must be a PointTargets or an ExtendedTarget object, got None"),
    ],
)
def test_an_invalid_problem_is_refused_in_one_line(changes, words):
    valid = {"channels": np.ones((16, 3)), "power": 1.0, "sinr": 1.0, "sensed": points()}
    with pytest.raises(InputError, match=f"^{words}$"):
        BeamformingProblem(**(valid | changes))


def test_invalid_targets_are_refused_in_one_line():
    line, square = UPA(horizontal=16, vertical=1), UPA(horizontal=4, vertical=4)
    with pytest.raises(InputError, match=r"^targets must be a nonempty list of targets, got \[\]$"):
        PointTargets.at([], transmit=square, receive=square)
    with pytest.raises(InputError, match=r"^weights must be 2 nonnegative numbers, one of an unknown"):
        points(weights=[0.0, 0.0])
    with pytest.raises(InputError, match=r"^weights must be 2 nonnegative numbers"):
        points(weights=[1.0])
    with pytest.raises(InputError, match=r"^weights must be 2 nonnegative numbers"):
        points(known=("elevation",), weights=[0.0, 1.0])
    with pytest.raises(InputError, match=r"^known must leave an angle to estimate"):
        points(known=("azimuth", "elevation"))
    with pytest.raises(InputError, match=r"^targets\[0\].known must hold 'azimuth': the arrays cannot tell it"):
        PointTargets.at(targets_at(), transmit=line, receive=line)
    PointTargets.at(targets_at(known=("elevation",)), transmit=line, receive=line)
    with pytest.raises(InputError, match=r"^problem must have no batch axes, got shape \(2,\)$"):
        BeamformingProblem(channels=np.ones((2, 16, 3)), power=1.0, sinr=1.0, sensed=points()).reduce()
    with pytest.raises(InputError, match=r"^receive_antennas must be an integer at least 1, got 0$"):
        ExtendedTarget(receive_antennas=0)
