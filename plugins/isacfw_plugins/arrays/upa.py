"""Uniform planar array."""

from __future__ import annotations

from typing import ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import ComplexArray, Direction, FloatArray
from isacfw.validators import integer


def _indices(count: int) -> FloatArray:
    return np.arange(count, dtype=np.float64) - (count - 1) / 2


def _kernel(count: int, offset: float) -> tuple[float, float]:
    """Return the sum of exp(jπmx) over centred indices m, and its derivative by x divided by -π: both real."""
    phase = np.pi * _indices(count)
    return float(np.cos(phase * offset).sum()), float(_indices(count) @ np.sin(phase * offset))


@final
@attrs.frozen(kw_only=True)
class UPA(isacfw.Array):
    r"""Uniform planar array with half-wavelength spacing.

    Parameters
    ----------
    horizontal, vertical : int
        Number of antennas :math:`N_h` and :math:`N_v` along the horizontal and the vertical axis.

    Notes
    -----
    :math:`a = a_h \otimes a_v`, (10)-(12). Everything the Fisher information needs factors over the two
    axes, so its cost grows with :math:`N_h + N_v`, not with :math:`N_h N_v`.
    """

    name: ClassVar[str] = "upa"

    horizontal: int = attrs.field(validator=integer(at_least=1, at_most=1_000_000))
    vertical: int = attrs.field(validator=integer(at_least=1, at_most=1_000_000))

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return arrays of different shapes."""
        return cls(horizontal=4, vertical=3), cls(horizontal=1, vertical=5)

    def positions(self) -> FloatArray:
        """Return the element positions in half wavelengths, the vertical index running fastest; (N, 2)."""
        along, up = np.meshgrid(_indices(self.horizontal), _indices(self.vertical), indexing="ij")
        return np.stack([along.ravel(), up.ravel()], axis=-1)

    @property
    def n_elements(self) -> int:
        """Number of antenna elements."""
        return self.horizontal * self.vertical

    def second_moments(self) -> FloatArray:
        r"""Return :math:`\pi^2 N / 12 \cdot \mathrm{diag}(N_h^2 - 1, N_v^2 - 1)`; shape (2, 2)."""
        squares = np.array([self.horizontal, self.vertical], dtype=np.float64) ** 2
        return np.diag(np.pi**2 * self.n_elements / 12 * (squares - 1))

    def beam_response(self, target: Direction, beam: Direction) -> tuple[complex, ComplexArray]:
        r"""Return :math:`a^H v` and :math:`\dot a_i^H v` as products over the two axes."""
        offset = beam.cosines - target.cosines
        sum_h, slope_h = _kernel(self.horizontal, offset[0])
        sum_v, slope_v = _kernel(self.vertical, offset[1])
        slopes = np.pi * np.array([slope_h * sum_v, sum_h * slope_v])
        return complex(sum_h * sum_v), slopes.astype(np.complex128)


@isacfw.hookimpl
def register_arrays() -> list[type[isacfw.Array]]:
    """Register the planar array."""
    return [UPA]
