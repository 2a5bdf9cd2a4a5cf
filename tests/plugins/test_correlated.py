"""Channels `correlated` and `rician`: covariances against independent integration, and the users' positions.

Statistical tests have fixed seeds. Where a significance is stated, it is the chance that a right implementation
would have had of failing.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from numerics import scattered
from scipy import special, stats

import isacfw
from isacfw import Array, ComplexArray, Direction, FloatArray, IncompatibleError, InputError
from isacfw.signal.gaussian import SecondOrder
from isacfw.signal.statistics import drops_of
from isacfw_plugins.arrays.circular import Circular
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels._angles import count_nodes
from isacfw_plugins.channels.correlated import Correlated
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.channels.rician import Rician
from isacfw_plugins.precoders.zf import ZF

SIGNIFICANCE = 1e-3
ARRAYS: dict[str, Array] = {
    "planar": UPA(horizontal=8, vertical=6, vertical_spacing=1.3),
    "small": UPA(horizontal=2, vertical=2),
    "horizontal line": ULA(elements=20),
    "vertical line": ULA(elements=20, axis="vertical", spacing=0.5),
    "circle": Circular(elements=9),
    "upright circle": Circular(elements=8, plane="upright"),
    "any positions": scattered(np.random.default_rng(801), 7),
    "one element": ULA(elements=1),
}
EVERY_ARRAY = pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
MODELS: dict[str, dict[str, Any]] = {
    "gaussian": {"spread_deg": 8.0},
    "laplace": {"spread_deg": 8.0},
    "uniform": {"spread_deg": 8.0},
    "gaussian, both angles": {"scattering": "gaussian", "spread_deg": 25.0, "elevation_spread_deg": 6.0},
    "laplace, both angles": {"scattering": "laplace", "spread_deg": 15.0, "elevation_spread_deg": 6.0},
    "uniform, both angles": {"scattering": "uniform", "spread_deg": 70.0, "elevation_spread_deg": 20.0},
    "one_ring": {"ring_radius_m": 60.0},
    "exponential": {"correlation": 0.8},
}
EVERY_MODEL = pytest.mark.parametrize("model", MODELS)


def options_of(model: str) -> dict[str, Any]:
    return {"scattering": model, **MODELS[model]}


def covariance(array: Array, azimuth_deg: float = 20.0, **options: Any) -> ComplexArray:
    """Return the covariance of one user at a distance of 200 m, with unit fading."""
    channel = Correlated(azimuths_deg=[azimuth_deg], distances_m=[200.0], large_scale_fading=[1.0], **options)
    found = channel.statistics(drops_of(0, [0, 1]), array)
    assert found.covariances is not None
    assert found.covariances.shape[:2] == (1, 1)
    return np.asarray(found.covariances[0, 0])


def steering(array: Array, azimuth: FloatArray, above: FloatArray) -> ComplexArray:
    """Return steering vectors for azimuths and elevations above the horizon in radians; (n, N)."""
    positions = array.centred_positions()
    cosines = np.stack([np.sin(azimuth) * np.cos(above), np.sin(above), np.cos(azimuth) * np.cos(above)], axis=-1)
    return np.asarray(np.exp(1j * np.pi * cosines[..., : positions.shape[1]] @ positions.T))


def deviations(distribution: str, spread_deg: float, shape: tuple[int, ...], seed: int) -> FloatArray:
    generator, sigma = np.random.default_rng(seed), np.radians(spread_deg)
    if distribution == "gaussian":
        return np.asarray(generator.normal(0, sigma, shape))
    if distribution == "laplace":
        return np.asarray(generator.laplace(0, sigma / np.sqrt(2), shape))
    return np.asarray(generator.uniform(-np.sqrt(3) * sigma, np.sqrt(3) * sigma, shape))


# Covariances


@EVERY_ARRAY
@pytest.mark.parametrize("model", [name for name in MODELS if name not in ("one_ring", "exponential")])
def test_local_scattering_agrees_with_drawn_angles(model: str, array: Array) -> None:
    options, draws = {"elevation_spread_deg": 0.0, **options_of(model)}, 40_000
    found = covariance(array, base_station_height_m=81.5, **options)
    above = -np.arctan2(80.0, 200.0)
    azimuth = np.radians(20.0) + deviations(options["scattering"], options["spread_deg"], (draws,), 802)
    above = above + deviations(options["scattering"], options["elevation_spread_deg"], (draws,), 803)
    waves = steering(array, azimuth, above)
    expected = waves.T @ waves.conj() / draws
    error = np.sqrt((1 - np.abs(expected) ** 2).clip(0) / draws)
    # The chance of 5 standard errors of a complex number is 1.4e-11 per entry.
    assert (np.abs(found - expected) <= 5 * error + 1e-12).all()


@pytest.mark.parametrize("elevation_spread", [0.0, 9.0])
@EVERY_ARRAY
def test_uniform_angles_agree_with_gauss_quadrature_to_rounding(array: Array, elevation_spread: float) -> None:
    nodes, weights = np.polynomial.legendre.leggauss(120)
    found = covariance(
        array, azimuth_deg=-50.0, scattering="uniform", spread_deg=12.0, elevation_spread_deg=elevation_spread
    )
    azimuth = np.radians(-50.0) + np.sqrt(3) * np.radians(12.0) * nodes
    above = np.sqrt(3) * np.radians(elevation_spread) * nodes
    waves = (
        steering(array, *(one.ravel() for one in np.meshgrid(azimuth, above)))
        * np.sqrt(np.outer(weights, weights).ravel() / 4)[:, None]
    )
    np.testing.assert_allclose(found, waves.T @ waves.conj(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 37.0])
def test_regular_and_irregular_arrays_share_the_mathematics(scale: float) -> None:
    """Covariances from distinct differences, and from the elements' steering vectors, are the same."""
    regular = UPA(horizontal=9, vertical=8, horizontal_spacing=scale, vertical_spacing=scale)
    part = Subset(of=regular, kept=(0, 1, 13, 26, 40, 71))
    for options in ({"spread_deg": 20.0}, {"spread_deg": 4.0, "elevation_spread_deg": 3.0}):
        if scale < 10 or "elevation_spread_deg" not in options:
            whole = covariance(regular, scattering="laplace", user_height_m=61.5, **options)
            found = covariance(part, scattering="laplace", user_height_m=61.5, **options)
            np.testing.assert_allclose(found, whole[np.ix_(part.kept, part.kept)], rtol=0, atol=1e-11)


