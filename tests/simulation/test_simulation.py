"""Simulated rates, CRLBs and echoes against the closed forms.

Seeds are fixed. A comparison within 4 standard errors fails once in 16 000 for a correct closed form and another
seed.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, final

import attrs
import numpy as np
import pytest

import isacfw
from isacfw import FloatArray, IncompatibleError, PowerAllocationProblem, Precoder, Scenario, Sensing, Target
from isacfw.signal.statistics import drops_of
from isacfw.simulation import (
    AngleGrid,
    MaximumLikelihood,
    Simulated,
    Transmission,
    echoes,
    jackknife,
    simulated_crlb,
    simulated_rates,
    squared_errors,
    symbols,
)
from isacfw.simulation.transmission import DRAWS_AT_ONCE
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.zf import ZF

PRECODERS: dict[str, Precoder] = {"mrt": MRT(), "zf": ZF()}
BOTH = pytest.mark.parametrize("name", PRECODERS)
ERRORS = 4.0


@attrs.frozen(kw_only=True, eq=False)
class Case:
    """A transmitter: the sides of its array, users' fading, its power, and how that is split."""

    sides: tuple[int, int] = (4, 4)
    fading: tuple[float, ...] = (1.0, 0.7, 0.4)
    snr_db: float = 10.0
    communication: float = 0.5
    sensing: float = 0.5
    uneven: bool = True
    channel: dict[str, Any] = attrs.field(factory=dict)
    draws: int = 20_000

    @property
    def scenario(self) -> Scenario:
        pilots = {"pilot_length": 8, "pilot_snr_db": -3.0, "coherence_length": 50}
        return Scenario(
            snr_db=self.snr_db,
            precoders=list(PRECODERS.values()),
            allocators=[Exact()],
            transmit_array=UPA(horizontal=self.sides[0], vertical=self.sides[1]),
            receive_array=UPA(horizontal=3, vertical=4),
            target=Target(azimuth_deg=-33.0, elevation_deg=62.0, reflection_amplitude=0.15),
            sensing=Sensing(frame_length=20),
            channel=Rayleigh(large_scale_fading=self.fading, **{**pilots, **self.channel}),
        )

    @property
    def shares(self) -> tuple[FloatArray, FloatArray]:
        """Shares of the users, the weakest with most in an uneven split, and of sensing."""
        weights = np.arange(1.0, len(self.fading) + 1) ** (1 if self.uneven else 0)
        return self.communication * weights / weights.sum(), np.asarray(self.sensing)

    def problem(self, name: str) -> PowerAllocationProblem:
        return self.scenario.problem(PRECODERS[name])[0]

    def transmission(self, name: str) -> Transmission:
        communication, sensing = self.shares
        return Transmission.of(self.scenario, PRECODERS[name], 0, communication, float(sensing))


SIX = (1.0, 0.9, 0.6, 0.5, 0.3, 0.2)
CASES = {
    "3 x 3, all power to users": Case(
        sides=(3, 3), fading=(1.0, 0.5), snr_db=0.0, communication=1.0, sensing=0.0, draws=40_000
    ),
    "4 x 4, even": Case(communication=0.6, sensing=0.4, uneven=False, draws=40_000),
    "4 x 4, few pilots": Case(channel={"pilot_length": 2}, communication=0.9, sensing=0.1, draws=40_000),
    "8 x 2, little power": Case(sides=(8, 2), fading=(0.8, 0.4, 0.5, 0.6), snr_db=-5.0, draws=60_000),
    "5 x 5, one user": Case(sides=(5, 5), fading=(1.0,), draws=20_000),
    "6 x 6, half to sensing": Case(sides=(6, 6), fading=SIX, draws=20_000),
    "6 x 6, high power": Case(sides=(6, 6), fading=SIX, snr_db=25.0, communication=0.95, sensing=0.05),
    "6 x 6, not all power": Case(sides=(6, 6), fading=SIX, communication=0.5, sensing=0.0),
    "10 x 10": Case(
        sides=(10, 10), fading=(*SIX, 0.1, 0.4), snr_db=5.0, communication=0.3, sensing=0.1, draws=6_000
    ),
}
SLOW = {
    *("4 x 4, even", "4 x 4, few pilots", "8 x 2, little power", "6 x 6, high power"),
    *("6 x 6, half to sensing", "6 x 6, not all power"),
}
ALL = pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow) if case in SLOW else case for case in CASES]
)


