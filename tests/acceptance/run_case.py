"""Run acceptance cases through the public interface and print the project's numbers.

``python run_case.py FILE.json`` reads ``{section: {case: {"input": ..., "expected": ...}}}`` and prints one JSON
object of the same layout, with the project's numbers under the keys of ``expected``. Of the file only ``input``
is read. A section, case or key that is not supported, or that fails, is null, and costs no other one. A file
``{"cases": [...]}`` of correlation matrices gets the project's ``first_row`` in each case.

A section is a function in :data:`SECTIONS`: from the input of a case to its numbers, of which each is computed by
a function of its own. To support another key is to put a function in the place of ``unsupported``.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import attrs
import numpy as np
from parts import GivenChannels, GivenShares, GivenUser

import isacfw
from isacfw import FloatArray
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.beamformers.crb_beams import CrbBeams
from isacfw_plugins.beamformers.fixed_beams import FixedBeams
from isacfw_plugins.beams.difference import Difference
from isacfw_plugins.beams.joined import Joined
from isacfw_plugins.beams.projected import Projected
from isacfw_plugins.metrics.detection import Detection
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.requirements.detection import DetectionProbability
from isacfw_plugins.requirements.user_rate import UserRate

Input = Mapping[str, Any]
Compute = Callable[[], Any]

SECONDS_IN_ALL = 540.0
SECONDS_PER_CASE = 120.0
WORKERS = 2


class UnsupportedError(Exception):
    """What a case asks for is not supported."""


def unsupported() -> NoReturn:
    """Raise that a number is not supported."""
    raise UnsupportedError


def numbers(functions: Mapping[str, Compute]) -> dict[str, Any]:
    """Return what each function returns, None for one that fails."""
    found: dict[str, Any] = {}
    for key, function in functions.items():
        try:
            found[key] = plain(function())
        except UnsupportedError:
            found[key] = None
        except Exception as error:  # A number that fails must not cost the others.
            print(f"{key}: {type(error).__name__}: {error}", file=sys.stderr)
            found[key] = None
    return found


def plain(value: Any) -> Any:
    """Return what JSON knows: lists, and None for what is not a finite number."""
    if isinstance(value, Mapping):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def empty(value: Any) -> bool:
    """Return whether there is no number in what a case gave."""
    return all(map(empty, value.values())) if isinstance(value, dict) else value is None


# Scenarios


def document(case: Input, **changes: Any) -> dict[str, Any]:
    """Return the scenario document of what is common to all sections."""
    pair = dict(zip(("horizontal", "vertical"), case["transmit"], strict=True))
    other = dict(zip(("horizontal", "vertical"), case["receive"], strict=True))
    return {
        "snr_db": case["snr_db"],
        "precoders": ["mrt"],
        "allocators": ["exact"],
        "transmit_array": {"kind": "upa", **pair},
        "receive_array": {"kind": "upa", **other},
        "targets": targets(case),
        "sensing": {"frame_length": case["frame_length"]},
        "channel": {"kind": "rayleigh", **rayleigh(case)},
        **changes,
    }


def targets(case: Input) -> list[dict[str, Any]]:
    """Return the tables of the targets, with their limits where the case has any."""
    directions, amplitudes = case["targets_deg"], case["reflection_amplitudes"]
    phases = case.get("reflection_phases_deg", [0.0] * len(directions))
    limits = case.get("crlb_limits_db")
    found = []
    for number, (direction, amplitude, phase) in enumerate(zip(directions, amplitudes, phases, strict=True)):
        azimuth, elevation = direction
        table = {
            "azimuth_deg": azimuth,
            "elevation_deg": elevation,
            "reflection_amplitude": amplitude,
            "reflection_phase_deg": phase,
        }
        if limits is not None:
            table |= dict(zip(("azimuth_crlb_limit_db", "elevation_crlb_limit_db"), limits[number], strict=True))
        found.append(table)
    return found


def rayleigh(case: Input) -> dict[str, Any]:
    """Return the keys of independent isotropic fading."""
    keys = ("large_scale_fading", "pilot_length", "coherence_length", "pilot_snr_db")
    return {key: case[key] for key in keys if key in case}


# General


def given_channels(case: Input) -> dict[str, Any]:
    """Return moments of MRT and of the steered beam, and Fisher information, for given means and covariances."""
    if case["transmit"][1] != 1:
        raise UnsupportedError("the channels are those of a horizontal line")
    azimuth, elevation = case["beam_deg"]
    base = document(
        case | {"large_scale_fading": [1.0]},
        sensing={
            "frame_length": case["frame_length"],
            "beam_azimuth_deg": azimuth,
            "beam_elevation_deg": elevation,
        },
        # The second number of a limit does not count: a line does not see the elevation.
        targets=[
            {key: value for key, value in table.items() if key != "elevation_crlb_limit_db"}
            for table in targets(case)
        ],
    )
    channel = GivenChannels(
        users=[GivenUser(**user) for user in case["users"]],
        pilot_length=case["pilot_length"],
        pilot_snr_db=case["pilot_snr_db"],
        coherence_length=case.get("coherence_length"),
    )
    scenario = attrs.evolve(isacfw.load_scenario(base).scenario, channel=channel)
    precoder, beam = MRT(), scenario.compared_beams[0]
    statistics = scenario.statistics()
    antennas, users = scenario.transmit_array.n_elements, statistics.users

    def second_moments() -> FloatArray:
        link = scenario.link_statistics(precoder, statistics)
        return link.interference[0] * antennas + np.diag(link.signal_gain[0])

    def fisher(x: FloatArray, q: float) -> FloatArray:
        return scenario.problem(precoder, statistics)[0].fisher(x, q)

    return numbers(
        {
            "signal_gain": lambda: scenario.link_statistics(precoder, statistics).signal_gain[0],
            "weight_power": lambda: antennas * scenario.link_statistics(precoder, statistics).weight_power[0],
            "second_moments": second_moments,
            "beam_interference": lambda: scenario.beam_statistics(beam, statistics).stream_interference[0, :, 0],
            "fisher_users": lambda: [fisher(share, 0.0) for share in np.eye(users)],
            "fisher_sensing": lambda: fisher(np.zeros(users), 1.0),
            "least_power": lambda: conic_optimum(scenario, "least_power", case["minimum_rates"]),
            "max_min": lambda: conic_optimum(scenario, "max_min"),
        }
    )


def conic_optimum(
    scenario: isacfw.Scenario, objective: str, minimum_rates: list[float] | None = None
) -> dict[str, Any]:
    """Return value and shares of the global optimum for users and beams that differ in all they do."""
    kinds = {"least_power": isacfw.LeastPower, "max_min": MaxMin}
    requirements: dict[str, isacfw.Requirement]
    requirements = {} if minimum_rates is None else {"rates": UserRate(minimum=tuple(minimum_rates))}
    asked = attrs.evolve(scenario, objective=kinds[objective](), requirements=requirements)
    problem = asked.problem(asked.precoders[0])[0]
    found = Conic().allocate(problem)
    if found.status == "infeasible":
        return {"status": "infeasible"}
    if found.status != "optimal":
        raise RuntimeError(f"{found.status}: {found.message}")
    return {"value": float(found.value), "x": found.communication, "sensing": float(found.sensing)}


OBJECTIVES: dict[str, Callable[[Input], dict[str, Any]]] = {
    "sum_rate": lambda case: {"kind": "sum_rate"},
    "weighted": lambda case: {"kind": "sum_rate", "weights": case["weights"]},
    "proportional_fair": lambda case: {"kind": "proportional_fair"},
    "alpha_fair_2": lambda case: {"kind": "alpha_fair", "alpha": 2.0},
    "max_min": lambda case: {"kind": "max_min"},
    "sum_rate_with_minimum_rates": lambda case: {"kind": "sum_rate"},
    "least_power": lambda case: {"kind": "least_power"},
    "least_crlb": lambda case: {"kind": "least_crlb"},
}
WITH_MINIMUM_RATES = ("sum_rate_with_minimum_rates", "least_power", "least_crlb")


def objectives(case: Input) -> dict[str, Any]:
    """Return the optima of each precoder."""

    def of(precoder: str) -> dict[str, Any]:
        return numbers({name: partial(optimum, case, precoder, name) for name in OBJECTIVES})

    return {precoder: of(precoder) for precoder in ("mrt", "zf")}


def optimum(case: Input, precoder: str, objective: str) -> dict[str, Any]:
    """Return the value of an objective under all limits, with its shares, or its CRLBs."""
    changes: dict[str, Any] = {"precoders": [precoder], "objective": OBJECTIVES[objective](case)}
    if objective in WITH_MINIMUM_RATES:
        changes["requirements"] = {"rates": {"kind": "user_rate", "minimum": case["minimum_rates"]}}
    if objective == "least_crlb":
        targets(case)  # The limits do not count, but must be valid.
        case = {key: value for key, value in case.items() if key != "crlb_limits_db"}
    solved = Solved.of(document(case, **changes))
    if solved.record is None:
        return {"status": "infeasible"}
    found = {"value": solved.record["objective_value"], "sensing": solved.sensing}
    if objective in ("least_power", "least_crlb"):
        keys = ("crlb_azimuth_db", "crlb_elevation_db")
        return found | {"crlb_db": [solved.record[key] for key in keys]}
    return found | {"rates": solved.record["rates"], "x": solved.x}


@attrs.frozen
class Solved:
    """The record of the exact solution of one drop, None where the problem is infeasible, and its problem."""

    record: dict[str, Any] | None
    problem: isacfw.PowerAllocationProblem

    @classmethod
    def of(cls, content: dict[str, Any], beam: isacfw.Beam | None = None) -> Solved:
        """Solve a scenario of one drop, one precoder and one beam."""
        scenario = isacfw.load_scenario(content).scenario
        if beam is not None:
            scenario = attrs.evolve(scenario, beams=(beam,))
        problem = scenario.problem(scenario.precoders[0])[0]
        (record,) = isacfw.compare(scenario).records()
        if record["status"] == "infeasible":
            return cls(None, problem)
        if record["status"] != "optimal":
            raise RuntimeError(f"{record['status']}: {record['message']}")
        return cls(record, problem)

    @property
    def x(self) -> FloatArray:
        """Shares of the users."""
        assert self.record is not None
        factors = self.problem.antennas * self.problem.weight_power / self.problem.power
        return np.array(self.record["gamma"]) * factors

    @property
    def sensing(self) -> float:
        """Share of sensing."""
        assert self.record is not None
        return float(self.record["sensing_power"] / self.problem.power)

    def streams(self) -> FloatArray:
        """Share of each sensing stream."""
        assert self.record is not None
        powers = self.record.get("stream_powers", [self.record["sensing_power"]])
        return np.array(powers) / float(self.problem.power)


def designed_covariance(case: Input) -> dict[str, Any]:
    """Return the largest communication share under all limits if the sensing covariance is designed."""
    channel = {"kind": "rayleigh", **rayleigh(case), "large_scale_fading": [1.0]}
    solved = Solved.of(document(case, beams=["designed"], channel=channel))
    if solved.record is None:
        return {"status": "infeasible"}
    count = len(case["targets_deg"])
    numbers_of = [""] if count == 1 else [f"_{target + 1}" for target in range(count)]
    return {
        "communication": float(solved.x.sum()),
        "sensing": solved.sensing,
        "crlb_db": [
            [solved.record[f"crlb_{angle}{number}_db"] for angle in ("azimuth", "elevation")]
            for number in numbers_of
        ],
    }


# Peers


def topal2024(case: Input) -> dict[str, Any]:
    """Return the numbers of several targets and beams."""
    if "channels_re" in case:
        return numbers({"fixed_beams": lambda: fixed_beams(case), "joint": lambda: joint_beams(case)})
    functions: dict[str, Compute] = {
        "least_sum_crlb": lambda: least_sum_crlb(case),
        "sum_rate": lambda: rate_under_sum_crlb(case),
        "crlb_at_0.6_and_equal_rest": lambda: crlb_of_split(case, 0.6),
    }
    if case.get("projected"):
        functions["projected_share"] = lambda: projected_share(case)
    return numbers(functions)


def beamforming(case: Input, sensed: isacfw.PointTargets | isacfw.ExtendedTarget) -> isacfw.BeamformingProblem:
    """Return the problem of the channels of a case."""
    channels = np.array(case["channels_re"]) + 1j * np.array(case["channels_im"])
    power, sinr = (10 ** (np.asarray(case[key]) / 10) for key in ("snr_db", "sinr_db"))
    return isacfw.BeamformingProblem(channels=channels, power=float(power), sinr=sinr, sensed=sensed)


def arrays(case: Input) -> dict[str, isacfw.Array]:
    """Return the two arrays of a case."""
    return {
        key: UPA(horizontal=horizontal, vertical=vertical)
        for key in ("transmit", "receive")
        for horizontal, vertical in [case[key]]
    }


def point_targets(case: Input) -> isacfw.PointTargets:
    """Return the targets of a case, of which all angles are estimated."""
    found = [isacfw.Target(**table) for table in targets(case)]
    return isacfw.PointTargets.at(found, **arrays(case), frame_length=case["frame_length"])


def fixed_beams(case: Input) -> dict[str, Any]:
    """Return the best shares of the power for fixed beams on a channel."""
    part = FixedBeams(
        regularisation=case["regularisation"], sensing_regularisation=case["sensing_regularisation"]
    )
    problem = beamforming(case, point_targets(case))
    split = part.split(problem)
    if split is None:
        return {"status": "infeasible"}
    found = part.beamform(problem)
    return {"shares": split.shares, "sum_crlb": found.crb, "bound": split.bound}


def best_beams(problem: isacfw.BeamformingProblem) -> isacfw.Beamforming | None:
    """Return beams that are certified as optimal, or None if none meet the targets."""
    found = CrbBeams().beamform(problem)
    if found.status == "infeasible":
        return None
    if found.status != "optimal":
        raise RuntimeError(f"{found.status}: {found.message}")
    return found


def joint_beams(case: Input) -> dict[str, Any]:
    """Return the least sum of CRLBs of all beams, with a lower bound."""
    found = best_beams(beamforming(case, point_targets(case)))
    return {"status": "infeasible"} if found is None else {"sum_crlb": found.crb, "bound": found.bound}


def liu2022(case: Input) -> dict[str, Any]:
    """Return the least CRB of the azimuth, or of the response of an extended target, on a channel."""
    sensed: isacfw.PointTargets | isacfw.ExtendedTarget
    if case["target"] == "extended":
        receive = arrays(case)["receive"].n_elements
        sensed = isacfw.ExtendedTarget(receive_antennas=receive, frame_length=case["frame_length"])
    else:
        azimuth, elevation = case["target_deg"]
        target = isacfw.Target(
            azimuth_deg=azimuth,
            elevation_deg=elevation,
            reflection_amplitude=case["reflection_amplitude"],
            known=("elevation",),
        )
        sensed = isacfw.PointTargets.at([target], **arrays(case), frame_length=case["frame_length"])
    problem = beamforming(case, sensed)
    found = best_beams(problem)
    if found is None:
        return {"status": "infeasible"}
    functions: dict[str, Compute] = {"crb": lambda: found.crb, "bound": lambda: found.bound}
    if case["target"] == "extended":
        functions["crb_db"] = lambda: 10 * np.log10(found.crb)
    else:
        functions |= {
            "root_crb_deg": lambda: np.degrees(np.sqrt(found.crb)),
            "sinr_db": lambda: 10 * np.log10(found.sinr),
            "power": lambda: found.power,
        }
    if problem.users == 1 and (case["target"] == "extended" or problem.antennas <= math.prod(case["receive"])):
        functions["closed_form_crb"] = lambda: one_user_crb(problem)
    return numbers(functions)


def one_user_crb(problem: isacfw.BeamformingProblem) -> float:
    """Return the CRB of one user in closed form, after Liu et al.; a point target needs N_t ≤ N_r."""
    channel, power, sinr = problem.channels[:, 0], problem.power, problem.sinr[0]
    gain, antennas = np.linalg.norm(channel) ** 2, problem.antennas
    if isinstance(problem.sensed, isacfw.ExtendedTarget):
        along = max(power / antennas, sinr / gain)
        factor = problem.sensed.receive_antennas / problem.sensed.frame_length
        return float(factor * (1 / along + (antennas - 1) ** 2 / (power - along)))
    assert isinstance(problem.sensed, isacfw.PointTargets)
    steering = problem.sensed.steering[:, 0]
    beam = np.sqrt(power / antennas) * steering
    if abs(channel.conj() @ beam) ** 2 < sinr:
        unit = channel / np.sqrt(gain)
        along = unit.conj() @ steering
        across = steering - along * unit
        across = across / np.linalg.norm(across)
        needed = sinr / gain
        beam = np.sqrt(needed) * along / abs(along) * unit + np.sqrt(power - needed) * across
    return problem.sensed.evaluate(beam[:, None], problem.basis(), 0.0)[0]


def beams_of(case: Input) -> tuple[list[isacfw.Beam], list[int]]:
    """Return beams and, for each of the case's, the number of its stream among those of all of them."""
    beams: list[isacfw.Beam] = []
    first: dict[tuple[str, tuple[float, float]], int] = {}
    streams, count = [], 0
    for beam in case["beams"]:
        kind, _, axis = beam["kind"].partition("_")
        if (kind, axis) not in (("steering", ""), ("difference", "u"), ("difference", "w")):
            raise UnsupportedError(f"beams of kind {beam['kind']}")
        direction = (float(beam["direction_deg"][0]), float(beam["direction_deg"][1]))
        if kind == "steering" or (kind, direction) not in first:
            first[kind, direction] = count
            part = isacfw.Steered if kind == "steering" else Difference
            beams.append(part(directions_deg=(direction,)))
            count += 1 if kind == "steering" else 2
        streams.append(first[kind, direction] + (axis == "w"))
    return beams, streams