@attrs.frozen(kw_only=True)
class Subset(Array):
    """Some elements of another array."""

    name = "subset"

    of: Array
    kept: tuple[int, ...]

    def positions(self) -> FloatArray:
        return self.of.centred_positions()[list(self.kept)]


def test_orders_beyond_the_nodes_are_rounding_errors() -> None:
    for phase in (1e-6, 0.1, 1.0, 5.0, 44.0, 300.0, 4000.0):
        order = count_nodes(phase) // 2 + 1
        assert np.abs(special.jv(np.arange(order, order + 50), phase)).sum() < 1e-15


@EVERY_ARRAY
@EVERY_MODEL
def test_covariances_are_hermitian_and_semidefinite_with_unit_diagonal(model: str, array: Array) -> None:
    found = covariance(array, **options_of(model))
    np.testing.assert_array_equal(found, found.conj().T)
    np.testing.assert_allclose(np.diagonal(found), 1, rtol=1e-13)
    assert np.linalg.eigvalsh(found)[0] > -1e-12 * len(found)


@pytest.mark.parametrize("distribution", ["gaussian", "laplace", "uniform"])
@EVERY_ARRAY
def test_without_a_spread_there_is_one_direction(distribution: str, array: Array) -> None:
    found = covariance(array, scattering=distribution, spread_deg=0.0)
    vector = array.steering_vector(Direction(azimuth_deg=20.0, elevation_deg=90.0))
    np.testing.assert_allclose(found, np.outer(vector, vector.conj()), rtol=0, atol=1e-12)


