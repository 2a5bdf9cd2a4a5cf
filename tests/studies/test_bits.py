"""The same bits for any executor, chunks, resumption, threads and hash seeds, and alone as in a batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from bits import QUICK, STUDIES, digest_of, document_of

from isacfw import Execution, PluginHost, compare
from isacfw.config.structure import structure
from isacfw.study.spec import specify

HOST = PluginHost(discover=False)
CASES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in STUDIES]
ONCE_DIFFERED = {"many users", "collinear estimates", "sampled moments", "many users and ipopt"}
"""Studies that some order of sums or some batch once changed."""


def slow_or_nightly(name: str) -> Any:
    return pytest.mark.slow if name in ONCE_DIFFERED else pytest.mark.nightly


@pytest.fixture
def run(variant, chunk_size):
    """Return a function that runs a study in chunks of a number of drops, and returns its digest."""

    def run_study(name: str, drops: int | None = None, size: int = 10**6, **options: Any) -> str:
        document = document_of(name, variant())
        chunk_size(size)
        comparison = compare(document, drops=drops, execution=Execution(**options))
        return digest_of(comparison.dataset.load())

    return run_study


@pytest.mark.parametrize("name", CASES)
def test_results_are_the_same_bits_for_any_chunks(name, run):
    whole = run(name)
    assert run(name, size=1) == whole
    assert run(name, size=2) == whole


@pytest.mark.parametrize(
    "name",
    [name if name == "shared pilots" else pytest.param(name, marks=slow_or_nightly(name)) for name in STUDIES],
)
def test_results_are_the_same_bits_after_a_resumption_with_more_or_fewer_drops(name, run, out):
    drops = STUDIES[name]["drops"]
    few, whole = run(name, drops - 1), run(name)
    run(name, drops - 1, out=out)
    assert run(name, out=out) == whole
    assert run(name, drops - 1, out=out) == few
    assert run(name, drops=1, out=out) == run(name, drops=1)


@pytest.mark.parametrize(
    "names",
    [pytest.param(["shared pilots"], id="quick")]
    + [pytest.param([name], id=name, marks=slow_or_nightly(name)) for name in STUDIES],
)
def test_results_are_the_same_bits_with_workers(names, run):
    for name in names:
        assert run(name, size=2, workers=2) == run(name)


def digests(names: list[str], small: dict[str, Any], threads: int, seed: int) -> dict[str, str]:
    """Return the digests of studies in a process with a number of threads of linear algebra, and a hash seed."""
    variables = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("bits.py"), json.dumps(small), *names],
        env=os.environ | variables | {"PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["correlated fading"], id="quick"),
        pytest.param(["sampled moments", "many users and ipopt"], id="some", marks=pytest.mark.slow),
        pytest.param(list(STUDIES), id="all", marks=pytest.mark.nightly),
    ],
)
def test_results_are_the_same_bits_for_any_threads_and_hash_seeds(names, variant):
    found = digests(names, variant(), threads=1, seed=0)
    assert list(found) == names
    assert digests(names, variant(), threads=2, seed=1) == found


def values_of(problem: Any) -> dict[str, np.ndarray]:
    """Return every number that a problem gives without an argument, and every one for equal shares."""
    found = {}
    for name in dir(type(problem)):
        member = getattr(type(problem), name)
        if name.startswith("_") or not (isinstance(member, property) or hasattr(member, "attrname")):
            continue
        try:
            value = getattr(problem, name)
        except (ValueError, AssertionError):  # Users' signals differ, or there are no such requirements.
            continue
        parts = value if isinstance(value, tuple) else (value,)
        for number, part in enumerate(parts):
            if isinstance(part, np.ndarray) and part.dtype == np.float64:
                found[f"{name} {number}"] = part
    rise = np.linspace(1, 2, problem.users)
    parts = rise / rise.sum() + problem.gain / problem.gain.sum(axis=-1, keepdims=True)
    x = np.broadcast_to(0.3 * parts, (*problem.batch_shape, problem.users))
    q = np.broadcast_to(0.3 / problem.streams, (*problem.batch_shape, problem.streams))
    for name in ("disturbance", "sinr", "rates", "sum_rate", "value", "violation", "crlb", "linear_ratios"):
        found[name] = getattr(problem, name)(x, q)
    return found


@pytest.mark.parametrize("name", [*QUICK, "minimum rates", "uplink"])
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_every_number_of_a_problem_is_the_same_bits_alone_as_in_a_batch(name, layout, variant):
    """Whatever the order of axes in memory, in which NumPy adds numbers."""
    scenario = structure(document_of(name, variant()) | {"drops": 5}, HOST)
    point = next(point for _, point in specify(scenario, HOST).scenario.points())
    statistics, precoder = point.statistics(range(5)), point.precoders[0]
    link = point.link_statistics(precoder, statistics)
    if point.link == "uplink":
        problem = point.uplink_problem(precoder, statistics, link)
    else:
        beam = point.compared_beams[0]
        problem = point.problem(precoder, statistics, link, beam, point.beam_statistics(beam, statistics))
    problem = problem.with_drops(5)
    if layout == "columns":
        numbers = {key: np.asfortranarray(value) for key, value, _ in problem._numbers()}
        problem = type(problem)(
            **{field: getattr(problem, field) for field in fields_without_numbers(problem)}, **numbers
        )
    together = values_of(problem)
    for drop in (0, 3):
        for index in (drop, slice(drop, drop + 1), slice(drop, None), [drop]):
            alone = values_of(problem[index])
            for key, value in alone.items():
                whole = together[key]
                core = value.ndim - (0 if index == drop else 1)
                if whole.ndim > core and whole.shape[0] == 5:
                    whole = whole[index]
                np.testing.assert_array_equal(*np.broadcast_arrays(value, whole), err_msg=f"{key} at {index}")


def fields_without_numbers(problem: Any) -> list[str]:
    """Return the names of the other fields of a problem."""
    return [field.name for field in attrs.fields(type(problem)) if "core" not in field.metadata]
