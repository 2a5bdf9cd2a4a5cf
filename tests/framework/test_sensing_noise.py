"""Coloured noise at the sensing receiver: against whitening by hand, simulation and limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import isacfw
from isacfw import Clutter, Direction, InputError, Scenario, SensingNoise
from isacfw.sensing.noise import ReceiverNoise
from isacfw.simulation import echoes
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.arrays.circular import Circular
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.precoders.mrt import MRT

DIRECTIONS = (Direction(azimuth_deg=10.0, elevation_deg=70.0), Direction(azimuth_deg=-30.0, elevation_deg=95.0))
NOISE = ReceiverNoise(
    white=1.7,
    directions=(Direction(azimuth_deg=14.0, elevation_deg=72.0), Direction(azimuth_deg=60.0, elevation_deg=90.0)),
    powers=np.array([3.0, 100.0]),
)


def covariance(noise: ReceiverNoise, array: isacfw.Array) -> Any:
    steering = np.array([array.steering_vector(one) for one in noise.directions])
    return noise.white * np.eye(array.n_elements) + (steering.T * noise.powers) @ steering.conj()


@pytest.mark.parametrize("array", [UPA(horizontal=3, vertical=4), Circular(elements=7)])
def test_the_inversion_lemma_inverts(array: isacfw.Array) -> None:
    basis = np.concatenate([array.steering_basis(one) for one in DIRECTIONS], axis=-1)
    expected = basis.conj().T @ np.linalg.inv(covariance(NOISE, array)) @ basis
    found = NOISE.whitened_gram(array, DIRECTIONS)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def test_draws_have_the_covariance() -> None:
    array = UPA(horizontal=2, vertical=2)
    noise = NOISE.draw(array, (4, 50_000), np.random.default_rng(1))
    found = noise @ noise.conj().T / noise.shape[-1]
    expected = covariance(NOISE, array)
    np.testing.assert_allclose(found, expected, atol=5 * np.abs(expected).max() / np.sqrt(50_000))


CONTENT: dict[str, Any] = {
    "snr_db": 10.0,
    "precoders": ["mrt"],
    "allocators": ["exact"],
    "transmit_array": {"kind": "upa", "horizontal": 4, "vertical": 4},
    "receive_array": {"kind": "upa", "horizontal": 4, "vertical": 4},
    "target": {"azimuth_deg": 20.0, "elevation_deg": 60.0, "reflection_amplitude": 0.1},
    "channel": {"kind": "rayleigh", "users": 3},
}


def scenario(**changes: Any) -> Scenario:
    return isacfw.load_scenario(CONTENT | changes).scenario


CLUTTER = [{"azimuth_deg": 25.0, "elevation_deg": 60.0, "gain_db": -10.0}]


def test_fisher_information_by_finite_differences() -> None:
    given = scenario(sensing_noise={"self_interference_db": -13.0, "clutter": CLUTTER})
    noise = given.receiver_noise
    assert noise.white == pytest.approx(1 + 10 ** (10 / 10 - 1.3))
    inverse = np.linalg.inv(covariance(noise, given.receive_array))
    transmit = given.transmit_array

    def mean(parameters: Any) -> Any:
        azimuth, elevation, real, imaginary = parameters
        direction = Direction(azimuth_deg=np.degrees(azimuth), elevation_deg=np.degrees(elevation))
        arriving = given.receive_array.steering_vector(direction)
        return (real + 1j * imaginary) * np.outer(arriving, transmit.steering_vector(direction).conj())

    at = np.array([np.radians(20.0), np.radians(60.0), 0.1, 0.0])
    steps = 1e-6 * np.eye(4)
    slopes = [(mean(at + step) - mean(at - step)) / 2e-6 for step in steps]
    expected = [
        [2 * 30 * np.trace(second.conj().T @ inverse @ first).real / 16 for second in slopes] for first in slopes
    ]
    model = given.echo_model
    found = model.fisher(model.isotropic_forms)
    turn = np.eye(4)
    turn[:2, :2] = model.jacobians[0]
    np.testing.assert_allclose(turn.T @ found @ turn, expected, rtol=1e-6, atol=1e-6 * np.max(np.abs(expected)))


def test_noise_grows_with_the_transmit_power() -> None:
    given = scenario(sensing_noise={"self_interference_db": 20.0})
    problems = [given.with_value("snr_db", snr).problem(MRT()) for snr in (10.0, 40.0)]
    # Limited by its own transmission, sensing gains nothing from more power.
    factor = (1 + 1e-3) / (1 + 1e-6)
    np.testing.assert_allclose(
        problems[1].fisher_sensing, factor * problems[0].fisher_sensing, rtol=2e-6, atol=1e-9
    )


def test_clutter_makes_sensing_harder_and_changes_the_answer() -> None:
    limits = {"sensing": {"crlb_limit_db": -32.0}}
    noises: tuple[dict[str, Any], ...] = ({}, {"sensing_noise": {"clutter": CLUTTER}})
    records = [isacfw.compare(scenario(**limits, **noise)).records()[0] for noise in noises]
    assert records[1]["sensing_power"] > 1.01 * records[0]["sensing_power"]
    assert records[1]["sum_rate"] < records[0]["sum_rate"]


def test_no_interference_is_no_change_to_the_bit() -> None:
    plain, zero = (scenario(**noise).problem(MRT()) for noise in ({}, {"sensing_noise": {"clutter": []}}))
    np.testing.assert_array_equal(plain.fisher_sensing, zero.fisher_sensing)


def test_a_designed_beam_knows_the_coloured_noise() -> None:
    transmit, receive = ({"kind": "upa", "horizontal": size, "vertical": size} for size in (12, 3))
    noise = {"clutter": CLUTTER}
    given = scenario(
        transmit_array=transmit, receive_array=receive, sensing={"crlb_limit_db": -33.0}, sensing_noise=noise
    )
    designed, steered = (
        Exact().allocate(given.problem(MRT(), beam=beam)).sensing
        for beam in (isacfw.Designed(), isacfw.Steered())
    )
    assert 0 < designed < 0.9 * steered


def test_echoes_hold_the_noise_of_the_scenario() -> None:
    given = scenario(sensing_noise={"self_interference_db": 10.0})
    received = echoes(np.zeros((16, 20_000)), given, np.random.default_rng(1))
    assert np.mean(np.abs(received) ** 2) == pytest.approx(given.receiver_noise.white, rel=0.02)


def test_with_a_link_budget_powers_are_relative_to_the_station() -> None:
    budget = {"carrier_hz": 1e9, "bandwidth_hz": 1e7, "transmit_power_dbm": 40.0, "pilot_power_dbm": 20.0}
    budget |= {"user_noise_figure_db": 9.0, "station_noise_figure_db": 5.0, "transmit_element_gain_dbi": 8.0}
    given = isacfw.load_scenario(
        {name: value for name, value in CONTENT.items() if name != "snr_db"}
        | {"link_budget": budget, "sensing_noise": {"self_interference_db": -130.0}}
    ).scenario
    # -173.975 dBm/Hz, 70 dB for 10 MHz, and the noise figure of 5 dB.
    received_db = 40 - 130 + 173.975 - 70 - 5
    assert given.receiver_noise.white == pytest.approx(1 + 10 ** (received_db / 10), rel=1e-3)


@pytest.mark.parametrize(
    ("noise", "sentence"),
    [
        ({"self_interference_db": float("nan")}, "sensing_noise.self_interference_db must be a finite number"),
        ({"clutter": [{"azimuth_deg": 1.0, "elevation_deg": 1.0}]}, "sensing_noise.clutter[0].gain_db"),
        ({"clutter": 3}, "sensing_noise.clutter must be a list"),
        ({"cluter": []}, "sensing_noise.cluter is not a known key"),
    ],
)
def test_bad_input_is_one_line(noise: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        scenario(sensing_noise=noise)
    assert sentence in str(caught.value)


def test_objects_of_other_classes_are_refused() -> None:
    with pytest.raises(InputError, match="must be a Clutter object"):
        SensingNoise(clutter=(Direction(azimuth_deg=1.0, elevation_deg=1.0),))  # type: ignore[arg-type]
    clutter = Clutter(azimuth_deg=1.0, elevation_deg=2.0, gain_db=3.0)
    assert clutter.direction == Direction(azimuth_deg=1.0, elevation_deg=2.0)
