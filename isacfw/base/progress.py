"""Progress of a computation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


Progress = Callable[[int, int], None]
"""Called with the number of completed steps and the total number of steps."""
