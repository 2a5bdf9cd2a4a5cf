"""Problems with objectives and requirements, for the checks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import cast

import attrs
import numpy as np

from ..allocation.allocation import Allocation
from ..allocation.objective import Objective
from ..allocation.problem import PowerAllocationProblem
from ..allocation.setting import Echoes, Radar, Setting
from ..base.errors import InputError
from ..base.numbers import FloatArray, read_only
from ..base.part import Part
from ..host.host import default_host
from . import problems
from .checks import CheckSkipped

USERS = (3, 2, 4, 1, 5, 6, 8, 12)
"""Numbers of users of sample problems, in the order in which they are tried."""

TOLERANCE = 1e-6
POINTS = 2000
_STEPS = (0.003, 0.03, 0.3, 1.0)


def built_in_objectives() -> tuple[Objective, ...]:
    """Return the examples of all built-in objectives."""
    infos = [info for info in default_host().parts("objective") if info.provider == "isacfw"]
    return cast(tuple[Objective, ...], tuple(one for info in infos for one in info.cls.examples()))


def setting(
    *,
    users: int | None = 3,
    targets: int = 1,
    limit: float = 1e-4,
    known: tuple[int, ...] = (),
    required: bool = True,
) -> Setting:
    """Return a setting with the same limit on all angles.

    Parameters
    ----------
    users, targets : int
        Numbers K and T.
    limit : float
        Largest CRLB of each angle in rad²; infinite for none.
    known : tuple of int
        Numbers of the angles that count as known, from 0.
    required : bool
        Whether there is any requirement.
    """
    angles = np.arange(2 * targets)
    return Setting(
        users=users,
        targets=targets,
        crlb_limit=cast(FloatArray, read_only(np.full(2 * targets, limit))),
        known=cast(FloatArray, read_only(np.isin(angles, known).astype(np.float64))),
        required=required,
        find_echoes=partial(
            Echoes, energy=cast(FloatArray, read_only(np.geomspace(20, 80, targets))), frame_length=30, antennas=9
        ),
        find_radar=partial(
            Radar,
            power=10.0,
            self_interference=1e-3,
            reflection_power=cast(FloatArray, read_only(np.geomspace(0.05, 0.2, targets))),
            elements=9 * 64 * 14,
        ),
    )


def settings() -> dict[str, Setting]:
    """Return settings of all kinds by their descriptions in messages."""
    return {
        "one target": setting(),
        "two targets": setting(targets=2, users=2),
        "three targets": setting(targets=3, users=4, limit=np.inf),
        "one user": setting(users=1),
        "twelve users": setting(users=12),
        "an unknown number of users": setting(users=None),
        "a known elevation": setting(known=(1,)),
        "a known target": setting(targets=2, known=(0, 1)),
        "known angles only": setting(known=(0, 1)),
        "no limits": setting(limit=np.inf),
        "no requirements": setting(limit=np.inf, required=False),
    }


def accepted_users(objective: Objective) -> int:
    """Return a number of users that an objective accepts.

    Raises
    ------
    CheckSkipped
        If it accepts none.
    """
    for users in USERS:
        try:
            objective.check(setting(users=users))
        except InputError:
            continue
        return users
    raise CheckSkipped(f"it accepts none of {', '.join(map(str, sorted(USERS)))} users")


def accepts(objective: Objective, problem: PowerAllocationProblem) -> bool:
    """Return whether an objective accepts the limits of a problem, which has one batch axis at most."""
    own = Setting(
        users=problem.users,
        targets=problem.targets,
        crlb_limit=problem.crlb_limit.reshape(-1, 2 * problem.targets)[0],
        known=problem.known.reshape(-1, 2 * problem.targets)[0],
        required=problem.limited or problem.minimum_rate is not None,
    )
    try:
        objective.check(own)
    except InputError:
        return False
    return True


def with_minimum_rates(problem: PowerAllocationProblem, share: float = 0.5) -> PowerAllocationProblem:
    """Return a problem with minimum rates, a part of those of an allocation that meets the CRLB limits."""
    x, q = _reference(problem)
    return attrs.evolve(problem, minimum_rate=share * problem.rates(x, q))


def with_sum_limit(problem: PowerAllocationProblem) -> PowerAllocationProblem:
    """Return a problem with a limit on the sum of all CRLBs instead of limits on each of them."""
    x, q = _reference(problem)
    weights = np.ones(2 * problem.targets)
    return attrs.evolve(
        problem,
        crlb_limit=np.full(2 * problem.targets, np.inf),
        crlb_sum_weights=weights[None],
        crlb_sum_limit=1.05 * (weights * problem.crlb(x, q)).sum(axis=-1)[..., None],
    )


def with_linear_floors(problem: PowerAllocationProblem) -> PowerAllocationProblem:
    """Return a problem with two linear requirements, in one of which the users' signals are interference."""
    x, q = _reference(problem)
    rows = np.array([[-0.5, 20.0], [1.0, 5.0]])
    users = np.broadcast_to(rows[:, :1], (1, 2, problem.users))
    streams = np.broadcast_to(rows[:, 1:], (1, 2, problem.streams))
    reached = (users * x[..., None, :]).sum(axis=-1) + (streams * q[..., None, :]).sum(axis=-1)
    return attrs.evolve(problem, linear_users=users, linear_streams=streams, linear_least=1.05 * reached)


