"""The state of the process that parts of others might change, and that is restored after each call of one."""

from __future__ import annotations

import locale
import os
import random
import signal
import sys
import threading
import warnings
from typing import Any

import attrs
import numpy as np

_OWN_PACKAGES = ("isacfw", "isacfw_plugins")

FOREIGN = object()
"""Stands for code of others that is neither a part nor a function, such as a module that is loaded."""


def is_own(thing: object) -> bool:
    """Return whether a part, a class or a function is the framework's own, and needs no protection."""
    module = getattr(thing, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] in _OWN_PACKAGES


@attrs.frozen(kw_only=True, eq=False)
class State:
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
    def take(cls) -> State:
        """Return the present state."""
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
