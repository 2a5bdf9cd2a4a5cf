"""Temporary files, and their removal after runs that were killed."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import time
import uuid
from contextlib import suppress
from pathlib import Path

_NAME = re.compile(r"\.isacfw-([0-9a-f]{8})-(\d+)-[0-9a-f]{32}(\.\w+)?")
_FORMER = re.compile(r"\.[0-9a-f]{32}-.+|\.isacfw-[0-9a-f]{32}")
OLD_S = 24 * 3600.0
"""Age from which a file of another machine, or of a former version, counts as left over."""


def temporary_path(folder: Path, suffix: str = "") -> Path:
    """Return the path of a temporary file of this process in a folder."""
    return folder / f".isacfw-{_machine()}-{os.getpid()}-{uuid.uuid4().hex}{suffix}"


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files in a folder whose process has ended, and old ones of other machines."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            found = _NAME.fullmatch(entry.name)
            if found is None and _FORMER.fullmatch(entry.name) is None:
                continue
            with suppress(OSError):
                if _is_left(found, entry):
                    os.unlink(entry.path)


def _is_left(found: re.Match[str] | None, entry: os.DirEntry[str]) -> bool:
    if not entry.is_file(follow_symlinks=False):
        return False
    if found is not None and found[1] == _machine():
        return not _runs(int(found[2]))
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > OLD_S


def _runs(process: int) -> bool:
    """Return whether a process of this machine runs; True where that cannot be known."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]
