"""Time limits for code that may never return, and protection of code that must not be interrupted."""

from __future__ import annotations

import ctypes
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

_AGAIN = 0.2
_LONGEST_IMPORT_S = 30.0
"""Time after the end of a limit for which a running import is not interrupted."""


class TimeUp(BaseException):
    """The time limit has passed. Not an Exception, so that `except Exception` does not swallow it."""


class _Own(threading.local):
    """The state of a thread: its limits, and interrupts that are held back and due."""

    def __init__(self) -> None:
        self.limits: list[_Limit] = []
        self.depth = 0
        self.time_up = False
        self.signals: list[int] = []


class _Limit:
    """A running time limit; its clock stops while another one runs inside it."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.paused = False

    @property
    def left(self) -> float:
        """Seconds left; infinite while the clock stands still."""
        return math.inf if self.paused else self.end - time.monotonic()


class _Changes:
    """What is told the seconds left whenever another limit, or none, begins to run."""

    tell: Callable[[float], None] = staticmethod(lambda _left: None)


def follow_limits(tell: Callable[[float], None]) -> None:
    """Let a function be told the seconds left whenever another limit, or none, begins to run."""
    _Changes.tell = staticmethod(tell)


_OWN = _Own()
_LOCK = threading.Lock()
_HELD: set[int] = set()
"""Threads that hold interrupts back."""
_DUE: set[int] = set()
"""The threads among them whose time limit has passed."""
_SHIELDED: set[int] = set()
"""Threads in which a time limit that has passed is raised later: they restore the state of the process."""


@contextmanager
def shield() -> Iterator[None]:
    """Postpone time limits of this thread while the body, which takes microseconds, runs."""
    thread = threading.get_ident()
    if thread in _SHIELDED:
        yield
        return
    _SHIELDED.add(thread)
    try:
        yield
    finally:
        _SHIELDED.discard(thread)


def seconds_left() -> float:
    """Return the time that is left for the calling code, for a solver's own time limit; infinite for no limit.

    A margin lets the limit itself pass first, so that a solver that stops by its own means has no answer.
    """
    return max(_OWN.limits[-1].left, 0.0) + _AGAIN if _OWN.limits else math.inf


def limited_settings(make: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return settings of a solver, which may be shared, or new ones with `time_limit` where a limit runs.

    Parameters
    ----------
    make : callable
        Returns the settings; a cached function, or one that makes new ones.
    *arguments, **options
        Its arguments.
    """
    left = seconds_left()
    if math.isinf(left):
        return make(*arguments, **options)
    settings = getattr(make, "__wrapped__", make)(*arguments, **options)
    settings.time_limit = left
    return settings


@contextmanager
def interrupts_held_back() -> Iterator[Callable[[], bool]]:
    """Hold back time limits, Ctrl-C and SIGTERM while the body runs, and raise them at its end.

    For compiled code that calls back into Python and does not survive an exception there.

    Yields
    ------
    callable
        Returns whether an interrupt is due: if so, the body should return soon of its own accord.
    """
    thread = threading.get_ident()

    def due() -> bool:
        return bool(_OWN.signals) or _OWN.time_up or thread in _DUE

    if _OWN.depth:
        yield due
        return
    with _LOCK:
        _HELD.add(thread)
    before: dict[int, Any] = {}
    # An exception that was set in this thread before takes effect here, and not in the body.
    try:
        for _ in range(1000):
            pass
        _OWN.depth, _OWN.time_up, _OWN.signals = 1, False, []
        try:
            _hold_signals(before)
            yield due
        finally:
            _OWN.depth = 0
            for number, handler in before.items():
                signal.signal(number, handler)
    finally:
        with _LOCK:
            _HELD.discard(thread)
            late = thread in _DUE
            _DUE.discard(thread)
    for number in dict.fromkeys(_OWN.signals):
        before[number](number, sys._getframe())
    if _OWN.time_up or late:
        raise TimeUp


