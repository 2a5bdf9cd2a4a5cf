"""Closed forms of the precoders against sampled moments of their weights.

Seeds are fixed, so the outcome is too. A right closed form lies within four standard errors of its sample mean
but for a chance of 6e-5 per number; there are about a hundred numbers.
"""

from __future__ import annotations

from functools import cache

import attrs
import numpy as np
import pytest
from channels import scene

from isacfw import (
    Channel,
    ChannelStatistics,
    ComplexArray,
    FloatArray,
    IncompatibleError,
    LinkStatistics,
    Precoder,
)
from isacfw.signal.channel import complex_normal
from isacfw.signal.statistics import drops_of
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.zf import ZF

DRAWS, ANTENNAS = 240_000, 10
ARRAY = ULA(elements=ANTENNAS)
DETECTABLE = 0.03

CHANNELS: dict[str, Channel] = {
    "own pilots": Rayleigh(large_scale_fading=[0.5, 2.0, 0.1], pilot_length=5, pilot_snr_db=0.0),
    "shared pilots": Rayleigh(large_scale_fading=[0.5, 2.0, 0.9], pilot_length=2, pilot_snr_db=3.0),
    "physical estimates": Rayleigh(
        large_scale_fading=[0.5, 2.0, 0.9], pilot_length=2, pilot_snr_db=3.0, estimates="physical"
    ),
}
CASES = [
    pytest.param(MRT(), "own pilots", id="mrt-own pilots"),
    pytest.param(MRT(), "shared pilots", id="mrt-shared pilots", marks=pytest.mark.slow),
    pytest.param(MRT(), "physical estimates", id="mrt-physical estimates"),
    pytest.param(ZF(), "own pilots", id="zf-own pilots", marks=pytest.mark.slow),
    pytest.param(ZF(), "shared pilots", id="zf-shared pilots"),
]


@attrs.frozen
class Moment:
    """Sample means with their standard errors."""

    mean: FloatArray
    error: FloatArray


def moment(samples: FloatArray) -> Moment:
    return Moment(samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(len(samples)))


@attrs.frozen
class Sampled:
    """Moments of the use-and-then-forget bound: E{h_k^H w_k}, the spread of h_k^H w_j, E||w_k||^2."""

    amplitude: Moment
    quadrature: Moment
    spread: Moment
    power: Moment


