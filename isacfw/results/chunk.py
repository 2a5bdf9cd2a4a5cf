"""Chunks of a study, and their results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from .batches import BatchSizes
from .schema import HISTORY


@attrs.frozen(kw_only=True)
class Chunk:
    """Drops and sweep points that are solved together.

    Parameters
    ----------
    drops : range
        Numbers of the drops.
    points : range
        Positions of the points in the order of :meth:`Scenario.points`.
    """

    drops: range
    points: range

    @property
    def key(self) -> tuple[int, int, int, int]:
        """Starts and stops of points and drops, which identify and sort chunks."""
        return self.points.start, self.points.stop, self.drops.start, self.drops.stop

    def overlaps(self, other: Chunk) -> bool:
        """Return whether two chunks have a point and a drop in common."""
        return all(
            max(first.start, second.start) < min(first.stop, second.stop)
            for first, second in ((self.points, other.points), (self.drops, other.drops))
        )

    def covers(self, other: Chunk) -> bool:
        """Return whether another chunk has the same points, and no other drops."""
        inside = self.drops.start <= other.drops.start and other.drops.stop <= self.drops.stop
        return inside and other.points == self.points


@attrs.frozen(kw_only=True)
class Placed:
    """The mark of a chunk whose numbers a worker has written to a file.

    Parameters
    ----------
    path : str
        The file.
    checksum : int
        Checksum of the numbers.
    """

    path: str
    checksum: int


@attrs.frozen(kw_only=True, eq=False)
class ChunkResult:
    """The results of a chunk.

    Parameters
    ----------
    chunk : Chunk
        The chunk.
    users : ndarray of int, shape (points,)
        Number of users at each point.
    values : dict of str to ndarray
        Results by name; (precoders x beams, allocators, points, drops), and a last axis of users, streams or
        iterations for some.
    warnings : tuple of str
        Messages on metrics and observers that failed.
    batches : tuple of (int, int)
        Smallest and largest number of problems that each allocator solved together; empty if they are not known.
    placed : Placed or None
        Where its numbers are, if they are not in `values`.
    """

    chunk: Chunk
    users: NDArray[np.int64]
    values: dict[str, NDArray[Any]]
    warnings: tuple[str, ...]
    batches: BatchSizes = ()
    placed: Placed | None = None

    @property
    def allocations(self) -> int:
        """Number of allocations."""
        return self.values["status"].size

    @property
    def summary(self) -> ChunkSummary:
        """Metadata kept after the values are discarded."""
        return attrs.evolve(
            self.summary_in_memory,
            widths={name: _width(value) for name, value in self.values.items() if value.dtype == object},
            unfinished=bool(is_unfinished(self.values["status"]).any()),
        )

    @property
    def summary_in_memory(self) -> ChunkSummary:
        """Metadata without what files alone need: widths of strings, and whether a row is to be tried again."""
        return ChunkSummary(
            chunk=self.chunk,
            users=self.users,
            iterations=self.values[HISTORY].shape[-1] if HISTORY in self.values else 0,
            widths={},
            warnings=self.warnings,
            batches=self.batches,
        )


@attrs.frozen(kw_only=True, eq=False)
class ChunkSummary:
    """Metadata of a solved chunk, without its values.

    Parameters
    ----------
    chunk, users, warnings, batches
        See :class:`ChunkResult`.
    iterations : int
        Largest length of a history.
    widths : dict of str to int
        Largest number of bytes of a string, by name of the variable.
    unfinished : bool
        Whether it has a row that failed or ran into a time limit.
    """

    chunk: Chunk
    users: NDArray[np.int64]
    iterations: int
    widths: dict[str, int]
    warnings: tuple[str, ...]
    unfinished: bool = False
    batches: BatchSizes = ()


@attrs.frozen(kw_only=True, eq=False)
class Rest:
    """What a chunk has beyond numbers whose places are known before it is solved.

    Parameters
    ----------
    chunk : Chunk
        The chunk.
    texts : dict of str to (tuple of str, ndarray of int)
        By name of a variable, its words, and their positions at each row, point and drop.
    history : ndarray or None
        The objective after each iteration; None if it is not kept.
    """

    chunk: Chunk
    texts: dict[str, tuple[tuple[str, ...], NDArray[Any]]]
    history: NDArray[Any] | None


UNFINISHED = frozenset({"failed", "timed_out"})
"""Statuses of rows that are worth another attempt."""


def is_unfinished(status: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where a row failed or ran into a time limit, so that it is worth another attempt."""
    return np.asarray(np.logical_or.reduce([status == one for one in UNFINISHED]))


def _width(words: NDArray[Any]) -> int:
    import pandas

    return max((len(str(word).encode()) for word in pandas.unique(words.ravel())), default=0)


def trim_histories(history: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return histories without trailing iterations that are missing in all of them."""
    taken = np.flatnonzero(~np.isnan(history).all(axis=tuple(range(history.ndim - 1))))
    return history[..., : taken[-1] + 1 if taken.size else 0]


def restrict(result: ChunkResult, drops: range) -> ChunkResult:
    """Return a chunk restricted to some of its drops, as if it had been solved that way."""
    chunk = result.chunk
    if chunk.drops == drops:
        return result
    wanted = slice(drops.start - chunk.drops.start, drops.stop - chunk.drops.start)
    values = {name: value[:, :, :, wanted] for name, value in result.values.items()}
    if HISTORY in values:
        values[HISTORY] = trim_histories(values[HISTORY])
    return attrs.evolve(result, chunk=Chunk(points=chunk.points, drops=drops), values=values)


def pad_histories(
    histories: Mapping[tuple[int, int, int], NDArray[np.float64]], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return the histories of all rows in one array, padded with NaN; (..., iterations).

    Parameters
    ----------
    histories : mapping of tuple to ndarray
        Histories of all drops, by position of precoder with beam, allocator and point.
    shape : tuple of int
        Numbers of these positions, and of drops.
    """
    longest = max((history.shape[-1] for history in histories.values()), default=0)
    padded = np.full((*shape, longest), np.nan)
    for place, history in histories.items():
        padded[place][:, : history.shape[-1]] = history
    return trim_histories(padded)
