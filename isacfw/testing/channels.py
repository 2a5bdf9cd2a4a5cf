"""Checks of channels. Seeds are fixed, so outcomes are reproducible."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import attrs
import numpy as np

from ..base.errors import IncompatibleError
from ..base.numbers import ComplexArray
from ..sensing.beam import Beam, Steered
from ..signal.channel import Channel
from ..signal.precoder import Precoder, sampled_in_full
from ..signal.scene import Scene
from ..signal.statistics import ChannelStatistics, FadingSource, drops_of
from . import agreement, problems
from .checks import CheckSkipped, check, require
from .draws import draw, draw_one_drop, statistics_of, transmit_array, without_means
from .precoders import departure
from .runs import SAMPLE_ACCURACY, Numbers, SampleRun, sample_run
from .sampling import DEVIATIONS, require_covariance, require_mean
from .scenes import scenes

MANY_DRAWS = 4000

_FIELDS = ("beta", "xi", "epsilon", "positions", "means", "covariances")


@check("channel")
def channel_shapes(part: Channel) -> None:
    """Statistics have shape (D, K) or (1, K), draws (M, ..., N, K) for statistics with and without batch axes."""
    array = transmit_array(2, 2)
    for drops in (2, 3):
        statistics = statistics_of(part, range(drops), array)
        for one in (statistics, statistics.of_drop(0)):
            shape = (5, *one.beta.shape[:-1], 4, statistics.users)
            for name, value in zip(
                ("channels", "estimates"), part.draw(one, array, 5, np.random.default_rng(0)), strict=True
            ):
                require(
                    np.shape(value) == shape, f"draw must give {name} of shape {shape}, got {np.shape(value)}"
                )


@check("channel")
def variances_add_up(part: Channel) -> None:
    """Estimate and error share the variance of the channel: beta = xi + epsilon."""
    statistics = statistics_of(part)
    gap = np.abs(statistics.beta - statistics.xi - statistics.epsilon)
    require((gap <= 1e-9 * statistics.beta).all(), "beta differs from xi + epsilon")


@check("channel")
def drops_do_not_depend_on_each_other(part: Channel) -> None:
    """A drop does not depend on the other requested drops, or on their order."""
    together = _per_drop(statistics_of(part))
    same = len(together["beta"]) == 1
    for drops in ((1,), (2, 1), (0, 1, 7)):
        found = _per_drop(statistics_of(part, drops))
        place = 0 if len(found["beta"]) == 1 else drops.index(1)
        for name, value in together.items():
            require(
                name in found and np.array_equal(value[0 if same else 1], found[name][place]),
                f"{name} of a drop depends on the other drops that are asked for",
            )
    require(
        same or not all(np.array_equal(value[0], value[1]) for value in together.values()),
        "drops with different generators are the same",
    )


def _per_drop(statistics: ChannelStatistics) -> dict[str, Any]:
    values = {name: getattr(statistics, name) for name in _FIELDS if getattr(statistics, name) is not None}
    return values | {f"extra[{name!r}]": value for name, value in statistics.extra.items()}


@check("channel")
def power_normalisation(part: Channel) -> None:
    """Channels, estimates and errors have the variances beta, xi and epsilon, within 5 standard errors."""
    channels, estimates, statistics = draw_one_drop(part, 1)
    for name, sample, variance in (
        ("channels", channels, statistics.beta),
        ("estimates", estimates, statistics.xi),
        ("estimation errors", channels - estimates, statistics.epsilon),
    ):
        # Average over antennas first: correlated antennas carry less information than independent ones.
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
    """The error of an estimate is uncorrelated with the estimate, as for MMSE estimates."""
    channels, estimates, statistics = draw_one_drop(part, 2)
    product = (estimates.conj() * (channels - estimates)).mean(axis=-2)
    error = np.sqrt((np.abs(product) ** 2).mean(axis=0) / len(product))
    off = np.abs(product.mean(axis=0)) > DEVIATIONS * error + 1e-9 * statistics.beta
    require(not off.any(), f"estimate and error of user {np.argmax(off)} are correlated")


@check("channel")
def independence_over_seeds(part: Channel) -> None:
    """Draws from different generators are different and uncorrelated, those from equal ones identical."""
    first, _, statistics = draw_one_drop(part, 3)
    second, _, _ = draw_one_drop(part, 4)
    require(np.array_equal(first, draw_one_drop(part, 3)[0]), "equal generators give different draws")
    require(not np.array_equal(first, second), "different generators give the same draws")
    product = (without_means(first, statistics).conj() * without_means(second, statistics)).mean(axis=-2)
    error = np.sqrt((np.abs(product) ** 2).mean(axis=0) / len(product))
    require(
        (np.abs(product.mean(axis=0)) <= DEVIATIONS * error).all(),
        "draws from different generators are correlated",
    )


@check("channel")
def collinear_estimates_are_declared(part: Channel) -> None:
    """Estimates of two users are collinear if and only if the statistics declare them collinear."""
    _, estimates, statistics = draw_one_drop(part, 5)
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
def means_and_covariances_against_draws(part: Channel) -> None:
    """Draws have the means and covariances of the statistics, and estimates the resulting ones."""
    channels, estimates, statistics = draw_one_drop(part, 7, MANY_DRAWS)
    if statistics.means is None and statistics.covariances is None:
        raise CheckSkipped("its statistics have neither means nor covariances")
    means = np.zeros((statistics.users, channels.shape[-2])) if statistics.means is None else statistics.means
    for user in range(statistics.users):
        drawn, known = channels[..., user], estimates[..., user]
        for name, sample in (("channels", drawn), ("estimates", known)):
            require_mean(sample, means[user], f"the mean of the {name} of user {user}")
        if statistics.covariances is None:
            continue
        require_covariance(drawn - means[user], statistics.covariances[user], f"the covariance of user {user}")
        if statistics.correlated:
            expected = statistics.second_order.estimate_covariances[user]
            require_covariance(known - means[user], expected, f"the covariance of the estimates of user {user}")
    if statistics.correlated:
        _require_coherent_means(channels, estimates, statistics)


def _require_coherent_means(
    channels: ComplexArray, estimates: ComplexArray, statistics: ChannelStatistics
) -> None:
    """Check the means of each user's channel on the estimates of others, which reveal shared pilots."""
    received = np.swapaxes(channels.conj(), -1, -2) @ estimates
    for k, j in np.ndindex(received.shape[1:]):
        expected = statistics.second_order.coherent_means[k, j]
        require_mean(received[:, k, j, None], expected, f"the mean of user {k}'s channel on user {j}'s estimate")


