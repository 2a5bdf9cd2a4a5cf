"""From a scenario to allocators side by side: the run behind :func:`isacfw.compare`."""

from __future__ import annotations

import json
import math
import platform
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing, suppress
from functools import cache
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any, cast

import attrs

from .allocation.allocator import Allocator
from .allocation.metric import Metric
from .base.errors import InputError, IsacError, PluginError, blamed, one_line, shown
from .base.part import LabelledPart, described
from .base.progress import Progress
from .chunk import planned, sizes_of
from .comparison import Comparison
from .config.load import LoadedScenario, load_scenario
from .config.toml import to_toml
from .executors import each_solved
from .host.host import PluginHost, default_host
from .results.chunk import Chunk, Outline, Solved, Work
from .results.layout import Extent, Layout
from .results.memory import in_memory
from .results.netcdf import in_file
from .results.schema import limits_of, variables_of
from .scenario.labels import by_label
from .scenario.scenario import Scenario
from .sensing.beam import Beam
from .signal.channel import Channel
from .signal.precoder import Precoder
from .store import ChunkStore
from .study_key import InputFiles, study_key

STANDARD_METRICS = ("sum_rate", "user_rates", "crlb", "powers")

_AXES = ("precoder", "beam", "allocator", "drop", "user", "stream", "iteration", "users")


def compare(
    scenario: Scenario | LoadedScenario | str | PathLike[str] | Mapping[str, Any],
    *,
    precoders: Sequence[str | Precoder] | None = None,
    beams: Sequence[str | Beam] | None = None,
    allocators: Sequence[str | Allocator] | None = None,
    drops: int | None = None,
    seed: int | None = None,
    time_limit_s: float | None = None,
    plugins: Iterable[str | PathLike[str]] = (),
    host: PluginHost | None = None,
    progress: Progress | None = None,
    workers: int = 1,
    executor: Any = None,
    out: str | PathLike[str] | None = None,
    saving: Progress | None = None,
) -> Comparison:
    """Run every allocator on every precoder, sweep point and drop of a scenario.

    Parameters
    ----------
    scenario : Scenario, str, path or mapping
        A scenario, or what :func:`~isacfw.load_scenario` loads one from.
    precoders, beams, allocators : sequence of str or part, optional
        In place of the scenario's own: parts, labels of the scenario's parts, or names.
    drops, seed : int, optional
        In place of the scenario's own.
    time_limit_s : float, optional
        In place of the scenario's own: longest time of an allocation in seconds.
    plugins : iterable of str or path
        Further plugins, when the scenario is loaded here.
    host : PluginHost, optional
        Where names are looked up; by default built-in and installed plugins.
    progress : callable, optional
        Called with the number of allocations done and of all.
    workers : int
        Number of processes on this machine that share the work.
    executor : concurrent.futures.Executor or distributed.Client, optional
        Who does the work, in place of processes of our own: a pool, or a Dask cluster. Results do not depend on
        the executor.
    out : str or path, optional
        Folder that keeps what is finished, and the results in ``results.nc``, from where they are read on
        demand. The same study with the same folder goes on from there, with more drops too.
    saving : callable, optional
        Called with the number of chunks that are put into ``results.nc`` and of all, at the end.

    Returns
    -------
    Comparison
        With a row for every combination. A solver's failure, a missing dependency or parts that do not fit
        are rows with a status and a message.

    Raises
    ------
    InputError
        If the scenario or an argument is not valid.
    """
    if not isinstance(scenario, (Scenario, LoadedScenario)):
        scenario = load_scenario(scenario, plugins=plugins)
    if isinstance(scenario, LoadedScenario):
        host, scenario = host or scenario.host, scenario.scenario
    host = host or default_host()
    changes: dict[str, Any] = {
        key: value
        for key, value in (("drops", drops), ("seed", seed), ("time_limit_s", time_limit_s))
        if value is not None
    }
    if precoders is not None:
        changes["precoders"] = _selected("precoder", precoders, scenario.precoders, host)
    if beams is not None:
        changes["beams"] = _selected("beam", beams, scenario.compared_beams, host)
    if allocators is not None:
        changes["allocators"] = _selected("allocator", allocators, scenario.allocators, host)
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        raise InputError("workers", f"must be an integer of at least 1, got {shown(workers)}")
    if hasattr(executor, "get_executor"):
        executor = executor.get_executor()
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise InputError("executor", f"must be an executor or a client of Dask, got {shown(executor)}")
    return _Study(attrs.evolve(scenario, **changes), host, progress, saving).run(
        executor, workers, None if out is None else Path(out)
    )


