r"""Fisher information of a target's angles, and what it leaves of the power for communication.

All matrices here are for the parameters (azimuth, elevation, Re α, Im α), in radians and linear units, and
are linear in the shares of power: :math:`J = f J_c + q J_s` with `f` for communication and `q` for sensing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .array import Array, ComplexArray, Direction, FloatArray

_SINGULAR = 1e-12
_ROUNDING = 1e-14


def fisher_information(
    *,
    transmit: Array,
    receive: Array,
    target: Direction,
    beam: Direction,
    amplitude: float,
    frame_length: int,
) -> tuple[FloatArray, FloatArray]:
    r"""Return the Fisher information per unit of communication and of sensing power, at unit noise.

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
        :math:`J_c` for :math:`R_x = I / N_t` and :math:`J_s` for :math:`R_x = v v^H / N_t`.

    Notes
    -----
    :math:`J_{mn} = 2L\, \mathrm{Re}\, \mathrm{tr}(D_m R_x D_n^H)` with
    :math:`D = [\alpha \dot G_\theta, \alpha \dot G_\phi, G, jG]` and :math:`G = b a^H`, (28)-(36), with the
    block between angles and α that (37) drops. It is formed in the direction cosines, where the arrays'
    moments do not depend on the direction, and turned to angles by the Jacobian.
    """
    antennas = transmit.n_elements
    isotropic = np.zeros((3, 3))
    isotropic[0, 0] = antennas
    isotropic[1:, 1:] = transmit.second_moments()
    response, slopes = transmit.beam_response(target, beam)
    projections = np.array([response, *slopes])
    beamformed = np.outer(projections, projections.conj())
    communication, sensing = (
        fisher_of_covariance(
            forms / antennas, receive=receive, target=target, amplitude=amplitude, frame_length=frame_length
        )
        for forms in (isotropic, beamformed)
    )
    return communication, sensing


def fisher_of_covariance(
    forms: FloatArray | ComplexArray,
    *,
    receive: Array,
    target: Direction,
    amplitude: float,
    frame_length: int,
) -> FloatArray:
    r"""Return the Fisher information for any covariance :math:`R_x` of the transmit signal.

    Parameters
    ----------
    forms : ndarray, shape (..., 3, 3)
        :math:`P^H R_x P` with :math:`P = [a, \dot a_u, \dot a_w]` at the target: all that the echo tells of
        :math:`R_x`. See :meth:`~isacfw.array.Array.steering_basis`.
    receive, target, amplitude, frame_length
        As in :func:`fisher_information`.

    Returns
    -------
    ndarray, shape (..., 4, 4)

    Notes
    -----
    The traces in (29)-(34) split, since :math:`b^H \dot b_i = 0` for a receive array about its centroid. That
    of :math:`\dot G_i R_x G^H` is :math:`N_r\, \dot a_i^H R_x a`, and that of
    :math:`\dot G_i R_x \dot G_j^H` is :math:`\dot b_j^H \dot b_i\, a^H R_x a + N_r\, \dot a_i^H R_x \dot a_j`.
    """
    n_r = receive.n_elements
    strength = forms[..., 0, 0].real[..., None, None]
    fisher = np.zeros((*forms.shape[:-2], 4, 4))
    fisher[..., :2, :2] = amplitude**2 * (strength * receive.second_moments() + n_r * forms[..., 1:, 1:].real)
    cross = amplitude * n_r * forms[..., 1:, 0]
    fisher[..., :2, 2:] = np.stack([cross.real, cross.imag], axis=-1)
    fisher[..., 2:, :2] = np.swapaxes(fisher[..., :2, 2:], -1, -2)
    fisher[..., 2:, 2:] = n_r * strength * np.eye(2)
    to_angles = np.eye(4)
    to_angles[:2, :2] = target.jacobian
    return np.asarray(2 * frame_length * (to_angles.T @ fisher @ to_angles))


def angle_information(fisher: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Return how much is known of each angle when everything else is unknown.

    Parameters
    ----------
    fisher : ndarray, shape (..., 4, 4)
        Fisher information with a multiple of the identity as its block of α.

    Returns
    -------
    information : ndarray, shape (..., 2)
        :math:`E_i = 1 / [J^{-1}]_{ii}` of azimuth and elevation in 1/rad²; 0 where an angle cannot be
        estimated.
    minimiser : ndarray, shape (..., 2, 4)
        The vectors `w` with :math:`w_i = 1` for which :math:`E_i = w^T J w` is smallest. So :math:`E_i` is
        concave in J, and :math:`w^T \dot J w` is its derivative along :math:`\dot J`.
    """
    angles, cross, alpha = fisher[..., :2, :2], fisher[..., :2, 2:], fisher[..., 2, 2]
    inverse_alpha = np.divide(1.0, alpha, out=np.zeros_like(alpha), where=alpha > 0)[..., None, None]
    reduced = angles - cross @ np.swapaxes(cross, -1, -2) * inverse_alpha
    own = np.stack([reduced[..., 0, 0], reduced[..., 1, 1]], axis=-1)
    other = own[..., ::-1]
    coupling = reduced[..., 0, 1, None]
    slope = np.divide(-coupling, other, out=np.zeros(other.shape), where=other > 0)
    information = own + coupling * slope
    information = np.where(information > _SINGULAR * own, information, 0.0)
    minimiser = np.zeros((*slope.shape, 4))
    minimiser[..., 0, 0] = minimiser[..., 1, 1] = 1.0
    minimiser[..., 0, 1], minimiser[..., 1, 0] = slope[..., 0], slope[..., 1]
    minimiser[..., 2:] = -(minimiser[..., :2] @ cross) * inverse_alpha
    return information, minimiser


