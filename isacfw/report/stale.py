"""Figures of comparisons know their study, so that those of an earlier one do not remain beside new results."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray

_MARK = re.compile(rb"isacfw comparison ([0-9a-f]{16}) figure ([\w.-]+);")
_KEYS = {"png": "Source", "pdf": "Keywords", "svg": "Keywords"}
_LARGEST = 2**26
_study: ContextVar[str] = ContextVar("study", default="")


@contextmanager
def mark_figures(dataset: xarray.Dataset, folder: Path) -> Iterator[None]:
    """Mark figures that are saved in the body as those of a study; remove those of others from the folder.

    A figure is removed only if this package has written it, for a comparison and under its present name.
    """
    study = hashlib.sha256(str(dataset.attrs.get("scenario", "")).encode()).hexdigest()[:16]
    for path in sorted(folder.iterdir()):
        if path.suffix[1:] in _KEYS and (found := _mark_of(path)) is not None and found != study:
            path.unlink(missing_ok=True)
    token = _study.set(study)
    try:
        yield
    finally:
        _study.reset(token)


def metadata_of(path: Path, suffix: str) -> dict[str, Any]:
    """Return what to write into a figure's file about its study; nothing for other figures."""
    study = _study.get()
    if not study or re.fullmatch(r"[\w.-]+", path.stem, re.ASCII) is None:
        return {}
    mark = f"isacfw comparison {study} figure {path.stem};"
    return {_KEYS[suffix]: [mark] if suffix == "svg" else mark}


def _mark_of(path: Path) -> str | None:
    """Return the study of a figure, None for a file of others."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        found = _MARK.search(path.read_bytes())
    except OSError:
        return None
    return found[1].decode() if found is not None and found[2].decode() == path.stem else None
