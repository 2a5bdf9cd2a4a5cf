"""Antenna arrays: element positions, steering vectors and what the Fisher information needs of them."""

from __future__ import annotations

import math
from abc import abstractmethod

import attrs
import numpy as np
from numpy.typing import NDArray

from .errors import PluginError, blamed
from .part import Part, described
from .validators import number, real

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def float_array(value: object) -> FloatArray:
    """Convert numbers to an array of floats; a field's converter."""
    return np.asarray(value, dtype=np.float64)


def _sin_cos(angle_deg: float) -> tuple[float, float]:
    """Return sine and cosine, exact where they are zero, so that a blind direction is seen as one."""
    angle = math.radians(angle_deg)
    sine = 0.0 if angle_deg % 180.0 == 0.0 else math.sin(angle)
    cosine = 0.0 if angle_deg % 180.0 == 90.0 else math.cos(angle)
    return sine, cosine


@attrs.frozen(kw_only=True)
class Direction:
    r"""A direction seen from an array in the plane of the horizontal and the vertical axis.

    Parameters
    ----------
    azimuth_deg : float
        Azimuth :math:`\theta` in degrees, within [-180, 180].
    elevation_deg : float
        Elevation :math:`\phi` in degrees, measured from the vertical axis, within [-180, 180].

    Notes
    -----
    The direction cosines along the two axes are :math:`u = \sin\theta \sin\phi` and :math:`w = \cos\phi`,
    as in (11) and (12) of Nguyen et al.
    """

    azimuth_deg: float = attrs.field(converter=real, validator=number(at_least=-180, at_most=180))
    elevation_deg: float = attrs.field(converter=real, validator=number(at_least=-180, at_most=180))

    @property
    def cosines(self) -> FloatArray:
        """Direction cosines (u, w) along the horizontal and the vertical axis; shape (2,)."""
        sin_azimuth, _ = _sin_cos(self.azimuth_deg)
        sin_elevation, cos_elevation = _sin_cos(self.elevation_deg)
        return np.array([sin_azimuth * sin_elevation, cos_elevation])

    @property
    def jacobian(self) -> FloatArray:
        """Derivatives of (u, w), in rows, by (azimuth, elevation) in radians, in columns; shape (2, 2)."""
        sin_azimuth, cos_azimuth = _sin_cos(self.azimuth_deg)
        sin_elevation, cos_elevation = _sin_cos(self.elevation_deg)
        return np.array(
            [[cos_azimuth * sin_elevation, sin_azimuth * cos_elevation], [0.0, -sin_elevation]],
        )


@attrs.frozen(kw_only=True)
class Array(Part):
    r"""Contract of an antenna array: it gives its element positions, and the rest follows.

    Notes
    -----
    With positions :math:`p_n = (m, n)` in half wavelengths about their centroid, the steering vector is
    :math:`a_n = \exp(j\pi\, p_n \cdot (u, w))`, (10)-(12). A subclass with structure overrides
    :meth:`n_elements`, :meth:`second_moments` and :meth:`beam_response` by closed forms.
    """

    @abstractmethod
    def positions(self) -> FloatArray:
        """Return the element positions along the horizontal and vertical axis in half wavelengths; (N, 2)."""

    @property
    def n_elements(self) -> int:
        """Number of antenna elements N."""
        return len(checked(self.positions(), self))

    def centred_positions(self) -> FloatArray:
        """Return the positions about their centroid, the phase reference of the steering vector; (N, 2)."""
        positions = checked(self.positions(), self, self.n_elements)
        return np.asarray(positions - positions.mean(axis=0))

    def steering_vector(self, direction: Direction) -> ComplexArray:
        """Return the steering vector (10), with entries of modulus one; shape (N,)."""
        return np.asarray(np.exp(1j * np.pi * (self.centred_positions() @ direction.cosines)))

    def steering_derivatives(self, direction: Direction) -> ComplexArray:
        """Return the derivatives (88)-(93) by azimuth and elevation, per radian; shape (2, N)."""
        return np.asarray(direction.jacobian.T @ self.steering_basis(direction)[:, 1:].T)

    def steering_basis(self, direction: Direction) -> ComplexArray:
        """Return steering vector and its derivatives by the direction cosines (u, w); shape (N, 3)."""
        steering = self.steering_vector(direction)[:, None]
        return np.concatenate([steering, 1j * np.pi * self.centred_positions() * steering], axis=-1)

    def second_moments(self) -> FloatArray:
        r"""Return the inner products of the steering vector's derivatives by (u, w); shape (2, 2).

        Entry (i, j) is :math:`\dot a_i^H \dot a_j = \pi^2 \sum_n p_{ni} p_{nj}`: the same for every
        direction. With :attr:`Direction.jacobian` it gives (48)-(53), erratum 1 corrected.
        """
        positions = np.pi * self.centred_positions()
        return np.asarray(positions.T @ positions)

    def beam_response(self, target: Direction, beam: Direction) -> tuple[complex, ComplexArray]:
        r"""Return :math:`a^H v` and :math:`\dot a_i^H v` for a target direction and a beam `v`.

        Parameters
        ----------
        target : Direction
            Where `a` and its derivatives by the direction cosines (u, w) are taken.
        beam : Direction
            Where the sensing beam `v`, a steering vector, points.

        Returns
        -------
        amplitude : complex
            :math:`a^H v`; the number of elements when the beam is aligned.
        slopes : ndarray of complex, shape (2,)
            :math:`\dot a_u^H v` and :math:`\dot a_w^H v`; zero when the beam is aligned.
        """
        positions = self.centred_positions()
        phases = np.exp(1j * np.pi * (positions @ (beam.cosines - target.cosines)))
        slopes = -1j * np.pi * (phases @ positions)
        return complex(phases.sum()), np.asarray(slopes)


def checked(positions: object, array: Array, elements: int | None = None) -> FloatArray:
    """Return the positions that an array gave, of shape (N, 2).

    Raises
    ------
    PluginError
        If they are not what an array must give.
    """
    who = f"array {described(array)}"
    with blamed(who):
        found = float_array(positions)
    rows = found.shape[:1] if elements is None else (elements,)
    if not found.size or found.shape != (*rows, 2):
        count = "N" if elements is None else elements
        raise PluginError(f"{who} must return positions of shape ({count}, 2), got {found.shape}")
    if not np.isfinite(found).all():
        raise PluginError(f"{who} must return finite positions, got NaN or an infinite number")
    return found
