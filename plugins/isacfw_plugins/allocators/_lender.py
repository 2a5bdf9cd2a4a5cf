"""Exclusive use of cached objects that change in use."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Lender(Generic[T]):
    """A cache of objects that several threads must not use at the same time.

    An object in use during an exception (possibly that of a time limit, at any step) is dropped, since it may be
    in an inconsistent state. No lock can remain held: all steps are atomic.

    Parameters
    ----------
    size : int
        Number of keys; those used least recently are dropped first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._idle: dict[Hashable, list[T]] = {}

    @contextmanager
    def lent(self, key: Hashable, make: Callable[[], T]) -> Iterator[T]:
        """Yield an object for a key, a new one if all are in use, for exclusive use in the body."""
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
        """Drop all objects that are not in use."""
        self._idle.clear()
