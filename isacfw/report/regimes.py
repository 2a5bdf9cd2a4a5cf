"""Results of regimes on drawn channels: means with standard errors, as records, table and figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from ..base.numbers import FloatArray
from .drawn import PER_CHANNEL, DrawnResults, count_failures, least_of, mean_and_error
from .drawn_file import VariableTable
from .legend import add_legend
from .record_table import RecordTable
from .style import COLOURS, MARKERS
from .table import duration

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray
    from matplotlib.axes import Axes

LOW = 0.05
"""Share of users and draws with a rate below the low rate."""

_DRAWS = ("design", "rate", *PER_CHANNEL)
VARIABLES: VariableTable = {
    "crb": (_DRAWS, "rad^2", "Sum of the CRLBs for the covariance of the draw"),
    "user_rate": ((*_DRAWS, "user"), "bit/s/Hz", "Instantaneous rate"),
    "power": (_DRAWS, "1", "Power relative to the budget"),
    "solved": (_DRAWS, "", "Whether there are beams"),
    "seconds": (_DRAWS, "s", "Wall time of the draw"),
    "planned_crb": (_DRAWS[:3], "rad^2", "Sum of the CRLBs for the mean covariance"),
    "drop_seconds": (_DRAWS[:3], "s", "Wall time once for all draws of the drop"),
    "status": (_DRAWS, "", "Status"),
    "message": (_DRAWS, "", "Message"),
}

_LINES = {"statistics": ":", "estimates": "--", "channels": "-"}


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RegimeResults(DrawnResults):
    r"""Results of allocations and beamformers on the same draws of the fading.

    Parameters
    ----------
    dataset : xarray.Dataset
        Variables over design, rate, drop and draw, see :meth:`records`, and their attributes.

    Notes
    -----
    In each draw, :math:`R_x = F F^H` of all beams F gives the CRLBs, and the rates are :math:`\bar\tau \log_2(1 +
    SINR_k)` with its channels, whatever a design knows of them.
    """

    name: ClassVar[str] = "regimes"
    variables: ClassVar[VariableTable] = VARIABLES
    words: ClassVar[tuple[str, ...]] = ("design", "title", "knows")

    def records(self) -> list[dict[str, Any]]:
        """Return a record for each rate and design, over all draws.

        Returns
        -------
        list of dict
            `title` and `knows`, the design; `target`, the least rate; `draws` and `solved`, their numbers, the
            means being over the solved ones; `rate`, that of the user with the lowest mean rate of a drop, in
            bit/s/Hz, and `rate_standard_error`; `low_rate`, which 95 % of all users and draws exceed;
            `root_crb_deg`, the mean of the root of the sum of CRLBs in degrees, and
            `root_crb_deg_standard_error`; `planned_root_crb_deg`, that for the mean covariance of an allocation;
            `power`, relative to the budget; `drop_seconds` and `draw_seconds`, medians; `messages`, distinct ones
            of draws that are not solved.
        """
        data, found = self.dataset, []
        for target in range(data.sizes["rate"]):
            for design in range(data.sizes["design"]):
                own = data.isel(rate=target, design=design).transpose(*PER_CHANNEL, "user", ...)
                found.append(_record(own))
        return found

    def lines(self) -> RecordTable:
        """Return the table of :meth:`records`."""
        return _record_table(self.records(), self.dataset.attrs["title"])

    def verdict(self) -> tuple[str, ...]:
        """Return which designs have the least CRLBs, and what failed, in sentences."""
        found, records = [], self.records()
        for target in dict.fromkeys(one["target"] for one in records):
            start = f"For least rates of {target:g} bit/s/Hz, the least root CRB is"
            own = [one for one in records if one["target"] == target]
            named = {"name": "root_crb_deg", "unit": "°", "total": "draws"}
            found.append(least_of(own, start=start, titles=("title", "knows"), **named))
        return *found, count_failures(records, "draws")

    def plot(self) -> matplotlib.figure.Figure:
        """Return a figure of the CRLBs against the mean rate of the weakest user, and against the low rate.

        Points where a draw is not solved are left out.
        """
        from .plain_figure import PlainFigure

        figure = PlainFigure(figsize=(7.2, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        records, data = self.records(), self.dataset
        titles = list(dict.fromkeys(map(str, data["title"].to_numpy())))
        for title, knows in zip(data["title"].to_numpy(), data["knows"].to_numpy(), strict=True):
            own = [one for one in records if (one["title"], one["knows"]) == (title, knows)]
            own = [one for one in own if one["solved"] == one["draws"]]
            style = _style(titles.index(str(title)), str(knows)) | {"label": f"{title} ({knows})"}
            roots = [one["root_crb_deg"] for one in own]
            errors = np.nan_to_num([one["root_crb_deg_standard_error"] for one in own])
            spread = np.nan_to_num([one["rate_standard_error"] for one in own])
            left.errorbar([one["rate"] for one in own], roots, xerr=spread, yerr=errors, **style)
            right.errorbar([one["low_rate"] for one in own], roots, yerr=errors, **style)
        left.set(xlabel="Mean rate of the weakest user [bit/s/Hz]", ylabel="Root of the sum of CRLBs [°]")
        right.set(xlabel=f"Rate in {100 * (1 - LOW):g} % of users and draws [bit/s/Hz]")
        _finish(figure, left, right)
        return figure


def _style(number: int, knows: str) -> dict[str, Any]:
    """Return the style of a design: colour and marker by its number, line by what it knows."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "markersize": 5,
        "markerfacecolor": "none",
        "linestyle": _LINES.get(knows, "-."),
        "linewidth": 1.2,
        "capsize": 2,
    }


