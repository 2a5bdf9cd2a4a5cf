"""Labels that distinguish the parts of a comparison, and the values of a sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from numbers import Real
from typing import Any

import attrs

from ..base.errors import InputError
from ..base.part import LabelledPart, Part
from ..base.validators import Validator, each, instance_of
from .sweep import identity


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


def label_values(values: Sequence[Any]) -> list[Any]:
    """Return numbers as they are, and text for other values of a sweep, which is the same for equal values only.

    A part is named by its kind and by its options that differ from those of other parts of the kind:
    ``"upa(horizontal=4)"``; a set of named parts by their names, ``"floor + tracking"``.
    """
    if all(isinstance(value, Real) for value in values):
        return [value.item() if hasattr(value, "item") else value for value in values]
    distinct: dict[Hashable, Any] = {}
    for value in values:
        distinct.setdefault(identity(value), value)
    classes = {type(value) for value in distinct.values()}
    count = Counter(cls.name for cls in classes if issubclass(cls, Part))
    plain = [_label(value, list(distinct.values()), count) for value in distinct.values()]
    repeated = Counter(plain)
    labels = {
        key: f"{label} #{number}" if repeated[label] > 1 else label
        for number, (key, label) in enumerate(zip(distinct, plain, strict=True), 1)
    }
    return [labels[identity(value)] for value in values]


def _label(value: Any, values: Sequence[Any], count: Mapping[str, int]) -> str:
    """Return the label of one of the values; `count` is the number of classes of each name."""
    if isinstance(value, Mapping):
        return " + ".join(map(str, value)) or "none"
    if not attrs.has(type(value)):
        return str(value)
    options = []
    for field in attrs.fields(type(value)):
        own = getattr(value, field.name)
        if own is not None and any(
            identity(getattr(other, field.name)) != identity(own)
            for other in values
            if type(other) is type(value)
        ):
            options.append(f"{field.name}={own.name if isinstance(own, Part) else own}")
    listed = ", ".join(options)
    if not isinstance(value, Part):
        return listed or "default"
    name = f"{value.provider()}:{value.name}" if count[value.name] > 1 else value.name
    return f"{name}({listed})" if listed else name
