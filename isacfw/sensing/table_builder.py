"""Construction of tables of best sensing mixes: nodes are added until the error between them is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..base.numbers import FloatArray
from .majorants import Majorants
from .program import ShareProgram
from .table import ROUNDS, TOLERANCE, Table, solve_at

_CERTIFIED = 1e-7
"""Relative distance to a majorant at the middle of an interval at which that is divided no further."""

_NARROWEST = 2.0**-30
_MOST_NODES = 400

_MOST_FOR_CERTIFICATES = 100
"""Number of nodes at which intervals are no longer divided for the sake of the majorants alone."""


def build_table(program: ShareProgram, low: float, high: float, *, weighted: bool) -> Table:
    """Return a table between two shares of communication, refined until midpoints of intervals agree to 1e-9.

    Parameters
    ----------
    program : ShareProgram
        The sensing problem; its first signal is communication.
    low, high : float
        Ends of the table within [0, 1].
    weighted : bool
        See :class:`Table`.
    """
    if program.cones.count == 2:
        nodes = np.array([low, max(high, np.nextafter(low, 2))])
        return Table(program=program, nodes=nodes, sensing=1 - nodes[:, None], weighted=weighted)
    builder = _Builder(program, weighted)
    for part in _starts():
        builder.solve(low + part * (high - low))
    intervals = list(pairwise(sorted(builder.found)))
    while intervals and len(builder.found) < _MOST_NODES:
        intervals = builder.divide(intervals)
    return builder.sharpened()


class _Builder:
    """Solves programs at nodes, and collects them in a table."""

    def __init__(self, program: ShareProgram, weighted: bool) -> None:
        self.program, self.weighted = program, weighted
        self.found: dict[float, FloatArray] = {}
        self.gaps: dict[float, float] = {}
        self.multipliers: dict[float, FloatArray] = {}
        self.majorants = Majorants(cones=program.cones, balances=program.limits.balances, weighted=weighted)
        self.error = 0.0

    def solve(self, m: float) -> None:
        """Add a node."""
        if m < 1:
            optimum = solve_at(self.program, m, self.weighted)
            self.found[m], self.gaps[m] = optimum.shares[1:], optimum.gap
            if (flat := self.majorants.flatten(optimum)) is not None:
                self.multipliers[m] = flat
        else:
            self.found[m], self.gaps[m] = np.zeros(self.program.cones.count - 1), 0.0

    def table(self) -> Table:
        """Return the table of the nodes so far."""
        nodes, certified = sorted(self.found), sorted(self.multipliers)
        return Table(
            program=self.program,
            nodes=np.array(nodes),
            sensing=np.array([self.found[m] for m in nodes]),
            weighted=self.weighted,
            programs=len(nodes) - (1.0 in self.found),
            error=self.error,
            certified=np.array(certified),
            multipliers=np.array([self.multipliers[m] for m in certified]).reshape(len(certified), -1),
        )

    def sharpened(self) -> Table:
        """Return the table with further nodes where its highest value is not known, at a kink for example."""
        table = self.table()
        for _ in range(ROUNDS):
            place, most = table.peak
            known = float(table.evaluate(np.append(table.nodes, place)).max())
            if place in self.found or not most - known > _CERTIFIED * abs(known):
                break
            self.solve(place)
            table = self.table()
        return table

    def divide(self, intervals: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """Halve intervals, and return those halves in which interpolation is not known to be accurate.

        It is not where the midpoint of the whole did not agree, or a majorant leaves more than the certified
        error at the middle of the half: a kink beside the midpoint is seen by the majorants alone.
        """
        middles = np.array([(left + right) / 2 for left, right in intervals])
        guess = self.table().evaluate(middles)
        for m in middles.tolist():
            self.solve(m)
        table = self.table()
        exact = table.evaluate(middles)
        halves = [
            half
            for (left, right), m in zip(intervals, middles.tolist(), strict=True)
            for half in ((left, m), (m, right))
        ]
        open_gaps = table.gap(np.array([(left + right) / 2 for left, right in halves])).reshape(-1, 2)
        divided = []
        self.error = 0.0
        for number, ((left, right), m, one, other) in enumerate(
            zip(intervals, middles.tolist(), guess, exact, strict=True)
        ):
            # The mix of a program may miss the limits by rounding, where the interpolated one meets them.
            rounded = np.isneginf(other) and one > other
            lost = 0.0 if one == other or rounded else float((other - one) / abs(other))
            accurate = lost <= max(TOLERANCE, self.gaps[m]) and not rounded
            if right - left <= _NARROWEST:
                continue
            if not accurate:
                self.error = max(self.error, lost)
            for half, gap in zip(halves[2 * number : 2 * number + 2], open_gaps[number].tolist(), strict=True):
                if not accurate or self._uncertified(half, gap):
                    divided.append(half)
        return divided

    def _uncertified(self, half: tuple[float, float], gap: float) -> bool:
        """Return whether a majorant leaves too much in an interval, and more than at its ends."""
        least = max(self.gaps[end] for end in half)
        return gap > max(_CERTIFIED, 4 * least) and len(self.found) < _MOST_FOR_CERTIFICATES


def _starts() -> list[float]:
    """Return where to look first: the best mix may change quickly where one of the two shares is small."""
    powers = [2.0**-power for power in range(1, 13)]
    return sorted({0.0, 1.0, *powers, *(1 - power for power in powers)})
