"""Beams of least CRB by semidefinite relaxation."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Beams, ComplexArray, ReducedProblem, Status
from isacfw.validators import choice, integer

from ..allocators._sca_model import time_options
from ._local import descend, infeasible

NEGLIGIBLE = 1e-9
"""Power of a sensing stream, relative to all, below which it is left out."""


@final
@attrs.frozen(kw_only=True)
class CrbSdr(isacfw.Beamformer):
    r"""Beams of least CRB under SINR targets, by a tight semidefinite relaxation, polished locally.

    Parameters
    ----------
    solver : {"CLARABEL", "SCS"}
        Conic solver of CVXPY.
    polish_iterations : int
        Largest number of iterations of the local method that starts from the solution; 0 for none.

    Notes
    -----
    Minimise :math:`\mathrm{tr}\, U` over Hermitian :math:`W_k, R_s, U \succeq 0` with :math:`[J(R), S; S^H, U]
    \succeq 0`, :math:`R = \sum_k W_k + R_s`, :math:`\mathrm{tr}\, R \le 1` and :math:`(1 + 1/\Gamma_k) h_k^H W_k
    h_k \ge h_k^H R h_k + 1` in the dimensions of the reduced problem. The beams :math:`w_k = W_k h_k / (h_k^H W_k
    h_k)^{1/2}` and :math:`R - \sum_k w_k w_k^H` for sensing have the same CRB and SINRs: Liu et al., IEEE Trans.
    Signal Process. 70, 2022.
    """

    name: ClassVar[str] = "crb_sdr"
    thread_safe: ClassVar[bool] = False

    solver: str = attrs.field(default="CLARABEL", validator=choice("CLARABEL", "SCS"))
    polish_iterations: int = attrs.field(default=200, validator=integer(at_least=0))

    def solve(self, problem: isacfw.BeamformingProblem) -> Beams:
        """Return the beams of the relaxation; the framework certifies them."""
        reduced = problem.reduce()
        least = reduced.least_power
        if least.beams is None:
            return infeasible(problem, least.power)
        solved = relax(reduced, self.solver)
        if solved is None:
            return Beams.none(problem, Status.FAILED, f"{self.solver} found no solution of the relaxation")
        columns = extract(reduced, *solved)
        if self.polish_iterations:
            columns = descend(reduced, columns, self.polish_iterations)
        weights, sensing, rest = reduced.lift(columns)
        return Beams(weights=weights, sensing=sensing, rest=rest)


def relax(problem: ReducedProblem, solver: str) -> tuple[list[ComplexArray], ComplexArray] | None:
    """Return the users' covariances and their sum with that for sensing; None if the solver finds none."""
    import cvxpy as cp

    size, users = problem.dimensions, problem.users
    own = [cp.Variable((size, size), hermitian=True) for _ in range(users)]
    sensing = cp.Variable((size, size), hermitian=True)
    total = sum(own) + sensing
    constraints = [matrix >> 0 for matrix in (*own, sensing)] + [cp.real(cp.trace(total)) <= 1]
    for user in np.flatnonzero(problem.floors > 0):
        scale = np.linalg.norm(problem.channels[:, user])
        channel = problem.channels[:, user] / scale
        product = np.outer(channel, channel.conj())
        wanted = (1 + 1 / problem.floors[user]) * cp.real(cp.trace(product @ own[user]))
        constraints.append(wanted >= cp.real(cp.trace(product @ total)) + 1 / scale**2)
    objective, more = _trace_of_inverse(problem, total)
    program = cp.Problem(cp.Minimize(objective), [*constraints, *more])
    with warnings.catch_warnings():
        # The framework judges the accuracy of the solution.
        warnings.filterwarnings("ignore", "Solution may be inaccurate")
        try:
            program.solve(solver=solver, **time_options(solver))
        except cp.error.SolverError:
            return None
    if program.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        return None
    return [np.array(matrix.value) for matrix in own], np.array(total.value)


def _trace_of_inverse(problem: ReducedProblem, covariance: Any) -> tuple[Any, list[Any]]:
    """Return the trace of SᴴJ⁻¹S as an expression in CVXPY, with its constraints."""
    import cvxpy as cp

    selection = problem.measure.selection
    count = selection.shape[1]
    information, complex_ = linear_information(problem, covariance)
    bound = cp.Variable((count, count), **({"hermitian": True} if complex_ else {"symmetric": True}))
    block = cp.bmat([[bound, selection.T], [selection, information]])
    return cp.real(cp.trace(bound)), [(block + block.H) / 2 >> 0 if complex_ else (block + block.T) / 2 >> 0]


def linear_information(problem: ReducedProblem, covariance: Any) -> tuple[Any, bool]:
    """Return J as an expression in CVXPY, and whether it is complex."""
    import cvxpy as cp

    size = problem.dimensions
    maps = _maps(problem)
    order = len(problem.measure.selection)
    if np.iscomplexobj(maps):
        return covariance, True
    flat = cp.hstack([cp.vec(cp.real(covariance), order="C"), cp.vec(cp.imag(covariance), order="C")])
    assert maps.shape == (order**2, 2 * size**2)
    return cp.reshape(maps @ flat, (order, order), order="C"), False


def _maps(problem: ReducedProblem) -> Any:
    """Return the real matrix from real and imaginary parts of R to J, or a complex number if J is R itself."""
    size, measure = problem.dimensions, problem.measure
    units = np.eye(size**2, dtype=np.complex128).reshape(size**2, size, size)
    if problem.spread or np.iscomplexobj(measure.information(units[:1])):
        return np.complex128(0)
    order = len(measure.selection)
    real = measure.information(units).reshape(size**2, order**2)
    imaginary = measure.information(1j * units).reshape(size**2, order**2)
    return np.concatenate([real, imaginary]).T


def extract(problem: ReducedProblem, own: list[ComplexArray], total: ComplexArray) -> ComplexArray:
    """Return beams with the covariance, and the powers at the users, of a solution of the relaxation; (E, C)."""
    weights = np.zeros((problem.dimensions, problem.users), dtype=np.complex128)
    for user, matrix in enumerate(own):
        channel = problem.channels[:, user]
        seen = matrix @ channel
        power = float((channel.conj() @ seen).real)
        if power > 0:
            weights[:, user] = seen / np.sqrt(power)
    values, vectors = np.linalg.eigh(total - weights @ weights.conj().T)
    kept = values > NEGLIGIBLE * values[-1].clip(min=NEGLIGIBLE)
    columns = np.concatenate([weights, vectors[:, kept] * np.sqrt(values[kept])], axis=-1)
    return np.asarray(columns / max(1.0, float(np.linalg.norm(columns))))


@isacfw.hookimpl
def register_beamformers() -> list[type[isacfw.Beamformer]]:
    """Offer the beamformer."""
    return [CrbSdr]
