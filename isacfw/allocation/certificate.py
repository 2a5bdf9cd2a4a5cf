"""Messages that certify infeasibility."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base.numbers import FloatArray
from ..sensing.reduction import angle_names


def certificate(
    reachable: FloatArray, limit: FloatArray, excess: float, sums: Sequence[tuple[FloatArray, float, float]] = ()
) -> str:
    """Return the message that certifies that one problem is infeasible.

    Parameters
    ----------
    reachable, limit : ndarray, shape (2T,)
        Smallest CRLB of each angle in rad², each at its own best shares, and its limit; infinite for no limit.
    excess : float
        Smallest ratio of the worst CRLB, or sum, to its limit.
    sums : sequence of (ndarray, float, float)
        Weights (2T,), smallest value and limit of each limited sum of CRLBs.
    """
    names = list(angle_names(len(limit) // 2))
    limited = np.isfinite(limit)
    for weights, _value, _limit in sums:
        limited = limited | (weights > 0)
    blind = [names[angle] for angle in np.flatnonzero(limited) if np.isinf(reachable[angle])]
    if blind:
        return f"the CRLB limits are infeasible: {_explain_unseen(blind, names)}"
    bounds = [(names[angle], reachable[angle], limit[angle]) for angle in np.flatnonzero(np.isfinite(limit))]
    bounds += [(_name_sum(weights, names), value, own) for weights, value, own in sums]
    listed = " and ".join(
        f"{10 * np.log10(bound):.3f} dB in {name} (limit {10 * np.log10(own):.3f})" for name, bound, own in bounds
    )
    sentence = f"the CRLB limits are infeasible: at full power the CRLBs can be no smaller than {listed}"
    if all(bound <= own for _name, bound, own in bounds):
        sentence += f", but not at one split, where the worse exceeds its limit by {10 * np.log10(excess):.3f} dB"
    return sentence


def _name_sum(weights: FloatArray, names: list[str]) -> str:
    """Return the name of a sum of CRLBs with the angles that count."""
    counted = np.flatnonzero(weights > 0)
    listed = " and ".join(names[angle] for angle in counted)
    if (weights[counted] != 1).any():
        return f"the weighted sum over {listed}"
    return listed if len(counted) == 1 else f"the sum over {listed}"


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


def linear_certificate(clauses: Sequence[str]) -> str:
    """Return the message that certifies that linear requirements are infeasible.

    Parameters
    ----------
    clauses : sequence of str
        What each can reach, see :meth:`~isacfw.LinearQuantity.explain`.
    """
    return f"the requirements are infeasible: at full power {' and '.join(clauses)}"


def joint_certificate(excess: float, *, limits_crlbs: bool) -> str:
    """Return the message that certifies that requirements can be met one by one, but not at one split.

    Parameters
    ----------
    excess : float
        Smallest ratio of the worst to its limit.
    limits_crlbs : bool
        Whether there are limits on CRLBs.
    """
    which = "the CRLB limits and the linear requirements" if limits_crlbs else "the linear requirements"
    if np.isinf(excess):
        return f"{which} are infeasible: no split of the power meets all of them"
    return (
        f"{which} are infeasible: each can be met at full power, but not at one split, where the worst misses its"
        f" limit by {10 * np.log10(excess):.3f} dB"
    )


def rate_certificate(power: float, limited: str) -> str:
    """Return the message that certifies that minimum rates are infeasible.

    Parameters
    ----------
    power : float
        Least power that meets all requirements, relative to the transmit power; infinite if none does.
    limited : str
        What else is required, such as ``"the limits on CRLBs"``; empty for nothing.
    """
    together = f" together with {limited}" if limited else ""
    if np.isinf(power):
        whose = (
            "the interference of users and sensing prevents"
            if limited
            else "the users' interference alone prevents"
        )
        return f"the minimum rates{together} are infeasible at any transmit power: {whose} them"
    return f"the minimum rates{together} need {power:.4g} times the transmit power"
