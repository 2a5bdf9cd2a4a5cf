"""Files of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import InputError, nearest
from ..base.file_names import file_names
from ..base.files import atomic_write
from ..base.progress import Progress
from .stale import metadata_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


FORMATS = ("png", "pdf", "svg")
"""Formats of images."""

NUMBERS = ("tex", "csv")
"""Formats of the plotted numbers: for pgfplots, and for other programs."""

EMBEDDED: Any = {"pdf.fonttype": 42, "ps.fonttype": 42, "text.usetex": False}
"""Settings that embed fonts as TrueType, as journals demand: text stays text that can be searched and edited."""


def save_figures(
    figures: Mapping[str, Figure],
    folder: Path,
    progress: Progress | None = None,
    formats: Sequence[str] = ("png", "pdf"),
) -> list[Path]:
    """Write figures, named by their titles, into a folder, by default as PNG and PDF; return the files."""
    files: list[Path] = []
    stems = file_names(figures)
    for name, figure in figures.items():
        for suffix in formats:
            files.append(folder / f"{stems[name]}.{suffix}")
            save_figure_as(figure, files[-1])
            if progress is not None:
                progress(len(files), len(formats) * len(figures))
    return files


def check_formats(formats: Sequence[str]) -> None:
    """Check formats of figures.

    Raises
    ------
    InputError
        If one is not known, or none is given.
    """
    known = (*FORMATS, *NUMBERS)
    for one in formats:
        if one not in known:
            raise InputError("format", f"must be among {', '.join(known)}, got {one!r}{nearest(one, known)}")
    if not formats:
        raise InputError("format", f"must be among {', '.join(known)}, got none")


def figure_format(path: Path) -> str:
    """Return the format of an image from the name of its file.

    Raises
    ------
    InputError
        If the name ends in none of them.
    """
    found = path.suffix.lower().removeprefix(".")
    if found not in FORMATS:
        endings = " or ".join(f".{one}" for one in FORMATS)
        raise InputError("-o", f"must be a file whose name ends in {endings}, got {str(path)!r}")
    return found


def save_figure_as(figure: Figure, path: Path) -> Path:
    """Write a figure to a file in the format of its name; return the file."""
    from matplotlib import rc_context

    from .plotted import write_csv, write_pgfplots

    writers = {"tex": write_pgfplots, "csv": write_csv}
    ending = path.suffix.lower().removeprefix(".")
    with atomic_write(path) as new:
        if ending in writers:
            writers[ending](figure, new)
        else:
            with rc_context(EMBEDDED):
                suffix = figure_format(path)
                figure.savefig(new, dpi=200, format=suffix, metadata=metadata_of(path, suffix))
    return path