@cache
def rates(case: str, name: str) -> tuple[Simulated, FloatArray]:
    """Return simulated rates and the closed form's."""
    setting = CASES[case]
    found = simulated_rates(setting.transmission(name), setting.draws, np.random.default_rng(301))
    return found, setting.problem(name).rates(*setting.shares)


def deviation(found: Simulated, expected: FloatArray) -> FloatArray:
    """Return the difference in standard errors."""
    return np.asarray(np.abs(found.value - expected) / found.standard_error)


# Rates


@ALL
@BOTH
def test_simulated_rates_agree_with_the_closed_form(case: str, name: str) -> None:
    found, closed = rates(case, name)
    assert (found.standard_error < 0.01 * closed).all()
    assert (deviation(found, closed) < ERRORS).all()


@ALL
@BOTH
@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_a_closed_form_off_by_three_per_cent_would_be_noticed(case: str, name: str, factor: float) -> None:
    found, closed = rates(case, name)
    assert (deviation(found, factor * closed) > ERRORS).any()


@BOTH
def test_transmitted_power_is_that_of_the_shares(name: str) -> None:
    setting = Case(communication=0.3, sensing=0.4)
    _, waveforms = setting.transmission(name).draw(20_000, np.random.default_rng(302))
    powers = (np.abs(waveforms) ** 2).sum(axis=(-2, -1))
    error = powers.std() / np.sqrt(len(powers))
    assert error < 0.01 * 7
    assert abs(powers.mean() - 7) < ERRORS * error


def test_transmission_of_a_drop_has_the_statistics_of_that_drop() -> None:
    scenario = attrs.evolve(Case().scenario, channel=Rayleigh(users=3), drops=4, seed=9)
    transmission = Transmission.of(scenario, MRT(), 2, np.full(3, 0.2), 0.4)
    np.testing.assert_array_equal(transmission.statistics.beta, scenario.statistics().beta[2])
    problem = scenario.problem(MRT())[2]
    np.testing.assert_allclose(transmission.gamma, problem.gamma(np.full(3, 0.2)), rtol=1e-14)
    assert transmission.rho == pytest.approx(float(problem.rho(np.asarray(0.4))), rel=1e-14)


# CRLBs

CRLB_DRAWS = 20_000


@cache
def bounds(name: str, beam: tuple[float, float], sensing: float) -> tuple[Simulated, FloatArray]:
    """Return simulated CRLBs and the closed form's, for a beam that misses the target by some degrees."""
    setting = Case(sides=(5, 4), communication=1 - sensing, sensing=sensing)
    target = setting.scenario.target
    aim = Sensing(
        frame_length=20,
        beam_azimuth_deg=target.azimuth_deg + beam[0],
        beam_elevation_deg=target.elevation_deg + beam[1],
    )
    scenario = attrs.evolve(setting.scenario, sensing=aim)
    communication, share = setting.shares
    transmission = Transmission.of(scenario, PRECODERS[name], 0, communication, float(share))
    found = simulated_crlb(transmission, scenario, CRLB_DRAWS, np.random.default_rng(303))
    problem = scenario.problem(PRECODERS[name])[0]
    return found, problem.crlb(communication, share)


BEAMS = pytest.mark.parametrize(
    "beam",
    [
        (0.0, 0.0),
        pytest.param((3.0, 0.0), marks=pytest.mark.slow),
        (4.0, -6.0),
        pytest.param((30.0, 20.0), marks=pytest.mark.slow),
    ],
    ids=str,
)
SHARES = pytest.mark.parametrize("sensing", [0.0, pytest.param(0.05, marks=pytest.mark.slow), 0.5])


@BOTH
@BEAMS
@SHARES
def test_simulated_crlb_agrees_with_the_closed_form(name: str, beam: tuple[float, float], sensing: float) -> None:
    found, closed = bounds(name, beam, sensing)
    assert (found.standard_error < 0.01 * closed).all()
    assert (deviation(found, closed) < ERRORS).all()


