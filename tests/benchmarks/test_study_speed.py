"""What a study costs beside its allocators, and in memory.

Run it with ``OPENBLAS_NUM_THREADS=1 python -m pytest tests/benchmarks/test_study_speed.py``, on two idle cores.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pytest
from stopwatch import timed

import isacfw
from isacfw import Allocator
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.sca import SCA

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

SCAS = pytest.mark.parametrize("surrogate", ["reciprocal", "logarithmic"])


def share_beside(cls: type[Allocator], monkeypatch: Any, study: Callable[[], Any]) -> float:
    """Return which share of a study's time is not spent in the solutions of an allocator."""
    solve, spent = cls.solve, []

    def timing(self: Allocator, problem: isacfw.PowerAllocationProblem) -> isacfw.Shares:
        start = perf_counter()
        found = solve(self, problem)
        spent.append(perf_counter() - start)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(cls, "solve", timing)
        seconds = timed(study)
    assert spent
    return 1 - sum(spent) / seconds


@SCAS
def test_study_of_sca_beside_its_allocations(
    benchmark: BenchmarkFixture, record: Callable[..., None], monkeypatch: Any, tmp_path: Path, surrogate: str
) -> None:
    allocator, drops = SCA(surrogate=surrogate), {"reciprocal": 200, "logarithmic": 1000}[surrogate]

    def study(**options: Any) -> isacfw.Comparison:
        return isacfw.compare(
            "nguyen2025", allocators=[allocator], drops=drops, execution=isacfw.Execution(**options)
        )

    found = benchmark.pedantic(study, rounds=1, warmup_rounds=1)
    assert (found.dataset["status"] == "locally_optimal").all()
    shares = [share_beside(SCA, monkeypatch, study) for _ in range(5)]
    record("share of all but the allocator", np.median(shares), at_most=0.2)
    folders = iter(range(5))
    shares = [share_beside(SCA, monkeypatch, lambda: study(out=tmp_path / str(next(folders)))) for _ in range(5)]
    record("the same with a folder that keeps everything", np.median(shares))


def test_study_of_exact_beside_its_allocations(
    benchmark: BenchmarkFixture, record: Callable[..., None], monkeypatch: Any, tmp_path: Path
) -> None:
    scenario = isacfw.load_scenario("nguyen2025", overrides=["sweep.snr_db=[0, 5, 10, 15, 20]"])

    def study(**options: Any) -> isacfw.Comparison:
        return isacfw.compare(scenario, allocators=["exact"], drops=20_000, execution=isacfw.Execution(**options))

    benchmark.pedantic(study, rounds=3, warmup_rounds=1)
    record("time, in those of the allocations", 1 / (1 - share_beside(Exact, monkeypatch, study)))
    kept = share_beside(Exact, monkeypatch, lambda: study(out=tmp_path))
    record("the same with a folder that keeps everything", 1 / (1 - kept))
    changes = {"with single precision and what tables need": {"keep": [], "precision": "float32"}}
    changes["with a folder of statistics alone"] = {"summary_only": True}
    for what, keys in changes.items():
        folder = tmp_path / what
        changed = attrs.evolve(scenario, scenario=attrs.evolve(scenario.scenario, **keys))

        def less(changed: isacfw.LoadedScenario = changed, folder: Path = folder) -> isacfw.Comparison:
            execution = isacfw.Execution(out=folder)
            return isacfw.compare(changed, allocators=["exact"], drops=20_000, execution=execution)

        record(f"the same {what}", 1 / (1 - share_beside(Exact, monkeypatch, less)))


def numpy_alone(drops: int, powers: int = 5, users: int = 12) -> None:
    """Draw a uniform and a normal number for each user of each allocation, sort them, and take logarithms."""
    generator, shape = np.random.default_rng(1), (2 * powers * drops, users)
    values = np.sort(generator.random(shape) * np.exp(generator.standard_normal(shape)), axis=-1)
    np.log2(1 + values).sum(axis=-1)


