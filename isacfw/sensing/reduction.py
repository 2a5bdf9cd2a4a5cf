"""Reduction of the Fisher information of several targets to the information on one angle.

Matrices are real and symmetric, of order 4T for T targets, with four parameters per target: two local
coordinates of its direction, and Re α, Im α. The coordinates are direction cosines, or arc lengths on the
sphere, in which the information is as well conditioned as the arrays allow; a Jacobian maps the angles to them.
Without one, the coordinates are the angles themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..base.numbers import LOST, FloatArray

ANGLES = ("azimuth", "elevation")


def in_angles(fisher: FloatArray, jacobians: FloatArray) -> FloatArray:
    """Return Fisher information in the angles: (azimuth, elevation, Re α, Im α) of each target; (..., 4T, 4T).

    Parameters
    ----------
    fisher : ndarray, shape (..., 4T, 4T)
        Fisher information in coordinates.
    jacobians : ndarray, shape (..., T, 2, 2)
        Derivatives of the coordinates with respect to the angles.
    """
    order, targets = fisher.shape[-1], fisher.shape[-1] // 4
    change = np.zeros((*jacobians.shape[:-3], order, order))
    change[..., range(order), range(order)] = 1.0
    for target in range(targets):
        change[..., 4 * target : 4 * target + 2, 4 * target : 4 * target + 2] = jacobians[..., target, :, :]
    return np.asarray(np.swapaxes(change, -1, -2) @ fisher @ change)


def reduction(
    jacobians: FloatArray, known: FloatArray, angle: int
) -> tuple[FloatArray, FloatArray] | tuple[None, None]:
    """Return a basis of an angle and the other unknowns, and the angle as a linear function of its coefficients.

    Parameters
    ----------
    jacobians, known : ndarray, shapes (T, 2, 2) and (2T,)
        See :func:`angle_information`; without batch axes.
    angle : int
        Number of the angle; it counts as unknown.

    Returns
    -------
    basis : ndarray, shape (4T, D), or None
        Columns span the unknowns; None if the angle has no effect.
    row : ndarray, shape (D,), or None
        Change of the angle with each coefficient.
    """
    targets = len(jacobians)
    columns: list[FloatArray] = []
    row: list[float] = []
    for target, jacobian in enumerate(jacobians):
        own = angle - 2 * target if angle // 2 == target else None
        angles = [one for one in (0, 1) if one == own or not known[2 * target + one]]
        determinant = jacobian[0, 0] * jacobian[1, 1] - jacobian[0, 1] * jacobian[1, 0]
        moves = [jacobian[:, one] for one in angles]
        if own is not None and not moves[angles.index(own)].any():
            return None, None
        if len(angles) == 2 and determinant != 0:
            moves = [np.array([1.0, 0.0]), np.array([0.0, 1.0])]
            inverse = (
                np.array([[jacobian[1, 1], -jacobian[0, 1]], [-jacobian[1, 0], jacobian[0, 0]]]) / determinant
            )
            row += [0.0, 0.0] if own is None else inverse[own].tolist()
        else:
            lengths = [float(np.hypot(*move)) for move in moves]
            seen = [number for number, length in enumerate(lengths) if length > 0]
            moves = [moves[number] / lengths[number] for number in seen]
            row += [1 / lengths[number] if angles[number] == own else 0.0 for number in seen]
        for move in moves:
            column = np.zeros(4 * targets)
            column[4 * target : 4 * target + 2] = move
            columns.append(column)
        for alpha in (2, 3):
            columns.append(np.eye(4 * targets)[4 * target + alpha])
            row.append(0.0)
    return np.array(columns).T, np.array(row)


def information_on(
    fisher: FloatArray, basis: FloatArray, row: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the information on a linear function of unknowns, its minimiser, and its relative rounding error.

    Returns
    -------
    information, minimiser, error : ndarray, shapes (...), (..., 4T) and (...)
    """
    answered = np.asarray(np.isfinite(fisher).all(axis=(-2, -1)))
    if not answered.all():
        information, minimiser, error = information_on(
            np.where(answered[..., None, None], fisher, 0.0), basis, row
        )
        return np.where(answered, information, np.nan), np.where(answered[..., None], minimiser, np.nan), error
    reduced = basis.T @ fisher @ basis
    diagonal = np.diagonal(reduced, axis1=-2, axis2=-1)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    values, vectors = np.linalg.eigh(reduced * scale[..., :, None] * scale[..., None, :])
    wanted = ((scale * row)[..., None, :] @ vectors)[..., 0, :]
    lost = values <= len(row) * LOST * values[..., -1:]
    inside = np.divide(wanted**2, values, out=np.zeros(values.shape), where=~lost).sum(axis=-1)
    outside = np.where(lost, wanted**2, 0.0).sum(axis=-1)
    blind = outside > len(row) * LOST * (wanted**2).sum(axis=-1)
    information = np.where(blind, 0.0, np.divide(1.0, inside, out=np.zeros(inside.shape), where=inside > 0))
    solved = np.divide(wanted, values, out=np.zeros(values.shape), where=~lost) * information[..., None]
    unseen = np.divide(
        np.where(lost, wanted, 0.0), outside[..., None], out=np.zeros(values.shape), where=outside[..., None] > 0
    )
    coefficients = np.where(blind[..., None], unseen, solved)
    # Of rounding errors of all entries, relative to the largest eigenvalue.
    squares = np.divide(wanted**2, values**2, out=np.zeros(values.shape), where=~lost).sum(axis=-1)
    error = LOST * values[..., -1] * squares * information
    return information, ((vectors @ coefficients[..., None])[..., 0] * scale) @ basis.T, error


