"""The data set of a study that keeps statistics over the drops instead of their results."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from .exact import deviations
from .layout import Layout
from .sketch import ACCURACY, Sketch, middles, quantiles
from .statistic_names import ANSWERS, PAIRED, SKETCH_AXES, STATISTICS
from .tally import STATUSES, Tally, TallyPlan, pairs_of

if TYPE_CHECKING:
    import xarray

SHARES = (0.05, 0.5, 0.95)
CONFIDENCE = 0.95

ACCURACY_NOTE = f"medians and other quantiles are accurate to {100 * ACCURACY:g} %, means to the last digit"


def half_widths(deviation: FloatArray, counts: NDArray[np.int64]) -> FloatArray:
    """Return the half-widths of the 95 % intervals of means (Student's t); NaN for less than two numbers."""
    from scipy.special import stdtrit

    with np.errstate(invalid="ignore", divide="ignore"):
        quantile = stdtrit(np.maximum(counts - 1, 1), (1 + CONFIDENCE) / 2)
        return np.where(counts > 1, quantile * deviation / np.sqrt(counts), np.nan)


def build_statistics(layout: Layout, plan: TallyPlan, tallies: Iterable[Tally]) -> xarray.Dataset:
    """Return the data set of statistics, from those of all ranges of drops and points."""
    return _Builder(layout, plan, _groups(tallies)).build()


def _groups(tallies: Iterable[Tally]) -> list[Tally]:
    """Return the statistics of all drops of each range of points, in order."""
    groups: dict[range, list[Tally]] = {}
    for one in tallies:
        groups.setdefault(one.chunk.points, []).append(one)
    return [reduce(add, groups[points]) for points in sorted(groups, key=lambda own: own.start)]


class _Builder:
    def __init__(self, layout: Layout, plan: TallyPlan, groups: list[Tally]) -> None:
        self.layout, self.plan, self.groups = layout, plan, groups
        self.axes, self.shape = layout.axes[:-1], layout.lengths[:-1]
        rows, allocators, _ = groups[0].first.shape
        self.cells = (rows, allocators, sum(len(one.chunk.points) for one in groups))
        self.counts = {
            name: np.concatenate([one.counts[name] for one in groups], axis=-1) for name in groups[0].counts
        }
        self.sketch = self._sketch()
        shape = len(plan.sketched), len(ANSWERS), *self.cells
        first, size, self.buckets = self.sketch.rows(math.prod(shape))
        self.first, self.size = first.reshape(shape), size.reshape(shape)

    def build(self) -> xarray.Dataset:
        import xarray

        variables = {
            "status": (self.axes, self._cells(self._statuses())),
            "status_count": ((*self.axes, "status_name"), self._cells(self.counts["status"])),
            "feasible_count": (self.axes, self._cells(self.counts["feasible"])),
            "message": (self.axes, self._cells(self._joined(lambda one: one.messages))),
            **self._quantities(),
            **self._margins(),
            **self._standing(),
            **self._pairs(),
            "sketch_first": ((*self.axes, *SKETCH_AXES), self._cells(self.first)),
            "sketch_size": ((*self.axes, *SKETCH_AXES), self._cells(self.size)),
            "sketch_buckets": ("bucket", self.buckets),
            "sketch_counts": ("bucket", self.sketch.counts),
        }
        coordinates = {
            name: values
            for name, values in self.layout.coordinates.items()
            if name not in ("drop", "user", "stream")
        }
        coordinates |= {"status_name": list(STATUSES), "statistic": list(STATISTICS)}
        coordinates |= {"sketched": list(self.plan.sketched), "answer": list(ANSWERS)}
        if "paired" in variables:
            coordinates |= {"reference": coordinates["allocator"], "paired_statistic": list(PAIRED)}
        attributes = dict(self.layout.attributes) | {
            "drops": self.layout.lengths[-1],
            "accuracy": ACCURACY_NOTE,
        }
        return xarray.Dataset(variables | self.layout.fixed, coordinates, attributes)

    def _joined(self, get: Callable[[Tally], NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([get(one) for one in self.groups], axis=-1)

    def _cells(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return (…, rows, allocators, points) in the shape of results, with the first axes last."""
        extra = values.shape[:-3]
        found = values.reshape(*extra, *self.shape)
        return np.moveaxis(found, range(len(extra)), range(-len(extra), 0)) if extra else found

    def _statuses(self) -> NDArray[Any]:
        """Return the statuses of each row, with numbers of drops if they differ."""
        counts = self.counts["status"]
        found = np.empty(self.cells, dtype=object)
        for index in np.ndindex(self.cells):
            own = {name: int(count) for name, count in zip(STATUSES, counts[:, *index], strict=True) if count}
            found[index] = ", ".join(f"{name} {count}" if len(own) > 1 else name for name, count in own.items())
        return found

    def _means(self, name: str, counts: str) -> FloatArray:
        return self._joined(lambda one: one.sums[name].means(one.counts[counts]))

    def _deviations(self, sums: str, squares: str, counts: str) -> FloatArray:
        return self._joined(lambda one: deviations(one.sums[sums], one.sums[squares], one.counts[counts]))

    def _quantities(self) -> dict[str, Any]:
        counts = self.counts["finite"]
        mean, deviation = self._means("values", "finite"), self._deviations("values", "squares", "finite")
        least, largest = (self._extremes(end, counts > 0) for end in ("least", "largest"))
        columns = [mean, half_widths(deviation, counts), deviation, least, largest]
        columns += [*self._quantiles(least, largest), counts.astype(np.float64)]
        stacked = np.stack(columns)
        found = {}
        for number, name in enumerate(self.plan.quantities):
            attributes = self.layout.attributes_of(name)
            found[name] = ((*self.axes, "statistic"), self._cells(stacked[:, number]), attributes)
        return found

    def _extremes(self, end: str, known: NDArray[np.bool_]) -> FloatArray:
        return np.where(known, self._joined(lambda one: one.extremes[end]), np.nan)

    def _quantiles(self, least: FloatArray, largest: FloatArray) -> list[FloatArray]:
        found = np.full((len(SHARES), *least.shape), np.nan)
        values = middles(self.buckets)
        for number, name in enumerate(self.plan.sketched):
            at = self.plan.quantities.index(name)
            for cell in np.ndindex(self.cells):
                first, size = (one[number, :, *cell].tolist() for one in (self.first, self.size))
                own = np.concatenate([np.arange(a, a + n) for a, n in zip(first, size, strict=True)])
                own = own[np.argsort(values[own], kind="stable")]
                found[:, at, *cell] = quantiles(values[own], self.sketch.counts[own], SHARES)
        # The end of a bucket may be beyond all numbers.
        return list(np.clip(found, least, largest))

    def _margins(self) -> dict[str, Any]:
        return {
            f"{name}_{word}": (self.axes, self._cells(self.counts[word][number]))
            for number, name in enumerate(self.plan.margins)
            for word in ("binding", "violated")
        }

    def _standing(self) -> dict[str, Any]:
        means = {
            "distance_to_best": self._means("distance", "finite_distance"),
            "gap": self._means("gap", "finite_gap"),
            "solvable_mean": self._means("solvable", "finite_solvable"),
            "solvable_count": self.counts["solvable"],
            "solved_count": self.counts["solved"],
        }
        return {name: (self.axes, self._cells(own)) for name, own in means.items()}

    def _pairs(self) -> dict[str, Any]:
        """Return the differences of each allocator from each other one; NaN from itself."""
        if "pairs" not in self.counts:
            return {}
        rows, allocators, points = self.cells
        counts = self.counts["pairs"]
        mean = self._means("difference", "pairs")
        half = half_widths(self._deviations("difference", "difference_squares", "pairs"), counts)
        base = [self._means(name, "pairs") for name in ("one", "other")]
        found = np.full((allocators, len(PAIRED), rows, allocators, points), np.nan)
        for number, (one, other) in enumerate(pairs_of(allocators)):
            for sign, own, reference, reference_mean in ((1, one, other, base[1]), (-1, other, one, base[0])):
                each = (sign * mean, half, counts, reference_mean)
                for column, values in enumerate(each):
                    found[reference, column, :, own] = values[number]
        return {"paired": ((*self.axes, "reference", "paired_statistic"), self._cells(found))}

    def _sketch(self) -> Sketch:
        """Return the sketch of all points, whose rows are quantities, rows, allocators and points."""
        each, first = [], 0
        quantities = len(self.plan.sketched) * len(ANSWERS)
        for one in self.groups:
            count = len(one.chunk.points)
            rows = np.arange(quantities * self.cells[0] * self.cells[1])[:, None] * self.cells[2]
            each.append(one.sketch.renumber((rows + first + np.arange(count)).ravel()))
            first += count
        return Sketch.merge(each)
