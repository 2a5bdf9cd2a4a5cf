"""Mainlobe-to-average-sidelobe ratio: gains against sums and draws, optima against linear programs."""

from __future__ import annotations

import copy
import math
from typing import Any

import attrs
import numpy as np
import pytest
from scipy.optimize import linprog

import isacfw
from isacfw import AngularBox, AngularRegion, FloatArray, InputError, PowerAllocationProblem
from isacfw.signal.pattern import DropScene, precoder_gains
from isacfw.simulation import Transmission

Table = dict[str, Any]

MAIN = [{"azimuth_deg": [-1, 1], "points": [9, 1]}]
SIDE = [{"azimuth_deg": [-90, -8], "points": [42, 1]}, {"azimuth_deg": [8, 90], "points": [42, 1]}]
LOBES: Table = {"kind": "masr", "least_db": 6.0, "mainlobe": MAIN, "sidelobe": SIDE}
BASE: Table = {
    "snr_db": 20.0,
    "precoders": ["mrt"],
    "allocators": ["exact"],
    "objective": "least_power",
    "transmit_array": {"kind": "ula", "elements": 32},
    "receive_array": {"kind": "ula", "elements": 8},
    "target": {"azimuth_deg": 0.0, "elevation_deg": 90.0, "reflection_amplitude": 0.1, "known": ["elevation"]},
    "sensing": {"frame_length": 20},
    "channel": {
        "kind": "rayleigh",
        "large_scale_fading": [0.5, 0.2, 0.1, 0.05],
        "pilot_length": 10,
        "coherence_length": 100,
        "pilot_snr_db": 30.0,
    },
    "requirements": {"lobes": LOBES, "users": {"kind": "user_rate", "sinr_db": 3.0}},
    "drops": 1,
}
ASIDE = {"kind": "steered", "directions_deg": [[30, 90]]}
BEAMS = [{"kind": "joined", "beams": ["steered", "difference", ASIDE]}]
CORRELATED: Table = {
    "kind": "correlated",
    "scattering": "gaussian",
    "spread_deg": 10.0,
    "azimuths_deg": [-50.0, -20.0, 30.0, 60.0],
    "distances_m": [100.0, 120.0, 150.0, 130.0],
    "large_scale_fading": [0.5, 0.2, 0.1, 0.05],
    "pilot_length": 10,
    "coherence_length": 100,
    "pilot_snr_db": 30.0,
}


def scenario_of(**changes: Any) -> isacfw.Scenario:
    content = copy.deepcopy(BASE)
    lobes = changes.pop("lobes", {})
    content["requirements"]["lobes"] |= lobes
    return isacfw.load_scenario(content | changes).scenario


def problem_of(**changes: Any) -> PowerAllocationProblem:
    scenario = scenario_of(**changes)
    return scenario.problem(scenario.precoders[0])[0]


def least_power(problem: PowerAllocationProblem) -> float | None:
    """Return the least power by a linear program in the shares of all users and streams."""
    rates = problem.rate_limits(np.asarray(problem.least_sinr))
    assert problem.linear_least is not None
    rows = np.concatenate([rates.rows, problem.linear_rows])
    least = np.concatenate([rates.least, problem.linear_least])
    size = np.abs(rows).max(axis=-1)
    found = linprog(np.ones(rows.shape[1]), A_ub=-rows / size[:, None], b_ub=-least / size, method="highs")
    return float(found.fun) if found.success else None


def gain(steering: FloatArray, weights: Any) -> float:
    return float(np.abs(steering.conj() @ weights) ** 2 / np.vdot(weights, weights).real)


# Regions


def test_a_region_counts_each_direction_once() -> None:
    box = AngularBox(azimuth_deg=(-10, 10), elevation_deg=(80, 100), points=(5, 3))
    region = AngularRegion(boxes=(box, AngularBox(azimuth_deg=(0, 20), elevation_deg=(90, 90), points=(5, 1))))
    azimuths, elevations = np.linspace(-10, 10, 5), np.linspace(80, 100, 3)
    expected = {(a, e) for a in azimuths for e in elevations} | {(a, 90.0) for a in np.linspace(0, 20, 5)}
    found = [(one.azimuth_deg, one.elevation_deg) for one in region.directions]
    assert len(found) == len(set(found)) == 17
    assert set(found) == expected


