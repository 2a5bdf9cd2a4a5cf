"""Summary of a comparison over its drops."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from ..allocation.problem import FEASIBILITY_TOLERANCE
from ..base.numbers import FloatArray
from ..base.progress import Progress
from ..results.schema import roles_in
from ..results.standing import BINDING, bound_gaps, distances_to_best, without_tolerance
from .places import sweep_of, swept_paths

if TYPE_CHECKING:
    import pandas
    import xarray


CONFIDENCE = 0.95


TIE = 1e-6


def mean_and_interval(values: FloatArray) -> tuple[float, float]:
    """Return the mean of a sample and the half-width of its 95 % interval (Student's t); NaN where undefined.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Sample, with NaN for missing values.
    """
    from scipy.special import stdtrit

    sample = np.asarray(values[np.isfinite(values)], dtype=np.float64)
    if len(sample) == 0:
        return np.nan, np.nan
    if len(sample) == 1:
        return float(sample[0]), np.nan
    quantile = stdtrit(len(sample) - 1, (1 + CONFIDENCE) / 2)
    return float(sample.mean()), float(quantile * sample.std(ddof=1) / np.sqrt(len(sample)))


def means_and_intervals(values: Any) -> tuple[Any, Any]:
    """Return the means of rows and the half-widths of their 95 % intervals, 0 where there is none."""
    pairs = [mean_and_interval(row) for row in values]
    return np.array([mean for mean, _ in pairs]), np.nan_to_num([half for _, half in pairs])


def blocks_of(dataset: xarray.Dataset) -> list[str]:
    """Return the axes that separate the blocks of a table: precoder, and beam if there are several."""
    return [name for name in ("precoder", "beam") if name in dataset["status"].dims]


@attrs.frozen(kw_only=True)
class Columns:
    """The variables of a data set that a table shows, by role.

    Parameters
    ----------
    objective : str
        Variable that ranks allocators.
    better : int
        1 if larger values are better, -1 if smaller ones are.
    requirements : dict of str to str
        Variables with a limit, and the name of each limit.
    metrics : tuple of str
        Further variables requested by the scenario.
    headings : dict of str to str
        Heading of each variable.
    margins : tuple of str
        Variables that hold the margin of each requirement.
    scale : float
        Smallest magnitude to which differences of the objective are relative.
    """

    objective: str
    better: int
    requirements: dict[str, str]
    metrics: tuple[str, ...]
    headings: dict[str, str]
    margins: tuple[str, ...] = ()
    scale: float = 0.0

    @classmethod
    def of(cls, dataset: xarray.Dataset) -> Columns:
        """Return the columns of a data set."""
        roles = roles_in(dataset)
        (objective,) = roles["objective"][:1]
        requirements = {name: dataset[name].attrs["limit"] for name in roles.get("requirement", [])}
        rows = dataset["status"].dims
        metrics = tuple(
            name for name in roles.get("metric", []) if dataset[name].dims in (rows, (*rows, "statistic"))
        )
        shown = (objective, *requirements, *metrics)
        return cls(
            objective=objective,
            better=-1 if dataset[objective].attrs["better"] == "lower" else 1,
            requirements=requirements,
            metrics=metrics,
            headings={name: dataset[name].attrs["heading"] for name in shown},
            margins=tuple(roles.get("margin", [])),
            scale=1.0 if dataset[objective].attrs.get("signed") else 0.0,
        )

    @property
    def worst(self) -> dict[str, list[tuple[str, str]]]:
        """Requirements with their limits by heading, which those of several targets share."""
        found: dict[str, list[tuple[str, str]]] = {}
        for name, limit in self.requirements.items():
            found.setdefault(self.headings[name], []).append((name, limit))
        return found


def cells(dataset: xarray.Dataset) -> Iterator[tuple[dict[str, Any], xarray.Dataset]]:
    """Yield each sweep point, precoder and beam, with its data over allocators and drops."""
    names = [*sweep_of(dataset), *blocks_of(dataset)]
    values = {path: dataset[path] for path in (*swept_paths(dataset), *blocks_of(dataset))}
    known = {path: (str(one.dims[0]), one.to_numpy().tolist()) for path, one in values.items()}
    for positions in itertools.product(*(range(dataset.sizes[name]) for name in names)):
        place = dict(zip(names, positions, strict=True))
        yield {path: own[place[axis]] for path, (axis, own) in known.items()}, dataset.isel(place)


def _mean(values: FloatArray) -> float:
    finite = np.asarray(values[np.isfinite(values)], dtype=np.float64)
    return float(finite.mean()) if len(finite) else np.nan


def values_to_compare(cell: xarray.Dataset, values: FloatArray, columns: Columns) -> FloatArray:
    """Return the values by which allocators are compared; see :func:`without_tolerance`."""
    if "bound" not in cell or "max_violation" not in cell:
        return values
    bounds, violations, feasible = (cell[name].to_numpy() for name in ("bound", "max_violation", "feasible"))
    return without_tolerance(values, bounds, violations, feasible.astype(bool), better=columns.better)


def standing(values: FloatArray, feasible: Any, columns: Columns) -> tuple[FloatArray, Any]:
    """Return each allocator's mean distance to the best feasible value of each drop, and which are the best."""
    better = columns.better
    distance, solvable = distances_to_best(values, feasible, better=better, scale=columns.scale)
    solvable = solvable[0]
    means = np.array([_mean(row[solvable]) for row in values])
    complete = feasible[:, solvable].all(axis=1) & solvable.any()
    return np.array([_mean(row) for row in distance]), best_of(means, complete, columns)


def best_of(means: FloatArray, complete: Any, columns: Columns) -> Any:
    """Return which allocators are the best.

    An allocator can be best only if it solves, within the limits, every drop that any allocator solves.

    Parameters
    ----------
    means : ndarray, shape (allocators,)
        Mean objective over the drops that any allocator solves.
    complete : ndarray of bool, shape (allocators,)
        Whether an allocator solves all of them.
    columns : Columns
        The objective.
    """
    means = columns.better * means
    top = max(means[complete], default=np.nan)
    return complete & (means >= top - TIE * np.maximum(np.abs(top), columns.scale))


def owes_to_tolerance(frame: pandas.DataFrame, columns: Columns) -> bool:
    """Return whether some of several best allocators have a better mean by the tolerance of the limits."""
    best = frame.loc[frame["best"], columns.objective]
    if best.empty:
        return False
    groups = best.groupby(level=list(range(frame.index.nlevels - 1)))
    spread, size = groups.max() - groups.min(), np.maximum(groups.max().abs(), columns.scale)
    return bool((spread > 2 * TIE * size).any())


def gaps_to_bound(cell: xarray.Dataset, values: FloatArray, feasible: Any, columns: Columns) -> FloatArray:
    """Return each allocator's mean gap to the best bound of each drop that any allocator found; NaN for none."""
    if "bound" not in cell:
        return np.full(len(values), np.nan)
    bounds = cell["bound"].to_numpy()
    gap = bound_gaps(values, bounds, feasible, better=columns.better, scale=columns.scale)
    return np.array([_mean(row) for row in gap])


def _margins(own: xarray.Dataset, margins: tuple[str, ...]) -> dict[str, float]:
    """Return, for each requirement, numbers of drops in which it binds or is violated, and its least margin."""
    found: dict[str, float] = {}
    for name in margins:
        values = own[name].to_numpy()
        violated = values < -FEASIBILITY_TOLERANCE
        found[f"{name}_binding"] = int(((values <= BINDING) & ~violated).sum())
        found[f"{name}_violated"] = int(violated.sum())
        found[f"{name}_least"] = float(np.min(values[np.isfinite(values)], initial=np.inf))
    return found


def summary_of_drops(dataset: xarray.Dataset, progress: Progress | None = None) -> pandas.DataFrame:
    """Return the table of :meth:`isacfw.Comparison.table` for results with the values of all drops."""
    import pandas

    rows: list[dict[str, Any]] = []
    names = [*swept_paths(dataset), *blocks_of(dataset), "allocator"]
    total = math.prod(length for name, length in dataset["status"].sizes.items() if name != "drop")
    columns = Columns.of(dataset)
    for place, cell in cells(dataset):
        values = cell[columns.objective].to_numpy().astype(np.float64)
        feasible = cell["feasible"].to_numpy()
        distances, best = standing(values_to_compare(cell, values, columns), feasible, columns)
        gaps = gaps_to_bound(cell, values, feasible, columns)
        for number, allocator in enumerate(cell["allocator"].to_numpy()):
            mean, half_width = mean_and_interval(values[number])
            own = cell.isel(allocator=number)
            rows.append(
                {
                    **place,
                    "allocator": str(allocator),
                    columns.objective: mean,
                    f"{columns.objective}_ci95": half_width,
                    "distance_to_best_percent": 100 * distances[number],
                    "gap_percent": 100 * gaps[number],
                    "best": bool(best[number]),
                    **_bounds(own, columns.requirements),
                    **{name: _mean(own[name].to_numpy()) for name in columns.metrics},
                    **_margins(own, columns.margins),
                    "drops": len(values[number]),
                    "answered": int(np.isfinite(values[number]).sum()),
                    "within_limits": int(feasible[number].sum()),
                    "status": _statuses(own),
                    "seconds_median": float(np.median(own["seconds"].to_numpy())),
                    "message": next((str(one) for one in own["message"].to_numpy() if one), ""),
                }
            )
            if progress is not None:
                progress(len(rows), total)
    frame = pandas.DataFrame(rows)
    return frame.set_index(names)


def _statuses(own: xarray.Dataset) -> str:
    """Return the statuses of an allocator, with numbers of drops if they differ."""
    counts = Counter(str(status) for status in own["status"].to_numpy())
    return ", ".join(f"{status} {count}" if len(counts) > 1 else status for status, count in counts.items())


def _bounds(own: xarray.Dataset, bounds: Mapping[str, str]) -> dict[str, float]:
    """Return the mean of each requirement, followed by its limit."""
    found = {}
    for name, limit in bounds.items():
        found[name], found[limit] = _mean(own[name].to_numpy()), float(own[limit])
    return found
