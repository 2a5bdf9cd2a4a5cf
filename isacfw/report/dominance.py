"""Which points of a front are dominated, and which allocators form it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..allocation.stationarity import STATIONARITY_TOLERANCE
from ..allocation.status import Status
from ..base.numbers import FloatArray

if TYPE_CHECKING:
    import xarray

AGAINST = ("crlb", "sum_crlb", "power", "rate")
"""Quantities against which an objective can be drawn."""

ABSCISSA, DOMINATED = "abscissa", "dominated"
"""Variables of a front: what allocations achieve, and whether others are better."""

_SAME = 1e-9
"""Difference of two abscissae that is a rounding error."""


def dominated(cost: FloatArray, value: FloatArray, *, scale: float = 0.0) -> NDArray[np.bool_]:
    """Return whether another point of no greater cost is better by more than 0.1 %; (..., N).

    Parameters
    ----------
    cost, value : ndarray, shape (..., N)
        Points, the lower in cost and the higher in value the better; NaN for none, which is not dominated.
    scale : float
        Smallest magnitude to which differences of the value are relative.
    """
    missing = np.isnan(cost) | np.isnan(value)
    given, none = np.where(missing, -np.inf, value), np.full(cost.shape, -np.inf)
    # The points as rivals, a rounding error cheaper, and then as they are: the best rival so far is what counts.
    keys = np.concatenate([np.where(missing, np.inf, cost - _SAME), np.where(missing, np.inf, cost)], axis=-1)
    order = np.argsort(keys, axis=-1, kind="stable")
    ranked = np.take_along_axis(np.concatenate([given, none], axis=-1), order, axis=-1)
    best = np.empty(keys.shape)
    np.put_along_axis(best, order, np.maximum.accumulate(ranked, axis=-1), axis=-1)
    best = best[..., cost.shape[-1] :]
    with np.errstate(invalid="ignore"):
        return ~missing & (best - value > STATIONARITY_TOLERANCE * np.maximum(np.abs(best), scale))


def exact_allocators(dataset: xarray.Dataset) -> list[str]:
    """Return the allocators whose allocations are all proved optimal."""
    status = dataset["status"].load()
    answered = dataset[ABSCISSA].notnull()
    proved = (status == Status.OPTIMAL.value) & answered
    dimensions = [name for name in status.dims if name != "allocator"]
    every = ((proved == answered).all(dimensions) & answered.any(dimensions)).to_numpy()
    return [str(name) for name, whole in zip(dataset["allocator"].to_numpy(), every, strict=True) if whole]
