"""Results files of any origin: structure, types, sizes and the scenario in them, checked before they are used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..allocation.status import Status
from ..base.hdf5 import check_hdf5, inflate, is_dimension
from .batches import ATTRIBUTE as BATCHES
from .check_role import check_role
from .check_rows import check_attributes, check_axes, check_coordinates
from .schema import HISTORY

if TYPE_CHECKING:
    import xarray

_TEXT_ATTRIBUTES = ("units", "long_name", "better", "role", "limit", "heading", "group", "signed")
_STORAGE_ATTRIBUTES = {
    "CLASS",
    "NAME",
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "DIMENSION_LABELS",
    "_FillValue",
    "_Encoding",
    "_Netcdf4Coordinates",
    "_Netcdf4Dimid",
    "coordinates",
    "dtype",
}
_LONGEST_TEXT = 1000
_LONGEST_SCENARIO = 2**24
_WIDEST_TEXT = 2**20
_OWN_AXES = ("user", "stream", "iteration")
_ONE_PER_ROW = ("objective", "bound", "requirement", "margin", "status", "cost")
_ALWAYS = {
    "status": "OU",
    "message": "OU",
    "feasible": "b",
    "seconds": "f",
    "iterations": "iu",
    "max_violation": "f",
}
"""Variables that every row has, and the kinds of their types."""


def check_content(file: Any, size: int) -> None:
    """Check an open HDF5 file of results: only numbers and text, in the file itself, with small attributes.

    Parameters
    ----------
    file : h5py.File
        The file.
    size : int
        Its number of bytes.

    Raises
    ------
    ValueError
        If it is refused, see also :func:`~isacfw.base.hdf5.check_hdf5`.
    """
    if file.userblock_size:
        raise ValueError("it has a user block")
    found = check_hdf5(file, size)
    for path, data in found.items():
        if path.count("/") != 1:
            raise ValueError(f"{path} is in a group")
        _check_attributes(path, data)
        if not is_dimension(data):
            _check_shape(path, data)
            # Of statistics, the status of a row counts those of its drops.
            one_status = path == "/status" and "/status_count" not in found
            _check_values(path, data, {one.value.encode() for one in Status} if one_status else None)
    for name in file.attrs:
        if name in ("title", "scenario", "versions", "assumptions"):
            _check_text(file.attrs[name], name, _LONGEST_SCENARIO)


def _check_attributes(path: str, data: Any) -> None:
    if unknown := {*data.attrs} - _STORAGE_ATTRIBUTES - {*_TEXT_ATTRIBUTES, BATCHES}:
        raise ValueError(f"{path} has the unknown attribute {min(unknown)!r}")
    for name in (*_TEXT_ATTRIBUTES, "_Encoding", "dtype", "coordinates"):
        if name in data.attrs:
            _check_text(data.attrs[name], f"{name} of {path}")
    if BATCHES in data.attrs:
        _check_text(data.attrs[BATCHES], f"{BATCHES} of {path}", _LONGEST_SCENARIO)


def _check_shape(path: str, data: Any) -> None:
    """Check that data are as long as their axes, which alone determine the shape that xarray tells."""
    for axis, length in zip(data.dims, data.shape, strict=True):
        for scale in axis.values():
            if scale.shape != (length,):
                wanted = " x ".join(map(str, scale.shape))
                raise ValueError(f"{path} must have {wanted} entries along {scale.name[1:]}, got {length}")


def _check_values(path: str, data: Any, known: set[bytes] | None) -> None:
    if _is_text(data):
        _check_words(path, data, known)
    elif data.dtype.kind not in "fiu" or data.dtype.itemsize > 8:
        raise ValueError(f"{path} must have numbers or text, got {data.dtype}")


def _is_text(data: Any) -> bool:
    import h5py

    return data.dtype == "S1" or h5py.check_string_dtype(data.dtype) is not None


def _check_text(value: Any, name: str, longest: int = _LONGEST_TEXT) -> None:
    if not isinstance(value, str) or len(value) > longest:
        got = f"{len(value)} characters" if isinstance(value, str) else type(value).__name__
        raise ValueError(f"{name} must be text of at most {longest} characters, got {got}")
    value.encode()


def _check_words(path: str, data: Any, known: set[bytes] | None) -> None:
    """Check that text is UTF-8, and that it is among known words where these are given."""
    if data.dtype.kind == "O":
        words = set(np.ravel(data[()]).tolist())
    elif data.dtype != "S1":
        raise ValueError(f"{path} must have numbers or text, got {data.dtype}")
    else:
        width = data.shape[-1] if data.shape else 1
        if not 1 <= width <= _WIDEST_TEXT:
            raise ValueError(f"{path} has text of {width} bytes")
        words = set()
        for piece in _pieces(path, data, width):
            words |= {*np.ravel(piece.reshape(-1, width).view(f"S{width}")).tolist()}
    for word in words:
        word.decode()
    if known is not None and not words <= known:
        raise ValueError(f"{path} must be among {', '.join(Status)}, got {min(words - known)!r:.60}")


def _pieces(path: str, data: Any, width: int) -> Iterator[Any]:
    """Yield the bytes of text of fixed width, without HDF5 where pieces are many."""
    if data.chunks is None or data.chunks[-1] != width or data.compression != "gzip" or data.shuffle:
        yield np.ascontiguousarray(data[()]).view(np.uint8)
        return
    for place, piece in inflate(path, data):
        inside = (slice(length - start) for length, start in zip(data.shape, place, strict=True))
        yield np.ascontiguousarray(piece.reshape(data.chunks)[tuple(inside)])


def check_dataset(dataset: xarray.Dataset) -> None:
    """Check names, axes, types and roles of a data set of results against its scenario.

    Raises
    ------
    ValueError
        If something is missing, or is not as in the schema.
    """
    scenario, axes = check_attributes(dataset)
    rows = check_axes(dataset, axes, scenario, ("drop",))
    check_coordinates(dataset, (*rows, *_OWN_AXES))
    drops = dataset["drop"]
    if drops.dtype.kind not in "iu" or drops.min() < 0 or drops.max() >= scenario["drops"]:
        raise ValueError(f"the axis drop must have numbers below the {scenario['drops']} drops of its scenario")
    for name, kinds in _ALWAYS.items():
        if name not in dataset.data_vars or dataset[name].dtype.kind not in kinds:
            raise ValueError(f"it must have {name} for each row, of another type than it has or at all")
    for key, variable in dataset.data_vars.items():
        _check_variable(str(key), variable, dataset, axes)


def _check_variable(name: str, variable: Any, dataset: xarray.Dataset, sweep: list[str]) -> None:
    """Check axes, type and attributes of a variable."""
    rows, own = dataset["status"].dims, variable.dims
    if variable.dtype.kind not in ("OU" if name in ("status", "message") else "iufb"):
        raise ValueError(f"{name} must have {'text' if name in _ALWAYS else 'numbers'}, got {variable.dtype}")
    if "drop" not in own:
        if not {*own} <= {*sweep}:
            raise ValueError(f"{name} must be along the sweep, got the axes {', '.join(map(str, own))}")
        return
    if own[: len(rows)] != rows or len(own) > len(rows) + 1 or not {*own[len(rows) :]} <= {*_OWN_AXES}:
        raise ValueError(
            f"{name} must have the axes of status and at most one of {', '.join(_OWN_AXES)}, got {own}"
        )
    check_role(name, variable, dataset, headed=own == rows)
    if (variable.attrs["role"] in _ONE_PER_ROW or name in _ALWAYS) and own != rows:
        raise ValueError(f"{name} must have the axes of status, got {', '.join(map(str, own))}")
    if name == HISTORY and own != (*rows, "iteration"):
        raise ValueError(f"{name} must have an axis of iterations")
