"""Arrays for several hypotheses on the directions of the targets."""

from __future__ import annotations

import numpy as np

from ..base.numbers import FloatArray


def stacked(nominal: FloatArray, displaced: FloatArray | None, core: int) -> FloatArray:
    """Return an array for all hypotheses on the targets, the nominal one first, on an axis before the core."""
    if displaced is None:
        return nominal
    batch = np.broadcast_shapes(
        nominal.shape[: nominal.ndim - core], displaced.shape[: displaced.ndim - core - 1]
    )
    own, others = nominal.shape[nominal.ndim - core :], displaced.shape[displaced.ndim - core - 1 :]
    first = np.broadcast_to(nominal, (*batch, *own))[(..., None, *[slice(None)] * core)]
    return np.concatenate([first, np.broadcast_to(displaced, (*batch, *others))], axis=-core - 1)
