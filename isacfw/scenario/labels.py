"""Labels that distinguish the parts of a comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs

from ..base.errors import InputError
from ..base.part import LabelledPart, Part
from ..base.validators import Validator, each, instance_of


def _options(part: LabelledPart) -> str:
    """Return the options of a part that differ from their defaults, as ``key=value, ...``."""
    return ", ".join(
        f"{field.name}={getattr(part, field.name)}"
        for field in attrs.fields(type(part))
        if field.name != "label" and getattr(part, field.name) != field.default
    )


def by_label(parts: Sequence[LabelledPart]) -> dict[str, LabelledPart]:
    """Return parts by title; parts of the same name without labels are distinguished by their options.

    Raises
    ------
    InputError
        If two parts cannot be distinguished; its key is the position, ``"[1]"``.
    """
    count = Counter(part.title for part in parts)
    found: dict[str, LabelledPart] = {}
    for position, part in enumerate(parts):
        title = part.title
        if count[title] > 1 and part.label is None and (options := _options(part)):
            title = f"{title}({options})"
        if title in found:
            raise InputError(f"[{position}]", f"needs a unique label; {title!r} is already used")
        found[title] = part
    return found


def parts_validator(base: type[Part], noun: str, *, allow_empty: bool = False) -> Validator:
    """Return a validator for a tuple of distinguishable parts of a kind, called `noun` in errors."""
    members = each(instance_of(base, noun), allow_empty=allow_empty)

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        members(instance, attribute, value)
        if issubclass(base, LabelledPart):
            try:
                by_label(value)
            except InputError as error:
                raise error.within(attribute.name) from None

    return validate
