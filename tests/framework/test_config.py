"""Scenario files: every key, every mistake, and files that are none."""

from __future__ import annotations

import datetime
import re
import tomllib

import attrs
import hypothesis
import pytest
import tomli_w
from hypothesis import strategies as st

import isacfw
from isacfw import InputError, PluginError, Scenario, load_scenario
from isacfw.config.structure import structure
from isacfw.config.toml import to_toml
from isacfw_plugins.beams.difference import Difference
from isacfw_plugins.beams.joined import Joined
from isacfw_plugins.beams.projected import Projected
from isacfw_plugins.beams.rzf import RZFBeam
from isacfw_plugins.objectives.alpha_fair import AlphaFair
from isacfw_plugins.requirements.crlb import CRLBLimit
from isacfw_plugins.requirements.sum_crlb import SumCRLB
from isacfw_plugins.requirements.user_rate import UserRate

HUGE = 10**400
NAN, INF = float("nan"), float("inf")

WRONG = {
    "integer": [True, 2.5, 3.0, "3", [3], {"x": 3}, NAN, INF],
    "number": [True, "3", [3.0], {"x": 3}, NAN, INF, -INF],
    "string": [True, 3, 2.5, ["x"], {"x": "y"}, ""],
    "list": [True, 3, 2.5, "x", {"x": []}],
    "table": [True, 3, 2.5, "x", ["x"], []],
    "part": [True, 3, 2.5, ["x"], []],
    "path": [True, 3, ["x"], {"x": "y"}, ""],
    "choice": [True, 3, ["x"], {"x": "y"}, "", "x"],
    "boolean": [1, 0, 2.5, "true", ["x"], {"x": "y"}, ""],
}

PLANAR = {
    "horizontal": "integer",
    "vertical": "integer",
    "horizontal_spacing": "number",
    "vertical_spacing": "number",
    "kind": "string",
}
KEYS = {
    "": {
        "name": "string",
        "seed": "integer",
        "drops": "integer",
        "until": "string",
        "keep": "list",
        "precision": "choice",
        "summary_only": "boolean",
        "sampling_accuracy": "number",
        "time_limit_s": "number",
        "precoders": "list",
        "beams": "list",
        "allocators": "list",
        "metrics": "list",
        "plugins": "list",
        "snr_db": "number",
        "transmit_array": "part",
        "receive_array": "part",
        "target": "table",
        "targets": "list",
        "sensing": "table",
        "channel": "part",
        "objective": "part",
        "requirements": "table",
        "link": "choice",
        "uplink": "table",
        "link_budget": "table",
        "sensing_noise": "table",
        "sweep": "table",
    },
    "transmit_array": PLANAR,
    "receive_array": PLANAR,
    "target": {"known": "list"}
    | dict.fromkeys(
        [
            "azimuth_deg",
            "elevation_deg",
            "reflection_amplitude",
            "distance_m",
            "reference_distance_m",
            "radar_cross_section_m2",
            "reflection_phase_deg",
            "crlb_limit_db",
            "azimuth_crlb_limit_db",
            "elevation_crlb_limit_db",
        ],
        "number",
    ),
    "sensing": {"frame_length": "integer"}
    | dict.fromkeys(
        [
            "crlb_limit_db",
            "azimuth_crlb_limit_db",
            "elevation_crlb_limit_db",
            "crlb_limit_offset_db",
            "beam_azimuth_deg",
            "beam_elevation_deg",
        ],
        "number",
    ),
    "objective": {"kind": "string", "alpha": "number", "weights": "list"},
    "channel": {"kind": "string", "large_scale_fading": "list", "estimates": "choice"}
    | dict.fromkeys(["users", "pilot_length", "coherence_length"], "integer")
    | dict.fromkeys(
        ["cell_radius_m", "min_distance_m", "path_loss_exponent", "shadowing_db", "path_loss_db", "pilot_snr_db"],
        "number",
    ),
    "link_budget": dict.fromkeys(
        [
            "carrier_hz",
            "bandwidth_hz",
            "transmit_power_dbm",
            "pilot_power_dbm",
            "user_noise_figure_db",
            "station_noise_figure_db",
            "transmit_element_gain_dbi",
            "receive_element_gain_dbi",
            "user_gain_dbi",
        ],
        "number",
    ),
    "uplink": dict.fromkeys(["user_snr_db", "radar_snr_db"], "number")
    | dict.fromkeys(["subcarriers", "symbols"], "integer"),
    "sensing_noise": {"self_interference_db": "number", "clutter": "list", "covariance": "path"},
}
PATHS = {f"{table}.{key}" if table else key: kind for table, keys in KEYS.items() for key, kind in keys.items()}

