"""Fixtures shared by the tests: a small scenario document, plugin hosts, the command line."""

from __future__ import annotations

import copy
import ctypes
import os
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

import isacfw
from isacfw.cli import main

# Workers of pytest-xdist have it, and it would fold what commands print to pipes.
os.environ.pop("COLUMNS", None)

DOCUMENT: dict[str, Any] = {
    "name": "small",
    "seed": 1,
    "drops": 2,
    "precoders": ["mrt", "zf"],
    "allocators": ["exact", "equal_com"],
    "snr_db": 10.0,
    "transmit_array": {"kind": "upa", "horizontal": 4, "vertical": 4},
    "receive_array": {"kind": "upa", "horizontal": 3, "vertical": 3},
    "target": {"azimuth_deg": 20.0, "elevation_deg": 50.0, "reflection_amplitude": 0.1},
    "sensing": {"frame_length": 30, "crlb_limit_db": -30.0},
    "channel": {"kind": "rayleigh", "users": 3},
}


APART = {"test_documentation.py", "test_extending.py", "test_progress.py", "test_scaffold.py"}
"""Files whose tests share nothing and take long."""


def _variant(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    for path, value in (changes or {}).items():
        *tables, key = path.split(".")
        table = document
        for name in tables:
            table = table.setdefault(name, {})
        if value is ...:
            table.pop(key, None)
        else:
            table[key] = copy.deepcopy(value)
    return document


def _group(nodeid: str) -> str:
    """Return what names the tests that one process runs, so that they share fixtures, caches and a cluster."""
    path = nodeid.partition("::")[0]
    if "studies/" in path:
        # Side by side, tests that start processes and clusters would only wait for each other.
        return "studies"
    return nodeid if Path(path).name in APART else path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest groups and end with single tests, the slow first, so that processes end together."""
    places = {"studies": 0, "simulation": 1}

    def place(item: pytest.Item) -> int:
        if item.path.name in APART:
            return 3 if item.get_closest_marker("slow") else 4
        return places.get(item.path.parent.name, 2)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Group tests by the names of their files: pytest-xdist 3.8 does not see its own marker in pytest 9.2."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    config.option.loadscopereorder = False
    return Groups(config, log)


@pytest.fixture(scope="session")
def variant():
    """Return a function that gives the small scenario with values at dotted paths; ``...`` leaves a key out."""
    return _variant


@pytest.fixture(scope="session")
def attempt():
    """Return a function that gives the result of a call, or the framework's error that it raised."""

    def of(call: Callable[[], Any]) -> tuple[Any, isacfw.IsacError | None]:
        try:
            return call(), None
        except isacfw.IsacError as error:
            return None, error

    return of


@pytest.fixture(scope="session")
def host_with():
    """Return a function that gives a host of the built-in parts and of a plugin with the given hooks."""

    def make(**hooks: Any) -> isacfw.PluginHost:
        plugin = types.SimpleNamespace(__name__="extra")
        for name, hook in hooks.items():
            setattr(plugin, name, isacfw.hookimpl(hook))
        return isacfw.PluginHost([plugin] if hooks else [], discover=False)

    return make


@pytest.fixture
def scenario_file(tmp_path):
    """Return a function that writes a variation of the small scenario to a file."""

    def write(changes: Mapping[str, Any] | None = None, name: str = "scenario.toml"):
        path = tmp_path / name
        path.write_text(tomli_w.dumps(_variant(changes)), encoding="utf-8")
        return path

    return write


@pytest.fixture
def cli(capsys):
    """Return a function that runs the command line in this process: exit status, standard output, error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse's own way to end
            status = stop.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def no_figures(monkeypatch):
    """Draw nothing, which saves time where files alone matter."""
    monkeypatch.setattr("isacfw.report.figures.comparison_figures", lambda *_: {})


def _blas() -> Iterator[Any]:
    """Yield the copies of OpenBLAS that come with NumPy and SciPy, where they are found."""
    for name in ("numpy", "scipy"):
        for path in (Path(np.__file__).parents[1] / f"{name}.libs").glob("*openblas*"):
            try:
                yield ctypes.CDLL(str(path))
            except OSError:
                continue


@pytest.fixture(scope="module", autouse=True)
def one_blas_thread_but_in_studies(request: pytest.FixtureRequest) -> None:
    """Keep BLAS to one thread, except where workers on one thread are compared with a process on several."""
    if request.path.parent.name != "studies":
        request.getfixturevalue("one_blas_thread")


@pytest.fixture(scope="module")
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread where it is OpenBLAS: on busy cores its threads mostly wait for each other."""
    restore = []
    for library in _blas():
        for prefix, suffix in (("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", "")):
            read = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
            write = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
            if read is not None and write is not None:
                restore.append((write, read()))
                write(1)
                break
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        yield
    for write, threads in restore:
        write(threads)
