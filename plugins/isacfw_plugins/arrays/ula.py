"""Uniform linear array."""

from __future__ import annotations

from typing import ClassVar, Literal, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import FloatArray
from isacfw.validators import choice, integer, number, real


@final
@attrs.frozen(kw_only=True)
class ULA(isacfw.Array):
    r"""Uniform linear array.

    Parameters
    ----------
    elements : int
        Number of antennas N.
    axis : {"horizontal", "vertical"}
        Axis of the array.
    spacing : float
        Distance between neighbours in half wavelengths.

    Notes
    -----
    :math:`a_n = \exp(j\pi d n u)` along the horizontal axis, :math:`\exp(j\pi d n w)` along the vertical one,
    (11)-(12). A linear array resolves only one direction cosine: with linear arrays along the same axis on both
    sides, azimuth and elevation cannot both be estimated. The one without a limit counts as known.
    """

    name: ClassVar[str] = "ula"

    elements: int = attrs.field(validator=integer(at_least=1, at_most=1_000_000))
    axis: Literal["horizontal", "vertical"] = attrs.field(
        default="horizontal", validator=choice("horizontal", "vertical")
    )
    spacing: float = attrs.field(default=1.0, converter=real, validator=number(above=0))

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return an array along either axis."""
        return cls(elements=5), cls(elements=4, axis="vertical", spacing=1.5)

    @property
    def n_elements(self) -> int:
        """Number of antenna elements."""
        return self.elements

    @property
    def planar(self) -> bool:
        """True."""
        return True

    def positions(self) -> FloatArray:
        """Return the element positions in half wavelengths; (N, 2)."""
        positions = np.zeros((self.elements, 2))
        positions[:, 0 if self.axis == "horizontal" else 1] = self.spacing * np.arange(self.elements)
        return positions


@isacfw.hookimpl
def register_arrays() -> list[type[isacfw.Array]]:
    """Register the linear array."""
    return [ULA]
