"""What beams sense."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..base.numbers import ComplexArray, FloatArray
from ..base.validators import instance_of
from .measure import Measure


class Sensed(ABC):
    """What a beamforming problem senses."""

    @property
    @abstractmethod
    def antennas(self) -> int | None:
        """Number of transmit antennas N, None for any."""

    @property
    @abstractmethod
    def angles(self) -> int:
        """Number of angles, 2T for T point targets."""

    @abstractmethod
    def directions(self) -> ComplexArray | None:
        """Return what it sees of the signals beyond the users' channels; (N, M), None for everything."""

    @abstractmethod
    def measure(self, basis: ComplexArray, power: float) -> Measure:
        """Return the CRB as a function of the covariance in a basis, in units of a power.

        Parameters
        ----------
        basis : ndarray of complex, shape (N, d)
            Orthonormal columns that span the channels and :meth:`directions`.
        power : float
            Unit of the covariance.
        """

    @abstractmethod
    def evaluate(self, columns: ComplexArray, basis: ComplexArray, rest: float) -> tuple[float, FloatArray]:
        """Return the CRB that is minimised, and the CRLBs of all angles in rad²; scalar and (2T,).

        Parameters
        ----------
        columns : ndarray of complex, shape (N, C)
            All beams: the covariance is their sum of squares, and `rest`.
        basis : ndarray of complex, shape (N, d)
            Orthonormal columns.
        rest : float
            Power spread evenly over the complement of the basis.
        """


SENSED = instance_of(Sensed, "a PointTargets or an ExtendedTarget object")
"""Validator of what is sensed."""
