"""Channel `tr38901`: formulas of the report by hand, large-scale statistics of many users, covariances, options.

Statistical tests have fixed seeds and allow four standard errors, unless stated otherwise.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
import pytest
from numerics import scattered
from scipy import integrate, stats

import isacfw
from isacfw import Array, Direction, FloatArray, IncompatibleError, InputError, LinkBudget
from isacfw.signal.statistics import drops_of
from isacfw_plugins.arrays.circular import Circular
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels._tr38901_draws import LargeScale
from isacfw_plugins.channels._tr38901_path_loss import (
    environment_heights,
    line_of_sight_probability,
    path_losses,
)
from isacfw_plugins.channels._tr38901_tables import SCENARIOS
from isacfw_plugins.channels._users import CellUsers
from isacfw_plugins.channels.correlated import Correlated
from isacfw_plugins.channels.tr38901 import TR38901


def channel(scenario: str = "uma", **options: Any) -> TR38901:
    if "users" not in options and "distances_m" not in options:
        options["users"] = 3
    if scenario == "inf_hh":
        options = {"user_height_m": 4.0, **options}
    return TR38901(**{"carrier_hz": 3.5e9, "scale_db": 0.0, "scenario": scenario, **options})


def places(one: TR38901, drops: int = 1, seed: int = 901) -> tuple[CellUsers, LargeScale]:
    return one.place(drops_of(seed, range(drops)))


# Path loss and lines of sight by hand

CARRIERS = {3.5: 0.544068, 28.0: 1.447158}
"""lg f: 20 lg 3.5 = 10.88136, 19 lg 3.5 = 10.33729, 20 lg 28 = 28.94316, 21.3 lg 28 = 30.82447."""

LOSSES: list[tuple[str, float, float, bool, float, dict[str, float]]] = [
    # UMa, d_3D = √(100² + 23.5²) = 102.7241, lg 2.011673; breakpoint 4 · 24 · 0.5 · 3.5e9 / 3e8 = 560 m:
    # 28 + 22 · 2.011673 + 10.88136
    ("uma", 3.5, 100.0, True, 83.13816, {}),
    # Beyond the breakpoint, d_3D = 1000.2761, lg 3.000120; lg(560² + 23.5²) = lg 314152.25 = 5.497140:
    # 28 + 40 · 3.000120 + 10.88136 - 9 · 5.497140
    ("uma", 3.5, 1000.0, True, 109.41190, {}),
    # Without line of sight, d_3D = 500.5519, lg 2.699449: 13.54 + 39.08 · 2.699449 + 10.88136
    ("uma", 3.5, 500.0, False, 129.91583, {}),
    # Users at 22.5 m, d_3D = √(20² + 2.5²) = 20.15564, lg 1.304397:
    # max(28 + 22 · 1.304397 + 10.88136, 13.54 + 39.08 · 1.304397 + 10.88136 - 0.6 · 21) = max(67.57809, 62.79718)
    ("uma", 3.5, 20.0, False, 67.57809, {"user_height_m": 22.5}),
    # UMi, d_3D = √(50² + 8.5²) = 50.71735, lg 1.705157; breakpoint 4 · 9 · 0.5 · 28e9 / 3e8 = 1680 m:
    # 32.4 + 21 · 1.705157 + 28.94316
    ("umi", 28.0, 50.0, True, 97.15146, {}),
    # Beyond the breakpoint of 210 m, d_3D = 300.1204, lg 2.477296; lg(210² + 8.5²) = lg 44172.25 = 4.645150:
    # 32.4 + 40 · 2.477296 + 10.88136 - 9.5 · 4.645150
    ("umi", 3.5, 300.0, True, 98.24428, {}),
    # 22.4 + 35.3 · 1.705157 + 30.82447
    ("umi", 28.0, 50.0, False, 113.41651, {}),
    # InF, d_3D = √(30² + 6.5²) = 30.69609, lg 1.487083: 31.84 + 21.5 · 1.487083 + 10.33729
    ("inf_sh", 3.5, 30.0, True, 74.14958, {}),
    # 32.4 + 23 · 1.487083 + 10.88136
    ("inf_sh", 3.5, 30.0, False, 77.48427, {}),
    # 33.63 + 21.9 · 1.487083 + 10.88136
    ("inf_dh", 3.5, 30.0, False, 77.07848, {}),
    # d_3D = 10: 33 + 25.5 + 10.88136
    ("inf_sl", 3.5, 10.0, False, 69.38136, {}),
    # That of InF-SL is larger: max(18.6 + 35.7 + 10.88136, 69.38136)
    ("inf_dl", 3.5, 10.0, False, 69.38136, {}),
    # d_3D = 100, lg 2: 18.6 + 71.4 + 10.88136
    ("inf_dl", 3.5, 100.0, False, 100.88136, {}),
]


@pytest.mark.parametrize(("scenario", "carrier", "distance", "visible", "expected", "options"), LOSSES)
def test_path_loss_by_hand(
    scenario: str, carrier: float, distance: float, visible: bool, expected: float, options: dict[str, float]
) -> None:
    forced = "always" if visible else "never"
    given: dict[str, Any] = {"distances_m": [distance], "line_of_sight": forced, "carrier_hz": carrier * 1e9}
    users, large = places(channel(scenario, **given, **options, min_distance_m=10.0))
    loss = large.shadowing_db - 10 * np.log10(users.beta)
    assert loss.item() == pytest.approx(expected, abs=2e-5)
    assert bool(large.visible.all()) is visible


PROBABILITIES: list[tuple[str, float, float, dict[str, float]]] = [
    ("uma", 18.0, 1.0, {}),
    # 0.18 + e^(-100/63) · 0.82 = 0.18 + 0.2044766 · 0.82
    ("uma", 100.0, 0.3476708, {}),
    # 0.036 + e^(-500/63) · 0.964 = 0.036 + 0.000357453 · 0.964
    ("uma", 500.0, 0.0363446, {}),
    # Users at 18 m: 0.3476708 · (1 + 0.5^1.5 · 1.25 · e^(-100/150)) = 0.3476708 · (1 + 0.3535534 · 0.6417714)
    ("uma", 100.0, 0.4265575, {"user_height_m": 18.0}),
    ("umi", 15.0, 1.0, {}),
    # 0.36 + e^(-50/36) · 0.64 = 0.36 + 0.2493522 · 0.64
    ("umi", 50.0, 0.5195854, {}),
    # (1 - r)^(d / size) = 0.8^(20/10)
    ("inf_sl", 20.0, 0.64, {}),
    # 0.4^(10/2)
    ("inf_dl", 10.0, 0.01024, {}),
    # (h_BS - h_UT) / (h_c - h_UT) = 6.5 / 0.5 = 13: 0.8^(2/13)
    ("inf_sh", 20.0, 0.9662528, {}),
    # 6.5 / 4.5 = 1.444444: 0.4^(5/1.444444)
    ("inf_dh", 10.0, 0.0419291, {}),
    # 3 m, 0.7 of the area, 2.5 m high, base station at 6 m: 0.3^((10 / 3) / (4.5 / 1)) = 0.3^0.7407407
    (
        "inf_dh",
        10.0,
        0.4099042,
        {
            "clutter_density": 0.7,
            "clutter_size_m": 3.0,
            "clutter_height_m": 2.5,
            "base_station_height_m": 6.0,
        },
    ),
    ("inf_hh", 300.0, 1.0, {}),
]


@pytest.mark.parametrize(("scenario", "distance", "expected", "options"), PROBABILITIES)
def test_probability_of_a_line_of_sight_by_hand(
    scenario: str, distance: float, expected: float, options: dict[str, float]
) -> None:
    deployment = channel(scenario, **options).deployment
    found = line_of_sight_probability(deployment, np.array([distance]))
    assert found.item() == pytest.approx(expected, abs=1e-7)


def test_path_loss_is_continuous_at_the_breakpoint() -> None:
    for scenario, breakpoint_distance in (("uma", 560.0), ("umi", 210.0)):
        around = breakpoint_distance + np.array([-1e-9, 1e-9])
        losses, _ = path_losses(channel(scenario).deployment, around, np.ones(2))
        # Beyond it, the logarithm of d_BP² + h² replaces that of d_3D² to within the rounding of the slopes.
        assert np.ptp(losses) < 1e-6


def test_environment_heights_are_those_of_note_1() -> None:
    draws = np.random.default_rng(902).random((40_000, 2))
    distance = np.full(len(draws), 120.0)
    found = environment_heights(channel(user_height_m=22.5).deployment, distance, draws)
    # C = (9.5 / 10)^1.5 · 1.25 · 1.2³ · e^(-120/150) = 0.925945 · 0.970551 = 0.898677
    expected = {1.0: 1 / 1.898677} | dict.fromkeys((12.0, 15.0, 18.0, 21.0), 0.898677 / 1.898677 / 4)
    heights, counts = np.unique(found, return_counts=True)
    assert heights.tolist() == list(expected)
    shares = np.array(list(expected.values()))
    assert (np.abs(counts / len(found) - shares) < 4 * np.sqrt(shares * (1 - shares) / len(found))).all()
    for height in (1.5, 12.9):
        assert (environment_heights(channel(user_height_m=height).deployment, distance, draws) == 1).all()
    low = environment_heights(channel(user_height_m=13.2).deployment, distance, draws)
    assert set(np.unique(low)) == {1.0, 12.0}
    assert (environment_heights(channel("umi", user_height_m=20.0).deployment, distance, draws) == 1).all()


# Large-scale parameters of many users

KEYS = ("shadowing", "k_factor", "azimuth_spread", "zenith_spread")

# Means and standard deviations of SF in dB, K in dB, lg ASD, lg ZSD, and correlations, for given carriers.
STATISTICS: dict[str, tuple[dict[str, Any], list[tuple[float, float]], dict[tuple[int, int], float]]] = {
    # lg 6 = 0.778151 below 6 GHz; ZSD: -2.1 · 0.4 + 0.75 = -0.09
    "UMa, visible": (
        {"scenario": "uma", "distances_m": 400.0, "line_of_sight": "always"},
        [(0, 4), (9, 3.5), (1.06 + 0.1114 * 0.778151, 0.28), (-0.09, 0.40)],
        {(0, 2): -0.5, (2, 3): 0.5},
    ),
    # lg 10 = 1; ZSD: max(-0.5, -2.1 · 0.8 + 0.9) = -0.5
    "UMa, hidden": (
        {"scenario": "uma", "carrier_hz": 1e10, "distances_m": 800.0, "line_of_sight": "never"},
        [(0, 6), (-math.inf, 0), (1.5 - 0.1144, 0.28), (-0.5, 0.49)],
        {(0, 2): -0.6, (2, 3): 0.5},
    ),
    # lg 29 = 1.462398; ZSD: max(-0.21, -14.8 · 0.09 + 0.085 + 0.83) = -0.21
    "UMi, visible": (
        {"scenario": "umi", "carrier_hz": 28e9, "distances_m": 90.0, "line_of_sight": "always"},
        [(0, 4), (9, 5), (1.21 - 0.05 * 1.462398, 0.41), (-0.21, 0.35)],
        {(0, 1): 0.5, (0, 2): -0.5, (1, 2): -0.2, (2, 3): 0.5},
    ),
    # lg(1 + 2) = 0.477121 below 2 GHz; ZSD: -3.1 · 0.1 + 0.2 = -0.11
    "UMi, hidden": (
        {"scenario": "umi", "carrier_hz": 0.7e9, "distances_m": 100.0, "line_of_sight": "never"},
        [(0, 7.82), (-math.inf, 0), (1.53 - 0.23 * 0.477121, 0.33 + 0.11 * 0.477121), (-0.11, 0.35)],
        {(2, 3): 0.5},
    ),
    "InF, visible": (
        {"scenario": "inf_sl", "distances_m": 9.0, "line_of_sight": "always"},
        [(0, 4.3), (7, 8), (1.56, 0.25), (1.35, 0.35)],
        {(1, 2): -0.5},
    ),
    **{
        f"InF-{name[-2:].upper()}, hidden": (
            {"scenario": name, "distances_m": 9.0, "line_of_sight": "never"},
            [(0, deviation), (-math.inf, 0), (1.57, 0.2), (1.2, 0.55)],
            {},
        )
        for name, deviation in (("inf_sl", 5.7), ("inf_dl", 7.2), ("inf_sh", 5.9), ("inf_dh", 4.0))
    },
}
CAPS = (math.inf, math.inf, math.log10(104), math.log10(52))


@pytest.mark.parametrize("case", STATISTICS)
def test_large_scale_statistics_of_many_users(case: str) -> None:
    options, moments, correlations = STATISTICS[case]
    count = 20_000
    options = {**options, "distances_m": [options["distances_m"]] * count}
    _, large = places(channel(**options), seed=903)
    with np.errstate(divide="ignore"):
        values = [
            large.shadowing_db[0],
            10 * np.log10(large.k_factor[0]),
            np.log10(large.azimuth_spread_deg[0]),
            np.log10(large.zenith_spread_deg[0]),
        ]
    deviations, below = [], []
    for value, (mean, deviation), cap in zip(values, moments, CAPS, strict=True):
        if not math.isfinite(mean):
            assert (value == mean).all()
            deviations.append(1.0)
            below.append(0.0)
            continue
        # Moments of the Gaussian law, with all beyond the largest spread at that value.
        law = stats.norm(mean, deviation)
        powers = [law.expect(lambda x, n=n, centre=mean: (x - centre) ** n, ub=cap) for n in (1, 2, 4)]
        if math.isfinite(cap):
            powers = [own + law.sf(cap) * (cap - mean) ** n for own, n in zip(powers, (1, 2, 4), strict=True)]
        variance = powers[1] - powers[0] ** 2
        deviations.append(math.sqrt(variance))
        below.append(law.cdf(cap))
        assert value.max() <= cap + 1e-12
        assert abs(value.mean() - mean - powers[0]) < 4 * math.sqrt(variance / count)
        spread = np.mean((value - value.mean()) ** 4) / variance**2 - 1
        assert abs(value.var() / variance - 1) < 4 * math.sqrt(spread / count)
    for first in range(4):
        for second in range(first + 1, 4):
            if not (np.isfinite(values[first]).all() and np.isfinite(values[second]).all()):
                continue
            found = np.mean((values[first] - values[first].mean()) * (values[second] - values[second].mean()))
            # Stein's lemma: a cap on one of two Gaussian variables scales their covariance by the share below it.
            # Both spreads are capped in factories only, where they are independent.
            share = below[first] * below[second]
            expected = share * correlations.get((first, second), 0.0) * moments[first][1] * moments[second][1]
            scale = deviations[first] * deviations[second]
            assert abs(found - expected) / scale < 4 * math.sqrt(2 / count), (KEYS[first], KEYS[second])


def test_share_of_users_with_a_line_of_sight_is_the_integral_of_its_probability() -> None:
    for scenario in ("uma", "umi", "inf_dl", "inf_dh"):
        one = channel(scenario, users=500)
        users, large = places(one, drops=60, seed=904)
        nearest, farthest = one.radii
        deployment = one.deployment

        def weighted(distance: float, deployment: Any = deployment) -> float:
            return 2 * distance * line_of_sight_probability(deployment, np.array([distance])).item()

        expected = integrate.quad(weighted, nearest, farthest)[0] / (farthest**2 - nearest**2)
        error = math.sqrt(expected * (1 - expected) / large.visible.size)
        assert abs(large.visible.mean() - expected) < 4 * error
        assert users.distance_m is not None
        near = users.distance_m < np.median(users.distance_m)
        assert large.visible[near].mean() > large.visible[~near].mean()


def test_zenith_offsets_and_spreads_by_hand() -> None:
    distance = np.array([100.0])
    uma, umi = SCENARIOS["uma"], SCENARIOS["umi"]
    # lg 6 = 0.778151: a = -0.620145, c = 1.928840, e = 0.000639; e - 10^(2 a + c) = 0.000639 - 10^0.688551
    assert uma.obstructed.zenith_offset(distance, 1.5, 3.5).item() == pytest.approx(-4.88083, abs=2e-5)
    # lg 30 = 1.477121: a = -0.474759, c = 1.837974, e = 5.354749; at 20 m, b = 25 counts, lg 1.397940;
    # user at 11.5 m: e - 10^(1.397940 a + c - 0.7) = 5.354749 - 10^0.474289
    found = uma.obstructed.zenith_offset(np.array([20.0]), 11.5, 30.0).item()
    assert found == pytest.approx(2.37424, abs=2e-5)
    # -10^(-1.5 · 2 + 3.3) = -10^0.3, and -10^(-1.5 + 3.3) at 10 m and below
    assert umi.obstructed.zenith_offset(distance, 1.5, 3.5).item() == pytest.approx(-1.995262, abs=1e-6)
    assert umi.obstructed.zenith_offset(np.array([5.0]), 1.5, 3.5).item() == pytest.approx(-63.09573, abs=1e-5)
    for scenario in SCENARIOS.values():
        assert scenario.line_of_sight.zenith_offset(distance, 1.5, 3.5).item() == 0
    # -2.1 · 0.1 - 0.01 · 10 + 0.75, and + 0.9
    assert uma.line_of_sight.zenith_mean(distance, 25.0, 11.5).item() == pytest.approx(0.44)
    assert uma.obstructed.zenith_mean(distance, 25.0, 11.5).item() == pytest.approx(0.59)
    # -14.8 · 0.02 + 0.01 · 8.5 + 0.83, and -3.1 · 0.02 + 0.01 · 2 + 0.2 for a user 2 m above the base station
    assert umi.line_of_sight.zenith_mean(np.array([20.0]), 10.0, 1.5).item() == pytest.approx(0.619)
    assert umi.obstructed.zenith_mean(np.array([20.0]), 10.0, 12.0).item() == pytest.approx(0.158)


def test_roots_are_those_of_correlations() -> None:
    for scenario in SCENARIOS.values():
        for condition in (scenario.line_of_sight, scenario.obstructed):
            matrix = condition.root @ condition.root.T
            np.testing.assert_allclose(np.diagonal(matrix), 1, rtol=1e-15)
            np.testing.assert_array_equal(np.triu(condition.root, 1), 0)
            for (first, second), value in condition.correlations.items():
                assert matrix[KEYS.index(first), KEYS.index(second)] == pytest.approx(value)


def test_spreads_are_those_of_the_whole_signal_as_in_the_clusters_of_the_report() -> None:
    """Clusters by steps 5 to 7, UMa with line of sight: all but the first spread by √(1 + κ) ASD and ZSD."""
    generator = np.random.default_rng(905)
    clusters, draws, asd, zsd = 12, 4000, 14.0, 4.0
    for k_db in (5.0, 9.0):
        ratio = 10 ** (k_db / 10)
        # Step 5, delays in units of the delay spread; step 6, powers; (7.5-1) to (7.5-8).
        delays = np.sort(-2.5 * np.log(generator.random((draws, clusters))))
        delays -= delays[:, :1]
        powers = np.exp(-delays * 1.5 / 2.5) * 10 ** (-0.3 * generator.standard_normal(delays.shape))
        powers /= powers.sum(axis=1, keepdims=True)
        whole = powers / (1 + ratio)
        whole[:, 0] += ratio / (1 + ratio)
        falls = -np.log(whole / whole.max(axis=1, keepdims=True))
        # Step 7, (7.5-9) to (7.5-20), without the rays within clusters.
        azimuth_factor = 1.146 * (1.1035 - 0.028 * k_db - 0.002 * k_db**2 + 0.0001 * k_db**3)
        zenith_factor = 1.104 * (1.3086 + 0.0339 * k_db - 0.0077 * k_db**2 + 0.0002 * k_db**3)
        for spread, angles in (
            (asd, 2 * asd / 1.4 * np.sqrt(falls) / azimuth_factor),
            (zsd, zsd * falls / zenith_factor),
        ):
            angles = generator.choice([-1, 1], angles.shape) * angles
            angles += spread / 7 * generator.standard_normal(angles.shape)
            angles -= angles[:, :1]
            scattered_spread = np.median(np.sqrt((powers * angles**2).sum(axis=1)))
            assert scattered_spread / spread == pytest.approx(math.sqrt(1 + ratio), rel=0.15)
    one = channel(users=200, line_of_sight="always", carrier_hz=6e9)
    _, large = places(one)
    for whole_spread, part in zip(
        (large.azimuth_spread_deg, large.zenith_spread_deg), large.scattered_spreads_deg, strict=True
    ):
        np.testing.assert_allclose(part**2 / (1 + large.k_factor), whole_spread**2, rtol=1e-12)


# Means and covariances

ARRAYS: dict[str, Array] = {
    "planar": UPA(horizontal=8, vertical=6),
    "circle": Circular(elements=7),
    "any positions": scattered(np.random.default_rng(906), 6),
}


def steering(array: Array, azimuth: FloatArray, above: FloatArray) -> Any:
    """Return steering vectors for azimuths and elevations above the horizon in radians; (n, N)."""
    positions = array.centred_positions()
    cosines = np.stack([np.sin(azimuth) * np.cos(above), np.sin(above), np.cos(azimuth) * np.cos(above)], axis=-1)
    return np.exp(1j * np.pi * cosines[..., : positions.shape[1]] @ positions.T)


@pytest.mark.parametrize("scenario", ["uma", "umi", "inf_dh"])
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_covariances_agree_with_drawn_angles(array: Array, scenario: str) -> None:
    draws, generator = 40_000, np.random.default_rng(907)
    for visible in ("always", "never"):
        one = channel(scenario, line_of_sight=visible)
        users, large = places(one)
        found = one.statistics(drops_of(901, [0]), array)
        assert found.covariances is not None
        for user in range(3):
            ratio = large.k_factor[0, user]
            azimuth_spread, zenith_spread = np.radians(
                math.sqrt(1 + ratio)
                * np.array([large.azimuth_spread_deg[0, user], large.zenith_spread_deg[0, user]])
            )
            mean_zenith = np.radians(users.elevation_deg[0, user] + large.zenith_offset_deg[0, user])
            azimuth = np.radians(users.azimuth_deg[0, user]) + generator.normal(0, azimuth_spread, draws)
            zenith = mean_zenith + generator.laplace(0, zenith_spread / math.sqrt(2), draws)
            waves = steering(array, azimuth, np.pi / 2 - zenith)
            expected = waves.T @ waves.conj() / draws
            error = np.sqrt((1 - np.abs(expected) ** 2).clip(0) / draws)
            normal = found.covariances[0, user] * (1 + ratio) / users.beta[0, user]
            # The chance of 5 standard errors of a complex number is 1.4e-11 per entry.
            assert (np.abs(normal - expected) <= 5 * error + 1e-12).all()


def test_lines_of_sight_are_means_with_their_share_of_the_power() -> None:
    array, one = UPA(horizontal=4, vertical=3), channel("umi", users=30)
    users, large = places(one)
    found = one.statistics(drops_of(901, [0]), array)
    assert found.means is not None
    assert 0 < large.visible.sum() < 30
    np.testing.assert_allclose(found.beta, users.beta, rtol=1e-12)
    np.testing.assert_array_equal(found.positions, users.positions)
    for user in range(30):
        ratio = large.k_factor[0, user]
        direction = Direction(azimuth_deg=users.azimuth_deg[0, user], elevation_deg=users.elevation_deg[0, user])
        line = math.sqrt(users.beta[0, user] * ratio / (1 + ratio)) * array.steering_vector(direction)
        np.testing.assert_allclose(found.means[0, user], line, rtol=1e-12)
        assert bool(large.visible[0, user]) is bool(ratio > 0)


def test_elevations_follow_from_the_heights_of_the_report() -> None:
    for scenario, descent in (("uma", 23.5), ("umi", 8.5), ("inf_sl", 0.0), ("inf_sh", 6.5)):
        users, _ = places(channel(scenario))
        assert users.distance_m is not None
        assert users.positions is not None
        np.testing.assert_array_equal(users.positions[..., 1], -descent)
        below = np.degrees(np.arctan(descent / users.distance_m))
        np.testing.assert_allclose(users.elevation_deg, 90 + below, rtol=1e-14)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_user_is_bitwise_the_same_for_every_number_of_users_and_in_every_batch(scenario: str) -> None:
    array = UPA(horizontal=8, vertical=6)
    many = channel(scenario, users=12, pilot_length=12).statistics(drops_of(5, [3, 8]), array)
    for users in (1, 2, 7):
        few = channel(scenario, users=users, pilot_length=12)
        together = few.statistics(drops_of(5, [3, 8]), array)
        alone = few.statistics(drops_of(5, [8]), array)
        for name in ("beta", "xi", "epsilon", "positions", "covariances", "means"):
            np.testing.assert_array_equal(getattr(together, name), getattr(many, name)[:, :users], err_msg=name)
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[1], err_msg=name)


def test_users_are_at_the_places_of_other_channels() -> None:
    cell = {"cell_radius_m": 300.0, "min_distance_m": 20.0, "users": 8}
    first, _ = places(channel(**cell))
    second = Correlated(**cell).place(drops_of(901, [0]))
    np.testing.assert_array_equal(first.azimuth_deg, second.azimuth_deg)
    np.testing.assert_array_equal(first.distance_m, second.distance_m)


def test_whether_lines_of_sight_are_forced_leaves_the_rest_alone() -> None:
    users, large = places(channel("umi", users=40))
    for forced in ("always", "never"):
        others, parameters = places(channel("umi", users=40, line_of_sight=forced))
        same = large.visible == (forced == "always")
        assert 0 < same.sum() < 40
        assert (parameters.visible == (forced == "always")).all()
        np.testing.assert_array_equal(others.beta[same], users.beta[same])
        np.testing.assert_array_equal(parameters.azimuth_spread_deg[same], large.azimuth_spread_deg[same])


# Link budgets

BUDGET = LinkBudget(carrier_hz=3.5e9, bandwidth_hz=1e8, transmit_power_dbm=46, pilot_power_dbm=23)


def test_a_link_budget_determines_carrier_pilots_and_scale() -> None:
    array = ULA(elements=3)
    found = TR38901(users=3).with_link_budget(BUDGET)
    assert found == channel(pilot_snr_db=BUDGET.pilot_snr_db)
    assert TR38901(users=3, carrier_hz=3.5e9).with_link_budget(BUDGET) == found
    raised = channel(scale_db=30.0).statistics(drops_of(1, [0]), array).beta
    np.testing.assert_allclose(raised, 1e3 * found.statistics(drops_of(1, [0]), array).beta, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "budget", "message"),
    [
        ({"scale_db": 0.0}, {}, "scale_db cannot be combined with link_budget, got 0"),
        ({"carrier_hz": 2e9}, {}, "carrier_hz must be that of link_budget, which is 3.5e+09, got 2e+09"),
        ({}, {"carrier_hz": 4e8}, "carrier_hz must be 5e+08 to 1e+11, got 4e+08 from link_budget"),
        ({"pilot_snr_db": 3.0}, {}, "pilot_snr_db cannot be combined with link_budget.pilot_power_dbm, got 3.0"),
    ],
)
def test_contradictions_to_the_link_budget_are_refused(
    options: dict[str, Any], budget: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        TR38901(users=3, **options).with_link_budget(attrs.evolve(BUDGET, **budget))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("carrier_hz", "channel.carrier_hz is required without link_budget"),
        (
            "scale_db",
            "channel.scale_db is required without link_budget, since path gains are small; 100 means relative to"
            " -100 dB",
        ),
    ],
)
def test_carrier_and_scale_are_required_without_a_link_budget(missing: str, message: str) -> None:
    scenario = attrs.evolve(
        isacfw.load_scenario("nguyen2025").scenario, channel=attrs.evolve(channel(), **{missing: None})
    )
    with pytest.raises(InputError) as caught:
        scenario.statistics([0])
    assert str(caught.value) == message


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"users": None}, "users is required unless azimuths_deg or distances_m is given"),
        ({"scenario": "uma "}, "got 'uma '; did you mean 'uma'?"),
        (
            {"line_of_sight": "sometimes"},
            "line_of_sight must be one of 'random', 'always', 'never', got 'sometimes'",
        ),
        ({"carrier_hz": 0.0}, "carrier_hz must be a finite number at least 5e+08 and at most 1e+11, got 0.0"),
        ({"carrier_hz": 3.5}, "carrier_hz must be a finite number at least 5e+08 and at most 1e+11, got 3.5"),
        ({"user_height_m": 1.4}, "user_height_m must be 1.5 to 22.5 for 'uma', got 1.4"),
        ({"scenario": "umi", "user_height_m": 23.0}, "user_height_m must be 1.5 to 22.5 for 'umi', got 23"),
        (
            {"base_station_height_m": 20.0, "user_height_m": 20.0},
            "base_station_height_m must be greater than user_height_m, which is 20, for 'uma', got 20",
        ),
        (
            {"scenario": "umi", "base_station_height_m": 1.0},
            "base_station_height_m must be greater than 1 for 'umi', got 1",
        ),
        ({"scenario": "inf_hh"}, "user_height_m is required for 'inf_hh', users above the clutter"),
        (
            {"scenario": "inf_hh", "user_height_m": 4.0, "line_of_sight": "never"},
            "line_of_sight must be 'random' or 'always' for 'inf_hh', got 'never'",
        ),
        (
            {"scenario": "inf_hh", "user_height_m": 4.0, "clutter_size_m": 3.0},
            "clutter_size_m has no effect when scenario is 'inf_hh', got 3.0",
        ),
        ({"clutter_density": 0.2}, "clutter_density has no effect when scenario is 'uma', got 0.2"),
        (
            {"scenario": "inf_sl", "clutter_density": 0.4},
            "clutter_density must be less than 0.4 for 'inf_sl', got 0.4",
        ),
        (
            {"scenario": "inf_dh", "clutter_density": 0.3},
            "clutter_density must be at least 0.4 for 'inf_dh', got 0.3",
        ),
        (
            {"scenario": "inf_dh", "clutter_density": 1.0},
            "clutter_density must be a finite number greater than 0",
        ),
        (
            {"scenario": "inf_dl", "clutter_height_m": 3.0},
            "clutter_height_m has no effect when scenario is 'inf_dl', got 3.0",
        ),
        (
            {"scenario": "inf_sh", "clutter_height_m": 1.5},
            "clutter_height_m must lie between the heights of users and base station, 1.5 and 8, got 1.5",
        ),
        ({"min_distance_m": 9.0}, "min_distance_m must be within the range of 'uma', 10 to 5000 m, got 9"),
        ({"cell_radius_m": 5001.0}, "cell_radius_m must be within the range of 'uma', 10 to 5000 m, got 5001"),
        ({"cell_radius_m": 30.0}, "min_distance_m must be less than cell_radius_m, which is 30, got 35"),
        (
            {"scenario": "inf_sh", "cell_radius_m": 600.0},
            "cell_radius_m must be within the range of 'inf_sh', 1 to 600 m, heights included, got 600",
        ),
        (
            {"scenario": "inf_sl", "min_distance_m": 0.5},
            "min_distance_m must be within the range of 'inf_sl', 1 to 600 m, heights included, got 0.5",
        ),
        (
            {"users": None, "distances_m": [50.0, 20.0]},
            "distances_m[1] must be at least min_distance_m, which is 35, got 20",
        ),
        (
            {"users": None, "distances_m": [6e3]},
            "distances_m[0] must be within the range of 'uma', 10 to 5000 m, got 6000",
        ),
        (
            {"users": None, "distances_m": [60.0], "cell_radius_m": 90.0},
            "cell_radius_m has no effect when distances_m is given, got 90.0",
        ),
        (
            {"users": None, "azimuths_deg": [60.0], "sector_deg": 90.0},
            "sector_deg has no effect when azimuths_deg is given, got 90.0",
        ),
        ({"pilot_length": 100}, "pilot_length must be less than coherence_length, which is 100, got 100"),
    ],
)
def test_invalid_options_are_refused_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        TR38901(**{"users": 2, **options})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_covariances_beyond_memory_are_refused() -> None:
    with pytest.raises(IncompatibleError, match=r"12 users at 10000 antennas take 17\.9 GiB per drop"):
        channel(users=12).statistics(drops_of(0, [0]), UPA(horizontal=100, vertical=100))
