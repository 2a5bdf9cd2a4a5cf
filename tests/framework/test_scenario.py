"""Scenarios in Python: points of a sweep, problems, and the way to TOML and back."""

from __future__ import annotations

import pickle
import tomllib

import attrs
import numpy as np
import pytest

import isacfw
from isacfw import InputError, Scenario, Sensing, Target, load_scenario
from isacfw.config.structure import structure
from isacfw.config.toml import to_toml
from isacfw.scenario.labels import by_label

BOX = {"azimuth_deg": [-2.0, 2.0], "elevation_deg": [80.0, 90.0], "points": [3, 2]}
OPTIONS = {
    "array": [
        {"kind": "upa", "horizontal": 1, "vertical": 7},
        {"kind": "ula", "elements": 1},
        {"kind": "ula", "elements": 6, "axis": "horizontal"},
        {"kind": "ula", "elements": 6, "axis": "vertical", "spacing": 1.25},
        {"kind": "upa", "horizontal": 3, "vertical": 2, "horizontal_spacing": 0.5, "vertical_spacing": 2.0},
        {"kind": "circular", "elements": 6},
        {"kind": "circular", "elements": 5, "spacing": 0.75, "plane": "upright"},
    ],
    "channel": [
        {"kind": "rayleigh", "users": 1},
        {"kind": "rayleigh", "large_scale_fading": [0.1]},
        {"kind": "rayleigh", "users": 2, "large_scale_fading": [0.1, 1e-9]},
        {"kind": "rayleigh", "users": 4, "cell_radius_m": 400.0, "min_distance_m": 35.5},
        {"kind": "rayleigh", "users": 4, "path_loss_exponent": 0.0, "shadowing_db": 0.0},
        {"kind": "rayleigh", "users": 4, "path_loss_db": 90.0},
        {"kind": "rayleigh", "users": 4, "pilot_length": 2, "coherence_length": 3, "pilot_snr_db": -5.0},
        {"kind": "rayleigh", "users": 4, "estimates": "physical"},
        {"kind": "rayleigh", "users": 4, "estimates": "perfect"},
        *(
            {"kind": kind, **options}
            for kind in ("correlated", "rician")
            for options in (
                {"users": 4, "sector_deg": 90.0, "cell_radius_m": 400.0, "min_distance_m": 35.5},
                {"users": 2, "path_loss_exponent": 2.0, "shadowing_db": 0.0, "scattering": "gaussian"},
                {"users": 2, "base_station_height_m": 25.0, "user_height_m": 2.0, "path_loss_db": 90.0},
                {"large_scale_fading": [0.1], "azimuths_deg": [10.0], "distances_m": [150.0]},
                {"users": 4, "pilot_length": 2, "coherence_length": 3, "pilot_snr_db": -5.0},
                {"users": 2, "scattering": "laplace", "spread_deg": 3.0, "elevation_spread_deg": 1.5},
                {"users": 2, "scattering": "one_ring", "ring_radius_m": 20.0, "estimates": "physical"},
                {"users": 2, "scattering": "exponential", "correlation": 0.5},
            )
        ),
        {"kind": "rician", "users": 2, "k_factor_db": -3.5},
        {"kind": "tr38901", "users": 2, "carrier_hz": 3.5e9, "scale_db": 100.0, "line_of_sight": "never"},
        {"kind": "tr38901", "azimuths_deg": [10.0], "distances_m": [150.0], "base_station_height_m": 30.0},
        {"kind": "tr38901", "users": 4, "sector_deg": 90.0, "cell_radius_m": 400.0, "min_distance_m": 35.5},
        {"kind": "tr38901", "users": 4, "pilot_length": 2, "coherence_length": 3, "pilot_snr_db": -5.0},
        {"kind": "tr38901", "users": 4, "scenario": "umi", "user_height_m": 2.0, "estimates": "physical"},
        {
            "kind": "tr38901",
            "users": 4,
            "scenario": "inf_dh",
            "clutter_density": 0.5,
            "clutter_size_m": 3.0,
            "clutter_height_m": 4.0,
        },
        {"kind": "file", "path": "fading.csv", "fading_unit": "db", "users": 3, "scale_db": 80.0},
        {"kind": "file", "path": "/data/paths.npz", "angle_unit": "radians", "estimates": "physical"},
        {"kind": "file", "path": "../a b.mat", "positions_unit": "metres", "wavelength_m": 0.0857},
        {"kind": "file", "path": "a.nc", "pilot_length": 2, "coherence_length": 3, "pilot_snr_db": -5.0},
    ],
    "precoder": [
        {"kind": "mrt", "label": "a"},
        {"kind": "zf", "label": "b"},
        {"kind": "rzf", "label": "c", "regularization": 2.0},
        {"kind": "osic", "label": "d"},
    ],
    "beam": [
        {"kind": "steered", "label": "a"},
        {"kind": "steered", "directions_deg": [[10.0, 80.0], [-20.5, 60.0]]},
        {"kind": "difference", "label": "b", "sum_share": 0.2, "directions_deg": [[1.0, 2.0]]},
        {"kind": "projected", "label": "c", "of": {"kind": "difference", "sum_share": 0.3}},
        {"kind": "rzf", "label": "d", "regularization": 0.1, "of": "steered"},
        {"kind": "joined", "label": "e", "beams": ["steered", {"kind": "rzf", "of": {"kind": "difference"}}]},
        {"kind": "designed", "label": "f", "robust_offsets_deg": [[1.0, -2.0], [0.0, 0.5]]},
    ],
    "beamformer": [
        {"kind": "crb_beams", "label": "a", "streams": 2, "tolerance": 1e-5, "max_iterations": 30},
        {"kind": "crb_sdr", "label": "b", "solver": "SCS", "polish_iterations": 0},
        {"kind": "fixed_beams", "label": "c", "regularisation": 0.2, "sensing_regularisation": 0.3},
    ],
    "allocator": [
        {"kind": "exact", "label": "c"},
        {"kind": "equal_com", "label": "d"},
        {"kind": "equal_cs", "label": "e"},
        {"kind": "sca", "surrogate": "logarithmic", "initial": "half", "tolerance": 1e-7},
        {"kind": "sca", "initial": 0.25, "max_iterations": 3, "solver": "SCS"},
        {"kind": "sca", "label": "f", "initial": 0},
        {"kind": "conic", "label": "h"},
        {"kind": "scip", "label": "i", "seconds": 3.0, "gap": 1e-3},
        {"kind": "uno", "label": "j", "starts": 2, "seed": 4, "tolerance": 1e-6, "max_iterations": 5},
        {"kind": "uno", "preset": "ipopt"},
        {"kind": "ipopt", "starts": 3, "seed": 4, "tolerance": 1e-6, "max_iterations": 5, "label": "g"},
    ],
    "metric": [
        *("sum_rate", "user_rates", "crlb", "powers"),
        "data_rate",
        "position_error",
        {"kind": "rate_distribution", "draws": 10, "quantiles": [0.1]},
        {"kind": "crlb_distribution", "draws": 20, "quantiles": [0.5, 0.9]},
        {"kind": "detection", "false_alarm_probability": 1e-4, "target_model": "steady", "cells": 3},
        {"kind": "detection", "waveform": "sensing"},
        {"kind": "masr", "mainlobe": [BOX], "sidelobe": [{**BOX, "azimuth_deg": [30.0, 60.0]}]},
        *("radar_nmse", "image_sinr"),
    ],
}
PLACE = {
    "array": "receive_array",
    "channel": "channel",
    "precoder": "precoders",
    "beam": "beams",
    "allocator": "allocators",
}
"""Keys of a scenario for parts of a kind; beamformers have none."""


