"""Files that describe a cluster: a job scheduler with its options, and the number of jobs."""

from __future__ import annotations

import inspect
import math
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import attrs

from ..base.errors import InputError, nearest, one_line, short_repr, suggestion
from ..base.limits import MOST_WORKERS
from ..config.document import check_document, read_document, to_plain

SCHEDULERS = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "lsf": "LSFCluster",
    "sge": "SGECluster",
    "oar": "OARCluster",
    "moab": "MoabCluster",
    "htcondor": "HTCondorCluster",
    "local": "LocalCluster",
}
"""Classes of dask-jobqueue by the tables of a file; that of ``local`` is Dask's own."""

MOST_JOBS = 10_000
START_LIMIT_S = 3600.0

_KEYS = ("jobs", "start_limit_s")

_SET_HERE = {
    *("self", "args", "kwargs", "scheduler", "name", "job_cls", "loop", "start", "asynchronous", "scheduler_cls"),
    *("n_workers", "job_kwargs", "base_class_kwargs", "worker_kwargs", "dashboard_address", "host", "ip"),
    *("services", "worker_services", "service_kwargs", "blocked_handlers", "worker_class", "silence_logs"),
    *("worker_command", "extra", "job_extra", "env_extra", "header_skip", "shutdown_on_close"),
}
"""Parameters of the classes that are set here, deprecated, or no values of a file."""

_LOCAL = ("host", "dashboard_address", "memory_limit", "local_directory")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\n" not in value


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


Form = tuple[str, Callable[[Any], bool]]
_COUNT: Form = ("an integer at least 1", _is_count)
_NUMBER: Form = ("a positive number", _is_number)
_FLAG: Form = ("true or false", lambda value: isinstance(value, bool))
_TEXT: Form = ("a nonempty string", _is_text)
_TEXTS: Form = ("a list of strings", _are_texts)
_TABLE: Form = ("a table", lambda value: isinstance(value, dict))
_EITHER: Form = ("a list of strings or a table", lambda value: _are_texts(value) or isinstance(value, dict))
_FORMS: dict[str, Form] = {
    **dict.fromkeys(("cores", "processes", "job_cpu", "ncpus", "mem", "threads_per_worker"), _COUNT),
    **dict.fromkeys(("scheduler_port",), _COUNT),
    **dict.fromkeys(("death_timeout", "scheduler_sync_interval"), _NUMBER),
    **dict.fromkeys(("nanny", "use_stdin", "security"), _FLAG),
    **dict.fromkeys(("worker_extra_args", "job_script_prologue", "job_directives_skip"), _TEXTS),
    **dict.fromkeys(("submit_command_extra", "cancel_command_extra"), _TEXTS),
    "job_extra_directives": _EITHER,
    **dict.fromkeys(("scheduler_options", "scheduler_kwargs"), _TABLE),
}
"""What values must be; all others are strings."""


@attrs.frozen(kw_only=True)
class ClusterFile:
    """A validated description of a cluster.

    Attributes
    ----------
    source : str
        Name of the file, for messages.
    scheduler : str
        A key of :data:`SCHEDULERS`.
    options : dict
        Options of its class.
    jobs : tuple of int
        Least and largest number of jobs.
    start_limit_s : float
        Time in seconds without a worker, while there is work, after which a study is stopped.
    """

    source: str
    scheduler: str
    options: dict[str, Any]
    jobs: tuple[int, int]
    start_limit_s: float

    @property
    def workers(self) -> int:
        """The largest number of processes."""
        return self.jobs[1] * (1 if self.scheduler == "local" else int(self.options["processes"]))


def read_cluster(source: str | PathLike[str] | Mapping[str, Any]) -> ClusterFile:
    """Return the description of a cluster in a TOML file, or in a mapping with the keys of one.

    Raises
    ------
    InputError
        If the file cannot be read, a key or value is not valid, or dask-jobqueue is not installed.
    """
    if isinstance(source, Mapping):
        return _Reader("cluster").read(to_plain(check_document(source)))
    return _Reader(str(source)).read(read_document(Path(source)))


