"""Random problems, and oracles that share no formula with the code under test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import attrs
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from numpy.random import Generator
from numpy.typing import NDArray

from isacfw import Array, Direction, FloatArray, PowerAllocationProblem
from isacfw.sensing.fisher import EchoModel, fisher_information
from isacfw_plugins.arrays.upa import UPA

PROPERTY = settings(derandomize=True, deadline=None, database=None, max_examples=60)

SEEDS = st.integers(min_value=0, max_value=2**32 - 1)


@final
@attrs.frozen(kw_only=True)
class Scattered(Array):
    """Elements anywhere in the plane, their centroid off the origin: only the base class's formulas apply."""

    points: tuple[tuple[float, float], ...]

    def positions(self) -> FloatArray:
        return np.array(self.points)


def scattered(generator: Generator, elements: int) -> Scattered:
    points = generator.uniform(-2, 3, (elements, 2))
    return Scattered(points=tuple((float(m), float(n)) for m, n in points))


@attrs.frozen(kw_only=True)
class Geometry:
    """Everything that the Fisher information depends on."""

    transmit: Array
    receive: Array
    target: Direction
    beam: Direction
    amplitude: float
    frame_length: int

    def fisher(self) -> tuple[FloatArray, FloatArray]:
        return fisher_information(**attrs.asdict(self, recurse=False))


def random_planar(generator: Generator) -> UPA:
    horizontal, vertical = generator.integers(2, 8, 2)
    return UPA(horizontal=int(horizontal), vertical=int(vertical))


def random_direction(generator: Generator) -> Direction:
    """Return a direction that keeps clear of those in which an array is blind."""
    azimuth, elevation = generator.uniform(-75, 75), generator.uniform(15, 165)
    return Direction(azimuth_deg=azimuth, elevation_deg=elevation * generator.choice([-1, 1]))


def offset(direction: Direction, azimuth_deg: float, elevation_deg: float) -> Direction:
    """Return a direction turned by the given angles, within [-180, 180]."""
    azimuth, elevation = direction.azimuth_deg + azimuth_deg, direction.elevation_deg + elevation_deg
    return Direction(azimuth_deg=_wrapped(azimuth), elevation_deg=_wrapped(elevation))


def _wrapped(angle_deg: float) -> float:
    return angle_deg if abs(angle_deg) <= 180 else (angle_deg + 180) % 360 - 180


def random_geometry(generator: Generator, *, aligned: bool, widest_deg: float = 12.0) -> Geometry:
    target = random_direction(generator)
    beam = target if aligned else offset(target, *generator.uniform(-widest_deg, widest_deg, 2))
    return Geometry(
        transmit=random_planar(generator),
        receive=random_planar(generator),
        target=target,
        beam=beam,
        amplitude=float(generator.uniform(0.05, 0.5)),
        frame_length=int(generator.integers(5, 60)),
    )


def crlb_by_inverse(fisher: FloatArray) -> FloatArray:
    """Return the CRLBs by inverting the 4 x 4, scaled so that the inverse is accurate."""
    scale = 1 / np.sqrt(np.diagonal(fisher, axis1=-2, axis2=-1))
    inverse = np.linalg.inv(fisher * scale[..., :, None] * scale[..., None, :])
    return np.asarray((np.diagonal(inverse, axis1=-2, axis2=-1) * scale**2)[..., :2])


def crlb_at_full_power(communication: FloatArray, sensing: FloatArray, share: FloatArray) -> FloatArray:
    weight = np.asarray(share)[..., None, None]
    return crlb_by_inverse(weight * communication + (1 - weight) * sensing)


def largest_share_by_search(communication: FloatArray, sensing: FloatArray, limit: FloatArray) -> float:
    """Return the largest feasible share by a grid and bisection between its last feasible neighbours."""

    def feasible(share: FloatArray | float) -> NDArray[np.bool_]:
        bounds = crlb_at_full_power(communication, sensing, np.asarray(share))
        return np.asarray((bounds <= limit).all(axis=-1))

    grid = np.linspace(0, 1, 4001)
    hits = np.flatnonzero(feasible(grid))
    if not hits.size:
        return np.nan
    if hits[-1] == grid.size - 1:
        return 1.0
    low, high = grid[hits[-1]], grid[hits[-1] + 1]
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if feasible(middle) else (low, middle)
    return float(low)


def make_problem(
    *,
    gain: FloatArray,
    interference: FloatArray,
    ratio: FloatArray,
    fisher: tuple[FloatArray, FloatArray],
    limit: FloatArray,
    prelog: float = 0.9,
) -> PowerAllocationProblem:
    """Return a problem with c = ratio * b; the fields that only translate units are plain."""
    return PowerAllocationProblem(
        gain=gain,
        sensing_interference=interference,
        common_interference=ratio * interference,
        prelog=prelog,
        fisher_communication=fisher[0],
        fisher_sensing=fisher[1],
        crlb_limit=limit,
        power=3.0,
        weight_power=gain / gain.sum(),
        antennas=16,
    )


