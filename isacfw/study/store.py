"""Checkpoints of finished chunks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from ..base.errors import InputError
from ..base.files import atomic_write, ensure_writable, open_for_hdf5
from ..base.hdf5 import open_hdf5
from ..results.chunk import Chunk, ChunkResult, ChunkSummary, trim_histories
from ..results.chunk_file import FORMAT, chunk_from_file, write_chunk
from ..results.schema import HISTORY

_DIGEST_SIZE = 32


class ChunkStore:
    """The chunks of one study, one file each, in a folder named after everything that determines their content.

    Parameters
    ----------
    folder : Path
        Folder of the studies; created if necessary.
    key : str
        Digest of everything that determines the results, see :func:`study_key`.
    drops : int
        Number of requested drops; a chunk may hold more.

    Raises
    ------
    InputError
        If the folder is not writable.
    """

    def __init__(self, folder: Path, key: str, drops: int) -> None:
        self.key, self.folder, self.drops = key, folder / key[:16], drops
        self._whole: dict[Chunk, ChunkSummary] = {}
        ensure_writable(self.folder)

    def add(self, result: ChunkResult) -> None:
        """Write a chunk atomically.

        Raises
        ------
        InputError
            If the chunk cannot be written.
        """
        with atomic_write(self._path(result.chunk)) as new:
            with open_for_hdf5(new) as raw:
                write_chunk(result, raw, {"format": FORMAT, "study": self.key})
            with new.open("rb+") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
                file.write(digest)
        self._whole[result.chunk] = result.summary

    def replace(self, result: ChunkResult) -> None:
        """Write a chunk with all its drops in place of an earlier one; raises as :meth:`add`."""
        self.add(result)
        # It may hold drops that are not requested, whose summary is another.
        del self._whole[result.chunk]

    def choose(self) -> list[ChunkSummary]:
        """Return the intact chunks in order, without duplicate drops; damaged ones count as missing.

        A file that was found intact, or written by this process, is not read again.
        """
        chosen: list[ChunkSummary] = []
        paths = {key: path for path in self.folder.glob("points-*.nc") if (key := _key_of(path)) is not None}
        done: dict[range, int] = {}
        for first, last, start, stop in sorted(paths):
            chunk = Chunk(points=range(first, last), drops=range(start, stop))
            if not done.get(chunk.points, 0) <= start < self.drops:
                continue
            if chunk not in self._whole and (result := self._read(chunk)) is not None:
                self._whole[chunk] = attrs.evolve(_within(result, self.drops).summary, chunk=chunk)
            if chunk in self._whole:
                done[chunk.points] = stop
                chosen.append(self._whole[chunk])
        return chosen

    def results(self, summaries: Iterable[ChunkSummary]) -> Iterator[ChunkResult]:
        """Yield chosen chunks with their values, without drops that were not requested.

        Raises
        ------
        InputError
            If one of them has been damaged since it was chosen.
        """
        for summary in summaries:
            result = self._read(summary.chunk)
            if result is None:
                raise InputError(str(self._path(summary.chunk)), "was damaged while the study was running")
            yield _within(result, self.drops)

    def read(self, summary: ChunkSummary) -> ChunkResult | None:
        """Return a chosen chunk with all its drops, requested or not; None if it has been damaged since."""
        return self._read(summary.chunk)

    def _path(self, chunk: Chunk) -> Path:
        first, last, start, stop = chunk.key
        return self.folder / f"points-{first}-{last}-drops-{start}-{stop}.nc"

    def _read(self, chunk: Chunk) -> ChunkResult | None:
        path = self._path(chunk)
        try:
            # Check the bytes first: HDF5 readers are not robust to damaged files.
            if not path.is_file() or not _undamaged(path):
                return None
            with open_hdf5(path) as (file, _):
                if file.attrs.get("study") != self.key or file.attrs.get("format") != FORMAT:
                    return None
                result = chunk_from_file(file)
        except OSError:
            return None
        return result if result.chunk == chunk else None


def _undamaged(path: Path) -> bool:
    """Return whether a file ends in the digest of its preceding bytes."""
    with path.open("rb") as file:
        content = memoryview(file.read())
    return hashlib.sha256(content[:-_DIGEST_SIZE]).digest() == content[-_DIGEST_SIZE:]


def _key_of(path: Path) -> tuple[int, ...] | None:
    """Return points and drops of a chunk from the name of its file."""
    found = re.fullmatch(r"points-(\d+)-(\d+)-drops-(\d+)-(\d+)", path.stem)
    return None if found is None else tuple(map(int, found.groups()))


def _within(result: ChunkResult, drops: int) -> ChunkResult:
    """Return a chunk restricted to the first drops, as if it had been solved that way."""
    chunk = result.chunk
    if chunk.drops.stop <= drops:
        return result
    values = {name: value[:, :, :, : drops - chunk.drops.start] for name, value in result.values.items()}
    if HISTORY in values:
        values[HISTORY] = trim_histories(values[HISTORY])
    return attrs.evolve(
        result, chunk=Chunk(points=chunk.points, drops=range(chunk.drops.start, drops)), values=values
    )
