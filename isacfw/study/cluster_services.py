"""What surrounds the workers of a cluster: reasons of failures, interrupts, logs."""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ..base.errors import IsacError, describe_exception, one_line

_LOGGERS = ("distributed", "tornado", "asyncio", "dask_jobqueue", "bokeh")


def describe_deaths(error: BaseException) -> BaseException:
    """Return an error of Dask that says how often workers died as one of the framework."""
    if type(error).__name__ != "KilledWorker":
        return error
    return IsacError(f"workers died {getattr(error, 'allowed_failures', 0) + 1} times on the same chunk")


def reason_of_failure(error: BaseException) -> str:
    """Return why a command of a scheduler, or of Dask, has failed, in one line."""
    text = str(error)
    if found := re.search(r"stderr:\n(.+)", text, re.DOTALL):
        text = found[1]
    return one_line(text) or describe_exception(error)


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Block interrupts in threads and processes that start in the body: they may be sent to all of a group."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Silence the logs of Dask while the body runs: what matters is an error in one line."""
    known = list(logging.root.manager.loggerDict)
    names = [*_LOGGERS, *(one for one in known if one.partition(".")[0] in _LOGGERS)]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
