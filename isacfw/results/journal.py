"""Records of arrays in a file that only grows: each has its own checksum, and stands without the others."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = 6
"""Version of the format of results and journals in folders; part of the key of a study."""

_MARK = b"\x93isacfw\n"
_HEAD = struct.Struct("<8sQI")
"""Mark, number of bytes and checksum in front of each record."""


def to_record(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays, none of them of objects, as a record."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    payload = content.getvalue()
    return _HEAD.pack(_MARK, len(payload), zlib.crc32(payload)) + payload


def from_record(record: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an intact record."""
    with np.load(io.BytesIO(record[_HEAD.size :]), allow_pickle=False) as found:
        return dict(found)


def find_records(content: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """Yield where intact records begin and end; others, and what is no record, are left out."""
    start = 0
    while (start := content.find(_MARK, start)) >= 0:
        end = _end_of(content, start)
        if end is None:
            start += 1
        else:
            yield start, end
            start = end


def _end_of(content: bytes | bytearray, start: int) -> int | None:
    """Return the end of the record that begins at a place, None if it is not intact."""
    first = start + _HEAD.size
    if first > len(content):
        return None
    _, length, checksum = _HEAD.unpack_from(content, start)
    if first + length > len(content):
        return None
    payload = memoryview(content)[first : first + length]
    return first + length if zlib.crc32(payload) == checksum else None
