"""Detection: closed forms against simulated echoes, and the requirement against other methods."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from numerics import PROPERTY, SEEDS
from scipy.optimize import minimize
from scipy.stats import ncx2

import isacfw
from isacfw import FloatArray, PowerAllocationProblem, Scenario
from isacfw.simulation import Transmission, echoes
from isacfw.testing import goals
from isacfw_plugins._detector import MODELS, Detector, TargetModel
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.metrics.detection import Detection as Metric
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.requirements.detection import Detection

EVERY_MODEL = pytest.mark.parametrize("model", MODELS)
DRAWS = 200_000


def detector(model: TargetModel, *, false_alarm: float = 1e-2, cells: int = 1, samples: int = 40) -> Detector:
    return Detector(target_model=model, false_alarm_probability=false_alarm, cells=cells, samples=samples)


def complex_noise(generator: np.random.Generator, *shape: int) -> Any:
    return (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)) / np.sqrt(2)


def require_share(hits: Any, expected: float) -> None:
    """Check a share of hits within 4 standard errors."""
    share = float(np.mean(hits))
    error = math.sqrt(max(expected * (1 - expected), 1e-12) / len(hits))
    assert abs(share - expected) <= 4 * error, (share, expected, error)


def exceeds(received: Any, signal: Any, own: Detector) -> Any:
    """Return whether the statistic of frames (D, n) is above the threshold, computed from its definition."""
    energy = np.abs(received.conj() @ signal) ** 2 / np.vdot(signal, signal).real
    if own.target_model != "unknown_noise":
        return energy > own.threshold
    rest = (np.abs(received) ** 2).sum(axis=-1) - energy
    return energy / rest > own.cell_probability ** (-1 / (own.samples - 1)) - 1


# The detector


@EVERY_MODEL
@pytest.mark.parametrize("energy", [0.0, 3.0, 12.0])
@pytest.mark.parametrize("cells", [1, 20])
def test_probability_of_simulated_frames(model: TargetModel, energy: float, cells: int) -> None:
    own = detector(model, cells=cells)
    generator = np.random.default_rng([int(energy), cells, MODELS.index(model)])
    signal = complex_noise(generator, 40)
    signal *= math.sqrt(energy) / np.linalg.norm(signal) if energy else 1.0
    draws = DRAWS // 2
    amplitude = np.exp(2j * np.pi * generator.uniform(size=draws))
    if model != "steady":
        amplitude = complex_noise(generator, draws)
    if not energy:
        amplitude = 0 * amplitude
    received = amplitude[:, None] * signal + complex_noise(generator, draws, 40)
    require_share(exceeds(received, signal, own), float(own.probability(np.asarray(energy))))


@EVERY_MODEL
def test_false_alarms_in_any_of_the_cells(model: TargetModel) -> None:
    own = detector(model, false_alarm=0.1, cells=12, samples=24)
    generator = np.random.default_rng(MODELS.index(model))
    # Orthogonal signals of 12 cells, and frames of noise alone.
    signals = np.linalg.qr(complex_noise(generator, 24, 24))[0][:, :12]
    noise = complex_noise(generator, 20_000, 24)
    cells = np.stack([exceeds(noise, signal, own) for signal in signals.T])
    require_share(cells.ravel(), own.cell_probability)
    if model == "unknown_noise":
        # The cells share the estimate of the noise, so their alarms are not quite independent.
        assert np.mean(cells.any(axis=0)) == pytest.approx(0.1, abs=0.02)
    else:
        require_share(cells.any(axis=0), 0.1)


def test_known_values_of_the_closed_forms() -> None:
    energy = np.array([0.5, 7.0, 30.0])
    steady, swerling, unknown = (detector(model, false_alarm=1e-6, samples=600) for model in MODELS)
    t = -math.log(1e-6)
    assert steady.probability(energy) == pytest.approx(ncx2.sf(2 * t, 2, 2 * energy), rel=1e-9)
    assert swerling.probability(energy) == pytest.approx(1e-6 ** (1 / (1 + energy)), rel=1e-12)
    eta = 1e-6 ** (-1 / 599) - 1
    assert unknown.probability(energy) == pytest.approx((1 + eta / (1 + energy)) ** -599, rel=1e-12)
    # With many samples, the level of the noise is known.
    many = detector("unknown_noise", false_alarm=1e-6, samples=10**9)
    assert many.probability(energy) == pytest.approx(swerling.probability(energy), rel=1e-6)


@PROPERTY
@given(seed=SEEDS)
def test_least_energy_is_the_inverse(seed: int) -> None:
    generator = np.random.default_rng(seed)
    false_alarm = 10 ** generator.uniform(-9, -1)
    probability = generator.uniform(false_alarm, 1)
    for model in MODELS:
        own = detector(
            model,
            false_alarm=false_alarm,
            cells=int(generator.integers(1, 1000)),
            samples=int(generator.integers(2, 1000)),
        )
        energy = own.least_energy(probability)
        assert energy > 0
        assert float(own.probability(np.asarray(energy))) == pytest.approx(probability, rel=1e-9)
        assert (np.diff(own.probability(np.linspace(0, 2 * energy, 9))) > 0).all()


# The requirement


@pytest.fixture
def document(variant: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return variant({"sensing": {"frame_length": 30}, "snr_db": 17.0, "target.reflection_amplitude": 0.02})


def load(document: dict[str, Any], **options: Any) -> Scenario:
    scenario = isacfw.load_scenario(document).scenario
    return attrs.evolve(scenario, requirements={"seen": Detection(**options)})


def largest_share(scenario: Scenario, requirement: Detection, gain: float) -> float:
    """Return f* in closed form, NaN if the requirement is infeasible."""
    length, elements = scenario.sensing.frame_length, scenario.receive_array.n_elements
    s = elements * scenario.sensed[0].amplitude ** 2 * scenario.power
    own = Detector(
        target_model=requirement.target_model,
        false_alarm_probability=requirement.false_alarm_probability,
        cells=requirement.cells,
        samples=length * elements,
    )
    least = own.least_energy(requirement.probability)
    if requirement.waveform == "sensing":
        share = (length * s * gain - least) / (length * s * gain + least * s)
        return share if share >= 0 else np.nan
    n = least / (length * s)
    return 1.0 if n <= 1 else (gain - n) / (gain - 1) if n <= gain else np.nan


@pytest.mark.parametrize("waveform", ["all", "sensing"])
@EVERY_MODEL
@pytest.mark.parametrize("beam_deg", [20.0, 27.0])
def test_share_in_closed_form(
    document: dict[str, Any], model: TargetModel, waveform: Any, beam_deg: float
) -> None:
    document["sensing"] |= {"beam_azimuth_deg": beam_deg, "beam_elevation_deg": 50.0}
    array = isacfw.load_scenario(document).scenario.transmit_array
    target, beam = (isacfw.Direction(azimuth_deg=angle, elevation_deg=50.0) for angle in (20.0, beam_deg))
    gain = abs(np.vdot(array.steering_vector(target), array.steering_vector(beam))) ** 2 / 16
    found = []
    for probability in (0.01, 0.3, 0.6, 0.9, 0.99, 0.9999):
        scenario = load(document, probability=probability, target_model=model, cells=5, waveform=waveform)
        requirement = scenario.requirements["seen"]
        assert isinstance(requirement, Detection)
        problem = scenario.problem(scenario.precoders[0])
        expected = largest_share(scenario, requirement, gain)
        found.append(float(problem.largest_communication_share[0]))
        assert found[-1] == pytest.approx(expected, rel=1e-10, nan_ok=True)
    assert len({*found}) > 2


@pytest.mark.parametrize("waveform", ["all", "sensing"])
@pytest.mark.parametrize("precoder", [0, 1])
def test_rates_under_detection_against_second_methods(
    document: dict[str, Any], waveform: Any, precoder: int
) -> None:
    scenario = load(document, probability=0.4, waveform=waveform)
    problem = scenario.problem(scenario.precoders[precoder])[0]
    fair = attrs.evolve(problem, objective=MaxMin())
    exact, conic = Exact().allocate(fair), Conic().allocate(fair)
    assert exact.status == conic.status == "optimal"
    assert float(exact.value) == pytest.approx(float(conic.value), rel=1e-9)
    assert problem.linear_ratios(exact.communication, exact.streams) == pytest.approx([1.0], rel=1e-12)
    best = float(Exact().allocate(problem).value)
    assert by_slsqp(problem) == pytest.approx(best, rel=1e-6)


def by_slsqp(problem: PowerAllocationProblem) -> float:
    """Return the largest sum rate by SLSQP in the terms of the requirement's definition."""
    users = problem.users

    def slack(p: FloatArray) -> FloatArray:
        assert problem.linear_least is not None
        return np.array([1 - p.sum(), float((problem.linear_rows @ p / problem.linear_least)[0]) - 1])

    generator = np.random.default_rng(0)
    found = [
        minimize(
            lambda p: -float(problem.sum_rate(p[:users], p[users:])),
            generator.dirichlet(np.ones(users + 1)),
            method="SLSQP",
            bounds=[(0, 1)] * (users + 1),
            constraints={"type": "ineq", "fun": slack},
            options={"maxiter": 500, "ftol": 1e-14},
        )
        for _ in range(10)
    ]
    return max(-float(one.fun) for one in found if slack(one.x).min() > -1e-8)