def _reference(problem: PowerAllocationProblem) -> tuple[FloatArray, FloatArray]:
    """Return shares with equal factors that meet the CRLB limits."""
    share = np.broadcast_to(problem.largest_communication_share, problem.batch_shape)
    share = np.minimum(share, 0.6)
    x = share[..., None] * problem.equal_split
    return x, np.broadcast_to((1 - share)[..., None] / problem.streams, (*problem.batch_shape, problem.streams))


def with_too_large_rates(problem: PowerAllocationProblem) -> PowerAllocationProblem:
    r"""Return a problem whose minimum rates need a little more than all of the power.

    Notes
    -----
    With the SINRs :math:`\Gamma_k` of the minimum rates, :math:`f \ge \sum_k \Gamma_k (c_k f + 1) / g_k` even
    without sensing. No :math:`f \le 1` meets that if the right-hand side exceeds 1 at :math:`f = 1`.
    """
    alone = problem.gain / (problem.common_interference + 1)
    return attrs.evolve(problem, minimum_rate=problem.rates_of(1.1 * alone / problem.users))


def with_too_high_floor(problem: PowerAllocationProblem) -> PowerAllocationProblem:
    """Return a problem with a linear requirement that all of the power meets to a half."""
    users, streams = np.full((1, 1, problem.users), 1.0), np.full((1, 1, problem.streams), 20.0)
    return attrs.evolve(problem, linear_users=users, linear_streams=streams, linear_least=np.full((1, 1), 40.0))


def with_too_small_sum(problem: PowerAllocationProblem) -> PowerAllocationProblem:
    """Return a problem whose limit on the sum of all CRLBs is a hundredth of that of full power for sensing."""
    given = with_sum_limit(problem)
    nothing = np.zeros((*problem.batch_shape, problem.users))
    least = problem.crlb(nothing, np.ones(problem.batch_shape)).sum(axis=-1)
    return attrs.evolve(given, crlb_sum_limit=0.01 * least[..., None])


