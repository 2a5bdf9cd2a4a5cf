"""Limits on the CRLB of single angles."""

from __future__ import annotations

from typing import ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import AngleLimits, InputError, Setting
from isacfw.validators import integer, number, optional, real

_DECIBELS = optional(number(at_least=-300, at_most=300))


@final
@attrs.frozen(kw_only=True)
class CRLBLimit(isacfw.Requirement):
    r"""Limits on the CRLB of each angle of a target.

    Parameters
    ----------
    limit_db : float, optional
        Largest CRLB of both angles in dB, :math:`10 \log_{10}` of rad².
    azimuth_limit_db, elevation_limit_db : float, optional
        Instead, a limit per angle; an omitted one means no limit.
    target : int, optional
        Number of the target, from 1; all targets by default.

    Notes
    -----
    :math:`[J^{-1}]_{ii} \le limit_i`, (54b)-(54c). The keys of ``[sensing]`` and of targets are the short form;
    the tightest limit counts.
    """

    name: ClassVar[str] = "crlb"
    limits_angles: ClassVar[bool] = True

    limit_db: float | None = attrs.field(default=None, converter=real, validator=_DECIBELS)
    azimuth_limit_db: float | None = attrs.field(default=None, converter=real, validator=_DECIBELS)
    elevation_limit_db: float | None = attrs.field(default=None, converter=real, validator=_DECIBELS)
    target: int | None = attrs.field(default=None, validator=optional(integer(at_least=1)))

    def __attrs_post_init__(self) -> None:
        given = [key for key in ("azimuth_limit_db", "elevation_limit_db") if getattr(self, key) is not None]
        if self.limit_db is not None and given:
            raise InputError(given[0], "cannot be combined with limit_db")
        if self.limit_db is None and not given:
            raise InputError("limit_db", "is required unless an angle has a limit", missing=True)

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return limits on both angles, on one, and on those of one target."""
        return cls(limit_db=-40.0), cls(azimuth_limit_db=-35.0), cls(limit_db=-38.0, target=1)

    def check(self, setting: Setting) -> None:
        """Refuse the number of a target that does not exist."""
        if self.target is not None and self.target > setting.targets:
            raise InputError(
                "target", f"must be at most {setting.targets}, the number of targets, got {self.target}"
            )

    def constraint(self, setting: Setting) -> AngleLimits:
        """Return the limits in rad²."""
        own = [self.azimuth_limit_db, self.elevation_limit_db] if self.limit_db is None else [self.limit_db] * 2
        limit = np.tile([np.inf if one is None else 10 ** (one / 10) for one in own], (setting.targets, 1))
        if self.target is not None:
            limit[np.arange(setting.targets) != self.target - 1] = np.inf
        return AngleLimits(limit=limit.reshape(-1))


@isacfw.hookimpl
def register_requirements() -> list[type[isacfw.Requirement]]:
    """Register the limits on CRLBs."""
    return [CRLBLimit]
