"""Sums of floating-point numbers that are exact, and so the same for any order and grouping."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..base.numbers import FloatArray

_WIDTH = 22
"""Number of bits of a slice."""

LARGEST = 2.0**480
"""Magnitude from which numbers count as infinite: their squares would overflow."""

MOST_TERMS = 2**30
"""Number of terms up to which a sum of slices is exact."""

_SPLIT = 2.0**27 + 1


def is_summable(values: FloatArray) -> np.ndarray:
    """Return which numbers are finite, with squares that are."""
    return np.abs(values) < LARGEST


class ExactSums:
    r"""Exact sums of many rows of numbers.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array of sums.
    slices : dict of int to ndarray, optional
        Sums of the multiples of :math:`2^{22 k}` into which all numbers are split, by k.

    Notes
    -----
    A number is split into slices, each at most :math:`2^{21}` times its unit :math:`2^{22 k}`. So the sums of up
    to :math:`2^{30}` slices are integers below :math:`2^{52}` in that unit, and floating-point addition is exact
    in any order; cf. J. Demmel and H. D. Nguyen, *Parallel reproducible summation*, IEEE Trans. Comput. (2015).
    """

    def __init__(self, shape: tuple[int, ...], slices: dict[int, FloatArray] | None = None) -> None:
        self.shape = shape
        self.slices: dict[int, FloatArray] = {} if slices is None else slices

    @classmethod
    def of(cls, values: FloatArray) -> ExactSums:
        """Return the sums over the last axis of numbers below :data:`LARGEST` squared."""
        found = cls(values.shape[:-1])
        found._add(np.array(values, dtype=np.float64))
        return found

    @classmethod
    def of_squares(cls, values: FloatArray) -> ExactSums:
        """Return the sums of the squares over the last axis of numbers below :data:`LARGEST`."""
        high = values * _SPLIT
        high = high - (high - values)
        low = values - high
        square = values * values
        error = ((high * high - square) + 2 * high * low) + low * low
        found = cls(values.shape[:-1])
        found._add(square)
        found._add(error)
        return found

    @classmethod
    def stack(cls, each: Iterable[ExactSums]) -> ExactSums:
        """Return sums of the same shape along a new first axis."""
        given = list(each)
        shape = given[0].shape
        known = sorted({k for one in given for k in one.slices})
        zeros = np.zeros(shape)
        slices = {k: np.stack([one.slices.get(k, zeros) for one in given]) for k in known}
        return cls((len(given), *shape), slices)

    def __add__(self, other: ExactSums) -> ExactSums:
        slices = dict(self.slices)
        for k, own in other.slices.items():
            slices[k] = slices[k] + own if k in slices else own
        return ExactSums(self.shape, slices)

    def _add(self, rest: FloatArray) -> None:
        """Add the sums of an array, which is overwritten."""
        top = max(float(rest.max(initial=0.0)), -float(rest.min(initial=0.0)))
        k = -(-(math.frexp(top)[1] - _WIDTH + 1) // _WIDTH)
        part = np.empty_like(rest)
        while rest.any():
            big = math.ldexp(1.5, 52 + _WIDTH * k)
            np.add(rest, big, out=part)
            np.subtract(part, big, out=part)
            np.subtract(rest, part, out=rest)
            sums = part.sum(axis=-1)
            self.slices[k] = self.slices[k] + sums if k in self.slices else sums
            k -= 1

    def integers(self) -> tuple[list[int], int]:
        """Return the sums, flattened, as integers in a unit that is a power of two, and its exponent."""
        least = min(self.slices, default=0)
        found = [0] * math.prod(self.shape)
        for k, own in self.slices.items():
            shift = _WIDTH * (k - least)
            units = np.ldexp(own, -_WIDTH * k).astype(np.int64).ravel().tolist()
            found = [one + (unit << shift) for one, unit in zip(found, units, strict=True)]
        return found, _WIDTH * least

    def means(self, counts: np.ndarray) -> FloatArray:
        """Return the correctly rounded means; NaN where nothing was counted."""
        sums, exponent = self.integers()
        each = zip(sums, np.broadcast_to(counts, self.shape).ravel().tolist(), strict=True)
        found = [_quotient(one, count, exponent) if count else math.nan for one, count in each]
        return np.array(found, dtype=np.float64).reshape(self.shape)


def deviations(sums: ExactSums, squares: ExactSums, counts: np.ndarray) -> FloatArray:
    """Return sample standard deviations from sums and sums of squares; NaN for less than two numbers."""
    first, first_exponent = sums.integers()
    second, second_exponent = squares.integers()
    exponent = min(2 * first_exponent, second_exponent)
    found = []
    for one, two, count in zip(first, second, np.ravel(counts).tolist(), strict=True):
        if count < 2:
            found.append(math.nan)
            continue
        excess = count * (two << (second_exponent - exponent)) - (one * one << (2 * first_exponent - exponent))
        found.append(math.sqrt(_quotient(max(excess, 0), count * (count - 1), exponent)))
    return np.array(found, dtype=np.float64).reshape(sums.shape)


def _quotient(numerator: int, denominator: int, exponent: int) -> float:
    """Return the correctly rounded quotient of integers, times a power of two."""
    if exponent >= 0:
        return (numerator << exponent) / denominator
    return numerator / (denominator << -exponent)
