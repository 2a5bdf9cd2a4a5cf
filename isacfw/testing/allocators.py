"""Checks of allocators."""

from __future__ import annotations

import time
from typing import cast

import attrs
import numpy as np

from ..allocation.allocation import Allocation, Shares
from ..allocation.allocator import Allocator
from ..allocation.problem import PowerAllocationProblem
from ..allocation.status import Status
from ..base.errors import IncompatibleError
from ..base.numbers import FloatArray
from . import problems
from .answers import own_answer, verified_answer
from .checks import CheckSkipped, check, longest_s, require
from .runs import Numbers, SampleRun, sample_run

TOLERANCE = 1e-6
GRACE_S = 5.0
_CLAIMS = (Status.OPTIMAL, Status.LOCALLY_OPTIMAL, Status.FEASIBLE)
_OPTIMA = (Status.OPTIMAL, Status.LOCALLY_OPTIMAL)


def _feasible_problems() -> dict[str, PowerAllocationProblem]:
    """Return problems with solutions, each in a batch of one."""
    return {
        "an aligned beam": problems.problem(4, batch=(1,)),
        "a misaligned beam": problems.problem(4, seed=1, batch=(1,), aligned=False),
        "no limits": problems.problem(4, seed=2, batch=(1,), share=1.0),
        "tight limits": problems.problem(4, seed=3, batch=(1,), share=0.05),
    }


def _claims(part: Allocator, problem: PowerAllocationProblem) -> set[str]:
    """Return the statuses of an allocator's answers as it reports them, before verification."""
    claims: set[str] = set()
    for index in np.ndindex(problem.batch_shape):
        try:
            shares = own_answer(part, problem[index])
        except IncompatibleError:
            continue
        claims |= {str(claim) for claim in np.ravel(np.asarray(shares.status, dtype=object)) if claim}
    return claims


@check("allocator")
def answers_ordinary_problems(part: Allocator) -> None:
    """Feasible problems of all kinds get shares, are not reported as infeasible, and cause no failure."""
    for title, problem in _feasible_problems().items():
        found = verified_answer(part, problem, title)
        require(np.isfinite(found.communication).all(), f"with {title}, it has no answer: {found.message[0]}")
        require(
            Status.INFEASIBLE not in _claims(part, problem),
            f"with {title}, it calls a feasible problem infeasible",
        )


@check("allocator")
def shares_are_powers(part: Allocator) -> None:
    """Shares are nonnegative and add up to at most the power, whether or not the limits hold."""
    for title, problem in _feasible_problems().items():
        found = verified_answer(part, problem, title)
        least = min(found.communication.min(), found.sensing.min())
        total = (found.communication.sum(axis=-1) + found.sensing).max()
        require(least >= -TOLERANCE, f"with {title}, a share is {least:.3g}")
        require(total <= 1 + TOLERANCE, f"with {title}, shares add up to {total:.9g}")


@check("allocator")
def claimed_answers_are_feasible(part: Allocator) -> None:
    """An answer that is reported as optimal or feasible meets all limits, as recomputed."""
    for title, problem in _feasible_problems().items():
        found = verified_answer(part, problem, title)
        false = np.isin(found.claim, _CLAIMS) & ~found.feasible
        require(
            not false.any(),
            f"with {title}, it says {found.claim[0]}, but violates a limit by"
            f" {np.max(found.violation):.3g} of it",
        )


@check("allocator")
def objective_agrees(part: Allocator) -> None:
    """The last sum rate of a history is that of the answer, as recomputed."""
    for title, problem in _feasible_problems().items():
        found = verified_answer(part, problem, title)
        history = found.history[0][np.isfinite(found.history[0])]
        if len(history):
            require(
                abs(history[-1] - found.sum_rate[0]) <= TOLERANCE * abs(found.sum_rate[0]),
                f"with {title}, its sum rate is {found.sum_rate[0]:.9g}, its history's last {history[-1]:.9g}",
            )


