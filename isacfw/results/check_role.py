"""Attributes of variables of results of any origin, checked against the schema."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from .batches import ATTRIBUTE, sizes_from_text
from .schema import Role

if TYPE_CHECKING:
    import xarray

_BETTER = ("higher", "lower", "neither")
_HEADED = ("objective", "requirement", "metric")


def check_role(name: str, variable: Any, dataset: xarray.Dataset, *, headed: bool) -> None:
    """Check the attributes that reports need of a variable of rows, which may have a column of a table.

    Raises
    ------
    ValueError
        If one is missing, or is not as in the schema.
    """
    attributes = variable.attrs
    role = attributes.get("role")
    if role not in typing.get_args(Role) or role == "limit":
        raise ValueError(f"role of {name} must be one of {', '.join(typing.get_args(Role))}, got {role!r:.60}")
    required = {"better", "long_name", "units", "heading"} if role in _HEADED and headed else set()
    required |= {"limit", "group"} if role == "requirement" else set()
    for key in sorted(required):
        if not isinstance(attributes.get(key), str):
            raise ValueError(f"{key} of {name} must be text, got {attributes.get(key)!r:.60}")
    better = attributes.get("better", "neither")
    if better not in _BETTER:
        raise ValueError(f"better of {name} must be one of {', '.join(_BETTER)}, got {better!r:.60}")
    if ATTRIBUTE in attributes:
        sizes_from_text(attributes[ATTRIBUTE])
    if role == "requirement":
        limit = attributes["limit"]
        if limit not in dataset.data_vars or "drop" in dataset[limit].dims:
            raise ValueError(f"limit of {name} must be a variable along the sweep, got {limit!r:.60}")