BUDGET = {
    "carrier_hz": 3.5e9,
    "bandwidth_hz": 20e6,
    "transmit_power_dbm": 43.0,
    "pilot_power_dbm": 20.0,
    "user_noise_figure_db": 9.0,
    "station_noise_figure_db": 5.0,
    "transmit_element_gain_dbi": 8.0,
    "receive_element_gain_dbi": 7.0,
    "user_gain_dbi": 2.0,
}
NEEDS = {
    "uplink": {"uplink": {"user_snr_db": 10.0, "radar_snr_db": 10.0}},
    "objective": {"objective": {"kind": "alpha_fair", "alpha": 2.0}},
    "link_budget": {"link_budget": BUDGET, "snr_db": ..., "channel.pilot_snr_db": ..., "sweep": ...},
}
"""Changes that the keys of a table need."""

# Every key that can stand beside the others has a value of its own here, none of them a default.
FULL = {
    "name": "full",
    "seed": 7,
    "drops": 3,
    "until": "1 % of the mean",
    "keep": ["rates"],
    "precision": "float32",
    "sampling_accuracy": 0.02,
    "time_limit_s": 60.0,
    "precoders": ["zf", {"kind": "mrt", "label": "matched"}],
    "beams": [
        {"kind": "difference", "label": "narrow", "sum_share": 0.25, "directions_deg": [[10.0, 80.0]]},
        {"kind": "rzf", "regularization": 0.5, "of": {"kind": "difference", "sum_share": 0.5}},
        {"kind": "joined", "beams": ["steered", {"kind": "projected", "of": "difference"}]},
    ],
    "allocators": [
        "equal_cs",
        {"kind": "exact", "label": "best"},
        {
            "kind": "sca",
            "label": "mine",
            "surrogate": "logarithmic",
            "initial": 0.25,
            "tolerance": 1e-4,
            "max_iterations": 7,
            "solver": "SCS",
        },
        {"kind": "ipopt", "starts": 2, "seed": 3, "tolerance": 1e-8, "max_iterations": 9, "label": "point"},
    ],
    "metrics": ["crlb"],
    "snr_db": 12.5,
    "transmit_array": {"kind": "upa", "horizontal": 5, "vertical": 6},
    "receive_array": {"kind": "ula", "elements": 4, "axis": "vertical"},
    "target": {
        "azimuth_deg": -10.5,
        "elevation_deg": 60.0,
        "distance_m": 300.0,
        "reference_distance_m": 50.0,
        "reflection_phase_deg": 30.0,
        "azimuth_crlb_limit_db": -21.0,
        "known": ["elevation"],
    },
    "sensing": {
        "crlb_limit_offset_db": 1.5,
        "frame_length": 20,
        "azimuth_crlb_limit_db": -20.0,
        "elevation_crlb_limit_db": -25.0,
        "beam_azimuth_deg": -11.0,
        "beam_elevation_deg": 61.0,
    },
    "channel": {
        "kind": "rayleigh",
        "users": 4,
        "cell_radius_m": 500.0,
        "min_distance_m": 50.0,
        "path_loss_exponent": 3.5,
        "shadowing_db": 4.0,
        "pilot_length": 4,
        "coherence_length": 50,
        "pilot_snr_db": 20.0,
        "estimates": "physical",
    },
    "objective": {"kind": "alpha_fair", "alpha": 2.5, "weights": [1.0, 2.0, 0.5, 0.0]},
    "requirements": {
        "service": {"kind": "user_rate", "minimum": [0.1, 0.2, 0.0, 0.3]},
        "tracking": {"kind": "sum_crlb", "limit_db": -33.0, "angle": "azimuth"},
        "narrow": {"kind": "crlb", "azimuth_limit_db": -31.0, "target": 1},
    },
    "sensing_noise": {"self_interference_db": -90.0, "clutter": []},
    "sweep": {"snr_db": [0.0, 5.0], "sensing.frame_length": [10, 20]},
}


@pytest.fixture(scope="module")
def host():
    return isacfw.PluginHost(discover=False)


@pytest.fixture(scope="module")
def mistake(host):
    """Return a function that gives the error for a document, and fails when there is none."""

    def of(document) -> InputError:
        with pytest.raises(InputError) as caught:
            structure(document, host)
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(caught.value.key)
        return caught.value

    return of


def _at(document, path):
    for key in path.split("."):
        document = document[key]
    return document


def test_the_table_of_keys_above_is_complete(host):
    classes = {
        "": Scenario,
        "target": isacfw.Target,
        "sensing": isacfw.Sensing,
        "transmit_array": host.find("array", "upa").cls,
        "receive_array": host.find("array", "upa").cls,
        "channel": host.find("channel", "rayleigh").cls,
        "objective": host.find("objective", "alpha_fair").cls,
        "link_budget": isacfw.LinkBudget,
        "sensing_noise": isacfw.SensingNoise,
        "uplink": isacfw.Uplink,
    }
    for table, cls in classes.items():
        assert {field.name for field in attrs.fields(cls)} == set(KEYS[table]) - {"kind"}