@pytest.fixture(scope="module")
def host():
    return isacfw.PluginHost(discover=False)


def _round_trip(scenario, host):
    text = to_toml(scenario, host)
    copied = structure(tomllib.loads(text), host)
    assert copied == scenario
    assert to_toml(copied, host) == text
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    return copied


def test_the_options_above_cover_every_field_of_every_built_in_part(host):
    for kind, cases in OPTIONS.items():
        given = {(case if isinstance(case, str) else case["kind"]): set() for case in cases}
        for case in cases:
            if isinstance(case, dict):
                given[case["kind"]] |= set(case) - {"kind"}
        assert given == {
            part.name: {field.name for field in attrs.fields(part.cls)} for part in host.parts(kind)
        }, kind


@pytest.mark.parametrize(
    ("kind", "options"),
    [(kind, options) for kind in PLACE for options in OPTIONS[kind]],
    ids=lambda value: value if isinstance(value, str) else "-".join(f"{k}={v}" for k, v in value.items()),
)
def test_every_option_survives_the_way_to_toml_and_back(kind, options, variant, host):
    entry = [options] if PLACE[kind].endswith("s") else options
    scenario = structure(variant({PLACE[kind]: entry}), host)
    _round_trip(scenario, host)


UPLINK_METRICS = ["radar_nmse", "image_sinr"]


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": [one for one in OPTIONS["metric"] if one not in UPLINK_METRICS]},
        {"sensing": {}},
        {"sensing": {"azimuth_crlb_limit_db": -31.25}},
        {"sensing": {"elevation_crlb_limit_db": -31.25, "beam_azimuth_deg": 0.1, "beam_elevation_deg": 0.3}},
        {"target.reflection_amplitude": ...},
        {"target.reflection_amplitude": ..., "target.distance_m": 321.0, "target.reference_distance_m": 10.0},
        {"snr_db": 0.1 + 0.2, "target.azimuth_deg": 1e-17},
        {
            "target": ...,
            "targets": [
                {
                    "azimuth_deg": 10.0,
                    "elevation_deg": 60.0,
                    "reflection_phase_deg": 12.5,
                    "crlb_limit_db": -30.0,
                },
                {"azimuth_deg": -10.0, "elevation_deg": 60.0, "azimuth_crlb_limit_db": -20.0},
                {"azimuth_deg": -30.0, "elevation_deg": 60.0, "known": ["elevation", "azimuth"]},
            ],
        },
        {"name": 'quotes " and \\ and ünï "\tcode"'},
        {"seed": 2**70},
        {"sweep": {"snr_db": [0, 2.5, 5.0]}},
        {"sweep": {"sensing.crlb_limit_db": [-30, -20], "transmit_array.horizontal": [2, 3]}},
        {"sweep": {"channel.large_scale_fading": [[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]]}},
        {"allocators": ["sca", {"kind": "sca", "surrogate": "logarithmic"}, "exact"]},
    ],
    ids=str,
)
def test_a_scenario_survives_the_way_to_toml_and_back(changes, variant, host):
    _round_trip(structure(variant(changes), host), host)


