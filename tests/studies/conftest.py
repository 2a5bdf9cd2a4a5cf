"""Fixtures of the tests of studies: an allocator in a file that can be told to misbehave, and equal results."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import tomli_w
import xarray

SOURCE = '''
"""A plugin of the tests: it notes what it is asked, and does as the files beside it say."""

import os
import signal
import time
from pathlib import Path

import attrs
import numpy as np

import isacfw

HERE = Path(__file__).parent


def note(name):
    with open(HERE / name, "ab") as file:
        file.write(b".")


def once(name):
    try:
        (HERE / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


@attrs.frozen(kw_only=True)
class Probe(isacfw.Allocator):
    """Equal shares to all users."""

    name = "probe"
    share: float = 0.1
    drops: int = 3

    def solve(self, problem):
        note("calls")
        fault = (HERE / "fault").read_text() if (HERE / "fault").exists() else ""
        number = int(1e9 * problem.gain.sum()) % 8
        if fault.startswith("sleep"):
            time.sleep(float(fault.split()[1]))
        elif fault == "die" and number == 0:
            os._exit(3)
        elif fault == "die once" and number == 0 and once("died"):
            os._exit(3)
        elif fault == "die here and there" and number == 0 and once(f"died-{problem.gain.sum()}"):
            os._exit(3)
        elif fault == "outlive":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if once("slow"):
                (HERE / "late").write_text(f"{os.getpid()}")
                time.sleep(8)
                raise RuntimeError("too late")
            if (HERE / "late").exists() and once("exit"):
                os._exit(3)
        elif fault == "misbehave" and number == 0:
            raise RuntimeError("out of order")
        elif fault == "misbehave" and number == 1:
            return isacfw.Shares(communication=np.full(problem.users, np.nan), sensing=np.asarray(0.1))
        elif fault == "misbehave" and number == 2:
            while True:
                time.sleep(0.01)
        elif fault == "tell":
            number = os.environ.get("OPENBLAS_NUM_THREADS"), os.getpid()
        shares = np.full(problem.users, self.share)
        return isacfw.Shares(
            communication=shares, sensing=np.asarray(1 - shares.sum()), status="feasible", message=f"{number}"
        )


@attrs.frozen(kw_only=True)
class Least(isacfw.Metric):
    """The rate of the user who has least."""

    name = "least"
    quantities = (isacfw.Quantity(name="least_rate", unit="bit/s/Hz", better="higher", description="Least rate"),)

    def evaluate(self, problem, allocation):
        return {"least_rate": allocation.rates.min(axis=-1)}


@isacfw.hookimpl
def register_allocators():
    return [Probe]


@isacfw.hookimpl
def register_metrics():
    return [Least]


@isacfw.hookimpl
def allocation_finished(allocation):
    note("observed")
'''


@attrs.frozen
class Bed:
    """The plugin's file, a scenario with it, and what the plugin has noted."""

    folder: Path
    variant: Callable[[Mapping[str, Any]], dict[str, Any]]

    @property
    def plugin(self) -> Path:
        return self.folder / "probe.py"

    def document(self, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        usual = {"plugins": [str(self.plugin)], "allocators": ["probe"], "precoders": ["mrt"], "drops": 6}
        return self.variant(usual | dict(changes or {}))

    def scenario(self, changes: Mapping[str, Any] | None = None) -> Path:
        """Write the scenario beside the plugin, which it names by a relative path."""
        path = self.folder / "scenario.toml"
        document = self.document({"plugins": ["probe.py"]} | dict(changes or {}))
        path.write_text(tomli_w.dumps(document), encoding="utf-8")
        return path

    def told(self, fault: str) -> None:
        (self.folder / "fault").write_text(fault)

    def count(self, name: str = "calls") -> int:
        path = self.folder / name
        return path.stat().st_size if path.exists() else 0


def _bed(folder, variant):
    folder.mkdir()
    (folder / "probe.py").write_text(SOURCE, encoding="utf-8")
    return Bed(folder, variant)


@pytest.fixture
def bed(tmp_path, variant):
    """Return a fresh plugin's file with all that belongs to it."""
    return _bed(tmp_path / "bed", variant)


@pytest.fixture(scope="module")
def shared_bed(tmp_path_factory, variant):
    """Return a plugin's file for tests that change neither the file nor what the plugin does."""
    return _bed(tmp_path_factory.mktemp("shared") / "bed", variant)


def _same(found: xarray.Dataset, expected: xarray.Dataset) -> None:
    found, expected = found.drop_vars("seconds").load(), expected.drop_vars("seconds").load()
    xarray.testing.assert_identical(found, expected)
    for name in map(str, expected.variables):
        one, other = found[name].to_numpy(), expected[name].to_numpy()
        assert one.dtype.kind == other.dtype.kind or {one.dtype.kind, other.dtype.kind} <= set("OUT"), name
        if other.dtype.kind == "f":
            bits = [
                np.where(np.isnan(array), np.nan, array).view(f"i{array.dtype.itemsize}")
                for array in (one, other)
            ]
            np.testing.assert_array_equal(*bits, err_msg=name)


@pytest.fixture
def out(tmp_path):
    """Return a folder for results that is not there yet."""
    return tmp_path / "out"


@pytest.fixture(scope="session")
def same():
    """Return a function that demands equal data sets, bit by bit, but for the time that things took."""
    return _same


@pytest.fixture
def chunk_size(monkeypatch):
    """Return a function that sets the number of drops, and of sweep points, in a chunk."""

    def of(drops: int, points: int = 1) -> None:
        for name in ("PROBLEMS_TOGETHER", "PROBLEMS_IN_A_LOOP"):
            monkeypatch.setattr(f"isacfw.study.plan.{name}", drops * points)
        monkeypatch.setattr("isacfw.study.plan.POINTS_TOGETHER", points)

    return of


@pytest.fixture
def launched():
    """Return a function that starts Python in a session of its own; what is left of it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def launch(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Whoever runs the tests in the background has them ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"},
        )
        started.append(process)
        return process

    yield launch
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()


@pytest.fixture(scope="session")
def until():
    """Return a function that waits until something is so, and fails when it does not become so."""

    def wait(holds: Callable[[], Any], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not within {seconds} s"
            time.sleep(0.02)

    return wait
