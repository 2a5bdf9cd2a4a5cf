"""A study on a real job scheduler: killed, resumed, with jobs that are cancelled, and interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from folders import chunks_of
from slurm import jobs, missing, running_slurm

from isacfw import compare
from isacfw.report.comparison import Comparison

pytest.importorskip("dask_jobqueue")

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(bool(missing()), reason=f"SLURM is not installed: {', '.join(missing())}"),
    pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="a node of SLURM runs as root"),
]

FILE = """
jobs = 2

[slurm]
cores = 1
memory = "1GB"
walltime = "00:10:00"
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Return the environment of a running cluster of one node."""
    with running_slurm(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


@pytest.fixture
def start(slurm, bed, tmp_path):
    """Return a function that starts a study of a plugin's file on the cluster; and its folder of results."""
    (tmp_path / "slurm.toml").write_text(FILE, encoding="utf-8")
    path = bed.scenario({"drops": 200, "allocators": ["probe", "exact"]})
    started = []

    def run():
        command = ["compare", path, "--cluster", tmp_path / "slurm.toml", "--out", tmp_path / "out"]
        process = subprocess.Popen(
            [sys.executable, "-m", "isacfw", *map(str, command)],
            env=slurm | {"OPENBLAS_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield run, path, tmp_path / "out"
    for process in started:
        process.kill()
        process.communicate()


def chunks(out: Path) -> dict[tuple[int, ...], int]:
    """Return the checksums of the numbers of all chunks."""
    return {entry.summary.chunk.key: entry.checksum for _, entry in chunks_of(out)}


def test_a_study_that_is_killed_resumes_and_its_jobs_end(slurm, start, bed, until, same):
    run, path, out = start
    expected = compare(path).dataset
    bed.told("sleep 0.05")
    first = run()
    until(lambda: len(chunks(out)) >= 4, 120)
    first.kill()
    first.communicate()
    until(lambda: not jobs(slurm), 60)
    before, calls = chunks(out), bed.count()
    second = run()
    until(lambda: len(chunks(out)) > len(before) + 2, 120)
    # A job that is cancelled by others is replaced.
    running = jobs(slurm, "RUNNING")
    subprocess.run(["scancel", running[0]], env=slurm, check=True)
    bed.told("")
    _, error = second.communicate(timeout=300)
    assert second.returncode == 0, error
    assert not jobs(slurm, "RUNNING,PENDING")
    after = chunks(out)
    assert {name: after[name] for name in before} == before
    assert bed.count() - calls < 200
    with Comparison.load(out).dataset as found:
        same(found, expected)


def test_an_interrupt_ends_the_jobs(slurm, start, bed, until):
    run, _, out = start
    bed.told("sleep 0.05")
    process = run()
    until(lambda: len(chunks(out)) >= 3, 120)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error.splitlines()[-1] == "isacfw: interrupted; run the same command with the same --out to resume"
    assert "Traceback" not in error
    until(lambda: not jobs(slurm), 30)
