"""What several processes or threads gain, and what the start of a process and the way of its results cost.

Run it with ``OPENBLAS_NUM_THREADS=1 python -m pytest tests/benchmarks/test_processes_speed.py``, on idle cores.
"""

from __future__ import annotations

import pickle
import resource
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
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

LARGE = {"sca": 600, "exact": 500_000}
"""Numbers of drops of a study that takes several seconds, since processes take half a second to start."""
ROUNDS = 3


def study(allocator: str, drops: int, **options: object) -> isacfw.Comparison:
    scenario = isacfw.load_scenario(
        "nguyen2025", overrides=["sweep.snr_db=[0, 5, 10, 15, 20]"] * (allocator == "exact")
    )
    return isacfw.compare(scenario, allocators=[allocator], drops=drops, execution=isacfw.Execution(**options))


@pytest.mark.parametrize("allocator", LARGE)
def test_two_processes(
    benchmark: BenchmarkFixture, record: Callable[..., None], tmp_path: Path, allocator: str
) -> None:
    def alone(**options: object) -> None:
        study(allocator, LARGE[allocator], **options)

    def shared(**options: object) -> None:
        study(allocator, LARGE[allocator], workers=2, **options)

    def kept(run: Callable[..., None]) -> float:
        seconds = timed(lambda: run(out=tmp_path))
        shutil.rmtree(tmp_path)
        return seconds

    study(allocator, 10)
    benchmark.pedantic(study, (allocator, 10), rounds=1)
    # In turn, so that a change of the machine's load meets both alike.
    ratios = [timed(alone) / timed(shared) for _ in range(ROUNDS)]
    record("times faster than one", np.median(ratios), at_least=1.85)
    ratios = [kept(alone) / kept(shared) for _ in range(ROUNDS)]
    record("the same with a folder that keeps everything", np.median(ratios))


def test_four_threads(benchmark: BenchmarkFixture, record: Callable[..., None]) -> None:
    def alone() -> None:
        study("exact", LARGE["exact"])

    def shared() -> None:
        with ThreadPoolExecutor(4) as pool:
            study("exact", LARGE["exact"], executor=pool)

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


def test_start_of_workers(benchmark: BenchmarkFixture, record: Callable[..., None]) -> None:
    """Processor time of a worker, of which solving two drops takes milliseconds."""

    def start() -> None:
        study("exact", 2, workers=2)

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    benchmark.pedantic(start, rounds=5)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    record("seconds of processor time", spent / 10)
