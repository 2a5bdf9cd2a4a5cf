"""Input files of any origin: regular ones, and pipes within limits, so that nothing waits without end."""

from __future__ import annotations

import os
import select
import stat
import time
from os import PathLike
from pathlib import Path

from .errors import InputError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


_LONGEST_S = 10.0
"""Time that the writer of a pipe may take."""

_LARGEST = 2**24
"""Bytes that are read from a pipe."""


def why(error: BaseException) -> str:
    """Return the cause of an error of the operating system, without the path that it names."""
    return str(getattr(error, "strerror", None) or error)


def kind_of_file(mode: int) -> str | None:
    """Return what a file is instead of a regular one, None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((noun for is_kind, noun in _KINDS if is_kind(mode)), "no regular file")


def file_state(path: str | PathLike[str]) -> os.stat_result:
    """Return the state of an input file.

    Raises
    ------
    InputError
        If there is none, or if it is a folder, a pipe or a device; its key is the path.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"must be a file that can be read, got: {why(error)}") from None
    if (noun := kind_of_file(found.st_mode)) is not None:
        raise InputError(str(path), f"must be a file that can be read, got {noun}")
    return found


def read_file(path: str | PathLike[str]) -> bytes:
    """Return the content of an input file.

    Raises
    ------
    InputError
        If it cannot be read, or if it is a folder, a pipe or a device; its key is the path.
    """
    file_state(path)
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"must be a file that can be read, got: {why(error)}") from None


def read_text(path: str | PathLike[str]) -> str:
    """Return the text of an input file in UTF-8, with or without a byte order mark.

    Raises
    ------
    InputError
        If it cannot be read, or is not UTF-8; its key is the path.
    """
    try:
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(str(path), "is not a UTF-8 text file") from None


def is_pipe(path: str | PathLike[str]) -> bool:
    """Return whether a path is that of a pipe, such as that of a process substitution or of standard input."""
    try:
        return os.name != "nt" and stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def read_pipe(path: str | PathLike[str]) -> str:
    """Return the text in UTF-8 that is written to a pipe until it is closed; it can be read once.

    Raises
    ------
    InputError
        If nothing is written to it, or too much, or for too long; if it is not UTF-8; its key is the path.
    """
    content, end = b"", time.monotonic() + _LONGEST_S
    try:
        # Without waiting for a writer.
        pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            poll = select.poll()
            poll.register(pipe, select.POLLIN)
            while len(content) <= _LARGEST:
                if not poll.poll(max(end - time.monotonic(), 0.0) * 1000):
                    raise InputError(str(path), f"is a named pipe that was not closed within {_LONGEST_S:g} s")
                if not (part := os.read(pipe, 2**16)):
                    return content.decode("utf-8-sig")
                content += part
        finally:
            os.close(pipe)
    except UnicodeDecodeError:
        raise InputError(str(path), "is not UTF-8 text") from None
    except OSError as error:
        raise InputError(str(path), f"must be a file that can be read, got: {why(error)}") from None
    raise InputError(str(path), f"is a named pipe with more than {_LARGEST // 2**20} MiB")


def exists(path: str | PathLike[str]) -> bool:
    """Return whether a path exists; False for one that no file can have."""
    try:
        os.stat(path)
    except (OSError, ValueError):
        return False
    return True