def test_every_key_is_read(host):
    scenario = structure(FULL, host)
    for table in ("target", "sensing"):
        for key, value in FULL[table].items():
            read = getattr(getattr(scenario, table), key)
            assert (list(read) if isinstance(value, list) else read) == value
    for table in ("transmit_array", "receive_array", "channel"):
        part = getattr(scenario, table)
        assert part.name == FULL[table]["kind"]
        for key in set(FULL[table]) - {"kind"}:
            assert getattr(part, key) == FULL[table][key]
    for key in ("name", "seed", "drops", "snr_db"):
        assert getattr(scenario, key) == FULL[key]
    assert [part.title for part in scenario.precoders] == ["zf", "matched"]
    assert [part.title for part in scenario.allocators] == ["equal_cs", "best", "mine", "point"]
    assert scenario.beams == (
        Difference(label="narrow", sum_share=0.25, directions_deg=((10.0, 80.0),)),
        RZFBeam(regularization=0.5, of=Difference(sum_share=0.5)),
        Joined(beams=(isacfw.Steered(), Projected(of=Difference()))),
    )
    for part, options in zip(scenario.allocators[1:], FULL["allocators"][1:], strict=True):
        assert {key: getattr(part, key) for key in options if key != "kind"} == {
            key: value for key, value in options.items() if key != "kind"
        }
    assert [metric.name for metric in scenario.metrics] == ["crlb"]
    assert scenario.objective == AlphaFair(alpha=2.5, weights=(1.0, 2.0, 0.5, 0.0))
    assert scenario.requirements == {
        "service": UserRate(minimum=(0.1, 0.2, 0.0, 0.3)),
        "tracking": SumCRLB(limit_db=-33.0, angle="azimuth"),
        "narrow": CRLBLimit(azimuth_limit_db=-31.0, target=1),
    }
    assert scenario.sweep == {"snr_db": (0.0, 5.0), "sensing.frame_length": (10, 20)}


def test_integers_stand_for_numbers(variant, host):
    scenario = structure(variant({"snr_db": 10, "target.azimuth_deg": 20}), host)
    assert scenario == structure(variant(), host)
    assert type(scenario.snr_db) is float


@pytest.mark.parametrize(("path", "kind"), PATHS.items(), ids=PATHS)
def test_a_wrong_type_names_its_key(path, kind, variant, mistake):
    for value in WRONG[kind]:
        error = mistake(variant({**_before(path), path: value}))
        assert error.key.startswith(path), value
        assert "must " in error.problem, error
        assert not re.search(r"\bobject\b", error.problem), error


def _before(path):
    """Return the changes that a path needs to lead to a key."""
    table, dot, _ = path.partition(".")
    return NEEDS.get(table, {}) if dot else {}


