"""Limits on the size of studies, which keep a mistyped number from filling the machine."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from .errors import InputError, short_repr

MEMORY = "ISACFW_MAX_MEMORY"
"""Environment variable: bytes that a study may take, such as ``8G``; by default, those of the machine."""

POINTS = "ISACFW_MAX_POINTS"
"""Environment variable: points that a sweep may have."""

DEFAULT_POINTS = 100_000
MOST_WORKERS = max(64, 4 * (os.cpu_count() or 1))
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_limit() -> int:
    """Return the bytes that a study may take.

    Raises
    ------
    InputError
        If the environment variable is not a number of bytes.
    """
    given = os.environ.get(MEMORY, "").strip()
    if not given:
        return _memory_of_machine()
    found = re.fullmatch(r"(\d{1,18}(?:\.\d{1,6})?)\s*([KMGT]?)(?:i?B)?", given, re.IGNORECASE)
    if found is None:
        raise InputError(MEMORY, f"must be a number of bytes such as 8G, got {short_repr(given)}")
    return int(float(found[1]) * _UNITS[found[2].upper()])


@cache
def _memory_of_machine() -> int:
    """Return the memory of this machine, of the container, or of the process, whichever is least."""
    found: list[float] = [math.inf]
    with suppress(AttributeError, OSError, ValueError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for name in _CGROUPS:
        try:
            found.append(int(Path(name).read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    try:
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        found += [] if soft == resource.RLIM_INFINITY else [soft]
    except ImportError:
        pass
    least = min(one for one in found if one > 0)
    return 2**62 if math.isinf(least) else int(least)


def check_memory(key: str, parts: Mapping[str, int]) -> None:
    """Check an estimate of the memory that is about to be taken.

    Parameters
    ----------
    key : str
        What needs it, for the message.
    parts : mapping of str to int
        Bytes by purpose.

    Raises
    ------
    InputError
        If they are more than the limit.
    """
    total = sum(parts.values())
    if total <= _SMALL or total <= (limit := memory_limit()):
        return
    largest = max(parts, key=lambda one: parts[one])
    raise InputError(
        key,
        f"needs about {format_bytes(total)} of memory, mostly for {largest}, more than the limit of"
        f" {format_bytes(limit)}; set {MEMORY} to raise it",
    )


_SMALL = 2**24


def check_points(key: str, lengths: tuple[int, ...]) -> None:
    """Check the number of points of a sweep, the product of the lengths of its axes.

    Raises
    ------
    InputError
        If it is more than the limit.
    """
    total = math.prod(lengths)
    if total <= 1:
        return
    given = os.environ.get(POINTS, "").strip()
    if given and not re.fullmatch(r"\d{1,18}", given):
        raise InputError(POINTS, f"must be a number of points, got {short_repr(given)}")
    limit = int(given) if given else DEFAULT_POINTS
    if total > limit:
        product = " x ".join(map(str, lengths)) if len(lengths) > 1 else ""
        raise InputError(
            key,
            f"has {total} points{f' ({product})' if product else ''}, more than the limit of {limit};"
            f" set {POINTS} to raise it",
        )


def format_bytes(count: int) -> str:
    """Return a number of bytes with a binary unit."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} TiB"
