"""Execution of chunks: in-process, in a process pool, or on an executor."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import pickle
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future
from functools import lru_cache

from ..base.errors import InputError
from ..base.sources import Sources
from ..host.host import PluginHost
from ..results.chunk import Chunk, Solved, Work
from .processes import _pool
from .queue import _by_executor, _Queue, _Task
from .solve import solved


def each_solved(
    work: Work,
    host: PluginHost,
    chunks: Sequence[Chunk],
    executor: Executor | None,
    workers: int,
    advance: Callable[[int], None],
) -> Generator[Solved, None, None]:
    """Yield the results of chunks as they come.

    Parameters
    ----------
    work : Work
        The study.
    host : PluginHost
        Its plugins; workers load the same from their sources.
    chunks : sequence of Chunk
        What is to be solved.
    executor : concurrent.futures.Executor or None
        Who solves them. None for this process, or for processes of this machine.
    workers : int
        Number of processes, where there is no executor.
    advance : callable
        Called with the number of allocations done since the last call.
    """
    if executor is not None:
        waiting: dict[Future[Solved], Chunk] = {}
        try:
            task: _Task = (_in_worker, (work, host.sources))
            yield from _by_executor(lambda: executor, task, work, _Queue(chunks, len(chunks)), advance, waiting)
        finally:
            for future in waiting:
                future.cancel()
    elif workers > 1 and len(chunks) > 1:
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            # In a worker that imports a script which asks for workers: their parent says what is wrong.
            raise SystemExit(1)
        task = (_in_process, (_packed(work, host.sources),))
        with _pool(min(workers, len(chunks))) as renewed:
            yield from _by_executor(renewed, task, work, _Queue(chunks, workers), advance, {})
    else:
        for chunk in chunks:
            yield solved(work, host, chunk, advance)


def _in_worker(work: Work, sources: Sources, chunk: Chunk) -> Solved:
    return solved(work, _host(sources), chunk)


def _packed(work: Work, sources: Sources) -> bytes:
    """Return a study as it travels to processes of this machine.

    Were it left to the pool, a process that cannot unpack it would die without a word.
    """
    try:
        return pickle.dumps((work, sources))
    except Exception as error:
        raise InputError("workers", f"cannot be several: a part cannot be pickled: {error}") from error


def _in_process(packed: bytes, chunk: Chunk) -> Solved:
    return _in_worker(*_unpacked(packed), chunk)


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> tuple[Work, Sources]:
    work, sources = pickle.loads(packed)
    return work, sources


@lru_cache(maxsize=4)
def _host(sources: Sources) -> PluginHost:
    return PluginHost.of_sources(sources)