def limits_met_at(fisher: tuple[FloatArray, FloatArray], share: float, slack_db: FloatArray) -> FloatArray:
    """Return limits that the given communication share meets at full power with the given slack."""
    return np.asarray(crlb_at_full_power(*fisher, np.asarray(share)) * 10 ** (slack_db / 10))


def random_problem(
    generator: Generator, users: int, *, aligned: bool = True, largest_gain: float = 1e3
) -> PowerAllocationProblem:
    """Return a feasible problem with gains over five decades whose limits bind in most cases."""
    fisher = random_geometry(generator, aligned=aligned).fisher()
    return make_problem(
        gain=largest_gain * 10 ** generator.uniform(-5, 0, users),
        interference=10 ** generator.uniform(-2, 2, users),
        ratio=generator.uniform(0, 1, users),
        fisher=fisher,
        limit=limits_met_at(fisher, generator.uniform(0.05, 0.9), generator.uniform(0, 1, 2)),
    )


def random_forms(generator: Generator, model: EchoModel, kinds: int, rank: int) -> NDArray[Any]:
    """Return P^H R P of random covariances R of unit trace; (kinds, 3T, 3T)."""
    positions = model.transmit.positions() - model.transmit.positions().mean(axis=0)
    columns = [steering_columns(positions, direction) for direction in model.directions]
    basis = np.concatenate(columns, axis=1)
    forms = []
    for _ in range(kinds):
        shape = (len(positions), rank)
        factor = generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
        towards = basis[:, ::3] @ generator.uniform(0, 3, (len(columns), rank))
        factor = factor + towards
        factor /= np.linalg.norm(factor)
        seen = basis.conj().T @ factor
        forms.append(seen @ seen.conj().T)
    return np.array(forms)


def steering_columns(positions: FloatArray, direction: Direction) -> NDArray[Any]:
    """Return a and its derivatives by the direction cosines of a planar array; (N, 3)."""
    azimuth, elevation = np.deg2rad([direction.azimuth_deg, direction.elevation_deg])
    cosines = np.array([np.sin(elevation) * np.sin(azimuth), np.cos(elevation)])
    steering = np.exp(1j * np.pi * positions[:, :2] @ cosines)
    return np.column_stack([steering, *(1j * np.pi * positions[:, :2].T * steering)])


def general_problem(
    generator: Generator,
    users: int,
    *,
    streams: int = 2,
    targets: int = 2,
    users_differ: bool = True,
    streams_differ: bool = True,
    coupled: bool = True,
    known: tuple[int, ...] = (),
    slack_db: float | None = None,
) -> PowerAllocationProblem:
    """Return a feasible problem with several targets, users and streams that differ, and limits that bind.

    The limits are met, with the given slack, at random shares; `known` lists angles that are known.
    """
    model = EchoModel(
        transmit=UPA(horizontal=4, vertical=4),
        receive=UPA(horizontal=4, vertical=5),
        directions=tuple(random_direction(generator) for _ in range(targets)),
        amplitudes=generator.uniform(0.2, 0.5, targets) * np.exp(2j * np.pi * generator.uniform(0, 1, targets)),
        frame_length=30,
    )
    # The users' signals tell little of the targets, or else no power would be left over for sensing.
    each = generator.uniform(0.01, 0.3, (users, 1, 1)) * model.fisher(random_forms(generator, model, users, 16))
    beams = model.fisher(random_forms(generator, model, streams, 2))
    plain = random_problem(generator, users)
    known_angles = np.zeros(2 * targets)
    known_angles[list(known)] = 1
    problem = PowerAllocationProblem(
        gain=plain.gain,
        sensing_interference=plain.sensing_interference,
        common_interference=plain.common_interference,
        prelog=0.9,
        fisher_communication=each.mean(axis=0),
        fisher_sensing=beams.mean(axis=0),
        crlb_limit=np.full(2 * targets, np.inf),
        power=3.0,
        weight_power=generator.uniform(0.3, 3, users),
        antennas=16,
        coupling=10 ** generator.uniform(-2, 1, (users, users)) if coupled else None,
        stream_coupling=10 ** generator.uniform(-2, 1, (users, streams)) if coupled else None,
        fisher_users=each if users_differ else None,
        fisher_streams=beams if streams_differ else None,
        jacobians=model.jacobians,
        known=known_angles,
    )
    share = generator.uniform(0.2, 0.8)
    x, q = share * generator.dirichlet(np.ones(users)), (1 - share) * generator.dirichlet(np.ones(streams))
    slack = generator.uniform(0, 1, 2 * targets) if slack_db is None else np.full(2 * targets, slack_db)
    limit = crlb_by_schur(problem, x, q) * 10 ** (slack / 10)
    return attrs.evolve(problem, crlb_limit=np.where(known_angles > 0, np.inf, limit))