@pytest.mark.parametrize("path", [path for path, kind in PATHS.items() if kind in ("integer", "number")])
def test_a_number_too_large_for_a_float_names_its_key(path, variant, host, attempt):
    _, error = attempt(lambda: structure(variant({**_before(path), path: HUGE}), host))
    if error is None:
        assert PATHS[path] == "integer"
    else:
        assert error.key == path
        assert len(str(error)) < 200


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"seed": -1}, "seed", "at least 0, got -1"),
        ({"drops": 0}, "drops", "at least 1, got 0"),
        ({"snr_db": 301}, "snr_db", "at most 300, got 301"),
        ({"snr_db": -INF}, "snr_db", "finite number"),
        ({"precoders": []}, "precoders", "nonempty"),
        ({"allocators": []}, "allocators", "nonempty"),
        ({"transmit_array.horizontal": 0}, "transmit_array.horizontal", "at least 1, got 0"),
        ({"receive_array.vertical": -3}, "receive_array.vertical", "at least 1, got -3"),
        ({"receive_array": {"kind": "ula", "elements": 0}}, "receive_array.elements", "at least 1, got 0"),
        (
            {"receive_array": {"kind": "ula", "elements": 2, "axis": "up"}},
            "receive_array.axis",
            "must be one of 'horizontal', 'vertical', got 'up'",
        ),
        ({"target.azimuth_deg": 180.5}, "target.azimuth_deg", "at most 180, got 180.5"),
        ({"target.elevation_deg": -181}, "target.elevation_deg", "at least -180"),
        ({"target.reflection_amplitude": 0}, "target.reflection_amplitude", "greater than 0, got 0"),
        (
            {"target.reflection_amplitude": ..., "target.distance_m": -5},
            "target.distance_m",
            "greater than 0, got -5",
        ),
        (
            {
                "target.reflection_amplitude": ...,
                "target.distance_m": 5,
                "target.reference_distance_m": 0,
            },
            "target.reference_distance_m",
            "greater than 0, got 0",
        ),
        ({"sensing.frame_length": 0}, "sensing.frame_length", "at least 1, got 0"),
        ({"sensing.crlb_limit_db": INF}, "sensing.crlb_limit_db", "finite number"),
        ({"sensing.beam_azimuth_deg": 200}, "sensing.beam_azimuth_deg", "at most 180, got 200"),
        ({"channel.users": 0}, "channel.users", "at least 1, got 0"),
        ({"channel.cell_radius_m": 0}, "channel.cell_radius_m", "greater than 0, got 0"),
        ({"channel.min_distance_m": -1}, "channel.min_distance_m", "greater than 0, got -1"),
        ({"channel.path_loss_exponent": -1}, "channel.path_loss_exponent", "at least 0, got -1"),
        ({"channel.shadowing_db": -1}, "channel.shadowing_db", "at least 0, got -1"),
        ({"channel.pilot_length": 0}, "channel.pilot_length", "at least 1, got 0"),
        ({"channel.coherence_length": 1}, "channel.coherence_length", "at least 2, got 1"),
        ({"channel.pilot_snr_db": NAN}, "channel.pilot_snr_db", "finite number"),
        (
            {"channel": {"kind": "rayleigh", "large_scale_fading": [0.1, -0.1]}},
            "channel.large_scale_fading[1]",
            "greater than 0, got -0.1",
        ),
        (
            {"channel": {"kind": "rayleigh", "large_scale_fading": [0.1, "x"]}},
            "channel.large_scale_fading[1]",
            "must be a number, got 'x'",
        ),
        ({"channel": {"kind": "rayleigh", "large_scale_fading": []}}, "channel.large_scale_fading", "nonempty"),
        (
            {"allocators": [{"kind": "sca", "tolerance": 0}]},
            "allocators[0].tolerance",
            "greater than 0 and less than 1",
        ),
        ({"allocators": [{"kind": "sca", "surrogate": "x"}]}, "allocators[0].surrogate", "must be one of"),
        ({"allocators": [{"kind": "sca", "initial": "x"}]}, "allocators[0].initial", "'smallest', 'half' or"),
        ({"allocators": [{"kind": "sca", "initial": True}]}, "allocators[0].initial", "got True"),
        ({"allocators": [{"kind": "sca", "initial": 1.0}]}, "allocators[0].initial", "got 1.0"),
        ({"allocators": [{"kind": "sca", "max_iterations": 0}]}, "allocators[0].max_iterations", "at least 1"),
        ({"allocators": [{"kind": "sca", "solver": 3}]}, "allocators[0].solver", "must be a string, got 3"),
        ({"allocators": ["exact", {"kind": "ipopt", "starts": 0}]}, "allocators[1].starts", "at least 1"),
        ({"allocators": ["exact", {"kind": "ipopt", "seed": -1}]}, "allocators[1].seed", "at least 0"),
        ({"allocators": [{"kind": "exact", "label": ""}]}, "allocators[0].label", "nonempty"),
    ],
)
def test_a_value_out_of_range_names_its_key(changes, key, words, variant, mistake):
    error = mistake(variant(changes))
    assert error.key == key
    assert words in error.problem


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"sensing.azimuth_crlb_limit_db": -30}, "sensing.azimuth_crlb_limit_db", "crlb_limit_db"),
        ({"sensing.elevation_crlb_limit_db": -30}, "sensing.elevation_crlb_limit_db", "crlb_limit_db"),
        ({"target.distance_m": 400}, "target.reflection_amplitude", "cannot be combined with distance_m"),
        ({"target.reference_distance_m": 100}, "target.reflection_amplitude", "reference_distance_m"),
        (
            {"target.reflection_amplitude": ..., "target.reference_distance_m": 100},
            "target.reference_distance_m",
            "distance_m",
        ),
        ({"channel.large_scale_fading": [0.1, 0.2]}, "channel.users", "2 entries, got 3"),
        ({"channel.users": ...}, "channel.users", "is required"),
        ({"channel.min_distance_m": 2000}, "channel.min_distance_m", "cell_radius_m, which is 1000"),
        ({"channel.pilot_length": 100}, "channel.pilot_length", "coherence_length, which is 100"),
        (
            {"channel.large_scale_fading": [0.1] * 3, "channel.cell_radius_m": 500},
            "channel.cell_radius_m",
            "large_scale_fading",
        ),
        (
            {"channel.large_scale_fading": [0.1] * 3, "channel.shadowing_db": 3},
            "channel.shadowing_db",
            "large_scale_fading",
        ),
    ],
)
def test_keys_that_contradict_each_other(changes, key, words, variant, mistake):
    error = mistake(variant(changes))
    assert error.key == key
    assert words in error.problem