def joined_beams(case: Input) -> tuple[isacfw.Beam, list[int]]:
    """Return all beams as one, and the number of the stream of each of the case's."""
    beams, streams = beams_of(case)
    if case.get("projected"):
        beams = [Projected(of=beam) for beam in beams]
    return Joined(beams=beams), streams


def least_sum_crlb(case: Input) -> dict[str, Any]:
    """Return the least sum of CRLBs under the SINR of each user."""
    beam, streams = joined_beams(case)
    channel = {"kind": "rayleigh", **rayleigh(case)}
    prelog = 1 - case["pilot_length"] / case["coherence_length"]
    rate = prelog * math.log2(1 + 10 ** (case["sinr_db"] / 10))
    requirements = {"rates": {"kind": "user_rate", "minimum": rate}}
    content = document(
        case,
        precoders=[case["precoder"]],
        channel=channel,
        objective={"kind": "least_crlb"},
        requirements=requirements,
    )
    solved = Solved.of(content, beam)
    if solved.record is None:
        return {"status": "infeasible"}
    crlb = solved.problem.crlb(solved.x, solved.streams())
    least = np.expm1(rate / prelog * math.log(2)) / solved.problem.gain
    return {
        "communication": float(solved.x.sum()),
        "sensing": solved.streams()[streams],
        "crlb": crlb.reshape(-1, 2).T.ravel(),
        "sum_crlb": solved.record["objective_value"],
        "bound": solved.record["bound"],
        "least_x": least * solved.problem.disturbance(solved.x, solved.streams()),
    }


