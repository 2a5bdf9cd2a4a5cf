"""Statistics of drops that add up: those of any ranges of drops give those of all, bit by bit."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..allocation.problem import FEASIBILITY_TOLERANCE
from ..allocation.status import Status
from ..base.numbers import FloatArray
from .batches import BatchSizes, join_sizes
from .chunk import Chunk, ChunkResult, ChunkSummary
from .exact import ExactSums, is_summable
from .schema import Variable
from .sketch import Sketch
from .standing import BINDING, bound_gaps, distances_to_best, without_tolerance
from .statistic_names import ANSWERS

STATUSES = tuple(one.value for one in Status)

_SKETCHED = ("objective", "requirement", "metric")
"""Roles of variables whose quantiles are of interest; a scenario may name others."""


@attrs.frozen(kw_only=True)
class TallyPlan:
    """The statistics of a study.

    Parameters
    ----------
    quantities : tuple of str
        Variables with one number in each row of results.
    sketched : tuple of str
        Those with quantiles.
    objective : str
        Variable that ranks allocators.
    better : int
        1 if larger values of it are better, -1 if smaller ones are.
    scale : float
        Smallest magnitude to which differences of the objective are relative.
    margins : tuple of str
        Margins of requirements.
    """

    quantities: tuple[str, ...]
    sketched: tuple[str, ...]
    objective: str
    better: int
    scale: float
    margins: tuple[str, ...]

    @classmethod
    def of(cls, variables: Mapping[str, Variable], named: tuple[str, ...] = ()) -> TallyPlan:
        """Return the statistics of variables, with quantiles of those that are named too."""
        numbers = {name: one for name, one in variables.items() if not one.axes and one.dtype in ("float", "int")}
        objective = next(one for one in variables.values() if one.role == "objective")
        return cls(
            quantities=tuple(numbers),
            sketched=tuple(
                name
                for name, one in numbers.items()
                if one.role in _SKETCHED or name == "seconds" or name in named
            ),
            objective=objective.name,
            better=-1 if objective.better == "lower" else 1,
            scale=1.0 if objective.signed else 0.0,
            margins=tuple(name for name, one in numbers.items() if one.role == "margin"),
        )


@attrs.frozen(kw_only=True, eq=False)
class Tally:
    """Statistics of a range of drops at some sweep points.

    Parameters
    ----------
    chunk : Chunk
        The drops and points.
    users : ndarray of int, shape (points,)
        Number of users at each point.
    warnings : tuple of str
        Messages on metrics and observers that failed.
    counts : dict of str to ndarray of int
        Counts; the last axes are those of rows, allocators and points.
    sums : dict of str to ExactSums
        Sums, with the same last axes.
    extremes : dict of str to ndarray
        Least and largest numbers of each quantity.
    sketch : Sketch
        Numbers in buckets: a row for each quantity with quantiles, kind of answer, row, allocator and point.
    first : ndarray of int
        First drop with a message, in each row and point and of each allocator; -1 for none.
    messages : ndarray of object
        The messages.
    batches : tuple of (int, int)
        See :class:`ChunkResult`.
    """

    chunk: Chunk
    users: NDArray[np.int64]
    warnings: tuple[str, ...]
    counts: dict[str, NDArray[np.int64]]
    sums: dict[str, ExactSums]
    extremes: dict[str, FloatArray]
    sketch: Sketch
    first: NDArray[np.int64]
    messages: NDArray[Any]
    batches: BatchSizes = ()

    @property
    def allocations(self) -> int:
        """Number of allocations."""
        return self.first.size * len(self.chunk.drops)

    @property
    def summary(self) -> ChunkSummary:
        """What is known of a chunk without its statistics."""
        return ChunkSummary(
            chunk=self.chunk,
            users=self.users,
            iterations=0,
            widths={},
            warnings=self.warnings,
            unfinished=self.unfinished,
            batches=self.batches,
        )

    @property
    def unfinished(self) -> bool:
        """Whether it has a row that failed or ran into a time limit."""
        broken = [STATUSES.index(one.value) for one in (Status.FAILED, Status.TIMED_OUT)]
        return bool(self.counts["status"][broken].any())

    def __add__(self, other: Tally) -> Tally:
        """Return the statistics of this range of drops and the one that follows it, or precedes it."""
        first, second = sorted((self, other), key=lambda one: one.chunk.drops.start)
        drops = range(first.chunk.drops.start, second.chunk.drops.stop)
        assert (first.chunk.points, first.chunk.drops.stop) == (second.chunk.points, second.chunk.drops.start)
        has = first.first >= 0
        return Tally(
            chunk=Chunk(points=first.chunk.points, drops=drops),
            users=np.maximum(first.users, second.users),
            warnings=tuple(dict.fromkeys((*first.warnings, *second.warnings))),
            counts={name: own + second.counts[name] for name, own in first.counts.items()},
            sums={name: own + second.sums[name] for name, own in first.sums.items()},
            extremes={
                "least": np.minimum(first.extremes["least"], second.extremes["least"]),
                "largest": np.maximum(first.extremes["largest"], second.extremes["largest"]),
            },
            sketch=Sketch.merge([first.sketch, second.sketch]),
            first=np.where(has, first.first, second.first),
            messages=np.where(has, first.messages, second.messages),
            batches=join_sizes(first.batches, second.batches),
        )


Reduced = ChunkResult | Tally
"""What a study keeps of a chunk."""


def tally_chunk(plan: TallyPlan, result: ChunkResult) -> Tally:
    """Return the statistics of a chunk."""
    values, feasible = result.values, result.values["feasible"]
    numbers = [np.asarray(values[name], dtype=np.float64) for name in plan.quantities]
    known = [is_summable(one) for one in numbers]
    objective = numbers[plan.quantities.index(plan.objective)]
    filled = [np.where(own, one, 0.0) for one, own in zip(numbers, known, strict=True)]
    bounds = values["bound"]
    violations = values["max_violation"]
    compared = without_tolerance(objective, bounds, violations, feasible, better=plan.better, axis=1)
    parts = [_standing(plan, compared, bounds, feasible), _pairs(objective)]
    counts: dict[str, Any] = {
        "status": np.stack([(values["status"] == one).sum(axis=-1) for one in STATUSES]),
        "feasible": feasible.sum(axis=-1),
        "finite": np.stack([one.sum(axis=-1) for one in known]),
        **_margins(plan, values),
        **{name: own for part, _ in parts for name, own in part.items()},
    }
    first, messages = _messages(values["message"], result.chunk.drops.start)
    return Tally(
        chunk=result.chunk,
        users=result.users,
        warnings=result.warnings,
        counts={name: np.asarray(own, dtype=np.int64) for name, own in counts.items()},
        sums={
            "values": ExactSums.stack(map(ExactSums.of, filled)),
            "squares": ExactSums.stack(map(ExactSums.of_squares, filled)),
            **{name: own for _, part in parts for name, own in part.items()},
        },
        extremes={
            "least": _extremes(numbers, known, np.inf, np.min),
            "largest": _extremes(numbers, known, -np.inf, np.max),
        },
        sketch=_sketch(plan, dict(zip(plan.quantities, zip(numbers, known, strict=True), strict=True)), feasible),
        first=first,
        messages=messages,
        batches=result.batches,
    )


def _standing(
    plan: TallyPlan, objective: FloatArray, bounds: FloatArray, feasible: NDArray[np.bool_]
) -> tuple[dict[str, NDArray[np.int64]], dict[str, ExactSums]]:
    """Return counts and sums from which follow who is best, and distances and gaps."""
    options: Any = {"better": plan.better, "scale": plan.scale, "axis": 1}
    distance, solvable = distances_to_best(objective, feasible, **options)
    each = {
        "distance": distance,
        "gap": bound_gaps(objective, bounds, feasible, **options),
        "solvable": np.where(solvable, objective, np.nan),
    }
    summed = {name: _sum(one) for name, one in each.items()}
    counts = {f"finite_{name}": count for name, (count, _) in summed.items()}
    counts["solvable"] = solvable.sum(axis=-1) + np.zeros(feasible.shape[:-1], np.int64)
    counts["solved"] = (solvable & feasible).sum(axis=-1)
    return counts, {name: sums for name, (_, sums) in summed.items()}


def pairs_of(allocators: int) -> list[tuple[int, int]]:
    """Return the pairs of allocators whose differences are counted."""
    return list(itertools.combinations(range(allocators), 2))


def _sum(values: FloatArray) -> tuple[NDArray[np.int64], ExactSums]:
    known = is_summable(values)
    return known.sum(axis=-1), ExactSums.of(np.where(known, values, 0.0))


def _pairs(values: FloatArray) -> tuple[dict[str, NDArray[np.int64]], dict[str, ExactSums]]:
    """Return counts and sums of the differences of pairs of allocators, along a first axis."""
    counts: list[NDArray[np.int64]] = []
    sums: dict[str, list[ExactSums]] = {name: [] for name in ("difference", "difference_squares", "one", "other")}
    for one, other in pairs_of(values.shape[1]):
        own, base = values[:, one], values[:, other]
        with np.errstate(invalid="ignore"):
            difference = own - base
        known = is_summable(difference)
        counts.append(known.sum(axis=-1))
        difference = np.where(known, difference, 0.0)
        sums["difference"].append(ExactSums.of(difference))
        sums["difference_squares"].append(ExactSums.of_squares(difference))
        sums["one"].append(ExactSums.of(np.where(known, own, 0.0)))
        sums["other"].append(ExactSums.of(np.where(known, base, 0.0)))
    if not counts:
        return {}, {}
    return {"pairs": np.stack(counts)}, {name: ExactSums.stack(each) for name, each in sums.items()}


def _margins(plan: TallyPlan, values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.int64]]:
    """Return in how many drops each requirement binds, and in how many it is violated."""
    if not plan.margins:
        return {}
    own = np.stack([values[name] for name in plan.margins])
    violated = own < -FEASIBILITY_TOLERANCE
    return {"binding": ((own <= BINDING) & ~violated).sum(axis=-1), "violated": violated.sum(axis=-1)}


def _extremes(numbers: list[FloatArray], known: list[NDArray[np.bool_]], fill: float, reduce: Any) -> FloatArray:
    each = zip(numbers, known, strict=True)
    return np.stack([reduce(np.where(own, one, fill), axis=-1) for one, own in each])


def _sketch(
    plan: TallyPlan, numbers: Mapping[str, tuple[FloatArray, NDArray[np.bool_]]], feasible: NDArray[np.bool_]
) -> Sketch:
    each, rows = [], feasible[..., 0].size
    flat = (-1, feasible.shape[-1])
    for number, name in enumerate(plan.sketched):
        values, known = numbers[name]
        for which, answers in enumerate((feasible, ~feasible)):
            own = known & answers
            if own.any():
                found = Sketch.of(values.reshape(flat), own.reshape(flat))
                each.append(found.shift((number * len(ANSWERS) + which) * rows))
    return Sketch.merge(each)


def _messages(messages: NDArray[Any], start: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the first drop with a message, -1 for none, and the messages."""
    told = messages != ""
    place = told.argmax(axis=-1)
    has = told.any(axis=-1)
    found = np.take_along_axis(messages, place[..., None], axis=-1)[..., 0]
    return np.where(has, place + start, -1), np.where(has, found, "").astype(object)
