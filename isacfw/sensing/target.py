"""Sensed targets, and the requirements on sensing."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np

from ..base.errors import InputError, short_repr
from ..base.numbers import FloatArray
from ..base.validators import integer, number, optional, real
from ..signal.array import Direction
from ..signal.link_budget import LinkBudget
from .reduction import ANGLES

DEFAULT_REFLECTION_AMPLITUDE = 1 / 16

_DECIBELS = optional(number(at_least=-300, at_most=300))
_DEGREES = optional(number(at_least=-180, at_most=180))


def _names(value: Any) -> Any:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (list, tuple)) else value


def _check_known(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple):
        raise InputError(attribute.name, f"must be a list of angles, got {short_repr(value)}")
    for position, name in enumerate(value):
        if name not in ANGLES:
            listed = " or ".join(map(repr, ANGLES))
            raise InputError(f"{attribute.name}[{position}]", f"must be {listed}, got {short_repr(name)}")


def _check_limits(part: Target | Sensing) -> None:
    for key in ("azimuth_crlb_limit_db", "elevation_crlb_limit_db"):
        if part.crlb_limit_db is not None and getattr(part, key) is not None:
            raise InputError(key, "cannot be combined with crlb_limit_db")


@attrs.frozen(kw_only=True)
class Target:
    r"""A point target: its direction and reflection coefficient.

    Parameters
    ----------
    azimuth_deg, elevation_deg : float
        Direction in degrees, see :class:`~isacfw.Direction`.
    reflection_amplitude : float, optional
        :math:`|\alpha|` of the echo model (8), relative to unit noise. The default is 1/16.
    distance_m, reference_distance_m : float, optional
        Instead of `reflection_amplitude`: :math:`|\alpha| = (d_0 / d)^2`, the round trip over the distance
        :math:`d` relative to :math:`d_0` (100 m by default).
    radar_cross_section_m2 : float, optional
        With `distance_m`: :math:`|\alpha|` by the radar equation, see :class:`~isacfw.LinkBudget`.
    reflection_phase_deg : float
        Phase of :math:`\alpha` in degrees; it matters for several targets.
    crlb_limit_db : float, optional
        Largest CRLB of both angles in dB, :math:`10 \log_{10}` of rad²; by default the limits of ``[sensing]``.
    azimuth_crlb_limit_db, elevation_crlb_limit_db : float, optional
        Instead, a limit per angle.
    known : sequence of {"azimuth", "elevation"}
        Angles that are known and not estimated.

    Notes
    -----
    The paper does not state :math:`|\alpha|`; its Figs. 3, 6 and 7 together admit 0.053 to 0.094, and 1/16
    is the value of a target at 400 m relative to 100 m.
    """

    azimuth_deg: float = attrs.field(converter=real)
    elevation_deg: float = attrs.field(converter=real)
    reflection_amplitude: float | None = attrs.field(
        default=None, converter=real, validator=optional(number(above=0))
    )
    distance_m: float | None = attrs.field(default=None, converter=real, validator=optional(number(above=0)))
    reference_distance_m: float | None = attrs.field(
        default=None, converter=real, validator=optional(number(above=0))
    )
    radar_cross_section_m2: float | None = attrs.field(
        default=None, converter=real, validator=optional(number(above=0))
    )
    reflection_phase_deg: float = attrs.field(
        default=0.0, converter=real, validator=number(at_least=-360, at_most=360)
    )
    crlb_limit_db: float | None = attrs.field(default=None, converter=real, validator=_DECIBELS)
    azimuth_crlb_limit_db: float | None = attrs.field(default=None, converter=real, validator=_DECIBELS)
    elevation_crlb_limit_db: float | None = attrs.field(default=None, converter=real, validator=_DECIBELS)
    known: tuple[str, ...] = attrs.field(default=(), converter=_names, validator=_check_known)

    def __attrs_post_init__(self) -> None:
        _check_limits(self)
        for name in self.known:
            if getattr(self, f"{name}_crlb_limit_db") is not None:
                raise InputError(f"{name}_crlb_limit_db", f"cannot be combined with known, which has {name!r}")
        Direction(azimuth_deg=self.azimuth_deg, elevation_deg=self.elevation_deg)
        distances: dict[str, Any] = {
            "distance_m": self.distance_m,
            "reference_distance_m": self.reference_distance_m,
        }
        given = [key for key, value in distances.items() if value is not None]
        if self.reflection_amplitude is not None and given:
            raise InputError(
                "reflection_amplitude",
                f"cannot be combined with {given[0]}, which determines the amplitude",
            )
        self._check_cross_section()
        if given == ["reference_distance_m"]:
            raise InputError("reference_distance_m", "requires distance_m")

    def _check_cross_section(self) -> None:
        if self.radar_cross_section_m2 is None:
            return
        for key in ("reflection_amplitude", "reference_distance_m"):
            if getattr(self, key) is not None:
                raise InputError(key, "cannot be combined with radar_cross_section_m2")
        if self.distance_m is None:
            raise InputError("distance_m", "is required with radar_cross_section_m2", missing=True)

    @property
    def direction(self) -> Direction:
        """Direction of the target."""
        return Direction(azimuth_deg=self.azimuth_deg, elevation_deg=self.elevation_deg)

    @property
    def amplitude(self) -> float:
        r"""The reflection amplitude :math:`|\alpha|`, given, or computed from the distance."""
        if self.distance_m is not None:
            return ((self.reference_distance_m or 100.0) / self.distance_m) ** 2
        return self.reflection_amplitude or DEFAULT_REFLECTION_AMPLITUDE

    @property
    def reflection(self) -> complex:
        r"""The reflection coefficient :math:`\alpha`, without a radar cross section."""
        return self.reflection_by(None)

    def reflection_by(self, budget: LinkBudget | None) -> complex:
        r"""Return the reflection coefficient :math:`\alpha`.

        Parameters
        ----------
        budget : LinkBudget or None
            Needed for a radar cross section; without effect on a target that has none.
        """
        phase = math.radians(self.reflection_phase_deg)
        return complex(self.amplitude_by(budget) * complex(math.cos(phase), math.sin(phase)))

    def amplitude_by(self, budget: LinkBudget | None) -> float:
        r"""Return the reflection amplitude :math:`|\alpha|`, see :meth:`reflection_by`."""
        if self.radar_cross_section_m2 is None:
            return self.amplitude
        if budget is None:
            raise InputError("radar_cross_section_m2", "requires link_budget")
        assert self.distance_m is not None
        return budget.reflection_amplitude(self.radar_cross_section_m2, self.distance_m)


@attrs.frozen(kw_only=True)
class Sensing:
    r"""Sensing requirements and beam direction.

    Parameters
    ----------
    frame_length : int
        Number L of symbols in a frame.
    crlb_limit_db : float, optional
        Largest CRLB of both angles in dB, :math:`10 \log_{10}` of rad².
    azimuth_crlb_limit_db, elevation_crlb_limit_db : float, optional
        Instead, a limit per angle; an omitted one means no limit.
    crlb_limit_offset_db : float
        Added to all limits on the CRLB of an angle, those of targets and of requirements too; a negative offset
        tightens them together.
    beam_azimuth_deg, beam_elevation_deg : float, optional
        Direction of the sensing beam in degrees; the target's by default.
    """

    frame_length: int = attrs.field(default=30, validator=integer(at_least=1, at_most=10**12))
    crlb_limit_db: float | None = attrs.field(default=None, converter=real, validator=_DECIBELS)
    azimuth_crlb_limit_db: float | None = attrs.field(default=None, converter=real, validator=_DECIBELS)
    elevation_crlb_limit_db: float | None = attrs.field(default=None, converter=real, validator=_DECIBELS)
    crlb_limit_offset_db: float = attrs.field(
        default=0.0, converter=real, validator=number(at_least=-300, at_most=300)
    )
    beam_azimuth_deg: float | None = attrs.field(default=None, converter=real, validator=_DEGREES)
    beam_elevation_deg: float | None = attrs.field(default=None, converter=real, validator=_DEGREES)

    def __attrs_post_init__(self) -> None:
        _check_limits(self)

    @property
    def crlb_limit(self) -> FloatArray:
        """Largest CRLB of azimuth and elevation in rad², infinite if there is none; shape (2,)."""
        return self.offset * _limits(self, [None, None])

    @property
    def offset(self) -> float:
        """The offset of all limits as a factor."""
        return float(10 ** (self.crlb_limit_offset_db / 10))

    def limit_of(self, target: Target) -> FloatArray:
        """Return the largest CRLBs of azimuth and elevation of a target in rad², infinite for no limit; (2,)."""
        own = _limits_db(self)
        limits = self.offset * _limits(target, own)
        return np.where([name in target.known for name in ANGLES], np.inf, limits)

    def beam(self, target: Target) -> Direction:
        """Return the direction of the sensing beam for a target."""
        return Direction(
            azimuth_deg=target.azimuth_deg if self.beam_azimuth_deg is None else self.beam_azimuth_deg,
            elevation_deg=(target.elevation_deg if self.beam_elevation_deg is None else self.beam_elevation_deg),
        )


def _limits_db(part: Target | Sensing) -> list[float | None]:
    if part.crlb_limit_db is not None:
        return [part.crlb_limit_db] * 2
    return [part.azimuth_crlb_limit_db, part.elevation_crlb_limit_db]


def _limits(part: Target | Sensing, default: list[float | None]) -> FloatArray:
    """Return the limits of a part in rad², with defaults for missing ones; infinite for no limit."""
    limits = [other if own is None else own for own, other in zip(_limits_db(part), default, strict=True)]
    return np.array([np.inf if limit is None else 10 ** (limit / 10) for limit in limits])
