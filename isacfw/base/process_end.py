"""The end of a process in which compiled code outlasts a time limit."""

from __future__ import annotations

import faulthandler
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

from .time_limit import follow_limits


class _Hard:
    """Grace in seconds after which a limit ends the process, None for never; where its report goes: nowhere."""

    grace: float | None = None
    sink = -1


def end_process_after(grace: float | None) -> None:
    """End this process where code outlasts its time limit by a grace: compiled code that cannot be stopped.

    Parameters
    ----------
    grace : float or None
        Grace in seconds, in addition to the limit; None to wait for ever, as at first.
    """
    _Hard.grace = grace
    if grace is not None and _Hard.sink < 0:
        _Hard.sink = os.open(os.devnull, os.O_WRONLY)


@contextmanager
def process_end(grace: float) -> Iterator[None]:
    """End this process as :func:`end_process_after` while the body runs, with tracebacks on standard error."""
    before = _Hard.grace, _Hard.sink
    _Hard.grace, _Hard.sink = grace, 2
    try:
        yield
    finally:
        _Hard.grace, _Hard.sink = before
        faulthandler.cancel_dump_traceback_later()


def arm(left: float) -> None:
    """Start the clock that ends the process, for a limit with some seconds left; stop it for none."""
    if _Hard.grace is None:
        return
    if math.isinf(left):
        faulthandler.cancel_dump_traceback_later()
    else:
        # The only clock that needs no lock of the interpreter, which compiled code may keep.
        faulthandler.dump_traceback_later(max(left, 0.0) + _Hard.grace, exit=True, file=_Hard.sink)


follow_limits(arm)
