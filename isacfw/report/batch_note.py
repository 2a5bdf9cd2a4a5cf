"""The note on times of allocators that solved many problems together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..results.batches import ATTRIBUTE, sizes_from_text

if TYPE_CHECKING:
    import xarray


def batch_notes(dataset: xarray.Dataset) -> Iterator[str]:
    """Yield a note on which times are those of a batch, divided by its problems, if there are such times."""
    text = dataset["seconds"].attrs.get(ATTRIBUTE)
    known = {} if text is None else sizes_from_text(text)
    ranges = {label: known.get(label, (0, 0)) for label in map(str, dataset["allocator"].to_numpy())}
    groups: dict[str, list[str]] = {}
    for label, (least, largest) in ranges.items():
        if largest > 1:
            batch = f"a batch of {largest}" if least == largest else f"batches of {least} to {largest}"
            groups.setdefault(f"in {batch}", []).append(label)
    timed = sum(largest > 0 for _, largest in ranges.values())
    named = [
        batch if len(labels) == timed else f"{batch} ({', '.join(labels)})" for batch, labels in groups.items()
    ]
    if named:
        yield f"median time: per problem {'; '.join(named)}"
