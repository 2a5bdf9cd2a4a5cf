"""Comparisons of allocators: a labelled data set, its records, table, figures and files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ..base.progress import Progress
from ..base.services import service
from ..results.open import open_results
from .records import list_records

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas
    import xarray

    from .difference import Difference


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Comparison:
    """A comparison of allocators.

    Parameters
    ----------
    dataset : xarray.Dataset
        Labelled results over precoder, beam (if there are several), allocator, every axis of the sweep and drop;
        rates and gamma also over users. An axis has the name of its first path; paths that move with it are
        coordinates along it. Units are in the attributes of the variables; scenario, seed and
        versions in those of the data set. Select drops by a mapping, ``dataset.sel({"drop": 0})``: xarray's
        methods have an argument called `drop`. A study with ``summary_only`` has statistics instead of drops:
        ``dataset["sum_rate"].sel(statistic="mean")``.
    """

    dataset: xarray.Dataset

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Comparison:
        """Return the comparison in a file ``results.nc``, or in its folder, written by :meth:`save`.

        Raises
        ------
        InputError
            If the file cannot be read, or holds no results.
        """
        file = Path(path)
        return cls(dataset=open_results(file / "results.nc" if file.is_dir() else file))

    def records(self) -> list[dict[str, Any]]:
        """Return one plain record per precoder, beam, allocator, sweep point and drop; None for a missing number.

        Beams are named if there are several. A study with ``summary_only`` has a record of statistics per sweep
        point, precoder, beam and allocator.
        """
        return list_records(self.dataset)

    def to_json(self) -> str:
        """Return the records as a JSON array, a record per line."""
        lines = ",\n".join(json.dumps(record, allow_nan=False) for record in self.records())
        return f"[\n{lines}\n]"

    @property
    def failed(self) -> bool:
        """Whether any allocation failed or exceeded its time limit."""
        from .kept import has_failures

        return has_failures(self.dataset)

    def table(self) -> pandas.DataFrame:
        """Return a summary over the drops: a row per sweep point, precoder, beam (if several) and allocator.

        Columns: mean objective and the half-width of its 95 % interval, mean distance to the best feasible
        allocator in per cent, mean requirements and their limits, counts of solved drops and of those within the
        limits, whether the allocator is the best, statuses, and the median time.
        """
        from .kept import summary

        return summary(self.dataset)

    def statistics(self, quantity: str | None = None, *, below: float | None = None) -> pandas.DataFrame:
        """Return statistics of a quantity over the drops: a row per sweep point, precoder, beam and allocator.

        Columns: numbers of drops and of answers, mean with the half-width of its 95 % interval, 5 % quantile,
        median and 95 % quantile of the answers, and outage: the share of drops without a feasible answer, or
        worse than a threshold.

        Parameters
        ----------
        quantity : str, optional
            A number of each row of the results; the objective by default.
        below : float, optional
            Threshold of the outage; a value above it is worse where smaller ones are better.

        Raises
        ------
        InputError
            If the quantity is not known, or the threshold is no finite number.
        """
        from .statistics import statistics

        return statistics(self.dataset, quantity, below)

    def paired(self, reference: str | None = None, *, quantity: str | None = None) -> pandas.DataFrame:
        """Return mean differences from an allocator on the same drops, with their 95 % intervals.

        What the drops have in common cancels, so that a difference of 0.1 % can be told from none by 100 drops.
        Columns: number of drops in which both have an answer, mean difference, the half-width of its interval
        (paired Student's t), and both in per cent of the reference's mean over these drops.

        Parameters
        ----------
        reference : str, optional
            Allocator from which the others differ; the first by default.
        quantity : str, optional
            A number of each row of the results; the objective by default.

        Raises
        ------
        InputError
            If a name is not known, or there is one allocator alone.
        """
        from .statistics import paired_differences

        return paired_differences(self.dataset, reference, quantity)

    def plot(
        self,
        kind: str = "mean",
        *,
        x: str | None = None,
        reference: str | None = None,
        quantity: str | Iterable[str] | None = None,
        style: str = "screen",
        size: tuple[float, float] | None = None,
    ) -> dict[str, matplotlib.figure.Figure]:
        """Return a figure of the objective, of each group of requirements, and of each metric of the scenario.

        A panel for each combination of the swept keys that are not on the horizontal axis. Keys of the figures
        are ``"sum_rate"``, ``"crlb"`` and so on, or else ``"convergence"`` and ``"time"``; a figure has at most
        twelve panels, and further ones, up to ``"sum_rate-4"``, have the next. Notebooks show all of them.

        Parameters
        ----------
        kind : {"mean", "difference", "cdf", "box", "convergence", "time"}
            Means over the drops with 95 % intervals; mean differences from a reference on the same drops, with
            paired intervals; empirical distribution functions, or box plots, of the drops; the mean objective
            over the iterations; mean gaps to the best bound, or else to the best allocator, against median times.
        x : str, optional
            Swept key on the horizontal axis, or ``"allocator"``; by default the first key with several numeric
            values, or else the first with several values, or else the allocators.
        reference : str, optional
            Allocator from which the others differ; the first by default.
        quantity : str or iterable of str, optional
            Figures to draw instead of all: groups such as ``"crlb"``, or any number of the results, such as
            ``"seconds"``; for distributions also one of each user, such as ``"rates"``.
        style : {"screen", "paper-column", "paper-wide", "slides"}
            Widths and fonts: a column or both columns of a journal's page, or slides of 16:9.
        size : tuple of float, optional
            Width and height in inches instead of those of the style.

        Raises
        ------
        InputError
            If a name is not known, options exclude each other, or the size leaves no room for the panels.
        """
        from .figures import FigureOptions, comparison_figures
        from .notebook import Figures
        from .style import plain_text

        options = FigureOptions(kind=kind, x=x, reference=reference, quantity=quantity, style=style, size=size)
        with plain_text():
            return Figures(comparison_figures(self.dataset, options))

    def difference(self, other: Comparison, *, tolerance: float = 1e-9) -> Difference:
        """Return what differs from another comparison: scenario keys, versions, rows and numbers.

        Parameters
        ----------
        other : Comparison
            The other one.
        tolerance : float
            Relative difference up to which numbers count as equal.
        """
        from .difference import difference

        return difference(self.dataset, other.dataset, tolerance)

    def export(self, path: str | PathLike[str]) -> Path:
        """Write a file for other programs, in the format of its name, and return its path.

        Parameters
        ----------
        path : str or path
            ``.tex`` (booktabs) or ``.md`` for the summary over the drops; ``.csv`` for all allocations with one
            number in each cell; ``.mat`` for all variables with their axes and units.

        Raises
        ------
        InputError
            If the name ends in none of them, or the file cannot be written.
        """
        from .export import export

        return export(self.dataset, Path(path))

    def report(
        self,
        path: str | PathLike[str] = "report.html",
        *,
        others: Sequence[Comparison] = (),
        trust: bool = False,
    ) -> Path:
        """Write a report as a single HTML file that needs no others; return its path.

        Parameters
        ----------
        path : str or path
            The file, whose name ends in ``.html``.
        others : sequence of Comparison
            Comparisons to show side by side with this one, with their differences from it.
        trust : bool
            Whether to run the plugins, and to read the files, that results read from a file name.

        Raises
        ------
        InputError
            If the file cannot be written, or there are too many comparisons.
        """
        written: Path = service("write_report")([self, *others], path, trust=trust)
        return written

    def save(self, folder: str | PathLike[str], *, progress: Progress | None = None) -> list[Path]:
        """Write data set (NetCDF), records (CSV), scenario (TOML) and figures (PNG, PDF) into a folder.

        Figures of comparisons of other scenarios, which were written there before, are removed.

        Parameters
        ----------
        folder : str or path
            Folder to write to; created if necessary.
        progress : callable, optional
            Called with the numbers of written and of all files of figures.

        Returns
        -------
        list of Path
            The files in order of writing: numbers first.

        Raises
        ------
        InputError
            If the folder cannot be written.
        """
        from .files import save_figures
        from .folder import save_numbers
        from .stale import mark_figures

        files = save_numbers(self.dataset, Path(folder))
        with mark_figures(self.dataset, Path(folder)):
            return files + save_figures(self.plot(), Path(folder), progress)

    def __str__(self) -> str:
        from .table import render

        return render(self.dataset)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {size}" for name, size in self.dataset["status"].sizes.items())
        return f"<isacfw.Comparison {self.dataset.attrs['title']!r} ({sizes})>"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        from .notebook import comparison_html

        return comparison_html(self.dataset)
