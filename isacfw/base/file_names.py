"""Names of files made from names that users and plugins choose."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_LONGEST = 100
"""Bytes of a name, which leaves room for endings and temporary names in the 255 of most file systems."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_FORBIDDEN = '/\\:*?"<>|'


def file_name(name: str) -> str:
    """Return a name as the stem of a file in any folder of any system, never a path.

    Separators, control characters and characters that a system forbids become ``_``; so do dots and spaces at
    both ends. Names of devices get a ``_``, long names are cut; other names stay as they are.
    """
    text = "".join("_" if _is_forbidden(one) else one for one in name)
    text = _cut(text, _LONGEST) or "_"
    return f"_{_cut(text, _LONGEST - 1)}" if _RESERVED.fullmatch(text) else text


def _cut(text: str, longest: int) -> str:
    """Return a text of at most a number of bytes, without dots and spaces at both ends."""
    text = text.encode()[:longest].decode(errors="ignore")
    return re.sub(r"^[.\s]+|[.\s]+$", lambda found: "_" * len(found.group()), text)


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return a stem for each name, distinct also where capitals do not count."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        stem = own = file_name(name)
        number = 2
        while own.casefold() in taken:
            own, number = f"{stem}-{number}", number + 1
        taken.add(own.casefold())
        found[name] = own
    return found


def _is_forbidden(character: str) -> bool:
    return character in _FORBIDDEN or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def is_variable_name(name: object) -> bool:
    """Return whether a name can be that of a variable of a NetCDF file."""
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST or name != name.strip():
        return False
    return "/" not in name and not any(unicodedata.category(one) in ("Cc", "Cs") for one in name)
