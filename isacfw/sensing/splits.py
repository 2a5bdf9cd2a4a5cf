"""Splits of the power between communication and sensing, for a batch of drops, and why a drop has none."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import LOST, FloatArray

FULL = 1 + LOST
"""Largest total share that counts as full power: it exceeds it by rounding errors."""


class Infeasibility(IntEnum):
    """Why a drop has no split of the power; 0 if it has one."""

    NONE = 0
    INTERFERENCE = 1
    """The users' requirements cannot be met at any power."""
    POWER = 2
    """The users' requirements alone, or with the limits on sensing, take more than the power."""
    LIMITS = 3
    """No split of the power meets the limits on sensing."""


@attrs.frozen(kw_only=True, eq=False)
class Splits:
    """Splits of the power, one for each drop.

    Attributes
    ----------
    communication, sensing : ndarray, shape (...)
        f and q; NaN where there is no split.
    mix : ndarray, shape (..., B - 1)
        Parts of the sensing signals in q, or coordinates of the covariance divided by its trace; NaN likewise.
    infeasibility : ndarray of int, shape (...)
        Members of :class:`Infeasibility`.
    power : ndarray, shape (...)
        Total share that is needed, above 1 if the power does not suffice; infinite if none does.
    bound : ndarray, shape (...)
        Value below which the objective, a power, sum of CRLBs or ratio, of no splits is; None for closed forms.
    gap : ndarray, shape (...)
        Largest relative amount by which the objective of any splits may be better; None for closed forms.
    """

    communication: FloatArray
    sensing: FloatArray
    mix: FloatArray
    infeasibility: NDArray[np.int_]
    power: FloatArray
    bound: FloatArray | None = None
    gap: FloatArray | None = None

    @classmethod
    def empty(cls, shape: tuple[int, ...], streams: int) -> Splits:
        """Return a batch without splits, because no power meets the limits."""
        return cls(
            communication=np.full(shape, np.nan),
            sensing=np.full(shape, np.nan),
            mix=np.full((*shape, streams), np.nan),
            infeasibility=np.full(shape, int(Infeasibility.LIMITS)),
            power=np.full(shape, np.inf),
            bound=np.full(shape, np.nan) if streams > 1 else None,
            gap=np.zeros(shape) if streams > 1 else None,
        )

    def put(self, place: Any, part: Splits) -> None:
        """Write the splits of a part of the batch."""
        for field in attrs.fields(type(self)):
            if getattr(self, field.name) is not None:
                getattr(self, field.name)[place] = getattr(part, field.name)
