"""Global heaps of HDF5 files, where attributes keep text of variable length, checked before HDF5 reads them.

HDF5 2.0 reads a heap for ever that has an object of no bytes, as a damaged file may have.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

_SIGNATURE = b"GCOL\x01\x00\x00\x00"
_HEADER, _OBJECT = struct.Struct("<8sQ"), struct.Struct("<HHIQ")
_BLOCK = 2**20


def check_heaps(file: BinaryIO, extents: Iterable[tuple[int, int]]) -> None:
    """Check that the objects of all global heaps follow one another to the ends of the heaps.

    Parameters
    ----------
    file : binary file
        An HDF5 file, open for reading, whose offsets and lengths have eight bytes.
    extents : iterable of tuple of int
        Where the file has numbers, in which no heap is looked for: first bytes, and numbers of bytes.

    Raises
    ------
    ValueError
        If they do not.
    """
    for place in _places(file, extents):
        file.seek(place)
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise ValueError("it ends within a heap")
        length = _HEADER.unpack(header)[1] - _HEADER.size
        # A heap is as large as what it holds, but no larger than the file.
        content = file.read(length) if length >= 0 else b""
        if len(content) != length:
            raise ValueError("it has a heap that goes on beyond its end")
        _check_objects(content)


def _check_objects(content: bytes) -> None:
    """Check the objects of a heap; number 0 is what is free, with its own header."""
    start = 0
    while start + _OBJECT.size <= len(content):
        number, _, _, size = _OBJECT.unpack_from(content, start)
        taken = size if number == 0 else _OBJECT.size + -(-size // 8) * 8
        if not _OBJECT.size <= taken <= len(content) - start:
            raise ValueError("it has a heap with a damaged object")
        start += taken


def _places(file: BinaryIO, extents: Iterable[tuple[int, int]]) -> Iterator[int]:
    """Yield where the signature of a heap is, outside the extents."""
    start = 0
    for first, length in [*sorted(extents), (file.seek(0, 2), 0)]:
        yield from _places_between(file, start, first)
        start = max(start, first + length)


def _places_between(file: BinaryIO, start: int, stop: int) -> Iterator[int]:
    while start < stop:
        file.seek(start)
        content = file.read(min(_BLOCK, stop - start) + len(_SIGNATURE) - 1)
        found = content.find(_SIGNATURE)
        while found >= 0:
            yield start + found
            found = content.find(_SIGNATURE, found + 1)
        start += _BLOCK