def _selected(
    kind: str, wanted: Sequence[Any], own: Sequence[LabelledPart], host: PluginHost
) -> tuple[LabelledPart, ...]:
    """Return the parts that are meant by parts, by labels of the scenario's own parts, or by names."""
    if isinstance(wanted, str):
        raise InputError(f"{kind}s", f"must be a list, got the string {wanted!r}")
    if not isinstance(wanted, Iterable):
        raise InputError(f"{kind}s", f"must be a list, got {shown(wanted)}")
    by_title = {part.name: part for part in reversed(own)} | by_label(own)
    parts: list[LabelledPart] = []
    for item in wanted:
        if not isinstance(item, str):
            parts.append(item)
        elif item in by_title:
            parts.append(by_title[item])
        else:
            try:
                parts.append(cast(LabelledPart, host.find(kind, item).cls()))
            except InputError as error:
                raise error.within(f"{kind}s") from None
            except TypeError as error:
                raise InputError(
                    f"{kind}s", f"{item!r} has required options; pass a part instead of its name: {error}"
                ) from None
    return tuple(parts)


def _work(scenario: Scenario, host: PluginHost) -> Work:
    """Return a scenario with all that its chunks need, once it is clear that it can be run."""
    for _, point in scenario.points():
        for part in (point.transmit_array, point.receive_array, point.channel):
            if (reason := part.why_unavailable()) is not None:
                raise PluginError(f"{described(part)} is not available: {reason}")
    unavailable = {}
    kinds: tuple[tuple[str, Sequence[LabelledPart]], ...] = (
        ("precoder", scenario.precoders),
        ("beam", scenario.compared_beams),
        ("allocator", scenario.allocators),
    )
    for kind, parts in kinds:
        for title, labelled_part in by_label(parts).items():
            if (reason := labelled_part.why_unavailable()) is not None:
                unavailable[kind, title] = reason
    numbers, streams = sizes_of(scenario)
    metrics = _metrics(scenario, host, streams)
    return Work(scenario=scenario, metrics=metrics, unavailable=unavailable, numbers=numbers, streams=streams)


def _metrics(scenario: Scenario, host: PluginHost, streams: int) -> tuple[Metric, ...]:
    metrics = [cast(Metric, host.find("metric", f"isacfw:{name}").cls()) for name in STANDARD_METRICS]
    metrics += [metric for metric in scenario.metrics if metric not in metrics]
    targets = len(scenario.sensed)
    names = [one.name for metric in metrics for one in metric.quantities_of(targets, streams)]
    reserved = [one.name for one in (*variables_of(()), *limits_of(targets))]
    taken = [*names, *reserved, *_AXES, *scenario.sweep]
    for name in names:
        if taken.count(name) > 1:
            raise InputError("metrics", f"must report quantities of different names, got {name!r} twice")
    for metric in metrics:
        if (reason := metric.why_unavailable()) is not None:
            _warn(f"metric {described(metric)} is unavailable: {reason}")
    return tuple(metric for metric in metrics if metric.why_unavailable() is None)


def _inputs_of(channel: Channel) -> tuple[Path, ...]:
    """Return the files that a channel says it reads."""
    who = f"channel {described(channel)}"
    with blamed(who):
        return tuple(map(Path, channel.inputs()))


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


def _warn(sentence: str) -> None:
    warnings.warn(one_line(sentence), RuntimeWarning, stacklevel=3)
