"""Checks of precoders. Seeds are fixed, so an outcome does not change from run to run."""

from __future__ import annotations

import numpy as np

from ..channel import Channel
from ..errors import IncompatibleError
from ..moments import sampled_link_statistics
from ..precoder import LinkStatistics, Precoder
from . import samples
from .kit import CheckSkipped, check, require

DEVIATIONS = 5.0
"""Allowed distance from a sampled moment in standard errors: a right one is farther off once in 10^6."""

_ACCURACY = 0.01


def _link(part: Precoder, channel: Channel, antennas: int = samples.ANTENNAS) -> LinkStatistics:
    statistics = samples.channel_statistics(channel, _ACCURACY)
    link = part.link_statistics(antennas, statistics)
    link.check(part, statistics.users)
    return link


@check("precoder")
def weights_shape(part: Precoder) -> None:
    """Weights have the shape of the estimates, (..., N, K), for any leading axes."""
    for batch in ((), (1,), (4,), (2, 3)):
        shape = (*batch, samples.ANTENNAS, 3)
        found = np.shape(part.weights(samples.estimates(shape)))
        require(found == shape, f"weights for estimates of shape {shape} must have it too, got {found}")


@check("precoder")
def leading_axes_are_independent(part: Precoder) -> None:
    """Weights of a batch are those of its members."""
    estimates = samples.estimates((2, 3, samples.ANTENNAS, 3))
    together = part.weights(estimates)
    for index in np.ndindex(2, 3):
        require(
            _close(together[index], part.weights(estimates[index])), "a batch's weights differ from its members'"
        )


def _close(first: object, second: object) -> bool:
    a, b = np.asarray(first), np.asarray(second)
    return bool(np.abs(a - b).max() <= 1e-8 * (np.abs(b).max() + 1e-300))


@check("precoder")
def permuting_users_permutes_weights(part: Precoder) -> None:
    """Users in another order get the same weights."""
    estimates, order = samples.estimates((5, samples.ANTENNAS, 4)), [2, 0, 3, 1]
    require(
        _close(part.weights(estimates[..., order]), part.weights(estimates)[..., order]),
        "the weights of a user depend on its number",
    )


@check("precoder")
def permuting_users_permutes_statistics(part: Precoder) -> None:
    """Users in another order have the same link statistics, sampled ones within their standard errors."""
    order, fading = [2, 0, 1], (2.0, 0.7, 0.3)
    first = _link(part, samples.fading_channel(fading))
    second = _link(part, samples.fading_channel(tuple(fading[user] for user in order)))
    for name in ("signal_gain", "weight_power", "interference"):
        expected = getattr(first, name)[..., order]
        expected = expected[..., order, :] if name == "interference" else expected
        error = (
            _error(first, name)[..., order] if name != "interference" else _error(first, name)[0][order][:, order]
        )
        allowed = 2 * DEVIATIONS * error + 1e-9 * np.abs(expected)
        require(
            (np.abs(getattr(second, name) - expected) <= allowed).all(),
            f"the {name} of a user depends on its number",
        )


def _error(link: LinkStatistics, name: str) -> np.ndarray:
    if link.standard_error is None:
        return np.zeros(np.shape(getattr(link, name)))
    return np.asarray(getattr(link.standard_error, "coupling" if name == "interference" else name))


@check("precoder")
def statistics_against_sampled_moments(part: Precoder) -> None:
    """A closed form of the link statistics lies within 5 standard errors of the sampled moments."""
    if type(part).link_statistics is Precoder.link_statistics:
        raise CheckSkipped("its link statistics are the sampled moments")
    compared = 0
    for title, channel in _channels().items():
        statistics = samples.channel_statistics(channel, _ACCURACY)
        try:
            claimed = part.link_statistics(samples.ANTENNAS, statistics)
        except IncompatibleError:
            continue
        claimed.check(part, statistics.users)
        off = departure(claimed, sampled_link_statistics(part, samples.ANTENNAS, statistics))
        require(not off, f"with {title}, {off} standard errors from the sampled moments")
        compared += 1
    require(compared, "it exists for no channel that it was tried on")


def _channels() -> dict[str, Channel]:
    return {
        "Gaussian fading": samples.fading_channel(),
        "shared pilots": samples.fading_channel(pilot_length=2),
        "collinear estimates": samples.fading_channel(pilot_length=2, estimates="physical"),
        "a line of sight, where channel.gaussian is False": samples.LineOfSight(),
    }


def departure(claimed: LinkStatistics, found: LinkStatistics) -> str:
    """Return by how many standard errors a moment is off: "weight_power is up to 7"; empty where none is by 5."""
    for name in ("signal_gain", "weight_power", "interference"):
        error = _error(found, name)
        distance = np.abs(getattr(claimed, name) - getattr(found, name))
        if (distance > DEVIATIONS * error + 1e-9 * getattr(found, name)).any():
            return f"{name} is up to {np.max(distance / (error + 1e-300)):.3g}"
    return ""


@check("precoder")
def degenerate_inputs(part: Precoder) -> None:
    """One user, as many as antennas, and a very weak one give finite statistics or an IncompatibleError."""
    cases = {
        "one user": (0.7,),
        "as many users as antennas": (1.0,) * samples.ANTENNAS,
        "a very weak user": (1.0, 0.5, 1e-9),
    }
    for title, fading in cases.items():
        try:
            link = _link(part, samples.fading_channel(fading, pilot_length=len(fading)))
        except IncompatibleError:
            require(title != "one user", "it does not exist for one user")
            continue
        require((link.weight_power > 0).all(), f"with {title}, a weight has no power")


@check("precoder")
def signal_gain_is_positive(part: Precoder) -> None:
    """Every user receives a signal whose mean is not zero: the receivers know no more of it."""
    link = _link(part, samples.fading_channel())
    error = _error(link, "signal_gain")
    require(
        (link.signal_gain > DEVIATIONS * error).all(),
        "the mean signal of a user is zero, within its standard error",
    )
