"""The time that a call takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def timed(function: Callable[..., Any], *arguments: Any) -> float:
    """Return the wall time of a call, in seconds."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start
