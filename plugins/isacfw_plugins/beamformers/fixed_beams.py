"""Fixed beams, the power of which is allocated."""

from __future__ import annotations

from typing import Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Beams, ComplexArray, FloatArray, ReducedProblem, Status
from isacfw.validators import number, real

ACCURACY = 1e-11
"""Distance from the optimum, relative to the CRB, at which the barrier method ends."""
RIDGE = 1e-13
"""Added to the diagonal of the scaled Hessian, which is singular for beams that are multiples of each other."""
MOST_STEPS = 100
"""Largest number of Newton steps for one parameter of the barrier."""


@attrs.frozen(kw_only=True, eq=False)
class FixedSplit:
    """Power of fixed beams.

    Parameters
    ----------
    shares : ndarray, shape (B,)
        Share of the power for each beam, users first.
    value : float
        CRB, in the units of the problem.
    bound : float
        Lower bound of the CRB for all shares of these beams.
    """

    shares: FloatArray
    value: float
    bound: float


@final
@attrs.frozen(kw_only=True)
class FixedBeams(isacfw.Beamformer):
    r"""Regularised zero-forcing beams for users and targets, with the power split of least CRB.

    Parameters
    ----------
    regularisation : float
        :math:`\rho`, in the unit of squared channels.
    sensing_regularisation : float
        :math:`\lambda` of the sensing beams, in the same unit.

    Notes
    -----
    Beams are the unit-norm columns of :math:`H (H^H H + \rho I)^{-1}` and of :math:`(I - H (H^H H + \lambda
    I)^{-1} H^H) a_t`, one for each target: the sensing-focused design of Topal et al., "Multi-target integrated
    sensing and communications in massive MIMO systems", in instantaneous form. For an extended target, all
    directions that the channels span take the place of the steering vectors, and all others get power evenly.
    The CRB is convex in the shares of the power and the SINR targets are linear: a barrier method, certified by
    the dual of one linear program on the gradient.
    """

    name: ClassVar[str] = "fixed_beams"

    regularisation: float = attrs.field(default=0.01, converter=real, validator=number(above=0))
    sensing_regularisation: float = attrs.field(default=0.05, converter=real, validator=number(above=0))

    def solve(self, problem: isacfw.BeamformingProblem) -> Beams:
        """Return the beams with the best shares of the power."""
        reduced = problem.reduce()
        beams = self.beams(problem, reduced)
        split = best_split(reduced, beams)
        if split is None:
            return Beams.none(problem, Status.INFEASIBLE, "these beams reach the SINR targets with no split")
        weights, sensing, rest = reduced.lift(beams * np.sqrt(split.shares))
        gap = 1 - split.bound / split.value
        message = f"no other split of the power of these beams has a CRB lower by more than {max(gap, 1e-12):.1g}"
        return Beams(weights=weights, sensing=sensing, rest=rest, status=Status.FEASIBLE, message=message)

    def split(self, problem: isacfw.BeamformingProblem) -> FixedSplit | None:
        """Return the best shares of the power, and a lower bound of the CRB with these beams; None if none do."""
        reduced = problem.reduce()
        return best_split(reduced, self.beams(problem, reduced))

    def beams(self, problem: isacfw.BeamformingProblem, reduced: ReducedProblem) -> ComplexArray:
        """Return the beams in the dimensions of the reduced problem, with unit norm, users first; (E, B)."""
        channels = reduced.channels / np.sqrt(problem.power)
        gram = channels.conj().T @ channels
        even = np.eye(problem.users)
        users = channels @ np.linalg.inv(gram + self.regularisation * even)
        aims = np.eye(reduced.dimensions, dtype=np.complex128)
        if isinstance(problem.sensed, isacfw.PointTargets):
            aims = reduced.basis.conj().T @ problem.sensed.steering[:, ::3]
        known = np.linalg.solve(gram + self.sensing_regularisation * even, channels.conj().T @ aims)
        found = np.concatenate([users, aims - channels @ known], axis=-1)
        norms = np.linalg.norm(found, axis=0)
        return np.asarray(found / np.where(norms > 0, norms, 1.0))


