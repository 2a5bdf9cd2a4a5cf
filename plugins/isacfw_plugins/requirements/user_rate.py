"""Minimum rates."""

from __future__ import annotations

from typing import Any, ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import InputError, RateFloors, Setting
from isacfw.validators import each, number, real, reals

_RATE = number(at_least=0)


def _rate_or_rates(value: Any) -> Any:
    return real(reals(value))


def _check(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None:
        limits = _RATE if attribute.name == "minimum" else number()
        (each(limits) if isinstance(value, tuple) else limits)(instance, attribute, value)


@final
@attrs.frozen(kw_only=True)
class UserRate(isacfw.Requirement):
    r"""Minimum rates of the users.

    Parameters
    ----------
    minimum : float or list of float, optional
        Least rate of every user, or of each user, in bit/s/Hz.
    sinr_db : float or list of float, optional
        The SINR that these rates need, in dB, instead.

    Notes
    -----
    :math:`R_k \ge r_k`, with the rates (20), or :math:`SINR_k \ge \Gamma_k`.
    """

    name: ClassVar[str] = "user_rate"
    links: ClassVar[tuple[isacfw.Link, ...]] = ("downlink", "uplink")

    minimum: float | tuple[float, ...] | None = attrs.field(
        default=None, converter=_rate_or_rates, validator=_check
    )
    sinr_db: float | tuple[float, ...] | None = attrs.field(
        default=None, converter=_rate_or_rates, validator=_check
    )

    def __attrs_post_init__(self) -> None:
        if self.minimum is None and self.sinr_db is None:
            raise InputError("minimum", "must be given, or sinr_db", missing=True)
        if self.minimum is not None and self.sinr_db is not None:
            raise InputError("sinr_db", "must be left out, since minimum is given")

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return one rate, and one SINR, for all users."""
        return cls(minimum=0.1), cls(sinr_db=-10.0)

    def check(self, setting: Setting) -> None:
        """Refuse a list whose length is not the number of users."""
        for name in ("minimum", "sinr_db"):
            value = getattr(self, name)
            if isinstance(value, tuple) and setting.users not in (None, len(value)):
                raise InputError(name, f"must have one entry for each of {setting.users} users, got {len(value)}")

    def constraint(self, setting: Setting) -> RateFloors:
        """Return the least rates."""
        if self.minimum is not None:
            return RateFloors(minimum=np.asarray(self.minimum, dtype=np.float64))
        sinr = 10 ** (np.asarray(self.sinr_db, dtype=np.float64) / 10)
        return RateFloors(minimum=setting.prelog * np.log2(1 + sinr))


@isacfw.hookimpl
def register_requirements() -> list[type[isacfw.Requirement]]:
    """Register minimum rates."""
    return [UserRate]
