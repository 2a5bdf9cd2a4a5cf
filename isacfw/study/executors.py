"""Execution of chunks: in-process, in a process pool, or on an executor."""

from __future__ import annotations

import math
import multiprocessing
import multiprocessing.connection
import pickle
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future
from functools import lru_cache
from typing import Any, cast

from ..base.environment import is_own
from ..base.errors import InputError
from ..base.guard import watch_calls
from ..base.inputs import why
from ..base.sources import Sources
from ..host.host import PluginHost
from ..results.chunk import Chunk, ChunkResult
from ..results.packing import pack_result, unpack_result
from ..results.places import Destination
from ..results.tally import Reduced
from ..scenario.scenario import Scenario
from .careful import CarefulProcesses, watch_given_up
from .execution import Execution
from .observers import OBSERVER_HOOKS, NoObservers
from .pace import FIRST, FIRST_SHARE, Pace, call_timed
from .plan import is_fast
from .processes import process_pools
from .queue import ChunkQueue, Task, collect_results
from .reduce import reduce_result
from .solve import solve_chunk
from .spec import Measure
from .study_spec import StudySpec


def solve_chunks(
    spec: StudySpec,
    host: PluginHost,
    chunks: Sequence[Chunk],
    execution: Execution,
    advance: Callable[[int], None],
    task: Task | None = None,
    to: Destination | None = None,
) -> Generator[Reduced, None, None]:
    """Yield the results of chunks as they come.

    Parameters
    ----------
    spec : StudySpec
        The study.
    host : PluginHost
        Its plugins; workers load them from their sources.
    chunks : sequence of Chunk
        Chunks to solve.
    execution : Execution
        Executor, or number of processes on this machine.
    advance : callable
        Called with the number of allocations completed since the last call.
    task : tuple, optional
        What an executor is to call instead of the solution of a chunk: function, and first arguments.
    to : Destination, optional
        Where processes on this machine write numbers; they send the others. Otherwise they send everything.
    """
    pieces = len(chunks) if len(chunks) > 1 else sum(len(chunk.drops) for chunk in chunks)
    executor, workers = execution.executor, execution.workers
    if executor is not None:
        own: Task = task or (_in_worker, (spec, _observing_sources(host)))
        yield from _solve_on_executor(spec, chunks, executor, own, advance)
    elif workers > 1 and (pieces > 1 or needs_process(spec, host)):
        yield from _solve_in_processes(spec, host, chunks, min(workers, pieces), advance, to)
    else:
        # In memory, a chunk that ends early saves nothing.
        queue = ChunkQueue(chunks, 1, None if execution.out is None else _pace(spec, chunks, 1))
        while queue:
            chunk = cast(Chunk, queue.take(idle=True))
            result, seconds = call_timed(solve_chunk, spec, host, chunk, advance)
            queue.note(chunk, seconds)
            yield reduce_result(spec, result)


def _solve_on_executor(
    spec: StudySpec, chunks: Sequence[Chunk], executor: Executor, task: Task, advance: Callable[[int], None]
) -> Generator[Reduced, None, None]:
    workers = workers_of(executor)
    queue = ChunkQueue(chunks, pace=None if workers is None else _pace(spec, chunks, workers))
    waiting: dict[Future[Any], Chunk] = {}
    try:
        yield from collect_results(lambda: executor, task, queue, _row(spec), advance, waiting)
    finally:
        for future in waiting:
            future.cancel()


def _solve_in_processes(
    spec: StudySpec,
    host: PluginHost,
    chunks: Sequence[Chunk],
    workers: int,
    advance: Callable[[int], None],
    to: Destination | None,
) -> Generator[Reduced, None, None]:
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # In a worker that imports a script which asks for workers: its parent reports the error.
        raise SystemExit(1)
    packed, careful = _pack(spec, _observing_sources(host)), CarefulProcesses(spec.scenario.time_limit_s)
    task = (_in_process, (packed, careful.given_up, to))

    def receive(returned: tuple[bytes, frozenset[str]]) -> Reduced:
        careful.note_success(returned[1])
        return unpack_result(returned[0])

    queue = ChunkQueue(chunks, workers, _pace(spec, chunks, workers))
    with process_pools(workers) as pools:

        def alone(chunk: Chunk) -> Reduced:
            # Nothing else may write to the places of the chunk.
            pools.end_broken()
            found: Reduced = careful.run(_alone, packed, chunk)
            return found

        try:
            yield from collect_results(pools.current, task, queue, _row(spec), advance, {}, alone, receive)
        except (OSError, ImportError) as error:
            # Without shared memory, file descriptors or memory; the disk has errors of its own.
            problem = f"cannot be several: processes cannot be started: {why(error)}"
            raise InputError("workers", problem) from None


