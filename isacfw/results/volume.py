"""Volumes: files of results with room for all chunks of a study, and journals of the chunks that are in them."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from ..base.errors import InputError
from ..base.leftovers import OLD_S, temporary_path
from ..base.locks import try_lock
from .chunk import ChunkResult
from .chunk_record import Entry, read_entry, read_header, read_rest, write_chunk, write_header
from .journal import find_records
from .layout import Layout
from .netcdf import Rest, complete_file, create_file
from .numbers import Plan, checksum_of, read_gaps, read_numbers, write_at, write_gaps, write_numbers
from .schema import HISTORY

FORMAT = 6
"""Version of the format of volumes; part of the key of a study."""

_SYNC_S = 2.0
"""Time after which what is finished is on the disk, so that a power failure costs no more than a kill."""


@attrs.frozen(kw_only=True)
class Seal:
    """What a finished volume is recognised by.

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


class Volume:
    """A file of results, and its journal, which is the only thing that says what of it is valid.

    The numbers of a chunk are written before its record, and never again: what has a record stays as it is. A
    finished volume is a NetCDF file of all results, and stays as it is too.

    Parameters
    ----------
    path : Path
        The file of results, which need not exist.
    key : str
        Digest of everything that determines the results.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.journal = path, path.with_suffix(".journal")
        self.key = key
        self.plan: Plan | None = None
        self.seal: Seal | None = None
        self.entries: list[Entry] = []
        self.owned = False
        self._opening: tuple[int, int] | None = None
        self._end = 0
        self._files: tuple[FileIO, FileIO] | None = None
        self._held: FileIO | None = None
        self._synced = time.monotonic()

    @classmethod
    def create(cls, folder: Path, key: str, layout: Layout, precision: str) -> Volume:
        """Create a volume, which belongs to this run until it is closed.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        new = cls(folder / f"results-{uuid.uuid4().hex[:12]}.nc", key)
        temporary, journal = temporary_path(folder, ".nc"), temporary_path(folder, ".journal")
        try:
            new.plan = create_file(layout, precision, temporary)
            new._files = FileIO(temporary, "r+"), FileIO(journal, "x+")
            try_lock(new._files[1])
            new.owned = True
            frame = b"".join(read_gaps(new._files[0], new.plan, new.plan.size))
            new._opening = new._append(write_header(new._header, {"frame": np.frombuffer(frame, np.uint8)}))
            # A journal without its file is none yet; a file without a journal would never be removed.
            journal.replace(new.journal)
            temporary.replace(new.path)
        except BaseException:
            new.close()
            raise
        finally:
            temporary.unlink(missing_ok=True)
            journal.unlink(missing_ok=True)
        return new

    @property
    def damaged(self) -> InputError:
        """The error for a volume in which something that was intact is not any more."""
        return InputError(str(self.path), "was damaged while the study was running")

    @property
    def _header(self) -> dict[str, Any]:
        assert self.plan is not None
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
        if self._files is None:
            if not self.path.is_file() or not self.journal.is_file():
                raise FileNotFoundError(self.path)
            self._files = FileIO(self.path), FileIO(self.journal)
        content = self._read_journal(self._end, None)
        start = self._end
        for first, last in find_records(content):
            self._take_record(content[first:last], (start + first, start + last))
            self._end = start + last

    def _take_record(self, record: bytes, place: tuple[int, int]) -> None:
        header, arrays = read_header(record)
        if header.get("format") != FORMAT or header.get("study") != self.key:
            return
        self.plan = self.plan or Plan.from_json(header["plan"])
        if "chunk" in header:
            self.entries.append(read_entry(header, arrays, place))
        elif "frame" in arrays:
            self._opening = place
        else:
            self.seal = Seal(**header["seal"])

    def take(self) -> bool:
        """Make an unfinished volume of a run that has ended that of this run; return whether that succeeded."""
        with suppress(OSError):
            files = FileIO(self.path, "r+"), FileIO(self.journal, "r+")
            if try_lock(files[1]) and _is_same(files[1], self.journal):
                self.close()
                self._files = files
                self.refresh()
                if self.plan is not None and self._opening is not None and self.seal is None:
                    files[1].truncate(self._end)
                    self.owned = True
                    return True
        return False

    def add(self, result: ChunkResult) -> Entry:
        """Write a chunk, of which nothing has a record in this volume.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        assert self.owned and self._files is not None and self.plan is not None
        checksum = write_numbers(self._files[0], self.plan, result.chunk, result.values)
        record, summary = write_chunk(result, checksum, self._header)
        entry = Entry(summary=summary, checksum=checksum, place=self._append(record))
        self.entries.append(entry)
        if time.monotonic() - self._synced > _SYNC_S:
            self._sync()
        return entry

    def read(self, entry: Entry) -> ChunkResult | None:
        """Return a chunk; None if it has been damaged."""
        assert self.plan is not None and self._files is not None
        chunk = entry.summary.chunk
        try:
            values, checksum = read_numbers(self._files[0], self.plan, chunk)
            rest = self._rest(entry)
        except OSError:
            return None
        if checksum != entry.checksum or rest is None:
            return None
        for field in self.plan.fields:
            if field.dtype == "|i1":
                values[field.name] = values[field.name].astype(np.bool_)
        for name, (words, codes) in rest.texts.items():
            values[name] = np.array(words, dtype=object)[codes]
        if rest.history is not None:
            values[HISTORY] = rest.history
        summary = entry.summary
        return ChunkResult(chunk=chunk, users=summary.users, values=values, warnings=summary.warnings)

    def _rest(self, entry: Entry) -> Rest | None:
        record = self._read_journal(*entry.place)
        return read_rest(record) if [*find_records(record)] == [(0, len(record))] else None

    def finish(self, layout: Layout, precision: str, entries: Iterable[Entry]) -> None:
        """Add everything but the numbers, after which the volume is a file of all results.

        If that was interrupted before, it begins anew.

        Raises
        ------
        OSError
            If it cannot be written.
        InputError
            If it has been damaged.
        """
        assert self.owned and self._files is not None and self.plan is not None and self._opening is not None
        data, entries = self._files[0], list(entries)
        record = self._read_journal(*self._opening)
        if [*find_records(record)] != [(0, len(record))]:
            raise self.damaged
        write_gaps(data, self.plan, read_header(record)[1]["frame"].tobytes())

        def rests() -> Iterator[Rest]:
            for entry in entries:
                if (found := self._rest(entry)) is None:
                    raise self.damaged
                yield found

        complete_file(layout, self.path, precision, rests)
        os.fsync(data.fileno())
        size = data.seek(0, os.SEEK_END)
        checksum = checksum_of(read_gaps(data, self.plan, size))
        self.seal = Seal(size=size, checksum=checksum, attributes=layout.digest)
        self._append(write_header({**self._header, "seal": attrs.asdict(self.seal)}))
        self._sync()

    def is_whole(self) -> bool:
        """Return whether a finished volume is undamaged, apart from its numbers."""
        if self.seal is None or self.plan is None or self._files is None:
            return False
        data = self._files[0]
        if data.seek(0, os.SEEK_END) != self.seal.size:
            return False
        return checksum_of(read_gaps(data, self.plan, self.seal.size)) == self.seal.checksum

    def link(self, path: Path) -> None:
        """Make a path another name of the file of a finished volume, or a copy of it.

        Raises
        ------
        OSError
            If that is not possible.
        """
        assert self._files is not None
        try:
            os.link(self.path, path)
        except (OSError, NotImplementedError, AttributeError):
            self._files[0].seek(0)
            with path.open("wb") as copy:
                shutil.copyfileobj(self._files[0], copy, 2**20)

    def hold(self) -> bool:
        """Keep other runs from removing the volume until it is closed; return whether it is still there."""
        if self.owned:
            return _is_same(self._files[1], self.journal) if self._files else False
        with suppress(OSError):
            self._held = FileIO(self.journal, "r+")
            return try_lock(self._held) is not False and _is_same(self._held, self.journal)
        return False

    def remove(self) -> None:
        """Remove a volume, unless another run holds it, or may hold it where there are no locks."""
        with suppress(OSError), FileIO(self.journal, "r+") as journal:
            locked = self.owned or self._held is not None or try_lock(journal)
            if locked or (locked is None and time.time() - os.fstat(journal.fileno()).st_mtime > OLD_S):
                self.path.unlink(missing_ok=True)
                self.journal.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files, and give up the lock."""
        for file in (*(self._files or ()), *([self._held] if self._held else [])):
            file.close()
        self._files, self._held, self.owned = None, None, False

    def _sync(self) -> None:
        assert self._files is not None
        for file in self._files:
            os.fsync(file.fileno())
        self._synced = time.monotonic()

    def _append(self, record: bytes) -> tuple[int, int]:
        """Add a record to the journal, and return its place."""
        assert self._files is not None
        place = self._end, self._end + len(record)
        write_at(self._files[1], self._end, record)
        self._end = place[1]
        return place

    def _read_journal(self, start: int, stop: int | None) -> bytes:
        """Return bytes of the journal, to its end if none is given."""
        assert self._files is not None
        self._files[1].seek(start)
        if stop is None:
            return self._files[1].readall()
        content = bytearray(stop - start)
        done = 0
        while done < len(content) and (count := self._files[1].readinto(memoryview(content)[done:])):
            done += count
        return bytes(content)


def _is_same(file: FileIO, path: Path) -> bool:
    """Return whether an open file has not been replaced or removed."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False
