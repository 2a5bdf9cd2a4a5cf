"""What is in a folder of results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isacfw.results.chunk_record import Entry, read_entry, read_header
from isacfw.results.journal import find_records


def volumes_of(out: Path) -> list[Path]:
    """Return the files of numbers of all studies."""
    return sorted(out.glob("chunks/*/results-*.nc"))


def records_of(volume: Path) -> list[tuple[int, int, dict[str, Any]]]:
    """Return start, end and header of all intact records in the journal of a volume."""
    content = volume.with_suffix(".journal").read_bytes()
    return [(start, end, read_header(content[start:end])[0]) for start, end in find_records(content)]


def chunks_of(out: Path) -> list[tuple[Path, Entry]]:
    """Return the volumes and the entries of the chunks of all studies."""
    found = []
    for journal in sorted(out.glob("chunks/*/results-*.journal")):
        content = journal.read_bytes()
        for start, end in find_records(content):
            header, arrays = read_header(content[start:end])
            if "chunk" in header:
                found.append((journal.with_suffix(".nc"), read_entry(header, arrays, (start, end))))
    return found


def hidden(out: Path) -> list[Path]:
    """Return the temporary files."""
    return [path for path in out.rglob(".*") if path.is_file()]
