"""A limit on the sum of CRLBs."""

from __future__ import annotations

from typing import ClassVar, Literal, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import InputError, Setting, SumLimit
from isacfw.validators import choice, number, optional, real


@final
@attrs.frozen(kw_only=True)
class SumCRLB(isacfw.Requirement):
    r"""A limit on the sum of the CRLBs over all angles of all targets.

    Parameters
    ----------
    limit_db : float
        Largest sum in dB, :math:`10 \log_{10}` of rad².
    angle : {"azimuth", "elevation"}, optional
        The angle whose CRLBs are summed; both by default.

    Notes
    -----
    :math:`\sum_i [J^{-1}]_{ii} \le limit` over the angles that are not known.
    """

    name: ClassVar[str] = "sum_crlb"

    limit_db: float = attrs.field(converter=real, validator=number(at_least=-300, at_most=300))
    angle: Literal["azimuth", "elevation"] | None = attrs.field(
        default=None, validator=optional(choice("azimuth", "elevation"))
    )

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return limits on the sum over both angles, and over one."""
        return cls(limit_db=-38.0), cls(limit_db=-40.0, angle="azimuth")

    def check(self, setting: Setting) -> None:
        """Refuse a sum over known angles alone."""
        if not self._weights(setting).any():
            raise InputError("angle", "must leave an angle that is not known, got none")

    def _weights(self, setting: Setting) -> isacfw.FloatArray:
        weights = 1 - np.asarray(setting.known, dtype=np.float64)
        if self.angle is not None:
            weights[(1 if self.angle == "azimuth" else 0) :: 2] = 0
        return weights

    def constraint(self, setting: Setting) -> SumLimit:
        """Return the sum over the angles that are not known."""
        return SumLimit(weights=self._weights(setting), limit=10 ** (self.limit_db / 10))


@isacfw.hookimpl
def register_requirements() -> list[type[isacfw.Requirement]]:
    """Register the limit on the sum of CRLBs."""
    return [SumCRLB]
