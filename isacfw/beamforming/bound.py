"""Lower bounds of the CRB of all beams that reach the SINRs, from multipliers; no solver is needed."""

from __future__ import annotations

import attrs
import numpy as np

from ..base.numbers import ComplexArray, FloatArray
from .reduced import ReducedProblem

SMALL = 1e-6
"""Eigenvalues of J, relative to the largest, up to which directions count as its null space."""
SHARPNESS = (1e2, 1e4, 1e6)
"""Sharpness of the smooth maximum of eigenvalues, relative to the CRB, in turn."""


@attrs.frozen(kw_only=True, eq=False)
class Certificate:
    r"""A lower bound of the CRB.

    Parameters
    ----------
    bound : float
        No beams within the power that reach the SINRs have a smaller CRB; in rad² for angles, 0 if nothing is
        certified.
    multipliers : ndarray, shape (K,)
        Multipliers :math:`\lambda_k` of the SINRs that certify it, see :func:`lower_bound`.
    residual : float
        Distance of the beams from stationarity, relative to the gradient.
    """

    bound: float
    multipliers: FloatArray
    residual: float


def lower_bound(problem: ReducedProblem, multipliers: FloatArray, best: ComplexArray | FloatArray) -> float:
    r"""Return a lower bound of the CRB, valid for any multipliers and any matrix; 0 if they certify nothing.

    Parameters
    ----------
    problem : ReducedProblem
        The problem.
    multipliers : ndarray, shape (K,)
        Any :math:`\lambda \ge 0`; those of users without a target do not count.
    best : ndarray, shape (D, r)
        Any Z; :meth:`Measure.minimiser` of good beams gives a good bound.

    Notes
    -----
    For every covariance :math:`R = \sum_k w_k w_k^H + R_s` with :math:`\mathrm{tr}\, R \le 1` and the SINRs,
    :math:`\mathrm{tr}\, S^H J^{-1} S \ge 2\, \mathrm{Re}\, \mathrm{tr}\, S^H Z + \sum_k \lambda_k - \nu` with
    :math:`\nu = \max_k \lambda_\max(C - \sum_j \lambda_j h_j h_j^H + \lambda_k (1 + 1/\Gamma_k) h_k h_k^H)` and
    the adjoint C of :math:`Z Z^H`. With the best multiple of Z this is :math:`(\mathrm{Re}\, \mathrm{tr}\, S^H
    Z)^2 / (\nu - \sum_k \lambda_k)`. It is the Lagrangian dual of the semidefinite relaxation of Liu et al.,
    "Cramér-Rao bound optimization for joint radar-communication beamforming", IEEE Trans. Signal Process. 70,
    2022.
    """
    used = _used(problem, multipliers)
    if not (np.isfinite(used).all() and np.isfinite(best).all()):
        return 0.0
    largest = float(np.linalg.eigvalsh(_blocks(problem, used, best))[:, -1].max())
    gain, price = float((problem.measure.selection * best.real).sum()), max(largest, 0.0) - used.sum()
    return problem.measure.unit * gain**2 / price if gain > 0 and price > 0 else 0.0


def _used(problem: ReducedProblem, multipliers: FloatArray) -> FloatArray:
    return np.where(problem.floors > 0, np.maximum(multipliers, 0.0), 0.0)


def _blocks(problem: ReducedProblem, used: FloatArray, best: ComplexArray | FloatArray) -> ComplexArray:
    """Return the matrices whose eigenvalues make the bound: for sensing, and for each user with a target."""
    base = problem.measure.adjoint(best @ best.conj().T) - (problem.channels * used) @ problem.channels.conj().T
    blocks = [base]
    for user in np.flatnonzero(problem.floors > 0):
        channel = problem.channels[:, user]
        factor = used[user] * (1 + 1 / problem.floors[user])
        blocks.append(base + factor * np.outer(channel, channel.conj()))
    return np.array(blocks)


