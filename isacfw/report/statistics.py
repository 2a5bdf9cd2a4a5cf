"""Statistics over the drops: means, quantiles, outage, and differences of allocators on the same drops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import InputError, nearest, short_repr
from ..base.numbers import FloatArray
from ..results.schema import has_drops
from .kept import paired_of, statistics_of
from .places import swept_paths
from .summary import Columns, blocks_of, cells, mean_and_interval

if TYPE_CHECKING:
    import pandas
    import xarray

QUANTILES = (0.05, 0.5, 0.95)


def statistics(dataset: xarray.Dataset, quantity: Any = None, below: Any = None) -> pandas.DataFrame:
    """Return the table of :meth:`isacfw.Comparison.statistics`."""
    import pandas

    name, worse = _quantity(dataset, quantity), _threshold(dataset, quantity, below)
    if not has_drops(dataset):
        return statistics_of(dataset, name, below)
    rows = []
    for place, cell in cells(dataset):
        values, feasible = _values(cell, name), cell["feasible"].to_numpy().astype(bool)
        for allocator, own, met in zip(cell["allocator"].to_numpy(), values, feasible, strict=True):
            known = own[np.isfinite(own)]
            mean, half = mean_and_interval(own)
            low, median, high = np.quantile(known, QUANTILES) if len(known) else (np.nan,) * 3
            rows.append(
                {
                    **place,
                    "allocator": str(allocator),
                    "drops": len(own),
                    "answered": len(known),
                    "mean": mean,
                    "ci95": half,
                    "q05": float(low),
                    "median": float(median),
                    "q95": float(high),
                    "outage": float(np.mean(~met | ~np.isfinite(own) | worse(own))),
                }
            )
    return pandas.DataFrame(rows).set_index([*swept_paths(dataset), *blocks_of(dataset), "allocator"])


def paired_differences(dataset: xarray.Dataset, reference: Any = None, quantity: Any = None) -> pandas.DataFrame:
    """Return the table of :meth:`isacfw.Comparison.paired`."""
    import pandas

    from .paired import find_reference

    try:
        other = find_reference(dataset, reference)
    except InputError as error:
        raise error if error.key != "kind" else InputError("reference", "needs two allocators, got one") from None
    name, rows = _quantity(dataset, quantity), []
    if not has_drops(dataset):
        return paired_of(dataset, name, other)
    for place, cell in cells(dataset):
        names = [str(one) for one in cell["allocator"].to_numpy()]
        values = _values(cell, name)
        for allocator, own in zip(names, values, strict=True):
            if allocator == other:
                continue
            base = values[names.index(other)]
            difference = own - base
            both = np.isfinite(difference)
            mean, half = mean_and_interval(difference)
            scale = abs(float(base[both].mean())) if both.any() else np.nan
            percent = 100 / scale if scale > 0 else np.nan
            rows.append(
                {
                    **place,
                    "allocator": allocator,
                    "reference": other,
                    "drops": int(both.sum()),
                    "difference": mean,
                    "ci95": half,
                    "difference_percent": percent * mean,
                    "ci95_percent": percent * half,
                }
            )
    return pandas.DataFrame(rows).set_index([*swept_paths(dataset), *blocks_of(dataset), "allocator"])


def _quantity(dataset: xarray.Dataset, name: Any) -> str:
    """Return the name of a quantity with one number for each row of results; the objective by default."""
    if name is None:
        return Columns.of(dataset).objective
    rows = set(dataset["status"].dims) | (set() if has_drops(dataset) else {"statistic"})
    known = [
        str(one) for one, own in dataset.data_vars.items() if set(own.dims) == rows and own.dtype.kind in "if"
    ]
    if name not in known:
        hint = nearest(name, known) if isinstance(name, str) else ""
        raise InputError("quantity", f"must be a number of each row of the results, got {short_repr(name)}{hint}")
    return str(name)


def _threshold(dataset: xarray.Dataset, quantity: Any, below: Any) -> Any:
    """Return a function that tells which values are worse than a threshold; none without one."""
    if below is None:
        return lambda values: np.zeros(values.shape, dtype=bool)
    if isinstance(below, bool) or not isinstance(below, (int, float)) or not np.isfinite(below):
        raise InputError("below", f"must be a finite number, got {short_repr(below)}")
    lower = dataset[_quantity(dataset, quantity)].attrs.get("better") == "lower"
    return lambda values: values > below if lower else values < below


def _values(cell: xarray.Dataset, name: str) -> FloatArray:
    return np.asarray(cell[name].transpose("allocator", "drop").to_numpy(), dtype=np.float64)


def render_frame(frame: pandas.DataFrame) -> str:
    """Return a table of statistics as text."""
    text: str = frame.reset_index().to_string(index=False, float_format=lambda value: f"{value:.6g}")
    return text


def frame_records(frame: pandas.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table of statistics as plain records; None for a missing number."""
    records = frame.reset_index().to_dict("records")
    return [{str(key): _plain(value) for key, value in record.items()} for record in records]


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not np.isfinite(value) else value
