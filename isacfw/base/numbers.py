"""Types of arrays, and conversions to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


ComplexArray = NDArray[np.complex128]


LOST = 16 * np.finfo(np.float64).eps
"""Relative differences below this are rounding errors."""


def float_array(value: object) -> FloatArray:
    """Convert numbers to an array of floats; used as a field converter."""
    return np.asarray(value, dtype=np.float64)


def read_only(value: Any) -> Any:
    """Return a view of an array that cannot be made writable again."""
    array: Any = np.asarray(value)
    if array.dtype == object or not array.size:
        view = array.view()
        view.flags.writeable = False
        return view
    return np.asarray(memoryview(array).toreadonly())
