"""Link budgets: by hand, against the same scenario relative to the noise, and in results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import isacfw
from isacfw import InputError, LinkBudget, Scenario, Target
from isacfw.simulation import Transmission
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels.correlated import Correlated
from isacfw_plugins.channels.file import File
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.channels.rician import Rician
from isacfw_plugins.precoders.mrt import MRT

BUDGET: dict[str, Any] = {
    "carrier_hz": 3.5e9,
    "bandwidth_hz": 20e6,
    "transmit_power_dbm": 43.0,
    "pilot_power_dbm": 20.0,
    "user_noise_figure_db": 9.0,
    "station_noise_figure_db": 5.0,
}
CONTENT: dict[str, Any] = {
    "drops": 3,
    "precoders": ["mrt"],
    "allocators": ["exact"],
    "metrics": ["data_rate", "position_error"],
    "transmit_array": {"kind": "upa", "horizontal": 8, "vertical": 8},
    "receive_array": {"kind": "upa", "horizontal": 8, "vertical": 8},
    "target": {
        "azimuth_deg": 20.0,
        "elevation_deg": 80.0,
        "distance_m": 300.0,
        "radar_cross_section_m2": 1.0,
    },
    "sensing": {"crlb_limit_db": -40.0},
    "channel": {"kind": "rayleigh", "users": 4, "cell_radius_m": 500.0, "min_distance_m": 35.0},
    "link_budget": BUDGET,
}


def scenario(**changes: Any) -> Scenario:
    return isacfw.load_scenario(CONTENT | changes).scenario


def test_noise_and_losses_by_hand() -> None:
    budget = LinkBudget(**BUDGET)
    # -173.975 dBm/Hz at 290 K, and 73.010 dB for 20 MHz.
    assert budget.user_noise_dbm == pytest.approx(-173.975 + 73.010 + 9, abs=1e-3)
    assert budget.station_noise_dbm == pytest.approx(-173.975 + 73.010 + 5, abs=1e-3)
    assert budget.snr_db == pytest.approx(43 + 91.965, abs=1e-3)
    # 32.45 + 20 log10(GHz) + 20 log10(m), to the digits of the rule of thumb.
    assert budget.free_space_loss_db(100.0) == pytest.approx(32.45 + 20 * np.log10(3.5) + 40, abs=5e-3)


def test_radar_equation_in_watts() -> None:
    gains = {"transmit_element_gain_dbi": 8.0, "receive_element_gain_dbi": 5.0, "user_gain_dbi": 2.0}
    budget = LinkBudget(**BUDGET, **gains)
    watts, distance, section = 10 ** (43 / 10 - 3), 300.0, 2.0
    density = watts * 10**0.8 / (4 * np.pi * distance**2)
    aperture = budget.wavelength_m**2 * 10**0.5 / (4 * np.pi)
    received = density * section / (4 * np.pi * distance**2) * aperture
    noise = 1.380649e-23 * 290 * 20e6 * 10**0.5
    amplitude = budget.reflection_amplitude(section, distance)
    assert 10 ** (budget.snr_db / 10) * amplitude**2 == pytest.approx(received / noise, rel=1e-9)


@pytest.mark.parametrize("kind", ["rayleigh", "correlated", "rician"])
def test_the_same_scenario_relative_to_the_noise(kind: str) -> None:
    budget, given = LinkBudget(**BUDGET), scenario(channel=CONTENT["channel"] | {"kind": kind})
    channel = CONTENT["channel"] | {
        "kind": kind,
        "pilot_snr_db": budget.pilot_snr_db,
        "path_loss_db": budget.free_space_loss_db(35.0),
    }
    target = {
        "azimuth_deg": 20.0,
        "elevation_deg": 80.0,
        "reflection_amplitude": budget.reflection_amplitude(1.0, 300.0),
    }
    content = {name: value for name, value in CONTENT.items() if name not in ("link_budget", "metrics")}
    plain = isacfw.load_scenario(
        content | {"snr_db": budget.snr_db, "channel": channel, "target": target}
    ).scenario
    problems = [one.problem(MRT()) for one in (given, plain)]
    names = ("gain", "coupling", "sensing_interference", "common_interference", "fisher_sensing", "power")
    for name in names:
        if getattr(problems[0], name) is None:
            assert kind == "rayleigh"
            continue
        np.testing.assert_allclose(getattr(problems[0], name), getattr(problems[1], name), rtol=1e-12)


@pytest.mark.parametrize("channel", [Rayleigh, Correlated, Rician])
def test_users_at_the_inner_radius_have_the_loss_of_free_space(channel: type[isacfw.Channel]) -> None:
    cell = {"users": 50, "cell_radius_m": 35.001, "min_distance_m": 35.0, "shadowing_db": 0.0}
    budgeted = channel(**cell).with_link_budget(LinkBudget(**BUDGET))
    assert channel(**cell | {"path_loss_db": 80.0}).with_link_budget(LinkBudget(**BUDGET)).path_loss_db == 80.0
    beta = budgeted.statistics([isacfw.Drop(seed=1, number=0)], UPA(horizontal=1, vertical=1)).beta
    wavelength = 299_792_458 / 3.5e9
    np.testing.assert_allclose(beta, (wavelength / (4 * np.pi * 35)) ** 2, rtol=1e-3)


def test_given_fading_is_a_path_gain() -> None:
    channel = {"kind": "rayleigh", "large_scale_fading": [1e-9, 1e-11]}
    statistics = scenario(channel=channel).statistics()
    np.testing.assert_array_equal(statistics.beta, [[1e-9, 1e-11]])
    energy = 10 * 10 ** (LinkBudget(**BUDGET).pilot_snr_db / 10)
    np.testing.assert_allclose(statistics.xi, energy * statistics.beta**2 / (energy * statistics.beta + 1))


def test_simulations_draw_estimates_from_the_pilots_of_the_budget() -> None:
    """Paths are not Gaussian: their pilots are received when estimates are drawn."""
    path = str(File.examples()[1].path)
    given = scenario(channel={"kind": "file", "path": path, "scale_db": -100.0}, allocators=["equal_com"])
    drawn = Transmission.of(given, MRT(), 0, np.full(3, 1 / 3), 0.0)
    _, waveforms = drawn.draw(4000, np.random.default_rng(5))
    found = (np.abs(waveforms[..., :3]) ** 2).sum(axis=1).mean(axis=0).sum()
    assert found == pytest.approx(given.power, rel=0.05)


def test_metrics_in_megabits_and_metres() -> None:
    record = isacfw.compare(scenario()).records()[0]
    assert record["sum_data_rate"] == pytest.approx(20 * record["sum_rate"])
    assert sum(record["data_rates"]) == pytest.approx(record["sum_data_rate"])
    azimuth, elevation = (10 ** (record[f"crlb_{angle}_db"] / 10) for angle in ("azimuth", "elevation"))
    # Displacements of the target on a sphere, by finite differences of its position.
    direction = [
        isacfw.Direction(azimuth_deg=20 + d, elevation_deg=80 + e) for d, e in ((0, 0), (1e-4, 0), (0, 1e-4))
    ]
    here, *there = (300 * one.vector for one in direction)
    arcs = [np.linalg.norm(other - here) / np.radians(1e-4) for other in there]
    expected = np.sqrt(arcs[0] ** 2 * azimuth + arcs[1] ** 2 * elevation)
    assert record["position_error"] == pytest.approx(expected, rel=1e-5)


def test_two_targets_have_an_error_each() -> None:
    targets = [
        {"azimuth_deg": -20.0, "elevation_deg": 80.0, "distance_m": 100.0, "radar_cross_section_m2": 1.0},
        {"azimuth_deg": 30.0, "elevation_deg": 70.0, "reflection_amplitude": 1e-6},
    ]
    content = {name: value for name, value in CONTENT.items() if name != "target"}
    given = content | {"targets": targets, "sensing": {"crlb_limit_db": -20.0}}
    record = isacfw.compare(isacfw.load_scenario(given).scenario).records()[0]
    assert record["position_error_1"] > 0
    assert record["position_error_2"] is None or np.isnan(record["position_error_2"])


def test_results_hold_what_the_budget_determines_with_units(tmp_path: Any) -> None:
    given = scenario(sweep={"link_budget.transmit_power_dbm": [33.0, 43.0]})
    comparison = isacfw.compare(given, execution=isacfw.Execution(out=tmp_path / "o"))
    dataset = comparison.dataset
    np.testing.assert_allclose(np.diff(dataset["power_db"]), 10)
    assert dataset["user_noise_dbm"].attrs["units"] == "dBm"
    budget = LinkBudget(**BUDGET)
    np.testing.assert_allclose(dataset["reflection_amplitude"], budget.reflection_amplitude(1.0, 300.0))
    assert "link budget: SNR 124.96 to 134.96 dB" in str(comparison)


def test_a_front_against_the_power_of_a_budget() -> None:
    objective = {"kind": "max_min"}
    front = isacfw.pareto(scenario(objective=objective, metrics=[], drops=1), against="power", points=4)
    assert "link_budget.transmit_power_dbm" in front.dataset.coords


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"snr_db": 10.0}, "snr_db cannot be combined with link_budget, which determines it, got 10"),
        (
            {"link_budget": BUDGET | {"carrier_hz": 0.0}},
            "link_budget.carrier_hz must be a finite number",
        ),
        (
            {"link_budget": BUDGET | {"bandwidth_hz": 0}},
            "link_budget.bandwidth_hz must be a finite number",
        ),
        ({"link_budget": BUDGET | {"bandwith_hz": 1.0}}, "link_budget.bandwith_hz is not a known key"),
        (
            {"channel": CONTENT["channel"] | {"pilot_snr_db": 3.0}},
            "channel.pilot_snr_db cannot be combined with link_budget.pilot_power_dbm, got 3.0",
        ),
        (
            {"target": CONTENT["target"] | {"reflection_amplitude": 1.0}},
            "target.reflection_amplitude cannot be combined with",
        ),
        (
            {"target": {"azimuth_deg": 1.0, "elevation_deg": 80.0, "radar_cross_section_m2": 1.0}},
            "target.distance_m is required with radar_cross_section_m2",
        ),
    ],
)
def test_contradictions_are_one_line(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        isacfw.compare(scenario(**changes))
    assert sentence in str(caught.value)


def test_a_cross_section_needs_a_budget() -> None:
    content = {name: value for name, value in CONTENT.items() if name != "link_budget"}
    with pytest.raises(InputError, match=r"target\.radar_cross_section_m2 requires link_budget"):
        isacfw.load_scenario(content | {"snr_db": 10.0})
    with pytest.raises(InputError, match="snr_db must be given, or link_budget instead"):
        isacfw.load_scenario(
            {name: value for name, value in content.items() if name != "target"}
            | {"target": {"azimuth_deg": 1.0, "elevation_deg": 80.0}}
        )
    with pytest.raises(InputError, match="requires link_budget"):
        _ = Target(azimuth_deg=1.0, elevation_deg=80.0, distance_m=1.0, radar_cross_section_m2=1.0).reflection


@pytest.mark.parametrize(("metric", "needed"), [("data_rate", "bandwidth_hz"), ("position_error", "distance_m")])
def test_metrics_without_their_units_say_what_they_need(metric: str, needed: str) -> None:
    content = {name: value for name, value in CONTENT.items() if name != "link_budget"}
    target = {"azimuth_deg": 20.0, "elevation_deg": 80.0}
    given = isacfw.load_scenario(content | {"snr_db": 10.0, "target": target, "metrics": [metric]}).scenario
    with pytest.warns(RuntimeWarning, match=needed):
        isacfw.compare(given)


@pytest.mark.parametrize(
    "channel",
    [{"large_scale_fading": [1e-9, 20.0]}, {"users": 2, "path_loss_db": -13.0, "path_loss_exponent": 0.0}],
)
def test_gains_above_unity_are_refused(channel: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="channel must give path gains of at most 0 dB with a link budget, got"):
        isacfw.compare(
            scenario(
                channel={
                    "kind": "rayleigh",
                }
                | channel
            )
        )


@pytest.mark.parametrize(("key", "value"), [("carrier_hz", 28.0), ("bandwidth_hz", 100.0)])
def test_gigahertz_and_megahertz_are_not_taken_for_hertz(key: str, value: float) -> None:
    with pytest.raises(InputError, match=f"link_budget.{key} must be a finite number at least"):
        scenario(link_budget=BUDGET | {key: value})
