r"""The problem of the uplink as a concave one, and bounds on its optimum.

Divided by the disturbance, :math:`z = x / Y` and :math:`s = 1 / Y` (the transform of Charnes and Cooper), each
SINR is :math:`g_k z_k`, a linear function of one variable, so a utility that is concave in the rates is concave.
"""

from __future__ import annotations

from typing import Self

import attrs
import numpy as np

from ..base.numbers import FloatArray
from .objective import Performance, Utility
from .uplink import UplinkProblem


@attrs.frozen(kw_only=True, eq=False)
class Multipliers:
    r"""Multipliers of the constraints of a :class:`ConcaveUplink`; any nonnegative ones give a bound.

    Parameters
    ----------
    floor, cap : ndarray, shape (..., K)
        Of :math:`z_k \ge l_k` and :math:`z_k \le s`.
    total, room : ndarray, shape (..., M)
        Of :math:`\sum_k A_{mk} z_k + n_m s \le 1` and :math:`\sum_k B_{mk} z_k \le d_m s`.
    """

    floor: FloatArray
    cap: FloatArray
    total: FloatArray
    room: FloatArray


@attrs.frozen(kw_only=True, eq=False)
class ConcaveUplink:
    r"""An uplink problem in :math:`z = x / Y` and :math:`s = 1 / Y`, with the radar's share eliminated.

    Parameters
    ----------
    problem : UplinkProblem
        The problem.
    floor : ndarray, shape (..., K)
        :math:`l_k`, the least :math:`z_k` that the minimum rates allow.
    load, noise : ndarray, shapes (..., M, K) and (..., M)
        A and n, for each requirement on the radar.
    users, room : ndarray, shapes (..., M, K) and (..., M)
        B and d.

    Notes
    -----
    Of q, each requirement on the radar allows no less than :math:`o_m + \sum_j r_{mj} x_j`, see
    :class:`~isacfw.allocation.uplink_least.RadarDemand`. So :math:`Y \ge 1 + \sum_j c_j x_j + b q` and
    :math:`q \le 1` are, multiplied by s,

    .. math::

        \sum_k A_{mk} z_k + n_m s \le 1, \qquad \sum_k B_{mk} z_k \le d_m s

    with :math:`A_{mk} = c_k + b r_{mk}`, :math:`n_m = 1 + b o_m`, :math:`B_{mk} = r_{mk}`, :math:`d_m = 1 - o_m`.
    At an optimum of a utility, one of the former is tight.
    """

    problem: UplinkProblem
    floor: FloatArray
    load: FloatArray
    noise: FloatArray
    users: FloatArray
    room: FloatArray

    @classmethod
    def of(cls, problem: UplinkProblem) -> Self:
        """Return the form of a batch of problems; of infeasible ones too, where it means nothing."""
        demand, shape = problem.radar_demand, (*problem.batch_shape, problem.users)
        least = problem.least_sinr
        floor = np.zeros(shape)
        if least is not None:
            with np.errstate(divide="ignore"):
                floor = np.where(np.broadcast_to(least, shape) > 0, least / demand.gain, 0.0)
        every = demand.load.shape[-2]
        return cls(
            problem=problem,
            floor=floor,
            load=np.broadcast_to(demand.load, (*shape[:-1], every, shape[-1])),
            noise=np.broadcast_to(demand.noise, (*shape[:-1], every)),
            users=np.broadcast_to(demand.users, (*shape[:-1], every, shape[-1])),
            room=np.broadcast_to(1 - demand.own, (*shape[:-1], every)),
        )

    def at(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return z (..., K) and s (...) for shares x (..., K) of the users, with the least share of the radar."""
        s = 1 / self.problem.total_disturbance(x, self.problem.radar_demand.radar_share(x))
        return np.asarray(x * s[..., None]), np.asarray(s)

    def shares(self, z: FloatArray, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the shares x (..., K) and q (...); their SINRs are at least :math:`g_k z_k`."""
        x = np.minimum(z / s[..., None], 1.0)
        return x, np.minimum(self.problem.radar_demand.radar_share(x), 1.0)

    def slacks(self, z: FloatArray, s: FloatArray) -> Multipliers:
        """Return the slack of each constraint, in the places of their multipliers."""
        return Multipliers(
            floor=z - self.floor,
            cap=s[..., None] - z,
            total=1 - (self.load * z[..., None, :]).sum(axis=-1) - self.noise * s[..., None],
            room=self.room * s[..., None] - (self.users * z[..., None, :]).sum(axis=-1),
        )

    def gradient(self, z: FloatArray) -> FloatArray:
        """Return the derivatives of the utility with respect to z; (..., K)."""
        problem = self.problem
        utility = problem.objective
        assert isinstance(utility, Utility)
        return np.asarray(utility.gradient(self._performance(z)) * problem.gain)

    def value(self, z: FloatArray) -> FloatArray:
        """Return the utility of the SINRs :math:`g_k z_k`; (...)."""
        return self.problem.objective.value(self._performance(z))

    def _performance(self, z: FloatArray) -> Performance:
        sinr = np.asarray(self.problem.gain * z)
        nothing = np.full((*sinr.shape[:-1], 2 * self.problem.targets), np.nan)
        return Performance(
            power=np.full(sinr.shape[:-1], np.nan),
            prelog=self.problem.prelog,
            sinr=sinr,
            rates=self.problem.rates_of(sinr),
            crlb=nothing,
            crlb_limit=nothing,
        )

    def stationarity(
        self, z: FloatArray, multipliers: Multipliers, gradient: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return the derivatives of the Lagrangian with respect to z (..., K) and s (...); see :meth:`gap`."""
        one, slope = multipliers, self.gradient(z) if gradient is None else gradient
        weighted = one.total[..., None] * self.load + one.room[..., None] * self.users
        for_z = slope + one.floor - one.cap - weighted.sum(axis=-2)
        for_s = one.cap.sum(axis=-1) - (one.total * self.noise).sum(axis=-1) + (one.room * self.room).sum(axis=-1)
        return np.asarray(for_z), np.asarray(for_s)

    def gap(
        self,
        z: FloatArray,
        s: FloatArray,
        multipliers: Multipliers,
        slacks: Multipliers | None = None,
        gradient: FloatArray | None = None,
    ) -> FloatArray:
        r"""Return how far the utility at (z, s) can be below its optimum at most; (...).

        Parameters
        ----------
        z, s : ndarray, shapes (..., K) and (...)
            Any feasible point.
        multipliers : Multipliers
            Any nonnegative multipliers.
        slacks : Multipliers, optional
            The :meth:`slacks` of the point, if they are known more accurately than by subtraction.
        gradient : ndarray, shape (..., K), optional
            A linear function of z whose largest value is wanted instead of the utility.

        Notes
        -----
        A concave utility is below its tangent. With the slacks y of constraints :math:`G v \le h`, the
        multipliers :math:`\lambda` and :math:`\rho = \nabla U - G^T \lambda`,

        .. math:: U(v') - U(v) \le \nabla U^T (v' - v) \le \lambda^T y + \rho^T (v' - v),

        and :math:`z_k \le 1 / (A_{mk} + n_m)`, :math:`s \le 1 / n_m` for every feasible :math:`v'`.
        """
        slack = self.slacks(z, s) if slacks is None else slacks
        for_z, for_s = self.stationarity(z, multipliers, gradient)
        most_z = (1 / (self.load + self.noise[..., None])).min(axis=-2)
        most_s = (1 / self.noise).min(axis=-1)
        found = np.maximum(for_z * (most_z - z), -for_z * z).sum(axis=-1)
        found = found + np.maximum(for_s * (most_s - s), -for_s * s)
        for name in ("floor", "cap", "total", "room"):
            found = found + (getattr(multipliers, name) * getattr(slack, name)).sum(axis=-1)
        return np.asarray(found)
