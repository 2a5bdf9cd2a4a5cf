"""Studies that stop at a stated precision, and the precision in which results are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import attrs

from ..base.errors import InputError, short_repr

Precision = Literal["float64", "float32"]
PRECISIONS: tuple[Precision, ...] = ("float64", "float32")

FIRST_LOOK = 100
"""Number of drops after which the precision is looked at first; then after twice as many, and so on."""

_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%(?:\s+of\s+the\s+mean)?\s*")


def check_until(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check that a field is a precision such as ``"1 % of the mean"``."""
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 0.001 <= float(found[1]) <= 50:
        problem = "must be a precision from 0.001 % to 50 % such as '1 % of the mean'"
        raise InputError(attribute.name, f"{problem}, got {short_repr(value)}")


def check_storage(precision: str, *, summary_only: bool) -> None:
    """Check that a study without values of drops is not asked to round them."""
    if summary_only and precision != "float64":
        problem = "cannot be combined with summary_only, which keeps no values of drops"
        raise InputError("precision", f"{problem}, got {precision!r}")


def need_drops(summary_only: bool, what: str) -> None:
    """Check that a scenario keeps the results of drops, which something needs."""
    if summary_only:
        raise InputError("summary_only", f"must be false for {what}, which needs the results of drops, got true")


def relative_precision(until: str) -> float:
    """Return the largest half-width of an interval relative to its mean."""
    found = _FORM.fullmatch(until)
    assert found is not None
    return float(found[1]) / 100


def looks(drops: int) -> Iterator[int]:
    """Yield the numbers of drops after which the precision is looked at, the largest number last."""
    look = FIRST_LOOK
    while look < drops:
        yield look
        look *= 2
    yield drops