@check("allocator")
def optimum_is_not_below_a_uniform_split(part: Allocator) -> None:
    """An answer reported as optimal, even locally, is at least as good as equal factors within the limits."""
    compared = 0
    for title, problem in _feasible_problems().items():
        found = verified_answer(part, problem, title)
        if found.claim[0] not in _OPTIMA:
            continue
        compared += 1
        share = np.broadcast_to(problem.largest_communication_share, problem.batch_shape)
        for used in (share, np.minimum(share, 0.5)):
            uniform = problem.sum_rate(used[:, None] * problem.equal_split, 1 - used)[0]
            require(
                found.sum_rate[0] >= uniform * (1 - TOLERANCE),
                f"with {title}, its sum rate is {found.sum_rate[0]:.6g}, that of a uniform split {uniform:.6g}",
            )
    if not compared:
        raise CheckSkipped("it claims no optimum")


@check("allocator")
def claimed_optimum_against_exact(part: Allocator) -> None:
    """An answer reported as the global optimum equals that of the exact solver."""
    exact, compared = cast(Allocator, problems.built_in("allocator", "exact")), 0
    cases = _feasible_problems() | {
        f"{users} users": problems.problem(users, seed=users, batch=(1,)) for users in (1, 2, 12)
    }
    for title, problem in cases.items():
        found = verified_answer(part, problem, title)
        if found.claim[0] != Status.OPTIMAL:
            continue
        compared += 1
        best = exact.allocate(problem).sum_rate[0]
        require(
            abs(found.sum_rate[0] - best) <= TOLERANCE * best,
            f"with {title}, it says optimal with {found.sum_rate[0]:.9g}, where the optimum is {best:.9g}",
        )
    if not compared:
        raise CheckSkipped("it claims no global optimum")


@check("allocator")
def infeasible_is_reported(part: Allocator) -> None:
    """A problem without a solution gets no answer reported as feasible, and causes no failure."""
    for aligned in (True, False):
        problem = problems.problem(3, batch=(2,), share=-1.0, aligned=aligned)
        found = verified_answer(part, problem, "limits that cannot be met")
        require(not found.feasible.any(), "it reports a feasible answer to infeasible limits")
        require(
            (found.status == Status.INFEASIBLE).all() and np.isin(found.claim, ["", Status.INFEASIBLE]).all(),
            f"limits that cannot be met: it says {found.claim[0] or found.status[0]}, not {Status.INFEASIBLE}",
        )


@check("allocator")
def one_user(part: Allocator) -> None:
    """A problem with one user is solved like any other."""
    found = verified_answer(part, problems.problem(1, batch=(1,)), "one user")
    require(np.isfinite(found.sum_rate).all(), "with one user, it has no answer")


@check("allocator")
def many_users(part: Allocator) -> None:
    """A problem with a hundred users, with gains over five decades, is solved like any other."""
    problem = problems.problem(100, seed=5, batch=(1,))
    found = verified_answer(part, problem, "100 users")
    require(np.isfinite(found.sum_rate).all(), f"with 100 users, it has no answer: {found.message[0]}")
    require(found.feasible.all() or found.claim[0] not in _CLAIMS, "with 100 users, its answer violates a limit")


@check("allocator")
def batch_is_its_members(part: Allocator) -> None:
    """Answers to a batch equal those to its members, for any leading axes."""
    for batch in ((), (1,), (2, 3)):
        problem = problems.problem(3, seed=6, batch=batch)
        together = verified_answer(part, problem, f"batch axes {batch}")
        for index in np.ndindex(batch):
            alone = verified_answer(part, problem[index], "no batch axes")
            gap = np.abs(together.communication[index] - alone.communication).max()
            require(gap <= TOLERANCE, f"in a batch of shape {batch}, shares differ by {gap:.3g} from those alone")


@check("allocator")
def other_problems_do_not_matter(part: Allocator) -> None:
    """The answer to a problem is bitwise independent of the problems solved before."""
    first, other = problems.problem(3, seed=7, batch=(1,)), problems.problem(3, seed=8, batch=(1,), share=0.3)
    before = verified_answer(part, first, "a first problem").communication
    verified_answer(part, other, "another problem")
    require(
        np.array_equal(before, verified_answer(part, first, "a first problem").communication),
        "its answers change",
    )


