"""The results of all chunks in one labelled data set: in memory, or in a file that need not fit there."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from .base.files import HDF5File, for_hdf5, replacing, write_netcdf
from .chunk import Outline, Solved, Work
from .scenario.labels import by_label
from .scenario.scenario import Scenario
from .schema import limits_of

if TYPE_CHECKING:
    import xarray

_BYTES_TOGETHER = 2**20


@attrs.frozen(kw_only=True)
class Extent:
    """How large the results of a study are, as far as only its chunks tell.

    Parameters
    ----------
    users : tuple of int
        Number of users at each sweep point.
    iterations : int
        Largest length of a history.
    widths : dict of str to int
        Largest number of bytes of a word, by name of what holds words.
    """

    users: tuple[int, ...]
    iterations: int
    widths: dict[str, int]

    @classmethod
    def of(cls, points: int, outlines: Iterable[Outline]) -> Extent:
        """Return the extent of a study with a number of points, from the outlines of all of its chunks."""
        users, iterations = [0] * points, 0
        widths: dict[str, int] = {}
        for outline in outlines:
            users[outline.chunk.points.start : outline.chunk.points.stop] = map(int, outline.users)
            iterations = max(iterations, outline.iterations)
            widths |= {name: max(width, widths.get(name, 1)) for name, width in outline.widths.items()}
        return cls(users=tuple(users), iterations=iterations, widths=widths)


class Layout:
    """Names, axes and attributes of all variables of a study's data set.

    Parameters
    ----------
    work : Work
        The study.
    extent : Extent
        How large it is.
    attributes : mapping of str to object
        Of the data set as a whole.
    """

    def __init__(self, work: Work, extent: Extent, attributes: Mapping[str, Any]) -> None:
        scenario = work.scenario
        self.variables, self.extent, self.attributes = work.variables, extent, attributes
        self.sweep_shape = tuple(len(values) for values in scenario.sweep.values())
        # Beams are an axis where there are several.
        beams = len(scenario.compared_beams)
        self.rows = (len(scenario.precoders), beams) if beams > 1 else (len(scenario.precoders),)
        self.axes = (*("precoder", "beam")[: len(self.rows)], "allocator", *scenario.sweep, "drop")
        self.lengths = (*self.rows, len(scenario.allocators), *self.sweep_shape, scenario.drops)
        self.streams = work.streams
        self.coordinates = _coordinates(scenario, max(extent.users), work.streams)
        self.fixed = _fixed(scenario, extent.users)

    def axes_of(self, name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Return axes and lengths of a variable."""
        lengths = {"user": max(self.extent.users), "stream": self.streams, "iteration": self.extent.iterations}
        own = self.variables[name].axes
        return (*self.axes, *own), (*self.lengths, *(lengths[axis] for axis in own))

    def attributes_of(self, name: str) -> dict[str, str]:
        """Return unit, label, direction and role of a variable."""
        return self.variables[name].attributes

    def slabs(self, result: Solved, name: str) -> Iterator[tuple[tuple[Any, ...], NDArray[Any]]]:
        """Yield where the values of a chunk go in a variable, and the values, sweep point by sweep point."""
        value, drops = result.values[name], result.chunk.drops
        for position, point in enumerate(result.chunk.points):
            at = np.unravel_index(point, self.sweep_shape) if self.sweep_shape else ()
            last = (slice(value.shape[4]),) if value.ndim > 4 else ()
            slab = value[:, :, position]
            yield (
                (
                    *[slice(None)] * len(self.rows),
                    slice(None),
                    *map(int, at),
                    slice(drops.start, drops.stop),
                    *last,
                ),
                slab.reshape(*self.rows, *slab.shape[1:]),
            )


def in_memory(layout: Layout, results: Iterable[Solved]) -> xarray.Dataset:
    """Return the data set of results."""
    import xarray

    variables: dict[str, Any] = {}
    for result in results:
        for name, value in result.values.items():
            if name not in variables:
                axes, lengths = layout.axes_of(name)
                whole = np.full(lengths, np.nan if value.dtype.kind == "f" else 0, dtype=value.dtype)
                variables[name] = (axes, whole, layout.attributes_of(name))
            for place, slab in layout.slabs(result, name):
                variables[name][1][place] = slab
    return xarray.Dataset(variables | layout.fixed, layout.coordinates, dict(layout.attributes))


