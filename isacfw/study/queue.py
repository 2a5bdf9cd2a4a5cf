"""Chunks on an executor: submitted, collected, and repeated if their worker has died."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import Any

from ..base.errors import IsacError, describe_exception, one_line
from ..results.chunk import Chunk
from ..results.tally import Reduced
from .pace import Pace, call_timed

ATTEMPTS = 3


NUMBERS_OUTSTANDING = 2**23
"""Largest number of entries of one variable in outstanding results."""


Task = tuple[Callable[..., Any], tuple[Any, ...]]


def collect_results(
    current: Callable[[], Executor],
    task: Task,
    queue: ChunkQueue,
    row: int,
    advance: Callable[[int], None],
    waiting: dict[Future[Any], Chunk],
    alone: Callable[[Chunk], Reduced] | None = None,
    receive: Callable[[Any], Reduced] = lambda result: result,
) -> Generator[Reduced, None, None]:
    """Yield results from an executor; a chunk that was lost with a worker is done again.

    Parameters
    ----------
    current : callable
        Returns the executor, a new one if the last has broken.
    task : tuple
        Function, and its arguments before the chunk.
    queue : ChunkQueue
        Chunks to be solved.
    row : int
        Numbers in one field of the results of a drop at a point.
    advance : callable
        Called with the number of allocations done since the last call.
    waiting : dict
        Futures that are submitted and not done, with their chunks; empty at first.
    alone : callable, optional
        Solves a chunk whose worker may have died of it; by default the executor does, one such chunk at a time.
    receive : callable
        Returns the result of a chunk, from what the task has returned.
    """
    while queue or waiting:
        if alone is not None and not waiting:
            for suspect in queue.take_suspects():
                solved = alone(suspect)
                advance(solved.allocations)
                yield solved
        if not queue and not waiting:
            return
        outstanding = sum(_size(chunk) * row for chunk in waiting.values())
        # Limit outstanding work so that results are written as fast as they arrive.
        while (outstanding < NUMBERS_OUTSTANDING and len(waiting) < queue.most_waiting) or not waiting:
            if (chunk := queue.take(idle=not waiting)) is None:
                break
            try:
                waiting[current().submit(call_timed, task[0], *task[1], chunk)] = chunk
            except BrokenExecutor:
                queue.lose(chunk)
                break
            outstanding += _size(chunk) * row
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            chunk = waiting.pop(future)
            if (found := _result(future, chunk)) is None:
                queue.lose(chunk)
                continue
            returned, seconds = found
            queue.note(chunk, seconds)
            result = receive(returned)
            advance(result.allocations)
            yield result


def _result(future: Future[Any], chunk: Chunk) -> tuple[Any, float] | None:
    """Return what the task has returned for a chunk with its time, or None if its worker has died."""
    try:
        found: tuple[Any, float] = future.result()
    except BrokenExecutor:
        return None
    except IsacError:
        raise
    except Exception as error:
        raise IsacError(
            one_line(f"the executor failed on {_describe(chunk)}: {describe_exception(error).rstrip(': ')}")
        ) from error
    return found


class ChunkQueue:
    """Chunks to solve; those that may have crashed a worker are repeated one at a time.

    Parameters
    ----------
    chunks : sequence of Chunk
        Chunks to solve.
    running : int, optional
        Number of chunks solved at a time. If a worker dies, all submitted chunks are lost, but only the first of
        them, up to this number, can be the cause; the others are not counted as suspects. By default all of them.
    pace : Pace, optional
        Divides chunks by the times that earlier ones took.
    """

    def __init__(self, chunks: Sequence[Chunk], running: int | None = None, pace: Pace | None = None) -> None:
        self._ahead, self._running, self._pace = deque(chunks), running, pace
        self._left = sum(map(_size, chunks))
        self._deaths: dict[Chunk, int] = {}
        self._suspects: deque[Chunk] = deque()
        self._lost: list[Chunk] = []
        self._alone = False

    def __bool__(self) -> bool:
        return bool(self._ahead or self._suspects or self._lost)

    def take(self, *, idle: bool) -> Chunk | None:
        """Return the next chunk to submit; None to wait for running chunks."""
        if idle:
            self._judge()
            self._alone = bool(self._suspects)
            return self._suspects.popleft() if self._suspects else self._take_next()
        return None if self._alone or self._lost or not self._ahead else self._take_next()

    def note(self, chunk: Chunk, seconds: float) -> None:
        """Note the time that a chunk took."""
        if self._pace is not None:
            self._pace.note(chunk, seconds)

    @property
    def most_waiting(self) -> float:
        """Number of chunks to submit before one of them is done."""
        return math.inf if self._pace is None else self._pace.most_waiting

    def _take_next(self) -> Chunk:
        """Return the next chunk, or the first drops of it if all would take too long."""
        chunk = self._ahead.popleft()
        if self._pace is not None:
            drops = max(1, self._pace.problems(self._left) // len(chunk.points))
            # A small rest would be a chunk of its own.
            if 1.5 * drops < len(chunk.drops):
                middle = chunk.drops.start + drops
                rest = Chunk(points=chunk.points, drops=range(middle, chunk.drops.stop))
                self._ahead.appendleft(rest)
                chunk = Chunk(points=chunk.points, drops=range(chunk.drops.start, middle))
        self._left -= _size(chunk)
        return chunk

    def _put_back(self, chunks: Sequence[Chunk]) -> None:
        self._ahead.extendleft(reversed(chunks))
        self._left += sum(map(_size, chunks))

    def take_suspects(self) -> list[Chunk]:
        """Return the chunks of which a worker may have died; the others that were lost with it stay here."""
        lost = sorted(self._lost, key=_place)
        self._lost.clear()
        running = len(lost) if self._running is None else self._running
        self._put_back(lost[running:])
        return lost[:running]

    def lose(self, chunk: Chunk) -> None:
        """Take back a chunk whose worker has died."""
        self._lost.append(chunk)

    def _judge(self) -> None:
        suspects = self.take_suspects()
        if len(suspects) == 1:
            self._deaths[suspects[0]] = self._deaths.get(suspects[0], 0) + 1
            if self._deaths[suspects[0]] == ATTEMPTS:
                raise IsacError(
                    f"worker processes crashed {ATTEMPTS} times on {_describe(suspects[0])}; scripts must start"
                    ' workers inside `if __name__ == "__main__":`'
                )
        self._suspects.extend(suspects)


def _size(chunk: Chunk) -> int:
    return len(chunk.points) * len(chunk.drops)


def _place(chunk: Chunk) -> tuple[int, int]:
    return chunk.points.start, chunk.drops.start


def _describe(chunk: Chunk) -> str:
    return f"drops {chunk.drops.start}–{chunk.drops.stop - 1}"
