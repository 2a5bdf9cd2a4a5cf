"""Volumes: files of results with room for all chunks of a study, and journals of the chunks that are in them."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from ..base.errors import InputError
from ..base.leftovers import OLD_S, temporary_path
from ..base.locks import try_lock
from .chunk import ChunkResult, Rest
from .chunk_record import Entry, Seal, read_entry, read_header, read_rest, read_values, write_chunk, write_header
from .journal import FORMAT
from .numbers import Plan, checksum_of, read_gaps, read_numbers, write_gaps, write_numbers
from .volume_files import VolumeFiles, create_locked, is_at


class Volume:
    """A file of results, and its journal, which alone determines what of it is valid.

    The numbers of a chunk are written before its record, and never again: what has a record stays as it is. A
    finished volume is a NetCDF file of all results, and stays as it is too.

    Parameters
    ----------
    path : Path
        The file of results.
    key : str
        Digest of everything that determines the results.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.journal = path, path.with_suffix(".journal")
        self.key = key
        self.seal: Seal | None = None
        self.entries: list[Entry] = []
        self.owned = False
        self._plan: Plan | None = None
        self._opening: tuple[int, int] | None = None
        self._end = 0
        self._open: VolumeFiles | None = None
        self._held: FileIO | None = None

    @classmethod
    def create(cls, folder: Path, key: str, create_file: Callable[[Path], Plan]) -> Volume:
        """Create a volume, which belongs to this run until it is closed.

        Parameters
        ----------
        folder : Path
            Where it is to be.
        key : str
            Digest of everything that determines the results.
        create_file : callable
            Creates the file of results, and returns where its numbers are.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        new = cls(folder / f"results-{uuid.uuid4().hex[:12]}.nc", key)
        temporary = temporary_path(folder, ".nc")
        try:
            new._plan = create_file(temporary)
            with FileIO(temporary) as file:
                frame = b"".join(read_gaps(file, new._plan, new._plan.size))
            # First the journal, which is no volume without its file: others remove it if it has no lock.
            new._held = create_locked(new.journal)
            temporary.replace(new.path)
            new._open = VolumeFiles(FileIO(new.path, "r+"), new._held)
            new._opening = new._append(write_header(new._header, {"frame": np.frombuffer(frame, np.uint8)}))
        except BaseException:
            new.close()
            new.path.unlink(missing_ok=True)
            new.journal.unlink(missing_ok=True)
            raise
        finally:
            temporary.unlink(missing_ok=True)
        new.owned = True
        return new

    @property
    def damaged(self) -> InputError:
        """The error for a volume in which something that was intact is not any more."""
        return InputError(str(self.path), "was damaged while the study was running")

    @property
    def shape(self) -> tuple[Any, ...] | None:
        """Shape of the plan, None as long as it is unknown."""
        return None if self._plan is None else self._plan.shape

    @property
    def drops(self) -> int:
        """Number of drops for which there is room."""
        return 0 if self._plan is None else self._plan.drops

    @property
    def plan(self) -> Plan:
        """Where numbers are, which the journal of a volume with entries says."""
        assert self._plan is not None
        return self._plan

    @property
    def _files(self) -> VolumeFiles:
        assert self._open is not None
        return self._open

    @property
    def _header(self) -> dict[str, Any]:
        return {"format": FORMAT, "study": self.key, "plan": self.plan.to_json()}

    def refresh(self) -> None:
        """Read what has been added to the journal.

        Raises
        ------
        OSError
            If a file cannot be read, or is not there any more.
        """
        if self.owned:
            return
        if self._open is None:
            self._open = VolumeFiles.open(self.path, self.journal)
        for record, place in self._open.records_from(self._end):
            self._note(record, place)
            self._end = place[1]

    def _note(self, record: bytes, place: tuple[int, int]) -> None:
        header, arrays = read_header(record)
        if header.get("format") != FORMAT or header.get("study") != self.key:
            return
        self._plan = self._plan or Plan.from_json(header["plan"])
        if "chunk" in header:
            self.entries.append(read_entry(header, arrays, place))
        elif "seal" in header:
            self.seal = Seal(**header["seal"])
        else:
            self._opening = place

    def take(self) -> bool:
        """Make an unfinished volume of a run that has ended that of this run; return whether that succeeded."""
        with suppress(OSError):
            files = VolumeFiles.open(self.path, self.journal, writable=True)
            if not (files.lock(self.journal) and files.is_left_alone()):
                files.close()
                return False
            self.close()
            self._open = files
            self.refresh()
            if self._opening is not None and self.seal is None:
                files.journal.truncate(self._end)
                self.owned = True
        return self.owned

    def add(self, result: ChunkResult) -> Entry:
        """Write a chunk, of which nothing has a record in this volume.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        own = (self._files.data, self.plan, result.chunk, result.values)
        checksum = write_numbers(*own) if result.placed is None else result.placed.checksum
        record, summary = write_chunk(result, checksum, self._header)
        entry = Entry(summary=summary, checksum=checksum, place=self._append(record))
        self.entries.append(entry)
        self._files.sync()
        return entry

    def read(self, entry: Entry) -> ChunkResult | None:
        """Return a chunk; None if it has been damaged."""
        summary = entry.summary
        try:
            values, checksum = read_numbers(self._files.data, self.plan, summary.chunk)
            record = self._files.record_at(entry.place)
        except OSError:
            return None
        if checksum != entry.checksum or record is None:
            return None
        for field in self.plan.fields:
            if field.dtype == "|i1":
                values[field.name] = values[field.name].astype(np.bool_)
        values |= read_values(record)
        own: Any = {name: getattr(summary, name) for name in ("chunk", "users", "warnings", "batches")}
        return ChunkResult(values=values, **own)

    def finish(
        self,
        entries: Iterable[Entry],
        attributes: str,
        complete_file: Callable[[Path, Callable[[], Iterable[Rest]]], None],
    ) -> None:
        """Add everything but the numbers, after which the volume is a file of all results.

        Interrupted at any time, it begins anew.

        Parameters
        ----------
        entries : iterable of Entry
            All chunks.
        attributes : str
            Digest of the attributes of the data set.
        complete_file : callable
            Adds what chunks have beyond numbers to the file, as it was created.

        Raises
        ------
        OSError
            If it cannot be written.
        InputError
            If it has been damaged.
        """
        files, entries = self._files, list(entries)
        assert self._opening is not None
        write_gaps(files.data, self.plan, read_header(self._record(self._opening))[1]["frame"].tobytes())

        def rests() -> Iterator[Rest]:
            return (read_rest(self._record(entry.place)) for entry in entries)

        complete_file(self.path, rests)
        files.sync(now=True)
        checksum = checksum_of(read_gaps(files.data, self.plan, files.size))
        self.seal = Seal(size=files.size, checksum=checksum, attributes=attributes)
        self._append(write_header({**self._header, "seal": attrs.asdict(self.seal)}))
        files.sync(now=True)

    def is_whole(self) -> bool:
        """Return whether a finished volume is undamaged, apart from its numbers."""
        if self.seal is None or self._files.size != self.seal.size:
            return False
        gaps = read_gaps(self._files.data, self.plan, self.seal.size)
        return checksum_of(gaps) == self.seal.checksum

    def link(self, path: Path) -> None:
        """Make a path another name of the file of a finished volume, or a copy of it.

        Raises
        ------
        OSError
            If that is not possible.
        """
        try:
            os.link(self.path, path)
        except (OSError, NotImplementedError, AttributeError):
            self._files.copy_to(path)

    def hold(self) -> bool:
        """Keep other runs from removing the volume until it is closed; return whether it is still there."""
        if self.owned:
            return is_at(self._files.journal, self.journal)
        with suppress(OSError):
            self._held = FileIO(self.journal, "r+")
            return try_lock(self._held) is not False and is_at(self._held, self.journal)
        return False

    def remove(self) -> None:
        """Remove a volume, unless another run holds it, or may hold it where there are no locks."""
        with suppress(OSError):
            with FileIO(self.journal, "r+") as journal:
                locked = self.owned or self._held is not None or try_lock(journal)
                if not locked and (locked is False or time.time() - os.fstat(journal.fileno()).st_mtime < OLD_S):
                    return
                if os.name != "nt":
                    self.path.unlink(missing_ok=True)
                    self.journal.unlink(missing_ok=True)
            self.close()
            # Elsewhere, files that are open cannot be removed.
            self.path.unlink(missing_ok=True)
            self.journal.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files, and give up the lock."""
        for file in (self._open, self._held):
            if file is not None:
                file.close()
        self._open, self._held, self.owned = None, None, False

    def _record(self, place: tuple[int, int]) -> bytes:
        """Return a record of the journal that was intact."""
        if (record := self._files.record_at(place)) is None:
            raise self.damaged
        return record

    def _append(self, record: bytes) -> tuple[int, int]:
        """Add a record to the journal, and return its place."""
        start = self._end
        self._end = self._files.append(record, start)
        return start, self._end
