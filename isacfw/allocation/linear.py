r"""Linear requirements on the shares: numbers that must be reached, and what they mean to a user.

A row demands :math:`\sum_k a_k x_k + \sum_s b_s q_s \ge r` with :math:`r \ge 0`. What it reaches is the sum of
its positive terms; what it needs is r and the negative terms, so that the ratio of both is a SINR where the
negative terms are interference. Where a signal both reaches and needs, what it needs is given, and a is the
difference.
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


def check_rows(least: FloatArray, rows: Mapping[str, tuple[FloatArray | None, FloatArray | None, bool]]) -> None:
    """Check the fields of linear requirements against each other.

    Parameters
    ----------
    least : ndarray, shape (..., R)
        r of each row.
    rows : mapping of str to tuple
        For users and for streams: coefficients and what they need, (..., R, B) each, and whether signals may
        differ.

    Raises
    ------
    InputError
        If r is negative, coefficients are missing, needs are negative or incomplete, or signals differ that are
        alike to the targets.
    """
    if (least < 0).any():
        raise InputError("linear_least", f"must be at least 0, got {least.min()}")
    some = any(needed is not None for _, needed, _ in rows.values())
    for name, (each, needed, differ) in rows.items():
        if each is None:
            raise InputError(f"linear_{name}", "must be given with linear_least", missing=True)
        if not differ and (each != each[..., :1]).any():
            raise InputError(
                f"linear_{name}", "must be equal in each row, for signals with the same Fisher information"
            )
        if some and needed is None:
            raise InputError(f"linear_needed_{name}", "must be given, since the other is", missing=True)
        if needed is not None and (needed < 0).any():
            raise InputError(f"linear_needed_{name}", f"must be at least 0, got {needed.min()}")


def ratios(rows: FloatArray, least: FloatArray, needed: FloatArray, shares: FloatArray) -> FloatArray:
    """Return the ratios of what rows reach to what they need; infinite where they need nothing; (..., R).

    Parameters
    ----------
    rows, least, needed : ndarray, shapes (..., R, B), (..., R) and (..., R, B)
        Coefficients, least values, and the parts of the coefficients that are needed.
    shares : ndarray, shape (..., B)
        Shares of all signals.
    """
    reached = ((rows + needed) @ shares[..., None])[..., 0]
    wanted = (needed @ shares[..., None])[..., 0] + least
    return np.asarray(np.divide(reached, wanted, out=np.full(wanted.shape, np.inf), where=wanted > 0))


def largest_ratios(rows: FloatArray, least: FloatArray, needed: FloatArray) -> FloatArray:
    """Return the largest :func:`ratios` of each row for shares of sum one; (..., R).

    A ratio of linear functions is largest where all power goes to one signal.
    """
    wanted = needed + least[..., None]
    each = np.divide(rows + needed, wanted, out=np.full(wanted.shape, np.inf), where=wanted > 0)
    return np.asarray(each.max(axis=-1))
