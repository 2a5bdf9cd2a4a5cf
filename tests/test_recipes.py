"""Recipes of docs/channels: arrays that other software gave, in tests/data/channels, against our conventions.

Conversions are those of the scripts in examples/channels. Where the software is installed, its scripts run too.
"""

from __future__ import annotations

import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from channel_files import elements_of, write_npz
from scipy.io import loadmat, savemat
from test_extending import blocks_of

import isacfw
from isacfw import Array, ChannelStatistics, Direction, InputError
from isacfw.signal.statistics import drops_of
from isacfw.simulation import Transmission, simulated_crlb, simulated_rates
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels.correlated import Correlated
from isacfw_plugins.channels.file import File

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data" / "channels"
RECIPES = ROOT / "examples" / "channels"
LARGEST_FIXTURE = 300_000

SMALL = UPA(horizontal=4, vertical=2)


@cache
def recipe(name: str) -> dict[str, Any]:
    return runpy.run_path(str(RECIPES / f"from_{name}.py"))


def recorded(name: str) -> dict[str, Any]:
    with np.load(DATA / f"{name}.npz") as archive:
        return dict(archive)


def statistics_of(path: Path, array: Array) -> ChannelStatistics:
    return File(path=path).statistics(drops_of(0, (0,)), array)


def waves_of(array: Array, azimuth: Any, elevation: Any) -> Any:
    """Return steering vectors of directions in radians; (N, ...)."""
    shape = np.shape(azimuth)
    each = [
        array.steering_vector(
            Direction(azimuth_deg=float(np.degrees(theta)), elevation_deg=float(np.degrees(phi)))
        )
        for theta, phi in zip(np.ravel(azimuth), np.ravel(elevation), strict=True)
    ]
    return np.stack(each, axis=-1).reshape(-1, *shape)


def departures(coefficients: Any, waves: Any) -> Any:
    """Return how far coefficients (N, P) of each path are from a wave (N, P) of any phase, relative to them."""
    inner = (waves.conj() * coefficients).sum(axis=0) / len(waves)
    apart = np.abs(coefficients - inner * waves).max(axis=0)
    return apart / np.abs(coefficients).max(axis=0)


def test_fixtures_are_small_and_their_provenance_is_stated() -> None:
    page = (DATA / "README.md").read_text(encoding="utf-8")
    files = [path for path in DATA.rglob("*") if path.suffix in {".npz", ".mat"}]
    assert len(files) >= 9
    for path in files:
        assert path.stat().st_size < LARGEST_FIXTURE
        assert f"`{path.relative_to(DATA).parts[0]}`" in page


# Sionna RT


@cache
def canyon() -> tuple[Any, dict[str, Any]]:
    """Return recorded coefficients (R, N, P) in the order of an UPA, and the variables of their paths."""
    raw = recorded("sionna_rt_arrays")
    found = recipe("sionna_rt")["paths_of"](
        raw["coefficients"], raw["theta_t"], raw["phi_t"], raw["orientation"], users=4
    )
    _, y, z = raw["positions"]
    return raw["coefficients"][:, 0, 0, :, :, 0][:, np.lexsort((z, y))], found


def test_sionna_coefficients_of_a_path_are_a_steering_vector() -> None:
    coefficients, found = canyon()
    assert found["path_gain"].shape == (1, 4, 14)
    count = 0
    for user, matrix in enumerate(coefficients):
        gain = found["path_gain"][0, user]
        present = gain > 0
        waves = waves_of(
            SMALL, found["path_azimuth"][0, user, present], found["path_elevation"][0, user, present]
        )
        assert (departures(matrix[:, present], waves) < 1e-3).all()
        # Conjugates, and elements in Sionna's own order, are others.
        assert (departures(matrix[:, present].conj(), waves) > 0.1).all()
        assert (departures(matrix[[1, 0, 3, 2, 5, 4, 7, 6]][:, present], waves) > 0.1).any()
        np.testing.assert_allclose(np.abs(matrix[:, present]), np.tile(gain[present], (8, 1)), rtol=1e-5)
        count += present.sum()
    assert count > 20


