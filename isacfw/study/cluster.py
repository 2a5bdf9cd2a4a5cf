"""Clusters that a study starts and ends itself: jobs of a scheduler, or processes on this machine."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

from ..base.errors import InputError, IsacError
from ..base.time_limit import interrupts_held_back
from .cluster_file import ClusterFile, cluster_class
from .cluster_services import describe_deaths, interrupts_blocked, quiet_logs, reason_of_failure
from .execution import Execution
from .processes import start_tracker

_LOOK_S = 0.5
"""Time between looks at the workers."""

_RENEW_S = 10.0
"""Time between replacements of jobs that have ended."""

_CLOSE_S = 1.5
"""Longest time in seconds for each step of the end of a cluster; an interrupted command ends after five."""

Tell = Callable[[str], None]


@contextmanager
def open_cluster(file: ClusterFile, out: Path | None = None, tell: Tell | None = None) -> Iterator[Executor]:
    """Yield the executor of a cluster, which starts when the first chunk is submitted, and ends with the body.

    Parameters
    ----------
    file : ClusterFile
        The cluster.
    out : Path, optional
        Folder of results, whose folder ``jobs`` gets the output of jobs.
    tell : callable, optional
        Called with a line when jobs are submitted.

    Raises
    ------
    InputError
        If the command of the job scheduler does not exist, or it refuses the job.
    IsacError
        If no worker has come, or none is left, for the time limit of the file.
    """
    executor = ClusterExecutor(file, out, tell or (lambda _line: None))
    with quiet_logs():
        try:
            yield executor
        finally:
            executor.shutdown()


@contextmanager
def on_cluster(execution: Execution) -> Iterator[Execution]:
    """Yield an execution by the executor of its cluster; itself if it has none."""
    if execution.cluster is None:
        yield execution
        return
    with open_cluster(execution.cluster, execution.out) as executor:
        yield attrs.evolve(execution, cluster=None, executor=executor)


class ClusterExecutor(Executor):
    """The executor of a cluster that is started when it is needed; see :func:`open_cluster`.

    Attributes
    ----------
    workers : int
        The largest number of processes.
    """

    on_cluster = True

    def __init__(self, file: ClusterFile, out: Path | None, tell: Tell) -> None:
        self.workers = file.workers
        self._file, self._out, self._tell = file, out, tell
        self._client: Any = None
        self._cluster: Any = None
        self._inner: Executor | None = None
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._waiting: set[Future[Any]] = set()
        self._error: IsacError | None = None
        self._jobs: dict[str, None] = {}
        self._refusals: list[str] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        """Submit a call, and start the cluster before the first one."""
        if self._inner is None:
            self._start()
        outer: Future[Any] = Future()
        with self._lock:
            if self._error is not None:
                raise self._error
            self._waiting.add(outer)
        assert self._inner is not None
        inner = self._inner.submit(function, *arguments, **options)
        outer.add_done_callback(lambda future: inner.cancel() if future.cancelled() else None)
        inner.add_done_callback(lambda future: self._pass_on(future, outer))
        return outer

    def _pass_on(self, inner: Future[Any], outer: Future[Any]) -> None:
        """Pass the result of a future of Dask on, unless the study has ended with an error."""
        with self._lock:
            if outer not in self._waiting or not outer.set_running_or_notify_cancel():
                return
            self._waiting.discard(outer)
        if inner.cancelled():
            outer.set_exception(IsacError("the cluster has ended"))
        elif (error := inner.exception()) is not None:
            outer.set_exception(describe_deaths(error))
        else:
            outer.set_result(inner.result())

    def _fail(self, error: IsacError) -> None:
        """Let all that is waited for end with an error."""
        with self._lock:
            self._error = error
            waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)

    def _start(self) -> None:
        from distributed import Client

        file = self._file
        options, classes = dict(file.options), cluster_class(file.source, file.scheduler)
        if file.scheduler != "local":
            self._check_command(classes.job_cls.submit_command)
            if self._out is not None:
                options.setdefault("log_directory", str(self._out.absolute() / "jobs"))
            options["job_cls"] = self._noting(classes.job_cls)
        start_tracker()
        try:
            with interrupts_held_back(), interrupts_blocked(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._cluster = classes(n_workers=0, silence_logs=logging.CRITICAL, **options)
                self._client = Client(self._cluster, set_as_default=False)
                self._scale()
        except Exception as error:
            raise InputError(
                f"{file.source}: {file.scheduler}", f"cannot be started: {reason_of_failure(error)}"
            ) from None
        self._inner = self._client.get_executor(pure=False)
        least, most = file.jobs
        number, plural = f"{most}" if least == most else f"{least} to {most}", "" if most == 1 else "s"
        local = file.scheduler == "local"
        kind = f"worker{plural} on this machine" if local else f"job{plural} of {file.scheduler}"
        self._tell(f"{file.source}: {number} {kind}")
        threading.Thread(target=self._watch, daemon=True).start()

    def _scale(self) -> None:
        least, most = self._file.jobs
        if least == most:
            self._cluster.scale(**self._number(most))
        elif self._file.scheduler == "local":
            self._cluster.adapt(minimum=least, maximum=most)
        else:
            self._cluster.adapt(minimum_jobs=least, maximum_jobs=most)

    def _number(self, jobs: int) -> dict[str, int]:
        return {"n": jobs} if self._file.scheduler == "local" else {"jobs": jobs}

    def _check_command(self, command: str) -> None:
        program = shlex.split(command)[0]
        if shutil.which(program) is None:
            problem = (
                f"needs the command {program}, which this machine does not have: run where jobs are submitted"
            )
            raise InputError(f"{self._file.source}: {self._file.scheduler}", problem)

    def _noting(self, job_cls: Any) -> Any:
        """Return a class of jobs that notes the number of each job, and why one was refused."""
        from distributed import Status

        owner = self

        class NotingJob(job_cls):  # type: ignore[misc]
            async def start(self) -> None:
                try:
                    await super().start()
                except Exception as error:
                    owner._refusals.append(reason_of_failure(error))
                    self.status = Status.failed
                    raise
                owner._jobs[str(self.job_id)] = None

            async def close(self) -> None:
                await super().close()
                owner._jobs.pop(str(self.job_id), None)

        return NotingJob

    def _watch(self) -> None:
        """Replace jobs that have ended, and stop the study where none starts."""
        last = renewed = time.monotonic()
        while not self._ended.wait(_LOOK_S):
            now = time.monotonic()
            try:
                if self._cluster.scheduler.workers or not self._waiting:
                    last = now
                elif self._refusals and not self._jobs:
                    key = f"{self._file.source}: {self._file.scheduler}"
                    self._fail(InputError(key, f"refuses the job: {self._refusals[-1]}"))
                elif now - last > self._file.start_limit_s:
                    self._fail(IsacError(self._describe_absence()))
                if now - renewed > _RENEW_S:
                    renewed = now
                    self._cluster.scale(**self._number(len(self._cluster.worker_spec)))
            except Exception as error:  # The cluster is broken, or being closed.
                if not self._ended.is_set():
                    self._fail(
                        IsacError(f"{self._file.source}: the cluster has failed: {reason_of_failure(error)}")
                    )

    def _describe_absence(self) -> str:
        jobs = ", ".join(list(self._jobs)[:5])
        where = f"jobs {jobs}" if jobs else "no job is left"
        if self._out is not None and self._file.scheduler != "local":
            logs = self._file.options.get("log_directory", self._out / "jobs")
            where += f", whose output is in {logs}"
        limit = f"{self._file.start_limit_s:g} s"
        return f"{self._file.source}: no worker for {limit}, the start_limit_s of the file ({where})"

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End all jobs and workers."""
        self._ended.set()
        with interrupts_held_back(), suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self._cluster is None:
                return
            if self._cluster.__dict__.get("_adaptive") is not None:
                self._cluster._adaptive.stop()
            self._cancel_jobs()
            self._kill_workers()
            with suppress(Exception):
                self._client.close(timeout=_CLOSE_S)
            with suppress(Exception):
                self._cluster.close(timeout=_CLOSE_S)
            # Or Dask would wait for it again when the process ends.
            self._cluster.shutdown_on_close = False

    def _kill_workers(self) -> None:
        """Kill processes on this machine, which may be in the middle of a chunk."""
        for nanny in list(self._cluster.workers.values()):
            if (process := getattr(nanny, "pid", None)) is not None:
                nanny.auto_restart = False
                with suppress(OSError):
                    os.kill(process, signal.SIGKILL)

    def _cancel_jobs(self) -> None:
        """Cancel all jobs by one command: those of Dask's end one after the other, and after their workers."""
        if self._jobs:
            command = shlex.split(self._cluster.job_cls.cancel_command)
            with suppress(OSError, subprocess.SubprocessError):
                subprocess.run(
                    [*command, *self._jobs],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_CLOSE_S,
                    start_new_session=True,
                )