def rate_under_sum_crlb(case: Input) -> dict[str, Any]:
    """Return the largest sum rate under a limit on the sum of CRLBs."""
    beam, streams = joined_beams(case)
    content = document(
        case,
        precoders=[case["precoder"]],
        requirements={"angles": {"kind": "sum_crlb", "limit_db": case["sum_crlb_limit_db"]}},
    )
    solved = Solved.of(content, beam)
    if solved.record is None:
        return {"status": "infeasible"}
    return {
        "communication": float(solved.x.sum()),
        "sensing": solved.streams()[streams],
        "x": solved.x,
        "rates": solved.record["rates"],
        "sum_rate": solved.record["objective_value"],
        "sum_crlb_db": float(10 * np.log10(solved.problem.crlb(solved.x, solved.streams()).sum())),
    }


def crlb_of_split(case: Input, communication: float) -> FloatArray:
    """Return the CRLBs, all azimuths first, for a share to the users and the rest in equal parts on all beams."""
    scenario = isacfw.load_scenario(document(case, precoders=[case["precoder"]])).scenario
    beam, streams = joined_beams(case)
    problem = scenario.problem(scenario.precoders[0], beam=beam)[0]
    x = np.full(problem.users, communication / problem.users)
    q = np.zeros(problem.streams)
    q[streams] = (1 - communication) / len(streams)
    return problem.crlb(x, q).reshape(-1, 2).T.ravel()


