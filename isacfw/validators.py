"""Validators for the attrs fields of parts; their errors name the field, the requirement and the value."""

from __future__ import annotations

from .base.validators import (
    Validator,
    absolute_path,
    choice,
    each,
    file_path,
    instance_of,
    integer,
    number,
    optional,
    real,
    reals,
    text,
    user_weights,
)

__all__ = [
    "Validator",
    "absolute_path",
    "choice",
    "each",
    "file_path",
    "instance_of",
    "integer",
    "number",
    "optional",
    "real",
    "reals",
    "text",
    "user_weights",
]
