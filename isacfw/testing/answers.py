"""Answers of allocators to the problems of the checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import attrs
import numpy as np

from ..allocation.allocation import Allocation, Shares
from ..allocation.allocator import Allocator
from ..allocation.any_problem import AnyProblem
from ..allocation.objective import Objective
from ..allocation.problem import PowerAllocationProblem
from ..allocation.status import Status
from ..base.errors import IncompatibleError
from ..base.part import display_name
from ..base.time_limit import TimeUp, time_limit
from .checks import CheckFailed, CheckSkipped, CheckTimedOut, known_of, longest_s
from .problems import built_in, feasible_problems

_OBJECTIVES = ("max_min", "proportional_fair", "sinr_product")


def posed_for(part: Allocator, problem: PowerAllocationProblem) -> PowerAllocationProblem:
    """Return a problem with the first objective that an allocator accepts, its own or another utility."""
    others = (cast(Objective, built_in("objective", name)) for name in _OBJECTIVES)
    for objective in (problem.objective, *others):
        posed = attrs.evolve(problem, objective=objective)
        try:
            with time_limit(longest_s()):
                accepted = part.reason_to_skip(posed) is None
        except (Exception, TimeUp):  # The checks themselves report it.
            return problem
        if accepted:
            return posed
    return problem


def posed_problems(part: Allocator) -> Iterator[tuple[str, PowerAllocationProblem]]:
    """Yield problems with solutions, with an objective that the allocator accepts."""
    for title, problem in feasible_problems().items():
        yield title, posed_for(part, problem)


def verified_answer(part: Allocator, problem: AnyProblem, title: str = "") -> Allocation:
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
            if (reason := part.reason_to_skip(problem)) is not None:
                raise CheckSkipped(reason)
            return part.solve(problem)
    except TimeUp:
        raise CheckTimedOut(f"{display_name(part)} was stopped at its time limit of {longest_s():g} s") from None


def claims_of(part: Allocator, problem: PowerAllocationProblem) -> set[str]:
    """Return the statuses of an allocator's answers as it reports them, before verification."""
    claims: set[str] = set()
    for index in np.ndindex(problem.batch_shape):
        try:
            shares = own_answer(part, problem[index])
        except IncompatibleError:
            continue
        claims |= {str(claim) for claim in np.ravel(np.asarray(shares.status, dtype=object)) if claim}
    return claims


def accepted_answer(part: Allocator, problem: PowerAllocationProblem, title: str) -> Allocation | None:
    """Return :func:`verified_answer`, or None if the allocator refuses the problem.

    Several checks ask for the answers to the same problems, which have different titles, so each is solved once.
    """
    known, key = known_of(part), (title, longest_s())
    if key not in known:
        try:
            known[key] = verified_answer(part, problem, title)
        except CheckSkipped:
            known[key] = None
    return cast(Allocation | None, known[key])
