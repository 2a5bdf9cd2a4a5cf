"""The command line."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from ..base.errors import InputError, IsacError, IsacWarning, one_line
from ..base.guard import divert_output
from ..base.interrupts import describe_resumption, exit_status, interrupted, interruptible, note_end
from ..base.least_memory import is_out_of_memory
from .commands import COMMANDS
from .draw_commands import DRAW_COMMANDS
from .parser import parser
from .part_commands import PART_COMMANDS
from .streams import OutputError, divert_descriptor, drop_output, prepare_streams

_TERMINATED = 128 + signal.SIGTERM


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line after the program's name; by default that of the process.
    """
    options = parser().parse_args(arguments)
    if options.version:
        from importlib.metadata import version

        print(f"isacfw {version('isacfw')}")
        return 0
    if options.completion is not None:
        import shtab

        print(shtab.complete(parser(), shell=options.completion))
        return 0
    if options.command is None:
        parser().print_help()
        return 0
    try:
        # What parts print must not get between results.
        with _warnings_in_a_line(), _tracebacks(options.debug), divert_output(lambda: sys.stderr):
            return (COMMANDS | DRAW_COMMANDS | PART_COMMANDS)[options.command](options)
    except IsacError as error:
        if options.debug and not isinstance(error, InputError):
            traceback.print_exception(error)
        print(f"isacfw: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if isinstance(error, (BrokenPipeError, OutputError)):
            raise
        named = "" if error.filename is None else f"{error.filename}: "
        print(f"isacfw: {one_line(f'{named}{error.strerror or error}')}", file=sys.stderr)
        return 2
    except (MemoryError, ImportError) as error:
        if not is_out_of_memory(error):
            raise
        detail = f": {one_line(error)}" if str(error) else ""
        print(f"isacfw: there is not enough memory{detail}", file=sys.stderr)
        return 2


def run() -> None:
    """Run the command line and end the process with its exit status."""
    status = 0
    try:
        with interruptible():
            prepare_streams()
            divert_descriptor()
            # Figures are only written to files; a backend for windows may be missing.
            os.environ["MPLBACKEND"] = "agg"
            status = _run()
    except KeyboardInterrupt:
        status = exit_status()
    if status == exit_status() or interrupted():
        hint = describe_resumption()
        with suppress(OSError):
            if exit_status() == _TERMINATED:
                print(f"isacfw: terminated{hint}", file=sys.stderr, flush=True)
            else:
                print(f"isacfw: interrupted{hint}", file=sys.stderr, flush=True)
        # Python ends itself by SIGINT, instead of a status, if the exception has passed through `exec`.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        os._exit(exit_status())
    note_end()
    sys.exit(status)


def _run() -> int:
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # The consumer closed the pipe.
        drop_output()
        return 0
    except OSError as error:
        # Files are written with errors of their own.
        drop_output()
        print(f"isacfw: standard output could not be written: {error.strerror or error}", file=sys.stderr)
        return 1
    return status


@contextmanager
def _tracebacks(wanted: bool) -> Iterator[None]:
    """Print the tracebacks of parts that the framework logs, each one once."""
    if not wanted:
        yield
        return
    seen: set[str] = set()

    class Handler(logging.StreamHandler[TextIO]):
        def emit(self, record: logging.LogRecord) -> None:
            text = self.format(record)
            if text not in seen:
                seen.add(text)
                super().emit(record)

    handler, logger = Handler(sys.stderr), logging.getLogger("isacfw")
    handler.setFormatter(logging.Formatter("isacfw: %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Print the framework's warnings on one line and suppress all others."""

    def show(message: Warning | str, category: type[Warning], *_rest: Any) -> None:
        if issubclass(category, IsacWarning):
            print(f"isacfw: {one_line(message)}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", IsacWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield
