"""Workers write numbers at their places: none is lost where they cannot, and no two runs write to one place."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest
from folders import records_of, volumes_of

from isacfw import Execution, compare
from isacfw.base.memory_file import MemoryFile
from isacfw.config.load import to_loaded
from isacfw.results.chunk import Chunk
from isacfw.results.memory import ResultsInMemory
from isacfw.results.packing import pack_result, unpack_result
from isacfw.results.places import Destination
from isacfw.study.compare import _Known, _Study
from isacfw.study.reduce import reduce_result
from isacfw.study.solve import solve_chunk

CHANGES = {
    "allocators": ["exact", "sca"],
    "precoders": ["mrt", "zf"],
    "sweep": {"snr_db": [0, 10], "channel.users": [2, 3]},
    "drops": 6,
}

shared_memory = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no files in memory")


@pytest.fixture
def study(variant):
    """Return a function that returns a study, and the results of its chunks."""

    def of(changes, chunks):
        loaded = to_loaded(variant(CHANGES | changes))
        found = _Study(loaded.scenario, loaded.host, Execution(), _Known(), 6)
        return found, [reduce_result(found.spec, solve_chunk(found.spec, loaded.host, chunk)) for chunk in chunks]

    return of


CHUNKS = [
    Chunk(points=range(4), drops=range(2)),
    Chunk(points=range(1), drops=range(2, 6)),
    Chunk(points=range(1, 4), drops=range(2, 6)),
]


def built(study, memory):
    return memory.build(study._layout_of(memory.summaries))


@shared_memory
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_what_workers_write_is_what_they_would_send(study, precision):
    own, results = study({"precision": precision}, CHUNKS)
    sent = ResultsInMemory(own._contents, None, shared=False)
    written = ResultsInMemory(own._contents, None, shared=True)
    for number in (2, 0, 1):
        placed = unpack_result(pack_result(written.destination.put(results[number])))
        assert {value.dtype for value in placed.values.values()} == {np.dtype(object), np.dtype(precision)}
        assert [name for name, value in placed.values.items() if value.dtype != object] == ["objective_history"]
        written.add(placed)
    for result in results:
        sent.add(result)
    assert built(own, written).identical(built(own, sent))
    written.close()


@shared_memory
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_chunk_with_more_users_than_expected_is_sent_and_makes_room(study, order):
    own, results = study({}, CHUNKS)
    whole = ResultsInMemory(own._contents, None, shared=False)
    for result in results:
        whole.add(result)
    fewer = attrs.evolve(own._contents, users=2)
    found = ResultsInMemory(fewer, None, shared=True)
    destination = found.destination
    # Only the second chunk has two users at all of its points.
    placed = [destination.put(result) for result in results]
    assert [result.placed is not None for result in placed] == [False, True, False]
    for number in order:
        found.add(placed[number])
    assert built(own, found).identical(built(own, whole))
    grown = ResultsInMemory(fewer, found, shared=False)
    assert built(own, grown).identical(built(own, whole))


def on(path, study):
    """Return a destination at a path, for all numbers of a study."""
    memory = ResultsInMemory(study._contents, None, shared=False)
    return Destination.on(path, memory._plan)


def test_a_chunk_that_cannot_be_written_is_sent(study, tmp_path):
    own, results = study({}, CHUNKS[:1])
    (tmp_path / "removed").touch()
    removed = on(tmp_path / "removed", own)
    (tmp_path / "removed").unlink()
    assert removed.put(results[0]) is results[0]
    assert on(Path("/dev/full"), own).put(results[0]) is results[0]


def test_another_file_at_the_path_is_left_alone(study, tmp_path):
    """As where `/proc` is that of other processes, or the descriptor belongs to another file by now."""
    own, results = study({}, CHUNKS[:1])
    path = tmp_path / "numbers"
    path.touch()
    destination = on(path, own)
    path.rename(tmp_path / "former")
    path.write_text("precious")
    assert destination.put(results[0]) is results[0]
    assert path.read_text() == "precious"


@pytest.mark.parametrize("folder", [False, True])
def test_processes_send_few_bytes(bed, out, folder, monkeypatch, same):
    document, seen = bed.document({"allocators": ["exact"], "drops": 50}), []

    def note(content):
        seen.append(unpack_result(content))
        return seen[-1]

    monkeypatch.setattr("isacfw.study.executors.unpack_result", note)
    found = compare(document, execution=Execution(workers=2, out=out if folder else None)).dataset
    assert len(seen) > 1
    assert all(result.placed is not None for result in seen)
    assert all("sum_rate" not in result.values for result in seen)
    same(found, compare(document).dataset)
    if folder:
        same(compare(document, execution=Execution(out=out)).dataset, found)


def test_without_files_in_memory_results_are_the_same(bed, monkeypatch, same):
    document = bed.document({"allocators": ["exact"], "drops": 20})
    monkeypatch.delattr(os, "memfd_create", raising=False)
    same(compare(document, execution=Execution(workers=2)).dataset, compare(document).dataset)


def open_files_in_memory():
    links = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum("memfd:isacfw" in link for link in links)


@shared_memory
def test_a_file_in_memory_is_closed_with_the_results(bed, monkeypatch):
    monkeypatch.setattr("isacfw.results.memory._COPIED", 0)
    gc.collect()
    before = open_files_in_memory()
    found = compare(bed.document({"allocators": ["exact"], "drops": 20}), execution=Execution(workers=2))
    assert open_files_in_memory() <= before + 1
    assert np.isfinite(found.dataset["sum_rate"]).all()
    del found
    gc.collect()
    assert open_files_in_memory() == before


@shared_memory
@pytest.mark.parametrize("copied", [0, 2**24])
def test_what_a_fork_writes_to_results_stays_in_it(copied, bed, monkeypatch):
    monkeypatch.setattr("isacfw.results.memory._COPIED", copied)
    found = compare(bed.document({"allocators": ["exact"], "drops": 20}), execution=Execution(workers=2)).dataset
    before = found["sum_rate"].values.copy()
    child = os.fork()
    if child == 0:
        found["sum_rate"].values[...] = 0
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(found["sum_rate"], before)
    found["sum_rate"].values[...] = 1
    assert (found["sum_rate"] == 1).all()


HOLD = """
import fcntl, sys
file = open(sys.argv[1], "rb")
fcntl.flock(file, fcntl.LOCK_SH)
print("held", flush=True)
sys.stdin.read()
"""


def unfinish(volume):
    """Remove the seal and the last chunk of a volume, as if its run had been killed."""
    records = records_of(volume)
    chunks = [start for start, _, header in records if "chunk" in header]
    with volume.with_suffix(".journal").open("r+b") as journal:
        journal.truncate(chunks[-1])


def test_a_file_to_which_a_worker_still_writes_is_not_taken_over(bed, out, same, chunk_size):
    chunk_size(2)
    document = bed.document({"drops": 4})
    compare(document, execution=Execution(out=out)).dataset.close()
    (volume,) = volumes_of(out)
    calls = bed.count()
    unfinish(volume)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(volume)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        before = volume.stat()
        found = compare(document, execution=Execution(out=out)).dataset
        assert bed.count() - calls == 2
        after = (out / "results.nc").stat()
        assert after.st_ino != before.st_ino
        same(found, compare(document).dataset)
        holder.stdin.close()


def test_a_file_that_a_run_has_left_is_taken_over(bed, out, same, chunk_size):
    chunk_size(2)
    document = bed.document({"drops": 4})
    compare(document, execution=Execution(out=out)).dataset.close()
    (volume,) = volumes_of(out)
    unfinish(volume)
    same(compare(document, execution=Execution(out=out)).dataset, compare(document).dataset)
    assert os.path.samefile(volume, out / "results.nc")


def test_a_worker_without_its_parent_writes_nothing(study, tmp_path, monkeypatch):
    own, results = study({}, CHUNKS[:1])
    path = tmp_path / "numbers"
    path.touch()
    destination = on(path, own)

    class Ended:
        def is_alive(self):
            return False

    with monkeypatch.context() as patch:
        patch.setattr(multiprocessing, "parent_process", Ended)
        assert destination.put(results[0]) is results[0]
    assert path.stat().st_size == 0
    assert destination.put(results[0]).placed.checksum
    assert path.stat().st_size > 0


@pytest.mark.slow
@pytest.mark.parametrize("folder", [False, True])
def test_a_worker_that_outlives_its_pool_is_killed(folder, bed, out, same, until):
    """Otherwise it would write to finished results, or to what has their descriptor by then."""
    document = bed.document({"drops": 40, "precoders": ["mrt"]})
    expected = compare(document).dataset
    bed.told("outlive")
    found = compare(document, execution=Execution(workers=2, out=out if folder else None)).dataset
    late = int((bed.folder / "late").read_text())

    def ended():
        try:
            os.kill(late, 0)
        except ProcessLookupError:
            return True
        return False

    until(ended, 3)
    same(found, expected)


@shared_memory
def test_results_that_are_kept_hold_no_descriptors(bed):
    document = bed.document({"allocators": ["exact"], "drops": 20})
    gc.collect()
    before = open_files_in_memory()
    kept = compare(document, execution=Execution(workers=2))
    gc.collect()
    assert open_files_in_memory() == before
    assert np.isfinite(kept.dataset["sum_rate"]).all()


@shared_memory
def test_without_room_for_another_view_results_are_there(bed, monkeypatch, same):
    document = bed.document({"allocators": ["exact"], "drops": 20})

    def fail(self):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("isacfw.results.memory._COPIED", 0)
    monkeypatch.setattr("isacfw.base.memory_file.MemoryFile.private", fail)
    same(compare(document, execution=Execution(workers=2)).dataset, compare(document).dataset)


@shared_memory
def test_nothing_is_written_to_a_sealed_file():
    file = MemoryFile(100)
    other = os.open(file.path, os.O_RDWR)
    assert os.write(other, b"first") == 5
    view = file.private()
    file.seal()
    with pytest.raises(PermissionError):
        os.write(other, b"second")
    view[:5] = b"mine."
    assert (file.content[:5], view[:5]) == (b"first", b"mine.")
    os.close(other)
    file.close()