def crlb_by_schur(problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> FloatArray:
    """Return the CRLBs (2T,) by inverting the Fisher information in the angles, known ones removed."""
    users = problem.fisher_users
    fisher = x.sum() * problem.fisher_communication if users is None else np.tensordot(x, users, 1)
    streams = problem.fisher_streams
    fisher = fisher + (q.sum() * problem.fisher_sensing if streams is None else np.tensordot(q, streams, 1))
    change = np.eye(4 * problem.targets)
    angles = [4 * target + angle for target in range(problem.targets) for angle in (0, 1)]
    for target, jacobian in enumerate(problem.jacobians):
        change[4 * target : 4 * target + 2, 4 * target : 4 * target + 2] = jacobian
    fisher = change.T @ fisher @ change
    kept = [
        row
        for row in range(len(fisher))
        if row not in {a for a, k in zip(angles, problem.known, strict=True) if k}
    ]
    small = fisher[np.ix_(kept, kept)]
    scale = 1 / np.sqrt(np.diagonal(small))
    inverse = np.full(len(fisher), np.nan)
    inverse[kept] = np.diagonal(np.linalg.inv(small * np.outer(scale, scale))) * scale**2
    return inverse[angles]


def random_shares(generator: Generator, users: int, draws: int) -> tuple[FloatArray, FloatArray]:
    """Return points with x >= 0, q >= 0 and sum x + q <= 1, half of them at full power."""
    f, q, unused = generator.dirichlet(np.ones(3), draws).T
    unused[::2] = 0
    total = f + q + unused
    split = generator.dirichlet(np.full(users, 0.5), draws)
    return (f / total)[:, None] * split, q / total


def feasible_shares(
    problem: PowerAllocationProblem, generator: Generator, draws: int
) -> tuple[FloatArray, FloatArray]:
    """Return random points that meet all limits; the limits are checked by inverting the 4 x 4."""
    x, q = random_shares(generator, problem.users, draws)
    keep = (crlb_by_inverse(problem.fisher(x, q)) <= problem.crlb_limit).all(axis=-1)
    return x[keep], q[keep]


def sum_rate(problem: PowerAllocationProblem, x: FloatArray, q: FloatArray) -> FloatArray:
    """Return the sum rate in bit/s/Hz, term by term from its definition."""
    total = np.zeros(x.shape[:-1])
    f = x.sum(axis=-1)
    for k in range(problem.users):
        noise = 1 + problem.sensing_interference[k] * q + problem.common_interference[k] * f
        if problem.coupling is not None:
            noise = noise + sum(problem.coupling[k, j] * x[..., j] for j in range(problem.users))
        total += problem.prelog * np.log2(1 + problem.gain[k] * x[..., k] / noise)
    return total


STEPS = (1e-6, 1e-4, 1e-2, 0.1, 0.5, 1.0)


def best_improvement(
    problem: PowerAllocationProblem,
    x: FloatArray,
    q: FloatArray,
    generator: Generator,
    draws: int,
    steps: tuple[float, ...] = STEPS,
) -> float:
    """Return the largest relative gain in sum rate on the way from a point to random feasible points.

    The feasible set is convex, so every step of these segments is feasible, and every feasible direction is
    the direction of one.
    """
    other_x, other_q = feasible_shares(problem, generator, draws)
    assert len(other_q) >= draws // 200, "too few feasible points to say anything"
    own = float(sum_rate(problem, x, q))
    best = -np.inf
    for step in steps:
        rates = sum_rate(problem, x + step * (other_x - x), q + step * (other_q - q))
        best = max(best, float(rates.max()) / own - 1)
    return best


def in_pairs(problem: PowerAllocationProblem, generator: Generator) -> PowerAllocationProblem:
    """Return the same problem with part of its common interference written as coupling of all pairs."""
    part = generator.uniform(0, 1, problem.users) * problem.common_interference
    return attrs.evolve(
        problem,
        common_interference=problem.common_interference - part,
        coupling=np.outer(part, np.ones(problem.users)),
    )


def central_difference(
    function: Callable[[FloatArray], NDArray[Any]], x: FloatArray, step: FloatArray | float
) -> NDArray[Any]:
    """Return the derivatives of a function by each entry of `x`, along a new first axis."""
    moves = np.diag(np.broadcast_to(step, x.shape))
    slopes = [(function(x + move) - function(x - move)) / (2 * move.max()) for move in moves]
    return np.array(slopes)