def test_all_around_the_correlation_is_a_bessel_function() -> None:
    for array in (ARRAYS["horizontal line"], ARRAYS["circle"]):
        positions = array.centred_positions()
        apart = np.linalg.norm(positions[:, None] - positions, axis=-1)
        found = covariance(array, scattering="uniform", spread_deg=180 / np.sqrt(3))
        np.testing.assert_allclose(found, special.j0(np.pi * apart), rtol=0, atol=1e-13)


@pytest.mark.parametrize("distribution", ["gaussian", "laplace"])
def test_wide_spreads_wrap_around_the_circle(distribution: str) -> None:
    """A folded density on the circle, from the sum over 60 turns, gives the same covariance."""
    sigma = np.radians(100.0)
    angles = 2 * np.pi * (np.arange(20_000) + 0.5) / 20_000
    law = stats.norm(scale=sigma) if distribution == "gaussian" else stats.laplace(scale=sigma / np.sqrt(2))
    density = sum(law.pdf(angles + 2 * np.pi * turn) for turn in range(-30, 30)) * 2 * np.pi / len(angles)
    waves = steering(ARRAYS["circle"], angles + np.radians(20.0), np.zeros(len(angles)))
    expected = (waves * density[:, None]).T @ waves.conj()
    found = covariance(ARRAYS["circle"], scattering=distribution, spread_deg=100.0)
    # The midpoint rule is off by about 1e-8 at the kink of the Laplace density.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)


def test_small_gaussian_spreads_agree_with_the_small_angle_formula() -> None:
    apart = np.subtract.outer(np.arange(20), np.arange(20))
    for spread, tolerance in ((1.0, 4e-3), (0.1, 4e-5)):
        found = covariance(ULA(elements=20), scattering="gaussian", spread_deg=spread)
        slope = np.pi * apart * np.radians(spread) * np.cos(np.radians(20.0))
        formula = np.exp(1j * np.pi * apart * np.sin(np.radians(20.0)) - slope**2 / 2)
        assert 0 < np.abs(found - formula).max() < tolerance


@pytest.mark.parametrize("ratio", [0.05, 0.4, 0.9, 0.999])
def test_ring_in_broadside_has_a_bessel_function_for_a_line(ratio: float) -> None:
    apart = np.subtract.outer(np.arange(20), np.arange(20))
    found = covariance(
        ULA(elements=20), 0.0, scattering="one_ring", ring_radius_m=200 * ratio, min_distance_m=200.0
    )
    np.testing.assert_allclose(found, special.j0(np.pi * apart * ratio), rtol=0, atol=1e-11)


@EVERY_ARRAY
@pytest.mark.parametrize("height", [1.5, 61.5])
def test_ring_agrees_with_the_scatterers_themselves(array: Array, height: float) -> None:
    found = covariance(array, scattering="one_ring", ring_radius_m=90.0, base_station_height_m=height)
    turn = 2 * np.pi * np.arange(4000) / 4000
    places = 200 * np.exp(1j * np.radians(20.0)) + 90 * np.exp(1j * turn)
    waves = steering(array, np.angle(places), np.arctan2(1.5 - height, np.abs(places)))
    np.testing.assert_allclose(found, waves.T @ waves.conj() / 4000, rtol=0, atol=1e-11)


@EVERY_ARRAY
def test_exponential_correlation_is_its_definition(array: Array) -> None:
    found = covariance(array, scattering="exponential", correlation=0.8, user_height_m=51.5)
    positions = array.centred_positions()
    towards = np.array([np.sin(np.radians(20.0)) * 200, 50, np.cos(np.radians(20.0)) * 200])
    towards = (towards / np.linalg.norm(towards))[: positions.shape[1]]
    for m, n in np.ndindex(found.shape):
        apart = positions[m] - positions[n]
        expected = np.prod(0.8 ** np.abs(apart)) * np.exp(1j * np.pi * apart @ towards)
        assert found[m, n] == pytest.approx(expected, abs=1e-13)


