"""Files in memory, to which other processes of this machine write."""

from __future__ import annotations

import mmap
import os
import sys
from contextlib import suppress


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
        self._descriptor = os.memfd_create("isacfw")
        try:
            os.ftruncate(self._descriptor, size)
            self.content = _mapped(self._descriptor, size)
        except (OSError, ValueError) as error:
            self.close()
            raise OSError(f"no file of {size} bytes in memory") from error

    @property
    def path(self) -> str:
        """Path by which other processes of the same user open it, until it is closed."""
        return f"/proc/{os.getpid()}/fd/{self._descriptor}"

    def close(self) -> None:
        """Close the file; its content stays as long as it is used in this process."""
        with suppress(OSError):
            os.close(self._descriptor)


def _mapped(descriptor: int, size: int) -> mmap.mmap:
    """Return the content of a file; before Python 3.13, it keeps a descriptor as long as it is used."""
    if sys.version_info >= (3, 13):
        return mmap.mmap(descriptor, size, trackfd=False)
    return mmap.mmap(descriptor, size)