@check("allocator")
def coupling_is_solved_or_refused(part: Allocator) -> None:
    """Interference that differs between users is taken into account, or refused with an IncompatibleError."""
    for seed in range(9, 15):
        problem = problems.problem(3, seed=seed, batch=(1,), coupled=True)
        try:
            found = verified_answer(part, problem, "coupling")
        except CheckSkipped:
            return
        false = np.isin(found.claim, _CLAIMS) & ~found.feasible
        require(not false.any(), "with coupling, its answer violates a limit")
        require(
            found.claim[0] != Status.OPTIMAL or _is_best(problem, found),
            "with coupling, its claimed optimum is not optimal",
        )


def _is_best(problem: PowerAllocationProblem, found: Allocation) -> bool:
    """Return whether no step towards a random split of the communication power raises the sum rate."""
    generator = np.random.default_rng(0)
    own = found.communication.reshape(-1)
    splits = generator.dirichlet(np.full(problem.users, 0.5), 1000) * own.sum()
    rates = [problem.sum_rate(x, np.full(len(x), found.sensing.flat[0])) for x in _steps(own, splits)]
    return bool(np.max(rates) <= found.sum_rate.flat[0] * (1 + TOLERANCE))


def _steps(start: FloatArray, ends: FloatArray) -> list[FloatArray]:
    return [start + step * (ends - start) for step in (0.003, 0.03, 0.3, 1.0)]


@check("allocator")
def differing_signals_are_solved_or_refused(part: Allocator) -> None:
    """Several targets or streams, and users whose signals differ, are taken into account or refused."""
    for targets, streams in ((1, 1), (1, 2), (2, 1), (2, 2)):
        title = f"{targets} target(s) and {streams} stream(s) whose signals differ"
        problem = problems.general_problem(3, targets=targets, streams=streams, batch=(1,))
        x, q = 0.4 * problem.equal_split, np.full((1, streams), 0.6 / streams)
        problem = attrs.evolve(problem, crlb_limit=1.05 * problem.crlb(x, q))
        try:
            found = verified_answer(part, problem, title)
        except CheckSkipped:
            continue
        false = np.isin(found.claim, _CLAIMS) & ~found.feasible
        require(not false.any(), f"with {title}, it says {found.claim[0]}, but its answer violates a limit")
        require(
            found.claim[0] not in _OPTIMA or found.sum_rate[0] >= problem.sum_rate(x, q)[0] * (1 - TOLERANCE),
            f"with {title}, its claimed optimum is not optimal",
        )


@check("allocator")
def time_limit_is_honoured(part: Allocator) -> None:
    """An allocator stops within seconds of its time limit, with an answer or without."""
    problem = problems.problem(30, seed=10, batch=(1,))
    part.allocate(problem, time_limit_s=longest_s())
    start = time.perf_counter()
    found = part.allocate(problem, time_limit_s=0.01)
    elapsed = time.perf_counter() - start
    require(elapsed <= GRACE_S, f"with a limit of 0.01 s it took {elapsed:.1f} s")
    require(found.status[0] != Status.FAILED, str(found.message[0]))


@check("allocator")
def returns_shares(part: Allocator) -> None:
    """The method solve returns Shares of shape (..., K) and (...)."""
    batch = (2,) if part.vectorized else ()
    problem = problems.problem(3, batch=batch)
    try:
        shares = own_answer(part, problem)
    except IncompatibleError as error:
        raise CheckSkipped(str(error)) from None
    require(isinstance(shares, Shares), f"solve must return Shares, got {type(shares).__name__}")
    shapes = shares.communication.shape, shares.sensing.shape
    require(shapes == ((*batch, 3), batch), f"for a problem with batch axes {batch}, shares have shapes {shapes}")


@sample_run("allocator")
def _of_allocator(part: Allocator, seed: int) -> SampleRun:
    batch = (2,) if part.vectorized else ()

    def by_framework(problem: PowerAllocationProblem) -> Numbers:
        found = verified_answer(part, problem)
        return {"communication": found.communication, "sensing": found.sensing}

    def alone(problem: PowerAllocationProblem) -> Numbers:
        shares = own_answer(part, problem)
        return {"communication": shares.communication, "sensing": shares.sensing}

    return SampleRun(
        inputs={"problem": problems.problem(3, seed=seed, batch=batch)}, direct=alone, framework=by_framework
    )
