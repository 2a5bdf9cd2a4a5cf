"""HDF5 files of any origin: checked before anything in them is read."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, one_line
from .global_heaps import check_heaps
from .inputs import file_state

MOST_OBJECTS = 4096
MOST_LEVELS = 16
MOST_AXES = 32
_LEAST_ROOM, _RATIO = 2**26, 64
"""Bytes that data may take in memory beyond those in the file: at least, and in multiples of the file."""

_LARGE = 2**24
"""Bytes of data in which no heap is looked for; in smaller data, a hostile file could hide one at no cost."""

_MOST_WORDS, _MOST_NUMBERS = 16, 2**16
"""Entries of an attribute: strings of variable length, and others."""

_DEFLATE, _SHUFFLE, _FLETCHER = 1, 2, 3
_DESCRIPTOR = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])
"""How a file refers to a string of variable length."""


@contextmanager
def open_hdf5(path: str | PathLike[str]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield an HDF5 file to be read, and the options with which it was opened.

    Without locks where the file system lacks them, or another process has one: files are replaced, never changed.
    """
    import h5py

    options: dict[str, Any] = {}
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        if "lock" not in str(error):
            raise
        options = {"locking": False}
        file = h5py.File(path, "r", **options)
    with file:
        yield file, options


@contextmanager
def hdf5_file(path: str | PathLike[str]) -> Iterator[Any]:
    """Yield an HDF5 file of any origin, open for reading, after checking its structure.

    Raises
    ------
    InputError
        If it is no file, or is refused: for links to other places, data in other files, filters other than
        deflate, shuffle and checksums, or data that would take far more memory than the file has bytes. HDF5 may
        raise an OSError, a RuntimeError or a KeyError where the file is damaged.
    """
    size = file_state(path).st_size
    with open_hdf5(path) as (file, _):
        try:
            check_hdf5(file, size)
        except ValueError as error:
            raise InputError(str(path), f"is refused: {one_line(error)}") from None
        yield file


def check_hdf5(file: Any, size: int) -> dict[str, Any]:
    """Check the structure of an open HDF5 file, and return its data sets by path; nothing of them is read.

    Refused are links to other files and other places, data in other files, filters other than deflate, shuffle
    and checksums, and data that would take far more memory than the file has bytes.

    Parameters
    ----------
    file : h5py.File
        The file, open for reading.
    size : int
        Its number of bytes.

    Raises
    ------
    ValueError
        With the reason, if the file is refused. HDF5 may raise an OSError, a RuntimeError or a KeyError where it
        is damaged.
    """
    found: dict[str, Any] = {}
    _check_holes(file.filename, size)
    room = _Room(size)
    for path, member in _members(file):
        _check_attributes(path, member)
        if _is_data(member):
            _check_data(path, member, room)
            found[path] = member
    _check_heaps(file, found.values())
    return found


def _check_heaps(file: Any, members: Iterable[Any]) -> None:
    """Check the heaps of attributes, outside of large contiguous data."""
    if file.id.get_create_plist().get_sizes() != (8, 8):
        raise ValueError("it must have offsets and lengths of eight bytes")
    contiguous = (place for member in members if member.chunks is None for place in _places_of(member))
    extents = [place for place in contiguous if place[1] >= _LARGE]
    with open(file.filename, "rb") as raw:
        check_heaps(raw, extents)


def _check_holes(path: str, size: int) -> None:
    """Check that a large file is not made of holes, which take no room on a disk, where that can be known."""
    if size <= _LEAST_ROOM or not hasattr(os, "SEEK_DATA"):
        return
    with open(path, "rb") as raw:
        stored = stop = 0
        while stored * _RATIO < size:
            try:
                start = os.lseek(raw.fileno(), stop, os.SEEK_DATA)
                stop = os.lseek(raw.fileno(), start, os.SEEK_HOLE)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    return
                raise ValueError(f"it declares {size} bytes, of which only {stored} are in the file") from None
            stored += stop - start


class _Room:
    """The bytes that data may take."""

    def __init__(self, size: int) -> None:
        self.size, self.stored, self.beyond = size, 0, 0
        self.most = max(_LEAST_ROOM, _RATIO * size)

    def take(self, path: str, stored: int, wanted: int) -> None:
        """Count bytes in the file, and in memory."""
        self.stored += stored
        if self.stored > self.size:
            raise ValueError(f"{path} has more data than the file")
        self.beyond += max(0, wanted - stored)
        if self.beyond > self.most:
            raise ValueError(f"{path} declares {wanted} bytes, of which only {stored} are in the file")


def _is_data(member: Any) -> bool:
    import h5py

    return isinstance(member, h5py.Dataset)


def _members(file: Any) -> Iterator[tuple[str, Any]]:
    """Yield all groups and data sets, each of which must be linked directly."""
    import h5py

    waiting, count = [("", file, 0)], 0
    seen = set()
    while waiting:
        path, group, level = waiting.pop()
        yield path or "/", group
        for name in group:
            count += 1
            own = f"{path}/{name}"
            if count > MOST_OBJECTS or level > MOST_LEVELS:
                raise ValueError(f"it has more than {MOST_OBJECTS} members, or more than {MOST_LEVELS} levels")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{own} is a link to another place")
            member = group[name]
            address = h5py.h5o.get_info(member.id).addr
            if address in seen:
                raise ValueError(f"{own} is linked more than once")
            seen.add(address)
            if isinstance(member, h5py.Group):
                waiting.append((own, member, level + 1))
            elif isinstance(member, h5py.Dataset):
                yield own, member