@EVERY_MODEL
@pytest.mark.parametrize("waveform", ["all", "sensing"])
def test_metric_reports_what_is_required(document: dict[str, Any], model: TargetModel, waveform: Any) -> None:
    scenario = load(document, probability=0.6, target_model=model, waveform=waveform, cells=3)
    scenario = attrs.evolve(scenario, metrics=(Metric(target_model=model, waveform=waveform, cells=3),))
    for record in isacfw.compare(scenario).records():
        assert record["detection_probability"] == pytest.approx(0.6, rel=1e-9)
        assert record["margin_seen"] == pytest.approx(0, abs=1e-9)


def test_certificate_is_the_largest_probability(document: dict[str, Any]) -> None:
    """Full power for sensing reaches it, and a little less is feasible."""
    for waveform in ("all", "sensing"):
        scenario = load(document, probability=0.999, waveform=waveform)
        problem = scenario.problem(scenario.precoders[0])[0]
        energy = 30 * 9 * 0.02**2 * scenario.power * 16
        expected = 1e-6 ** (1 / (1 + energy))
        message = str(problem.infeasibility)
        assert message == (
            "the requirements are infeasible: at full power the detection probability can be no larger than"
            f" {expected:.4g} (required 0.999)"
        )
        close = load(document, probability=expected * (1 - 1e-9), waveform=waveform)
        assert not str(close.problem(scenario.precoders[0])[0].infeasibility)