def test_covariances_of_sionna_coefficients_are_those_of_their_paths(tmp_path: Path) -> None:
    """Both go through a file: sums over paths with positions in metres, and gains with directions."""
    coefficients, found = canyon()
    raw = recorded("sionna_rt_arrays")
    x, y, z = raw["positions"]
    given = {
        "covariance": np.einsum("rnp,rmp->rnm", coefficients, coefficients.conj()),
        "positions": np.stack([y, z, x], axis=-1)[np.lexsort((z, y))],
        "positions_unit": "metres",
        "wavelength_m": raw["wavelength"],
    }
    whole = statistics_of(write_npz(tmp_path / "covariance", given), SMALL)
    paths = statistics_of(write_npz(tmp_path / "paths", found), SMALL)
    assert whole.covariances is not None
    assert paths.covariances is not None
    scale = 8 * paths.beta[0][:, None, None]
    np.testing.assert_allclose(whole.covariances[0] / scale, paths.covariances[0] / scale, atol=1e-4)
    assert (np.abs(whole.covariances[0].conj() - paths.covariances[0]) > 1e-2 * scale).any(axis=(1, 2)).all()
    np.testing.assert_allclose(whole.beta, paths.beta, rtol=1e-5)
    own_order = given | {"positions": np.stack([y, z, x], axis=-1)}
    with pytest.raises(InputError, match="in another order: its element 0 is element 1"):
        statistics_of(write_npz(tmp_path / "own", own_order), SMALL)


def test_samples_of_sionna_draw_the_channels_of_their_paths(tmp_path: Path) -> None:
    """The rows of Sionna's channel matrices, with random phases of the paths, as samples."""
    coefficients, found = canyon()
    generator = np.random.default_rng(4)
    phases = np.exp(2j * np.pi * generator.random((4000, *coefficients.shape[::2])))
    samples = np.einsum("rnp,srp->snr", coefficients, phases)
    whole = statistics_of(write_npz(tmp_path / "a", {"samples": samples, **elements_of(SMALL)}), SMALL)
    paths = statistics_of(write_npz(tmp_path / "b", found), SMALL)
    assert whole.covariances is not None
    assert paths.covariances is not None
    gap = whole.covariances[0] - paths.covariances[0]
    scale = 8 * paths.beta[0]
    assert (np.abs(gap).max(axis=(1, 2)) < 4 / np.sqrt(4000) * scale).all()
    assert (np.abs(whole.covariances[0].conj() - paths.covariances[0]).max(axis=(1, 2)) > 0.05 * scale).sum() >= 3


def places() -> Any:
    """Return where the recipe places its users: drops x users x 3."""
    script = recipe("sionna_rt")
    generator = np.random.default_rng(1)
    each = [(generator.uniform(-60, 60), generator.uniform(-2, 8), 1.5) for _ in range(20)]
    return np.array(each).reshape(script["DROPS"], script["USERS"], 3)


def test_lines_of_sight_of_the_canyon_are_those_of_the_geometry() -> None:
    """Directions in the frame of the array, and gains by free space and the element of TR 38.901, by hand."""
    script, found = recipe("sionna_rt"), recorded("sionna_rt")
    offset = places() - script["POSITION"]
    distance = np.sqrt((offset**2).sum(axis=-1))
    # Broadside is the axis y of the street, so the horizontal axis is -x; then all is tilted down by 0.1 rad.
    ahead, aside, up = np.moveaxis(offset / distance[..., None], -1, 0)[[1, 0, 2]] * [[[1]], [[-1]], [[1]]]
    tilt = 0.1
    normal, vertical = ahead * np.cos(tilt) - up * np.sin(tilt), ahead * np.sin(tilt) + up * np.cos(tilt)
    azimuth, elevation = np.arctan2(aside, normal), np.arccos(vertical)
    squint = np.hypot(found["path_azimuth"] - azimuth[..., None], found["path_elevation"] - elevation[..., None])
    line = squint.argmin(axis=-1)[..., None]
    assert (np.take_along_axis(squint, line, axis=-1) < 2e-4).all()
    horizontal, upright = np.degrees(azimuth) / 65, (np.degrees(elevation) - 90) / 65
    attenuation = np.minimum(np.minimum(12 * horizontal**2, 30) + np.minimum(12 * upright**2, 30), 30)
    free_space_db = 20 * np.log10(299_792_458 / script["CARRIER_HZ"] / (4 * np.pi * distance))
    gain_db = 20 * np.log10(np.take_along_axis(found["path_gain"], line, axis=-1)[..., 0])
    # The polarisation of the element is vertical in the frame of the array, so a little is lost.
    assert (np.abs(gain_db - (free_space_db + 8 - attenuation)) < 0.2).all()


