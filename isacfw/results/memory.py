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
                variables[name] = (axes, np.empty(lengths, dtype=value.dtype), layout.attributes_of(name))
            whole = variables[name][1]
            for place, slab in layout.slabs(result.chunk, value):
                own = whole[place[: len(layout.axes)]]
                if own.shape != slab.shape:  # Other points have more users, streams or iterations.
                    own[...] = np.nan
                own[..., : slab.shape[-1]] = slab
    return xarray.Dataset(variables | layout.fixed, layout.coordinates, dict(layout.attributes))
