"""Files that are either whole or not there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError


def unwritable(folder: Path, error: Exception) -> InputError:
    """Return the error that says, in one sentence, why a folder cannot be written to."""
    reason = getattr(error, "strerror", None) or error
    return InputError("the output folder", f"must be writable, got {str(folder)!r}: {reason}")


def writable(folder: Path) -> None:
    """Make a folder, with its parents.

    Raises
    ------
    InputError
        If it cannot be made or written to.
    """
    probe = folder / f".isacfw-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except (OSError, ValueError) as error:
        raise unwritable(folder, error) from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a new file that takes the place of another at once, when it is done, or never.

    Parameters
    ----------
    path : Path
        The file to be replaced, or made.

    Raises
    ------
    InputError
        If the file cannot be written: no room on the disk, say. What was there is as it was.
    """
    new = path.with_name(f".{uuid.uuid4().hex}-{path.name}")
    try:
        yield new
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        new.replace(path)
    except (OSError, RuntimeError) as error:  # HDF5 says RuntimeError when a disk is full.
        raise unwritable(path.parent, error) from None
    finally:
        new.unlink(missing_ok=True)
