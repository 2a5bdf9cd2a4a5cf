"""Ctrl-C and SIGTERM at any moment are one line and an honest status; what killed runs leave is removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from isacfw import Comparison, compare
from isacfw.base.leftovers import remove_leftovers, temporary_path

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def press(launched, path, out, moment, number, *, group, workers=1, times=1):
    """Start a comparison, press after some seconds, and return status, output and error."""
    process = launched("-m", "isacfw", "compare", path, "--out", out, "--workers", workers)
    time.sleep(moment)
    for _ in range(times):
        try:
            (os.killpg if group else os.kill)(process.pid, number)
        except ProcessLookupError:
            pass
        time.sleep(0.05 * (times > 1))
    printed, error = process.communicate(timeout=30)
    said = [line for line in error.splitlines(keepends=True) if "is loaded, which" not in line]
    return process, printed, "".join(said)


@pytest.mark.parametrize(
    ("number", "moments", "workers", "times"),
    [
        (signal.SIGINT, (0.15, 0.4, 0.8), 1, 1),
        (signal.SIGTERM, (0.4, 1.5), 1, 1),
        pytest.param(signal.SIGINT, [0.1 + 0.12 * step for step in range(25)], 1, 3, marks=pytest.mark.nightly),
        pytest.param(signal.SIGINT, [0.1 + 0.25 * step for step in range(20)], 2, 3, marks=pytest.mark.nightly),
        pytest.param(signal.SIGTERM, [0.1 + 0.25 * step for step in range(20)], 2, 1, marks=pytest.mark.nightly),
    ],
)
def test_an_interrupt_at_any_moment_is_one_line(number, moments, workers, times, bed, out, launched, until):
    bed.told("sleep 0.1")
    path = bed.scenario({"drops": 400, "allocators": ["probe", "ipopt"]})
    for moment in moments:
        process, printed, error = press(
            launched, path, out, moment, number, group=bool(workers > 1), workers=workers, times=times
        )
        # Before Python has read the package, the answer is Python's own.
        if "isacfw" not in error and moment < 0.3:
            continue
        assert (process.returncode, printed) == (128 + number, ""), error
        assert error == f"isacfw: {WORDS[number]}; run the same command with the same --out to resume\n"

        def gone(leader=process.pid):
            try:
                os.killpg(leader, 0)
            except ProcessLookupError:
                return True
            return False

        until(gone, 10)
        assert not [file for file in out.rglob(".*") if file.is_file()]


@pytest.mark.slow
def test_a_part_that_swallows_every_interrupt_does_not_keep_the_command(bed, out, launched, tmp_path):
    (bed.folder / "deaf.py").write_text(
        "import attrs, time\nimport isacfw\n\n@attrs.frozen(kw_only=True)\nclass Deaf(isacfw.Allocator):\n"
        "    '''Deaf.'''\n\n    name = 'deaf'\n\n    def solve(self, problem):\n        while True:\n"
        "            try:\n                time.sleep(1)\n"
        "            except BaseException:\n                pass\n\n"
        "@isacfw.hookimpl\ndef register_allocators():\n    return [Deaf]\n"
    )
    path = bed.scenario({"plugins": ["probe.py", "deaf.py"], "allocators": ["deaf"]})
    start = time.monotonic()
    process, _, error = press(launched, path, out, 4, signal.SIGINT, group=False)
    assert process.returncode == 130
    assert error == "isacfw: interrupted; run the same command with the same --out to resume\n"
    assert time.monotonic() - start < 20


def test_temporary_files_of_killed_runs_are_removed_and_no_others(tmp_path):
    script = "import sys; from pathlib import Path; from isacfw.base.leftovers import temporary_path;"
    script += "temporary_path(Path(sys.argv[1]), '.nc').write_text('left')"
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    own, others = temporary_path(tmp_path), tmp_path / ".isacfw-notes"
    own.write_text("in use")
    others.write_text("of somebody else")
    assert len(list(tmp_path.iterdir())) == 3
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([own, others])


def test_figures_of_another_study_do_not_remain_beside_new_results(variant, tmp_path):
    first = compare(variant({"allocators": ["exact"], "precoders": ["mrt"], "drops": 2}))
    first.save(tmp_path)
    (tmp_path / "mine.png").write_bytes((tmp_path / "sum_rate.png").read_bytes())
    (tmp_path / "crlb.txt").write_text("notes")
    other = compare(variant({"allocators": ["exact"], "precoders": ["mrt"], "drops": 2, "objective": "max_min"}))
    other.save(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert "smallest_rate.png" in names
    assert not {"sum_rate.png", "sum_rate.pdf"} & names
    assert {"mine.png", "crlb.txt"} <= names
    # The same study keeps what other kinds of its figures have been saved there.
    kept = Comparison.load(tmp_path / "results.nc")
    kept.save(tmp_path)
    assert names == {path.name for path in tmp_path.iterdir()}