@attrs.frozen(kw_only=True, eq=False)
class _Shares:
    """The CRB and the constraints as functions of the shares; rows @ shares ≥ floors and shares ≥ 0."""

    problem: ReducedProblem
    information: ComplexArray | FloatArray
    rows: FloatArray
    floors: FloatArray

    @classmethod
    def of(cls, problem: ReducedProblem, beams: ComplexArray) -> _Shares:
        covariances = np.einsum("db,eb->bde", beams, beams.conj())
        gains = np.abs(problem.channels.conj().T @ beams) ** 2
        rows, floors = [-np.ones(beams.shape[1])], [-1.0]
        for user in np.flatnonzero(problem.floors > 0):
            row = -gains[user]
            row[user] = gains[user, user] / problem.floors[user]
            size = float(np.abs(row).max()) or 1.0
            rows.append(row / size)
            floors.append(1 / size)
        return cls(
            problem=problem,
            information=problem.measure.information(covariances),
            rows=np.array(rows),
            floors=np.array(floors),
        )

    def derivatives(self, shares: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the CRB in units of the measure, its gradient and its Hessian."""
        selection = self.problem.measure.selection
        inverse = np.linalg.inv(np.tensordot(shares, self.information, axes=1))
        best = inverse @ selection
        slopes = self.information @ best
        gradient = -np.einsum("dr,bdr->b", best.conj(), slopes).real
        hessian = 2 * np.einsum("adr,de,ber->ab", slopes.conj(), inverse, slopes, optimize=True).real
        return float((selection * best.real).sum()), gradient, hessian

    def slacks(self, shares: FloatArray) -> FloatArray:
        return np.concatenate([self.rows @ shares - self.floors, shares])

    def interior(self) -> FloatArray | None:
        """Return shares with the largest smallest slack, or None if no shares meet all constraints."""
        from scipy.optimize import linprog

        count = self.rows.shape[1]
        everything = np.concatenate([self.rows, np.eye(count)])
        least = np.concatenate([self.floors, np.zeros(count)])
        found = linprog(
            np.append(np.zeros(count), -1.0),
            A_ub=np.column_stack([-everything, np.ones(len(everything))]),
            b_ub=-least,
            bounds=[(None, None)] * count + [(None, 1.0)],
            options=_limited(),
        )
        return found.x[:-1] if found.x is not None and found.x[-1] > 0 else None

    def bound(self, shares: FloatArray) -> float:
        """Return a lower bound of the CRB from the tangent at shares, in units of the measure."""
        from scipy.optimize import linprog

        value, gradient, _ = self.derivatives(shares)
        found = linprog(gradient / value, A_ub=-self.rows, b_ub=-self.floors, options=_limited())
        multipliers = -found.ineqlin.marginals * value
        # A feasible point of the dual, whatever the accuracy of the linear program.
        multipliers[0] += max(0.0, float((self.rows.T @ multipliers - gradient).max()))
        return float(value - gradient @ shares + self.floors @ multipliers)


def _limited() -> Any:
    """Return options of a linear program: the time that is left, if it is limited."""
    left = isacfw.seconds_left()
    return {"time_limit": left} if np.isfinite(left) else {}


def best_split(problem: ReducedProblem, beams: ComplexArray) -> FixedSplit | None:
    """Return the best shares of the power for unit-norm beams (E, B); None if none meet the targets."""
    shares = _Shares.of(problem, beams)
    point = shares.interior()
    if point is None:
        return None
    unit, sharpness = problem.measure.unit, 1.0
    everything = np.concatenate([shares.rows, np.eye(len(point))])
    while sharpness < len(everything) / ACCURACY:
        for _ in range(MOST_STEPS):
            value, gradient, hessian = shares.derivatives(point)
            slack = shares.slacks(point)
            own = sharpness / value
            slope = own * gradient - everything.T @ (1 / slack)
            curvature = own * hessian + (everything.T / slack**2) @ everything
            size = 1 / np.sqrt(np.diagonal(curvature))
            scaled = size[:, None] * curvature * size + RIDGE * np.eye(len(size))
            step = -size * np.linalg.solve(scaled, size * slope)
            if -(slope @ step) < 1e-10:
                break
            point = _advance(shares, point, step, own)
        sharpness *= 10.0
    value = shares.derivatives(point)[0]
    return FixedSplit(shares=point, value=unit * value, bound=unit * shares.bound(point))


def _advance(shares: _Shares, point: FloatArray, step: FloatArray, weight: float) -> FloatArray:
    """Return the point after a step, shortened until it is inside and the barrier function has fallen."""

    def barrier(at: FloatArray) -> float:
        slack = shares.slacks(at)
        return weight * shares.derivatives(at)[0] - float(np.log(slack).sum()) if (slack > 0).all() else np.inf

    before, length = barrier(point), 1.0
    while length > 1e-12:
        if (after := barrier(point + length * step)) < before or np.isclose(after, before, rtol=1e-15):
            return np.asarray(point + length * step)
        length /= 2
    return point


@isacfw.hookimpl
def register_beamformers() -> list[type[isacfw.Beamformer]]:
    """Offer the beamformer."""
    return [FixedBeams]
