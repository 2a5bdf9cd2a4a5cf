"""Coloured noise at the sensing receiver: against whitening by hand, simulation and limits."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import tomli_w

import isacfw
from isacfw import Clutter, Direction, InputError, Scenario, SensingNoise
from isacfw.sensing.noise import ReceiverNoise
from isacfw.simulation import echoes, squared_errors
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
    found = noise.white * np.eye(array.n_elements) + (steering.T * noise.powers) @ steering.conj()
    return found if noise.given is None else found + noise.given


def some_covariance(size: int) -> Any:
    """Return a covariance of rank two, which is not invertible."""
    generator = np.random.default_rng(4)
    root = generator.standard_normal((size, 2)) + 1j * generator.standard_normal((size, 2))
    return root @ root.conj().T


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("array", [UPA(horizontal=3, vertical=4), Circular(elements=7)])
def test_the_inversion_lemma_inverts(array: isacfw.Array, given: bool) -> None:
    noise = attrs.evolve(NOISE, given=some_covariance(array.n_elements)) if given else NOISE
    basis = np.concatenate([array.steering_basis(one) for one in DIRECTIONS], axis=-1)
    expected = basis.conj().T @ np.linalg.inv(covariance(noise, array)) @ basis
    found = noise.whitened_gram(array, DIRECTIONS)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("given", [False, True])
def test_draws_have_the_covariance(given: bool) -> None:
    array = UPA(horizontal=2, vertical=2)
    source = attrs.evolve(NOISE, given=some_covariance(4)) if given else NOISE
    noise = source.draw(array, (4, 50_000), np.random.default_rng(1))
    found = noise @ noise.conj().T / noise.shape[-1]
    expected = covariance(source, array)
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
        ({"covariance": 3}, "sensing_noise.covariance must be the path of a file, got 3"),
    ],
)
def test_bad_input_is_one_line(noise: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        scenario(sensing_noise=noise)
    assert sentence in str(caught.value)


def write(path: Path, **changes: Any) -> Path:
    """Write an archive for the receive array of the scenario; a variable that is None is left out."""
    variables: dict[str, Any] = {
        "covariance": some_covariance(16),
        "positions": UPA(horizontal=4, vertical=4).positions() + 7.0,
        "positions_unit": "half_wavelengths",
    }
    np.savez(path, **{name: value for name, value in (variables | changes).items() if value is not None})
    return path


def test_a_covariance_from_a_file_is_that_of_clutter(tmp_path: Path) -> None:
    array = UPA(horizontal=4, vertical=4)
    steering = array.steering_vector(Direction(azimuth_deg=25.0, elevation_deg=60.0))
    metres = np.pad(array.positions(), ((0, 0), (0, 1))) * 0.05
    path = write(
        tmp_path / "wall.npz",
        covariance=0.1 * np.outer(steering, steering.conj()),
        positions=metres,
        positions_unit="metres",
        wavelength_m=0.1,
    )
    noises: tuple[dict[str, Any], ...] = ({"covariance": str(path)}, {"clutter": CLUTTER})
    found, expected = (
        scenario(snr_db=20.0, sensing_noise=noise).problem(MRT()).fisher_sensing for noise in noises
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_a_path_is_relative_to_the_scenario_file_and_in_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, scale in (("a.npz", 0.01), ("b.npz", 0.02)):
        write(tmp_path / name, covariance=scale * np.eye(16))
    content = CONTENT | {"sensing_noise": {"covariance": "a.npz"}, "sensing": {"crlb_limit_db": -37.0}}
    content["sweep"] = {"sensing_noise.covariance": ["a.npz", "b.npz"]}
    (tmp_path / "noisy.toml").write_text(tomli_w.dumps(content))
    loaded = isacfw.load_scenario(tmp_path / "noisy.toml")
    again = isacfw.load_scenario(tomllib.loads(isacfw.to_toml(loaded.scenario)))
    assert again.scenario.sensing_noise == loaded.scenario.sensing_noise
    monkeypatch.chdir("/")
    execution = isacfw.Execution(out=tmp_path / "out")
    powers = [one["sensing_power"] for one in isacfw.compare(loaded, execution=execution).records()]
    assert 0 < powers[0] < powers[1]
    write(tmp_path / "a.npz", covariance=0.03 * np.eye(16))
    changed = isacfw.compare(loaded, execution=execution)
    assert changed.records()[0]["sensing_power"] > powers[1]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"covariance": None}, "must have the variable covariance, got positions, positions_unit"),
        ({"covariance": np.eye(15)}, "covariance must have an axis of elements of length 16 twice"),
        ({"covariance": np.full((16, 16), np.nan)}, "covariance must be an array of finite numbers"),
        ({"covariance": np.triu(np.ones((16, 16)))}, "covariance must be Hermitian, got a difference of 1"),
        ({"covariance": -np.eye(16)}, "covariance must be positive semidefinite, got the eigenvalue -1"),
        ({"positions": np.zeros(16)}, "positions must be real with the axes (elements, 3), got real numbers of"),
        (
            {"positions": UPA(horizontal=4, vertical=4).positions()[::-1]},
            "in another order: its element 0 is",
        ),
        ({"positions_unit": None}, "positions_unit must be one of 'half_wavelengths', 'wavelengths', 'metres'"),
        ({"positions_unit": "metres"}, "must have the variable wavelength_m"),
        ({"positions_unit": "metres", "wavelength_m": -1.0}, "wavelength_m must be a single positive number"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    path = write(tmp_path / "bad.npz", **changes)
    with pytest.raises(InputError) as caught:
        isacfw.compare(scenario(sensing_noise={"covariance": str(path)}))
    assert str(caught.value).startswith(str(path))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not an archive")
    truncated = write(tmp_path / "truncated.npz")
    truncated.write_bytes(truncated.read_bytes()[:200])
    for name, sentence in (
        ("missing.npz", "must be a file that can be read"),
        ("text.npz", "must be a NumPy archive (.npz)"),
        ("truncated.npz", "must be a NumPy archive (.npz)"),
    ):
        with pytest.raises(InputError) as caught:
            isacfw.compare(scenario(sensing_noise={"covariance": str(tmp_path / name)}))
        assert sentence in str(caught.value)


def test_the_estimator_takes_white_noise_only(tmp_path: Path) -> None:
    given = scenario(sensing_noise={"covariance": str(write(tmp_path / "given.npz"))})
    assert given.receiver_noise.colour == "covariance"
    assert scenario(sensing_noise={"clutter": CLUTTER}).receiver_noise.colour == "clutter"
    assert not scenario(sensing_noise={"self_interference_db": -3.0}).receiver_noise.colour
    with pytest.raises(InputError, match="covariance must be absent for the estimator"):
        squared_errors(None, given, None, 1, np.random.default_rng(1))  # type: ignore[arg-type]


def test_objects_of_other_classes_are_refused() -> None:
    with pytest.raises(InputError, match="must be a Clutter object"):
        SensingNoise(clutter=(Direction(azimuth_deg=1.0, elevation_deg=1.0),))  # type: ignore[arg-type]
    clutter = Clutter(azimuth_deg=1.0, elevation_deg=2.0, gain_db=3.0)
    assert clutter.direction == Direction(azimuth_deg=1.0, elevation_deg=2.0)
