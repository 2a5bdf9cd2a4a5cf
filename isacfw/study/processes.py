"""Pools of processes on this machine."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

from ..base.errors import InputError
from ..base.process_end import end_process_after
from ..base.threads import THREADS
from ..base.time_limit import interrupts_held_back

KILLED_S = 5.0
"""Longest time to wait for the end of a process that has been killed."""

GRACE_S = 1.0
"""Time after its time limit at which the call of a part in a worker ends the worker."""


class ProcessPools:
    """Pools of processes, one after the other: a pool is broken as soon as one of its processes has died.

    Parameters
    ----------
    workers : int
        Number of processes.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        # The pool's own mapping: it forgets it when it breaks, and adds to it as long as it works.
        self._processes: dict[int, BaseProcess] = {}

    def current(self) -> Executor:
        """Return the pool, or a new one if it is broken."""
        self.end_broken()
        if self._pool is None:
            self._pool = _start(self._workers)
            self._processes = getattr(self._pool, "_processes", None) or {}
        return self._pool

    def end_broken(self) -> None:
        """Kill what is left of a broken pool: a process that outlives it would still write its results."""
        if getattr(self._pool, "_broken", False):
            self.kill()
            for process in list(self._processes.values()):
                process.join(KILLED_S)
            self.close()

    def kill(self) -> None:
        """Kill all processes."""
        for process in list(self._processes.values()):
            process.kill()

    def close(self) -> None:
        """Let processes end that have nothing to do."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None


@contextmanager
def process_pools(workers: int) -> Iterator[ProcessPools]:
    """Yield pools of processes, which end with the body.

    Raises
    ------
    InputError
        If this process cannot start others.
    """
    if multiprocessing.current_process().daemon:
        raise InputError(
            "workers", f"must be 1 in a daemonic process, such as one of multiprocessing.Pool, got {workers}"
        )
    pools = ProcessPools(workers)
    try:
        yield pools
    except BaseException:
        # On interrupt, do not wait for running chunks.
        pools.kill()
        raise
    finally:
        pools.end_broken()
        pools.close()


def _start(workers: int) -> ProcessPoolExecutor:
    """Start a pool whose workers ignore SIGINT; the parent terminates them."""
    # Spawn, since a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    # An interrupt amid it would leave semaphores without an owner.
    with interrupts_held_back(), worker_start():
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=prepare_worker)
        for _ in range(workers):
            pool.submit(os.getpid)
    return pool


@contextmanager
def worker_start() -> Iterator[None]:
    """Start processes in the body: with one thread each, without interrupts, and with a script that exists."""
    start_tracker()
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    mask = hasattr(signal, "pthread_sigmask")
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if mask else None
    script = sys.modules["__main__"]
    path = getattr(script, "__file__", None)
    # A script that was read from standard input has no file that a worker could import.
    hidden = path is not None and not os.path.exists(path)
    if hidden:
        script.__file__ = None
    try:
        yield
    finally:
        if hidden:
            script.__file__ = path
        if masked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def start_tracker() -> None:
    """Start Python's tracker of semaphores, which otherwise unblocks interrupts when the first worker starts.

    It removes the semaphores of a process that was interrupted, and would warn of them.
    """
    if os.name == "nt":
        return
    from multiprocessing import resource_tracker

    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (before, "ignore:resource_tracker:UserWarning")))
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def prepare_worker() -> None:
    """Make a worker ignore SIGINT, end with its parent, and end where compiled code outlasts a time limit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_process_after(GRACE_S)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch(sentinel: int) -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()
