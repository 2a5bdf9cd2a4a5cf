"""Scenarios from pipes, as shells make them: read once, within limits of time and size."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import isacfw
from isacfw.base import inputs

DOCUMENT = Path(__file__).with_name("base.toml")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in its file system")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def feed(pipe: Path, content: bytes) -> threading.Thread:
    """Write to a pipe as soon as it is read."""

    def write() -> None:
        try:
            pipe.write_bytes(content)
        except BrokenPipeError:
            pass

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_a_scenario_is_read_from_a_pipe(pipe: Path) -> None:
    # More than the buffer of a pipe.
    thread = feed(pipe, DOCUMENT.read_bytes() + b"#" + b"x" * 200_000)
    assert isacfw.load_scenario(pipe) == isacfw.load_scenario(DOCUMENT)
    thread.join()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff", "is not UTF-8 text"), (b"x = [", "is not valid TOML"), (b"#" * 5000, "with more than")],
)
def test_what_is_no_scenario_is_one_line(
    content: bytes, words: str, pipe: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if len(content) > 1000:
        monkeypatch.setattr(inputs, "_LARGEST", 4000)
        words = f"{words} 0 MiB"
    thread = feed(pipe, content)
    status, printed, err = cli("compare", pipe)
    thread.join()
    assert (status, printed, err.count("\n")) == (2, "", 1)
    assert words in err


def test_a_pipe_without_a_writer_does_not_wait_without_end(
    pipe: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "_LONGEST_S", 0.05)
    status, printed, err = cli("compare", pipe)
    assert (status, printed, err.count("\n")) == (2, "", 1)
    assert "is a named pipe that was not closed within 0.05 s" in err


@pytest.mark.parametrize(
    "words",
    [
        '<(cat "$1")',
        pytest.param('/dev/stdin < "$1"', marks=pytest.mark.nightly),
        pytest.param('/dev/stdin < <(cat "$1")', marks=pytest.mark.slow),
    ],
)
def test_shells_pass_scenarios_without_files(words: str, tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m isacfw compare {words} --drops 1 --out out'
    done = subprocess.run(
        ["bash", "-c", command.replace("$1", str(DOCUMENT))],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "exact" in done.stdout
    assert (tmp_path / "out" / "results.nc").exists()
