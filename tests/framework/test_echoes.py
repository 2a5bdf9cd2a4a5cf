"""Echoes of several targets, arrays in three dimensions, and directions in which arrays see next to nothing."""

from __future__ import annotations

from typing import Any, ClassVar, final

import attrs
import numpy as np
import pytest
from numerics import central_difference, crlb_by_inverse, scattered
from numpy.random import Generator

import isacfw
from isacfw import Array, ComplexArray, Direction, FloatArray, InputError, Scenario, Sensing, Target
from isacfw.sensing.fisher import EchoModel
from isacfw.sensing.information import crlb
from isacfw.sensing.reduction import angle_information, in_angles
from isacfw.signal.channel import complex_normal
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.arrays.circular import Circular
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.precoders.mrt import MRT


@final
@attrs.frozen(kw_only=True)
class Spatial(Array):
    """Elements anywhere in space: only the base class's formulas apply."""

    name: ClassVar[str] = "spatial"

    points: tuple[tuple[float, ...], ...]

    def positions(self) -> FloatArray:
        return np.array(self.points)

    @classmethod
    def of(cls, points: Any) -> Spatial:
        return cls(points=tuple(map(tuple, np.asarray(points).tolist())))


def anywhere(seed: int, elements: int) -> Spatial:
    return Spatial.of(np.random.default_rng(seed).uniform(-2, 3, (elements, 3)))


ARRAYS: dict[str, tuple[Array, Array]] = {
    "planar": (UPA(horizontal=5, vertical=4), UPA(horizontal=3, vertical=4)),
    "planar without structure": (scattered(np.random.default_rng(1), 9), scattered(np.random.default_rng(2), 6)),
    "circular": (Circular(elements=9), Circular(elements=7, spacing=1.3)),
    "upright circles": (Circular(elements=9, plane="upright"), Circular(elements=8, plane="upright")),
    "in space": (anywhere(3, 10), anywhere(4, 6)),
    "planar and in space": (UPA(horizontal=4, vertical=3, horizontal_spacing=1.2), anywhere(5, 6)),
    "circular and planar": (Circular(elements=8), UPA(horizontal=3, vertical=3, vertical_spacing=0.7)),
    "line and in space": (ULA(elements=6), anywhere(6, 7)),
}
PAIRS = pytest.mark.parametrize("pair", ARRAYS.values(), ids=ARRAYS)
DIRECTIONS = (
    Direction(azimuth_deg=20.0, elevation_deg=60.0),
    Direction(azimuth_deg=-35.0, elevation_deg=95.0),
    Direction(azimuth_deg=50.0, elevation_deg=125.0),
)
AMPLITUDES = np.array([0.3 * np.exp(0.7j), 0.2 * np.exp(-2.1j), 0.5])
TARGETS = pytest.mark.parametrize("targets", [1, 2, 3])


def model_of(pair: tuple[Array, Array], targets: int) -> EchoModel:
    return EchoModel(
        transmit=pair[0],
        receive=pair[1],
        directions=DIRECTIONS[:targets],
        amplitudes=AMPLITUDES[:targets],
        frame_length=17,
    )


def factor_of(array: Array, generator: Generator) -> ComplexArray:
    return complex_normal((array.n_elements, 3), generator)


def fisher(model: EchoModel, factor: ComplexArray) -> FloatArray:
    """Return the information for R = factor factorᴴ in the angles."""
    basis = np.concatenate([model.transmit.steering_basis(one) for one in model.directions], axis=1)
    seen = basis.conj().T @ factor
    return in_angles(model.fisher(seen @ seen.conj().T), model.jacobians)


def scaled(matrix: FloatArray, by: FloatArray) -> FloatArray:
    diagonal = np.sqrt(np.diagonal(by))
    return matrix / np.outer(diagonal, diagonal)


