"""Locks of files, where the system and the file system have them."""

from __future__ import annotations

from typing import IO, Any


def try_lock(file: IO[Any]) -> bool | None:
    """Lock an open file until it is closed.

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
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
