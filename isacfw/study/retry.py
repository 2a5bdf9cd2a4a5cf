"""Rows of finished chunks that failed or ran into a time limit: they are tried again, and nothing else is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..results.batches import replace_range
from ..results.chunk import Chunk, ChunkResult, ChunkSummary, is_unfinished
from ..results.schema import HISTORY
from ..scenario.labels import by_label
from .study_spec import StudySpec

Place = tuple[int, int]
"""Numbers of a precoder with a beam, and of an allocator."""


def chunks_to_retry(result: ChunkResult, drops: int) -> Iterator[tuple[Place, Chunk]]:
    """Yield what is to be solved again in a chunk, without drops from a number on.

    Parameters
    ----------
    result : ChunkResult
        A chunk with all its drops.
    drops : int
        Number of drops of the study.
    """
    wanted = is_unfinished(result.values["status"])
    wanted[..., max(drops - result.chunk.drops.start, 0) :] = False
    for row, column, point in map(tuple, np.argwhere(wanted.any(axis=-1))):
        found = np.flatnonzero(wanted[row, column, point])
        for run in np.split(found, np.flatnonzero(np.diff(found) > 1) + 1):
            first = result.chunk.drops.start + int(run[0])
            at = result.chunk.points.start + point
            yield (
                (row, column),
                Chunk(points=range(at, at + 1), drops=range(first, first + len(run))),
            )


Unfinished = tuple[ChunkSummary, Place, Chunk]
"""A finished chunk, and what of it is to be solved again."""


def find_unfinished(
    read: Callable[[ChunkSummary], ChunkResult | None], summaries: Iterable[ChunkSummary], drops: int
) -> list[Unfinished]:
    """Return what failed or ran into a time limit in earlier runs, with the chunk that holds it."""
    found = []
    for summary in summaries:
        result = read(summary) if summary.unfinished else None
        if result is not None:
            found += [(summary, *one) for one in chunks_to_retry(result, drops)]
    return found


def spec_of_place(spec: StudySpec, place: Place) -> StudySpec:
    """Return a study of one precoder, beam and allocator."""
    scenario, (row, column) = spec.scenario, place
    precoders, beams = by_label(scenario.precoders), by_label(scenario.compared_beams)
    allocators = by_label(scenario.allocators)
    precoder, beam = list(itertools.product(precoders, beams))[row]
    titles = {"precoder": precoder, "beam": beam, "allocator": list(allocators)[column]}
    parts = {"precoder": precoders[precoder], "beam": beams[beam], "allocator": allocators[titles["allocator"]]}
    unavailable = {
        (kind, next(iter(by_label([parts[kind]])))): spec.unavailable[kind, title]
        for kind, title in titles.items()
        if (kind, title) in spec.unavailable
    }
    changes: dict[str, Any] = {f"{kind}s": (part,) for kind, part in parts.items()}
    if not scenario.beams:
        del changes["beams"]
    return attrs.evolve(spec, scenario=attrs.evolve(scenario, **changes), unavailable=unavailable)


def merge(whole: ChunkResult, place: Place, part: ChunkResult) -> ChunkResult:
    """Return a chunk whose unfinished rows within a part are those of the part."""
    points, drops = (
        slice(own.start - every.start, own.stop - every.start)
        for own, every in ((part.chunk.points, whole.chunk.points), (part.chunk.drops, whole.chunk.drops))
    )
    index = (*place, points, drops)
    again = is_unfinished(whole.values["status"])[index]
    values = {}
    for name, value in whole.values.items():
        new = part.values[name][0, 0]
        value = np.array(value)
        if name == HISTORY:
            value = _widen(value, new.shape[-1])
        value[index][again] = (_widen(new, value.shape[-1]) if value.ndim > 4 else new)[again]
        values[name] = value
    warnings = tuple(dict.fromkeys((*whole.warnings, *part.warnings)))
    batches = replace_range(whole.batches, place[1], part.batches)
    return attrs.evolve(whole, values=values, warnings=warnings, batches=batches)


def _widen(value: NDArray[Any], width: int) -> NDArray[Any]:
    """Return an array with at least `width` columns on the last axis, new ones without a value."""
    missing = max(width - value.shape[-1], 0)
    return np.pad(value, [(0, 0)] * (value.ndim - 1) + [(0, missing)], constant_values=np.nan)
