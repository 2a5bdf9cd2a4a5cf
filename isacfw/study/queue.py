"""Chunks on an executor: submitted, collected, and repeated if their worker has died."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import Any

from ..base.errors import IsacError, describe_exception, one_line
from ..results.chunk import Chunk
from ..results.tally import Reduced

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
        outstanding = sum(len(chunk.points) * len(chunk.drops) * row for chunk in waiting.values())
        # Limit outstanding work so that results are written as fast as they arrive.
        while outstanding < NUMBERS_OUTSTANDING or not waiting:
            if (chunk := queue.take(idle=not waiting)) is None:
                break
            try:
                waiting[current().submit(task[0], *task[1], chunk)] = chunk
            except BrokenExecutor:
                queue.lose(chunk)
                break
            outstanding += len(chunk.points) * len(chunk.drops) * row
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            chunk = waiting.pop(future)
            if (returned := _result(future, chunk)) is None:
                queue.lose(chunk)
                continue
            result = receive(returned)
            advance(result.allocations)
            yield result


def _result(future: Future[Any], chunk: Chunk) -> Any:
    """Return what the task has returned for a chunk, or None if its worker has died."""
    try:
        return future.result()
    except BrokenExecutor:
        return None
    except IsacError:
        raise
    except Exception as error:
        raise IsacError(
            one_line(f"the executor failed on {_describe(chunk)}: {describe_exception(error).rstrip(': ')}")
        ) from error


class ChunkQueue:
    """Chunks to solve; those that may have crashed a worker are repeated one at a time.

    Parameters
    ----------
    chunks : sequence of Chunk
        Chunks to solve.
    running : int
        Number of chunks solved at a time. If a worker dies, all submitted chunks are lost, but only the first of
        them, up to this number, can be the cause; the others are not counted as suspects.
    """

    def __init__(self, chunks: Sequence[Chunk], running: int) -> None:
        self._ahead, self._running = deque(chunks), running
        self._position = {chunk: number for number, chunk in enumerate(chunks)}
        self._deaths = dict.fromkeys(chunks, 0)
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
            return (self._suspects or self._ahead).popleft()
        return None if self._alone or self._lost or not self._ahead else self._ahead.popleft()

    def take_suspects(self) -> list[Chunk]:
        """Return the chunks of which a worker may have died; the others that were lost with it stay here."""
        lost = sorted(self._lost, key=self._position.__getitem__)
        self._lost.clear()
        self._ahead.extendleft(reversed(lost[self._running :]))
        return lost[: self._running]

    def lose(self, chunk: Chunk) -> None:
        """Take back a chunk whose worker has died."""
        self._lost.append(chunk)

    def _judge(self) -> None:
        lost = sorted(self._lost, key=self._position.__getitem__)
        self._lost.clear()
        suspects = lost[: self._running]
        if len(suspects) == 1:
            self._deaths[suspects[0]] += 1
            if self._deaths[suspects[0]] == ATTEMPTS:
                raise IsacError(
                    f"worker processes crashed {ATTEMPTS} times on {_describe(suspects[0])}; scripts must start"
                    ' workers inside `if __name__ == "__main__":`'
                )
        self._suspects.extend(suspects)
        self._ahead.extendleft(reversed(lost[self._running :]))


def _describe(chunk: Chunk) -> str:
    return f"drops {chunk.drops.start}–{chunk.drops.stop - 1}"