def test_several_targets_have_a_row_each(document: dict[str, Any]) -> None:
    document["targets"] = [
        document.pop("target"),
        {"azimuth_deg": -40.0, "elevation_deg": 80.0, "reflection_amplitude": 0.03},
    ]
    document["beams"] = ["steered"]
    both = load(document, probability=0.6)
    both = attrs.evolve(both, metrics=(Metric(),))
    for record in isacfw.compare(both, allocators=(Exact(),)).records():
        found = [record[f"detection_probability_{target}"] for target in (1, 2)]
        assert min(found) >= 0.6 - 1e-9
        assert record["margin_seen"] == pytest.approx(0, abs=1e-7)
    second = load(document, probability=0.9999, target=2)
    (message, *_) = {str(one["message"]) for one in isacfw.compare(second, allocators=(Exact(),)).records()}
    assert "the detection probability of target 2 can be no larger than" in message


def test_metric_of_sampled_echoes(document: dict[str, Any]) -> None:
    """The energy in the metric is that of transmitted signals, and its probability that of their echoes."""
    document |= {"snr_db": 11.0, "drops": 1, "allocators": ["equal_cs"], "precoders": ["zf"]}
    document["sensing_noise"] = {"self_interference_db": -15.0}
    scenario = attrs.evolve(isacfw.load_scenario(document).scenario, metrics=(Metric(target_model="steady"),))
    (record,) = isacfw.compare(scenario).records()
    (precoder,), (beam,) = scenario.precoders, scenario.compared_beams
    scene = scenario.scene(scenario.statistics()).of_drop(0)
    transmission = Transmission(
        channel=scenario.channel,
        precoder=precoder,
        beam=beam,
        scene=scene,
        gamma=np.array(record["gamma"]),
        rho=np.atleast_1d(record["rho"]),
        superposed=False,
    )
    generator = np.random.default_rng(7)
    noise = scenario.receiver_noise.white
    steering = scenario.receive_array.steering_vector(scenario.sensed[0].direction)
    towards = scenario.transmit_array.steering_vector(scenario.sensed[0].direction)
    energies, hits, expected = [], [], []
    own = detector("steady", false_alarm=1e-6, samples=270)
    for _ in range(60):
        _, waveforms = transmission.draw(100, generator)
        symbols = complex_noise(generator, 100, waveforms.shape[-1], 30)
        signals = waveforms @ symbols
        received = echoes(signals, scenario, generator)
        unit = steering[:, None] * (towards.conj() @ signals)[:, None, :]
        size = (np.abs(unit) ** 2).sum(axis=(1, 2))
        statistic = np.abs((received.conj() * unit).sum(axis=(1, 2))) ** 2 / size / noise
        energies.append(0.02**2 * size / noise)
        hits.append(statistic > own.threshold)
        expected.append(own.probability(energies[-1]))
    energy = np.concatenate(energies)
    mean = float(energy.mean())
    error = float(energy.std() / math.sqrt(len(energy)))
    assert abs(10 ** (record["echo_energy_db"] / 10) - mean) <= 4 * error
    # The energy of a frame fluctuates: the probability at its mean is that of the echoes up to a few percent.
    assert record["detection_probability"] == pytest.approx(np.mean(np.concatenate(hits)), abs=0.05)
    require_share(np.concatenate(hits), float(np.mean(np.concatenate(expected))))


