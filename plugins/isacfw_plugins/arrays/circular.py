"""Uniform circular array."""

from __future__ import annotations

from typing import ClassVar, Literal, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import FloatArray
from isacfw.validators import choice, integer, number, real


@final
@attrs.frozen(kw_only=True)
class Circular(isacfw.Array):
    r"""Uniform circular array.

    Parameters
    ----------
    elements : int
        Number of antennas N.
    spacing : float
        Distance between neighbours along a straight line, in half wavelengths.
    plane : {"horizontal", "upright"}
        Whether the circle lies in the plane of the horizontal and the normal axis, or in that of the horizontal
        and the vertical axis.

    Notes
    -----
    The radius is :math:`d / (2 \sin(\pi / N))` for the spacing d; element n is at the angle
    :math:`2\pi n / N` from the horizontal axis. A horizontal circle resolves the direction cosines along the
    horizontal and the normal axis: all azimuths alike, but elevations near 90° poorly.
    """

    name: ClassVar[str] = "circular"

    elements: int = attrs.field(validator=integer(at_least=2, at_most=1_000_000))
    spacing: float = attrs.field(default=1.0, converter=real, validator=number(above=0))
    plane: Literal["horizontal", "upright"] = attrs.field(
        default="horizontal", validator=choice("horizontal", "upright")
    )

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a circle in either plane."""
        return cls(elements=7), cls(elements=6, spacing=1.4, plane="upright")

    @property
    def n_elements(self) -> int:
        """Number of antenna elements."""
        return self.elements

    def positions(self) -> FloatArray:
        """Return the element positions in half wavelengths; (N, 3)."""
        angle = 2 * np.pi * np.arange(self.elements) / self.elements
        radius = self.spacing / (2 * np.sin(np.pi / self.elements))
        positions = np.zeros((self.elements, 3))
        positions[:, 0] = radius * np.cos(angle)
        positions[:, 2 if self.plane == "horizontal" else 1] = radius * np.sin(angle)
        return positions


@isacfw.hookimpl
def register_arrays() -> list[type[isacfw.Array]]:
    """Register the circular array."""
    return [Circular]
