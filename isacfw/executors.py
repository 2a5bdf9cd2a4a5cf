"""Who solves the chunks of a study: this process, processes of this machine, or any executor."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache

from .chunk import Chunk, Solved, Work, solved
from .errors import InputError, IsacError, one_line, raised
from .plugins import PluginHost, Sources

ATTEMPTS = 3
NUMBERS_OUTSTANDING = 2**23
"""Numbers, in one field of all results, that are asked for before the first of them have been put away."""
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
            yield from _by_executor(lambda: executor, work, host.sources, chunks, advance, waiting)
        finally:
            for future in waiting:
                future.cancel()
    elif workers > 1 and len(chunks) > 1:
        with _pool(min(workers, len(chunks))) as renewed:
            yield from _by_executor(renewed, work, host.sources, chunks, advance, {})
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
        # Whoever interrupts does not wait for the chunks that are being solved.
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
    """Return a pool whose processes run, deaf to the Ctrl-C of a terminal: it is for their parent to end them."""
    # Spawned, since a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)
    if not hasattr(signal, "pthread_sigmask"):
        return pool
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
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
    work: Work,
    sources: Sources,
    chunks: Sequence[Chunk],
    advance: Callable[[int], None],
    waiting: dict[Future[Solved], Chunk],
) -> Generator[Solved, None, None]:
    """Yield results from an executor; a chunk whose worker died is given to another, a few times.

    What has been submitted and is not there yet stands in `waiting`.
    """
    ahead = list(reversed(chunks))
    scenario = work.scenario
    row = len(scenario.precoders) * len(scenario.allocators) * work.numbers
    origins: dict[Future[Solved], Executor] = {}
    dead: list[Executor] = []
    while ahead or waiting:
        outstanding = sum(len(chunk.points) * len(chunk.drops) * row for chunk in waiting.values())
        # Not all at once, so that results do not pile up faster than they are put away.
        while ahead and (outstanding < NUMBERS_OUTSTANDING or not waiting):
            executor, chunk = current(), ahead.pop()
            if executor in dead or len(dead) == ATTEMPTS:
                raise _given_up(chunk, len(dead))
            future = executor.submit(_in_worker, work, sources, chunk)
            waiting[future], origins[future] = chunk, executor
            outstanding += len(chunk.points) * len(chunk.drops) * row
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            chunk, executor = waiting.pop(future), origins.pop(future)
            try:
                result = future.result()
            except BrokenExecutor:
                # All that a pool has been asked breaks with it, whichever chunk was to blame.
                dead += [] if executor in dead else [executor]
                ahead.append(chunk)
                continue
            except IsacError:
                raise
            except Exception as error:
                raise IsacError(one_line(f"the executor gave up {_drops(chunk)}: {raised(error)}")) from error
            dead.clear()
            advance(result.values["status"].size)
            yield result


def _drops(chunk: Chunk) -> str:
    return f"drops {chunk.drops.start} to {chunk.drops.stop - 1}"


def _given_up(chunk: Chunk, times: int) -> IsacError:
    return IsacError(
        f"the worker processes died {times} times over {_drops(chunk)}, and nothing was finished between; a"
        ' script that asks for workers must do so under if __name__ == "__main__"'
    )


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
        client = Client(address, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            "--scheduler", f"must be the address of a Dask scheduler, got {address!r}: {error}"
        ) from None
    with client:
        yield client.get_executor()


def _in_worker(work: Work, sources: Sources, chunk: Chunk) -> Solved:
    return solved(work, _host(sources), chunk)


@lru_cache(maxsize=4)
def _host(sources: Sources) -> PluginHost:
    return PluginHost.of_sources(sources)
