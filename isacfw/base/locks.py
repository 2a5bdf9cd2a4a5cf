"""Locks of files, where the system and the file system have them."""

from __future__ import annotations

from contextlib import suppress
from typing import IO, Any


def try_lock(file: IO[Any], *, shared: bool = False) -> bool | None:
    """Lock an open file until it is closed.

    Parameters
    ----------
    file : file
        The file.
    shared : bool
        Whether others may have a shared lock of the file too.

    Returns
    -------
    bool or None
        Whether that succeeded: False if another process, or another open file of this one, has the lock; None
        where there are no locks.
    """
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def unlock(file: IO[Any]) -> None:
    """Give up the lock of an open file."""
    with suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(file, fcntl.LOCK_UN)
