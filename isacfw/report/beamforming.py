"""Results of beamforming on drawn channels: means with standard errors, as records, table and figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from ..base.numbers import FloatArray
from .drawn import PER_CHANNEL, DrawnResults, count_failures, least_of, mean_and_error
from .drawn_file import VariableTable
from .legend import add_legend
from .record_table import RecordTable
from .style import COLOURS, LINES, MARKERS
from .table import duration

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray

_AXES = ("beamformer", "sinr_db", *PER_CHANNEL)
VARIABLES: VariableTable = {
    "crb": (_AXES, "", "CRB that is minimised"),
    "bound": (_AXES, "", "Certified lower bound of the CRB"),
    "gap": (_AXES, "", "Certified gap"),
    "power": (_AXES, "", "Power of all beams relative to the noise"),
    "violation": (_AXES, "", "Largest relative violation"),
    "feasible": (_AXES, "", "Whether targets and power are met"),
    "seconds": (_AXES, "", "Wall time in s"),
    "status": (_AXES, "", "Status"),
    "message": (_AXES, "", "Message"),
}


@attrs.frozen(kw_only=True, eq=False, repr=False)
class BeamformingResults(DrawnResults):
    """Results of beamformers on channels, all of them on the same ones.

    Parameters
    ----------
    dataset : xarray.Dataset
        Variables over beamformer, SINR target, drop and draw, see :meth:`records`, and their attributes.
    """

    name: ClassVar[str] = "beamforming"
    variables: ClassVar[VariableTable] = VARIABLES
    words: ClassVar[tuple[str, ...]] = ("beamformer",)

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

    def lines(self) -> RecordTable:
        """Return the table of :meth:`records`."""
        return record_table(self.records(), self.dataset.attrs)

    def verdict(self) -> tuple[str, ...]:
        """Return which beamformers have the least CRB, and what failed, in sentences."""
        points = self.dataset.attrs["sensed"] == "points"
        name, what = ("root_crb_deg", "root CRB") if points else ("crb", "CRB")
        named = {"name": name, "unit": "°" if points else "", "total": "channels"}
        found, records = [], self.records()
        for target in self.dataset["sinr_db"].to_numpy():
            own = [one for one in records if np.array_equal(one["sinr_db"], target, equal_nan=True)]
            aim = f"SINR targets of {target:g} dB" if np.isfinite(target) else "the given SINR targets"
            found.append(least_of(own, start=f"For {aim}, the least {what} is", titles=("beamformer",), **named))
        return *found, count_failures(records, "channels")

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
        handles, labels = axes.get_legend_handles_labels()
        add_legend(figure, dict(zip(labels, handles, strict=True)))
        return figure


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
