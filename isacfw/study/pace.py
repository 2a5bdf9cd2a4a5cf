"""Sizes of chunks from the times that earlier ones took."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..results.chunk import Chunk

CHUNK_S = 2.0
"""Time of a chunk in seconds to aim at: what a kill costs at most, and far more than a chunk costs in itself."""

LEAST_CHUNK_S = 0.1
"""Shortest time of a chunk at the end of a study, when the rest is shared by all workers."""

FIRST = 8
"""Problems in the first chunk of a worker if allocators may be slow."""

FIRST_SHARE = 16
"""Chunks of each worker into which a study would be divided at the size of the first."""

_WRITTEN_TOGETHER = 32
"""Workers whose results one process writes without being waited for; with more of them, chunks are longer."""


class Pace:
    """The time that a problem takes, and what follows for the sizes of chunks.

    Parameters
    ----------
    workers : int
        Number of workers that share the chunks.
    first : int
        Number of problems in a chunk as long as no time is known.
    """

    def __init__(self, workers: int, first: int) -> None:
        self._workers, self._first = workers, max(1, first)
        self._goal = CHUNK_S * max(1.0, workers / _WRITTEN_TOGETHER)
        self._each: float | None = None

    @property
    def most_waiting(self) -> int:
        """Number of chunks that keep all workers busy, so that the others can still be sized by their times."""
        return self._workers if self._each is None else 2 * self._workers

    def note(self, chunk: Chunk, seconds: float) -> None:
        """Note the time of a chunk; later ones count more."""
        each = seconds / (len(chunk.points) * len(chunk.drops))
        self._each = each if self._each is None else (self._each + each) / 2

    def problems(self, left: int) -> int:
        """Return the number of problems in the next chunk, of those that are left."""
        if self._each is None:
            return self._first
        each = max(self._each, 1e-12)
        most = self._goal / each
        if self._workers > 1:
            # Several chunks for each worker, so that all end at about the same time.
            most = min(most, max(left / (3 * self._workers), LEAST_CHUNK_S / each))
        return max(1, int(most))


def call_timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Return what a function returns, and the seconds that it took."""
    start = time.perf_counter()
    found = function(*arguments)
    return found, time.perf_counter() - start
