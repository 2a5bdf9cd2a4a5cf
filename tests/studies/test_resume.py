"""A study that keeps what is finished: it goes on wherever it was stopped, and mixes with no other."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
import tomllib
import types
from concurrent.futures import Executor, Future

import numpy as np
import pytest
import tomli_w
import xarray
from folders import chunks_of, hidden, records_of, volumes_of

import isacfw
from isacfw import Execution, compare
from isacfw.base.errors import IsacWarning
from isacfw.report.comparison import Comparison
from isacfw.report.folder import MARK
from isacfw.results.numbers import Plan
from isacfw.study.store import ResultStore


@pytest.fixture
def run(bed, out):
    """Return a function that runs the probe's study into a folder: the data set, and the number of new calls."""

    def of(changes=None, folder=out, **options):
        before = bed.count()
        dataset = compare(bed.document(changes), execution=Execution(out=folder, **options)).dataset
        return dataset, bed.count() - before

    return of


# What is done once.


def test_what_is_finished_is_not_computed_again(run, bed, same, chunk_size):
    chunk_size(2)
    changes = {"sweep": {"snr_db": [0, 10]}, "precoders": ["mrt", "zf"]}
    first, calls = run(changes)
    assert calls == 24
    second, calls = run(changes)
    assert calls == 0
    same(second, first)
    assert first.identical(second)  # The time that it took is that of the run that did it.
    same(second, compare(bed.document(changes)).dataset)


def test_progress_of_a_study_that_goes_on_begins_with_what_is_done(run):
    run({"drops": 4})
    told = []
    run({"drops": 6}, progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 6), (5, 6), (6, 6)]
    told.clear()
    run({"drops": 3}, progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 3)]


def test_more_drops_compute_only_the_new_ones_and_fewer_none(run, bed, same, chunk_size):
    chunk_size(4)
    for drops, new in ((5, 5), (11, 6), (3, 0), (4, 0), (6, 0), (12, 1)):
        dataset, calls = run({"drops": drops})
        assert calls == new
        same(dataset, compare(bed.document({"drops": drops})).dataset)


def test_results_are_on_the_disk_once(run, out):
    # A file with more drops stays; that with fewer is the results alone.
    for drops, new, linked in ((4, 4, True), (6, 2, True), (6, 0, True), (3, 0, False), (6, 0, True)):
        dataset, calls = run({"drops": drops})
        assert calls == new
        dataset.close()
        (volume,) = volumes_of(out)
        assert (out / "results.nc").samefile(volume) == linked
        assert (out / "results.nc").stat().st_nlink == (2 if linked else 1)


def test_fewer_drops_have_the_histories_that_they_have_alone(out, variant, same):
    changes = {"allocators": ["sca"], "precoders": ["mrt"]}
    compare(variant(changes | {"drops": 12}), execution=Execution(out=out))
    for drops in (1, 4):
        changed = variant(changes | {"drops": drops})
        same(compare(changed, execution=Execution(out=out)).dataset, compare(changed).dataset)


def test_chunks_of_any_size_are_taken_together(run, bed, same, chunk_size):
    chunk_size(5)
    run({"drops": 7})
    chunk_size(2)
    dataset, calls = run({"drops": 12})
    assert calls == 5
    same(dataset, compare(bed.document({"drops": 12})).dataset)


def test_an_earlier_comparison_stays_what_it_was_when_its_file_is_replaced(run):
    first, _ = run({"drops": 3})
    rates = compare_records(first)
    run({"drops": 6})
    assert compare_records(first) == rates


def compare_records(dataset):
    return Comparison(dataset=dataset).records()


# What belongs together.

