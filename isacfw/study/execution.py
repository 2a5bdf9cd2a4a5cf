"""Execution of comparisons, and former options of `compare`, accepted with a warning for one release."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from functools import wraps
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import attrs

from ..base.errors import InputError, short_repr
from ..base.limits import MOST_WORKERS
from ..base.progress import Progress
from ..base.validators import instance_of, integer, optional
from ..host.host import PluginHost
from .cluster_file import ClusterFile, read_cluster

Function = TypeVar("Function", bound=Callable[..., Any])


def _to_executor(value: Any) -> Any:
    """Return the executor of a Dask client; leave anything else as it is."""
    return value.get_executor() if hasattr(value, "get_executor") else value


def _to_path(value: Any) -> Any:
    """Convert a nonempty string or path; leave anything else for the validator."""
    return Path(value) if isinstance(value, (str, PathLike)) and str(value) else value


def _to_cluster(value: Any) -> Any:
    """Return the cluster that a file or a mapping describes; leave anything else for the validator."""
    if (isinstance(value, (str, PathLike)) and str(value)) or isinstance(value, Mapping):
        return read_cluster(value)
    return value


def _check_cluster(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, ClusterFile):
        problem = f"must be the path of a TOML file, or a mapping with its keys, got {short_repr(value)}"
        raise InputError(attribute.name, problem)
    if instance.executor is not None or instance.workers != 1:
        other = "workers" if instance.executor is None else "executor"
        raise InputError(attribute.name, f"cannot be combined with {other}: the file states the number of jobs")


def _check_executor(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and (isinstance(value, type) or not callable(getattr(value, "submit", None))):
        raise InputError(attribute.name, f"must be an executor or a client of Dask, got {short_repr(value)}")


def _check_path(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, Path):
        raise InputError(attribute.name, f"must be the path of a folder, got {short_repr(value)}")


def _check_callable(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not callable(value):
        raise InputError(attribute.name, f"must be callable, got {short_repr(value)}")


def _check_progress(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not False and not callable(value):
        raise InputError(attribute.name, f"must be callable or False, got {short_repr(value)}")


@attrs.frozen(kw_only=True, eq=False)
class Execution:
    """Execution of a comparison, which does not affect its results.

    Parameters
    ----------
    workers : int
        Number of processes on this machine that share the work, at most four for each processor or 64.
    executor : concurrent.futures.Executor or distributed.Client, optional
        A pool, or a Dask cluster, that solves the chunks instead of processes on this machine.
    cluster : str, path or mapping, optional
        A TOML file, or a mapping with its keys, that describes a cluster. Its jobs start for the comparison,
        if results are missing, and ended with it.
    out : str or path, optional
        Folder for finished chunks, and for the results in ``results.nc``, which are read on demand.
        The same study with the same folder resumes from there, even with more drops.
    host : PluginHost, optional
        Host that resolves names and whose observers are called; by default that of a loaded scenario, or the
        built-in and installed plugins.
    progress : callable or False, optional
        Called with the numbers of completed and of all allocations. By default a notebook shows a bar if it takes
        more than a second; False for none.
    saving : callable, optional
        Called at the end with the numbers of written and of all chunks, while ``results.nc`` is written.

    Raises
    ------
    InputError
        If a value is not valid.
    """

    workers: int = attrs.field(default=1, validator=integer(at_least=1, at_most=MOST_WORKERS))
    executor: Executor | None = attrs.field(default=None, converter=_to_executor, validator=_check_executor)
    cluster: ClusterFile | None = attrs.field(default=None, converter=_to_cluster, validator=_check_cluster)
    out: Path | None = attrs.field(default=None, converter=_to_path, validator=_check_path)
    host: PluginHost | None = attrs.field(
        default=None, validator=optional(instance_of(PluginHost, "a plugin host"))
    )
    progress: Progress | Literal[False] | None = attrs.field(default=None, validator=optional(_check_progress))
    saving: Progress | None = attrs.field(default=None, validator=optional(_check_callable))

    @property
    def has_processes(self) -> bool:
        """Whether several processes on this machine may share the work."""
        return self.workers > 1 and self.executor is None


_FORMER = tuple(field.name for field in attrs.fields(Execution) if field.name != "cluster")
_SCENARIO = ("seed", "time_limit_s")


def accept_former_options(load: Callable[..., Any]) -> Callable[[Function], Function]:
    """Return a decorator that translates former options of `compare` into present ones.

    Parameters
    ----------
    load : callable
        Loads a scenario from any form that `compare` accepts, with further plugins.
    """

    def decorate(compare: Function) -> Function:
        @wraps(compare)
        def with_former(scenario: Any, **options: Any) -> Any:
            former = {name: options.pop(name) for name in (*_FORMER, *_SCENARIO, "plugins") if name in options}
            if not former:
                return compare(scenario, **options)
            warnings.warn(_advice(former), DeprecationWarning, stacklevel=2)
            if "plugins" in former:
                scenario = load(scenario, former.pop("plugins"))
            changes = {name: former.pop(name) for name in _SCENARIO if former.get(name) is not None}
            if changes:
                scenario = load(scenario, ())
                scenario = attrs.evolve(scenario, scenario=attrs.evolve(scenario.scenario, **changes))
            execution = options.pop("execution", None) or Execution()
            given = {name: value for name, value in former.items() if name in _FORMER}
            return compare(scenario, execution=attrs.evolve(execution, **given), **options)

        return cast(Function, with_former)

    return decorate


def _advice(former: dict[str, Any]) -> str:
    """Return the advice on replacing former options."""
    hints = []
    if own := [name for name in former if name in _FORMER]:
        hints.append(f"{', '.join(own)}: pass execution=isacfw.Execution({'=..., '.join(own)}=...)")
    if own := [name for name in former if name in _SCENARIO]:
        hints.append(f"{', '.join(own)}: set the key of the scenario, with load_scenario(..., overrides=[...])")
    if "plugins" in former:
        hints.append("plugins: pass load_scenario(..., plugins=[...])")
    return f"compare() takes fewer options: {'; '.join(hints)}"
