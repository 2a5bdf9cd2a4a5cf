"""Things that change when they are used, each lent to one user at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Lender(Generic[T]):
    """A cache of things that several threads must not use at the same time.

    A thing whose user raises an exception (which may be a time limit that strikes anywhere) is dropped, as it may
    have been left half changed. There is no lock that such a user could fail to release: all steps are atomic.

    Parameters
    ----------
    size : int
        For how many keys things are kept; those used least recently are dropped first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._idle: dict[Hashable, list[T]] = {}

    @contextmanager
    def lent(self, key: Hashable, make: Callable[[], T]) -> Iterator[T]:
        """Give the thing with a key, a new one if all of its kind are in use, for the sole use of the body."""
        try:
            thing = self._idle[key].pop()
        except (KeyError, IndexError):
            thing = make()
        yield thing
        idle = self._idle.pop(key, [])
        idle.append(thing)
        self._idle[key] = idle
        for oldest in list(self._idle)[: -self._size]:
            self._idle.pop(oldest, None)

    def cache_clear(self) -> None:
        """Drop everything that is not in use."""
        self._idle.clear()
