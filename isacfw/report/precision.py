"""Precision of means over the drops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..results.schema import has_drops
from ..scenario.precision import relative_precision
from .kept import count_drops
from .summary import Columns, mean_and_interval

if TYPE_CHECKING:
    import xarray


def is_precise(dataset: xarray.Dataset, precision: float) -> bool:
    """Return whether the interval of every mean objective is at most a part of the mean wide, to either side.

    Rows without any answer do not count.
    """
    name = Columns.of(dataset).objective
    for mean, half in _each_row(dataset, name):
        if np.isfinite(mean) and not half <= precision * abs(mean):
            return False
    return True


def precision_note(dataset: xarray.Dataset) -> str:
    """Return whether the comparison stopped at the precision that it was to reach."""
    until, drops, most = dataset.attrs["until"], count_drops(dataset), dataset.attrs["most_drops"]
    if is_precise(dataset, relative_precision(until)):
        return f"until {until}: reached after {drops} of at most {most} drops"
    return f"until {until}: not reached within {most} drops"


def _each_row(dataset: xarray.Dataset, name: str) -> Iterator[tuple[float, float]]:
    """Yield the mean and the half-width of the interval of each row."""
    if not has_drops(dataset):
        pairs = dataset[name].sel(statistic=["mean", "ci95"]).transpose(..., "statistic").to_numpy()
        yield from map(tuple, pairs.reshape(-1, 2).tolist())
        return
    values = dataset[name].transpose(..., "drop")
    for index in np.ndindex(*values.shape[:-2]):
        for own in np.asarray(values[index].to_numpy(), dtype=np.float64):
            yield mean_and_interval(own)
