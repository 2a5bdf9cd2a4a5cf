"""One thread of linear algebra at a time: the bits of its sums depend on how many threads share them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
"""Environment variables that keep libraries to one thread if they are loaded later."""


class _Holders:
    """Number of bodies that need one thread, and what the last of them restores."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.count = 0
        self.restore = ExitStack()
        self.modules = 0
        self.libraries: Any = None

    def limit(self) -> None:
        """Limit loaded libraries, and by environment variables those that are loaded later."""
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

        # Libraries come with modules; looking for them takes a millisecond.
        if self.libraries is None or self.modules != len(sys.modules):
            self.libraries = ThreadpoolController()
            self.modules = len(sys.modules)
        self.restore.enter_context(self.libraries.limit(limits=1))
        before = {name: os.environ.get(name) for name in THREADS}
        os.environ.update(dict.fromkeys(THREADS, "1"))
        self.restore.callback(_reset, before)


_HOLDERS = _Holders()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep the linear algebra of this process to one thread in the body.

    Bodies may be nested, and may overlap in several threads; the last one to end restores the numbers of threads.
    Libraries that are loaded in a body keep to one thread after it.
    """
    with _HOLDERS.lock:
        if not _HOLDERS.count:
            _HOLDERS.limit()
        _HOLDERS.count += 1
    try:
        yield
    finally:
        with _HOLDERS.lock:
            _HOLDERS.count -= 1
            if not _HOLDERS.count:
                _HOLDERS.restore.close()


def _reset(before: dict[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
