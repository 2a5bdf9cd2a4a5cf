"""Standard streams of any encoding: characters that they lack are replaced, one by one."""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata
from contextlib import suppress
from typing import Any, TextIO

from ..base.interrupts import open_closed_streams

_ERRORS = "isacfw.replace"

_LEAST_WIDTH = 20
_USUAL_WIDTH = 80

_ALIKE = {
    "★": "*",
    "†": "+",
    "‡": "#",
    "±": "~",
    "≤": "<",
    "≥": ">",
    "−": "-",
    "–": "-",
    "…": ".",
    "µ": "u",
    "°": " ",
    "·": ".",
    "×": "x",
    "→": ">",
    "√": "v",
}
"""Characters that look alike; one for one, so that columns stay aligned."""


def prepare_streams() -> None:
    """Let standard output and standard error replace characters that their encoding lacks; reopen closed ones.

    Otherwise a file that is opened later gets the number of a closed stream, and with it what libraries print.
    """
    open_closed_streams()
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    codecs.register_error(_ERRORS, _replace)
    sys.stdout = _Output(sys.stdout)
    sys.stderr = _Messages(sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_ERRORS)


def text_width(otherwise: int | None = None) -> int | None:
    """Return the largest width of lines: that of the terminal, or else the variable COLUMNS of the environment.

    Parameters
    ----------
    otherwise : int, optional
        Width for a file or pipe; by default lines are as wide as they need to be.
    """
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return max(_LEAST_WIDTH, int(given))
    if not sys.stdout.isatty():
        return otherwise
    # Not the terminal of descriptor 1, which is diverted.
    with suppress(OSError, ValueError):
        return max(_LEAST_WIDTH, os.get_terminal_size(sys.stdout.fileno()).columns or _USUAL_WIDTH)
    return _USUAL_WIDTH


def has_colour() -> bool:
    """Return whether standard output is a terminal that shows colours."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def divert_descriptor() -> None:
    """Divert what is written to the number of standard output, also by compiled code, to standard error.

    ``sys.stdout`` goes on to where standard output went, by another number, which workers do not inherit.
    """
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    terminal = os.isatty(own)
    stream = open(own, "w", encoding=sys.stdout.encoding, errors=_ERRORS, buffering=1 if terminal else -1)  # noqa: SIM115
    sys.stdout = _Output(stream)


class OutputError(OSError):
    """Standard output does not take what is written to it."""


class _Stream:
    """A standard stream with other reactions to errors; everything else is that of the stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError) as error:
            self._react(error)
            return len(text)

    def flush(self) -> None:
        """Write what is left."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._react(error)

    def _react(self, error: Exception) -> None:
        """Do what an error demands."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Messages(_Stream):
    """Standard error; messages that it does not take are dropped, so that no result is lost for them."""


class _Output(_Stream):
    """Standard output; when its reader has gone, the rest is dropped, and the exit status tells of results."""

    def _react(self, error: Exception) -> None:
        drop_output()
        if not isinstance(error, BrokenPipeError):
            raise OutputError(*error.args) from None


def drop_output() -> None:
    """Discard what is still to be written to standard output, which the end of the process would try again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_alike(one) for one in error.object[error.start : error.end]), error.end


def _alike(character: str) -> str:
    """Return an ASCII character that looks alike, or a question mark."""
    if character in _ALIKE:
        return _ALIKE[character]
    if "BOX DRAWINGS" in unicodedata.name(character, ""):
        return "-" if "HORIZONTAL" in unicodedata.name(character) else "|"
    plain = unicodedata.normalize("NFKD", character)[:1]
    return plain if plain.isascii() and plain.isprintable() else "?"