def steering(array: Array, azimuth: float, elevation: float) -> ComplexArray:
    """Return the steering vector from the positions alone."""
    positions = np.zeros((array.n_elements, 3))
    given = array.positions()
    positions[:, : given.shape[1]] = given - given.mean(axis=0)
    cosines = [np.sin(azimuth) * np.sin(elevation), np.cos(elevation), np.cos(azimuth) * np.sin(elevation)]
    return np.asarray(np.exp(1j * np.pi * positions @ cosines))


def by_differences(model: EchoModel, factor: ComplexArray) -> FloatArray:
    """Return the information by finite differences of the echo, parameter by parameter."""

    def mean(parameters: FloatArray) -> ComplexArray:
        echo: ComplexArray = np.zeros(0)
        for azimuth, elevation, real, imaginary in parameters.reshape(-1, 4):
            b, a = (steering(array, azimuth, elevation) for array in (model.receive, model.transmit))
            part = (real + 1j * imaginary) * (np.outer(b, a.conj()) @ factor).ravel()
            echo = part if not echo.size else echo + part
        return echo

    at = np.array(
        [
            [np.radians(one.azimuth_deg), np.radians(one.elevation_deg), alpha.real, alpha.imag]
            for one, alpha in zip(model.directions, model.amplitudes, strict=True)
        ]
    ).ravel()
    derivatives = central_difference(mean, at, 2e-6)
    return np.asarray(2 * model.frame_length * (derivatives.conj() @ derivatives.T).real)


def by_matrices(model: EchoModel, factor: ComplexArray) -> FloatArray:
    """Return 2 L Re tr(D_m R D_nᴴ) with the whole derivatives D_m of G."""
    derivatives = []
    for one, alpha in zip(model.directions, model.amplitudes, strict=True):
        a, b = model.transmit.steering_vector(one), model.receive.steering_vector(one)
        slopes = zip(
            model.transmit.steering_derivatives(one), model.receive.steering_derivatives(one), strict=True
        )
        derivatives += [alpha * (np.outer(db, a.conj()) + np.outer(b, da.conj())) for da, db in slopes]
        derivatives += [np.outer(b, a.conj()), 1j * np.outer(b, a.conj())]
    covariance = factor @ factor.conj().T
    return np.array(
        [
            [2 * model.frame_length * np.trace(m @ covariance @ n.conj().T).real for n in derivatives]
            for m in derivatives
        ]
    )


@PAIRS
@TARGETS
def test_information_agrees_with_finite_differences_of_the_echo(pair: tuple[Array, Array], targets: int) -> None:
    model, generator = model_of(pair, targets), np.random.default_rng([1, targets])
    factor = factor_of(pair[0], generator)
    found, expected = fisher(model, factor), by_differences(model, factor)
    assert found.shape == (4 * targets, 4 * targets)
    np.testing.assert_allclose(scaled(found, found), scaled(expected, found), atol=1e-7)


@PAIRS
@TARGETS
def test_information_agrees_with_whole_matrices(pair: tuple[Array, Array], targets: int) -> None:
    model, generator = model_of(pair, targets), np.random.default_rng([2, targets])
    factor = factor_of(pair[0], generator)
    found, expected = fisher(model, factor), by_matrices(model, factor)
    np.testing.assert_allclose(scaled(found, found), scaled(expected, found), atol=1e-12)


@PAIRS
@TARGETS
def test_information_of_an_isotropic_signal(pair: tuple[Array, Array], targets: int) -> None:
    model = model_of(pair, targets)
    antennas = pair[0].n_elements
    found = in_angles(model.fisher(model.isotropic_forms), model.jacobians)
    expected = by_matrices(model, np.eye(antennas) / np.sqrt(antennas))
    np.testing.assert_allclose(scaled(found, found), scaled(expected, found), atol=1e-12)


WHOLE = [name for name in ARRAYS if "circles" not in name and name != "line and in space"]


