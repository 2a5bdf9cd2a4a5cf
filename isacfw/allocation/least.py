"""Objectives of sensing and of power: the least power, and the smallest CRLBs."""

from __future__ import annotations

from typing import ClassVar, Literal, Self, final

import attrs
import numpy as np

from ..base.errors import InputError
from ..base.link import Link
from ..base.numbers import FloatArray
from ..base.validators import choice, integer, optional
from ..sensing.reduction import ANGLES
from .objective import Objective, Performance
from .quantity import Quantity
from .setting import Setting


@final
@attrs.frozen(kw_only=True)
class LeastPower(Objective):
    """The least transmit power that meets the requirements, as a share of the power budget.

    Notes
    -----
    :math:`f + q`, the sum of all shares; a problem whose least power exceeds 1 is infeasible. In the uplink each
    share is one of its sender's power, and each alone must not exceed 1.
    """

    name: ClassVar[str] = "least_power"
    quantity: ClassVar[Quantity] = Quantity(
        name="power_share",
        better="lower",
        description="Share of the power budget",
        role="objective",
        heading="\npower\nshare",
    )

    def check(self, setting: Setting) -> None:
        """Refuse a scenario without requirements, for which no power is the least."""
        if not setting.required:
            raise InputError("kind", "must be another objective if nothing is required, got 'least_power'")

    def value(self, performance: Performance) -> FloatArray:
        """Return the share of the power that is used; shape (...)."""
        return performance.power


@final
@attrs.frozen(kw_only=True)
class LeastCRLB(Objective):
    r"""The smallest CRLBs: their sum over angles and targets, or the largest ratio to a limit.

    Parameters
    ----------
    measure : {"sum", "worst"}
        Whether to minimise the sum of the selected CRLBs, or the largest ratio of a selected CRLB to its limit.
    target : int, optional
        Number of a target, from 1, whose angles are selected; all targets by default.
    angle : {"azimuth", "elevation"}, optional
        The angle to select; both by default.

    Notes
    -----
    :math:`\sum_i [J^{-1}]_{ii}` in rad² over the selected angles that are not known, or :math:`\max_i
    [J^{-1}]_{ii} / limit_i` over those with a limit. The limits, where given, are requirements as well.
    """

    name: ClassVar[str] = "least_crlb"
    links: ClassVar[tuple[Link, ...]] = ("downlink",)
    quantity: ClassVar[Quantity] = Quantity(
        name="sum_crlb",
        unit="rad^2",
        better="lower",
        description="Sum of the CRLBs",
        role="objective",
        heading="sum of\nCRLBs\nrad²",
    )

    measure: Literal["sum", "worst"] = attrs.field(default="sum", validator=choice("sum", "worst"))
    target: int | None = attrs.field(default=None, validator=optional(integer(at_least=1)))
    angle: Literal["azimuth", "elevation"] | None = attrs.field(default=None, validator=optional(choice(*ANGLES)))

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return both measures, and a selected angle."""
        return cls(), cls(measure="worst"), cls(target=1, angle="azimuth")

    def reported(self) -> Quantity:
        """Return the quantity of the sum, or of the largest ratio."""
        if self.measure == "sum":
            return self.quantity
        return attrs.evolve(
            self.quantity,
            name="worst_crlb_ratio",
            unit="",
            description="Largest ratio of a CRLB to its limit",
            heading="largest\nCRLB\nto limit",
        )

    def selected(self, known: FloatArray) -> FloatArray:
        """Return 1 for each selected angle that is not known, 0 for the others; (..., 2T)."""
        targets = known.shape[-1] // 2
        chosen = np.ones((targets, 2))
        if self.target is not None:
            chosen[np.arange(targets) != self.target - 1] = 0
        if self.angle is not None:
            chosen[:, 1 - ANGLES.index(self.angle)] = 0
        return np.where(known > 0, 0.0, chosen.reshape(-1))

    def check(self, setting: Setting) -> None:
        """Refuse a target that does not exist, known angles alone, and ratios to limits that are not given."""
        if self.target is not None and self.target > setting.targets:
            raise InputError(
                "target", f"must be at most {setting.targets}, the number of targets, got {self.target}"
            )
        selected = self.selected(setting.known) > 0
        if not selected.any():
            raise InputError("angle", "must leave an angle that is not known, got none")
        if self.measure == "worst" and not np.isfinite(setting.crlb_limit[selected]).any():
            raise InputError("measure", "must be 'sum' where no selected angle has a CRLB limit, got 'worst'")

    def value(self, performance: Performance) -> FloatArray:
        """Return the sum of the selected CRLBs, or their largest ratio to a limit; shape (...)."""
        selected = self.selected(np.isnan(performance.crlb)) > 0
        if self.measure == "sum":
            return np.asarray(np.where(selected, performance.crlb, 0.0).sum(axis=-1))
        limited = selected & np.isfinite(performance.crlb_limit)
        ratio = np.where(limited, performance.crlb, 0.0) / np.where(limited, performance.crlb_limit, 1.0)
        return np.asarray(ratio.max(axis=-1))
