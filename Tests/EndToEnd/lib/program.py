"""The built program as a user starts it: alone or under mpirun, to its end or until it is interrupted."""

import errno
import functools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from lib.suite import Failure, expect

PROJECT = Path(__file__).resolve().parents[3]
FEDCRLD = os.path.abspath(os.environ.get("FEDCRLD", str(PROJECT / ".build/release/fedcrld")))

# Longer than anything here takes on a busy machine: what is still running then hangs.
LIMIT = 60

# Open MPI refuses to run as root, which is who one is in a container. Containers also forbid process_vm_readv.
if os.geteuid() == 0:
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
os.environ.setdefault("OMPI_MCA_btl_vader_single_copy_mechanism", "none")
# Open MPI looks for fabrics that are not here a fifth of a second at each start.
os.environ.setdefault("OMPI_MCA_pml", "ob1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# What is written does not depend on where these scripts run.
os.environ["FEDCRLD_PROGRESS"] = "lines"


class Result:
    """How a program ended: its exit status, and what it wrote."""

    def __init__(self, command, status, out, err, seconds):
        self.command, self.status, self.out, self.err, self.seconds = command, status, out, err, seconds

    @property
    def messages(self):
        """The lines of standard error that say why the program failed, not warnings, progress or what mpirun says."""
        lines = [line for line in self.err.splitlines() if line.startswith("fedcrld: ")]
        return [line for line in lines if not line.startswith("fedcrld: warning: ")]

    def succeeded(self):
        """Fails the test unless the status is 0; returns the result."""
        return self.ended_with(0)

    def ended_with(self, status):
        """Fails the test unless the status is this one; returns the result."""
        expect(self.status == status, f"status {self.status} instead of {status}\n{self}")
        return self

    def failed_with(self, status, *words):
        """Fails the test unless the status is this one and the one message of the program has these words."""
        self.ended_with(status)
        expect(len(self.messages) == 1, f"{len(self.messages)} messages instead of one\n{self}")
        for word in words:
            expect(word in self.messages[0], f'no "{word}" in the message\n{self}')
        return self

    def __str__(self):
        command = " ".join(map(str, self.command))
        return f"{command}\nended with status {self.status} after {self.seconds:.1f} s\n{self.err[-3000:]}{self.out[-1500:]}"


class Job:
    """A program that runs. Use as a context: when it is left, the program and all that it started are gone."""

    def __init__(self, *command, environment=None, folder=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE):
        self.command = [word if isinstance(word, bytes) else str(word) for word in command]
        self.start = time.monotonic()
        self.working = _WorkingFolders()
        try:
            self.process = self._start(
                cwd=folder, stdout=stdout, stderr=stderr,
                env={**os.environ, **self.working.environment, **(environment or {})})
        except BaseException:
            self.working.remove()
            raise
        self.pid = self.process.pid

    def _start(self, **options):
        """Starts the process. A machine that has no process or memory left for a moment is asked again."""
        end = time.monotonic() + 60
        while True:
            try:
                return subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, text=True, errors="replace", **options)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.ENOMEM, errno.ETXTBSY) or time.monotonic() > end:
                    raise
                print(f"        | {error}: starting {self.command[0]} again", flush=True)
                time.sleep(0.5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self._kill()
        self.process.communicate()
        self.working.remove()

    def send(self, number):
        """Sends the program itself a signal."""
        self.process.send_signal(number)

    def ranks(self):
        """The process ids of the ranks, in the order of their start."""
        return [pid for pid in descendants(self.pid) if command_name(pid) == Path(FEDCRLD).name[:15]]

    def wait(self, limit=LIMIT):
        """Waits for the end; the test fails if it does not come within `limit` seconds."""
        try:
            out, err = self.process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            self._kill()
            out, err = self.process.communicate()
            result = Result(self.command, "none", out, err, time.monotonic() - self.start)
            raise Failure(f"it hangs: {result}") from None
        # A shell's status for a process that a signal ended.
        status = self.process.returncode if self.process.returncode >= 0 else 128 - self.process.returncode
        return Result(self.command, status, out or "", err or "", time.monotonic() - self.start)

    def _kill(self):
        for pid in [self.pid, *descendants(self.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


class _WorkingFolders:
    """Folders of a job's own for what Open MPI keeps in files while it runs: segments of shared memory and its session. Jobs
    that run at the same time do not meet there, and what killed ranks have left behind goes with them."""

    def __init__(self):
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.segments = tempfile.mkdtemp(prefix="fedcrld-", dir=memory)
        # Names of sockets are short.
        try:
            self.session = tempfile.mkdtemp(prefix="ompi-", dir="/tmp")
        except BaseException:
            os.rmdir(self.segments)
            raise
        self.environment = {
            "OMPI_MCA_btl_vader_backing_directory": self.segments, "OMPI_MCA_osc_sm_backing_directory": self.segments,
            "OMPI_MCA_orte_tmpdir_base": self.session}

    def remove(self):
        for folder in (self.segments, self.session):
            # A process that was killed may be about to make something there still.
            for _ in range(20):
                shutil.rmtree(folder, ignore_errors=True)
                if not os.path.exists(folder):
                    break
                time.sleep(0.1)


def run(*command, limit=LIMIT, **options):
    """Runs a command to its end."""
    with Job(*command, **options) as job:
        return job.wait(limit)


def fedcrld(*arguments, **options):
    """Runs the program alone."""
    return run(FEDCRLD, *arguments, **options)


def mpirun(ranks, *arguments, **options):
    """Runs the program on so many ranks."""
    return run(*launcher(ranks), FEDCRLD, *arguments, **options)


@functools.cache
def _launcher():
    command = os.environ.get("MPIRUN", "mpirun")
    expect(shutil.which(command), f"there is no {command}")
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=False).stdout
    return command, ["--oversubscribe", "--bind-to", "none"] if "Open MPI" in version else []


def launcher(ranks):
    """The command that starts so many ranks on this machine, however few cores it has."""
    command, options = _launcher()
    return [command, "-n", str(ranks), *options]


def wait_until(condition, what, limit=LIMIT):
    """Waits until `condition()`; the test fails if it does not come true within `limit` seconds."""
    end = time.monotonic() + limit
    while not condition():
        expect(time.monotonic() < end, f"not within {limit} s: {what}")
        time.sleep(0.02)


# Processes, by /proc.


def _status(pid):
    """Name, state and parent of a process; None where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
    return name, rest[0], int(rest[1])


def command_name(pid):
    """The name of a process, at most 15 characters of it; None where there is none."""
    status = _status(pid)
    return status[0] if status else None


def is_alive(pid):
    """Whether a process runs. One that has ended but was not waited for does not."""
    status = _status(pid)
    return status is not None and status[1] not in "ZX"


def descendants(pid):
    """The processes that a process started, and those started by them, by id."""
    parents = {int(entry.name): _status(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    found, pending = [], [pid]
    while pending:
        parent = pending.pop()
        children = [child for child, status in parents.items() if status and status[2] == parent]
        found += children
        pending += children
    return sorted(found)
