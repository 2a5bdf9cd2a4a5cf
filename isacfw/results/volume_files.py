"""The two files of a volume, open: numbers, and a journal that only grows."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from io import FileIO
from pathlib import Path

from ..base.leftovers import temporary_path
from ..base.locks import try_lock, unlock
from .journal import find_records
from .numbers import read_at, write_at

_SYNC_S = 2.0
"""Time after which what is finished is on the disk, so that a power failure costs no more than a kill."""


class VolumeFiles:
    """The open files of a volume; they can be read until they are closed, even if they are removed.

    Parameters
    ----------
    data : FileIO
        The file of results.
    journal : FileIO
        Its journal.
    """

    def __init__(self, data: FileIO, journal: FileIO) -> None:
        self.data, self.journal = data, journal
        self._synced = time.monotonic()

    @classmethod
    def open(cls, path: Path, journal: Path, *, writable: bool = False) -> VolumeFiles:
        """Open both files, to read them or to write to them too.

        Raises
        ------
        OSError
            If one of them is no regular file, or cannot be opened.
        """
        for one in (path, journal):
            # A pipe would be waited for.
            if not one.is_file():
                raise FileNotFoundError(one)
        mode = "r+" if writable else "r"
        data = FileIO(path, mode)
        try:
            return cls(data, FileIO(journal, mode))
        except OSError:
            data.close()
            raise

    def close(self) -> None:
        """Close both files, and give up the lock."""
        self.data.close()
        self.journal.close()

    def lock(self, path: Path) -> bool:
        """Lock the journal, unless it is not that of a path any more; return whether that succeeded."""
        return bool(try_lock(self.journal)) and is_at(self.journal, path)

    def is_left_alone(self) -> bool:
        """Return whether no worker of a run that has ended is still writing numbers."""
        if try_lock(self.data) is False:
            return False
        # HDF5 may refuse to read what has a lock.
        unlock(self.data)
        return True

    def sync(self, *, now: bool = False) -> None:
        """Bring everything to the disk, by default only if that is due."""
        if now or time.monotonic() - self._synced > _SYNC_S:
            os.fsync(self.data.fileno())
            os.fsync(self.journal.fileno())
            self._synced = time.monotonic()

    @property
    def size(self) -> int:
        """Number of bytes of the file of results."""
        return os.fstat(self.data.fileno()).st_size

    def append(self, record: bytes, end: int) -> int:
        """Write a record to the end of the journal, and return the new end."""
        write_at(self.journal, end, record)
        return end + len(record)

    def records_from(self, start: int) -> list[tuple[bytes, tuple[int, int]]]:
        """Return all intact records of the journal from a position on, with their places."""
        self.journal.seek(start)
        content = self.journal.readall()
        return [(content[first:last], (start + first, start + last)) for first, last in find_records(content)]

    def record_at(self, place: tuple[int, int]) -> bytes | None:
        """Return the record at a place of the journal; None if it has been damaged."""
        content = bytearray(place[1] - place[0])
        read_at(self.journal, place[0], memoryview(content))
        return bytes(content) if [*find_records(content)] == [(0, len(content))] else None

    def copy_to(self, path: Path) -> None:
        """Copy the file of results."""
        self.data.seek(0)
        with path.open("wb") as copy:
            shutil.copyfileobj(self.data, copy, 2**20)


def create_locked(path: Path) -> FileIO:
    """Create a file, which has a lock before others can see it, and return it open.

    Raises
    ------
    OSError
        If it cannot be created.
    """
    # Open files cannot be renamed on Windows.
    hidden = path if os.name == "nt" else temporary_path(path.parent, path.suffix)
    file = FileIO(hidden, "x+")
    try:
        try_lock(file)
        if hidden != path:
            hidden.rename(path)
    except OSError:
        file.close()
        hidden.unlink(missing_ok=True)
        raise
    return file


def is_at(file: FileIO, path: Path) -> bool:
    """Return whether an open file is the one at a path, neither replaced nor removed."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False