@pytest.mark.parametrize("name", WHOLE)
@TARGETS
def test_bounds_are_the_diagonal_of_the_inverse(name: str, targets: int) -> None:
    model = model_of(ARRAYS[name], targets)
    factor = factor_of(model.transmit, np.random.default_rng([3, targets]))
    basis = np.concatenate([model.transmit.steering_basis(one) for one in model.directions], axis=1)
    seen = basis.conj().T @ factor
    # A batch: with more of the isotropic signal.
    forms = np.stack([seen @ seen.conj().T + level * model.isotropic_forms for level in (1.0, 3.0)])
    found = crlb(model.fisher(forms), model.jacobians)
    assert found.shape == (2, 2 * targets)
    whole = in_angles(model.fisher(forms), model.jacobians)
    scale = 1 / np.sqrt(np.diagonal(whole, axis1=1, axis2=2))
    inverse = np.linalg.inv(whole * scale[:, :, None] * scale[:, None, :])
    expected = np.diagonal(inverse, axis1=1, axis2=2) * scale**2
    angles = [4 * target + angle for target in range(targets) for angle in (0, 1)]
    np.testing.assert_allclose(found, expected[:, angles], rtol=1e-8)
    if targets == 1:
        np.testing.assert_allclose(found, crlb_by_inverse(whole), rtol=1e-8)
    # A known angle is no unknown of the others.
    known = np.zeros(2 * targets)
    known[1] = 1
    kept = np.delete(np.arange(4 * targets), 1)
    some = np.linalg.inv((whole * scale[:, :, None] * scale[:, None, :])[:, kept][:, :, kept])
    expected = np.diagonal(some, axis1=1, axis2=2) * scale[:, kept] ** 2
    found = crlb(model.fisher(forms), model.jacobians, known)
    assert np.isnan(found[:, 1]).all()
    unknown = [angle for angle in angles if angle != 1]
    places = [list(kept).index(angle) for angle in unknown]
    np.testing.assert_allclose(np.delete(found, 1, axis=1), expected[:, places], rtol=1e-8)


@TARGETS
def test_minimisers_give_the_information_and_its_derivative(targets: int) -> None:
    model, generator = model_of(ARRAYS["in space"], targets), np.random.default_rng([4, targets])
    basis = np.concatenate([model.transmit.steering_basis(one) for one in model.directions], axis=1)
    first, second = (basis.conj().T @ factor_of(model.transmit, generator) for _ in range(2))
    matrices = [model.fisher(seen @ seen.conj().T + model.isotropic_forms) for seen in (first, second)]
    base, change = matrices
    information, w = angle_information(base, model.jacobians)
    np.testing.assert_allclose(np.einsum("ij,jk,ik->i", w, base, w), information, rtol=1e-9)
    step = 1e-6
    rise = [angle_information(base + sign * step * change, model.jacobians)[0] for sign in (1, -1)]
    slope = np.einsum("ij,jk,ik->i", w, change, w)
    np.testing.assert_allclose(slope, (rise[0] - rise[1]) / (2 * step), rtol=1e-5)


@TARGETS
@pytest.mark.parametrize("turn_deg", [-70.0, 25.0, 180.0])
def test_turning_arrays_and_targets_about_the_vertical_changes_nothing(targets: int, turn_deg: float) -> None:
    pair = ARRAYS["planar without structure"]
    turn = np.radians(turn_deg)

    def turned(array: Array) -> Spatial:
        along, up = array.positions().T
        return Spatial.of(np.stack([np.cos(turn) * along, up, -np.sin(turn) * along], axis=1))

    model = model_of(pair, targets)
    other = attrs.evolve(
        model,
        transmit=turned(pair[0]),
        receive=turned(pair[1]),
        directions=tuple(
            attrs.evolve(one, azimuth_deg=(one.azimuth_deg + turn_deg + 180) % 360 - 180)
            for one in model.directions
        ),
    )
    assert model.transmit.planar
    factor = factor_of(pair[0], np.random.default_rng([5, targets]))
    found, expected = fisher(other, factor), fisher(model, factor)
    np.testing.assert_allclose(scaled(found, expected), scaled(expected, expected), atol=1e-11)


