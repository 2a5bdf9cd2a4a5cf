"""Checks of precoders. Seeds are fixed, so outcomes are reproducible."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.errors import IncompatibleError
from ..base.numbers import ComplexArray, FloatArray
from ..signal.channel import Channel, complex_normal
from ..signal.link import LinkStatistics
from ..signal.precoder import Precoder, sampled_in_full
from ..signal.scene import Scene
from ..simulation.uplink import UplinkReception
from . import agreement, problems
from .checks import CheckSkipped, check, require
from .runs import SAMPLE_ACCURACY, Numbers, SampleRun, sample_run
from .uplink import uplink_scenario

DEVIATIONS = 5.0
"""Allowed distance from a sampled moment in standard errors: a correct one is farther off once in 10^6."""

_FADING = (2.0, 0.7, 0.3)
_RECEIVED = 3000


def _weights(part: Precoder, estimates: ComplexArray, scene: Scene | None = None) -> ComplexArray:
    """Return a copy of the weights, since a precoder may reuse its array."""
    own = problems.scene(problems.fading_channel((1.0,) * estimates.shape[-1])) if scene is None else scene
    return np.array(part.weights_in(own.of_drop(0), estimates))


def _link(part: Precoder, channel: Channel) -> LinkStatistics:
    scene = problems.scene(channel)
    link = part.link_statistics(scene)
    return link.check(part, scene.users, len(scene.targets))


@check("precoder")
def weights_shape(part: Precoder) -> None:
    """Weights have the shape of the estimates, (..., N, K), for any leading axes."""
    for batch in ((), (1,), (4,), (2, 3)):
        shape = (*batch, problems.ANTENNAS, 3)
        found = np.shape(_weights(part, problems.estimates(shape)))
        require(found == shape, f"weights for estimates of shape {shape} must have it too, got {found}")


@check("precoder")
def leading_axes_are_independent(part: Precoder) -> None:
    """Weights of a batch equal those of its members."""
    estimates = problems.estimates((2, 3, problems.ANTENNAS, 3))
    together = _weights(part, estimates)
    for index in np.ndindex(2, 3):
        require(
            close(together[index], _weights(part, estimates[index])), "a batch's weights differ from its members'"
        )


def close(first: object, second: object) -> bool:
    """Return whether arrays agree up to rounding."""
    a, b = np.asarray(first), np.asarray(second)
    return a.shape == b.shape and bool(np.abs(a - b).max() <= 1e-8 * (np.abs(b).max() + 1e-300))


@check("precoder")
def permuting_users_permutes_weights(part: Precoder) -> None:
    """Users in another order get the same weights."""
    estimates, order, fading = problems.estimates((5, problems.ANTENNAS, 4)), [2, 0, 3, 1], (*_FADING, 1.1)
    first, second = (
        problems.scene(problems.fading_channel(tuple(one))) for one in (fading, [fading[user] for user in order])
    )
    require(
        close(_weights(part, estimates[..., order], second), _weights(part, estimates, first)[..., order]),
        "the weights of a user depend on its number",
    )


@check("precoder")
def permuting_users_permutes_statistics(part: Precoder) -> None:
    """Users in another order have the same link statistics, sampled ones within their standard errors."""
    order = [2, 0, 1]
    first = _link(part, problems.fading_channel(_FADING))
    second = _link(part, problems.fading_channel(tuple(_FADING[user] for user in order)))
    for name in ("signal_gain", "weight_power", "interference", "forms"):
        expected, error = getattr(first, name), _error(first, name)
        if expected is None:
            continue
        place: Any = np.ix_(order, order) if name == "interference" else order
        expected, error = np.asarray(expected)[0][place], error[0][place]
        allowed = 2 * DEVIATIONS * error + 1e-9 * np.abs(expected).max()
        require(
            (np.abs(getattr(second, name)[0] - expected) <= allowed).all(),
            f"the {name} of a user depends on its number",
        )


def _error(link: LinkStatistics, name: str) -> FloatArray:
    value = None
    if link.standard_error is not None:
        value = getattr(link.standard_error, "coupling" if name == "interference" else name)
    return np.zeros(np.shape(getattr(link, name))) if value is None else np.abs(value)


@check("precoder")
def turns_with_channel_is_true(part: Precoder) -> None:
    """A precoder with turns_with_channel turns with the channel: W(U H) = U W(H) for a unitary U."""
    if not part.turns_with_channel:
        raise CheckSkipped("it does not say that it turns with the channel")
    estimates = problems.estimates((3, problems.ANTENNAS, 3), seed=1)
    turn, _ = np.linalg.qr(complex_normal((problems.ANTENNAS, problems.ANTENNAS), np.random.default_rng(2)))
    scene = problems.scene()
    require(
        close(_weights(part, turn @ estimates, scene), turn @ _weights(part, estimates, scene)),
        "turns_with_channel is True, but W(U H) differs from U W(H) for a unitary U",
    )


@check("precoder")
def statistics_against_sampled_moments(part: Precoder) -> None:
    """A closed form of the link statistics lies within 5 standard errors of the sampled moments."""
    if "downlink" not in part.links:
        raise CheckSkipped("it is for the uplink, where users may be taken away")
    if type(part).link_statistics is Precoder.link_statistics:
        raise CheckSkipped("its link statistics are the sampled moments")
    compared = 0
    for title, channel in problems.channels().items():
        scene = problems.scene(channel, targets=problems.DIRECTIONS[:2])
        try:
            claimed = part.link_statistics(scene).check(part, scene.users, len(scene.targets))
        except IncompatibleError:
            continue
        off = departure(claimed, sampled_in_full(part, scene), scene)
        require(not off, f"with {title}, {off} standard errors from the sampled moments")
        compared += 1
    require(compared, "it exists for no channel that it was tried on")


def departure(claimed: LinkStatistics, found: LinkStatistics, scene: Scene) -> str:
    """Return how many standard errors a moment is off: "weight_power is up to 7"; empty if all are within 5."""
    for name in ("signal_gain", "weight_power", "interference", "forms"):
        own, sampled = getattr(claimed, name), getattr(found, name)
        if name == "forms" and own is None:
            # Otherwise the framework samples them.
            own = scene.isotropic_forms if claimed.isotropic and scene.statistics.isotropic else None
        if own is None or sampled is None:
            continue
        error = np.hypot(_error(found, name), _error(claimed, name) if name != "forms" else 0.0)
        distance = np.abs(own - sampled)
        if (distance > DEVIATIONS * error + 1e-9 * np.abs(sampled).max()).any():
            what = "what the targets see of its signals" if name == "forms" else name
            return f"{what} is up to {np.max(distance / (error + 1e-300)):.3g}"
    return ""


@check("precoder")
def model_agrees_with_simulation(part: Precoder) -> None:
    """Rates and Fisher information of a problem agree with drawn signals, also for a target near a user."""
    if "downlink" not in part.links:
        raise CheckSkipped("it is for the uplink")
    agreement.require_agreement(part)


@check("precoder")
def uplink_agrees_with_simulation(part: Precoder) -> None:
    """SINRs of the uplink, if it has closed-form moments there, agree with drawn channels that are combined."""
    if "uplink" not in part.links:
        return
    for estimates in ("independent", "perfect"):
        own = uplink_scenario(part, estimates=estimates)
        x, q = np.array([1.0, 0.6, 0.8]), 0.7
        try:
            reception = UplinkReception.of(own, part, 0, x, q)
        except IncompatibleError:
            continue
        found = reception.sinr(_RECEIVED, np.random.default_rng(0))
        distance = np.abs(found.value - reception.problem.sinr(x, q)) / found.standard_error
        require((distance <= DEVIATIONS).all(), f"a SINR of the uplink is off by {distance.max():.3g} errors")


@check("precoder")
def degenerate_inputs(part: Precoder) -> None:
    """One user, as many as antennas, and a very weak one: finite statistics or an IncompatibleError."""
    cases = {
        "one user": (0.7,),
        "as many users as antennas": (1.0,) * problems.ANTENNAS,
        "a very weak user": (1.0, 0.5, 1e-9),
    }
    for title, fading in cases.items():
        try:
            link = _link(part, problems.fading_channel(fading, pilot_length=len(fading)))
        except IncompatibleError:
            require(title != "one user", "it does not exist for one user")
            continue
        require((link.weight_power > 0).all(), f"with {title}, a weight has no power")


@check("precoder")
def signal_gain_is_positive(part: Precoder) -> None:
    """Every user receives a signal with a nonzero mean, which is all that the receivers know of it."""
    link = _link(part, problems.fading_channel())
    error = _error(link, "signal_gain")
    require(
        (link.signal_gain > DEVIATIONS * error).all(),
        "the mean signal of a user is zero, within its standard error",
    )


@sample_run("precoder")
def _of_precoder(part: Precoder, seed: int) -> SampleRun:
    given = problems.scene(accuracy=SAMPLE_ACCURACY, seed=seed)

    def run(scene: Scene, drop: Scene, estimates: Any) -> Numbers:
        weights = part.weights_in(drop, estimates)
        link = part.link_statistics(scene)
        names = ("signal_gain", "interference", "weight_power", *(["forms"] if link.forms is not None else []))
        return {"weights": weights} | {name: getattr(link, name) for name in names}

    estimates = problems.estimates((2, problems.ANTENNAS, 3), seed)
    return SampleRun(inputs={"scene": given, "drop": given.of_drop(0), "estimates": estimates}, direct=run)
