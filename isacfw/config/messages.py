"""Conversion of the converter's errors to one error with the path of its key."""

from __future__ import annotations

import attrs
from cattrs.errors import ForbiddenExtraKeysError

from ..base.errors import InputError, IsacError, suggestion
from ..base.part import Part

MISSING = "must be given"


def first_error(error: BaseException, path: str) -> InputError:
    """Return the first error in a tree of validation errors, with its path as the key.

    An unknown key takes precedence over a missing one: together they are probably one misspelling.
    """
    if isinstance(error, BaseExceptionGroup):
        unknown = [inner for inner in error.exceptions if isinstance(inner, ForbiddenExtraKeysError)]
        return first_error((unknown or error.exceptions)[0], _join(path, error))
    if isinstance(error, InputError):
        inner = error.within(_find_note(error))
        return inner.within(path)
    if isinstance(error, ForbiddenExtraKeysError):
        key = sorted(error.extra_fields)[0]
        known = [field.name for field in attrs.fields(error.cl)]
        hint = suggestion(key, {*known, "kind"} if issubclass(error.cl, Part) else known)
        return InputError(key, f"is not a known key{hint}").within(path)
    key = _find_note(error)
    if isinstance(error, KeyError) and key:
        return InputError(key, MISSING, missing=True).within(path)
    if isinstance(error, IsacError) and not (key or path):
        return InputError("", str(error))
    if isinstance(error, IsacError):
        return InputError(key, f"is not valid: {error}").within(path)
    return InputError(key, f"is not valid: {' '.join(str(error).split())}").within(path)


def _join(path: str, group: BaseException) -> str:
    key = _find_note(group)
    return InputError(key, "").within(path).key if path else key


def _find_note(error: BaseException) -> str:
    """Return the field, index or key that the converter attached to an error."""
    for note in getattr(error, "__notes__", ()):
        name = getattr(note, "name", None)
        if name is not None:
            return str(name)
        index = getattr(note, "index", None)
        if index is not None:
            return f"[{index}]" if isinstance(index, int) else str(index)
    return ""
