"""The model of channels, precoders and beams that are not isotropic, against simulation and independent code.

Seeds are fixed. About 150 numbers are each compared within 4 standard errors, of the simulation and of the
sampled moments together: for a right model and other seeds, one of them would fail in a run of a hundred.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from acceptance.parts import GivenChannels, GivenUser
from channels import Gaussian, HalfArray, LineOfSight, scene, with_fading
from numerics import scattered

from isacfw import (
    Beam,
    BeamStatistics,
    Channel,
    ComplexArray,
    FloatArray,
    LinkStatistics,
    Precoder,
    Scenario,
    Sensing,
    Steered,
    Target,
)
from isacfw.signal.channel import complex_normal
from isacfw.simulation import Simulated, Transmission, simulated_crlb, simulated_rates
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.beams.difference import Difference
from isacfw_plugins.beams.joined import Joined
from isacfw_plugins.beams.projected import Projected
from isacfw_plugins.beams.rzf import RZFBeam
from isacfw_plugins.channels.correlated import Correlated
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.channels.rician import Rician
from isacfw_plugins.channels.tr38901 import TR38901
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.zf import ZF

pytestmark = pytest.mark.usefixtures("one_blas_thread")

ERRORS = 4.0

RAYLEIGH = Rayleigh(large_scale_fading=[1.0, 0.6, 0.3], pilot_length=4, pilot_snr_db=0.0, coherence_length=50)
LINES = LineOfSight(fading=(1.0, 0.6, 0.3), azimuths_deg=(-35.0, 18.0, 60.0))
RICIAN = Gaussian(k_factor=2.0, azimuths_deg=(-35.0, 18.0, 60.0))
CORRELATED = Gaussian(correlation=0.9, pilots=(0, 1, 0))
LOCAL = Correlated(
    large_scale_fading=(1.0, 0.6, 0.3),
    azimuths_deg=(-35.0, 18.0, 60.0),
    scattering="laplace",
    spread_deg=25.0,
    elevation_spread_deg=20.0,
    pilot_length=2,
    pilot_snr_db=3.0,
    estimates="physical",
)
SCATTERED_RICIAN = Rician(
    large_scale_fading=(1.0, 0.6, 0.3),
    azimuths_deg=(-35.0, 18.0, 60.0),
    scattering="uniform",
    spread_deg=40.0,
    elevation_spread_deg=30.0,
    k_factor_db=3.0,
    pilot_length=3,
    pilot_snr_db=3.0,
)
FACTORY = TR38901(users=3, scenario="inf_sh", carrier_hz=3.5e9, scale_db=72.0, pilot_length=3, pilot_snr_db=5.0)

FIRST = Target(azimuth_deg=20.0, elevation_deg=70.0, reflection_amplitude=0.15, reflection_phase_deg=25.0)
SECOND = Target(azimuth_deg=-40.0, elevation_deg=100.0, reflection_amplitude=0.2)


@attrs.frozen(kw_only=True, eq=False)
class Case:
    """A channel, a precoder, a beam and targets."""

    channel: Channel
    precoder: Precoder = attrs.field(factory=MRT)
    beam: Beam = attrs.field(factory=Steered)
    targets: tuple[Target, ...] = (FIRST,)
    misses: bool = True
    """Whether the model for independent isotropic fading is off."""
    draws: tuple[int, int] = (8000, 3000)
    """Number of simulated draws for the smaller and the larger array."""

    def scenario(self, side: int) -> Scenario:
        return Scenario(
            seed=3,
            snr_db=7.0 if side < 10 else 0.0,
            precoders=[self.precoder],
            beams=[self.beam],
            allocators=[Exact()],
            transmit_array=UPA(horizontal=side, vertical=side),
            receive_array=UPA(horizontal=3, vertical=4),
            targets=self.targets,
            sensing=Sensing(frame_length=20),
            channel=self.channel,
            sampling_accuracy=0.008 if side < 10 else 0.02,
        )


CASES = {
    "lines of random phase, mrt": Case(channel=LINES),
    "lines of random phase, zf": Case(channel=LINES, precoder=ZF()),
    "means of known phase, mrt": Case(channel=RICIAN),
    "means of known phase, zf": Case(channel=RICIAN, precoder=ZF()),
    "correlation 0.9 and shared pilots, mrt": Case(channel=CORRELATED, draws=(40_000, 3000)),
    "half of the antennas": Case(channel=RAYLEIGH, precoder=HalfArray(), misses=False),
    "projected": Case(channel=RAYLEIGH, beam=Projected(), misses=False),
    "projected, means of known phase": Case(channel=RICIAN, beam=Projected(of=Difference())),
    "rzf": Case(channel=RAYLEIGH, precoder=ZF(), beam=RZFBeam(regularization=2.0), misses=False),
    "difference and sum, correlation 0.9": Case(
        channel=CORRELATED, beam=Difference(sum_share=0.2), draws=(40_000, 3000)
    ),
    "joined": Case(channel=RAYLEIGH, beam=Joined(beams=[Steered(), Difference(), Projected()]), misses=False),
    "local scattering, mrt": Case(channel=LOCAL, draws=(26_000, 6000)),
    "local scattering, zf": Case(channel=LOCAL, precoder=ZF()),
    "rician fading, mrt": Case(channel=SCATTERED_RICIAN, draws=(8000, 6000)),
    "rician fading, zf": Case(channel=SCATTERED_RICIAN, precoder=ZF()),
    "factory of TR 38.901, mrt": Case(channel=FACTORY, draws=(26_000, 6000)),
    "factory of TR 38.901, zf": Case(channel=FACTORY, precoder=ZF()),
    "two targets, means of known phase": Case(channel=RICIAN, targets=(FIRST, SECOND)),
}
SIDES = (4, 15)
BOTH = pytest.mark.parametrize("side", SIDES)
BY_NIGHT = {
    *("lines of random phase, zf", "means of known phase, zf", "correlation 0.9 and shared pilots, mrt"),
    *("projected", "projected, means of known phase", "two targets, means of known phase"),
    *("local scattering, zf", "rician fading, zf"),
    *("factory of TR 38.901, mrt", "factory of TR 38.901, zf"),
    *("difference and sum, correlation 0.9", "joined", "lines of random phase, mrt"),
}
LARGE = {"means of known phase, mrt"}
"""Cases of which the larger array is in every run."""


def is_long(side: int, name: str) -> bool:
    """Return whether a case is left to nightly runs."""
    return name in BY_NIGHT or (side > 10 and name not in LARGE)


def sides_of(names: list[str]) -> pytest.MarkDecorator:
    """Return the decorator of a test of both arrays in each case."""
    return pytest.mark.parametrize(
        ("side", "name"),
        [
            pytest.param(
                side,
                name,
                marks=[pytest.mark.nightly] if name in BY_NIGHT or (side > 10 and name not in LARGE) else [],
            )
            for name in names
            for side in SIDES
        ],
    )


def shares(users: int, streams: int) -> tuple[FloatArray, FloatArray]:
    """Return uneven shares of the users and streams, at full power."""
    x, q = np.arange(1.0, users + 1), np.arange(1.0, streams + 1)[::-1]
    return 0.6 * x / x.sum(), 0.4 * q / q.sum()


def numbers(case: Case, scenario: Scenario, link: LinkStatistics, beam: BeamStatistics) -> FloatArray:
    """Return all rates and CRLBs of the model."""
    statistics = scenario.statistics([0])
    problem = scenario.problem(case.precoder, statistics, link, case.beam, beam)[0]
    x, q = shares(problem.users, problem.streams)
    return np.concatenate([problem.rates(x, q), problem.crlb(x, q)])


def moved(part: Any) -> Iterator[tuple[Any, float]]:
    """Yield moments with one entry after the other moved by its standard error."""
    errors = part.standard_error
    if errors is None:
        return
    for name in ("signal_gain", "interference", "coupling", "forms"):
        value = None if isinstance(part, LinkStatistics) and name == "interference" else getattr(part, name, None)
        error = getattr(errors, name, None)
        if value is None or error is None:
            continue
        for place in np.argwhere(np.abs(np.asarray(error)) > 0):
            index, step = tuple(place), abs(np.asarray(error)[tuple(place)])
            other = (*index[:-2], index[-1], index[-2]) if name == "forms" else index
            turns = (1,) if name != "forms" or index == other else (1, 1j)
            for turn in turns if index <= other else ():
                changed = np.array(value)
                changed[index] += turn * step
                if other != index:
                    changed[other] = changed[index].conj()
                yield attrs.evolve(part, **{name: changed}), step


@cache
def modelled(name: str, side: int) -> Simulated:
    """Return what the model says, and the standard error that its sampled moments give it.

    An upper bound on rates: what single moments contribute to them is added in absolute value. What they
    contribute to bounds, by many entries of the forms, is added in squares.
    """
    case = CASES[name]
    scenario = case.scenario(side)
    statistics = scenario.statistics([0])
    link = scenario.link_statistics(case.precoder, statistics)
    beam = scenario.beam_statistics(case.beam, statistics)
    value = numbers(case, scenario, link, beam)
    users = link.signal_gain.shape[-1]
    error = np.zeros(len(value))
    for parts in (moved(link), moved(beam)):
        changes = [
            np.abs(numbers(case, scenario, *pair) - value)
            for part, _ in parts
            for pair in [(part, beam) if isinstance(part, LinkStatistics) else (link, part)]
        ]
        if changes:
            every = np.array(changes)
            linear, squared = every[:, :users].sum(axis=0), np.sqrt((every[:, users:] ** 2).sum(axis=0))
            error += np.concatenate([linear, squared])
    if link.standard_error is not None:
        # The gain of a user counts per power of its weights.
        relative = (link.standard_error.weight_power / link.weight_power)[0]
        error[:users] += value[:users] * relative
        error[users:] += value[users:] * relative.max()
    return Simulated(value=value, standard_error=error)


@cache
def simulated(name: str, side: int, superposed: bool = False) -> Simulated:
    case = CASES[name]
    scenario = case.scenario(side)
    beam_streams = scenario.streams_of(case.beam, scenario.statistics([0]))
    x, q = shares(3, beam_streams)
    transmission = Transmission.of(scenario, case.precoder, 0, x, q, superposed=superposed)
    draws = case.draws[SIDES.index(side)]
    rates = simulated_rates(transmission, draws, np.random.default_rng([601, side]))
    bounds = simulated_crlb(transmission, scenario, draws, np.random.default_rng([602, side]))
    return Simulated(
        value=np.concatenate([rates.value, bounds.value]),
        standard_error=np.concatenate([rates.standard_error, bounds.standard_error]),
    )


@sides_of(list(CASES))
def test_every_rate_and_bound_agrees_with_the_simulation(name: str, side: int) -> None:
    found, model = simulated(name, side), modelled(name, side)
    assert len(found.value) == 3 + 2 * len(CASES[name].targets)
    assert (found.standard_error < 0.01 * found.value).all()
    assert (model.standard_error < 0.04 * model.value).all()
    error = np.hypot(found.standard_error, model.standard_error)
    apart = np.abs(found.value - model.value)
    assert (apart < ERRORS * error).all(), (found, model)
    # Whatever the errors.
    np.testing.assert_allclose(found.value, model.value, rtol=0.05)


@sides_of([name for name, case in CASES.items() if case.misses])
def test_model_of_isotropic_fading_is_refuted(name: str, side: int) -> None:
    """Interference of sensing and Fisher information as if the channel had no direction: the framework of old."""
    case, found = CASES[name], simulated(name, side)
    scenario = case.scenario(side)
    statistics = attrs.evolve(scenario.statistics([0]), isotropic=True)
    own = scenario.link_statistics(case.precoder, scenario.statistics([0]))
    link = attrs.evolve(own, forms=None, isotropic=True)
    beam = scenario.beam_statistics(Steered() if isinstance(case.beam, Projected) else case.beam, statistics)
    apart = np.abs(found.value - numbers(case, scenario, link, beam)) / found.standard_error
    assert apart.max() > 5 * ERRORS


def test_half_of_the_antennas_tell_less_of_a_target_than_all() -> None:
    """Without power for sensing, or else its beam tells nearly everything."""
    scenario = CASES["half of the antennas"].scenario(4)
    x = shares(3, 1)[0] / 0.6
    transmission = Transmission.of(scenario, HalfArray(), 0, x, 0.0)
    found = simulated_crlb(transmission, scenario, 20_000, np.random.default_rng(607))
    model = scenario.problem(HalfArray())[0].crlb(x, 0.0)
    # The moments of the model are known to 0.8 per cent.
    assert (np.abs(found.value - model) < ERRORS * np.hypot(found.standard_error, 0.008 * model)).all()
    isotropic = scenario.problem(MRT())[0].crlb(x, 0.0)
    assert (found.value > isotropic + 5 * ERRORS * found.standard_error).any()


@BOTH
@pytest.mark.parametrize("user", range(3))
def test_user_in_the_direction_of_the_target_suffers_most_from_its_beam(user: int, side: int) -> None:
    scenario = attrs.evolve(CASES["means of known phase, mrt"].scenario(side), targets=[WATCHED[user]])
    statistics = scenario.statistics()
    interference = scenario.beam_statistics(Steered(), statistics).interference[0] / statistics.beta[0]
    assert np.argmax(interference) == user
    # Two thirds of the power come from there, to N antennas.
    assert interference[user] == pytest.approx(2 / 3 * side**2 + 1 / 3, rel=1e-9)


WATCHED = [attrs.evolve(FIRST, azimuth_deg=azimuth, elevation_deg=80.0) for azimuth in RICIAN.azimuths_deg]

# Closed forms for means and covariances

CHANNELS = {
    "means alone": Gaussian(k_factor=3.0),
    "correlation alone": Gaussian(correlation=0.9),
    "both": Gaussian(k_factor=0.8, correlation=0.7, phase=-1.1),
    "shared pilots": Gaussian(k_factor=0.8, correlation=0.7, pilots=(0, 1, 0)),
    "one pilot, much noise": Gaussian(correlation=0.5, pilots=(2, 2, 2), pilot_energy=0.5),
    "shared pilots, independent": Gaussian(
        k_factor=0.8, correlation=0.7, pilots=(0, 1, 0), estimates="independent"
    ),
}
EVERY = pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
TARGETS = (FIRST.direction, SECOND.direction)
# Of a symmetric array what the targets see is real, and conjugates would go unnoticed.
ARRAY = scattered(np.random.default_rng(608), 8)


@EVERY
def test_closed_form_of_maximum_ratio_agrees_with_sampled_moments(channel: Gaussian) -> None:
    here = scene(with_fading(channel, ARRAY, seed=11), ARRAY, targets=TARGETS)
    claim, found = MRT().link_statistics(here), Precoder.link_statistics(MRT(), here)
    assert claim.standard_error is None
    error = found.standard_error
    assert error is not None
    for name in ("signal_gain", "weight_power", "interference", "forms"):
        value, expected, spread = (np.asarray(getattr(one, name)) for one in (found, claim, error))
        assert value.shape == expected.shape
        assert (np.abs(value - expected) <= ERRORS * np.abs(spread)).all(), name
    assert (error.signal_gain < 0.01 * claim.signal_gain).all()


@EVERY
@pytest.mark.parametrize("beam", [Steered(), Difference(sum_share=0.3)], ids=["steered", "difference"])
def test_closed_form_of_a_steering_beam_agrees_with_sampled_moments(channel: Gaussian, beam: Beam) -> None:
    here = scene(with_fading(channel, ARRAY, seed=12), ARRAY, targets=TARGETS)
    claim, found = beam.beam_statistics(here), Beam.beam_statistics(beam, here)
    assert claim.standard_error is None
    assert found.standard_error is not None
    error = found.standard_error.stream_interference
    assert (error < 0.02 * claim.stream_interference.max(axis=-1, keepdims=True)).all()
    assert (np.abs(found.stream_interference - claim.stream_interference) < ERRORS * error).all()
    # What does not depend on the channel is the same but for rounding.
    np.testing.assert_allclose(found.weight_power, claim.weight_power, rtol=1e-10)
    np.testing.assert_allclose(found.forms, claim.forms, atol=1e-10 * np.abs(claim.forms).max())


def explicit(channel: Gaussian, draws: int) -> tuple[ComplexArray, ComplexArray]:
    """Return channels and MMSE estimates (M, N, K) from explicit pilot signals: no code of the framework."""
    means, covariances = channel.moments(ARRAY)
    generator = np.random.default_rng(603)
    users, antennas = means.shape
    roots = np.linalg.cholesky(covariances)
    scattered = [complex_normal((draws, antennas), generator) @ root.T for root in roots]
    estimates = []
    noises = {pilot: complex_normal((draws, antennas), generator) for pilot in channel.pilots}
    for user in range(users):
        mates = [other for other in range(users) if channel.pilots[other] == channel.pilots[user]]
        received = np.sqrt(channel.pilot_energy) * sum(scattered[mate] for mate in mates)
        received = received + noises[channel.pilots[user]]
        total = channel.pilot_energy * covariances[mates].sum(axis=0) + np.eye(antennas)
        lmmse = np.sqrt(channel.pilot_energy) * covariances[user] @ np.linalg.inv(total)
        estimates.append(means[user] + received @ lmmse.T)
    channels = [mean + one for mean, one in zip(means, scattered, strict=True)]
    return np.stack(channels, axis=-1), np.stack(estimates, axis=-1)


@pytest.mark.parametrize("name", [name for name, one in CHANNELS.items() if one.estimates == "physical"])
def test_closed_form_of_maximum_ratio_agrees_with_independent_code(name: str) -> None:
    channel, draws = CHANNELS[name], 60_000
    here = scene(with_fading(channel, ARRAY), ARRAY, targets=TARGETS)
    link = MRT().link_statistics(here)
    channels, estimates = explicit(channel, draws)
    products = np.einsum("mnk,mnj->mkj", channels.conj(), estimates)
    own = np.einsum("mkk->mk", products)
    powers = (np.abs(estimates) ** 2).sum(axis=1)
    seen = np.einsum("np,mnk->mkp", here.basis.conj(), estimates)
    forms = np.einsum("mkp,mkq->mkpq", seen, seen.conj())
    assert link.forms is not None
    second = link.interference[0] * 8 + np.diag(link.signal_gain[0])
    power = 8 * link.weight_power[0]
    for samples, expected in (
        (own.real, np.sqrt(link.signal_gain[0])),
        (own.imag, np.zeros(3)),
        (np.abs(products) ** 2, second),
        (powers, power),
        (forms.real, link.forms[0].real * power[:, None, None]),
        (forms.imag, link.forms[0].imag * power[:, None, None]),
    ):
        error = samples.std(axis=0, ddof=1) / np.sqrt(draws)
        # Diagonals have no imaginary part.
        assert (np.abs(samples.mean(axis=0) - expected) <= ERRORS * error + 1e-12 * power.max()).all()


# Superposition


@pytest.mark.parametrize(
    "name",
    [
        "lines of random phase, mrt",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("lines of random phase, zf", "projected")),
        "rzf",
    ],
)
def test_the_papers_superposition_agrees_where_a_turn_of_phase_changes_nothing(name: str) -> None:
    apart, together = simulated(name, 4), simulated(name, 4, superposed=True)
    error = np.hypot(apart.standard_error, together.standard_error)
    assert (np.abs(apart.value - together.value) < ERRORS * error).all()
    assert (error < 0.02 * apart.value).all()


GENERAL = json.loads((Path(__file__).parents[1] / "acceptance" / "general.json").read_text(encoding="utf-8"))


@cache
def given_channels(name: str, *, superposed: bool) -> tuple[Transmission, Scenario]:
    """Return the transmitter of a case of means of known phase, with equal shares of the users and q = 1/2."""
    case: dict[str, Any] = GENERAL["given_channels"][name]["input"]
    users = [GivenUser(**user) for user in case["users"]]
    keys = ("pilot_length", "pilot_snr_db", "coherence_length")
    scenario = Scenario(
        snr_db=case["snr_db"],
        precoders=[MRT()],
        allocators=[Exact()],
        transmit_array=ULA(elements=case["transmit"][0]),
        receive_array=ULA(elements=case["receive"][0]),
        target=Target(
            azimuth_deg=case["targets_deg"][0][0],
            elevation_deg=90.0,
            reflection_amplitude=case["reflection_amplitudes"][0],
        ),
        sensing=Sensing(frame_length=case["frame_length"], beam_azimuth_deg=case["beam_deg"][0]),
        channel=GivenChannels(users=users, **{key: case[key] for key in keys}),
    )
    x = np.full(len(users), 0.5 / len(users))
    return Transmission.of(scenario, MRT(), 0, x, 0.5, superposed=superposed), scenario


GIVEN = pytest.mark.parametrize(
    "name",
    [
        name if name == "ula8-rician" else pytest.param(name, marks=pytest.mark.slow)
        for name in GENERAL["given_channels"]
    ],
)


@GIVEN
def test_superposed_on_means_of_known_phase_another_power_is_radiated(name: str) -> None:
    for superposed, low, high in ((False, 1.0, 1.0), (True, 1.17, 1.20)):
        transmission, scenario = given_channels(name, superposed=superposed)
        _, waveforms = transmission.draw(40_000, np.random.default_rng(604))
        powers = (np.abs(waveforms) ** 2).sum(axis=(-2, -1)) / 10 ** (scenario.snr_db / 10)
        error = powers.std() / np.sqrt(len(powers))
        assert error < 0.003
        assert low - ERRORS * error < powers.mean() < high + ERRORS * error


@GIVEN
def test_superposed_on_means_of_known_phase_no_number_is_that_of_the_model(name: str) -> None:
    for superposed in (False, True):
        transmission, scenario = given_channels(name, superposed=superposed)
        problem = scenario.problem(MRT())[0]
        x = np.full(problem.users, 0.5 / problem.users)
        rates = simulated_rates(transmission, 20_000, np.random.default_rng(605))
        bounds = simulated_crlb(transmission, scenario, 20_000, np.random.default_rng(606))
        rate = np.abs(rates.value - problem.rates(x, 0.5)) / rates.standard_error
        bound = abs(bounds.value[0] - problem.crlb(x, 0.5)[0]) / bounds.standard_error[0]
        assert superposed == (rate.max() > 5 * ERRORS) == (bound > 5 * ERRORS)
        if superposed:
            # Rates are wrong by a factor of two and more, and the bound by more than half a decibel.
            ratio = rates.value / problem.rates(x, 0.5)
            assert max(ratio.max(), 1 / ratio.min()) > 2
            assert abs(10 * np.log10(bounds.value[0] / problem.crlb(x, 0.5)[0])) > 0.5
        else:
            assert rate.max() < ERRORS
            assert bound < ERRORS
