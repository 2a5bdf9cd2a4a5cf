"""Messages that certify that a problem of the uplink is infeasible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base.numbers import FloatArray


def uplink_certificate(x: FloatArray, q: float, unreachable: Sequence[str], *, others: bool) -> str:
    """Return the message that certifies that one problem is infeasible.

    Parameters
    ----------
    x, q : ndarray, shape (K,), and float
        The smallest shares that meet all requirements but the budgets; infinite if none do.
    unreachable : sequence of str
        What each linear requirement reaches that full power of the radar does not meet while users are silent.
    others : bool
        Whether there are linear requirements.
    """
    if unreachable:
        return f"the requirements are infeasible: at full radar power {' and '.join(unreachable)}"
    what = "the minimum rates and the requirements on the radar" if others else "the minimum rates"
    largest = max(float(x.max()), q)
    if np.isinf(largest):
        return f"{what} are infeasible at any power: interference alone prevents them"
    who = "the radar" if q >= float(x.max()) else f"user {int(x.argmax())}"
    if not x.any():
        what = "the requirements on the radar"
    return f"{what} need {largest:.4g} times the power of {who}"
