"""Sampled moments: against the closed forms, to the accuracy they state, and the same bits for the same drop."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tracemalloc
from functools import cache
from typing import ClassVar, final
from unittest.mock import patch

import attrs
import numpy as np
import pytest
from channels import LineOfSight, scene, with_fading

import isacfw
from isacfw import (
    ChannelStatistics,
    ComplexArray,
    Direction,
    IncompatibleError,
    InputError,
    LinkStatistics,
    PluginError,
    Precoder,
    Scene,
)
from isacfw.config.structure import structure
from isacfw.signal import moments
from isacfw.signal.channel import complex_normal
from isacfw.signal.statistics import FadingSource
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.rzf import RZF
from isacfw_plugins.precoders.zf import ZF

ANTENNAS = 10
FIELDS = ("signal_gain", "interference_gain", "weight_power", "coupling")


@final
@attrs.frozen(kw_only=True)
class Stripped(Precoder):
    """A precoder of which nothing is known but its weights."""

    name: ClassVar[str] = "stripped"
    of: Precoder

    def weights(self, estimates: ComplexArray) -> ComplexArray:
        return self.of.weights(estimates)


def watched(function=lambda estimates: estimates, label=None, keep=np.copy, turns=False):
    """Return a precoder of the given weights that keeps copies of the estimates it sees, or other, in `seen`."""
    seen = []

    def weights(self, estimates):
        seen.append(keep(estimates))
        return function(estimates)

    body = {
        "name": "watched",
        "__module__": __name__,
        "weights": weights,
        "seen": seen,
        "turns_with_channel": turns,
    }
    return attrs.frozen(kw_only=True)(type("Watched", (Precoder,), body))(label=label)


OWN = {"large_scale_fading": [0.5, 2.0, 0.1], "pilot_length": 5, "pilot_snr_db": 0.0}
SHARED = {"large_scale_fading": [0.5, 2.0, 0.9], "pilot_length": 2, "pilot_snr_db": 3.0}
CHANNELS = {
    "own pilots": Rayleigh(**OWN),
    "shared pilots": Rayleigh(**SHARED),
    "physical estimates": Rayleigh(**SHARED, estimates="physical"),
}
CASES = [(MRT(), "own pilots"), (MRT(), "shared pilots"), (MRT(), "physical estimates")]
CASES += [(ZF(), "own pilots"), (ZF(), "shared pilots")]


def sample(precoder, channel, antennas=ANTENNAS, **options):
    return Precoder.link_statistics(precoder, scene(with_fading(channel, antennas, **options), antennas))


def errors(found: LinkStatistics, claim: LinkStatistics):
    """Return the errors of the signal gain, the weight power and the interference in standard errors."""
    error = found.standard_error
    assert error is not None
    return (
        (found.signal_gain - claim.signal_gain) / error.signal_gain,
        (found.weight_power - claim.weight_power) / error.weight_power,
        (found.interference - claim.interference) / error.interference,
    )


def assert_same_bits(first: LinkStatistics, second: LinkStatistics):
    for one, two in ((first, second), (first.standard_error, second.standard_error)):
        for field in FIELDS:
            np.testing.assert_array_equal(getattr(one, field), getattr(two, field))


by_case = pytest.mark.parametrize(
    ("precoder", "name"), [pytest.param(*case, id=f"{case[0].name}-{case[1]}") for case in CASES]
)


@by_case
def test_a_precoder_without_closed_forms_agrees_with_them(precoder, name):
    found = sample(Stripped(of=precoder), CHANNELS[name], seed=3)
    claim = precoder.link_statistics(scene(with_fading(CHANNELS[name])))
    for error in errors(found, claim):
        assert error.shape[0] == 1
        assert (np.abs(error) <= 4).all(), error
    # An error of a few per cent in any of them could not pass.
    assert (found.standard_error.signal_gain <= 0.02 * claim.signal_gain).all()
    assert (found.standard_error.weight_power <= 0.02 * claim.weight_power).all()
    assert (found.standard_error.interference <= 0.05 * claim.interference).all()
    assert found.standard_error.standard_error is None


SEEDS = 60


@cache
def standardised(position):
    """Return the standardised errors of many samples, each of a seed of its own: three arrays (SEEDS, ...)."""
    precoder, name = CASES[position]
    claim = precoder.link_statistics(scene(with_fading(CHANNELS[name])))
    with patch.object(moments, "BYTES_AT_ONCE", 2**20):  # No more draws than the accuracy asks for, to save time.
        found = [sample(Stripped(of=precoder), CHANNELS[name], accuracy=0.1, seed=seed) for seed in range(SEEDS)]
    return tuple(np.array(of)[:, 0] for of in zip(*(errors(one, claim) for one in found), strict=True))


def mean_square(of):
    """Return the mean over seeds of the mean square over entries, and its own standard error."""
    squares = (of**2).reshape(SEEDS, -1).mean(axis=-1)
    return squares.mean(), squares.std(ddof=1) / np.sqrt(SEEDS)


@pytest.mark.parametrize("position", range(len(CASES)), ids=[f"{p.name}-{name}" for p, name in CASES])
def test_standard_errors_are_as_large_as_the_errors(position):
    gain, power, interference = map(mean_square, standardised(position))
    for mean, error in (power, interference):
        # Within three of its own standard errors: 99.7 % for a right one; one that is off by 1.5 cannot pass.
        assert abs(mean - 1) <= 3 * error
        assert error <= 0.25
    # An upper bound: only the spread in phase with the mean counts, and that of zero forcing is rounding.
    assert gain[0] <= 1 + 3 * gain[1]
    assert CASES[position][0].name == "zf" or gain[0] >= 0.5 - 3 * gain[1]


@by_case
def test_draws_that_are_so_large_that_they_come_one_by_one_give_the_same_moments(precoder, name, monkeypatch):
    monkeypatch.setattr(moments, "BYTES_AT_ONCE", 1)
    found = sample(Stripped(of=precoder), CHANNELS[name], seed=4, accuracy=0.05)
    claim = precoder.link_statistics(scene(with_fading(CHANNELS[name])))
    for error in errors(found, claim):
        assert (np.abs(error) <= 4).all(), error


@pytest.mark.parametrize("precoder", [Stripped(of=MRT()), Stripped(of=ZF()), RZF()], ids=["mrt", "zf", "rzf"])
def test_the_stated_accuracy_is_reached_and_a_looser_one_takes_fewer_draws(precoder):
    draws = []
    for accuracy in (0.05, 0.01):
        keeper = watched(precoder.weights)
        found = sample(keeper, CHANNELS["own pilots"], accuracy=accuracy)
        draws.append(sum(map(len, keeper.seen)))
        error, power = found.standard_error, found.weight_power
        # The framework's own criterion, from its description.
        assert (error.signal_gain <= accuracy * found.signal_gain).all()
        assert (error.weight_power <= accuracy * power).all()
        spread, size = (np.linalg.norm(each.coupling / power[:, None], axis=-1) for each in (error, found))
        assert (spread <= accuracy * size).all()
    assert 1000 <= draws[0] < draws[1]


RANDOM = Rayleigh(users=3)
FIXED = Rayleigh(large_scale_fading=[0.5, 2.0, 0.1])


@pytest.fixture(scope="module")
def scenario(variant, host_with):
    """Return a function that gives a variation of the small scenario, its moments to five per cent."""
    host = host_with()

    def of(changes=None):
        return structure(variant({"sampling_accuracy": 0.05, "precoders": ["rzf"]} | (changes or {})), host)

    return of


@pytest.mark.parametrize("drops", [[0], [2], [3, 1], [1, 3], range(2, 4), [0, 1, 2, 3]], ids=str)
def test_a_drop_has_the_same_moments_whatever_is_beside_it(drops, scenario):
    one = scenario({"channel.users": 3, "drops": 4})
    reference = RZF().link_statistics(one.scene(one.statistics()))
    found = RZF().link_statistics(one.scene(one.statistics(drops)))
    expected = [{field: getattr(link, field)[list(drops)] for field in FIELDS} for link in both(reference)]
    assert_same_bits(found, LinkStatistics(**expected[0], standard_error=LinkStatistics(**expected[1])))
    # The drops differ, or all of this says nothing.
    assert len(np.unique(reference.weight_power)) == 12


@pytest.mark.parametrize("drops", [[0], [5], [3, 1], range(3)], ids=str)
def test_a_channel_that_is_the_same_in_all_drops_has_the_same_moments_in_all(drops, scenario):
    one = scenario({"channel": {"kind": "rayleigh", "large_scale_fading": [0.5, 2.0, 0.1]}, "drops": 4})
    reference = RZF().link_statistics(one.scene(one.statistics()))
    assert reference.weight_power.shape == (1, 3)
    assert_same_bits(RZF().link_statistics(one.scene(one.statistics(drops))), reference)


def both(link):
    return link, link.standard_error


def test_another_seed_gives_other_draws():
    links = [sample(RZF(), FIXED, accuracy=0.1, seed=seed) for seed in (0, 0, 1)]
    assert_same_bits(links[0], links[1])
    for field in ("signal_gain", "weight_power", "coupling"):
        assert (getattr(links[0], field) != getattr(links[2], field)).all()


def test_the_global_generator_is_untouched():
    np.random.seed(7)  # noqa: NPY002
    before = np.random.get_state()  # noqa: NPY002
    sample(RZF(), RANDOM, accuracy=0.1)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_all_precoders_see_the_same_draws():
    keepers = [watched(), watched(ZF().weights), watched(RZF().weights)]
    for keeper in keepers:
        sample(keeper, RANDOM, accuracy=0.02, drops=(0, 1))
    for keeper in keepers:
        # Each takes as many as it needs. The first drop's first are the same, and so are the second drop's.
        assert np.array_equal(keeper.seen[0], keepers[0].seen[0])
        assert not np.array_equal(keeper.seen[0], keeper.seen[-1])
    alone = [watched(of.weights) for of in (MRT(), ZF())]
    for keeper in alone:
        sample(keeper, Rayleigh(users=3, pilot_length=2, estimates="independent"), accuracy=0.008)
    draws = [np.concatenate(keeper.seen) for keeper in alone]
    least = min(map(len, draws))
    assert least > 2 * len(alone[0].seen[0])
    np.testing.assert_array_equal(draws[0][:least], draws[1][:least])


def test_estimates_are_not_to_be_written_to():
    def spoil(estimates):
        estimates *= 2
        return estimates

    with pytest.raises(PluginError, match=r"precoder watched of test_moments raised ValueError: .*read-only"):
        sample(watched(spoil), FIXED)


def two_lines(_):
    raise RuntimeError("two\nlines")


def without_one_user(estimates):
    return estimates * np.array([1, 0, 1])


BREAKDOWNS = {
    "of wrong shape": (
        lambda estimates: estimates[:, :-1],
        r"of shape \(\d+, 16, 3\), got \(\d+, 15, 3\)",
    ),
    "of one draw": (lambda estimates: estimates[0], r"weights of shape \(\d+, 16, 3\), got \(16, 3\)"),
    "NaN": (lambda estimates: estimates * np.nan, "finite weights"),
    "one NaN": (lambda estimates: np.where(np.arange(3) == 1, np.nan, estimates), "finite weights"),
    "infinite": (lambda estimates: np.full(estimates.shape, np.inf), "finite weights"),
    "zero for a user": (without_one_user, "give every user a weight"),
    "nothing": (lambda _: None, ""),
    "words": (lambda _: "weights", ""),
    "raised": (lambda _: [][1], "raised IndexError: list index out of range"),
    "raised in two lines": (two_lines, "raised RuntimeError: two lines"),
}


@pytest.mark.parametrize("case", BREAKDOWNS)
@pytest.mark.parametrize("label", [None, "mine"])
def test_weights_that_break_the_contract_are_one_line_that_names_whose(case, label, scenario):
    function, words = BREAKDOWNS[case]
    broken = watched(function, label)
    one = scenario()
    with pytest.raises(PluginError) as caught:
        one.link_statistics(broken, one.statistics())
    line = str(caught.value)
    assert line.startswith(f"precoder {label or 'watched'} of {broken.provider()} "), line
    assert re.search(words, line), line
    assert "\n" not in line


@pytest.mark.parametrize("accuracy", [0.05, 0.02])
def test_moments_that_do_not_exist_are_a_reason_and_not_numbers(accuracy):
    # E||w||^2 is infinite for as many antennas as users, and finite for one more.
    words = (
        rf"moments of stripped .*, short of the {100 * accuracy:g} % required: the moments may not exist.*"
        "sampling_accuracy is too strict"
    )
    with pytest.raises(IncompatibleError, match=words):
        sample(Stripped(of=ZF()), FIXED, antennas=3, accuracy=accuracy)
    assert np.isfinite(sample(Stripped(of=ZF()), FIXED, antennas=5, accuracy=accuracy).weight_power).all()


def test_a_draw_beyond_memory_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr(Rayleigh, "draw", lambda *_: pytest.fail("channels were drawn"))
    with pytest.raises(IncompatibleError, match=r"rzf are .* 100000 antennas and 1000 users takes 3\.0 GiB"):
        sample(RZF(), Rayleigh(users=1000), antennas=100_000)


def test_statistics_without_fading_are_refused():
    bare = ChannelStatistics(beta=np.ones((1, 2)), xi=np.ones((1, 2)), epsilon=np.zeros((1, 2)), prelog=1.0)
    with pytest.raises(InputError, match=r"channel must come from `Scenario\.statistics`"):
        RZF().link_statistics(scene(bare, 4))


def test_memory_does_not_grow_with_the_accuracy():
    channel = Rayleigh(large_scale_fading=[1.0] * 8, pilot_snr_db=-5.0)
    counts, peaks = [], []
    for accuracy in (0.03, 0.008):
        counter = watched(keep=len)
        tracemalloc.start()
        try:
            sample(counter, channel, antennas=64, accuracy=accuracy)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        counts.append(sum(counter.seen))
    assert max(peaks) < 16 * 2**20
    assert peaks[1] < 1.1 * peaks[0]
    # What all draws take at once, or all of this says nothing.
    assert counts[1] > 4 * counts[0]
    assert 2 * 16 * 64 * 8 * counts[1] > 64 * 2**20


@pytest.mark.parametrize("precoder", [MRT(), ZF()], ids=["mrt", "zf"])
def test_moments_are_sampled_where_a_channel_does_not_say_that_it_is_isotropic(precoder):
    given = with_fading(LineOfSight(), accuracy=0.02)
    found = precoder.link_statistics(scene(given))
    assert_same_bits(found, Precoder.link_statistics(Stripped(of=precoder), scene(given)))
    # The closed form is far off, or all of this says nothing.
    claim = precoder.link_statistics(scene(attrs.evolve(given, isotropic=True)))
    assert claim.standard_error is None
    assert max(np.abs(error).max() for error in errors(found, claim)) > 20


def test_the_rates_over_a_line_of_sight_are_those_of_sampled_moments(scenario):
    one = attrs.evolve(scenario({"drops": 1, "sampling_accuracy": 0.02}), channel=LineOfSight())
    found = isacfw.compare(one, precoders=[MRT(), watched()], allocators=["ipopt"])
    rate, expected = (row["sum_rate"] for row in found.records())
    assert rate == expected > 0


def test_zero_forcing_says_that_it_does_not_exist_whatever_the_fading():
    given = with_fading(LineOfSight())
    with pytest.raises(IncompatibleError, match="more transmit antennas than users"):
        ZF().link_statistics(scene(given, given.users))
    with pytest.raises(IncompatibleError, match="share a pilot"):
        ZF().link_statistics(scene(attrs.evolve(given, collinear=~np.eye(3, dtype=bool))))


@pytest.fixture
def compared(variant, host_with):
    """Return a function that compares parts of the tests in a variation of the small scenario."""

    def of(changes, precoders, channels=()):
        host = host_with(register_channels=lambda: list(channels))
        document = variant({"sampling_accuracy": 0.05, "allocators": ["equal_com", "equal_cs"]} | changes)
        return isacfw.compare(
            structure(document, host), precoders=precoders, execution=isacfw.Execution(host=host)
        )

    return of


@pytest.mark.parametrize(
    ("sweep", "times"),
    [
        ({}, 1),
        ({"snr_db": [0, 5, 10]}, 1),
        ({"sensing.crlb_limit_db": [-20, -30], "receive_array.vertical": [3, 4]}, 1),
        # What targets see of a precoder that does not turn with the channel depends on where they are.
        ({"target.azimuth_deg": [10, 20], "snr_db": [0, 5]}, (1, 2)),
        ({"channel.pilot_snr_db": [0.0, 10.0, 20.0]}, 3),
        ({"channel.pilot_snr_db": [0.0, 10.0], "snr_db": [0, 5]}, 2),
        ({"transmit_array.horizontal": [4, 3]}, 2),
        ({"seed": [1, 2]}, 2),
        ({"sampling_accuracy": [0.05, 0.04]}, 2),
    ],
    ids=str,
)
def test_moments_are_sampled_once_for_all_points_that_share_the_channel(sweep, times, compared):
    # One chunk holds all the draws of a drop here, so that a call of `weights` is a drop.
    calls = watched(label="one", turns=True), watched(RZF().weights, "two")
    changes = {"sampling_accuracy": 0.3, "drops": 2, "channel.users": 3} | ({"sweep": sweep} if sweep else {})
    if "sampling_accuracy" in sweep:
        changes["sweep"] = {"sampling_accuracy": [0.3, 0.31]}
    comparison = compared(changes, calls)
    assert not comparison.failed
    expected = times if isinstance(times, tuple) else (times, times)
    assert [len(precoder.seen) for precoder in calls] == [2 * number for number in expected]


def test_a_precoder_that_fails_is_not_tried_again_at_every_point_of_the_same_channel(compared):
    broken = watched(lambda _: 1 / 0)
    comparison = compared({"sweep": {"snr_db": [0, 5, 10]}}, [broken])
    assert comparison.failed
    assert len(broken.seen) == 1


def statistics_with(**changes):
    def statistics(self, drops, array):
        shape = (len(drops), 3)
        values = {"beta": np.ones(shape), "xi": np.full(shape, 0.6), "epsilon": np.full(shape, 0.4)}
        return ChannelStatistics(**({"prelog": 0.9, "isotropic": True} | values | changes))

    return statistics


def draw_with(change_channels=lambda h: h, change_estimates=lambda h: h):
    def draw(self, statistics, array, draws, generator):
        both = isacfw.complex_normal((2, draws, array.n_elements, statistics.users), generator)
        return change_channels(both[0].copy()), change_estimates(both[0].copy())

    return draw


def raising(*_arguments):
    raise RuntimeError("broken inside")


def channel_class(statistics=None, draw=None):
    body = {"name": "odd", "statistics": statistics or statistics_with(), "draw": draw or draw_with()}
    return attrs.frozen(kw_only=True)(type("Odd", (isacfw.Channel,), body | {"__module__": __name__}))


def covariances_with(change=lambda matrix: matrix, **changes):
    """Return statistics of two drops and three users of 16 antennas, one covariance of which is changed."""

    def statistics(self, drops, array):
        shape = (len(drops), 3)
        matrices = np.tile(np.eye(array.n_elements, dtype=complex), (*shape, 1, 1))
        matrices[1, 2] = change(matrices[1, 2].copy())
        values = {"beta": np.ones(shape), "xi": np.full(shape, 0.6), "epsilon": np.full(shape, 0.4)}
        values |= {"covariances": matrices, "pilots": np.arange(3), "pilot_energy": 5.0, "prelog": 0.9}
        return ChannelStatistics(**(values | changes))

    return statistics


def entry(row, column, value):
    def change(matrix):
        matrix[row, column] = value
        return matrix

    return change


SECOND_ORDER = {
    "a covariance that is not Hermitian": (
        covariances_with(entry(0, 1, 0.1)),
        "must return Hermitian covariances, got another for user 2 of drop 1",
    ),
    "a complex diagonal": (
        covariances_with(entry(3, 3, 1 + 0.2j)),
        "must return Hermitian covariances, got another for user 2 of drop 1",
    ),
    "a negative eigenvalue": (
        covariances_with(lambda matrix: matrix - 1.5 * np.ones((16, 16)) / 16),
        "must return positive semidefinite covariances, got another for user 2 of drop 1",
    ),
    "a covariance with NaN": (covariances_with(entry(0, 0, np.nan)), "must return finite covariances, got NaN"),
    "an infinite covariance": (covariances_with(entry(0, 0, np.inf)), "must return finite covariances, got NaN"),
    "covariances of other antennas": (
        covariances_with(covariances=np.tile(np.eye(15, dtype=complex), (2, 3, 1, 1))),
        "must return covariances of shape (2, 3, 16, 16), got (2, 3, 15, 15)",
    ),
    "covariances of other users": (
        covariances_with(covariances=np.tile(np.eye(16, dtype=complex), (2, 4, 1, 1))),
        "must return covariances of shape (2, 3, 16, 16), got (2, 4, 16, 16)",
    ),
    "one covariance": (
        covariances_with(covariances=np.eye(16, dtype=complex)),
        "must return covariances of shape (2, 3, 16, 16), got (16, 16)",
    ),
    "means of other antennas": (
        covariances_with(means=np.zeros((2, 3, 15))),
        "must return means of shape (2, 3, 16), got (2, 3, 15)",
    ),
    "means with NaN": (
        covariances_with(means=np.full((2, 3, 16), np.nan)),
        "must return finite means, got NaN or an infinite number",
    ),
    "positions in the plane": (
        covariances_with(positions=np.zeros((2, 3, 2))),
        "must return positions of shape (2, 3, 3), got (2, 3, 2)",
    ),
    "positions with NaN": (
        covariances_with(positions=np.full((2, 3, 3), np.nan)),
        "must return finite positions, got NaN or an infinite number",
    ),
    "pilots of other users": (
        covariances_with(pilots=np.arange(4)),
        "must return pilots of shape (3,), got (4,)",
    ),
    "extra of other drops": (
        covariances_with(extra={"paths": np.ones((3, 7))}),
        "must return extra['paths'] with first axis 2, got (3, 7)",
    ),
}


@pytest.mark.parametrize("case", SECOND_ORDER)
def test_means_and_covariances_that_break_the_contract_are_one_line_that_names_them(case, compared):
    statistics, words = SECOND_ORDER[case]
    with pytest.raises(PluginError) as caught:
        compared({"channel": {"kind": "odd"}}, ["mrt"], [channel_class(statistics)])
    assert str(caught.value).startswith(f"channel odd of {__name__.partition('.')[0]} {words}"), caught.value
    assert "\n" not in str(caught.value)


def test_good_means_and_covariances_pass(compared):
    # Of rank one and zero, too, and Hermitian up to rounding.
    ones = covariances_with(lambda matrix: np.ones((16, 16)) * (1 + 1e-12j) + 0 * matrix)
    nothing = covariances_with(lambda matrix: 0 * matrix, means=np.ones((2, 3, 16)))
    for statistics in (covariances_with(), ones, nothing):
        found = compared({"channel": {"kind": "odd"}}, ["mrt"], [channel_class(statistics)])
        assert {row["status"] for row in found.records()} <= {"feasible", "infeasible"}
        assert all(np.isfinite(row["sum_rate"]) for row in found.records())


STATISTICS = {
    "no statistics": (lambda *_: None, "must return ChannelStatistics, got None"),
    "a vector": (statistics_with(beta=np.ones(3)), "beta of shape"),
    "three drops": (statistics_with(beta=np.ones((3, 3))), "beta of shape"),
    "no users": (statistics_with(beta=np.ones((2, 0))), "beta of shape"),
    "another shape of xi": (statistics_with(xi=np.ones((2, 4))), "xi of the same shape as beta"),
    "NaN": (statistics_with(epsilon=np.full((2, 3), np.nan)), "epsilon with finite, nonnegative entries"),
    "a negative variance": (statistics_with(xi=np.full((2, 3), -1.0)), "xi with finite, nonnegative entries"),
    "a prelog above 1": (statistics_with(prelog=1.5), "prelog within"),
    "a prelog of NaN": (statistics_with(prelog=float("nan")), "prelog within"),
    "a word for isotropic": (
        statistics_with(isotropic="no"),
        "must return isotropic as True or False, got 'no'",
    ),
    "words": (statistics_with(beta="much"), ""),
    "a prelog of words": (statistics_with(prelog="much"), ""),
    "an error": (raising, "raised RuntimeError: broken inside"),
}


@pytest.mark.parametrize("case", STATISTICS)
def test_statistics_that_break_the_contract_are_one_line_that_names_the_channel(case, compared):
    statistics, words = STATISTICS[case]
    with pytest.raises(PluginError) as caught:
        compared({"channel": {"kind": "odd"}}, ["mrt"], [channel_class(statistics)])
    assert str(caught.value).startswith(f"channel odd of {__name__.partition('.')[0]} "), caught.value
    assert words in str(caught.value)


DRAWS = {
    "channels of wrong shape": (draw_with(lambda h: h[:, :-1]), "must draw channels of shape"),
    "estimates of wrong shape": (
        draw_with(change_estimates=lambda h: h[..., :2]),
        "must draw estimates of shape",
    ),
    "no channels": (draw_with(lambda _: None), "must draw channels of shape"),
    "NaN channels": (draw_with(lambda h: h * np.nan), ""),
    "NaN estimates": (draw_with(change_estimates=lambda h: h * np.nan), ""),
    "one array": (lambda *_: np.ones(3), ""),
    "nothing": (lambda *_: None, ""),
    "an error": (raising, "raised RuntimeError: broken inside"),
}


@pytest.mark.parametrize("case", DRAWS)
def test_draws_that_break_the_contract_cost_the_sampled_rows_and_name_the_channel(case, compared):
    draw, words = DRAWS[case]
    comparison = compared({"channel": {"kind": "odd"}}, ["mrt", "rzf"], [channel_class(draw=draw)])
    for row in comparison.records():
        if row["precoder"] == "mrt":
            assert row["status"] in ("feasible", "infeasible")
        else:
            assert row["status"] == "failed"
            assert row["message"].startswith(f"channel odd of {__name__.partition('.')[0]} "), row["message"]
            assert words in row["message"]


FORMS = """
import numpy as np
from isacfw.signal.form_sums import FormSums
generator = np.random.default_rng(0)
basis, weights = (generator.standard_normal((*size, 2)) @ [1, 1j] for size in ((64, 6), (900, 64, 5)))
sums = FormSums(5, basis)
sums.add(weights)
print(sums.total.tobytes().hex())
"""


def test_what_targets_see_has_the_same_bits_whatever_the_number_of_threads_of_blas():
    """Workers have one thread each, a single process as many as there are cores."""
    found = {
        subprocess.run(
            [sys.executable, "-c", FORMS],
            env=os.environ | {"OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(found) == 1


@attrs.frozen(kw_only=True)
class Paths(isacfw.Channel):
    """Plane waves of random phase with linear MMSE estimates, which are no conditional means."""

    name = "paths"
    pilot_energy: float = 0.3

    def covariances(self, array):
        azimuth = np.random.default_rng(5).uniform(-60, 60, (2, 6))
        waves = [
            [array.steering_vector(Direction(azimuth_deg=one, elevation_deg=80.0)) for one in own]
            for own in azimuth
        ]
        waves = np.sqrt([[0.5, 0.2, 0.1, 0.1, 0.05, 0.05]])[..., None] * np.array(waves)
        return waves, np.einsum("kln,klm->knm", waves, waves.conj())

    def statistics(self, drops, array):
        _, covariances = self.covariances(array)
        kept = (
            self.pilot_energy
            * covariances
            @ np.linalg.inv(self.pilot_energy * covariances + np.eye(array.n_elements))
        )
        xi = np.einsum("knm,kmn->k", kept, covariances).real[None] / array.n_elements
        return ChannelStatistics(
            beta=np.ones((1, 2)), xi=xi, epsilon=1 - xi, prelog=1.0, extra={"filters": kept[None]}
        )

    def draw(self, statistics, array, draws, generator):
        waves, _ = self.covariances(array)
        phases = np.exp(2j * np.pi * generator.random((draws, *waves.shape[:2])))
        channels = np.einsum("mkl,kln->mkn", phases, waves)
        noise = complex_normal(channels.shape, generator) / np.sqrt(self.pilot_energy)
        estimates = np.einsum("knj,mkj->mkn", statistics.extra["filters"], channels + noise)
        return np.swapaxes(channels, -1, -2), np.swapaxes(estimates, -1, -2)


@pytest.mark.parametrize("precoder", [RZF(regularization=0.1), RZF()], ids=["little", "much"])
def test_signal_gain_is_that_of_the_channels_where_estimates_are_no_conditional_means(precoder):
    array = UPA(horizontal=3, vertical=3)
    statistics = attrs.evolve(
        Paths().statistics([], array),
        fading=FadingSource(channel=Paths(), seed=3, drops=(0,), accuracy=0.02),
    )
    given = Scene(
        array=array,
        statistics=statistics,
        targets=(Direction(azimuth_deg=0.0, elevation_deg=90.0),),
        beams=(),
        power=1.0,
    )
    found = precoder.link_statistics(given)
    channels, estimates = Paths().draw(statistics.of_drop(0), array, 100_000, np.random.default_rng(4))
    own = np.einsum("mnk,mnk->mk", channels.conj(), precoder.weights(estimates))
    mean, error = own.mean(axis=0), own.std(axis=0) / np.sqrt(len(own))
    distance = np.abs(np.sqrt(found.signal_gain[0]) - np.abs(mean))
    spread = found.standard_error.signal_gain[0] / (2 * np.sqrt(found.signal_gain[0]))
    assert (distance <= 4 * (error + spread)).all()
    # The means of the estimates' own signals are others by far.
    known = np.einsum("mnk,mnk->mk", estimates.conj(), precoder.weights(estimates)).mean(axis=0)
    assert (np.abs(known - mean) > 6 * error).any()
