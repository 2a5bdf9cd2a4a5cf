"""Messages that certify infeasibility."""

from __future__ import annotations

import numpy as np

from ..base.numbers import FloatArray
from ..sensing.reduction import angle_names


def certificate(reachable: FloatArray, limit: FloatArray, excess: float) -> str:
    """Return the message that certifies that one problem is infeasible."""
    names = list(angle_names(len(limit) // 2))
    limited = np.flatnonzero(np.isfinite(limit))
    blind = [names[angle] for angle in limited if np.isinf(reachable[angle])]
    if blind:
        return f"the CRLB limits are infeasible: {_explain_unseen(blind, names)}"
    reachable_db, limit_db = 10 * np.log10(reachable[limited]), 10 * np.log10(limit[limited])
    bounds = " and ".join(
        f"{bound:.3f} dB in {names[angle]} (limit {own:.3f})"
        for angle, bound, own in zip(limited, reachable_db, limit_db, strict=True)
    )
    sentence = f"the CRLB limits are infeasible: at full power the CRLBs can be no smaller than {bounds}"
    if (reachable <= limit).all():
        sentence += f", but not at one split, where the worse exceeds its limit by {10 * np.log10(excess):.3f} dB"
    return sentence


def _explain_unseen(blind: list[str], names: list[str]) -> str:
    """Return a message on angles that cannot be estimated, with advice if a target's two cannot be told apart."""
    for angle, other in zip(names[::2], names[1::2], strict=True):
        if angle in blind and other in blind:
            return (
                f"{angle} and {other} cannot both be estimated, since the arrays do not tell them apart there;"
                " limit one of them, or call one known"
            )
    listed = " and ".join(blind)
    return (
        f"{listed} cannot be estimated in this direction by these arrays; leave the limit out, or call it known"
    )


def rate_certificate(power: float, limited: bool) -> str:
    """Return the message that certifies that minimum rates are infeasible.

    Parameters
    ----------
    power : float
        Least power that meets all requirements, relative to the transmit power; infinite if none does.
    limited : bool
        Whether there are limits on sensing, too.
    """
    if np.isinf(power):
        return (
            "the minimum rates are infeasible at any transmit power: the users' interference alone prevents them"
        )
    together = " together with the limits on CRLBs" if limited else ""
    return f"the minimum rates{together} need {power:.4g} times the transmit power"
