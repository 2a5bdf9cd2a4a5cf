"""Files of a comparison: data set, records, scenario and figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import InputError, nearest
from ..base.file_names import file_names
from ..base.files import atomic_write, check_replaceable, ensure_writable, open_for_hdf5, write_netcdf
from ..base.inputs import exists, read_file
from ..base.progress import Progress
from ..results.open import open_results
from .records import list_records, write_records
from .stale import metadata_of

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


MOST_ROWS = 100_000
"""Number of rows up to which results are also written as records, for programs without NetCDF."""


MARK = "# Written by isacfw next to the results; the next run overwrites it.\n"
"""First line of a scenario file that may be overwritten."""

_SCENARIO = "scenario.toml"


def _is_from_a_run(path: Path) -> bool:
    """Return whether a scenario file has the mark, or is that of the results next to it, as before the mark."""
    content = read_file(path)
    if content.startswith(MARK.encode()):
        return True
    results = path.with_name("results.nc")
    if not exists(results):
        return False
    try:
        with open_results(results) as dataset:
            return bool(dataset.attrs["scenario"].encode() == content)
    except InputError:
        return False


def check_folder(folder: Path, inputs: Iterable[Path] = ()) -> None:
    """Check that results can be written to a folder without overwriting a file of the user.

    Parameters
    ----------
    folder : Path
        The folder, which need not exist.
    inputs : iterable of Path
        Files that the study reads.

    Raises
    ------
    InputError
        If the folder has a ``scenario.toml`` that is not from an earlier run, a folder or a pipe in the place of
        a file, or an input under the name of a result.
    """
    for name in ("results.nc", "results.csv", _SCENARIO):
        path = folder / name
        if not exists(path):
            continue
        check_replaceable(path)
        if name == _SCENARIO and not _is_from_a_run(path):
            raise InputError(
                "the output folder",
                f"must be another than {str(folder)!r}, whose {name} is not from an earlier run; move or rename"
                " it to write there",
            )
        if name != _SCENARIO and any(exists(one) and path.samefile(one) for one in inputs):
            raise InputError(
                "the output folder", f"must be another than {str(folder)!r}, whose {name} is an input"
            )


def save_numbers(dataset: xarray.Dataset, folder: Path, *, name: str = "results") -> list[Path]:
    """Write data set, records, both under a name, and scenario into a folder; return the files."""
    ensure_writable(folder)
    check_folder(folder)
    files = [folder / file for file in (f"{name}.nc", f"{name}.csv", _SCENARIO)]
    if dataset.encoding.get("source") != str(files[0]):
        with atomic_write(files[0]) as new, open_for_hdf5(new) as raw:
            write_netcdf(dataset, raw)
    if dataset["status"].size <= MOST_ROWS:
        with atomic_write(files[1]) as new:
            write_records(list_records(dataset), new)
    else:
        files.pop(1).unlink(missing_ok=True)
    with atomic_write(files[-1]) as new:
        new.write_text(MARK + dataset.attrs["scenario"], encoding="utf-8")
    return files


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
