"""Uniform linear array."""

from __future__ import annotations

from typing import ClassVar, Literal, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import FloatArray
from isacfw.validators import choice, integer


@final
@attrs.frozen(kw_only=True)
class ULA(isacfw.Array):
    r"""Uniform linear array with half-wavelength spacing.

    Parameters
    ----------
    elements : int
        Number of antennas N.
    axis : {"horizontal", "vertical"}
        The axis along which they stand.

    Notes
    -----
    :math:`a_n = \exp(j\pi n u)` along the horizontal axis, :math:`\exp(j\pi n w)` along the vertical one,
    (11)-(12). A line of antennas sees one direction cosine only: with linear arrays on both sides along the
    same axis, azimuth and elevation cannot both be estimated, and their CRLBs are infinite unless the other
    angle has no influence (elevation 90° for a horizontal line).
    """

    name: ClassVar[str] = "ula"

    elements: int = attrs.field(validator=integer(at_least=1, at_most=1_000_000))
    axis: Literal["horizontal", "vertical"] = attrs.field(
        default="horizontal", validator=choice("horizontal", "vertical")
    )

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return an array along either axis."""
        return cls(elements=5), cls(elements=4, axis="vertical")

    def positions(self) -> FloatArray:
        """Return the element positions in half wavelengths; (N, 2)."""
        positions = np.zeros((self.elements, 2))
        positions[:, 0 if self.axis == "horizontal" else 1] = np.arange(self.elements)
        return positions


@isacfw.hookimpl
def register_arrays() -> list[type[isacfw.Array]]:
    """Register the linear array."""
    return [ULA]
