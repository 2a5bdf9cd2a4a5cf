"""Names of statistics over the drops, along the axes of a data set."""

from __future__ import annotations

QUANTILES = ("q05", "median", "q95")
STATISTICS = ("mean", "ci95", "std", "min", "max", *QUANTILES, "count")
"""Statistics of a quantity: those of its finite numbers, and how many there are."""

PAIRED = ("mean", "ci95", "count", "reference_mean")
"""Statistics of differences from another allocator, over the drops in which both have an answer."""

ANSWERS = ("feasible", "infeasible")
"""Kinds of answers whose numbers are counted apart, since infeasible ones are outages."""

SKETCH_AXES = ("sketched", "answer")
"""Axes of counts in buckets after those of rows: quantities, and kinds of answers."""
