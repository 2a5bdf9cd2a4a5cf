"""Digests of everything that determines the results of a study."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import uuid
from collections.abc import Iterable
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path

from ..base.errors import InputError
from ..base.inputs import file_state
from ..base.part import Part
from ..results.journal import FORMAT
from .study_spec import StudySpec


class InputFiles:
    """The files that a study reads, with their content at the start of a study.

    Parameters
    ----------
    paths : iterable of path
        See :meth:`isacfw.Channel.inputs` and :meth:`isacfw.SensingNoise.inputs`.

    Raises
    ------
    InputError
        If a file cannot be read.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._states = {path: _state(path) for path in dict.fromkeys(map(Path, paths))}
        self.digests = {str(path): _digest(path) for path in self._states}

    def check(self) -> None:
        """Raise an InputError if the content of a file has changed since the study started."""
        for path, state in self._states.items():
            if _state(path) != state and _digest(path) != self.digests[str(path)]:
                raise InputError(str(path), "was changed while the study was running; run the same command again")


def _state(path: Path) -> tuple[int, int, int]:
    """Return a cheap indicator that almost certainly changes with the content of a file."""
    found = file_state(path)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(str(path), f"must be a file that can be read, got: {error.strerror}") from None


def study_key(spec: StudySpec, toml: str, versions: str, files: InputFiles | None = None) -> str:
    """Return a digest of everything that determines the results of a study, except the number of drops.

    Parameters
    ----------
    spec : StudySpec
        The study; the code that defines its parts is included.
    toml : str
        Its scenario, with the seed and all options, regardless of name and number of drops.
    versions : str
        Versions of this package and of those that it computes with.
    files : InputFiles, optional
        Files that the study reads; their content is included.
    """
    codes = {f"{part.provider()}:{part.__qualname__}": part_code(part) for part in spec.parts}
    unavailable = {" ".join(key): reason for key, reason in spec.unavailable.items()}
    read = {} if files is None else files.digests
    content = json.dumps([FORMAT, toml, codes, own_code(), unavailable, versions, read], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def own_code() -> str:
    """Return a digest of the code of this package."""
    return _of_package(Path(str(package_files(__name__.partition(".")[0]))))


def part_code(cls: type[Part]) -> str:
    """Return a digest of the code that defines a class: its file, or its whole package."""
    module = sys.modules.get(cls.__module__)
    source = getattr(module, "__isacfw_source__", None)
    if source is not None:
        return hashlib.sha256(source[1]).hexdigest()
    package = sys.modules.get(cls.__module__.partition(".")[0])
    try:
        if folders := getattr(package, "__path__", None):
            return "".join(map(_of_package, map(Path, folders)))
        return hashlib.sha256(Path(inspect.getfile(cls)).read_bytes()).hexdigest()
    except (OSError, TypeError):
        # Defined interactively, so changes to it cannot be detected.
        return uuid.uuid4().hex


@cache
def _of_package(folder: Path) -> str:
    """Return a digest of all modules in a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        found.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
