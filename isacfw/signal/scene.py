"""Scenes: the inputs of precoders and beams."""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np

from ..base.numbers import ComplexArray, read_only
from .angular_region import AngularRegion
from .array import Array, Direction, gram
from .statistics import ChannelStatistics


@attrs.frozen(kw_only=True, eq=False)
class Scene:
    """Everything that the weights of precoders and beams may depend on, except the shares of power.

    Parameters
    ----------
    array : Array
        The transmit array.
    statistics : ChannelStatistics
        Statistics of a batch of drops, (D, K) or (1, K), or of one drop, (K,).
    targets : tuple of Direction
        Directions of the T targets.
    beams : tuple of Direction
        Default directions of sensing beams.
    power : float
        Transmit power :math:`P_t` relative to the noise.
    sensing : object, optional
        What the scenario asks of sensing, for beams that are designed for it.
    regions : tuple of AngularRegion
        The M regions over which the gains of all signals are averaged; none by default.
    """

    array: Array
    statistics: ChannelStatistics
    targets: tuple[Direction, ...]
    beams: tuple[Direction, ...]
    power: float
    sensing: object = None
    regions: tuple[AngularRegion, ...] = ()

    @property
    def noise(self) -> float:
        """Noise power at a user: 1, the unit of all powers."""
        return 1.0

    @property
    def antennas(self) -> int:
        """Number of transmit antennas N."""
        return self.array.n_elements

    @property
    def users(self) -> int:
        """Number of users K."""
        return self.statistics.users

    @cached_property
    def basis(self) -> ComplexArray:
        r"""The matrix P of :math:`[a, \dot a_1, \dot a_2]` of all targets side by side; shape (N, 3T)."""
        return np.asarray(read_only(self.basis_of(self.targets)))

    def basis_of(self, directions: tuple[Direction, ...]) -> ComplexArray:
        """Return steering vectors and derivatives of several directions side by side; (N, 3B)."""
        return np.concatenate([self.array.steering_basis(direction) for direction in directions], axis=-1)

    @cached_property
    def isotropic_forms(self) -> ComplexArray:
        """The form at the targets of a unit-power signal that is the same in all directions; (3T, 3T)."""
        return np.asarray(read_only(gram(self.array, self.targets) / self.antennas))

    def of_drop(self, position: int) -> Scene:
        """Return the scene of the drop at a position, its statistics without batch axis."""
        return attrs.evolve(self, statistics=self.statistics.of_drop(position))
