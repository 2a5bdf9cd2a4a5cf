"""Arrays and Fisher information against third-party software, finite differences and dense searches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numerics import (
    Geometry,
    central_difference,
    crlb_at_full_power,
    crlb_by_inverse,
    largest_share_by_search,
    limits_met_at,
    offset,
    random_direction,
    random_geometry,
    random_planar,
    scattered,
)
from numpy.random import Generator
from scipy.optimize import minimize_scalar

from isacfw import Array, ComplexArray, Direction, FloatArray
from isacfw.sensing.fisher import fisher_information, fisher_of_covariance
from isacfw.sensing.information import (
    crlb,
    largest_communication_share,
    smallest_crlb,
    smallest_excess,
)
from isacfw.sensing.reduction import angle_information
from isacfw.signal.channel import complex_normal
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA

ORACLES: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "acceptance" / "oracles.json").read_text(encoding="utf-8")
)

ARRAYS: list[Array] = [
    UPA(horizontal=4, vertical=6),
    UPA(horizontal=7, vertical=2),
    UPA(horizontal=1, vertical=5),
    ULA(elements=6),
    ULA(elements=5, axis="vertical"),
    scattered(np.random.default_rng(11), 7),
]

PAIRS: list[tuple[Array, Array]] = [
    (UPA(horizontal=4, vertical=6), UPA(horizontal=5, vertical=3)),
    (UPA(horizontal=9, vertical=2), UPA(horizontal=2, vertical=7)),
    (ULA(elements=8), UPA(horizontal=3, vertical=4)),
    (UPA(horizontal=4, vertical=3), ULA(elements=5, axis="vertical")),
    (ULA(elements=7), ULA(elements=6, axis="vertical")),
    (ULA(elements=8), ULA(elements=6)),
    (scattered(np.random.default_rng(12), 9), scattered(np.random.default_rng(13), 6)),
    (UPA(horizontal=3, vertical=3), scattered(np.random.default_rng(14), 5)),
]

MISALIGNMENTS = {"aligned": 0.0, "a little off": 3.0, "far off": 40.0}


def named(value: Any) -> str:
    if isinstance(value, tuple):
        return "-".join(named(member) for member in value)
    if isinstance(value, UPA):
        return f"upa{value.horizontal}x{value.vertical}"
    return f"ula{value.elements}{value.axis[0]}" if isinstance(value, ULA) else f"scattered{value.n_elements}"


def direction(angles: FloatArray) -> Direction:
    """Return the direction of azimuth and elevation in radians."""
    azimuth, elevation = np.degrees(angles[:2])
    return Direction(azimuth_deg=azimuth, elevation_deg=elevation)


def radians(target: Direction) -> FloatArray:
    return np.radians([target.azimuth_deg, target.elevation_deg])


def oracle_crlb(case: dict[str, Any]) -> FloatArray:
    """Return the CRLBs that the package finds for a case of the oracles."""
    transmit, receive = (UPA(horizontal=case[key][0], vertical=case[key][1]) for key in ("transmit", "receive"))
    target = Direction(azimuth_deg=case["azimuth_deg"], elevation_deg=case["elevation_deg"])
    shift = case.get("beam_offset_deg", 0)
    communication, sensing = fisher_information(
        transmit=transmit,
        receive=receive,
        target=target,
        beam=offset(target, shift, shift),
        amplitude=case["reflection_amplitude"],
        frame_length=case["frame_length"],
    )
    shares = case["communication_share"] * communication + case["sensing_share"] * sensing
    return crlb(case["transmit_power"] * shares)


@pytest.mark.parametrize("case", ORACLES["aligned"])
def test_aligned_beam_agrees_with_third_party_software(case: dict[str, Any]) -> None:
    expected = [case["crlb_azimuth"], case["crlb_elevation"]]
    np.testing.assert_allclose(oracle_crlb(case), expected, rtol=1e-9)


@pytest.mark.parametrize("case", ORACLES["misaligned"])
def test_misaligned_beam_agrees_with_third_party_software(case: dict[str, Any]) -> None:
    expected = [case["crlb_azimuth_db"], case["crlb_elevation_db"]]
    # The figures are rounded to three decimals.
    np.testing.assert_allclose(10 * np.log10(oracle_crlb(case)), expected, rtol=0, atol=6e-4)


# Arrays


@pytest.mark.parametrize(("horizontal", "vertical"), [(4, 6), (5, 3), (1, 4), (3, 1), (1, 1)])
@pytest.mark.parametrize("angles_deg", [(22.5, 45.0), (-70.0, -60.0), (0.0, 90.0), (135.0, 170.0)])
def test_planar_steering_vector_is_the_kronecker_product(
    horizontal: int, vertical: int, angles_deg: tuple[float, float]
) -> None:
    azimuth, elevation = np.radians(angles_deg)
    along = np.arange(horizontal) - (horizontal - 1) / 2
    up = np.arange(vertical) - (vertical - 1) / 2
    expected = np.kron(
        np.exp(1j * np.pi * along * np.sin(azimuth) * np.sin(elevation)),
        np.exp(1j * np.pi * up * np.cos(elevation)),
    )
    array = UPA(horizontal=horizontal, vertical=vertical)
    steering = array.steering_vector(Direction(azimuth_deg=angles_deg[0], elevation_deg=angles_deg[1]))
    np.testing.assert_allclose(steering, expected, atol=1e-13)
    assert array.n_elements == len(expected)


@pytest.mark.parametrize(("axis", "planar"), [("horizontal", (6, 1)), ("vertical", (1, 6))])
def test_linear_array_is_a_planar_one_of_a_single_row(axis: Any, planar: tuple[int, int]) -> None:
    line, plane = ULA(elements=6, axis=axis), UPA(horizontal=planar[0], vertical=planar[1])
    target = Direction(azimuth_deg=-31.0, elevation_deg=62.0)
    np.testing.assert_allclose(line.steering_vector(target), plane.steering_vector(target), atol=1e-14)


@pytest.mark.parametrize("array", ARRAYS, ids=named)
@pytest.mark.parametrize("seed", range(5))
def test_steering_derivatives_against_finite_differences(array: Array, seed: int) -> None:
    target = random_direction(np.random.default_rng([1, seed]))
    numeric = central_difference(lambda a: array.steering_vector(direction(a)), radians(target), 2e-6)
    # Rounding of the phases divided by the step, and the third derivative, stay below 1e-8 here.
    np.testing.assert_allclose(array.steering_derivatives(target), numeric, atol=1e-8)


@pytest.mark.parametrize("seed", range(8))
def test_norms_of_the_derivatives_of_a_planar_array(seed: int) -> None:
    generator = np.random.default_rng([2, seed])
    array, target = random_planar(generator), random_direction(generator)
    h, v, n = array.horizontal**2 - 1, array.vertical**2 - 1, array.horizontal * array.vertical
    (sin_t, sin_p), (cos_t, cos_p) = np.sin(radians(target)), np.cos(radians(target))
    by_azimuth = n * h / 12 * np.pi**2 * cos_t**2 * sin_p**2
    by_elevation = n / 12 * np.pi**2 * (h * sin_t**2 * cos_p**2 + v * sin_p**2)
    crossed = n * h / 12 * np.pi**2 * sin_p * sin_t * cos_p * cos_t
    expected = np.array([[by_azimuth, crossed], [crossed, by_elevation]])
    derivatives = array.steering_derivatives(target)
    np.testing.assert_allclose((derivatives.conj() @ derivatives.T).real, expected, rtol=1e-11)
    in_cosines = target.jacobian.T @ array.second_moments() @ target.jacobian
    np.testing.assert_allclose(in_cosines, expected, rtol=1e-11)


@pytest.mark.parametrize("seed", range(8))
def test_planar_closed_forms_against_the_general_array(seed: int) -> None:
    generator = np.random.default_rng([3, seed])
    array, target, beam = random_planar(generator), random_direction(generator), random_direction(generator)
    np.testing.assert_allclose(array.second_moments(), Array.second_moments(array), rtol=1e-12, atol=1e-11)
    for toward in (target, beam):
        amplitude, slopes = array.beam_response(target, toward)
        general_amplitude, general_slopes = Array.beam_response(array, target, toward)
        assert amplitude == pytest.approx(general_amplitude, abs=1e-11)
        np.testing.assert_allclose(slopes, general_slopes, atol=1e-10)


@pytest.mark.parametrize("array", ARRAYS, ids=named)
def test_beam_response_is_the_inner_product_with_steering_vectors(array: Array) -> None:
    target, beam = random_direction(np.random.default_rng(4)), random_direction(np.random.default_rng(5))
    steering = array.steering_vector(beam)
    amplitude, slopes = array.beam_response(target, beam)
    assert amplitude == pytest.approx(np.vdot(array.steering_vector(target), steering), abs=1e-12)
    by_angle = array.steering_derivatives(target).conj() @ steering
    np.testing.assert_allclose(target.jacobian.T @ slopes, by_angle, atol=1e-11)


@pytest.mark.parametrize("array", ARRAYS, ids=named)
def test_aligned_beam_responds_with_all_elements_and_no_slope(array: Array) -> None:
    target = Direction(azimuth_deg=-37.0, elevation_deg=64.0)
    amplitude, slopes = array.beam_response(target, target)
    assert amplitude == pytest.approx(array.n_elements, rel=1e-14)
    np.testing.assert_allclose(slopes, 0, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_jacobian_of_the_cosines_against_finite_differences(seed: int) -> None:
    target = random_direction(np.random.default_rng([6, seed]))
    numeric = central_difference(lambda a: direction(a).cosines, radians(target), 1e-5)
    np.testing.assert_allclose(target.jacobian, numeric.T, atol=1e-9)


# Fisher information


def echo_fisher(geometry: Geometry, factor: ComplexArray, phase: float = 0.0) -> FloatArray:
    """Return the Fisher information of the echo alpha G(theta, phi) R^{1/2} by finite differences.

    For a Gaussian mean m at unit noise it is 2 Re(dm_i^H dm_j); the mean of L symbols with sample covariance
    R has the same as sqrt(L) alpha G R^{1/2}, for any factor R^{1/2} of R.
    """

    def mean(parameters: FloatArray) -> ComplexArray:
        seen = direction(parameters)
        echo = np.outer(geometry.receive.steering_vector(seen), geometry.transmit.steering_vector(seen).conj())
        return np.asarray((parameters[2] + 1j * parameters[3]) * (echo @ factor).ravel())

    alpha = geometry.amplitude * np.exp(1j * phase)
    at = np.array([*radians(geometry.target), alpha.real, alpha.imag])
    derivatives = central_difference(mean, at, 2e-6)
    return np.asarray(2 * geometry.frame_length * (derivatives.conj() @ derivatives.T).real)


def factors(geometry: Geometry) -> tuple[ComplexArray, ComplexArray]:
    """Return factors of I / N_t and v v^H / N_t."""
    antennas = geometry.transmit.n_elements
    beam = geometry.transmit.steering_vector(geometry.beam)
    return np.eye(antennas, dtype=complex) / np.sqrt(antennas), beam[:, None] / np.sqrt(antennas)


def geometry_of(pair: tuple[Array, Array], misalignment: float, seed: int) -> Geometry:
    generator = np.random.default_rng([7, seed])
    target = random_direction(generator)
    shift = misalignment * generator.uniform(0.3, 1, 2) * generator.choice([-1, 1], 2)
    return Geometry(
        transmit=pair[0],
        receive=pair[1],
        target=target,
        beam=offset(target, *shift),
        amplitude=float(generator.uniform(0.05, 2)),
        frame_length=int(generator.integers(1, 60)),
    )


@pytest.mark.parametrize("pair", PAIRS, ids=named)
@pytest.mark.parametrize("misalignment", MISALIGNMENTS.values(), ids=MISALIGNMENTS)
@pytest.mark.parametrize("seed", range(3))
def test_fisher_information_against_finite_differences_of_the_echo(
    pair: tuple[Array, Array], misalignment: float, seed: int
) -> None:
    geometry = geometry_of(pair, misalignment, seed)
    found = geometry.fisher()
    diagonal = np.diagonal(found[0])
    # Relative to the geometric mean of the diagonal entries, so that every entry counts.
    scale = np.sqrt(np.outer(diagonal, diagonal))
    for matrix, factor in zip(found, factors(geometry), strict=True):
        np.testing.assert_allclose(matrix / scale, echo_fisher(geometry, factor) / scale, atol=3e-8)


@pytest.mark.parametrize("phase", [0.7, 2.0, -1.1])
def test_phase_of_the_reflection_does_not_matter(phase: float) -> None:
    geometry = geometry_of(PAIRS[0], 8.0, 1)
    numeric = [echo_fisher(geometry, factor, phase) for factor in factors(geometry)]
    for f in (0.0, 0.3, 1.0):
        expected = crlb_at_full_power(numeric[0], numeric[1], np.asarray(f))
        np.testing.assert_allclose(crlb_at_full_power(*geometry.fisher(), np.asarray(f)), expected, rtol=1e-6)


@pytest.mark.parametrize("misalignment", MISALIGNMENTS.values(), ids=MISALIGNMENTS)
def test_fisher_information_of_a_mixture_is_linear(misalignment: float) -> None:
    geometry = geometry_of(PAIRS[0], misalignment, 2)
    communication, sensing = geometry.fisher()
    factor = np.hstack([np.sqrt(w) * part for w, part in zip((0.7, 0.2), factors(geometry), strict=True)])
    expected = echo_fisher(geometry, factor)
    scale = np.sqrt(np.outer(np.diagonal(expected), np.diagonal(expected)))
    np.testing.assert_allclose((0.7 * communication + 0.2 * sensing) / scale, expected / scale, atol=3e-8)


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_fisher_information_of_any_covariance(pair: tuple[Array, Array]) -> None:
    geometry = geometry_of(pair, 0.0, 3)
    antennas = geometry.transmit.n_elements
    factor = np.asarray(complex_normal((2, antennas, 3), np.random.default_rng(24)))
    basis = geometry.transmit.steering_basis(geometry.target)
    projected = basis.conj().T @ factor
    found = fisher_of_covariance(
        projected @ projected.conj().swapaxes(-1, -2),
        receive=geometry.receive,
        target=geometry.target,
        amplitude=geometry.amplitude,
        frame_length=geometry.frame_length,
    )
    assert found.shape == (2, 4, 4)
    for one, matrix in zip(factor, found, strict=True):
        scale = np.sqrt(np.outer(np.diagonal(matrix), np.diagonal(matrix)))
        np.testing.assert_allclose(matrix / scale, echo_fisher(geometry, one) / scale, atol=3e-8)


def structured_fisher(generator: Generator, count: int, decades: float) -> FloatArray:
    """Return random nonsingular matrices with a multiple of the identity as the block of alpha."""
    fisher = np.zeros((count, 4, 4))
    root = generator.standard_normal((count, 2, 3))
    cross = generator.standard_normal((count, 2, 2))
    alpha = 10 ** generator.uniform(-decades, decades, count)
    fisher[:, :2, :2] = root @ root.swapaxes(1, 2) + cross @ cross.swapaxes(1, 2) / alpha[:, None, None]
    fisher[:, :2, 2:], fisher[:, 2:, :2] = cross, cross.swapaxes(1, 2)
    fisher[:, 2, 2] = fisher[:, 3, 3] = alpha
    units = np.concatenate([10 ** generator.uniform(-decades, decades, (count, 2)), np.ones((count, 2))], axis=1)
    return fisher * units[:, :, None] * units[:, None, :]


def test_crlb_is_the_diagonal_of_the_inverse() -> None:
    fisher = structured_fisher(np.random.default_rng(21), 2000, decades=3)
    np.testing.assert_allclose(crlb(fisher), crlb_by_inverse(fisher), rtol=1e-6)
    well = np.linalg.cond(fisher) < 1e6
    assert well.sum() > 300
    inverse = np.diagonal(np.linalg.inv(fisher[well]), axis1=1, axis2=2)
    np.testing.assert_allclose(crlb(fisher[well]), inverse[:, :2], rtol=1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "misaligned"])
def test_crlb_of_a_geometry_is_the_diagonal_of_the_inverse(seed: int, aligned: bool) -> None:
    geometry = random_geometry(np.random.default_rng([22, seed]), aligned=aligned)
    communication, sensing = geometry.fisher()
    shares = np.linspace(0, 1, 11)
    weight = shares[:, None, None]
    found = crlb(weight * communication + (1 - weight) * sensing)
    np.testing.assert_allclose(found, crlb_at_full_power(communication, sensing, shares), rtol=1e-8)
    assert found.shape == (11, 2)


def test_minimiser_gives_information_and_its_derivative() -> None:
    generator = np.random.default_rng(23)
    fisher, change = (structured_fisher(generator, 200, decades=0.3) for _ in range(2))
    information, w = angle_information(fisher)
    np.testing.assert_allclose(w[:, 0, 0], 1, rtol=1e-12)
    np.testing.assert_allclose(w[:, 1, 1], 1, rtol=1e-12)
    np.testing.assert_allclose(np.einsum("nij,njk,nik->ni", w, fisher, w), information, rtol=1e-7)
    # Steps that are small where the matrices are close to singular.
    h = 1e-5 / np.linalg.norm(change @ np.linalg.inv(fisher), axis=(1, 2))[:, None, None]
    rise = angle_information(fisher + h * change)[0] - angle_information(fisher - h * change)[0]
    np.testing.assert_allclose(np.einsum("nij,njk,nik->ni", w, change, w), rise / (2 * h[:, :, 0]), rtol=1e-5)


HORIZONTAL, VERTICAL, PLANAR = ULA(elements=8), ULA(elements=6, axis="vertical"), UPA(horizontal=4, vertical=4)


@pytest.mark.parametrize(
    ("transmit", "receive", "angles_deg", "finite"),
    [
        pytest.param(HORIZONTAL, HORIZONTAL, (22.5, 45), (False, False), id="lines along the same axis"),
        pytest.param(HORIZONTAL, HORIZONTAL, (22.5, 90), (True, False), id="horizontal lines, broadside plane"),
        pytest.param(HORIZONTAL, HORIZONTAL, (-90, 45), (False, True), id="horizontal lines, azimuth end-fire"),
        pytest.param(HORIZONTAL, HORIZONTAL, (90, 90), (False, False), id="horizontal lines, end-fire"),
        pytest.param(VERTICAL, VERTICAL, (22.5, 45), (False, True), id="vertical lines"),
        pytest.param(VERTICAL, VERTICAL, (22.5, 180), (False, False), id="vertical lines, end-fire"),
        pytest.param(HORIZONTAL, VERTICAL, (22.5, 45), (True, True), id="lines along different axes"),
        pytest.param(PLANAR, PLANAR, (22.5, 0), (False, True), id="planar, along the vertical axis"),
        pytest.param(PLANAR, PLANAR, (0, 0), (False, False), id="planar, at the pole of azimuth zero"),
        pytest.param(PLANAR, PLANAR, (90, 60), (False, True), id="planar, azimuth 90"),
        pytest.param(PLANAR, PLANAR, (0, 90), (True, True), id="planar, broadside"),
    ],
)
def test_blind_directions_have_infinite_crlb(
    transmit: Array, receive: Array, angles_deg: tuple[float, float], finite: tuple[bool, bool]
) -> None:
    target = Direction(azimuth_deg=angles_deg[0], elevation_deg=angles_deg[1])
    for beam in (target, Direction(azimuth_deg=17.0, elevation_deg=70.0)):
        geometry = Geometry(
            transmit=transmit, receive=receive, target=target, beam=beam, amplitude=0.1, frame_length=30
        )
        communication, sensing = geometry.fisher()
        found = crlb(0.6 * communication + 0.4 * sensing)
        assert tuple(np.isfinite(found)) == finite
        assert (found > 0).all()


def test_finite_crlb_beside_a_blind_angle_has_its_value() -> None:
    target = Direction(azimuth_deg=22.5, elevation_deg=90.0)
    geometry = Geometry(
        transmit=HORIZONTAL, receive=HORIZONTAL, target=target, beam=target, amplitude=0.1, frame_length=30
    )
    communication, _ = geometry.fisher()
    norm = 8 * (8**2 - 1) / 12 * np.pi**2 * np.cos(np.radians(22.5)) ** 2
    information = 2 * 30 * 0.1**2 * (norm + norm)
    np.testing.assert_allclose(crlb(communication), [1 / information, np.inf], rtol=1e-12)


def test_no_power_tells_nothing() -> None:
    assert np.isposinf(crlb(np.zeros((3, 4, 4)))).all()


# What sensing leaves of the power


def kinds() -> dict[str, Callable[[Generator], tuple[FloatArray, FloatArray]]]:
    return {
        "aligned": lambda generator: random_geometry(generator, aligned=True).fisher(),
        "misaligned": lambda generator: random_geometry(generator, aligned=False).fisher(),
        "far off": lambda generator: random_geometry(generator, aligned=False, widest_deg=70).fisher(),
        "any beam power": lambda generator: beam_of_any_power(generator),
    }


def beam_of_any_power(generator: Generator) -> tuple[FloatArray, FloatArray]:
    """Return a far-off beam as strong for sensing as communication, so that the best split is inside."""
    communication, sensing = random_geometry(generator, aligned=False, widest_deg=70).fisher()
    return communication, sensing * communication[0, 0] / sensing[0, 0] * 10 ** generator.uniform(-0.5, 0.5)


@pytest.mark.parametrize("kind", kinds())
def test_largest_communication_share_against_a_dense_search(kind: str) -> None:
    generator = np.random.default_rng(31)
    pairs = [kinds()[kind](generator) for _ in range(60)]
    communication, sensing = (np.array(matrices) for matrices in zip(*pairs, strict=True))
    limit = np.array(
        [limits_met_at(pair, generator.uniform(0.02, 0.98), generator.uniform(-1.5, 3, 2)) for pair in pairs]
    )
    expected = np.array(
        [largest_share_by_search(*case) for case in zip(communication, sensing, limit, strict=True)]
    )
    found = largest_communication_share(communication, sensing, limit)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, atol=1e-9)
    binding = np.isfinite(found) & (found < 1)
    assert min(binding.sum(), np.isnan(found).sum()) >= 5, "the sample must hold every kind of case"
    reached = crlb_at_full_power(communication[binding], sensing[binding], found[binding])
    np.testing.assert_allclose((reached / limit[binding]).max(axis=-1), 1, rtol=1e-10)


def test_largest_communication_share_with_a_limit_on_one_angle_or_none() -> None:
    generator = np.random.default_rng(32)
    for position in range(12):
        pair = random_geometry(generator, aligned=position % 2 == 0).fisher()
        limit = limits_met_at(pair, 0.5, np.zeros(2))
        for free in (0, 1):
            one = np.where(np.arange(2) == free, np.inf, limit)
            expected = largest_share_by_search(*pair, one)
            assert largest_communication_share(*pair, one) == pytest.approx(expected, abs=1e-9)
        assert largest_communication_share(*pair, np.full(2, np.inf)) == 1


def test_largest_communication_share_broadcasts_its_batch() -> None:
    generator = np.random.default_rng(33)
    pairs = [random_geometry(generator, aligned=False).fisher() for _ in range(4)]
    communication, sensing = (np.array(matrices)[:, None] for matrices in zip(*pairs, strict=True))
    limit = limits_met_at(pairs[0], 0.5, np.zeros(2)) * np.array([0.3, 1.0, 3.0, 1e6, np.inf])[:, None]
    found = largest_communication_share(communication, sensing, limit)
    single = [[largest_communication_share(*pair, row) for row in limit] for pair in pairs]
    assert found.shape == (4, 5)
    np.testing.assert_array_equal(found, np.array(single))
    assert np.unique(found).size > 4


@pytest.mark.parametrize("kind", kinds())
def test_feasibility_ends_where_the_smallest_excess_passes_one(kind: str) -> None:
    generator = np.random.default_rng(34)
    for _ in range(25):
        pair = kinds()[kind](generator)
        limit = limits_met_at(pair, generator.uniform(0, 1), generator.uniform(-2, 2, 2))
        excess = smallest_excess(*pair, limit)
        assert np.isfinite(largest_communication_share(*pair, limit * excess * (1 + 1e-9)))
        assert np.isnan(largest_communication_share(*pair, limit * excess * (1 - 1e-9)))


def smallest_by_search(function: Callable[[FloatArray], FloatArray]) -> float:
    """Return the smallest value on [0, 1] of a function with one valley: a grid, then golden section."""
    grid = np.linspace(0, 1, 2001)
    values = function(grid)
    best = int(np.argmin(values))
    around = grid[max(best - 1, 0)], grid[min(best + 1, 2000)]
    refined = minimize_scalar(
        lambda f: float(function(np.asarray(f))), bounds=around, method="bounded", options={"xatol": 1e-12}
    )
    return min(float(values[best]), float(refined.fun))


@pytest.mark.parametrize(
    "kind",
    [kind if place == 1 else pytest.param(kind, marks=pytest.mark.slow) for place, kind in enumerate(kinds())],
)
def test_smallest_crlb_and_excess_against_a_dense_search(kind: str) -> None:
    generator = np.random.default_rng(35)
    inside = 0
    for _ in range(25):
        pair = kinds()[kind](generator)
        limit = limits_met_at(pair, generator.uniform(0, 1), generator.uniform(-3, 3, 2))

        def bounds(share: FloatArray, pair: tuple[FloatArray, FloatArray] = pair) -> FloatArray:
            return crlb_at_full_power(*pair, share)

        def ratio(share: FloatArray, limit: FloatArray = limit) -> FloatArray:
            return np.asarray((bounds(share) / limit).max(axis=-1))

        expected = [smallest_by_search(lambda f, i=angle: bounds(f)[..., i]) for angle in range(2)]
        np.testing.assert_allclose(smallest_crlb(*pair), expected, rtol=1e-8)
        np.testing.assert_allclose(smallest_excess(*pair, limit), smallest_by_search(ratio), rtol=1e-6)
        ends = np.minimum(bounds(np.asarray(0.0)), bounds(np.asarray(1.0)))
        inside += int((np.asarray(expected) < 0.999 * ends).any())
    assert kind != "any beam power" or inside >= 5, "the sample must hold optima inside the interval"


def test_smallest_excess_counts_limited_angles_only() -> None:
    pair = random_geometry(np.random.default_rng(36), aligned=False).fisher()
    best = smallest_crlb(*pair)
    for free in (0, 1):
        limit = np.where(np.arange(2) == free, np.inf, 1e-3)
        np.testing.assert_allclose(smallest_excess(*pair, limit), best[1 - free] / 1e-3, rtol=1e-9)
    assert smallest_excess(*pair, np.full(2, np.inf)) == 0


def test_smallest_crlb_and_excess_broadcast_their_batch() -> None:
    generator = np.random.default_rng(37)
    pairs = [random_geometry(generator, aligned=False, widest_deg=60).fisher() for _ in range(5)]
    communication, sensing = (np.array(matrices) for matrices in zip(*pairs, strict=True))
    limit = np.array([[1e-3, 2e-3], [1e-4, 1e-5]])
    np.testing.assert_array_equal(smallest_crlb(communication, sensing), [smallest_crlb(*p) for p in pairs])
    np.testing.assert_array_equal(
        smallest_excess(communication[:, None], sensing[:, None], limit),
        [[smallest_excess(*pair, row) for row in limit] for pair in pairs],
    )
