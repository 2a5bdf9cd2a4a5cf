"""The scale in degrees above a front."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..base.numbers import FloatArray
from .summary import Columns

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


def add_degrees(axes: Axes, dataset: xarray.Dataset) -> None:
    """Add an axis in degrees, if the abscissa is the CRLB of an angle."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if dataset.attrs["against"] != "crlb":
        return
    limits = [dataset[name].to_numpy() for name in Columns.of(dataset).requirements.values()]
    limited = [limit for limit in limits if np.isfinite(limit).all()]
    if any(not np.allclose(limit, limited[0]) for limit in limited):
        return  # It is relative to limits that differ.
    scale = axes.secondary_xaxis("top", functions=(_to_degrees, _to_decibels))
    scale.set_xscale("log", subs=[])
    scale.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    scale.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:.3g}"))
    scale.xaxis.set_minor_formatter(NullFormatter())
    scale.tick_params(labelsize="small")
    scale.set_xlabel("Root of the CRLB [degrees]", fontsize="small")


def _to_degrees(decibels: ArrayLike) -> FloatArray:
    return np.asarray(np.degrees(10 ** (np.asarray(decibels, dtype=np.float64) / 20)))


def _to_decibels(degrees: ArrayLike) -> FloatArray:
    # Matplotlib tries 0, too.
    return np.asarray(20 * np.log10(np.radians(np.maximum(np.asarray(degrees, dtype=np.float64), 1e-12))))
