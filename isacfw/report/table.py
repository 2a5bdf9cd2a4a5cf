"""Tables produced from a comparison."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..allocation.status import Status
from ..base.progress import Progress
from ..results.schema import has_drops
from .batch_note import batch_notes
from .kept import count_drops, summary
from .places import labels_of, name_place, swept_paths
from .precision import precision_note
from .summary import Columns, blocks_of, owes_to_tolerance
from .text_lines import text_cell
from .text_table import Column, TextTable, write_parts

if TYPE_CHECKING:
    import xarray
    from rich.text import Text


SMALL = 0.01
"""Magnitude below which values are shown with significant digits."""

OPEN_GAP = 1e-3
"""Gap in per cent above which a best answer is not shown as proved optimal."""

MOST_NAMED = 24
"""Width down to which names in a table are folded before it is split."""


def duration(seconds: float) -> str:
    """Format a duration for display: ``"12 µs"``, ``"3.4 ms"``, ``"2.1 s"``."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return "-" if seconds == 0 else f"{seconds * 1e9:.3g} ns"


def _percent(distance: float) -> str:
    if not np.isfinite(distance):
        return "-"
    return f"{distance:+.3f}" if abs(distance) >= 0.0005 else "0.000"


def _limit(row: Any, bounds: Sequence[tuple[str, str]]) -> Text:
    """Return the cell of a requirement; of several targets the worst, or its distance to the limit if any."""
    known = [(row[name], row[limit]) for name, limit in bounds if np.isfinite(row[name])]
    if not known:
        return text_cell("-")
    broken = any(value > limit + 1e-5 for value, limit in known)
    values = [value for value, _ in known]
    if _by_margin(row, bounds):
        values = [value - limit for value, limit in known if np.isfinite(limit)]
    # Avoid a negative zero, which results from the tolerance of a solver.
    return text_cell(f"{max(values, default=np.nan) + 0.0:.2f}".replace("-0.00", "0.00"), "red" if broken else "")


def _by_margin(row: Any, bounds: Sequence[tuple[str, str]]) -> bool:
    """Return whether the values of several targets are shown as distances to the limits."""
    return len(bounds) > 1 and any(np.isfinite(row[limit]) for _, limit in bounds)


def _headings(frame: Any, columns: Columns) -> Iterator[str]:
    for heading, own in columns.worst.items():
        limits = np.unique([frame[limit] for _, limit in own])
        if len(own) > 1:
            to_limit = "to limit" if np.isfinite(limits).any() else ""
            yield f"worst {heading}\n{to_limit}"
        else:
            bound = f"≤ {limits[0]:g}" if len(limits) == 1 and np.isfinite(limits[0]) else ""
            yield f"{heading}\n{bound}"


def _table(frame: Any, columns: Columns) -> TextTable:
    """Return the table of one sweep point: its precoders, one below the other."""
    blocks = [name for name in ("precoder", "beam") if name in frame.index.names]
    gaps = _open_gaps(frame)
    headings = [
        "\n\nallocator",
        columns.headings[columns.objective],
        "\nto best\n%",
        *(["\ngap ≤\n%"] if gaps else []),
        *_headings(frame, columns),
        *(columns.headings[name] for name in columns.metrics),
        "\nwithin\nlimits",
        "\n\nstatus",
        "\nmedian\ntime",
    ]
    rows: list[list[Text]] = []
    sections = {}
    for names, group in frame.groupby(level=_levels(blocks), sort=False):
        sections[len(rows)] = _block_name(names)
        rows += [list(_cells_of(str(index[-1]), row, columns, gaps=gaps)) for index, row in group.iterrows()]
    cells = list(zip(*rows, strict=True))
    statuses = [piece for one in cells[-2] for piece in one.plain.split(", ")]
    words = {0: MOST_NAMED, len(headings) - 2: 1 + max(map(len, statuses))}
    return TextTable(
        columns=[
            Column(heading=heading, cells=own, words=number in words, least=words.get(number, 0))
            for number, (heading, own) in enumerate(zip(headings, cells, strict=True))
        ],
        sections=sections,
    )


def _open_gaps(frame: Any) -> bool:
    """Return whether some best answer is not proved optimal, and has a bound."""
    return bool((frame["gap_percent"][frame["best"]] > OPEN_GAP).any())


def _levels(names: list[str]) -> list[str] | str:
    """Return levels to group by; pandas 2 warns of a list of one."""
    return names[0] if len(names) == 1 else names


