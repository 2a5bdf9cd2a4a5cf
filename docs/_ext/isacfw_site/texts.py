"""Texts of the repository, and what its scripts print."""

from __future__ import annotations

import subprocess
import sys

from .messages import ROOT


def measure(_argument: str) -> str:
    """Return what examples/validation.py prints; it must succeed."""
    command = [sys.executable, str(ROOT / "examples" / "validation.py")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise RuntimeError(f"a claim of docs/validation.md does not hold:\n{done.stdout}{done.stderr}")
    return _block(done.stdout)


def show_citation(_argument: str) -> str:
    """Return CITATION.cff."""
    return _block((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def show_table(_argument: str) -> str:
    """Return the table of the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return _block(text.partition("```text\n")[2].partition("```")[0])


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```\n"