@pytest.mark.parametrize("kind", ["steered", "difference", "joined"])
def test_mean_gain_of_a_beam_is_that_of_its_directions(kind: str) -> None:
    array = {"kind": "upa", "horizontal": 5, "vertical": 4}
    boxes = [{"azimuth_deg": [-60, 40], "elevation_deg": [30, 150], "points": [7, 5]}]
    beams = BEAMS if kind == "joined" else [kind]
    scenario = scenario_of(transmit_array=array, beams=beams, lobes={"sidelobe": boxes})
    (beam,) = scenario.compared_beams
    statistics = scenario.statistics()
    weights = beam.weights(scenario.scene(statistics).of_drop(0), np.empty(0, dtype=np.complex128))
    found = scenario.beam_statistics(beam, statistics).gains
    assert found is not None
    for number, region in enumerate(scenario.regions):
        steering = [scenario.transmit_array.steering_vector(one) for one in region.directions]
        for stream in range(weights.shape[1]):
            each = [
                sum(gain(a, weights[:, stream, r]) * np.linalg.norm(weights[:, stream, r]) ** 2 for r in range(n))
                for n in [weights.shape[2]]
                for a in steering
            ]
            expected = np.mean(each) / np.linalg.norm(weights[:, stream]) ** 2
            assert found[0, stream, number] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("precoder", "beam", "channel"),
    [
        ("mrt", "projected", BASE["channel"]),
        ("zf", {"kind": "rzf", "regularization": 3.0}, BASE["channel"]),
        ("mrt", "steered", CORRELATED),
    ],
)
def test_ratio_of_drawn_signals(precoder: str, beam: Any, channel: Table) -> None:
    array = {"kind": "ula", "elements": 12}
    scenario = scenario_of(transmit_array=array, precoders=[precoder], beams=[beam], channel=channel)
    problem = scenario.problem(scenario.precoders[0])[0]
    x, q = np.array([0.1, 0.2, 0.1, 0.1]), 0.3
    transmission = Transmission.of(scenario, scenario.precoders[0], 0, x, q, beam=scenario.compared_beams[0])
    _, waveforms = transmission.draw(4000, np.random.default_rng(1))
    for region in scenario.regions:
        steering = np.array([scenario.transmit_array.steering_vector(one) for one in region.directions])
        power = (np.abs(steering.conj() @ waveforms) ** 2).sum(axis=-1).mean(axis=-1)
        # Waveforms carry the transmit power.
        power = power / float(problem.power)
        error = power.std() / math.sqrt(len(power))
        accuracy = 2 * scenario.sampling_accuracy * power.mean()
        assert abs(power.mean() - problem.mean_gain(region, x, q)) <= 4 * error + accuracy


def test_sampled_gains_agree_with_closed_forms() -> None:
    scenario = scenario_of(
        transmit_array={"kind": "ula", "elements": 8}, channel=CORRELATED, precoders=["mrt", "rzf"]
    )
    statistics = scenario.statistics()
    for precoder in scenario.precoders:
        found = scenario.link_statistics(precoder, statistics).gains
        assert found is not None
        drop = DropScene(scene=scenario.scene(statistics), draws=20_000)
        for number, region in enumerate(scenario.regions):
            gains = precoder_gains(precoder, drop, region.directions)
            expected = gains.values.mean(axis=0)
            shares = np.eye(len(expected))
            spread = [gains.total_error(share).mean() for share in shares]
            assert (np.abs(found[0, :, number] - expected) <= 4 * np.array(spread) + 0.04 * expected).all()
    assert scenario.link_statistics(scenario.precoders[0], statistics).standard_error is None


# The least power


def closed_form(problem: PowerAllocationProblem, ratio: float) -> float:
    A, B, C = (float(each) for each in problem.user_sums)
    assert problem.region_streams is not None
    mainlobe, sidelobe = problem.region_streams[0]
    r = max((ratio - 1) / (mainlobe - ratio * sidelobe), 0.0)
    return (1 + r) * A / (1 - C - B * r)


@pytest.mark.parametrize("precoder", ["mrt", "zf"])
@pytest.mark.parametrize("decibels", [-3.0, 0.0, 0.1, 6.0, 14.0])
def test_least_power_is_the_closed_form_and_that_of_a_linear_program(precoder: str, decibels: float) -> None:
    problem = problem_of(precoders=[precoder], lobes={"least_db": decibels})
    (record,) = isacfw.compare(scenario_of(precoders=[precoder], lobes={"least_db": decibels})).records()
    assert record["status"] == "optimal"
    assert record["objective_value"] == pytest.approx(closed_form(problem, 10 ** (decibels / 10)), rel=1e-12)
    assert record["objective_value"] == pytest.approx(least_power(problem), rel=1e-9)
    assert record["feasible"]


def test_powers_are_the_least_fixed_point_of_the_interference() -> None:
    problem = problem_of(precoders=["zf"])
    x = np.zeros(4)
    assert problem.linear_streams is not None
    assert problem.linear_users is not None
    r = -float(problem.linear_users[0, 0] / problem.linear_streams[0, 0])
    for _ in range(200):
        x = problem.least_sinr / problem.gain * problem.disturbance(x, r * x.sum())
    (record,) = isacfw.compare(scenario_of(precoders=["zf"])).records()
    gamma = x * float(problem.power) / (32 * problem.weight_power)
    assert record["gamma"] == pytest.approx(gamma, rel=1e-12)


