"""Checks of allocators."""

from __future__ import annotations

import itertools
import time
from typing import cast

import attrs
import numpy as np

from ..allocation.allocation import Allocation, Shares
from ..allocation.allocator import Allocator
from ..allocation.status import Status
from ..base.errors import IncompatibleError
from . import goals, problems
from .answers import accepted_answer, claims_of, own_answer, posed_for, posed_problems, verified_answer
from .checks import CheckSkipped, check, longest_s, require
from .runs import Numbers, SampleRun, sample_run
from .uplink_answers import CLAIMS, require_uplink_answers

TOLERANCE = goals.TOLERANCE
GRACE_S = 5.0
_OPTIMA = (Status.OPTIMAL, Status.LOCALLY_OPTIMAL)


@check("allocator")
def answers_ordinary_problems(part: Allocator) -> None:
    """Feasible problems of all kinds get shares, are not reported as infeasible, and cause no failure."""
    for title, problem in posed_problems(part):
        found = verified_answer(part, problem, title)
        require(np.isfinite(found.communication).all(), f"with {title}, it has no answer: {found.message[0]}")
        require(
            Status.INFEASIBLE not in claims_of(part, problem),
            f"with {title}, it calls a feasible problem infeasible",
        )
    require_uplink_answers(part)


@check("allocator")
def shares_are_powers(part: Allocator) -> None:
    """Shares are nonnegative and add up to at most the power, whether or not the limits hold."""
    for title, problem in posed_problems(part):
        found = verified_answer(part, problem, title)
        least = min(found.communication.min(), found.sensing.min())
        total = (found.communication.sum(axis=-1) + found.sensing).max()
        require(least >= -TOLERANCE, f"with {title}, a share is {least:.3g}")
        require(total <= 1 + TOLERANCE, f"with {title}, shares add up to {total:.9g}")


@check("allocator")
def claimed_answers_are_feasible(part: Allocator) -> None:
    """An answer that is reported as optimal or feasible meets all limits, as recomputed."""
    for title, problem in posed_problems(part):
        found = verified_answer(part, problem, title)
        false = np.isin(found.claim, CLAIMS) & ~found.feasible
        require(
            not false.any(),
            f"with {title}, it says {found.claim[0]}, but violates a limit by"
            f" {np.max(found.violation):.3g} of it",
        )


@check("allocator")
def objective_agrees(part: Allocator) -> None:
    """The last value of a history is that of the answer, as recomputed, for every built-in objective."""
    for title, problem in goals.ordinary_problems(cases=1):
        found = accepted_answer(part, problem, title)
        history = np.empty(0) if found is None else found.history[0][np.isfinite(found.history[0])]
        if found is not None and len(history):
            value, last = float(found.value[0]), float(history[-1])
            require(
                abs(last - value) <= TOLERANCE * goals.scale_of(problem.objective, value),
                f"with {title}, its value is {value:.9g}, its history's last {last:.9g}",
            )


@check("allocator")
def optimum_is_not_below_a_uniform_split(part: Allocator) -> None:
    """An answer reported as optimal, even locally, is at least as good as equal factors that are feasible."""
    compared = 0
    for title, problem in goals.ordinary_problems():
        found = accepted_answer(part, problem, title)
        if found is None or found.claim[0] not in _OPTIMA:
            continue
        compared += 1
        share = np.broadcast_to(problem.largest_communication_share, problem.batch_shape)
        for used in (share, np.minimum(share, 0.5)):
            x, q = used[:, None] * problem.equal_split, 1 - used
            if problem.violation(x, q)[0] > 0:
                continue
            uniform = float(problem.value(x, q)[0])
            require(
                not goals.is_worse(problem.objective, float(found.value[0]), uniform),
                f"with {title}, its value is {found.value[0]:.6g}, that of a uniform split {uniform:.6g}",
            )
    if not compared:
        raise CheckSkipped("it claims no optimum")