OTHERS = {
    "power": {"snr_db": 11.0},
    "seed": {"seed": 2},
    "limit": {"sensing.crlb_limit_db": -31.0},
    "channel's option": {"channel.pilot_snr_db": 20.0},
    "number of users": {"channel.users": 2},
    "array's option": {"receive_array.vertical": 4},
    "allocator's option": {"allocators": [{"kind": "probe", "share": 0.2}]},
    "allocator's option with the name of a scenario's key": {"allocators": [{"kind": "probe", "drops": 4}]},
    "label": {"allocators": [{"kind": "probe", "label": "mine"}]},
    "precoders": {"precoders": ["zf"]},
    "metrics": {"metrics": ["least"]},
    "accuracy": {"sampling_accuracy": 0.02},
    "time limit": {"time_limit_s": 9.0},
    "sweep": {"sweep": {"snr_db": [10.0]}},
}


@pytest.mark.parametrize(
    "other",
    [
        name if name in {"power", "allocator's option"} else pytest.param(name, marks=pytest.mark.slow)
        for name in OTHERS
    ],
)
def test_a_changed_key_never_mixes_with_old_chunks(other, run, bed, same):
    first, _ = run()
    changed, calls = run(OTHERS[other])
    assert calls == 6
    same(changed, compare(bed.document(OTHERS[other])).dataset)
    again, calls = run()
    assert calls == 0
    same(again, first)


TABLE = '''
import attrs
from isacfw_plugins.channels.rayleigh import Rayleigh
import isacfw

@attrs.frozen(kw_only=True)
class Crowd(Rayleigh):
    """Fading that grows with an option whose name the scenario has, too."""

    name = "crowd"
    drops: int = 1

    def statistics(self, drops, array):
        found = super().statistics(drops, array)
        return attrs.evolve(found, beta=found.beta * self.drops)

@isacfw.hookimpl
def register_channels():
    return [Crowd]
'''


def test_a_changed_option_of_a_table_never_mixes_whatever_its_name(bed, out, same):
    path = bed.folder / "crowd.py"
    path.write_text(TABLE, encoding="utf-8")
    for factor in (1, 50):
        channel = {"kind": "crowd", "users": 3, "drops": factor}
        document = bed.document({"channel": channel, "plugins": [str(bed.plugin), str(path)]})
        same(compare(document, execution=Execution(out=out)).dataset, compare(document).dataset)


def test_changed_code_of_a_plugin_never_mixes_with_old_chunks(run, bed, same):
    first, _ = run()
    code = bed.plugin.read_text(encoding="utf-8")
    bed.plugin.write_text(code.replace("self.share)", "self.share / 2)"), encoding="utf-8")
    changed, calls = run()
    assert calls == 6
    assert (changed["sum_rate"] != first["sum_rate"]).all()
    same(changed, compare(bed.document()).dataset)
    bed.plugin.write_text(code, encoding="utf-8")
    again, calls = run()
    assert calls == 0
    same(again, first)


def test_a_plugin_that_is_edited_after_it_was_loaded_never_passes_for_the_edited_one(bed, out, same):
    loaded = isacfw.load_scenario(bed.document())
    code = bed.plugin.read_text(encoding="utf-8")
    bed.plugin.write_text(code.replace("self.share)", "self.share / 2)"), encoding="utf-8")
    compare(loaded, execution=Execution(out=out))
    same(compare(bed.document(), execution=Execution(out=out)).dataset, compare(bed.document()).dataset)


@pytest.mark.slow
def test_a_class_that_no_file_defines_never_passes_for_another(out, variant, same):
    code = '''
import attrs, numpy, isacfw

@attrs.frozen(kw_only=True)
class Mine(isacfw.Allocator):
    """As if typed into a notebook."""

    name = "mine"

    def solve(self, problem):
        return isacfw.Shares(communication=numpy.full(problem.users, SHARE), sensing=numpy.asarray(0.1))
'''
    for share in ("0.1", "0.2"):
        cell = types.ModuleType("a_notebook")
        exec(code.replace("SHARE", share), cell.__dict__)
        part = cell.Mine()
        found = compare(variant(), allocators=[part], execution=Execution(out=out)).dataset
        same(found, compare(variant(), allocators=[part]).dataset)


def test_the_name_of_a_study_may_change(run):
    first, _ = run()
    renamed, calls = run({"name": "another name"})
    assert calls == 0
    assert renamed.attrs["title"] == "another name"
    assert first["sum_rate"].identical(renamed["sum_rate"])