@pytest.mark.parametrize("allocator", ["exact", "conic"])
def test_several_beams_and_ratios_against_a_linear_program(allocator: str) -> None:
    more = {
        "lobes": LOBES,
        "users": BASE["requirements"]["users"],
        "other": {
            "kind": "masr",
            "least_db": 3.0,
            "mainlobe": [{"azimuth_deg": [29, 31], "points": [5, 1]}],
            "sidelobe": [{"azimuth_deg": [-90, -20], "points": [43, 1]}],
        },
    }
    problem = problem_of(beams=BEAMS, requirements=more)
    (record,) = isacfw.compare(scenario_of(beams=BEAMS, requirements=more, allocators=[allocator])).records()
    assert record["status"] == "optimal"
    assert record["objective_value"] == pytest.approx(least_power(problem), rel=2e-9)
    assert min(record["margin_lobes"], record["margin_other"]) >= -1e-8


@pytest.mark.parametrize("limit", [None, -48.0, -60.0])
@pytest.mark.parametrize("objective", ["sum_rate", "max_min", "least_power", "least_crlb"])
@pytest.mark.parametrize("beams", [["steered"], BEAMS], ids=["one", "several"])
def test_optimum_under_crlb_limits_too(limit: float | None, objective: str, beams: list[Any]) -> None:
    target = BASE["target"] | ({} if limit is None else {"azimuth_crlb_limit_db": limit})
    second = "ipopt" if objective == "sum_rate" else "conic"
    scenario = scenario_of(target=target, objective=objective, beams=beams, allocators=["exact", second])
    exact, other = isacfw.compare(scenario).records()
    assert exact["status"] == "optimal" or limit == -60.0
    if exact["status"] == "infeasible":
        assert other["status"] == "infeasible"
        return
    assert exact["objective_value"] == pytest.approx(other["objective_value"], rel=1e-7)
    assert exact["feasible"]


def test_users_whose_signals_differ() -> None:
    scenario = scenario_of(channel=CORRELATED, allocators=["exact", "conic"])
    exact, conic = isacfw.compare(scenario).records()
    assert exact["status"] == "skipped"
    assert "conic" in exact["message"]
    assert conic["objective_value"] == pytest.approx(least_power(problem_of(channel=CORRELATED)), rel=1e-9)


# Certificates


@pytest.mark.parametrize("beams", [["steered"], BEAMS], ids=["one", "several"])
def test_certificates(beams: list[Any]) -> None:
    def message(**changes: Any) -> str:
        (record,) = isacfw.compare(scenario_of(beams=beams, **changes)).records()
        assert record["status"] == "infeasible"
        return str(record["message"])

    problem = problem_of()
    assert problem.region_streams is not None
    mainlobe, sidelobe = problem.region_streams[0]
    largest = 10 * math.log10(mainlobe / sidelobe)
    assert f"can be no larger than {largest:.3f} dB (required 40)" in message(lobes={"least_db": 40.0})
    tight = {"lobes": LOBES | {"least_db": 14.0}, "users": {"kind": "user_rate", "sinr_db": 8.0}}
    assert message(requirements=tight) == (
        "the minimum rates together with the mainlobe-to-average-sidelobe ratio are infeasible at any transmit"
        " power: the interference of users and sensing prevents them"
    )
    found = message(snr_db=5.0)
    needed = 10 ** ((20.0 - 5.0) / 10) * float(problem.splits.power)
    assert found == (
        "the minimum rates together with the mainlobe-to-average-sidelobe ratio need"
        f" {needed:.4g} times the transmit power"
    )


def test_a_ratio_just_below_and_above_the_largest() -> None:
    problem = problem_of()
    assert problem.region_streams is not None
    mainlobe, sidelobe = problem.region_streams[0]
    largest = 10 * math.log10(mainlobe / sidelobe)
    free = {"users": {"kind": "user_rate", "sinr_db": -60.0}}
    for offset, status in ((-1e-4, "optimal"), (1e-4, "infeasible")):
        own = free | {"lobes": LOBES | {"least_db": largest + offset}}
        (record,) = isacfw.compare(scenario_of(requirements=own)).records()
        assert record["status"] == status


# Metric, sweeps and the fewest antennas


def test_metric_and_margin_agree() -> None:
    metric = {"kind": "masr", "mainlobe": MAIN, "sidelobe": SIDE}
    scenario = scenario_of(objective="max_min", allocators=["exact", "equal_cs"], metrics=[metric])
    for record in isacfw.compare(scenario).records():
        assert record["masr_db"] == pytest.approx(10 * math.log10(record["masr"]))
        assert record["margin_lobes"] == pytest.approx(record["masr"] / 10**0.6 - 1, abs=1e-12)


