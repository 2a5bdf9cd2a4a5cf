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
    """Return the results of a chunk as bytes."""
    words: dict[str, tuple[tuple[int, ...], list[list[str]]]] = {}
    if isinstance(result, ChunkResult):
        words = {name: _pack_words(one) for name, one in result.values.items() if one.dtype == object}
        values: dict[str, Any] = {**result.values, **words}
        result = attrs.evolve(result, values=values)
    return pickle.dumps((result, tuple(words)), _PROTOCOL)


def unpack_result(content: bytes) -> Reduced:
    """Return the results in bytes."""
    result: Reduced
    result, words = pickle.loads(content)
    if isinstance(result, ChunkResult):
        values: dict[str, Any] = result.values
        for name in words:
            values[name] = _unpack_words(*values[name])
    return result


def _pack_words(words: NDArray[Any]) -> tuple[tuple[int, ...], list[list[str]]]:
    """Return the shape of an array of strings, and those of each precoder and allocator, one if all are alike."""
    rows = words.reshape(-1, math.prod(words.shape[2:])).tolist()
    return words.shape, [row[:1] if row.count(row[0]) == len(row) else row for row in rows]


def _unpack_words(shape: tuple[int, ...], rows: list[list[str]]) -> NDArray[Any]:
    found = np.empty((len(rows), math.prod(shape[2:])), dtype=object)
    for own, row in zip(found, rows, strict=True):
        own[:] = np.array(row, dtype=object)
    return found.reshape(shape)
