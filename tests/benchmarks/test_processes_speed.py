"""What several processes or threads gain, and what the start of a process and the way of its results cost.

Run it with ``OPENBLAS_NUM_THREADS=1 python -m pytest tests/benchmarks/test_processes_speed.py``, on idle cores.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.reduction import ForkingPickler
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from stopwatch import timed

import isacfw
from isacfw.config.load import to_loaded
from isacfw.results.chunk import Chunk
from isacfw.results.packing import pack_result, unpack_result
from isacfw.study.solve import solve_chunk
from isacfw.study.spec import specify

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

LARGE = {"sca": 600, "exact": 1_000_000}
"""Numbers of drops of a study that takes ten seconds or more, since processes take half a second to start."""
ROUNDS = 3
THREADED = 500_000

STUDY = """
import json, shutil, sys, tempfile
from time import perf_counter
import isacfw

allocator, drops, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sweep = ["sweep.snr_db=[0, 5, 10, 15, 20]"] if allocator == "exact" else []
scenario = isacfw.load_scenario("nguyen2025", overrides=sweep)

def seconds(number, workers, folder):
    execution = isacfw.Execution(workers=workers, out=folder)
    start = perf_counter()
    found = isacfw.compare(scenario, allocators=[allocator], drops=number, execution=execution)
    spent = perf_counter() - start
    found.dataset.close()
    return spent

def kept(workers):
    folder = tempfile.mkdtemp()
    spent = seconds(drops, workers, folder + "/out")
    shutil.rmtree(folder)
    return spent

seconds(10, 1, None)
# In turn, so that a change of the machine's load meets both alike.
memory = [seconds(drops, 1, None) / seconds(drops, 2, None) for _ in range(rounds)]
print(json.dumps([memory, [kept(1) / kept(2) for _ in range(rounds)]]))
"""
"""A script, since processes that a script starts need not read the modules of pytest."""


def study(allocator: str, drops: int, **options: object) -> isacfw.Comparison:
    scenario = isacfw.load_scenario(
        "nguyen2025", overrides=["sweep.snr_db=[0, 5, 10, 15, 20]"] * (allocator == "exact")
    )
    return isacfw.compare(scenario, allocators=[allocator], drops=drops, execution=isacfw.Execution(**options))


@pytest.mark.parametrize("allocator", LARGE)
def test_two_processes(benchmark: BenchmarkFixture, record: Callable[..., None], allocator: str) -> None:
    command = [sys.executable, "-c", STUDY, allocator, str(LARGE[allocator]), str(ROUNDS)]
    printed = benchmark.pedantic(subprocess.check_output, (command,), rounds=1)
    memory, folder = json.loads(printed)
    record("times faster than one", np.median(memory), at_least=1.85)
    record("the same with a folder that keeps everything", np.median(folder))


def test_four_threads(benchmark: BenchmarkFixture, record: Callable[..., None]) -> None:
    def alone() -> None:
        study("exact", THREADED)

    def shared() -> None:
        with ThreadPoolExecutor(4) as pool:
            study("exact", THREADED, executor=pool)

    study("exact", 10)
    benchmark.pedantic(study, ("exact", 10), rounds=1)
    ratios = [timed(alone) / timed(shared) for _ in range(ROUNDS)]
    record("times faster than one", np.median(ratios), at_least=1.6)


@pytest.mark.parametrize(("allocator", "drops"), [("exact", 3276), ("sca", 32)])
def test_way_of_a_result(
    benchmark: BenchmarkFixture, record: Callable[..., None], allocator: str, drops: int
) -> None:
    """A chunk that comes from another process without a place is packed and pickled there, and read here."""
    loaded = to_loaded(isacfw.load_scenario("nguyen2025", overrides=["sweep.snr_db=[0, 5, 10, 15, 20]"]))
    scenario = isacfw.load_scenario(
        "nguyen2025", overrides=["sweep.snr_db=[0, 5, 10, 15, 20]", f'allocators=["{allocator}"]']
    ).scenario
    spec = specify(scenario, loaded.host)
    chunk = Chunk(points=range(5), drops=range(drops))
    solve_chunk(spec, loaded.host, chunk)
    start = process_time()
    result = solve_chunk(spec, loaded.host, chunk)
    solved = process_time() - start
    start = process_time()
    for _ in range(10):
        packed = ForkingPickler.dumps(pack_result(result))
        unpack_result(pickle.loads(packed))
    carried = (process_time() - start) / 10
    benchmark.pedantic(pack_result, (result,), rounds=5)
    record("share of packing in the time of a chunk", carried / solved, at_most=0.1)
    record("bytes of an allocation", len(packed) / (2 * 5 * drops))


START = """
import resource
import isacfw

def study(drops):
    execution = isacfw.Execution(workers=2)
    isacfw.compare("nguyen2025", allocators=["exact"], drops=drops, execution=execution)

study(2)
before = resource.getrusage(resource.RUSAGE_CHILDREN)
for _ in range(5):
    study(2)
after = resource.getrusage(resource.RUSAGE_CHILDREN)
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
"""


def test_start_of_workers(benchmark: BenchmarkFixture, record: Callable[..., None]) -> None:
    """Processor time of a worker, of which solving two drops takes milliseconds."""
    printed = benchmark.pedantic(subprocess.check_output, ([sys.executable, "-c", START],), rounds=1)
    record("seconds of processor time", float(printed) / 10)