class _Reader:
    """Validates a document; errors name its source."""

    def __init__(self, source: str) -> None:
        self.source = source

    def at(self, key: str) -> str:
        """Return the name of a key of the file."""
        return f"{self.source}: {key}"

    def read(self, document: dict[str, Any]) -> ClusterFile:
        tables = [key for key in document if key in SCHEDULERS]
        for key in document:
            if key not in SCHEDULERS and key not in _KEYS:
                hint = nearest(key, (*SCHEDULERS, *_KEYS)) or f"; known: {', '.join((*SCHEDULERS, *_KEYS))}"
                raise InputError(self.at(key), f"is not a known key or job scheduler{hint}")
        if len(tables) != 1:
            given = " and ".join(f"[{one}]" for one in tables) or "none"
            raise InputError(
                f"{self.source}:", f"must have one table of a job scheduler, such as [slurm], got {given}"
            )
        name = tables[0]
        if not isinstance(document[name], dict):
            raise InputError(self.at(name), f"must be a table, got {short_repr(document[name])}")
        jobs = self._jobs(document, MOST_WORKERS if name == "local" else MOST_JOBS)
        limit = document.get("start_limit_s", START_LIMIT_S)
        if not _is_number(limit):
            raise InputError(self.at("start_limit_s"), f"must be a positive number, got {short_repr(limit)}")
        return ClusterFile(
            source=self.source,
            scheduler=name,
            options=self._options(name, document[name]),
            jobs=jobs,
            start_limit_s=float(limit),
        )

    def _jobs(self, document: dict[str, Any], most: int) -> tuple[int, int]:
        value = document.get("jobs")
        if value is None:
            raise InputError(self.at("jobs"), "must be given: a number, or { minimum = 0, maximum = 10 }")
        if not isinstance(value, dict):
            return (self._count("jobs", value, 1, most),) * 2
        for key in value:
            if key not in ("minimum", "maximum"):
                raise InputError(
                    self.at(f"jobs.{key}"), f"is not a known key{suggestion(key, ('minimum', 'maximum'))}"
                )
        least = self._count("jobs.minimum", value.get("minimum", 0), 0, most)
        if "maximum" not in value:
            raise InputError(self.at("jobs.maximum"), "must be given")
        return least, self._count("jobs.maximum", value["maximum"], max(least, 1), most)

    def _count(self, key: str, value: Any, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            problem = f"must be an integer from {least} to {most}, got {short_repr(value)}"
            raise InputError(self.at(key), problem)
        return value

    def _options(self, name: str, table: dict[str, Any]) -> dict[str, Any]:
        known = self._known(name)
        local: dict[str, Form] = {"processes": _FLAG} if name == "local" else {}
        for key, value in table.items():
            own = f"{name}.{key}"
            if key in _KEYS:
                raise InputError(self.at(own), f"is not an option of the scheduler: write {key} above [{name}]")
            if key not in known:
                raise InputError(self.at(own), f"is not a known option{suggestion(key, known)}")
            noun, holds = (_FORMS | local).get(key, _TEXT)
            if not holds(value):
                raise InputError(self.at(own), f"must be {noun}, got {short_repr(value)}")
        if name == "local":
            return {"threads_per_worker": 1, "dashboard_address": ":0", **table}
        return self._jobs_options(name, table)

    def _known(self, name: str) -> list[str]:
        """Return the options of a scheduler."""
        cluster = cluster_class(self.source, name)
        if name == "local":
            functions = [cluster.__init__]
        else:
            from dask_jobqueue.core import Job, JobQueueCluster

            functions = [one.__init__ for one in (cluster, JobQueueCluster, cluster.job_cls, Job)]
        names = {key for function in functions for key in inspect.signature(function).parameters}
        return sorted(names - _SET_HERE | ({*_LOCAL} if name == "local" else set()))

    def _jobs_options(self, name: str, table: dict[str, Any]) -> dict[str, Any]:
        """Return the options of a job, with defaults; one process for each core."""
        import dask
        from dask.utils import parse_bytes

        def value_of(key: str) -> Any:
            section = table.get("config_name", name)
            found = table.get(key, dask.config.get(f"jobqueue.{section}.{key}", None))
            if found is None:
                example = {"cores": "cores = 8", "memory": 'memory = "16GB"'}[key]
                raise InputError(self.at(f"{name}.{key}"), f"must be given, as in {example}")
            return found

        cores, memory = value_of("cores"), value_of("memory")
        try:
            parse_bytes(memory)
        except (ValueError, TypeError):
            problem = f"must be a number of bytes such as '16GB', got {short_repr(memory)}"
            raise InputError(self.at(f"{name}.memory"), problem) from None
        if table.get("processes", 1) > cores:
            raise InputError(
                self.at(f"{name}.processes"), f"must be at most cores, {cores}, got {table['processes']}"
            )
        scheduler = {"dashboard_address": ":0", **table.get("scheduler_options", {})}
        return {"processes": cores, **table, "scheduler_options": scheduler}


def cluster_class(source: str, name: str) -> Any:
    """Return the class of dask-jobqueue, or of Dask, for a job scheduler.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import distributed

        return distributed.LocalCluster if name == "local" else getattr(_jobqueue(), SCHEDULERS[name])
    except ImportError as error:
        missing = one_line(error)
        problem = f"needs dask-jobqueue ({missing}): python -m pip install 'isacfw[cluster]'"
        raise InputError(f"{source}: {name}", problem) from None


def _jobqueue() -> Any:
    """Return dask-jobqueue, which replaces the handler of Ctrl-C when it is imported."""
    on_main = threading.current_thread() is threading.main_thread()
    if not on_main and "dask_jobqueue" not in sys.modules:
        raise ImportError("it can be imported in the main thread only")
    before = signal.getsignal(signal.SIGINT)
    try:
        import dask_jobqueue
    finally:
        if on_main:
            signal.signal(signal.SIGINT, before)
    return dask_jobqueue
