"""The solution of a conic program in shares of signals, and which of two is better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy as np

from ..base.numbers import FloatArray
from .conic import Block
from .domain import VIOLATION
from .inequalities import MatrixInequalities

ACCURATE = 1e-9
"""Gap at which a solution is accepted at once."""

_SMALL = 1e-2
"""Values below this count as this size in relative gaps."""


@attrs.frozen(kw_only=True, eq=False)
class Dual:
    """Dual variables of a solved program.

    Attributes
    ----------
    inequalities : tuple of MatrixInequalities
        The limits in the coordinates in which the program was posed.
    blocks : sequence of Block
        The requirements, and the rows of least value 0.
    values : sequence of ndarray
        Dual variable of each block.
    """

    inequalities: tuple[MatrixInequalities, ...]
    blocks: Sequence[Block]
    values: Sequence[FloatArray]

    def nearest(self) -> Iterator[tuple[Block, FloatArray]]:
        """Yield each block with the member of its dual cone that is nearest to its dual variable."""
        for block, value in zip(self.blocks, self.values, strict=True):
            yield block, block.nearest_dual(value)

    def in_first(self, number: int, vector: FloatArray) -> FloatArray:
        """Return a vector of one hypothesis in the coordinates from which those of the program are changed."""
        change = self.inequalities[number].change
        return vector if change is None else np.asarray(change @ vector)


@attrs.frozen(kw_only=True, eq=False)
class Optimum:
    """Shares that solve a program.

    Attributes
    ----------
    shares : ndarray, shape (B,)
        Shares of the signals, or coordinates of the designed covariance.
    value : float
        Value of the objective, computed from the shares.
    bound : float
        Bound on the value of any shares, from the dual variables: valid up to rounding even if these are inexact.
    violation : float
        Largest relative violation of a limit.
    dual : Dual or None
        The dual variables of the bound, of a program for a given first share.
    size : float
        Number by which the costs of the program were divided.
    factor : float
        Number by which its limits were multiplied.
    """

    shares: FloatArray
    value: float
    bound: float
    violation: float = 0.0
    dual: Dual | None = None
    size: float = 1.0
    factor: float = 1.0

    @property
    def gap(self) -> float:
        """Relative gap between value and bound, plus the violation of the limits."""
        if not np.isfinite(self.value):
            return 0.0 if self.value == self.bound else np.inf
        return abs(self.value - self.bound) / max(abs(self.value), _SMALL) + self.violation

    @property
    def ranks(self) -> tuple[bool, bool]:
        """Whether the violation is too large, and whether it is above rounding errors."""
        return self.violation > VIOLATION, self.violation > ACCURATE

    def times(self, factor: float) -> Optimum:
        """Return the optimum of the objective times a factor."""
        return attrs.evolve(
            self, value=self.value * factor, bound=self.bound * factor, size=self.size * abs(factor)
        )


def trusted(found: Optimum) -> Optimum:
    """Return a minimum, with an infinite value if it is below its bound beyond rounding errors.

    Information that is nearly singular, such as that of a single beam, has too few digits for a CRLB.
    """
    if not np.isfinite(found.bound) or found.value >= found.bound - ACCURATE * abs(found.bound):
        return found
    return attrs.evolve(found, value=np.inf)


def better(first: Optimum | None, second: Optimum) -> Optimum:
    """Return the better of two solutions, with the better of their bounds; both are minima."""
    if first is None:
        return second
    best = min(first, second, key=lambda one: (*one.ranks, one.value, one.violation))
    return attrs.evolve(best, bound=max(first.bound, second.bound), dual=first.dual)
