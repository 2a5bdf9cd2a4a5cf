"""Progress bars on standard error, if it is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..base.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Display


class ProgressBars:
    """Progress bars with rate and remaining time; a context manager that removes them at its end.

    Parameters
    ----------
    quiet : bool
        Whether to show nothing, which is always the case if standard error is not a terminal.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._display = None if quiet or not sys.stderr.isatty() else _display()

    def __enter__(self) -> ProgressBars:
        """Show the bars."""
        if self._display is not None:
            self._display.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove the bars."""
        if self._display is not None:
            self._display.stop()

    def task(self, what: str) -> Progress:
        """Return a function to call with the completed and the total number; its first call adds the bar."""
        display = self._display
        if display is None:
            return lambda _done, _total: None
        bar = display.add_task(what, total=None, visible=False)
        return lambda done, total: display.update(bar, completed=done, total=total, visible=True)

    @contextmanager
    def hide(self) -> Iterator[None]:
        """Remove the bars while the body prints."""
        if self._display is None:
            yield
            return
        self._display.stop()
        try:
            yield
        finally:
            self._display.start()


def _display() -> Display:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Display
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.speed:.3g}/s" if task.speed else "")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    return Display(*columns, console=Console(stderr=True), transient=True)
