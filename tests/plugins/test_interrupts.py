"""IPOPT under time limits and Ctrl-C at any moment: Python does not crash, and answers stay the same bits."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from threading import Thread
from typing import Any

import numpy as np
import pytest
import scipy.optimize

from isacfw.allocation.uplink_rise import uplink_rise
from isacfw.base.time_limit import TimeUp, interrupts_held_back, time_limit
from isacfw.testing.beamformers import problem, sensed
from isacfw.testing.uplink import uplink_allocation, uplink_problem
from isacfw_plugins.beamformers.fixed_beams import FixedBeams

PROGRAM = """
import os, signal, sys, threading, time
import numpy as np
from isacfw.testing import problems
from isacfw_plugins.allocators.ipopt import Ipopt

# A shell starts commands in the background with interrupts ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
problem, ipopt = problems.problem(8, seed=10, batch=(1,)), Ipopt()
ipopt.allocate(problem)
expected = ipopt.allocate(problem)
longest = 2 * expected.seconds.item() + 0.01

def limited(count):
    for number in range(count):
        found = ipopt.allocate(problem, time_limit_s=1e-4 + longest * number / count)
        if found.status[0] == "locally_optimal":
            assert np.array_equal(found.communication, expected.communication)
        else:
            assert "time limit" in found.message[0], found.message[0]

limited(20)
threads = [threading.Thread(target=limited, args=(10,)) for _ in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
interrupted = 0
for number in range(10):
    alarm = threading.Timer(longest * number / 10, lambda: os.kill(os.getpid(), signal.SIGINT))
    try:
        alarm.start()
        ipopt.allocate(problem)
        alarm.join()
        time.sleep(0.05)
    except KeyboardInterrupt:
        interrupted += 1
    alarm.join()
assert interrupted == 10, interrupted
assert np.array_equal(ipopt.allocate(problem).communication, expected.communication)
print("alive")
"""


def test_ipopt_survives_time_limits_and_interrupts_at_any_moment() -> None:
    ran = subprocess.run([sys.executable, "-X", "faulthandler", "-c", PROGRAM], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "alive\n"), ran.stderr[-2000:]


def held(seconds: float, steps: list[str]) -> None:
    with time_limit(seconds), interrupts_held_back() as due:
        while not due():
            time.sleep(0.001)
        steps.append("went on by its own means")


def test_a_time_limit_is_raised_at_the_end_of_what_holds_it_back() -> None:
    steps: list[str] = []
    with pytest.raises(TimeUp):
        held(0.02, steps)
    assert steps == ["went on by its own means"]


def test_so_it_is_in_another_thread() -> None:
    steps: list[str] = []

    def run() -> None:
        try:
            held(0.02, steps)
        except TimeUp:
            steps.append("time is up")

    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert steps == ["went on by its own means", "time is up"]


def test_an_interrupt_is_raised_at_the_end_and_the_handler_is_back() -> None:
    # A shell starts commands in the background with interrupts ignored.
    at_first = signal.signal(signal.SIGINT, signal.default_int_handler)
    steps: list[str] = []

    def interrupted() -> None:
        with interrupts_held_back() as due:
            signal.raise_signal(signal.SIGINT)
            assert due()
            steps.append("went on")

    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert steps == ["went on"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, at_first)


def test_nothing_is_raised_where_nothing_was_due() -> None:
    with time_limit(10), interrupts_held_back() as due, interrupts_held_back() as inner:
        assert not due()
        assert not inner()


@pytest.mark.parametrize("limit", [500.0, None])
def test_linear_programs_get_the_time_that_is_left(limit: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    limits, linprog = [], scipy.optimize.linprog

    def record(*arguments: Any, options: dict[str, float], **further: Any) -> Any:
        limits.append(options.get("time_limit"))
        return linprog(*arguments, options=options, **further)

    monkeypatch.setattr(scipy.optimize, "linprog", record)
    with time_limit(limit):
        FixedBeams().solve(problem(sensed()["a target"]))
        given = uplink_problem()
        uplink_rise(given, uplink_allocation(given).communication, np.asarray(True))
    assert len(limits) >= 3
    assert all((one is None) if limit is None else 0 < one <= limit + 1 for one in limits)
