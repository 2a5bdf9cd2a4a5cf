"""The function `compare`, which runs all allocators of a scenario."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from functools import cache, cached_property, reduce
from pathlib import Path
from typing import Any

import attrs

from ..allocation.allocator import Allocator
from ..base.errors import InputError, short_repr
from ..base.interrupts import raise_if_interrupted
from ..base.time_limit import interrupts_held_back
from ..config.load import ScenarioLike, to_loaded
from ..config.toml import to_changed_toml
from ..host.host import PluginHost
from ..report.comparison import Comparison
from ..report.folder import check_folder
from ..report.notebook_progress import show_progress
from ..report.precision import is_precise
from ..results.chunk import Chunk, ChunkResult, ChunkSummary
from ..results.layout import Layout, ResultSizes
from ..results.lazily import open_lazily
from ..results.memory import ResultsInMemory
from ..results.netcdf import write_small
from ..results.places import Contents, Destination
from ..results.statistics import build_statistics
from ..scenario.labels import by_label
from ..scenario.precision import looks, relative_precision
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam
from ..signal.precoder import Precoder
from .cluster import on_cluster
from .execution import Execution, accept_former_options
from .executors import measure_by, solve_chunks
from .key import InputFiles, study_key
from .plan import POINTS_TOGETHER, plan_chunks
from .remote import is_elsewhere, remote_task
from .retry import Unfinished, find_unfinished, merge, spec_of_place
from .selection import with_parts
from .size import check_study_size
from .spec import input_files, specify, warn
from .store import ResultStore
from .study_spec import StudySpec
from .tally_store import TallyStore, cut_chunk
from .versions import library_versions


@accept_former_options(to_loaded)
def compare(
    scenario: ScenarioLike,
    *,
    precoders: Sequence[str | Precoder] | None = None,
    beams: Sequence[str | Beam] | None = None,
    allocators: Sequence[str | Allocator] | None = None,
    drops: int | None = None,
    execution: Execution | None = None,
) -> Comparison:
    """Run every allocator on every precoder, beam, sweep point and drop of a scenario.

    Parameters
    ----------
    scenario : Scenario, LoadedScenario, str, path or mapping
        A scenario, or an argument for :func:`~isacfw.load_scenario`.
    precoders, beams, allocators : sequence of str or part, optional
        Parts to use instead of the scenario's own: parts, labels of the scenario's parts, or names.
    drops : int, optional
        Number of random drops, instead of the scenario's own.
    execution : Execution, optional
        Processes or executor, folder, plugin host and progress; by default, this process without a folder.

    Returns
    -------
    Comparison
        Comparison with a row for every combination. A failing solver, a missing dependency or incompatible parts
        result in rows with a status and a message.

    Raises
    ------
    InputError
        If the scenario or an argument is not valid.
    """
    execution = Execution() if execution is None else execution
    if not isinstance(execution, Execution):
        raise InputError("execution", f"must be an Execution, got {short_repr(execution)}")
    loaded = to_loaded(scenario)
    host, found = execution.host or loaded.host, loaded.scenario
    found = with_parts(found, host, drops=drops, precoders=precoders, beams=beams, allocators=allocators)
    with show_progress("allocations", execution.progress) as progress, on_cluster(execution) as execution:
        return _run(found, host, attrs.evolve(execution, progress=progress))


def _run(scenario: Scenario, host: PluginHost, how: Execution) -> Comparison:
    """Return the comparison over all drops, or over the first number of them, of those looked at, that is enough.

    The decision depends on the results of these drops alone, so on no executor, chunk or interruption.
    """
    most = scenario.drops
    with closing(_Known()) as known:
        if scenario.until is not None:
            for look in [*looks(most)][:-1]:
                found = _Study(attrs.evolve(scenario, drops=look), host, how, known, most).run()
                if is_precise(found.dataset, relative_precision(scenario.until)):
                    return found
                found.dataset.close()
        return _Study(scenario, host, how, known, most).run()


@attrs.define
class _Known:
    """What studies of the same scenario have solved in memory."""

    memory: ResultsInMemory | None = None
    tallies: TallyStore | None = None

    def close(self) -> None:
        """Forget it: results would refer to their study, and be freed late."""
        self.memory = None


class _Study:
    """A run of a scenario: solves its chunks and combines their results."""

    def __init__(
        self, scenario: Scenario, host: PluginHost, execution: Execution, known: _Known, most: int
    ) -> None:
        check_study_size(scenario, POINTS_TOGETHER, in_memory=execution.out is None)
        self.known, self.most = known, most
        self.spec = specify(scenario, host, measure_by(execution))
        self.scenario, self.host, self.execution = scenario, host, execution
        rows = len(by_label(scenario.precoders)) * len(by_label(scenario.compared_beams))
        self.shape = (rows, len(by_label(scenario.allocators)), len(scenario.sweep_points), scenario.drops)
        reading = scenario.sweep_points.distinct("channel", "sensing_noise")
        self.files = InputFiles(path for point in reading for path in input_files(point))
        if execution.out is not None:
            check_folder(execution.out, map(Path, self.files.digests))
        self.done = 0

    def run(self) -> Comparison:
        """Solve all chunks, except those that are already finished in the folder."""
        folder = self.execution.out
        if self.scenario.summary_only:
            return self._run_tallies(folder)
        if folder is None:
            return self._run_in_memory()
        with closing(ResultStore(folder / "chunks", self._key(), self.scenario.drops, self._contents)) as store:
            summaries = self._fill(store)
            self._warn(summaries)
            store.finish(self._layout_of(summaries), folder / "results.nc", self.execution.saving)
        return Comparison(dataset=open_lazily(folder / "results.nc"))

    def _run_in_memory(self) -> Comparison:
        memory = ResultsInMemory(self._contents, self.known.memory, shared=self.execution.has_processes)
        self.known.memory, summaries = memory, memory.summaries
        self._advance(sum(self._allocations(summary.chunk) for summary in summaries))
        with closing(memory):
            with closing(self._solve(self._plan(summaries), to=memory.destination)) as each:
                for result in each:
                    memory.add(result)
            self._warn(summaries)
            return Comparison(dataset=memory.build(self._layout_of(summaries)))

    def _fill(self, store: ResultStore) -> list[ChunkSummary]:
        """Solve the chunks that a folder does not have; return all of them."""
        summaries = store.choose()
        again = find_unfinished(store.read, summaries, self.scenario.drops)
        retried = sum(len(chunk.points) * len(chunk.drops) for _, _, chunk in again)
        self._advance(sum(self._allocations(summary.chunk) for summary in summaries) - retried)
        if again:
            self._retry(store, again)
            summaries = store.choose()
        # Repeat in case a concurrent run with the same folder used different chunks.
        while chunks := self._plan(summaries):
            to = store.destination(chunks) if self.execution.has_processes else None
            with closing(self._solve(chunks, to=to)) as results:
                for result in results:
                    # An interrupt would lose a chunk that is done.
                    with interrupts_held_back():
                        store.add(result)
            summaries = store.choose()
        return summaries

    def _run_tallies(self, folder: Path | None) -> Comparison:
        """Solve all drops, except those of which the folder has statistics, and keep statistics of them alone."""
        drops, store = self.scenario.drops, self.known.tallies
        if store is None or folder is not None:
            store = TallyStore(None) if folder is None else TallyStore(folder / "chunks", self._key())
        self.known.tallies = store
        chosen = store.choose(drops)
        self._advance(sum(self._allocations(tally.chunk) for tally in chosen))
        while chunks := self._plan([tally.summary for tally in chosen]):
            parts = [part for chunk in chunks for part in cut_chunk(chunk)]
            with closing(self._solve(parts)) as each:
                for tally in each:
                    store.add(tally, drops)
            chosen = store.choose(drops)
        store.forget_replaced()
        summaries = [tally.summary for tally in chosen]
        self._warn(summaries)
        dataset = build_statistics(self._layout_of(summaries), self.spec.tally_plan, chosen)
        if folder is not None:
            dataset = write_small(dataset, folder / "results.nc")
        return Comparison(dataset=dataset)

    def _key(self) -> str:
        toml = self._toml(name="study", drops=1, until=None)
        return study_key(self.spec, toml, self._versions(), self.files)

    def _plan(self, done: Iterable[ChunkSummary] = ()) -> list[Chunk]:
        """Return the chunks that remain to be solved."""
        chunks = [summary.chunk for summary in done]
        return plan_chunks(self.scenario, chunks, largest_array=self.spec.largest_array)

    def _retry(self, store: ResultStore, again: list[Unfinished]) -> None:
        """Solve rows again, and replace them in the chunks that hold them."""
        for place in dict.fromkeys(place for _, place, _ in again):
            holder = {chunk: summary for summary, own, chunk in again if own == place}
            solved: dict[Chunk, list[ChunkResult]] = {}
            try:
                with closing(self._solve(list(holder), spec_of_place(self.spec, place))) as results:
                    for result in results:
                        asked = next(chunk for chunk in holder if chunk.covers(result.chunk))
                        solved.setdefault(holder[asked].chunk, []).append(result)
            finally:
                for summary in {one.chunk: one for one in holder.values()}.values():
                    whole = store.read(summary) if summary.chunk in solved else None
                    if whole is not None:
                        store.add(reduce(lambda one, part: merge(one, place, part), solved[summary.chunk], whole))

    def _solve(
        self, chunks: list[Chunk], spec: StudySpec | None = None, to: Destination | None = None
    ) -> Generator[Any, None, None]:
        how, spec = self.execution, spec or self.spec
        task = remote_task(spec, self.host) if chunks and is_elsewhere(how.executor) else None
        with closing(solve_chunks(spec, self.host, chunks, how, self._advance, task, to)) as results:
            for result in results:
                self.files.check()
                yield result

    def _allocations(self, chunk: Chunk) -> int:
        """Return the number of allocations of a chunk that are part of this study."""
        drops = min(chunk.drops.stop, self.scenario.drops) - chunk.drops.start
        return self.shape[0] * self.shape[1] * len(chunk.points) * drops

    def _warn(self, summaries: Iterable[ChunkSummary]) -> None:
        """Warn of what failed."""
        for sentence in dict.fromkeys(sentence for summary in summaries for sentence in summary.warnings):
            warn(sentence)

    def _layout_of(self, summaries: Iterable[ChunkSummary]) -> Layout:
        """Return the layout of the results of all chunks."""
        return self._layout(ResultSizes.of(self.shape[2], summaries))

    def _layout(self, sizes: ResultSizes) -> Layout:
        return Layout(
            self.scenario,
            self.spec.kept,
            self.spec.streams,
            sizes=sizes,
            attributes=self._provenance,
        )

    @property
    def _contents(self) -> Contents:
        def layout(users: int) -> Layout:
            return self._layout(ResultSizes(users=(users,) * self.shape[2], iterations=0, widths={}))

        return Contents(layout=cache(layout), users=self.spec.users, precision=self.scenario.precision)

    def _toml(self, **changes: Any) -> str:
        """Return the scenario with absolute paths of plugins, independent of the folder from which it is read."""
        plugins = [one if isinstance(one, str) else one[0] for one in self.host.sources]
        return to_changed_toml(self.scenario, self.host, {"plugins": list(map(str, plugins)), **changes})

    def _versions(self) -> str:
        """Return the versions of all packages that affect the results, as a JSON object."""
        return json.dumps(library_versions(self.spec.parts) | self.host.versions(self.spec.parts))

    def _advance(self, count: int) -> None:
        raise_if_interrupted()
        self.done += count
        if self.execution.progress:
            self.execution.progress(self.done, math.prod(self.shape))

    @cached_property
    def _provenance(self) -> dict[str, Any]:
        return {
            "title": self.scenario.name,
            "scenario": self._toml(drops=self.most),
            # A file has integers of 64 bits.
            "seed": self.scenario.seed if self.scenario.seed < 2**63 else str(self.scenario.seed),
            "versions": self._versions(),
            **({} if self.scenario.until is None else {"until": self.scenario.until, "most_drops": self.most}),
            **({"assumptions": json.dumps(list(self.spec.assumptions))} if self.spec.assumptions else {}),
        }
