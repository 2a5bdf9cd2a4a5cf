"""Information on angles, CRLBs, and the largest communication share within CRLB limits."""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from .concave import beyond_layer, concave_maximum
from .linear import LinearLevels
from .reduction import ReducedInformation, angle_information
from .requirements import sum_information, sum_slope

_ROUNDING = 1e-14

_STEPS, _FIRST_STEPS = 200, 15
"""Newton's steps at most, and those after which they may come to a halt at the resolution of the shares."""


def crlb(fisher: FloatArray, jacobians: FloatArray | None = None, known: FloatArray | None = None) -> FloatArray:
    """Return the CRLBs of all angles in rad²; infinite where one cannot be estimated, NaN for known ones.

    Parameters
    ----------
    fisher, jacobians, known
        See :func:`~isacfw.sensing.reduction.angle_information`.

    Returns
    -------
    ndarray, shape (..., 2T)
        Diagonal entries of the inverse Fisher information, (39)-(40) with errata 1 and 2 corrected.
    """
    return bounds_of(angle_information(fisher, jacobians, known)[0], known)


def bounds_of(information: FloatArray, known: FloatArray | None = None) -> FloatArray:
    """Return the CRLBs for the information on each angle; infinite for none, NaN for a known angle."""
    bounds = np.divide(1.0, information, out=np.full(information.shape, np.inf), where=information > 0)
    return bounds if known is None or not known.any() else np.where(known > 0, np.nan, bounds)


def crlb_of_split(
    communication: FloatArray,
    sensing: FloatArray,
    f: FloatArray,
    q: FloatArray,
    jacobians: FloatArray | None = None,
    known: FloatArray | None = None,
) -> FloatArray:
    """Return the CRLBs (39)-(40) for a communication share f and a sensing share q, in rad².

    Parameters
    ----------
    communication, sensing : ndarray, shape (..., 4T, 4T)
        Fisher information if all power goes to communication, or to sensing.
    f, q : ndarray, shape (...)
        Shares of the power.
    jacobians, known
        See :func:`~isacfw.sensing.reduction.angle_information`.

    Returns
    -------
    ndarray, shape (..., 2T)
        Equal to :func:`crlb` of the Fisher information of the split, without forming the matrices of a batch.
    """
    if communication.shape[-1] > 4:
        return crlb(f[..., None, None] * communication + q[..., None, None] * sensing, jacobians, known)
    angles = ReducedInformation(
        lambda row, column: f * communication[..., row, column] + q * sensing[..., row, column],
        np.eye(2) if jacobians is None else jacobians[..., 0, :, :],
        np.zeros(2) if known is None else known,
    )
    information = [angles.information(angle) for angle in (0, 1)]
    return bounds_of(np.stack(np.broadcast_arrays(*information), axis=-1), known)


