r"""The least powers of the uplink, in closed form.

Requirements on the radar are :math:`q \ge o_m + \sum_j r_{mj} x_j`, with :math:`o_m, r_{mj} \ge 0`. Users that
reach SINRs :math:`\Gamma_k` have :math:`x_k = \Gamma_k Y / g_k`, so the disturbance Y is a fixed point of the
largest of affine functions of it.
"""

from __future__ import annotations

import attrs
import numpy as np

from ..base.numbers import FloatArray

_LARGEST = 1e300
_STEPS = 100


@attrs.frozen(kw_only=True, eq=False)
class RadarDemand:
    r"""The share that the radar needs, and the smallest shares that reach given SINRs with it.

    Parameters
    ----------
    gain, source : ndarray, shape (..., K)
        :math:`g_k` and :math:`c_k` of an :class:`~isacfw.UplinkProblem`.
    sensing : ndarray, shape (...)
        Its b.
    own : ndarray, shape (..., M)
        :math:`o_m`, what the radar needs if users are silent; 1e300 if no power suffices.
    users : ndarray, shape (..., M, K)
        :math:`r_{mj}`, what it needs for each user's power.

    Notes
    -----
    :math:`q = \max_m (o_m + \sum_j r_{mj} x_j)` is the least share for the radar.
    """

    gain: FloatArray
    source: FloatArray
    sensing: FloatArray
    own: FloatArray
    users: FloatArray

    @classmethod
    def of_rows(
        cls,
        gain: FloatArray,
        source: FloatArray,
        sensing: FloatArray,
        *,
        users: FloatArray | None,
        radar: FloatArray | None,
        least: FloatArray | None,
    ) -> RadarDemand:
        """Return the demand of linear requirements, or of none.

        Parameters
        ----------
        gain, source, sensing : ndarray
            See the class.
        users, radar, least : ndarray, shapes (..., R, K), (..., R, 1) and (..., R), or None
            Coefficients and least values of the requirements.
        """
        if users is None or radar is None or least is None:
            batch = gain.shape[:-1]
            return cls(
                gain=gain,
                source=source,
                sensing=sensing,
                own=np.zeros((*batch, 1)),
                users=np.zeros((*batch, 1, gain.shape[-1])),
            )
        reached = radar[..., 0]
        with np.errstate(divide="ignore", over="ignore"):
            share = np.where(reached > 0, 1 / np.maximum(reached, 1 / _LARGEST), _LARGEST)
            own = np.minimum(least * share, _LARGEST)
            each = np.minimum(-users * share[..., None], _LARGEST)
        return cls(gain=gain, source=source, sensing=sensing, own=own, users=each)

    @property
    def noise(self) -> FloatArray:
        """Noise and the interference of the radar's own needs, :math:`1 + b o_m`; (..., M)."""
        with np.errstate(over="ignore"):
            return np.asarray(1 + self.sensing[..., None] * self.own)

    @property
    def load(self) -> FloatArray:
        r"""Interference of each user and of the radar on its account, :math:`c_j + b r_{mj}`; (..., M, K)."""
        with np.errstate(over="ignore"):
            return np.asarray(self.source[..., None, :] + self.sensing[..., None, None] * self.users)

    def radar_share(self, x: FloatArray) -> FloatArray:
        """Return the least share of the radar for shares of the users (..., K); (...)."""
        return np.asarray((self.own + (self.users * x[..., None, :]).sum(axis=-1)).max(axis=-1))

    def scaled(self, factor: FloatArray) -> RadarDemand:
        """Return the demand for a radar that needs a multiple (...) of its power."""
        return attrs.evolve(self, own=self.own * factor[..., None], users=self.users * factor[..., None, None])

    def least_shares(self, sinr: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        r"""Return the smallest shares of users and radar that reach given SINRs, infinite if none do.

        Parameters
        ----------
        sinr : ndarray, shape (..., K), or None
            :math:`\Gamma_k`; None for 0.

        Returns
        -------
        x, q : ndarray, shapes (..., K) and (...)

        Notes
        -----
        :math:`Y = \max_m (1 + b o_m) / (1 - \sum_j (c_j + b r_{mj}) \Gamma_j / g_j)`: the requirements are a
        standard interference function, whose fixed point is below every feasible allocation in all shares.
        """
        if sinr is None:
            sinr = np.zeros(self.gain.shape[-1])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = np.where(sinr > 0, sinr / self.gain, 0.0)
            rest = 1 - np.where(ratio[..., None, :] > 0, self.load * ratio[..., None, :], 0.0).sum(axis=-1)
            level = np.where(rest > 0, self.noise / rest, np.inf).max(axis=-1)
            x = np.where(ratio > 0, ratio * level[..., None], 0.0)
            each = np.where(x[..., None, :] > 0, self.users * x[..., None, :], 0.0)
            q = (self.own + np.nan_to_num(each, nan=np.inf, posinf=np.inf).sum(axis=-1)).max(axis=-1)
        return x, np.asarray(np.where(np.isinf(level), np.inf, q))

    def largest_level(self, floors: FloatArray | None) -> FloatArray:
        r"""Return the largest t for which :math:`SINR_k = \max(t, \Gamma_k)` is within all budgets; (...).

        Parameters
        ----------
        floors : ndarray, shape (..., K), or None
            :math:`\Gamma_k`, which must be within them; None for 0.

        Notes
        -----
        With :math:`v = \min(\min_k g_k, \min_m (1 - o_m) / \sum_j (r_{mj} / g_j))`, all :math:`x_k \le 1` and
        :math:`q \le 1` are :math:`t Y \le v`, so without floors
        :math:`t = \min_m v / (1 + b o_m + v \sum_j (c_j + b r_{mj}) / g_j)`. With floors, t is found by bisection
        below that.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            needs = (self.users / self.gain[..., None, :]).sum(axis=-1)
            room = np.where(needs > 0, (1 - self.own) / needs, np.inf).min(axis=-1)
            most = np.maximum(np.minimum(self.gain.min(axis=-1), room), 0.0)
            loads = (self.load / self.gain[..., None, :]).sum(axis=-1)
            level = (most[..., None] / (self.noise + most[..., None] * loads)).min(axis=-1)
            level = np.asarray(np.where(most > 0, level, 0.0))
        return level if floors is None else self._largest_above(floors, level)

    def _largest_above(self, floors: FloatArray, level: FloatArray) -> FloatArray:
        """Return the largest level by bisection, at most the given one."""
        low, high = np.zeros(level.shape), level
        for _ in range(_STEPS):
            middle = (low + high) / 2
            x, q = self.least_shares(np.maximum(middle[..., None], floors))
            within = (x.max(axis=-1) <= 1) & (q <= 1)
            low, high = np.where(within, middle, low), np.where(within, high, middle)
        return low
