"""Threads of one process give the same bits as one process alone, and no thread harms another."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np
import pytest
from numerics import random_problem
from threads import SCENARIO, differing_rows

import isacfw
from isacfw import Allocator, Execution, Shares, compare
from isacfw.base.part import ONE_AT_A_TIME
from isacfw_plugins.allocators import ipopt, sca
from isacfw_plugins.allocators._lender import Lender
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.allocators.sca import SCA


@pytest.mark.parametrize("threads", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_threads_give_the_same_bits_as_one_process(threads, chunk_size):
    chunk_size(1)
    scenario = SCENARIO | {"drops": 8}
    expected = compare(scenario).dataset
    with ThreadPoolExecutor(threads) as executor:
        found = compare(scenario, execution=Execution(executor=executor)).dataset
    assert differing_rows(found, expected) == 0
    assert set(np.unique(expected["status"])) >= {"optimal", "locally_optimal"}


def test_a_difference_would_show():
    expected = compare(SCENARIO | {"drops": 2, "allocators": ["exact"]}).dataset
    other = expected.copy(deep=True)
    other["sum_rate"][0, 0, 1] *= 1 + 1e-15
    other["status"][1, 0, 0] = "feasible"
    assert differing_rows(other, expected) == 2
    assert differing_rows(expected, expected) == 0


def together(function, threads=4):
    with ThreadPoolExecutor(threads) as executor:
        return [
            future.result() for future in [executor.submit(function, number) for number in range(4 * threads)]
        ]


@pytest.mark.parametrize(
    "allocator",
    [Ipopt(), pytest.param(SCA(solver="SCS", max_iterations=3), marks=pytest.mark.slow), SCA()],
    ids=lambda one: one.title,
)
def test_an_allocator_may_be_shared_by_threads(allocator):
    problems = [
        random_problem(np.random.default_rng([311, seed]), 3, aligned=bool(seed % 2)) for seed in range(16)
    ]
    expected = [allocator.allocate(problem) for problem in problems]
    found = together(lambda number: allocator.allocate(problems[number]))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.communication, other.communication)
        np.testing.assert_array_equal(one.sensing, other.sensing)
        assert (str(one.status), int(one.iterations)) == (str(other.status), int(other.iterations))


@attrs.frozen(kw_only=True)
class Watchful(Allocator):
    """Notes how many threads are in it at the same time."""

    name = "watchful"
    safe: bool
    log: list = attrs.Factory(list)
    inside: list = attrs.Factory(list)

    @property
    def thread_safe(self):
        return self.safe

    def solve(self, problem):
        self.inside.append(1)
        self.log.append(len(self.inside))
        time.sleep(0.01)
        self.inside.pop()
        return Shares(communication=0.5 * problem.equal_split, sensing=np.asarray(0.5))


@pytest.mark.parametrize("safe", [True, False])
def test_only_what_is_thread_safe_runs_in_several_threads_at_a_time(safe):
    allocator, problem = Watchful(safe=safe), random_problem(np.random.default_rng(312), 2)
    together(lambda _number: allocator.allocate(problem))
    assert (max(allocator.log) > 1) is safe


def test_waiting_for_another_thread_counts_as_no_time_of_its_own():
    problem = random_problem(np.random.default_rng(313), 2)
    held = threading.Event()

    def hold():
        with ONE_AT_A_TIME:
            held.set()
            time.sleep(0.5)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    found = Watchful(safe=False).allocate(problem, time_limit_s=0.25)
    thread.join()
    assert found.status == "feasible" or "limit" not in str(found.message)
    assert found.seconds < 0.25


@attrs.frozen(kw_only=True)
class Endless(Allocator):
    """Never returns, and is not thread-safe."""

    name = "endless"

    @property
    def thread_safe(self):
        return False

    def solve(self, problem):
        while True:
            time.sleep(0.005)


def test_a_thread_that_is_stopped_leaves_no_lock_behind():
    problem = random_problem(np.random.default_rng(314), 2)
    expected = Ipopt().allocate(problem)
    found = together(
        lambda number: (Ipopt() if number % 2 else Endless()).allocate(problem, time_limit_s=0.2), threads=2
    )
    assert {str(one.status) for one in found[::2]} == {"timed_out"}
    for one in found[1::2]:
        np.testing.assert_array_equal(one.communication, expected.communication)
    assert ONE_AT_A_TIME.acquire(timeout=1)
    ONE_AT_A_TIME.release()


def test_what_was_in_use_when_an_exception_struck_is_not_used_again():
    lender: Lender[list[int]] = Lender(2)
    with lender.lent("a", list) as thing:
        thing.append(1)

    def struck():
        with lender.lent("a", list) as again:
            assert again is thing
            raise isacfw.IsacError("in the middle")

    with pytest.raises(isacfw.IsacError):
        struck()
    with lender.lent("a", list) as fresh:
        assert fresh == []
        with lender.lent("a", list) as second:
            assert second is not fresh
    for key in "bcd":
        with lender.lent(key, list):
            pass
    with lender.lent("a", list) as other:
        assert other is not fresh
        assert other is not second


@pytest.mark.parametrize(
    ("allocator", "method", "cache"),
    [(Ipopt(), "solve_program", ipopt.PROGRAMS), (SCA(solver="SCS", max_iterations=2), "Ascent", sca.MODELS)],
    ids=["ipopt", "scs"],
)
def test_a_model_that_was_left_half_changed_is_not_used_again(allocator, method, cache, monkeypatch):
    first, second = (random_problem(np.random.default_rng([315, seed]), 3) for seed in range(2))
    expected = allocator.allocate(first)
    where = ipopt if isinstance(allocator, Ipopt) else sca

    def broken(*_arguments, **_options):
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(where, method, broken)
        assert allocator.allocate(second).status == "failed"
    made = []
    plain = cache.lent

    def lent(key, make):
        return plain(key, lambda: made.append(1) or make())

    monkeypatch.setattr(cache, "lent", lent)
    np.testing.assert_array_equal(allocator.allocate(first).communication, expected.communication)
    assert made == [1]
