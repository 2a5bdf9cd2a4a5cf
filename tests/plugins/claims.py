"""A checker of claims over random problems of the whole valid range, with fixed rules.

A claim is false if one of these rules is broken. Requirements are evaluated in rational numbers, without rounding
errors, from the fields of the problem and the shares of the answer, and in double precision where they concern
rates, which are sums and quotients of nonnegative numbers.

1. `optimal`, `locally_optimal` and `feasible`: no requirement is violated by more than
   :data:`isacfw.FEASIBILITY_TOLERANCE`, relatively.
2. `optimal`: no allocation that meets all requirements with a margin of :data:`MARGIN` is better by more than
   :data:`LOSS`, relatively. Within the margin, the rounding errors of the requirements themselves decide which
   allocations are feasible. Known allocations are the answers of all allocators and, where users differ in their
   gains alone and a utility is to be maximised, the split of the largest share that leaves the margin.
3. `locally_optimal`, on problems on which each local optimum is a global one: the same with a hundredth.
4. `infeasible` without an answer: no known allocation meets all requirements with the margin.

A row without a claim (`failed`, `timed_out`, `skipped`) breaks no rule, and is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
from numerics import crlb_at_full_power, make_problem, random_geometry
from numpy.random import Generator

import isacfw
from isacfw import Allocation, FloatArray, PowerAllocationProblem
from isacfw.allocation.closed_form import has_closed_form
from isacfw.sensing.reduction import reduction
from isacfw_plugins.objectives.alpha_fair import AlphaFair
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.objectives.proportional_fair import ProportionalFair
from isacfw_plugins.objectives.sinr_product import SINRProduct

MARGIN = 1e-12
POWER = 1e-13
"""Share of the power, above all or below nothing, that counts as a rounding error of sums."""
LOSS = {"optimal": 1e-6, "locally_optimal": 0.01}

OBJECTIVES: tuple[isacfw.Objective, ...] = (
    isacfw.SumRate(),
    isacfw.SumRate(),
    isacfw.SumRate(),
    MaxMin(),
    SINRProduct(),
    ProportionalFair(),
    AlphaFair(alpha=2.0),
    isacfw.LeastPower(),
    isacfw.LeastCRLB(),
)


@attrs.frozen(kw_only=True)
class Point:
    """Shares of users and streams."""

    name: str
    x: FloatArray
    q: FloatArray


def information(fisher: list[list[Fraction]], jacobians: FloatArray, known: FloatArray, angle: int) -> Fraction:
    """Return the information on an angle, by elimination of all other unknowns without rounding errors."""
    basis, row = reduction(jacobians, known, angle)
    if basis is None or row is None:
        return Fraction(0)
    columns = [[Fraction(float(one)) for one in column] for column in basis.T]
    order = range(len(columns))
    weighted = [[sum(a * b for a, b in zip(line, column, strict=True)) for line in fisher] for column in columns]
    reduced = [
        [sum((a * b for a, b in zip(one, other, strict=True)), Fraction(0)) for other in weighted]
        for one in columns
    ]
    wanted = [Fraction(float(one)) for one in row]
    # The largest value of 2 w·c - c·R·c is the variance w·R^-1·w.
    variance = Fraction(0)
    for pivot in order:
        if reduced[pivot][pivot] <= 0:
            if wanted[pivot]:
                return Fraction(0)
            continue
        variance += wanted[pivot] ** 2 / reduced[pivot][pivot]
        for other in order[pivot + 1 :]:
            factor = reduced[other][pivot] / reduced[pivot][pivot]
            if factor:
                wanted[other] -= factor * wanted[pivot]
                for column in order:
                    reduced[other][column] -= factor * reduced[pivot][column]
    return 1 / variance if variance else Fraction(0)


def _mix(
    shares: list[Fraction], alike: FloatArray, each: FloatArray | None, more: list[list[Fraction]] | None = None
) -> list[list[Fraction]]:
    """Return the Fisher information of equal or differing signals, and more."""
    terms = [(sum(shares), alike)] if each is None else zip(shares, each, strict=True)
    order = range(alike.shape[-1])
    found = more or [[Fraction(0) for _ in order] for _ in order]
    for share, fisher in terms:
        found = [
            [one + share * Fraction(other) for one, other in zip(*rows, strict=True)]
            for rows in zip(found, fisher.tolist(), strict=True)
        ]
    return found


def excess(problem: PowerAllocationProblem, point: Point) -> float:
    """Return the largest relative violation of a requirement, negative if all are met with a margin.

    Shares below zero, or more than the power, count beyond rounding errors.
    """
    x, q = point.x, point.q
    shares = list(map(Fraction, [*x.tolist(), *q.tolist()]))
    missing = max(-float(min(shares)), float(sum(shares) - 1))
    worst = missing if missing > POWER else -1.0
    pairs = [(problem.fisher_communication, problem.fisher_sensing, problem.jacobians)]
    if problem.displaced_communication is not None:
        displaced = problem.displaced_communication, problem.displaced_sensing, problem.displaced_jacobians
        pairs += list(zip(*map(np.asarray, displaced), strict=True))
    for number, (communication, sensing, jacobians) in enumerate(pairs):
        users = None if number else problem.fisher_users
        streams = None if number else problem.fisher_streams
        fisher = _mix(shares[: len(x)], communication, users, _mix(shares[len(x) :], sensing, streams))
        for angle, limit in enumerate(problem.crlb_limit.tolist()):
            if np.isfinite(limit) and not problem.known[angle]:
                found = information(fisher, jacobians, problem.known, angle)
                worst = max(worst, float(1 / (found * Fraction(limit)) - 1) if found else np.inf)
    if problem.minimum_rate is not None:
        rates = problem.rates_of(problem.sinr(x, q))
        needed = problem.minimum_rate > 0
        with np.errstate(divide="ignore"):
            worst = max(worst, *(1 - rates[needed] / problem.minimum_rate[needed]).tolist(), -1.0)
    return worst


def with_margin(problem: PowerAllocationProblem) -> Iterator[Point]:
    """Yield the split of the largest share for communication that leaves the margin, if there is one."""
    objective = problem.objective
    if (
        not isinstance(objective, isacfw.Utility)
        or not has_closed_form(problem)
        or problem.minimum_rate is not None
    ):
        return

    def point(f: float) -> Point:
        inverse = problem.sensing_interference * (1 - f) + problem.common_interference * f + 1
        with np.errstate(over="ignore"):
            inverse = np.minimum(inverse / np.maximum(problem.gain, 1e-300), 1e300)
        split = objective.split(inverse, np.asarray(f))
        return Point(name="the split with a margin", x=split, q=np.array([1 - f]))

    def fits(f: float) -> bool:
        return excess(problem, Point(name="", x=np.array([f]), q=np.array([1 - f]))) <= -2 * MARGIN

    # Where the limits are met is an interval, which may be tiny and next to 0.
    grid = [1.0, 1 - 1e-3, *(2.0**-power for power in range(1, 60)), 0.0]
    inside = next((f for f in grid if fits(f)), None)
    if inside is None:
        return
    low, high = inside, min(1.0, 2 * inside)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    yield point(low)


def false_claims(problem: PowerAllocationProblem, answers: dict[str, Allocation]) -> list[str]:
    """Return the claims of answers that break a rule, each in a line."""
    points = {
        name: Point(name=name, x=np.asarray(one.communication), q=np.atleast_1d(one.streams))
        for name, one in answers.items()
        if np.isfinite(one.communication).all() and np.isfinite(one.streams).all()
    }
    others = [*points.values(), *with_margin(problem)]
    margins = [excess(problem, point) for point in others]
    sign = 1 if problem.objective.rises else -1
    signed = problem.objective.reported().signed
    within = [
        (sign * float(problem.value(point.x, point.q)), point.name)
        for point, margin in zip(others, margins, strict=True)
        if margin <= -MARGIN
    ]
    best, by = max(within, default=(-np.inf, ""))
    found = []
    for name, answer in answers.items():
        status, value = str(answer.status), sign * float(answer.value)
        if status in ("optimal", "locally_optimal", "feasible"):
            broken = margins[list(points).index(name)]
            if not broken <= isacfw.FEASIBILITY_TOLERANCE * (1 + 1e-6):
                found.append(f"{name}: {status}, but violates a requirement by {broken:.2g}")
        if status in LOSS and (status == "optimal" or has_closed_form(problem)):
            size = max(abs(best), 1.0) if signed else abs(best)
            if best - value > LOSS[status] * size:
                found.append(f"{name}: {status} at {sign * value:.6g}, but {by} has {sign * best:.6g}")
        if status == "infeasible" and name not in points and within:
            found.append(f"{name}: infeasible, but {by} meets all requirements with a margin")
    return found


def random_problem(generator: Generator, *, near: bool = True) -> PowerAllocationProblem:
    """Return a problem of the whole valid range: by scenario, or with fields of their own.

    Parameters
    ----------
    generator : Generator
        Source of randomness.
    near : bool
        Whether the limits of a scenario are moved to where they can just be met; if not, they are as drawn.
    """
    problem = None if generator.random() < 0.7 else _weighted_problem(generator)
    while problem is None:
        try:
            problem = _problem_of_scenario(generator, near=near)
        except isacfw.IsacError:
            continue  # Such as zero forcing with collinear estimates: no problem, and no claim.
    objective = OBJECTIVES[generator.integers(len(OBJECTIVES))]
    if isinstance(objective, isacfw.LeastCRLB) and not np.isfinite(problem.crlb_limit).any():
        objective = isacfw.SumRate()
    problem = attrs.evolve(problem, objective=objective)
    if generator.random() < 0.25 or isinstance(objective, isacfw.LeastPower | isacfw.LeastCRLB):
        problem = _with_minimum_rates(problem, generator)
    return problem


def wide_problem(generator: Generator, *, nearest: float = 12.0, one_weak: float = 0.0) -> PowerAllocationProblem:
    """Return a problem with gains over up to 300 dB, users far apart, and limits from slack to infeasible.

    Parameters
    ----------
    generator : Generator
        Source of randomness.
    nearest : float
        Decades by which the share at the limit may be near 0 or 1.
    one_weak : float
        Probability with which the first of several users is 50 dB weaker than the second.
    """
    users = int(generator.choice([1, 2, 3, 4, 8]))
    fisher = random_geometry(generator, aligned=bool(generator.random() < 0.5)).fisher()
    scale = 10 ** generator.uniform(-30, 30) if generator.random() < 0.5 else 1.0
    fisher = fisher[0] * scale, fisher[1] * scale
    gain = float(generator.choice([1.0, 1e3, 1e-20, 10 ** generator.uniform(-30, 30)]))
    gain = gain * 10 ** -generator.uniform(0, float(generator.choice([1, 5, 10, 30])), users)
    if one_weak and users > 1 and generator.random() < one_weak:
        gain[0] = 1e-5 * gain[1]
    near = 10 ** -generator.uniform(0, nearest)
    share = near if generator.random() < 0.5 else 1 - near
    slack_db = float(generator.choice([0.0, generator.uniform(0, 1), 30.0, -1e-4]))
    return make_problem(
        gain=gain,
        interference=10 ** generator.uniform(-2, 8, users),
        ratio=generator.uniform(0, 1, users) * float(generator.choice([1.0, 1e-4, 0.0])),
        fisher=fisher,
        limit=crlb_at_full_power(*fisher, np.asarray(share)) * 10 ** (slack_db / 10),
    )


def _weighted_problem(generator: Generator) -> PowerAllocationProblem:
    problem = wide_problem(generator)
    return attrs.evolve(problem, weight_power=10 ** generator.uniform(-2, 2, problem.users))


def _angles(generator: Generator) -> dict[str, Any]:
    at_pole = generator.random() < 0.25
    near = float(generator.choice([0.0, 1e-9, 1e-5, 0.1]))
    found: dict[str, Any] = {
        "azimuth_deg": float(generator.choice([-90, 0, 90, 180]))
        if at_pole
        else float(generator.uniform(-180, 180)),
        "elevation_deg": float(generator.choice([0, 90, 180]) + near)
        if at_pole
        else float(generator.uniform(5, 175)),
        "reflection_amplitude": float(10 ** generator.uniform(-3, 0)),
    }
    if found["elevation_deg"] > 180:
        found["elevation_deg"] = 180 - near
    if generator.random() < 0.25:
        found["known"] = [str(generator.choice(["azimuth", "elevation"]))]
    return found


def _problem_of_scenario(generator: Generator, *, near: bool) -> PowerAllocationProblem:
    users = int(generator.choice([1, 2, 3, 5, 8, 40, 5000], p=[0.1, 0.2, 0.2, 0.2, 0.15, 0.1, 0.05]))
    span = float(generator.choice([1, 10, 100, 300]))
    snr_db = float(generator.choice([generator.uniform(-300, 300), generator.uniform(-30, 40)]))
    beams: list[Any] = ["steered", "difference"]
    offsets = {"kind": "designed", "robust_offsets_deg": [[0.5, 0.0], [-0.5, 0.3]]}
    beam = beams[generator.integers(2)] if generator.random() < 0.8 else offsets
    document: dict[str, Any] = {
        "snr_db": snr_db,
        "seed": int(generator.integers(2**31)),
        "transmit_array": {"kind": "upa", "horizontal": int(generator.integers(2, 7)), "vertical": 4},
        "receive_array": {"kind": "upa", "horizontal": int(generator.integers(2, 7)), "vertical": 4},
        "channel": {
            "kind": "rayleigh",
            "large_scale_fading": (10 ** (generator.uniform(-span, 0, users) / 10)).tolist(),
            "pilot_length": int(generator.choice([1, 2, 10])),
            "pilot_snr_db": float(generator.choice([30.0, generator.uniform(-300, 300)])),
            "estimates": str(generator.choice(["independent", "independent", "physical", "perfect"])),
        },
        "targets": [_angles(generator) for _ in range(1 + int(generator.random() < 0.2))],
        "precoders": ["mrt" if users > 8 or generator.random() < 0.7 else "zf"],
        "beams": [beam],
        "allocators": ["exact"],
        "sensing": {"crlb_limit_db": float(generator.uniform(-60, 0))},
    }
    scenario = isacfw.load_scenario(document).scenario
    statistics, precoder, beam = scenario.statistics([0]), scenario.precoders[0], scenario.compared_beams[0]
    link, streams = scenario.link_statistics(precoder, statistics), scenario.beam_statistics(beam, statistics)
    problem = scenario.problem(precoder, statistics, link, beam, streams)[0]
    if not near:
        return problem
    # A factor of all limits at which they are just met, and one for the distance from there.
    just = float(problem.line.smallest_excess())
    if not (np.isfinite(just) and just > 0):
        return problem
    apart = 10 ** generator.uniform(-13, 2)
    factor = just * float(generator.choice([1 + apart, 1 + apart, 1 + apart, 1.0, 1 - min(apart, 0.5)]))
    return attrs.evolve(problem, crlb_limit=problem.crlb_limit * factor)


def _with_minimum_rates(problem: PowerAllocationProblem, generator: Generator) -> PowerAllocationProblem:
    """Return the problem with minimum rates between slack and a hair above infeasible, by an equal split."""
    f = problem.largest_communication_share if problem.fisher_users is None else np.asarray(0.5)
    f = 0.5 if np.isnan(f) else float(f)
    rates = problem.rates_of(problem.sinr(f * problem.equal_split, np.asarray(1 - f)))
    factor = float(generator.choice([10 ** -generator.uniform(0, 3), 1 - 10 ** -generator.uniform(3, 13), 1.0]))
    return attrs.evolve(problem, minimum_rate=rates * factor)


def answers_of(problem: PowerAllocationProblem, allocators: dict[str, Any]) -> dict[str, Allocation]:
    """Return the answers of allocators to a problem."""
    return {name: allocator.allocate(problem) for name, allocator in allocators.items()}


def count(
    problems: Iterable[PowerAllocationProblem], allocators: dict[str, Any]
) -> tuple[Counter[str], list[str]]:
    """Return how often each allocator has each status, and all false claims, each in a line with its problem."""
    statuses: Counter[str] = Counter()
    found = []
    for number, problem in enumerate(problems):
        answers = answers_of(problem, allocators)
        statuses.update(f"{name} {answer.status}" for name, answer in answers.items())
        found += [f"problem {number}: {one}" for one in false_claims(problem, answers)]
    return statuses, found
