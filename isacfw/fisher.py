r"""Fisher information of the targets' angles, and what it leaves of the power for communication.

Matrices are real and symmetric, of order 4T for T targets, with four parameters per target: two local
coordinates of its direction, and Re α, Im α. The coordinates are direction cosines, or arc lengths on the
sphere, in which the information is as well conditioned as the arrays allow; a Jacobian leads from the angles to
them. Without one, the coordinates are the angles themselves. Everything is linear in the shares of power.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from .base.numbers import ComplexArray, FloatArray
from .signal.array import Array, Direction
from .signal.gram import gram

_ROUNDING = 1e-14
LOST = 16 * np.finfo(np.float64).eps
"""Differences of numbers below this part of them are rounding."""

ANGLES = ("azimuth", "elevation")


@attrs.frozen(kw_only=True, eq=False)
class EchoModel:
    r"""Echoes of point targets: from the covariance of the transmit signal to the Fisher information.

    Parameters
    ----------
    transmit, receive : Array
        The two arrays of the base station.
    directions : tuple of Direction
        Where the T targets are.
    amplitudes : ndarray of complex, shape (T,)
        Their reflection coefficients :math:`\alpha_t`.
    frame_length : int
        Number L of symbols in a frame.

    Notes
    -----
    The echo is :math:`G X` with :math:`G = \sum_t \alpha_t b_t a_t^H`, and :math:`J_{mn} = 2L\,
    \mathrm{Re}\, \mathrm{tr}(D_m R_x D_n^H)` with the derivatives :math:`D_m` of G, (28)-(36). Each is :math:`Q
    X_m P^H` with :math:`P = [a, \dot a_1, \dot a_2]` and :math:`Q = [b, \dot b_1, \dot b_2]` of all targets and
    a sparse :math:`X_m`, so :math:`J_{mn} = 2L\, \mathrm{Re}\, \mathrm{tr}(X_m P^H R_x P X_n^H Q^H Q)`.
    """

    transmit: Array
    receive: Array
    directions: tuple[Direction, ...]
    amplitudes: ComplexArray
    frame_length: int

    @property
    def targets(self) -> int:
        """Number of targets T."""
        return len(self.directions)

    @cached_property
    def _planar(self) -> bool:
        return self.transmit.planar and self.receive.planar

    @cached_property
    def jacobians(self) -> FloatArray:
        """Derivatives of each target's coordinates, in rows, by azimuth and elevation, in columns; (T, 2, 2)."""
        if self._planar:
            return np.array([direction.jacobian for direction in self.directions])
        return np.array([np.diag(direction.tangent_speeds) for direction in self.directions])

    @cached_property
    def _transmit_change(self) -> FloatArray:
        return _change(self.transmit, self.directions, planar=self._planar)

    @cached_property
    def isotropic_forms(self) -> ComplexArray:
        """:math:`P^H P / N_t`, of a signal that is the same in every direction on average; (3T, 3T)."""
        return gram(self.transmit, self.directions) / self.transmit.n_elements

    @cached_property
    def _weights(self) -> ComplexArray:
        """Return W with J_mn = Re sum_bc W[mn, bc] (P^H R P)[b, c]; (16 T², 9 T²)."""
        parameters, columns = 4 * self.targets, 3 * self.targets
        change = _change(self.receive, self.directions, planar=self._planar)
        receive = change.T @ gram(self.receive, self.directions) @ change
        derivatives = np.zeros((parameters, columns, columns), dtype=np.complex128)
        for target, amplitude in enumerate(self.amplitudes):
            first, row = 3 * target, 4 * target
            for coordinate in (0, 1):
                derivatives[row + coordinate, first + 1 + coordinate, first] = amplitude
                derivatives[row + coordinate, first, first + 1 + coordinate] = amplitude
            derivatives[row + 2, first, first], derivatives[row + 3, first, first] = 1, 1j
        # In the transmit array's own basis.
        derivatives = derivatives @ self._transmit_change.T
        received = np.einsum("mab,da->mdb", derivatives, receive)
        weights = np.einsum("mdb,ndc->mnbc", received, derivatives.conj())
        return np.asarray(2 * self.frame_length * weights.reshape(parameters**2, columns**2))

    def fisher(self, forms: FloatArray | ComplexArray) -> FloatArray:
        """Return the Fisher information for covariances of the transmit signal.

        Parameters
        ----------
        forms : ndarray, shape (..., 3T, 3T)
            :math:`P^H R_x P`, all that the echoes tell of :math:`R_x`, with :math:`P` of all targets side by
            side. See :meth:`~isacfw.array.Array.steering_basis`.

        Returns
        -------
        ndarray, shape (..., 4T, 4T)
            In the coordinates of :attr:`jacobians`.
        """
        parameters = 4 * self.targets
        flat = forms.reshape(*forms.shape[:-2], -1, 1)
        found = (self._weights @ flat).real.reshape(*forms.shape[:-2], parameters, parameters)
        return np.asarray((found + np.swapaxes(found, -1, -2)) / 2)

    def blurred(self, target: int, unlimited: NDArray[np.bool_]) -> int | None:
        """Return the angle of a target that counts as known where the arrays cannot tell its two angles apart.

        Parameters
        ----------
        target : int
            Number of the target.
        unlimited : ndarray of bool, shape (2,)
            Which of azimuth and elevation have no limit.

        Returns
        -------
        int or None
            0 for the azimuth, 1 for the elevation; None where both can be estimated, or one of them changes
            nothing, or both are limited.
        """
        fisher = self.fisher(self.isotropic_forms)[4 * target : 4 * target + 4, 4 * target : 4 * target + 4]
        angles = _Reduced(lambda row, column: fisher[row, column], self.jacobians[target], np.zeros(2))
        seen = [float(one) > 0 for one in angles.alone]
        if not all(seen) or not unlimited.any() or (angles.determinant > 0 and angles.turn != 0):
            return None
        return 1 if unlimited[1] else 0


