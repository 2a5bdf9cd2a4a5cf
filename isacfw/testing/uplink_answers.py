"""Answers of allocators to problems of the uplink, for the checks."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from ..allocation.allocator import Allocator
from ..allocation.status import Status
from ..allocation.uplink import UplinkProblem
from ..base.numbers import FloatArray
from . import goals
from .answers import verified_answer
from .checks import CheckSkipped, require
from .uplink import uplink_problem

CLAIMS = (Status.OPTIMAL, Status.LOCALLY_OPTIMAL, Status.FEASIBLE)
_STEPS = (0.003, 0.03, 0.3)


def require_uplink_answers(part: Allocator) -> None:
    """Check that an allocator for the uplink has answers there that meet what they claim.

    Raises
    ------
    CheckFailed
        If a claimed answer violates a budget or a requirement, or random shares beat a claimed optimum.
    """
    if "uplink" not in part.links:
        return
    for title, problem in _problems():
        try:
            found = verified_answer(part, problem, title)
        except CheckSkipped:
            continue
        claim = found.claim[0]
        require(
            claim not in CLAIMS or found.feasible[0],
            f"with {title}, it says {claim}, but violates a limit by {np.max(found.violation):.3g} of it",
        )
        if claim == Status.OPTIMAL:
            best, value = _best_value(problem[0], found.communication[0]), float(found.value[0])
            worse = goals.is_worse(problem.objective, value, best)
            require(not worse, f"with {title}, its claimed optimum {value:.9g} is beaten by {best:.9g}")


def _problems() -> Iterator[tuple[str, UplinkProblem]]:
    """Yield problems with every built-in objective of the uplink, each in a batch of one."""
    for objective in goals.built_in_objectives():
        if "uplink" in objective.links:
            users = goals.accepted_users(objective)
            plain = uplink_problem(users, batch=(1,), objective=objective)
            floors = 0.3 * plain.rates(np.ones((1, users)), np.ones(1))
            yield f"{goals.shown(objective)} in the uplink", plain
            limited = attrs.evolve(plain, minimum_rate=floors)
            yield f"{goals.shown(objective)} and minimum rates in the uplink", limited


def _best_value(problem: UplinkProblem, x: FloatArray) -> float:
    """Return the best value of feasible random shares, also close to an answer; NaN if none are feasible."""
    generator, shape = np.random.default_rng(0), (1000, problem.users)
    near = x * np.exp(generator.choice(_STEPS, (1000, 1)) * generator.standard_normal(shape))
    users = np.minimum(np.concatenate([near, generator.uniform(size=shape)]), 1.0)
    radar = problem.radar_demand.radar_share(users)
    values = problem.value(users, radar)[problem.violation(users, radar) <= 0]
    values = values[np.isfinite(values)]
    return float((np.max if problem.objective.rises else np.min)(values)) if len(values) else np.nan
