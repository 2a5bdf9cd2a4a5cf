r"""Noise of the sensing receiver beyond its thermal noise: residual self-interference and clutter.

Its covariance is :math:`C = (1 + P g_0) I + P \sum_c g_c a_c a_c^H + P G` in units of the thermal noise, with the
transmit power P in these units too. Echoes are whitened by :math:`C^{-1/2}`, so the Fisher information has
:math:`Q^H C^{-1} Q` instead of :math:`Q^H Q`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.random import Generator

from ..base.errors import InputError, short_repr
from ..base.numbers import ComplexArray, FloatArray
from ..base.validators import absolute_path, file_path, number, optional, real
from ..signal.array import Array, Direction, gram
from ..signal.gaussian import complex_normal
from .noise_file import read_covariance

_GAIN = number(at_least=-300, at_most=100)


@attrs.frozen(kw_only=True)
class Clutter:
    r"""Echoes of the surroundings from one direction, which are not part of the model of the targets.

    It adds :math:`P g a_r a_r^H` to the covariance of the noise, with the response :math:`a_r` of the receive
    array in its direction.

    Parameters
    ----------
    azimuth_deg, elevation_deg : float
        Direction in degrees, see :class:`~isacfw.Direction`.
    gain_db : float
        Gain g: power that each element receives, relative to the transmit power, in dB.
    """

    azimuth_deg: float = attrs.field(converter=real)
    elevation_deg: float = attrs.field(converter=real)
    gain_db: float = attrs.field(converter=real, validator=_GAIN)

    def __attrs_post_init__(self) -> None:
        _ = self.direction

    @property
    def direction(self) -> Direction:
        """Direction of the clutter."""
        return Direction(azimuth_deg=self.azimuth_deg, elevation_deg=self.elevation_deg)


def _to_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _check_clutter(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple):
        raise InputError(attribute.name, f"must be a list of tables, got {short_repr(value)}")
    for position, one in enumerate(value):
        if not isinstance(one, Clutter):
            raise InputError(f"{attribute.name}[{position}]", f"must be a Clutter object, got {short_repr(one)}")


@attrs.frozen(kw_only=True)
class SensingNoise:
    r"""Interference at the sensing receiver from the own transmission, in proportion to the transmit power.

    In units of the thermal noise, the covariance of the noise is
    :math:`C = (1 + P g_0) I + P \sum_c g_c a_c a_c^H + P G`.

    Parameters
    ----------
    self_interference_db : float, optional
        Residual self-interference: power that each element receives relative to the transmit power, in dB,
        independent between elements. None by default.
    clutter : sequence of Clutter
        Clutter from given directions.
    covariance : path, optional
        NumPy archive with the covariance G of further interference, relative to the transmit power, and the
        positions of the elements: `covariance` (N, N), `positions` (N, 3), `positions_unit`
        (``"half_wavelengths"``, ``"wavelengths"``, or ``"metres"`` with `wavelength_m`).
    """

    self_interference_db: float | None = attrs.field(default=None, converter=real, validator=optional(_GAIN))
    clutter: tuple[Clutter, ...] = attrs.field(default=(), converter=_to_tuple, validator=_check_clutter)
    covariance: Path | None = attrs.field(default=None, converter=absolute_path, validator=optional(file_path))

    def inputs(self) -> tuple[Path, ...]:
        """Return the files that are read."""
        return () if self.covariance is None else (self.covariance,)

    @property
    def self_interference(self) -> float:
        """Power of the self-interference at an element relative to the transmit power."""
        return 0.0 if self.self_interference_db is None else float(10 ** (self.self_interference_db / 10))

    def at(self, power: float, array: Array) -> ReceiverNoise:
        """Return the noise of an array for a transmit power in units of the thermal noise.

        Raises
        ------
        InputError
            If the file of the covariance cannot be read, or is not for this array.
        """
        return ReceiverNoise(
            white=1 + power * self.self_interference,
            directions=tuple(one.direction for one in self.clutter),
            powers=power * np.array([10 ** (one.gain_db / 10) for one in self.clutter]),
            given=None if self.covariance is None else power * read_covariance(self.covariance, array),
        )


@attrs.frozen(kw_only=True, eq=False)
class ReceiverNoise:
    """Noise of a receiver in units of its thermal noise: a white part, signals from some directions, and others.

    Parameters
    ----------
    white : float
        Power of the white part.
    directions : tuple of Direction
        Directions of the signals.
    powers : ndarray, shape (C,)
        Their powers at an element.
    given : ndarray of complex, shape (N, N), optional
        Covariance of all else.
    """

    white: float = 1.0
    directions: tuple[Direction, ...] = ()
    powers: FloatArray = attrs.field(factory=lambda: np.zeros(0))
    given: ComplexArray | None = None

    @property
    def colour(self) -> str:
        """Name of a part that is not white, empty if all are."""
        return "clutter" if self.directions else "covariance" if self.given is not None else ""

    def whitened_gram(self, array: Array, directions: tuple[Direction, ...]) -> ComplexArray:
        """Return :math:`Q^H C^{-1} Q` for the bases Q of directions; (3T, 3T).

        Without a given covariance, its cost does not depend on the number of antennas.
        """
        if self.given is None and not self.directions:
            return gram(array, directions) / self.white
        size = 3 * len(directions)
        # The matrix inversion lemma for the directions.
        products = self._products(array, (*directions, *self.directions))
        steering = size + 3 * np.arange(len(self.directions))
        mixed, own = products[:size, steering], products[np.ix_(steering, steering)]
        root = np.sqrt(self.powers)
        mixed, own = mixed * root, root[:, None] * own * root
        lost = mixed @ np.linalg.solve(np.eye(len(root)) + own, mixed.conj().T)
        found = products[:size, :size] - lost
        return np.asarray((found + found.conj().T) / 2)

    def _products(self, array: Array, directions: tuple[Direction, ...]) -> ComplexArray:
        """Return the inner products of the bases of directions without the noise of :attr:`directions`."""
        if self.given is None:
            return gram(array, directions) / self.white
        basis = np.concatenate([array.steering_basis(one) for one in directions], axis=-1)
        covariance = self.white * np.eye(len(self.given)) + self.given
        return np.asarray(basis.conj().T @ np.linalg.solve(covariance, basis))

    def draw(self, array: Array, shape: tuple[int, ...], generator: Generator) -> ComplexArray:
        """Draw noise of shape (..., N, L)."""
        noise = np.sqrt(self.white) * complex_normal(shape, generator)
        for direction, power in zip(self.directions, self.powers, strict=True):
            signal = np.sqrt(power) * complex_normal((*shape[:-2], 1, shape[-1]), generator)
            noise = noise + array.steering_vector(direction)[:, None] * signal
        if self.given is not None:
            values, vectors = np.linalg.eigh(self.given)
            root = vectors * np.sqrt(np.maximum(values, 0.0))
            noise = noise + root @ complex_normal(shape, generator)
        return np.asarray(noise)
