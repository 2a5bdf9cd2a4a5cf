"""Files of the repository to which pages lead, by folder."""

from __future__ import annotations

from .messages import ROOT

FOLDERS = ("examples/channels", "examples/plugin_package", "examples/scenarios", "tests/data/channels")


def list_files(_argument: str) -> str:
    """Return a section for each folder with its files, in Markdown."""
    return "\n".join(f"## {folder}\n\n{_files(folder)}" for folder in FOLDERS)


def _files(folder: str) -> str:
    names = sorted(
        path.relative_to(ROOT / folder).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not {"__pycache__", "build"} & set(path.parts) and path.suffix != ".pyc"
    )
    return "".join(f"- [`{name}`](../{folder}/{name})\n" for name in names)
