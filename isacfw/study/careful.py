"""Work in a process of its own, which tells what part it calls, so that one that ends the process is known."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.connection import Connection
from typing import Any

import attrs

from ..base.errors import IsacError, PartEndedError, PartTimedOutError, PluginError
from ..base.guard import watch_calls
from ..base.time_limit import interrupts_held_back
from .processes import prepare_worker, worker_start

ATTEMPTS = 3
"""Times that work is tried whose process is killed in the same call: nothing in it need be the reason."""

DEATHS = 3
"""Calls of a part that end their processes, after which it is not called again if no call has ended well."""

DEATHS_AFTER_SUCCESS = 20
"""The same of a part that has been called with success, for calls in succession: what ends some calls of many."""

_KILLED = (-signal.SIGTERM, -getattr(signal, "SIGKILL", signal.SIGTERM))


@attrs.define(kw_only=True, eq=False)
class _Course:
    """What a process has told: the call that runs, the calls that have ended, and how the work ended."""

    running: tuple[int, str] | None = None
    since: float = 0.0
    ended: dict[int, str] = attrs.field(factory=dict)
    answer: tuple[bool, Any] | None = None

    def take(self, told: tuple[Any, ...]) -> None:
        """Take note of a message."""
        kind, *rest = told
        if kind == "call":
            self.running, self.since = (rest[0], rest[1]), time.monotonic()
        elif kind == "end":
            self.running = None
            self.ended[rest[0]] = rest[1]
        else:
            self.answer = kind == "result", rest[0]


class CarefulProcesses:
    """Runs work in processes, and repeats it without the calls that ended one.

    Parameters
    ----------
    time_limit_s : float or None
        Time limit of each call.

    Attributes
    ----------
    given_up : dict of str to str
        Parts that are not called again, each with the reason.
    """

    def __init__(self, time_limit_s: float | None) -> None:
        self.given_up: dict[str, str] = {}
        self._time_limit_s = time_limit_s
        self._successive: dict[str, int] = {}
        self._successful: set[str] = set()

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function returns; calls of parts that end the process raise in its stead.

        Raises
        ------
        IsacError
            As raised by the function, or if processes end outside of the calls of parts.
        """
        packed = pickle.dumps((function, arguments))
        failures: dict[int, PluginError] = {}
        last, attempts = None, 0
        while True:
            course, code = self._attempt(packed, failures)
            if course.answer is not None:
                succeeded, found = course.answer
                if succeeded:
                    self.note_success(course.ended.values())
                    return found
                raise found
            attempts = attempts + 1 if course.running == last else 1
            last = course.running
            failure = None if last is None else self._failure(last[1], course.since, code)
            if attempts < (1 if isinstance(failure, PartTimedOutError) else ATTEMPTS if code in _KILLED else 2):
                continue
            if last is None or failure is None:
                if attempts < ATTEMPTS:
                    continue
                raise IsacError(
                    f"worker processes crashed {ATTEMPTS} times, at last with {_ending(code)}; scripts must start"
                    ' workers inside `if __name__ == "__main__":`'
                )
            self._count(last[1], max(failures, default=0), course)
            failures[last[0]] = failure

    def note_success(self, parts: Iterable[str]) -> None:
        """Note parts whose calls have ended without an end of the process, in any chunk."""
        for who in parts:
            self._successive.pop(who, None)
            self._successful.add(who)

    def _attempt(self, packed: bytes, failures: dict[int, PluginError]) -> tuple[_Course, int | None]:
        """Run the work once; return its course, and the exit code of the process."""
        # Spawn, since a fork of a process with threads may hang.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, packed, failures, self.given_up))
        course = _Course()
        try:
            with interrupts_held_back(), worker_start():
                process.start()
            theirs.close()
            while course.answer is None:
                course.take(ours.recv())
        except EOFError:
            pass
        finally:
            if course.answer is None and process.pid is not None and not ours.closed:
                process.join(1)
            process.kill()
            process.join()
            ours.close()
        return course, process.exitcode

    def _failure(self, who: str, since: float, code: int | None) -> PluginError:
        limit = self._time_limit_s
        if limit is not None and time.monotonic() - since >= limit:
            return PartTimedOutError(f"{who} was stopped at its time limit of {limit:g} s")
        return PartEndedError(f"{who} ended its process with {_ending(code)}")

    def _count(self, who: str, last: int, course: _Course) -> None:
        """Count successive deaths of a part, and give it up after several."""
        self.note_success({one for number, one in course.ended.items() if number > last})
        self._successive[who] = self._successive.get(who, 0) + 1
        most = DEATHS_AFTER_SUCCESS if who in self._successful else DEATHS
        if self._successive[who] >= most:
            self.given_up[who] = f"{who} ended its process {most} times in succession, and is not called again"


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit status {code}"


def _work(
    connection: Connection, packed: bytes, failures: dict[int, PluginError], given_up: dict[str, str]
) -> None:
    """Do the work in a process of its own, and tell its course."""
    prepare_worker()
    function, arguments = pickle.loads(packed)
    number = 0

    @contextmanager
    def watch(who: str) -> Iterator[None]:
        nonlocal number
        number += 1
        own = number
        refuse(who, given_up)
        if own in failures:
            raise failures[own]
        connection.send(("call", own, who))
        try:
            yield
        finally:
            connection.send(("end", own, who))

    try:
        with watch_calls(watch):
            found: tuple[str, Any] = ("result", function(*arguments))
    except IsacError as error:
        found = "error", error
    connection.send(found)


def refuse(who: str, given_up: dict[str, str]) -> None:
    """Raise a PartEndedError for a part that has been given up."""
    if who in given_up:
        raise PartEndedError(given_up[who])


def watch_given_up(given_up: dict[str, str], ended: set[str]) -> Callable[[str], AbstractContextManager[None]]:
    """Return a watch that refuses calls of parts that have been given up, and notes those whose calls end."""

    @contextmanager
    def watch(who: str) -> Iterator[None]:
        refuse(who, given_up)
        try:
            yield
        finally:
            ended.add(who)

    return watch
