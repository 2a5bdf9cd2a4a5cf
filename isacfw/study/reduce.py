"""Reduction of the results of a chunk to what a study keeps."""

from __future__ import annotations

import attrs
import numpy as np

from ..results.chunk import ChunkResult
from ..results.tally import Reduced, tally_chunk
from .study_spec import StudySpec


def reduce_result(spec: StudySpec, result: ChunkResult) -> Reduced:
    """Return what a study keeps of the results of a chunk."""
    kept = keep_values(spec, result)
    return tally_chunk(spec.tally_plan, kept) if spec.scenario.summary_only else kept


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
