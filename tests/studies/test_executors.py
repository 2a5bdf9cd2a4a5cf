"""Results do not depend on the executor to the bit; what breaks costs no more than itself."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import isacfw
from isacfw import Execution, InputError, compare
from isacfw.report.comparison import Comparison
from isacfw.results.chunk import Chunk
from isacfw.study.queue import ChunkQueue

# Dask's, whose sockets are closed when they are collected.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CHANGES = {
    "allocators": ["probe", "exact", "sca"],
    "precoders": ["mrt", "zf", "rzf"],
    "metrics": ["least"],
    "sampling_accuracy": 0.1,
    "sweep": {"snr_db": [0, 10], "channel.users": [2, 3]},
    "drops": 3,
}


@pytest.fixture(scope="module")
def cluster():
    """Return a Dask cluster of two processes on this machine, as a client of it."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as found,
        distributed.Client(found) as client,
    ):
        yield client


@pytest.fixture(
    params=[
        "two processes",
        pytest.param("three processes", marks=pytest.mark.nightly),
        pytest.param("spawned pool", marks=pytest.mark.nightly),
        pytest.param("threads", marks=pytest.mark.slow),
        "client",
        pytest.param("its executor", marks=pytest.mark.nightly),
    ]
)
def by(request):
    """Return, one after the other, all that a study may be given to."""
    if request.param == "two processes":
        yield {"workers": 2}
    elif request.param == "three processes":
        yield {"workers": 3}
    elif request.param == "spawned pool":
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            yield {"executor": pool}
    elif request.param == "threads":
        with ThreadPoolExecutor(2) as pool:
            yield {"executor": pool}
    else:
        client = request.getfixturevalue("cluster")
        yield {"executor": client if request.param == "client" else client.get_executor()}


# Results.


@pytest.fixture(scope="module")
def solved(shared_bed):
    """Return the file of a scenario, and what comes out of it in this process."""
    path = shared_bed.scenario(CHANGES)
    return path, compare(path).dataset


def test_results_are_the_same_bits_for_any_executor(by, solved, same, tmp_path, chunk_size):
    chunk_size(2, 3)
    path, expected = solved
    told = []
    found = compare(
        path, execution=Execution(**by, progress=lambda done, total: told.append((done, total)))
    ).dataset
    same(found, expected)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (3 * 4 * 9, 3 * 4 * 9)
    same(compare(path, execution=Execution(**by, out=tmp_path / "out")).dataset, expected)


@pytest.mark.slow
def test_a_study_with_a_precision_stops_at_the_same_drop_for_any_executor(by, bed, same, tmp_path):
    document = bed.document({"allocators": ["exact"], "drops": 3000, "until": "5 % of the mean"})
    expected = compare(document).dataset
    assert 100 < expected.sizes["drop"] < 3000
    same(compare(document, execution=Execution(**by)).dataset, expected)
    same(compare(document, execution=Execution(**by, out=tmp_path / "out")).dataset, expected)


@pytest.mark.slow
def test_what_was_loaded_is_what_workers_use_though_its_file_has_changed(by, bed, same):
    loaded = isacfw.load_scenario(bed.scenario())
    expected = compare(loaded).dataset
    bed.plugin.write_text("raise RuntimeError('another file')", encoding="utf-8")
    same(compare(loaded, execution=Execution(**by)).dataset, expected)
    bed.plugin.unlink()
    same(compare(loaded, execution=Execution(**by)).dataset, expected)


def test_a_part_that_only_its_maker_has_loaded_travels(by, bed, variant, same):
    host = isacfw.PluginHost([bed.plugin])
    part = host.find("allocator", "probe").cls(share=0.05)
    found = compare(variant(), allocators=[part], execution=Execution(**by)).dataset
    same(found, compare(variant(), allocators=[part]).dataset)


