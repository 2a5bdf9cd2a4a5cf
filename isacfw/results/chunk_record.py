"""Records of finished chunks, what they have beyond their numbers, and of finished volumes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from .batches import sizes_from_list
from .chunk import UNFINISHED, Chunk, ChunkResult, ChunkSummary, Rest
from .journal import from_record, to_record
from .schema import HISTORY

_HEADER, _USERS = "header", "users"


@attrs.frozen(kw_only=True, eq=False)
class Entry:
    """A finished chunk in a volume.

    Parameters
    ----------
    summary : ChunkSummary
        Its metadata.
    checksum : int
        Checksum of its numbers.
    place : tuple of int
        Where its record begins and ends in the journal.
    """

    summary: ChunkSummary
    checksum: int
    place: tuple[int, int]


@attrs.frozen(kw_only=True)
class Seal:
    """The mark of a finished volume.

    Parameters
    ----------
    size : int
        Number of bytes of its file.
    checksum : int
        Checksum of everything but its numbers.
    attributes : str
        Digest of the attributes of its data set.
    """

    size: int
    checksum: int
    attributes: str


def write_header(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> bytes:
    """Return a record of JSON and arrays."""
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    return to_record({_HEADER: text, **(arrays or {})})


def read_header(record: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return JSON and arrays of a record."""
    arrays = from_record(record)
    return json.loads(arrays.pop(_HEADER).tobytes()), arrays


def write_chunk(result: ChunkResult, checksum: int, header: Mapping[str, Any]) -> tuple[bytes, ChunkSummary]:
    """Return the record of a chunk, and its summary.

    Parameters
    ----------
    result : ChunkResult
        The chunk.
    checksum : int
        Checksum of its numbers.
    header : mapping
        What all records of the journal have.
    """
    arrays: dict[str, NDArray[Any]] = {_USERS: result.users}
    words: dict[str, list[str]] = {}
    for name, value in result.values.items():
        if value.dtype == object:
            words[name], arrays[f"words_{name}"] = _encode_words(value)
    if (history := result.values.get(HISTORY)) is not None:
        arrays[HISTORY] = history
    summary = ChunkSummary(
        chunk=result.chunk,
        users=result.users,
        iterations=0 if history is None else history.shape[-1],
        widths={name: max((len(word.encode()) for word in own), default=0) for name, own in words.items()},
        warnings=result.warnings,
        unfinished=not UNFINISHED.isdisjoint(words["status"]),
        batches=result.batches,
    )
    own = {
        "points": [summary.chunk.points.start, summary.chunk.points.stop],
        "drops": [summary.chunk.drops.start, summary.chunk.drops.stop],
        "checksum": checksum,
        "iterations": summary.iterations,
        "warnings": summary.warnings,
        "batches": summary.batches,
        "words": words,
    }
    return write_header({**header, "chunk": own}, arrays), summary


def read_entry(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], place: tuple[int, int]) -> Entry:
    """Return the entry of a chunk from its record."""
    own = header["chunk"]
    words: dict[str, list[str]] = own["words"]
    summary = ChunkSummary(
        chunk=Chunk(points=range(*own["points"]), drops=range(*own["drops"])),
        users=arrays[_USERS],
        iterations=own["iterations"],
        widths={name: max((len(word.encode()) for word in one), default=0) for name, one in words.items()},
        warnings=tuple(own["warnings"]),
        unfinished=not UNFINISHED.isdisjoint(words["status"]),
        batches=sizes_from_list(own["batches"]),
    )
    return Entry(summary=summary, checksum=own["checksum"], place=place)


def read_rest(record: bytes) -> Rest:
    """Return what a chunk has beyond numbers."""
    header, arrays = read_header(record)
    own = header["chunk"]
    return Rest(
        chunk=Chunk(points=range(*own["points"]), drops=range(*own["drops"])),
        texts={name: (tuple(words), arrays[f"words_{name}"]) for name, words in own["words"].items()},
        history=arrays.get(HISTORY),
    )


def read_values(record: bytes) -> dict[str, NDArray[Any]]:
    """Return the values of a chunk that are no numbers with a place, by name."""
    rest = read_rest(record)
    values = {name: np.array(words, dtype=object)[codes] for name, (words, codes) in rest.texts.items()}
    return values if rest.history is None else {**values, HISTORY: rest.history}


def _encode_words(words: NDArray[Any]) -> tuple[list[str], NDArray[Any]]:
    """Return the distinct words of an array, and their positions in the shortest type."""
    import pandas

    codes, known = pandas.factorize(words.ravel())
    return [str(word) for word in known], codes.reshape(words.shape).astype(np.min_scalar_type(len(known)))
