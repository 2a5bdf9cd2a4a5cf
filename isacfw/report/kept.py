"""Reports on studies that keep statistics over the drops instead of their results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..allocation.status import Status
from ..base.errors import InputError
from ..base.numbers import FloatArray
from ..base.progress import Progress
from ..results.schema import has_drops
from ..results.sketch import middles
from ..results.statistic_names import PAIRED, QUANTILES, STATISTICS
from .places import swept_paths
from .summary import Columns, best_of, blocks_of, cells, summary_of_drops

if TYPE_CHECKING:
    import pandas
    import xarray

NO_DROPS = "the study kept statistics alone (summary_only), and no drops"


def check_drops(dataset: xarray.Dataset, key: str, problem: str) -> None:
    """Check that results have the values of drops.

    Raises
    ------
    InputError
        If they do not; the message has a key and what it must be.
    """
    if not has_drops(dataset):
        raise InputError(key, f"{problem}: {NO_DROPS}")


def count_drops(dataset: xarray.Dataset) -> int:
    """Return the number of drops of results."""
    return int(dataset.sizes["drop"] if has_drops(dataset) else dataset.attrs["drops"])


def has_failures(dataset: xarray.Dataset) -> bool:
    """Return whether any allocation failed or exceeded its time limit."""
    broken = [Status.FAILED.value, Status.TIMED_OUT.value]
    if not has_drops(dataset):
        return bool((dataset["status_count"].sel(status_name=broken) > 0).any())
    # Piece by piece, since the statuses of a large study need not fit into memory.
    return any(bool(cell["status"].isin(broken).any()) for _, cell in cells(dataset))


def drawable(dataset: xarray.Dataset) -> xarray.Dataset:
    """Return results with all that figures of means need, as if statistics were those of one drop."""
    if has_drops(dataset):
        return dataset
    rows = dataset["status"].dims
    drawn = [name for name, one in dataset.data_vars.items() if "statistic" in one.dims or {*one.dims} < {*rows}]
    feasible = (dataset["feasible_count"] == count_drops(dataset)).expand_dims("drop", axis=-1)
    return dataset[["status", *drawn]].assign(feasible=feasible)


def summary(dataset: xarray.Dataset, progress: Progress | None = None) -> pandas.DataFrame:
    """Return the table of :meth:`isacfw.Comparison.table`."""
    return summary_of_drops(dataset, progress) if has_drops(dataset) else _summary_of_statistics(dataset)


def _summary_of_statistics(dataset: xarray.Dataset) -> pandas.DataFrame:
    import pandas

    columns, drops = Columns.of(dataset), count_drops(dataset)
    rows = []
    for place, cell in cells(dataset):
        solved, solvable = cell["solved_count"].to_numpy(), cell["solvable_count"].to_numpy()
        best = best_of(cell["solvable_mean"].to_numpy(), (solved == solvable) & (solvable > 0), columns)
        for number, allocator in enumerate(cell["allocator"].to_numpy()):
            own = cell.isel(allocator=number)
            objective = _statistics(own, columns.objective)
            rows.append(
                {
                    **place,
                    "allocator": str(allocator),
                    columns.objective: objective["mean"],
                    f"{columns.objective}_ci95": objective["ci95"],
                    "distance_to_best_percent": 100 * float(own["distance_to_best"]),
                    "gap_percent": 100 * float(own["gap"]),
                    "best": bool(best[number]),
                    **_bounds(own, columns.requirements),
                    **{name: _statistics(own, name)["mean"] for name in columns.metrics},
                    **_margins(own, columns.margins),
                    "drops": drops,
                    "answered": int(objective["count"]),
                    "within_limits": int(own["feasible_count"]),
                    "status": _statuses(own),
                    "seconds_median": _statistics(own, "seconds")["median"],
                    "message": str(own["message"].item()),
                }
            )
    return pandas.DataFrame(rows).set_index([*swept_paths(dataset), *blocks_of(dataset), "allocator"])


def _statistics(own: xarray.Dataset, name: str) -> dict[str, float]:
    return dict(zip(STATISTICS, own[name].to_numpy().tolist(), strict=True))


def _bounds(own: xarray.Dataset, bounds: Mapping[str, str]) -> dict[str, float]:
    found = {}
    for name, limit in bounds.items():
        found[name], found[limit] = _statistics(own, name)["mean"], float(own[limit])
    return found


def _margins(own: xarray.Dataset, margins: tuple[str, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in margins:
        least = _statistics(own, name)["min"]
        found |= {f"{name}_{word}": int(own[f"{name}_{word}"]) for word in ("binding", "violated")}
        found[f"{name}_least"] = math.inf if math.isnan(least) else least
    return found


def _statuses(own: xarray.Dataset) -> str:
    """Return the statuses of an allocator, with numbers of drops if they differ."""
    names = own["status_name"].to_numpy().tolist()
    counts = {
        name: count for name, count in zip(names, own["status_count"].to_numpy().tolist(), strict=True) if count
    }
    return ", ".join(f"{name} {count}" if len(counts) > 1 else name for name, count in counts.items())


def statistics_of(dataset: xarray.Dataset, name: str, below: float | None) -> pandas.DataFrame:
    """Return the table of :meth:`isacfw.Comparison.statistics` for a quantity.

    Raises
    ------
    InputError
        If its quantiles were not kept.
    """
    import pandas

    known = dataset["sketched"].to_numpy().tolist()
    if name not in known:
        problem = f"must be a quantity whose quantiles the study kept ({', '.join(known)})"
        raise InputError("quantity", f"{problem}, got {name!r}; name it in keep")
    lower = dataset[name].attrs.get("better") == "lower"
    drops, rows = count_drops(dataset), []
    for place, cell in cells(dataset):
        for number, allocator in enumerate(cell["allocator"].to_numpy()):
            own = cell.isel(allocator=number)
            found = _statistics(own, name)
            values, counts = _buckets(own, name)
            if below is not None:
                counts = counts[values <= below if lower else values >= below]
            rows.append(
                {
                    **place,
                    "allocator": str(allocator),
                    "drops": drops,
                    "answered": int(found["count"]),
                    **{one: found[one] for one in ("mean", "ci95", "q05", "median", "q95")},
                    "outage": (drops - int(counts.sum())) / drops,
                }
            )
    return pandas.DataFrame(rows).set_index([*swept_paths(dataset), *blocks_of(dataset), "allocator"])


def _buckets(own: xarray.Dataset, name: str) -> tuple[FloatArray, Any]:
    """Return the numbers of feasible answers, known to 0.1 %, and how often each occurs."""
    place = own.sel(sketched=name, answer="feasible")
    first, size = int(place["sketch_first"]), int(place["sketch_size"])
    entries = own.isel(bucket=slice(first, first + size))
    return middles(entries["sketch_buckets"].to_numpy()), entries["sketch_counts"].to_numpy()


def paired_of(dataset: xarray.Dataset, name: str, reference: str) -> pandas.DataFrame:
    """Return the table of :meth:`isacfw.Comparison.paired` for a quantity.

    Raises
    ------
    InputError
        If it is not the objective.
    """
    import pandas

    objective = Columns.of(dataset).objective
    if name != objective:
        raise InputError("quantity", f"must be {objective}, got {name!r}: {NO_DROPS}")
    rows = []
    for place, cell in cells(dataset):
        for number, allocator in enumerate(cell["allocator"].to_numpy()):
            if str(allocator) == reference:
                continue
            own = cell["paired"].isel(allocator=number).sel(reference=reference).to_numpy()
            found = dict(zip(PAIRED, own.tolist(), strict=True))
            scale = abs(found["reference_mean"])
            percent = 100 / scale if scale > 0 else np.nan
            rows.append(
                {
                    **place,
                    "allocator": str(allocator),
                    "reference": reference,
                    "drops": int(found["count"]),
                    "difference": found["mean"],
                    "ci95": found["ci95"],
                    "difference_percent": percent * found["mean"],
                    "ci95_percent": percent * found["ci95"],
                }
            )
    return pandas.DataFrame(rows).set_index([*swept_paths(dataset), *blocks_of(dataset), "allocator"])


def list_statistics(dataset: xarray.Dataset) -> list[dict[str, Any]]:
    """Return a plain record of all statistics for each sweep point, precoder, beam and allocator."""
    names = [str(name) for name, one in dataset.data_vars.items() if "statistic" in one.dims]
    records = []
    for place, cell in cells(dataset):
        for number, allocator in enumerate(cell["allocator"].to_numpy()):
            own = cell.isel(allocator=number)
            heads = {key: place[key] for key in blocks_of(dataset)} | {"allocator": str(allocator)}
            record = heads | {key: value for key, value in place.items() if key not in heads}
            record |= {
                "drops": count_drops(dataset),
                "feasible": int(own["feasible_count"]),
                "status": _statuses(own),
            }
            for name in names:
                found = _statistics(own, name)
                if name not in own["sketched"]:
                    found = {key: value for key, value in found.items() if key not in QUANTILES}
                record |= {
                    f"{name}_{key}": value if math.isfinite(value) else None for key, value in found.items()
                }
            record["message"] = str(own["message"].item())
            records.append(record)
    return records
