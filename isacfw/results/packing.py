"""Results of a chunk as bytes, on their way from one process to another."""

from __future__ import annotations

import math
import pickle
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from .chunk import ChunkResult
from .tally import Reduced

_PROTOCOL = 5
"""Version of the format of pickles in which arrays are written without a copy of their own."""


def pack_result(result: Reduced) -> bytes:
    """Return the results of a chunk as bytes; what is the same in all drops once, since copies take time."""
    if isinstance(result, ChunkResult):
        values: dict[str, Any] = {name: _pack(value) for name, value in result.values.items()}
        result = attrs.evolve(result, values=values)
    return pickle.dumps(result, _PROTOCOL)


def unpack_result(content: bytes) -> Reduced:
    """Return the results in bytes; arrays of what is the same in all drops are views of few numbers."""
    result: Reduced = pickle.loads(content)
    if isinstance(result, ChunkResult):
        packed: dict[str, Any] = result.values
        result = attrs.evolve(result, values={name: _unpack(*one) for name, one in packed.items()})
    return result


def _pack(values: NDArray[Any]) -> tuple[tuple[int, ...], Any]:
    """Return the shape of an array, and its content; an array of strings as lists."""
    if values.dtype == object:
        rows = values.reshape(-1, math.prod(values.shape[2:])).tolist()
        return values.shape, [row[:1] if row.count(row[0]) == len(row) else row for row in rows]
    if values.ndim == 4 and values.dtype.itemsize == 8:
        # Bits, so that NaN is the same as NaN, and 0 is not the same as -0.
        bits, first = values.view(np.int64), values[..., :1]
        if (bits[..., -1:] == bits[..., :1]).all() and (bits == bits[..., :1]).all():
            return values.shape, np.ascontiguousarray(first)
    return values.shape, values


def _unpack(shape: tuple[int, ...], content: Any) -> NDArray[Any]:
    if isinstance(content, np.ndarray):
        return np.broadcast_to(content, shape) if content.shape != shape else content
    found = np.empty((len(content), math.prod(shape[2:])), dtype=object)
    for own, row in zip(found, content, strict=True):
        own[:] = np.array(row, dtype=object)
    return found.reshape(shape)
