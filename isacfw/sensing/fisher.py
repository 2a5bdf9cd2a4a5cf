"""Echoes of point targets, and their Fisher information, which is linear in the powers of the signals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import ComplexArray, FloatArray, read_only
from ..signal.array import Array, Direction, gram
from .noise import ReceiverNoise
from .reduction import ReducedInformation, in_angles

_MOST_KNOWN = 16


@attrs.frozen(kw_only=True, eq=False)
class EchoModel:
    r"""Echoes of point targets: from the covariance of the transmit signal to the Fisher information.

    Parameters
    ----------
    transmit, receive : Array
        The two arrays of the base station.
    directions : tuple of Direction
        Directions of the T targets.
    amplitudes : ndarray of complex, shape (T,)
        Their reflection coefficients :math:`\alpha_t`.
    frame_length : int
        Number L of symbols in a frame.
    noise : ReceiverNoise
        Noise of the receiver; white, of unit power, by default.

    Notes
    -----
    The echo is :math:`G X` with :math:`G = \sum_t \alpha_t b_t a_t^H`, and :math:`J_{mn} = 2L\,
    \mathrm{Re}\, \mathrm{tr}(D_m R_x D_n^H C^{-1})` with the derivatives :math:`D_m` of G, (28)-(36), and the
    covariance C of the noise. Each is :math:`Q X_m P^H` with :math:`P = [a, \dot a_1, \dot a_2]` and :math:`Q =
    [b, \dot b_1, \dot b_2]` of all targets and a sparse :math:`X_m`, so :math:`J_{mn} = 2L\, \mathrm{Re}\,
    \mathrm{tr}(X_m P^H R_x P X_n^H Q^H C^{-1} Q)`.
    """

    transmit: Array
    receive: Array
    directions: tuple[Direction, ...]
    amplitudes: ComplexArray
    frame_length: int
    noise: ReceiverNoise = attrs.field(factory=ReceiverNoise)

    @property
    def targets(self) -> int:
        """Number of targets T."""
        return len(self.directions)

    @cached_property
    def _known(self) -> dict[int, tuple[FloatArray | ComplexArray, FloatArray]]:
        """Fisher information for forms that cannot change, by their identity."""
        return {}

    @cached_property
    def _planar(self) -> bool:
        return self.transmit.planar and self.receive.planar

    @cached_property
    def jacobians(self) -> FloatArray:
        """Derivatives of the coordinates (rows) with respect to azimuth and elevation (columns); (T, 2, 2)."""
        if self._planar:
            return np.array([direction.jacobian for direction in self.directions])
        return np.array([np.diag(direction.tangent_speeds) for direction in self.directions])

    @cached_property
    def _transmit_change(self) -> FloatArray:
        return _change(self.transmit, self.directions, planar=self._planar)

    @cached_property
    def isotropic_forms(self) -> ComplexArray:
        """:math:`P^H P / N_t`, of a signal that is the same in every direction on average; (3T, 3T)."""
        forms: ComplexArray = read_only(gram(self.transmit, self.directions) / self.transmit.n_elements)
        return forms

    @cached_property
    def weights(self) -> ComplexArray:
        """Return W with J_mn = Re sum_bc W[mn, bc] (P^H R P)[b, c]; (16 T², 9 T²)."""
        parameters, columns = 4 * self.targets, 3 * self.targets
        change = _change(self.receive, self.directions, planar=self._planar)
        receive = change.T @ self.noise.whitened_gram(self.receive, self.directions) @ change
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

    @property
    def echo_energy(self) -> FloatArray:
        r"""Energy of each target's echo of a signal of unit power and gain 1; (T,).

        :math:`L |\alpha_t|^2\, b^H C^{-1} b` with the response b of the receive array.
        """
        products = self.noise.whitened_gram(self.receive, self.directions)
        gains = np.diagonal(products).real[::3]
        return np.asarray(self.frame_length * np.abs(self.amplitudes) ** 2 * gains)

    def fisher(self, forms: FloatArray | ComplexArray) -> FloatArray:
        """Return the Fisher information for covariances of the transmit signal.

        Parameters
        ----------
        forms : ndarray, shape (..., 3T, 3T)
            :math:`P^H R_x P`, which determines the echoes, with :math:`P` of all targets side by side. See
            :meth:`~isacfw.Array.steering_basis`.

        Returns
        -------
        ndarray, shape (..., 4T, 4T)
            In the coordinates of :attr:`jacobians`.
        """
        if forms.flags.writeable:
            return self._fisher(forms)
        # The same moments occur at many points of a sweep.
        known = self._known.get(id(forms))
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[id(forms)] = forms, read_only(self._fisher(forms))
        return known[1]

    def _fisher(self, forms: FloatArray | ComplexArray) -> FloatArray:
        parameters = 4 * self.targets
        flat = forms.reshape(*forms.shape[:-2], -1, 1)
        found = (self.weights @ flat).real.reshape(*forms.shape[:-2], parameters, parameters)
        return np.asarray((found + np.swapaxes(found, -1, -2)) / 2)

    def blurred(self, target: int, unlimited: NDArray[np.bool_]) -> int | None:
        """Return the angle of a target that counts as known because the arrays cannot tell its two angles apart.

        Parameters
        ----------
        target : int
            Number of the target.
        unlimited : ndarray of bool, shape (2,)
            Which of azimuth and elevation have no limit.

        Returns
        -------
        int or None
            0 for the azimuth, 1 for the elevation; None if both can be estimated, if one of them has no effect,
            or if both are limited.
        """
        fisher = self.fisher(self.isotropic_forms)[4 * target : 4 * target + 4, 4 * target : 4 * target + 4]
        angles = ReducedInformation(lambda row, column: fisher[row, column], self.jacobians[target], np.zeros(2))
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
        Directions of the target and of the sensing beam.
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
        :math:`P^H R_x P` with :math:`P` of :meth:`~isacfw.Array.steering_basis` at the target.
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