def _hold_signals(before: dict[int, Any]) -> None:
    """Record interrupts instead of raising them, where this thread may; store the handlers of before."""
    if threading.current_thread() is not threading.main_thread():
        return
    own = _OWN

    def record(number: int, _frame: Any) -> None:
        own.signals.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if callable(handler):
            before[number] = handler
            signal.signal(number, record)


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise :class:`TimeUp` in the body when it takes longer than a limit.

    Parameters
    ----------
    seconds : float or None
        The limit; None for none. Infinity stops the clock of a limit outside.

    Notes
    -----
    On the main thread, where the system has interval timers, a signal interrupts the body, even while it sleeps;
    elsewhere the exception is set in the thread and takes effect at its next step in Python. Neither interrupts
    a compiled function that does not return, nor what runs in :func:`interrupts_held_back`, nor an import. In a
    body that swallows the exception, it is raised again. Of nested limits, the clock of the inner one runs.
    """
    if seconds is None or (math.isinf(seconds) and not _OWN.limits):
        yield
        return
    place = len(_OWN.limits)
    outer = _OWN.limits[-1] if place else None
    start = time.monotonic()
    limit = _Limit(seconds)
    if outer is not None:
        outer.paused = True
    _OWN.limits.append(limit)
    _Changes.tell(limit.left)
    on_main = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    try:
        with (_by_signal if on_main else _by_thread)(limit, seconds):
            yield
    finally:
        # An outer limit may strike here, and then removes what is left of this one.
        del _OWN.limits[place:]
        if outer is not None:
            outer.end += time.monotonic() - start
            outer.paused = False
        _Changes.tell(_OWN.limits[-1].left if _OWN.limits else math.inf)


def _imports(frame: FrameType | None) -> bool:
    """Return whether a module is being imported: interrupted, it could remain without half of its content."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib._bootstrap"):
            return True
        frame = frame.f_back
    return False


def _must_wait(limit: _Limit, thread: int, frame: FrameType | None) -> bool:
    """Return whether a limit that has passed cannot be raised now."""
    return thread in _SHIELDED or (limit.left > -_LONGEST_IMPORT_S and _imports(frame))


@contextmanager
def _by_signal(limit: _Limit, seconds: float) -> Iterator[None]:
    armed, own, thread = True, _OWN, threading.get_ident()

    def ring(_number: int, frame: FrameType | None) -> None:
        if armed and own.depth:
            own.time_up = True
        elif armed and not _must_wait(limit, thread, frame):
            raise TimeUp

    before, timer = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    try:
        # The alarm may ring at any step from here on, and once in the first of the two blocks that undo it.
        try:
            signal.signal(signal.SIGALRM, ring)
            signal.setitimer(signal.ITIMER_REAL, *((0.0, 0.0) if math.isinf(seconds) else (seconds, _AGAIN)))
            yield
        finally:
            armed = False
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)


class _Settled(BaseException):
    """Takes the place of an exception that is due no more."""


def _settle(thread: ctypes.c_ulong) -> None:
    """Remove an exception that was set in this thread and has not yet taken effect."""
    # By one that takes effect here: with none in its place, CPython 3.11 looks for one at every later step, and
    # does so without end in the next function that is traced, by a debugger for example.
    with suppress(_Settled):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(_Settled))
        while True:
            pass


@contextmanager
def _by_thread(limit: _Limit, seconds: float) -> Iterator[None]:
    if math.isinf(seconds):
        yield
        return
    lock, over, struck = threading.Lock(), threading.Event(), threading.Event()
    thread = ctypes.c_ulong(threading.get_ident())

    def watch() -> None:
        waited = over.wait(seconds)
        while not waited:
            with lock, _LOCK:
                if over.is_set() or limit.left > 0:
                    pass
                elif thread.value in _HELD:
                    _DUE.add(int(thread.value))
                elif not _must_wait(limit, int(thread.value), sys._current_frames().get(int(thread.value))):
                    struck.set()
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TimeUp))
            waited = over.wait(limit.left if 0 < limit.left < _AGAIN else _AGAIN)

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
            if struck.is_set():
                _settle(thread)
        if watcher.is_alive():
            watcher.join()
