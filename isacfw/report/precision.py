"""Precision of means over the drops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..base.numbers import FloatArray
from ..scenario.precision import relative_precision
from .summary import Columns, mean_and_interval

if TYPE_CHECKING:
    import xarray


def is_precise(dataset: xarray.Dataset, precision: float) -> bool:
    """Return whether the interval of every mean objective is at most a part of the mean wide, to either side.

    Rows without any answer do not count.
    """
    name = Columns.of(dataset).objective
    for own in _each_row(dataset, name):
        mean, half = mean_and_interval(own)
        if np.isfinite(mean) and not half <= precision * abs(mean):
            return False
    return True


def precision_note(dataset: xarray.Dataset) -> str:
    """Return whether the comparison stopped at the precision that it was to reach."""
    until, drops, most = dataset.attrs["until"], dataset.sizes["drop"], dataset.attrs["most_drops"]
    if is_precise(dataset, relative_precision(until)):
        return f"until {until}: reached after {drops} of at most {most} drops"
    return f"until {until}: not reached within {most} drops"


def _each_row(dataset: xarray.Dataset, name: str) -> Iterator[FloatArray]:
    values = dataset[name].transpose(..., "drop")
    for index in np.ndindex(*values.shape[:-2]):
        yield from np.asarray(values[index].to_numpy(), dtype=np.float64)