def projected_share(case: Input) -> float:
    """Return μ of the projected beams, whose covariance is μ times that of the beams and 1 - μ isotropic."""
    scenario = isacfw.load_scenario(document(case)).scenario
    statistics = scenario.statistics()
    isotropic = scenario.scene(statistics).isotropic_forms
    beams = beams_of(case)[0]
    before, after = (
        scenario.beam_statistics(Joined(beams=own), statistics).forms[0] - isotropic
        for own in (beams, [Projected(of=beam) for beam in beams])
    )
    return float(np.vdot(before, after).real / np.vdot(before, before).real)


def buzzi2019(case: Input) -> dict[str, Any]:
    """Return the optimum under a probability of detection, or what it reaches at full power."""
    options = {key: case[key] for key in ("false_alarm_probability", "cells", "waveform") if key in case}
    options["target_model"] = case["target_model"]
    azimuth, elevation = only(case["beams_deg"])
    own = {**case, "targets_deg": [case["target_deg"]], "reflection_amplitudes": [case["reflection_amplitude"]]}
    content = document(
        own,
        precoders=[case["precoder"]],
        objective=case["utility"],
        metrics=[{"kind": "detection", **options}],
        sensing={
            "frame_length": case["frame_length"],
            "beam_azimuth_deg": azimuth,
            "beam_elevation_deg": elevation,
        },
        requirements={"seen": {"kind": "detection", "probability": case["detection_probability"], **options}},
    )
    solved = Solved.of(content)
    assert solved.problem.linear_quantities
    quantity = solved.problem.linear_quantities[0]
    assert isinstance(quantity, DetectionProbability)
    if solved.record is None:
        detection = Detection(**options)
        ends = [GivenShares(communication=f, sensing=1 - f).allocate(solved.problem) for f in (0.0, 1.0)]
        found = [detection.evaluate(solved.problem, end)["detection_probability"] for end in ends]
        largest = {"largest_detection_probability": float(max(found))}
        return {"status": "infeasible", "required_echo": quantity.energy, **largest}
    return {
        "status": solved.record["status"],
        "communication": float(solved.x.sum()),
        "sensing": solved.sensing,
        "x": solved.x,
        "rates": solved.record["rates"],
        "sum_rate": float(np.sum(solved.record["rates"])),
        "min_rate": float(np.min(solved.record["rates"])),
        "echo": 10 ** (solved.record["echo_energy_db"] / 10),
        "required_echo": quantity.energy,
        "detection_probability": solved.record["detection_probability"],
    }


