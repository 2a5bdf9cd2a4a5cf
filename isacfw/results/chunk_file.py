"""Chunks as NetCDF files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.files import HDF5File
from .batches import sizes_from_list
from .chunk import Chunk, ChunkResult

FORMAT = 5
"""Version of the format of chunk files; part of the key of a study."""

_WORDS = ("status", "message")


_AXES = ("precoder", "allocator", "point", "drop")


def write_chunk(result: ChunkResult, raw: HDF5File, attributes: Mapping[str, Any]) -> None:
    """Write a chunk as few variables, since each one takes time to write: columns side by side.

    ``numbers`` holds floating-point values, ``codes`` integers and strings; the attribute ``columns`` names the
    columns and gives the width of those with an additional axis, ``words`` maps the codes to strings. The file is
    written as HDF5 with the dimension scales of NetCDF, as xarray takes five times as long.
    """
    import h5py

    numbers, codes, words = [], [], {}
    columns: list[tuple[str, int | None]] = []
    for name, value in result.values.items():
        if value.dtype.kind == "f":
            columns.append((name, value.shape[4] if value.ndim > 4 else None))
            numbers.append(value.reshape(*value.shape[:4], -1))
            continue
        if name in _WORDS:
            words[name], value = _encode_words(value)
        codes.append(value[..., None].astype(np.int64))
    whole = [name for name, value in result.values.items() if value.dtype.kind != "f"]
    with h5py.File(raw, "w") as file:
        axes: dict[str, Any] = {}
        _write_variable(file, axes, ("point",), "users", result.users)
        own = _write_variable(file, axes, (*_AXES, "column"), "numbers", np.concatenate(numbers, axis=-1))
        own.attrs["columns"] = json.dumps(columns)
        own = _write_variable(file, axes, (*_AXES, "code"), "codes", _shorten(np.concatenate(codes, axis=-1)))
        own.attrs["columns"], own.attrs["words"] = json.dumps(whole), json.dumps(words)
        for name, one in (("points", result.chunk.points), ("drops", result.chunk.drops)):
            file.attrs[name] = json.dumps([one.start, one.stop])
        file.attrs["warnings"] = json.dumps(result.warnings)
        file.attrs["batches"] = json.dumps(result.batches)
        for name, value in attributes.items():
            file.attrs[name] = value


def _write_variable(
    file: Any, known: dict[str, Any], axes: Sequence[str], name: str, values: NDArray[Any]
) -> Any:
    """Write a variable along axes without coordinates, and return it; `known` has the scales of the axes."""
    data = file.create_dataset(name, data=values)
    for position, (axis, size) in enumerate(zip(axes, values.shape, strict=True)):
        if axis not in known:
            known[axis] = file.create_dataset(axis, shape=(size,), dtype=">f4")
            known[axis].make_scale(f"This is a netCDF dimension but not a netCDF variable. {size:9d}")
            known[axis].attrs["_Netcdf4Dimid"] = np.int32(len(known) - 1)
        data.dims[position].attach_scale(known[axis])
    return data


def _shorten(codes: NDArray[np.int64]) -> NDArray[Any]:
    """Return integers in the shortest type that holds them."""
    least, largest = int(codes.min(initial=0)), int(codes.max(initial=0))
    kinds = (np.int8, np.int16, np.int32, np.int64)
    return codes.astype(next(one for one in kinds if np.iinfo(one).min <= least and largest <= np.iinfo(one).max))


def _encode_words(words: NDArray[Any]) -> tuple[list[str], NDArray[np.int64]]:
    import pandas

    codes, known = pandas.factorize(words.ravel())
    return [str(word) for word in known], codes.reshape(words.shape)


def chunk_from_file(file: Any) -> ChunkResult:
    """Return a chunk from its file, read as HDF5: xarray takes twenty times as long, and files are many."""
    numbers, codes = file["numbers"][()], file["codes"][()].astype(np.int64)
    values: dict[str, NDArray[Any]] = {}
    first = 0
    for name, width in json.loads(file["numbers"].attrs["columns"]):
        last = first + (1 if width is None else width)
        values[name] = numbers[..., first] if width is None else numbers[..., first:last]
        first = last
    words = json.loads(file["codes"].attrs["words"])
    for column, name in enumerate(json.loads(file["codes"].attrs["columns"])):
        value = codes[..., column]
        values[name] = np.array(words[name], dtype=object)[value] if name in words else value
    values["feasible"] = values["feasible"].astype(np.bool_)
    points, drops = (range(*json.loads(file.attrs[name])) for name in ("points", "drops"))
    warnings = tuple(json.loads(file.attrs["warnings"]))
    return ChunkResult(
        chunk=Chunk(points=points, drops=drops),
        users=file["users"][()],
        values=values,
        warnings=warnings,
        batches=sizes_from_list(json.loads(file.attrs["batches"])),
    )
