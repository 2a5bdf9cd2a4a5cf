"""Progress bars in notebooks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from ..base.progress import Progress
from .markup import environment
from .table import duration

_DELAY_S = 1.0
"""Time after which a computation gets a bar."""

_PERIOD_S = 0.25
"""Time between updates of a bar."""


@contextmanager
def show_progress(what: str, given: Progress | Literal[False] | None) -> Iterator[Progress | None]:
    """Give what to call with the progress of a computation: what is given, or in a notebook a bar.

    Parameters
    ----------
    what : str
        What is counted.
    given : callable, False or None
        What to call; False for nothing, None for a bar if this is a notebook.
    """
    if given is not None or not in_notebook():
        yield given or None
        return
    bar = NotebookBar(what)
    try:
        yield bar
    finally:
        bar.close()


def in_notebook() -> bool:
    """Return whether the code runs in a kernel of Jupyter, whose frontend shows HTML."""
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return getattr(shell, "kernel", None) is not None


class NotebookBar:
    """A bar in the output of a cell; a line with number and time remains of it.

    Parameters
    ----------
    what : str
        What is counted.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._clock = what, clock
        self._start = self._last = clock()
        self._first: tuple[float, int] | None = None
        self._state = (0, 0)
        self._handle: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Show the numbers of completed and of all steps."""
        now = self._clock()
        if self._first is None:
            # What a folder has already is no measure of speed.
            self._first = (now, done)
        self._state = (done, total)
        if now - self._start >= _DELAY_S and now - self._last >= _PERIOD_S:
            self._last = now
            self._show(self._remaining(now), bar=True)

    def close(self) -> None:
        """Replace the bar by the number of completed steps and the time that they took."""
        if self._handle is not None:
            self._show(duration(self._clock() - self._start), bar=False)

    def _remaining(self, now: float) -> str:
        done, total = self._state
        begin, old = self._first or (now, done)
        return f"{duration((now - begin) * (total - done) / (done - old))} left" if old < done < total else ""

    def _show(self, rest: str, *, bar: bool) -> None:
        from IPython import display as frontend

        display: Any = frontend.display
        done, total = self._state
        text = ", ".join(filter(None, (f"{done} of {total} {self._what}", rest)))
        page = environment().get_template("progress.html").render(text=text, done=done, total=total, bar=bar)
        content = {"text/html": page, "text/plain": text}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
