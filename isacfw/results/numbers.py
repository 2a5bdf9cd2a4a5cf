"""Numbers of chunks at their places in a file: one array of all rows, sweep points and drops after the other."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from io import FileIO
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from .chunk import Chunk


@attrs.frozen(kw_only=True)
class Field:
    """A variable of numbers in a file.

    Parameters
    ----------
    name : str
        Its name.
    dtype : str
        Its type, such as ``"<f8"``.
    width : int or None
        Length of its last axis, of users or streams; None without one.
    offset : int
        Position of its first number in the file.
    """

    name: str
    dtype: str
    width: int | None
    offset: int

    @property
    def size(self) -> int:
        """Number of bytes of a row at a point and a drop."""
        return np.dtype(self.dtype).itemsize * (1 if self.width is None else self.width)

    def fit(self, value: NDArray[Any]) -> NDArray[Any]:
        """Return values of a chunk as they are stored: in order, and with as many users as there are."""
        if self.width is not None and value.shape[-1] != self.width:
            found = np.full((*value.shape[:-1], self.width), np.nan, dtype=self.dtype)
            both = min(self.width, value.shape[-1])
            found[..., :both] = value[..., :both]
            return found
        return np.ascontiguousarray(value, dtype=self.dtype)


@attrs.frozen(kw_only=True)
class Plan:
    """Where numbers are in a file.

    Parameters
    ----------
    rows : int
        Number of precoders with their beams, times that of allocators.
    allocators, points, drops : int
        Numbers of allocators, sweep points and drops.
    fields : tuple of Field
        All variables of numbers.
    size : int
        Number of bytes of the file while it has nothing but numbers.
    """

    rows: int
    allocators: int
    points: int
    drops: int
    fields: tuple[Field, ...]
    size: int

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        return attrs.asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Plan:
        """Return a plan from JSON."""
        fields = tuple(Field(**one) for one in found["fields"])
        return cls(**{**found, "fields": fields})

    @property
    def shape(self) -> tuple[Any, ...]:
        """What two files have in common that may hold the same chunks at the same places of their variables."""
        fields = tuple((one.name, one.dtype, one.width) for one in self.fields)
        return self.rows, self.allocators, self.points, self.drops, fields

    def gaps(self, size: int) -> Iterator[range]:
        """Yield the positions between the variables in a file of a number of bytes."""
        start = 0
        rows = self.rows * self.points * self.drops
        for field in sorted(self.fields, key=lambda one: one.offset):
            yield range(start, field.offset)
            start = field.offset + rows * field.size
        yield range(start, size)

    def pieces(self, field: Field, chunk: Chunk) -> tuple[int, Iterator[int]]:
        """Return length and positions of the pieces of a chunk, which are those of its array in order."""
        points, drops = chunk.points, chunk.drops
        whole = len(drops) == self.drops

        def positions() -> Iterator[int]:
            for row in range(self.rows):
                for point in points[:1] if whole else points:
                    drop = (row * self.points + point) * self.drops + drops.start
                    yield field.offset + drop * field.size

        return len(drops) * (len(points) if whole else 1) * field.size, positions()

    @property
    def everything(self) -> Chunk:
        """All points and drops."""
        return Chunk(points=range(self.points), drops=range(self.drops))

    def shape_of(self, field: Field | None, chunk: Chunk) -> tuple[int, ...]:
        """Return the shape of a variable of a chunk; for None, of one without an axis of its own."""
        own = () if field is None or field.width is None else (field.width,)
        rows = self.rows // self.allocators
        return rows, self.allocators, len(chunk.points), len(chunk.drops), *own


def write_numbers(
    file: FileIO, plan: Plan, chunk: Chunk, values: Mapping[str, NDArray[Any]], *, checked: bool = True
) -> int:
    """Write the numbers of a chunk at their places, and return their checksum; 0 unless they are to be checked.

    Raises
    ------
    OSError
        If they cannot be written, for example because the disk is full.
    """
    checksum = 0
    for field in plan.fields:
        content = _bytes_of(field.fit(values[field.name]))
        checksum = zlib.crc32(content, checksum) if checked else 0
        length, positions = plan.pieces(field, chunk)
        for number, position in enumerate(positions):
            write_at(file, position, content[number * length : (number + 1) * length])
    return checksum


def read_numbers(file: FileIO, plan: Plan, chunk: Chunk) -> tuple[dict[str, NDArray[Any]], int]:
    """Return the numbers of a chunk, and their checksum.

    Raises
    ------
    OSError
        If they cannot be read.
    """
    values, checksum = {}, 0
    for field in plan.fields:
        values[field.name] = found = np.zeros(plan.shape_of(field, chunk), dtype=field.dtype)
        content = _bytes_of(found)
        length, positions = plan.pieces(field, chunk)
        for number, position in enumerate(positions):
            read_at(file, position, content[number * length : (number + 1) * length])
        checksum = zlib.crc32(content, checksum)
    return values, checksum


def _bytes_of(value: NDArray[Any]) -> memoryview:
    """Return the bytes of an array, which is in order."""
    return value.reshape(-1).view(np.uint8).data


def read_gaps(file: FileIO, plan: Plan, size: int) -> Iterator[bytes]:
    """Yield what is between the variables of a file of a number of bytes, in pieces that fit into memory."""
    for gap in plan.gaps(size):
        for start in range(gap.start, gap.stop, 2**20):
            content = bytearray(min(2**20, gap.stop - start))
            read_at(file, start, memoryview(content))
            yield bytes(content)


def write_gaps(file: FileIO, plan: Plan, content: bytes) -> None:
    """Write what is between the variables of a file with nothing but numbers, and cut off what follows them."""
    done = 0
    for gap in plan.gaps(plan.size):
        write_at(file, gap.start, memoryview(content)[done : done + len(gap)])
        done += len(gap)
    file.truncate(plan.size)


def write_at(file: FileIO, position: int, content: memoryview | bytes) -> None:
    """Write all bytes at a position of an unbuffered file."""
    file.seek(position)
    done = file.write(content)
    while done < len(content):
        done += file.write(memoryview(content)[done:])


def read_at(file: FileIO, position: int, content: memoryview) -> None:
    """Read bytes at a position of an unbuffered file; beyond its end they stay as they are."""
    file.seek(position)
    done = 0
    while done < len(content) and (count := file.readinto(content[done:])):
        done += count


def checksum_of(pieces: Iterable[bytes]) -> int:
    """Return the checksum of bytes in pieces."""
    found = 0
    for piece in pieces:
        found = zlib.crc32(piece, found)
    return found