def liao2024(case: Input) -> dict[str, Any]:
    """Return the least power under SINR and MASR targets, or why there is none."""
    azimuth, elevation = case["beam_deg"]
    own = {
        **case,
        "receive": [1, 1],
        "frame_length": 1,
        "targets_deg": [case["beam_deg"]],
        "reflection_amplitudes": [1.0],
    }
    content = document(
        own,
        precoders=[case["precoder"]],
        objective="least_power",
        sensing={"frame_length": 1, "beam_azimuth_deg": azimuth, "beam_elevation_deg": elevation},
        requirements={
            "lobes": {
                "kind": "masr",
                "least_db": case["masr_db"],
                "mainlobe": case["mainlobe"],
                "sidelobe": case["sidelobe"],
            },
            "users": {"kind": "user_rate", "sinr_db": case["sinr_db"]},
        },
    )
    solved = Solved.of(content)
    problem = solved.problem
    assert problem.linear_users is not None
    assert problem.linear_streams is not None
    assert problem.region_streams is not None
    A, B, C = problem.user_sums
    mainlobe, sidelobe = problem.region_streams[0]
    slope = float(problem.linear_streams[0, 0])
    needed = float(max(-problem.linear_users[0, 0], 0.0))
    found = {"mainlobe_gain": mainlobe, "sidelobe_gain": sidelobe, "A": A, "B": B, "C": C}
    if slope > 0 or not needed:
        found["sensing_ratio"] = needed / slope if needed else 0.0
    if solved.record is None:
        power = float(problem.splits.power)
        share = {"share": power} if "sensing_ratio" in found and math.isfinite(power) else {}
        return found | {"status": "infeasible", "why": str(problem.infeasibility)} | share
    x = solved.x
    masr = problem.mean_gain(problem.regions[0], x, solved.sensing) / problem.mean_gain(
        problem.regions[1], x, solved.sensing
    )
    line = {**content, "transmit_array": {"kind": "upa", "horizontal": 1, "vertical": 1}}
    fewest = {"fewest_antennas": fewest_antennas(line)} if case["transmit"][1] == 1 else {}
    return (
        found
        | fewest
        | {
            "status": "optimal",
            "communication": float(x.sum()),
            "sensing": solved.sensing,
            "share": solved.record["objective_value"],
            "total_power": float(solved.record["objective_value"] * problem.power),
            "x": x,
            "user_power": x * float(problem.power),
            "masr_db": float(10 * np.log10(masr)),
            "sinr": problem.sinr(x, solved.sensing),
            "sum_rate": float(np.sum(solved.record["rates"])),
            "gamma": solved.record["gamma"],
            "rho": solved.record["rho"],
        }
    )