@BOTH
@BEAMS
@SHARES
def test_a_crlb_off_by_three_per_cent_would_be_noticed(
    name: str, beam: tuple[float, float], sensing: float
) -> None:
    found, closed = bounds(name, beam, sensing)
    assert (deviation(found, 1.03 * closed) > ERRORS).any()
    assert (deviation(found, 0.97 * closed) > ERRORS).any()


def test_angles_that_cannot_be_estimated_have_infinite_simulated_bounds() -> None:
    line = ULA(elements=6)
    # With limits on both angles neither counts as known.
    sensing = Sensing(frame_length=20, crlb_limit_db=-20.0)
    scenario = attrs.evolve(Case().scenario, transmit_array=line, receive_array=line, sensing=sensing)
    transmission = Transmission.of(scenario, MRT(), 0, np.full(3, 0.2), 0.4)
    assert np.isinf(simulated_crlb(transmission, scenario, 200, np.random.default_rng(304)).value).all()


def test_angle_that_counts_as_known_has_no_simulated_bound_and_the_other_has_its_own() -> None:
    line = ULA(elements=6)
    scenario = attrs.evolve(Case().scenario, transmit_array=line, receive_array=line)
    x, q = np.full(3, 0.2), 0.4
    transmission = Transmission.of(scenario, MRT(), 0, x, q)
    found = simulated_crlb(transmission, scenario, 20_000, np.random.default_rng(304))
    azimuth, elevation = scenario.problem(MRT())[0].crlb(x, q)
    assert np.isnan([elevation, found.value[1]]).all()
    assert found.standard_error[0] < 0.01 * azimuth
    assert abs(found.value[0] - azimuth) < ERRORS * found.standard_error[0]


def test_frame_shorter_than_the_streams_is_refused_where_echoes_are_simulated() -> None:
    scenario = attrs.evolve(Case().scenario, sensing=Sensing(frame_length=3))
    estimator = MaximumLikelihood(scenario.transmit_array, scenario.receive_array, AngleGrid.regular(np.pi / 8))
    transmission = Transmission.of(scenario, MRT(), 0, np.full(3, 0.2), 0.4)
    words = r"sensing\.frame_length must be at least 4, the number of transmitted streams, got 3"
    with pytest.raises(isacfw.InputError, match=words):
        squared_errors(transmission, scenario, estimator, 2, np.random.default_rng(1))
    # Superposed, sensing needs no symbol more.
    superposed = attrs.evolve(transmission, superposed=True)
    assert squared_errors(superposed, scenario, estimator, 2, np.random.default_rng(1)).grid.shape == (2, 2)


# Physical estimates

SHARED = Case(
    sides=(6, 6),
    fading=SIX,
    snr_db=5.0,
    communication=0.8,
    sensing=0.2,
    channel={"pilot_length": 4, "estimates": "physical"},
)
INDEPENDENT = attrs.evolve(SHARED, channel={"pilot_length": 4, "estimates": "independent"})
SHARING = [0, 1, 4, 5]


@cache
def rates_of_shared_pilots(setting: Case) -> Simulated:
    return simulated_rates(setting.transmission("mrt"), 20_000, np.random.default_rng(305))


def test_rates_with_shared_pilots_agree_with_the_coherent_closed_form() -> None:
    found, closed = rates_of_shared_pilots(SHARED), SHARED.problem("mrt").rates(*SHARED.shares)
    assert (found.standard_error < 0.01 * closed).all()
    assert (deviation(found, closed) < ERRORS).all()
    assert (deviation(found, 1.03 * closed) > ERRORS).all()


def test_rates_with_shared_pilots_refute_the_independent_closed_form() -> None:
    found = rates_of_shared_pilots(SHARED)
    closed = INDEPENDENT.problem("mrt").rates(*SHARED.shares)
    apart = deviation(found, closed)
    assert (apart[SHARING] > 3 * ERRORS).all()
    assert (found.value[SHARING] < closed[SHARING]).all()
    assert (np.delete(apart, SHARING) < ERRORS).all()


def test_independent_estimates_of_shared_pilots_agree_with_the_independent_closed_form() -> None:
    found, closed = rates_of_shared_pilots(INDEPENDENT), INDEPENDENT.problem("mrt").rates(*INDEPENDENT.shares)
    assert (deviation(found, closed) < ERRORS).all()