def test_positions_in_a_plane_given_in_three_dimensions_are_planar() -> None:
    flat = scattered(np.random.default_rng(7), 6)
    lifted = Spatial.of(np.column_stack([flat.positions(), np.full(6, 4.5)]))
    assert lifted.planar
    for one in DIRECTIONS:
        np.testing.assert_allclose(lifted.steering_basis(one), flat.steering_basis(one), rtol=1e-12)
    np.testing.assert_allclose(lifted.second_moments(), flat.second_moments(), rtol=1e-12)


def test_flat_circle_sees_every_azimuth_alike() -> None:
    pair = ARRAYS["circular"]
    bounds = []
    for azimuth_deg in (0.0, 40.0, 130.0, -80.0):
        model = attrs.evolve(
            model_of(pair, 1), directions=(Direction(azimuth_deg=azimuth_deg, elevation_deg=50.0),)
        )
        bounds.append(crlb(model.fisher(model.isotropic_forms), model.jacobians))
    np.testing.assert_allclose(bounds, np.broadcast_to(bounds[0], (4, 2)), rtol=1e-10)


# Nearly singular geometries


def scenario(transmit: Array, receive: Array, target: Target, **changes: Any) -> Scenario:
    given: dict[str, Any] = {
        "snr_db": 10.0,
        "precoders": [MRT()],
        "allocators": [Exact()],
        "transmit_array": transmit,
        "receive_array": receive,
        "targets": [target],
        "sensing": Sensing(frame_length=30),
        "channel": Rayleigh(large_scale_fading=[1.0, 0.4]),
    }
    return Scenario(**{**given, **changes})


def aligned_bounds(transmit: UPA, receive: UPA, target: Target, f: float, q: float, power: float) -> FloatArray:
    """Return the CRLBs for an aligned beam, term by term, without any difference of large numbers.

    The information on u and on w is 2 L |α|² P (‖ḃ‖² (f + q N_t) + N_r f ‖ȧ‖² / N_t), and theirs with α is zero.
    """
    information = []
    for axis in ("horizontal", "vertical"):
        slopes = [
            np.pi**2 / 12 * array.n_elements * (getattr(array, axis) ** 2 - 1.0) for array in (receive, transmit)
        ]
        seen = (
            slopes[0] * (f + q * transmit.n_elements) + receive.n_elements * f * slopes[1] / transmit.n_elements
        )
        information.append(2 * 30 * target.amplitude**2 * power * seen)
    azimuth, elevation = np.radians([target.azimuth_deg, target.elevation_deg])
    sine, across = np.sin(elevation), np.sin(azimuth) * np.cos(elevation) / np.cos(azimuth)
    by_elevation = 1 / (sine**2 * information[1])
    by_azimuth = 1 / (np.cos(azimuth) ** 2 * sine**2 * information[0]) + (across / sine**2) ** 2 / information[1]
    return np.array([by_azimuth, by_elevation])


SMALL = UPA(horizontal=5, vertical=4), UPA(horizontal=3, vertical=4)
LONG = UPA(horizontal=1_000_000, vertical=2), UPA(horizontal=1_000_000, vertical=2)
NEARLY = {
    "usual": (SMALL, (22.5, 45.0)),
    "elevation 1e-5 degrees": (SMALL, (22.5, 1e-5)),
    "elevation 1e-5 degrees from below": (SMALL, (-60.0, 180 - 1e-5)),
    "azimuth 1e-5 degrees from end-fire": (SMALL, (90 - 1e-5, 70.0)),
    "a million by two": (LONG, (33.0, 57.0)),
    "a million by two, elevation 0.01 degrees": (LONG, (33.0, 0.01)),
    "two by a million": (tuple(UPA(horizontal=2, vertical=1_000_000) for _ in "12"), (-50.0, 130.0)),
}


