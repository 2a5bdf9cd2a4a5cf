"""Channels from files: every format and content, against formulas and direct simulation, and bad files."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import h5py
import numpy as np
import pytest
import tomli_w
import xarray
from channel_files import (
    WRITERS,
    elements_of,
    write_classic_netcdf,
    write_matlab_5,
    write_matlab_73,
    write_netcdf,
    write_npz,
)
from scipy.io import savemat

import isacfw
from isacfw import Array, ChannelStatistics, Direction, InputError
from isacfw.signal.channel import validate_statistics
from isacfw.signal.statistics import drops_of
from isacfw.study.spec import measure_sizes
from isacfw.testing import check_part
from isacfw_plugins.arrays.circular import Circular
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels._file_fading import PathFading, PilotEstimation, SampledFading, plane_waves
from isacfw_plugins.channels.file import File
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.zf import ZF

ARRAY = UPA(horizontal=4, vertical=2)
USERS, DROPS, SAMPLES = 3, 9, 40
CASES = json.loads((Path(__file__).parents[1] / "acceptance" / "general.json").read_text(encoding="utf-8"))


def complex_normal(generator: np.random.Generator, *shape: int) -> Any:
    return (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)) / np.sqrt(2)


def contents(drops: bool = True, array: Array = ARRAY, seed: int = 5) -> dict[str, dict[str, Any]]:
    """Return variables of each content, with or without an axis of drops."""
    generator, antennas = np.random.default_rng(seed), array.n_elements
    lead = (DROPS,) if drops else ()
    roots = complex_normal(generator, *lead, USERS, antennas, 2)
    samples = complex_normal(generator, SAMPLES, *lead, antennas, USERS) @ complex_normal(generator, USERS, USERS)
    return {
        "covariance": {"covariance": roots @ np.swapaxes(roots.conj(), -1, -2), **elements_of(array)},
        "covariance with mean": {
            "covariance": roots @ np.swapaxes(roots.conj(), -1, -2),
            "mean": complex_normal(generator, *lead, USERS, antennas),
            **elements_of(array),
        },
        "samples": {"samples": samples + complex_normal(generator, antennas, 1), **elements_of(array)},
        "paths": {
            "path_gain": complex_normal(generator, *lead, USERS, 4),
            "path_azimuth": generator.uniform(-180, 360, (*lead, USERS, 4)),
            "path_elevation": generator.uniform(0, 180, (*lead, USERS, 4)),
            "angle_unit": "degrees",
        },
        "large_scale_fading": {"large_scale_fading": generator.uniform(0.1, 3, (*lead, USERS))},
    }


CONTENTS = pytest.mark.parametrize("content", list(contents()))


def statistics_of(channel: File, drops: tuple[int, ...] = (0, 1, 2), array: Array = ARRAY) -> ChannelStatistics:
    return validate_statistics(channel.statistics(drops_of(0, drops), array), channel, len(drops), array)


def numbers_of(channel: File) -> dict[str, bytes]:
    """Return all numbers of a channel, and draws, as bytes."""
    statistics = statistics_of(channel)
    values: dict[str, Any] = dict(statistics._per_drop()) | statistics.extra
    channels, estimates = channel.draw(statistics, ARRAY, 5, np.random.default_rng(1))
    values |= {"channels": channels, "estimates": estimates}
    return {name: np.ascontiguousarray(value).tobytes() for name, value in values.items()}


# Formats


@CONTENTS
@pytest.mark.parametrize("estimates", ["independent", "physical"])
def test_the_bits_are_the_same_in_every_format(content: str, estimates: Any, tmp_path: Path) -> None:
    given = contents()[content]
    found = {
        name: numbers_of(File(path=write(tmp_path / "channel", given), pilot_length=2, estimates=estimates))
        for name, write in WRITERS.items()
    }
    for name in found:
        assert found[name] == found["npz"], name


@CONTENTS
def test_the_bits_are_the_same_in_every_format_without_drops(content: str, tmp_path: Path) -> None:
    if content == "large_scale_fading":
        pytest.skip("MATLAB has no vectors")
    given = contents(drops=False)[content]
    found = [numbers_of(File(path=write(tmp_path / "channel", given))) for write in WRITERS.values()]
    assert all(one == found[0] for one in found)


def test_other_types_of_numbers_are_converted(tmp_path: Path) -> None:
    fading = np.arange(1, 13).reshape(4, 3)
    whole = numbers_of(File(path=write_npz(tmp_path / "a", {"large_scale_fading": fading.astype(float)})))
    for kind in (np.int8, np.uint32, np.float32, np.int64):
        for write in (write_npz, write_netcdf, write_matlab_5):
            path = write(tmp_path / "b", {"large_scale_fading": fading.astype(kind)})
            assert numbers_of(File(path=path)) == whole


def test_a_table_of_fading_gives_the_same_bits(tmp_path: Path) -> None:
    fading = contents()["large_scale_fading"]["large_scale_fading"]
    rows = [",".join(map(repr, map(float, row))) for row in fading]
    whole = numbers_of(File(path=write_npz(tmp_path / "a", {"large_scale_fading": fading})))
    for number, lines in enumerate(
        (rows, ["a, b,c", *rows], ["\ufeff# comment, 1", "", *rows, ""], [f" {row} " for row in rows])
    ):
        path = tmp_path / f"{number}.CSV"
        path.write_text("\n".join(lines), encoding="utf-8")
        assert numbers_of(File(path=path)) == whole


def test_units_are_attributes_of_netcdf(tmp_path: Path) -> None:
    given = contents()
    paths = dict(given["paths"])
    del paths["angle_unit"]
    axes = ("drop", "user", "path")
    data = xarray.Dataset({name: (axes, value) for name, value in paths.items()})
    data["path_azimuth"].attrs["units"], data["path_elevation"].attrs["units"] = "degree", "deg"
    data.to_netcdf(tmp_path / "paths.nc", engine="h5netcdf")
    whole = numbers_of(File(path=write_npz(tmp_path / "a", given["paths"])))
    assert numbers_of(File(path=tmp_path / "paths.nc")) == whole
    del data["path_elevation"].attrs["units"], data["path_azimuth"].attrs["units"]
    data.assign_attrs(angle_unit="degrees").to_netcdf(tmp_path / "of_file.nc", engine="h5netcdf")
    assert numbers_of(File(path=tmp_path / "of_file.nc")) == whole
    data["path_azimuth"].attrs["units"], data["path_elevation"].attrs["units"] = "degree", "rad"
    data.to_netcdf(tmp_path / "mixed.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=r"mixed.nc: units of path_elevation must agree within the file, got"):
        statistics_of(File(path=tmp_path / "mixed.nc"))


def test_matlab_leaves_out_a_last_axis_of_one_user(tmp_path: Path) -> None:
    samples = contents(drops=False)["samples"]["samples"][..., :1]
    one = File(path=write_npz(tmp_path / "a", {"samples": samples, **elements_of(ARRAY)}))
    for write in (write_matlab_5, write_matlab_73):
        path = write(tmp_path / "a", {"samples": samples[..., 0], **elements_of(ARRAY)})
        assert numbers_of(File(path=path)) == numbers_of(one)


# Acceptance


def _acceptance(case: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of a file with the channels of a case."""
    array = ULA(elements=case["transmit"][0])
    covariance, mean = [], []
    for user in case["users"]:
        offset = np.subtract.outer(np.arange(array.n_elements), np.arange(array.n_elements))
        matrix = float(user["correlation"]) ** np.abs(offset) * np.exp(1j * user["phase"] * offset)
        wave = array.steering_vector(Direction(azimuth_deg=user["azimuth_deg"], elevation_deg=90.0))
        k_factor = user["k_factor"]
        covariance.append(user["beta"] / (1 + k_factor) * matrix)
        mean.append(np.sqrt(user["beta"] * k_factor / (1 + k_factor)) * wave)
    return {"covariance": np.array(covariance), "mean": np.array(mean), **elements_of(array)}


