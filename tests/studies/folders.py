"""What is in a folder of results."""

from __future__ import annotations

from pathlib import Path


def chunks_of(out: Path) -> list[Path]:
    """Return the files of the chunks of all studies."""
    return sorted(out.glob("chunks/*/points-*.nc"))


def hidden(out: Path) -> list[Path]:
    """Return the temporary files."""
    return [path for path in out.rglob(".*") if path.is_file()]
