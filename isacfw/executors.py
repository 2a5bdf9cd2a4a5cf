"""Execution of chunks: in-process, in a process pool, or on an executor."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from .base.errors import InputError, IsacError, one_line, raised
from .base.sources import Sources
from .base.time_limit import TimeUp, time_limit
from .chunk import solved
from .host.host import PluginHost
from .results.chunk import Chunk, Solved, Work

ATTEMPTS = 3
ANSWER_S = 10
"""Seconds in which the scheduler of a Dask cluster must answer."""
NUMBERS_OUTSTANDING = 2**23
"""Numbers, in one field of all results, that are asked for before the first of them have been put away."""
_Task = tuple[Callable[..., Solved], tuple[Any, ...]]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
"""Environment variables that keep the libraries of a worker to one thread: the workers share the cores."""


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


@contextmanager
def _pool(workers: int) -> Iterator[Callable[[], Executor]]:
    """Give a function that returns a pool of processes, a new one when the last has broken."""
    pools: list[ProcessPoolExecutor] = []

    def renewed() -> Executor:
        if not pools or getattr(pools[-1], "_broken", False):
            pools.append(_started(workers))
        return pools[-1]

    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield renewed
    except BaseException:
        # On interrupt, do not wait for running chunks.
        for pool in pools:
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.kill()
        raise
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)


def _started(workers: int) -> ProcessPoolExecutor:
    """Start a pool whose workers ignore SIGINT; the parent terminates them."""
    # Spawned, since a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)
    if not hasattr(signal, "pthread_sigmask"):
        return pool
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(workers):
            pool.submit(os.getpid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pool


def _prepare_worker() -> None:
    """Let a process of a pool end with its parent, and not before."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch(sentinel: int) -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


def _by_executor(
    current: Callable[[], Executor],
    task: _Task,
    work: Work,
    queue: _Queue,
    advance: Callable[[int], None],
    waiting: dict[Future[Solved], Chunk],
) -> Generator[Solved, None, None]:
    """Yield results from an executor; a chunk that was lost with a worker is done again.

    What has been submitted and is not there yet stands in `waiting`.
    """
    row = len(work.scenario.precoders) * len(work.scenario.allocators) * work.numbers
    while queue or waiting:
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
            if (result := _result(future, chunk)) is None:
                queue.lose(chunk)
                continue
            advance(result.values["status"].size)
            yield result


def _result(future: Future[Solved], chunk: Chunk) -> Solved | None:
    """Return the result of a chunk, or None when its worker has died."""
    try:
        return future.result()
    except BrokenExecutor:
        return None
    except IsacError:
        raise
    except Exception as error:
        raise IsacError(
            one_line(f"the executor failed on {_named(chunk)}: {raised(error).rstrip(': ')}")
        ) from error


class _Queue:
    """Chunks to be done; those that may have ended a worker are done again one at a time.

    Parameters
    ----------
    chunks : sequence of Chunk
        What is to be done.
    running : int
        How many are solved at a time. When a worker dies, all that has been submitted is lost, but only this many
        of it, the first, can be the cause; none of the others pays for it.
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
        """Return what is to be submitted next; None for nothing, as long as others are being solved."""
        if idle:
            self._judge()
            self._alone = bool(self._suspects)
            return (self._suspects or self._ahead).popleft()
        return None if self._alone or self._lost or not self._ahead else self._ahead.popleft()

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
                    f"worker processes crashed {ATTEMPTS} times on {_named(suspects[0])}; scripts must start"
                    ' workers inside `if __name__ == "__main__":`'
                )
        self._suspects.extend(suspects)
        self._ahead.extendleft(reversed(lost[self._running :]))


def _named(chunk: Chunk) -> str:
    return f"drops {chunk.drops.start}–{chunk.drops.stop - 1}"


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Give the executor of a Dask cluster.

    Parameters
    ----------
    address : str
        Of its scheduler, such as ``"tcp://10.0.0.1:8786"``.

    Raises
    ------
    InputError
        If Dask is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("--scheduler", f"needs Dask ({error}): python -m pip install 'isacfw[dask]'") from None
    try:
        # A server that is not a Dask scheduler can make the client hang or raise any exception.
        with time_limit(ANSWER_S + 5):
            client = Client(address, timeout=ANSWER_S)
    except (Exception, TimeUp) as error:
        reason = str(error) or f"no answer within {ANSWER_S + 5} s"
        raise InputError(
            "--scheduler", f"must be the address of a Dask scheduler, got {address!r}: {reason}"
        ) from None
    with client:
        yield client.get_executor()


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