def _row(spec: StudySpec) -> int:
    """Return the number of entries of one variable for a drop at a point."""
    return len(spec.scenario.precoders) * len(spec.scenario.allocators) * spec.largest_array


def _pace(spec: StudySpec, chunks: Sequence[Chunk], workers: int) -> Pace:
    """Return the pace of a study of which nothing has been solved yet."""
    total = sum(len(chunk.points) * len(chunk.drops) for chunk in chunks)
    share = total if workers == 1 else math.ceil(total / (FIRST_SHARE * workers))
    return Pace(workers, share if is_fast(spec.scenario) else min(share, FIRST))


def workers_of(executor: Any) -> int | None:
    """Return the number of workers of an executor; None if it does not say."""
    client = getattr(executor, "_client", None)
    if client is not None and hasattr(client, "nthreads"):
        return max(1, sum(map(int, client.nthreads().values())))
    found = getattr(executor, "workers", getattr(executor, "_max_workers", None))
    return found if isinstance(found, int) and found > 0 else None


def _in_worker(spec: StudySpec, sources: Sources | None, chunk: Chunk) -> Reduced:
    return reduce_result(spec, solve_chunk(spec, NoObservers() if sources is None else _host(sources), chunk))


def _observing_sources(host: PluginHost) -> Sources | None:
    """Return the sources of a host with observers; None for others: parts need no host."""
    return host.sources if any(map(host.observed, OBSERVER_HOOKS)) else None


def _pack(spec: StudySpec, sources: Sources | None) -> bytes:
    """Return a study pickled for processes on this machine.

    A process of a pool that cannot unpickle it would die without a message.
    """
    try:
        return pickle.dumps((spec, sources))
    except Exception as error:
        raise InputError("workers", f"cannot be several: a part cannot be pickled: {error}") from error


def measure_by(execution: Execution) -> Measure | None:
    """Return what calls parts before a study is solved: another process, where workers are there for it."""
    if execution.workers == 1 or execution.executor is not None:
        return None

    def measure(function: Callable[[Scenario], Any], scenario: Scenario) -> Any:
        points = list(scenario.sweep_points.distinct("channel", "transmit_array", "receive_array"))
        parts = [part for one in points for part in (one.channel, one.station_array, one.receive_array)]
        if all(map(is_own, (*parts, *scenario.compared_beams, scenario.objective))):
            return function(scenario)
        return CarefulProcesses(scenario.time_limit_s).run(function, scenario)

    return measure


def needs_process(spec: StudySpec, host: PluginHost) -> bool:
    """Return whether parts or observers of others take part, which may end the process that calls them."""
    return bool(host.sources) or not all(map(is_own, spec.parts))


def _in_process(
    packed: bytes, given_up: dict[str, str], to: Destination | None, chunk: Chunk
) -> tuple[bytes, frozenset[str]]:
    """Return the packed result of a chunk, and the parts that were called without an end of the process."""
    ended: set[str] = set()
    with watch_calls(watch_given_up(given_up, ended)):
        result = _alone(packed, chunk)
        placed = to.put(result) if to is not None and isinstance(result, ChunkResult) else result
        return pack_result(placed), frozenset(ended)


def _alone(packed: bytes, chunk: Chunk) -> Reduced:
    return _in_worker(*_unpack(packed), chunk)


@lru_cache(maxsize=1)
def _unpack(packed: bytes) -> tuple[StudySpec, Sources | None]:
    spec, sources = pickle.loads(packed)
    return spec, sources


@lru_cache(maxsize=4)
def _host(sources: Sources) -> PluginHost:
    return PluginHost.of_sources(sources)