@pytest.mark.parametrize("name", list(WRITERS))
@pytest.mark.parametrize("case", list(CASES["given_channels"]))
def test_given_channels_through_a_file(case: str, name: str, tmp_path: Path) -> None:
    given, expected = (CASES["given_channels"][case][key] for key in ("input", "expected"))
    path = WRITERS[name](tmp_path / "channel", _acceptance(given))
    azimuth, elevation = given["beam_deg"]
    scenario = isacfw.load_scenario(
        {
            "snr_db": given["snr_db"],
            "precoders": ["mrt"],
            "allocators": ["conic"],
            "transmit_array": {"kind": "ula", "elements": given["transmit"][0]},
            "receive_array": {"kind": "ula", "elements": given["receive"][0]},
            "target": {
                "azimuth_deg": given["targets_deg"][0][0],
                "elevation_deg": given["targets_deg"][0][1],
                "reflection_amplitude": given["reflection_amplitudes"][0],
            },
            "sensing": {
                "frame_length": given["frame_length"],
                "beam_azimuth_deg": azimuth,
                "beam_elevation_deg": elevation,
            },
            "channel": {
                "kind": "file",
                "path": str(path),
                "estimates": "physical",
                **{key: given[key] for key in ("pilot_length", "coherence_length", "pilot_snr_db")},
            },
        }
    ).scenario
    statistics, antennas = scenario.statistics(), scenario.transmit_array.n_elements
    link = scenario.link_statistics(scenario.precoders[0], statistics)
    problem = scenario.problem(scenario.precoders[0], statistics)[0]
    beam = scenario.beam_statistics(scenario.compared_beams[0], statistics)
    found = {
        "signal_gain": link.signal_gain[0],
        "weight_power": antennas * link.weight_power[0],
        "second_moments": link.interference[0] * antennas + np.diag(link.signal_gain[0]),
        "beam_interference": beam.stream_interference[0, :, 0],
        "fisher_users": np.array([problem.fisher(one, 0.0) for one in np.eye(statistics.users)]),
        "fisher_sensing": problem.fisher(np.zeros(statistics.users), 1.0),
    }
    for key, value in found.items():
        wanted = np.array(expected[key])
        assert value.shape == wanted.shape
        assert np.abs(value - wanted).max() <= 1e-8 * np.abs(wanted).max(), key


# Contents against formulas


def test_covariances_are_those_of_the_file(tmp_path: Path) -> None:
    given = contents()["covariance with mean"]
    channel = File(path=write_npz(tmp_path / "a", given), pilot_length=2, pilot_snr_db=4.0, estimates="physical")
    statistics = statistics_of(channel, (4, 0))
    assert statistics.correlated
    np.testing.assert_allclose(statistics.covariances, given["covariance"][[4, 0]], rtol=1e-14, atol=1e-14)
    assert np.array_equal(statistics.means, given["mean"][[4, 0]])
    energy = 2 * 10**0.4
    covariance = given["covariance"][4]
    received = energy * (covariance[0] + covariance[2]) + np.eye(8)
    known = np.trace(energy * covariance[2] @ np.linalg.inv(received) @ covariance[2]).real / 8
    assert statistics.xi[0, 2] == pytest.approx(known + (np.abs(given["mean"][4, 2]) ** 2).mean(), rel=1e-12)
    assert statistics.prelog == 0.98


def test_fading_is_that_of_rayleigh(tmp_path: Path) -> None:
    fading = contents()["large_scale_fading"]["large_scale_fading"]
    options: dict[str, Any] = {"pilot_length": 2, "pilot_snr_db": 3.0, "coherence_length": 50}
    for estimates in ("independent", "physical"):
        channel = File(
            path=write_npz(tmp_path / "a", {"large_scale_fading": fading}), estimates=estimates, **options
        )
        other = Rayleigh(large_scale_fading=tuple(fading[3]), estimates=estimates, **options)
        mine, same = statistics_of(channel, (3,)), other.statistics((), ARRAY)
        for name in ("beta", "xi", "epsilon", "prelog", "isotropic"):
            assert np.array_equal(getattr(mine, name), getattr(same, name))
        assert np.array_equal(mine.collinear, same.collinear) or mine.collinear is same.collinear is None
        drawn = channel.draw(mine.of_drop(0), ARRAY, 3, np.random.default_rng(0))
        wanted = other.draw(same.of_drop(0), ARRAY, 3, np.random.default_rng(0))
        assert np.array_equal(drawn, wanted)


def test_fading_may_be_in_decibels(tmp_path: Path) -> None:
    fading = contents()["large_scale_fading"]["large_scale_fading"]
    plain = statistics_of(File(path=write_npz(tmp_path / "a", {"large_scale_fading": fading})))
    decibels = {"large_scale_fading": 10 * np.log10(fading)}
    stated = write_npz(tmp_path / "b", decibels | {"fading_unit": "dB"})
    unstated = write_npz(tmp_path / "c", decibels)
    for channel in (File(path=stated), File(path=unstated, fading_unit="db")):
        np.testing.assert_allclose(statistics_of(channel).beta, plain.beta, rtol=1e-14)
    with pytest.raises(InputError, match=r"c.npz: large_scale_fading must be positive \(numbers in dB"):
        statistics_of(File(path=unstated))
    with pytest.raises(InputError, match="fading_unit must agree with that of the scenario, 'linear', got 'db'"):
        statistics_of(File(path=stated, fading_unit="linear"))


