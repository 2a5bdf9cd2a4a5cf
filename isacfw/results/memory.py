"""Results of all chunks in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .chunk import ChunkResult
from .layout import Layout

if TYPE_CHECKING:
    import xarray


def build_in_memory(layout: Layout, results: Iterable[ChunkResult]) -> xarray.Dataset:
    """Return the data set of results."""
    import xarray

    variables: dict[str, Any] = {}
    for result in results:
        for name, value in result.values.items():
            if name not in variables:
                axes, lengths = layout.axes_of(name)
                whole = np.full(lengths, np.nan if value.dtype.kind == "f" else 0, dtype=value.dtype)
                variables[name] = (axes, whole, layout.attributes_of(name))
            for place, slab in layout.slabs(result.chunk, value):
                variables[name][1][place] = slab
    return xarray.Dataset(variables | layout.fixed, layout.coordinates, dict(layout.attributes))