def feasible_problems(
    objective: Objective, *, coupled: bool = False
) -> Iterator[tuple[str, PowerAllocationProblem]]:
    """Yield feasible problems with an objective, each in a batch of one, and their descriptions in messages.

    Parameters
    ----------
    objective : Objective
        Their objective.
    coupled : bool
        Whether there is interference that is not common to all users.
    """
    users = accepted_users(objective)
    plain = attrs.evolve(problems.problem(users, seed=11, batch=(1,), coupled=coupled), objective=objective)
    misaligned = problems.problem(users, seed=12, batch=(1,), aligned=False, share=0.3, coupled=coupled)
    misaligned = attrs.evolve(misaligned, objective=objective)
    between = "pairwise interference, " if coupled else ""
    for title, problem in (
        ("CRLB limits", plain),
        ("CRLB limits and minimum rates", with_minimum_rates(misaligned)),
        ("a limit on the sum of CRLBs", with_sum_limit(misaligned)),
        ("a limit on the sum of CRLBs and minimum rates", with_minimum_rates(with_sum_limit(plain))),
        ("linear requirements", with_linear_floors(plain)),
        (
            "linear requirements, CRLB limits and minimum rates",
            with_minimum_rates(with_linear_floors(misaligned)),
        ),
    ):
        if accepts(objective, problem):
            yield f"{shown(objective)}, {between}{title}", problem


def ordinary_problems(cases: int | None = None) -> Iterator[tuple[str, PowerAllocationProblem]]:
    """Yield ordinary problems, and feasible ones with every built-in objective, `cases` of each at most."""
    yield from problems.feasible_problems().items()
    for objective in built_in_objectives():
        yield from itertools.islice(feasible_problems(objective), cases)


def infeasible_problems(objective: Objective) -> Iterator[tuple[str, PowerAllocationProblem]]:
    """Yield problems with requirements that cannot be met, like :func:`feasible_problems`."""
    users = accepted_users(objective)
    plain = attrs.evolve(problems.problem(users, seed=13, batch=(1,)), objective=objective)
    for title, problem in (
        ("minimum rates that cannot be met", with_too_large_rates(plain)),
        ("a sum of CRLBs that cannot be met", with_too_small_sum(plain)),
        ("a linear requirement that cannot be met", with_too_high_floor(plain)),
    ):
        if accepts(objective, problem):
            yield f"{shown(objective)}, {title}", problem


def shown(part: Part) -> str:
    """Return the name of a part with its options."""
    options = {field.name: getattr(part, field.name) for field in attrs.fields(type(part))}
    listed = ", ".join(f"{name}={value}" for name, value in options.items() if value is not None)
    return f"{part.name}({listed})" if listed else part.name


def scale_of(objective: Objective, value: FloatArray | float) -> FloatArray:
    """Return the magnitude to which differences of a value are relative; (...)."""
    return np.maximum(np.abs(value), 1.0 if objective.reported().signed else 0.0)


def is_worse(objective: Objective, value: float, other: float) -> bool:
    """Return whether a value is worse than another by more than the tolerance; False if either is NaN."""
    lack = (other - value) if objective.rises else (value - other)
    return bool(lack > TOLERANCE * scale_of(objective, other))


def best_value(problem: PowerAllocationProblem, found: Allocation) -> float:
    """Return the best value of feasible random shares, also close to an answer, and between it and others.

    Parameters
    ----------
    problem, found : PowerAllocationProblem, Allocation
        A problem in a batch of one, and an answer.

    Returns
    -------
    float
        NaN if no random shares are feasible.
    """
    alone, generator = problem[0], np.random.default_rng(0)
    own = np.concatenate([found.communication[0], found.streams[0]])
    ends = generator.dirichlet(np.full(len(own), 0.5), POINTS) * generator.uniform(size=(POINTS, 1)) ** 0.25
    near = own * np.exp(generator.choice(_STEPS[:-1], (POINTS, 1)) * generator.standard_normal(ends.shape))
    full = near / near.sum(axis=-1, keepdims=True)
    shares = np.concatenate([*(own + step * (ends - own) for step in _STEPS), near, full])
    x, q = shares[:, : alone.users], shares[:, alone.users :]
    values = alone.value(x, q)[alone.violation(x, q) <= 0]
    values = values[np.isfinite(values)]
    return float((np.max if problem.objective.rises else np.min)(values)) if len(values) else np.nan
