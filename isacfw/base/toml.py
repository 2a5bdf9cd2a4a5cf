"""TOML of any origin: bounded in depth and in the size of its integers."""

from __future__ import annotations

import tomllib
from typing import Any

MOST_LEVELS = 32
"""Levels to which tables and lists may be nested."""

MOST_BITS = 2048
"""Bits of the largest integer."""


def parse_toml(text: str) -> dict[str, Any]:
    """Return the content of a text in TOML.

    Raises
    ------
    ValueError
        If it is not TOML, nested too deeply, or has an integer too large to be meant.
    """
    try:
        found = tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested more than {MOST_LEVELS} levels deep") from None
    except ValueError as error:
        if "integer string conversion" in str(error):
            raise ValueError("it has an integer of thousands of digits") from None
        raise
    check_bounds(found)
    return found


def check_bounds(document: Any) -> None:
    """Check depth and integers of tables and lists.

    Raises
    ------
    ValueError
        If they are nested too deeply, or an integer is too large.
    """
    level: list[tuple[str, Any]] = [("", document)]
    for depth in range(MOST_LEVELS + 2):
        below: list[tuple[str, Any]] = []
        for path, value in level:
            for key, member in value.items() if isinstance(value, dict) else enumerate(value):
                if not isinstance(member, (dict, list, tuple, int)):
                    continue
                own = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else str(key)
                if not isinstance(member, int):
                    below.append((own, member))
                elif member.bit_length() > MOST_BITS:
                    raise ValueError(f"{own} is an integer of {member.bit_length()} bits, more than {MOST_BITS}")
        if not below:
            return
        if depth == MOST_LEVELS:
            raise ValueError(f"{below[0][0][:60]}... is nested more than {MOST_LEVELS} levels deep")
        level = below
