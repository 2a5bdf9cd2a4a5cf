"""Results of all chunks in one NetCDF file, which need not fit into memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base.files import HDF5File, atomic_write, open_for_hdf5, write_netcdf
from .chunk import ChunkResult
from .layout import Layout
from .lazily import open_lazily

if TYPE_CHECKING:
    import xarray

_BYTES_TOGETHER = 2**20
_BYTES_OF_POINTS = 2**16


def write_to_file(layout: Layout, results: Iterable[ChunkResult], path: Path) -> xarray.Dataset:
    """Write the data set of results to a NetCDF file, chunk by chunk, and return it; it is read on demand."""
    import h5py
    import xarray

    with atomic_write(path) as new, open_for_hdf5(new) as raw:
        write_netcdf(xarray.Dataset(layout.fixed, layout.coordinates, dict(layout.attributes)), raw)
        each = iter(results)
        first = next(each)
        _declare(raw, layout, first)
        # Write through HDF5, since NetCDF would go through all names and attributes for every piece.
        with h5py.File(raw, "r+") as file:
            variables = {name: file[name] for name in first.values}  # Each look-up takes time.
            for result in itertools.chain([first], each):
                for name in result.values:
                    for place, slab in layout.slabs(result, name):
                        if slab.size:
                            variables[name][place] = _encode(slab, layout.sizes.widths.get(name))
                raw.check()
    return open_lazily(path)


def write_small(dataset: xarray.Dataset, path: Path) -> xarray.Dataset:
    """Write a data set that fits into memory to a NetCDF file, and return it; it is read on demand."""
    with atomic_write(path) as new, open_for_hdf5(new) as raw:
        write_netcdf(dataset, raw)
    return open_lazily(path)


def _encode(values: NDArray[Any], width: int | None) -> NDArray[Any]:
    """Return values in the form stored in a file: strings as fixed-width bytes, booleans as int8."""
    import pandas

    if width is None:
        return values.astype(np.int8) if values.dtype == np.bool_ else values
    codes, words = pandas.factorize(values.ravel())
    rows = np.array([str(word).encode() for word in words], dtype=f"S{width}")[codes]
    return rows.view("S1").reshape(*values.shape, width)


def _declare(raw: HDF5File, layout: Layout, result: ChunkResult) -> None:
    """Add the variables of results to a file, filled with missing values."""
    import h5netcdf

    with h5netcdf.File(raw, "a") as file:
        for name, value in result.values.items():
            _declare_one(file, layout, name, value)


def _declare_one(file: Any, layout: Layout, name: str, value: NDArray[Any]) -> None:
    """Add a variable; `value` is that of any chunk."""
    axes, lengths = layout.axes_of(name)
    attributes: dict[str, Any] = dict(layout.attributes_of(name))
    kinds: dict[str, tuple[Any, Any]] = {
        "f": (value.dtype.str[1:], np.nan),
        "i": ("i8", None),
        "b": ("i1", None),
    }
    dtype, fill = kinds.get(value.dtype.kind, ("S1", None))
    options: dict[str, Any] = {}
    if value.dtype.kind == "b":
        attributes["dtype"] = "bool"
    elif value.dtype.kind == "O":
        # Strings of variable length would all be read when the file is opened, instead of on demand.
        width = layout.sizes.widths[name]
        axes, lengths = (*axes, f"bytes_{width}"), (*lengths, width)
        attributes["_Encoding"] = "utf-8"
        options = {"compression": "gzip", "compression_opts": 1}
    for axis, length in zip(axes, lengths, strict=True):
        if axis not in file.dimensions:
            file.dimensions[axis] = length
    if math.prod(lengths) > 0:
        options["chunks"] = _pieces(layout, lengths)
    variable = file.create_variable(name, axes, dtype=dtype, fillvalue=fill, **options)
    for key, text in attributes.items():
        variable.attrs[key] = text


def _pieces(layout: Layout, lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the pieces of a variable in a file.

    Many drops of one precoder, allocator and point; of few drops, as many points as make up a small piece.
    """
    drops = layout.axes.index("drop")
    size = 8 * math.prod(lengths[drops + 1 :])
    together = min(lengths[drops], max(1, _BYTES_TOGETHER // size))
    pieces = [*[1] * drops, together, *lengths[drops + 1 :]]
    room = _BYTES_OF_POINTS // (size * together)
    for axis in range(drops - 1, drops - 1 - len(layout.sweep_shape), -1):
        pieces[axis] = max(1, min(lengths[axis], room))
        room //= lengths[axis]
    return tuple(pieces)
