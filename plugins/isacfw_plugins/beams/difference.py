"""Difference beams."""

from __future__ import annotations

from typing import ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import ComplexArray, Direction, FloatArray, Scene
from isacfw.validators import number, real

_BLIND = 1e-12


@final
@attrs.frozen(kw_only=True)
class Difference(isacfw.PointedBeam):
    r"""Derivatives of the steering vector: two streams per direction; one if only one cosine is resolved.

    Parameters
    ----------
    directions_deg : list of [azimuth, elevation], optional
        Directions in degrees; by default one per target, or the direction given in ``[sensing]``.
    sum_share : float
        Fraction s of each stream's power on the steering vector itself.

    Notes
    -----
    With the unit vectors :math:`d \propto \dot a_u` and :math:`\dot a_w`, and :math:`a /
    \sqrt{N_t}`, each stream has the covariance :math:`R_s = (1 - s)\, d d^H + s\, a a^H / N_t`, from two
    independent waveforms. For an array in three dimensions the derivatives are along
    :attr:`isacfw.Direction.tangents`. The users' signals already illuminate the target, so that the derivative is
    more useful than the steering vector if there are more transmit than receive antennas; it has a null on the
    target, so alone it is of little use if the target is elsewhere.
    """

    name: ClassVar[str] = "difference"

    sum_share: float = attrs.field(default=0.0, converter=real, validator=number(at_least=0, below=1))

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return beams with and without power on the steering vector, and with given directions."""
        return cls(), cls(sum_share=0.2), cls(directions_deg=((10.0, 80.0), (-20.0, 60.0)))

    def depends_on_power(self) -> bool:
        """Return False."""
        return False

    def coefficients(self, scene: Scene) -> ComplexArray:
        """Return the coefficients of difference and sum of each stream; (3B, S, R)."""
        directions = self.directions(scene)
        streams = [(number, slope) for number, one in enumerate(directions) for slope in _slopes(scene, one)]
        found = np.zeros((3 * len(directions), len(streams), 2 if self.sum_share else 1), dtype=np.complex128)
        for stream, (position, slope) in enumerate(streams):
            found[3 * position + 1 : 3 * position + 3, stream, 0] = np.sqrt(1 - self.sum_share) * slope
            if self.sum_share:
                found[3 * position, stream, 1] = np.sqrt(self.sum_share / scene.antennas)
        return found


def _slopes(scene: Scene, direction: Direction) -> list[FloatArray]:
    """Return the coefficients of the derivatives, each a unit vector: two, or one if there is only one."""
    moments = scene.array.inner_products(direction, direction)[1:, 1:].real
    values, vectors = np.linalg.eigh(moments)
    if values[-1] <= 0:
        raise isacfw.IncompatibleError("a difference beam needs an array of more than one element")
    if values[0] <= _BLIND * values[-1]:
        # Along an axis, up to rounding.
        vector = np.where(np.abs(vectors[:, -1]) > np.sqrt(_BLIND), vectors[:, -1], 0.0)
        return [vector * np.sign(vector.sum()) / np.sqrt(values[-1])]
    return [row / np.sqrt(moments[axis, axis]) for axis, row in enumerate(np.eye(2))]


@isacfw.hookimpl
def register_beams() -> list[type[isacfw.Beam]]:
    """Register the difference beams."""
    return [Difference]