def test_users_may_repeat_the_length_of_the_fading(variant, host):
    scenario = structure(variant({"channel.large_scale_fading": [0.1, 0.2, 0.3]}), host)
    assert scenario.channel.large_scale_fading == (0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("path", "guess"),
    [
        ("snr_dB", "snr_db"),
        ("precoder", "precoders"),
        ("transmit_aray", "transmit_array"),
        ("transmit_array.horizontl", "horizontal"),
        ("target.azimuth", "azimuth_deg"),
        ("sensing.crlb_limit", "crlb_limit_db"),
        ("channel.user", "users"),
        ("channel.pilot_lenght", "pilot_length"),
    ],
)
def test_an_unknown_key_gets_a_suggestion(path, guess, variant, mistake):
    error = mistake(variant({path: 1}))
    assert error.key == path
    assert error.problem == f"is not a known key; did you mean {guess!r}?"


def test_an_unknown_key_like_no_other_lists_the_known_ones(variant, mistake):
    error = mistake(variant({"transmit_array.zzz": 1}))
    assert (
        str(error)
        == "transmit_array.zzz is not a known key; known: horizontal, horizontal_spacing, kind, vertical,"
        " vertical_spacing"
    )


def test_an_unknown_option_of_an_allocator(variant, mistake):
    error = mistake(variant({"allocators": ["exact", {"kind": "sca", "surogate": "reciprocal"}]}))
    assert str(error) == "allocators[1].surogate is not a known key; did you mean 'surrogate'?"


def test_a_misspelt_required_key_is_reported_as_unknown_and_not_as_missing(variant, mistake):
    error = mistake(variant({"transmit_array.horizontal": ..., "transmit_array.horizontall": 4}))
    assert str(error) == "transmit_array.horizontall is not a known key; did you mean 'horizontal'?"


@pytest.mark.parametrize(
    "path",
    [
        "precoders",
        "allocators",
        "transmit_array",
        "receive_array",
        "target",
        "channel",
        "transmit_array.kind",
        "transmit_array.vertical",
        "target.azimuth_deg",
        "target.elevation_deg",
        "channel.kind",
    ],
)
def test_a_missing_key_is_named(path, variant, mistake):
    assert str(mistake(variant({path: ...}))) == f"{path} must be given"


def test_the_power_must_be_given(variant, mistake):
    assert str(mistake(variant({"snr_db": ...}))) == "snr_db must be given, or link_budget instead"


@pytest.mark.parametrize("path", ["name", "seed", "drops", "metrics", "plugins", "sensing", "sweep"])
def test_the_other_keys_may_be_missing(path, variant, host):
    structure(variant({path: ...}), host)


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"transmit_array.kind": "upq"}, "transmit_array.kind", "a known array, got 'upq'; did you mean 'upa'?"),
        ({"channel": "raylegh"}, "channel", "a known channel, got 'raylegh'; did you mean 'rayleigh'?"),
        ({"precoders": ["mrt", "mtr"]}, "precoders[1]", "a known precoder, got 'mtr'; did you mean 'mrt'?"),
        ({"allocators": ["exakt"]}, "allocators[0]", "a known allocator, got 'exakt'; did you mean 'exact'?"),
        ({"allocators": [{"kind": "sac"}]}, "allocators[0].kind", "got 'sac'; did you mean 'sca'?"),
        ({"allocators": [{"surrogate": "x"}]}, "allocators[0].kind", "must be given"),
        ({"allocators": [{"kind": 3}]}, "allocators[0].kind", "must be a string, got 3"),
        ({"allocators": [3]}, "allocators[0]", "must be a name or a table with a kind, got 3"),
        ({"metrics": ["sum_rat"]}, "metrics[0]", "a known metric, got 'sum_rat'; did you mean 'sum_rate'?"),
        ({"allocators": ["mrt"]}, "allocators[0]", "a known allocator, got 'mrt'"),
        ({"allocators": ["other:exact"]}, "allocators[0]", "a known allocator, got 'other:exact'"),
    ],
)
def test_an_unknown_part_gets_a_suggestion(changes, key, words, variant, mistake):
    error = mistake(variant(changes))
    assert error.key == key
    assert words in error.problem


def test_a_qualified_name_finds_the_same_part(variant, host):
    qualified = variant({"precoders": ["isacfw:mrt", "zf"], "transmit_array.kind": "isacfw:upa"})
    assert structure(qualified, host) == structure(variant(), host)


def test_an_entry_is_a_name_or_a_table(variant, host):
    tables = variant(
        {"precoders": [{"kind": "mrt"}, {"kind": "zf"}], "allocators": [{"kind": "exact"}, "equal_com"]}
    )
    assert structure(tables, host) == structure(variant(), host)


