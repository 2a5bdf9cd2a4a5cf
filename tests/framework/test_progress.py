"""Progress bars on standard error, is shown on a terminal and nowhere else."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import isacfw

pty = pytest.importorskip("pty")


def on_terminal(*arguments):
    """Run a command whose standard error is a terminal; return its status, output, and what was shown."""
    above, below = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120", "MPLBACKEND": "agg"}
    process = subprocess.Popen(
        [sys.executable, "-m", "isacfw", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=below,
        env=environment,
    )
    os.close(below)
    shown = b""
    try:
        while piece := os.read(above, 65536):
            shown += piece
    except OSError:  # Linux's way to say that the other side is closed.
        pass
    os.close(above)
    printed, _ = process.communicate(timeout=60)
    return process.returncode, printed.decode(), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())


COMMANDS = {
    "compare": (("compare", "--allocators", "exact", "--drops", 300), ["allocations"]),
    "compare with a folder": (
        ("compare", "--allocators", "exact", "--drops", 5, "--out", "OUT"),
        ["allocations", "chunks saved", "rows of the table", "files"],
    ),
    "show": (("show", "RESULTS", "--out", "OUT"), ["rows of the table", "files"]),
    "check": (("check", "ula"), ["checks"]),
    "figure": (("figure", "nguyen2025-fig2", "--trials", 2, "--out", "OUT"), ["steps"]),
}


@pytest.fixture
def command(tmp_path, request):
    arguments, expected = COMMANDS[request.param]
    if "RESULTS" in arguments:
        isacfw.compare("nguyen2025", allocators=["exact"], drops=3, execution=isacfw.Execution(out=tmp_path))
    places = {"OUT": tmp_path / "out", "RESULTS": tmp_path / "results.nc"}
    return [places.get(one, one) for one in arguments], expected


@pytest.mark.parametrize(
    "command",
    [
        name if name in {"compare with a folder", "check"} else pytest.param(name, marks=pytest.mark.slow)
        for name in COMMANDS
    ],
    indirect=True,
)
def test_a_terminal_shows_what_is_done_of_how_much_and_the_time_left(command):
    arguments, expected = command
    status, printed, shown = on_terminal(*arguments)
    assert status == 0
    for what in expected:
        counts = re.findall(rf"{what} .*?(\d+)/(\d+)", shown)
        assert counts, what
        assert counts[-1][0] == counts[-1][1], what
    assert re.search(r"\d:\d\d", shown)
    assert not any(re.search(rf"{what} .*\d/\d", printed) for what in expected)


@pytest.mark.parametrize(
    "command",
    [name if name in {"compare", "check"} else pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS],
    indirect=True,
)
def test_a_pipe_is_quiet(command):
    arguments, _ = command
    found = subprocess.run(
        [sys.executable, "-m", "isacfw", *map(str, arguments)], capture_output=True, text=True, check=True
    )
    assert all(line.startswith("wrote ") for line in found.stderr.splitlines())
