"""Standard streams that are closed, full, or lack characters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from isacfw import Comparison, compare
from isacfw.cli.streams import _alike

SMALL = ["compare", "nguyen2025", "--drops", "2", "--precoders", "zf", "--allocators", "exact,equal_cs"]


def isacfw(*arguments: str, redirect: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = f'"{sys.executable}" -m isacfw "$@" {redirect}'
    return subprocess.run(
        ["bash", "-c", command, "bash", *arguments],
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_characters_that_an_encoding_lacks_are_replaced_one_for_one(encoding: str, tmp_path: Path) -> None:
    found = compare("nguyen2025", drops=2, precoders=["zf"], allocators=["exact", "equal_cs"])
    found.dataset.to_netcdf(tmp_path / "results.nc", engine="h5netcdf")
    done = isacfw("show", str(tmp_path), PYTHONIOENCODING=encoding)
    plain = isacfw("show", str(tmp_path), PYTHONIOENCODING="utf-8")
    assert done.returncode == 0
    assert not done.stderr
    shown, expected = done.stdout.decode(encoding).splitlines(), plain.stdout.decode("utf-8").splitlines()
    assert list(map(len, shown)) == list(map(len, expected))
    assert "exact *" in done.stdout.decode(encoding)
    assert "?" not in done.stdout.decode(encoding)


@pytest.mark.parametrize(
    ("character", "alike"), [("★", "*"), ("─", "-"), ("│", "|"), ("é", "e"), ("²", "2"), ("≤", "<"), ("中", "?")]
)
def test_a_character_looks_alike(character: str, alike: str) -> None:
    assert _alike(character) == alike


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_device_is_one_line_and_results_are_kept(tmp_path: Path) -> None:
    done = isacfw(*SMALL, "--out", str(tmp_path), redirect="> /dev/full")
    assert done.returncode == 1
    *wrote, last = done.stderr.decode().splitlines()
    assert last == "isacfw: standard output could not be written: No space left on device"
    assert all(line.startswith("wrote ") for line in wrote)
    assert (tmp_path / "results.nc").exists()
    assert (tmp_path / "sum_rate.png").exists()


def test_a_closed_output_does_not_get_the_number_of_a_file(tmp_path: Path) -> None:
    done = isacfw(*SMALL, "--out", str(tmp_path), redirect=">&-")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr.decode()
    assert len(Comparison.load(tmp_path / "results.nc").records()) == 4


def test_a_pipe_that_breaks_ends_quietly() -> None:
    done = isacfw("schema", redirect="| head -n 1; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"{\n", b"")
