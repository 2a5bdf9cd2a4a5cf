"""A folder that cannot be written, or a full disk: one sentence, and nothing that is finished is lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import xarray
from folders import chunks_of, hidden, records_of, volumes_of

from isacfw import Execution, InputError, compare
from isacfw.results import volume_files
from isacfw.results.numbers import Plan


def without_notes(error):
    """Return what is printed to standard error, without the lines on plugins that a scenario names."""
    return "".join(line for line in error.splitlines(keepends=True) if "is loaded, which" not in line)


def no_space():
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def full(monkeypatch):
    """Return a function that makes the disk full from the n-th chunk on, or for files with some ending."""

    def chunks(number):
        left, write_at = [number], volume_files.write_at

        def writing(file, position, content):
            # The first record of a journal has no chunk.
            left[0] -= str(file.name).endswith(".journal") and position > 0
            if left[0] < 0:
                raise no_space()
            write_at(file, position, content)

        monkeypatch.setattr(volume_files, "write_at", writing)

    def files(ending):
        replace = Path.replace

        def replacing(self, target):
            if str(target).endswith(ending):
                raise no_space()
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", replacing)

    return lambda number=0, ending="": files(ending) if ending else chunks(number)


@pytest.mark.parametrize("below", ["file", "file/deeper", "/proc/nowhere", "nul\0l"])
def test_a_folder_that_cannot_be_is_one_sentence_before_anything_is_computed(below, bed, cli, tmp_path):
    (tmp_path / "file").write_text("no folder")
    status, printed, error = cli("compare", bed.scenario(), "--out", tmp_path / below)
    error = without_notes(error)
    assert (status, printed) == (2, "")
    assert error.startswith("isacfw: the output folder must be writable, got ")
    assert error.count("\n") == 1
    assert bed.count() == 0
    with pytest.raises(InputError, match="the output folder must be writable"):
        compare(bed.document(), execution=Execution(out=tmp_path / below))
    assert bed.count() == 0


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_sentence(bed, cli, tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(0o500)
    status, _, error = cli("compare", bed.scenario(), "--out", folder / "out")
    assert status == 2
    assert error.endswith("Permission denied\n")


@pytest.mark.parametrize(
    ("number", "workers"),
    [
        (0, 1),
        (1, 1),
        (3, 1),
        pytest.param(1, 2, marks=pytest.mark.slow),
        pytest.param(0, 2, marks=pytest.mark.nightly),
        pytest.param(3, 2, marks=pytest.mark.nightly),
    ],
)
def test_a_disk_that_fills_up_amid_a_study_keeps_what_is_finished(
    number, workers, bed, cli, out, full, same, chunk_size, monkeypatch
):
    chunk_size(2)
    path = bed.scenario({"drops": 12})
    with monkeypatch.context():
        full(number)
        status, printed, error = cli("compare", path, "--out", out, "--workers", workers)
        error = without_notes(error)
        monkeypatch.undo()
    chunk_size(2)
    assert (status, printed) == (2, "")
    assert error.startswith("isacfw: the output folder must be writable, got ")
    assert error.endswith(": No space left on device\n")
    assert error.count("\n") == 1
    assert len(chunks_of(out)) == number
    assert hidden(out) == []
    calls = bed.count()
    found = compare(path, execution=Execution(out=out)).dataset
    # Workers are given smaller chunks, so that each of them has some.
    assert bed.count() - calls == 12 - (2 if workers == 1 else 1) * number
    same(found, compare(path).dataset)


@pytest.mark.parametrize(
    "ending",
    [
        "results.nc",
        *(
            pytest.param(name, marks=pytest.mark.slow if name == "crlb.pdf" else pytest.mark.nightly)
            for name in ("results.csv", "scenario.toml", "sum_rate.png", "crlb.pdf")
        ),
    ],
)
def test_a_disk_that_fills_up_at_the_end_keeps_the_former_results(ending, bed, cli, out, full, monkeypatch, same):
    first = compare(bed.scenario({"drops": 3}), execution=Execution(out=out)).dataset.load()
    path = bed.scenario({"drops": 5})
    full(0, ending)
    status, _, error = cli("compare", path, "--out", out)
    monkeypatch.undo()
    assert status == 2
    assert error.splitlines()[-1].endswith(": No space left on device")
    assert "Traceback" not in error
    assert hidden(out) == []
    with xarray.open_dataset(out / "results.nc", engine="h5netcdf") as kept:
        assert kept.sizes["drop"] == (3 if ending == "results.nc" else 5)
        if ending == "results.nc":
            same(kept, first)
    calls = bed.count()
    assert cli("compare", path, "--out", out)[0] == 0
    assert bed.count() == calls


LIMITED = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
import isacfw.cli
isacfw.cli.run()
"""