def fewest_antennas(content: dict[str, Any]) -> int | None:
    """Return the fewest antennas of a horizontal line that meet the requirements of a scenario."""
    scenario = isacfw.load_scenario(content).scenario
    found = isacfw.first_feasible(scenario, "transmit_array.horizontal", range(1, 1025))
    return next(iter(found.values()))


def only(members: Sequence[Any]) -> Any:
    """Return the member of a list of one."""
    if len(members) != 1:
        raise UnsupportedError(f"one beam, got {len(members)}")
    return members[0]


def detection_row(row: Input) -> dict[str, Any]:
    """Return energies of echoes and probabilities of detection at given shares."""
    azimuth, elevation = only(row["beams_deg"])
    own = {**row, "targets_deg": [row["target_deg"]], "reflection_amplitudes": [row["reflection_amplitude"]]}
    content = document(
        {**own, "large_scale_fading": [1.0]},
        sensing={
            "frame_length": row["frame_length"],
            "beam_azimuth_deg": azimuth,
            "beam_elevation_deg": elevation,
        },
    )
    scenario = isacfw.load_scenario(content).scenario
    problem = scenario.problem(scenario.precoders[0])[0]
    shares = GivenShares(communication=row["communication"], sensing=row["sensing"]).allocate(problem)
    options = {key: row[key] for key in ("false_alarm_probability", "cells")}

    def of(quantity: str, model: str = "steady", waveform: str = "all") -> float:
        if model == "unknown_noise" and row["cells"] > 1:
            raise UnsupportedError("the cells share an estimate of the noise")
        detection = Detection(target_model=model, waveform=waveform, **options)
        return float(detection.evaluate(problem, shares)[quantity])

    probability, energy = partial(of, "detection_probability"), partial(of, "echo_energy_db")
    return numbers(
        {
            "echo": lambda: 10 ** (energy() / 10),
            "echo_sensing_waveform": lambda: 10 ** (energy(waveform="sensing") / 10),
            "steady": lambda: probability("steady"),
            "swerling1": lambda: probability("swerling1"),
            "steady_sensing_waveform": lambda: probability("steady", "sensing"),
            "swerling1_sensing_waveform": lambda: probability("swerling1", "sensing"),
            "swerling1_unknown_noise": lambda: probability("unknown_noise"),
        }
    )


def temiz2022(case: Input) -> dict[str, Any]:
    """Return coefficients, values at given shares, and optima of the uplink."""
    problem = uplink(case).problem
    assert problem.linear_streams is not None
    assert problem.linear_users is not None
    assert problem.linear_least is not None
    weakest = int(np.argmin(problem.linear_streams[:, 0]))
    functions: dict[str, Compute] = {
        "at": lambda: uplink_values(problem, np.linspace(1.0, 0.4, problem.users), 0.7),
        "sum_rate": lambda: uplink(case).values(),
        "gain": lambda: problem.gain,
        "interference": lambda: problem.source_interference,
        "sensing_interference": lambda: problem.sensing_interference,
        "requirement": lambda: {
            "sensing": problem.linear_streams[weakest, 0],
            "users": -problem.linear_users[weakest],
            "least": problem.linear_least[weakest],
        },
    }
    least = uplink(case, sinr_db=3.0)
    if least.allocation.status != "infeasible":
        functions["least_power_sinr_3db"] = lambda: {
            "x": least.allocation.communication,
            "sensing": least.allocation.sensing,
            "share": least.allocation.value,
        }
    return numbers(functions)