def page_scenario(page: str, folder: Path, *overrides: str) -> isacfw.Scenario:
    """Return the scenario of a page with the recorded file."""
    text = (ROOT / "docs" / "channels" / f"{page}.md").read_text(encoding="utf-8")
    (toml,) = (block for block, _ in blocks_of(text) if block.language == "toml")
    path = folder / "scenario.toml"
    path.write_text(toml.text, encoding="utf-8")
    file = next(DATA.glob(f"{page}.*"))
    return isacfw.load_scenario(path, overrides=[f"channel.path={file}", *overrides]).scenario


REPEATS = 12
DRAWS = 6000


@pytest.mark.parametrize(
    ("page", "precoder", "drop"),
    [
        ("quadriga", 0, 0),
        *(
            pytest.param(*case, marks=pytest.mark.nightly)
            for case in (
                ("sionna_rt", 0, 0),
                ("sionna_rt", 1, 0),
                ("sionna_rt", 0, 3),
                ("sionna_rt", 1, 3),
                ("quadriga", 1, 0),
                ("matlab", 1, 0),
            )
        ),
    ],
)
def test_every_number_of_the_comparison_agrees_with_simulation(
    page: str, precoder: int, drop: int, tmp_path: Path
) -> None:
    """Rates and CRLBs of all rows; the standard error of the model is that over other seeds of its moments."""
    scenario = page_scenario(page, tmp_path, "sampling_accuracy=0.02", f"drops={drop + 1}")
    part = scenario.precoders[precoder]
    scenario = attrs.evolve(scenario, precoders=[part])
    dataset = isacfw.compare(scenario).dataset.isel({"drop": drop}).isel(precoder=0)
    own, *others = (
        one.problem(part, one.statistics([drop]))[0]
        for one in (scenario, *(attrs.evolve(scenario, seed=1000 + seed) for seed in range(REPEATS)))
    )
    for allocator in range(len(scenario.allocators)):
        row = dataset.isel(allocator=allocator)
        assert row["feasible"]
        # Stored are powers and the paper's power factors.
        x = row["gamma"].to_numpy() / own.gamma(np.ones(own.users))
        q = row["sensing_power"].item() / scenario.power
        bounds_db = [row[f"crlb_{angle}_db"].item() for angle in ("azimuth", "elevation")]
        claimed = np.concatenate([row["rates"].to_numpy(), 10 ** (np.array(bounds_db) / 10)])
        each = [np.concatenate([one.rates(x, q), one.crlb(x, q)]) for one in (own, *others)]
        np.testing.assert_allclose(each[0], claimed, rtol=1e-7)
        transmission = Transmission.of(scenario, part, drop, x, q)
        rates = simulated_rates(transmission, DRAWS, np.random.default_rng([701, precoder, allocator]))
        bounds = simulated_crlb(transmission, scenario, DRAWS, np.random.default_rng([702, precoder, allocator]))
        found = np.concatenate([rates.value, bounds.value])
        simulated = np.concatenate([rates.standard_error, bounds.standard_error])
        error = np.hypot(simulated, np.std(each[1:], axis=0, ddof=1))
        assert (np.abs(found - claimed) < 4 * error).all(), (found, claimed, error)
        # Some users have no power.
        scale = np.concatenate([np.full(own.users, claimed[:-2].max()), claimed[-2:]])
        assert (error < 0.05 * scale).all(), (claimed, error)


# DeepMIMO


@cache
def scene_of_deepmimo() -> dict[str, Any]:
    script, folder = recipe("deepmimo"), DATA / "deepmimo_canyon"
    return {name: script["read"](folder, name) for name in ("power", "phase", "aod_az", "aod_el")}


