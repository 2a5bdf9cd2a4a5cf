"""Progress of a computation."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with the number of completed steps and the total number of steps."""