class ReducedInformation:
    """Information on the two coordinates of one target with α eliminated, entry by entry.

    With R the reduced matrix and g the derivatives of the coordinates with respect to the angles, the information
    on an angle is det R (det g)² divided by that on the other angle, or :math:`g_i^T R g_i` if the other one is
    known or has no effect.
    """

    def __init__(self, entry: Callable[[int, int], FloatArray], jacobian: FloatArray, known: FloatArray) -> None:
        alpha = entry(2, 2)
        inverse_alpha = np.divide(1.0, alpha, out=np.zeros_like(alpha), where=alpha > 0)
        real, imaginary = [entry(0, 2), entry(1, 2)], [entry(0, 3), entry(1, 3)]

        def reduce(row: int, column: int) -> FloatArray:
            eliminated = real[row] * real[column] + imaginary[row] * imaginary[column]
            return np.asarray(entry(row, column) - eliminated * inverse_alpha)

        self.own = own = entry(0, 0), entry(1, 1)
        first, second = reduce(0, 0), reduce(1, 1)
        self.first = np.where(first > LOST * own[0], first, 0.0)
        self.second = np.where(second > LOST * own[1], second, 0.0)
        self.cross = reduce(0, 1)
        determinant = self.first * self.second - self.cross**2
        lost = LOST * (own[0] * self.second + own[1] * self.first)
        self.determinant = np.where(determinant > lost, determinant, 0.0)
        self.jacobian, self.known = jacobian, known
        self.turn = jacobian[..., 0, 0] * jacobian[..., 1, 1] - jacobian[..., 0, 1] * jacobian[..., 1, 0]
        self.alone = self._alone(0), self._alone(1)

    def _alone(self, angle: int) -> FloatArray:
        """Return the information on an angle if it were the only unknown one."""
        along, across = self.jacobian[..., 0, angle], self.jacobian[..., 1, angle]
        parts = along**2 * self.first, across**2 * self.second
        value = parts[0] + 2 * along * across * self.cross + parts[1]
        return np.where(value > LOST * (parts[0] + parts[1]), value, 0.0)

    def _single(self, angle: int, other: FloatArray) -> NDArray[np.bool_]:
        return np.asarray((self.known[..., 1 - angle] > 0) | (other == 0))

    def information(self, angle: int) -> FloatArray:
        """Return the information on an angle."""
        other = self.alone[1 - angle]
        single = self._single(angle, other)
        volume = self.determinant * self.turn**2
        both = np.divide(volume, other, out=np.zeros(volume.shape), where=other > 0)
        return np.where(single, self.alone[angle], both) if single.any() else both

    def error(self, angle: int) -> FloatArray:
        """Return the relative rounding error of the information on an angle; 0 where there is none."""
        single = self._single(angle, self.alone[1 - angle])
        lost = LOST * (self.own[0] * self.second + self.own[1] * self.first)
        both = _ratio(lost, self.determinant) + self._error_alone(1 - angle)
        return np.where(single, self._error_alone(angle), both)

    def _error_alone(self, angle: int) -> FloatArray:
        along, across = self.jacobian[..., 0, angle], self.jacobian[..., 1, angle]
        return _ratio(LOST * (along**2 * self.own[0] + across**2 * self.own[1]), self.alone[angle])

    def minimiser(self, angle: int) -> tuple[FloatArray, FloatArray]:
        """Return the change of both coordinates with an angle, for the worst change of the other one."""
        other = self.alone[1 - angle]
        # The derivatives of the coordinates with respect to the other angle, rotated by 90°.
        sign = 1 - 2 * angle
        across = sign * self.jacobian[..., 1, 1 - angle]
        along = sign * self.jacobian[..., 0, 1 - angle]
        shape = np.broadcast_shapes(other.shape, self.turn.shape)
        factor = np.divide(self.turn, other, out=np.zeros(shape), where=other > 0)
        first = factor * (self.second * across + self.cross * along)
        second = -factor * (self.cross * across + self.first * along)
        single = self._single(angle, other)
        if single.any():
            first = np.where(single, self.jacobian[..., 0, angle], first)
            second = np.where(single, self.jacobian[..., 1, angle], second)
        return first, second


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
    return information_with_errors(fisher, jacobians, known)[:2]


def information_with_errors(
    fisher: FloatArray, jacobians: FloatArray, known: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the results of :func:`angle_information` for any number of targets, and relative rounding errors.

    Parameters
    ----------
    fisher, jacobians, known
        See :func:`angle_information`.

    Returns
    -------
    information, minimiser, error : ndarray, shapes (..., 2T), (..., 2T, 4T) and (..., 2T)
    """
    targets = fisher.shape[-1] // 4
    shape = np.broadcast_shapes(fisher.shape[:-2], jacobians.shape[:-3], known.shape[:-1])
    information, minimiser = np.zeros((*shape, 2 * targets)), np.zeros((*shape, 2 * targets, 4 * targets))
    error = np.zeros((*shape, 2 * targets))
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
                information[(*place, angle)], minimiser[(*place, angle, slice(None))] = own[:2]
                error[(*place, angle)] = own[2]
    return information, minimiser, error


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return ratios, 0 where the denominator is 0."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    return np.divide(part, whole, out=np.zeros(shape), where=whole > 0)


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


def angle_names(targets: int) -> Iterator[str]:
    """Yield the name of each angle: ``"azimuth"``, or ``"azimuth of target 1"`` for one of several targets."""
    for target in range(targets):
        for angle in ANGLES:
            yield angle if targets == 1 else f"{angle} of target {target + 1}"
