r"""The feasible shares of one problem as a product of cones, and linear programs over it.

All requirements are homogeneous. Shares :math:`p` reach the level t if

- :math:`J(p) - t\, r_i r_i^T \succeq 0` for each limit on a CRLB,
- :math:`\sum_i w_i v_i \le t` for each limit on a sum, with
  :math:`\begin{pmatrix} J(p) & t\, r_i \\ t\, r_i^T & v_i \end{pmatrix} \succeq 0`,
- :math:`g_k x_k - \Gamma_k I_k(p) \ge t\, \Gamma_k` for each minimum rate, with the interference :math:`I_k`,
- :math:`a^T p \ge t\, r` for each linear requirement,

and meet the requirements if they reach the level 1.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from ..base.numbers import FloatArray
from ..base.time_limit import limited_settings
from ..sensing.linear import row_sizes
from .information_limits import InformationLimits
from .problem import PowerAllocationProblem

_HIGHEST_LEVEL = 10.0
_SOLVED = ("Solved", "AlmostSolved", "InsufficientProgress")


@attrs.frozen(kw_only=True, eq=False)
class Cone:
    """The constraint that :math:`d - A z` lies in a cone.

    Parameters
    ----------
    rows : ndarray, shape (m, n)
        A.
    offset : ndarray, shape (m,)
        d.
    order : int
        Order of a positive semidefinite matrix, written column by column; 0 for nonnegative numbers.
    """

    rows: FloatArray
    offset: FloatArray
    order: int = 0


@attrs.frozen(kw_only=True, eq=False)
class Region:
    """The feasible shares of a problem without batch axes.

    The variables are all shares (K + S) in given units, f, q, a bound v on each CRLB in sums, and the level.

    Parameters
    ----------
    problem : PowerAllocationProblem
        The problem.
    limits : InformationLimits
        Its limits on CRLBs and on their sums.
    units : ndarray, shape (K + S,)
        Units of the shares.
    """

    problem: PowerAllocationProblem
    limits: InformationLimits
    units: FloatArray

    @classmethod
    def of(cls, problem: PowerAllocationProblem, units: FloatArray | None = None) -> Region | None:
        """Return the region, or None if an angle with a limit cannot be estimated at all."""
        limits = problem.information_limits()
        if limits is None:
            return None
        units = np.ones(problem.users + problem.streams) if units is None else units
        return cls(problem=problem, limits=limits, units=units)

    @property
    def _shares(self) -> int:
        return self.problem.users + self.problem.streams

    @property
    def _level(self) -> int:
        """Column of the level."""
        return self._shares + 2 + self.limits.bounded

    def _zeros(self, rows: int) -> FloatArray:
        return np.zeros((rows, self._level + 1))

    def _cones(self) -> list[Cone]:
        """Return power, signs, minimum rates, linear requirements and limits."""
        shares = self._shares
        power = self._zeros(1)
        power[0, [shares, shares + 1]] = 1.0
        signs = self._zeros(shares)
        signs[np.arange(shares), np.arange(shares)] = -1.0
        cones = [Cone(rows=power, offset=np.ones(1)), Cone(rows=signs, offset=np.zeros(shares))]
        cones += self._floors() + self._linear()
        cones += [self._inequality(number, None) for number in self.limits.plain]
        cones += [self._inequality(number, bound) for bound, number in enumerate(self.limits.bordered)]
        for weights in self.limits.sums:
            row = self._zeros(1)
            row[0, shares + 2 : self._level] = weights
            row[0, self._level] = -1.0
            cones.append(Cone(rows=row, offset=np.zeros(1)))
        return cones

    def _totals(self) -> Cone:
        """Return f and q as sums; both differences must vanish."""
        users, shares = self.problem.users, self._shares
        rows = self._zeros(2)
        rows[0, np.arange(users)] = self.units[:users]
        rows[1, np.arange(users, shares)] = self.units[users:]
        rows[[0, 1], [shares, shares + 1]] = -1.0
        return Cone(rows=rows, offset=np.zeros(2))

    def _floors(self) -> list[Cone]:
        problem, least = self.problem, self.problem.least_sinr
        if least is None or not (least > 0).any():
            return []
        users, shares = problem.users, self._shares
        floored = np.flatnonzero(least > 0)
        rows = self._zeros(len(floored))
        for row, k in enumerate(floored):
            of_shares = np.zeros(shares)
            if problem.coupling is not None:
                of_shares[:users] = least[k] * problem.coupling[k]
            if problem.stream_coupling is not None:
                of_shares[users:] = least[k] * problem.stream_coupling[k]
            of_shares[k] -= problem.gain[k]
            common = least[k] * problem.common_interference[k], least[k] * problem.sensing_interference[k]
            size = max(np.abs(of_shares).max(), *common, least[k])
            used = np.flatnonzero(of_shares)
            rows[row, used] = of_shares[used] * self.units[used] / size
            rows[row, [shares, shares + 1]] = np.array(common) / size
            rows[row, self._level] = least[k] / size
        return [Cone(rows=rows, offset=np.zeros(len(floored)))]

    def _linear(self) -> list[Cone]:
        if self.problem.linear_least is None:
            return []
        coefficients, least = self.problem.linear_rows, self.problem.linear_least
        rows = self._zeros(len(least))
        rows[:, : self._shares] = -coefficients * self.units
        rows[:, self._level] = least
        return [Cone(rows=rows / row_sizes(rows)[:, None], offset=np.zeros(len(least)))]

    def _inequality(self, number: int, bound: int | None) -> Cone:
        """Return the matrix inequality of an angle's limit, or the bordered one of a bound on a CRLB in sums."""
        limits, users, shares = self.limits, self.problem.users, self._shares
        order = limits.signals.shape[-1] + (bound is not None)
        matrices = np.zeros((self._level + 1, order, order))
        inner, vector = slice(limits.signals.shape[-1]), limits.directions[number]
        columns = [*(range(users) if limits.users_differ else [shares])]
        columns += [*(range(users, shares) if limits.streams_differ else [shares + 1])]
        scale = np.append(self.units, [1.0, 1.0])[columns]
        matrices[columns, inner, inner] = limits.signals * scale[:, None, None]
        if bound is None:
            matrices[self._level] = -np.outer(vector, vector)
        else:
            matrices[self._level, inner, -1] = matrices[self._level, -1, inner] = vector
            matrices[shares + 2 + bound, -1, -1] = 1.0
        column, row = np.tril_indices(order)
        flat = matrices[:, row, column] * np.where(row == column, 1.0, np.sqrt(2))
        size = max(1.0, float(np.abs(flat).max()))
        return Cone(rows=-flat.T / size, offset=np.zeros(flat.shape[1]), order=order)

    def highest_level(self) -> tuple[FloatArray, float] | None:
        """Return shares of a level that is as high as possible, up to 10, and the level; None on failure."""
        cost = np.zeros(self._level + 1)
        cost[self._level] = -1.0
        top = self._zeros(1)
        top[0, self._level] = 1.0
        found = self._solve(cost, [Cone(rows=top, offset=np.array([_HIGHEST_LEVEL]))], self._totals())
        return None if found is None else (found[: self._shares] * self.units, float(found[self._level]))

    def best(self, values: FloatArray, slopes: FloatArray, at: FloatArray) -> float | None:
        r"""Return the largest rise of the minimum of affine functions over the region; None on failure.

        Parameters
        ----------
        values, slopes : ndarray, shapes (M,) and (M, K + S)
            :math:`\min_m (v_m + s_m^T (p' - p))`.
        at : ndarray, shape (K + S,)
            p.
        """
        totals = self._totals()
        fixed = self._zeros(1)
        fixed[0, self._level] = 1.0
        equalities = Cone(rows=np.concatenate([totals.rows, fixed]), offset=np.array([0.0, 0.0, 1.0]))
        cost, more = np.zeros(self._level + 1), []
        scaled = slopes * self.units
        if len(values) == 1:
            cost[: self._shares] = -scaled[0] / (np.abs(scaled).max() or 1.0)
        else:
            # The minimum, less its present value, in its own unit: one more column.
            size = np.abs(scaled).max(axis=-1, keepdims=True)
            size = np.where(size > 0, size, 1.0)
            unit = float(size.max())
            offset = values - values.min() - slopes @ at
            between = np.zeros((len(values), 3 + self.limits.bounded))
            rows = np.concatenate([-scaled / size, between, unit / size], axis=1)
            cost = np.append(cost, -1.0)
            more.append(Cone(rows=rows, offset=offset / size[:, 0]))
        found = self._solve(cost, more, equalities)
        if found is None:
            return None
        there = np.maximum(found[: self._shares], 0.0) * self.units
        there /= max(float(there.sum()), 1.0)
        return float((values + slopes @ (there - at)).min() - values.min())

    def _solve(self, cost: FloatArray, more: list[Cone], equalities: Cone) -> FloatArray | None:
        import clarabel  # type: ignore[import-untyped]
        from scipy import sparse

        cones = [*self._cones(), *more]
        every = [equalities, *cones]
        width = len(cost)
        padded = [np.pad(cone.rows, ((0, 0), (0, width - cone.rows.shape[1]))) for cone in every]
        kinds = [clarabel.ZeroConeT(len(equalities.offset))]
        kinds += [
            clarabel.PSDTriangleConeT(cone.order) if cone.order else clarabel.NonnegativeConeT(len(cone.offset))
            for cone in cones
        ]
        offset = np.concatenate([cone.offset for cone in every])
        matrix = sparse.csc_array(np.concatenate(padded))
        for step in (0.99, 0.9):
            solver = clarabel.DefaultSolver(
                sparse.csc_array((width, width)), cost, matrix, offset, kinds, limited_settings(_settings, step)
            )
            solution: Any = solver.solve()
            if str(solution.status) in _SOLVED:
                return np.array(solution.x)
        return None


def _settings(step: float) -> Any:
    import clarabel

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.direct_solve_method = "qdldl"
    settings.max_step_fraction = step
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    return settings
