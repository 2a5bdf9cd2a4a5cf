"""Numbers of problems that allocators solved together, whose time results hold per problem."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..allocation.allocation import Allocation

ATTRIBUTE = "batch_sizes"
"""Attribute of the variable ``seconds``: it belongs to the times, since both depend on how a study is divided."""

BatchSizes = tuple[tuple[int, int], ...]
"""Smallest and largest batch of each allocator, both 0 if it solved nothing; empty if they are not known."""


def batch_range(allocation: Allocation) -> tuple[int, int]:
    """Return the smallest and the largest batch of an allocation, without rows that took no time."""
    sizes = allocation.batch_size[allocation.seconds > 0]
    return (int(sizes.min()), int(sizes.max())) if sizes.size else (0, 0)


def join_ranges(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Return the smallest and the largest batch of both."""
    return min((least for least, _ in (one, other) if least), default=0), max(one[1], other[1])


def join_sizes(one: BatchSizes, other: BatchSizes) -> BatchSizes:
    """Return the batches of two parts of a study; not known if those of one of them are not."""
    return tuple(map(join_ranges, one, other)) if len(one) == len(other) else ()


def replace_range(sizes: BatchSizes, allocator: int, part: BatchSizes) -> BatchSizes:
    """Return the batches of a study some of which an allocator has solved again, as the only one of a part."""
    if not sizes or not part:
        return ()
    return (*sizes[:allocator], join_ranges(sizes[allocator], part[0]), *sizes[allocator + 1 :])


def sizes_from_list(found: list[list[int]]) -> BatchSizes:
    """Return batches that were written as lists."""
    return tuple((least, largest) for least, largest in found)


def sizes_to_text(labels: Sequence[str], sizes: BatchSizes) -> str:
    """Return the value of the attribute: a JSON object by label of the allocator."""
    return json.dumps(dict(zip(labels, sizes, strict=True)))


def sizes_from_text(text: str) -> dict[str, tuple[int, int]]:
    """Return the smallest and the largest batch by label of the allocator.

    Raises
    ------
    ValueError
        If the text is not the value of the attribute.
    """
    try:
        found = json.loads(text)
    except (RecursionError, ValueError):
        found = None
    if not isinstance(found, dict) or not all(map(_is_range, found.values())):
        raise ValueError(f"{ATTRIBUTE} of seconds must have two numbers for each allocator, got {text!r:.60}")
    return {label: (least, largest) for label, (least, largest) in found.items()}


def _is_range(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2 or not all(type(one) is int for one in value):
        return False
    least, largest = map(int, value)
    return 0 <= least <= largest
