"""Scenarios of the uplink: keys without effect, parts for the other link, and comparisons."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import attrs
import numpy as np
import pytest

import isacfw
from isacfw import InputError, load_scenario
from isacfw.base.errors import IsacWarning
from isacfw.cli.main import main
from isacfw_plugins.precoders.osic import OSIC
from isacfw_plugins.precoders.rzf import RZF
from isacfw_plugins.precoders.zf import ZF

IMAGE = {"kind": "image_sinr", "minimum_db": 25.0}


def content(**changes: Any) -> dict[str, Any]:
    return {
        "link": "uplink",
        "uplink": {"user_snr_db": 10.0, "radar_snr_db": 15.0},
        "precoders": ["mrt", "zf", "osic"],
        "allocators": ["exact", "equal_com"],
        "receive_array": {"kind": "upa", "horizontal": 4, "vertical": 4},
        "target": {"azimuth_deg": 10.0, "elevation_deg": 80.0, "reflection_amplitude": 0.1},
        "channel": {"kind": "rayleigh", "users": 4, "pilot_snr_db": 10.0, "cell_radius_m": 300.0},
        "requirements": {"image": IMAGE},
        "metrics": ["radar_nmse", "image_sinr"],
        "drops": 2,
        **changes,
    }


def scenario(**changes: Any) -> isacfw.Scenario:
    return load_scenario(content(**changes)).scenario


UPA = {"kind": "upa", "horizontal": 4, "vertical": 4}
TARGET = content()["target"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"uplink": None}, 'uplink must be given with link = "uplink"'),
        ({"link": "downlink", "snr_db": 1.0, "transmit_array": UPA}, "uplink has no effect without"),
        ({"link": "sideways"}, "link must be"),
        ({"snr_db": 3.0}, "snr_db has no effect in the uplink; its powers are uplink.user_snr_db"),
        ({"transmit_array": UPA}, "transmit_array has no effect in the uplink, where one array receives"),
        ({"beams": ["steered"]}, "beams has no effect in the uplink"),
        ({"sensing": {"frame_length": 20}}, "sensing.frame_length has no effect in the uplink"),
        ({"sensing": {"crlb_limit_db": -20.0}}, "sensing.crlb_limit_db has no effect in the uplink"),
        ({"target": {**TARGET, "crlb_limit_db": -9.0}}, "target.crlb_limit_db has no effect in the uplink"),
        ({"target": {**TARGET, "known": ["azimuth"]}}, "target.known has no effect in the uplink"),
        (
            {"requirements": {"seen": {"kind": "detection", "probability": 0.9}}},
            "requirements.seen must be for the",
        ),
        ({"requirements": {"near": {"kind": "crlb", "limit_db": -20.0}}}, "requirements.near must be for the"),
        (
            {"metrics": ["detection"]},
            "metrics[0] must be for the uplink, got detection, which is for the downlink",
        ),
        ({"objective": "least_crlb"}, "objective must be for the uplink, got least_crlb"),
        ({"objective": "least_power", "requirements": {}}, "objective.kind must be another objective"),
        ({"requirements": {"image": {**IMAGE, "target": 2}}}, "requirements.image.target must be at most 1"),
        ({"uplink": {"user_snr_db": 10.0}}, "uplink.radar_snr_db must be given"),
        ({"uplink": {"user_snr_db": 1.0, "radar_snr_db": 1.0, "symbol": 1}}, "uplink.symbol is not a known key"),
        ({"sweep": {"link": ["downlink"]}}, "sweep.link must not be swept"),
        (
            {"sensing_noise": {"clutter": [{"azimuth_deg": 0.0, "elevation_deg": 90.0, "gain_db": -9.0}]}},
            "sensing_noise.clutter has no effect in the uplink",
        ),
    ],
)
def test_what_has_no_effect_is_refused(changes: dict[str, Any], message: str) -> None:
    given = {key: value for key, value in content(**changes).items() if value is not None}
    with pytest.raises(InputError) as caught:
        load_scenario(given)
    assert message in str(caught.value)


@pytest.mark.parametrize("key", ["image_sinr", "radar_nmse"])
def test_parts_of_the_uplink_are_refused_in_the_downlink(key: str) -> None:
    with pytest.raises(InputError) as caught:
        load_scenario("nguyen2025", overrides=[f'metrics = ["{key}"]'])
    assert f"must be for the downlink, got {key}, which is for the uplink" in str(caught.value)
    with pytest.raises(InputError, match="transmit_array must be given"):
        attrs.evolve(load_scenario("nguyen2025").scenario, transmit_array=None)


def test_osic_is_skipped_in_the_downlink() -> None:
    found = isacfw.compare("nguyen2025", precoders=["osic"], allocators=["exact"], drops=1).records()
    assert [(row["status"], row["message"]) for row in found] == [
        ("skipped", "precoder osic of isacfw is for the uplink alone")
    ]


def test_problems_are_those_of_the_link() -> None:
    own = scenario()
    with pytest.raises(InputError, match="uplink_problem returns that of the uplink"):
        own.problem(own.precoders[0])
    other = load_scenario("nguyen2025").scenario
    with pytest.raises(InputError, match="problem returns that of the downlink"):
        other.uplink_problem(other.precoders[0])


@pytest.mark.parametrize(
    ("precoder", "channel", "message"),
    [
        (RZF(), {}, "interference that is the same for all users"),
        (
            ZF(),
            {"kind": "rician", "k_factor_db": 3.0, "scattering": "independent"},
            "independent isotropic fading",
        ),
        (OSIC(), {"users": 16}, "zero forcing needs more receive antennas than users"),
    ],
)
def test_where_closed_forms_do_not_hold_a_row_is_skipped(
    precoder: isacfw.Precoder, channel: dict[str, Any], message: str
) -> None:
    base = content()["channel"]
    if "kind" in channel:
        base = {"users": 3}
    own = scenario(channel={**base, **channel}, drops=1)
    own = attrs.evolve(own, precoders=(precoder,), sampling_accuracy=0.3)
    (first, *_) = isacfw.compare(own).records()
    assert first["status"] == "skipped"
    assert message in first["message"]


def test_osic_has_the_moments_of_zero_forcing_with_fewer_users() -> None:
    own = scenario(channel={"kind": "rayleigh", "large_scale_fading": [0.2, 0.9, 0.9, 0.4]})
    statistics = own.statistics()
    link = own.link_statistics(OSIC(), statistics)
    # Positions 3, 0, 1, 2 in the order of decreasing quality, the first of equals first.
    spare = 16 - 4 + np.array([3, 0, 1, 2])
    assert link.weight_power == pytest.approx(1 / (16 * spare * statistics.xi))
    assert link.interference_gain == pytest.approx(statistics.epsilon)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["figure", "temiz2022", "--front", "rate"], "link must be 'downlink' for a front, got 'uplink'"),
        (["beamform", "temiz2022"], "link must be 'downlink' for the Fisher information of echoes, got 'uplink'"),
    ],
)
def test_commands_of_the_downlink_are_refused_in_one_line(
    command: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    assert capsys.readouterr().err.strip() == f"isacfw: {message}"


def test_plots_are_those_of_the_receive_array_and_the_cell() -> None:
    with pytest.warns(IsacWarning, match="figure patterns is left out"):
        figures = isacfw.plot_scenario(scenario(), only=["arrays", "cell", "patterns"], draws=10)
    assert sorted(figures) == ["arrays", "cell"]
    assert len(figures["arrays"].axes) == 1


@cache
def compared(estimates: str = "independent") -> isacfw.Comparison:
    return isacfw.compare(scenario(channel={**content()["channel"], "estimates": estimates}))


def test_comparison_has_the_quantities_of_the_uplink() -> None:
    dataset = compared().dataset
    assert not [name for name in dataset if "crlb" in str(name)]
    assert (dataset["margin_image"].sel(allocator="exact") >= -1e-9).all()
    assert dataset["image_sinr_db"].sel(allocator="exact").to_numpy() == pytest.approx(25.0)
    for row in compared().records():
        assert row["status"] in ("optimal", "feasible")
        assert row["sum_rate"] == pytest.approx(np.sum(row["rates"]))
        assert row["communication_power"] == pytest.approx(np.sum(row["gamma"]))
        assert max(row["gamma"]) <= 10 * (1 + 1e-12)
        assert row["sensing_power"] == row["rho"] <= 10**1.5
        assert "image: binds for exact" in str(compared())


def test_error_and_image_are_two_views_of_the_same_residual() -> None:
    dataset = compared().dataset
    product = 10 * np.log10(16 * 64 * 14)
    difference = (dataset["image_sinr_db"] + dataset["radar_nmse_db"]).to_numpy()
    assert difference == pytest.approx(product)


def test_a_limit_on_the_error_binds() -> None:
    own = scenario(requirements={"error": {"kind": "radar_nmse", "limit_db": 12.0}})
    found = isacfw.compare(own, allocators=["exact"]).dataset
    assert found["radar_nmse_db"].to_numpy() == pytest.approx(12.0)
    assert found["margin_error"].to_numpy() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("requirement", "message"),
    [
        ({"kind": "image_sinr", "minimum_db": 60.0}, "the SINR of the radar image can be no larger than"),
        ({"kind": "radar_nmse", "limit_db": -30.0}, "the error of the radar channel can be no smaller than"),
    ],
)
def test_what_the_radar_cannot_reach_is_named(requirement: dict[str, Any], message: str) -> None:
    noise = {"self_interference_db": -20.0}
    own = scenario(requirements={"radar": requirement}, sensing_noise=noise, drops=1)
    (row, *_) = isacfw.compare(own, allocators=["exact"]).records()
    assert row["status"] == "infeasible"
    assert message in row["message"]
    # At full radar power while users are silent.
    problem = own.uplink_problem(own.precoders[0])[0]
    silent = np.zeros(problem.users)
    decibels = {
        "image_sinr": 10 * np.log10(problem.image_sinr(silent, 1.0)[0]),
        "radar_nmse": 10 * np.log10(problem.radar_nmse(silent, 1.0)),
    }
    assert f" than {decibels[requirement['kind']]:.3f} dB" in row["message"]


def test_sweep_of_powers_and_receive_antennas_and_estimates() -> None:
    sweep = {
        "uplink.radar_snr_db": [10.0, 20.0],
        "receive_array.horizontal": [4, 6],
        "channel.estimates": ["independent", "perfect"],
    }
    found = isacfw.compare(scenario(sweep=sweep), precoders=["zf"], allocators=["exact"]).dataset
    rates = found["sum_rate"].mean("drop").squeeze()
    assert (rates.sel({"receive_array.horizontal": 6}) > rates.sel({"receive_array.horizontal": 4})).all()
    assert (rates.sel({"channel.estimates": "perfect"}) > rates.sel({"channel.estimates": "independent"})).all()


def test_perfect_estimates_are_the_channels() -> None:
    own = scenario(channel={**content()["channel"], "estimates": "perfect"})
    statistics = own.statistics()
    channels, estimates = own.channel.draw(statistics, own.receive_array, 3, np.random.default_rng(0))
    np.testing.assert_array_equal(channels, estimates)
    assert (statistics.epsilon == 0).all()


def test_scenario_survives_its_own_file() -> None:
    own = load_scenario("temiz2022").scenario
    text = isacfw.to_toml(own)
    assert "transmit_array" not in text
    import tomllib

    assert load_scenario(tomllib.loads(text)).scenario == own


@pytest.mark.usefixtures("no_figures")
@pytest.mark.slow
def test_results_of_a_folder_are_those_in_memory(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    given = ["compare", "temiz2022", "--drops", "2", "--precoders", "zf", "--allocators", "exact", "--json"]
    assert main(given) == 0
    alone = json.loads(capsys.readouterr().out)
    assert main([*given, "--out", str(tmp_path)]) == 0
    saved = json.loads(capsys.readouterr().out)
    for one, other in zip(alone, saved, strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}
    assert main(["show", str(tmp_path / "results.nc")]) == 0
    assert "temiz2022" in capsys.readouterr().out