def _change(array: Array, directions: Sequence[Direction], *, planar: bool) -> FloatArray:
    """Return C with P C the basis in common coordinates: (u, w) or along the tangents; (3T, 3T)."""
    change = np.eye(3 * len(directions))
    if not planar and array.planar:
        for number, direction in enumerate(directions):
            change[3 * number + 1 : 3 * number + 3, 3 * number + 1 : 3 * number + 3] = direction.tangents[:2]
    return change


def fisher_information(
    *,
    transmit: Array,
    receive: Array,
    target: Direction,
    beam: Direction,
    amplitude: float,
    frame_length: int,
) -> tuple[FloatArray, FloatArray]:
    r"""Return the Fisher information of one target per unit of communication and of sensing power, at unit noise.

    Parameters
    ----------
    transmit, receive : Array
        The two arrays of the base station.
    target, beam : Direction
        Where the target is and where the sensing beam points.
    amplitude : float
        Reflection amplitude :math:`|\alpha|`; its phase does not matter.
    frame_length : int
        Number L of symbols in a frame.

    Returns
    -------
    communication, sensing : ndarray, shape (4, 4)
        :math:`J_c` for :math:`R_x = I / N_t` and :math:`J_s` for :math:`R_x = v v^H / N_t`, of (azimuth,
        elevation, Re α, Im α): (28)-(36), with the block between angles and α that (37) drops.
    """
    model = EchoModel(
        transmit=transmit,
        receive=receive,
        directions=(target,),
        amplitudes=np.array([amplitude], dtype=np.complex128),
        frame_length=frame_length,
    )
    response, slopes = transmit.beam_response(target, beam)
    projections = np.array([response, *slopes])
    beamformed = np.outer(projections, projections.conj()) / transmit.n_elements
    communication, sensing = (
        in_angles(model.fisher(forms), model.jacobians) for forms in (model.isotropic_forms, beamformed)
    )
    return communication, sensing


def fisher_of_covariance(
    forms: FloatArray | ComplexArray,
    *,
    receive: Array,
    target: Direction,
    amplitude: float,
    frame_length: int,
    transmit: Array | None = None,
) -> FloatArray:
    r"""Return the Fisher information of one target for any covariance :math:`R_x` of the transmit signal.

    Parameters
    ----------
    forms : ndarray, shape (..., 3, 3)
        :math:`P^H R_x P` with :math:`P` of :meth:`~isacfw.array.Array.steering_basis` at the target.
    receive, target, amplitude, frame_length
        As in :func:`fisher_information`.
    transmit : Array, optional
        The array of the forms; a planar one by default.

    Returns
    -------
    ndarray, shape (..., 4, 4)
        Of (azimuth, elevation, Re α, Im α).
    """
    model = EchoModel(
        transmit=receive if transmit is None else transmit,
        receive=receive,
        directions=(target,),
        amplitudes=np.array([amplitude], dtype=np.complex128),
        frame_length=frame_length,
    )
    return in_angles(model.fisher(forms), model.jacobians)


