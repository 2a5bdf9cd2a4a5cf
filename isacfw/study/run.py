"""A run of a study: its chunks are solved and their results put together."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import closing, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs

from ..base.errors import IsacError
from ..base.progress import Progress
from ..config.toml import to_toml
from ..host.host import PluginHost
from ..report.comparison import Comparison
from ..results.chunk import Chunk, Outline, Solved
from ..results.layout import Extent, Layout
from ..results.memory import in_memory
from ..results.netcdf import in_file
from ..scenario.labels import by_label
from ..scenario.scenario import Scenario
from .executors import each_solved
from .key import InputFiles, study_key
from .plan import planned
from .spec import _inputs_of, _warn, _work
from .store import ChunkStore


class _Study:
    """One run of a scenario: it has its chunks solved and puts their results together."""

    def __init__(
        self, scenario: Scenario, host: PluginHost, progress: Progress | None, saving: Progress | None
    ) -> None:
        self.work, self.host, self.progress, self.saving = _work(scenario, host), host, progress, saving
        self.scenario = scenario
        self.points = [point for _, point in scenario.points()]
        rows = len(by_label(scenario.precoders)) * len(by_label(scenario.compared_beams))
        self.shape = (rows, len(by_label(scenario.allocators)), len(self.points), scenario.drops)
        self.files = InputFiles(path for point in self.points for path in _inputs_of(point.channel))
        self.done = 0

    def run(self, executor: Executor | None, workers: int, folder: Path | None) -> Comparison:
        """Solve everything, or what is left of it when there is a folder that keeps what is finished."""
        if folder is None:
            with closing(self._solved(self._planned(workers), executor, workers)) as each:
                solved = list(each)
            return self._comparison([result.outline for result in solved], lambda _: solved, None)
        key = study_key(self.work, self._toml(name="study", drops=1), self._versions(), self.files)
        store = ChunkStore(folder / "chunks", key, self.scenario.drops)
        outlines = store.chosen()
        self._advance(sum(self._allocations(outline.chunk) for outline in outlines))
        # Repeat in case a concurrent run with the same folder used different chunks.
        while chunks := self._planned(workers, outlines):
            with closing(self._solved(chunks, executor, workers)) as results:
                for result in results:
                    store.add(result)
            outlines = store.chosen()
        return self._comparison(outlines, store.results, folder / "results.nc")

    def _planned(self, workers: int, done: Iterable[Outline] = ()) -> list[Chunk]:
        """Return what is left to do."""
        chunks = [outline.chunk for outline in done]
        return planned(self.scenario, chunks, workers=workers, numbers=self.work.numbers)

    def _solved(
        self, chunks: list[Chunk], executor: Executor | None, workers: int
    ) -> Generator[Solved, None, None]:
        with closing(each_solved(self.work, self.host, chunks, executor, workers, self._advance)) as results:
            for result in results:
                self.files.check()
                yield result

    def _allocations(self, chunk: Chunk) -> int:
        """Return the number of allocations of a chunk that are part of this study."""
        drops = min(chunk.drops.stop, self.scenario.drops) - chunk.drops.start
        return self.shape[0] * self.shape[1] * len(chunk.points) * drops

    def _comparison(
        self,
        outlines: list[Outline],
        results: Callable[[list[Outline]], Iterable[Solved]],
        path: Path | None,
    ) -> Comparison:
        """Return the results of all chunks, in memory or in a file."""
        for sentence in dict.fromkeys(sentence for outline in outlines for sentence in outline.warnings):
            _warn(sentence)
        layout = Layout(self.work, Extent.of(len(self.points), outlines), self._provenance())
        found = results(outlines)
        if path is None:
            return Comparison(dataset=in_memory(layout, found))
        return Comparison(dataset=in_file(layout, self._saved(found, len(outlines)), path))

    def _saved(self, results: Iterable[Solved], total: int) -> Iterator[Solved]:
        for number, result in enumerate(results, 1):
            yield result
            if self.saving is not None:
                self.saving(number, total)

    def _toml(self, **changes: Any) -> str:
        """Return the scenario with its plugins where they are, whatever folder it is read in."""
        plugins = [one if isinstance(one, str) else one[0] for one in self.host.sources]
        return to_toml(attrs.evolve(self.scenario, plugins=plugins, **changes), self.host)

    def _versions(self) -> str:
        """Return the versions of all that has a part in the results, as a JSON object."""
        return json.dumps(_versions() | self.host.versions(self.work.parts))

    def _advance(self, count: int) -> None:
        self.done += count
        if self.progress is not None:
            self.progress(self.done, math.prod(self.shape))

    def _provenance(self) -> dict[str, Any]:
        return {
            "title": self.scenario.name,
            "scenario": self._toml(),
            "seed": self.scenario.seed,
            "versions": self._versions(),
            **self._assumptions(),
        }

    def _assumptions(self) -> dict[str, str]:
        found: dict[str, None] = {}
        for point in self.points:
            with suppress(IsacError):  # An array that fails has failed its rows.
                found |= dict.fromkeys(point.assumptions())
        return {"assumptions": json.dumps(list(found))} if found else {}


@cache
def _versions() -> dict[str, str]:
    packages = ("isacfw", "numpy", "scipy", "cvxpy", "clarabel", "pyomo", "xarray")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
