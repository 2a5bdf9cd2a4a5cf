"""Types of arrays, and conversions to them."""

from __future__ import annotations

from operator import ge
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


def in_rows(value: Any) -> Any:
    """Return an array whose axes are in memory in their order, a copy if need be.

    NumPy adds numbers in the order of memory. So a sum over the last axis of such an array, and a product of such
    matrices, does not depend on the other members of a batch; of other arrays it does.
    """
    array = np.asarray(value)
    steps = [abs(step) for step, size in zip(array.strides, array.shape, strict=True) if step and size > 1]
    return array if all(map(ge, steps, steps[1:])) else np.ascontiguousarray(array)


def sum_last(parts: FloatArray) -> FloatArray:
    """Return sums over the last axis, the same bits for a problem alone as in a batch; (...)."""
    # For few users, three times as fast as NumPy's sum.
    return np.asarray(np.einsum("...k->...", np.ascontiguousarray(parts)))


def product_last(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    r"""Return :math:`\sum_j A_{...kj} v_{...j}`, the same bits for a problem alone as in a batch; (..., K)."""
    rows, columns = np.ascontiguousarray(matrix), np.ascontiguousarray(vector)
    return np.asarray(np.einsum("...kj,...j->...k", rows, columns))