@pytest.mark.parametrize(
    ("entries", "titles"),
    [
        (["sca", {"kind": "sca", "label": "log", "surrogate": "logarithmic"}], ["sca", "log"]),
        (
            [{"kind": "sca", "label": "a"}, {"kind": "sca", "label": "b"}],
            ["a", "b"],
        ),
        (["sca", {"kind": "sca", "surrogate": "logarithmic"}], ["sca", "sca(surrogate=logarithmic)"]),
        (
            [{"kind": "sca", "tolerance": 1e-3}, {"kind": "sca", "tolerance": 1e-4, "initial": "half"}],
            ["sca(tolerance=0.001)", "sca(initial=half, tolerance=0.0001)"],
        ),
    ],
)
def test_the_same_kind_may_stand_twice(entries, titles, variant, host):
    from isacfw.scenario.labels import by_label

    assert list(by_label(structure(variant({"allocators": entries}), host).allocators)) == titles


@pytest.mark.parametrize(
    ("path", "entries"),
    [
        ("allocators", ["sca", "sca"]),
        ("allocators", ["exact", {"kind": "exact"}]),
        ("allocators", [{"kind": "sca", "label": "a"}, {"kind": "exact", "label": "a"}]),
        ("allocators", ["exact", {"kind": "sca", "label": "exact"}]),
        ("precoders", ["mrt", "mrt"]),
    ],
)
def test_parts_that_cannot_be_told_apart_are_refused(path, entries, variant, mistake):
    error = mistake(variant({path: entries}))
    assert error.key == f"{path}[1]"
    assert "needs a unique label" in error.problem


@pytest.mark.parametrize(
    ("sweep", "key", "words"),
    [
        ({"snr": [1]}, "sweep.snr", "did you mean 'snr_db'?"),
        ({"sensing.crlb_limit": [-30]}, "sweep.sensing.crlb_limit", "did you mean 'crlb_limit_db'?"),
        (
            {"transmit_array.elements": [3]},
            "sweep.transmit_array.elements",
            "known: horizontal, horizontal_spacing, vertical, vertical_spacing",
        ),
        ({"snr_db.x": [1]}, "sweep.snr_db.x", "must be a key of the scenario"),
        ({"target.name": ["x"]}, "sweep.target.name", "must be a key of the scenario"),
        ({"target.__class__": ["x"]}, "sweep.target.__class__", "must be a key of the scenario"),
        ({"": [1]}, "sweep", "must be a key of the scenario"),
        ({"snr_db": []}, "sweep.snr_db", "nonempty"),
        ({"snr_db": 5}, "sweep.snr_db", "must be a list, got 5"),
        ({"snr_db": "abc"}, "sweep.snr_db", "must be a list, got 'abc'"),
        ({"sensing": {"crlb_limit_db": 1}}, "sweep.sensing.crlb_limit_db", "must be a list, got 1"),
        ({"sensing": {}}, "sweep.sensing", "must be a list, got {}"),
        ({"snr_db": [0, "x"]}, "sweep.snr_db", "got 'x'"),
        ({"snr_db": [0, True]}, "sweep.snr_db", "got True"),
        ({"snr_db": [0, NAN]}, "sweep.snr_db", "got nan"),
        ({"snr_db": [0, 1000]}, "sweep.snr_db", "at most 300, got 1000"),
        ({"channel.users": [2, 0]}, "sweep.channel.users", "at least 1, got 0"),
        ({"channel.users": [2, 2.0]}, "sweep.channel.users", "must be an integer"),
        (
            {"channel.large_scale_fading": [[0.1] * 3, ["a"] * 3]},
            "sweep.channel.large_scale_fading[0]",
            "got 'a'",
        ),
        ({"sensing.azimuth_crlb_limit_db": [-30]}, "sweep.sensing.azimuth_crlb_limit_db", "crlb_limit_db"),
        ({"sensing": [1]}, "sweep.sensing", "must lead to a value and not to a table"),
        ({"transmit_array": [1]}, "sweep.transmit_array", "must lead to a value and not to a table"),
        ({"name": ["a"]}, "sweep.name", "must not be swept"),
        ({"drops": [1]}, "sweep.drops", "must not be swept"),
        ({"precoders": [["mrt"]]}, "sweep.precoders", "must not be swept"),
        ({"allocators": [["exact"]]}, "sweep.allocators", "must not be swept"),
        ({"metrics": [[]]}, "sweep.metrics", "must not be swept"),
        ({"plugins": [[]]}, "sweep.plugins", "must not be swept"),
        ({"sweep.snr_db": [1]}, "sweep.sweep.snr_db", "must not be swept"),
    ],
)
def test_a_sweep_is_checked_where_it_is_read(sweep, key, words, variant, mistake):
    error = mistake(variant({"sweep": sweep}))
    assert error.key == key
    assert words in error.problem


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"snr_db": ..., "sweep": {"snr_db": [0, 5]}}, lambda s: s.snr_db == 0),
        (
            {"transmit_array.horizontal": ..., "sweep": {"transmit_array.horizontal": [2, 4]}},
            lambda s: s.transmit_array.horizontal == 2,
        ),
        (
            {
                "target.azimuth_deg": ...,
                "target.elevation_deg": ...,
                "sweep": {"target.azimuth_deg": [1, 2], "target.elevation_deg": [60]},
            },
            lambda s: (s.target.azimuth_deg, s.target.elevation_deg) == (1, 60),
        ),
        ({"channel.users": ..., "sweep": {"channel.users": [2, 4]}}, lambda s: s.channel.users == 2),
    ],
)
def test_a_swept_key_may_be_left_out_of_the_base(changes, first, variant, host):
    scenario = structure(variant(changes), host)
    assert first(scenario)
    assert structure(tomllib.loads(to_toml(scenario, host)), host) == scenario