def in_file(layout: Layout, results: Iterable[Solved], path: Path) -> xarray.Dataset:
    """Write the data set of results to a NetCDF file, a chunk at a time, and return it, to be read on demand."""
    import h5py
    import xarray

    with replacing(path) as new, for_hdf5(new) as raw:
        write_netcdf(xarray.Dataset(layout.fixed, layout.coordinates, dict(layout.attributes)), raw)
        each = iter(results)
        first = next(each)
        _declare(raw, layout, first)
        # Below the names and attributes of NetCDF, which would be gone through again for every piece.
        with h5py.File(raw, "r+") as file:
            for result in itertools.chain([first], each):
                for name in result.values:
                    for place, slab in layout.slabs(result, name):
                        if slab.size:
                            file[name][place] = _stored(slab, layout.extent.widths.get(name))
                raw.check()
    return xarray.open_dataset(path, engine="h5netcdf", cache=False)


def _stored(values: NDArray[Any], width: int | None) -> NDArray[Any]:
    """Return values as a file holds them: strings as fixed-width bytes, booleans as int8."""
    import pandas

    if width is None:
        return values.astype(np.int8) if values.dtype == np.bool_ else values
    codes, words = pandas.factorize(values.ravel())
    rows = np.array([str(word).encode() for word in words], dtype=f"S{width}")[codes]
    return rows.view("S1").reshape(*values.shape, width)


def _declare(raw: HDF5File, layout: Layout, result: Solved) -> None:
    """Add the variables of results to a file, filled with what stands for no result."""
    import h5netcdf

    with h5netcdf.File(raw, "a") as file:
        for name, value in result.values.items():
            _declare_one(file, layout, name, value)


def _declare_one(file: Any, layout: Layout, name: str, value: NDArray[Any]) -> None:
    """Add a variable of which `value` is a chunk's."""
    axes, lengths = layout.axes_of(name)
    attributes: dict[str, Any] = dict(layout.attributes_of(name))
    kinds: dict[str, tuple[Any, Any]] = {"f": ("f8", np.nan), "i": ("i8", None), "b": ("i1", None)}
    dtype, fill = kinds.get(value.dtype.kind, ("S1", None))
    options: dict[str, Any] = {}
    if value.dtype.kind == "b":
        attributes["dtype"] = "bool"
    elif value.dtype.kind == "O":
        # Words of variable length would all be read when the file is opened, before anyone asks for them.
        width = layout.extent.widths[name]
        axes, lengths = (*axes, f"bytes_{width}"), (*lengths, width)
        attributes["_Encoding"] = "utf-8"
        options = {"compression": "gzip", "compression_opts": 1}
    for axis, length in zip(axes, lengths, strict=True):
        if axis not in file.dimensions:
            file.dimensions[axis] = length
    if math.prod(lengths) > 0:
        options["chunks"] = _pieces(layout, lengths)
    variable = file.create_variable(name, axes, dtype=dtype, fillvalue=fill, **options)
    for key, text in attributes.items():
        variable.attrs[key] = text


def _pieces(layout: Layout, lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the pieces in which a file keeps a variable: many drops of one precoder, allocator and point."""
    drops = layout.axes.index("drop")
    together = max(1, _BYTES_TOGETHER // (8 * math.prod(lengths[drops + 1 :])))
    return (*[1] * drops, min(lengths[drops], together), *lengths[drops + 1 :])


def _coordinates(scenario: Scenario, users: int, streams: int) -> dict[str, Any]:
    several = {"beam": list(by_label(scenario.beams))} if len(scenario.beams) > 1 else {}
    return {
        "precoder": list(by_label(scenario.precoders)),
        **several,
        "allocator": list(by_label(scenario.allocators)),
        **{path: _coordinate(values) for path, values in scenario.sweep.items()},
        "drop": np.arange(scenario.drops),
        "user": np.arange(users),
        **({"stream": np.arange(streams)} if streams > 1 else {}),
    }


def _coordinate(values: tuple[Any, ...]) -> list[Any]:
    plain = all(isinstance(value, (int, float)) for value in values)
    return list(values) if plain else [str(value) for value in values]


def _fixed(scenario: Scenario, users: tuple[int, ...]) -> dict[str, Any]:
    """Return the variables over the sweep alone."""
    sweep = list(scenario.sweep)
    shape = [len(values) for values in scenario.sweep.values()]
    limits = 10 * np.log10([point.crlb_limits() for _, point in scenario.points()])
    variables: dict[str, Any] = {
        limit.name: (sweep, limits[:, position].reshape(shape), limit.attributes)
        for position, limit in enumerate(limits_of(len(scenario.sensed)))
    }
    variables["users"] = (sweep, np.array(users, dtype=np.int64).reshape(shape))
    return variables
