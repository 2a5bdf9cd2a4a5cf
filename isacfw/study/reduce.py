"""Reduction of the results of a chunk to what a study keeps."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from ..results.chunk import Chunk, ChunkResult
from ..results.tally import Reduced, tally_chunk
from .observers import Observers
from .solve import solve_chunk
from .study_spec import StudySpec


def solve_and_reduce(
    spec: StudySpec, host: Observers, chunk: Chunk, advance: Callable[[int], None] | None = None
) -> Reduced:
    """Solve a chunk, and return what the study keeps of it; see :func:`~isacfw.study.solve.solve_chunk`."""
    result = keep_values(spec, solve_chunk(spec, host, chunk, advance))
    return tally_chunk(spec.tally_plan, result) if spec.scenario.summary_only else result


def keep_values(spec: StudySpec, result: ChunkResult) -> ChunkResult:
    """Return a chunk with the variables that a study keeps, rounded to its precision."""
    kept = spec.kept
    values = {name: value for name, value in result.values.items() if name in kept}
    if spec.scenario.precision == "float32":
        # Numbers beyond its range become infinite or 0, as they do when results are rounded later.
        with np.errstate(over="ignore", under="ignore"):
            values = {
                name: value.astype(np.float32) if value.dtype == np.float64 else value
                for name, value in values.items()
            }
    return attrs.evolve(result, values=values)
