"""Fields of numbers with leading batch axes."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from ..base.numbers import FloatArray, float_array, read_only


def numbers(core: int, default: Any = attrs.NOTHING) -> Any:
    """Declare a field of numbers with `core` trailing axes after the batch axes."""
    converter: Any = _to_read_only
    if default is None:
        converter = attrs.converters.optional(_to_read_only)
    return attrs.field(default=default, converter=converter, metadata={"core": core})


def _to_read_only(value: object) -> FloatArray:
    return np.asarray(read_only(float_array(value)))
