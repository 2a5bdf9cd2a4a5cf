"""Statistics of finished drops, in memory and, with a folder, in files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from operator import add
from pathlib import Path

from ..base.files import atomic_write, ensure_writable
from ..results.chunk import Chunk
from ..results.tally import Tally
from ..results.tally_file import tally_from_file, tally_to_bytes
from ..scenario.precision import FIRST_LOOK

BLOCK = 1_000_000
"""Number of drops whose statistics are kept in one file, from multiples of it on."""


def segment_of(drop: int) -> range:
    """Return the drops whose statistics may be merged with those of a drop.

    Segments begin at multiples of :data:`BLOCK`, so that studies of more and of fewer drops use them, and at 100,
    200, 400, … drops, after which the precision is looked at.
    """
    look = FIRST_LOOK
    while look <= drop:
        look *= 2
    block = drop // BLOCK * BLOCK
    return range(max(block, look // 2 if look > FIRST_LOOK else 0), min(block + BLOCK, look))


class TallyStore:
    """The statistics of one study; neighbouring ranges of drops are merged within segments.

    Parameters
    ----------
    folder : Path or None
        Folder of all studies, created if necessary; None to keep everything in memory.
    key : str
        Digest of everything that determines the results, see :func:`study_key`.

    Raises
    ------
    InputError
        If the folder is not writable.
    """

    def __init__(self, folder: Path | None, key: str = "") -> None:
        self.key = key
        self.folder = None if folder is None else folder / key[:16]
        self._tallies: dict[Chunk, Tally] = {}
        self._again: set[Chunk] = set()
        if self.folder is not None:
            ensure_writable(self.folder)
            self._load()

    def _load(self) -> None:
        """Read what earlier runs have finished, except what has a row that is tried again."""
        assert self.folder is not None
        for path in sorted(self.folder.glob("points-*.npz")):
            chunk = _chunk_of(path)
            tally = None if chunk is None else tally_from_file(path, self.key)
            if tally is None or tally.chunk != chunk:
                continue
            if tally.unfinished:
                self._again.add(chunk)
            else:
                self._tallies[chunk] = tally

    def add(self, tally: Tally, drops: int) -> None:
        """Keep the statistics of a chunk, merged with those of its neighbours.

        Parameters
        ----------
        tally : Tally
            The statistics.
        drops : int
            Number of drops of the study, beyond which nothing is merged.

        Raises
        ------
        InputError
            If they cannot be written.
        """
        parts = [tally] if tally.unfinished else self._mergeable(tally, drops)
        whole = reduce(add, parts)
        if self.folder is not None:
            with atomic_write(self._path(whole.chunk)) as new:
                new.write_bytes(tally_to_bytes(whole, self.key))
        self._again.discard(whole.chunk)
        for part in parts:
            self._tallies.pop(part.chunk, None)
            if part is not tally and self.folder is not None:
                self._path(part.chunk).unlink(missing_ok=True)
        self._tallies[whole.chunk] = whole

    def _mergeable(self, tally: Tally, drops: int) -> list[Tally]:
        """Return statistics to merge, in order: shorter neighbours, and at the end of a segment all of it.

        So what is written in all grows with the logarithm of the number of chunks, and there are few files.
        """
        chunk, segment = tally.chunk, segment_of(tally.chunk.drops.start)
        near = [
            one
            for one in self._tallies.values()
            if one.chunk.points == chunk.points
            and one.chunk.drops.start in segment
            and one.chunk.drops.stop <= drops
            and not one.unfinished
        ]
        first = {one.chunk.drops.start: one for one in near}
        last = {one.chunk.drops.stop: one for one in near}
        found = [tally]
        start, stop = chunk.drops.start, chunk.drops.stop
        size = len(chunk.drops)
        if sum(len(one.chunk.drops) for one in near) + size >= len(segment):
            size = len(segment)
        while True:
            after, before = first.get(stop), last.get(start)
            if after is not None and len(after.chunk.drops) <= size:
                found.append(after)
            elif before is not None and len(before.chunk.drops) <= size:
                found.insert(0, before)
            else:
                return found
            start, stop = found[0].chunk.drops.start, found[-1].chunk.drops.stop
            size = max(size, stop - start)

    def choose(self, drops: int) -> list[Tally]:
        """Return statistics of the first drops in order, without duplicate drops."""
        chosen: list[Tally] = []
        done: dict[range, int] = {}
        for chunk in sorted(self._tallies, key=lambda one: (*one.key[:3], -one.drops.stop)):
            if done.get(chunk.points, 0) <= chunk.drops.start and chunk.drops.stop <= drops:
                done[chunk.points] = chunk.drops.stop
                chosen.append(self._tallies[chunk])
        return chosen

    def forget_replaced(self) -> None:
        """Remove files with rows that have been tried again, in chunks of other drops."""
        for chunk in self._again:
            self._path(chunk).unlink(missing_ok=True)
        self._again.clear()

    def _path(self, chunk: Chunk) -> Path:
        assert self.folder is not None
        first, last, start, stop = chunk.key
        return self.folder / f"points-{first}-{last}-drops-{start}-{stop}.npz"


def cut_chunk(chunk: Chunk) -> Iterator[Chunk]:
    """Yield the parts of a chunk within segments."""
    start = chunk.drops.start
    while start < chunk.drops.stop:
        stop = min(chunk.drops.stop, segment_of(start).stop)
        yield Chunk(points=chunk.points, drops=range(start, stop))
        start = stop


def _chunk_of(path: Path) -> Chunk | None:
    """Return the chunk in the name of a file."""
    found = re.fullmatch(r"points-(\d+)-(\d+)-drops-(\d+)-(\d+)", path.stem)
    if found is None:
        return None
    first, last, start, stop = map(int, found.groups())
    return Chunk(points=range(first, last), drops=range(start, stop))
