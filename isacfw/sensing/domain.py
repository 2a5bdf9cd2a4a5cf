"""Where shares of signals lie, apart from limits on CRLBs: their total, and linear requirements."""

from __future__ import annotations

import attrs
import numpy as np

from ..base.numbers import FloatArray

VIOLATION = 1e-6
"""Largest relative violation of a limit that is accepted."""

_LIFTS = 3

_CLOSE = 1e-6
"""Slack, relative to the share, of requirements that are met with equality when others are."""


@attrs.frozen(kw_only=True, eq=False)
class LinearLimits:
    r"""Further requirements on shares: :math:`R p \ge r`, or :math:`R p \ge r + m w` with a margin m.

    Parameters
    ----------
    rows : ndarray, shape (R, B)
        R.
    least : ndarray, shape (R,)
        r, nonnegative.
    growth : ndarray, shape (R,), optional
        w, nonnegative; the margin then takes the place of the level, and limits hold at level 1.
    """

    rows: FloatArray
    least: FloatArray
    growth: FloatArray | None = None

    @classmethod
    def joined(cls, balances: FloatArray, linear: LinearLimits | None) -> LinearLimits | None:
        r"""Return requirements of least value 0, :math:`L p \ge 0`, and further ones."""
        if not len(balances):
            return linear
        none = np.zeros(len(balances))
        if linear is None:
            return cls(rows=balances, least=none)
        growth = None if linear.growth is None else np.concatenate([none, linear.growth])
        rows, least = np.concatenate([balances, linear.rows]), np.concatenate([none, linear.least])
        return cls(rows=rows, least=least, growth=growth)

    def lift(self, shares: FloatArray, margin: float) -> FloatArray:
        """Return shares that meet requirements with one positive coefficient, by raising the share with it.

        Solvers are accurate in units of the largest share, but a requirement may be on a small one.
        """
        least = self.least if self.growth is None else self.least + margin * self.growth
        own, single = self.rows.argmax(axis=-1), (self.rows > 0).sum(axis=-1) == 1
        for _ in range(_LIFTS):
            lack = least - self.rows @ shares
            close = np.flatnonzero(single & (lack > -_CLOSE * np.abs(shares[own])))
            if not (lack[close] > 1e-14 * least[close]).any():
                break
            raised = own[close]
            if len(set(raised.tolist())) < len(raised):
                # Of several requirements on one share, the one that lacks most.
                close = close[np.argsort(-lack[close])]
                raised, first = np.unique(own[close], return_index=True)
                close = close[first]
            try:
                step = np.linalg.solve(self.rows[close[:, None], raised], lack[close])
            except np.linalg.LinAlgError:
                break
            shares = shares.copy()
            shares[raised] = np.maximum(shares[raised] + step, 0.0)
        return shares


@attrs.frozen(kw_only=True, eq=False)
class Domain:
    """Where shares lie, apart from the limits on the CRLBs.

    Parameters
    ----------
    budget : bool
        Whether the total share is one; if not, it is free.
    first : float, optional
        Share of the first signal, below one, if it is given.
    linear : LinearLimits, optional
        Further requirements.
    level : float, optional
        The level t that is required; None if it is free.
    graded : tuple of int, optional
        Numbers of the angles whose nominal limits a free level applies to; all other limits hold at level 1. By
        default, the level applies to all limits, nominal or not.
    """

    budget: bool = True
    first: float | None = None
    linear: LinearLimits | None = None
    level: float | None = 1.0
    graded: tuple[int, ...] | None = None


def shortfall(linear: LinearLimits | None, shares: FloatArray) -> float:
    """Return the factor by which shares must grow to meet further requirements; infinite if they never do."""
    if linear is None:
        return 0.0
    reached, needed = linear.rows @ shares, linear.least > 0
    if needed.all() and (reached > 0).all():
        return float((linear.least / reached).max(initial=0.0))
    ratio = np.divide(linear.least, reached, out=np.full(reached.shape, np.inf), where=reached > 0)
    # A requirement of zero is met at any power, or at none.
    sign = np.where(reached >= -VIOLATION * np.abs(linear.rows).max(axis=-1) * np.abs(shares).sum(), 0.0, np.inf)
    return float(np.where(needed, ratio, sign).max(initial=0.0))


def deficit(linear: LinearLimits | None, shares: FloatArray) -> float:
    """Return by how much shares miss further requirements, relative to what meets them; 0 if they do not.

    Unlike the :func:`shortfall`, it is not relative to what interference leaves of the signal, which may be tiny.
    """
    if linear is None:
        return 0.0
    lack = linear.least - linear.rows @ shares
    size = np.maximum(linear.rows, 0.0) @ shares
    lack = np.where(lack > 0, lack, 0.0)
    return float(np.divide(lack, size, out=np.where(lack > 0, np.inf, 0.0), where=size > 0).max(initial=0.0))
