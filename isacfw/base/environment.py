"""The state of the process that parts of others might change, and that is restored after each call of one."""

from __future__ import annotations

import ctypes
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


_RANDOM: Any = np.random
_MT19937_BYTES = 624 * 4 + ctypes.sizeof(ctypes.c_int)


@attrs.frozen(kw_only=True, eq=False)
class _Legacy:
    """NumPy's global generator and its state; None for a generator of another kind than NumPy's own.

    Reading the whole state takes a hundred times as long as its bytes in memory. These lack a second normal
    number that may be kept from the last draw: only if there is none do equal bytes tell of the same state.
    """

    generator: Any
    content: bytes
    state: Any

    @classmethod
    def take(cls) -> _Legacy:
        """Return the present state."""
        generator, content = _RANDOM.get_bit_generator(), _content()
        last = _LAST[0] if _LAST else None
        if last is not None and last.generator is generator and last.is_told_by(content):
            return last
        state: Any = np.random.get_state() if content else None  # noqa: NPY002 - only kept
        taken = cls(generator=generator, content=content, state=state)
        _LAST[:] = [taken]
        return taken

    def is_told_by(self, content: bytes) -> bool:
        """Return whether the state is this one, by its bytes alone."""
        return content == self.content and (self.state is None or not self.state[3])

    def restore(self) -> None:
        """Restore the generator and its state, if they have changed."""
        if _RANDOM.get_bit_generator() is not self.generator:
            _RANDOM.set_bit_generator(self.generator)
        if not self.is_told_by(_content()):
            np.random.set_state(self.state)  # noqa: NPY002


_LAST: list[_Legacy] = []
"""The last state that was read as a whole."""


def _content() -> bytes:
    """Return the bytes of NumPy's global generator; none of another kind than NumPy's own."""
    generator: Any = _RANDOM.get_bit_generator()
    if type(generator) is not np.random.MT19937:
        return b""
    return ctypes.string_at(generator.ctypes.state_address, _MT19937_BYTES)


@attrs.frozen(kw_only=True, eq=False)
class State:
    """What is restored; working folder, locale, streams and so on belong to the process, the rest to a thread."""

    folder: str | None
    locale: str
    numbers: tuple[Any, ...]
    legacy: _Legacy
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
            legacy=_Legacy.take(),
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
        self.legacy.restore()
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
