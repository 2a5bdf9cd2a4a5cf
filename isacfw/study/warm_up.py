"""Warm-up of allocators before they are timed: imports and caches of their libraries cost the first call only."""

from __future__ import annotations

import math
from typing import Any

from ..allocation.allocator import Allocator
from ..allocation.any_problem import AnyProblem
from ..base.environment import is_own
from ..base.part import key_of

LEAST_BATCH = 4
"""Number of problems of which one more is a small part, for an allocator that takes them in turn."""

_WARM: set[Any] = set()


def warm_up(allocator: Allocator, problem: AnyProblem, time_limit_s: float | None) -> None:
    """Solve the first problem of a batch, once for each allocator in a process; the answer is dropped.

    Allocators and objectives of others are not called, since they may count their calls or keep a state.

    Parameters
    ----------
    allocator : Allocator
        The allocator.
    problem : PowerAllocationProblem or UplinkProblem
        A batch of problems.
    time_limit_s : float, optional
        Longest time in seconds.
    """
    shape = problem.batch_shape
    size = math.prod(shape)
    if not (is_own(allocator) and is_own(problem.objective)) or size < (
        1 if allocator.vectorized else LEAST_BATCH
    ):
        return
    key = key_of(allocator)
    if key not in _WARM:
        _WARM.add(key)
        allocator.allocate(problem[(0,) * len(shape)], None, time_limit_s)