@pytest.mark.parametrize("case", NEARLY)
@pytest.mark.parametrize(("f", "q"), [(1.0, 0.0), (0.7, 0.3), (0.0, 1.0)])
def test_bounds_of_nearly_singular_geometries_keep_their_digits(case: str, f: float, q: float) -> None:
    (transmit, receive), (azimuth, elevation) = NEARLY[case]
    target = Target(azimuth_deg=azimuth, elevation_deg=elevation, reflection_amplitude=0.1)
    problem = scenario(transmit, receive, target).problem(MRT())[0]
    found = problem.crlb(f * np.array([0.5, 0.5]), q)
    expected = aligned_bounds(transmit, receive, target, f, q, 10.0)
    assert np.isfinite(expected).all()
    # The cosine near 90 degrees is known to 1e-16 / 2e-7 from an angle in double precision.
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def extended_bounds(whole: Scenario, f: float, q: float) -> FloatArray:
    """Return the CRLBs in extended precision: with whole matrices in (u, w), and from there in closed form."""
    precise, unit = np.longdouble, np.clongdouble(1j)
    pi = precise("3.14159265358979323846264338327950288")

    def cosines(direction: Direction) -> tuple[Any, ...]:
        theta, phi = (precise(one) * pi / 180 for one in (direction.azimuth_deg, direction.elevation_deg))
        return np.sin(theta), np.cos(theta), np.sin(phi), np.cos(phi)

    def steered(array: Array, direction: Direction) -> tuple[Any, Any]:
        sin_t, _, sin_p, cos_p = cosines(direction)
        positions = (array.positions() - array.positions().mean(axis=0)).astype(precise)
        vector = np.exp(unit * pi * (positions[:, 0] * sin_t * sin_p + positions[:, 1] * cos_p))
        return vector, unit * pi * positions.T * vector

    target = whole.sensed[0]
    a, da = steered(whole.transmit_array, target.direction)
    b, db = steered(whole.receive_array, target.direction)
    v, _ = steered(whole.transmit_array, whole.sensing.beam(target))
    covariance = (f * np.eye(len(a), dtype=precise) + q * np.outer(v, v.conj())) / len(a)
    parts = [target.amplitude * (np.outer(db[i], a.conj()) + np.outer(b, da[i].conj())) for i in (0, 1)]
    parts += [np.outer(b, a.conj()), unit * np.outer(b, a.conj())]
    power = precise(10.0) * 2 * whole.sensing.frame_length
    matrix = np.array([[power * (m @ covariance * n.conj()).sum().real for n in parts] for m in parts])
    # The inverse by elimination of α: its block is a multiple of the identity.
    reduced = matrix[:2, :2] - matrix[:2, 2:] @ matrix[2:, :2] / matrix[2, 2]
    determinant = reduced[0, 0] * reduced[1, 1] - reduced[0, 1] ** 2
    covariances = np.array([[reduced[1, 1], -reduced[0, 1]], [-reduced[0, 1], reduced[0, 0]]]) / determinant
    sin_t, cos_t, sin_p, cos_p = cosines(target.direction)
    rows = np.array([[1 / (cos_t * sin_p), sin_t * cos_p / (cos_t * sin_p**2)], [0, -1 / sin_p]])
    return np.einsum("ai,ij,aj->a", rows, covariances, rows).astype(np.float64)


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="no extended precision here")
@pytest.mark.parametrize("case", [name for name, (pair, _) in NEARLY.items() if pair == SMALL])
@pytest.mark.parametrize(("f", "q"), [(1.0, 0.0), (0.7, 0.3), (0.02, 0.98)])
def test_bounds_of_a_beam_that_misses_agree_with_extended_precision(case: str, f: float, q: float) -> None:
    (transmit, receive), (azimuth, elevation) = NEARLY[case]
    target = Target(azimuth_deg=azimuth, elevation_deg=elevation, reflection_amplitude=0.1)
    aim = Sensing(frame_length=30, beam_azimuth_deg=azimuth - 4.0, beam_elevation_deg=elevation - 6.0)
    whole = scenario(transmit, receive, target, sensing=aim)
    found = whole.problem(MRT())[0].crlb(f * np.array([0.5, 0.5]), q)
    np.testing.assert_allclose(found, extended_bounds(whole, f, q), rtol=1e-8)


