r"""Random drops, and everything that is random in a study.

All draws depend on the seed of the study and the number of a drop alone:

- **In bulk**, :class:`Drops`: one stream of Philox 4x64-10 with the key of `SeedSequence(seed)`, so that every
  bit of a seed counts. From the lowest word up, its counter of 256 bits has the 128 bits :math:`d s_l + i` for
  block i of drop d, the number n of the call, and the level l. A block gives four words, and a number takes one.
  The blocks of a call are divided into levels with a fixed number of blocks per drop, :math:`s_l`: 1 at first,
  and then a quarter of all in the levels before. So the drops of a range have consecutive counters in each level,
  a few calls of the generator draw all of them, and positions do not depend on how many numbers are drawn.
- **With the generator of a drop**, :attr:`Drop.generator`: PCG64 of `SeedSequence(seed, spawn_key=(d,))`.
- **Small-scale fading** for sampled moments: PCG64 with the spawn key :math:`(d, 2^{31})`; for simulations
  :math:`(d, 2^{31} + 1)`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import index
from typing import Any, overload

import attrs
import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import ArrayLike, NDArray

from ..base.errors import InputError, short_repr
from ..base.numbers import FloatArray, read_only
from .normal_quantile import normal_quantiles
from .stream import Stream

_LARGEST = 2**32
"""Largest number of values of an integer."""
# Apart from what a drop's own generator may spawn; simulations are independent of the errors of sampled moments.
_FADING, _SIMULATION = 2**31, 2**31 + 1


@attrs.frozen(kw_only=True)
class Drop:
    """A random drop of users: its number, and its source of randomness.

    Parameters
    ----------
    seed : int
        Seed of the study.
    number : int
        Number of the drop. The two determine everything random in the drop, which so does not depend on the drops
        drawn with it.
    """

    seed: int
    number: int

    @cached_property
    def generator(self) -> Generator:
        """The generator for everything but the small-scale fading; in its initial state on first use."""
        return np.random.default_rng(SeedSequence(entropy=self.seed, spawn_key=(self.number,)))


class Drops(Sequence[Drop]):
    r"""A sequence of random drops, drawn one by one or in bulk.

    Parameters
    ----------
    seed : int
        Seed of the study.
    numbers : sequence of int
        Numbers of the drops, 0 to 2^63 - 1.

    Attributes
    ----------
    seed : int
        Seed of the study.
    numbers : ndarray of int, shape (D,)
        Numbers of the drops.

    Raises
    ------
    InputError
        If a number is no integer, or out of range.

    Notes
    -----
    :meth:`uniform`, :meth:`normal` and :meth:`integers` return arrays (D, ...) with the numbers of each drop.
    These depend on the seed, the number of the drop and how many calls there were before, not on the other drops.
    So they are independent of those of other calls, and of the drop's generator. An array takes as many numbers
    as it needs, row by row: the first rows, such as those of the first users, are the same for any number of
    rows.

    The counter of block i of drop d in call n is :math:`2^{192} l + 2^{128} n + d s_l + i`, with level l of the
    block and :math:`s_l` blocks per drop.
    """

    def __init__(self, *, seed: int, numbers: Sequence[int] | NDArray[np.integer[Any]]) -> None:
        self.seed = seed
        self.numbers: NDArray[np.int64] = read_only(_checked(numbers))
        # Views of both are shared with slices: what a drop has drawn belongs to the drop.
        self._calls = np.zeros(len(self.numbers), dtype=np.int64)
        self._made = np.full(len(self.numbers), None, dtype=np.object_)

    @classmethod
    def of(cls, drops: Sequence[Drop]) -> Drops:
        """Return drops that can be drawn in bulk, themselves if they are.

        Raises
        ------
        InputError
            If the drops have different seeds.
        """
        if isinstance(drops, cls):
            return drops
        seeds = {drop.seed for drop in drops} or {0}
        if len(seeds) > 1:
            raise InputError("drops", f"must have the same seed, got {', '.join(map(str, sorted(seeds)[:3]))}")
        found = cls(seed=seeds.pop(), numbers=[drop.number for drop in drops])
        found._made[:] = drops
        return found

    def __len__(self) -> int:
        """Return the number of drops D."""
        return len(self.numbers)

    @overload
    def __getitem__(self, position: int) -> Drop: ...
    @overload
    def __getitem__(self, position: slice) -> Drops: ...
    def __getitem__(self, position: int | slice) -> Drop | Drops:
        """Return the drop at a position, or the drops of a slice."""
        if isinstance(position, slice):
            found = object.__new__(Drops)
            found.seed, found.numbers = self.seed, self.numbers[position]
            found._calls, found._made = self._calls[position], self._made[position]
            found._stream = self._stream
            return found
        drop: Drop | None = self._made[position]
        if drop is None:
            drop = self._made[position] = Drop(seed=self.seed, number=int(self.numbers[position]))
        return drop

    def __iter__(self) -> Iterator[Drop]:
        """Iterate over the drops."""
        return (self[position] for position in range(len(self)))

    def __repr__(self) -> str:
        return f"Drops(seed={self.seed}, numbers={short_repr(self.numbers.tolist())})"

    def uniform(self, size: int | tuple[int, ...] = (), *, low: float = 0.0, high: float = 1.0) -> FloatArray:
        """Draw uniform numbers from an interval.

        Parameters
        ----------
        size : int or tuple of int
            Shape of the numbers of each drop.
        low, high : float
            The interval, which includes `low` and, but for rounding, excludes `high`.

        Returns
        -------
        ndarray, shape (D, ...)
        """
        found = self._draw(size)
        if (low, high) == (0.0, 1.0):
            return found
        return np.asarray(low + (high - low) * found)

    def normal(self, size: int | tuple[int, ...] = ()) -> FloatArray:
        """Draw standard normal numbers.

        Parameters
        ----------
        size : int or tuple of int
            Shape of the numbers of each drop.

        Returns
        -------
        ndarray, shape (D, ...)
            Quantiles for the midpoints of 2^53 intervals of equal probability, up to ±8.3.
        """
        found = self._draw(size)
        # Exact, and symmetric about 0.
        found -= 0.5
        found += 2.0**-54
        return normal_quantiles(found)

    def integers(self, size: int | tuple[int, ...] = (), *, high: ArrayLike) -> NDArray[np.int64]:
        """Draw integers from 0 up to `high`, which is excluded.

        Parameters
        ----------
        size : int or tuple of int
            Shape of the numbers of each drop.
        high : int or array of int
            How many values there are, 1 to 2^32; an array is broadcast to (D, ...).

        Returns
        -------
        ndarray of int, shape (D, ...)
            Products of `high` and a multiple of 2^-53, rounded down; no probability is off by more than 2^-52.

        Raises
        ------
        InputError
            If `high` is no integer, or out of range.
        """
        values = np.asarray(high)
        if values.dtype.kind not in "iu" or not ((values >= 1) & (values <= _LARGEST)).all():
            raise InputError("high", f"must be integers from 1 to {_LARGEST}, got {short_repr(high)}")
        # Without rejection, which would take a varying count of numbers. The largest product, high (1 - 2^-53),
        # is less than `high` also when rounded.
        return np.asarray((self._draw(size) * values).astype(np.int64))

    def _draw(self, size: int | tuple[int, ...]) -> FloatArray:
        """Draw multiples of 2^-53 in [0, 1) for the next call of each drop; (D, ...)."""
        shape = tuple(map(index, size if isinstance(size, tuple) else (size,)))
        if any(length < 0 for length in shape):
            raise InputError("size", f"must not be negative, got {short_repr(size)}")
        count, calls = math.prod(shape), self._calls.copy()
        self._calls += 1
        if not count or not len(self):
            return np.empty((len(self), *shape))
        if (calls == calls[0]).all():
            found = self._stream.draw(self.numbers, int(calls[0]), count)
        else:
            found = np.empty((len(self), count))
            for call in np.unique(calls).tolist():
                own = calls == call
                found[own] = self._stream.draw(self.numbers[own], call, count)
        return found.reshape(len(self), *shape)

    @cached_property
    def _stream(self) -> Stream:
        return Stream(self.seed)


def _checked(numbers: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the numbers of drops as an array."""
    if isinstance(numbers, range):
        found: NDArray[Any] = np.arange(numbers.start, numbers.stop, numbers.step, dtype=np.int64)
    else:
        found = np.asarray(numbers)
    whole = found.ndim == 1 and (found.dtype.kind in "iu" or not found.size)
    if not whole or (found.size and not 0 <= found.min() <= found.max() < 2**63):
        raise InputError("drops", f"must be integers from 0 to 2^63 - 1, got {short_repr(numbers)}")
    return found.astype(np.int64)


def fading_generator(seed: int, drop: int) -> Generator:
    """Return a new generator of the small-scale fading of a drop."""
    return np.random.default_rng(SeedSequence(entropy=seed, spawn_key=(drop, _FADING)))


def simulation_generator(seed: int, drop: int) -> Generator:
    """Return a new generator for simulations of a drop."""
    return np.random.default_rng(SeedSequence(entropy=seed, spawn_key=(drop, _SIMULATION)))