def certificate(
    problem: ReducedProblem, columns: ComplexArray, multipliers: FloatArray | None = None
) -> Certificate:
    r"""Return the lower bound of the multipliers with which beams are stationary, or nearly so.

    Parameters
    ----------
    problem : ReducedProblem
        The problem.
    columns : ndarray of complex, shape (E, C)
        Beams, see :class:`ReducedProblem`.
    multipliers : ndarray, shape (K,), optional
        Multipliers that may certify a larger bound.

    Notes
    -----
    Stationary beams have :math:`(C - \sum_j \lambda_j h_j h_j^H + \lambda_k (1 + 1/\Gamma_k) h_k h_k^H) w_k =
    \nu w_k`, and the same without the last term for sensing streams: nonnegative least squares in
    :math:`(\lambda, \nu)`. Where J is singular, as for beams that are blind to a reflection coefficient, any
    :math:`Z + N Y` with the null space N is as good as Z for these beams. Y is chosen for the largest bound.
    """
    none = Certificate(bound=0.0, multipliers=np.zeros(problem.users), residual=np.inf)
    if not np.isfinite(columns).all() or np.isinf(problem.value(columns)):
        return none
    information = problem.measure.information(columns @ columns.conj().T)
    values, vectors = np.linalg.eigh(information)
    best, kept = none, values > 0
    for small in (0.0,) if np.iscomplexobj(information) else (0.0, SMALL):
        if small and kept.sum() == (values > small * values[-1]).sum():
            break
        kept = values > small * values[-1]
        inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].conj().T
        minimiser = inverse @ problem.measure.selection
        null = vectors[:, ~kept]
        own, minimiser, residual = _stationary(problem, columns, minimiser, null)
        for each in [own] if multipliers is None else [own, multipliers]:
            at = minimiser if kept.all() else refine(problem, each, minimiser, null.real)
            bound = lower_bound(problem, each, at)
            if bound > best.bound or np.isinf(best.residual):
                best = Certificate(bound=bound, multipliers=each, residual=residual)
    return best


def _stationary(
    problem: ReducedProblem,
    columns: ComplexArray,
    best: ComplexArray | FloatArray,
    null: ComplexArray | FloatArray,
) -> tuple[FloatArray, ComplexArray | FloatArray, float]:
    """Return the multipliers and the Z + N Y that make beams most stationary, and the distance from it."""
    from scipy.optimize import nnls

    adjoint = problem.measure.adjoint
    wanted = adjoint(best @ best.conj().T) @ columns
    served = np.flatnonzero(problem.floors > 0)
    received = problem.channels.conj().T @ columns
    terms = [columns]
    for user in served:
        term = np.outer(problem.channels[:, user], received[user])
        term[:, user] *= -1 / problem.floors[user]
        terms.append(term)
    changes = [np.outer(vector, unit) for vector in null.T for unit in np.eye(best.shape[1])]
    free = [adjoint(best @ one.conj().T + one @ best.conj().T) @ columns for one in changes]
    matrix = np.array([_real(term) for term in (*terms, *free, *(-one for one in free))]).T
    scale = np.linalg.norm(matrix, axis=0)
    scale[scale == 0] = 1.0
    size = np.linalg.norm(wanted)
    found, left = nnls(matrix / scale, _real(wanted) / size)
    found = size * found / scale
    multipliers, count = np.zeros(problem.users), len(changes)
    multipliers[served] = found[1 : len(terms)]
    moves = found[len(terms) : len(terms) + count] - found[len(terms) + count :]
    for move, one in zip(moves, changes, strict=True):
        best = best - move * one
    return multipliers, best, float(left)


def refine(
    problem: ReducedProblem, multipliers: FloatArray, best: FloatArray | ComplexArray, null: FloatArray
) -> FloatArray | ComplexArray:
    r"""Return Z + N Y with the Y for which the largest eigenvalue is smallest; it is convex in Y.

    Parameters
    ----------
    problem, multipliers, best
        See :func:`lower_bound`; the information must be real.
    null : ndarray, shape (D, m)
        Columns N.

    Notes
    -----
    Quasi-Newton steps on :math:`\beta^{-1} \ln \mathrm{tr} \exp(\beta A)` over all blocks A, with rising β.
    """
    from scipy.optimize import minimize

    used, shape = _used(problem, multipliers), (null.shape[1], best.shape[1])
    change: FloatArray = np.zeros(shape[0] * shape[1])
    scale = float(np.trace(best.conj().T @ problem.measure.selection).real)

    def smoothed(point: FloatArray, sharpness: float) -> tuple[float, FloatArray]:
        at = best + null @ point.reshape(shape)
        values, vectors = np.linalg.eigh(_blocks(problem, used, at))
        weights = np.exp(sharpness * (values - values.max()))
        total = weights.sum()
        mean = np.einsum("kab,kb,kcb->ac", vectors, weights / total, vectors.conj(), optimize=True)
        slope = 2 * null.T @ problem.measure.information(mean) @ at
        return float(values.max() + np.log(total) / sharpness), slope.real.ravel()

    for sharpness in SHARPNESS:
        found = minimize(smoothed, change, args=(sharpness / scale,), jac=True, method="BFGS")
        change = np.asarray(found.x, dtype=np.float64)
    moved: FloatArray | ComplexArray = best + null @ change.reshape(shape)
    return moved


def _real(columns: ComplexArray) -> FloatArray:
    return np.concatenate([columns.real.ravel(), columns.imag.ravel()])
