"""A SLURM cluster of one node on this machine, for tests: its own authentication, controller and node."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue")

CONFIGURATION = """
ClusterName=loopback
SlurmctldHost=localhost
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
KillWait=2
NodeName=localhost NodeHostname=localhost NodeAddr=127.0.0.1 CPUs={processors} RealMemory={memory} State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """Return the programs of SLURM that are not installed; those of a node are in the folder of the system."""
    return [name for name in PROGRAMS if _find(name) is None]


def _find(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def running_slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the environment in which commands find a running cluster.

    Parameters
    ----------
    folder : Path
        Empty folder for its files; nothing outside of it is written.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir()
    folder.chmod(0o755)
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder, user=os.environ.get("USER", "root"), ports=_free_ports(2), processors=2, memory=4000
        ),
        encoding="utf-8",
    )
    environment = os.environ | {"SLURM_CONF": str(configuration)}
    files = {name: f"--{name}={folder}/munge.{name.partition('-')[0]}" for name in ("key-file", "socket")}
    others = [f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/seed"]
    commands = [
        [_find("munged"), "--foreground", "--force", *files.values(), *others],
        [_find("slurmctld"), "-D", "-f", str(configuration)],
        [_find("slurmd"), "-D", "-N", "localhost", "-f", str(configuration)],
    ]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            started.append(
                subprocess.Popen(
                    [str(word) for word in command],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
            time.sleep(1)
        _wait_for_node(environment)
        yield environment
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for_node(environment: dict[str, str]) -> None:
    for _ in range(60):
        done = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"], env=environment, capture_output=True, text=True, check=False
        )
        if done.stdout.strip() in ("idle", "mixed"):
            return
        time.sleep(1)
    raise AssertionError(f"the node of SLURM has not started: {done.stdout} {done.stderr}")


def jobs(environment: dict[str, str], state: str = "") -> list[str]:
    """Return the numbers of jobs, in a state if one is given."""
    options = [f"--states={state}"] if state else []
    done = subprocess.run(
        ["squeue", "--noheader", "--format=%i", *options],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()
