"""Tables and files produced from a comparison."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from .base.files import for_hdf5, replacing, writable, write_netcdf
from .base.numbers import FloatArray
from .base.progress import Progress
from .results.schema import roles_in

if TYPE_CHECKING:
    import pandas
    import xarray
    from matplotlib.figure import Figure
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from .comparison import Comparison

CONFIDENCE = 0.95
TIE = 1e-6
MOST_NAMED = 24
"""Width up to which names in a table are not folded."""
MOST_ROWS = 100_000
"""Number of rows up to which results are also written as records, for programs that read no NetCDF."""


def mean_and_interval(values: FloatArray) -> tuple[float, float]:
    """Return the mean of a sample and the half-width of its 95 % interval (Student's t); NaN where undefined.

    Parameters
    ----------
    values : ndarray, shape (n,)
        A sample, NaN for a missing value.
    """
    from scipy.special import stdtrit

    sample = values[np.isfinite(values)]
    if len(sample) == 0:
        return np.nan, np.nan
    if len(sample) == 1:
        return float(sample[0]), np.nan
    quantile = stdtrit(len(sample) - 1, (1 + CONFIDENCE) / 2)
    return float(sample.mean()), float(quantile * sample.std(ddof=1) / np.sqrt(len(sample)))


def sweep_of(dataset: xarray.Dataset) -> list[str]:
    """Return the swept paths, in their order."""
    parts = ("precoder", "beam", "allocator", "drop")
    return [str(name) for name in dataset["status"].dims if name not in parts]


def blocks_of(dataset: xarray.Dataset) -> list[str]:
    """Return the axes that tell the blocks of a table apart: precoder, and beam where there are several."""
    return [name for name in ("precoder", "beam") if name in dataset["status"].dims]


@attrs.frozen(kw_only=True)
class Columns:
    """The variables of a data set that a table shows, by role.

    Parameters
    ----------
    objective : str
        By which allocators are ranked.
    better : int
        1 where more of it is better, -1 where less is.
    requirements : dict of str to str
        What has a limit, with the name of the limit.
    metrics : tuple of str
        What the scenario asks for beyond that.
    headings : dict of str to str
        Heading of each.
    """

    objective: str
    better: int
    requirements: dict[str, str]
    metrics: tuple[str, ...]
    headings: dict[str, str]

    @classmethod
    def of(cls, dataset: xarray.Dataset) -> Columns:
        """Return the columns of a data set."""
        roles = roles_in(dataset)
        (objective,) = roles["objective"][:1]
        requirements = {name: dataset[name].attrs["limit"] for name in roles.get("requirement", [])}
        rows = dataset["status"].dims
        metrics = tuple(name for name in roles.get("metric", []) if dataset[name].dims == rows)
        shown = (objective, *requirements, *metrics)
        return cls(
            objective=objective,
            better=-1 if dataset[objective].attrs["better"] == "lower" else 1,
            requirements=requirements,
            metrics=metrics,
            headings={name: dataset[name].attrs["heading"] for name in shown},
        )

    @property
    def worst(self) -> dict[str, list[tuple[str, str]]]:
        """Requirements with their limits by heading: those of several targets share one."""
        found: dict[str, list[tuple[str, str]]] = {}
        for name, limit in self.requirements.items():
            found.setdefault(self.headings[name], []).append((name, limit))
        return found


def cells(dataset: xarray.Dataset) -> Iterator[tuple[dict[str, Any], xarray.Dataset]]:
    """Yield each sweep point, precoder and beam with its data over allocators and drops."""
    names = [*sweep_of(dataset), *blocks_of(dataset)]
    for positions in itertools.product(*(range(dataset.sizes[name]) for name in names)):
        cell = dataset.isel(dict(zip(names, positions, strict=True)))
        yield {name: cell[name].item() for name in names}, cell


def _mean(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else np.nan


def _standing(values: FloatArray, feasible: Any, better: int) -> tuple[FloatArray, Any]:
    """Return each allocator's mean distance to the best feasible value of each drop, and which are the best.

    An allocator can be the best only if it answers, within the limits, every drop that anyone does.
    """
    within = np.where(feasible, better * values, -np.inf)
    best = better * within.max(axis=0)
    solvable = np.isfinite(best)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.where(solvable & (best > 0), values / best - 1, np.nan)
    distances = np.array([_mean(row) for row in distance])
    complete = feasible[:, solvable].all(axis=1) & solvable.any()
    means = np.array([better * _mean(row[solvable]) for row in values])
    top = max(means[complete], default=np.nan)
    return distances, complete & (means >= top - TIE * np.abs(top))


def summary(dataset: xarray.Dataset, progress: Progress | None = None) -> pandas.DataFrame:
    """Return the table of :meth:`isacfw.Comparison.table`."""
    import pandas

    rows: list[dict[str, Any]] = []
    names = [*sweep_of(dataset), *blocks_of(dataset), "allocator"]
    total = math.prod(dataset.sizes[name] for name in names)
    columns = Columns.of(dataset)
    for place, cell in cells(dataset):
        values, feasible = cell[columns.objective].to_numpy(), cell["feasible"].to_numpy()
        distances, best = _standing(values, feasible, columns.better)
        for number, allocator in enumerate(cell["allocator"].to_numpy()):
            mean, half_width = mean_and_interval(values[number])
            own = cell.isel(allocator=number)
            counts = Counter(str(status) for status in own["status"].to_numpy())
            messages = [str(message) for message in own["message"].to_numpy() if message]
            rows.append(
                {
                    **place,
                    "allocator": str(allocator),
                    columns.objective: mean,
                    f"{columns.objective}_ci95": half_width,
                    "distance_to_best_percent": 100 * distances[number],
                    "best": bool(best[number]),
                    **_bounds(own, columns.requirements),
                    **{name: _mean(own[name].to_numpy()) for name in columns.metrics},
                    "drops": len(values[number]),
                    "answered": int(np.isfinite(values[number]).sum()),
                    "within_limits": int(feasible[number].sum()),
                    "status": ", ".join(
                        f"{status} {count}" if len(counts) > 1 else status for status, count in counts.items()
                    ),
                    "seconds_median": float(np.median(own["seconds"].to_numpy())),
                    "message": messages[0] if messages else "",
                }
            )
            if progress is not None:
                progress(len(rows), total)
    frame = pandas.DataFrame(rows)
    return frame.set_index(names)


def _bounds(own: xarray.Dataset, bounds: Mapping[str, str]) -> dict[str, float]:
    """Return the mean of each requirement, followed by its limit."""
    found = {}
    for name, limit in bounds.items():
        found[name], found[limit] = _mean(own[name].to_numpy()), float(own[limit])
    return found


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
    """Return what has a limit; of several targets the worst, or its distance to the limit where there is one."""
    from rich.text import Text

    known = [(row[name], row[limit]) for name, limit in bounds if np.isfinite(row[name])]
    if not known:
        return Text("-")
    broken = any(value > limit + 1e-5 for value, limit in known)
    values = [value for value, _ in known]
    if _by_margin(row, bounds):
        values = [value - limit for value, limit in known if np.isfinite(limit)]
    # Without a negative zero, which the tolerance of a solver gives.
    return Text(
        f"{max(values, default=np.nan) + 0.0:.2f}".replace("-0.00", "0.00"), style="red" if broken else ""
    )


def _by_margin(row: Any, bounds: Sequence[tuple[str, str]]) -> bool:
    """Return whether what several targets have is shown by its distance to the limits."""
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


def _table(place: dict[str, Any], frame: Any, columns: Columns, width: int) -> Table:
    """Return the table of one sweep point: its precoders, one below the other."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    title = ", ".join(f"{path} = {value}" for path, value in place.items())
    gap = 1 if width >= 90 else 0
    table = Table(
        box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False, padding=(0, gap, 0, 0)
    )
    blocks = [name for name in ("precoder", "beam") if name in frame.index.names]
    titles = [_block_name(names) for names, _ in frame.groupby(level=blocks, sort=False)]
    names = frame.index.get_level_values("allocator")
    titles += [f"  {name}{' ★' * best}" for name, best in zip(names, frame["best"], strict=True)]
    table.add_column("\n\nallocator", overflow="fold", min_width=min(MOST_NAMED, max(map(len, titles))))
    for heading in (
        columns.headings[columns.objective],
        "\nto best\n%",
        *_headings(frame, columns),
        *(columns.headings[name] for name in columns.metrics),
        "\nwithin\nlimits",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("\n\nstatus", overflow="fold")
    table.add_column("\nmedian\ntime", justify="right", no_wrap=True)
    for names, group in frame.groupby(level=blocks, sort=False):
        table.add_row(Text(_block_name(names), "bold"))
        for index, row in group.iterrows():
            table.add_row(*_cells_of(str(index[-1]), row, columns))
        table.add_section()
    return table


def _block_name(names: Any) -> str:
    """Return the title of a block of rows: ``"mrt"``, or ``"mrt, difference"`` where beams are compared."""
    return ", ".join(map(str, names)) if isinstance(names, tuple) else str(names)


def _cells_of(allocator: str, row: Any, columns: Columns) -> Iterator[Text | str]:
    """Yield the cells of one allocator."""
    from rich.text import Text

    answered = row["answered"] > 0
    half_width = row[f"{columns.objective}_ci95"]
    interval = f" ± {half_width:.2f}" if np.isfinite(half_width) else ""
    dagger = " †" if answered and row["answered"] < row["drops"] else ""
    broken = row["within_limits"] < row["answered"]
    yield Text(f"  {allocator}{' ★' if row['best'] else ''}", "green" if row["best"] else "")
    yield f"{row[columns.objective]:.4f}{interval}{dagger}" if answered else "-"
    yield _percent(row["distance_to_best_percent"]) if answered else "-"
    for own in columns.worst.values():
        yield _limit(row, own)
    for name in columns.metrics:
        yield f"{row[name]:.5g}" if np.isfinite(row[name]) else "-"
    yield Text(f"{row['within_limits']}/{row['drops']}", "red" if broken else "")
    yield Text(row["status"].replace("locally_optimal", "local"), "red" if "failed" in row["status"] else "")
    yield duration(row["seconds_median"])


def _notes(frame: Any) -> Iterator[str]:
    """Yield sentences below the tables: the legend, who broke a limit, and what the statuses do not say."""
    if frame["best"].any():
        yield "★ best mean sum rate for this precoder among feasible allocators (ties within 1e-6)"
    if frame["status"].str.contains("locally_optimal").any():
        yield "local: reported by the allocator as locally optimal, and verified to first order"
    if (frame["drops"] > 1).any():
        yield "± half-width of the 95 % interval of the mean over the drops (Student's t)"
    if ((frame["answered"] > 0) & (frame["answered"] < frame["drops"])).any():
        yield "† mean over solved drops only; not comparable with the other rows"
    blocks = [name for name in ("precoder", "beam") if name in frame.index.names]
    swept = len(frame.index.names) > len(blocks) + 1
    broken = frame[frame["within_limits"] < frame["answered"]].reset_index()
    for (*names, allocator), group in broken.groupby([*blocks, "allocator"], sort=False):
        count = int((group["answered"] - group["within_limits"]).sum())
        where = f" at {len(group)} sweep point{'s' * (len(group) > 1)}" if swept else ""
        who = f"{allocator} on {_block_name(tuple(names))}"
        yield f"{who} broke a limit in {count} of {int(group['drops'].sum())} drops{where}"
    silent = frame[(frame["answered"] < frame["drops"]) & (frame["message"] != "")].reset_index()
    for (*names, message), group in silent.groupby([*blocks, "message"], sort=False):
        who = ", ".join(dict.fromkeys(group["allocator"]))
        yield f"{who} on {_block_name(tuple(names))}: {message}"


def _renderables(dataset: xarray.Dataset, width: int, progress: Progress | None) -> Iterator[RenderableType]:
    from rich.text import Text

    frame = summary(dataset, progress)
    drops = dataset.sizes["drop"]
    yield Text(f"{dataset.attrs['title']}: {drops} drop{'s' * (drops > 1)}, seed {dataset.attrs['seed']}", "bold")
    sweep = sweep_of(dataset)
    columns = Columns.of(dataset)
    groups = frame.groupby(level=sweep, sort=False) if sweep else [((), frame)]
    for values, group in groups:
        place = dict(zip(sweep, values if isinstance(values, tuple) else (values,), strict=True))
        yield _table(place, group, columns, width)
    for note in (*_notes(frame), *json.loads(dataset.attrs.get("assumptions", "[]"))):
        yield Text(note)


def rendered(
    dataset: xarray.Dataset,
    *,
    html: bool = False,
    colour: bool = False,
    width: int = 100,
    progress: Progress | None = None,
) -> str:
    """Return the tables as text, with colours for a terminal or as HTML on request."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=width,
        record=html,
        force_terminal=colour,
        color_system="standard" if colour else None,
    )
    for item in _renderables(dataset, width, progress):
        console.print(item, highlight=False)
    if html:
        return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())


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
