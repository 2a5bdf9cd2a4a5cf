"""Validators for the attrs fields of parts; their errors name the field, what it must be and what it got."""

from __future__ import annotations

from .base.validators import (
    Validator,
    choice,
    each,
    instance_of,
    integer,
    number,
    optional,
    real,
    reals,
    text,
)

__all__ = [
    "Validator",
    "choice",
    "each",
    "instance_of",
    "integer",
    "number",
    "optional",
    "real",
    "reals",
    "text",
]
