"""The convex problem of one iteration of successive convex approximation, in Clarabel's form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from isacfw import FloatArray, limited_settings, seconds_left

from ._limits import Kind, Limits
from ._sca_model import Approximation, NoSolution, Surrogate


def _in_cone(matrices: FloatArray) -> FloatArray:
    """Return vectors that lie in Clarabel's cone if and only if symmetric matrices are semidefinite.

    The cone is of second order for 2 x 2 matrices; larger ones are represented by their upper triangle, column by
    column, with off-diagonal entries times the root of two.
    """
    size = matrices.shape[-1]
    if size == 2:
        first, second, cross = matrices[..., 0, 0], matrices[..., 1, 1], matrices[..., 0, 1]
        return np.stack([first + second, 2 * cross, first - second], axis=-1)
    column, row = np.tril_indices(size)
    return np.asarray(matrices[..., row, column] * np.where(row == column, 1.0, np.sqrt(2)))


def _settings(surrogate: Surrogate, *, careful: bool = False) -> Any:
    import clarabel  # type: ignore[import-untyped]

    settings = clarabel.DefaultSettings()
    settings.verbose = settings.chordal_decomposition_enable = False
    settings.direct_solve_method = "qdldl"
    # The numbers are already of order one; with equilibration, Clarabel fails on many logarithms.
    settings.equilibrate_enable = False
    settings.tol_feas = 1e-9
    if surrogate == "logarithmic":
        settings.max_step_fraction = 0.95  # 0.99, the default, occasionally fails from 300 users
    if careful:
        # Solve as accurately as possible; the answer is checked afterwards.
        settings.tol_feas = settings.tol_gap_abs = settings.tol_gap_rel = 1e-13
        settings.max_step_fraction = 0.95
        settings.iterative_refinement_reltol = settings.iterative_refinement_abstol = 1e-15
        settings.iterative_refinement_max_iter = 30
    return settings


class Layout:
    r"""Place of every number in Clarabel's problem, the same for all problems of a kind.

    Clarabel minimises :math:`h^T z` over z with :math:`d - A z` in a product of cones. Here z holds the ratios t
    of the users, f, the shares q of the streams, and a bound u of each user's term in the surrogate, and the
    cones are, in this order,

    - zero: :math:`f - \sum_k scale_k t_k`;
    - nonnegative: :math:`1 - f - \sum_s q_s`, q and, with logarithms, t;
    - for each limit, :func:`_in_cone` of its matrix;
    - for each user :math:`(u + t, u - t, 2)` of second order, which is :math:`u \ge 1/t`, or
      :math:`(u, 1, y)` in an exponential cone, which is :math:`u \le \ln y`.

    The matrices of the limits are linear in f and q, or in t and q where users differ. All entries of A are in
    one vector, constant ones first; `order` sorts them into the order of A's columns.
    """

    def __init__(self, kind: Kind, surrogate: Surrogate) -> None:
        import clarabel
        from scipy import sparse

        self.kind, self.users, self.reciprocal = kind, kind.users, surrogate == "reciprocal"
        self.surrogate = surrogate
        self.streams = slice(kind.users + 1, kind.users + 1 + kind.streams)
        nonnegative = 1 + kind.streams + (0 if self.reciprocal else kind.users)
        limit = 3 if kind.order == 2 else kind.order * (kind.order + 1) // 2
        self.limits = slice(1 + nonnegative, 1 + nonnegative + kind.limits * limit)
        self.terms = slice(self.limits.stop, self.limits.stop + 3 * kind.users)
        fixed, changing = self._entries()
        values = [np.broadcast_to(value, np.broadcast(row, column).shape) for row, column, value in fixed]
        self.fixed = np.concatenate([np.ravel(value) for value in values])
        places = [np.broadcast_arrays(*entry[:2]) for entry in (*fixed, *changing)]
        rows, columns = (np.concatenate([np.ravel(place[axis]) for place in places]) for axis in range(2))
        self.shape = self.terms.stop, self.streams.stop + kind.users
        numbered = sparse.coo_array((np.arange(rows.size), (rows, columns)), shape=self.shape).tocsc()
        self.order, self.indices, self.indptr = numbered.data, numbered.indices, numbered.indptr
        self.quadratic = sparse.csc_array((self.shape[1], self.shape[1]))
        angle = clarabel.SecondOrderConeT(3) if kind.order == 2 else clarabel.PSDTriangleConeT(kind.order)
        term = clarabel.SecondOrderConeT(3) if self.reciprocal else clarabel.ExponentialConeT()
        self.cones = [
            clarabel.ZeroConeT(1),
            clarabel.NonnegativeConeT(nonnegative),
            *[angle] * (kind.limits if limit else 0),
            *[term] * kind.users,
        ]
        self.settings = _settings(surrogate)
        self.careful_settings = _settings(surrogate, careful=True)

    def _entries(self) -> tuple[list[tuple[Any, Any, float]], list[tuple[Any, Any]]]:
        """Return row, column and value of the constant entries of A; row and column of the others."""
        t, f, q = np.arange(self.users), self.users, np.r_[self.streams]
        u, term, limit = t + self.streams.stop, np.r_[self.terms].reshape(-1, 3).T, np.r_[self.limits]
        fixed: list[tuple[Any, Any, float]] = [(0, f, -1), (1, f, 1), (1, q, 1), (q - f + 1, q, -1)]
        fixed.append((term[0], u, -1))
        changing: list[tuple[Any, Any]] = [(limit[:, None], q), (0, t)]
        changing += [(limit[:, None], t)] if self.kind.users_differ else [(limit, f)]
        if self.reciprocal:
            fixed += [(term[0], t, -1), (term[1], u, -1), (term[1], t, 1)]
        else:
            fixed += [(2 + len(q) + t, t, -1)]
            changing += [(term[2], f), (term[2][:, None], q)]
            changing += [(term[2][:, None], t) if self.kind.coupled else (term[2], t)]
        return fixed, changing

    def set_limits(self, limits: Limits) -> ConeProgram:
        """Return the problem with its limits set."""
        return ConeProgram(self, limits)


class ConeProgram:
    """Clarabel's problem with limits, for successive approximations."""

    def __init__(self, layout: Layout, limits: Limits) -> None:
        from scipy import sparse

        self.layout = layout
        # One column per signal, the rows of all limits one below the other.
        self.of_users, of_streams = (
            np.moveaxis(-_in_cone(matrices), 1, -1).reshape(-1, matrices.shape[1])
            for matrices in (limits.users, limits.streams)
        )
        self.constant = np.concatenate(
            [layout.fixed, np.broadcast_to(of_streams, (len(of_streams), layout.kind.streams)).ravel()]
        )
        self.offset = np.zeros(layout.shape[0])
        self.offset[1] = 1
        self.offset[layout.limits] = -_in_cone(limits.required).ravel()
        self.offset[layout.terms] = np.tile([0, 0, 2] if layout.reciprocal else [0, 1, 0], layout.users)
        data = np.zeros(layout.order.size)
        self.matrix = sparse.csc_array((data, layout.indices, layout.indptr), shape=layout.shape)

    def solve(
        self, approximation: Approximation, *, careful: bool = False
    ) -> tuple[FloatArray, FloatArray] | NoSolution:
        """Return the optimal ratios and streams' shares, or the reason why there are none.

        With `careful`, they are as accurate as Clarabel can make them, without a guarantee.
        """
        import clarabel

        layout, users = self.layout, self.layout.users
        cost, changing = self._numbers(approximation)
        np.take(np.concatenate([self.constant, *changing]), layout.order, out=self.matrix.data)
        # A new solver each time: an updated one keeps the scaling of its initial numbers.
        settings = layout.careful_settings if careful else layout.settings
        if math.isfinite(seconds_left()):
            settings = limited_settings(_settings, layout.surrogate, careful=careful)
        program = clarabel.DefaultSolver(layout.quadratic, cost, self.matrix, self.offset, layout.cones, settings)
        solution = program.solve()
        status = str(solution.status)
        if status not in ("Solved", "AlmostSolved") and not (careful and status == "InsufficientProgress"):
            infeasible = status in ("PrimalInfeasible", "AlmostPrimalInfeasible")
            return NoSolution(reported="infeasible" if infeasible else status, infeasible=infeasible)
        return np.array(solution.x[:users]), np.array(solution.x[layout.streams])

    def _numbers(self, approximation: Approximation) -> tuple[FloatArray, list[FloatArray]]:
        """Return the cost h and the variable entries of A; set the variable entries of the offset d."""
        users, streams = self.layout.users, self.layout.streams
        cost = np.zeros(self.layout.shape[1])
        if approximation.price_t is not None:
            cost[:users] = approximation.price_t
        cost[users], cost[streams] = approximation.price_f, approximation.price_q
        of_users = self.of_users * approximation.scale if self.layout.kind.users_differ else self.of_users
        changing = [approximation.scale, of_users.ravel()]
        other = approximation.disturbance
        if other is None:
            cost[streams.stop :] = approximation.signal
            return cost, changing
        cost[streams.stop :] = -1
        self.offset[self.layout.terms][2::3] = other.noise
        signal = -approximation.signal
        if other.coupling is not None:
            signal = (np.diag(signal) - other.coupling).ravel()
        return cost, [*changing, -other.c, -other.b.ravel(), signal]
