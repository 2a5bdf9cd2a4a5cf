"""Records of a comparison: plain numbers and strings, one for each row of results."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    pass


def _without_padding(values: Any) -> list[Any]:
    """Return the numbers of the streams that there are; the others are NaN."""
    return [_plain(value) for value in values if np.isfinite(value)]


def _plain(value: Any, users: Any = None) -> Any:
    """Return a number, string or list that JSON knows; None for what is not finite."""
    if isinstance(value, np.ndarray):
        return [_plain(member) for member in value[:users]]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
