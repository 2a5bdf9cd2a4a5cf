"""Division of a study into chunks of drops and sweep points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from ..results.chunk import Chunk
from ..scenario.scenario import Scenario
from ..scenario.sweep import sweep_shape
from ..sensing.beam import Beam
from ..signal.precoder import Precoder
from ..simulation.metric import SimulatedMetric

POINTS_TOGETHER = 256


POINTS_IN_A_LOOP = 64


PROBLEMS_TOGETHER = 16384


NUMBERS_TOGETHER = 2**18


PROBLEMS_IN_A_LOOP = 128


NUMBERS_IN_A_LOOP = 2**24


def is_fast(scenario: Scenario) -> bool:
    """Return whether all parts of a study take many problems at once, in about the same time as a few."""
    return (
        all(allocator.vectorized for allocator in scenario.allocators)
        and all(type(one).link_statistics is not Precoder.link_statistics for one in scenario.precoders)
        and all(type(one).beam_statistics is not Beam.beam_statistics for one in scenario.compared_beams)
        and not any(isinstance(metric, SimulatedMetric) for metric in scenario.metrics)
    )


def plan_chunks(scenario: Scenario, done: Iterable[Chunk] = (), *, largest_array: int = 1) -> list[Chunk]:
    """Return the largest chunks of a study that remain to be solved; how long they take may divide them further.

    Parameters
    ----------
    scenario : Scenario
        The study. Its results do not depend on the division.
    done : iterable of Chunk
        Finished chunks.
    largest_array : int
        See :class:`StudySpec`.
    """
    points = math.prod(sweep_shape(scenario.sweep))
    fast = is_fast(scenario)
    finished: dict[range, list[range]] = {}
    for chunk in done:
        finished.setdefault(chunk.points, []).append(chunk.drops)
    chunks = []
    most = PROBLEMS_TOGETHER if fast else PROBLEMS_IN_A_LOOP
    together = min(most, (NUMBERS_TOGETHER if fast else NUMBERS_IN_A_LOOP) // largest_array)
    # The number of points depends on the study alone, so that more drops, or other times, need no other chunks.
    few = not fast or together < POINTS_TOGETHER
    side = min(POINTS_TOGETHER, POINTS_IN_A_LOOP) if few else POINTS_TOGETHER
    for first in range(0, points, side):
        group = range(first, min(first + side, points))
        size = max(1, together // len(group))
        for gap in _gaps(scenario.drops, finished.get(group, [])):
            starts = range(gap.start, gap.stop, size)
            chunks += [Chunk(drops=range(start, min(start + size, gap.stop)), points=group) for start in starts]
    return chunks


def _gaps(drops: int, done: Sequence[range]) -> Iterator[range]:
    """Yield the ranges of drops that are not covered."""
    start = 0
    for one in sorted(done, key=lambda each: each.start):
        if one.start > start:
            yield range(start, one.start)
        start = max(start, one.stop)
    if start < drops:
        yield range(start, drops)