def test_designed_beams_have_the_metric_but_not_the_requirement() -> None:
    metric = {"kind": "masr", "mainlobe": MAIN, "sidelobe": SIDE}
    target = BASE["target"] | {"azimuth_crlb_limit_db": -55.0}
    for objective in ("sum_rate", "least_power"):
        scenario = scenario_of(
            beams=["designed"],
            target=target,
            metrics=[metric],
            objective=objective,
            requirements={"users": BASE["requirements"]["users"]},
        )
        (record,) = isacfw.compare(scenario).records()
        assert record["masr"] > 1
    (record,) = isacfw.compare(scenario_of(beams=["designed"], target=target)).records()
    assert record["status"] == "skipped"
    assert "gains over regions" in record["message"]


def test_regions_may_be_swept() -> None:
    paths = {"requirements.lobes.sidelobe": [[AngularBox(**one)] for one in SIDE]}
    scenario = attrs.evolve(scenario_of(), sweep=paths)
    swept = [record["objective_value"] for record in isacfw.compare(scenario).records()]
    alone = [least_power(problem_of(lobes={"sidelobe": [one]})) for one in SIDE]
    assert swept == pytest.approx(alone, rel=1e-9)


def test_fewest_antennas() -> None:
    scenario = scenario_of(precoders=["mrt", "zf"])
    found = isacfw.first_feasible(scenario, "transmit_array.elements", range(1, 65))
    for precoder in ("mrt", "zf"):
        expected = next(n for n in range(1, 65) if _feasible(precoder, n))
        assert found[precoder, "exact"] == expected
    assert isacfw.first_feasible(scenario, "transmit_array.elements", range(1, 4)) == dict.fromkeys(found)


def _feasible(precoder: str, antennas: int) -> bool:
    if precoder == "zf" and antennas <= 4:
        return False
    least = least_power(problem_of(precoders=[precoder], transmit_array={"kind": "ula", "elements": antennas}))
    return least is not None and least <= 1


# Input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mainlobe": []}, "requirements.lobes.mainlobe must be a nonempty list, got ()"),
        (
            {"mainlobe": [{"azimuth_deg": [1, -1], "points": [9, 1]}]},
            "requirements.lobes.mainlobe[0].azimuth_deg must be two angles in degrees within [-180, 180], the"
            " smaller first, got (1.0, -1.0)",
        ),
        (
            {"sidelobe": [{"azimuth_deg": [8, 90], "points": [0, 1]}]},
            "requirements.lobes.sidelobe[0].points must be the numbers of azimuths and of elevations, both at"
            " least 1 and their product at most 100000, got (0, 1)",
        ),
        (
            {"sidelobe": [{"azimuth_deg": [8, 90], "points": [1, 1]}]},
            "requirements.lobes.sidelobe[0].points must be at least 2 for an interval of azimuth_deg, got (1, 1)",
        ),
        (
            {"sidelobe": [{"azimut_deg": [8, 90], "points": [2, 1]}]},
            "requirements.lobes.sidelobe[0].azimut_deg is not a known key; did you mean 'azimuth_deg'?",
        ),
        (
            {"sidelobe": [{"azimuth_deg": [0, 90], "points": [2, 1]}]},
            "requirements.lobes.sidelobe must have no direction of the mainlobe, got azimuth 0° and elevation 90°"
            " in both",
        ),
        ({"least_db": math.inf}, "requirements.lobes.least_db must be a finite number, got inf"),
    ],
)
def test_mistakes_are_one_line(change: Table, message: str) -> None:
    with pytest.raises(InputError) as caught:
        scenario_of(lobes=change)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "requirements.users.minimum must be given, or sinr_db"),
        ({"minimum": 1.0, "sinr_db": 3.0}, "requirements.users.sinr_db must be left out, since minimum is given"),
        ({"sinr_db": [3.0]}, "requirements.users.sinr_db must have one entry for each of 4 users, got 1"),
        ({"sinr_db": math.nan}, "requirements.users.sinr_db must be a finite number, got nan"),
    ],
)
def test_sinr_targets_are_checked(options: Table, message: str) -> None:
    with pytest.raises(InputError) as caught:
        isacfw.compare(scenario_of(requirements={"users": {"kind": "user_rate", **options}}))
    assert str(caught.value) == message


def test_sinr_targets_are_rates() -> None:
    problem = problem_of(requirements={"users": {"kind": "user_rate", "sinr_db": [3.0, 0.0, -3.0, -10.0]}})
    assert problem.least_sinr == pytest.approx(10 ** (np.array([3.0, 0.0, -3.0, -10.0]) / 10), rel=1e-14)