def test_physical_estimates_do_not_change_the_crlb() -> None:
    scenario, share = SHARED.scenario, SHARED.shares[0]
    found = simulated_crlb(SHARED.transmission("mrt"), scenario, 20_000, np.random.default_rng(306))
    assert (deviation(found, SHARED.problem("mrt").crlb(share, SHARED.shares[1])) < ERRORS).all()


def test_zero_forcing_with_shared_pilots_is_refused_in_one_sentence() -> None:
    with pytest.raises(
        IncompatibleError, match="zero forcing does not exist where users share a pilot"
    ) as caught:
        SHARED.transmission("zf")
    assert "\n" not in str(caught.value)


def test_zero_forcing_with_shared_pilots_is_skipped_in_a_comparison() -> None:
    dataset = isacfw.compare(SHARED.scenario, allocators=["equal_cs"]).dataset
    assert (dataset["status"].sel(precoder="zf") == "skipped").all()
    assert all("share a pilot" in text for text in dataset["message"].sel(precoder="zf").to_numpy().flat)
    assert np.isnan(dataset["sum_rate"].sel(precoder="zf")).all()
    assert np.isfinite(dataset["sum_rate"].sel(precoder="mrt")).all()


@BOTH
def test_physical_estimates_with_enough_pilots_are_independent_ones(name: str) -> None:
    physical, independent = (
        attrs.evolve(SHARED, channel={"pilot_length": 6, "estimates": model})
        for model in ("physical", "independent")
    )
    theirs, ours = physical.problem(name), independent.problem(name)
    for field in attrs.fields(PowerAllocationProblem):
        np.testing.assert_array_equal(getattr(theirs, field.name), getattr(ours, field.name))
    found = simulated_rates(physical.transmission(name), 20_000, np.random.default_rng(307))
    assert (deviation(found, ours.rates(*independent.shares)) < ERRORS).all()


@pytest.mark.parametrize("pilots", [1, 3, 4, 8])
def test_moments_of_physical_estimates(pilots: int) -> None:
    channel = attrs.evolve(SHARED, channel={"pilot_length": pilots, "estimates": "physical"}).scenario.channel
    array = ULA(elements=8)
    given = channel.statistics(drops_of(0, [0]), array)
    statistics = given.of_drop(0)
    draws, antennas = 4000, array.n_elements
    channels, estimates = channel.draw(statistics, array, draws, np.random.default_rng([308, pilots]))
    errors = channels - estimates
    for value, variance in (
        (channels, statistics.beta),
        (estimates, statistics.xi),
        (errors, statistics.epsilon),
    ):
        # |h|^2 is exponential: its mean has a relative standard error of 1 / sqrt(M N).
        np.testing.assert_allclose(
            (np.abs(value) ** 2).mean(axis=(0, 1)), variance, rtol=ERRORS / np.sqrt(draws * antennas)
        )
    product = (errors.conj() * estimates).mean(axis=(0, 1))
    scale = np.sqrt(statistics.xi * statistics.epsilon / (draws * antennas))
    assert (np.abs(product) < ERRORS * scale).all()
    assert set(np.linalg.matrix_rank(estimates[:50])) == {min(pilots, 6)}


