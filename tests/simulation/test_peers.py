"""Figures of the peers: their data against closed forms and simulations, and what is drawn of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pytest

from isacfw import IncompatibleError, compare, load_scenario
from isacfw.study.figure import make_figure
from isacfw_plugins.allocators.exact import Exact

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

TRIALS = 400
SCAN = "sensing.beam_elevation_deg"
ELEVATIONS = (46.0, 50.0, 54.0, 60.0)


@cache
def scanning(*changes: str) -> tuple[xarray.Dataset, Figure, list[tuple[int, int]]]:
    """Return data, figure and the calls of progress of buzzi2019."""
    overrides = ["drops = 2", f'sweep."{SCAN}" = {list(ELEVATIONS)}', *changes]
    steps: list[tuple[int, int]] = []
    data, figures = make_figure(
        load_scenario("buzzi2019", overrides=overrides),
        compare,
        TRIALS,
        lambda done, total: steps.append((done, total)),
    )
    return data, figures[""], steps


def probability(data: xarray.Dataset, axis: str) -> Any:
    """Return the probabilities at half of the power, which no drop changes."""
    own = data[f"detection_probability_in_{axis}"].sel(allocator="equal_cs").to_numpy()
    flat = own.reshape(len(data["precoder"]), len(data["detected_in_" + axis]), -1)
    assert np.ptp(flat, axis=(0, 2)) == pytest.approx(0, abs=1e-12)
    return flat[0, :, 0]


@pytest.mark.parametrize("axis", ["scan", "size"])
def test_simulated_echoes_are_detected_as_often_as_stated(axis: str) -> None:
    data = scanning()[0]
    expected, shares = probability(data, axis), data[f"detected_in_{axis}"].to_numpy()
    error = np.sqrt(expected * (1 - expected) / TRIALS)
    assert (np.abs(shares - expected) <= 4 * error).all()


@pytest.mark.parametrize(
    "change", ["metrics = [{kind = 'detection', target_model = 'steady', waveform = 'sensing'}]"]
)
def test_simulated_echoes_of_the_sensing_waveform(change: str) -> None:
    data = scanning(change)[0]
    expected, shares = probability(data, "scan"), data["detected_in_scan"].to_numpy()
    # The echo of the users is noise that depends on the same coefficient, and energies fluctuate.
    assert shares == pytest.approx(expected, abs=0.1)
    assert expected.min() < 0.05
    assert expected.max() > 0.95


def test_probability_over_directions_in_closed_form() -> None:
    angles = np.radians([*ELEVATIONS, 60.0])
    phases = np.pi * np.subtract.outer(np.cos(angles[:-1]), np.cos(angles[-1:]))[:, 0]
    # Dirichlet kernel of ten rows; the columns are aligned.
    kernel = np.where(phases == 0, 10.0, np.sin(5 * phases) / np.where(phases == 0, 1.0, np.sin(phases / 2)))
    energy = 30 * 25 * 0.03**2 * 10 * (0.5 + 0.5 * 100 * (kernel / 10) ** 2)
    cell = -np.expm1(np.log1p(-1e-6) / 100)
    assert probability(scanning()[0], "scan") == pytest.approx(cell ** (1 / (1 + energy)), rel=1e-9)


def test_rates_end_where_no_shares_detect_the_target() -> None:
    data = scanning()[0]
    exact = data["smallest_rate_in_scan"].sel(allocator="exact").mean("drop", skipna=False)
    rates = exact.transpose("precoder", SCAN).to_numpy()
    assert np.isnan(rates[:, :2]).all()
    assert (np.diff(rates[:, 2:]) > 0).all()
    sizes = data["smallest_rate_in_size"].sel(allocator="exact").mean("drop", skipna=False)
    found = sizes.transpose("precoder", "antennas").to_numpy()
    assert np.isnan(found[:, 0]).all()
    assert (np.diff(found[:, 1:]) > 0).all()


def test_what_is_drawn() -> None:
    data, figure, steps = scanning()
    assert steps[-1][0] == steps[-1][1]
    over_scan, over_size, rates, _ = figure.axes
    for axes, axis in ((over_scan, "scan"), (over_size, "size")):
        drawn = [np.asarray(line.get_ydata(), float) for line in axes.lines]
        assert drawn[0] == pytest.approx(probability(data, axis))
        assert drawn[1] == pytest.approx(data[f"detected_in_{axis}"].to_numpy())
        assert drawn[2] == pytest.approx(0.9)
    assert len(rates.lines) == len(data["precoder"]) * len(data["allocator"])
    assert figure.legends


def test_scenario_without_requirement_has_a_figure_too() -> None:
    loaded = load_scenario("buzzi2019", overrides=["drops = 1", f'sweep."{SCAN}" = [60.0]'])
    free = attrs.evolve(loaded, scenario=attrs.evolve(loaded.scenario, requirements={}))
    data, figures = make_figure(free, compare, 2, lambda done, total: None)
    assert np.isnan(data.attrs["required"])
    assert len(figures[""].axes[0].lines) == 2


SINR = "requirements.users.sinr_db"


@cache
def lobes() -> tuple[xarray.Dataset, Figure]:
    """Return data and figure of liao2024 for two drops and three SINR targets."""
    overrides = ["drops = 2", f'sweep."{SINR}" = [-6.0, 3.0, 12.0]']
    data, figures = make_figure(
        load_scenario("liao2024", overrides=overrides), compare, None, lambda done, total: None
    )
    return data, figures[""]


def least_power_db(antennas: int, sinr_db: float, masr_db: float) -> Any:
    """Return the least power of each precoder by its closed form, NaN where a drop has none."""
    loaded = load_scenario("liao2024", overrides=["drops = 2", f"transmit_array.elements = {antennas}"])
    values = {SINR: sinr_db, "requirements.lobes.least_db": masr_db}
    scenario = loaded.scenario.with_values(values)
    found = []
    for precoder in scenario.precoders:
        try:
            problem = scenario.problem(precoder)
        except IncompatibleError:
            found.append(np.nan)
            continue
        A, B, C = problem.user_sums
        assert problem.region_streams is not None
        mainlobe, sidelobe = problem.region_streams[0, 0]
        ratio = 10 ** (masr_db / 10)
        r = (ratio - 1) / (mainlobe - ratio * sidelobe) if mainlobe > ratio * sidelobe else np.inf
        room = 1 - C - B * r
        share = np.where(room > 0, (1 + r) * A / np.where(room > 0, room, 1.0), np.inf)
        found.append(np.mean(share) * problem.power[0] if (share <= 1).all() else np.nan)
    return 10 * np.log10(found)


def test_least_power_in_closed_form() -> None:
    data = lobes()[0]
    for sinr in (-6.0, 3.0, 12.0):
        for ratio in (3.0, 10.0, 15.0):
            own = data["power_over_sinr_db"].sel(sinr_db=sinr, shown_masr_db=ratio)
            assert own.to_numpy() == pytest.approx(least_power_db(64, sinr, ratio), rel=1e-9, nan_ok=True)
    for ratio in (0.0, 15.0, 33.0):
        own = data["power_over_masr_db"].sel(masr_db=ratio)
        assert own.to_numpy() == pytest.approx(least_power_db(64, 3.0, ratio), rel=1e-9, nan_ok=True)


def test_fewer_antennas_do_not_suffice() -> None:
    fewest = lobes()[0]["fewest_antennas"].sel(sized_masr_db=15.0, sized_sinr_db=-6.0)
    for number, antennas in enumerate(fewest.to_numpy().astype(int).tolist()):
        assert np.isfinite(least_power_db(antennas, -6.0, 15.0)[number])
        assert np.isnan(least_power_db(antennas - 4, -6.0, 15.0)[number])


def test_pattern_meets_the_ratio() -> None:
    data = lobes()[0]
    azimuths = data["azimuth_deg"].to_numpy()
    gains = 10 ** (data["pattern_db"].to_numpy() / 10)
    assert gains.max(axis=-1) == pytest.approx(gains[:, azimuths == 0.0][:, 0])
    main, side = np.abs(azimuths) <= 1, np.abs(azimuths) >= 8
    measured = 10 * np.log10(gains[:, main].mean(axis=-1) / gains[:, side].mean(axis=-1))
    # The requirement's grid is finer.
    assert measured == pytest.approx([3.0, 10.0, 15.0], abs=0.3)


def test_lines_of_least_power() -> None:
    data, figure = lobes()
    over_sinr, over_masr, fewest, pattern = figure.axes
    assert len(over_sinr.lines) == len(data["shown_masr_db"]) * len(data["precoder"])
    assert len(over_masr.lines) == len(data["precoder"])
    assert len(fewest.lines) == len(data["sized_masr_db"]) * len(data["precoder"])
    assert len(pattern.lines) == len(data["shown_masr_db"])
    assert figure.legends


MINIMUM = "requirements.service.minimum"


@cache
def several_targets() -> tuple[xarray.Dataset, Figure]:
    """Return data and figure of topal2024 for one drop."""
    changes = ["drops = 1", "precoders = ['mrt', 'zf']", f'sweep."{MINIMUM}" = [0.5, 3.5]']
    loaded = load_scenario("topal2024", overrides=changes)
    data, figures = make_figure(loaded, compare, 2, lambda done, total: None)
    return data, figures[""]


def problem_of_topal2024() -> tuple[Any, Any]:
    """Return the allocator and the problem of zero forcing and steered beams at 3 bit/s/Hz."""
    scenario = load_scenario("topal2024", overrides=["drops = 1"]).scenario
    point = scenario.with_value(MINIMUM, 3.0)
    return point.allocators[0], point.problem(point.precoders[1])


@pytest.mark.slow
def test_exact_gives_the_sums_of_conic() -> None:
    conic, problem = problem_of_topal2024()
    assert Exact().allocate(problem).value == pytest.approx(conic.allocate(problem).value, rel=1e-6)


def test_rates_need_the_share_in_closed_form() -> None:
    conic, problem = problem_of_topal2024()
    sinr = 2 ** (3.0 / (1 - 6 / 100)) - 1
    shares = problem.gain[0], problem.sensing_interference[0], problem.common_interference[0]
    gain, sensing, common = (np.broadcast_to(one, 6) for one in shares)
    first, second, third = (float((sinr * one / gain).sum()) for one in (np.ones(6), sensing, common))
    communication = conic.allocate(problem).communication.sum()
    assert communication == pytest.approx((first + second) / (1 - third + second), rel=1e-6)


def test_one_beam_has_a_figure_too() -> None:
    changes = ["drops = 1", "precoders = ['zf']", "beams = ['projected']", f'sweep."{MINIMUM}" = [0.5]']
    figures = make_figure(load_scenario("topal2024", overrides=changes), compare, 1, lambda done, total: None)[1]
    assert len(figures[""].axes[0].lines) == 1


def test_sums_of_crlbs_over_rates() -> None:
    data, figure = several_targets()
    known = data["beamformed"].transpose("beamformer", MINIMUM, "drop", "draw")
    best, fixed = (known.sel(beamformer=one) for one in ("crb_beams", "fixed_beams"))
    bound = data["bound"].sel(beamformer="crb_beams").transpose(MINIMUM, "drop", "draw")
    assert (bound >= (1 - 1e-6) * best).all()
    assert (best < fixed).all()
    allocated = data["allocated"].transpose("precoder", "beam", MINIMUM, "drop")
    assert (np.diff(allocated.sel(precoder="zf"), axis=1) > 0).all()
    assert np.isnan(allocated.sel(precoder="mrt", beam="steered").to_numpy()).tolist() == [[False], [True]]
    steered, projected = (
        allocated.sel(precoder="zf", beam=one).to_numpy()[:, 0] for one in ("steered", "projected")
    )
    assert steered[0] < projected[0]
    assert steered[1] > projected[1]
    left, right = figure.axes
    assert len(left.lines) == 6
    drawn = [np.asarray(line.get_ydata(), float) for line in right.lines if line.get_linestyle() in ("-", "--")]
    means = 10 * np.log10(known.mean(["drop", "draw"]).to_numpy())
    assert np.array(drawn) == pytest.approx(means)


@pytest.mark.nightly
def test_page_of_topal2024_states_the_loss_of_fixed_beams() -> None:
    ends = f'sweep."{MINIMUM}" = [0.5, 4.0]'
    loaded = load_scenario("topal2024", overrides=["precoders = ['zf']", ends])
    means = make_figure(loaded, compare, None, lambda done, total: None)[0]["beamformed"].mean(["drop", "draw"])
    ratios = (means.sel(beamformer="fixed_beams") / means.sel(beamformer="crb_beams")).to_numpy()
    page = (Path(__file__).parents[2] / "docs" / "peers" / "topal2024.md").read_text(encoding="utf-8")
    low, high = (f"{100 * one - 100:.0f} % ({10 * np.log10(one):.1f} dB)" for one in ratios)
    assert f"{low} above it at 0.5 bit/s/Hz and {high} at 4 bit/s/Hz" in page


# temiz2022


RADAR, ESTIMATES = "uplink.radar_snr_db", "channel.estimates"


@cache
def listening() -> tuple[xarray.Dataset, Figure, list[tuple[int, int]]]:
    """Return data, figure and the calls of progress of temiz2022."""
    steps: list[tuple[int, int]] = []
    loaded = load_scenario("temiz2022", overrides=["drops = 1", "channel.users = 4"])
    data, figures = make_figure(loaded, compare, 4, lambda done, total: steps.append((done, total)))
    return data, figures[""], steps


def radar(data: xarray.Dataset, name: str) -> Any:
    """Return what the radar reaches with full power of all in the first drop."""
    own = data[name].sel({"allocator": "equal_cs", "precoder": "zf", "drop": 0})
    return own.transpose(RADAR, ESTIMATES).to_numpy()


@pytest.mark.parametrize("name", ["radar_nmse_db", "image_sinr_db"])
def test_simulated_frames_reach_what_is_stated(name: str) -> None:
    data = listening()[0]
    simulated = data[f"simulated_{name}"].transpose(RADAR, ESTIMATES).to_numpy()
    # Four frames, each with some thousand resource elements, but one draw of the estimation errors.
    assert simulated == pytest.approx(radar(data, name), abs=1.0)
    assert (simulated - radar(data, name))[:, 1] == pytest.approx(0, abs=0.15)


def test_error_with_perfect_estimates_in_closed_form() -> None:
    data = listening()[0]
    power = 10 ** (data[RADAR].to_numpy() / 10)
    expected = 10 * np.log10((1e-4 * power + 1) / (0.01 * power))
    assert radar(data, "radar_nmse_db")[:, 1] == pytest.approx(expected)
    assert radar(data, "image_sinr_db")[:, 1] == pytest.approx(10 * np.log10(16 * 64 * 14) - expected)


def test_optimum_does_not_fall_with_power_that_it_need_not_use() -> None:
    data = listening()[0]
    best = data["sum_rate"].sel(allocator="exact").where(data["feasible"].sel(allocator="exact"))
    rates = best.mean("drop", skipna=False).transpose(RADAR, ESTIMATES, "precoder").to_numpy()
    assert np.isnan(rates[0]).all()
    steps = np.diff(rates[2:], axis=0)
    assert steps.min() >= -1e-6
    full = data["sum_rate"].sel(allocator="equal_cs").mean("drop").transpose(RADAR, ESTIMATES, "precoder")
    assert (np.diff(full.to_numpy(), axis=0) < 0).all()


def test_what_is_drawn_of_the_uplink() -> None:
    data, figure, steps = listening()
    assert steps[-1][0] == steps[-1][1]
    rates, perfect, error, image = figure.axes
    assert len(rates.lines) == len(perfect.lines) == data.sizes["precoder"] * data.sizes["allocator"]
    for axes, name in ((error, "radar_nmse_db"), (image, "image_sinr_db")):
        drawn = [np.asarray(line.get_ydata(), float) for line in axes.lines]
        assert np.transpose([drawn[0], drawn[2]]) == pytest.approx(radar(data, name))
        assert np.transpose([drawn[1], drawn[3]]) == pytest.approx(data[f"simulated_{name}"].to_numpy())
    assert np.asarray(image.lines[-1].get_ydata(), float) == pytest.approx(25.0)
