"""Time limits for code that may never return, and protection of code that must not be interrupted."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_AGAIN = 0.2


class TimeUp(BaseException):
    """The time limit has passed. Not an Exception, so that `except Exception` does not swallow it."""


class _Holding(threading.local):
    """Whether interrupts of this thread are held back, and which are due."""

    depth = 0
    time_up = False
    interrupted = False


_HOLDING = _Holding()
_LOCK = threading.Lock()
_HELD: set[int] = set()
"""Threads that hold interrupts back."""
_DUE: set[int] = set()
"""The threads among them whose time limit has passed."""


@contextmanager
def interrupts_held_back() -> Iterator[Callable[[], bool]]:
    """Hold back time limits and Ctrl-C while the body runs, and raise them at its end.

    For compiled code that calls back into Python and does not survive an exception there.

    Yields
    ------
    callable
        Returns whether an interrupt is due: if so, the body should return soon of its own accord.
    """
    thread = threading.get_ident()
    if _HOLDING.depth:
        yield lambda: _HOLDING.interrupted or _HOLDING.time_up or thread in _DUE
        return
    with _LOCK:
        _HELD.add(thread)
    # An exception that was set in this thread before takes effect here, and not in the body.
    try:
        for _ in range(1000):
            pass
        _HOLDING.depth, _HOLDING.time_up, _HOLDING.interrupted = 1, False, False
        before = _hold_sigint()
        try:
            yield lambda: _HOLDING.interrupted or _HOLDING.time_up or thread in _DUE
        finally:
            _HOLDING.depth = 0
            if before is not None:
                signal.signal(signal.SIGINT, before)
    finally:
        with _LOCK:
            _HELD.discard(thread)
            late = thread in _DUE
            _DUE.discard(thread)
    if _HOLDING.interrupted:
        raise KeyboardInterrupt
    if _HOLDING.time_up or late:
        raise TimeUp


def _hold_sigint() -> Any:
    """Record Ctrl-C instead of raising it, where this thread may; return the previous handler."""
    if threading.current_thread() is not threading.main_thread():
        return None
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):
        return None

    def record(_number: int, _frame: Any) -> None:
        _HOLDING.interrupted = True

    signal.signal(signal.SIGINT, record)
    return before


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
    a compiled function that does not return, nor what runs in :func:`interrupts_held_back`. In a body that
    swallows the exception, it is raised again.
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
        if armed and _HOLDING.depth:
            _HOLDING.time_up = True
        elif armed:
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
            with lock, _LOCK:
                if over.is_set():
                    pass
                elif thread.value in _HELD:
                    _DUE.add(int(thread.value))
                else:
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
        with lock, _LOCK:
            _DUE.discard(int(thread.value))
            # An exception that was set and has not yet taken effect must not be raised later.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)
        if watcher.is_alive():
            watcher.join()