def _block_name(names: Any) -> str:
    """Return the title of a block of rows: ``"mrt"``, or ``"mrt, difference"`` if beams are compared."""
    return ", ".join(map(str, names)) if isinstance(names, tuple) else str(names)


def _cells_of(allocator: str, row: Any, columns: Columns, *, gaps: bool) -> Iterator[Text]:
    """Yield the cells of one allocator."""
    answered = row["answered"] > 0
    mean, half_width = row[columns.objective], row[f"{columns.objective}_ci95"]
    small = 0 < abs(mean) < SMALL
    interval = f" ± {half_width:{'.2g' if small else '.2f'}}" if np.isfinite(half_width) else ""
    broken = row["within_limits"] < row["answered"]
    dagger = " †" if answered and row["answered"] < row["drops"] else ""
    dagger += " ‡" if answered and broken and row["drops"] > 1 else ""
    broken_down = not {Status.FAILED, Status.TIMED_OUT}.isdisjoint(re.findall(r"[a-z_]+", row["status"]))
    yield text_cell(f"  {allocator}{' ★' if row['best'] else ''}", "green" if row["best"] else "")
    yield text_cell(f"{mean:{'.4g' if small else '.4f'}}{interval}{dagger}" if answered else "-")
    yield text_cell(_percent(row["distance_to_best_percent"]) if answered else "-")
    if gaps:
        yield text_cell(_percent(row["gap_percent"]) if answered else "-")
    for own in columns.worst.values():
        yield _limit(row, own)
    for name in columns.metrics:
        yield text_cell(f"{row[name]:.5g}" if np.isfinite(row[name]) else "-")
    yield text_cell(f"{row['within_limits']}/{row['drops']}", "red" if broken else "")
    yield text_cell(row["status"].replace("locally_optimal", "local"), "red" if broken_down else "")
    yield text_cell(duration(row["seconds_median"]))


def _requirement_line(frame: Any, margin: str) -> str:
    """Return for which allocators a requirement binds, and which violate it, with numbers of drops."""
    totals = frame.groupby(level="allocator", sort=False)[
        [f"{margin}_binding", f"{margin}_violated", "answered"]
    ].sum()
    parts = []
    for word, column in (("binds for", "binding"), ("violated by", "violated")):
        named = [
            f"{name} ({int(row[f'{margin}_{column}'])}/{int(row['answered'])})"
            for name, row in totals.iterrows()
            if row[f"{margin}_{column}"]
        ]
        parts += [f"{word} {', '.join(named)}"] if named else []
    return f"{margin.removeprefix('margin_')}: {'; '.join(parts) or 'not binding'}"


def _power_lines(frame: Any, blocks: Sequence[str], margins: Sequence[str]) -> Iterator[str]:
    """Yield a line for each allocator whose answers are infeasible although they meet all requirements."""
    unmet = frame[[f"{margin}_violated" for margin in margins]].sum(axis=1)
    broken = frame[(frame["within_limits"] < frame["answered"]) & (unmet == 0)].reset_index()
    for (*names, allocator), group in broken.groupby([*blocks, "allocator"], sort=False):
        count, drops = int((group["answered"] - group["within_limits"]).sum()), int(group["drops"].sum())
        yield f"{allocator} on {_block_name(tuple(names))} violated the power budget in {count} of {drops} drops"


def _legend(frame: Any, objective: str) -> Iterator[str]:
    """Yield what signs and words in the tables mean."""
    if frame["best"].any():
        yield f"★ best mean {objective} for this precoder among feasible allocators (ties within 1e-6)"
    if frame["status"].str.contains("locally_optimal").any():
        yield "local: reported by the allocator as locally optimal, and verified to first order"
    if (frame["drops"] > 1).any():
        yield "± half-width of the 95 % interval of the mean over the drops (Student's t)"
    if ((frame["answered"] > 0) & (frame["answered"] < frame["drops"])).any():
        yield "† mean over solved drops only; not comparable with the other rows"
    if ((frame["within_limits"] < frame["answered"]) & (frame["drops"] > 1)).any():
        yield "‡ mean with infeasible drops; not comparable with the other rows"
    if _open_gaps(frame):
        yield "gap: distance to the best bound that any allocator found, in per cent of the value at most"


def _findings(frame: Any, blocks: Sequence[str], margins: Sequence[str]) -> Iterator[str]:
    """Yield which requirements bind, and what is violated."""
    for margin in margins if (frame["answered"] > 0).any() else ():
        yield _requirement_line(frame, margin)
    yield from _power_lines(frame, blocks, margins)


