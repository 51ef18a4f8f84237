"""A Slurm of several nodes on this machine, for tests of jobs on more than one: each node has a network namespace, an address and
a host name of its own, so that Slurm, mpirun and MPI take them for separate hosts and talk over TCP. All of it, the controller
included, is in these namespaces and in one folder, and gone at the end.

Needs root, Slurm, Munge and iproute2 (Debian: slurm-wlm munge iproute2).
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path

from lib.suite import expect

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged", "ip", "nsenter", "unshare")
NETWORK = "10.77.13"
# Seconds after which the controller takes a node that does not answer for down.
TIMEOUT = 10


def missing():
    """What of the programs is not there."""
    return [name for name in PROGRAMS if not shutil.which(name)]


def call(*command, **options):
    """Runs a command of the system; its output."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    expect(result.returncode == 0, f"{' '.join(map(str, command))}: {result.stderr or result.stdout}")
    return result.stdout.strip()


class Nodes:
    """As a context: the nodes n1, n2, … and the commands of a user who is logged in on the head node. Folders that are hidden
    are empty for all of them."""

    def __init__(self, folder, count, cores=4, hidden=()):
        self.folder, self.names, self.cores = Path(folder), [f"n{number + 1}" for number in range(count)], cores
        self.hidden = [str(path) for path in hidden]
        self.prefix = f"fedcrld{os.getpid()}"
        self.daemons = []

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # First those that would start again what ends.
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
        for node in ["head", *self.names]:
            space = self._space(node)
            pids = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True, check=False).stdout
            for pid in pids.split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            subprocess.run(["umount", self.folder / f"uts-{node}"], capture_output=True, check=False)
            subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)

    def _space(self, node):
        return f"{self.prefix}-{node}"

    def on(self, node, *command):
        """The command that runs another as if on a node, which has its own name, network and table of hosts."""
        script = (
            'mount --bind "$1" /etc/hosts && shift && '
            'while [[ $1 != -- ]]; do mount -t tmpfs none "$1" || exit; shift; done && shift && exec "$@"')
        return ["nsenter", f"--net=/run/netns/{self._space(node)}", f"--uts={self.folder}/uts-{node}", "unshare", "--mount",
                "bash", "-c", script, "bash", self.folder / "hosts", *self.hidden, "--", *command]

    def run(self, *command, **options):
        """Runs a command of Slurm's on the head node; its output."""
        return call(*self.on("head", *command), **options)

    def cut(self, node):
        """Unplugs a node's network."""
        call("ip", "-n", self._space("head"), "link", "set", f"to-{node}", "down")

    def heal(self, node):
        """Plugs it in again."""
        call("ip", "-n", self._space("head"), "link", "set", f"to-{node}", "up")

    def state(self, job):
        """A job's state as Slurm names it; "" of one that it has forgotten."""
        return self.run("squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={job}")

    def _start(self):
        self.folder.mkdir(parents=True)
        addresses = {"head": f"{NETWORK}.1", **{name: f"{NETWORK}.{index + 11}" for index, name in enumerate(self.names)}}
        (self.folder / "hosts").write_text(
            "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in addresses.items()))
        for node, address in addresses.items():
            space = self._space(node)
            call("ip", "netns", "add", space)
            call("ip", "-n", space, "link", "set", "lo", "up")
            (self.folder / f"uts-{node}").touch()
            call("unshare", f"--uts={self.folder}/uts-{node}", "hostname", node)
            if node == "head":
                call("ip", "-n", space, "link", "add", "bridge", "type", "bridge")
                call("ip", "-n", space, "addr", "add", f"{address}/24", "dev", "bridge")
                call("ip", "-n", space, "link", "set", "bridge", "up")
                continue
            call("ip", "-n", self._space("head"), "link", "add", f"to-{node}", "type", "veth", "peer", "name", "eth0",
                 "netns", space)
            call("ip", "-n", self._space("head"), "link", "set", f"to-{node}", "master", "bridge", "up")
            call("ip", "-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
            call("ip", "-n", space, "link", "set", "eth0", "up")
        self._configure(addresses)
        (self.folder / "munge.key").write_bytes(os.urandom(1024))
        (self.folder / "munge.key").chmod(0o400)
        self._daemon(
            "head", "munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key",
            f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munge.pid",
            f"--log-file={self.folder}/munge.log", f"--seed-file={self.folder}/munge.seed")
        self._wait((self.folder / "munge.socket").exists, "munged")
        os.environ["SLURM_CONF"] = str(self.folder / "slurm.conf")
        self._daemon("head", "slurmctld", "-D", "-i")
        for node in self.names:
            self._daemon(node, "slurmd", "-D")
        self._wait(self.idle, "the nodes")

    def idle(self):
        """Whether all nodes are ready for a job."""
        command = self.on("head", "sinfo", "--noheader", "--Node", "--format=%T")
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return result.stdout.split() == ["idle"] * len(self.names)

    def _wait(self, condition, what, limit=60):
        end = time.monotonic() + limit
        while not condition():
            expect(time.monotonic() < end, f"not within {limit} s: {what}; logs are in {self.folder}")
            time.sleep(0.2)

    def _daemon(self, node, *command):
        with open(self.folder / f"{command[0]}-{node}.out", "wb") as log:
            self.daemons.append(subprocess.Popen(
                [str(word) for word in self.on(node, *command)], stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def _configure(self, addresses):
        user = pwd.getpwuid(os.geteuid()).pw_name
        lines = {
            "ClusterName": "tests", "SlurmctldHost": f"head({addresses['head']})", "SlurmUser": user, "SlurmdUser": user,
            "AuthType": "auth/munge", "AuthInfo": f"socket={self.folder}/munge.socket",
            "StateSaveLocation": self.folder / "state", "SlurmdSpoolDir": f"{self.folder}/spool-%n",
            "SlurmctldPidFile": self.folder / "slurmctld.pid", "SlurmdPidFile": f"{self.folder}/slurmd-%n.pid",
            "SlurmctldLogFile": self.folder / "slurmctld.log", "SlurmdLogFile": f"{self.folder}/slurmd-%n.log",
            "TmpFS": f"{self.folder}/tmp-%n", "ProctrackType": "proctrack/linuxproc", "TaskPlugin": "task/none",
            "MpiDefault": "none", "SchedulerType": "sched/backfill", "SelectType": "select/cons_tres",
            "SelectTypeParameters": "CR_Core", "SlurmdParameters": "config_overrides", "SlurmdTimeout": TIMEOUT,
            "ReturnToService": 2, "JobRequeue": 1, "MinJobAge": 300, "KillWait": 5, "UnkillableStepTimeout": 20,
        }
        text = "".join(f"{key}={value}\n" for key, value in lines.items())
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 // (2 * len(self.names))
        (self.folder / "state").mkdir()
        for name in self.names:
            text += f"NodeName={name} NodeAddr={addresses[name]} CPUs={self.cores} RealMemory={memory} State=UNKNOWN\n"
            for folder in (f"spool-{name}", f"tmp-{name}"):
                (self.folder / folder).mkdir()
        text += f"PartitionName=debug Nodes={','.join(self.names)} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO\n"
        (self.folder / "slurm.conf").write_text(text)