@pytest.mark.parametrize("of", ["chunks", pytest.param("results", marks=pytest.mark.slow)])
def test_a_write_that_fails_within_hdf5_is_one_sentence_and_keeps_what_is_finished(
    of, bed, cli, out, tmp_path, launched, same
):
    pytest.importorskip("resource")
    path = bed.scenario({"drops": 300})
    expected = compare(path, execution=Execution(out=tmp_path / "whole")).dataset
    (whole,) = volumes_of(tmp_path / "whole")
    size = Plan.from_json(records_of(whole)[0][2]["plan"]).size
    # Room for half of the numbers, or for all of them and not for the texts.
    limit = size // 2 if of == "chunks" else (size + whole.stat().st_size) // 2
    assert size < whole.stat().st_size
    process = launched("-c", LIMITED, limit, "compare", path, "--out", out)
    printed, error = process.communicate(timeout=120)
    error = without_notes(error)
    assert (process.returncode, printed) == (2, "")
    assert error.startswith("isacfw: the output folder must be writable, got ")
    assert error.endswith(": File too large\n")
    assert error.count("\n") == 1
    assert bool(chunks_of(out)) == (of == "results")
    assert not (out / "results.nc").exists()
    assert hidden(out) == []
    calls = bed.count()
    assert cli("compare", path, "--out", out)[0] == 0
    assert bed.count() - calls == (300 if of == "chunks" else 0)
    assert len(volumes_of(out)) == 1
    with xarray.open_dataset(out / "results.nc", engine="h5netcdf") as found:
        same(found, expected)


@pytest.mark.parametrize("error", [errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP])
def test_results_are_copied_where_a_file_cannot_have_two_names(error, bed, out, monkeypatch, same):
    def link(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "link", link)
    found = compare(bed.document(), execution=Execution(out=out)).dataset
    same(found, compare(bed.document()).dataset)
    assert (out / "results.nc").stat().st_nlink == 1
    assert (out / "results.nc").read_bytes() == volumes_of(out)[0].read_bytes()
    calls = bed.count()
    found = compare(bed.document({"drops": 8}), execution=Execution(out=out)).dataset
    assert bed.count() - calls == 2
    same(found, compare(bed.document({"drops": 8})).dataset)


def refuse_lock(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def test_a_folder_without_locks_is_resumed_and_what_is_left_is_removed_after_a_day(
    bed, out, full, monkeypatch, same, chunk_size
):
    pytest.importorskip("fcntl")
    chunk_size(2)
    monkeypatch.setattr("fcntl.flock", refuse_lock)
    with monkeypatch.context():
        full(1)
        with pytest.raises(InputError, match="No space left"):
            compare(bed.document(), execution=Execution(out=out))
    monkeypatch.undo()
    (left,) = volumes_of(out)
    calls = bed.count()
    monkeypatch.setattr("fcntl.flock", refuse_lock)
    for drops, new in ((6, 4), (8, 2), (8, 0)):
        found = compare(bed.document({"drops": drops}), execution=Execution(out=out)).dataset
        assert bed.count() - calls == new
        calls = bed.count()
        same(found, compare(bed.document({"drops": drops})).dataset)
        calls = bed.count()
    assert left in volumes_of(out)
    assert len(volumes_of(out)) == 3
    for path in out.rglob("*.journal"):
        os.utime(path, (0, 0))
    compare(bed.document({"drops": 9}), execution=Execution(out=out))
    assert len(volumes_of(out)) == 1
