"""Statistics of drops as files: arrays in a NumPy archive, followed by a digest of its bytes."""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .batches import sizes_from_list
from .chunk import Chunk
from .exact import ExactSums
from .sketch import Sketch
from .tally import Tally

FORMAT = 2
"""Version of the format of these files."""

_DIGEST_SIZE = 32


def tally_to_bytes(tally: Tally, study: str) -> bytes:
    """Return the content of a file with the statistics of a study of some key."""
    head = {
        "format": FORMAT,
        "study": study,
        "chunk": tally.chunk.key,
        "warnings": tally.warnings,
        "batches": tally.batches,
        "messages": [tally.messages.shape, tally.messages.ravel().tolist()],
        "sums": {name: [list(own.shape), sorted(own.slices)] for name, own in tally.sums.items()},
    }
    arrays: dict[str, Any] = {
        "head": np.frombuffer(json.dumps(head).encode(), np.uint8),
        "users": tally.users,
        "first": tally.first,
        "entries": np.diff(tally.sketch.entries, prepend=0),
        "entry_counts": tally.sketch.counts,
        **{f"count {name}": own for name, own in tally.counts.items()},
        **{f"extreme {name}": own for name, own in tally.extremes.items()},
        **{f"sum {name} {k}": one for name, own in tally.sums.items() for k, one in own.slices.items()},
    }
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    # Differences of entries are small, and have many zeros.
    content = zlib.compress(stream.getvalue(), 1)
    return content + hashlib.sha256(content).digest()


def tally_from_file(path: Path, study: str) -> Tally | None:
    """Return the statistics in a file; None if it is damaged, or of another study or format."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    # Check the bytes first: what follows need not be robust to damaged files.
    content, digest = content[:-_DIGEST_SIZE], content[-_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        return None
    with np.load(io.BytesIO(zlib.decompress(content)), allow_pickle=False) as file:
        arrays: dict[str, Any] = {name: file[name] for name in file.files}
    head = json.loads(arrays["head"].tobytes())
    if head["format"] != FORMAT or head["study"] != study:
        return None
    first, last, start, stop = head["chunk"]
    shape, words = head["messages"]
    messages = np.empty(len(words), dtype=object)
    messages[:] = words
    sums = {
        name: ExactSums(tuple(own), {k: arrays[f"sum {name} {k}"] for k in known})
        for name, (own, known) in head["sums"].items()
    }
    return Tally(
        chunk=Chunk(points=range(first, last), drops=range(start, stop)),
        users=arrays["users"],
        warnings=tuple(head["warnings"]),
        counts=_named(arrays, "count "),
        sums=sums,
        extremes=_named(arrays, "extreme "),
        sketch=Sketch(np.cumsum(arrays["entries"]), arrays["entry_counts"]),
        first=arrays["first"],
        messages=messages.reshape(shape),
        batches=sizes_from_list(head["batches"]),
    )


def _named(arrays: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): one for name, one in arrays.items() if name.startswith(prefix)}