def _finish(figure: matplotlib.figure.Figure, left: Axes, right: Axes) -> None:
    """Give the axes a logarithmic scale with plain numbers, and the figure a legend."""
    from matplotlib import rc_context
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    left.set_yscale("log")
    left.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 4, 6)))
    left.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    left.yaxis.set_minor_formatter(NullFormatter())
    for axes in (left, right):
        axes.grid(alpha=0.3)
    handles, labels = left.get_legend_handles_labels()
    # Designs differ by their lines alone where they know different things.
    with rc_context({"legend.handlelength": 3.5}):
        add_legend(figure, dict(zip(labels, handles, strict=True)))


def _record(own: xarray.Dataset) -> dict[str, Any]:
    """Return the record of a design at a rate, from its data over drop and draw."""
    solved, target = own["solved"].to_numpy(), float(own["rate"])
    rates = np.where(solved[..., None], own["user_rate"].to_numpy(), np.nan)
    root = np.degrees(np.sqrt(np.where(solved, own["crb"].to_numpy(), np.nan)))
    rate, rate_error = mean_and_error(_weakest(rates))
    crb, crb_error = mean_and_error(root)
    known = np.isfinite(rates)
    planned, _ = mean_and_error(np.degrees(np.sqrt(own["planned_crb"].to_numpy()))[:, None])
    low = np.quantile(rates[known], LOW) if known.any() else np.nan
    return {
        "title": str(own["title"].item()),
        "knows": str(own["knows"].item()),
        "target": target,
        "draws": int(solved.size),
        "solved": int(solved.sum()),
        "rate": rate,
        "rate_standard_error": rate_error,
        "low_rate": float(low),
        "root_crb_deg": crb,
        "root_crb_deg_standard_error": crb_error,
        "planned_root_crb_deg": planned,
        "power": mean_and_error(np.where(solved, own["power"].to_numpy(), np.nan))[0],
        "drop_seconds": float(np.median(own["drop_seconds"])),
        "draw_seconds": float(np.median(own["seconds"])),
        "messages": sorted({str(one) for one in own["message"].to_numpy()[~solved].flat}),
    }


def _weakest(rates: FloatArray) -> FloatArray:
    """Return the rates in all draws of each drop's user with the lowest mean rate; (drops, draws)."""
    found = np.full(rates.shape[:2], np.nan)
    for own, drop in zip(found, rates, strict=True):
        kept = np.isfinite(drop).all(axis=-1)
        if kept.any():
            own[:] = drop[:, drop[kept].mean(axis=0).argmin()]
    return found


_HEADINGS = (
    *("rate ≥", "design", "knows", "rate", "± s.e.", "in 95 %", "root CRB °", "± s.e.", "mean R °", "power"),
    *("solved", "per drop", "per draw"),
)
_LEFT = (1, 2)


def _record_table(records: list[dict[str, Any]], title: str) -> RecordTable:
    """Return records of :class:`RegimeResults` as a table."""
    rows: list[list[str]] = []
    notes, last = [], None
    for one in records:
        partly = one["solved"] < one["draws"]
        rows.append(
            [
                "" if one["target"] == last else f"{one['target']:g}",
                one["title"],
                one["knows"],
                _number(one["rate"], 3) + ("†" if partly and one["solved"] else ""),
                _number(one["rate_standard_error"], 3),
                _number(one["low_rate"], 3),
                _digits(one["root_crb_deg"], 5),
                _digits(one["root_crb_deg_standard_error"], 2),
                _digits(one["planned_root_crb_deg"], 5),
                _number(one["power"], 3),
                f"{one['solved']}/{one['draws']}",
                duration(one["drop_seconds"]) if one["drop_seconds"] else "-",
                duration(one["draw_seconds"]),
            ]
        )
        last = one["target"]
        place = f"{one['title']} ({one['knows']}) at {one['target']:g}"
        notes += [f"{place}: {text}" for text in one["messages"][:1] if text]
    notes += [
        "rate: mean of the weakest user, in bit/s/Hz; in 95 %: what 95 % of users and draws exceed",
        "root CRB: mean over draws; mean R: of the mean covariance, which the allocation minimises",
    ]
    if any(0 < one["solved"] < one["draws"] for one in records):
        notes.append("† means over solved draws only; not comparable with the other rows")
    return RecordTable(title=title, headings=_HEADINGS, rows=rows, words=_LEFT, notes=notes)


def _number(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if np.isfinite(value) else "-"


def _digits(value: float, digits: int) -> str:
    return f"{value:.{digits}g}" if np.isfinite(value) else "-"
