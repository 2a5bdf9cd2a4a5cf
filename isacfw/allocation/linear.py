r"""Linear requirements on the shares: numbers that must be reached, and what they mean to a user.

A row demands :math:`\sum_k a_k x_k + \sum_s b_s q_s \ge r` with :math:`r > 0`. What it reaches is the sum of its
positive terms; what it needs is r and the negative terms, so that the ratio of both is a SINR where the negative
terms are interference.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from ..base.errors import InputError
from ..base.numbers import FloatArray


@attrs.frozen(kw_only=True)
class LinearQuantity:
    r"""The quantity that a linear requirement is about, for messages.

    Parameters
    ----------
    name : str
        The quantity, such as ``"the illumination of the target"``.

    Notes
    -----
    A row :math:`a^T p \ge r` is met if :math:`\sum_{a_b > 0} a_b p_b`, which it reaches, is at least
    :math:`r + \sum_{a_b < 0} |a_b| p_b`, which it needs.
    """

    name: str = "a linear requirement"

    def explain(self, ratio: float) -> str:
        """Return how far a row can be met that no shares meet, as a clause.

        Parameters
        ----------
        ratio : float
            Largest ratio of what it reaches to what it needs, at full power; below 1.
        """
        return f"{self.name} can reach no more than {ratio:.4g} times what is needed"


def check_rows(least: FloatArray, rows: Mapping[str, tuple[FloatArray | None, bool]]) -> None:
    """Check the fields of linear requirements against each other.

    Parameters
    ----------
    least : ndarray, shape (..., R)
        r of each row.
    rows : mapping of str to (ndarray of shape (..., R, B), bool)
        Coefficients of the users and of the streams, by field, and whether the signals may differ.

    Raises
    ------
    InputError
        If r is not positive, coefficients are missing, or signals differ that are alike to the targets.
    """
    if (least <= 0).any():
        raise InputError("linear_least", f"must be greater than 0, got {least.min()}")
    for name, (each, differ) in rows.items():
        if each is None:
            raise InputError(name, "must be given with linear_least", missing=True)
        if not differ and (each != each[..., :1]).any():
            raise InputError(name, "must be equal in each row, for signals with the same Fisher information")


def ratios(rows: FloatArray, least: FloatArray, shares: FloatArray) -> FloatArray:
    """Return the ratios of what rows reach to what they need; (..., R).

    Parameters
    ----------
    rows, least : ndarray, shapes (..., R, B) and (..., R)
        Coefficients and least values.
    shares : ndarray, shape (..., B)
        Shares of all signals.
    """
    positive = np.maximum(rows, 0.0)
    reached = (positive @ shares[..., None])[..., 0]
    return np.asarray(reached / (((positive - rows) @ shares[..., None])[..., 0] + least))


def largest_ratios(rows: FloatArray, least: FloatArray) -> FloatArray:
    """Return the largest :func:`ratios` of each row for shares of sum one; (..., R).

    A ratio of linear functions is largest where all power goes to one signal.
    """
    positive = np.maximum(rows, 0.0)
    return np.asarray((positive / (positive - rows + least[..., None])).max(axis=-1))
