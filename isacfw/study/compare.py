"""From a scenario to allocators side by side: the run behind :func:`isacfw.compare`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, cast

import attrs

from ..allocation.allocator import Allocator
from ..base.errors import InputError, shown
from ..base.part import LabelledPart
from ..base.progress import Progress
from ..config.load import LoadedScenario, load_scenario
from ..host.host import PluginHost, default_host
from ..report.comparison import Comparison
from ..scenario.labels import by_label
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam
from ..signal.precoder import Precoder
from .run import _Study


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
