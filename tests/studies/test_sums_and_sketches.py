"""Exact sums and sketches: against rational arithmetic and sorted samples, in any order and grouping."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from isacfw.results.exact import LARGEST, ExactSums, deviations, is_summable
from isacfw.results.sketch import ACCURACY, Sketch, middles, quantiles

SHARES = (0.0, 0.001, 0.05, 0.5, 0.95, 0.999, 1.0)


def sample(name, generator):
    """Return a sample of a distribution."""
    n = 4000
    return {
        "normal": lambda: generator.standard_normal(n),
        "rates": lambda: np.abs(generator.normal(12, 4, n)),
        "heavy tails": lambda: generator.standard_cauchy(n),
        "many orders": lambda: generator.standard_normal(n) * 10.0 ** generator.uniform(-140, 140, n),
        "one sign": lambda: -generator.exponential(1e-9, n),
        "decibels": lambda: -35 - generator.exponential(1e-3, n),
        "a constant": lambda: np.full(n, -35.7),
        "zeros": lambda: np.zeros(n),
        "zeros and others": lambda: np.where(generator.random(n) < 0.6, 0.0, generator.standard_normal(n)),
        "signed zeros": lambda: np.where(generator.random(n) < 0.5, 0.0, -0.0),
        "integers": lambda: generator.integers(-3, 40, n).astype(float),
        "powers of two": lambda: 2.0 ** generator.integers(-60, 60, n),
        "nearly equal": lambda: 1e6 + generator.standard_normal(n) * 1e-7,
        "few": lambda: np.array([1.0, 2.0, 4.0]),
        "two": lambda: np.array([-1.0, 3.0]),
        "one": lambda: np.array([0.3]),
        "subnormal": lambda: generator.standard_normal(n) * 1e-310,
    }[name]()


NAMES = [
    "normal",
    "rates",
    "heavy tails",
    "many orders",
    "one sign",
    "decibels",
    "a constant",
    "zeros",
    "zeros and others",
    "signed zeros",
    "integers",
    "powers of two",
    "nearly equal",
    "few",
    "two",
    "one",
    "subnormal",
]


def spoil(values, generator):
    """Return a sample with infinities and missing numbers among it."""
    spoiled = np.concatenate([values, [np.nan, np.inf, -np.inf, np.nan, 1e200]])
    return generator.permutation(spoiled)


def pieces(values, generator):
    """Return a sample in another order, cut at random places."""
    cuts = np.sort(generator.integers(0, len(values) + 1, 6))
    return np.split(generator.permutation(values), cuts)


@pytest.mark.parametrize("name", NAMES)
def test_sums_are_those_of_rational_numbers(name):
    generator = np.random.default_rng(NAMES.index(name))
    values = spoil(sample(name, generator), generator)
    known = values[is_summable(values)]
    numbers = list(map(Fraction, known.tolist()))
    counts = np.array([len(known)])
    filled = np.where(is_summable(values), values, 0.0)[None]
    sums, squares = ExactSums.of(filled), ExactSums.of_squares(filled)
    mean = sum(numbers) / len(numbers)
    assert sums.means(counts).item() == float(mean)
    if len(numbers) > 1 and name != "subnormal":
        variance = sum((one - mean) ** 2 for one in numbers) / (len(numbers) - 1)
        expected = math.sqrt(variance)
        found = deviations(sums, squares, counts).item()
        assert found == pytest.approx(expected, rel=1e-13, abs=0)


@pytest.mark.parametrize("name", NAMES)
def test_sums_and_sketches_are_the_same_bits_in_any_order_and_grouping(name):
    generator = np.random.default_rng(NAMES.index(name))
    values = spoil(sample(name, generator), generator)

    def parts(piece):
        known = is_summable(piece)
        filled = np.where(known, piece, 0.0)[None]
        return ExactSums.of(filled), ExactSums.of_squares(filled), Sketch.of(piece[None], known[None])

    def numbers(sums, squares, sketch):
        counts = np.array([int(sketch.counts.sum())])
        both = np.append(sums.means(counts), deviations(sums, squares, counts))
        return both.tobytes(), sketch.entries.tolist(), sketch.counts.tolist()

    expected = numbers(*parts(values))
    for _ in range(5):
        sums, squares, sketches = ExactSums((1,)), ExactSums((1,)), []
        for one, two, sketch in map(parts, pieces(values, generator)):
            sums, squares = sums + one, two + squares
            sketches.append(sketch)
        nested = Sketch.merge([Sketch.merge(sketches[3:]), Sketch.merge(sketches[:3])])
        assert numbers(sums, squares, nested) == expected


@pytest.mark.parametrize("name", NAMES)
def test_quantiles_are_those_of_the_sample_to_the_stated_accuracy(name):
    generator = np.random.default_rng(NAMES.index(name))
    values = spoil(sample(name, generator), generator)
    known = is_summable(values)
    sketch = Sketch.of(values[None], known[None])
    first, size, buckets = sketch.rows(1)
    assert (first.tolist(), size.sum()) == ([0], len(buckets))
    found = quantiles(middles(buckets), sketch.counts, SHARES)
    ordered = np.sort(values[known])
    for share, one in zip(SHARES, found, strict=True):
        place = share * (len(ordered) - 1)
        pair = ordered[[math.floor(place), math.ceil(place)]]
        expected = np.quantile(ordered, share)
        assert abs(one - expected) <= max(ACCURACY * np.abs(pair).max(), 1e-307)


def test_buckets_are_as_accurate_as_stated_where_they_are_widest():
    edges = 2.0 ** np.arange(-1000, 480)
    values = np.concatenate(
        [edges, np.nextafter(edges, 0), -edges, edges * (1 + 2.0**-9), edges * (1 - 2.0**-11)]
    )
    for value in values:
        _, _, buckets = Sketch.of(np.array([[value]]), np.ones((1, 1), bool)).rows(1)
        assert abs(middles(buckets).item() - value) <= ACCURACY * abs(value)


def test_rows_of_a_sketch_are_apart_and_empty_ones_have_no_quantiles():
    generator = np.random.default_rng(3)
    values = generator.standard_normal((5, 40)) * 10.0 ** np.arange(5)[:, None]
    valid = generator.random((5, 40)) < 0.5
    valid[2] = False
    sketch = Sketch.of(values, valid)
    first, size, buckets = sketch.rows(6)
    for row in range(6):
        own = slice(first[row], first[row] + size[row])
        found = quantiles(middles(buckets[own]), sketch.counts[own], [0.5])
        if row in (2, 5):
            assert np.isnan(found).all()
        else:
            assert found == pytest.approx([np.median(values[row][valid[row]])], rel=2e-3)
    whole = Sketch.of(values, np.ones(valid.shape, bool))
    each = [Sketch.of(row[None], np.ones((1, 40), bool)).shift(number) for number, row in enumerate(values)]
    np.testing.assert_array_equal(whole.entries, Sketch.merge(each).entries)
    np.testing.assert_array_equal(
        whole.renumber(np.arange(5)[::-1]).counts,
        Sketch.merge(
            [one.renumber(np.array([4 - number] * (number + 1))) for number, one in enumerate(each)]
        ).counts,
    )


def test_numbers_whose_squares_overflow_count_as_infinite():
    assert not is_summable(np.array([np.nan, np.inf, -np.inf, LARGEST, -LARGEST])).any()
    assert is_summable(np.array([0.0, np.nextafter(LARGEST, 0), 5e-324])).all()
    largest = np.full((1, 3), np.nextafter(LARGEST, 0))
    assert deviations(ExactSums.of(largest), ExactSums.of_squares(largest), np.array([3])).item() == 0
