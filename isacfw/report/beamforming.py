"""Results of beamforming on drawn channels: means with standard errors, as records, table and figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from ..allocation.status import Status
from ..base.files import atomic_write, ensure_writable, open_for_hdf5, write_netcdf
from ..base.numbers import FloatArray
from .files import save_figures
from .record_table import RecordTable
from .records import write_records
from .style import COLOURS, LINES, MARKERS
from .table import duration

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


@attrs.frozen(kw_only=True, eq=False, repr=False)
class BeamformingResults:
    """Results of beamformers on channels, all of them on the same ones.

    Parameters
    ----------
    dataset : xarray.Dataset
        Variables over beamformer, SINR target, drop and draw, see :meth:`records`, and their attributes.
    """

    dataset: xarray.Dataset

    @property
    def failed(self) -> bool:
        """Whether a beamformer failed or was stopped on a channel."""
        return bool(np.isin(self.dataset["status"].to_numpy(), FAILURES).any())

    def records(self) -> list[dict[str, Any]]:
        """Return a record for each SINR target and beamformer, over all channels.

        Returns
        -------
        list of dict
            `beamformer`; `sinr_db`; `channels` and `solved`, their numbers; `crb`, the mean over the solved
            ones, and `crb_standard_error`; for point targets `root_crb_deg`, the mean of the square root in
            degrees, and `root_crb_deg_standard_error`; `excess`, the mean over all channels of the CRB over the
            largest certified bound of any beamformer, minus 1, NaN unless all are solved; `gap`, the largest
            certified gap; `seconds`, the median time of a channel; `messages`, distinct ones of channels that
            are not solved.
        """
        data, found = self.dataset, []
        best = data["bound"].max("beamformer")
        for target in range(data.sizes["sinr_db"]):
            for part in range(data.sizes["beamformer"]):
                own = data.isel(sinr_db=target, beamformer=part).transpose(*PER_CHANNEL, ...)
                bound = best.isel(sinr_db=target).transpose(*PER_CHANNEL).to_numpy()
                found.append(self._record(own, bound))
        return found

    def _record(self, own: xarray.Dataset, bound: FloatArray) -> dict[str, Any]:
        solved = own["feasible"].to_numpy()
        crb = np.where(solved, own["crb"].to_numpy(), np.nan)
        mean, error = mean_and_error(crb)
        record: dict[str, Any] = {
            "beamformer": str(own["beamformer"].item()),
            "sinr_db": float(own["sinr_db"]),
            "channels": int(solved.size),
            "solved": int(solved.sum()),
            "crb": mean,
            "crb_standard_error": error,
        }
        if self.dataset.attrs["sensed"] == "points":
            root, deviation = mean_and_error(np.degrees(np.sqrt(crb)))
            record |= {"root_crb_deg": root, "root_crb_deg_standard_error": deviation}
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = float((crb / bound - 1).mean())
        gaps = own["gap"].to_numpy()[solved]
        return record | {
            "excess": excess if np.isfinite(excess) else np.nan,
            "gap": float(gaps.max()) if gaps.size else np.nan,
            "seconds": float(np.median(own["seconds"])),
            "messages": sorted({str(one) for one in own["message"].to_numpy()[~solved].flat}),
        }

    def table(self, width: int | None = None) -> str:
        """Return a table of :meth:`records` as text.

        Parameters
        ----------
        width : int, optional
            Largest width of a line; by default the table is as wide as it needs to be.
        """
        return self._lines().text(width)

    def _lines(self) -> RecordTable:
        return record_table(self.records(), self.dataset.attrs)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<isacfw.BeamformingResults {self.dataset.attrs['title']!r}>"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return self._lines().html()

    def plot(self) -> matplotlib.figure.Figure:
        """Return a figure of the mean CRB against the SINR target, with standard errors."""
        from .plain_figure import PlainFigure

        records, points = self.records(), self.dataset.attrs["sensed"] == "points"
        name = "root_crb_deg" if points else "crb"
        figure = PlainFigure(figsize=(4.6, 3.2), layout="constrained")
        axes = figure.subplots()
        for number, part in enumerate(self.dataset["beamformer"].to_numpy()):
            own = [one for one in records if one["beamformer"] == part and one["solved"] == one["channels"]]
            axes.errorbar(
                [one["sinr_db"] for one in own],
                [one[name] for one in own],
                yerr=np.nan_to_num([one[f"{name}_standard_error"] for one in own]),
                label=str(part),
                color=COLOURS[number % len(COLOURS)],
                marker=MARKERS[number % len(MARKERS)],
                linestyle=LINES[number % len(LINES)],
                markerfacecolor="none",
                capsize=2,
            )
        axes.set(xlabel="SINR target [dB]", ylabel="Root CRB [°]" if points else "CRB of the response")
        axes.grid(alpha=0.3)
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
        return figure

    def save(self, folder: Path) -> list[Path]:
        """Write data set, records and figure as ``beamforming.nc``, ``.csv``, ``.png`` and ``.pdf``."""
        ensure_writable(folder)
        files = [folder / "beamforming.nc", folder / "beamforming.csv"]
        with atomic_write(files[0]) as new, open_for_hdf5(new) as raw:
            write_netcdf(self.dataset, raw)
        with atomic_write(files[1]) as new:
            write_records(self.records(), new)
        return [*files, *save_figures({"beamforming": self.plot()}, folder)]


_HEADINGS = ("SINR ≥ dB", "beamformer", "root CRB °", "± s.e.", "excess %", "gap", "solved", "median time")


def record_table(records: list[dict[str, Any]], attributes: dict[str, Any]) -> RecordTable:
    """Return records of :class:`BeamformingResults` as a table."""
    points = attributes["sensed"] == "points"
    headings = [heading if points else heading.replace("root CRB °", "CRB") for heading in _HEADINGS]
    rows: list[list[str]] = []
    notes, last = [], None
    for one in records:
        name = "root_crb_deg" if points else "crb"
        partly = one["solved"] < one["channels"]
        rows.append(
            [
                "" if one["sinr_db"] == last else f"{one['sinr_db']:g}",
                one["beamformer"],
                _number(one[name], 6) + ("†" if partly and one["solved"] else ""),
                _number(one[f"{name}_standard_error"], 2),
                _percent(100 * one["excess"]),
                _gap(one["gap"]),
                f"{one['solved']}/{one['channels']}",
                duration(one["seconds"]),
            ]
        )
        last = one["sinr_db"]
        notes += [f"{one['beamformer']} at {one['sinr_db']:g} dB: {text}" for text in one["messages"][:1] if text]
    notes += ["excess: mean CRB above the largest certified bound; gap: largest certified gap of a channel"]
    if any(0 < one["solved"] < one["channels"] for one in records):
        notes.append("† mean over solved channels only; not comparable with the other rows")
    return RecordTable(title=attributes["title"], headings=headings, rows=rows, words=(1,), notes=notes)


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}g}" if np.isfinite(value) else "-"


def _percent(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:.3g}" if value >= 0.001 else "0"


def _gap(value: float) -> str:
    """Return a gap, or that it is certified as negligible, without digits that only rounding determines."""
    return "-" if not np.isfinite(value) else "≤ 1e-6" if value <= 1e-6 else f"{value:.2g}"