@check("allocator")
def claimed_optimum_against_exact(part: Allocator) -> None:
    """An answer reported as the global optimum equals that of the exact solver, for every built-in objective."""
    exact, compared = cast(Allocator, problems.built_in("allocator", "exact")), 0
    sizes = ((f"{users} users", problems.problem(users, seed=users, batch=(1,))) for users in (1, 2, 12))
    for title, problem in itertools.chain(sizes, goals.ordinary_problems()):
        found = accepted_answer(part, problem, title)
        if found is None or found.claim[0] != Status.OPTIMAL:
            continue
        if (best := exact.allocate(problem)).claim[0] != Status.OPTIMAL:
            continue
        compared += 1
        value, optimum = float(found.value[0]), float(best.value[0])
        require(
            abs(value - optimum) <= TOLERANCE * goals.scale_of(problem.objective, optimum),
            f"with {title}, it says optimal with {value:.9g}, where the optimum is {optimum:.9g}",
        )
    if not compared:
        raise CheckSkipped("it claims no global optimum")


@check("allocator")
def claims_are_not_beaten(part: Allocator) -> None:
    """No feasible random shares are better than an answer reported as the global optimum, or than a bound."""
    compared = 0
    coupled = (case for one in goals.built_in_objectives() for case in goals.feasible_problems(one, coupled=True))
    for title, problem in itertools.chain(goals.ordinary_problems(), coupled):
        found = accepted_answer(part, problem, title)
        if found is None or not np.isfinite(found.value[0]):
            continue
        optimal, bound = found.claim[0] == Status.OPTIMAL, float(found.bound[0])
        if not optimal and np.isnan(bound):
            continue
        compared += optimal or np.isfinite(bound)
        best = goals.best_value(problem, found)
        require(
            not (optimal and goals.is_worse(problem.objective, float(found.value[0]), best)),
            f"with {title}, it says optimal with {found.value[0]:.9g}, but {best:.9g} is feasible",
        )
        require(
            not goals.is_worse(problem.objective, bound, best),
            f"with {title}, its bound is {bound:.9g}, but {best:.9g} is feasible",
        )
    if not compared:
        raise CheckSkipped("it claims no global optimum, and has no bound")


@check("allocator")
def requirements_are_met_or_refused(part: Allocator) -> None:
    """Answers reported as feasible meet minimum rates and sums of CRLBs, and infeasible problems get none."""
    for objective in goals.built_in_objectives():
        for title, problem in goals.feasible_problems(objective):
            found = accepted_answer(part, problem, title)
            if found is None:
                continue
            claim = found.claim[0]
            require(
                found.feasible[0] or claim not in CLAIMS,
                f"with {title}, it says {claim}, but violates a requirement by {found.violation[0]:.3g} of it",
            )
            require(claim != Status.INFEASIBLE, f"with {title}, it calls a feasible problem infeasible")
        for title, problem in goals.infeasible_problems(objective):
            found = accepted_answer(part, problem, title)
            if found is not None:
                claim = found.claim[0] or found.status[0]
                require(claim == Status.INFEASIBLE, f"with {title}, it says {claim}, not {Status.INFEASIBLE}")


@check("allocator")
def infeasible_is_reported(part: Allocator) -> None:
    """A problem without a solution gets no answer reported as feasible, and causes no failure."""
    for aligned in (True, False):
        problem = posed_for(part, problems.problem(3, batch=(2,), share=-1.0, aligned=aligned))
        found = verified_answer(part, problem, "limits that cannot be met")
        require(not found.feasible.any(), "it reports a feasible answer to infeasible limits")
        require(
            (found.status == Status.INFEASIBLE).all() and np.isin(found.claim, ["", Status.INFEASIBLE]).all(),
            f"limits that cannot be met: it says {found.claim[0] or found.status[0]}, not {Status.INFEASIBLE}",
        )


@check("allocator")
def one_user(part: Allocator) -> None:
    """A problem with one user is solved like any other."""
    found = verified_answer(part, posed_for(part, problems.problem(1, batch=(1,))), "one user")
    require(np.isfinite(found.sum_rate).all(), "with one user, it has no answer")


