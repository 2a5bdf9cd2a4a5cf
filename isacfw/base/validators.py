"""Validators for attrs fields; their errors name the field, the requirement and the value."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from numbers import Integral, Real
from os import PathLike, fspath
from pathlib import Path
from typing import Any, cast

import attrs

from .errors import InputError, nearest, short_repr

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _bounds(above: float | None, at_least: float | None, below: float | None, at_most: float | None) -> str:
    terms = [
        (above, "greater than"),
        (at_least, "at least"),
        (below, "less than"),
        (at_most, "at most"),
    ]
    return " and ".join(
        f"{word} {bound if isinstance(bound, int) else format(bound, 'g')}"
        for bound, word in terms
        if bound is not None
    )


def _number_validator(
    kind: type,
    noun: str,
    above: float | None,
    at_least: float | None,
    below: float | None,
    at_most: float | None,
) -> Validator:
    both = _bounds(above, at_least, below, at_most)
    lower, upper = _bounds(above, at_least, None, None), _bounds(None, None, below, at_most)

    def within(value: float) -> bool:
        return (
            (kind is Integral or math.isfinite(value))
            and (above is None or value > above)
            and (at_least is None or value >= at_least)
            and (below is None or value < below)
            and (at_most is None or value <= at_most)
        )

    def validate(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        try:
            good = isinstance(value, kind) and not isinstance(value, bool) and within(cast(float, value))
        except OverflowError:
            good = False
        if not good:
            # Mention the upper bound only when it is the one violated.
            large = isinstance(value, Integral) and at_most is not None and int(value) > at_most
            limits = both if kind is not Integral else upper if large else lower
            raise InputError(
                attribute.name, f"must be {' '.join(filter(None, (noun, limits)))}, got {short_repr(value)}"
            )

    return validate


def integer(*, at_least: int | None = None, at_most: int | None = None) -> Validator:
    """Return a validator for an integer within bounds."""
    return _number_validator(Integral, "an integer", None, at_least, None, at_most)


def number(
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> Validator:
    """Return a validator for a finite real number within bounds."""
    return _number_validator(Real, "a finite number", above, at_least, below, at_most)


def text(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check that a field is a nonempty string without null characters."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(attribute.name, f"must be a nonempty string, got {short_repr(value)}")
    if "\0" in value:
        raise InputError(attribute.name, f"must be a string without null characters, got {short_repr(value)}")


def choice(*allowed: str) -> Validator:
    """Return a validator for one of the words `allowed`."""
    listed = ", ".join(repr(word) for word in allowed)

    def validate(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, str) or value not in allowed:
            hint = nearest(value, allowed) if isinstance(value, str) else ""
            raise InputError(attribute.name, f"must be one of {listed}, got {short_repr(value)}{hint}")

    return validate


def each(validator: Validator, *, allow_empty: bool = False, or_none: bool | None = None) -> Validator:
    """Return a validator for a tuple whose members all pass `validator`; it may be empty with `allow_empty`.

    `or_none` is the former name of `allow_empty`.
    """
    if or_none is not None:
        warnings.warn("each(or_none=...) is now each(allow_empty=...)", DeprecationWarning, stacklevel=2)
        allow_empty = or_none
    requirement = "must be a list" if allow_empty else "must be a nonempty list"

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, tuple) or not (value or allow_empty):
            raise InputError(attribute.name, f"{requirement}, got {short_repr(value)}")
        for position, member in enumerate(value):
            try:
                validator(instance, attribute, member)
            except InputError as error:
                raise InputError(f"{attribute.name}[{position}]", error.problem, error.missing) from None

    return validate


def instance_of(kind: type, noun: str) -> Validator:
    """Return a validator for an instance of `kind`, called `noun` in the error."""

    def validate(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, kind):
            raise InputError(attribute.name, f"must be {noun}, got {short_repr(value)}")

    return validate


def optional(validator: Validator) -> Validator:
    """Return a validator that accepts None in addition to what `validator` accepts."""

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is not None:
            validator(instance, attribute, value)

    return validate


def real(value: Any) -> Any:
    """Convert an integer or NumPy number to a float; leave anything else for the validator to refuse."""
    try:
        return value if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    except OverflowError:
        return value


def reals(value: Any) -> Any:
    """Convert a sequence or array of numbers to a tuple of floats; leave anything else to the validator."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        return value
    return tuple(real(member) for member in value)


def absolute_path(value: Any) -> Any:
    """Convert a path to an absolute one, from the working directory; leave anything else for the validator."""
    if not isinstance(value, (str, PathLike)):
        return value
    name = fspath(value)
    return Path(name).absolute() if isinstance(name, str) and name.strip() and "\0" not in name else value


def file_path(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check that a field is an absolute path, as from :func:`absolute_path`."""
    if not isinstance(value, Path) or not value.is_absolute():
        raise InputError(attribute.name, f"must be the path of a file, got {short_repr(value)}")


def user_weights(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check that a field is None, or a nonempty tuple of nonnegative numbers that are not all 0."""
    if value is None:
        return
    each(number(at_least=0))(instance, attribute, value)
    if not any(value):
        raise InputError(attribute.name, f"must have a positive entry, got {short_repr(value)}")