# Standard errors


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    blocks = np.random.default_rng(309).gamma(2.0, size=(40, 3))
    found = jackknife(blocks, lambda means: means)
    np.testing.assert_allclose(found.value, blocks.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(found.standard_error, blocks.std(axis=0, ddof=1) / np.sqrt(40), rtol=1e-12)


def test_jackknife_of_a_ratio_agrees_with_the_delta_method() -> None:
    generator = np.random.default_rng(310)
    x = 3 + generator.standard_normal(2000)
    blocks = np.stack([x, 5 + 0.5 * x + generator.standard_normal(2000)], axis=1)
    found = jackknife(blocks, lambda means: means[:, 0] / means[:, 1])
    (top, bottom), covariance = blocks.mean(axis=0), np.cov(blocks.T)
    gradient = np.array([1 / bottom, -top / bottom**2])
    assert found.value == pytest.approx(top / bottom, rel=1e-14)
    # Both are of second order in the relative spread of a mean, 1 / (3 sqrt(2000)).
    assert found.standard_error == pytest.approx(np.sqrt(gradient @ covariance @ gradient / 2000), rel=1e-3)


def test_one_block_has_no_standard_error() -> None:
    found = jackknife(np.ones((1, 2)), lambda means: means)
    np.testing.assert_array_equal(found.value, [1, 1])
    assert np.isnan(found.standard_error).all()


@pytest.mark.slow
def test_standard_error_is_the_spread_of_repeated_simulations() -> None:
    transmission = Case().transmission("mrt")
    found = [simulated_rates(transmission, 200, np.random.default_rng([311, run])) for run in range(100)]
    spread = np.std([one.value for one in found], axis=0, ddof=1)
    # A standard deviation of 100 runs has a relative standard error of 1 / sqrt(200).
    mean = np.mean([one.standard_error for one in found], axis=0)
    np.testing.assert_allclose(mean, spread, rtol=ERRORS / np.sqrt(200))


# Randomness and memory


def simulate_rates(seed: int) -> FloatArray:
    return simulated_rates(Case().transmission("zf"), 500, np.random.default_rng(seed)).value


def simulate_crlb(seed: int) -> FloatArray:
    setting = Case()
    return simulated_crlb(setting.transmission("mrt"), setting.scenario, 500, np.random.default_rng(seed)).value


def simulate_errors(seed: int) -> FloatArray:
    setting = Case()
    scenario = setting.scenario
    estimator = MaximumLikelihood(scenario.transmit_array, scenario.receive_array, AngleGrid.regular(np.pi / 24))
    transmission = setting.transmission("mrt")
    return squared_errors(transmission, scenario, estimator, 50, np.random.default_rng(seed)).refined


SIMULATIONS = pytest.mark.parametrize("simulate", [simulate_rates, simulate_crlb, simulate_errors])


@SIMULATIONS
def test_same_seed_same_bits_and_another_seed_other_bits(simulate: Callable[[int], FloatArray]) -> None:
    first, again, other = simulate(7), simulate(7), simulate(8)
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_more_trials_begin_with_the_same_ones() -> None:
    setting = Case()
    scenario = setting.scenario
    estimator = MaximumLikelihood(scenario.transmit_array, scenario.receive_array, AngleGrid.regular(np.pi / 24))
    few, many = (
        squared_errors(setting.transmission("mrt"), scenario, estimator, trials, np.random.default_rng(7))
        for trials in (3 * DRAWS_AT_ONCE, 5 * DRAWS_AT_ONCE + 1)
    )
    np.testing.assert_array_equal(many.grid[: len(few.grid)], few.grid)
    np.testing.assert_array_equal(many.refined[: len(few.grid)], few.refined)
    assert many.refined.shape == (5 * DRAWS_AT_ONCE + 1, 2)


@SIMULATIONS
def test_global_generator_is_neither_read_nor_touched(simulate: Callable[[int], FloatArray]) -> None:
    saved = np.random.get_state()  # noqa: NPY002 - the global generator is what is tested
    try:
        found = []
        for seed in (1, 2):
            np.random.seed(seed)  # noqa: NPY002
            before = str(np.random.get_state())  # noqa: NPY002
            found.append(simulate(7))
            assert str(np.random.get_state()) == before  # noqa: NPY002
        np.testing.assert_array_equal(*found)
    finally:
        np.random.set_state(saved)  # noqa: NPY002


def peak_memory(simulate: Callable[[], object]) -> int:
    """Return the largest number of bytes that are allocated at once."""
    tracemalloc.start()
    try:
        simulate()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("users", [1, 19])
def test_memory_of_an_estimation_is_bounded(users: int) -> None:
    setting = Case(sides=(10, 10), fading=(0.5,) * users)
    scenario = setting.scenario
    estimator = MaximumLikelihood(scenario.transmit_array, scenario.receive_array, AngleGrid.regular(np.pi / 8))
    transmission = setting.transmission("mrt")

    def estimate() -> None:
        squared_errors(transmission, scenario, estimator, 200, np.random.default_rng(312))

    # The covariances of the signals alone would be 32 MB for all trials at once.
    assert peak_memory(estimate) < 10e6


@pytest.mark.parametrize("simulate", [simulated_rates, simulated_crlb])
def test_memory_of_a_simulation_is_bounded(
    simulate: Callable[..., Simulated], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isacfw.simulation.transmission.BLOCKS", 1)
    setting = Case(sides=(10, 10), fading=(0.5,) * 10)
    arguments = [setting.scenario] if simulate is simulated_crlb else []
    transmission = setting.transmission("mrt")
    # The channels alone would be 48 MB for all draws at once.
    assert peak_memory(lambda: simulate(transmission, *arguments, 3000, np.random.default_rng(313))) < 5e6


# Echoes


def test_symbols_are_qpsk_of_unit_power_and_uncorrelated() -> None:
    drawn = symbols(4, 30, np.random.default_rng(313), 500)
    assert drawn.shape == (500, 4, 30)
    assert len(np.unique(drawn.round(6))) == 4
    np.testing.assert_allclose(np.abs(drawn), 1, rtol=1e-12)
    covariance = np.einsum("mkl,mjl->kj", drawn, drawn.conj()) / (500 * 30)
    np.testing.assert_allclose(covariance, np.eye(4), atol=5 / np.sqrt(500 * 30))


def test_echoes_are_the_reflection_and_noise_of_unit_variance() -> None:
    scenario = Case().scenario
    signals = symbols(16, 25, np.random.default_rng(314), 400)
    received = echoes(signals, scenario, np.random.default_rng(315))
    assert received.shape == (400, 12, 25)
    a = scenario.transmit_array.steering_vector(scenario.target.direction)
    b = scenario.receive_array.steering_vector(scenario.target.direction)
    noise = received - 0.15 * np.outer(b, a.conj()) @ signals
    assert (np.abs(noise) ** 2).mean() == pytest.approx(1, abs=ERRORS / np.sqrt(noise.size))
    assert abs((noise**2).mean()) < 5 / np.sqrt(noise.size)
    assert abs(np.vdot(signals[:, :12], noise)) < 5 * np.sqrt(noise.size)


@final
@attrs.frozen(kw_only=True)
class PerAntenna(isacfw.Beam):
    """A stream per antenna, each with a waveform of its own; the last antenna has twice the weight."""

    name: ClassVar[str] = "per_antenna"
    waveforms: bool = False

    def weights(self, scene: isacfw.Scene, estimates: isacfw.ComplexArray) -> isacfw.ComplexArray:
        weights = np.eye(scene.antennas, dtype=np.complex128)
        weights[-1, -1] = 2
        return weights[..., None] if self.waveforms else weights


@pytest.mark.parametrize("waveforms", [False, True])
@pytest.mark.parametrize("draws", [1, 3, 4, 5])
def test_beam_with_a_stream_per_antenna_is_the_same_for_any_number_of_draws(draws: int, waveforms: bool) -> None:
    beam = PerAntenna(waveforms=waveforms)
    scenario = attrs.evolve(Case(sides=(2, 2)).scenario, beams=[beam])
    x, q = np.full(3, 0.1), np.arange(1.0, 5.0) * 0.07
    transmission = Transmission.of(scenario, PRECODERS["mrt"], 0, x, q)
    _, waveform = transmission.draw(draws, np.random.default_rng(0))
    assert waveform.shape == (draws, 4, 3 + 4)
    np.testing.assert_allclose(
        waveform[..., 3:], np.broadcast_to(np.diag(np.sqrt(q * 10)), (draws, 4, 4)), atol=1e-12
    )


def test_steered_beams_of_as_many_targets_as_antennas_and_draws_are_the_same_in_all_draws() -> None:
    targets = [Target(azimuth_deg=azimuth, elevation_deg=70.0) for azimuth in (-40.0, 25.0)]
    scenario = attrs.evolve(Case(sides=(2, 1), fading=(1.0,)).scenario, target=None, targets=targets)
    transmission = Transmission.of(scenario, PRECODERS["mrt"], 0, np.array([0.5]), np.array([0.1, 0.4]))
    streams = [transmission.draw(draws, np.random.default_rng(0))[1][:, :, 1:] for draws in (2, 3)]
    np.testing.assert_array_equal(streams[0], streams[1][:2])
    np.testing.assert_array_equal(streams[0][0], streams[0][1])
