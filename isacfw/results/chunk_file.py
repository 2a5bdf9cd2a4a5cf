"""Chunks as NetCDF files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .chunk import Chunk, ChunkResult

if TYPE_CHECKING:
    import xarray


FORMAT = 4
"""Version of the format of chunk files; part of the key of a study."""

_WORDS = ("status", "message")


_AXES = ("precoder", "allocator", "point", "drop")


def chunk_to_dataset(result: ChunkResult) -> xarray.Dataset:
    """Return a chunk as a data set of few variables, since each one takes time to write: columns side by side.

    ``numbers`` holds floating-point values, ``codes`` integers and strings; the attribute ``columns`` names the
    columns and gives the width of those with an additional axis, ``words`` maps the codes to strings.
    """
    import xarray

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
    ranges = {"points": result.chunk.points, "drops": result.chunk.drops}
    whole = [name for name, value in result.values.items() if value.dtype.kind != "f"]
    return xarray.Dataset(
        {
            "users": ("point", result.users),
            "numbers": ((*_AXES, "column"), np.concatenate(numbers, axis=-1), {"columns": json.dumps(columns)}),
            "codes": (
                (*_AXES, "code"),
                np.concatenate(codes, axis=-1),
                {"columns": json.dumps(whole), "words": json.dumps(words)},
            ),
        },
        attrs={name: json.dumps([one.start, one.stop]) for name, one in ranges.items()}
        | {"warnings": json.dumps(result.warnings)},
    )


def _encode_words(words: NDArray[Any]) -> tuple[list[str], NDArray[np.int64]]:
    import pandas

    codes, known = pandas.factorize(words.ravel())
    return [str(word) for word in known], codes.reshape(words.shape)


def chunk_from_file(file: Any) -> ChunkResult:
    """Return a chunk from its file, read as HDF5: xarray takes twenty times as long, and files are many."""
    numbers, codes = file["numbers"][()], file["codes"][()]
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
        chunk=Chunk(points=points, drops=drops), users=file["users"][()], values=values, warnings=warnings
    )
