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
    (each(_RATE) if isinstance(value, tuple) else _RATE)(instance, attribute, value)


@final
@attrs.frozen(kw_only=True)
class UserRate(isacfw.Requirement):
    r"""Minimum rates of the users.

    Parameters
    ----------
    minimum : float or list of float
        Least rate of every user, or of each user, in bit/s/Hz.

    Notes
    -----
    :math:`R_k \ge r_k`, with the rates (20).
    """

    name: ClassVar[str] = "user_rate"
    links: ClassVar[tuple[isacfw.Link, ...]] = ("downlink", "uplink")

    minimum: float | tuple[float, ...] = attrs.field(converter=_rate_or_rates, validator=_check)

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return one rate for all users."""
        return (cls(minimum=0.1),)

    def check(self, setting: Setting) -> None:
        """Refuse a list whose length is not the number of users."""
        if isinstance(self.minimum, tuple) and setting.users not in (None, len(self.minimum)):
            raise InputError(
                "minimum", f"must have one entry for each of {setting.users} users, got {len(self.minimum)}"
            )

    def constraint(self, setting: Setting) -> RateFloors:
        """Return the least rates."""
        return RateFloors(minimum=np.asarray(self.minimum, dtype=np.float64))


@isacfw.hookimpl
def register_requirements() -> list[type[isacfw.Requirement]]:
    """Register minimum rates."""
    return [UserRate]