@pytest.mark.parametrize("values", [[], ["x"], 5])
def test_a_key_left_out_for_a_bad_sweep_is_an_error(values, variant, mistake):
    assert mistake(variant({"snr_db": ..., "sweep": {"snr_db": values}})).key in ("snr_db", "sweep.snr_db")


def test_the_document_is_not_changed(variant, host):
    document = variant({"snr_db": ..., "sweep": {"snr_db": [0, 5]}})
    before = tomli_w.dumps(document)
    load_scenario(document, overrides=["channel.users=4"])
    assert tomli_w.dumps(document) == before


@pytest.mark.parametrize(
    "changes", [{"plugins": ["\0.py"]}, {"plugins": ["a\nb.py"]}, {"transmit_array.k\ney": 1}]
)
def test_characters_that_are_no_text_stay_within_one_line(changes, variant):
    with pytest.raises((InputError, PluginError)) as caught:
        load_scenario(variant(changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"snr_db = = 3", "is not valid TOML: Invalid value (at line 1"),
        (b"snr_db = 3\nsnr_db = 4", "is not valid TOML: Cannot overwrite"),
        (b"just some words", "is not valid TOML"),
        (b"\xff\xfe\x00\x01", "is not a UTF-8 text file"),
        (b"name = 'a\0b'", "is not valid TOML"),
    ],
)
def test_a_file_that_is_not_toml(content, words, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_scenario(path)
    assert caught.value.key == str(path)
    assert words in caught.value.problem
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["absent.toml", "folder", "folder.toml", "file.toml/below.toml"])
def test_a_path_that_is_no_file(name, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "file.toml").write_text("")
    with pytest.raises(InputError, match="must be a file that can be read") as caught:
        load_scenario(tmp_path / name)
    assert caught.value.key == str(tmp_path / name)


def test_an_empty_file_lacks_a_key(tmp_path):
    path = tmp_path / "empty.toml"
    path.write_text("")
    with pytest.raises(InputError, match="must be given"):
        load_scenario(path)


def test_an_unknown_scenario_gets_a_suggestion():
    with pytest.raises(InputError, match="got 'nguyen2024'; did you mean 'nguyen2025'") as caught:
        load_scenario("nguyen2024")
    assert caught.value.key == "scenario"


@pytest.mark.parametrize("source", [5, None, ["a"]])
def test_what_is_no_scenario_at_all(source):
    with pytest.raises(InputError):
        load_scenario(source)


def test_a_scenario_loads_from_file_name_and_mapping(variant, scenario_file, host):
    path = scenario_file()
    expected = structure(variant(), host)
    assert load_scenario(path).scenario == load_scenario(str(path)).scenario == expected
    assert load_scenario(variant()).scenario == expected
    assert load_scenario("nguyen2025").scenario.name == "nguyen2025"


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("snr_db=20", lambda s: s.snr_db == 20),
        (" snr_db = 20 ", lambda s: s.snr_db == 20),
        ("sensing.crlb_limit_db=-40", lambda s: s.sensing.crlb_limit_db == -40),
        ("name=hello", lambda s: s.name == "hello"),
        ("name=hello world", lambda s: s.name == "hello world"),
        ('name="hello"', lambda s: s.name == "hello"),
        ("allocators=['exact']", lambda s: len(s.allocators) == 1),
        ("allocators=[{kind='exact', label='a=b'}]", lambda s: s.allocators[0].label == "a=b"),
        ("channel.large_scale_fading=[0.1, 0.2, 0.3]", lambda s: len(s.channel.large_scale_fading) == 3),
        ("sweep.snr_db=[0, 5]", lambda s: s.sweep == {"snr_db": (0, 5)}),
        ('sweep."sensing.crlb_limit_db"=[-30]', lambda s: s.sweep == {"sensing.crlb_limit_db": (-30,)}),
        ("sweep.'channel.users'=[2]", lambda s: s.sweep == {"channel.users": (2,)}),
    ],
)
def test_an_override(override, read, variant):
    assert read(load_scenario(variant(), overrides=[override]).scenario)