@attrs.frozen(kw_only=True, eq=False)
class Line:
    """Splits of full power between two signals: f for the first and 1 - f for the second.

    Parameters
    ----------
    communication, sensing : ndarray, shape (..., 4T, 4T)
        Fisher information if all power goes to communication, or to sensing.
    limit : ndarray, shape (..., 2T)
        Largest CRLBs in rad²; infinite for no limit.
    jacobians, known
        See :func:`~isacfw.sensing.reduction.angle_information`.
    sum_weights : ndarray, shape (..., M, 2T), optional
        Nonnegative weights of limited sums of CRLBs, from which known angles are left out; no sums by default.
    sum_limit : ndarray, shape (..., M), optional
        Largest values of the sums; infinite for no limit.
    hypotheses : bool
        Whether the last batch axis of the Fisher information and of the Jacobians counts hypotheses on the
        directions of the targets, under all of which the limits hold. The other fields lack this axis.
    linear : LinearLevels, optional
        Linear requirements, which are not repeated for hypotheses; none by default.
    """

    communication: FloatArray
    sensing: FloatArray
    limit: FloatArray
    jacobians: FloatArray | None = None
    known: FloatArray | None = None
    sum_weights: FloatArray | None = None
    sum_limit: FloatArray | None = None
    hypotheses: bool = False
    linear: LinearLevels | None = None

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Broadcast batch shape of all fields."""
        core = 3 if self.hypotheses else 2
        shapes = [self.communication.shape[:-core], self.sensing.shape[:-core], self.limit.shape[:-1]]
        if self.jacobians is not None:
            shapes.append(self.jacobians.shape[: -core - 1])
        if self.known is not None:
            shapes.append(self.known.shape[:-1])
        if self.sum_weights is not None and self.sum_limit is not None:
            shapes += [self.sum_weights.shape[:-2], self.sum_limit.shape[:-1]]
        if self.linear is not None:
            shapes += self.linear.shapes
        return np.broadcast_shapes(*shapes)

    @cached_property
    def _weights(self) -> FloatArray | None:
        if self.sum_weights is None or self.known is None:
            return self.sum_weights
        return np.where(self.known[..., None, :] > 0, 0.0, self.sum_weights)

    @cached_property
    def required(self) -> FloatArray:
        """Information that the limits require on each angle and on each sum; (..., 2T + M).

        With hypotheses, repeated for each of them; (..., H (2T + M)). Least values of linear requirements follow.
        """
        limits = [self.limit] if self.sum_limit is None else [self.limit, self.sum_limit]
        required = [np.broadcast_to(1 / limit, (*self.shape, limit.shape[-1])) for limit in limits]
        required = required * (self.communication.shape[-3] if self.hypotheses else 1)
        if self.linear is not None:
            required.append(np.broadcast_to(self.linear.least, (*self.shape, self.linear.least.shape[-1])))
        return np.concatenate(required, axis=-1)

    @cached_property
    def _rounding(self) -> FloatArray:
        """Rounding errors of all that is :attr:`required`."""
        rounding = _ROUNDING * self.required
        if self.linear is not None:
            rounding[..., rounding.shape[-1] - self.linear.least.shape[-1] :] = self.linear.rounding
        return rounding

    def at(self, share: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the information on each angle, and its derivative with respect to f; (..., [H,] 2T) each."""
        weight, known = share[..., None, None], self.known
        if self.hypotheses:
            weight, known = weight[..., None], None if known is None else known[..., None, :]
        fisher = weight * self.communication + (1 - weight) * self.sensing
        information, w = angle_information(fisher, self.jacobians, known)
        difference = (self.communication - self.sensing)[..., None, :, :]
        slope = (w[..., None, :] @ difference @ w[..., :, None])[..., 0, 0]
        return information, slope

    def on_requirements(self, share: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the information on all that is :attr:`required`, and its derivative with respect to f."""
        information, slope = self._on_crlbs(share)
        if self.linear is None:
            return information, slope
        parts = zip((information, np.broadcast_to(slope, information.shape)), self.linear.at(share), strict=True)
        batch = np.broadcast_shapes(information.shape[:-1], share.shape, *self.linear.shapes)
        both = [[np.broadcast_to(each, (*batch, each.shape[-1])) for each in pair] for pair in parts]
        return np.concatenate(both[0], axis=-1), np.concatenate(both[1], axis=-1)

    def _on_crlbs(self, share: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the information on angles and sums that is :attr:`required`, and its derivative."""
        information, slope = self.at(share)
        if self._weights is not None:
            weights = self._weights[..., None, :, :] if self.hypotheses else self._weights
            sums = sum_information(information, weights), sum_slope(information, slope, weights)
            slope = np.concatenate([np.broadcast_to(slope, information.shape), sums[1]], axis=-1)
            information = np.concatenate([information, sums[0]], axis=-1)
        if self.hypotheses:
            shape = (*information.shape[:-2], -1)
            return information.reshape(shape), np.broadcast_to(slope, information.shape).reshape(shape)
        return information, slope

    def largest_share(self) -> FloatArray:
        r"""Return the largest f in [0, 1] that meets the limits; NaN if there is none; (...).

        Notes
        -----
        The information on an angle is concave in f, so Newton's method from f = 1 approaches the largest feasible
        share from above and never passes it: a tangent that does not cross the limit proves that no share below
        is feasible. Where the information is linear or quadratic over linear (an aligned beam) it takes a few
        steps; it needs no case distinction for a misaligned one.
        """
        share = np.ones(self.shape)
        infeasible = np.zeros(self.shape, dtype=np.bool_)
        for number in range(_STEPS):
            information, slope = self.on_requirements(share)
            gap = information - self.required
            violated = gap < -self._rounding
            infeasible |= (violated & ((slope >= 0) | (share[..., None] == 0))).any(axis=-1)
            if not (violated.any(axis=-1) & ~infeasible).any():
                return np.where(infeasible, np.nan, share)
            step = np.divide(gap, slope, out=np.zeros(gap.shape), where=violated & (slope < 0))
            lower = np.maximum(share - step.max(axis=-1), 0.0)
            if number >= _FIRST_STEPS and (lower == share).all():
                break
            share = lower
        short = (gap < -np.maximum(1e-9 * self.required, self._rounding)).any(axis=-1) & ~infeasible
        share = np.where(infeasible, np.nan, share)
        return beyond_layer(self._level, self._meets, share, short) if short.any() else share

    def _meets(self, share: FloatArray) -> NDArray[np.bool_]:
        missing = self.on_requirements(share)[0] - self.required < -self._rounding
        return np.asarray(~missing.any(axis=-1))

    def smallest_crlb(self) -> FloatArray:
        """Return the smallest CRLB of each angle over f, separately for each angle, in rad²; (..., 2T)."""

        def of_angle(angle: int) -> FloatArray:
            def value_and_slope(share: FloatArray) -> tuple[FloatArray, FloatArray]:
                information, slope = self.at(share)
                if not self.hypotheses:
                    return information[..., angle], slope[..., angle]
                return worst(information[..., angle], slope[..., angle])

            return concave_maximum(value_and_slope, self.shape)[0]

        best = np.stack([of_angle(angle) for angle in range(self.limit.shape[-1])], axis=-1)
        return np.asarray(np.divide(1.0, best, out=np.full(best.shape, np.inf), where=best > 0))

    def smallest_excess(self) -> FloatArray:
        """Return the minimum over f of the largest ratio of CRLB to limit; (...).

        Above 1 if and only if no f meets all limits.
        """

        def value_and_slope(share: FloatArray) -> tuple[FloatArray, FloatArray]:
            information, slope = self.on_requirements(share)
            ratio = np.divide(
                information, self.required, out=np.full(self.required.shape, np.inf), where=self.required > 0
            )
            return worst(ratio, slope)

        low, high = self.interval
        best = np.where(low <= high, concave_maximum(value_and_slope, self.shape, low, high)[0], 0.0)
        return np.asarray(np.divide(1.0, best, out=np.full(best.shape, np.inf), where=best > 0))

    def closest_share(self) -> FloatArray:
        """Return the f at which the largest ratio of CRLB to limit is smallest; (...)."""
        return concave_maximum(self._level, self.shape, *self.interval)[1]

    def _level(self, share: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the smallest ratio of information to what is :attr:`required`, and its derivative; (...)."""
        information, slope = self.on_requirements(share)
        required = self.required
        unit = np.where(required > 0, required, 1.0)
        return worst(np.where(required > 0, information / unit, np.inf), slope / unit)

    @property
    def interval(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Ends of the f that meet linear requirements of least value 0, see :attr:`LinearLevels.interval`."""
        return (0.0, 1.0) if self.linear is None else self.linear.interval


def worst(values: FloatArray, slopes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the smallest value along the last axis, and its slope; (...) each."""
    place = np.argmin(values, axis=-1)[..., None]
    slopes = np.broadcast_to(slopes, values.shape)
    return np.take_along_axis(values, place, axis=-1)[..., 0], np.take_along_axis(slopes, place, axis=-1)[..., 0]


def largest_communication_share(communication: FloatArray, sensing: FloatArray, limit: FloatArray) -> FloatArray:
    """Return :meth:`Line.largest_share` for Fisher information in the angles; (...)."""
    return Line(communication=communication, sensing=sensing, limit=limit).largest_share()


def smallest_crlb(communication: FloatArray, sensing: FloatArray) -> FloatArray:
    """Return :meth:`Line.smallest_crlb` for Fisher information in the angles; (..., 2)."""
    limit = np.full(communication.shape[-1] // 2, np.inf)
    return Line(communication=communication, sensing=sensing, limit=limit).smallest_crlb()


def smallest_excess(communication: FloatArray, sensing: FloatArray, limit: FloatArray) -> FloatArray:
    """Return :meth:`Line.smallest_excess` for Fisher information in the angles; (...)."""
    return Line(communication=communication, sensing=sensing, limit=limit).smallest_excess()