def crlb(fisher: FloatArray) -> FloatArray:
    """Return the CRLBs of azimuth and elevation in rad²; infinite where an angle cannot be estimated.

    Parameters
    ----------
    fisher : ndarray, shape (..., 4, 4)

    Returns
    -------
    ndarray, shape (..., 2)
        The first two diagonal entries of the inverse Fisher information, (39)-(40) with errata 1 and 2
        corrected.
    """
    return _bounds(lambda row, column: fisher[..., row, column])


def crlb_of_split(communication: FloatArray, sensing: FloatArray, f: FloatArray, q: FloatArray) -> FloatArray:
    """Return the CRLBs (39)-(40) for a communication share f and a sensing share q, in rad².

    Parameters
    ----------
    communication, sensing : ndarray, shape (..., 4, 4)
        Fisher information when all power goes to either.
    f, q : ndarray, shape (...)
        Shares of the power.

    Returns
    -------
    ndarray, shape (..., 2)
        As :func:`crlb` of the Fisher information of the split, without matrices for every member of a batch.
    """
    return _bounds(lambda row, column: f * communication[..., row, column] + q * sensing[..., row, column])


def _bounds(entry: Callable[[int, int], FloatArray]) -> FloatArray:
    """Return the CRLBs from the entries of the Fisher information; (..., 2)."""
    alpha = entry(2, 2)
    inverse_alpha = np.divide(1.0, alpha, out=np.zeros_like(alpha), where=alpha > 0)
    real, imaginary = [entry(angle, 2) for angle in (0, 1)], [entry(angle, 3) for angle in (0, 1)]

    def reduced(row: int, column: int) -> FloatArray:
        eliminated = real[row] * real[column] + imaginary[row] * imaginary[column]
        return np.asarray(entry(row, column) - eliminated * inverse_alpha)

    own, coupling = (reduced(0, 0), reduced(1, 1)), reduced(0, 1)
    bounds = np.full((*coupling.shape, 2), np.inf)
    for angle in (0, 1):
        other = own[1 - angle]
        slope = np.divide(-coupling, other, out=np.zeros(other.shape), where=other > 0)
        information = own[angle] + coupling * slope
        known = information > _SINGULAR * own[angle]
        np.divide(1.0, information, out=bounds[..., angle], where=known & (information > 0))
    return bounds


