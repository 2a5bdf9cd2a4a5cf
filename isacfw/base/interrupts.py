"""Ctrl-C and SIGTERM of the command line: at any moment one line, and an exit status that says which it was.

The package imports this module before any other, so that a command can be interrupted while it is being imported.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_AGAIN_S = 2.0
"""Time after which an interrupt that something has swallowed is raised again."""

_LONGEST_S = 5.0
"""Time after which the process ends, whatever it does."""

_WORDS: dict[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class _State:
    """The first signal that has come, 0 for none; when it was last raised; and whether the command has ended."""

    number = 0
    raised = 0.0
    ended = threading.Event()


def interrupted() -> bool:
    """Return whether the command has been interrupted."""
    return _State.number != 0


def raise_if_interrupted() -> None:
    """Raise the interrupt of the command again, if something has swallowed it."""
    if _State.number:
        raise KeyboardInterrupt


def describe_interrupt() -> str:
    """Return the word for the interrupt, and what there is to say about results."""
    return _WORDS.get(_State.number, _WORDS[signal.SIGINT]) + describe_resumption()


def describe_resumption() -> str:
    """Return what to print about the results of an interrupted command."""
    resumed = any(word.partition("=")[0] == "--out" for word in sys.argv)
    return "; run the same command with the same --out to resume" if resumed else ""


def exit_status() -> int:
    """Return the exit status of an interrupted command, 128 and the number of the signal."""
    return 128 + int(_State.number or signal.SIGINT)


def is_command() -> bool:
    """Return whether this process runs the command line, and is none of its workers."""
    if "--multiprocessing-fork" in sys.orig_argv or not sys.argv:
        return False
    if sys.argv[0] == "-m":  # While Python looks for the module to run.
        place = sys.orig_argv.index("-m") if "-m" in sys.orig_argv else -1
        return sys.orig_argv[place + 1 : place + 2] in (["isacfw"], ["isacfw.__main__"])
    return os.path.basename(sys.argv[0]).lower() in ("isacfw", "isacfw.exe", "isacfw-script.py")


def _take_over(handler: Any) -> None:
    """Handle the signals that are not ignored, as those of commands in the background are."""
    for number in _WORDS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _end_now(number: int, _frame: Any) -> NoReturn:
    """End the process: nothing has begun that would have to be cleaned up."""
    _State.number = _State.number or number
    try:
        os.write(2, f"isacfw: {describe_interrupt()}\n".encode())
    finally:
        os._exit(exit_status())


def _raise(number: int, _frame: Any) -> None:
    """Raise KeyboardInterrupt, unless that has just been done."""
    now = time.monotonic()
    if _State.number and now - _State.raised < _AGAIN_S / 2:
        return
    _State.number, _State.raised = _State.number or number, now
    raise KeyboardInterrupt


def open_closed_streams() -> None:
    """Open the numbers of closed standard streams, which a file that is opened later would get otherwise."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt in the body for both signals, again if need be, and end the process at the latest.

    After the body, the signals are ignored: what is left is to end.
    """
    on_main = threading.current_thread() is threading.main_thread()
    if not on_main or os.name == "nt":
        yield
        return
    open_closed_streams()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader,), daemon=True).start()
    hook, sys.unraisablehook = sys.unraisablehook, _raise_later
    try:
        _take_over(_raise)
        yield
    finally:
        _take_over(signal.SIG_IGN)
        sys.unraisablehook = hook


def _raise_later(unraisable: Any) -> None:
    """Raise an interrupt that struck where Python can raise none, such as in the end of an object, soon again."""
    if not _State.number:
        sys.__unraisablehook__(unraisable)
        return
    _State.raised = 0.0
    main = threading.main_thread().ident
    if main is not None:
        threading.Timer(0.05, signal.pthread_kill, (main, _State.number)).start()


def _watch(reader: int) -> None:
    """Wait for a signal, which the system reports here even while compiled code runs, and see that it counts."""
    while (number := os.read(reader, 1)[0]) not in _WORDS:
        pass
    if signal.getsignal(number) is signal.SIG_IGN:
        return
    main = threading.main_thread().ident
    for _ in range(int(_LONGEST_S / _AGAIN_S)):
        if _State.ended.wait(_AGAIN_S):
            return
        if main is not None:
            signal.pthread_kill(main, number)
    if not _State.ended.wait(_LONGEST_S % _AGAIN_S):
        _end_workers()
        _end_now(number, None)


def _end_workers() -> None:
    import multiprocessing

    for process in multiprocessing.active_children():
        process.kill()


def note_end() -> None:
    """Note that the command has ended, and only the process remains to be ended."""
    _State.ended.set()


if is_command() and threading.current_thread() is threading.main_thread():
    _take_over(_end_now)
