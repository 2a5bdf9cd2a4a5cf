"""Names of files made from names that users and plugins choose."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 100
"""Bytes of a name, which leaves room for endings and temporary names in the 255 of most file systems."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_FORBIDDEN = '/\\:*?"<>|'


def file_name(name: str) -> str:
    """Return a name as the stem of a file in any folder of any system, never a path; other names stay as they are.

    Separators, control characters and characters that a system forbids become ``_``; so do leading dots and the
    names of devices; long names are cut.
    """
    text = "".join("_" if _is_forbidden(one) else one for one in name)
    text = re.sub(r"^[.\s]+|[.\s]+$", lambda found: "_" * len(found.group()), text) or "_"
    if _RESERVED.fullmatch(text):
        text = f"_{text}"
    return text.encode()[:_LONGEST].decode(errors="ignore")


def file_names(names: list[str]) -> dict[str, str]:
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