def test_deepmimo_coefficients_of_a_path_are_a_steering_vector() -> None:
    raw = recorded("deepmimo_channel")
    scene = {name: value[raw["users"], :10] for name, value in scene_of_deepmimo().items()}
    found = recipe("deepmimo")["paths_of"](scene["power"], scene["aod_az"], scene["aod_el"], raw["rotation_deg"])
    horizontal, vertical = raw["shape"]
    assert (horizontal, vertical) == (SMALL.horizontal, SMALL.vertical)
    order = np.arange(horizontal * vertical).reshape(vertical, horizontal).T.ravel()
    count = 0
    for user, matrix in enumerate(raw["channel"][:, 0]):
        present = np.flatnonzero(found["path_gain"][user])
        waves = waves_of(
            SMALL,
            np.radians(found["path_azimuth"][user, present]),
            np.radians(found["path_elevation"][user, present]),
        )
        coefficients = matrix[order][:, present]
        assert (departures(coefficients, waves) < 1e-3).all()
        assert (departures(coefficients.conj(), waves) > 0.1).all()
        assert (departures(matrix[:, present], waves) > 0.1).any()
        gain = np.broadcast_to(found["path_gain"][user, present], coefficients.shape)
        np.testing.assert_allclose(np.abs(coefficients), gain, rtol=1e-4)
        count += len(present)
    assert count > 20


def test_absent_paths_of_deepmimo_have_no_gain() -> None:
    scene = scene_of_deepmimo()
    found = recipe("deepmimo")["paths_of"](scene["power"], scene["aod_az"], scene["aod_el"], (0.0, 0.0, 0.0))
    absent = np.isnan(scene["power"])
    assert absent.any()
    assert (found["path_gain"][absent] == 0).all()
    assert (found["path_gain"][~absent] > 0).all()
    # Without rotation the frame of the array is that of the scene.
    np.testing.assert_allclose(found["path_azimuth"][~absent], scene["aod_az"][~absent], rtol=1e-5)
    np.testing.assert_allclose(found["path_elevation"][~absent], scene["aod_el"][~absent], rtol=1e-5)


@pytest.mark.parametrize("suffix", ["npz", "mat"])
def test_deepmimo_script_writes_a_file_of_paths(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = DATA / "deepmimo_canyon"
    if suffix == "mat":
        folder = tmp_path / "scenario"
        folder.mkdir()
        for name, value in scene_of_deepmimo().items():
            savemat(folder / f"{name}_t000_tx000_r001.mat", {name: value})
    monkeypatch.setattr(sys, "argv", ["from_deepmimo.py", str(folder)])
    runpy.run_path(str(RECIPES / "from_deepmimo.py"), run_name="__main__")
    with np.load("deepmimo.npz") as archive:
        assert archive["path_gain"].shape == (5, 4, 12)
    statistics = File(path=tmp_path / "deepmimo.npz").statistics(
        drops_of(0, range(5)), UPA(horizontal=8, vertical=8)
    )
    assert statistics.beta.shape == (5, 4)
    assert (10 * np.log10(statistics.beta) > -130).all()
    assert len(np.unique(statistics.beta)) == 20


# quadriga-lib


def test_quadriga_coefficients_of_a_line_of_sight_are_a_steering_vector(tmp_path: Path) -> None:
    raw = recorded("quadriga_arrays")
    array = UPA(horizontal=8, vertical=2)
    channels = [{"coeff": list(user)} for user in raw["coefficients"]]
    found = recipe("quadriga")["samples_of"](channels, raw["element_positions"], float(raw["carrier_hz"]))
    assert found["samples"].shape == (1, 16, 2)
    azimuth = np.radians(raw["azimuths_deg"])
    waves = waves_of(array, azimuth, np.full(2, np.pi / 2))
    assert (departures(found["samples"][0], waves) < 1e-5).all()
    assert (departures(found["samples"][0].conj(), waves) > 0.1).all()
    # The positions are those of the array, in its order.
    statistics = statistics_of(write_npz(tmp_path / "a", found), array)
    np.testing.assert_allclose(statistics.beta[0], np.abs(found["samples"][0, 0]) ** 2, rtol=1e-5)


def test_recorded_samples_of_quadriga_are_what_its_page_says() -> None:
    found = recorded("quadriga")
    assert found["samples"].shape == (401, 16, 4)
    statistics = statistics_of(DATA / "quadriga.npz", UPA(horizontal=8, vertical=2))
    assert statistics.covariances is not None
    for user, azimuth in enumerate(recipe("quadriga")["AZIMUTHS_DEG"][:2]):
        # Within 10 metres model D has a line of sight, and most power comes from about its direction.
        scan = np.radians(np.arange(-80, 81))
        waves = waves_of(UPA(horizontal=8, vertical=2), scan, np.full(len(scan), np.pi / 2))
        spectrum = np.einsum("na,nm,ma->a", waves.conj(), statistics.covariances[0, user], waves).real
        assert abs(np.degrees(scan[spectrum.argmax()]) - azimuth) < 10


def test_quadriga_script_writes_such_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("quadriga_lib")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(RECIPES / "from_quadriga.py"), run_name="__main__")
    before = recorded("quadriga")
    with np.load("quadriga.npz") as now:
        assert {name: value.shape for name, value in now.items()} == {
            name: value.shape for name, value in before.items()
        }
        np.testing.assert_allclose(now["positions"], before["positions"], atol=1e-6)
        power = [10 * np.log10((np.abs(one["samples"]) ** 2).mean(axis=(0, 1))) for one in (now, before)]
    # Another version may draw other scatterers and shadowing.
    assert (np.abs(power[0] - power[1]) < 25).all()
    statistics_of(tmp_path / "quadriga.npz", UPA(horizontal=8, vertical=2))


