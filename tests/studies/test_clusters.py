"""Clusters that a study starts and ends itself: files that describe them, jobs that fail, workers elsewhere."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

import attrs
import cloudpickle
import pytest
from folders import chunks_of

import isacfw
from isacfw import Execution, InputError, IsacError, PluginHost, compare
from isacfw.config.load import to_loaded
from isacfw.report.comparison import Comparison
from isacfw.results.chunk import Chunk
from isacfw.study.cluster_file import read_cluster
from isacfw.study.remote import Machine, remote_task, solve_remotely
from isacfw.study.spec import specify

pytest.importorskip("distributed")
pytest.importorskip("dask_jobqueue")

# Dask's, whose sockets are closed when they are collected.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

SLURM = {"jobs": 2, "slurm": {"cores": 1, "memory": "2GB"}}
LOCAL = {"jobs": 2, "local": {}}
MANY = {"drops": 24, "precoders": ["mrt", "zf"], "allocators": ["probe", "exact"]}


# Files.


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("jobs = 1", ": must have one table of a job scheduler, such as [slurm], got none"),
        (
            "jobs = 1\n[pbs]\n[sge]",
            ": must have one table of a job scheduler, such as [slurm], got [pbs] and [sge]",
        ),
        ("jobs = 1\n[slum]", ": slum is not a known key or job scheduler; did you mean 'slurm'?"),
        ("job = 1\n[slurm]", ": job is not a known key or job scheduler; did you mean 'jobs'?"),
        ("jobs = 1\nslurm = 2", ": slurm must be a table, got 2"),
        ("[local]", ": jobs must be given: a number, or { minimum = 0, maximum = 10 }"),
        ("jobs = 0\n[local]", ": jobs must be an integer from 1 to "),
        ("jobs = 'a'\n[slurm]", ": jobs must be an integer from 1 to 10000, got 'a'"),
        ("jobs = { maxi = 1 }\n[slurm]", ": jobs.maxi is not a known key; did you mean 'maximum'?"),
        ("jobs = { minimum = 1 }\n[slurm]", ": jobs.maximum must be given"),
        (
            "jobs = { minimum = 3, maximum = 2 }\n[slurm]",
            ": jobs.maximum must be an integer from 3 to 10000, got 2",
        ),
        ("jobs = 1\nstart_limit_s = 0\n[slurm]", ": start_limit_s must be a positive number, got 0"),
        ("jobs = 1\n[slurm]\ncoers = 1", ": slurm.coers is not a known option; did you mean 'cores'?"),
        ("[slurm]\njobs = 1", ": jobs must be given"),
        (
            "jobs = 2\n[slurm]\njobs = 1",
            ": slurm.jobs is not an option of the scheduler: write jobs above [slurm]",
        ),
        ("jobs = 1\n[slurm]\nmemory = '1GB'", ": slurm.cores must be given, as in cores = 8"),
        ("jobs = 1\n[slurm]\ncores = 1", ': slurm.memory must be given, as in memory = "16GB"'),
        (
            "jobs = 1\n[slurm]\ncores = 0.5\nmemory = '1GB'",
            ": slurm.cores must be an integer at least 1, got 0.5",
        ),
        ("jobs = 1\n[slurm]\ncores = 1\nmemory = 'much'", ": slurm.memory must be a number of bytes such as"),
        (
            "jobs = 1\n[pbs]\ncores = 1\nmemory = '1GB'\nwalltime = 10",
            ": pbs.walltime must be a nonempty string, got 10",
        ),
        (
            "jobs = 1\n[lsf]\ncores = 1\nprocesses = 2\nmemory = '1GB'",
            ": lsf.processes must be at most cores, 1, got 2",
        ),
        (
            "jobs = 1\n[sge]\njob_script_prologue = 'cd'",
            ": sge.job_script_prologue must be a list of strings, got 'cd'",
        ),
        ("jobs = 1\n[slurm]\nscheduler = 'tcp://a:1'", ": slurm.scheduler is not a known option"),
        (
            "jobs = 1\n[local]\nmemory = '1GB'",
            ": local.memory is not a known option; did you mean 'memory_limit'?",
        ),
        ("jobs = ", " is not valid TOML: "),
    ],
)
def test_a_wrong_file_is_one_line_with_the_path_of_the_key(text, problem, cli, tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_text(text, encoding="utf-8")
    status, printed, error = cli("compare", "--cluster", path)
    assert (status, printed) == (2, "")
    assert error.startswith(f"isacfw: {path}{problem}")
    assert error.count("\n") == 1
    with pytest.raises(InputError):
        Execution(cluster=path)


@pytest.mark.parametrize("name", ["slurm", "pbs", "lsf", "sge", "oar", "moab", "htcondor"])
def test_every_job_scheduler_has_its_options(name):
    own = {"disk": "1GB"} if name == "htcondor" else {"queue": "short", "walltime": "01:00:00"}
    table = {"cores": 4, "memory": "8GB", "job_extra_directives": ["--exclusive"], **own}
    file = read_cluster({"jobs": {"maximum": 3}, name: table})
    assert (file.scheduler, file.jobs, file.workers) == (name, (0, 3), 12)
    assert file.options.items() >= table.items()


def test_a_cluster_and_other_executors_exclude_each_other(cli, tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_text("jobs = 1\n[local]", encoding="utf-8")
    for option in ("--workers", "2"), ("--scheduler", "tcp://127.0.0.1:1"):
        status, _, error = cli("compare", "--cluster", path, *option)
        assert (status, error.count("\n")) == (2, 1)
        assert error.startswith(f"isacfw: --cluster cannot be combined with {option[0]}")
    with pytest.raises(InputError, match="cluster cannot be combined with workers"):
        Execution(cluster=LOCAL, workers=2)
    with pytest.raises(InputError, match="cluster must be the path of a TOML file"):
        Execution(cluster=3)


def test_software_that_is_missing_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(InputError, match=r"python -m pip install 'isacfw\[cluster\]'"):
        Execution(cluster=SLURM)


# A study.


@pytest.fixture(scope="module")
def study(shared_bed):
    """Return the file of a scenario, and its results in this process."""
    path = shared_bed.scenario(MANY)
    return path, compare(path).dataset


def test_a_study_on_a_cluster_has_the_same_bits_and_starts_nothing_if_nothing_is_missing(
    study, cli, same, tmp_path, monkeypatch
):
    monkeypatch.setattr("isacfw.report.files.save_figures", lambda *_: [])
    path, expected = study
    (tmp_path / "cluster.toml").write_text("jobs = 1\n[local]", encoding="utf-8")
    command = ["compare", path, "--cluster", tmp_path / "cluster.toml", "--out", tmp_path / "out"]
    status, _, error = cli(*command)
    assert status == 0
    assert f"isacfw: {tmp_path / 'cluster.toml'}: 1 worker on this machine" in error.splitlines()
    with Comparison.load(tmp_path / "out" / "results.nc").dataset as found:
        same(found, expected)
    monkeypatch.setattr("isacfw.study.cluster.ClusterExecutor._start", lambda _self: pytest.fail("started"))
    assert cli(*command)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, {"minimum": 0, "maximum": 2}], ids=["fixed", "adaptive"])
def test_a_number_of_jobs_is_fixed_or_follows_the_work(jobs, study, same):
    path, expected = study
    same(compare(path, execution=Execution(cluster=LOCAL | {"jobs": jobs})).dataset, expected)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_one_line_and_ends_the_workers(number, bed, launched, until, tmp_path):
    path, out = bed.scenario({"drops": 300}), tmp_path / "out"
    (tmp_path / "cluster.toml").write_text("jobs = 2\n[local]", encoding="utf-8")
    bed.told("sleep 0.05")
    process = launched("-m", "isacfw", "compare", path, "--cluster", tmp_path / "cluster.toml", "--out", out)
    until(lambda: len(chunks_of(out)) > 2, 90)
    # A terminal sends it to the whole group.
    os.killpg(process.pid, number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    word = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
    assert error.splitlines()[2:] == [f"isacfw: {word}; run the same command with the same --out to resume"]
    until(lambda: not group_members(process.pid))


def group_members(group):
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(entry.parent.name)
    return found


# Jobs, by commands that stand for those of a scheduler.


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Return a function that puts a command on the path; the path has no others but those of the system."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(
        "isacfw.study.cluster.shutil.which", lambda name: name if (folder / name).exists() else None
    )

    def put(name, script):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    put("scancel", f'echo "$@" >> {tmp_path}/cancelled')
    return put


def test_a_scheduler_that_is_not_there_is_one_line(commands, variant):
    with pytest.raises(InputError, match="slurm needs the command sbatch, which this machine does not have"):
        compare(variant(), execution=Execution(cluster=SLURM))


def test_a_job_that_is_refused_is_one_line(commands, variant):
    commands("sbatch", 'echo "sbatch: error: invalid partition specified: x" >&2; exit 1')
    with pytest.raises(InputError, match=r"slurm refuses the job: .* invalid partition specified: x$"):
        compare(variant(), execution=Execution(cluster=SLURM))


def test_jobs_that_never_start_are_one_line_and_cancelled(commands, variant, tmp_path):
    commands("sbatch", 'echo "Submitted batch job 4711"')
    file = SLURM | {"jobs": 1, "start_limit_s": 1}
    with pytest.raises(IsacError, match=r"no worker for 1 s, .* \(jobs 4711, whose output is in .*out/jobs\)"):
        compare(variant(), execution=Execution(cluster=file, out=tmp_path / "out"))
    assert (tmp_path / "cancelled").read_text().split()[0] == "4711"


RUN = 'set -m; sh "$1" > /dev/null 2>&1 & echo "Submitted batch job $!"'
"""Runs a job in the background, in a group of its own."""


@pytest.mark.slow
def test_jobs_do_the_work_and_are_cancelled_at_the_end(commands, study, same, until, tmp_path):
    commands("sbatch", RUN)
    commands("scancel", f'for job in "$@"; do echo $job >> {tmp_path}/cancelled; kill -TERM -- -$job; done')
    path, expected = study
    same(compare(path, execution=Execution(cluster=SLURM)).dataset, expected)
    jobs = set((tmp_path / "cancelled").read_text().split())
    assert len(jobs) == 2
    until(lambda: not any(group_members(int(job)) for job in jobs))


@pytest.mark.slow
def test_a_part_that_ends_its_workers_is_one_line(bed):
    bed.told("die")
    with pytest.raises(IsacError, match=r"^workers died 4 times on the same chunk$"):
        compare(bed.document({"drops": 30}), execution=Execution(cluster=LOCAL))


# Workers elsewhere.


@pytest.fixture
def sent(bed):
    """Return what is sent to a worker for the study of a plugin's file: the packed study, and the sender."""
    loaded = to_loaded(bed.document())
    _, (packed, sender) = remote_task(specify(loaded.scenario, loaded.host), loaded.host)
    return packed, sender