def in_angles(fisher: FloatArray, jacobians: FloatArray) -> FloatArray:
    """Return Fisher information in the angles: (azimuth, elevation, Re α, Im α) of each target; (..., 4T, 4T).

    Parameters
    ----------
    fisher : ndarray, shape (..., 4T, 4T)
        In coordinates.
    jacobians : ndarray, shape (..., T, 2, 2)
        Derivatives of the coordinates by the angles.
    """
    order, targets = fisher.shape[-1], fisher.shape[-1] // 4
    change = np.zeros((*jacobians.shape[:-3], order, order))
    change[..., range(order), range(order)] = 1.0
    for target in range(targets):
        change[..., 4 * target : 4 * target + 2, 4 * target : 4 * target + 2] = jacobians[..., target, :, :]
    return np.asarray(np.swapaxes(change, -1, -2) @ fisher @ change)


def angle_information(
    fisher: FloatArray, jacobians: FloatArray | None = None, known: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    r"""Return the information on each angle when everything that is not known is unknown.

    Parameters
    ----------
    fisher : ndarray, shape (..., 4T, 4T)
        Fisher information; for one target with a multiple of the identity as its block of α.
    jacobians : ndarray, shape (..., T, 2, 2), optional
        Derivatives of the coordinates by the angles; the identity by default.
    known : ndarray, shape (..., 2T), optional
        1 where an angle (azimuth and elevation of the first target, then of the second, ...) is known, 0
        elsewhere.

    Returns
    -------
    information : ndarray, shape (..., 2T)
        :math:`E_i = 1 / [J^{-1}]_{ii}` in 1/rad², the Schur complement of the other unknowns; 0 where an angle
        cannot be estimated. For a known angle, what it would be if it were the only unknown angle of its target.
    minimiser : ndarray, shape (..., 2T, 4T)
        The vectors `w` that change an angle by 1 for which :math:`E_i = w^T J w` is smallest. So :math:`E_i` is
        concave in J, and :math:`w^T \dot J w` is its derivative along :math:`\dot J`.
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
                own = _of_parameter(fisher[place], basis, row)
                information[(*place, angle)], minimiser[(*place, angle, slice(None))] = own
    return information, minimiser


def reduction(
    jacobians: FloatArray, known: FloatArray, angle: int
) -> tuple[FloatArray, FloatArray] | tuple[None, None]:
    """Return what is unknown beside an angle as a basis, and the angle as a linear function of its coefficients.

    Parameters
    ----------
    jacobians, known : ndarray, shapes (T, 2, 2) and (2T,)
        As in :func:`angle_information`, without batch axes.
    angle : int
        Number of the angle; it counts as unknown.

    Returns
    -------
    basis : ndarray, shape (4T, D), or None
        Columns span the unknowns; None where nothing changes with the angle.
    row : ndarray, shape (D,), or None
        By which the angle changes with each coefficient.
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


def _of_parameter(fisher: FloatArray, basis: FloatArray, row: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the information on a linear function of unknowns, and its minimiser; (...) and (..., 4T)."""
    answered = np.asarray(np.isfinite(fisher).all(axis=(-2, -1)))
    if not answered.all():
        information, minimiser = _of_parameter(np.where(answered[..., None, None], fisher, 0.0), basis, row)
        return np.where(answered, information, np.nan), np.where(answered[..., None], minimiser, np.nan)
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
    return information, ((vectors @ coefficients[..., None])[..., 0] * scale) @ basis.T


def _of_one_target(fisher: FloatArray, jacobians: FloatArray, known: FloatArray) -> tuple[FloatArray, FloatArray]:
    angles = _Reduced(lambda row, column: fisher[..., row, column], jacobians[..., 0, :, :], known)
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


class _Reduced:
    """Information on the two coordinates of one target with α eliminated, entry by entry.

    With R the reduced matrix and g the derivatives of the coordinates by the angles, the information on an
    angle is det R (det g)² over that on the other angle, or :math:`g_i^T R g_i` where the other one is known or
    not seen.
    """

    def __init__(self, entry: Callable[[int, int], FloatArray], jacobian: FloatArray, known: FloatArray) -> None:
        alpha = entry(2, 2)
        inverse_alpha = np.divide(1.0, alpha, out=np.zeros_like(alpha), where=alpha > 0)
        real, imaginary = [entry(0, 2), entry(1, 2)], [entry(0, 3), entry(1, 3)]

        def reduced(row: int, column: int) -> FloatArray:
            eliminated = real[row] * real[column] + imaginary[row] * imaginary[column]
            return np.asarray(entry(row, column) - eliminated * inverse_alpha)

        own = entry(0, 0), entry(1, 1)
        first, second = reduced(0, 0), reduced(1, 1)
        self.first = np.where(first > LOST * own[0], first, 0.0)
        self.second = np.where(second > LOST * own[1], second, 0.0)
        self.cross = reduced(0, 1)
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

    def minimiser(self, angle: int) -> tuple[FloatArray, FloatArray]:
        """Return the change of both coordinates with an angle, the other one following as is worst for it."""
        other = self.alone[1 - angle]
        # The derivatives of the coordinates by the other angle, turned by a right angle.
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


def crlb(fisher: FloatArray, jacobians: FloatArray | None = None, known: FloatArray | None = None) -> FloatArray:
    """Return the CRLBs of all angles in rad²; infinite where one cannot be estimated, NaN where it is known.

    Parameters
    ----------
    fisher, jacobians, known
        As in :func:`angle_information`.

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
        Fisher information when all power goes to either.
    f, q : ndarray, shape (...)
        Shares of the power.
    jacobians, known
        As in :func:`angle_information`.

    Returns
    -------
    ndarray, shape (..., 2T)
        As :func:`crlb` of the Fisher information of the split, without matrices for every member of a batch.
    """
    if communication.shape[-1] > 4:
        return crlb(f[..., None, None] * communication + q[..., None, None] * sensing, jacobians, known)
    angles = _Reduced(
        lambda row, column: f * communication[..., row, column] + q * sensing[..., row, column],
        np.eye(2) if jacobians is None else jacobians[..., 0, :, :],
        np.zeros(2) if known is None else known,
    )
    information = [angles.information(angle) for angle in (0, 1)]
    return bounds_of(np.stack(np.broadcast_arrays(*information), axis=-1), known)


@attrs.frozen(kw_only=True, eq=False)
class Line:
    """Full power, split between two signals: f for the first and 1 - f for the second.

    Parameters
    ----------
    communication, sensing : ndarray, shape (..., 4T, 4T)
        Fisher information with all power given to either.
    limit : ndarray, shape (..., 2T)
        Largest CRLBs in rad²; infinite for no limit.
    jacobians, known
        As in :func:`angle_information`.
    """

    communication: FloatArray
    sensing: FloatArray
    limit: FloatArray
    jacobians: FloatArray | None = None
    known: FloatArray | None = None

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Batch axes of all fields together."""
        shapes = [self.communication.shape[:-2], self.sensing.shape[:-2], self.limit.shape[:-1]]
        if self.jacobians is not None:
            shapes.append(self.jacobians.shape[:-3])
        if self.known is not None:
            shapes.append(self.known.shape[:-1])
        return np.broadcast_shapes(*shapes)

    @cached_property
    def required(self) -> FloatArray:
        """Information that the limits ask for; (..., 2T)."""
        return np.broadcast_to(1 / self.limit, (*self.shape, self.limit.shape[-1]))

    def at(self, share: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the information on each angle, and its derivative by f; (..., 2T) each."""
        weight = share[..., None, None]
        fisher = weight * self.communication + (1 - weight) * self.sensing
        information, w = angle_information(fisher, self.jacobians, self.known)
        difference = (self.communication - self.sensing)[..., None, :, :]
        slope = (w[..., None, :] @ difference @ w[..., :, None])[..., 0, 0]
        return information, slope

    def largest_share(self) -> FloatArray:
        r"""Return the largest f that meets the limits, in [0, 1]; NaN where none does; (...).

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
        """Return the smallest CRLB of each angle that any f reaches, each on its own, in rad²; (..., 2T)."""

        def of_angle(angle: int) -> FloatArray:
            def value_and_slope(share: FloatArray) -> tuple[FloatArray, FloatArray]:
                information, slope = self.at(share)
                return information[..., angle], slope[..., angle]

            return _concave_maximum(value_and_slope, self.shape)

        best = np.stack([of_angle(angle) for angle in range(self.limit.shape[-1])], axis=-1)
        return np.asarray(np.divide(1.0, best, out=np.full(best.shape, np.inf), where=best > 0))

    def smallest_excess(self) -> FloatArray:
        """Return the smallest ratio of CRLB to limit, the worst angle counting, that any f reaches; (...).

        Above 1 exactly where no f meets all limits.
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


def angle_names(targets: int) -> Iterator[str]:
    """Yield the name of each angle: ``"azimuth"``, or ``"azimuth of target 1"`` for one of several targets."""
    for target in range(targets):
        for angle in ANGLES:
            yield angle if targets == 1 else f"{angle} of target {target + 1}"