@check("allocator")
def many_users(part: Allocator) -> None:
    """A problem with a hundred users, with gains over five decades, is solved like any other."""
    problem = posed_for(part, problems.problem(100, seed=5, batch=(1,)))
    found = verified_answer(part, problem, "100 users")
    require(np.isfinite(found.sum_rate).all(), f"with 100 users, it has no answer: {found.message[0]}")
    require(found.feasible.all() or found.claim[0] not in CLAIMS, "with 100 users, its answer violates a limit")


@check("allocator")
def batch_is_its_members(part: Allocator) -> None:
    """Answers to a batch equal those to its members, for any leading axes."""
    for batch in ((), (1,), (2, 3)):
        problem = posed_for(part, problems.problem(3, seed=6, batch=batch))
        together = verified_answer(part, problem, f"batch axes {batch}")
        for index in np.ndindex(batch):
            alone = verified_answer(part, problem[index], "no batch axes")
            gap = np.abs(together.communication[index] - alone.communication).max()
            require(gap <= TOLERANCE, f"in a batch of shape {batch}, shares differ by {gap:.3g} from those alone")


@check("allocator")
def other_problems_do_not_matter(part: Allocator) -> None:
    """The answer to a problem is bitwise independent of the problems solved before."""
    first, other = (
        posed_for(part, problems.problem(3, seed=seed, batch=(1,), share=share))
        for seed, share in ((7, 0.6), (8, 0.3))
    )
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
        problem = posed_for(part, problems.problem(3, seed=seed, batch=(1,), coupled=True))
        try:
            found = verified_answer(part, problem, "coupling")
        except CheckSkipped:
            return
        false = np.isin(found.claim, CLAIMS) & ~found.feasible
        require(not false.any(), "with coupling, its answer violates a limit")
        beaten = goals.is_worse(problem.objective, float(found.value[0]), goals.best_value(problem, found))
        require(
            found.claim[0] != Status.OPTIMAL or not beaten,
            "with coupling, its claimed optimum is not optimal",
        )


@check("allocator")
def differing_signals_are_solved_or_refused(part: Allocator) -> None:
    """Several targets or streams, and users whose signals differ, are taken into account or refused."""
    for targets, streams in ((1, 1), (1, 2), (2, 1), (2, 2)):
        title = f"{targets} target(s) and {streams} stream(s) whose signals differ"
        problem = problems.general_problem(3, targets=targets, streams=streams, batch=(1,))
        x, q = 0.4 * problem.equal_split, np.full((1, streams), 0.6 / streams)
        problem = posed_for(part, attrs.evolve(problem, crlb_limit=1.05 * problem.crlb(x, q)))
        try:
            found = verified_answer(part, problem, title)
        except CheckSkipped:
            continue
        false = np.isin(found.claim, CLAIMS) & ~found.feasible
        require(not false.any(), f"with {title}, it says {found.claim[0]}, but its answer violates a limit")
        require(
            found.claim[0] not in _OPTIMA
            or found.value[0] >= problem.value(x, q)[0] - TOLERANCE * abs(found.value[0]),
            f"with {title}, its claimed optimum is not optimal",
        )


@check("allocator")
def time_limit_is_honoured(part: Allocator) -> None:
    """An allocator stops within seconds of its time limit, with an answer or without."""
    problem = posed_for(part, problems.problem(30, seed=10, batch=(1,)))
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
    problem = posed_for(part, problems.problem(3, batch=batch))
    try:
        shares = own_answer(part, problem)
    except IncompatibleError as error:
        raise CheckSkipped(str(error)) from None
    require(isinstance(shares, Shares), f"solve must return Shares, got {type(shares).__name__}")
    shapes = shares.communication.shape, shares.sensing.shape
    require(shapes == ((*batch, 3), batch), f"for a problem with batch axes {batch}, shares have shapes {shapes}")


@sample_run("allocator")
def _of_allocator(part: Allocator, seed: int) -> SampleRun:
    def numbers(found: Allocation | Shares) -> Numbers:
        return {"communication": found.communication, "sensing": found.sensing}

    return SampleRun(
        inputs={"problem": posed_for(part, problems.problem(3, seed=seed, batch=(2,) * part.vectorized))},
        direct=lambda problem: numbers(own_answer(part, problem)),
        framework=lambda problem: numbers(verified_answer(part, problem)),
    )