def test_what_is_written_holds_every_key_with_a_value(variant, host):
    document = tomllib.loads(to_toml(structure(variant({"sweep": {"snr_db": [0, 5]}}), host)))
    assert document["channel"] == {
        "kind": "rayleigh",
        "users": 3,
        "cell_radius_m": 1000.0,
        "min_distance_m": 100.0,
        "path_loss_exponent": 3.2,
        "shadowing_db": 7.0,
        "pilot_length": 10,
        "coherence_length": 100,
        "pilot_snr_db": 30.0,
        "estimates": "independent",
    }
    assert document["precoders"] == ["mrt", "zf"]
    assert document["sweep"] == {"snr_db": [0, 5]}


def test_the_registered_scenario_survives_too(host):
    _round_trip(load_scenario("nguyen2025").scenario, host)


def test_the_same_scenario_composes_in_python(variant, host):
    kinds = [("array", "upa"), ("channel", "rayleigh"), ("precoder", "mrt"), ("precoder", "zf")]
    upa, rayleigh, mrt, zf = (host.find(*kind).cls for kind in kinds)
    exact, equal_com = (host.find("allocator", name).cls for name in ("exact", "equal_com"))
    scenario = Scenario(
        name="small",
        seed=1,
        drops=2,
        snr_db=10,
        transmit_array=upa(horizontal=4, vertical=4),
        receive_array=upa(horizontal=3, vertical=3),
        target=Target(azimuth_deg=20, elevation_deg=50, reflection_amplitude=0.1),
        sensing=Sensing(frame_length=30, crlb_limit_db=-30),
        channel=rayleigh(users=3),
        precoders=[mrt(), zf()],
        allocators=[exact(), equal_com()],
    )
    assert scenario == structure(variant(), host)


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"transmit_array": "upa"}, "transmit_array", "must be an array, got 'upa'"),
        ({"target": {"azimuth_deg": 1}}, "target", "must be a target"),
        ({"sensing": None}, "sensing", "must be a Sensing object, got None"),
        ({"channel": 3}, "channel", "must be a channel, got 3"),
        ({"precoders": ["mrt"]}, "precoders[0]", "must be a precoder, got 'mrt'"),
        ({"allocators": "exact"}, "allocators", "must be a nonempty list"),
        ({"allocators": ()}, "allocators", "nonempty"),
        ({"metrics": [3]}, "metrics[0]", "must be a metric, got 3"),
        ({"seed": None}, "seed", "must be an integer"),
        ({"sweep": 1}, "sweep", "must be a table of lists, or a nonempty list of such tables, got 1"),
        ({"sweep": []}, "sweep", "nonempty list of such tables, got ()"),
        ({"sweep": [1]}, "sweep[0]", "must be a nonempty table of lists, got 1"),
        ({"sweep": {"snr_db": 3}}, "sweep.snr_db", "must be a nonempty list"),
        ({"sweep": {"snr_db": []}}, "sweep.snr_db", "nonempty"),
        ({"sweep": {3: [1]}}, "sweep.3", "must be a key of the scenario"),
    ],
)
def test_a_mistake_in_python_names_the_parameter(changes, key, words, variant, host):
    scenario = structure(variant(), host)
    with pytest.raises(InputError) as caught:
        attrs.evolve(scenario, **changes)
    assert caught.value.key == key
    assert words in caught.value.problem


