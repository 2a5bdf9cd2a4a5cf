"""Information on angles, CRLBs, and the largest communication share within CRLB limits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from .reduction import ReducedInformation, information_on, reduction

_ROUNDING = 1e-14


def angle_information(
    fisher: FloatArray, jacobians: FloatArray | None = None, known: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    r"""Return the equivalent (Schur-complement) Fisher information of each angle.

    Parameters
    ----------
    fisher : ndarray, shape (..., 4T, 4T)
        Fisher information; for one target, the block of α must be a multiple of the identity.
    jacobians : ndarray, shape (..., T, 2, 2), optional
        Derivatives of the coordinates with respect to the angles; the identity by default.
    known : ndarray, shape (..., 2T), optional
        1 where an angle (azimuth and elevation of the first target, then of the second, ...) is known, 0
        elsewhere.

    Returns
    -------
    information : ndarray, shape (..., 2T)
        :math:`E_i = 1 / [J^{-1}]_{ii}` in 1/rad², the Schur complement of the other unknowns; 0 if an angle
        cannot be estimated. For a known angle, its value if it were the only unknown angle of its target.
    minimiser : ndarray, shape (..., 2T, 4T)
        Among the vectors `w` that change an angle by 1, the one that minimises :math:`w^T J w`, which is
        :math:`E_i`. So :math:`E_i` is concave in J, and :math:`w^T \dot J w` is its derivative along :math:`\dot
        J`.
    """
    targets = fisher.shape[-1] // 4
    jacobians = np.broadcast_to(np.eye(2), (targets, 2, 2)) if jacobians is None else jacobians
    known = np.zeros(2 * targets) if known is None else known
    if targets == 1:
        return _of_one_target(fisher, jacobians, known)
    shape = np.broadcast_shapes(fisher.shape[:-2], jacobians.shape[:-3], known.shape[:-1])
    information, minimiser = np.zeros((*shape, 2 * targets)), np.zeros((*shape, 2 * targets, 4 * targets))
    outer = np.broadcast_shapes(jacobians.shape[:-3], known.shape[:-1])
    outer = (1,) * (len(shape) - len(outer)) + outer
    jacobians = np.broadcast_to(jacobians, (*outer, targets, 2, 2))
    known = np.broadcast_to(known, (*outer, 2 * targets))
    fisher = np.broadcast_to(fisher, (*shape, 4 * targets, 4 * targets))
    for index in np.ndindex(outer):
        place = tuple(slice(None) if outer[axis] == 1 else one for axis, one in enumerate(index))
        for angle in range(2 * targets):
            basis, row = reduction(jacobians[index], known[index], angle)
            if basis is not None and row is not None:
                own = information_on(fisher[place], basis, row)
                information[(*place, angle)], minimiser[(*place, angle, slice(None))] = own
    return information, minimiser


def _of_one_target(fisher: FloatArray, jacobians: FloatArray, known: FloatArray) -> tuple[FloatArray, FloatArray]:
    angles = ReducedInformation(lambda row, column: fisher[..., row, column], jacobians[..., 0, :, :], known)
    information = np.stack([angles.information(0), angles.information(1)], axis=-1)
    moves = [angles.minimiser(angle) for angle in (0, 1)]
    shape = np.broadcast_shapes(information.shape[:-1], *(part.shape for move in moves for part in move))
    minimiser = np.empty((*shape, 2, 4))
    alpha = fisher[..., 2, 2]
    inverse_alpha = np.divide(1.0, alpha, out=np.zeros_like(alpha), where=alpha > 0)
    for angle, (first, second) in enumerate(moves):
        minimiser[..., angle, 0], minimiser[..., angle, 1] = first, second
        for part in (2, 3):
            minimiser[..., angle, part] = (
                -(first * fisher[..., 0, part] + second * fisher[..., 1, part]) * inverse_alpha
            )
    return np.broadcast_to(information, (*shape, 2)), minimiser


def crlb(fisher: FloatArray, jacobians: FloatArray | None = None, known: FloatArray | None = None) -> FloatArray:
    """Return the CRLBs of all angles in rad²; infinite where one cannot be estimated, NaN for known ones.

    Parameters
    ----------
    fisher, jacobians, known
        See :func:`angle_information`.

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
        See :func:`angle_information`.

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
        See :func:`angle_information`.
    """

    communication: FloatArray
    sensing: FloatArray
    limit: FloatArray
    jacobians: FloatArray | None = None
    known: FloatArray | None = None

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Broadcast batch shape of all fields."""
        shapes = [self.communication.shape[:-2], self.sensing.shape[:-2], self.limit.shape[:-1]]
        if self.jacobians is not None:
            shapes.append(self.jacobians.shape[:-3])
        if self.known is not None:
            shapes.append(self.known.shape[:-1])
        return np.broadcast_shapes(*shapes)

    @cached_property
    def required(self) -> FloatArray:
        """Information that the limits require; (..., 2T)."""
        return np.broadcast_to(1 / self.limit, (*self.shape, self.limit.shape[-1]))

    def at(self, share: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the information on each angle, and its derivative with respect to f; (..., 2T) each."""
        weight = share[..., None, None]
        fisher = weight * self.communication + (1 - weight) * self.sensing
        information, w = angle_information(fisher, self.jacobians, self.known)
        difference = (self.communication - self.sensing)[..., None, :, :]
        slope = (w[..., None, :] @ difference @ w[..., :, None])[..., 0, 0]
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
        for _ in range(200):
            information, slope = self.at(share)
            gap = information - self.required
            violated = gap < -_ROUNDING * self.required
            infeasible |= (violated & ((slope >= 0) | (share[..., None] == 0))).any(axis=-1)
            if not (violated.any(axis=-1) & ~infeasible).any():
                break
            step = np.divide(gap, slope, out=np.zeros(gap.shape), where=violated & (slope < 0))
            share = np.maximum(share - step.max(axis=-1), 0.0)
        else:
            infeasible |= (gap < -1e-9 * self.required).any(axis=-1)
        return np.where(infeasible, np.nan, share)

    def smallest_crlb(self) -> FloatArray:
        """Return the smallest CRLB of each angle over f, separately for each angle, in rad²; (..., 2T)."""

        def of_angle(angle: int) -> FloatArray:
            def value_and_slope(share: FloatArray) -> tuple[FloatArray, FloatArray]:
                information, slope = self.at(share)
                return information[..., angle], slope[..., angle]

            return _concave_maximum(value_and_slope, self.shape)

        best = np.stack([of_angle(angle) for angle in range(self.limit.shape[-1])], axis=-1)
        return np.asarray(np.divide(1.0, best, out=np.full(best.shape, np.inf), where=best > 0))

    def smallest_excess(self) -> FloatArray:
        """Return the minimum over f of the largest ratio of CRLB to limit; (...).

        Above 1 if and only if no f meets all limits.
        """

        def value_and_slope(share: FloatArray) -> tuple[FloatArray, FloatArray]:
            information, slope = self.at(share)
            ratio = np.divide(
                information, self.required, out=np.full(self.required.shape, np.inf), where=self.required > 0
            )
            worst = np.argmin(ratio, axis=-1)[..., None]
            return (
                np.take_along_axis(ratio, worst, axis=-1)[..., 0],
                np.take_along_axis(np.broadcast_to(slope, ratio.shape), worst, axis=-1)[..., 0],
            )

        best = _concave_maximum(value_and_slope, self.shape)
        return np.asarray(np.divide(1.0, best, out=np.full(best.shape, np.inf), where=best > 0))


def _concave_maximum(
    value_and_slope: Callable[[FloatArray], tuple[FloatArray, FloatArray]], shape: tuple[int, ...]
) -> FloatArray:
    """Return the largest value on [0, 1] of concave functions, by bisection on the sign of the slope."""
    low, high = np.zeros(shape), np.ones(shape)
    best = np.maximum(value_and_slope(low)[0], value_and_slope(high)[0])
    for _ in range(60):
        middle = (low + high) / 2
        value, slope = value_and_slope(middle)
        best = np.maximum(best, value)
        rising: NDArray[np.bool_] = slope > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return best


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
