"""Files of a comparison: data set, records, scenario and figures."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.files import for_hdf5, replacing, writable, write_netcdf
from ..base.progress import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .comparison import Comparison


MOST_ROWS = 100_000
"""Number of rows up to which results are also written as records, for programs that read no NetCDF."""


def save(comparison: Comparison, folder: Path, progress: Progress | None = None) -> list[Path]:
    """Write the files of :meth:`isacfw.Comparison.save`."""
    writable(folder)
    files = [folder / name for name in ("results.nc", "results.csv", "scenario.toml")]
    if comparison.dataset.encoding.get("source") != str(files[0]):
        with replacing(files[0]) as new, for_hdf5(new) as raw:
            write_netcdf(comparison.dataset, raw)
    if comparison.dataset["status"].size <= MOST_ROWS:
        with replacing(files[1]) as new:
            _write_csv(comparison, new)
    else:
        files.pop(1).unlink(missing_ok=True)
    with replacing(files[-1]) as new:
        new.write_text(comparison.dataset.attrs["scenario"], encoding="utf-8")
    return files + save_figures(comparison.plot(), folder, progress)


def save_figures(figures: Mapping[str, Figure], folder: Path, progress: Progress | None = None) -> list[Path]:
    """Write figures, named by their titles, as PNG and PDF into a folder; return the files."""
    files: list[Path] = []
    for name, figure in figures.items():
        for suffix in ("png", "pdf"):
            files.append(folder / f"{name}.{suffix}")
            with replacing(files[-1]) as new:
                figure.savefig(new, dpi=200)
            if progress is not None:
                progress(len(files), 2 * len(figures))
    return files


def _write_csv(comparison: Comparison, path: Path) -> None:
    """Write the records, a list in a cell as JSON."""
    records = comparison.records()
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(records[0]))
        writer.writeheader()
        for record in records:
            writer.writerow(
                {key: json.dumps(value) if isinstance(value, list) else value for key, value in record.items()}
            )
