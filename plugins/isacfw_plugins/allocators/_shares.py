"""Any problem in the shares of its signals: SINRs, minimum rates, and limits on CRLBs as concave functions."""

from __future__ import annotations

import attrs
import numpy as np

from isacfw import Fairness, FloatArray, PowerAllocationProblem, Shares, Status, Utility

from ._limits import row_sizes

_TINY = np.finfo(np.float64).tiny


@attrs.frozen(eq=False)
class Limit:
    r"""A limit :math:`\operatorname{tr} S^T J(p)^{-1} S \le 1` on one CRLB, or on a weighted sum of them.

    Attributes
    ----------
    signals : ndarray, shape (B, n, n)
        :math:`A_b` of the Fisher information :math:`J(p) = \sum_b p_b A_b`.
    factor : ndarray, shape (n, r)
        S.
    """

    signals: FloatArray
    factor: FloatArray

    def level(self, p: FloatArray) -> tuple[float, FloatArray, FloatArray] | None:
        r"""Return the level of the limit, its gradient (B,) and its Hessian (B, B); None if J is singular.

        Notes
        -----
        :math:`E(p) = 1 / \operatorname{tr} S^T J^{-1} S = \min \{\operatorname{tr} Z^T J Z :
        \operatorname{tr} S^T Z = 1\}` is concave and of degree 1, and the limit is
        :math:`E \ge 1`. With the gradient a at any point,
        :math:`E(p) \le a^T p` for all p.
        """
        solved = self._solve(p)
        if solved is None:
            return None
        inverse, z, crlb = solved
        slopes = self.signals @ z
        down = -(slopes * z).sum(axis=(-2, -1)) / crlb
        white = (inverse @ slopes).reshape(len(p), -1)
        curvature = 2 * white @ white.T / crlb
        level = 1 / crlb
        return level, -down * level, (2 * np.outer(down, down) - curvature) * level

    def value(self, p: FloatArray) -> float:
        """Return the level alone; 0 if J is singular."""
        solved = self._solve(p)
        return 0.0 if solved is None else 1 / solved[2]

    def _solve(self, p: FloatArray) -> tuple[FloatArray, FloatArray, float] | None:
        """Return the inverse of a Cholesky factor of J, J⁻¹S and tr SᵀJ⁻¹S."""
        fisher = np.tensordot(p, self.signals, 1)
        try:
            inverse = np.linalg.inv(np.linalg.cholesky(fisher))
        except np.linalg.LinAlgError:
            return None
        half = inverse @ self.factor
        crlb = float((half**2).sum())
        if not (np.isfinite(crlb) and crlb > 0):
            return None
        return inverse, inverse.T @ half, crlb


@attrs.frozen(eq=False)
class ShareProblem:
    r"""A problem without batch axes, in the shares p of B = K + S signals at full power, :math:`\sum_b p_b = 1`.

    Attributes
    ----------
    gain : ndarray, shape (K,)
        :math:`g_k`.
    interference : ndarray, shape (K, B)
        D of the disturbance :math:`y = D p + 1`.
    least_sinr : ndarray, shape (K,)
        SINRs that the minimum rates require; 0 for none.
    limits : tuple of Limit
        All limits on CRLBs.
    scale : float
        Rate in bit/s/Hz per nat.
    fairness : Fairness
        The utility.
    linear : ndarray, shape (R, B)
        Linear requirements :math:`L p \ge l`.
    linear_least : ndarray, shape (R,)
        l, 1 or 0.
    """

    gain: FloatArray
    interference: FloatArray
    least_sinr: FloatArray
    limits: tuple[Limit, ...]
    scale: float
    fairness: Fairness
    linear: FloatArray = attrs.field(factory=lambda: np.zeros((0, 0)))
    linear_least: FloatArray = attrs.field(factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, problem: PowerAllocationProblem) -> ShareProblem | None:
        """Return the numbers of a problem with a fair utility; None if a limited angle cannot be estimated."""
        users, streams = problem.users, problem.streams
        own = np.broadcast_to(problem.common_interference[:, None], (users, users))
        others = np.broadcast_to(problem.sensing_interference[:, None], (users, streams))
        if problem.coupling is not None:
            own = own + problem.coupling
        if problem.stream_coupling is not None:
            others = others + problem.stream_coupling
        limits = _limits_of(problem)
        if limits is None:
            return None
        with np.errstate(over="ignore"):
            least = problem.least_sinr
        return cls(
            gain=np.array(problem.gain),
            interference=np.concatenate([own, others], axis=1),
            least_sinr=np.zeros(users) if least is None else np.array(least),
            limits=limits,
            scale=float(problem.prelog) / np.log(2),
            fairness=fairness_of(problem),
            **_linear_of(problem),
        )

    @property
    def users(self) -> int:
        """Number K."""
        return len(self.gain)

    @property
    def signals(self) -> int:
        """Number B."""
        return int(self.interference.shape[1])

    @property
    def weights(self) -> FloatArray:
        """Weight of each user in the utility; (K,)."""
        return self.fairness.weights_of(self.users)

    @property
    def largest_sinr(self) -> FloatArray:
        """SINR of each user with all the power, which no allocation exceeds; (K,)."""
        return np.asarray(self.gain / (1 + np.diagonal(self.interference)))

    @property
    def degenerate(self) -> bool:
        """Whether the utility is the same for all shares, since it depends on no gain, or on one that is 0."""
        counted = (self.weights > 0) | np.isinf(self.fairness.alpha)
        lost = self.gain[counted] == 0
        return bool(lost.any() if self.fairness.alpha >= 1 else lost.all())

    def disturbance(self, p: FloatArray) -> FloatArray:
        """Return interference and noise of each user; (K,)."""
        return np.asarray(self.interference @ p + 1)

    def sinr(self, p: FloatArray) -> FloatArray:
        """Return the SINR of each user; (K,)."""
        return np.asarray(self.gain * p[: self.users] / self.disturbance(p))

    def floors(self, tolerance: float = 0.0) -> FloatArray:
        r"""Return minimum rates and linear requirements as :math:`V p \ge 0`, V of order one; (L, B)."""
        wanted = np.flatnonzero(self.least_sinr > 0)
        least = self.least_sinr[wanted, None] * (1 - tolerance)
        disturbance = 1 + self.interference[wanted]
        rows = -least * disturbance
        rows[np.arange(len(wanted)), wanted] += self.gain[wanted]
        rows /= least * disturbance.mean(axis=-1, keepdims=True)
        if not len(self.linear):
            return np.asarray(rows)
        # At full power, the noise is that of the sum of the shares.
        needed = self.linear_least[:, None] - np.minimum(self.linear, 0.0)
        linear = np.maximum(self.linear, 0.0) - (1 - tolerance) * needed
        return np.concatenate([rows, linear / np.maximum(np.abs(linear).mean(axis=-1, keepdims=True), _TINY)])

    @property
    def floored(self) -> int:
        """Number of minimum rates and linear requirements."""
        return int((self.least_sinr > 0).sum()) + len(self.linear)

    def slack(self, p: FloatArray) -> float:
        """Return the smallest slack of all requirements relative to them; infinite without any."""
        levels = [limit.value(p) - 1 for limit in self.limits]
        wanted = self.least_sinr > 0
        rates = self.sinr(p)[wanted] / self.least_sinr[wanted] - 1
        linear = []
        if len(self.linear):
            reached = np.maximum(self.linear, 0.0)
            needed = (reached - self.linear) @ p + self.linear_least
            linear = (reached @ p / np.where(needed > 0, needed, 1.0) - 1)[needed > 0].tolist()
        return float(min([*levels, *rates, *linear], default=np.inf))