@pytest.mark.nightly
def test_sionna_script_writes_what_was_recorded(tmp_path: Path) -> None:
    if importlib.util.find_spec("sionna") is None:
        pytest.skip("sionna-rt is not installed")
    # In a process of its own: Dr.Jit compiles for the machine, and its warnings are no concern of ours.
    subprocess.run([sys.executable, RECIPES / "from_sionna_rt.py"], check=True, cwd=tmp_path)
    before = recorded("sionna_rt")
    with np.load(tmp_path / "sionna_rt.npz") as now:
        assert now.keys() == before.keys()
        # The order of paths may differ, and so may weak ones.
        strongest = [np.take_along_axis(one["path_gain"], best(one), axis=-1) for one in (now, before)]
        np.testing.assert_allclose(strongest[0], strongest[1], rtol=1e-3)
        for name in ("path_azimuth", "path_elevation"):
            angles = [np.take_along_axis(one[name], best(one), axis=-1) for one in (now, before)]
            np.testing.assert_allclose(angles[0], angles[1], atol=1e-3)


def best(variables: Any) -> Any:
    return variables["path_gain"].argmax(axis=-1)[..., None]


# MATLAB and GNU Octave


def test_recorded_covariances_of_octave_are_those_of_local_scattering() -> None:
    """An integral over the azimuth in Octave, against the channel `correlated`."""
    array = UPA(horizontal=8, vertical=2)
    found = statistics_of(DATA / "matlab.mat", array).covariances
    channel = Correlated(
        large_scale_fading=(1.0, 0.5, 0.8, 0.3),
        azimuths_deg=(-40.0, -10.0, 15.0, 45.0),
        scattering="gaussian",
        spread_deg=8.0,
    )
    wanted = channel.statistics(drops_of(0, (0,)), array).covariances
    assert found is not None
    assert wanted is not None
    np.testing.assert_allclose(found, np.broadcast_to(wanted, found.shape), atol=1e-9)


def test_octave_script_writes_what_was_recorded(tmp_path: Path) -> None:
    octave = shutil.which("octave-cli")
    if octave is None:
        pytest.skip("GNU Octave is not installed")
    environment = os.environ | {"HOME": str(tmp_path)}
    subprocess.run(
        [octave, RECIPES / "from_matlab.m"], check=True, cwd=tmp_path, env=environment, capture_output=True
    )
    now, before = (loadmat(folder / "matlab.mat") for folder in (tmp_path, DATA))
    for name in ("covariance", "positions"):
        np.testing.assert_allclose(now[name], before[name], atol=1e-12)
    assert now["positions_unit"] == before["positions_unit"]


def test_steering_vectors_of_matlab_have_the_same_sign() -> None:
    """The example of `steervec` in the documentation of MATLAB: 1 GHz, 10 cm apart, from 45 degrees."""
    stated = [1, 0.0887 + 0.9961j, -0.9843 + 0.1767j, -0.2633 - 0.9647j, 0.9376 - 0.3478j]
    array = ULA(elements=5, spacing=2 * 0.1 / 0.299792458)
    wave = array.steering_vector(Direction(azimuth_deg=45.0, elevation_deg=90.0))
    np.testing.assert_allclose(wave / wave[0], stated, atol=1e-4)
