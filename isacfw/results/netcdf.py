"""Results as NetCDF files, in which numbers have their places before they are written."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.files import HDF5File, atomic_write, open_for_hdf5, write_netcdf
from .chunk import Rest
from .layout import Layout
from .lazily import open_lazily
from .numbers import Plan
from .schema import HISTORY

if TYPE_CHECKING:
    import xarray

_BYTES_TOGETHER = 2**20
_BYTES_OF_POINTS = 2**16

_DIMENSION = "This is a netCDF dimension but not a netCDF variable. {:9d}"


def write_small(dataset: xarray.Dataset, path: Path) -> xarray.Dataset:
    """Write a data set that fits into memory to a NetCDF file, and return it; it is read on demand."""
    with atomic_write(path) as new, open_for_hdf5(new) as raw:
        write_netcdf(dataset, raw)
    return open_lazily(path)


def create_file(path: Path, layout: Layout, precision: str) -> Plan:
    """Create a NetCDF file with room for all numbers of a study, and return where they are.

    Parameters
    ----------
    path : Path
        The file.
    layout : Layout
        The study; its number of users is that of the file.
    precision : str
        Type of floating-point numbers.
    """
    import h5py
    import xarray

    plan = layout.plan_numbers(precision)
    fields = []
    with open_for_hdf5(path) as raw:
        write_netcdf(xarray.Dataset(layout.fixed, layout.coordinates, dict(layout.attributes)), raw)
        with h5py.File(raw, "r+") as file:
            for field in plan.fields:
                attributes = layout.attributes_of(field.name)
                if layout.variables[field.name].dtype == "bool":
                    attributes["dtype"] = "bool"
                made = _declare(file, field.name, _axes_of(layout, field.name), field.dtype, attributes)
                fields.append(attrs.evolve(field, offset=made.id.get_offset()))
    return attrs.evolve(plan, fields=tuple(fields), size=path.stat().st_size)


def complete_file(path: Path, rests: Callable[[], Iterable[Rest]], layout: Layout, precision: str) -> None:
    """Add what is known only at the end to a file with all numbers: attributes, users, histories and texts.

    Parameters
    ----------
    path : Path
        The file, as it was created, with numbers.
    rests : callable
        Returns what all chunks have beyond numbers.
    layout : Layout
        The study.
    precision : str
        Type of floating-point numbers.

    Raises
    ------
    OSError
        If it cannot be written. The numbers stay as they are.
    """
    import h5py

    with open_for_hdf5(path, new=False) as raw, h5py.File(raw, "r+") as file:
        _set_attributes(file, layout.attributes)
        file["seconds"].attrs.update(layout.attributes_of("seconds"))
        users = file["users"]
        users[...] = np.reshape(layout.sizes.users, users.shape)
        for name, variable in layout.variables.items():
            if variable.dtype == "text":
                _write_text(raw, file, layout, name, rests())
            elif name == HISTORY:
                _write_history(file, layout, np.dtype(precision).str, rests())
            raw.check()


def _set_attributes(file: Any, attributes: Mapping[str, Any]) -> None:
    """Set the attributes of a data set, and remove those of an earlier one."""
    for name in set(file.attrs) - {*attributes, "coordinates"}:
        if not name.startswith("_"):
            del file.attrs[name]
    for name, value in attributes.items():
        file.attrs[name] = value


def _axes_of(layout: Layout, name: str) -> dict[str, int]:
    """Return the axes of a variable with their lengths."""
    return dict(zip(*layout.axes_of(name), strict=True))


def _declare(
    file: Any,
    name: str,
    axes: Mapping[str, int],
    kind: str,
    attributes: Mapping[str, Any],
    pieces: tuple[int, ...] | None = None,
) -> Any:
    """Add a variable to a file, and return it: its numbers in one piece, or compressed pieces of a shape.

    Written as HDF5 with the dimension scales of NetCDF, as h5netcdf takes many times as long.
    """
    import h5py

    fill = {"_FillValue": np.array([np.nan], dtype=kind)} if np.dtype(kind).kind == "f" else {}
    plan, lengths = h5py.h5p.create(h5py.h5p.DATASET_CREATE), tuple(axes.values())
    plan.set_attr_creation_order(h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED)
    if fill:
        plan.set_fill_value(fill["_FillValue"])
    if pieces is None and 0 not in lengths:
        plan.set_layout(h5py.h5d.CONTIGUOUS)
        plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    else:
        plan.set_chunk(pieces or (1,) * len(lengths))
        if pieces is not None:
            plan.set_deflate(1)
    scales = [_scale(file, axis, length) for axis, length in axes.items()]
    most = tuple(h5py.h5s.UNLIMITED if length == 0 else length for length in lengths)
    space = h5py.h5s.create_simple(lengths, most)
    of = h5py.h5t.py_create(np.dtype(kind), logical=True)
    made = h5py.Dataset(h5py.h5d.create(file.id, name.encode(), of, space, plan))
    for position, scale in enumerate(scales):
        made.dims[position].attach_scale(scale)
    for key, value in (fill | dict(attributes)).items():
        made.attrs[key] = value
    return made


def _scale(file: Any, axis: str, length: int) -> Any:
    """Return the scale of an axis, which is added without values unless it is there."""
    if axis in file:
        return file[axis]
    numbers = [one.attrs["_Netcdf4Dimid"] for one in file.values() if "_Netcdf4Dimid" in one.attrs]
    options = {"maxshape": (None,), "chunks": (1024,)} if length == 0 else {}
    made = file.create_dataset(axis, shape=(length,), dtype=">f4", **options)
    made.make_scale(_DIMENSION.format(length))
    made.attrs["_Netcdf4Dimid"] = np.int32(max(map(int, numbers), default=-1) + 1)
    return made


def _write_history(file: Any, layout: Layout, kind: str, rests: Iterable[Rest]) -> None:
    """Add the histories, which are as long as the longest one."""
    iterations = layout.sizes.iterations
    made = _declare(file, HISTORY, _axes_of(layout, HISTORY), kind, layout.attributes_of(HISTORY))
    for rest in rests if iterations else ():
        assert rest.history is not None
        whole = np.full((*rest.history.shape[:-1], iterations), np.nan)
        whole[..., : rest.history.shape[-1]] = rest.history
        for place, slab in layout.slabs(rest.chunk, whole):
            made[place] = slab


def _write_text(raw: HDF5File, file: Any, layout: Layout, name: str, rests: Iterable[Rest]) -> None:
    """Add a variable of texts, as bytes of a fixed width.

    Strings of variable length would all be read when the file is opened, instead of on demand. Pieces without
    text are not written, and pieces with the same text everywhere are compressed once.
    """
    words, codes = _gather_words(layout, name, rests)
    width = layout.sizes.widths.get(name, 1)
    attributes = layout.attributes_of(name) | {"_Encoding": "utf-8"}
    pieces = _pieces(layout, (*codes.shape, width))
    made = _declare(file, name, _axes_of(layout, name) | {f"bytes_{width}": width}, "S1", attributes, pieces)
    table = np.array(words, dtype=f"S{width}")
    known: dict[tuple[int, tuple[int, ...]], bytes] = {}
    for place in _places(codes.shape, pieces):
        part = codes[tuple(slice(start, start + step) for start, step in zip(place, pieces, strict=False))]
        first, uniform = int(part.flat[0]), bool(part.min() == part.max())
        if uniform and not words[first]:
            continue
        content = known.get((first, part.shape)) if uniform else None
        if content is None:
            whole = np.zeros(pieces[:-1], dtype=table.dtype)
            whole[tuple(map(slice, part.shape))] = table[part]
            content = zlib.compress(whole.tobytes(), 1)
        if uniform:
            known[first, part.shape] = content
        made.id.write_direct_chunk((*place, 0), content)
        raw.check()


def _gather_words(layout: Layout, name: str, rests: Iterable[Rest]) -> tuple[list[bytes], NDArray[Any]]:
    """Return all words of a variable, and their positions in the list at each row, point and drop."""
    words: dict[str, int] = {}
    codes: NDArray[Any] = np.zeros(layout.lengths, dtype=np.int8)
    for rest in rests:
        own, value = rest.texts[name]
        table = np.array([words.setdefault(word, len(words)) for word in own])
        if len(words) > np.iinfo(codes.dtype).max:
            codes = codes.astype(np.int64 if codes.dtype == np.int32 else np.int32)
        for place, slab in layout.slabs(rest.chunk, table[value]):
            codes[place] = slab
    return [word.encode() for word in words], codes


def _places(lengths: Sequence[int], pieces: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield the first position of each piece of an array."""
    return product(*(range(0, length, step) for length, step in zip(lengths, pieces, strict=False)))


def _pieces(layout: Layout, lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the pieces of a text in a file.

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