@pytest.mark.parametrize("case", NEARLY)
@pytest.mark.parametrize("slack_db", [-1e-3, 1e-3])
def test_limit_just_above_the_smallest_bounds_is_feasible_and_just_below_is_not(
    case: str, slack_db: float
) -> None:
    (transmit, receive), (azimuth, elevation) = NEARLY[case]
    target = Target(azimuth_deg=azimuth, elevation_deg=elevation, reflection_amplitude=0.1)
    whole = scenario(transmit, receive, target)
    best = 10 * np.log10(whole.problem(MRT())[0].crlb(np.zeros(2), 1.0)) + slack_db
    limits = Sensing(frame_length=30, azimuth_crlb_limit_db=best[0], elevation_crlb_limit_db=best[1])
    (record,) = isacfw.compare(attrs.evolve(whole, sensing=limits)).records()
    assert (record["status"], record["feasible"]) == (
        ("optimal", True) if slack_db > 0 else ("infeasible", False)
    ), record["message"]


# Lines, which see one direction cosine

LINES = {axis: (ULA(elements=8, axis=axis), ULA(elements=6, axis=axis)) for axis in ("horizontal", "vertical")}  # type: ignore[arg-type]
PLACES = pytest.mark.parametrize("elevation_deg", [20.0, 70.0, 90.0, 130.0])


def on_a_line(axis: str, elevation_deg: float, known: tuple[str, ...] = (), **limits: float) -> Scenario:
    target = Target(azimuth_deg=25.0, elevation_deg=elevation_deg, reflection_amplitude=0.3, known=known)
    return scenario(*LINES[axis], target, sensing=Sensing(frame_length=30, **limits))


@PLACES
def test_limit_on_the_azimuth_alone_works_on_lines_at_any_elevation(elevation_deg: float) -> None:
    whole = on_a_line("horizontal", elevation_deg, azimuth_crlb_limit_db=-24.0)
    comparison = isacfw.compare(whole)
    (record,) = comparison.records()
    assert (record["status"], record["feasible"]) == ("optimal", True), record["message"]
    assert record["crlb_azimuth_db"] <= -24.0 + 1e-6
    assert record["crlb_elevation_db"] is None
    # With the elevation known, of (azimuth, Re α, Im α) alone.
    problem = whole.problem(MRT())[0]
    x, q = np.array([0.3, 0.2]), 0.5
    kept = problem.fisher(x, q)[np.ix_([0, 2, 3], [0, 2, 3])]
    assert problem.crlb(x, q)[0] == pytest.approx(np.linalg.inv(kept)[0, 0], rel=1e-9)
    sentence = "elevation counts as known: it has no limit, and the arrays cannot tell both angles apart"
    # Broadside, the elevation changes nothing, and need not be known.
    assert (sentence in " ".join(str(comparison).split())) == (elevation_deg != 90.0)
    assert whole.assumptions() == [sentence] * (elevation_deg != 90.0)


@PLACES
def test_angle_known_by_rule_and_by_key_are_the_same(elevation_deg: float) -> None:
    limits = {"azimuth_crlb_limit_db": -24.0}
    rule = on_a_line("horizontal", elevation_deg, **limits)
    key = on_a_line("horizontal", elevation_deg, known=("elevation",), **limits)
    records = [isacfw.compare(one).records()[0] for one in (rule, key)]
    for record in records:
        del record["seconds"]
        if elevation_deg == 90.0:
            del record["crlb_elevation_db"], record["root_crlb_elevation_deg"]
    assert records[0] == records[1]
    assert key.assumptions() == []
    assert "counts as known" not in str(isacfw.compare(key))


