"""Chunks on other machines: sent with what they need, and solved only where the same software is installed."""

from __future__ import annotations

import importlib
import pickle
import socket
import sys
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import attrs

from ..base.errors import InputError, IsacError, describe_exception, one_line
from ..base.part import Part
from ..base.sources import Sources
from ..host.host import PluginHost
from ..results.chunk import Chunk
from ..results.tally import Reduced
from .key import InputFiles, own_code, part_code
from .queue import Task
from .reduce import reduce_result
from .solve import solve_chunk
from .spec import input_files
from .study_spec import StudySpec
from .versions import library_versions


@attrs.frozen(kw_only=True)
class Machine:
    """What results depend on beyond the study itself: versions, code, and content of files.

    Attributes
    ----------
    found : dict of str to str
        By name: a distribution, a class, or a path.
    """

    found: dict[str, str]

    @classmethod
    def of(cls, spec: StudySpec, host: PluginHost) -> Machine:
        """Return what there is on this machine."""
        versions = library_versions(spec.parts) | host.versions(spec.parts)
        codes = {"the code of isacfw": own_code()}
        for part in _installed(spec.parts):
            codes[f"the code of {part.provider()}:{part.__qualname__}"] = part_code(part)
        points = spec.scenario.sweep_points.distinct("channel", "sensing_noise")
        files = InputFiles(path for point in points for path in input_files(point))
        return cls(found=versions | codes | files.digests)


def remote_task(spec: StudySpec, host: PluginHost) -> Task:
    """Return a function that solves a chunk of a study on another machine, and its first arguments.

    Raises
    ------
    InputError
        If a part cannot be pickled.
    """
    import cloudpickle

    try:
        packed = cloudpickle.dumps((spec, host.sources))
    except Exception as error:
        raise InputError(
            "executor", f"cannot be a cluster: a part cannot be pickled: {one_line(error)}"
        ) from None
    return solve_remotely, (packed, Machine.of(spec, host))


def solve_remotely(packed: bytes, sender: Machine, chunk: Chunk) -> Reduced:
    """Solve a chunk in a worker on another machine.

    Raises
    ------
    IsacError
        If the worker lacks a module or file, or has other versions, code or files than the sender.
    """
    spec, host = _unpack(packed)
    _check(packed, tuple(sorted(sender.found.items())))
    return reduce_result(spec, solve_chunk(spec, host, chunk))


@lru_cache(maxsize=2)
def _unpack(packed: bytes) -> tuple[StudySpec, PluginHost]:
    # Modules that were installed after the worker has started.
    importlib.invalidate_caches()
    try:
        spec, sources = pickle.loads(packed)
        return spec, PluginHost.of_sources(_as_sources(sources))
    except Exception as error:
        raise IsacError(f"{_here()} cannot load the study: {_missing(error)}") from None


def _as_sources(sources: Sources) -> Sources:
    for one in sources:
        if isinstance(one, str):
            importlib.import_module(one)
    return sources


def _missing(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        module = error.name.partition(".")[0]
        return f"it has no module {module!r}: install its distribution there, or name the plugin by its .py file"
    return describe_exception(error)


@lru_cache(maxsize=2)
def _check(packed: bytes, wanted: tuple[tuple[str, str], ...]) -> None:
    """Compare what this machine has with what the sender has."""
    try:
        found = Machine.of(*_unpack(packed)).found
    except InputError as error:
        raise IsacError(f"{_here()} lacks an input file, which must be in a shared folder: {error}") from None
    for name, value in wanted:
        if (own := found.get(name)) == value:
            continue
        if Path(name).is_absolute() or name.startswith("the code"):
            raise IsacError(f"{_here()} has another content of {name}: results would differ")
        raise IsacError(
            f"{_here()} has {name} {own or 'not installed'}, and the sender {value}: install the same versions,"
            " as results may depend on them"
        )


def _here() -> str:
    return f"the worker on {socket.gethostname()}"


@cache
def _is_sent(module: str) -> bool:
    """Return whether the code of a module is sent: that of a script or notebook, or of a plugin's file."""
    found = sys.modules.get(module)
    return module.startswith("__") or found is None or hasattr(found, "__isacfw_source__")


def _installed(parts: Iterable[type[Part]]) -> list[type[Part]]:
    return [part for part in parts if not _is_sent(part.__module__)]


def is_elsewhere(executor: Any) -> bool:
    """Return whether an executor may have workers on other machines."""
    return type(executor).__module__.partition(".")[0] == "distributed" or hasattr(executor, "on_cluster")
