"""How accurately CRLBs are known: rounding errors grow where the Fisher information is close to singular."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..base.numbers import FloatArray
from .reduction import ReducedInformation, information_with_errors


def crlb_error(fisher: FloatArray, jacobians: FloatArray, known: FloatArray) -> FloatArray:
    """Return the relative rounding error of the CRLB of each angle, 0 where it cannot be estimated; (..., 2T).

    Parameters
    ----------
    fisher, jacobians, known
        See :func:`~isacfw.sensing.reduction.angle_information`.
    """
    if fisher.shape[-1] > 4:
        return information_with_errors(fisher, jacobians, known)[2]
    return crlb_error_of_one(lambda row, column: fisher[..., row, column], jacobians, known)


def crlb_error_of_one(
    entry: Callable[[int, int], FloatArray], jacobians: FloatArray, known: FloatArray
) -> FloatArray:
    """Return :func:`crlb_error` for one target, from entries of its Fisher information; (..., 2)."""
    angles = ReducedInformation(entry, jacobians[..., 0, :, :], known)
    return np.stack(np.broadcast_arrays(angles.error(0), angles.error(1)), axis=-1)