@CONTENTS
def test_a_scale_multiplies_all_powers(content: str, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a", contents()[content])
    plain, scaled = File(path=path, pilot_snr_db=40.0), File(path=path, pilot_snr_db=20.0, scale_db=20.0)
    one, other = statistics_of(plain), statistics_of(scaled)
    for name, value in one._per_drop():
        factor = 10 if name == "means" else 100
        np.testing.assert_allclose(getattr(other, name), factor * value, rtol=1e-9, atol=1e-12)
    drawn = (
        channel.draw(own, ARRAY, 4, np.random.default_rng(2)) for channel, own in ((plain, one), (scaled, other))
    )
    first, second = drawn
    # Square roots of a singular covariance have arbitrary bases, so draws of Gaussian channels are not compared.
    if "covariance" not in content:
        np.testing.assert_allclose(second, 10 * np.array(first), rtol=1e-9, atol=1e-9)


@CONTENTS
def test_users_are_the_first_of_the_file(content: str, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a", contents()[content])
    whole, part = statistics_of(File(path=path)), statistics_of(File(path=path, users=2))
    for name, value in whole._per_drop():
        assert np.array_equal(getattr(part, name), value[:, :2])
    assert File(path=path, users=2).draw(part, ARRAY, 5, np.random.default_rng(0))[0].shape == (5, 3, 8, 2)
    with pytest.raises(InputError, match=r"^users must be at most 3, as many as .*a.npz has, got 4$"):
        statistics_of(File(path=path, users=4))


@pytest.mark.parametrize(
    "array", [ARRAY, Circular(elements=7), UPA(horizontal=3, vertical=3, vertical_spacing=0.7)]
)
def test_waves_are_steering_vectors(array: Array) -> None:
    generator = np.random.default_rng(8)
    azimuth, elevation = generator.uniform(-180, 180, (2, 3, 4))
    gain = complex_normal(generator, 3, 4)
    found = plane_waves(array, gain, np.deg2rad(azimuth), np.deg2rad(elevation))
    for user, path in np.ndindex(3, 4):
        direction = Direction(azimuth_deg=azimuth[user, path], elevation_deg=elevation[user, path])
        wanted = abs(gain[user, path]) * array.steering_vector(direction)
        np.testing.assert_allclose(found[user, :, path], wanted, rtol=0, atol=1e-12)


def test_covariances_of_paths(tmp_path: Path) -> None:
    given = contents()["paths"]
    statistics = statistics_of(File(path=write_npz(tmp_path / "a", given)), (2,))
    assert statistics.covariances is not None
    assert not statistics.correlated
    for user in range(USERS):
        wanted = np.zeros((8, 8), dtype=complex)
        for gain, azimuth, elevation in zip(
            *(given[name][2, user] for name in ("path_gain", "path_azimuth", "path_elevation")), strict=True
        ):
            wrapped = (azimuth + 180) % 360 - 180
            wave = ARRAY.steering_vector(Direction(azimuth_deg=wrapped, elevation_deg=elevation))
            wanted += abs(gain) ** 2 * np.outer(wave, wave.conj())
        np.testing.assert_allclose(statistics.covariances[0, user], wanted, rtol=0, atol=1e-12)
        assert statistics.beta[0, user] == pytest.approx(
            (np.abs(given["path_gain"][2, user]) ** 2).sum(), rel=1e-12
        )


def test_radians_and_degrees_agree(tmp_path: Path) -> None:
    given = contents()["paths"]
    turned = {name: np.deg2rad(given[name]) for name in ("path_azimuth", "path_elevation")}
    paths = {"path_gain": given["path_gain"], **turned}
    degrees = File(path=write_npz(tmp_path / "a", given))
    for radians in (
        File(path=write_npz(tmp_path / "b", paths | {"angle_unit": "radians"})),
        File(path=write_npz(tmp_path / "c", paths), angle_unit="radians"),
    ):
        assert numbers_of(radians) == numbers_of(degrees)


# Estimates of channels that are not Gaussian


@pytest.mark.parametrize("energy", [1e-3, 2.0, 1e6])
def test_filters_of_samples_are_the_best_linear_ones(energy: float) -> None:
    """With pilots shared, on correlated users: ridge regression of a user's samples on those received."""
    generator = np.random.default_rng(31)
    samples = complex_normal(generator, 60, 5, 3) @ complex_normal(generator, 3, 3) + 0.5
    fading = SampledFading.of(samples, 1.0)
    estimation = PilotEstimation(pilots=(0, 1, 0), energy=energy, independent=False)
    filters, xi, epsilon = estimation.filters(fading)
    scattered = samples - samples.mean(axis=0)
    for user, others in enumerate(((0, 2), (1,), (0, 2))):
        received = scattered[..., list(others)].sum(axis=-1)
        rows = np.concatenate([received, np.sqrt(60 / energy) * np.eye(5)])
        wanted = np.linalg.lstsq(rows, np.concatenate([scattered[..., user], np.zeros((5, 5))]), rcond=None)[0].T
        np.testing.assert_allclose(filters[user], wanted, rtol=0, atol=1e-9)
        left = scattered[..., user] - received @ wanted.T
        error = ((np.abs(left) ** 2).sum() / 60 + (np.abs(wanted) ** 2).sum() / energy) / 5
        assert epsilon[user] == pytest.approx(error, rel=1e-9)
        assert xi[user] + epsilon[user] == pytest.approx((np.abs(samples[..., user]) ** 2).mean(), rel=1e-9)


@pytest.mark.parametrize("independent", [True, False])
@pytest.mark.parametrize("pilots", [(0, 1, 2), (0, 1, 0), (0, 0, 0)])
def test_filters_of_paths_are_those_of_gaussian_channels(pilots: tuple[int, ...], independent: bool) -> None:
    fading = PathFading.of(complex_normal(np.random.default_rng(32), 3, 6, 4))
    estimation = PilotEstimation(pilots=pilots, energy=3.0, independent=independent)
    filters, xi, epsilon = estimation.filters(fading)
    other = ChannelStatistics.of_covariances(
        fading.covariances[None],
        pilots=np.array(pilots),
        pilot_energy=3.0,
        prelog=1.0,
        independent_estimates=independent,
    )
    np.testing.assert_allclose(filters, other.of_drop(0).second_order.filters, rtol=0, atol=1e-12)
    np.testing.assert_allclose(xi, other.xi[0], rtol=1e-12)
    np.testing.assert_allclose(epsilon, other.epsilon[0], rtol=1e-12)


def test_a_single_sample_is_a_known_channel(tmp_path: Path) -> None:
    given = contents(drops=False)["samples"]
    path = write_npz(tmp_path / "a", given | {"samples": given["samples"][:1]})
    statistics = statistics_of(File(path=path, pilot_length=1, estimates="physical"))
    assert not statistics.epsilon.any()
    channels, estimates = File(path=path).draw(statistics.of_drop(0), ARRAY, 4, np.random.default_rng(0))
    assert np.array_equal(channels, np.repeat(given["samples"][:1], 4, axis=0))
    assert np.array_equal(channels, estimates)


def test_equal_covariances_on_one_pilot_are_collinear(tmp_path: Path) -> None:
    wave = complex_normal(np.random.default_rng(3), 8, 3)
    same = wave @ wave.conj().T
    given = {"covariance": np.array([same, 2 * same, np.eye(8), 0.5 * same]), **elements_of(ARRAY)}
    path = write_npz(tmp_path / "a", given)
    wanted = np.zeros((4, 4), dtype=bool)
    wanted[1, 3] = wanted[3, 1] = True
    found = statistics_of(File(path=path, pilot_length=2, estimates="physical"), (0,)).collinear
    assert np.array_equal(found, wanted) or found is None
    alone = statistics_of(File(path=path, pilot_length=1, estimates="physical"), (0,)).collinear
    assert alone is not None
    assert {tuple(pair) for pair in np.argwhere(alone)} == {(0, 1), (1, 0), (0, 3), (3, 0), (1, 3), (3, 1)}
    assert statistics_of(File(path=path, pilot_length=1), (0,)).collinear is None


# Against direct simulation


def scenario_with(channel: File, array: Array = ARRAY, **changes: Any) -> isacfw.Scenario:
    values: dict[str, Any] = {
        "snr_db": 10.0,
        "precoders": ["mrt"],
        "allocators": ["equal_com"],
        "transmit_array": {"kind": "upa", "horizontal": 4, "vertical": 2},
        "receive_array": {"kind": "upa", "horizontal": 3, "vertical": 3},
        "target": {"azimuth_deg": 20.0, "elevation_deg": 60.0, "reflection_amplitude": 0.1},
        "channel": {"kind": "rayleigh", "users": 2},
        **changes,
    }
    return attrs.evolve(isacfw.load_scenario(values).scenario, channel=channel)


def _direct(content: str, given: dict[str, Any], draws: int, generator: np.random.Generator) -> Any:
    """Return channels of drop 2 straight from the numbers of a file; (M, N, K)."""
    if content == "samples":
        return given["samples"][generator.integers(SAMPLES, size=draws), 2]
    channels = np.zeros((draws, 8, USERS), dtype=complex)
    for user, path in np.ndindex(USERS, 4):
        gain, azimuth, elevation = (
            given[name][2, user, path] for name in ("path_gain", "path_azimuth", "path_elevation")
        )
        sine, cosine = np.sin(np.deg2rad(elevation)), np.cos(np.deg2rad(elevation))
        u = np.sin(np.deg2rad(azimuth)) * sine
        centred = ARRAY.positions() - ARRAY.positions().mean(axis=0)
        wave = np.exp(1j * np.pi * (centred[:, 0] * u + centred[:, 1] * cosine))
        turns = np.exp(2j * np.pi * generator.random(draws))
        channels[..., user] += gain * turns[:, None] * wave
    return channels


def _moments(channels: Any, estimates: Any, precoder: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return signal gain, weight power and second moments of a precoder, and their standard errors."""
    weights = estimates
    if precoder == "zf":
        gram = np.swapaxes(estimates.conj(), -1, -2) @ estimates
        weights = estimates @ np.linalg.inv(gram)
    received = np.swapaxes(channels.conj(), -1, -2) @ weights
    square, power = np.abs(received) ** 2, (np.abs(weights) ** 2).sum(axis=-2)
    own = np.einsum("mkk->mk", received)
    count = np.sqrt(len(channels))
    mean = {"gain": np.abs(own.mean(axis=0)) ** 2, "power": power.mean(axis=0), "square": square.mean(axis=0)}
    error = {
        "gain": 2 * np.sqrt(mean["gain"]) * own.std(axis=0) / count,
        "power": power.std(axis=0) / count,
        "square": square.std(axis=0) / count,
    }
    return mean, error


@pytest.mark.parametrize("content", ["samples", "paths"])
@pytest.mark.parametrize("precoder", ["mrt", "zf"])
@pytest.mark.parametrize("length", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_moments_against_a_direct_simulation(content: str, precoder: str, length: int, tmp_path: Path) -> None:
    """Channels straight from the file, pilots with noise, and estimates by regression on what was received."""
    given, generator, draws = contents()[content], np.random.default_rng(41), 120_000
    channel = File(
        path=write_npz(tmp_path / "a", given), pilot_length=length, pilot_snr_db=3.0, estimates="physical"
    )
    channels = _direct(content, given, draws, generator)
    mean = given["samples"][:, 2].mean(axis=0) if content == "samples" else np.zeros((8, USERS))
    received = np.zeros_like(channels)
    for pilot in range(length):
        users = [user for user in range(USERS) if user % length == pilot]
        noise = complex_normal(generator, draws, 8) / np.sqrt(length * 10**0.3)
        received[..., users] = ((channels - mean)[..., users].sum(axis=-1) + noise)[..., None]
    estimates = np.empty_like(channels)
    for user in range(USERS):
        y, h = received[..., user], (channels - mean)[..., user]
        fit = np.linalg.solve(y.conj().T @ y, y.conj().T @ h)
        estimates[..., user] = mean[:, user] + y @ fit
    wanted, error = _moments(channels, estimates, precoder)
    scenario = scenario_with(channel, drops=3, sampling_accuracy=0.005)
    part = {"mrt": MRT(), "zf": ZF()}[precoder]
    link = scenario.link_statistics(part, scenario.statistics([2]))
    own = link.standard_error
    assert own is not None
    assert own.coupling is not None
    found = {
        "gain": (link.signal_gain[0], own.signal_gain[0]),
        "power": (8 * link.weight_power[0], 8 * own.weight_power[0]),
        "square": (8 * link.interference[0] + np.diag(link.signal_gain[0]), 8 * own.coupling[0]),
    }
    for name, (value, spread) in found.items():
        # The diagonal of the second moments has the gain's error too.
        extra = np.diag(own.signal_gain[0]) if name == "square" else 0.0
        # Regression on a sample of the draws costs a part of 8 of them.
        allowed = 5 * (np.hypot(spread + extra, error[name])) + 3e-4 * np.abs(wanted[name]).max()
        assert (np.abs(value - wanted[name]) <= allowed).all(), (name, value, wanted[name], allowed)


@pytest.mark.parametrize("content", ["samples", "paths"])
def test_independent_estimates_on_one_pilot_have_the_stated_covariances(content: str, tmp_path: Path) -> None:
    channel = File(path=write_npz(tmp_path / "a", contents()[content]), pilot_length=1, pilot_snr_db=2.0)
    statistics = statistics_of(channel, (2,)).of_drop(0)
    channels, estimates = channel.draw(statistics, ARRAY, 60_000, np.random.default_rng(5))
    means = np.zeros((USERS, 8)) if statistics.means is None else statistics.means
    covariances, energy = statistics.covariances, 10**0.2
    assert covariances is not None
    for user in range(USERS):
        known = estimates[..., user] - means[user]
        total = covariances.sum(axis=0) + np.eye(8) / energy
        wanted = covariances[user] @ np.linalg.solve(total, covariances[user])
        sample = known.T @ known.conj() / len(known)
        assert np.abs(sample - wanted).max() <= 0.03 * np.abs(wanted).max()
        drawn = channels[..., user] - means[user]
        sample = drawn.T @ known.conj() / len(known)
        assert np.abs(sample - wanted).max() <= 0.04 * np.abs(wanted).max()


@pytest.mark.parametrize("content", ["covariance", "covariance with mean", "samples", "paths"])
@pytest.mark.parametrize("estimates", ["independent", "physical"])
def test_draws_pass_the_checks_of_channels(content: str, estimates: Any, tmp_path: Path) -> None:
    """The array of most checks has 4 times 2 elements; those with other arrays find other positions."""
    path = write_npz(tmp_path / "a", contents()[content])
    report = check_part(File(path=path, pilot_length=2, pilot_snr_db=0.0, estimates=estimates))
    failed = {result.check: result.message for result in report.failures}
    others = {
        name for name, message in failed.items() if "positions must have" in message or "an axis of" in message
    }
    assert failed.keys() == others, failed
    passed = {result.check for result in report.results} - others
    assert passed >= {
        "variances_add_up",
        "power_normalisation",
        "errors_uncorrelated_with_estimates",
        "independence_over_seeds",
        "collinear_estimates_are_declared",
        "means_and_covariances_against_draws",
        "variances_against_covariances",
        "batch_of_drops",
        "drops_do_not_depend_on_each_other",
    }


@pytest.mark.slow
@pytest.mark.parametrize("content", ["covariance with mean", "samples", "paths"])
def test_problems_agree_with_simulation(content: str, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a", contents(array=UPA(horizontal=4, vertical=4))[content])
    report = check_part(File(path=path, pilot_length=2, pilot_snr_db=3.0, estimates="physical"))
    (found,) = (one for one in report.results if one.check == "model_agrees_with_simulation")
    assert found.outcome == "passed", found.message


# Drops


@CONTENTS
def test_row_d_is_drop_d(content: str, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a", contents()[content])
    rows = statistics_of(File(path=path), tuple(range(DROPS)))
    assert len(rows.beta) == DROPS
    for drops in ((4,), (8, 2)):
        some = statistics_of(File(path=path), drops)
        for name, value in rows._per_drop():
            assert np.array_equal(getattr(some, name), value[list(drops)])
    problem = (
        rf"must have a row for each drop, got {DROPS} rows, too few for drop {DROPS} \(the first is drop 0\)$"
    )
    with pytest.raises(InputError, match=problem):
        statistics_of(File(path=path), (0, DROPS))


def test_a_scenario_may_use_every_row_and_no_more(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a", contents()["large_scale_fading"])
    for drops in (1, DROPS):
        rates = isacfw.compare(scenario_with(File(path=path), drops=drops)).dataset["sum_rate"]
        assert rates.sizes["drop"] == drops
    last = scenario_with(File(path=path), drops=DROPS).statistics([DROPS - 1])
    assert np.array_equal(last.beta[0], contents()["large_scale_fading"]["large_scale_fading"][-1])
    assert last.fading is not None
    assert tuple(last.fading.drops) == (DROPS - 1,)
    beyond = scenario_with(File(path=path), drops=DROPS + 1)
    # Before any drop is solved, not only when its turn comes.
    for run in (measure_sizes, isacfw.compare):
        with pytest.raises(InputError, match=f"got {DROPS} rows, too few for drop {DROPS}"):
            run(beyond)


@CONTENTS
def test_without_an_axis_all_drops_are_alike(content: str, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a", contents(drops=False)[content])
    statistics = scenario_with(File(path=path), drops=100).statistics()
    assert statistics.beta.shape == (1, USERS)
    assert statistics.fading is not None
    assert tuple(statistics.fading.drops) == (0,)


def test_a_mean_may_be_common_to_all_drops(tmp_path: Path) -> None:
    given = contents()["covariance with mean"]
    path = write_npz(tmp_path / "a", given | {"mean": given["mean"][0]})
    statistics = statistics_of(File(path=path), (1, 5))
    assert np.array_equal(statistics.means, np.array([given["mean"][0]] * 2))


# Positions


def _shifted(unit: str) -> dict[str, Any]:
    """Return positions with another origin, in a unit."""
    factor = {"half_wavelengths": 1.0, "wavelengths": 0.5, "metres": 0.5 * 0.0857}[unit]
    positions = factor * (elements_of(ARRAY)["positions"] + [100.0, -3.0, 7.0])
    return {"positions": positions, "positions_unit": unit}


@pytest.mark.parametrize("unit", ["half_wavelengths", "wavelengths", "metres"])
def test_positions_in_every_unit(unit: str, tmp_path: Path) -> None:
    covariance = {"covariance": contents()["covariance"]["covariance"]}
    plain = numbers_of(File(path=write_npz(tmp_path / "a", contents()["covariance"])))
    wavelength = {"wavelength_m": 0.0857} if unit == "metres" else {}
    stated = File(path=write_npz(tmp_path / "b", covariance | _shifted(unit) | wavelength))
    unstated = write_npz(tmp_path / "c", covariance | {"positions": _shifted(unit)["positions"]})
    for channel in (stated, File(path=unstated, positions_unit=unit, **wavelength)):
        assert numbers_of(channel) == plain
    if unit == "metres":
        with pytest.raises(InputError, match=r"c.npz: wavelength_m must be stated, in the file or the scenario"):
            statistics_of(File(path=unstated, positions_unit="metres"))
        with pytest.raises(InputError, match=r"b.npz: wavelength_m must agree with that of the scenario, 0.1"):
            statistics_of(File(path=stated.path, wavelength_m=0.1))
    with pytest.raises(InputError, match=r"c.npz: positions_unit must be stated with positions, in the file"):
        statistics_of(File(path=unstated))


def test_positions_of_three_dimensions(tmp_path: Path) -> None:
    array = Circular(elements=8)
    path = write_npz(tmp_path / "a", contents(array=array)["samples"])
    assert statistics_of(File(path=path), array=array).users == USERS
    with pytest.raises(InputError, match=r"must be those of the transmit array upa .*got others: element 0"):
        statistics_of(File(path=path))


def _positions(change: Callable[[Any], Any]) -> dict[str, Any]:
    given = contents()["covariance"]
    return given | {"positions": change(np.array(given["positions"]))}


POSITIONS = {
    "another order": (
        lambda p: p[[0, 2, 1, *range(3, 8)]],
        r"got in another order: its element 1 is element 2 of the array$",
    ),
    "another spacing": (
        lambda p: 1.01 * p,
        r"got others: element 0 at \(-1.515, -0.505, 0\), not at \(-1.5, -0.5, 0\), half wavelengths",
    ),
    "swapped axes": (lambda p: p[:, [1, 0, 2]], r"got others: element 0 at \(-0.5, -1.5, 0\), not at \(-1.5, "),
    "one too few": (lambda p: p[:7], r"got 7 elements, not 8$"),
    "two coordinates": (lambda p: p[:, :2], r"must have the axes \(elements, 3\), got shape \(8, 2\)$"),
    "not a number": (
        lambda p: np.where(np.arange(24).reshape(8, 3) == 4, np.nan, p),
        r"must be finite, got nan at \[1, 1\]$",
    ),
    "complex": (lambda p: p + 1j, r"must be real, got complex numbers$"),
}


@pytest.mark.parametrize("title", POSITIONS)
def test_wrong_positions_are_refused(title: str, tmp_path: Path) -> None:
    change, problem = POSITIONS[title]
    with pytest.raises(InputError, match=f"a.npz: positions .*{problem}"):
        statistics_of(File(path=write_npz(tmp_path / "a", _positions(change))))


# Bad files


def without(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}


def changed(name: str, content: str | None = None, drops: bool = True, **changes: Any) -> Callable[[], Any]:
    """Return a function that changes entries of a variable; keys are places with underscores."""

    def make() -> dict[str, Any]:
        given = contents(drops)[content or name]
        value = np.array(given[name])
        for place, number in changes.items():
            value[tuple(map(int, place.strip("_").split("_")))] = number
        return given | {name: value}

    return make


def cut(name: str, index: Any, content: str | None = None, drops: bool = True) -> Callable[[], Any]:
    """Return a function that gives variables with a part of one."""

    def make() -> dict[str, Any]:
        given = contents(drops)[content or name]
        return given | {name: np.array(given[name])[index]}

    return make


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "nothing": (
        dict,
        r" must contain exactly one of covariance, samples, paths .*got none of them; its variables: n",
    ),
    "other names": (
        lambda: {"covariances": np.eye(3), "H": np.eye(2)},
        r"got none of them; its variables: covariances, H; did you mean 'covariance'\?$",
    ),
    "two contents": (
        lambda: contents()["covariance"] | contents()["samples"],
        r" must contain exactly one of .* got covariance and samples$",
    ),
    "fading and paths": (
        lambda: contents()["paths"] | contents()["large_scale_fading"],
        r"got path_gain and path_azimuth and path_elevation and large_scale_fading$",
    ),
    "a mean alone": (
        lambda: without(contents()["covariance with mean"], "covariance"),
        r"got none of them; its variables: mean, positions, positions_unit$",
    ),
    "a mean of samples": (
        lambda: contents()["samples"] | {"mean": contents()["covariance with mean"]["mean"]},
        r": mean belongs to covariance, got it with samples$",
    ),
    "no elevations": (
        lambda: without(contents()["paths"], "path_elevation"),
        r": path_elevation must be given with path_gain, path_azimuth; got none$",
    ),
    "no unit of angles": (
        lambda: without(contents()["paths"], "angle_unit"),
        r": angle_unit must be stated with path_azimuth and path_elevation, in the file or the scenario, as one"
        r" of 'degrees', 'radians'; got none$",
    ),
    "an unknown unit": (
        lambda: contents()["paths"] | {"angle_unit": "gon"},
        r": angle_unit must be one of 'degrees', 'radians', got 'gon'$",
    ),
    "a unit that is a number": (
        lambda: contents()["paths"] | {"angle_unit": np.ones(2)},
        r": angle_unit must be a string, got an array of shape \(2,\) and type float64$",
    ),
    "no positions of covariances": (
        lambda: without(contents()["covariance"], "positions"),
        r": positions must be given with covariance, whose elements are compared with those of the transmit",
    ),
    "no positions of samples": (
        lambda: without(contents()["samples"], "positions"),
        r": positions must be given with samples,",
    ),
    "not Hermitian": (
        changed("covariance", _3_1_0_2=7.0),
        r": covariance must be Hermitian, got 7\+0j at \[0, 2\] and .* at \[2, 0\] for user 1 of drop 3$",
    ),
    "not Hermitian, all drops alike": (
        changed("covariance", drops=False, _1_2_2=1j),
        r": covariance must be Hermitian, got 0\+1j at \[2, 2\] and 0\+1j at \[2, 2\] for user 1$",
    ),
    "not positive semidefinite": (
        changed("covariance", _1_2_4_4=-1.0),
        r": covariance must be positive semidefinite, got a smallest eigenvalue of -\S+ and a largest of \S+ for"
        r" user 2 of drop 1$",
    ),
    "NaN in a covariance": (
        changed("covariance", _8_0_1_1=np.nan),
        r": covariance must be finite, got \(?nan.* at \[8, 0, 1, 1\]$",
    ),
    "infinite samples": (
        changed("samples", _3_0_1_1=np.inf),
        r": samples must be finite, got .* at \[3, 0, 1, 1\]$",
    ),
    "NaN in fading": (
        changed("large_scale_fading", _1_1=np.nan),
        r": large_scale_fading must be finite, got nan at \[1, 1\]$",
    ),
    "no fading": (
        changed("large_scale_fading", _1_1=0.0),
        r": large_scale_fading must be positive .*, got 0 for user 1 of drop 1$",
    ),
    "complex fading": (
        lambda: {"large_scale_fading": contents()["large_scale_fading"]["large_scale_fading"] + 1j},
        r": large_scale_fading must be real, got complex numbers$",
    ),
    "a user without paths": (
        changed("path_gain", "paths", _1_2_0=0, _1_2_1=0, _1_2_2=0, _1_2_3=0),
        r": path_gain must give every user a channel, got power 0 for user 2 of drop 1$",
    ),
    "a covariance that is no square": (
        cut("covariance", np.s_[..., :7]),
        r": covariance must have an axis of elements of length 8, got 7:"
        r" 9 drops, 3 users, 8 elements, 7 elements$",
    ),
    "a covariance of another array": (
        cut("covariance", np.s_[..., :7, :7]),
        r": covariance must have an axis of elements of length 8, as the transmit array upa, got 7:"
        r" 9 drops, 3 users, 7 elements, 7 elements$",
    ),
    "a covariance without users": (
        cut("covariance", np.s_[0, 0]),
        r": covariance must have the axes \(users, elements, elements\) or \(drops, users, elements, elements\),"
        r" got shape \(8, 8\)$",
    ),
    "a mean of fewer users": (
        cut("mean", np.s_[:, :2], "covariance with mean"),
        r": mean must have an axis of users of length 3, as covariance, got 2: 9 drops, 2 users, 8 elements$",
    ),
    "a mean of fewer drops": (
        cut("mean", np.s_[:5], "covariance with mean"),
        r": mean must have an axis of drops of length 9, as covariance, got 5: 5 drops, 3 users, 8 elements$",
    ),
    "samples of another array": (
        cut("samples", np.s_[:, :, :5]),
        r": samples must have an axis of elements of length 8, as the transmit array upa, got 5: 40 samples,"
        r" 9 drops, 5 elements, 3 users$",
    ),
    "samples of too many axes": (
        cut("samples", np.s_[..., None]),
        r": samples must have the axes \(samples, elements, users\) or \(samples, drops, elements, users\), got"
        r" shape \(40, 9, 8, 3, 1\)$",
    ),
    "angles of fewer paths": (
        cut("path_azimuth", np.s_[..., :2], "paths"),
        r": path_azimuth must have an axis of paths of length 4, as path_gain, got 2: 9 drops, 3 users, 2 paths$",
    ),
    "no drops": (
        cut("large_scale_fading", np.s_[:0]),
        r": large_scale_fading must have no axis of length 0, got shape \(0, 3\)$",
    ),
    "half of a complex variable": (
        lambda: {"covariance_real": np.ones((2, 8, 8))},
        r": covariance_real requires covariance_imag$",
    ),
    "halves of different shapes": (
        lambda: {"covariance_real": np.ones((2, 8, 8)), "covariance_imag": np.ones((2, 8, 7))},
        r": covariance_imag must be real and of the shape of covariance_real, \(2, 8, 8\), got \(2, 8, 7\)$",
    ),
    "words": (
        lambda: {"large_scale_fading": np.array([["a", "b"]])},
        r": large_scale_fading must be an array of numbers, got one of type <U1$",
    ),
    "Booleans": (
        lambda: {"large_scale_fading": np.ones((2, 2), dtype=bool)},
        r": large_scale_fading must be an array of numbers, got one of type bool$",
    ),
    "pickled objects": (
        lambda: {"large_scale_fading": np.array([[1, None]], dtype=object)},
        r": large_scale_fading cannot be read: Object arrays cannot be loaded",
    ),
}


@pytest.mark.parametrize("title", BAD)
def test_a_bad_content_is_refused(title: str, tmp_path: Path) -> None:
    make, problem = BAD[title]
    path = write_npz(tmp_path / "a", make())
    with pytest.raises(InputError, match=problem) as caught:
        statistics_of(File(path=path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_truncated_file_is_refused_or_complete(
    write: Callable[..., Path], tmp_path: Path, attempt: Any
) -> None:
    path = write(tmp_path / "a", contents()["covariance with mean"])
    whole, content = numbers_of(File(path=path)), path.read_bytes()
    refused = 0
    places = [*range(0, 200, 23), *np.linspace(200, len(content) - 1, 30).astype(int)]
    for place in places:
        path.write_bytes(content[:place])
        found, error = attempt(lambda: numbers_of(File(path=path)))
        if error is None:
            # What was left out was only padding.
            assert found == whole
        else:
            assert isinstance(error, InputError)
            assert str(error).startswith(str(path))
            refused += 1
    assert refused >= len(places) - 2


@pytest.mark.parametrize("suffix", [".npz", ".nc", ".mat", ".csv"])
def test_a_file_of_another_kind_is_refused(suffix: str, tmp_path: Path) -> None:
    path = (tmp_path / "a").with_suffix(suffix)
    others = [
        write_npz(tmp_path / "b", contents()["samples"]).read_bytes(),
        write_netcdf(tmp_path / "c", contents()["samples"]).read_bytes(),
        write_classic_netcdf(tmp_path / "d", contents()["samples"]).read_bytes(),
        b"{\x00\x01\x02",
        "1,2\nä,4\n".encode("latin-1"),
    ]
    kinds = {".npz": (0,), ".nc": (1, 2)}.get(suffix, ())
    for number, content in enumerate(others):
        path.write_bytes(content)
        if number not in kinds:
            with pytest.raises(InputError, match=rf"^{path} must be an? (NPZ|NetCDF|MATLAB|CSV) file"):
                statistics_of(File(path=path))
    path.unlink()
    with pytest.raises(InputError, match=rf"^{path} must be a file that can be read, got: No such file"):
        statistics_of(File(path=path))
    path.mkdir()
    with pytest.raises(InputError, match=rf"^{path} must be a file that can be read, got: Is a directory$"):
        statistics_of(File(path=path))


@pytest.mark.parametrize(
    ("option", "value"), [("positions_unit", "metres"), ("wavelength_m", 0.1), ("angle_unit", "degrees")]
)
def test_options_without_effect_on_a_table_are_refused(option: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"{option} has no effect for a table, whose content is fading, got"):
        File(path="fading.csv", **{option: value})


def test_another_ending_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(b"x")
    with pytest.raises(InputError, match=r"a.h5 must end in .npz, .nc, .mat, .csv, got 'a.h5'$"):
        statistics_of(File(path=path))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1,2\n3,x\n", "a.csv: line 2, column 2 must be a number, got 'x'"),
        ("1,2\n\n3\n", "a.csv: line 3 must have 2 columns, as many as the lines before it, got 1"),
        ("a,b\n", "a.csv must have a row of numbers for each drop, got none"),
        ("", "a.csv must have a row of numbers for each drop, got none"),
        ("1,\n", "a.csv: line 1, column 2 must be a number, got ''"),
        ("1;2\n3;4\n", "a.csv: line 2, column 1 must be a number, got '3;4'; columns are separated by commas"),
        ("1,nan\n", "a.csv: large_scale_fading must be finite, got nan at [0, 1]"),
        (
            "1,-2\n",
            "large_scale_fading must be positive (numbers in dB need fading_unit = 'db'), got -2 for",
        ),
    ],
)
def test_a_bad_table_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        statistics_of(File(path=tmp_path / "a.csv"))
    assert problem in str(caught.value)


def test_structures_and_strings_of_matlab_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"large_scale_fading": {"value": [1.0]}})
    with pytest.raises(InputError, match="large_scale_fading must be an array of numbers, got one of type"):
        statistics_of(File(path=path))
    for kind, name, problem in (
        ("struct", "large_scale_fading", "must be a full array of numbers, got one of class struct"),
        ("string", "fading_unit", "must be a character array in single quotes, got one of class string"),
    ):
        path = write_matlab_73(tmp_path / kind, {"large_scale_fading": np.ones((2, 3))})
        with h5py.File(path, "a") as file:
            if name in file:
                del file[name]
            file.create_group(name).attrs["MATLAB_class"] = np.bytes_(kind)
        with pytest.raises(InputError, match=rf": {name} {problem}$"):
            statistics_of(File(path=path))


def test_an_empty_array_of_matlab_is_refused(tmp_path: Path) -> None:
    path = write_matlab_73(tmp_path / "a", {"large_scale_fading": np.array([0, 3])})
    with h5py.File(path, "a") as file:
        file["large_scale_fading"].attrs["MATLAB_empty"] = 1
    with pytest.raises(InputError, match=r"large_scale_fading must have no axis of length 0, got shape"):
        statistics_of(File(path=path))


# Scenarios


def write_scenario(folder: Path, path: str, **changes: Any) -> Path:
    document = {
        "snr_db": 10.0,
        "precoders": ["mrt"],
        "allocators": ["equal_com"],
        "transmit_array": {"kind": "upa", "horizontal": 4, "vertical": 2},
        "receive_array": {"kind": "upa", "horizontal": 3, "vertical": 3},
        "target": {"azimuth_deg": 20.0, "elevation_deg": 60.0, "reflection_amplitude": 0.1},
        "channel": {"kind": "file", "path": path},
        **changes,
    }
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "scenario.toml").write_text(tomli_w.dumps(document), encoding="utf-8")
    return folder / "scenario.toml"


def test_paths_are_relative_to_the_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, data = tmp_path / "scenarios", tmp_path / "data"
    data.mkdir()
    other = write_npz(data / "b", contents(seed=6)["large_scale_fading"])
    path = write_npz(data / "a", contents()["large_scale_fading"])
    scenario = write_scenario(folder, "../data/a.npz")
    monkeypatch.chdir(tmp_path)
    loaded = isacfw.load_scenario("scenarios/scenario.toml")
    assert loaded.scenario.channel == File(path=folder / "../data/a.npz")
    assert loaded.scenario.channel.inputs()[0].samefile(path)
    assert isacfw.load_scenario(scenario) == loaded
    changed = isacfw.load_scenario(scenario, overrides=["channel.path = data/b.npz"]).scenario.channel
    assert changed.inputs()[0].samefile(other)
    # Without a file, to the working directory.
    document = {**_document_of(scenario), "channel": {"kind": "file", "path": "data/a.npz"}}
    assert isacfw.load_scenario(document).scenario.channel == File(path=path)
    named = isacfw.load_scenario("nguyen2025", overrides=["channel.kind = file", "channel.path = data/a.npz"])
    assert named.scenario.channel == File(path=path)


def _document_of(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_paths_of_overrides_are_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scenarios").mkdir()
    source = tmp_path / "scenarios" / "nguyen.toml"
    source.write_text(isacfw.to_toml(isacfw.load_scenario("nguyen2025").scenario), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    plain = ["channel.kind=file", "channel.path=a.csv"]
    table = ["channel={kind='file', path='a.csv'}"]
    swept = [*plain, "sweep.'channel.path'=['b.csv', 'c.csv']"]
    for overrides in (plain, table, swept):
        scenario = isacfw.load_scenario(source, overrides=overrides).scenario
        assert isinstance(scenario.channel, File)
        assert scenario.channel.path == tmp_path / "a.csv"
        points = [point.channel.path for _, point in scenario.points() if isinstance(point.channel, File)]
        names = ["b.csv", "c.csv"] if overrides is swept else ["a.csv"]
        assert points == [tmp_path / name for name in names]


def test_swept_paths_are_relative_to_the_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "scenarios"
    scenario = write_scenario(folder, "a.npz", sweep={"channel.path": ["a.npz", "sub/b.npz"]})
    (folder / "sub").mkdir()
    write_npz(folder / "a", contents()["large_scale_fading"])
    write_npz(folder / "sub" / "b", contents(seed=6)["large_scale_fading"])
    monkeypatch.chdir(tmp_path)
    rates = isacfw.compare(scenario).dataset["sum_rate"].to_numpy().ravel()
    assert len(np.unique(rates)) == 2
    text = isacfw.to_toml(isacfw.load_scenario(scenario).scenario)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "copy.toml").write_text(text, encoding="utf-8")
    again = isacfw.compare(tmp_path / "elsewhere" / "copy.toml").dataset["sum_rate"].to_numpy().ravel()
    assert np.array_equal(rates, again)


@pytest.mark.parametrize("path", ["", " ", 3, "a\0b", None])
def test_a_path_must_be_one(path: Any) -> None:
    with pytest.raises(InputError, match=r"^path must be the path of a file, got"):
        File(path=path)


def test_a_path_that_is_no_string_is_refused_with_its_key(variant: Any) -> None:
    with pytest.raises(InputError, match=r"^channel\.path must be the path of a file, got 3$"):
        isacfw.load_scenario(variant({"channel": {"kind": "file", "path": 3}}))
    with pytest.raises(InputError, match=r"^channel\.path must be given$"):
        isacfw.load_scenario(variant({"channel": {"kind": "file"}}))


def test_the_command_names_file_and_key(tmp_path: Path, cli: Any) -> None:
    scenario = write_scenario(tmp_path, "a.npz")
    status, _, error = cli("compare", scenario)
    assert status == 2
    assert error == f"isacfw: {tmp_path}/a.npz must be a file that can be read, got: No such file or directory\n"
    given = without(contents()["covariance"], "positions")
    path = write_npz(tmp_path / "a", given)
    status, _, error = cli("compare", scenario)
    assert status == 2
    assert error.startswith(f"isacfw: {path}: positions must be given with covariance")
    assert error.count("\n") == 1


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    channel = File(path=write_npz(tmp_path / "a", contents()["large_scale_fading"]))
    assert channel.inputs() == (channel.path,)
    out = isacfw.Execution(out=tmp_path / "out")
    scenario = scenario_with(channel, drops=2)
    first = isacfw.compare(scenario, execution=out)
    count = len(list((tmp_path / "out" / "chunks").iterdir()))
    isacfw.compare(scenario, execution=out)
    assert len(list((tmp_path / "out" / "chunks").iterdir())) == count
    write_npz(tmp_path / "a", contents(seed=6)["large_scale_fading"])
    second = isacfw.compare(scenario, execution=out)
    assert len(list((tmp_path / "out" / "chunks").iterdir())) == 2 * count
    assert not np.array_equal(first.dataset["sum_rate"], second.dataset["sum_rate"])


# Extreme numbers, and the packaged examples


@CONTENTS
@pytest.mark.parametrize("estimates", ["independent", "physical"])
@pytest.mark.parametrize("length", [1, 2, 10])
def test_extreme_powers(content: str, estimates: Any, length: int, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a", contents()[content])
    for snr_db in (-300.0, -50.0, 0.0, 150.0, 300.0):
        for scale_db in (-300.0, 0.0, 300.0):
            channel = File(
                path=path, estimates=estimates, pilot_length=length, pilot_snr_db=snr_db, scale_db=scale_db
            )
            statistics = statistics_of(channel, (0, 1))
            np.testing.assert_allclose(statistics.beta, statistics.xi + statistics.epsilon, rtol=1e-9)
            assert np.isfinite(channel.draw(statistics, ARRAY, 3, np.random.default_rng(0))).all()


def test_single_precision_leaves_small_negative_eigenvalues(tmp_path: Path) -> None:
    given = contents()["covariance"]
    single = given["covariance"].astype(np.complex64)
    assert np.linalg.eigvalsh(single.astype(complex)).min() < -1e-9
    statistics = statistics_of(File(path=write_npz(tmp_path / "a", given | {"covariance": single})), (0, 1, 2))
    assert statistics.covariances is not None
    np.testing.assert_allclose(statistics.covariances, given["covariance"][:3], rtol=0, atol=1e-5)


def test_the_examples_are_what_a_seed_gives() -> None:
    generator = np.random.default_rng(13)
    fading, paths, _ = File.examples()
    gain = generator.uniform(0.2, 1.0, (8, 3, 5)).round(3)
    azimuth = generator.uniform(-60, 60, (8, 3, 5)).round(1)
    elevation = generator.uniform(60, 120, (8, 3, 5)).round(1)
    with np.load(paths.path) as archive:
        wanted = {"path_gain": gain, "path_azimuth": azimuth, "path_elevation": elevation}
        assert {name: value.tolist() for name, value in archive.items() if name != "angle_unit"} == {
            name: value.tolist() for name, value in wanted.items()
        }
        assert archive["angle_unit"] == "degrees"
    table = (10 ** generator.uniform(-1, 0.5, (8, 4))).round(3)
    assert np.array_equal(np.loadtxt(fading.path, delimiter=",", skiprows=1), table)
