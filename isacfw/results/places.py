"""Places of the numbers of chunks, in memory or in a file, at which workers write them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import attrs

from ..base.locks import try_lock
from ..base.memory_file import MemoryFile, identity_of
from .chunk import ChunkResult, Placed
from .layout import Layout
from .numbers import Plan, write_numbers


@attrs.frozen(kw_only=True)
class Contents:
    """What the results of a study are made of.

    Parameters
    ----------
    layout : callable
        Returns the layout of all results for a number of users, with sizes and attributes that may change.
    users : int
        Expected number of users.
    precision : str
        Type of floating-point numbers.
    """

    layout: Callable[[int], Layout]
    users: int
    precision: str

    def plan(self, users: int) -> Plan:
        """Return the plan of all numbers for a number of users, without positions."""
        return self.layout(users).plan_numbers(self.precision)


@attrs.frozen(kw_only=True)
class Destination:
    """A file in which workers on this machine write the numbers of chunks.

    Parameters
    ----------
    path : str
        The file.
    plan : Plan
        Where numbers are in it.
    identity : tuple of int
        Its device and number: another file may come to have the path.
    on_disk : bool
        Whether it outlasts the study, so that other runs must not use it as long as a worker writes to it, and a
        checksum is needed.
    """

    path: str
    plan: Plan
    identity: tuple[int, int]
    on_disk: bool

    @classmethod
    def on(cls, path: Path, plan: Plan) -> Destination:
        """Return a file on a disk.

        Raises
        ------
        OSError
            If it is not there.
        """
        return cls(path=str(path), plan=plan, identity=identity_of(path), on_disk=True)

    @classmethod
    def in_memory(cls, file: MemoryFile, plan: Plan) -> Destination:
        """Return a file in memory."""
        return cls(path=file.path, plan=plan, identity=file.identity, on_disk=False)

    def put(self, result: ChunkResult) -> ChunkResult:
        """Write the numbers of a chunk to their places, and return the rest of it.

        A chunk that does not fit, or cannot be written from here, is returned as it is, for its receiver.
        """
        widths = {field.name: field.width for field in self.plan.fields}
        if any(width is not None and result.values[name].shape[-1] > width for name, width in widths.items()):
            return result
        try:
            with FileIO(self.path, "r+") as file:
                if not self._is_ours(file):
                    return result
                checksum = write_numbers(file, self.plan, result.chunk, result.values, checked=self.on_disk)
        except OSError:
            return result
        values = {name: value for name, value in result.values.items() if name not in widths}
        return attrs.evolve(result, values=values, placed=Placed(path=self.path, checksum=checksum))

    def _is_ours(self, file: FileIO) -> bool:
        """Return whether an open file is the right one, and still belongs to the process that this one works for.

        One on the disk is locked: another run that would take it over, when that process has ended, does not
        wait, but leaves the file alone.
        """
        parent = multiprocessing.parent_process()
        locked = not self.on_disk or try_lock(file, shared=True) is not False
        return locked and identity_of(file.fileno()) == self.identity and (parent is None or parent.is_alive())