@check("channel")
def variances_against_covariances(part: Channel) -> None:
    """The powers per antenna beta, xi and epsilon agree with means and covariances."""
    statistics = statistics_of(part)
    if statistics.covariances is None:
        raise CheckSkipped("its statistics have no covariances")
    size = statistics.covariances.shape[-1]
    beta = np.einsum("dknn->dk", statistics.covariances).real / size
    if statistics.means is not None:
        beta = beta + (np.abs(statistics.means) ** 2).mean(axis=-1)
    require((np.abs(statistics.beta - beta) <= 1e-9 * beta).all(), "beta differs from what the covariances say")
    if statistics.correlated:
        errors = [
            np.einsum("knn->k", statistics.of_drop(drop).second_order.error_covariances).real / size
            for drop in range(len(beta))
        ]
        require(
            (np.abs(statistics.epsilon - errors) <= 1e-9 * beta).all(),
            "epsilon differs from what the covariances say",
        )


@check("channel")
def isotropic_claim_against_sampled_moments(part: Channel) -> None:
    """If fading is declared isotropic, precoders and beams have the corresponding moments."""
    array = transmit_array(8, 8)
    statistics = statistics_of(part, (0, 1), array)
    if not statistics.isotropic:
        raise CheckSkipped("it does not say that its fading is isotropic, so moments are sampled")
    fading = FadingSource(channel=part, seed=0, drops=(0,), accuracy=0.015)
    scene = Scene(
        array=array,
        statistics=attrs.evolve(statistics.first(1), fading=fading),
        targets=problems.DIRECTIONS,
        beams=problems.DIRECTIONS,
        power=1.0,
    )
    mrt, beam = cast(Precoder, problems.built_in("precoder", "mrt")), Steered()
    off = departure(mrt.link_statistics(scene), sampled_in_full(mrt, scene), scene)
    require(
        not off,
        "the statistics say isotropic, but with maximum-ratio transmission"
        f" {off} standard errors from what follows",
    )
    claimed, found = beam.beam_statistics(scene), Beam.beam_statistics(beam, scene)
    assert found.standard_error is not None
    distance = np.abs(claimed.stream_interference - found.stream_interference)
    error = found.standard_error.stream_interference
    require(
        (distance <= DEVIATIONS * error).all(),
        "the statistics say isotropic, but the interference of a steered beam is up to"
        f" {(distance / (error + 1e-300)).max():.3g} standard errors from what follows",
    )


@check("channel")
def model_agrees_with_simulation(part: Channel) -> None:
    """Rates and Fisher information of a problem agree with drawn signals, also for a target near a user."""
    compared = 0
    for title, scenario in scenes(problems.scenario(part, accuracy=agreement.ACCURACY)):
        for name in ("mrt", "zf"):
            try:
                model = agreement.Model.of(scenario, cast(Precoder, problems.built_in("precoder", name)))
            except IncompatibleError:
                continue
            found = agreement.disagreement(model)
            require(not found, f"of {name}{title} {found}")
            compared += 1
    require(compared, "no built-in precoder exists for it")


@check("channel")
def batch_of_drops(part: Channel) -> None:
    """Draws for several drops at once have the variances of each."""
    statistics = statistics_of(part)
    for one in (statistics, statistics.first(1)):
        channels, _ = draw(part, one, 6)
        power = (np.abs(channels) ** 2).mean(axis=-2)
        error = power.std(axis=0, ddof=1) / np.sqrt(len(power))
        require(
            (np.abs(power.mean(axis=0) - one.beta) <= DEVIATIONS * error + 1e-9 * one.beta).all(),
            "the power of draws for a batch of drops is not that of each drop",
        )


@check("channel")
def inputs_are_files(part: Channel) -> None:
    """The files that the channel names as its inputs exist."""
    found = part.inputs()
    require(isinstance(found, tuple), f"inputs must return a tuple of paths, got {type(found).__name__}")
    for path in found:
        require(isinstance(path, Path), f"inputs must return paths, got {path!r}")
        require(path.is_file(), f"inputs names a file that does not exist: {path}")


@sample_run("channel")
def _of_channel(part: Channel, seed: int) -> SampleRun:
    own = problems.scenario(part, accuracy=SAMPLE_ACCURACY, seed=seed)
    whole = own.statistics(range(3))

    def run(statistics: ChannelStatistics) -> Numbers:
        found = part.statistics(drops_of(seed, range(3)), own.transmit_array)
        channels, estimates = part.draw(statistics, own.transmit_array, 3, np.random.default_rng(seed))
        given = {name: getattr(found, name) for name in _FIELDS if getattr(found, name) is not None}
        return given | {"channels": channels, "estimates": estimates}

    return SampleRun(inputs={"statistics": whole.of_drop(0)}, direct=run)
