"""Antenna arrays: element positions, steering vectors, and inner products for the Fisher information."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import attrs
import numpy as np

from ..base.errors import PluginError
from ..base.guard import guard
from ..base.numbers import ComplexArray, FloatArray, float_array
from ..base.part import Part, display_name
from ..base.validators import number, real
from .positions import mismatch


def _sin_cos(angle_deg: float) -> tuple[float, float]:
    """Return sine and cosine, exact where they are zero, so that a blind direction is recognised."""
    angle = math.radians(angle_deg)
    sine = 0.0 if angle_deg % 180.0 == 0.0 else math.sin(angle)
    cosine = 0.0 if angle_deg % 180.0 == 90.0 else math.cos(angle)
    return sine, cosine


@attrs.frozen(kw_only=True)
class Direction:
    r"""A direction seen from an array whose axes are horizontal, vertical and normal.

    Parameters
    ----------
    azimuth_deg : float
        Azimuth :math:`\theta` in degrees, within [-180, 180].
    elevation_deg : float
        Elevation :math:`\phi` in degrees, measured from the vertical axis, within [-180, 180].

    Notes
    -----
    The direction cosines are :math:`u = \sin\theta \sin\phi` along the horizontal and :math:`w = \cos\phi` along
    the vertical axis, as in (11) and (12) of Nguyen et al., and :math:`n = \cos\theta \sin\phi` along the normal.
    """

    azimuth_deg: float = attrs.field(converter=real, validator=number(at_least=-180, at_most=180))
    elevation_deg: float = attrs.field(converter=real, validator=number(at_least=-180, at_most=180))

    @property
    def cosines(self) -> FloatArray:
        """Direction cosines (u, w) along the horizontal and the vertical axis; shape (2,)."""
        return self.vector[:2]

    @property
    def vector(self) -> FloatArray:
        """Direction cosines (u, w, n) along the horizontal, the vertical and the normal axis; shape (3,)."""
        sin_azimuth, cos_azimuth = _sin_cos(self.azimuth_deg)
        sin_elevation, cos_elevation = _sin_cos(self.elevation_deg)
        return np.array([sin_azimuth * sin_elevation, cos_elevation, cos_azimuth * sin_elevation])

    @property
    def tangents(self) -> FloatArray:
        """Unit vectors, in columns, along which :attr:`vector` moves with azimuth and elevation; shape (3, 2)."""
        sin_azimuth, cos_azimuth = _sin_cos(self.azimuth_deg)
        sin_elevation, cos_elevation = _sin_cos(self.elevation_deg)
        return np.array(
            [
                [cos_azimuth, sin_azimuth * cos_elevation],
                [0.0, -sin_elevation],
                [-sin_azimuth, cos_azimuth * cos_elevation],
            ]
        )

    @property
    def jacobian(self) -> FloatArray:
        """Derivatives of (u, w), in rows, with respect to azimuth and elevation, in columns; shape (2, 2)."""
        return (self.tangents * [self.tangent_speeds])[:2]

    @property
    def tangent_speeds(self) -> FloatArray:
        """How far :attr:`vector` moves along each tangent per radian of azimuth and of elevation; shape (2,)."""
        return np.array([_sin_cos(self.elevation_deg)[0], 1.0])


@attrs.frozen(kw_only=True)
class Array(Part):
    r"""Abstract base class of antenna arrays: everything else follows from the element positions.

    Notes
    -----
    With positions :math:`p_n` in half wavelengths about their centroid and the direction cosines
    :math:`d = (u, w, n)` of :attr:`Direction.vector`, the steering vector is
    :math:`a_n = \exp(j\pi\, p_n \cdot d)`, (10)-(12). The local coordinates in which it is differentiated are
    :math:`(u, w)` for a planar array, and arc lengths along :attr:`Direction.tangents` for an array in three
    dimensions. A subclass with structure overrides :meth:`n_elements`, :meth:`second_moments` and
    :meth:`inner_products` with closed forms, and :attr:`planar` with True if it is planar.
    """

    @abstractmethod
    def positions(self) -> FloatArray:
        """Return the element positions in half wavelengths; (N, 2) or (N, 3).

        The columns are along the horizontal, the vertical and, if there are three, the normal axis.
        """

    @property
    def n_elements(self) -> int:
        """Number of antenna elements N."""
        return len(validate_positions(self.positions(), self))

    @property
    def planar(self) -> bool:
        """Whether all elements lie in the plane of the horizontal and the vertical axis."""
        return bool(self.centred_positions().shape[1] == 2)

    def centred_positions(self) -> FloatArray:
        """Return the positions about their centroid, the phase reference of the steering vector.

        Of shape (N, 2), or (N, 3) unless all elements lie in the plane of the first two axes.
        """
        positions = validate_positions(self.positions(), self, self.n_elements)
        if positions.shape[1] == 3 and np.ptp(positions[:, 2]) == 0:
            positions = positions[:, :2]
        return np.asarray(positions - positions.mean(axis=0))

    def mismatch(self, positions: FloatArray) -> str:
        """Return how positions in half wavelengths, with any origin, differ from those of the elements.

        Parameters
        ----------
        positions : ndarray, shape (N, 2) or (N, 3)
            As of :meth:`positions`, for example from a file.

        Returns
        -------
        str
            The rest of a sentence that begins with "got"; empty if they agree to a thousandth of a half
            wavelength.
        """
        return mismatch(positions, self.centred_positions())

    def steering_vector(self, direction: Direction) -> ComplexArray:
        """Return the steering vector (10), with entries of modulus one; shape (N,)."""
        positions = self.centred_positions()
        return np.asarray(np.exp(1j * np.pi * (positions @ direction.vector[: positions.shape[1]])))

    def steering_derivatives(self, direction: Direction) -> ComplexArray:
        """Return the derivatives (88)-(93) with respect to azimuth and elevation, per radian; shape (2, N)."""
        positions = self.centred_positions()
        slopes = positions @ (direction.tangents * direction.tangent_speeds)[: positions.shape[1]]
        return np.asarray((1j * np.pi * slopes * self.steering_vector(direction)[:, None]).T)

    def steering_basis(self, direction: Direction) -> ComplexArray:
        r"""Return :math:`P = [a, \dot a_1, \dot a_2]`: steering vector and derivatives; shape (N, 3).

        The derivatives are with respect to the direction cosines (u, w) for a planar array, and along
        :attr:`Direction.tangents` otherwise.
        """
        steering, positions = self.steering_vector(direction)[:, None], self.centred_positions()
        along = positions if positions.shape[1] == 2 else positions @ direction.tangents
        return np.concatenate([steering, 1j * np.pi * along * steering], axis=-1)

    def second_moments(self) -> FloatArray:
        r"""Return :math:`\pi^2 \sum_n p_n p_n^T` of the centred positions; shape (2, 2), or (3, 3) if not planar.

        For a planar array these are the inner products :math:`\dot a_i^H \dot a_j` of the derivatives with
        respect to (u, w), the same for every direction. With :attr:`Direction.jacobian` they give (48)-(53),
        erratum 1 corrected.
        """
        positions = np.pi * self.centred_positions()
        return np.asarray(positions.T @ positions)

    def inner_products(self, first: Direction, second: Direction) -> ComplexArray:
        r"""Return :math:`P(\Omega_1)^H P(\Omega_2)` of two directions; shape (3, 3).

        Parameters
        ----------
        first, second : Direction
            Directions at which :meth:`steering_basis` is evaluated.
        """
        return np.asarray(self.steering_basis(first).conj().T @ self.steering_basis(second))

    def beam_response(self, target: Direction, beam: Direction) -> tuple[complex, ComplexArray]:
        r"""Return :math:`a^H v` and :math:`\dot a_i^H v` for a target direction and a beam `v`.

        Parameters
        ----------
        target : Direction
            Direction of `a` and its derivatives, see :meth:`steering_basis`.
        beam : Direction
            Direction of the sensing beam `v`, a steering vector.

        Returns
        -------
        amplitude : complex
            :math:`a^H v`; the number of elements when the beam is aligned.
        slopes : ndarray of complex, shape (2,)
            :math:`\dot a_1^H v` and :math:`\dot a_2^H v`; zero when the beam is aligned.
        """
        column = self.inner_products(target, beam)[:, 0]
        return complex(column[0]), column[1:]


def validate_positions(positions: object, array: Array, elements: int | None = None) -> FloatArray:
    """Validate positions returned by an array, and return them as floats; (N, 2) or (N, 3).

    Raises
    ------
    PluginError
        If they are not finite, or have another shape.
    """
    who = f"array {display_name(array)}"
    with guard(who, array):
        found = float_array(positions)
    rows = found.shape[:1] if elements is None else (elements,)
    if not found.size or found.shape not in ((*rows, 2), (*rows, 3)):
        count = "N" if elements is None else elements
        raise PluginError(f"{who} must return positions of shape ({count}, 2) or ({count}, 3), got {found.shape}")
    if not np.isfinite(found).all():
        raise PluginError(f"{who} must return finite positions, got NaN or an infinite number")
    return found


def gram(array: Array, directions: Sequence[Direction]) -> ComplexArray:
    """Return :math:`P^H P` of the bases of several directions side by side; (3T, 3T)."""
    count = len(directions)
    found = np.zeros((3 * count, 3 * count), dtype=np.complex128)
    for row, first in enumerate(directions):
        own = slice(3 * row, 3 * row + 3)
        found[3 * row, 3 * row] = array.n_elements
        found[own, own][1:, 1:] = _second_moments(array, first)
        for column in range(row):
            products = array.inner_products(first, directions[column])
            found[own, 3 * column : 3 * column + 3] = products
            found[3 * column : 3 * column + 3, own] = products.conj().T
    return found


def _second_moments(array: Array, direction: Direction) -> FloatArray:
    moments = array.second_moments()
    if moments.shape == (2, 2):
        return moments
    return np.asarray(direction.tangents.T @ moments @ direction.tangents)


def conjugate_steering(array: Array, directions: Sequence[Direction]) -> ComplexArray:
    """Return the conjugate steering vectors of D directions; (D, N)."""
    positions = array.centred_positions()
    vectors = np.array([one.vector for one in directions])[:, : positions.shape[1]]
    return np.asarray(np.exp(-1j * np.pi * (vectors @ positions.T)))


def received_power(steering: ComplexArray, weights: ComplexArray) -> FloatArray:
    """Return the power of M draws of weights (M, N, B, R) in each of D directions; (M, D, B)."""
    seen = steering @ weights.reshape(*weights.shape[:2], -1)
    square = seen.real**2 + seen.imag**2
    return np.asarray(square.reshape(*square.shape[:2], *weights.shape[2:]).sum(axis=-1))
