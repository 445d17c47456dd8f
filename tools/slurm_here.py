"""A Slurm cluster of three nodes on this machine, with a key, sockets and ports of its own, for tests and trials.

``python tools/slurm_here.py FOLDER`` starts one as root, prints how to use it, and ends it at Ctrl-C. It needs
slurmctld, slurmd and munged (Debian: slurm-wlm, munge).
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

NODES = ("here1", "here2", "here3")
GPUS = 2
"""Of each node: empty files, which Slurm hands out all the same."""
_START = 20.0
"""Seconds for the daemons to come up."""
_CONF = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmctldPort={port}
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
GresTypes=gpu
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
KillWait=2
ReturnToService=2
SlurmdTimeout=10
MailProg=/bin/true
"""


def missing() -> str | None:
    """Return why a cluster cannot be started here, None where it can."""
    programs = [name for name in ("slurmctld", "slurmd", "munged", "sbatch") if shutil.which(name) is None]
    if programs:
        return f"{', '.join(programs)} not installed (Debian: slurm-wlm, munge)"
    return None if os.geteuid() == 0 else "a cluster is started by root"


class SlurmHere:
    """The cluster; ``environment`` is what its commands need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        self._daemons: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "state").mkdir()
        folder.chmod(0o755)
        host, ports = socket.gethostname().partition(".")[0], _free_ports(1 + len(NODES))
        nodes = [
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=8000 "
            f"Gres=gpu:{GPUS} State=UNKNOWN"
            for name, port in zip(NODES, ports[1:], strict=True)
        ]
        nodes.append(f"PartitionName=all Nodes={','.join(NODES)} Default=YES MaxTime=INFINITE State=UP")
        conf = _CONF.format(host=host, folder=folder, port=ports[0]).lstrip() + "\n".join(nodes) + "\n"
        (folder / "slurm.conf").write_text(conf)
        for number in range(GPUS):
            (folder / f"gpu{number}").touch()
        (folder / "gres.conf").write_text(f"AutoDetect=off\nName=gpu File={folder}/gpu[0-{GPUS - 1}]\n")
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        try:
            self._start("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket",
                        f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log",
                        f"--seed-file={folder}/munged.seed")  # fmt: skip
            _until((folder / "munge.socket").exists)
            self._start("slurmctld", "-D", "-f", f"{folder}/slurm.conf")
            for name in NODES:
                (folder / f"spool-{name}").mkdir()
                self._start("slurmd", "-D", "-N", name, "-f", f"{folder}/slurm.conf")
            _until(lambda: self.ask("sinfo", "-h", "-N", "-o", "%t").split().count("idle") == len(NODES))
        except BaseException:
            self.stop()
            raise

    def ask(self, *command: str) -> str:
        """Return what a command of Slurm prints."""
        done = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, timeout=30, check=False
        )
        return done.stdout

    def stop(self) -> None:
        """End all jobs, then all daemons."""
        if len(self._daemons) > 1:
            with suppress(subprocess.TimeoutExpired):
                self.ask("scancel", "--signal=KILL", "--user=root")
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in reversed(self._daemons):
            try:
                daemon.wait(5)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait(5)

    def _start(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.out").open("ab") as out:
            self._daemons.append(
                subprocess.Popen(
                    command,
                    env=os.environ | self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
            )


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _until(there: object) -> None:
    assert callable(there)
    end = time.monotonic() + _START
    while not there():
        if time.monotonic() > end:
            raise TimeoutError(f"no Slurm cluster within {_START:.0f} s")
        time.sleep(0.2)


if __name__ == "__main__":
    if why := missing():
        sys.exit(why)
    cluster = SlurmHere(Path(sys.argv[1]).absolute())
    try:
        print(f"export SLURM_CONF={cluster.environment['SLURM_CONF']}", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        cluster.stop()