@pytest.mark.parametrize("workers", [2, pytest.param(3, marks=pytest.mark.nightly)])
def test_the_command_line_gives_the_same_with_workers_and_on_a_cluster(
    workers, solved, cluster, cli, same, tmp_path, monkeypatch
):
    monkeypatch.setattr("isacfw.report.files.save_figures", lambda *_: [])
    path, expected = solved
    for number, option in enumerate((["--workers", workers], ["--scheduler", cluster.scheduler.address])):
        out = tmp_path / f"out{number}"
        status, _, _ = cli("compare", path, *option, "--out", out)
        assert status == 0
        with Comparison.load(out / "results.nc").dataset as found:
            same(found, expected)


class Late(Executor):
    """Solves in this process, and gives the results of what it has been asked for last first."""

    def __init__(self):
        self.asked, self.most, self.lock = [], 0, threading.Lock()

    def submit(self, function, /, *arguments, **options):
        future = Future()
        self.asked.append((future, function, arguments))
        self.most = max(self.most, len(self.asked))
        threading.Timer(0.02, self.answer).start()
        return future

    def answer(self):
        with self.lock:
            future, function, arguments = self.asked.pop()
            future.set_result(function(*arguments))


@pytest.mark.parametrize("outstanding", [1, 40, 10**9])
def test_the_order_of_results_and_how_many_are_asked_for_change_nothing(
    outstanding, bed, chunk_size, same, monkeypatch
):
    chunk_size(1)
    monkeypatch.setattr("isacfw.study.queue.NUMBERS_OUTSTANDING", outstanding)
    executor = Late()
    same(
        compare(bed.document({"drops": 20}), execution=Execution(executor=executor)).dataset,
        compare(bed.document({"drops": 20})).dataset,
    )
    # Chunks of one drop and three users, asked for while fewer numbers than the limit are outstanding.
    assert executor.most <= -(-outstanding // 3)
    assert executor.most > 1 or outstanding == 1


# Workers.


def told_by_workers(dataset):
    return {
        tuple(json.loads(word.translate(str.maketrans("()'", '[]"')))) for word in dataset["message"].values.flat
    }


def test_processes_share_the_work_each_on_one_thread_and_leave_the_environment_as_it_was(bed, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    before = dict(os.environ)
    bed.told("tell")
    told = told_by_workers(compare(bed.document({"drops": 40}), execution=Execution(workers=2)).dataset)
    assert {threads for threads, _ in told} == {"1"}
    assert os.getpid() not in {process for _, process in told}
    assert dict(os.environ) == before
    bed.told("die")
    assert "failed" in compare(bed.document({"drops": 40}), execution=Execution(workers=2)).dataset["status"]
    assert dict(os.environ) == before


@pytest.mark.parametrize("fault", ["die once", pytest.param("die here and there", marks=pytest.mark.nightly)])
def test_a_chunk_whose_worker_died_is_done_again(fault, bed, same, chunk_size):
    chunk_size(1)
    expected = compare(bed.document({"drops": 30})).dataset
    bed.told(fault)
    found = compare(bed.document({"drops": 30}), execution=Execution(workers=2)).dataset
    assert len(list(bed.folder.glob("died*"))) >= (1 if fault == "die once" else 2)
    same(found, expected)


def test_only_chunks_that_can_have_ended_a_worker_are_done_one_at_a_time():
    chunks = [Chunk(drops=range(number, number + 1), points=range(1)) for number in range(12)]
    queue = ChunkQueue(chunks, running=2)
    rounds = []
    while queue:
        taken = [queue.take(idle=True)]
        while (chunk := queue.take(idle=False)) is not None:
            taken.append(chunk)
        rounds.append(taken)
        if len(rounds) == 1:
            for chunk in reversed(taken):
                queue.lose(chunk)
    assert rounds == [chunks, chunks[:1], chunks[1:2], chunks[2:]]


@pytest.mark.usefixtures("no_figures")
@pytest.mark.nightly
def test_a_part_that_ends_its_worker_on_some_problems_costs_these_rows(bed, cli, tmp_path):
    path, out = bed.scenario({"drops": 30}), tmp_path / "out"
    bed.told("die")
    status, printed, error = cli("compare", path, "--workers", 2, "--out", out, "--json")
    rows = json.loads(printed)
    assert status == 1
    assert "Traceback" not in error
    failed = [row for row in rows if row["status"] == "failed"]
    assert 0 < len(failed) < len(rows)
    assert "probe of probe ended its process with exit status 3" in {row["message"] for row in failed}
    assert all(row["message"].startswith("probe of probe ended its process ") for row in failed)
    bed.told("")
    calls = bed.count()
    assert cli("compare", path, "--out", out)[0] == 0
    assert bed.count() - calls == len(failed)


@pytest.mark.slow
def test_an_allocator_that_misbehaves_costs_its_own_rows_only(by, bed, same):
    # Hangs are stopped by a signal, which a thread other than the first cannot have.
    changes = {"drops": 24, "time_limit_s": 0.3, "allocators": ["probe", "exact"]}
    good = compare(bed.document(changes)).dataset
    bed.told("misbehave")
    alone = compare(bed.document(changes)).dataset
    found = compare(bed.document(changes), execution=Execution(**by)).dataset
    same(found, alone)
    failed = found["status"].isin(["failed", "timed_out"]).to_numpy()
    messages = set(found["message"].to_numpy()[failed])
    assert messages == {
        "probe of probe raised RuntimeError: out of order",
        "probe of probe returned non-finite shares",
        "probe of probe was stopped at its time limit of 0.3 s",
    }
    assert not failed[:, 1].any()
    for name in ("sum_rate", "rates", "gamma", "crlb_azimuth_db"):
        np.testing.assert_array_equal(found[name].to_numpy()[~failed], good[name].to_numpy()[~failed])


@pytest.mark.slow
@pytest.mark.parametrize(
    "everyone",
    [pytest.param(False, id="one of two", marks=pytest.mark.nightly), pytest.param(True, id="both")],
)
def test_a_dask_worker_that_is_killed_changes_nothing(everyone, bed, same, until, chunk_size):
    distributed = pytest.importorskip("distributed")
    chunk_size(5)
    document = bed.document({"drops": 100})
    expected = compare(document).dataset
    calls = bed.count()
    bed.told("sleep 0.03")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        processes = list(client.run(os.getpid).values())

        def kill():
            until(lambda: bed.count() > calls + 20)
            for process in processes[: 2 if everyone else 1]:
                os.kill(process, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        found = compare(document, execution=Execution(executor=client)).dataset
        killer.join()
        assert set(client.run(os.getpid).values()) != set(processes)
    same(found, expected)


# Mistakes.


@pytest.mark.slow
def test_a_script_that_asks_for_workers_where_it_must_not_is_told_so(bed, launched, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import isacfw\nisacfw.compare({str(bed.scenario())!r}, execution=isacfw.Execution(workers=2))\n",
        encoding="utf-8",
    )
    process = launched(script)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 1
    assert error.count("Traceback") == 1
    assert error.splitlines()[-1].endswith('must start workers inside `if __name__ == "__main__":`')


def test_dask_that_is_not_there_is_one_sentence(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, printed, error = cli("compare", "--scheduler", "tcp://127.0.0.1:8786")
    assert (status, printed) == (2, "")
    assert "python -m pip install 'isacfw[dask]'" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "address", [pytest.param("tcp://127.0.0.1:1", marks=pytest.mark.slow), "x://", "nowhere"]
)
def test_a_wrong_address_is_one_sentence(address, launched, monkeypatch):
    pytest.importorskip("distributed")
    process = launched(
        "-c",
        "import distributed, isacfw.cli as cli, sys; cli.run()",
        "compare",
        "--drops",
        1,
        "--scheduler",
        address,
    )
    start = time.monotonic()
    printed, error = process.communicate(timeout=60)
    assert time.monotonic() - start < 40
    assert (process.returncode, printed) == (2, "")
    assert error.startswith(f"isacfw: --scheduler must be the address of a Dask scheduler, got {address!r}")
    assert error.count("\n") == 1


@pytest.mark.parametrize("workers", [0, -1, True, "two", 1.0, None])
def test_a_wrong_number_of_workers_is_one_sentence(workers, variant):
    with pytest.raises(InputError, match="workers must be an integer at least 1, got"):
        compare(variant(), execution=Execution(workers=workers))
