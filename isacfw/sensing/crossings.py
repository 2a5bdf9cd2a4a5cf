"""Where the values of a table are largest, reach the limits, or meet what users require."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..base.numbers import FloatArray
from .table import Table


def maximise(table: Table) -> float:
    """Return the share m at which the concave value of a table is largest, by golden sections."""
    values = table.evaluate(table.nodes)
    best = int(np.argmax(values))
    low, high = table.nodes[max(best - 1, 0)], table.nodes[min(best + 1, len(values) - 1)]
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(60):
        inner = high - ratio * (high - low), low + ratio * (high - low)
        first, second = table.evaluate(np.array(inner))
        low, high = (inner[0], high) if second > first else (low, inner[1])
    candidates = np.array([table.nodes[best], (low + high) / 2, table.nodes[0], table.nodes[-1]])
    return float(candidates[np.argmax(table.evaluate(candidates))])


def feasible_end(table: Table, inside: float, outside: float) -> float:
    """Return the last m towards `outside` whose level is at least 1, by bisection."""
    if table.evaluate(np.array(outside)) >= 1:
        return outside
    for _ in range(60):
        middle = (inside + outside) / 2
        if table.evaluate(np.array(middle)) >= 1:
            inside = middle
        else:
            outside = middle
    return inside


def crossing_of(
    table: Table, surplus: Callable[[FloatArray, FloatArray], FloatArray], shape: tuple[int, ...]
) -> FloatArray:
    """Return where increasing functions surplus(m, e(m)) become nonnegative; (...).

    The nodes of the table bracket the root, and the Illinois method converges within, for each element by itself.
    """
    values, nodes = table.evaluate(table.nodes), table.nodes
    signs = [surplus(np.full(shape, m), np.full(shape, e)) >= 0 for m, e in zip(nodes, values, strict=True)]
    place = np.clip(np.argmax(np.stack(signs, axis=-1), axis=-1), 1, len(nodes) - 1)
    low, high = nodes[place - 1], nodes[place]
    left, right = surplus(low, values[place - 1]), surplus(high, values[place])
    side = np.zeros(shape)
    for _ in range(100):
        active = (high - low > 2e-16 * high) & (left < 0) & (right > 0)
        if not active.any():
            break
        part = np.divide(left, left - right, out=np.full(shape, 0.5), where=active)
        m = np.clip(low + (high - low) * part, low, high)
        value = surplus(m, table.evaluate(m))
        up, down = active & (value >= 0), active & (value < 0)
        left, right = np.where(up & (side > 0), left / 2, left), np.where(down & (side < 0), right / 2, right)
        low, left = np.where(down, m, low), np.where(down, value, left)
        high, right = np.where(up, m, high), np.where(up, value, right)
        side = np.where(up, 1.0, np.where(down, -1.0, side))
    return np.asarray(np.where(left >= 0, low, high))
