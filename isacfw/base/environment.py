"""The state of the process that parts of others might change, and that is restored after each call of one."""

from __future__ import annotations

import locale
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TextIO

import attrs
import numpy as np

from .time_limit import shield

_OWN_PACKAGES = ("isacfw", "isacfw_plugins")

FOREIGN = object()
"""Stands for code of others that is neither a part nor a function, such as a module that is loaded."""


def is_own(thing: object) -> bool:
    """Return whether a part, a class or a function is the framework's own, and needs no protection."""
    module = getattr(thing, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] in _OWN_PACKAGES


@attrs.frozen(kw_only=True, eq=False)
class _State:
    """What is restored; working folder, locale, streams and so on belong to the process, the rest to a thread."""

    folder: str | None
    locale: str
    numbers: tuple[Any, ...]
    legacy: Any
    filters: list[Any]
    show: Any
    streams: tuple[Any, ...]
    handlers: dict[int, Any]

    @classmethod
    def take(cls) -> _State:
        return cls(
            folder=_folder(),
            locale=locale.setlocale(locale.LC_ALL),
            numbers=random.getstate(),
            legacy=_legacy_state(),
            filters=list(warnings.filters),
            show=warnings.showwarning,
            streams=(sys.stdin, sys.stdout, sys.stderr),
            handlers=_handlers(),
        )

    def restore(self) -> None:
        """Restore what has changed."""
        if self.folder is not None and _folder() != self.folder:
            os.chdir(self.folder)
        if locale.setlocale(locale.LC_ALL) != self.locale:
            locale.setlocale(locale.LC_ALL, self.locale)
        if random.getstate() != self.numbers:
            random.setstate(self.numbers)
        if self.legacy is not None and not _same_legacy(_legacy_state(), self.legacy):
            np.random.set_state(self.legacy)  # noqa: NPY002
        if list(warnings.filters) != self.filters:
            warnings.filters[:] = self.filters  # type: ignore[index]
            getattr(warnings, "_filters_mutated", lambda: None)()
        warnings.showwarning = self.show
        sys.stdin, sys.stdout, sys.stderr = self.streams
        for number, handler in self.handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # It has been removed.
        return None


def _handlers() -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    return {number: handler for number, handler in found.items() if handler is not None}


def _legacy_state() -> tuple[Any, ...] | None:
    """Return the state of NumPy's global generator, or None if another kind of generator has been put there."""
    state: Any = np.random.get_state()  # noqa: NPY002 - only kept
    return state if isinstance(state, tuple) and state[0] == "MT19937" else None


def _same_legacy(first: tuple[Any, ...] | None, second: tuple[Any, ...]) -> bool:
    return first is not None and first[2:] == second[2:] and np.array_equal(first[1], second[1])


class _Shared:
    """The state of the process, as it was before any thread entered a part."""

    lock = threading.Lock()
    depths: ClassVar[dict[int, int]] = {}
    state: _State | None = None


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
            before = _Shared.state if others and _Shared.state is not None else _State.take()
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
