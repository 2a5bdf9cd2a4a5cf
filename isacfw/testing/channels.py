"""Checks of channels. Seeds are fixed, so an outcome does not change from run to run."""

from __future__ import annotations

from typing import cast

import attrs
import numpy as np

from ..array import ComplexArray
from ..channel import Channel, ChannelStatistics, checked, drop_generators
from ..moments import sampled_link_statistics
from ..precoder import Precoder
from . import samples
from .kit import CheckSkipped, check, require
from .precoders import departure

DRAWS, ELEMENTS = 400, 8
MANY_ELEMENTS = 64
DEVIATIONS = 5.0
"""Half-width of confidence intervals in standard errors: a right channel leaves one by chance once in 10^6."""


def _statistics(part: Channel, drops: int = 3, seed: int = 0) -> ChannelStatistics:
    return checked(part.statistics(drop_generators(seed, range(drops))), part, drops)


def _draws(part: Channel, seed: int) -> tuple[ComplexArray, ComplexArray, ChannelStatistics]:
    """Return channels, estimates and statistics of one drop; (M, N, K) and (K,)."""
    statistics = _statistics(part).of_drop(0)
    channels, estimates = part.draw(statistics, ELEMENTS, DRAWS, np.random.default_rng(seed))
    return channels, estimates, statistics


@check("channel")
def channel_shapes(part: Channel) -> None:
    """Statistics have shape (D, K) or (1, K), draws (M, ..., N, K) for statistics with and without batch axes."""
    for drops in (2, 3):
        statistics = _statistics(part, drops)
        for one in (statistics, statistics.of_drop(0)):
            shape = (5, *one.beta.shape[:-1], 4, statistics.users)
            for name, value in zip(
                ("channels", "estimates"), part.draw(one, 4, 5, np.random.default_rng(0)), strict=True
            ):
                require(
                    np.shape(value) == shape, f"draw must give {name} of shape {shape}, got {np.shape(value)}"
                )


@check("channel")
def variances_add_up(part: Channel) -> None:
    """Estimate and error share the variance of the channel: beta = xi + epsilon, none of them negative."""
    statistics = _statistics(part)
    gap = np.abs(statistics.beta - statistics.xi - statistics.epsilon)
    require((gap <= 1e-9 * statistics.beta).all(), "beta differs from xi + epsilon")


@check("channel")
def drops_do_not_depend_on_each_other(part: Channel) -> None:
    """A drop is the same whichever others are drawn beside it."""
    generators = drop_generators(0, range(3))
    together = _statistics(part).beta
    if len(together) == 1:
        return
    alone = part.statistics([generators[1]]).beta
    require(np.array_equal(alone[0], together[1]), "a drop on its own differs from the same drop among others")
    require(not np.array_equal(together[0], together[1]), "drops with different generators are the same")


@check("channel")
def power_normalisation(part: Channel) -> None:
    """Channels, estimates and errors have the variances beta, xi and epsilon, within 5 standard errors."""
    channels, estimates, statistics = _draws(part, 1)
    for name, sample, variance in (
        ("channels", channels, statistics.beta),
        ("estimates", estimates, statistics.xi),
        ("estimation errors", channels - estimates, statistics.epsilon),
    ):
        # Means over the antennas first: those of a correlated channel say less than as many independent ones.
        power = (np.abs(sample) ** 2).mean(axis=-2)
        error = power.std(axis=0, ddof=1) / np.sqrt(len(power))
        off = np.abs(power.mean(axis=0) - variance) > DEVIATIONS * error + 1e-9 * statistics.beta
        require(
            not off.any(),
            f"the power of the {name} of user {np.argmax(off)} is {power.mean(axis=0)[np.argmax(off)]:.4g},"
            f" where the statistics say {variance[np.argmax(off)]:.4g}",
        )


@check("channel")
def errors_uncorrelated_with_estimates(part: Channel) -> None:
    """The error of an estimate is uncorrelated with the estimate, as that of an MMSE estimate is."""
    channels, estimates, statistics = _draws(part, 2)
    product = (estimates.conj() * (channels - estimates)).mean(axis=-2)
    error = np.sqrt((np.abs(product) ** 2).mean(axis=0) / len(product))
    off = np.abs(product.mean(axis=0)) > DEVIATIONS * error + 1e-9 * statistics.beta
    require(not off.any(), f"estimate and error of user {np.argmax(off)} are correlated")


@check("channel")
def independence_over_seeds(part: Channel) -> None:
    """Draws from different generators are different and uncorrelated, those from equal ones the same."""
    first, _, _ = _draws(part, 3)
    second, _, _ = _draws(part, 4)
    require(np.array_equal(first, _draws(part, 3)[0]), "equal generators give different draws")
    require(not np.array_equal(first, second), "different generators give the same draws")
    product = (first.conj() * second).mean(axis=-2)
    error = np.sqrt((np.abs(product) ** 2).mean(axis=0) / len(product))
    require(
        (np.abs(product.mean(axis=0)) <= DEVIATIONS * error).all(),
        "draws from different generators are correlated",
    )


@check("channel")
def collinear_estimates_are_declared(part: Channel) -> None:
    """Estimates of two users are collinear exactly where the statistics say so."""
    _, estimates, statistics = _draws(part, 5)
    users = statistics.users
    if users == 1:
        raise CheckSkipped("it has a single user")
    gram = np.abs(np.swapaxes(estimates.conj(), -1, -2) @ estimates).mean(axis=0)
    cosine = gram / np.sqrt(np.outer(np.diagonal(gram), np.diagonal(gram)))
    found = (cosine > 1 - 1e-6) & ~np.eye(users, dtype=np.bool_)
    claimed = np.zeros((users, users), np.bool_) if statistics.collinear is None else statistics.collinear
    require(
        np.array_equal(found, claimed), "the collinear pairs of users differ from those that the statistics name"
    )


@check("channel")
def gaussian_claim_against_sampled_moments(part: Channel) -> None:
    """Where draws are said to be Gaussian, maximum-ratio transmission has the moments that follow from it."""
    statistics = samples.channel_statistics(part, accuracy=0.01)
    if not statistics.gaussian:
        raise CheckSkipped("it does not say that its draws are Gaussian, so that moments are sampled")
    mrt = cast(Precoder, samples.built_in("precoder", "mrt"))
    claimed = mrt.link_statistics(MANY_ELEMENTS, statistics)
    off = departure(claimed, sampled_link_statistics(mrt, MANY_ELEMENTS, statistics))
    require(
        not off,
        "the statistics say gaussian, but with maximum-ratio transmission"
        f" {off} standard errors from what follows",
    )


@check("channel")
def batch_of_drops(part: Channel) -> None:
    """Draws for several drops at once have the variances of each."""
    statistics = _statistics(part)
    single = attrs.evolve(
        statistics, beta=statistics.beta[:1], xi=statistics.xi[:1], epsilon=statistics.epsilon[:1]
    )
    for one in (statistics, single):
        channels, _ = part.draw(one, ELEMENTS, DRAWS, np.random.default_rng(6))
        power = (np.abs(channels) ** 2).mean(axis=-2)
        error = power.std(axis=0, ddof=1) / np.sqrt(len(power))
        require(
            (np.abs(power.mean(axis=0) - one.beta) <= DEVIATIONS * error + 1e-9 * one.beta).all(),
            "the power of draws for a batch of drops is not that of each drop",
        )
