"""Uniform planar array."""

from __future__ import annotations

from typing import ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import ComplexArray, Direction, FloatArray
from isacfw.validators import integer, number, real


def _indices(count: int) -> FloatArray:
    return np.arange(count, dtype=np.float64) - (count - 1) / 2


def _kernel(count: int, spacing: float, offset: float) -> ComplexArray:
    r"""Return the sums of :math:`p^i \exp(j\pi p\, offset)` over centred positions p, i = 0, 1, 2; (3,)."""
    positions = spacing * _indices(count)
    phase = np.pi * positions * offset
    cosine, sine = np.cos(phase), np.sin(phase)
    return np.array([cosine.sum(), 1j * (positions @ sine), positions**2 @ cosine])


# Orders of differentiation of the basis vectors a, da/du and da/dw with respect to u and w.
_ORDERS_U, _ORDERS_W = np.array([0, 1, 0]), np.array([0, 0, 1])


@final
@attrs.frozen(kw_only=True)
class UPA(isacfw.Array):
    r"""Uniform planar array.

    Parameters
    ----------
    horizontal, vertical : int
        Number of antennas :math:`N_h` and :math:`N_v` along the horizontal and the vertical axis.
    horizontal_spacing, vertical_spacing : float
        Distance between neighbours in half wavelengths.

    Notes
    -----
    :math:`a = a_h \otimes a_v`, (10)-(12). All terms of the Fisher information factor over the two axes, so their
    cost grows with :math:`N_h + N_v`, not with :math:`N_h N_v`.
    """

    name: ClassVar[str] = "upa"

    horizontal: int = attrs.field(validator=integer(at_least=1, at_most=1_000_000))
    vertical: int = attrs.field(validator=integer(at_least=1, at_most=1_000_000))
    horizontal_spacing: float = attrs.field(default=1.0, converter=real, validator=number(above=0))
    vertical_spacing: float = attrs.field(default=1.0, converter=real, validator=number(above=0))

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return arrays of different shapes and spacings."""
        return (
            cls(horizontal=4, vertical=3),
            cls(horizontal=1, vertical=5),
            cls(horizontal=3, vertical=4, horizontal_spacing=1.6, vertical_spacing=0.8),
        )

    @property
    def planar(self) -> bool:
        """True."""
        return True

    def positions(self) -> FloatArray:
        """Return the element positions in half wavelengths, the vertical index running fastest; (N, 2)."""
        along, up = np.meshgrid(_indices(self.horizontal), _indices(self.vertical), indexing="ij")
        spacing = [self.horizontal_spacing, self.vertical_spacing]
        return np.stack([along.ravel(), up.ravel()], axis=-1) * spacing

    @property
    def n_elements(self) -> int:
        """Number of antenna elements."""
        return self.horizontal * self.vertical

    def second_moments(self) -> FloatArray:
        r"""Return :math:`\pi^2 N / 12\, \mathrm{diag}(d_h^2 (N_h^2 - 1), d_v^2 (N_v^2 - 1))`; (2, 2)."""
        squares = np.array([self.horizontal, self.vertical], dtype=np.float64) ** 2
        spacing = np.array([self.horizontal_spacing, self.vertical_spacing])
        return np.diag(np.pi**2 * self.n_elements / 12 * (squares - 1) * spacing**2)

    def inner_products(self, first: Direction, second: Direction) -> ComplexArray:
        r"""Return :math:`P(\Omega_1)^H P(\Omega_2)` as products over the two axes; shape (3, 3)."""
        offset = second.cosines - first.cosines
        along = _kernel(self.horizontal, self.horizontal_spacing, offset[0])
        up = _kernel(self.vertical, self.vertical_spacing, offset[1])
        orders_u, orders_w = np.add.outer(_ORDERS_U, _ORDERS_U), np.add.outer(_ORDERS_W, _ORDERS_W)
        # Each derivative gives a factor jπp, or its conjugate for the first vector.
        order = _ORDERS_U + _ORDERS_W
        scale = np.multiply.outer((-1j * np.pi) ** order, (1j * np.pi) ** order)
        return np.asarray(scale * along[orders_u] * up[orders_w])


@isacfw.hookimpl
def register_arrays() -> list[type[isacfw.Array]]:
    """Register the planar array."""
    return [UPA]
