"""Results on drawn channels: what those of beamformers and of regimes have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs
import numpy as np

from ..allocation.status import Status
from ..base.files import atomic_write, ensure_writable, open_for_hdf5, write_netcdf
from ..base.numbers import FloatArray
from ..base.services import service
from .drawn_file import VariableTable, open_drawn
from .files import save_figures
from .record_table import RecordTable
from .records import write_records

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray

PER_CHANNEL = ("drop", "draw")
FAILURES = (Status.FAILED.value, Status.TIMED_OUT.value)


def mean_and_error(values: FloatArray) -> tuple[float, float]:
    """Return the mean over draws of channels, and its standard error; NaN where undefined.

    Parameters
    ----------
    values : ndarray, shape (drops, draws)
        Values, NaN where there is none. Draws of a drop have the same large-scale fading, so the error for
        several drops is that of the means of drops.
    """
    groups = [row[np.isfinite(row)] for row in values]
    groups = [row for row in groups if len(row)]
    if not groups:
        return np.nan, np.nan
    sample = groups[0] if len(values) == 1 else np.array([row.mean() for row in groups])
    error = sample.std(ddof=1) / np.sqrt(len(sample)) if len(sample) > 1 else np.nan
    return float(sample.mean()), float(error)


def least_of(
    records: Sequence[dict[str, Any]], *, name: str, titles: Sequence[str], total: str, start: str, unit: str
) -> str:
    """Return which of some records has the least mean over all draws, in a sentence with a given start."""
    whole = [one for one in records if one["solved"] == one[total] and np.isfinite(one[name])]
    if not whole:
        return f"{start} unknown: none has a result in all {total}."
    best = min(whole, key=lambda one: one[name])
    first, *more = (str(best[title]) for title in titles)
    return f"{start} {best[name]:.5g}{unit}, of {first}{f' ({more[0]})' if more else ''}."


def count_failures(records: Sequence[dict[str, Any]], total: str) -> str:
    """Return how many draws have no result, in a sentence."""
    missing = sum(one[total] - one["solved"] for one in records)
    every = sum(one[total] for one in records)
    return f"Without a result: {missing} of {every}." if missing else f"All {every} {total} have a result."


@attrs.frozen(kw_only=True, eq=False, repr=False)
class DrawnResults(ABC):
    """Results on drawn channels.

    Parameters
    ----------
    dataset : xarray.Dataset
        Variables over drop, draw and further axes, see :meth:`records`, and their attributes.
    """

    dataset: xarray.Dataset

    name: ClassVar[str]
    """Name of the command, and of the files."""

    variables: ClassVar[VariableTable]
    """Variables of the data set."""

    words: ClassVar[tuple[str, ...]]
    """Coordinates that are text."""

    @property
    def failed(self) -> bool:
        """Whether an allocator or a beamformer failed or was stopped."""
        return bool(np.isin(self.dataset["status"].to_numpy(), FAILURES).any())

    @abstractmethod
    def records(self) -> list[dict[str, Any]]:
        """Return a record of means for each row of the table."""

    @abstractmethod
    def plot(self) -> matplotlib.figure.Figure:
        """Return a figure of the means."""

    @abstractmethod
    def verdict(self) -> tuple[str, ...]:
        """Return what is best, and what failed, in sentences."""

    @abstractmethod
    def lines(self) -> RecordTable:
        """Return the table of :meth:`records`."""

    def table(self, width: int | None = None) -> str:
        """Return a table of :meth:`records` as text.

        Parameters
        ----------
        width : int, optional
            Largest width of a line; by default the table is as wide as it needs to be.
        """
        return self.lines().text(width)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<isacfw.{type(self).__name__} {self.dataset.attrs['title']!r}>"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return self.lines().html()

    def save(self, folder: str | PathLike[str]) -> list[Path]:
        """Write data set (NetCDF), records (CSV) and figure (PNG, PDF) into a folder; return the files."""
        folder = Path(folder)
        ensure_writable(folder)
        files = [folder / f"{self.name}.nc", folder / f"{self.name}.csv"]
        with atomic_write(files[0]) as new, open_for_hdf5(new) as raw:
            write_netcdf(self.dataset, raw)
        with atomic_write(files[1]) as new:
            write_records(self.records(), new)
        return [*files, *save_figures({self.name: self.plot()}, folder)]

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Return the results in a file written by :meth:`save`, or in its folder.

        Raises
        ------
        InputError
            If the file cannot be read, or holds no such results.
        """
        file = Path(path)
        file = file / f"{cls.name}.nc" if file.is_dir() else file
        return cls(dataset=open_drawn(file, cls.name, cls.variables, cls.words))

    def report(self, path: str | PathLike[str] = "report.html", *, trust: bool = False) -> Path:
        """Write a report as a single HTML file that needs no others; return its path.

        Parameters
        ----------
        path : str or path
            The file, whose name ends in ``.html``.
        trust : bool
            Whether to run the plugins, and to read the files, that results read from a file name.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        written: Path = service("write_report")(self, path, trust=trust)
        return written
