"""Rayleigh channel: estimation against explicit pilots, geometry of random drops, reproducibility.

Statistical tests have fixed seeds. Where a significance is stated, it is the chance that a right implementation
would have had of failing.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import pytest
from numpy.random import Generator
from scipy import stats

import isacfw
from isacfw import Allocator, ChannelStatistics, FloatArray, InputError, Scenario, Sensing, Target
from isacfw.signal.channel import complex_normal
from isacfw.signal.statistics import drops_of
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.allocators.sca import SCA
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.precoders.mrt import MRT

SIGNIFICANCE = 1e-3
ARRAY = ULA(elements=4)
ESTIMATES = pytest.mark.parametrize("estimates", ["independent", "physical"])


def of_one_drop(channel: Rayleigh) -> ChannelStatistics:
    return channel.statistics(drops_of(0, [0]), ARRAY)


# Estimation


def lmmse(beta: FloatArray, pilot_length: int, pilot_snr: float, generator: Generator) -> FloatArray:
    """Return the covariance of the linear MMSE estimates of one antenna, from explicit pilot vectors.

    y = sqrt(p) sum_k pilot_k h_k + n; the pilots are columns of a random unitary matrix times sqrt(tau_p), used
    in turn by the users.
    """
    square = complex_normal((pilot_length, pilot_length), generator)
    pilots = np.sqrt(pilot_length) * np.linalg.qr(square)[0]
    used = pilots[:, np.arange(len(beta)) % pilot_length]
    cross = np.sqrt(pilot_snr) * np.diag(beta) @ used.conj().T
    received = pilot_snr * used @ np.diag(beta) @ used.conj().T + np.eye(pilot_length)
    return np.asarray(cross @ np.linalg.solve(received, cross.conj().T))


@pytest.mark.parametrize("pilot_length", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("pilot_snr_db", [-20.0, 0.0, 15.0])
def test_estimation_quality_against_explicit_pilots(pilot_length: int, pilot_snr_db: float) -> None:
    generator = np.random.default_rng([141, pilot_length])
    beta = 10 ** generator.uniform(-2, 1, 5)
    channel = Rayleigh(
        large_scale_fading=beta, pilot_length=pilot_length, pilot_snr_db=pilot_snr_db, estimates="physical"
    )
    found = of_one_drop(channel)
    expected = lmmse(beta, pilot_length, 10 ** (pilot_snr_db / 10), generator)
    np.testing.assert_allclose(found.beta[0], beta, rtol=1e-15)
    np.testing.assert_allclose(found.xi[0], np.diagonal(expected).real, rtol=1e-9)
    np.testing.assert_allclose(found.epsilon[0], beta - np.diagonal(expected).real, rtol=1e-7)
    # Estimates are collinear where their correlation has modulus one, and else they are uncorrelated.
    correlation = np.abs(expected) / np.sqrt(np.outer(np.diagonal(expected), np.diagonal(expected)).real)
    together = (correlation > 0.5) & ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(correlation, together | np.eye(5, dtype=bool), atol=1e-9)
    np.testing.assert_array_equal(False if found.collinear is None else found.collinear, together)


@ESTIMATES
def test_model_of_the_estimates_changes_no_variance(estimates: Any) -> None:
    given = Rayleigh(large_scale_fading=[0.3, 0.1, 2.0], pilot_length=2)
    reference, found = of_one_drop(given), of_one_drop(attrs.evolve(given, estimates=estimates))
    for key in ("beta", "xi", "epsilon"):
        np.testing.assert_array_equal(getattr(found, key), getattr(reference, key))
    assert (found.collinear is None) == (estimates == "independent")
    assert found.prelog == 0.98


@pytest.mark.parametrize("pilot_snr_db", [100.0, 200.0, 300.0])
@pytest.mark.parametrize("pilot_length", [2, 3])
def test_error_of_good_estimates_keeps_its_digits(pilot_snr_db: float, pilot_length: int) -> None:
    beta = (0.3, 1e-4, 7.0)
    channel = Rayleigh(large_scale_fading=beta, pilot_length=pilot_length, pilot_snr_db=pilot_snr_db)
    energy = pilot_length * Fraction(10 ** (pilot_snr_db / 10))
    exact = [Fraction(value) for value in beta]
    for k, found in enumerate(of_one_drop(channel).epsilon[0]):
        shared = sum(exact[j] for j in range(3) if j % pilot_length == k % pilot_length)
        expected = exact[k] - energy * exact[k] ** 2 / (energy * shared + 1)
        assert found == pytest.approx(float(expected), rel=1e-13, abs=0)


def test_prelog_is_the_share_of_data_symbols() -> None:
    channel = Rayleigh(large_scale_fading=[1.0], pilot_length=12, coherence_length=200)
    assert of_one_drop(channel).prelog == pytest.approx(0.94, rel=1e-15)


@ESTIMATES
def test_draws_have_the_covariance_of_channels_and_estimates(estimates: Any) -> None:
    beta = np.array([0.5, 2.0, 0.9])
    channel = Rayleigh(large_scale_fading=beta, pilot_length=2, pilot_snr_db=0.0, estimates=estimates)
    statistics = of_one_drop(channel)
    draws, antennas = 20_000, 4
    channels, guesses = channel.draw(statistics, ULA(elements=antennas), draws, np.random.default_rng(142))
    assert channels.shape == guesses.shape == (draws, 1, antennas, 3)
    joint = np.concatenate([channels, guesses], axis=-1).reshape(-1, 6)
    covariance = joint.T @ joint.conj() / len(joint)
    among = np.diag(statistics.xi[0]).astype(complex)
    if estimates == "physical":
        # The basis of the pilots cancels in the covariance of estimates that share one.
        among = lmmse(beta, 2, 1.0, np.random.default_rng(0))
    cross = among if estimates == "physical" else np.diag(statistics.xi[0])
    expected = np.block([[np.diag(beta), cross], [cross.conj().T, among]])
    scale = np.sqrt(np.outer(np.diagonal(expected), np.diagonal(expected)).real)
    # Each normalised entry has a standard deviation of at most 1 / sqrt(80 000) = 0.0035.
    np.testing.assert_allclose(covariance / scale, expected / scale, atol=5 * 0.0036)
    pseudo = joint.T @ joint / len(joint)
    np.testing.assert_allclose(np.abs(pseudo) / scale, 0, atol=6 * 0.0036)


@ESTIMATES
def test_draws_of_different_antennas_and_drops_are_uncorrelated(estimates: Any) -> None:
    channel = Rayleigh(users=2, pilot_length=1, estimates=estimates)
    statistics = channel.statistics(drops_of(3, range(2)), ARRAY)
    channels, guesses = channel.draw(statistics, ULA(elements=3), 20_000, np.random.default_rng(143))
    assert channels.shape == (20_000, 2, 3, 2)
    for value, size in ((channels, statistics.beta), (guesses, statistics.xi)):
        unit = (value / np.sqrt(size)[:, None, :])[..., 0].reshape(20_000, -1)
        covariance = unit.T @ unit.conj() / 20_000
        np.testing.assert_allclose(covariance, np.eye(6), atol=5 / np.sqrt(20_000))


def test_complex_normal_is_circular_with_unit_variance() -> None:
    sample = complex_normal((100_000,), np.random.default_rng(144))
    assert stats.kstest(np.abs(sample) ** 2, "expon").pvalue > SIGNIFICANCE
    assert stats.kstest(np.angle(sample), "uniform", args=(-np.pi, 2 * np.pi)).pvalue > SIGNIFICANCE


# Geometry of random drops

CELL = Rayleigh(users=50, cell_radius_m=800.0, min_distance_m=50.0, path_loss_exponent=3.7, shadowing_db=6.0)


def fading(channel: Rayleigh, drops: int = 400) -> FloatArray:
    return channel.statistics(drops_of(145, range(drops)), ARRAY).beta


def relative_distance(beta: FloatArray) -> FloatArray:
    """Return r / r_h of users whose fading has no shadowing."""
    return np.asarray(beta ** (-1 / CELL.path_loss_exponent))


def test_users_are_uniform_over_the_area_of_the_annulus() -> None:
    distance = relative_distance(fading(attrs.evolve(CELL, shadowing_db=0.0))).ravel()
    outer = 800 / 50
    assert distance.min() >= 1 - 1e-12
    assert distance.max() <= outer * (1 + 1e-12)
    # 20 000 users reach within 1 % of both edges.
    assert distance.min() < 1.2
    assert distance.max() > 0.999 * outer
    area = (distance**2 - 1) / (outer**2 - 1)
    assert stats.kstest(area, "uniform").pvalue > SIGNIFICANCE


def test_uniform_distances_would_be_noticed() -> None:
    outer = 800 / 50
    distance = np.random.default_rng(146).uniform(1, outer, 20_000)
    assert stats.kstest((distance**2 - 1) / (outer**2 - 1), "uniform").pvalue < 1e-12


def test_shadowing_is_log_normal() -> None:
    shadow_db = 10 * np.log10(fading(attrs.evolve(CELL, path_loss_exponent=0.0))).ravel()
    assert stats.kstest(shadow_db, "norm", args=(0, 6.0)).pvalue > SIGNIFICANCE
    # Within four standard errors: 6 / sqrt(20 000) of the mean, 6 / sqrt(40 000) of the standard deviation.
    assert abs(shadow_db.mean()) < 4 * 6 / np.sqrt(20_000)
    assert abs(shadow_db.std() - 6) < 4 * 6 / np.sqrt(40_000)


def test_path_loss_and_shadowing_multiply_and_are_independent() -> None:
    distance = relative_distance(fading(attrs.evolve(CELL, shadowing_db=0.0)))
    shadow = fading(attrs.evolve(CELL, path_loss_exponent=0.0))
    np.testing.assert_allclose(fading(CELL), shadow * distance**-3.7, rtol=1e-9)
    rank = stats.spearmanr(distance.ravel(), shadow.ravel())
    assert rank.pvalue > SIGNIFICANCE


def test_users_of_a_drop_and_drops_are_independent() -> None:
    beta = fading(CELL)
    for first, second in ((beta[:, :-1], beta[:, 1:]), (beta[:-1], beta[1:])):
        assert stats.spearmanr(first.ravel(), second.ravel()).pvalue > SIGNIFICANCE
    assert np.unique(beta).size == beta.size


def test_fading_does_not_depend_on_the_unit_of_length() -> None:
    kilometres = attrs.evolve(CELL, cell_radius_m=0.8, min_distance_m=0.05)
    np.testing.assert_allclose(fading(kilometres, 3), fading(CELL, 3), rtol=1e-12)


# Reproducibility


def scenario(**changes: Any) -> Scenario:
    given: dict[str, Any] = {
        "seed": 9,
        "drops": 6,
        "snr_db": 10.0,
        "precoders": [MRT()],
        "allocators": [Exact()],
        "transmit_array": UPA(horizontal=3, vertical=3),
        "receive_array": UPA(horizontal=2, vertical=3),
        "target": Target(azimuth_deg=20.0, elevation_deg=50.0, reflection_amplitude=0.2),
        "sensing": Sensing(crlb_limit_db=-32.0),
        "channel": Rayleigh(users=4, pilot_length=3),
    }
    return Scenario(**{**given, **changes})


def test_same_seed_same_bits_and_another_seed_other_bits() -> None:
    first, again, other = (scenario(seed=seed).statistics().beta for seed in (9, 9, 10))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, other).any()


def test_a_drop_does_not_depend_on_the_drops_beside_it() -> None:
    all_drops = scenario(drops=6).statistics()
    for key in ("beta", "xi", "epsilon"):
        whole = getattr(all_drops, key)
        np.testing.assert_array_equal(getattr(scenario(drops=2).statistics(), key), whole[:2])
        np.testing.assert_array_equal(getattr(scenario().statistics(drops=[4, 1]), key), whole[[4, 1]])


def test_the_users_before_do_not_depend_on_how_many_there_are() -> None:
    few, many = (fading(attrs.evolve(CELL, users=users, shadowing_db=0.0), 3) for users in (4, 9))
    np.testing.assert_array_equal(few, many[:, :4])


def test_given_fading_is_the_same_in_every_drop() -> None:
    statistics = scenario(channel=Rayleigh(large_scale_fading=[0.1, 0.2])).statistics()
    np.testing.assert_array_equal(statistics.beta, [[0.1, 0.2]])


@ESTIMATES
def test_draws_are_a_function_of_their_generator(estimates: Any) -> None:
    channel = Rayleigh(users=3, pilot_length=2, estimates=estimates)
    statistics = channel.statistics(drops_of(5, [0]), ARRAY)
    first, again, other = (channel.draw(statistics, ARRAY, 5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, other).any()


@pytest.mark.parametrize("allocator", [Exact(), SCA(), Ipopt(starts=3)], ids=lambda part: part.name)
def test_global_generator_is_neither_read_nor_touched(allocator: Allocator) -> None:
    def global_state() -> tuple[Any, ...]:
        _, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - the global generator is what is tested
        return (*keys.tolist(), *rest)  # type: ignore[union-attr]

    saved = np.random.get_state()  # noqa: NPY002
    try:
        found = []
        for seed in (1, 2):
            np.random.seed(seed)  # noqa: NPY002
            before = global_state()
            rates = isacfw.compare(scenario(drops=2, allocators=[allocator])).dataset["sum_rate"].to_numpy()
            found.append(rates)
            assert global_state() == before
        np.testing.assert_array_equal(*found)
    finally:
        np.random.set_state(saved)  # noqa: NPY002


# Options


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({}, "users"),
        ({"users": 0}, "users"),
        ({"users": 3, "large_scale_fading": [0.1]}, "users"),
        ({"large_scale_fading": []}, "large_scale_fading"),
        ({"large_scale_fading": [0.1, 0.0]}, r"large_scale_fading\[1\]"),
        ({"large_scale_fading": [0.1], "shadowing_db": 3.0}, "shadowing_db"),
        ({"users": 2, "min_distance_m": 1000.0}, "min_distance_m"),
        ({"users": 2, "pilot_length": 100}, "pilot_length"),
        ({"users": 2, "shadowing_db": -1.0}, "shadowing_db"),
        ({"users": 2, "estimates": "exact"}, "estimates"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError, match=f"^{key} (must|is required|has no effect)"):
        Rayleigh(**options)