def _messages(frame: Any, blocks: Sequence[str], where: Callable[[Any], str]) -> Iterator[str]:
    """Yield the messages of unsolved drops, alike ones together."""
    silent = frame[(frame["answered"] < frame["drops"]) & (frame["message"] != "")].reset_index()
    for (*names, message), group in silent.groupby([*blocks, "message"], sort=False):
        who = ", ".join(dict.fromkeys(group["allocator"]))
        yield f"{who} on {_block_name(tuple(names))}{where(group)}: {message}"


def _where(points: Any, sweep: Sequence[str], labels: Mapping[str, Any], group: Any) -> str:
    """Return at which points of a sweep a message was given, as part of a sentence; empty if at all of them."""
    own = group[list(sweep)].drop_duplicates() if sweep else points
    if len(own) == len(points):
        return ""
    if len(own) > 1:
        return f" at {len(own)} of {len(points)} points"
    return f" at {name_place(dict(own.iloc[0]), labels)}"


def _parts(dataset: xarray.Dataset, progress: Progress | None) -> Iterator[Text | TextTable]:
    """Yield the title, the tables and the notes of a comparison."""
    frame = summary(dataset, progress)
    drops = count_drops(dataset)
    title, seed = dataset.attrs["title"], dataset.attrs["seed"]
    yield text_cell(f"{title}: {drops} drop{'s' * (drops > 1)}, seed {seed}", "bold")
    sweep, labels = swept_paths(dataset), labels_of(dataset)
    columns = Columns.of(dataset)
    groups = frame.groupby(level=_levels(sweep), sort=False) if sweep else [((), frame)]
    for values, group in groups:
        place = dict(zip(sweep, values if isinstance(values, tuple) else (values,), strict=True))
        if place:
            yield text_cell(name_place(place, labels), "italic")
        yield _table(group, columns)
    for note in notes_of(dataset, frame):
        yield text_cell(note)


def notes_of(dataset: xarray.Dataset, frame: Any, *, messages: bool = True) -> Iterator[str]:
    """Yield the notes of a comparison and its summary: legend, requirements, messages, budget, assumptions."""
    sweep, columns = swept_paths(dataset), Columns.of(dataset)
    label = dataset[columns.objective].attrs["long_name"] or columns.objective
    objective = label[:1].lower() + label[1:]
    yield from _legend(frame, objective)
    yield from batch_notes(dataset)
    if owes_to_tolerance(frame, columns):
        yield "the best differ by the tolerance of the limits: values beyond a proved bound count as the bound"
    yield from _findings(frame, blocks_of(dataset), columns.margins)
    if "until" in dataset.attrs:
        yield precision_note(dataset)
    if not has_drops(dataset):
        yield f"no drops were kept: {dataset.attrs['accuracy']}"
    if messages:
        points = frame.reset_index()[sweep].drop_duplicates() if sweep else frame.iloc[:1]
        yield from _messages(frame, blocks_of(dataset), partial(_where, points, sweep, labels_of(dataset)))
    yield from _budget_notes(dataset)
    yield from json.loads(dataset.attrs.get("assumptions", "[]"))


def _budget_notes(dataset: xarray.Dataset) -> Iterator[str]:
    """Yield a line with what the link budget determines, if there is one, and its range over the sweep."""
    if "user_noise_dbm" not in dataset:
        return

    def of(name: str, digits: str) -> str:
        values = dataset[name].to_numpy()
        ends = list(dict.fromkeys(format(value, digits) for value in (values.min(), values.max())))
        return " to ".join(ends)

    amplitudes = [str(name) for name in dataset.data_vars if str(name).startswith("reflection_amplitude")]
    reflection = ", ".join(of(name, ".3g") for name in amplitudes)
    user, station = of("user_noise_dbm", ".2f"), of("station_noise_dbm", ".2f")
    yield (
        f"link budget: SNR {of('power_db', '.2f')} dB at unit path gain, noise {user} dBm at a user and"
        f" {station} dBm at the base station, reflection amplitude {reflection}"
    )


def render(
    dataset: xarray.Dataset,
    *,
    colour: bool = False,
    width: int | None = None,
    progress: Progress | None = None,
) -> str:
    """Return the tables as text.

    Parameters
    ----------
    dataset : xarray.Dataset
        Results.
    colour : bool
        Whether to use the colours of a terminal.
    width : int, optional
        Largest width of a line; by default tables are as wide as they need to be.
    progress : callable, optional
        Called with the numbers of completed and of all rows.
    """
    return write_parts(_parts(dataset, progress), width, colour=colour)
