"""Counts of numbers in buckets, from which quantiles follow to a stated accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray

ACCURACY = 0.001
"""Largest relative error of a number that is known by its bucket."""

_BITS = 9
"""Number of bits of the mantissa that tell buckets apart: half of a bucket is at most 2^-10 of its numbers."""

_SHIFT = 52 - _BITS
_ZERO = 2**20
_ROW = 21
"""Number of bits of a signed bucket."""


class Sketch:
    """Counts of the numbers of many rows in buckets, exact integers that add up in any order and grouping.

    Parameters
    ----------
    entries : ndarray of int, shape (n,)
        Rows and buckets, in increasing order.
    counts : ndarray of int, shape (n,)
        Number of numbers in each.

    Notes
    -----
    A bucket has all numbers with the same sign, exponent and first nine bits of the mantissa, and stands for its
    middle, as in a histogram of high dynamic range: an error below 0.1 % for numbers of any size. Like DDSketch
    (C. Masson, J. E. Rim and H. K. Lee, 2019) but without a logarithm, whose last bit depends on the processor.
    """

    def __init__(self, entries: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        self.entries, self.counts = entries, counts

    @classmethod
    def of(cls, values: FloatArray, valid: NDArray[np.bool_]) -> Sketch:
        """Return the sketch of the valid numbers of rows; (rows, n) each."""
        bits = np.abs(values).view(np.int64) >> _SHIFT
        keys = np.where(np.signbit(values), -bits, bits)
        if not valid.all():
            rows = np.repeat(np.arange(len(values)), values.shape[1]).reshape(values.shape)[valid]
            return cls._unique((rows << _ROW) + keys[valid] + _ZERO)
        if not keys.size:
            return cls.merge(())
        low, width = int(keys.min()), int(np.ptp(keys)) + 1
        if len(values) * width > 4 * keys.size + 1024:
            return cls._unique((np.arange(len(values))[:, None] << _ROW) + keys + _ZERO)
        keys += (np.arange(len(values)) * width - low)[:, None]
        counted = np.bincount(keys.ravel(), minlength=len(values) * width)
        taken = np.flatnonzero(counted)
        return cls(((taken // width) << _ROW) + taken % width + low + _ZERO, counted[taken])

    @classmethod
    def _unique(cls, entries: NDArray[np.int64]) -> Sketch:
        found, counts = np.unique(entries, return_counts=True)
        return cls(found, counts.astype(np.int64))

    @classmethod
    def merge(cls, each: Sequence[Sketch]) -> Sketch:
        """Return the sketch of all numbers of several."""
        if not each:
            return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))
        if len(each) == 1:
            return each[0]
        entries = np.concatenate([one.entries for one in each])
        counts = np.concatenate([one.counts for one in each])
        order = np.argsort(entries, kind="stable")
        entries, counts = entries[order], counts[order]
        first = np.flatnonzero(np.diff(entries, prepend=-1))
        return cls(entries[first], np.add.reduceat(counts, first) if len(first) else counts)

    def shift(self, rows: int) -> Sketch:
        """Return the sketch with higher numbers of rows."""
        return Sketch(self.entries + (rows << _ROW), self.counts)

    def renumber(self, rows: NDArray[np.int64]) -> Sketch:
        """Return the sketch with other numbers of rows, in the order of their present ones."""
        own = self.entries >> _ROW
        entries = (rows[own] << _ROW) + (self.entries & ((1 << _ROW) - 1))
        order = np.argsort(entries, kind="stable")
        return Sketch(entries[order], self.counts[order])

    def rows(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return where the entries of the first rows begin, how many they are, and the buckets of all entries."""
        ends = np.searchsorted(self.entries, np.arange(count + 1, dtype=np.int64) << _ROW)
        return ends[:-1], np.diff(ends), (self.entries & ((1 << _ROW) - 1)) - _ZERO


def middles(buckets: NDArray[np.int64]) -> FloatArray:
    """Return the numbers that buckets stand for."""
    size = np.abs(buckets)
    low, high = ((edge << _SHIFT).view(np.float64) for edge in (size, size + 1))
    return np.where(size > 0, np.sign(buckets) * (low + (high - low) / 2), 0.0)


def quantiles(values: FloatArray, counts: NDArray[np.int64], shares: Sequence[float]) -> list[float]:
    """Return quantiles of counted numbers in increasing order, as by NumPy; NaN for none."""
    if not len(counts):
        return [np.nan] * len(shares)
    after = np.cumsum(counts)
    last = int(after[-1]) - 1
    found = []
    for share in shares:
        place = share * last
        below = int(np.floor(place))
        low, high = values[np.searchsorted(after, [below, min(below + 1, last)], side="right")].tolist()
        found.append(low + (place - below) * (high - low))
    return found
