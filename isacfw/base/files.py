"""Atomic file writes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .inputs import kind_of_file
from .leftovers import remove_leftovers, temporary_path

if TYPE_CHECKING:
    import xarray

_PAGE = 2**16


def not_writable_error(folder: Path, error: Exception) -> InputError:
    """Return the error for a folder that cannot be written to, with the reason."""
    reason = getattr(error, "strerror", None) or error
    return InputError("the output folder", f"must be writable, got {str(folder)!r}: {reason}")


def ensure_writable(folder: Path) -> None:
    """Create a folder with its parents, check that it is writable, and remove temporary files of killed runs.

    Raises
    ------
    InputError
        If it cannot be created or written to.
    """
    probe = temporary_path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except (OSError, ValueError) as error:
        raise not_writable_error(folder, error) from None
    remove_leftovers(folder)


def check_replaceable(path: Path) -> None:
    """Check that a path is free, or that of a regular file.

    Raises
    ------
    InputError
        If it is that of a folder, a pipe or a device.
    """
    try:
        noun = kind_of_file(path.stat().st_mode)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise not_writable_error(path.parent, error) from None
    if noun is not None:
        raise InputError(str(path), f"must be a file that can be written, got {noun}")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path and atomically replace `path` with it on success.

    Parameters
    ----------
    path : Path
        The file to replace or create.

    Raises
    ------
    InputError
        If the file cannot be written, for example because the disk is full. An existing file is left unchanged.
    """
    check_replaceable(path)
    new = temporary_path(path.parent, path.suffix)
    try:
        yield new
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise not_writable_error(path.parent, error) from None
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def open_for_hdf5(path: Path, *, new: bool = True) -> Iterator[HDF5File]:
    """Yield a file for HDF5 to write to; a failed write is raised only once the file is closed.

    Parameters
    ----------
    path : Path
        Path of the file.
    new : bool
        Whether to create it, or replace its content.

    Raises
    ------
    OSError
        After closing, if a write failed.
    """
    file = HDF5File(path, new=new)
    try:
        yield file
    finally:
        file.close()
        file.check()


class HDF5File(io.RawIOBase):
    """A file whose writes never fail, because HDF5 aborts the process if closing a file fails.

    Data that cannot be written to the disk is kept in memory, where HDF5 can read it back; :meth:`check` raises
    the error.

    Parameters
    ----------
    path : Path
        Path of the file.
    new : bool
        Whether to create it, or replace its content.
    """

    def __init__(self, path: Path, *, new: bool = True) -> None:
        self._file = path.open("w+b" if new else "r+b", buffering=0)
        self._error: OSError | None = None
        self._pages: dict[int, bytearray] = {}
        self._at, self._size = 0, self._file.seek(0, os.SEEK_END)

    def check(self) -> None:
        """Raise the exception of the first write that failed."""
        if self._error is not None:
            raise self._error

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def write(self, data: Any) -> int:
        """Write bytes to the file, or to memory once writing to the file has failed."""
        view = memoryview(data).cast("B")
        if self._error is None:
            try:
                self._file.seek(self._at)
                done = 0
                while done < len(view):
                    done += self._file.write(view[done:]) or 0
            except OSError as error:
                self._error = error
        if self._error is not None:
            self._keep(view)
        self._at += len(view)
        self._size = max(self._size, self._at)
        return len(view)

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer."""
        view = memoryview(buffer).cast("B")
        if self._error is None:
            self._file.seek(self._at)
            count = self._file.readinto(view) or 0
            self._at += count
            return count
        count = max(0, min(len(view), self._size - self._at))
        done = 0
        while done < count:
            number, start = divmod(self._at + done, _PAGE)
            stop = min(_PAGE, start + count - done)
            view[done : done + stop - start] = self._page(number)[start:stop]
            done += stop - start
        self._at += count
        return count

    def truncate(self, size: int | None = None) -> int:
        """Truncate or extend the file."""
        self._size = self._at if size is None else size
        if self._error is None:
            try:
                self._file.truncate(self._size)
            except OSError as error:
                self._error = error
        return self._size

    def close(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:
            self._error = self._error or error
        super().close()

    def _keep(self, view: memoryview) -> None:
        done = 0
        while done < len(view):
            number, start = divmod(self._at + done, _PAGE)
            stop = min(_PAGE, start + len(view) - done)
            self._pages.setdefault(number, self._page(number))[start:stop] = view[done : done + stop - start]
            done += stop - start

    def _page(self, number: int) -> bytearray:
        if number in self._pages:
            return self._pages[number]
        self._file.seek(number * _PAGE)
        return bytearray((self._file.read(_PAGE) or b"").ljust(_PAGE, b"\0"))


def write_netcdf(data: xarray.Dataset, file: HDF5File) -> None:
    """Write a data set."""
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    with h5netcdf.File(file, "w") as content:
        data.dump_to_store(H5NetCDFStore(content))