def test_extreme_exponential_correlations() -> None:
    line = ULA(elements=6)
    found = covariance(line, scattering="exponential", correlation=0.0)
    np.testing.assert_allclose(found, np.eye(6), rtol=0, atol=1e-15)
    vector = line.steering_vector(Direction(azimuth_deg=20.0, elevation_deg=90.0))
    found = covariance(line, scattering="exponential", correlation=1.0)
    np.testing.assert_allclose(found, np.outer(vector, vector.conj()), atol=1e-14)


# Users

CELL = {"users": 40, "cell_radius_m": 800.0, "min_distance_m": 50.0}


@pytest.mark.parametrize("kind", [Correlated, Rician])
@EVERY_MODEL
def test_a_user_is_bitwise_the_same_for_every_number_of_users(kind: type, model: str) -> None:
    options = {**options_of(model), "base_station_height_m": 25.0, "pilot_length": 12}
    drops, array = drops_of(5, [3, 8]), UPA(horizontal=4, vertical=3)
    many = kind(users=12, **options).statistics(drops, array)
    for users in (1, 2, 5, 11):
        few = kind(users=users, **options).statistics(drops_of(5, [3, 8]), array)
        for name in ("beta", "xi", "epsilon", "positions", "covariances", "means"):
            if (value := getattr(many, name)) is not None:
                np.testing.assert_array_equal(getattr(few, name), value[:, :users], err_msg=name)


@pytest.mark.parametrize("array", [UPA(horizontal=10, vertical=10), Circular(elements=25)], ids=["upa", "circle"])
def test_a_large_covariance_is_bitwise_the_same_for_every_number_of_users(array: Array) -> None:
    for height in (1.5, 25.0):
        for options in ({}, {"elevation_spread_deg": 2.0}):
            channel = Correlated(users=7, base_station_height_m=height, **options)
            several = channel.statistics(drops_of(5, range(2)), array).covariances
            alone = attrs.evolve(channel, users=1).statistics(drops_of(5, [1]), array).covariances
            assert several is not None
            assert alone is not None
            np.testing.assert_array_equal(alone[0, 0], several[1, 0])


def test_both_channels_have_the_same_users() -> None:
    first, second = (
        kind(**CELL).statistics(drops_of(1, range(2)), ULA(elements=2)) for kind in (Correlated, Rician)
    )
    np.testing.assert_array_equal(first.positions, second.positions)
    np.testing.assert_allclose(first.beta, second.beta, rtol=1e-12)


def test_users_are_uniform_over_the_sector_of_the_annulus() -> None:
    users = Correlated(**CELL, sector_deg=90.0).place(drops_of(804, range(300)))
    assert users.distance_m is not None
    assert users.distance_m.min() >= 50
    assert users.distance_m.max() <= 800
    area = (users.distance_m**2 - 50**2) / (800**2 - 50**2)
    assert stats.kstest(area.ravel(), "uniform").pvalue > SIGNIFICANCE
    assert stats.kstest(users.azimuth_deg.ravel() / 90 + 0.5, "uniform").pvalue > SIGNIFICANCE
    assert stats.spearmanr(area.ravel(), users.azimuth_deg.ravel()).pvalue > SIGNIFICANCE
    assert (np.abs(Correlated(users=2000).place(drops_of(1, [0])).azimuth_deg) <= 60).all()


def test_fading_has_the_law_of_rayleigh_fading() -> None:
    cell = {**CELL, "path_loss_exponent": 3.7, "shadowing_db": 6.0}
    found = Correlated(**cell).place(drops_of(805, range(300))).beta
    expected = Rayleigh(**cell).statistics(drops_of(806, range(300)), ULA(elements=1)).beta
    assert stats.ks_2samp(np.log(found.ravel()), np.log(expected.ravel())).pvalue > SIGNIFICANCE


def test_path_loss_and_directions_follow_from_the_positions() -> None:
    channel = Correlated(**CELL, shadowing_db=0.0, base_station_height_m=30.0, user_height_m=2.0)
    users = channel.place(drops_of(807, range(2)))
    assert users.positions is not None
    distance = np.linalg.norm(users.positions, axis=-1)
    np.testing.assert_allclose(users.beta, (distance / 50) ** -3.2, rtol=1e-12)
    np.testing.assert_array_equal(users.positions[..., 1], -28.0)
    for place in np.ndindex(users.beta.shape):
        direction = Direction(
            azimuth_deg=float(users.azimuth_deg[place]), elevation_deg=float(users.elevation_deg[place])
        )
        np.testing.assert_allclose(direction.vector, users.positions[place] / distance[place], atol=1e-14)