# What is damaged.


def flip(path, position=None):
    """Change a bit of a byte, which changes the results too that are another name of the file."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size // 2 if position is None else position)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0x10]))


def place_of(volume, drop, name="sum_rate"):
    """Return the position of a number in a volume."""
    plan = Plan.from_json(records_of(volume)[0][2]["plan"])
    field = next(field for field in plan.fields if field.name == name)
    return field.offset + drop * field.size


def flip_number(volume, name="sum_rate"):
    flip(volume, place_of(volume, 2, name) + 3)


def copy_neighbour(volume):
    """Give the third drop the numbers of the first."""
    content = bytearray(volume.read_bytes())
    first, third = place_of(volume, 0), place_of(volume, 2)
    content[third : third + 8] = content[first : first + 8]
    volume.write_bytes(content)


def flip_record(volume, kind, number=0):
    """Change the middle of a record in the journal."""
    start, end, _ = [one for one in records_of(volume) if kind in one[2] or kind == "opening"][number]
    flip(volume.with_suffix(".journal"), (start + end) // 2)


def truncate(path, size):
    path.write_bytes(path.read_bytes()[:size])


def add_noise(path):
    """Add what looks like a record that was not written to its end."""
    path.write_bytes(path.read_bytes() + b"\x93isacfw\nnoise")


def append_variable(volume):
    """Add to the results what is not theirs, as a user may do."""
    xarray.Dataset({"mine": ("x", [1.0])}).to_netcdf(volume, mode="a", engine="h5netcdf")


def journal_of(volume):
    return volume.with_suffix(".journal")


DAMAGES = {
    "another byte in a number": (flip_number, 2),
    "another byte in a time": (lambda volume: flip_number(volume, "seconds"), 2),
    "the numbers of a neighbour": (copy_neighbour, 2),
    "another byte in its texts": (lambda volume: flip(volume, volume.stat().st_size - 40), 0),
    "another byte in its head": (lambda volume: flip(volume, 20), 0),
    "a variable of others": (append_variable, 0),
    "no end": (lambda volume: truncate(volume, -500), 0),
    "no second half": (lambda volume: truncate(volume, place_of(volume, 4)), 6),
    "no content": (lambda volume: volume.write_bytes(b""), 6),
    "text for content": (lambda volume: volume.write_text("no results"), 6),
    "no file": (lambda volume: volume.unlink(), 6),
    "no journal": (lambda volume: journal_of(volume).unlink(), 6),
    "a journal without content": (lambda volume: journal_of(volume).write_bytes(b""), 6),
    "a journal of text": (lambda volume: journal_of(volume).write_text("no journal"), 6),
    "another byte in the record of a chunk": (lambda volume: flip_record(volume, "chunk", 1), 2),
    "another byte in its first record": (lambda volume: flip_record(volume, "opening"), 0),
    "another byte in its last record": (lambda volume: flip_record(volume, "seal"), 0),
    "a journal without end": (lambda volume: truncate(journal_of(volume), -10), 0),
    "noise in its journal": (lambda volume: add_noise(journal_of(volume)), 0),
}


@pytest.mark.parametrize(
    "damage",
    [
        name
        if name in {"another byte in a number", "another byte in its texts", "another byte in its first record"}
        else pytest.param(name, marks=pytest.mark.slow)
        for name in DAMAGES
    ],
)
def test_only_what_is_damaged_is_done_again_of_a_file_with(damage, run, out, same, chunk_size):
    chunk_size(2)
    first, calls = run()
    first.load().close()
    assert calls == 6
    (volume,) = volumes_of(out)
    harm, lost = DAMAGES[damage]
    harm(volume)
    second, calls = run()
    assert calls == lost
    same(second, first)
    same(Comparison.load(out / "results.nc").dataset, first)
    assert run()[1] == 0
    assert len(volumes_of(out)) == (2 if damage == "no journal" else 1)


def test_results_of_another_study_under_the_name_of_this_one_are_not_taken(run, out, tmp_path, same):
    run({"snr_db": 3.0}, tmp_path / "other")
    first, calls = run()
    first = first.load()
    assert calls == 6
    (volume,), (other,) = volumes_of(out), volumes_of(tmp_path / "other")
    shutil.copy(other, volume)
    shutil.copy(journal_of(other), journal_of(volume))
    second, calls = run()
    assert calls == 6
    same(second, first)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
def test_a_file_with_any_other_byte_is_noticed_or_as_it_was(seed, run, out, same, chunk_size):
    """Any byte of the results, of the numbers or of the journal."""
    chunk_size(3)
    first = run()[0].load()
    generator, noticed = random.Random(seed), 0
    for number in range(12):
        (volume,) = volumes_of(out)
        damaged = (journal_of(volume), volume)[number % 2]
        flip(damaged, generator.randrange(damaged.stat().st_size))
        found, calls = run()
        assert calls in (0, 3)
        noticed += calls > 0 or volumes_of(out) != [volume]
        same(found, first)
    assert noticed > 3


def test_a_chunk_that_is_damaged_while_results_are_gathered_is_one_sentence(run, out, monkeypatch):
    run()
    (volume,) = volumes_of(out)
    results = (out / "results.nc").read_bytes()
    shutil.copy(volume, out / "copy.nc")
    (out / "copy.nc").replace(volume)
    chosen = ResultStore.choose

    def spoiling(self):
        found = chosen(self)
        flip_number(volume)
        return found

    monkeypatch.setattr(ResultStore, "choose", spoiling)
    with pytest.raises(isacfw.InputError, match="was damaged while the study was running"):
        run({"drops": 4})
    assert (out / "results.nc").read_bytes() == results
    assert hidden(out) == []


def test_chunks_of_an_earlier_version_stay_with_a_warning(run, out, same):
    first, calls = run()
    assert calls == 6
    former = out / "chunks" / "0123456789abcdef" / "points-0-1-drops-0-6.nc"
    former.parent.mkdir()
    former.write_bytes(b"a chunk")
    with pytest.warns(IsacWarning, match="chunks in the format of an earlier version, which are kept"):
        second, calls = run()
    assert calls == 0
    same(second, first)
    assert former.read_bytes() == b"a chunk"


@pytest.mark.slow
def test_files_that_are_no_results_are_let_alone(run, out, same):
    first, _ = run()
    (volume,) = volumes_of(out)
    for name in (f".0123abc-{volume.name}", "results-x.nc.bak", "notes.nc"):
        shutil.copy(volume, volume.with_name(name))
        volume.with_name(name).write_bytes(b"something else")
    before = sorted(volume.parent.iterdir())
    second, calls = run()
    assert calls == 0
    same(second, first)
    assert sorted(volume.parent.iterdir()) == before


# What is stopped.

KILLED = """
import json, os, signal, sys, time
from pathlib import Path
import h5netcdf, xarray, isacfw, isacfw.base.files, isacfw.results.numbers
import isacfw.results.volume, isacfw.results.volume_files
document, out, moments = json.loads(sys.argv[1])
volume, files = isacfw.results.volume, isacfw.results.volume_files
left = [10**9]

