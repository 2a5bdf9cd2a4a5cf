"""The time limit strikes whatever the body does, and never outside the body."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from isacfw.base.time_limit import TimeUp, time_limit

LIMIT = 0.05
LATEST = 10.0  # Of bodies that without their limit take longer by far.

needs_signals = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no interval timers")


def spin():
    while True:
        pass


def sleep():
    time.sleep(60)


def swallow_exceptions():
    while True:
        with contextlib.suppress(Exception):
            spin()


def swallow_everything_once():
    try:
        spin()
    except:  # noqa: E722
        pass
    spin()


def clean_up_for_ever():
    try:
        spin()
    finally:
        spin()


@pytest.fixture(autouse=True)
def _no_alarm_after():
    """Keep a limit that goes on after its body from striking in other tests."""
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def in_a_thread(function):
    """Return what a function returns, or the exception that it raises, in a thread of its own."""
    found = []

    def run():
        try:
            found.append(function())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LATEST)
    assert found, "the body was not interrupted"
    return found[0]


def seconds_until_time_up(body, limit=LIMIT):
    start = time.perf_counter()
    with pytest.raises(TimeUp), time_limit(limit):
        body()
    return time.perf_counter() - start


PYTHON_BODIES = [spin, swallow_exceptions, swallow_everything_once, clean_up_for_ever]


@needs_signals
@pytest.mark.parametrize("body", [*PYTHON_BODIES, sleep])
def test_a_signal_interrupts_any_body_on_the_main_thread(body):
    assert LIMIT <= seconds_until_time_up(body) < LATEST


@pytest.mark.parametrize("body", PYTHON_BODIES)
def test_a_loop_in_python_is_interrupted_in_any_other_thread(body):
    spent = in_a_thread(lambda: seconds_until_time_up(body))
    assert isinstance(spent, float), spent
    assert LIMIT <= spent < LATEST


run_in = pytest.mark.parametrize(
    "run", [pytest.param(lambda f: f(), id="main thread"), pytest.param(in_a_thread, id="other thread")]
)


@run_in
def test_none_is_no_limit(run, monkeypatch):
    monkeypatch.setattr(signal, "setitimer", lambda *_: pytest.fail("a timer was set"))
    monkeypatch.setattr(signal, "signal", lambda *_: pytest.fail("a handler was set"))
    threads = []

    def body():
        with time_limit(None):
            threads.append(threading.active_count())
        return "done"

    here = threading.active_count() + (run is in_a_thread)
    assert run(body) == "done"
    assert threads == [here]


@run_in
def test_what_the_body_raises_passes_through(run):
    error = KeyError("own")

    def body():
        try:
            with time_limit(60):
                raise error
        except KeyError as caught:
            return caught

    assert run(body) is error


@run_in
def test_a_body_that_ends_in_time_leaves_nothing_behind(run):
    threads = threading.active_count()

    def body():
        with time_limit(LIMIT):
            pass
        end = time.perf_counter() + LIMIT + 0.3
        while time.perf_counter() < end:
            pass
        return "quiet"

    assert run(body) == "quiet"
    assert threading.active_count() == threads


# In a process of its own, since what strikes after the body might strike anywhere.
TRACED = """
import sys, threading, time
from isacfw.base.time_limit import TimeUp, time_limit

def bodies():
    for number in range(40):
        try:
            with time_limit(LIMIT):
                end = time.perf_counter() + LIMIT + 2e-5 * (number - 20)
                while LIMIT < 1 and time.perf_counter() < end:
                    pass
        except TimeUp:
            pass

thread = threading.Thread(target=bodies)
thread.start()
thread.join()
sys.settrace(lambda *_: None)

def traced():
    found = "traced"
    return (lambda: found)()

print(traced())
"""


@pytest.mark.parametrize("limit", [5.0, 0.004], ids=["ends before", "ends near the limit"])
def test_functions_can_be_traced_after_a_limit_in_another_thread(limit):
    script = TRACED.replace("LIMIT", str(limit))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "traced\n", done.stderr


CLOSE = """
import os, sys, threading, time
from isacfw.base.time_limit import TimeUp, time_limit

late, interrupted, finished, limit = [], [], [], 0.004

def bodies(shift):
    for number in range(BODIES):
        try:
            try:
                start = time.perf_counter()
                with time_limit(limit):
                    end = start + limit + 1e-5 * ((7 * number + shift) % 60 - 30)
                    while time.perf_counter() < end:
                        pass
            except TimeUp:
                interrupted.append(number)
            end = time.perf_counter() + 5e-4
            while time.perf_counter() < end:
                pass
        except TimeUp:
            late.append(number)
    try:
        end = time.perf_counter() + 0.5
        while time.perf_counter() < end:
            pass
    except TimeUp:
        late.append("end")
    finished.append(shift)

def all_bodies():
    if THREADS == 0:
        return bodies(0)
    threads = [threading.Thread(target=bodies, args=(shift,), daemon=True) for shift in range(THREADS)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 9
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))

all_bodies()
print(len(interrupted), "of", BODIES * max(THREADS, 1), "interrupted", file=sys.stderr)
print(len(finished), "finished,", len(late), "struck late,", threading.active_count(), "threads left", flush=True)
os._exit(0)
"""


@pytest.mark.parametrize(
    ("threads", "bodies"),
    [(0, 300), *(pytest.param(threads, 150, marks=pytest.mark.slow) for threads in (1, 3))],
    ids=["main thread", "other thread", "three threads"],
)
def test_no_limit_strikes_after_its_body_however_close_the_end(threads, bodies):
    script = CLOSE.replace("BODIES", str(bodies)).replace("THREADS", str(threads))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == f"{max(threads, 1)} finished, 0 struck late, 1 threads left\n", done.stderr


@needs_signals
@pytest.mark.parametrize("limit", [1e-6, 1e-5, 1e-4])
def test_a_limit_too_short_to_begin_restores_handler_and_timer_too(limit):
    before = signal.getsignal(signal.SIGALRM)
    for _ in range(20):
        with pytest.raises(TimeUp), time_limit(limit):
            spin()
        assert signal.getsignal(signal.SIGALRM) is before
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@needs_signals
@pytest.mark.parametrize("body", [lambda: None, spin, lambda: {}["absent"]], ids=["ends", "loops", "raises"])
def test_handler_and_timer_of_others_are_restored(body):
    rung = []

    def ring(*_):
        rung.append(time.perf_counter())

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 30, 7)
    try:
        with time_limit(LIMIT):
            body()
    except (TimeUp, KeyError):
        pass
    assert signal.getsignal(signal.SIGALRM) is ring
    left, interval = signal.getitimer(signal.ITIMER_REAL)
    assert 20 < left <= 30
    assert interval == 7
    # It still rings where it did.
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.1)
    assert len(rung) == 1


@needs_signals
def test_limits_nest_and_the_outer_one_holds_after_the_inner():
    start = time.perf_counter()

    def body():
        assert LIMIT <= seconds_until_time_up(spin) < LATEST
        spin()

    with pytest.raises(TimeUp), time_limit(4 * LIMIT):
        body()
    assert time.perf_counter() - start < LATEST
