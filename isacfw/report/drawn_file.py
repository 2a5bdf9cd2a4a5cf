"""Results on drawn channels, read from files of any origin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import InputError, one_line
from ..base.hdf5 import hdf5_file
from ..results.lazily import READ, open_lazily

if TYPE_CHECKING:
    import xarray

VariableTable = dict[str, tuple[tuple[str, ...], str, str]]
"""Axes, unit and meaning of variables by name."""

_TEXTS = ("status", "message")
_LONGEST = 2**24
_ATTRIBUTES = ("title", "scenario", "versions", "rerun", "seed", "sensed")


def kind_of(path: Path) -> str:
    """Return which command wrote a file of results on drawn channels; empty for other files.

    Raises
    ------
    InputError
        If the file cannot be read, or is refused.
    """
    try:
        with hdf5_file(path) as file:
            kind = file.attrs.get("kind", "")
    except InputError:
        raise
    except Exception:
        # HDF5 raises anything for a damaged file, of which a reader of other results says more.
        return ""
    return kind if isinstance(kind, str) else ""


def open_drawn(path: Path, kind: str, variables: VariableTable, words: Sequence[str]) -> xarray.Dataset:
    """Return the data set of a file, in memory, after checking all that it needs.

    Raises
    ------
    InputError
        If the file cannot be read, is refused, or holds other results.
    """
    try:
        with hdf5_file(path):
            pass
        with open_lazily(path) as opened:
            dataset = opened.load()
        _check(dataset, kind, variables, words)
    except InputError:
        raise
    except Exception as error:
        # HDF5, NetCDF and xarray raise anything for a damaged file.
        reason = one_line(error) or type(error).__name__
        raise InputError(str(path), f"must be a file of isacfw {kind}, got: {reason:.300}") from None
    dataset.encoding[READ] = True
    return dataset


def _check(dataset: xarray.Dataset, kind: str, variables: VariableTable, words: Sequence[str]) -> None:
    attributes = dataset.attrs
    if attributes.get("kind") != kind:
        raise ValueError("other results")
    for name in _ATTRIBUTES:
        value = attributes.get(name, "")
        if not isinstance(value, str) or len(value) > _LONGEST:
            raise ValueError(f"{name} must be text, got {type(value).__name__}")
    for name, (own, _, _) in variables.items():
        if name not in dataset or set(dataset[name].dims) != set(own):
            raise ValueError(f"{name} must be a variable over {', '.join(own)}")
        _check_type(name, dataset[name], "OU" if name in _TEXTS else "biuf")
    axes = {axis for own, _, _ in variables.values() for axis in own}
    for name in {*axes, *words}:
        if name not in dataset.coords:
            raise ValueError(f"{name} must be a coordinate")
        _check_type(name, dataset[name], "OU" if name in words else "iuf")
    if not all(dataset.sizes[axis] for axis in axes):
        raise ValueError("an axis is empty")


def _check_type(name: str, values: Any, kinds: str) -> None:
    if values.dtype.kind not in kinds:
        wanted = "text" if "O" in kinds else "numbers"
        raise ValueError(f"{name} must be {wanted}, got {values.dtype}")
    if values.dtype.kind == "O" and not all(isinstance(one, str) for one in values.to_numpy().flat):
        raise ValueError(f"{name} must be text, got something else")
