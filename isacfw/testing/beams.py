"""Checks of sensing beams. Seeds are fixed, so outcomes are reproducible."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ..base.errors import IncompatibleError
from ..base.numbers import ComplexArray
from ..sensing.beam import Beam
from ..sensing.beam_statistics import BeamStatistics
from ..signal.channel import Channel
from ..signal.precoder import Precoder
from ..signal.scene import Scene
from . import agreement, problems
from .checks import CheckSkipped, check, require
from .precoders import close
from .runs import SAMPLE_ACCURACY, Numbers, SampleRun, sample_run

DEVIATIONS = 5.0
"""Allowed distance from a sampled moment in standard errors: a correct one is farther off once in 10^6."""

ACCURACY = 0.015


def _weights(part: Beam, estimates: ComplexArray, scene: Scene | None = None) -> ComplexArray:
    """Return a copy of the weights for estimates (M, N, K), with all axes: (M, N, S, R)."""
    own = problems.scene(problems.fading_channel((1.0,) * estimates.shape[-1])) if scene is None else scene
    return np.array(part.checked_weights(own.of_drop(0), estimates))


def _statistics(part: Beam, scene: Scene) -> BeamStatistics:
    return part.beam_statistics(scene).check(part, scene.users, len(scene.targets))


@check("beam")
def beam_shapes(part: Beam) -> None:
    """Weights have shape (..., N, S) or (..., N, S, R), with the leading axes of the estimates or with none."""
    scene = problems.scene()
    streams = _statistics(part, scene).streams
    for batch in ((), (1,), (4,), (2, 3)):
        estimates = problems.estimates((*batch, problems.ANTENNAS, 3))
        found = np.shape(part.weights(scene.of_drop(0), estimates))
        allowed = [(*leading, problems.ANTENNAS, streams) for leading in {batch, ()}]
        require(
            any(found in (shape, (*shape, found[-1])) for shape in allowed),
            f"weights for estimates of shape {estimates.shape} must have shape {max(allowed, key=len)},"
            f" or one more axis, got {found}",
        )


@check("beam")
def leading_axes_are_independent(part: Beam) -> None:
    """Weights for a batch of estimates equal those for its members."""
    estimates = problems.estimates((4, problems.ANTENNAS, 3))
    together = _weights(part, estimates)
    for position in range(4):
        alone = _weights(part, estimates[position : position + 1])
        require(close(together[position], alone[0]), "a batch's weights differ from its members'")


@check("beam")
def the_order_of_users_does_not_matter(part: Beam) -> None:
    """Users in another order get the same beam."""
    estimates, order, fading = problems.estimates((5, problems.ANTENNAS, 3)), [2, 0, 1], (2.0, 0.7, 0.3)
    first, second = (
        problems.scene(problems.fading_channel(tuple(one))) for one in (fading, [fading[user] for user in order])
    )
    require(
        close(_weights(part, estimates[..., order], second), _weights(part, estimates, first)),
        "the weights depend on the numbers of the users",
    )


@check("beam")
def statistics_against_sampled_moments(part: Beam) -> None:
    """A closed form of the beam statistics lies within 5 standard errors of the sampled moments."""
    if type(part).beam_statistics is Beam.beam_statistics:
        raise CheckSkipped("its beam statistics are the sampled moments")
    compared = 0
    for title, channel in problems.channels().items():
        for aim, scene in _scenes(channel):
            try:
                claimed = _statistics(part, scene)
            except IncompatibleError:
                continue
            off = _departure(claimed, Beam.beam_statistics(part, scene))
            require(not off, f"with {title} and {aim}, {off} standard errors from the sampled moments")
            compared += 1
    require(compared, "it exists for no channel that it was tried on")


def _scenes(channel: Channel) -> list[tuple[str, Scene]]:
    return [
        ("two targets", problems.scene(channel, ACCURACY, targets=problems.DIRECTIONS[:2])),
        ("a beam beside the target", problems.scene(channel, ACCURACY, pointing=problems.DIRECTIONS[1])),
    ]


def _departure(claimed: BeamStatistics, found: BeamStatistics) -> str:
    """Return the number of standard errors by which a moment is off, as text; empty if all are within 5."""
    for name, what in (
        ("weight_power", "weight_power"),
        ("stream_interference", "the interference to a user"),
        ("forms", "what the targets see"),
    ):
        own, sampled = getattr(claimed, name), getattr(found, name)
        errors = [
            0.0 if one.standard_error is None else np.abs(getattr(one.standard_error, name))
            for one in (claimed, found)
        ]
        error, distance = np.hypot(errors[0], errors[1]), np.abs(own - sampled)
        # Relative to the largest number, since zeros have no relative error.
        if (distance > DEVIATIONS * error + 1e-9 * np.abs(sampled).max()).any():
            return f"{what} is up to {np.max(distance / (error + 1e-300)):.3g}"
    return ""


@check("beam")
def model_agrees_with_simulation(part: Beam) -> None:
    """Rates and Fisher information of a problem agree with drawn signals, also for a target near a user."""
    agreement.require_agreement(cast(Precoder, problems.built_in("precoder", "mrt")), part)


@check("beam")
def degenerate_inputs(part: Beam) -> None:
    """One user, as many as antennas, and a very weak one: finite statistics or an IncompatibleError."""
    cases = {
        "one user": (0.7,),
        "as many users as antennas": (1.0,) * problems.ANTENNAS,
        "a very weak user": (1.0, 0.5, 1e-9),
    }
    for title, fading in cases.items():
        scene = problems.scene(problems.fading_channel(fading, pilot_length=len(fading)))
        try:
            found = _statistics(part, scene)
        except IncompatibleError:
            require(title != "one user", "it does not exist for one user")
            continue
        require((found.weight_power > 0).all(), f"with {title}, a stream has no power")


@sample_run("beam")
def _of_beam(part: Beam, seed: int) -> SampleRun:
    given = problems.scene(accuracy=SAMPLE_ACCURACY, seed=seed)

    def run(scene: Scene, drop: Scene, estimates: Any) -> Numbers:
        weights = part.weights(drop, estimates)
        found = part.beam_statistics(scene)
        names = ("stream_interference", "weight_power", "forms")
        return {"weights": weights} | {name: getattr(found, name) for name in names}

    estimates = problems.estimates((2, problems.ANTENNAS, 3), seed)
    return SampleRun(inputs={"scene": given, "drop": given.of_drop(0), "estimates": estimates}, direct=run)
