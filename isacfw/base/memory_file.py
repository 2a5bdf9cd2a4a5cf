"""Files in memory, to which other processes of this machine write."""

from __future__ import annotations

import mmap
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_NO_FURTHER_WRITES = 0x0010
"""The seal ``F_SEAL_FUTURE_WRITE`` of Linux, which the module `fcntl` does not name."""


class MemoryFile:
    """A file without a name, in memory; it needs no folder, and nothing of it is left when its process has ended.

    Parameters
    ----------
    size : int
        Its number of bytes, which take memory once they are written.

    Raises
    ------
    OSError
        If the system has no such files, or no more memory.
    """

    def __init__(self, size: int) -> None:
        if not hasattr(os, "memfd_create"):
            raise OSError("this system has no files in memory")
        self.size = size
        self._descriptor = os.memfd_create("isacfw", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self._descriptor, size)
            self.content = self._map(mmap.MAP_SHARED)
        except (OSError, ValueError) as error:
            self.close()
            raise OSError(f"no file of {size} bytes in memory") from error

    @property
    def path(self) -> str:
        """Path by which other processes of the same user open it, until it is closed."""
        return f"/proc/{os.getpid()}/fd/{self._descriptor}"

    @property
    def identity(self) -> tuple[int, int]:
        """What no other file has: a process with another ``/proc`` may find one at the path."""
        return identity_of(self._descriptor)

    def seal(self) -> None:
        """Refuse what other processes write from here on, where the system can (Linux 5.1 and later)."""
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, _NO_FURTHER_WRITES)

    def private(self) -> mmap.mmap:
        """Return the content without what other processes, or forks of this one, write from here on.

        Raises
        ------
        OSError
            If there are no more addresses or file descriptors.
        """
        return self._map(mmap.MAP_PRIVATE)

    def _map(self, kind: int) -> mmap.mmap:
        """Return the content; before Python 3.13, it keeps a file descriptor of its own as long as it is used."""
        options: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
        return mmap.mmap(self._descriptor, self.size, flags=kind, **options)

    def close(self) -> None:
        """Close the file; its content stays as long as it is used in this process."""
        with suppress(OSError):
            os.close(self._descriptor)


def identity_of(file: Path | int) -> tuple[int, int]:
    """Return device and number of a file, given by its path or descriptor."""
    found = os.stat(file)
    return found.st_dev, found.st_ino