def test_interference_of_the_users_echo() -> None:
    """A receiver that correlates with the sensing waveform sees the users' echo as noise of its mean power."""
    generator = np.random.default_rng(11)
    elements, length, draws = 4, 16, 60_000
    alpha, f, q, gain = 0.3, 4.0, 2.0, 6.0
    own = detector("swerling1", false_alarm=1e-2, samples=64)
    s = elements * alpha**2
    energy = length * s * gain * q / (1 + s * f)
    response = np.exp(1j * np.pi * np.arange(elements) * 0.3)
    wave = np.exp(0.5j * np.pi * generator.integers(4, size=length)) * math.sqrt(gain * q)
    known = np.outer(response, wave).ravel()
    coefficient = alpha * complex_noise(generator, draws)
    # The interference is that of clutter as strong as the target's, whose coefficient is another.
    users = math.sqrt(f) * alpha * complex_noise(generator, draws, length)
    frames = coefficient[:, None] * known + (response[:, None] * users[:, None, :]).reshape(draws, -1)
    frames = frames + complex_noise(generator, draws, elements * length)
    statistic = np.abs(frames.conj() @ known) ** 2 / np.vdot(known, known).real / (1 + s * f)
    require_share(statistic > own.threshold, float(own.probability(np.asarray(energy))))


# Invalid options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probability": 1.0}, "probability must be a finite number greater than 0 and less than 1, got 1.0"),
        ({"probability": 1e-7}, "probability must be above that of a false alarm, 1e-06, got 1e-07"),
        ({"probability": 0.9, "cells": 0}, "cells must be"),
        ({"probability": 0.9, "target_model": "swerling2"}, "target_model must be one of"),
        ({"probability": 0.9, "waveform": "users"}, "waveform must be one of"),
        ({"probability": 0.9, "false_alarm_probability": 0.0}, "false_alarm_probability must be"),
    ],
)
def test_invalid_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(isacfw.InputError, match=message):
        Detection(**options)


def test_a_target_that_does_not_exist() -> None:
    with pytest.raises(isacfw.InputError, match="target must be at most 1, the number of targets, got 2"):
        Detection(probability=0.9, target=2).check(goals.setting())
