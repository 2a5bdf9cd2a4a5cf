"""A time limit for code that may never return."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_AGAIN = 0.2


class TimeUp(BaseException):
    """The time limit has passed. Not an Exception, so that `except Exception` does not swallow it."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise :class:`TimeUp` in the body when it takes longer than a limit.

    Parameters
    ----------
    seconds : float or None
        The limit; None for none.

    Notes
    -----
    On the main thread, where the system has interval timers, a signal interrupts the body, even while it sleeps;
    elsewhere the exception is set in the thread and takes effect at its next step in Python. Neither interrupts
    a compiled function that does not return. A body that swallows the exception meets it again.
    """
    if seconds is None:
        yield
    elif hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        with _by_signal(seconds):
            yield
    else:
        with _by_thread(seconds):
            yield


@contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    armed = True

    def ring(_number: int, _frame: Any) -> None:
        if armed:
            raise TimeUp

    before, timer = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    try:
        # The alarm may ring at any step from here on, and once in the first of the two blocks that undo it.
        try:
            signal.signal(signal.SIGALRM, ring)
            signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
            yield
        finally:
            armed = False
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)


@contextmanager
def _by_thread(seconds: float) -> Iterator[None]:
    lock, over = threading.Lock(), threading.Event()
    thread = ctypes.c_ulong(threading.get_ident())

    def watch() -> None:
        waited = over.wait(seconds)
        while not waited:
            with lock:
                if not over.is_set():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TimeUp))
            waited = over.wait(_AGAIN)

    watcher = threading.Thread(target=watch, daemon=True)
    try:
        # The exception may strike at any step from here on, and once in the first of the two blocks that end it.
        try:
            watcher.start()
            yield
        finally:
            over.set()
    finally:
        over.set()
        with lock:
            # What was set and has not yet taken effect must not strike later.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)
        if watcher.is_alive():
            watcher.join()