def test_a_sweep_in_python_may_be_an_array(variant, host):
    scenario = attrs.evolve(structure(variant(), host), sweep={"snr_db": np.linspace(0, 10, 3)})
    assert [point.snr_db for _, point in scenario.points()] == [0, 5, 10]
    _round_trip(scenario, host)


def test_a_scenario_is_frozen(variant, host):
    scenario = structure(variant(), host)
    for thing in (scenario, scenario.target, scenario.channel, scenario.allocators[0]):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            thing.name = "other"


def test_points_are_the_cartesian_product_in_order(variant, host):
    scenario = structure(variant({"sweep": {"snr_db": [0, 5], "channel.users": [1, 2, 4]}}), host)
    points = list(scenario.points())
    assert [tuple(place.values()) for place, _ in points] == [(0, 1), (0, 2), (0, 4), (5, 1), (5, 2), (5, 4)]
    assert all(list(place) == ["snr_db", "channel.users"] for place, _ in points)
    assert [(point.snr_db, point.channel.users) for _, point in points] == [
        tuple(place.values()) for place, _ in points
    ]
    assert all(point.sweep == {} for _, point in points)


def test_a_scenario_without_sweep_is_its_only_point(variant, host):
    scenario = structure(variant(), host)
    assert list(scenario.points()) == [({}, scenario)]


@pytest.mark.parametrize(
    "sweep",
    [
        {"channel.pilot_length": [20, 120], "channel.coherence_length": [200]},
        {"channel.coherence_length": [200], "channel.pilot_length": [20, 120]},
        {"channel.min_distance_m": [2000.0], "channel.cell_radius_m": [3000.0]},
    ],
    ids=str,
)
def test_values_need_to_fit_at_the_points_only(sweep, variant, host):
    scenario = structure(variant({"sweep": sweep}), host)
    assert [tuple(place.values()) for place, _ in scenario.points()]


def test_a_point_whose_values_contradict_each_other_is_refused(variant, host):
    sweep = {"channel.pilot_length": [10, 90], "channel.coherence_length": [100, 50]}
    with pytest.raises(InputError, match=r"^sweep\.channel\.pilot_length must be less than coherence_length"):
        list(structure(variant({"sweep": sweep}), host).points())


def test_a_value_at_a_path(variant, host):
    scenario = structure(variant({"sweep": {"snr_db": [0, 5]}}), host)
    changed = scenario.with_value("sensing.crlb_limit_db", -40)
    assert (changed.sensing.crlb_limit_db, changed.sweep) == (-40, {})
    assert scenario.sensing.crlb_limit_db == -30
    with pytest.raises(InputError, match=r"^sweep\.snr must be a key"):
        scenario.with_value("snr", 3)


def test_labels(host):
    sca = host.find("allocator", "sca").cls
    assert sca().title == "sca"
    assert sca(label="x").title == "x"
    assert list(by_label([sca(), sca(initial="half"), sca(label="y")])) == ["sca", "sca(initial=half)", "y"]
    with pytest.raises(InputError) as caught:
        by_label([sca(), sca(label="z"), sca()])
    assert caught.value.key == "[2]"


def test_drops_depend_on_seed_and_number_alone(variant, host):
    scenario = structure(variant({"drops": 4}), host)
    statistics = scenario.statistics()
    assert statistics.beta.shape == (4, 3)
    np.testing.assert_array_equal(scenario.statistics([2]).beta, statistics.beta[2:3])
    np.testing.assert_array_equal(attrs.evolve(scenario, drops=2).statistics().beta, statistics.beta[:2])
    assert not np.array_equal(attrs.evolve(scenario, seed=2).statistics().beta, statistics.beta)
    assert len(np.unique(statistics.beta)) == 4 * 3


def test_the_global_generator_is_left_alone(variant, host):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    structure(variant(), host).statistics()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_given_fading_is_the_same_in_every_drop(variant, host):
    scenario = structure(variant({"channel": {"kind": "rayleigh", "large_scale_fading": [0.1, 0.2]}}), host)
    np.testing.assert_array_equal(np.broadcast_to(scenario.statistics().beta, (2, 2)), [[0.1, 0.2]] * 2)


def test_a_problem_per_drop(variant, host):
    scenario = structure(variant(), host)
    problem = scenario.problem(scenario.precoders[0])
    assert (problem.batch_shape, problem.users) == ((2,), 3)
    assert problem.power[0] == pytest.approx(10)
    with pytest.raises(isacfw.IncompatibleError, match="16 antennas and 16 users"):
        scenario.with_value("channel.users", 16).problem(scenario.precoders[1])
