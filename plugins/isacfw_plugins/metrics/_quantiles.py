"""Quantiles as options of metrics."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from isacfw import InputError
from isacfw.validators import each, number

_within = each(number(above=0, below=1), allow_empty=True)


def check_quantiles(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check that a field is a tuple of different numbers within (0, 1)."""
    _within(instance, attribute, value)
    if repeated := [level for level in value if value.count(level) > 1]:
        raise InputError(attribute.name, f"must be different from each other, got {repeated[0]} twice")


def percent(level: float) -> str:
    """Return a quantile in per cent without trailing zeros: ``"97.5"``."""
    text = f"{100 * Decimal(str(level)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def suffix(level: float) -> str:
    """Return the part of a quantity's name for a quantile: ``"q97_5"``."""
    return f"q{percent(level).replace('.', '_')}"