@attrs.frozen
class SolvedUplink:
    """A problem of the uplink and its optimum."""

    problem: isacfw.UplinkProblem
    allocation: isacfw.Allocation

    def values(self) -> dict[str, Any]:
        """Return all values at the optimum."""
        if self.allocation.status == "infeasible":
            return {"status": "infeasible"}
        return uplink_values(self.problem, self.allocation.communication, float(self.allocation.sensing))


def uplink(case: Input, sinr_db: float | None = None) -> SolvedUplink:
    """Return the largest sum rate, or the least power for which each user has a SINR."""
    pair = dict(zip(("horizontal", "vertical"), case["receive"], strict=True))
    requirements: dict[str, Any] = {"image": {"kind": "image_sinr", "minimum_db": case["image_sinr_db"]}}
    if sinr_db is not None:
        prelog = 1 - case["pilot_length"] / case["coherence_length"]
        rate = prelog * math.log2(1 + 10 ** (sinr_db / 10))
        requirements["rates"] = {"kind": "user_rate", "minimum": rate}
    level = case.get("self_interference", 0.0)
    content = {
        "link": "uplink",
        "uplink": {key: case[key] for key in ("user_snr_db", "radar_snr_db", "subcarriers", "symbols")},
        "precoders": [{"mrc": "mrt"}.get(case["combiner"], case["combiner"])],
        "allocators": ["exact"],
        "receive_array": {"kind": "upa", **pair},
        "targets": targets(case),
        "sensing_noise": {"self_interference_db": 10 * math.log10(level)} if level else {},
        "channel": {
            "kind": "rayleigh",
            "estimates": "perfect" if case.get("perfect_csi") else "independent",
            **rayleigh(case),
        },
        "objective": "sum_rate" if sinr_db is None else "least_power",
        "requirements": requirements,
    }
    scenario = isacfw.load_scenario(content).scenario
    problem = scenario.uplink_problem(scenario.precoders[0])[0]
    found = scenario.allocators[0].allocate(problem)
    if found.status not in ("optimal", "infeasible"):
        raise RuntimeError(f"{found.status}: {found.message}")
    return SolvedUplink(problem, found)


def uplink_values(problem: isacfw.UplinkProblem, x: FloatArray, q: float) -> dict[str, Any]:
    """Return rates and the radar's quality at shares."""
    return {
        "sinr": problem.sinr(x, q),
        "rates": problem.rates(x, q),
        "sum_rate": problem.sum_rate(x, q),
        "radar_nmse": problem.radar_nmse(x, q),
        "image_sinr": problem.image_sinr(x, q),
        "x": x,
        "sensing": q,
    }


# Correlation matrices


def correlation(case: Input) -> dict[str, Any]:
    """Return the first column of a covariance, (2, N), with the elements counted horizontally first."""
    azimuth, elevation = math.degrees(case["azimuth_rad"]), case.get("elevation_above_horizon_rad", 0.0)
    if "elements" in case:
        array = {"kind": "ula", "elements": case["elements"]}
        shape, spreads = (case["elements"], 1), (case["spread_deg"], 0.0)
    else:
        shape = case["horizontal"], case["vertical"]
        array = {"kind": "upa", "horizontal": shape[0], "vertical": shape[1]}
        spreads = case["azimuth_spread_deg"], case["elevation_spread_deg"]
    distance, raised = 1000.0, 1000.0 * math.tan(elevation)
    channel = {
        "kind": "correlated",
        "scattering": case["distribution"],
        "spread_deg": spreads[0],
        "elevation_spread_deg": spreads[1],
        "azimuths_deg": [(azimuth + 180) % 360 - 180],
        "distances_m": [distance],
        "large_scale_fading": [1.0],
        "base_station_height_m": max(0.0, -raised),
        "user_height_m": max(0.0, raised),
    }
    content = {
        "precoders": ["mrt"],
        "allocators": ["exact"],
        "transmit_array": array,
        "receive_array": {"kind": "ula", "elements": 2},
        "target": {"azimuth_deg": 0.0, "elevation_deg": 90.0, "reflection_amplitude": 1.0},
        "channel": channel,
        "snr_db": 0.0,
        "drops": 1,
    }
    covariances = isacfw.load_scenario(content).scenario.statistics().covariances
    assert covariances is not None
    column = covariances[0, 0, :, 0].reshape(shape).T.reshape(-1)
    return {"first_row": plain([column.real, column.imag])}


