"""Rows of results in the arrays of a chunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results.schema import HISTORY, Variable

_FILLS: dict[str, tuple[Any, Any]] = {
    "float": (np.nan, np.float64),
    "int": (0, np.int64),
    "bool": (False, np.bool_),
    "text": ("", object),
}


def empty_values(
    variables: Iterable[Variable], shape: tuple[int, ...], widths: Mapping[str, int]
) -> dict[str, NDArray[Any]]:
    """Return an array without answers for each variable, but for histories.

    Parameters
    ----------
    variables : iterable of Variable
        Variables of a row of results.
    shape : tuple of int
        Numbers of rows: precoders with beams, allocators, points and drops.
    widths : mapping of str to int
        Lengths of further axes.
    """
    values = {
        one.name: np.full((*shape, *(widths[axis] for axis in one.axes)), *_FILLS[one.dtype])
        for one in variables
        if one.name != HISTORY
    }
    values["seconds"][:] = 0
    return values


def index_of(points: Sequence[int]) -> slice | list[int]:
    """Return an index of points along their axis: a slice if they follow each other, as lists are slow."""
    first, last = points[0], points[-1] + 1
    return slice(first, last) if list(points) == list(range(first, last)) else list(points)