def killing(function, torn=None):
    '''Let the n-th call end the process: before it, or in the middle of a write.'''
    def counting(*arguments, **options):
        left[0] -= 1
        if left[0] == 0:
            if torn is not None:
                torn(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return counting

def half(file, position, content):
    file.seek(position)
    file.write(content[: len(content) // 2])

def half_of_hdf5(file, data):
    file._file.seek(file._at)
    file._file.write(memoryview(data).cast("B")[: len(data) // 2])

def begin(number, only_end):
    '''Count what is written from here on, or in the last step of a study.'''
    left[0] = 10**9 if only_end else number
    write_at = killing(files.write_at, half)
    isacfw.results.numbers.write_at = files.write_at = write_at
    hdf5 = isacfw.base.files.HDF5File
    hdf5.write = killing(hdf5.write, half_of_hdf5)
    hdf5.truncate = killing(hdf5.truncate)
    for name in ("link", "fsync", "unlink"):
        setattr(os, name, killing(getattr(os, name)))
    for name in ("replace", "unlink"):
        setattr(Path, name, killing(getattr(Path, name)))
    finish = volume.Volume.finish
    def finishing(self, *arguments):
        left[0] = number if only_end else left[0]
        return finish(self, *arguments)
    volume.Volume.finish = finishing

statuses = []
for moment in moments:
    child = os.fork()
    if child == 0:
        if not isinstance(moment, float):
            begin(*moment)
        isacfw.compare(document, execution=isacfw.Execution(out=out))
        os._exit(0)
    if isinstance(moment, float):
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
    statuses.append(os.waitpid(child, 0)[1])
isacfw.compare(document, execution=isacfw.Execution(out=out))
print(json.dumps(statuses))
"""


def kill(launched, document, out, moments):
    """Run a study that is killed at some moments, and then to its end; return how often it was killed."""
    process = launched("-c", KILLED, json.dumps([document, str(out), moments]))
    printed, error = process.communicate(timeout=120)
    assert (process.returncode, error) == (0, "")
    return json.loads(printed).count(signal.SIGKILL)


@pytest.mark.parametrize(
    ("seed", "at"),
    [
        (0, "any time"),
        (0, "its last step"),
        pytest.param(0, "any write", marks=pytest.mark.slow),
        *(
            pytest.param(seed, at, marks=pytest.mark.nightly)
            for seed in (1, 2, 3)
            for at in ("any write", "any time", "its last step")
        ),
    ],
)
def test_a_study_killed_again_and_again_equals_one_never_killed(seed, at, bed, out, same, launched):
    """In the middle of anything that is written, too."""
    changes = {"sweep": {"snr_db": list(range(32))}, "drops": 20, "metrics": ["least"]}
    document, generator = bed.document(changes), random.Random(seed)
    moments = {
        "any time": [generator.uniform(0.05, 0.4) for _ in range(6)],
        "any write": [(generator.randrange(1, 400), False) for _ in range(6)],
        "its last step": [(number, True) for number in generator.sample(range(1, 60), 4 if seed == 0 else 12)],
    }[at]
    bed.told("sleep 0.001" if at == "any time" else "")
    killed = kill(launched, document, out, moments)
    assert killed >= 3
    # A kill costs no more than the chunk that was being solved: 128 problems.
    assert 640 <= bed.count() <= 640 + 128 * (0 if at == "its last step" else killed)
    bed.told("")
    calls = bed.count()
    found = compare(document, execution=Execution(out=out))
    assert bed.count() == calls
    same(found.dataset, compare(document).dataset)
    assert len(chunks_of(out)) >= 5
    assert len(volumes_of(out)) == 1
    assert hidden(out) == []


@pytest.mark.slow
def test_a_study_killed_while_chunks_are_copied_and_rows_replaced_loses_nothing(bed, out, same, launched):
    changes = {"drops": 16, "metrics": ["least"], "time_limit_s": 0.5}
    bed.told("misbehave")
    document = bed.document(changes)
    compare(document, execution=Execution(out=out)).dataset.close()
    bed.told("")
    calls = bed.count()
    document["drops"] = 24
    killed = kill(launched, document, out, [(number, False) for number in range(3, 120, 9)])
    assert killed >= 4
    done = bed.count()
    status = compare(document | {"drops": 16}, execution=Execution(out=out)).dataset["status"]
    assert not status.isin(["failed", "timed_out"]).any()
    found = compare(document, execution=Execution(out=out)).dataset
    assert bed.count() == done
    # Rows that failed, and new drops, at most once for each kill.
    assert done - calls <= (16 + 8) * (1 + killed)
    same(found, compare(document).dataset)


COMMAND = ("-m", "isacfw", "compare")


@pytest.mark.slow
def test_a_study_of_several_processes_that_is_killed_goes_on_and_leaves_no_process(
    bed, out, same, launched, until
):
    bed.told("sleep 0.005")
    path = bed.scenario({"drops": 300})
    process = launched(*COMMAND, path, "--out", out, "--workers", 2)
    until(lambda: chunks_of(out))
    process.kill()
    process.wait()
    kept = len(chunks_of(out))
    bed.told("")
    found = compare(path, execution=Execution(out=out)).dataset
    assert kept > 0
    same(found, compare(path).dataset)
    until(lambda: not _group(process.pid), 5)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_study_with_a_precision_stops_at_the_same_drop_after_kills(workers, bed, out, same, launched, until):
    changes = {"allocators": ["exact", "probe"], "drops": 2000, "until": "8 % of the mean"}
    path = bed.scenario(changes)
    expected = compare(path).dataset
    assert 100 < expected.sizes["drop"] < 2000
    bed.told("sleep 0.004")
    for count in (1, 3):
        process = launched(*COMMAND, path, "--out", out, "--workers", workers)
        until(lambda count=count: len(chunks_of(out)) >= count)
        process.kill()
        process.wait()
    bed.told("")
    same(compare(path, execution=Execution(out=out)).dataset, expected)


def _group(leader):
    """Return the processes that still run in the group of a process."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("workers", "everyone"),
    [
        pytest.param(1, True, id="1-as a terminal does", marks=pytest.mark.slow),
        pytest.param(1, False, id="1-the process alone", marks=pytest.mark.slow),
        pytest.param(2, True, id="2-as a terminal does"),
        pytest.param(2, False, id="2-the process alone", marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_stops_at_once_with_what_there_is(workers, everyone, bed, out, same, launched, until):
    bed.told("sleep 0.01")
    path = bed.scenario({"drops": 400})
    process = launched(*COMMAND, path, "--out", out, "--workers", workers)
    until(lambda: chunks_of(out))
    bed.told("sleep 0.5")  # From here on, a chunk takes about half a minute.
    time.sleep(1)
    start = time.monotonic()
    (os.killpg if everyone else os.kill)(process.pid, signal.SIGINT)
    printed, error = process.communicate(timeout=20)
    assert time.monotonic() - start < 5
    assert (process.returncode, printed) == (130, "")
    said = [line for line in error.splitlines() if "is loaded, which" not in line]
    assert said == ["isacfw: interrupted; run the same command with the same --out to resume"]
    assert hidden(out) == []
    kept = len(chunks_of(out))
    assert kept > 0
    bed.told("")
    found = compare(path, execution=Execution(out=out)).dataset
    assert len(chunks_of(out)) > kept
    same(found, compare(path).dataset)


@pytest.mark.slow
def test_two_runs_into_one_folder_at_once_do_not_disturb_each_other(bed, out, same, launched):
    bed.told("sleep 0.005")
    path = bed.scenario({"drops": 200})
    processes = [launched(*COMMAND, path, "--out", out, "--workers", workers) for workers in (1, 2)]
    for process in processes:
        printed, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
        assert "200 drops" in printed
        assert "Traceback" not in error
    bed.told("")
    expected = compare(path).dataset
    with Comparison.load(out / "results.nc").dataset as written:
        same(written, expected)
    calls = bed.count()
    same(compare(path, execution=Execution(out=out)).dataset, expected)
    assert bed.count() == calls
    assert hidden(out) == []


class Interrupting(Executor):
    """Solves everything in this process, and does something else before the n-th chunk."""

    def __init__(self, number, action):
        self.left, self.action = number, action

    def submit(self, function, /, *arguments, **options):
        self.left -= 1
        if self.left == 0:
            self.action()
        future = Future()
        future.set_result(function(*arguments, **options))
        return future


@pytest.mark.parametrize(
    ("moment", "drops"),
    [
        (moment, drops)
        if (moment, drops) in {(2, 5), (4, 20)}
        else pytest.param(moment, drops, marks=pytest.mark.slow)
        for moment in (1, 2, 4)
        for drops in (5, 13, 20)
    ],
)
def test_another_run_amid_a_run_cut_in_another_way_changes_nothing(moment, drops, bed, out, same, chunk_size):
    """Chunks of three drops, and amid them another run's of four."""
    document = bed.document({"drops": 13})

    def another():
        chunk_size(4)
        compare(bed.document({"drops": drops}), execution=Execution(out=out))

    chunk_size(3)
    found = compare(document, execution=Execution(out=out, executor=Interrupting(moment, another))).dataset
    expected = compare(document).dataset
    same(found, expected)
    same(compare(document, execution=Execution(out=out)).dataset, expected)


# What is written.


def test_the_file_of_results_opens_without_the_framework(run, out):
    changes = {"sweep": {"snr_db": [0, 10]}, "metrics": ["least"]}
    run(changes)
    with xarray.open_dataset(out / "results.nc", engine="h5netcdf") as data:
        assert data["sum_rate"].attrs["units"] == "bit/s/Hz"
        assert data["least_rate"].attrs == {
            "units": "bit/s/Hz",
            "better": "higher",
            "long_name": "Least rate",
            "role": "metric",
            "heading": "\nleast_rate\nbit/s/Hz",
            "group": "least",
        }
        assert data["crlb_azimuth_limit_db"].attrs["units"] == "dB rad^2"
        assert data["sum_rate"].dims == ("precoder", "allocator", "snr_db", "drop")
        assert data["feasible"].dtype == bool
        # The probe reports all of its answers as feasible; at 0 dB they violate the limits.
        expected = np.where(data["feasible"].to_numpy(), "feasible", "infeasible")
        np.testing.assert_array_equal(data["status"].to_numpy(), expected)
        assert set(expected.flat) == {"feasible", "infeasible"}
        assert data.attrs["seed"] == 1
        assert data.attrs["title"] == "small"
        assert tomllib.loads(data.attrs["scenario"])["snr_db"] == 10.0
        assert {"python", "isacfw", "numpy", "xarray"} <= set(json.loads(data.attrs["versions"]))
        assert isacfw.load_scenario(tomllib.loads(data.attrs["scenario"])).scenario.sweep == {"snr_db": (0, 10)}


@pytest.mark.parametrize(
    "changes",
    [
        {"allocators": ["sca", "exact"], "precoders": ["mrt", "zf"]},
        pytest.param(
            {"allocators": ["exact"], "sweep": {"channel.users": [2, 4], "snr_db": [0, 5]}},
            marks=pytest.mark.slow,
        ),
        {"allocators": ["exact"], "sensing.crlb_limit_db": -200},
        {"allocators": ["equal_cs"], "sensing": {}, "drops": 1},
        {"allocators": ["exact"], "sweep": {"channel.large_scale_fading": [[1.0, 2.0, 0.5], [0.1, 0.2, 0.3]]}},
    ],
    ids=lambda changes: ", ".join(changes),
)
def test_results_in_a_file_are_those_in_memory(changes, out, variant, same, chunk_size):
    chunk_size(1)
    document = variant({"drops": 3} | changes)
    found, expected = compare(document, execution=Execution(out=out)), compare(document)
    same(found.dataset, expected.dataset)
    same(Comparison.load(out / "results.nc").dataset, expected.dataset)
    records = [[record | {"seconds": 0} for record in each.records()] for each in (found, expected)]
    assert records[0] == records[1]


def test_texts_of_several_pieces_are_read_back(bed, out, monkeypatch, same):
    """Pieces of four drops, the last of which reaches beyond the drops; some have equal texts, others not."""
    monkeypatch.setattr("isacfw.results.netcdf._BYTES_TOGETHER", 8 * 4 * 10)
    changes = {"drops": 7, "allocators": ["probe", "exact"], "sweep": {"snr_db": [0.0, 10.0]}}
    compare(bed.document(changes), execution=Execution(out=out))
    with Comparison.load(out).dataset as found:
        same(found, compare(bed.document(changes)).dataset)
        assert len(set(found["status"].to_numpy().flat)) > 1


@pytest.fixture
def results(bed, out, monkeypatch, cli):
    """Return the file that a comparison on the command line writes, and what it prints."""
    monkeypatch.setattr("isacfw.report.files.save_figures", lambda *_: [])
    path = bed.scenario({"metrics": ["least"], "sweep": {"snr_db": [0, 10]}, "drops": 3})
    status, table, _ = cli("compare", path, "--out", out)
    assert status == 0
    monkeypatch.undo()
    return out / "results.nc", table


def test_show_prints_the_same_and_computes_nothing(results, cli, bed, tmp_path):
    path, table = results
    calls = bed.count()
    assert cli("show", path) == (0, table, "")
    records = json.dumps(json.loads(Comparison.load(path).to_json()))
    status, printed, _ = cli("show", path, "--json")
    assert (status, json.dumps(json.loads(printed))) == (0, records)
    assert len(json.loads(printed)) == 6
    status, printed, error = cli("show", path, "--out", tmp_path / "figures")
    assert (status, printed) == (0, table)
    written = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"sum_rate.png", "sum_rate.pdf", "crlb.png", "crlb.pdf"} <= written
    assert all(f"figures{os.sep}{name}" in error for name in written)
    assert bed.count() == calls


def test_a_file_of_results_is_a_scenario_wherever_it_and_its_reader_are(
    results, cli, bed, tmp_path, monkeypatch, same
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(results[0], elsewhere / "mine.nc")
    monkeypatch.chdir(elsewhere)
    calls = bed.count()
    status, printed, error = cli("compare", "mine.nc", "--drops", 1, "--json")
    assert (status, printed) == (2, "")
    assert "--trust" in error
    status, printed, _ = cli("compare", "mine.nc", "--drops", 1, "--json", "--trust")
    assert status == 0
    assert bed.count() == calls + 2
    shown = json.loads(printed)
    assert [row["least_rate"] for row in shown] == [
        row["least_rate"] for row in Comparison.load(results[0]).records() if row["drop"] == 0
    ]
    found = compare(isacfw.load_scenario(elsewhere / "mine.nc", trust=True)).dataset
    with Comparison.load(results[0]).dataset as expected:
        same(found, expected)


def test_a_file_of_results_goes_on_in_its_own_folder(results, cli, bed, monkeypatch):
    monkeypatch.setattr("isacfw.report.files.save_figures", lambda *_: [])
    calls = bed.count()
    status, _, _ = cli("compare", results[0], "--drops", 4, "--out", results[0].parent, "--trust")
    assert status == 0
    assert bed.count() == calls + 2
    assert Comparison.load(results[0]).dataset.sizes["drop"] == 4


def _write(path, kind):
    if kind == "text":
        path.write_text("no results")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "folder":
        path.mkdir()
    elif kind == "another NetCDF file":
        xarray.Dataset({"status": ("drop", [1])}).to_netcdf(path, engine="h5netcdf")
    elif kind == "a scenario that is none":
        data = xarray.Dataset({"status": ("drop", [1]), "sum_rate": ("drop", [1.0])}, attrs={"scenario": "=="})
        data.to_netcdf(path, engine="h5netcdf")
    elif kind == "truncated":
        xarray.Dataset({"status": ("drop", [1, 2])}).to_netcdf(path, engine="h5netcdf")
        truncate(path, -100)


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (command, kind)
        for command in ("show", "compare")
        for kind in ("text", "empty", "folder", "another NetCDF file", "missing", "truncated")
    ]
    + [("compare", "a scenario that is none")],
)
def test_a_file_that_holds_no_results_is_one_sentence(command, kind, tmp_path, cli):
    path = tmp_path / "results.nc"
    _write(path, kind)
    status, printed, error = cli(command, path)
    assert (status, printed) == (2, "")
    assert error.startswith("isacfw: ")
    assert "results.nc" in error
    assert error.count("\n") == 1


def test_the_scenario_s_own_file_is_written_and_reads_back(results):
    path = results[0].with_name("scenario.toml")
    text = path.read_text(encoding="utf-8").removeprefix(MARK)
    assert tomli_w.dumps(tomllib.loads(text)) == text
    assert isacfw.load_scenario(path, trust=True).scenario.sweep == {"snr_db": (0, 10)}
