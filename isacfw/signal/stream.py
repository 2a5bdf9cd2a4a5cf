"""The counter-based stream of a study, whose positions are functions of drop and call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.random import Generator, Philox, SeedSequence
from numpy.typing import NDArray

from ..base.numbers import FloatArray

_BLOCK = 4
"""Numbers of 64 bits for each value of the counter."""
_AT_ONCE = 4096
"""Blocks at a time: the temporary array stays in the cache."""


class Stream:
    """The stream of a study.

    Parameters
    ----------
    seed : int
        Seed of the study.
    """

    def __init__(self, seed: int) -> None:
        self._bits = Philox(SeedSequence(seed))
        self._generator = Generator(self._bits)
        self._next = 1
        """The counter of the next block: the generator counts before it draws."""

    def draw(self, numbers: NDArray[np.int64], call: int, count: int) -> FloatArray:
        """Return the first numbers of a call of drops, multiples of 2^-53 in [0, 1); (D, count).

        Parameters
        ----------
        numbers : ndarray of int, shape (D,)
            Numbers of the drops, in any order.
        call : int
            Number of the call.
        count : int
            How many numbers each drop takes.
        """
        steps = np.diff(numbers)
        if (steps == 1).all():
            return self._draw_runs([numbers], call, count)
        distinct, place = np.unique(numbers, return_inverse=True)
        runs = np.split(distinct, np.flatnonzero(np.diff(distinct) != 1) + 1)
        return self._draw_runs(runs, call, count)[place]

    def _draw_runs(self, runs: Sequence[NDArray[np.int64]], call: int, count: int) -> FloatArray:
        """Return the first numbers of a call of runs of consecutive drops; (D, count)."""
        found = np.empty((sum(map(len, runs)), count))
        for level, (start, blocks) in enumerate(_levels(-(-count // _BLOCK))):
            columns, row = slice(_BLOCK * start, min(_BLOCK * (start + blocks), count)), 0
            for run in runs:
                counter = (level << 192) + (call << 128) + int(run[0]) * blocks
                self._bits.advance((counter - self._next) % 2**256)
                step = max(1, _AT_ONCE // blocks)
                for part in range(row, row + len(run), step):
                    rows = slice(part, min(part + step, row + len(run)))
                    drawn = self._generator.random((rows.stop - rows.start, _BLOCK * blocks))
                    found[rows, columns] = drawn[:, : columns.stop - columns.start]
                row += len(run)
                self._next = (counter + len(run) * blocks) % 2**256
        return found


def _levels(blocks: int) -> Iterator[tuple[int, int]]:
    """Yield first block and number of blocks of each level, as many as some blocks need."""
    start = 0
    while start < blocks:
        size = max(1, start // 4)
        yield start, size
        start += size