def _check_attributes(path: str, member: Any) -> None:
    import h5py

    for name in member.attrs:
        attribute = member.attrs.get_id(name)
        if len(attribute.shape) > MOST_AXES:
            raise ValueError(f"the attribute {name} of {path} has more than {MOST_AXES} axes")
        count = int(np.prod(attribute.shape, dtype=object)) if attribute.shape else 1
        text = h5py.check_string_dtype(attribute.dtype)
        most = _MOST_WORDS if text is not None and text.length is None else _MOST_NUMBERS
        if count > most:
            raise ValueError(f"the attribute {name} of {path} has more than {most} entries")


def _check_data(path: str, data: Any, room: _Room) -> None:
    import h5py

    filters = _check_layout(path, data)
    count = int(np.prod(data.shape, dtype=object))
    wanted, stored = count * data.dtype.itemsize, data.id.get_storage_size()
    if data.chunks is not None and count:
        piece = int(np.prod(data.chunks, dtype=object)) * data.dtype.itemsize
        if piece > room.most:
            raise ValueError(f"{path} has pieces of {piece} bytes")
    if any(offset + length > room.size for offset, length in _places_of(data)):
        raise ValueError(f"{path} has values beyond the end of the file")
    if data.dtype.hasobject and h5py.check_string_dtype(data.dtype) is not None and count:
        if filters or stored < count * _DESCRIPTOR.itemsize:
            raise ValueError(f"{path} has text that is not in the file, or compressed text of variable length")
        room.take(path, stored, stored)
        room.take(path, 0, _length_of_text(path, data, room))
        return
    if is_dimension(data):
        return  # Its values are never read.
    room.take(path, stored, wanted if count else 0)
    if data.chunks is not None and _DEFLATE in filters and count:
        for _ in inflate(path, data):
            pass


def _places_of(data: Any) -> list[tuple[int, int]]:
    """Return where the file has the values of a data set: first bytes, and numbers of bytes."""
    places: list[tuple[int, int]] = []
    if data.chunks is not None:
        data.id.chunk_iter(lambda piece: places.append((piece.byte_offset, piece.size)))
    elif (offset := data.id.get_offset()) is not None:
        places.append((offset, data.id.get_storage_size()))
    return places


def _check_layout(path: str, data: Any) -> list[int]:
    """Check that data are in the file, and return their filters."""
    if data.is_virtual or data.external:
        raise ValueError(f"{path} has its data in other files")
    if data.shape is None or len(data.shape) > MOST_AXES:
        raise ValueError(f"{path} has no axes, or more than {MOST_AXES}")
    plan = data.id.get_create_plist()
    filters = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    if len(set(filters)) < len(filters) or not {*filters} <= {_DEFLATE, _SHUFFLE, _FLETCHER}:
        raise ValueError(f"{path} has a filter other than deflate, shuffle and checksums")
    return filters


def is_dimension(data: Any) -> bool:
    """Return whether a data set is the axis of a NetCDF file, without values."""
    name = data.attrs.get("NAME") if "NAME" in data.attrs else b""
    return isinstance(name, bytes) and name.startswith(b"This is a netCDF dimension but not a netCDF variable")


def _length_of_text(path: str, data: Any, room: _Room) -> int:
    """Return the number of bytes of strings of variable length, from the places that refer to them."""
    places = _places_of(data)
    if not places:
        raise ValueError(f"{path} has text of variable length in its header")
    total = 0
    with open(data.file.filename, "rb") as raw:
        for offset, length in places:
            if length > room.size:
                raise ValueError(f"{path} has more data than the file")
            raw.seek(offset)
            content = raw.read(length)
            lengths = np.frombuffer(content[: len(content) // 16 * 16], _DESCRIPTOR)["length"]
            total += int(lengths.sum(dtype=np.int64))
    return total


def inflate(path: str, data: Any) -> Iterator[tuple[tuple[int, ...], NDArray[np.uint8]]]:
    """Yield position and bytes of each compressed piece of a data set, which must be as many as it declares.

    Pieces at an end of the data set reach beyond it, with bytes of no meaning.

    Raises
    ------
    ValueError
        If a piece is damaged.
    """
    places: list[tuple[int, ...]] = []
    data.id.chunk_iter(lambda piece: places.append(piece.chunk_offset))
    expected = int(np.prod(data.chunks, dtype=object)) * data.dtype.itemsize
    for place in places:
        mask, raw = data.id.read_direct_chunk(place)
        if mask:
            raise ValueError(f"{path} has a piece without its filter")
        try:
            content = zlib.decompressobj().decompress(raw, expected + 1)
        except zlib.error:
            raise ValueError(f"{path} has a damaged piece") from None
        if len(content) != expected:
            raise ValueError(f"{path} has a damaged piece")
        yield place, np.frombuffer(content, np.uint8)