def test_at_equal_heights_every_elevation_is_exactly_90_degrees() -> None:
    assert (Correlated(**CELL).place(drops_of(1, [0])).elevation_deg == 90).all()


def test_given_users_are_the_same_in_every_drop() -> None:
    given = {"azimuths_deg": [-30.0, 40.0], "distances_m": [100.0, 400.0]}
    found = Rician(**given, large_scale_fading=[2.0, 0.5]).statistics(drops_of(0, range(3)), ULA(elements=3))
    np.testing.assert_allclose(found.beta, [[2.0, 0.5]], rtol=1e-14)
    assert found.positions is not None
    np.testing.assert_allclose(np.hypot(*found.positions[0].T[[0, 2]]), [100, 400])
    found = Rician(**given, shadowing_db=0.0).statistics(drops_of(0, range(3)), ULA(elements=3))
    np.testing.assert_allclose(found.beta, [[1.0, 4**-3.2]], rtol=1e-13)
    assert Rician(**given).statistics(drops_of(0, range(3)), ULA(elements=3)).beta.shape == (3, 2)
    unknown = Correlated(large_scale_fading=[2.0, 0.5]).place(drops_of(0, range(3)))
    assert unknown.positions is None
    assert unknown.azimuth_deg.shape == (3, 2)


# Lines of sight


@pytest.mark.parametrize("k_factor_db", [-300.0, -3.0, 9.0, 300.0])
def test_line_of_sight_points_at_the_user_with_its_share_of_the_power(k_factor_db: float) -> None:
    array = UPA(horizontal=3, vertical=4)
    channel = Rician(users=3, k_factor_db=k_factor_db, user_height_m=30.0)
    found = channel.statistics(drops_of(2, [5]), array)
    users = channel.place(drops_of(2, [5]))
    ratio = 10 ** (k_factor_db / 10)
    assert found.means is not None
    assert found.covariances is not None
    for user in range(3):
        direction = Direction(azimuth_deg=users.azimuth_deg[0, user], elevation_deg=users.elevation_deg[0, user])
        line = np.sqrt(users.beta[0, user] * ratio / (1 + ratio)) * array.steering_vector(direction)
        np.testing.assert_allclose(found.means[0, user], line, rtol=1e-12)
        np.testing.assert_allclose(
            found.covariances[0, user], users.beta[0, user] / (1 + ratio) * np.eye(12), rtol=1e-12
        )
    np.testing.assert_allclose(found.beta, users.beta, rtol=1e-12)


@EVERY_MODEL
def test_scattering_of_rician_fading_is_that_of_correlated_fading(model: str) -> None:
    array, options = UPA(horizontal=3, vertical=2), options_of(model)
    whole = Correlated(users=2, **options).statistics(drops_of(2, [5]), array).covariances
    part = Rician(users=2, k_factor_db=10 * np.log10(3.0), **options).statistics(drops_of(2, [5]), array)
    np.testing.assert_allclose(part.covariances, whole / 4, rtol=1e-12)


# Shared pilots


