"""Local minimisation of the CRB over beams, in the dimensions of the reduced problem."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from isacfw import BeamformingProblem, Beams, ComplexArray, FloatArray, ReducedProblem, Status

FLATTEST = 1e-15
"""Relative change of the logarithm of the CRB at which the minimisation ends."""
CURVATURE = 1e-3
"""Weight of the curvature of the SINRs, in units of the noise, in the scale of the variables."""
ACTIVE, EXACT = 1e-6, 1e-14
"""Slack of a constraint below which it counts as active, and violation which counts as none."""


class Descent:
    r"""The logarithm of the CRB and the constraints as functions of real and imaginary parts of the beams.

    Parameters
    ----------
    problem : ReducedProblem
        The problem.
    columns : int
        Number C of beams.

    Notes
    -----
    With unit-norm channels :math:`u_k` and :math:`\sigma_k = 1 / \|h_k\|^2`, a target is :math:`\mathrm{Re}\,
    u_k^H w_k \ge \sqrt{\Gamma_k}\, (\sum_{c \ne k} |u_k^H f_c|^2 + \sigma_k)^{1/2}`, a convex constraint, with
    both sides of one size at any SINR, that also fixes the phase of the beam.
    """

    def __init__(self, problem: ReducedProblem, columns: int) -> None:
        self.problem, self.shape = problem, (problem.dimensions, columns)
        self.served = np.flatnonzero(problem.floors > 0)
        own = problem.channels[:, self.served]
        norms = np.linalg.norm(own, axis=0)
        self.unit, self.noise = own / norms, 1 / norms**2
        self.root = np.sqrt(problem.floors[self.served])
        values, vectors = np.linalg.eigh(
            np.diag(problem.even.max() / problem.even) + CURVATURE * own @ own.conj().T
        )
        self.scale = (vectors / np.sqrt(values)) @ vectors.conj().T
        self.inverse = (vectors * np.sqrt(values)) @ vectors.conj().T

    def beams(self, point: FloatArray) -> ComplexArray:
        """Return the beams at a point; (E, C)."""
        real, imaginary = point.reshape(2, *self.shape)
        return np.asarray(self.scale @ (real + 1j * imaginary))

    def point(self, beams: ComplexArray) -> FloatArray:
        """Return the point of beams; (2EC,)."""
        return _real(self.inverse @ beams)

    def _slope(self, beams: ComplexArray) -> FloatArray:
        """Return the gradient in terms of the point for one in terms of the beams."""
        return _real(self.scale @ beams)

    def objective(self, point: FloatArray) -> tuple[float, FloatArray]:
        """Return the logarithm of the CRB, and its gradient."""
        try:
            value, slope = self.problem.value_and_slope(self.beams(point))
        except np.linalg.LinAlgError:
            return np.inf, np.zeros(point.shape)
        if not value > 0:
            return np.inf, np.zeros(point.shape)
        return float(np.log(value)), self._slope(slope) / value

    def _received(self, point: FloatArray) -> tuple[FloatArray, ComplexArray, FloatArray]:
        """Return the amplitude of each user's own beam, all others, and the size of these and the noise."""
        others = self.unit.conj().T @ self.beams(point)
        own = (np.arange(len(self.served)), self.served)
        wanted = others[own].real
        others[own] = 0.0
        return wanted, others, np.sqrt((np.abs(others) ** 2).sum(axis=-1) + self.noise)

    def constraints(self, point: FloatArray) -> FloatArray:
        """Return what must be nonnegative: a number for each target, and the power that is left."""
        wanted, _, size = self._received(point)
        return np.append(wanted - self.root * size, 1 - np.linalg.norm(self.beams(point)) ** 2)

    def jacobian(self, point: FloatArray) -> FloatArray:
        """Return the gradients of the constraints in rows."""
        _, others, size = self._received(point)
        found = []
        for position, user in enumerate(self.served):
            slope = -self.root[position] / size[position] * np.outer(self.unit[:, position], others[position])
            slope[:, user] = self.unit[:, position]
            found.append(self._slope(slope))
        return np.array([*found, -2 * self._slope(self.beams(point))])


def _real(beams: ComplexArray) -> FloatArray:
    return np.concatenate([beams.real.ravel(), beams.imag.ravel()])


def descend(problem: ReducedProblem, start: ComplexArray, iterations: int) -> ComplexArray:
    """Return beams of locally least CRB, from beams (E, C) that need not meet the targets."""
    from scipy.optimize import minimize

    descent = Descent(problem, start.shape[1])
    constraint: Any = {"type": "ineq", "fun": descent.constraints, "jac": descent.jacobian}
    found = minimize(
        descent.objective,
        descent.point(start),
        jac=True,
        constraints=[constraint],
        method="SLSQP",
        options={"maxiter": iterations, "ftol": FLATTEST},
    )
    return descent.beams(_restored(descent, found.x))


def _restored(descent: Descent, point: FloatArray) -> FloatArray:
    """Return the nearest point that meets constraints which are violated a little."""
    for _ in range(5):
        slack = descent.constraints(point)
        if slack.min() >= -EXACT:
            break
        active = slack < ACTIVE
        point = point - np.linalg.lstsq(descent.jacobian(point)[active], slack[active], rcond=None)[0]
    return point


def infeasible(problem: BeamformingProblem, least_power: float) -> Beams:
    """Return that no beams reach the SINR targets, with a lower bound of the power that they need."""
    message = f"the SINR targets need at least {least_power:.7g} times the power"
    if np.isinf(least_power):
        message = "a user with an SINR target has no channel"
    return Beams.none(problem, Status.INFEASIBLE, message)


def starting_beams(problem: ReducedProblem, streams: int) -> ComplexArray | None:
    """Return beams that meet the targets with full power, or None if no beams do; (E, K + streams).

    The beams of least power, with random parts, always the same, that no user with a target receives.
    """
    least = problem.least_power.beams
    if least is None:
        return None
    generator = np.random.default_rng(0)
    shape = (problem.dimensions, problem.users + streams)
    parts = generator.standard_normal((2, *shape))
    served, _ = np.linalg.qr(problem.channels[:, problem.floors > 0])
    free = parts[0] + 1j * parts[1]
    free -= served @ (served.conj().T @ free)
    power = float((np.abs(least) ** 2).sum())
    if (size := float(np.linalg.norm(free))) > 1e-8:
        free *= np.sqrt(max(1 - power, 0.0) / 2) / size
    found = free
    found[:, : problem.users] += least
    return np.asarray(found / np.linalg.norm(found))


def numbers_of_streams(problem: ReducedProblem) -> Iterator[int]:
    """Yield numbers of sensing streams to try: as few as possible, then enough for any covariance."""
    fewest = max(0, len(problem.measure.selection) - problem.users) if problem.spread else 0
    yield fewest
    if fewest < problem.dimensions:
        yield problem.dimensions
