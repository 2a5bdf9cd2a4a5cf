"""Pools of processes on this machine."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from ..base.threads import THREADS


@contextmanager
def process_pool(workers: int) -> Iterator[Callable[[], Executor]]:
    """Yield a function that returns a pool of processes, and a new one if the last is broken."""
    pools: list[ProcessPoolExecutor] = []

    def renew() -> Executor:
        if not pools or getattr(pools[-1], "_broken", False):
            pools.append(_start(workers))
        return pools[-1]

    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield renew
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


def _start(workers: int) -> ProcessPoolExecutor:
    """Start a pool whose workers ignore SIGINT; the parent terminates them."""
    # Spawn, since a fork of a process with threads may hang.
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
    """Make a process of a pool ignore SIGINT and end with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch(sentinel: int) -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()