def test_estimates_are_collinear_only_where_covariances_are_proportional() -> None:
    given = {"large_scale_fading": [1.0, 0.5, 0.2, 0.3], "pilot_length": 2, "estimates": "physical"}
    array = ULA(elements=4)
    apart = Correlated(azimuths_deg=[0.0, 1.0, 20.0, 30.0], **given).statistics(drops_of(0, [0]), array)
    assert apart.collinear is None
    together = Correlated(azimuths_deg=[10.0, 1.0, 10.0, 30.0], **given)
    found = together.statistics(drops_of(0, [0]), array).collinear
    assert found is not None
    np.testing.assert_array_equal(np.argwhere(found), [[0, 2], [2, 0]])
    assert attrs.evolve(together, estimates="independent").statistics(drops_of(0, [0]), array).collinear is None
    line = Rician(azimuths_deg=[10.0, 1.0, 10.0, 30.0], **given)
    # Means are proportional to the square root of the fading, the rest of the estimates to the fading.
    assert line.statistics(drops_of(0, [0]), array).collinear is None
    equal = attrs.evolve(line, large_scale_fading=(1.0, 0.5, 1.0, 0.3))
    assert equal.statistics(drops_of(0, [0]), array).collinear is not None
    assert attrs.evolve(line, k_factor_db=-300.0).statistics(drops_of(0, [0]), array).collinear is not None
    scenario = attrs.evolve(
        isacfw.load_scenario("nguyen2025").scenario, channel=together, transmit_array=ULA(elements=6)
    )
    with pytest.raises(IncompatibleError, match="collinear"):
        scenario.link_statistics(ZF(), scenario.statistics([0]))


# Options

GIVEN = {"azimuths_deg": [0.0, 10.0], "distances_m": [200.0, 300.0]}


