"""Faults of the machine: each is one line that names the cause, or does not matter; nothing hangs."""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isacfw import Comparison
from isacfw.base import inputs

SMALL = ["nguyen2025", "--drops", "2", "--precoders", "zf", "--allocators", "exact,equal_cs"]

NO_SHARED_MEMORY = """
import _multiprocessing, errno, os

class SemLock(_multiprocessing.SemLock):
    def __new__(cls, *arguments, **options):
        raise OSError({error}, os.strerror({error}))

_multiprocessing.SemLock = SemLock
"""
NO_TEMPORARY_FOLDER = """
import tempfile

tempfile._candidate_tempdir_list = lambda: ["/nonexistent"]
"""
NO_LOCKS = """
import fcntl, errno, os

def refuse(*arguments):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

fcntl.flock = fcntl.lockf = refuse
"""


def run(
    *arguments: str,
    folder: Path,
    patch: str = "",
    limit: Callable[[], None] | None = None,
    shell: str = "",
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run a command with changes of the interpreter or limits of the system."""
    (folder / "sitecustomize.py").write_text(textwrap.dedent(patch))
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m isacfw "$@" {shell}', "bash", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=limit,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", **environment},
    )


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check that a command succeeded, or ended with one line that names the cause."""
    assert "Traceback" not in done.stderr
    if done.returncode == 0:
        return
    said = [line for line in done.stderr.splitlines() if not line.startswith(("wrote ", "OpenBLAS"))]
    assert done.returncode in (1, 2), done.stderr
    assert len(said) == 1, done.stderr
    assert said[0].startswith("isacfw: ")
    assert any(word in said[0].casefold() for word in words), said[0]


def limited(kind: int, most: int) -> Callable[[], None]:
    """Return a function that sets a limit of the process that is about to start."""

    def limit() -> None:
        resource.setrlimit(kind, (most, most))

    return limit


FILES = [
    pytest.param(most, id=f"{most} files", marks=[] if most == 16 else pytest.mark.nightly)
    for most in (8, 16, 32)
]


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
@pytest.mark.parametrize("most", FILES)
def test_few_file_descriptors(most: int, workers: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    limit = limited(resource.RLIMIT_NOFILE, most)
    done = run("compare", *SMALL, "--workers", workers, "--out", str(out), folder=tmp_path, limit=limit)
    assert_one_line(done, "too many open files")


MEMORY = [
    pytest.param(most, marks=[] if most == 350 else pytest.mark.slow if most == 500 else pytest.mark.nightly)
    for most in (100, 200, 350, 450, 470, 500, 700, 1500)
]


@pytest.mark.parametrize("most", MEMORY)
def test_little_memory(most: int, tmp_path: Path) -> None:
    limit = limited(resource.RLIMIT_AS, most * 2**20)
    done = run("compare", *SMALL, "--out", str(tmp_path / "out"), folder=tmp_path, limit=limit)
    assert_one_line(done, "memory")


@pytest.mark.parametrize(
    "error", [28, pytest.param(38, marks=pytest.mark.slow), pytest.param(13, marks=pytest.mark.slow)]
)
def test_no_shared_memory(error: int, tmp_path: Path) -> None:
    patch = NO_SHARED_MEMORY.format(error=error)
    out = tmp_path / "out"
    arguments = ["compare", *SMALL, "--workers", "2", "--drops", "64", "--out", str(out)]
    done = run(*arguments, folder=tmp_path, patch=patch)
    assert done.returncode == 2
    assert_one_line(done, os.strerror(error).casefold())
    assert "workers cannot be several" in done.stderr


def test_no_temporary_folder_and_no_home(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(
        "compare",
        *SMALL,
        "--out",
        str(out),
        folder=tmp_path,
        patch=NO_TEMPORARY_FOLDER,
        HOME="/nonexistent",
        XDG_CONFIG_HOME="/nonexistent",
        XDG_CACHE_HOME="/nonexistent",
        TMPDIR="/nonexistent",
    )
    assert_one_line(done, "temporary", "writable", "/nonexistent")
    # Numbers need no temporary folder, and figures come last.
    assert len(Comparison.load(out).records()) == 4


def test_locks_of_others_do_not_matter(whole: Path, cli: Any) -> None:
    """A file system without locks refuses them as another process does that holds one."""
    with (whole / "results.nc").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        status, out, err = cli("show", str(whole))
    assert (status, err) == (0, "")
    assert "exact" in out


@pytest.mark.slow
def test_python_without_locks(tmp_path: Path) -> None:
    done = run("compare", *SMALL, "--out", str(tmp_path / "out"), folder=tmp_path, patch=NO_LOCKS)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


@pytest.mark.parametrize(
    "stream",
    [
        "2> >(true)",
        pytest.param("2>&-", marks=pytest.mark.nightly),
        pytest.param("2> /dev/full", marks=pytest.mark.slow),
    ],
)
def test_messages_that_nobody_reads_lose_no_results(stream: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("compare", *SMALL, "--out", str(out), folder=tmp_path, shell=stream)
    assert done.returncode == 0
    assert "exact" in done.stdout
    assert (out / "crlb.pdf").exists()


def test_the_status_of_a_broken_pipe_tells_of_the_results(tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "import attrs, isacfw\n"
        "@attrs.frozen(kw_only=True)\n"
        "class Broken(isacfw.Allocator):\n"
        "    name = 'broken'\n"
        "    def solve(self, problem):\n"
        "        raise RuntimeError('no')\n"
        "@isacfw.hookimpl\n"
        "def register_allocators():\n"
        "    return [Broken]\n"
    )
    arguments = ["compare", *SMALL[:-1], "broken", "--plugin", str(plugin), "--json"]
    done = run(*arguments, folder=tmp_path, shell="| true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (1, "")


PLACES: dict[str, Callable[[Path, Path], list[str]]] = {
    "scenario": lambda pipe, out: ["compare", str(pipe)],
    "results": lambda pipe, out: ["show", str(pipe)],
    "plugin": lambda pipe, out: ["plugins", "--plugin", f"{pipe}.py"],
    "channel": lambda pipe, out: ["compare", "--set", "channel.kind=file", "--set", f"channel.path={pipe}.csv"],
    "noise": lambda pipe, out: ["compare", *SMALL, "--set", f"sensing_noise.covariance={pipe}.npz"],
    "folder": lambda pipe, out: ["compare", *SMALL, "--out", str(pipe)],
    "result": lambda pipe, out: ["compare", *SMALL, "--out", str(out)],
    "export": lambda pipe, out: ["export", str(out / "whole"), f"{pipe}.csv"],
    "report": lambda pipe, out: ["report", str(out / "whole"), "-o", f"{pipe}.html"],
    "plot": lambda pipe, out: ["plot", "nguyen2025", "--only", "arrays", "-o", f"{pipe}.png"],
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the folder of whole results."""
    import isacfw

    folder = tmp_path_factory.mktemp("whole")
    isacfw.compare("nguyen2025", precoders=["zf"], allocators=["exact"], drops=2).save(folder)
    return folder


@pytest.mark.parametrize("place", PLACES)
def test_a_pipe_in_the_place_of_a_file_is_one_line(
    place: str, tmp_path: Path, whole: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Scenarios are read from pipes, to which nobody writes here.
    monkeypatch.setattr(inputs, "_LONGEST_S", 0.05)
    out = tmp_path / "out"
    out.mkdir()
    (out / "whole").symlink_to(whole)
    pipes = [tmp_path / f"pipe{ending}" for ending in ("", ".py", ".csv", ".npz", ".html", ".png")]
    for pipe in (*pipes, out / "results.nc"):
        os.mkfifo(pipe)
    status, printed, err = cli(*PLACES[place](pipes[0], out))
    assert (status, printed) == (2, "")
    assert err.count("\n") == 1
    assert "pipe" in err or "File exists" in err
    assert all(pipe.is_fifo() for pipe in (*pipes, out / "results.nc"))


def test_devices_and_folders_are_no_files(cli: Any, tmp_path: Path) -> None:
    for command in ("compare", "show", "report"):
        for path in ("/dev/null", "/dev/zero", str(tmp_path)):
            status, printed, err = cli(command, path)
            assert (status, printed) == (2, ""), path
            assert err.count("\n") == 1


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("suffix", ["nc", "journal"])
def test_a_pipe_among_the_results_is_no_file_of_results(cli: Any, tmp_path: Path, suffix: str) -> None:
    assert cli("compare", *SMALL, "--out", str(tmp_path))[0] == 0
    (file,) = tmp_path.glob(f"chunks/*/*.{suffix}")
    file.unlink()
    os.mkfifo(file)
    assert cli("compare", *SMALL, "--out", str(tmp_path))[0] == 0
    assert file.is_fifo()
    assert len([*tmp_path.glob(f"chunks/*/*.{suffix}")]) == 2
