"""Files in memory, to which other processes of this machine write."""

from __future__ import annotations

import mmap
import os
import sys
from contextlib import suppress
from typing import Any


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
        self._descriptor, self._size = os.memfd_create("isacfw"), size
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

    def private(self) -> mmap.mmap:
        """Return the content without what other processes, or forks of this one, write from here on."""
        return self._map(mmap.MAP_PRIVATE)

    def _map(self, kind: int) -> mmap.mmap:
        """Return the content; before Python 3.13, it keeps a file descriptor of its own as long as it is used."""
        options: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
        return mmap.mmap(self._descriptor, self._size, flags=kind, **options)

    def close(self) -> None:
        """Close the file; its content stays as long as it is used in this process."""
        with suppress(OSError):
            os.close(self._descriptor)