def test_overrides_merge_tables_and_the_last_counts(variant):
    loaded = load_scenario(variant(), overrides=["snr_db=1", "target={azimuth_deg=5}", "snr_db=2"]).scenario
    assert (loaded.snr_db, loaded.target.azimuth_deg, loaded.target.elevation_deg) == (2, 5, 50)


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("snr_db", "--set"),
        ("=5", "--set"),
        ("a b=5", "--set"),
        ("allocators[0]=exact", "--set"),
        ("snr=5", "snr"),
        ("snr_db=loud", "snr_db"),
        ("snr_db=nan", "snr_db"),
        ("snr_db.x=5", "snr_db"),
        ("channel.users=2.5", "channel.users"),
        ("sweep.channel.users=2", "sweep.channel.users"),
        ("allocators=exact", "allocators"),
    ],
)
def test_an_override_that_is_wrong(override, key, variant):
    with pytest.raises(InputError) as caught:
        load_scenario(variant(), overrides=[override])
    assert caught.value.key == key


ODD = [
    None,
    True,
    0,
    -1,
    3,
    2.5,
    NAN,
    INF,
    -INF,
    1e308,
    1e-320,
    10**30,
    HUGE,
    "",
    "x",
    "exact",
    "mrt",
    "upa",
    "two\nlines",
    "nul\0",
    [],
    [1],
    [-1.0, "a"],
    ["exact"],
    [[]],
    [{}],
    [[0.1, 0.2, 0.3]],
    {},
    {"kind": "upa"},
    {"kind": "ula", "elements": 4},
    {"kind": []},
    {"x": [1]},
    {"snr_db": [0, 5]},
    datetime.date(2020, 1, 1),
    datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
]
PLACES = [*PATHS, "allocators.0", "sweep.snr_db", "sweep.channel.users", "x", "channel.kinds", "sensing.snr_db"]
BASES = [
    {},
    {"sweep": {"snr_db": [0.0, 5.0], "transmit_array.horizontal": [2, 3]}},
    {"receive_array": {"kind": "ula", "elements": 3}, "channel.large_scale_fading": [0.1, 0.2, 0.3]},
    {"allocators": ["equal_cs", {"kind": "sca", "surrogate": "logarithmic"}], "metrics": ["crlb"], "plugins": []},
]


def _mutated(document, place, value):
    *tables, key = place.split(".", 1)
    for name in tables:
        if not isinstance(document.get(name), dict):
            return
        document = document[name]
    if value is ...:
        document.pop(key, None)
    else:
        document[key] = value


@hypothesis.settings(max_examples=200, deadline=None, derandomize=True, database=None)
@hypothesis.given(
    base=st.sampled_from(BASES),
    mutations=st.lists(
        st.tuples(st.sampled_from(PLACES), st.one_of(st.just(...), st.sampled_from(ODD))), min_size=1, max_size=3
    ),
)
def test_any_document_gives_a_scenario_or_one_sentence(base, mutations, variant, host, attempt):
    document = variant(base)
    for place, value in mutations:
        _mutated(document, place, value)
    loaded, error = attempt(lambda: load_scenario(document))
    if error is None:
        scenario = loaded.scenario
        assert structure(tomllib.loads(to_toml(scenario, host)), host) == scenario
    else:
        assert isinstance(error, (InputError, PluginError))
        assert str(error).strip()
        assert "\n" not in str(error)
        assert "object has no attribute" not in str(error)
        assert isinstance(error, PluginError) or error.key


def test_fading_that_only_the_sweep_gives_stands_for_the_users(variant, host):
    fading = [[1.0, 0.1], [0.5, 0.2]]
    changes = {"channel": {"kind": "rayleigh"}, "sweep": {"channel.large_scale_fading": fading}}
    scenario = structure(variant(changes), host)
    assert [point.channel.large_scale_fading for _, point in scenario.points()] == [(1.0, 0.1), (0.5, 0.2)]
    assert structure(tomllib.loads(to_toml(scenario, host)), host) == scenario


@attrs.frozen(kw_only=True)
class Scaled(isacfw.Precoder):
    """Maximum-ratio transmission, scaled by a factor that must be given."""

    name = "scaled"
    factor: float

    def weights(self, estimates):
        return self.factor * estimates


def test_a_precoder_with_an_option_that_must_be_given_survives_the_way_to_toml_and_back(variant, host_with):
    host = host_with(register_precoders=lambda: [Scaled])
    scenario = structure(variant({"precoders": ["mrt", {"kind": "scaled", "factor": 2.0}]}), host)
    document = tomllib.loads(to_toml(scenario, host))
    assert document["precoders"] == ["mrt", {"kind": "scaled", "factor": 2.0}]
    assert structure(document, host) == scenario
