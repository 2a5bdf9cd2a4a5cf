"""Requirements on sensing: limits on CRLBs and on weighted sums of CRLBs, under one or several hypotheses."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from ..base.numbers import FloatArray, float_array


def _no_sums(limits: Any) -> FloatArray:
    return np.zeros((0, limits.limit.shape[-1]))


def _none_known(limits: Any) -> FloatArray:
    return np.zeros(limits.limit.shape)


@attrs.frozen(kw_only=True, eq=False)
class SensingLimits:
    r"""Limits of one sensing problem, which hold under every hypothesis on the directions of the targets.

    Parameters
    ----------
    limit : ndarray, shape (2T,)
        Largest CRLB of each angle in rad²; infinite for no limit. Those of known angles do not count.
    jacobians : ndarray, shape (H, T, 2, 2)
        Derivatives of the coordinates with respect to the angles under each hypothesis, the nominal one first.
    sum_weights : ndarray, shape (M, 2T)
        Nonnegative weights :math:`W_{mi}` of limited sums :math:`\sum_i W_{mi} [J^{-1}]_{ii}`, from which known
        angles are left out; no sums by default.
    sum_limit : ndarray, shape (M,)
        Largest values of the sums; infinite for no limit.
    known : ndarray, shape (2T,)
        1 where an angle is known, 0 elsewhere; none by default.
    linear : ndarray, shape (R, B)
        Linear requirements on the shares p of B signals, :math:`\sum_b L_{rb} p_b \ge 1`; none by default.
    balances : ndarray, shape (R', B)
        Those of least value 0, :math:`\sum_b L_{rb} p_b \ge 0`, at any power; none by default.
    """

    limit: FloatArray = attrs.field(converter=float_array)
    jacobians: FloatArray = attrs.field(converter=float_array)
    sum_weights: FloatArray = attrs.field(default=attrs.Factory(_no_sums, takes_self=True), converter=float_array)
    sum_limit: FloatArray = attrs.field(factory=lambda: np.zeros(0), converter=float_array)
    known: FloatArray = attrs.field(default=attrs.Factory(_none_known, takes_self=True), converter=float_array)
    linear: FloatArray = attrs.field(factory=lambda: np.zeros((0, 0)), converter=float_array)
    balances: FloatArray = attrs.field(factory=lambda: np.zeros((0, 0)), converter=float_array)

    @property
    def hypotheses(self) -> int:
        """Number of hypotheses H."""
        return len(self.jacobians)

    @property
    def effective_limit(self) -> FloatArray:
        """The limits, infinite for known angles; (2T,)."""
        return np.where(self.known > 0, np.inf, self.limit)

    @property
    def effective_weights(self) -> FloatArray:
        """The weights of the sums, 0 for known angles; (M, 2T)."""
        return np.where(self.known > 0, 0.0, self.sum_weights)

    def levels(self, information: FloatArray) -> FloatArray:
        r"""Return the ratios of limits to CRLBs, and to their sums; (..., 2T + M), infinite for no limit.

        Parameters
        ----------
        information : ndarray, shape (..., 2T)
            Information :math:`E_i` on each angle.

        Notes
        -----
        The requirements are met if and only if all levels reach 1 under every hypothesis. A level is concave in
        J, and of degree 1.
        """
        sums = sum_information(information, self.effective_weights)
        return np.concatenate([_scale(information, self.effective_limit), _scale(sums, self.sum_limit)], axis=-1)

    def unlimited(self) -> SensingLimits:
        """Return :attr:`balances` alone."""
        limit = np.full(self.limit.shape, np.inf)
        return SensingLimits(limit=limit, jacobians=self.jacobians, known=self.known, balances=self.balances)

    def linear_level(self, shares: FloatArray) -> FloatArray:
        """Return the smallest value of the linear requirements at shares (..., B); (...), infinite for none."""
        if not len(self.linear):
            return np.full(shares.shape[:-1], np.inf)
        return np.asarray((shares @ self.linear.T).min(axis=-1))

    def level_slopes(self, information: FloatArray, slopes: FloatArray) -> FloatArray:
        """Return the derivatives of :meth:`levels` for those of the information, (..., 2T); 0 for no limit."""
        sums = sum_slope(information, slopes, self.effective_weights)
        limits = np.concatenate([self.effective_limit, self.sum_limit])
        both = np.concatenate([slopes, sums], axis=-1)
        return np.asarray(both * np.where(np.isfinite(limits), limits, 0.0))


def _scale(information: FloatArray, limit: FloatArray) -> FloatArray:
    finite = np.isfinite(limit)
    return np.where(finite, information * np.where(finite, limit, 1.0), np.inf)


def sum_information(information: FloatArray, weights: FloatArray) -> FloatArray:
    r"""Return :math:`E_w = 1 / \sum_i w_i / E_i` of weighted sums of CRLBs; (..., M).

    Parameters
    ----------
    information : ndarray, shape (..., 2T)
        Information :math:`E_i` on each angle.
    weights : ndarray, shape (..., M, 2T)
        Nonnegative weights; angles of weight 0 do not matter.

    Returns
    -------
    ndarray
        Infinite where all weights are 0, 0 where a weighted angle cannot be estimated.
    """
    inverse = np.divide(1.0, information, out=np.zeros(information.shape), where=information > 0)
    total = (weights * inverse[..., None, :]).sum(axis=-1)
    lost = ((weights > 0) & (information[..., None, :] <= 0)).any(axis=-1)
    found = np.divide(1.0, total, out=np.full(total.shape, np.inf), where=total > 0)
    found = np.where(np.isnan(total), np.nan, found)
    return np.where(lost, 0.0, found)


def sum_slope(information: FloatArray, slopes: FloatArray, weights: FloatArray) -> FloatArray:
    r"""Return :math:`E_w^2 \sum_i w_i E_i' / E_i^2`, the derivatives of :func:`sum_information`; (..., M).

    Parameters
    ----------
    information, slopes : ndarray, shape (..., 2T)
        :math:`E_i` and their derivatives.
    weights : ndarray, shape (..., M, 2T)
        See :func:`sum_information`.
    """
    level = sum_information(information, weights)
    used, each, slope = weights > 0, information[..., None, :], slopes[..., None, :]
    shape = np.broadcast_shapes(used.shape, each.shape)
    parts = np.divide(level[..., None], each, out=np.zeros(shape), where=used & (each > 0))
    regular = (weights * parts**2 * slope).sum(axis=-1)
    # Where an angle cannot be estimated, E_w = 0 touches a bound from above: E_i divided by the weight.
    blind = used & (each <= 0)
    bound = np.divide(slope, weights, out=np.full(shape, np.inf), where=blind).min(axis=-1, initial=np.inf)
    return np.asarray(np.where(blind.any(axis=-1), bound, regular))
