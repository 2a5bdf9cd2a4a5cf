"""Optima under CRLB limits by linear programs with cutting planes: no semidefinite program, and another solver.

A CRLB is convex in the shares. So its tangents bound it from below, and linear programs with a tangent at each
answer have optima that approach the true one.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import attrs
import numpy as np
from scipy.optimize import linprog

from isacfw import FloatArray, PowerAllocationProblem

_ACCURACY = 1e-9
_ROUNDS = 400


@attrs.frozen
class Cutter:
    """The limits, CRLBs and rates of a problem without batch axes, in shares of single users and streams."""

    problem: PowerAllocationProblem

    @cached_property
    def fisher(self) -> FloatArray:
        """Fisher information of each signal in the angles that are not known, Re α and Im α; (K + S, n, n)."""
        problem = self.problem
        users = problem.fisher_users
        if users is None:
            users = np.repeat(problem.fisher_communication[None], problem.users, axis=0)
        streams = problem.fisher_streams
        if streams is None:
            streams = np.repeat(problem.fisher_sensing[None], problem.streams, axis=0)
        signals = np.concatenate([users, streams])
        change = np.eye(4 * problem.targets)
        for target, jacobian in enumerate(problem.jacobians):
            change[4 * target : 4 * target + 2, 4 * target : 4 * target + 2] = jacobian
        kept = np.delete(np.arange(4 * problem.targets), [self._row(angle) for angle in self._known])
        return np.asarray((change.T @ signals @ change)[:, kept[:, None], kept])

    @property
    def _known(self) -> list[int]:
        return np.flatnonzero(self.problem.known).tolist()

    @staticmethod
    def _row(angle: int) -> int:
        return 4 * (angle // 2) + angle % 2

    def tangent(self, shares: FloatArray, angle: int) -> tuple[float, FloatArray]:
        """Return the CRLB of an angle and its derivatives with respect to the shares."""
        place = self._row(angle) - sum(self._row(known) < self._row(angle) for known in self._known)
        signals = self.fisher
        fisher = np.tensordot(shares, signals, axes=1)
        scale = 1 / np.sqrt(np.diagonal(fisher))
        column = scale * np.linalg.solve(fisher * np.outer(scale, scale), np.eye(len(fisher))[place] * scale)
        return float(column[place]), -np.einsum("i,bij,j->b", column, signals, column)

    def floors(self, least: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return rows and right-hand sides of ``rows @ shares <= right`` for least SINRs, from disturbances."""
        problem, count = self.problem, self.problem.users + self.problem.streams
        nothing = problem.disturbance(np.zeros(problem.users), np.zeros(problem.streams))
        rows = np.zeros((problem.users, count))
        for signal, share in enumerate(np.eye(count)):
            interference = problem.disturbance(share[: problem.users], share[problem.users :]) - nothing
            rows[:, signal] = least * interference
        rows[range(problem.users), range(problem.users)] -= problem.gain
        size = np.abs(rows).max(axis=-1)
        return rows / size[:, None], -least / size

    def minimum(
        self, cost: FloatArray, least: FloatArray, *, full: bool, crlbs: FloatArray | None = None
    ) -> float:
        """Return the least cost of shares within all limits; infinite if there are none.

        Parameters
        ----------
        cost : ndarray, shape (K + S,)
            Cost of the shares.
        least : ndarray, shape (K,)
            Least SINRs.
        full : bool
            Whether the shares add up to one; if not, to anything.
        crlbs : ndarray, shape (2T,), optional
            Weights of CRLBs that add to the cost.
        """
        problem, count = self.problem, len(cost)
        weights = np.zeros(2 * problem.targets) if crlbs is None else crlbs
        limited = [int(angle) for angle in np.flatnonzero(np.isfinite(problem.crlb_limit) & (problem.known == 0))]
        wanted = [int(angle) for angle in np.flatnonzero(weights)]
        rows, right = self.floors(least)
        rows = np.hstack([rows, np.zeros((len(rows), len(wanted)))])
        shares, total = np.full(count, 1 / count), (1 if full else None)
        unit = {angle: self.tangent(shares, angle)[0] for angle in {*limited, *wanted}}
        for _ in range(_ROUNDS):
            cuts: list[FloatArray] = []
            levels: list[float] = []
            lack = 0.0
            for angle in {*limited, *wanted}:
                value, slope = self.tangent(shares, angle)
                for bound in [problem.crlb_limit[angle]] if angle in limited else []:
                    lack = max(lack, value / bound - 1)
                    # Of the inverse, which is concave and of degree one.
                    cuts.append(np.append(slope * bound / value**2, np.zeros(len(wanted))))
                    levels.append(-1.0)
                if angle in wanted:
                    epigraph = np.eye(len(wanted))[wanted.index(angle)]
                    cuts.append(np.append(slope / unit[angle], -epigraph))
                    levels.append(float(slope @ shares - value) / unit[angle])
            rows, right = np.vstack([rows, *cuts]), np.append(right, levels)
            prices = np.array([weights[angle] * unit[angle] for angle in wanted])
            size = prices.sum() or 1.0
            answer: Any = linprog(
                np.append(cost, prices / size),
                A_ub=rows,
                b_ub=right,
                A_eq=None if total is None else np.append(np.ones(count), np.zeros(len(wanted)))[None],
                b_eq=None if total is None else [total],
                method="highs",
                options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
            )
            if answer.status == 2:
                return np.inf
            assert answer.status == 0, answer.message
            found = np.maximum(answer.x[:count], 0)
            actual = cost @ found + sum(weights[angle] * self.tangent(found, angle)[0] for angle in wanted)
            bound = cost @ found + size * (answer.fun - cost @ found)
            shares = found
            lack = max(
                (self.tangent(found, angle)[0] / problem.crlb_limit[angle] - 1 for angle in limited), default=0.0
            )
            if lack <= _ACCURACY and actual - bound <= _ACCURACY * abs(actual):
                return float(bound)
        raise AssertionError("the cutting planes do not converge")

    def least_power(self, least: FloatArray) -> float:
        """Return the least power that meets all limits and least SINRs; infinite if none does."""
        return self.minimum(np.ones(self.problem.users + self.problem.streams), least, full=False)

    def largest_sinr(self, least: FloatArray) -> float:
        """Return the largest SINR that all users can reach at full power, by bisection."""
        low, high = 0.0, float(self.problem.gain.min())
        while high - low > 1e-7 * high:
            middle = (low + high) / 2
            reached = self.least_power(np.maximum(least, middle)) <= 1
            low, high = (middle, high) if reached else (low, middle)
        return low
