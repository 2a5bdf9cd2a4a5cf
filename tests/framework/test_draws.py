"""Drops drawn in bulk: the same bits in any company, their distributions, and independence of each other."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from numpy.random import Philox, SeedSequence
from scipy import special, stats

import isacfw
from isacfw import Drop, Drops, InputError
from isacfw.signal.normal_quantile import normal_quantiles
from isacfw.signal.stream import Stream
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels.correlated import Correlated
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.channels.rician import Rician
from isacfw_plugins.channels.tr38901 import TR38901

ARRAY = UPA(horizontal=3, vertical=2)
WIDE = 2**100 + 12345
"""A seed of more than 64 bits."""
CHANNELS = {
    "rayleigh": Rayleigh(users=7),
    "correlated": Correlated(users=3),
    "rician": Rician(users=3),
    "tr38901": TR38901(users=3, carrier_hz=3.5e9, scale_db=100.0),
}


def drops(*numbers, seed=1):
    return Drops(seed=seed, numbers=numbers)


def draws(given, size=(5, 3)):
    """Return the arrays of one call of each kind, and of a generator for each drop."""
    return (
        given.uniform(size),
        given.normal(size),
        given.integers(size, high=1000),
        np.array([drop.generator.random(3) for drop in given]),
    )


@pytest.mark.parametrize("seed", [0, 7, 2**64 + 7, WIDE])
@pytest.mark.parametrize("first", [0, 2**32 - 4, 2**40, 2**63 - 10])
def test_a_drop_has_the_same_bits_in_any_company(seed, first):
    numbers = range(first, first + 9)
    together = draws(Drops(seed=seed, numbers=numbers))
    assert [len(values) for values in together] == [9] * 4
    for places in ([3], [8, 0], [4, 5, 6], [2, 2], [7, 1, 0, 8, 3], list(range(9))[::-1], [0, 8]):
        found = draws(Drops(seed=seed, numbers=[numbers[place] for place in places]))
        for some, whole in zip(found, together, strict=True):
            np.testing.assert_array_equal(some, whole[places])


def test_all_bits_of_a_seed_and_of_a_number_count():
    found = [
        Drops(seed=seed, numbers=[number]).uniform(4).tobytes()
        for seed in (0, 1, 2**64, 2**64 + 1, 2**128, 2**300)
        for number in (0, 1, 2**32, 2**32 + 1, 2**62)
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("count", [1, 4, 5, 12, 37, 200, 3001])
def test_numbers_are_at_their_positions_in_the_stream(count):
    key, starts = SeedSequence(WIDE).generate_state(2, np.uint64), [0]
    sizes = []
    while starts[-1] < -(-count // 4):
        sizes.append(max(1, starts[-1] // 4))
        starts.append(starts[-1] + sizes[-1])
    given = drops(3, 2**45, seed=WIDE)
    given.normal(999)
    given.normal()
    found = given.uniform(count)
    for row, number in enumerate((3, 2**45)):
        for level, (start, size) in enumerate(zip(starts, sizes, strict=False)):
            position = number * size + (2 << 128) + (level << 192) - 1
            counter = [(position >> (64 * word)) % 2**64 for word in range(4)]
            words = Philox(key=key, counter=np.array(counter, dtype=np.uint64)).random_raw(4 * size)
            own = found[row, 4 * start : 4 * (start + size)]
            np.testing.assert_array_equal(own, ((words >> 11) * 2.0**-53)[: len(own)])


def test_large_ranges_are_drawn_as_small_ones():
    whole = Drops(seed=1, numbers=range(9000)).normal(70)
    for first in (0, 4095, 4096, 8999):
        np.testing.assert_array_equal(drops(first).normal(70)[0], whole[first])


def test_first_numbers_are_the_same_for_any_size():
    whole = [method((400, 3)) for method in (drops(0, 1).uniform, drops(0, 1).normal)]
    for rows in (1, 2, 7, 55, 399):
        assert np.array_equal(drops(0, 1).uniform((rows, 3)), whole[0][:, :rows])
        assert np.array_equal(drops(0, 1).normal((rows, 3)), whole[1][:, :rows])
    assert drops(0, 1).uniform().shape == (2,)
    assert drops(0, 1).normal(0).shape == (2, 0)
    assert Drops(seed=1, numbers=[]).normal(3).shape == (0, 3)


def test_numbers_of_calls_of_any_sizes_and_drops_are_all_distinct():
    given = Drops(seed=5, numbers=range(60))
    found = [given.uniform(size).ravel() for size in (1, 3, 12, 13, 100, 7, 400, 1)]
    far = drops(60, 2**32, 2**40, 2**63 - 1, seed=5)
    found.append(far.uniform(1000).ravel())
    numbers = np.concatenate(found)
    assert len(np.unique(numbers)) == len(numbers)


def test_the_same_numbers_for_the_same_order_of_calls():
    first, second = drops(4, 9), drops(9)
    for size in (2, (3, 5), 1):
        assert np.array_equal(first.normal(size)[1:], second.normal(size))
    # A generator is no call.
    other = drops(9)
    other[0].generator.random(100)
    assert np.array_equal(other.uniform(2), drops(9).uniform(2))


def test_slices_continue_the_calls_of_their_drops():
    given = drops(0, 1, 2, 3)
    first = given.uniform(2)
    part = given[1:3].uniform(2)
    assert not np.isin(part, first).any()
    # The others are at their second call, these two at their third.
    after = given.uniform(2)
    others = drops(0, 1, 2, 3)
    calls = [others.uniform(2) for _ in range(3)]
    np.testing.assert_array_equal(part, calls[1][1:3])
    np.testing.assert_array_equal(after[[0, 3]], calls[1][[0, 3]])
    np.testing.assert_array_equal(after[1:3], calls[2][1:3])
    assert given[2] is given[1:3][1]
    assert given[-1].number == 3
    assert [drop.number for drop in given[::-2]] == [3, 1]


def test_single_drops_can_be_drawn_in_bulk():
    single = [Drop(seed=3, number=8), Drop(seed=3, number=2)]
    given = Drops.of(single)
    assert given[0] is single[0]
    assert np.array_equal(given.normal(4), drops(8, 2, seed=3).normal(4))
    assert Drops.of(given) is given
    with pytest.raises(InputError, match=r"^drops must have the same seed, got 3, 4$"):
        Drops.of([Drop(seed=3, number=0), Drop(seed=4, number=0)])
    for channel in CHANNELS.values():
        alone = channel.statistics(single, ARRAY).beta
        assert np.array_equal(alone, channel.statistics(drops(8, 2, seed=3), ARRAY).beta)


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [([-1], "[-1]"), ([0.5], "[0.5]"), ([True], "[True]"), ([2**63], "[9223372036854775808]"), ([[1]], "[[1]]")],
)
def test_numbers_of_drops_must_be_nonnegative_integers(numbers, problem):
    with pytest.raises(InputError) as caught:
        Drops(seed=0, numbers=numbers)
    assert str(caught.value) == f"drops must be integers from 0 to 2^63 - 1, got {problem}"


def test_sizes_and_numbers_of_values_are_checked():
    with pytest.raises(InputError, match=r"^size must not be negative, got \(2, -1\)$"):
        drops(0).uniform((2, -1))
    for high in (0, 2**32 + 1, 1.5, [3, 0]):
        with pytest.raises(InputError, match=r"^high must be integers from 1 to 4294967296, got "):
            drops(0).integers(2, high=high)


def test_uniform_numbers_are_uniform():
    found = Drops(seed=11, numbers=range(20_000)).uniform(12, low=-2.0, high=4.0)
    assert found.min() >= -2
    assert found.max() < 4
    for column in (found[:, 0], found[:, 11], found.ravel(), found[:100].ravel()):
        assert stats.kstest(column, stats.uniform(-2, 6).cdf).pvalue > 1e-3


def test_normal_numbers_are_normal():
    found = Drops(seed=12, numbers=range(20_000)).normal(12)
    for column in (found[:, 0], found[:, 11], found.ravel(), found[:100].ravel()):
        assert stats.kstest(column, stats.norm.cdf).pvalue > 1e-3
    moments = [(found**power).mean() for power in (1, 2, 3, 4)]
    errors = np.sqrt(np.array([1, 2, 15, 96]) / found.size)
    assert (np.abs(np.array(moments) - [0, 1, 0, 3]) < 5 * errors).all()
    rare = (np.abs(found) > 4).sum()
    assert stats.binomtest(int(rare), found.size, 2 * stats.norm.sf(4)).pvalue > 1e-3


def test_normal_numbers_are_quantiles_of_midpoints(monkeypatch):
    middles = drops(*range(100)).uniform(9) + 2.0**-54
    np.testing.assert_allclose(drops(*range(100)).normal(9), special.ndtri(middles), rtol=1e-12)
    monkeypatch.setattr(Stream, "draw", lambda self, numbers, call, count: np.array([[0, 0.5, 1 - 2.0**-53]]))
    low, middle, high = drops(0).normal(3)[0]
    assert low == -high == pytest.approx(special.ndtri(2.0**-54), rel=1e-14)
    assert middle == pytest.approx(2.0**-54 * np.sqrt(2 * np.pi), rel=1e-12)


@pytest.mark.parametrize("high", [1, 2, 3, 10, 1000])
def test_integers_are_uniform(high):
    found = Drops(seed=13, numbers=range(10_000)).integers(8, high=high)
    counts = np.bincount(found.ravel(), minlength=high)
    assert found.dtype == np.int64
    assert len(counts) == high
    assert high == 1 or stats.chisquare(counts).pvalue > 1e-3


def test_integers_have_their_own_numbers_of_values():
    high = np.array([1, 5, 2**32])
    found = Drops(seed=14, numbers=range(5000)).integers(3, high=high)
    assert (found >= 0).all()
    assert (found < high).all()
    assert (found[:, 0] == 0).all()
    assert set(found[:, 1]) == set(range(5))
    assert stats.kstest(found[:, 2] / 2**32, "uniform").pvalue > 1e-3


def test_largest_integers_are_below_their_number_of_values(monkeypatch):
    monkeypatch.setattr(Stream, "draw", lambda self, numbers, call, count: np.full((1, count), 1 - 2.0**-53))
    for high in (1, 2, 3, 10**6 + 3, 2**31 + 1, 2**32 - 1, 2**32):
        assert drops(0).integers(1, high=high)[0, 0] == high - 1


def test_calls_neighbours_and_seeds_are_independent():
    count = 50_000
    given = Drops(seed=15, numbers=range(count + 1))
    first, second = given.normal(3), given.normal(3)
    other = Drops(seed=16, numbers=range(count)).normal(3)
    wide = Drops(seed=15 + 2**64, numbers=range(count)).normal(3)
    own = np.array([drop.generator.standard_normal(3) for drop in given[:10_000]])
    pairs = {
        "calls": (first[:count], second[:count]),
        "neighbouring drops": (first[:count], first[1:]),
        "rows": (first[:count, :2], first[:count, 1:]),
        "seeds": (first[:count], other),
        "seeds of the same low bits": (first[:count], wide),
        "generators": (first[:10_000], own),
    }
    for title, (one, two) in pairs.items():
        for power in (1, 2):
            left, right = one**power - power // 2, two**power - power // 2
            product = (left * right).ravel()
            error = product.std() / np.sqrt(product.size)
            assert abs(product.mean()) < 4.5 * error, (title, power)


def test_quantiles_are_exact():
    generator = np.random.default_rng(0)
    tails = 2.0 ** -generator.uniform(1, 54, 20_000)
    offsets = np.concatenate(
        [generator.random(20_000) - 0.5 + 2.0**-54, 0.5 - tails, tails - 0.5, [2.0**-54, -(2.0**-54)]]
    )
    wanted = np.copysign(special.ndtri(0.5 - np.abs(offsets)), offsets)
    np.testing.assert_allclose(normal_quantiles(offsets.copy()), wanted, rtol=3e-15, atol=1e-16)
    assert np.array_equal(normal_quantiles(-offsets), -normal_quantiles(offsets.copy()))
    extremes = normal_quantiles(np.array([0.5 - 2.0**-54, 2.0**-54 - 0.5]))
    assert extremes.tolist() == pytest.approx([8.2924, -8.2924], abs=1e-3)


FUNCTIONS = {
    "quantiles": lambda x: normal_quantiles(x - 0.5),
    "log": np.log,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "power of ten": lambda x: 10 ** (0.7 * x),
    "power": lambda x: x**-1.6,
    "log10": np.log10,
    "cos": lambda x: np.cos(6 * x),
    "sin": lambda x: np.sin(6 * x),
    "arctan2": lambda x: np.arctan2(1.5, x),
    "hypot": lambda x: np.hypot(x, 1.5),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_channels_give_the_same_bits_wherever_an_element_stands(name):
    """Loops for several elements at once end with elements that are computed one by one."""
    values, function = np.random.default_rng(1).random(9000), FUNCTIONS[name]
    whole = function(values.copy())
    for start in (0, 1, 2, 3, 5, 8):
        for length in (*range(1, 36), 63, 64, 65, 127, 1000):
            part = values[start : start + length].copy()
            np.testing.assert_array_equal(function(part), whole[start : start + length])


@pytest.mark.parametrize("name", CHANNELS)
def test_first_users_of_a_channel_are_the_same_for_any_number_of_users(name):
    fewer = attrs.evolve(CHANNELS[name], users=2)
    whole, few = (channel.statistics(drops(5, 2), ARRAY) for channel in (CHANNELS[name], fewer))
    np.testing.assert_array_equal(few.beta, whole.beta[:, :2])
    if few.positions is not None:
        np.testing.assert_array_equal(few.positions, whole.positions[:, :2])


@pytest.mark.parametrize("seed", [1, WIDE])
@pytest.mark.parametrize("name", CHANNELS)
def test_a_drop_of_a_channel_is_the_same_in_any_company(name, seed):
    scenario = isacfw.load_scenario("nguyen2025").scenario
    scenario = attrs.evolve(scenario, channel=CHANNELS[name], seed=seed, transmit_array=ARRAY)
    numbers = [0, 1, 2, 2**32 - 1, 2**32, 2**50]
    together = scenario.statistics(numbers)
    for places in ([0], [2], [5], [1, 2, 3], [4, 0, 5], [3, 4]):
        found = scenario.statistics([numbers[place] for place in places])
        for field in ("beta", "xi", "epsilon"):
            np.testing.assert_array_equal(getattr(found, field), getattr(together, field)[places])


@attrs.frozen(kw_only=True)
class OneByOne(isacfw.Channel):
    """A channel that takes all randomness from the generators of its drops."""

    name = "one_by_one"

    def statistics(self, drops, array):
        beta = np.array([drop.generator.uniform(0.5, 1.0, 4) * (1 + drop.number % 2) for drop in drops])
        return isacfw.ChannelStatistics(beta=beta, xi=0.9 * beta, epsilon=0.1 * beta, prelog=0.9, isotropic=True)

    def draw(self, statistics, array, draws, generator):
        raise NotImplementedError


def test_a_channel_with_a_generator_for_each_drop():
    scenario = attrs.evolve(isacfw.load_scenario("nguyen2025").scenario, channel=OneByOne(), seed=9, drops=4)
    found = scenario.statistics()
    for number in range(4):
        generator = np.random.default_rng(SeedSequence(entropy=9, spawn_key=(number,)))
        np.testing.assert_array_equal(found.beta[number], generator.uniform(0.5, 1.0, 4) * (1 + number % 2))
        np.testing.assert_array_equal(scenario.statistics([number]).beta[0], found.beta[number])
    rates = isacfw.compare(scenario, allocators=["exact"]).dataset["sum_rate"]
    assert np.isfinite(rates).all()
