"""Answers of allocators to the problems of the checks."""

from __future__ import annotations

from ..allocation.allocation import Allocation, Shares
from ..allocation.allocator import Allocator
from ..allocation.problem import PowerAllocationProblem
from ..allocation.status import Status
from ..base.part import display_name
from ..base.time_limit import TimeUp, time_limit
from .checks import CheckFailed, CheckSkipped, CheckTimedOut, longest_s


def verified_answer(part: Allocator, problem: PowerAllocationProblem, title: str = "") -> Allocation:
    """Return the verified answer of an allocator to an ordinary problem.

    Raises
    ------
    CheckFailed
        If the allocator fails, or is stopped at its time limit.
    CheckSkipped
        If the allocator refuses the problem.
    """
    found = part.allocate(problem, time_limit_s=longest_s())
    for status, failure in ((Status.TIMED_OUT, CheckTimedOut), (Status.FAILED, CheckFailed)):
        for message in found.message[found.status == status].flat:
            raise failure(f"with {title}, {message}" if title else str(message))
    for message in found.message[found.status == Status.SKIPPED].flat:
        raise CheckSkipped(str(message))
    return found


def own_answer(part: Allocator, problem: PowerAllocationProblem) -> Shares:
    """Return the answer of an allocator to a problem, before verification.

    Raises
    ------
    CheckTimedOut
        If the allocator is stopped at its time limit.
    """
    try:
        with time_limit(longest_s()):
            if (reason := part.refusal(problem)) is not None:
                raise CheckSkipped(reason)
            return part.solve(problem)
    except TimeUp:
        raise CheckTimedOut(f"{display_name(part)} was stopped at its time limit of {longest_s():g} s") from None
