"""Observers of a study."""

from __future__ import annotations

from typing import Any, Protocol


class Observers(Protocol):
    """Observers of each batch of problems: a plugin host."""

    def observed(self, hook: str) -> bool:
        """Return whether any plugin implements an observer hook."""

    def observe(self, hook: str, **arguments: Any) -> list[str]:
        """Call an observer hook of every plugin; return a message for each that raises."""


OBSERVER_HOOKS = ("allocation_started", "allocation_finished")


class NoObservers:
    """No observers; a worker that has none need not import the plugins of its host."""

    def observed(self, hook: str) -> bool:
        """Return False."""
        return False

    def observe(self, hook: str, **arguments: Any) -> list[str]:
        """Call nothing."""
        return []
