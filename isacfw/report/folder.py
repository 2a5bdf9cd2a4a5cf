"""Folders of results: data set, records and scenario, which overwrite no file of the user."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import InputError
from ..base.files import atomic_write, check_replaceable, ensure_writable, open_for_hdf5, write_netcdf
from ..base.inputs import exists, read_file
from ..results.open import open_results
from .records import list_records, write_records

if TYPE_CHECKING:
    import xarray

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