CHUNK = Chunk(points=range(1), drops=range(2))


def test_a_worker_needs_no_file_of_the_sender(sent, bed):
    bed.plugin.unlink()
    packed, sender = sent
    assert solve_remotely(packed, sender, CHUNK).values["status"].tolist() == [[[["feasible"] * 2]]]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("numpy", "1.0", r"has numpy \S+, and the sender 1.0: install the same versions"),
        ("a-solver", "1.0", "has a-solver not installed, and the sender 1.0"),
        ("the code of isacfw", "0", "has another content of the code of isacfw"),
        ("/channel.mat", "0", "has another content of /channel.mat"),
    ],
)
def test_a_worker_with_other_software_or_files_is_one_line(name, value, problem, sent):
    packed, sender = sent
    other = attrs.evolve(sender, found=sender.found | {name: value})
    with pytest.raises(IsacError, match=f"the worker on .* {problem}"):
        solve_remotely(packed, other, CHUNK)


def test_a_module_that_a_worker_lacks_is_one_line(variant):
    loaded = isacfw.load_scenario(variant())
    packed = cloudpickle.dumps((specify(loaded.scenario, loaded.host), ("module_of_a_colleague",)))
    with pytest.raises(IsacError, match="has no module 'module_of_a_colleague': install its distribution"):
        solve_remotely(packed, Machine(found={}), CHUNK)


def test_an_input_file_that_a_worker_lacks_is_one_line(sent, monkeypatch):
    def missing(_spec, _host):
        raise InputError("/data/channel.mat", "must be a file that can be read, got: No such file or directory")

    monkeypatch.setattr(Machine, "of", missing)
    with pytest.raises(IsacError, match=r"lacks an input file, which must be in a shared folder: /data/"):
        solve_remotely(*sent, CHUNK)


def test_hosts_without_plugins_send_none(variant):
    loaded = isacfw.load_scenario(variant())
    assert PluginHost.of_sources(()).sources == ()
    function, (packed, sender) = remote_task(specify(loaded.scenario, loaded.host), loaded.host)
    assert function is solve_remotely
    assert not [name for name in sender.found if "isacfw_plugin_" in name]
    assert len(packed) < 100_000