def _at_full_power(
    communication: FloatArray, sensing: FloatArray, share: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return information on each angle, and its derivative by the communication share, at q = 1 - f."""
    weight = share[..., None, None]
    information, w = angle_information(weight * communication + (1 - weight) * sensing)
    difference = (communication - sensing)[..., None, :, :]
    slope = (w[..., None, :] @ difference @ w[..., :, None])[..., 0, 0]
    return information, slope


def largest_communication_share(communication: FloatArray, sensing: FloatArray, limit: FloatArray) -> FloatArray:
    r"""Return the largest share f of power for communication that meets the CRLB limits with q = 1 - f.

    Parameters
    ----------
    communication, sensing : ndarray, shape (..., 4, 4)
        Fisher information with all power given to communication, and with all of it given to sensing.
    limit : ndarray, shape (..., 2)
        Largest CRLB of azimuth and elevation in rad²; infinite for no limit.

    Returns
    -------
    ndarray, shape (...)
        The share, in [0, 1]; NaN where no share meets the limits.

    Notes
    -----
    The information on an angle is concave in f, so Newton's method from f = 1 approaches the largest feasible
    share from above and never passes it: a tangent that does not cross the limit proves that no share below
    is feasible. Where the information is linear or quadratic over linear (an aligned beam) it takes a few
    steps; it needs no case distinction for a misaligned one.
    """
    shape = np.broadcast_shapes(communication.shape[:-2], sensing.shape[:-2], limit.shape[:-1])
    required = np.broadcast_to(1 / limit, (*shape, 2))
    share = np.ones(shape)
    infeasible = np.zeros(shape, dtype=np.bool_)
    for _ in range(200):
        information, slope = _at_full_power(communication, sensing, share)
        gap = information - required
        violated = gap < -_ROUNDING * required
        infeasible |= (violated & ((slope >= 0) | (share[..., None] == 0))).any(axis=-1)
        if not (violated.any(axis=-1) & ~infeasible).any():
            break
        step = np.divide(gap, slope, out=np.zeros(gap.shape), where=violated & (slope < 0))
        share = np.maximum(share - step.max(axis=-1), 0.0)
    else:
        infeasible |= (gap < -1e-9 * required).any(axis=-1)
    return np.where(infeasible, np.nan, share)


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


def smallest_crlb(communication: FloatArray, sensing: FloatArray) -> FloatArray:
    """Return the smallest CRLB of each angle that full power can reach, each on its own.

    Parameters
    ----------
    communication, sensing : ndarray, shape (..., 4, 4)
        As in :func:`largest_communication_share`.

    Returns
    -------
    ndarray, shape (..., 2)
        In rad²; with a limit below it, it certifies that a problem is infeasible.
    """
    shape = np.broadcast_shapes(communication.shape[:-2], sensing.shape[:-2])

    def of_angle(angle: int) -> FloatArray:
        def value_and_slope(share: FloatArray) -> tuple[FloatArray, FloatArray]:
            information, slope = _at_full_power(communication, sensing, share)
            return information[..., angle], slope[..., angle]

        return _concave_maximum(value_and_slope, shape)

    best = np.stack([of_angle(0), of_angle(1)], axis=-1)
    return np.asarray(np.divide(1.0, best, out=np.full(best.shape, np.inf), where=best > 0))


def smallest_excess(communication: FloatArray, sensing: FloatArray, limit: FloatArray) -> FloatArray:
    """Return the smallest ratio of CRLB to limit, the worse angle counting, that full power can reach.

    Parameters
    ----------
    communication, sensing, limit : ndarray
        As in :func:`largest_communication_share`.

    Returns
    -------
    ndarray, shape (...)
        Above 1 exactly where no split of the power meets both limits.
    """
    shape = np.broadcast_shapes(communication.shape[:-2], sensing.shape[:-2], limit.shape[:-1])
    required = np.broadcast_to(1 / limit, (*shape, 2))

    def value_and_slope(share: FloatArray) -> tuple[FloatArray, FloatArray]:
        information, slope = _at_full_power(communication, sensing, share)
        ratio = np.divide(information, required, out=np.full((*shape, 2), np.inf), where=required > 0)
        worst = np.argmin(ratio, axis=-1)[..., None]
        return (
            np.take_along_axis(ratio, worst, axis=-1)[..., 0],
            np.take_along_axis(np.broadcast_to(slope, (*shape, 2)), worst, axis=-1)[..., 0],
        )

    best = _concave_maximum(value_and_slope, shape)
    return np.asarray(np.divide(1.0, best, out=np.full(best.shape, np.inf), where=best > 0))