def test_limit_on_the_elevation_makes_the_azimuth_count_as_known() -> None:
    whole = on_a_line("horizontal", 60.0, elevation_crlb_limit_db=-14.0)
    comparison = isacfw.compare(whole)
    (record,) = comparison.records()
    assert (record["status"], record["crlb_azimuth_db"]) == ("optimal", None), record["message"]
    assert record["crlb_elevation_db"] <= -14.0 + 1e-6
    assert "azimuth counts as known" in str(comparison)


@pytest.mark.parametrize("axis", LINES)
def test_limits_on_both_angles_of_lines_are_infeasible_with_the_reason(axis: str) -> None:
    comparison = isacfw.compare(on_a_line(axis, 60.0, crlb_limit_db=-5.0))
    (record,) = comparison.records()
    assert record["status"] == "infeasible"
    if axis == "horizontal":
        expected = "azimuth and elevation cannot both be estimated, since the arrays do not tell them apart there"
    else:
        expected = "azimuth cannot be estimated in this direction by these arrays"
    assert expected in record["message"]
    assert "\n" not in record["message"]
    assert "counts as known" not in str(comparison)


def test_arrays_that_tell_both_angles_apart_together_leave_none_known() -> None:
    pair = LINES["horizontal"][0], LINES["vertical"][1]
    target = Target(azimuth_deg=25.0, elevation_deg=60.0, reflection_amplitude=0.3)
    whole = scenario(*pair, target, sensing=Sensing(frame_length=30, azimuth_crlb_limit_db=-15.0))
    assert whole.assumptions() == []
    assert np.isfinite(whole.problem(MRT())[0].crlb(np.array([0.3, 0.2]), 0.5)).all()


def test_table_names_the_known_angle_of_the_right_one_of_several_targets() -> None:
    targets = [
        Target(azimuth_deg=25.0, elevation_deg=60.0, reflection_amplitude=0.3, azimuth_crlb_limit_db=-10.0),
        Target(azimuth_deg=-30.0, elevation_deg=75.0, reflection_amplitude=0.4, elevation_crlb_limit_db=-5.0),
    ]
    whole = scenario(*LINES["horizontal"], targets[0], targets=targets)
    assert [one.split(":")[0] for one in whole.assumptions()] == [
        "elevation of target 1 counts as known",
        "azimuth of target 2 counts as known",
    ]


@pytest.mark.parametrize(
    "pair",
    [SMALL, LINES["horizontal"], (Circular(elements=8), Circular(elements=8))],
    ids=["upa", "ula", "circle"],
)
def test_targets_in_one_direction_are_refused_by_name(pair: tuple[Array, Array]) -> None:
    first = Target(azimuth_deg=25.0, elevation_deg=60.0, reflection_amplitude=0.3)
    elsewhere = attrs.evolve(first, azimuth_deg=-20.0)
    with pytest.raises(InputError, match="must not be in the same direction as targets") as caught:
        scenario(*pair, first, targets=[first, elsewhere, attrs.evolve(first, reflection_amplitude=0.1)])
    assert caught.value.key == "targets[2]"
    assert "targets[0]" in str(caught.value)
    assert "\n" not in str(caught.value)
    scenario(*pair, first, targets=[first, elsewhere])


def test_lines_do_not_tell_targets_of_one_cosine_apart() -> None:
    # sin θ sin φ is the same.
    first = Target(azimuth_deg=30.0, elevation_deg=90.0)
    second = Target(azimuth_deg=90.0, elevation_deg=30.0)
    with pytest.raises(InputError, match=r"targets\[1\] must not be in the same direction as targets\[0\]"):
        scenario(*LINES["horizontal"], first, targets=[first, second])
    scenario(*SMALL, first, targets=[first, second])