@pytest.mark.parametrize("kind", [Correlated, Rician])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "users is required unless large_scale_fading, azimuths_deg or distances_m is given"),
        ({"users": 0}, "users must be an integer at least 1, got 0"),
        ({"users": 3, **GIVEN}, "azimuths_deg must have one entry for each of the 3 users, got 2 entries"),
        (
            {"large_scale_fading": [1.0], **GIVEN},
            "azimuths_deg must have one entry for each of the 1 users, got 2 entries",
        ),
        (
            {"azimuths_deg": [0.0, 200.0]},
            r"azimuths_deg[1] must be a finite number at least -180 and at most 180",
        ),
        ({"azimuths_deg": []}, "azimuths_deg must be a nonempty list, got ()"),
        ({"distances_m": [200.0, 0.0]}, "distances_m[1] must be a finite number greater than 0, got 0.0"),
        (
            {"distances_m": [200.0, 99.0]},
            "distances_m[1] must be at least min_distance_m, which is 100, got 99",
        ),
        ({"large_scale_fading": [1.0, 0.0]}, "large_scale_fading[1] must be a finite number greater than 0"),
        ({"users": 2, "sector_deg": 0.0}, "sector_deg must be a finite number greater than 0 and at most 360"),
        ({"users": 2, "sector_deg": 361.0}, "sector_deg must be a finite number greater than 0 and at most 360"),
        ({"sector_deg": 90.0, **GIVEN}, "sector_deg has no effect when azimuths_deg is given, got 90.0"),
        ({"cell_radius_m": 500.0, **GIVEN}, "cell_radius_m has no effect when distances_m is given, got 500.0"),
        (
            {"large_scale_fading": [1.0], "shadowing_db": 3.0},
            "shadowing_db has no effect when large_scale_fading is given, got 3.0",
        ),
        (
            {"large_scale_fading": [1.0], "min_distance_m": 3.0},
            "min_distance_m has no effect when large_scale_fading is given, got 3.0",
        ),
        (
            {"large_scale_fading": [1.0], "user_height_m": 3.0},
            "distances_m is required with large_scale_fading and heights that differ",
        ),
        (
            {"large_scale_fading": [1.0], "scattering": "one_ring"},
            "distances_m is required with large_scale_fading and rings of scatterers",
        ),
        ({"users": 2, "user_height_m": -1.0}, "user_height_m must be a finite number at least 0, got -1.0"),
        ({"users": 2, "min_distance_m": 1000.0}, "min_distance_m must be less than cell_radius_m, which is 1000"),
        ({"users": 2, "pilot_length": 100}, "pilot_length must be less than coherence_length, which is 100"),
        ({"users": 2, "scattering": "gausian"}, "got 'gausian'; did you mean 'gaussian'?"),
        ({"users": 2, "scattering": "cauchy"}, "got 'cauchy'"),
        (
            {"users": 2, "scattering": "laplace", "spread_deg": -1.0},
            "spread_deg must be a finite number at least 0 and at most 360, got -1.0",
        ),
        (
            {"users": 2, "scattering": "laplace", "elevation_spread_deg": np.inf},
            "elevation_spread_deg must be a finite number at least 0 and at most 360, got inf",
        ),
        (
            {"users": 2, "scattering": "one_ring", "spread_deg": 3.0},
            "spread_deg has no effect when scattering is 'one_ring', got 3.0",
        ),
        (
            {"users": 2, "scattering": "gaussian", "correlation": 0.3},
            "correlation has no effect when scattering is 'gaussian', got 0.3",
        ),
        (
            {"users": 2, "scattering": "one_ring", "ring_radius_m": 100.0},
            "ring_radius_m must be less than the smallest distance of a user, which is 100, got 100",
        ),
        (
            {"scattering": "one_ring", "ring_radius_m": 250.0, **GIVEN},
            "ring_radius_m must be less than the smallest distance of a user, which is 200, got 250",
        ),
        (
            {"users": 2, "scattering": "exponential", "correlation": 1.1},
            "correlation must be a finite number at least 0 and at most 1, got 1.1",
        ),
    ],
)
def test_invalid_options_are_refused_in_one_line(kind: type, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        kind(**options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_scenario_file_names_the_key() -> None:
    content = "channel.scattering must be one of 'gaussian', 'laplace', 'uniform', 'one_ring', 'exponential'"
    with pytest.raises(InputError) as caught:
        isacfw.load_scenario({**SMALL, "channel": {"kind": "correlated", "users": 2, "scattering": "lapalce"}})
    assert str(caught.value) == f"{content}, got 'lapalce'; did you mean 'laplace'?"


SMALL: dict[str, Any] = {
    "snr_db": 10.0,
    "precoders": ["mrt"],
    "allocators": ["equal_com"],
    "transmit_array": {"kind": "ula", "elements": 8},
    "receive_array": {"kind": "ula", "elements": 4},
    "target": {"azimuth_deg": 0.0, "elevation_deg": 90.0, "reflection_amplitude": 0.1},
}


def test_rings_that_touch_the_base_station_are_refused() -> None:
    with pytest.raises(InputError, match=r"^ring_radius_m must leave more space"):
        covariance(ULA(elements=2), scattering="one_ring", ring_radius_m=200 * (1 - 1e-14))


def test_covariances_beyond_memory_are_refused() -> None:
    channel = Correlated(users=12)
    with pytest.raises(IncompatibleError, match=r"12 users at 10000 antennas take 17\.9 GiB per drop"):
        channel.statistics(drops_of(0, [0]), UPA(horizontal=100, vertical=100))


@pytest.mark.parametrize("independent", [False, True])
def test_draws_do_not_depend_on_the_eigenvectors_of_equal_eigenvalues(
    independent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processors turn these: a rotation among them, as here, must leave the draws as they are."""
    along = 0.5 ** np.abs(np.subtract.outer(np.arange(3), np.arange(3)))
    covariance = np.kron(along, along).astype(complex)

    def draws() -> tuple[ComplexArray, ComplexArray]:
        found = SecondOrder(
            means=np.zeros((1, 9), dtype=complex),
            covariances=covariance[None],
            pilots=np.zeros(1, dtype=np.int64),
            pilot_energy=3.0,
            independent=independent,
        )
        return found.draw(50, np.random.default_rng(1))

    eigh = np.linalg.eigh

    def turned(matrices: ComplexArray) -> tuple[FloatArray, ComplexArray]:
        values, vectors = eigh(matrices)
        vectors = vectors * np.exp(1j * np.arange(9))
        for first in np.flatnonzero(np.diff(values[0]) < 1e-12):
            pair = vectors[..., first : first + 2]
            vectors[..., first : first + 2] = pair @ np.array([[0.6, -0.8], [0.8, 0.6]])
        return values, vectors

    own = draws()
    assert (np.diff(eigh(covariance)[0]) < 1e-12).any()
    monkeypatch.setattr(np.linalg, "eigh", turned)
    for found, expected in zip(draws(), own, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)