def test_study_of_exact_beside_numpy(
    benchmark: BenchmarkFixture, record: Callable[..., None], tmp_path: Path
) -> None:
    """K = 12, two precoders."""
    scenario = isacfw.load_scenario("nguyen2025", overrides=["sweep.snr_db=[0, 5, 10, 15, 20]"])
    drops, rounds = 100_000, 5

    def study(out: Path | None = None) -> None:
        isacfw.compare(scenario, allocators=["exact"], drops=drops, execution=isacfw.Execution(out=out))

    benchmark.pedantic(study, rounds=1)
    # In turn, so that a change of the machine's load meets all alike.
    times = []
    for number in range(rounds):
        out = tmp_path / str(number)
        times.append([timed(study), timed(study, out), timed(numpy_alone, drops)])
        shutil.rmtree(out)
    memory, folder, alone = np.array(times).T
    record("microseconds of an allocation in memory", 1e6 * np.median(memory) / (10 * drops))
    record("microseconds of an allocation with a folder", 1e6 * np.median(folder) / (10 * drops))
    record("time in memory, in that of drawing, sorting and logarithms", np.median(memory / alone), at_most=3)
    record("the same with a folder that keeps everything", np.median(folder / alone), at_most=6)


def test_sweep_of_ten_thousand_points(
    benchmark: BenchmarkFixture, record: Callable[..., None], tmp_path: Path
) -> None:
    def study(side: int, **options: Any) -> isacfw.Comparison:
        limits = f'sweep."sensing.crlb_limit_db" = {np.linspace(-40, -20, side).tolist()}'
        sweep = [f"sweep.snr_db = {np.linspace(0, 20, side).tolist()}", limits]
        scenario = isacfw.load_scenario("nguyen2025", overrides=sweep)
        execution = isacfw.Execution(**options)
        return isacfw.compare(scenario, allocators=["exact"], drops=1, execution=execution)

    study(5)
    few = timed(study, 25)
    benchmark.pedantic(study, (100,), rounds=1)
    many = timed(study, 100)
    record("seconds", many, at_most=5)
    record("seconds with a folder that keeps everything", timed(lambda: study(100, out=tmp_path)), at_most=5)
    record("time per point, in that of a sixteenth of the points", many / few / 16, at_most=1.2)


STUDY = """
import json, resource, sys
from pathlib import Path
import isacfw
execution = isacfw.Execution(out=sys.argv[2])
scenario = isacfw.load_scenario("nguyen2025", overrides=sys.argv[3:])
found = isacfw.compare(scenario, allocators=["exact"], drops=int(sys.argv[1]), execution=execution)
table = found.table()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
if (own := Path("/proc/self/status")).exists():
    # The other number counts the memory of the process that started this one.
    peak = 1024 * int(own.read_text().split("VmHWM:")[1].split()[0])
print(json.dumps([peak, int(table["within_limits"].sum())]))
"""


def run_study(drops: int, folder: Path, *keys: str) -> list[int]:
    """Return the peak memory of a study in a process of its own, and its number of feasible answers."""
    command = [sys.executable, "-c", STUDY, str(drops), str(folder), *keys]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    found: list[int] = json.loads(printed)
    return found


def disk_of(folder: Path) -> int:
    """Return the number of bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_statistics_of_ten_million_drops(
    benchmark: BenchmarkFixture, record: Callable[..., None], tmp_path: Path
) -> None:
    peak, within = benchmark.pedantic(run_study, (10**7, tmp_path, "summary_only = true"), rounds=1)
    assert within == 2 * 10**7
    record("peak memory, in MiB", peak / 2**20, at_most=500)
    record("folder, in MiB", disk_of(tmp_path) / 2**20, at_most=50)
    assert peak < 500 * 2**20


def test_study_of_a_million_drops(
    benchmark: BenchmarkFixture, record: Callable[..., None], tmp_path: Path
) -> None:
    peak, within = benchmark.pedantic(run_study, (10**6, tmp_path), rounds=1)
    assert within == 2_000_000
    record("folder, in GiB", disk_of(tmp_path) / 2**30)
    record("peak memory, in GiB", peak / 2**30, at_most=1)
    assert peak < 2**30