def fairness_of(problem: PowerAllocationProblem) -> Fairness:
    """Return the parameters of the utility.

    Raises
    ------
    TypeError
        If :func:`refusal_of` refuses the objective.
    """
    objective = problem.objective
    if not isinstance(objective, Utility) or objective.fairness is None:
        raise TypeError("the objective is no α-fair utility")
    return objective.fairness


def refusal_of(problem: PowerAllocationProblem) -> str | None:
    """Return why a solver of α-fair utilities refuses an objective; None if it does not."""
    objective = problem.objective
    if not isinstance(objective, Utility):
        return (
            f"the objective {objective.name!r} makes the problem convex: the allocators conic and exact solve it"
        )
    if objective.fairness is None:
        return f"the objective {objective.name!r} is not one of the α-fair utilities"
    if objective.fairness.of_sinr and objective.fairness.alpha not in (1.0, np.inf):
        return f"the objective {objective.name!r} is an α-fair utility of SINRs other than their product"
    return None


def infeasible(problem: PowerAllocationProblem) -> Shares:
    """Return the answer to an infeasible problem, with the certificate if the limits alone are infeasible."""
    message = str(problem.infeasibility) or "no allocation meets all requirements"
    return Shares.none(problem, Status.INFEASIBLE, message)


def _linear_of(problem: PowerAllocationProblem) -> dict[str, FloatArray]:
    """Return the linear requirements, divided by their least values where these are not 0."""
    if problem.linear_least is None:
        return {"linear": np.zeros((0, 0)), "linear_least": np.zeros(0)}
    needed = problem.linear_least > 0
    units = np.where(needed, problem.linear_least, row_sizes(problem.linear_rows))
    return {"linear": problem.linear_rows / units[:, None], "linear_least": needed.astype(np.float64)}


def _limits_of(problem: PowerAllocationProblem) -> tuple[Limit, ...] | None:
    """Return the limits on single angles, then those on sums; None if an angle cannot be estimated."""
    single = _of_angles(problem)
    if single is None:
        return None
    found = [Limit(signals, factor[:, None]) for signals, factors in [single] for factor in factors]
    if problem.crlb_sum_limit is not None and problem.crlb_sum_weights is not None:
        for weights, limit in zip(problem.crlb_sum_weights, problem.crlb_sum_limit, strict=True):
            with np.errstate(divide="ignore"):
                each = np.where(weights > 0, limit / weights, np.inf)
            sum_ = _of_angles(attrs.evolve(problem, crlb_limit=each))
            if sum_ is None:
                return None
            found.append(Limit(sum_[0], sum_[1].T))
    return tuple(found)


def _of_angles(problem: PowerAllocationProblem) -> tuple[FloatArray, FloatArray] | None:
    """Return the information of all signals (B, n, n) and a vector per limited angle (L, n)."""
    inequalities = problem.matrix_inequalities()
    if inequalities is None:
        return None
    users = 1 if problem.fisher_users is None else problem.users
    parts = inequalities.signals[:users], inequalities.signals[users:]
    sizes = problem.users, problem.streams
    order = inequalities.signals.shape[-1]
    signals = np.concatenate(
        [np.broadcast_to(part, (size, order, order)) for part, size in zip(parts, sizes, strict=True)]
    )
    factors = np.zeros((len(inequalities.required), order))
    for factor, required in zip(factors, inequalities.required, strict=True):
        largest = int(np.argmax(np.diagonal(required)))
        factor[:] = required[largest] / np.sqrt(required[largest, largest])
    return signals, factors
