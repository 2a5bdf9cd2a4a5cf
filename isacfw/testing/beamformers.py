"""Checks of beamformers. Seeds are fixed, so outcomes are reproducible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import attrs
import numpy as np

from ..allocation.status import Status
from ..base.numbers import ComplexArray, FloatArray
from ..beamforming.beamformer import Beamformer
from ..beamforming.beams import Beamforming, Beams
from ..beamforming.extended import ExtendedTarget
from ..beamforming.points import PointTargets
from ..beamforming.problem import BeamformingProblem
from ..beamforming.sensed import Sensed
from ..sensing.target import Target
from ..signal.array import Array
from ..signal.gaussian import complex_normal
from . import problems
from .checks import CheckFailed, CheckSkipped, CheckTimedOut, check, longest_s, require
from .runs import Numbers, SampleRun, sample_run

POWER, USERS = 100.0, 3
CLOSE = 1e-4
"""Relative difference of two CRBs that count as the same."""
_FEW = 4
"""Number of antennas in degenerate problems of point targets."""
_FAILURES = {Status.FAILED: CheckFailed, Status.TIMED_OUT: CheckTimedOut}


def _targets(count: int, transmit: Array | None = None) -> PointTargets:
    targets = [
        Target(
            azimuth_deg=one.azimuth_deg,
            elevation_deg=one.elevation_deg,
            reflection_amplitude=0.1 / (1 + number),
            reflection_phase_deg=40.0 * number,
        )
        for number, one in enumerate(problems.DIRECTIONS[:count])
    ]
    array = problems.transmit_array() if transmit is None else transmit
    return PointTargets.at(targets, transmit=array, receive=problems.receive_array())


def sensed(transmit: Array | None = None) -> dict[str, Sensed]:
    """Return what is sensed in the problems of the checks, by its description in messages."""
    return {
        "a target": _targets(1, transmit),
        "two targets": _targets(2, transmit),
        "an extended target": ExtendedTarget(receive_antennas=problems.receive_array().n_elements),
    }


def problem(
    sensed: Sensed, *, users: int = USERS, sinr: float | FloatArray = 4.0, seed: int = 0
) -> BeamformingProblem:
    """Return a problem of one channel."""
    channels = complex_normal((sensed.antennas or problems.ANTENNAS, users), np.random.default_rng(seed))
    return BeamformingProblem(channels=channels, power=POWER, sinr=np.asarray(sinr), sensed=sensed)


def _answer(part: Beamformer, problem: BeamformingProblem, title: str) -> Beamforming:
    """Return the verified answer to a problem of one channel; fail the check if there is a failure instead."""
    found = part.beamform(problem, time_limit_s=longest_s())
    status = Status(str(found.status))
    if status in _FAILURES:
        raise _FAILURES[status](f"with {title}, {found.message}")
    return found


def _answers(part: Beamformer) -> Iterator[tuple[str, Beamforming]]:
    """Yield answers to ordinary problems, but for those that the part refuses or finds no beams for."""
    answered = False
    for title, what in sensed().items():
        found = _answer(part, problem(what), title)
        if np.isfinite(found.weights).all():
            answered = True
            yield title, found
    if not answered:
        raise CheckSkipped("it has no answer to an ordinary problem")


@check("beamformer")
def beams_meet_targets_and_power(part: Beamformer) -> None:
    """The beams for ordinary problems reach the SINRs, within the power, and let the target be estimated."""
    for title, found in _answers(part):
        require(found.feasible, f"with {title}, {found.message}")


@check("beamformer")
def claims_hold(part: Beamformer) -> None:
    """A reported status holds: the framework finds the same, or a better one."""
    order = [Status.FEASIBLE, Status.LOCALLY_OPTIMAL, Status.OPTIMAL]
    for title, found in _answers(part):
        if found.claim:
            claim, status = Status(str(found.claim)), Status(str(found.status))
            held = status in order and claim in order and order.index(status) >= order.index(claim)
            require(held, f"with {title}, {found.message}")


@check("beamformer")
def no_crb_is_below_the_bound(part: Beamformer) -> None:
    """No CRB is below the certified bound: a part that returns multipliers returns valid ones."""
    for title, found in _answers(part):
        require(found.gap >= -CLOSE, f"with {title}, the CRB is below the bound by {-float(found.gap):.2g}")


@check("beamformer")
def impossible_targets_are_infeasible(part: Beamformer) -> None:
    """Targets that no beams reach are infeasible, and no failure."""
    for title, what in sensed().items():
        found = _answer(part, problem(what, sinr=1e9), f"{title} and impossible SINRs")
        allowed = (Status.INFEASIBLE, Status.SKIPPED)
        require(str(found.status) in allowed, f"with {title} and impossible SINRs, the status is {found.status}")


@check("beamformer")
def phases_and_order_of_users_do_not_matter(part: Beamformer) -> None:
    """The CRB is the same for channels with other phases, and for users in another order."""
    order, turns = [2, 0, 1], np.exp(1j * np.array([0.4, -2.0, 3.0]))
    for title, what in sensed().items():
        posed = problem(what, sinr=np.array([4.0, 1.0, 2.0]))
        first = _answer(part, posed, title)
        changed = attrs.evolve(posed, channels=(posed.channels * turns)[:, order], sinr=posed.sinr[order])
        second = _answer(part, changed, title)
        require(_same(first.crb, second.crb), f"with {title}, the CRB depends on phases or order of the users")


def _same(first: FloatArray, second: FloatArray) -> bool:
    return bool(np.isclose(first, second, rtol=CLOSE, equal_nan=True))


@check("beamformer")
def a_batch_is_its_members(part: Beamformer) -> None:
    """The answers to a batch are those to its members."""
    what = sensed()["a target"]
    members = [problem(what, seed=seed) for seed in range(2)]
    channels = np.array([one.channels for one in members])
    together = part.beamform(attrs.evolve(members[0], channels=channels, sinr=np.asarray(4.0)), longest_s())
    for position, one in enumerate(members):
        alone = _answer(part, one, "a target")
        require(np.array_equal(together.weights[position], alone.weights, equal_nan=True), "a batch differs")


@check("beamformer")
def degenerate_inputs(part: Beamformer) -> None:
    """One user, many users, equal channels, no targets: an answer or a refusal, and no failure."""
    few = cast(Array, problems.built_in("array", "upa", horizontal=2, vertical=2))
    for title, what in sensed(few).items():
        cases = {
            "one user": problem(what, users=1),
            "as many users as antennas": problem(what, users=_FEW, sinr=0.3),
            "more users than antennas": problem(what, users=_FEW + 2, sinr=0.1),
            "no SINR targets": problem(what, sinr=0.0),
            "a user without target": problem(what, sinr=np.array([4.0, 0.0, 1.0])),
        }
        equal: ComplexArray = np.repeat(cases["one user"].channels, 2, axis=1)
        cases["equal channels"] = attrs.evolve(cases["one user"], channels=equal, sinr=np.asarray(0.4))
        for name, posed in cases.items():
            _answer(part, posed, f"{title} and {name}")


@sample_run("beamformer")
def _of_beamformer(part: Beamformer, seed: int) -> SampleRun:
    def run(problem: BeamformingProblem) -> Numbers:
        found = part.solve(problem)
        return {"weights": found.weights, "sensing": _or_none(found), "rest": found.rest}

    return SampleRun(inputs={"problem": problem(_targets(1), seed=seed)}, direct=run)


def _or_none(beams: Beams) -> ComplexArray:
    return np.zeros((len(beams.weights), 0), dtype=np.complex128) if beams.sensing is None else beams.sensing
