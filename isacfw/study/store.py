"""Results of finished chunks in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import attrs

from ..base.files import atomic_write, ensure_writable, not_writable_error
from ..base.progress import Progress
from ..results.chunk import Chunk, ChunkResult, ChunkSummary, restrict
from ..results.chunk_record import Entry
from ..results.layout import Layout
from ..results.netcdf import complete_file, create_file
from ..results.places import Contents, Destination
from ..results.volume import Volume
from .spec import warn


@attrs.frozen(eq=False)
class _Source:
    """Where a chunk is: a volume, and the chunk in it of which it is all drops, or some."""

    volume: Volume
    entry: Entry


class ResultStore:
    """The results of one study, in a folder named after everything that determines them.

    A run writes to one volume, which in the end holds everything and is another name of the results. It is that
    of an earlier run that was stopped, if there is one of as many drops. What other volumes hold is copied at the
    end; those of which nothing else is needed are removed.

    Parameters
    ----------
    folder : Path
        Folder of the studies; created if necessary.
    key : str
        Digest of everything that determines the results, see :func:`study_key`.
    drops : int
        Number of requested drops; other volumes may hold more.
    contents : Contents
        The results.

    Raises
    ------
    InputError
        If the folder is not writable.
    """

    def __init__(self, folder: Path, key: str, drops: int, contents: Contents) -> None:
        self.key, self.folder, self.drops, self.contents = key, folder / key[:16], drops, contents
        self._volumes: dict[Path, Volume] = {}
        self._own: Volume | None = None
        self._given: dict[str, Volume] = {}
        self._users = contents.users
        self._intact: dict[Entry, bool] = {}
        self._chosen: dict[Chunk, _Source] = {}
        ensure_writable(self.folder)
        if any(folder.glob("*/points-*.nc")):
            warn(f"{folder} has chunks in the format of an earlier version, which are kept and not used")

    def close(self) -> None:
        """Close all files; what is not finished can be taken up by other runs."""
        for volume in self._volumes.values():
            volume.close()

    def add(self, result: ChunkResult) -> None:
        """Keep a chunk.

        Raises
        ------
        InputError
            If the chunk cannot be written.
        """
        self._users = max(self._users, int(result.users.max(initial=1)))
        try:
            if result.placed is None:
                volume = self._volume_with_room([result.chunk])
            else:
                volume = self._given[result.placed.path]
            self._intact[volume.add(result)] = True
        except OSError as error:
            raise not_writable_error(self.folder, error) from None

    def destination(self, chunks: Sequence[Chunk]) -> Destination:
        """Return where workers may write the numbers of chunks, before they are added.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        try:
            volume = self._volume_with_room(chunks)
            found = Destination.on(volume.path.absolute(), volume.plan)
        except OSError as error:
            raise not_writable_error(self.folder, error) from None
        self._given[found.path] = volume
        return found

    def choose(self) -> list[ChunkSummary]:
        """Return the intact chunks in order, without duplicate drops; damaged ones count as missing.

        What was found intact, or written by this process, is not read again. Of chunks that overlap, finished
        ones are preferred, and those of the own volume.
        """
        self._refresh()
        known: dict[range, list[_Source]] = {}
        for volume in self._volumes.values():
            for entry in volume.entries:
                if self._intact.get(entry, True) and entry.summary.chunk.drops.start < self.drops:
                    known.setdefault(entry.summary.chunk.points, []).append(_Source(volume, entry))
        self._chosen.clear()
        summaries = []
        for points in sorted(known, key=lambda one: (one.start, one.stop)):
            for source, drops in self._cover(known[points]):
                summary = source.entry.summary
                if drops != summary.chunk.drops:
                    if (found := source.volume.read(source.entry)) is None:
                        raise source.volume.damaged
                    summary = restrict(found, drops).summary
                self._chosen[summary.chunk] = source
                summaries.append(summary)
        return summaries

    def read(self, summary: ChunkSummary) -> ChunkResult | None:
        """Return a chosen chunk; None if it has been damaged since."""
        source = self._chosen[summary.chunk]
        result = source.volume.read(source.entry)
        return None if result is None else restrict(result, summary.chunk.drops)

    def finish(self, layout: Layout, path: Path, note: Progress | None = None) -> None:
        """Write all chosen chunks, which are all there are, to a file of results.

        Parameters
        ----------
        layout : Layout
            The results.
        path : Path
            The file.
        note : callable, optional
            Called with the numbers of chunks that are in the file and of all chunks.

        Raises
        ------
        InputError
            If it cannot be written, or a chunk has been damaged since it was chosen.
        """
        told = note or (lambda _done, _total: None)
        try:
            volume = self._finished(layout) or self._assemble(layout, told)
        except OSError as error:
            raise not_writable_error(self.folder, error) from None
        told(len(self._chosen), len(self._chosen))
        with atomic_write(path) as new:
            volume.link(new)
        self._remove_others(volume)

    def _refresh(self) -> None:
        """Read which chunks other runs have added."""
        paths = [path.with_suffix(".nc") for path in self.folder.glob("results-*.journal")]
        for path in paths:
            self._volumes.setdefault(path, Volume(path, self.key))
        for path, volume in list(self._volumes.items()):
            try:
                volume.refresh()
            except OSError:
                volume.close()
                del self._volumes[path]
                if not path.exists():
                    volume.remove()

    def _cover(self, sources: list[_Source]) -> Iterator[tuple[_Source, range]]:
        """Yield intact sources that cover as many of the requested drops as possible, with the drops of each."""
        waiting = sorted(sources, key=lambda one: one.entry.summary.chunk.drops.start, reverse=True)
        here: list[_Source] = []
        done = 0
        while done < self.drops:
            while waiting and waiting[-1].entry.summary.chunk.drops.start <= done:
                here.append(waiting.pop())
            here = [one for one in here if one.entry.summary.chunk.drops.stop > done]
            best = max(here, key=self._preference, default=None)
            if best is None:
                if not waiting:
                    return
                done = max(done, waiting[-1].entry.summary.chunk.drops.start)
            elif self._is_intact(best):
                stop = min(best.entry.summary.chunk.drops.stop, self.drops)
                yield best, range(done, stop)
                done = stop
            else:
                here.remove(best)

    def _preference(self, source: _Source) -> tuple[bool, bool, bool, int]:
        summary, volume = source.entry.summary, source.volume
        ready = volume.seal is not None and volume.drops == self.drops
        return not summary.unfinished, volume is self._own, ready, summary.chunk.drops.stop

    def _is_intact(self, source: _Source) -> bool:
        if source.entry not in self._intact:
            self._intact[source.entry] = source.volume.read(source.entry) is not None
        return self._intact[source.entry]

    def _volume_with_room(self, chunks: Sequence[Chunk]) -> Volume:
        """Return the own volume, or another one, that has nothing of some chunks."""
        layout = self.contents.layout(self._users)
        return self._volume_for(layout, lambda one: all(self._has_none_of(one, chunk) for chunk in chunks))

    def _volume_for(self, layout: Layout, fits: Callable[[Volume], bool]) -> Volume:
        """Return the own volume if it fits, else that of a run that was stopped, else a new one."""
        wanted = layout.plan_numbers(self.contents.precision).shape

        def is_right(volume: Volume) -> bool:
            return volume.shape == wanted and volume.seal is None and fits(volume)

        if self._own is not None and is_right(self._own):
            return self._own
        if self._own is None:
            for volume in sorted(filter(is_right, self._volumes.values()), key=lambda one: -len(one.entries)):
                # There may be more in it since it was looked at.
                if volume.take() and is_right(volume):
                    self._own = volume
                    return volume
        make = partial(create_file, layout=layout, precision=self.contents.precision)
        self._own = Volume.create(self.folder, self.key, make)
        self._volumes[self._own.path] = self._own
        return self._own

    def _has_none_of(self, volume: Volume, chunk: Chunk) -> bool:
        """Return whether nothing of a chunk is in a volume yet, unless it has been damaged."""
        near = (one for one in volume.entries if self._intact.get(one, True))
        return not any(one.summary.chunk.overlaps(chunk) for one in near)

    def _can_hold_all(self, volume: Volume) -> bool:
        """Return whether all chosen chunks are in a volume as they are, or have room there."""
        return all(
            source.entry.summary.chunk == chunk if source.volume is volume else self._has_none_of(volume, chunk)
            for chunk, source in self._chosen.items()
        )

    def _finished(self, layout: Layout) -> Volume | None:
        """Return a finished volume that is what is asked for."""
        wanted = layout.plan_numbers(self.contents.precision).shape
        for volume in {source.volume for source in self._chosen.values()}:
            if (
                volume.shape == wanted
                and volume.seal is not None
                and volume.seal.attributes == layout.digest
                and all(self._is_all_of(volume, chunk) for chunk in self._chosen)
                and volume.is_whole()
            ):
                return volume
        return None

    def _is_all_of(self, volume: Volume, chunk: Chunk) -> bool:
        source = self._chosen[chunk]
        return source.volume is volume and source.entry.summary.chunk == chunk

    def _assemble(self, layout: Layout, note: Progress) -> Volume:
        """Return a volume of all chosen chunks, which are copied to it where it does not have them."""
        volume = self._volume_for(layout, self._can_hold_all)
        entries = []
        for number, (chunk, source) in enumerate(self._chosen.items(), 1):
            if source.volume is volume:
                entries.append(source.entry)
                continue
            if (result := source.volume.read(source.entry)) is None:
                raise source.volume.damaged
            entries.append(volume.add(restrict(result, chunk.drops)))
            note(number, len(self._chosen))
        complete = partial(complete_file, layout=layout, precision=self.contents.precision)
        volume.finish(entries, layout.digest, complete)
        return volume

    def _remove_others(self, volume: Volume) -> None:
        """Remove volumes with nothing that a volume of all chosen chunks has not, or it if another has more."""
        if not volume.hold():
            return
        more = [
            other
            for other in self._volumes.values()
            if other is not volume and any(one.summary.chunk.drops.stop > self.drops for one in other.entries)
        ]
        for other in self._volumes.values():
            if other is not volume and other not in more:
                other.remove()
        if {source.volume for source in self._chosen.values()} in [{one} for one in more if one.seal]:
            volume.remove()