@cache
def sampled(precoder: Precoder, name: str) -> Sampled:
    channel = CHANNELS[name]
    generator = np.random.default_rng(131)
    products, powers = [], []
    for _ in range(12):
        channels, estimates = channel.draw(statistics(name), ARRAY, DRAWS // 12, generator)
        weights = precoder.weights(estimates)
        products.append(np.einsum("mnk,mnj->mkj", channels[:, 0].conj(), weights[:, 0]))
        powers.append((np.abs(weights[:, 0]) ** 2).sum(axis=-2))
    product = np.concatenate(products)
    own = np.einsum("mkk->mk", product)
    # What user k knows of its own signal is the mean; the rest of h_k^H w_k disturbs it.
    centre = np.diag(own.mean(axis=0))
    return Sampled(
        amplitude=moment(own.real),
        quadrature=moment(own.imag),
        spread=moment(np.abs(product - centre) ** 2),
        power=moment(np.concatenate(powers)),
    )


@cache
def statistics(name: str) -> ChannelStatistics:
    return CHANNELS[name].statistics(drops_of(0, [0]), ARRAY)


def closed_form(precoder: Precoder, name: str) -> LinkStatistics:
    return precoder.link_statistics(scene(statistics(name), ARRAY))


def assert_within_errors(claim: FloatArray, found: Moment, detectable: float = DETECTABLE) -> None:
    # Where 8 standard errors are less than what must be detected, no claim that is off by it can pass.
    assert (8 * found.error <= detectable * np.abs(claim)).all(), "the sample is too small to say anything"
    assert (np.abs(claim - found.mean) <= 4 * found.error).all(), (claim, found)


@pytest.mark.parametrize(("precoder", "name"), CASES)
def test_signal_gain_is_the_squared_mean(precoder: Precoder, name: str) -> None:
    link, found = closed_form(precoder, name), sampled(precoder, name)
    # A gain that is off by 3 % has an amplitude that is off by half of that.
    assert_within_errors(np.sqrt(link.signal_gain[0]), found.amplitude, DETECTABLE / 2)
    assert (np.abs(found.quadrature.mean) <= 4 * found.quadrature.error).all()


@pytest.mark.parametrize(("precoder", "name"), CASES)
def test_weight_power(precoder: Precoder, name: str) -> None:
    assert_within_errors(ANTENNAS * closed_form(precoder, name).weight_power[0], sampled(precoder, name).power)


@pytest.mark.parametrize(("precoder", "name"), CASES)
def test_interference_of_every_pair(precoder: Precoder, name: str) -> None:
    link = closed_form(precoder, name)
    zeta = np.outer(link.interference_gain[0], link.weight_power[0])
    if link.coupling is not None:
        zeta = zeta + link.coupling[0]
    assert_within_errors(ANTENNAS * zeta, sampled(precoder, name).spread)


def test_only_physical_estimates_of_shared_pilots_couple() -> None:
    assert closed_form(MRT(), "own pilots").coupling is None
    assert closed_form(MRT(), "shared pilots").coupling is None
    coupling = closed_form(MRT(), "physical estimates").coupling
    assert coupling is not None
    # Users 0 and 2 have the first pilot of two, user 1 the second for itself.
    np.testing.assert_array_equal(coupling[0] > 0, [[False, False, True], [False] * 3, [True, False, False]])


def estimates(shape: tuple[int, ...]) -> ComplexArray:
    return complex_normal(shape, np.random.default_rng(132))


def test_maximum_ratio_weights_are_the_estimates() -> None:
    given = estimates((2, 3, 6, 4))
    np.testing.assert_array_equal(MRT().weights(given), given)


def test_zero_forcing_weights_null_the_other_estimates() -> None:
    given = estimates((5, 2, 6, 4))
    weights = ZF().weights(given)
    assert weights.shape == given.shape
    products = given.conj().swapaxes(-1, -2) @ weights
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(4), products.shape), atol=1e-12)
    # Of all such weights they are the shortest: they lie in the span of the estimates.
    for estimate, weight in zip(given.reshape(-1, 6, 4), weights.reshape(-1, 6, 4), strict=True):
        assert np.linalg.matrix_rank(np.hstack([estimate, weight])) == 4


@pytest.mark.parametrize(("antennas", "users"), [(3, 3), (2, 3), (1, 1)])
def test_zero_forcing_needs_more_antennas_than_users(antennas: int, users: int) -> None:
    channel = Rayleigh(large_scale_fading=[0.5] * users)
    given = channel.statistics(drops_of(0, [0]), ULA(elements=antennas))
    with pytest.raises(IncompatibleError, match="more transmit antennas than users"):
        ZF().link_statistics(scene(given, antennas))
    assert np.isfinite(ZF().link_statistics(scene(given, users + 1)).weight_power).all()


def test_zero_forcing_does_not_exist_for_collinear_estimates() -> None:
    with pytest.raises(IncompatibleError, match="pilot"):
        closed_form(ZF(), "physical estimates")
    own = Rayleigh(large_scale_fading=[0.5, 0.2], pilot_length=2, estimates="physical")
    assert ZF().link_statistics(scene(own.statistics(drops_of(0, [0]), ARRAY))).coupling is None


@pytest.mark.parametrize("precoder", [MRT(), ZF()], ids=["mrt", "zf"])
def test_closed_forms_of_a_batch_equal_those_of_its_drops(precoder: Precoder) -> None:
    channel = Rayleigh(users=4, pilot_length=3)
    together = precoder.link_statistics(scene(channel.statistics(drops_of(1, range(3)), ARRAY)))
    for drop in range(3):
        alone = precoder.link_statistics(scene(channel.statistics(drops_of(1, [drop]), ARRAY)))
        for key in ("signal_gain", "interference_gain", "weight_power"):
            np.testing.assert_array_equal(getattr(together, key)[drop], getattr(alone, key)[0])
