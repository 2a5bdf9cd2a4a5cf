"""The least memory in which the command line works.

The package imports this module before numerical libraries, which do not end without memory, or with a traceback:
OpenBLAS asks for its buffers as it is loaded, again and again, and for more with each thread; a study keeps it to
one thread in any case.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

from .interrupts import is_command

_LEAST = {"RLIMIT_AS": 450 * 2**20, "RLIMIT_DATA": 250 * 2**20}
"""Bytes that a small study takes, by the name of the limit."""

_SIGNS = ("failed to map segment", "cannot allocate memory")
"""What the dynamic linker says of a library for which memory is missing."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception tells of missing memory, also in the import of a library."""
    if isinstance(error, MemoryError):
        return True
    said = str(error).casefold() if isinstance(error, (ImportError, OSError)) else ""
    return any(sign in said for sign in _SIGNS)


def _check_limits() -> None:
    """End the command if a limit of the process leaves it too little memory to start."""
    try:
        import resource
    except ImportError:  # On Windows.
        return
    for name, least in _LEAST.items():
        kind = getattr(resource, name, None)
        soft = resource.RLIM_INFINITY if kind is None else resource.getrlimit(kind)[0]
        if soft == resource.RLIM_INFINITY:
            continue
        if soft < least:
            _end(f": the process is limited to {soft // 2**20} MiB, and needs {least // 2**20} MiB")
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _end(detail: str) -> None:
    try:
        os.write(2, f"isacfw: there is not enough memory{detail}\n".encode())
    finally:
        os._exit(2)


def _describe(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Describe an exception of an import in a line if memory is missing."""
    if is_out_of_memory(error):
        _end("")
    sys.__excepthook__(kind, error, traceback)


if is_command():
    _check_limits()
    sys.excepthook = _describe
