"""The guard around every call of a part: whatever a part does costs no more than what depends on it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Any, ClassVar, TextIO

import numpy as np

from .environment import State, is_own
from .errors import (
    IncompatibleError,
    IsacError,
    PartTimedOutError,
    PluginError,
    describe_exception,
    limit_descriptions,
    log_traceback,
)
from .interrupts import raise_if_interrupted
from .time_limit import TimeUp, shield, time_limit


class _Shared:
    """The state of the process, as it was before any thread entered a part."""

    lock = threading.Lock()
    depths: ClassVar[dict[int, int]] = {}
    state: State | None = None


class _Output:
    """Stream that standard output of parts is diverted to; None for no other."""

    stream: Callable[[], TextIO] | None = None


@contextmanager
def divert_output(stream: Callable[[], TextIO]) -> Iterator[None]:
    """Divert what parts print to a stream while the body runs."""
    before, _Output.stream = _Output.stream, stream
    try:
        yield
    finally:
        _Output.stream = before


@contextmanager
def kept_environment() -> Iterator[None]:
    """Restore working folder, locale, generators, filters of warnings and so on after the body.

    The state is that from before the body; if another thread is in a part, that from before it entered.
    """
    thread = threading.get_ident()
    with shield():
        with _Shared.lock:
            others = any(one != thread for one in _Shared.depths)
            before = _Shared.state if others and _Shared.state is not None else State.take()
            if not others and thread not in _Shared.depths:
                _Shared.state = before
            _Shared.depths[thread] = _Shared.depths.get(thread, 0) + 1
        numpy = np.geterr(), np.geterrcall()
        if _Output.stream is not None:
            sys.stdout = _Output.stream()
    try:
        yield
    finally:
        with shield():
            if np.geterr() != numpy[0]:
                np.seterr(**numpy[0])
            if np.geterrcall() is not numpy[1]:
                np.seterrcall(numpy[1])
            with _Shared.lock:
                before.restore()
                _Shared.depths[thread] -= 1
                if not _Shared.depths[thread]:
                    del _Shared.depths[thread]


class _Ambient(threading.local):
    """The time limit of each call of a part in this thread; None for no limit."""

    seconds: float | None = None


_AMBIENT = _Ambient()
_NOTHING = nullcontext()


class _Calls:
    """What watches calls of parts; None for nothing."""

    watch: Callable[[str], AbstractContextManager[None]] | None = None


@contextmanager
def part_time_limit(seconds: float | None) -> Iterator[None]:
    """Limit the time of each call of a part of others in the body, in this thread."""
    before, _AMBIENT.seconds = _AMBIENT.seconds, seconds
    try:
        yield
    finally:
        _AMBIENT.seconds = before


def part_seconds() -> float | None:
    """Return the time limit of each call of a part of others in this thread; None for no limit."""
    return _AMBIENT.seconds


@contextmanager
def watch_calls(watch: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    """Let a function watch each call of a part in the body.

    Parameters
    ----------
    watch : callable
        Takes the name of the part, and returns a context manager, within which the part is called; what it
        raises before that is raised instead of the call.
    """
    before, _Calls.watch = _Calls.watch, watch
    try:
        yield
    finally:
        _Calls.watch = before


def guard_environment(who: str, *parts: object) -> AbstractContextManager[None]:
    """Return a context manager that restores what parts of others change; it does nothing for built-in ones."""
    if all(map(is_own, parts)):
        return _NOTHING if _Calls.watch is None else _Calls.watch(who)
    return kept_environment() if _Calls.watch is None else _watched(who, _Calls.watch)


@contextmanager
def _watched(who: str, watch: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    with kept_environment(), watch(who):
        yield


def guard(
    who: str | Callable[[], str], *parts: object, seconds: float | None = None, drops: int = 0
) -> AbstractContextManager[None]:
    """Attribute everything that the body raises to a part, limit its time, and restore what it changes.

    Parameters
    ----------
    who : str or callable
        Kind and name of the part, for messages; or what returns them, where most calls need none.
    *parts : Part or type
        Parts that the body calls; nothing is restored after built-in ones.
    seconds : float, optional
        Longest time; by default that of :func:`part_time_limit` for parts of others.
    drops : int
        Number of drops that built-in parts answer in the body, each of which may take as long; 0 for no limit.

    Raises
    ------
    IsacError
        As raised by the framework in the body, or by the part.
    PartTimedOutError
        If the body takes longer.
    PluginError
        For any other exception; KeyboardInterrupt alone passes through.
    """
    own, unlimited = all(map(is_own, parts)), not drops or _AMBIENT.seconds is None
    if seconds is None and own and unlimited and _Calls.watch is None:
        return _Attribution(who)
    return _guard_fully(who if isinstance(who, str) else who(), *parts, seconds=seconds, drops=drops)


class _Attribution(AbstractContextManager[None]):
    """A guard of built-in parts: they run without a time limit, and leave nothing to restore."""

    __slots__ = ("_who",)

    def __init__(self, who: str | Callable[[], str]) -> None:
        self._who = who

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, (KeyboardInterrupt, TimeUp)):
            return
        who = self._who if isinstance(self._who, str) else self._who()
        if isinstance(error, IsacError):
            raise _plain(error, who) from error.__cause__
        raise_if_interrupted()
        raise _attributed(error, who) from error


@contextmanager
def _guard_fully(who: str, *parts: object, seconds: float | None, drops: int) -> Iterator[None]:
    limit, each = seconds, ""
    if limit is None and _AMBIENT.seconds is not None:
        limit = _AMBIENT.seconds
        if all(map(is_own, parts)):
            limit, each = (limit * drops, f" for {drops} drops") if drops else (None, "")
    with guard_environment(who, *parts):
        try:
            with time_limit(limit):
                try:
                    yield
                except (KeyboardInterrupt, TimeUp):
                    raise
                except IsacError as error:
                    raise _plain(error, who) from error.__cause__
                except BaseException as error:
                    raise_if_interrupted()
                    raise _attributed(error, who) from error
        except TimeUp:
            if limit is None:
                raise
            message = f"{who} was stopped at its time limit of {limit:g} s{each if drops > 1 else ''}"
            log_traceback(message)
            raise PartTimedOutError(message) from None


class Deadline:
    """The time limit of a run of many calls, looked at between them.

    Parameters
    ----------
    who : str
        What runs, for messages.
    seconds : float or None
        Longest time from now on; None for no limit.
    """

    def __init__(self, who: str, seconds: float | None) -> None:
        self.who, self.seconds, self.start = who, seconds, time.monotonic()

    def check(self, done: str) -> None:
        """Raise an error if the time is over.

        Parameters
        ----------
        done : str
            How far the run is.

        Raises
        ------
        PartTimedOutError
            Naming what ran, the limit and how far it came.
        """
        if self.seconds is not None and time.monotonic() - self.start > self.seconds:
            raise PartTimedOutError(
                f"{self.who} were stopped at the time limit of {self.seconds:g} s, after {done}"
            )


def _attributed(error: BaseException, who: str) -> PluginError:
    """Return an exception of a part as an error that names the part; call while it is handled."""
    message = f"{who} {describe_exception(error)}"
    log_traceback(message)
    return PluginError(message)


def _plain(error: IsacError, who: str) -> IsacError:
    """Return an error of the framework as it is, and one of a class of others as one of the framework's."""
    if is_own(type(error)) and all(isinstance(one, (str, bool)) for one in error.args):
        return error
    for kind in (IncompatibleError, PartTimedOutError, PluginError):
        if isinstance(error, kind):
            told = describe_exception(error)
            return kind(told.partition(": ")[2] or f"{who} {told}")
    return _attributed(error, who)


def call_guarded(who: str, function: Callable[..., Any], *arguments: Any, seconds: float | None = None) -> Any:
    """Return what a function of a plugin returns, called in a :func:`guard`."""
    with guard(who, function, seconds=seconds):
        return function(*arguments)


limit_descriptions(time_limit)