SECTIONS: dict[str, Callable[[Input], dict[str, Any]]] = {
    "buzzi2019": buzzi2019,
    "liao2024": liao2024,
    "designed_covariance": designed_covariance,
    "given_channels": given_channels,
    "objectives": objectives,
    "topal2024": topal2024,
    "liu2022": liu2022,
    "temiz2022": temiz2022,
}
LISTS: dict[str, Callable[[Input], dict[str, Any]]] = {"cases": correlation}
"""Sections that are lists of cases, whose numbers stand next to their inputs."""
ROWS: dict[str, Callable[[Input], dict[str, Any]]] = {"detection-table": detection_row}
"""Cases that are lists of rows, whose numbers stand next to their inputs."""


# Cases in processes of their own


def answer(section: str, given: Any) -> Any:
    """Return the numbers of a case, None where there are none."""
    try:
        found = (SECTIONS | LISTS | ROWS)[section](given)
    except Exception as error:  # A case that fails must not cost the others.
        print(f"{section}: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    return None if empty(found) else found


def serve(connection: Connection) -> None:
    """Answer cases until the connection is closed; what solvers print does not go to the output."""
    os.dup2(2, 1)
    while True:
        try:
            section, given = connection.recv()
        except EOFError:
            return
        connection.send(answer(section, given))


def with_worker(cases: Sequence[tuple[str, Any]], deadline: float) -> list[Any]:
    """Return the answers of a process, which is replaced where it dies or takes too long."""
    context = multiprocessing.get_context("spawn")
    found: list[Any] = []
    process, connection = None, None
    for case in cases:
        if process is None or connection is None:
            connection, other = context.Pipe()
            process = context.Process(target=serve, args=(other,), daemon=True)
            process.start()
            other.close()
        left = min(SECONDS_PER_CASE, deadline - time.monotonic())
        try:
            connection.send(case)
            if not connection.poll(max(left, 0.0)):
                raise TimeoutError(f"no answer within {left:.0f} s")
            found.append(connection.recv())
        except (EOFError, OSError) as error:
            print(f"{case[0]}: {type(error).__name__}: {error}", file=sys.stderr)
            found.append(None)
            process.kill()
            process.join()
            process = None
    if process is not None and connection is not None:
        connection.close()
        process.join()
    return found


def run(cases: Sequence[tuple[str, Any]]) -> list[Any]:
    """Return the answers to cases, each a section and an input."""
    # Two processes with as many threads of BLAS as cores each would mostly wait for each other.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    deadline = time.monotonic() + SECONDS_IN_ALL
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = list(
            pool.map(
                lambda share: with_worker(share, deadline), [cases[start::WORKERS] for start in range(WORKERS)]
            )
        )
    return [parts[number % WORKERS][number // WORKERS] for number in range(len(cases))]


def answers(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a file with the project's numbers in the place of what is expected."""
    cases = [
        (section, name, case["input"])
        for section, members in content.items()
        if section in SECTIONS and isinstance(members, Mapping)
        for name, case in members.items()
        if isinstance(case, Mapping) and isinstance(case.get("input"), Mapping)
    ]
    found: dict[tuple[str, str], Any] = {}
    own = run([(section, given) for section, _, given in cases])
    for (section, name, given), numbers_of in zip(cases, own, strict=True):
        found[section, name] = None if numbers_of is None else {"input": plain(given), "expected": numbers_of}
    found |= tables(content)
    return {
        section: {name: found.get((section, name)) for name in members}
        if section in SECTIONS and isinstance(members, Mapping)
        else None
        for section, members in content.items()
    }


def tables(content: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Return the rows of all cases of :data:`ROWS` with the project's numbers, by section and case."""
    found: dict[tuple[str, str], Any] = {}
    for section, members in content.items():
        for name, case in members.items() if isinstance(members, Mapping) else ():
            if section in SECTIONS and name in ROWS and isinstance(case, Mapping):
                rows = case.get("rows")
                if isinstance(rows, list):
                    answered = run([(name, row) for row in rows])
                    pairs = zip(rows, answered, strict=True)
                    found[section, name] = {"rows": [own and {**plain(row), **own} for row, own in pairs]}
    return found


def listed_answers(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a file of lists of cases, with the project's numbers in each case."""
    changed = dict(content)
    for section in LISTS:
        own = run([(section, case) for case in content[section]])
        changed[section] = [
            {**case, "first_row": None, **(found or {})} if isinstance(case, Mapping) else None
            for case, found in zip(content[section], own, strict=True)
        ]
    return changed


def main() -> int:
    """Run the cases of a file."""
    if len(sys.argv) != 2:
        print("usage: run_case.py FILE.json", file=sys.stderr)
        return 2
    content = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    listed = all(isinstance(content.get(section), list) for section in LISTS)
    print(json.dumps(plain((listed_answers if listed else answers)(content)), indent=1, allow_nan=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
