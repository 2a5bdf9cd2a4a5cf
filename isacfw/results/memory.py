"""Results of all chunks in memory."""

from __future__ import annotations

import math
from contextlib import suppress
from mmap import mmap
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.memory_file import MemoryFile
from .chunk import Chunk, ChunkResult, ChunkSummary
from .layout import Layout
from .numbers import Plan
from .places import Contents, Destination
from .schema import HISTORY

if TYPE_CHECKING:
    import xarray

_ALIGNMENT = 64
"""Bytes between possible positions of arrays in a file."""


_COPIED = 2**24
"""Bytes of results that are copied out of their file, which may keep a descriptor open."""


class ResultsInMemory:
    """The results of a study in memory, at their places in arrays of all chunks.

    Parameters
    ----------
    contents : Contents
        The results.
    before : ResultsInMemory or None
        Results of fewer drops, which are taken over.
    shared : bool
        Whether workers are to write numbers themselves, where the system allows it.

    Attributes
    ----------
    summaries : list of ChunkSummary
        The chunks.
    destination : Destination or None
        Where workers write the numbers of chunks; None if they have to send them.
    """

    def __init__(self, contents: Contents, before: ResultsInMemory | None, *, shared: bool) -> None:
        self.summaries: list[ChunkSummary] = []
        self.destination: Destination | None = None
        self._contents, self._users = contents, contents.users
        self._file: MemoryFile | None = None
        self._histories: list[tuple[Chunk, NDArray[Any]]] = []
        plan = _with_positions(contents.plan(self._users))
        if shared:
            # Where there is no such file, workers send everything.
            with suppress(OSError):
                self._file = MemoryFile(plan.size)
                self.destination = Destination.in_memory(self._file, plan)
        self._plan, self._shape = plan, plan.shape_of(None, plan.everything)
        self._arrays = self._reserve(plan, None if self._file is None else self._file.content)
        self._written = self._arrays if self._file else {}
        if before is not None:
            self._take_over(before)

    def _reserve(self, plan: Plan, content: mmap | None = None) -> dict[str, NDArray[Any]]:
        """Return arrays of all variables but histories, those of numbers in a file if there is one."""
        texts: dict[str, NDArray[Any]] = {
            name: np.empty(self._shape, dtype=object)
            for name, variable in self._contents.layout(self._users).variables.items()
            if variable.dtype == "text"
        }
        return texts | _numbers(plan, content)

    def _take_over(self, before: ResultsInMemory) -> None:
        if before._users > self._users:
            self._widen(before._users)
        for name, value in before._arrays.items():
            _fill(self._arrays[name][:, :, :, : value.shape[3]], value)
        self.summaries += before.summaries
        self._histories += before._histories

    def _widen(self, users: int) -> None:
        """Make room for more users."""
        former, self._users = self._arrays, users
        self._arrays = self._reserve(self._contents.plan(users))
        for name, value in former.items():
            _fill(self._arrays[name], value)

    def add(self, result: ChunkResult) -> None:
        """Keep a chunk."""
        if (users := int(result.users.max(initial=1))) > self._users:
            self._widen(users)
        self.summaries.append(result.summary_in_memory)
        place = _place(result.chunk)
        values = dict(result.values)
        if HISTORY in values:
            self._histories.append((result.chunk, values.pop(HISTORY)))
        if result.placed is not None and self._written is not self._arrays:
            values |= {name: self._written[name][place] for name in self._written.keys() - values.keys()}
        for name, value in values.items():
            _fill(self._arrays[name][place], value)

    def build(self, layout: Layout) -> xarray.Dataset:
        """Return the data set of results."""
        import xarray

        variables: dict[str, Any] = {}
        arrays = self._final_arrays()
        for name in layout.variables:
            axes, lengths = layout.axes_of(name)
            value = self._history(layout) if name == HISTORY else arrays[name]
            if "user" in axes:
                value = value[..., : layout.users]
            variables[name] = (axes, value.reshape(lengths), layout.attributes_of(name))
        return xarray.Dataset(variables | layout.fixed, layout.coordinates, dict(layout.attributes))

    def _final_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays without what other processes write from here on."""
        if self._file is None or self._arrays is not self._written:
            return self._arrays
        self._file.seal()
        if self._file.size <= _COPIED:
            return {name: value.copy() for name, value in self._arrays.items()}
        try:
            return self._arrays | _numbers(self._plan, self._file.private())
        except OSError:  # Rather what a fork could change than nothing.
            return self._arrays

    def _history(self, layout: Layout) -> NDArray[Any]:
        """Return all histories, padded with NaN."""
        whole = np.empty((*self._shape, layout.sizes.iterations), self._histories[0][1].dtype)
        for chunk, history in self._histories:
            _fill(whole[_place(chunk)], history)
        return whole

    def close(self) -> None:
        """Close the file to which workers write; what is in memory stays."""
        if self._file is not None:
            self._file.close()


def _with_positions(plan: Plan) -> Plan:
    """Return a plan whose numbers follow each other in a file."""
    rows, end, fields = plan.rows * plan.points * plan.drops, 0, []
    for field in plan.fields:
        fields.append(attrs.evolve(field, offset=end))
        end += -(-rows * field.size // _ALIGNMENT) * _ALIGNMENT
    return attrs.evolve(plan, fields=tuple(fields), size=end)


def _numbers(plan: Plan, content: mmap | None) -> dict[str, NDArray[Any]]:
    """Return arrays of all numbers: new ones, or those in the content of a file."""
    arrays: dict[str, NDArray[Any]] = {}
    for field in plan.fields:
        whole = plan.shape_of(field, plan.everything)
        kind: Any = np.bool_ if field.dtype == "|i1" else field.dtype
        if content is None:
            arrays[field.name] = np.empty(whole, dtype=kind)
        else:
            arrays[field.name] = np.frombuffer(content, kind, math.prod(whole), field.offset).reshape(whole)
    return arrays


def _place(chunk: Chunk) -> tuple[slice, ...]:
    points, drops = (slice(one.start, one.stop) for one in (chunk.points, chunk.drops))
    return slice(None), slice(None), points, drops


def _fill(place: NDArray[Any], value: NDArray[Any]) -> None:
    """Write values to a place; some have more users, streams or iterations than others."""
    if place.shape != value.shape:
        place[...] = np.nan
        place = place[..., : value.shape[-1]]
    place[...] = value
