"""A run that is killed again and again, at any instant, loses nothing that was complete, and comes to the same end.

The kills are drawn from a seed; half of them hit while a checkpoint is being written. FEDCRLD_KILLS sets their number.
With FEDCRLD_SLURM, jobs of the project's own sbatch files are killed on the Slurm that is there, by scancel and by the
death of a rank, of the launcher and of the job step's daemon; that is not part of scripts/test.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from lib.program import FEDCRLD, Job, command_name, descendants, is_alive, wait_until
from lib.runs import (
    SETTINGS, expect_same_bits, expect_sound, metrics, positions, resume, resuming, rounds, settings, simulate, train,
    training)
from lib.suite import expect, fixture, main, shared_folder, test

KILLS = int(os.environ.get("FEDCRLD_KILLS", "2"))
PATIENCE = 60
PROJECT = Path(__file__).resolve().parents[2]


@fixture
def data():
    return simulate(shared_folder())


def wait_for_instant(out, number, draw):
    """Every second time the next moment in which a checkpoint is half written, else any."""
    if number % 2:
        pattern = out / "checkpoints"
        wait_until(lambda: any(pattern.glob("*.partial")), "a checkpoint being written")
        time.sleep(draw.uniform(0, 0.02))
    else:
        time.sleep(draw.uniform(0, 1.5))


def seen(out):
    """The newest complete checkpoint, as far as one can see from outside."""
    return max(positions(out), default=(0, 0))


def expect_nothing_lost(out, before):
    """After a kill: what was complete is, and sound."""
    expect(seen(out) >= before, f"{positions(out)} after {before}")
    if positions(out):
        expect_sound(out)


def expect_end(out, *values):
    """The run comes to the end of one that nothing interrupted, and has told of each round once."""
    end = f"rounds={max(positions(out))[0] + 2}"
    resume(out, end, ranks=2).succeeded()
    expect(not any((out / "checkpoints").glob("*.partial")), "something partial is left")
    whole = out.with_name("whole")
    train(data(), whole, *values, end).succeeded()
    expect_same_bits(out, whole)
    told, wanted = ([line for line in metrics(run) if line["kind"] == "round"] for run in (out, whole))
    expect(told == wanted, "the metrics differ")


for placement in ("root", "client"):

    @test(f"{KILLS} kills of a rank or of mpirun, half of them during a checkpoint; CRL at the {placement}")
    def _(folder, placement=placement):
        out = folder / "run"
        values = ["rounds=100000", f"crl.placement={placement}", "resident_centers=1"]
        draw = random.Random(f"kills {placement}")
        train(data(), out, "rounds=1", *values[1:], ranks=3).succeeded()
        for number in range(KILLS):
            ranks = draw.choice([2, 3, 4])
            with Job(*resuming(out, *values, ranks=ranks)) as job:
                wait_until(lambda: len(job.ranks()) == ranks, "all ranks")
                # A run that has gone on since is not killed at the same place again.
                start = seen(out)
                wait_until(lambda: seen(out) > start, "a checkpoint more")
                wait_for_instant(out, number, draw)
                pids, before = job.ranks(), seen(out)
                victim = draw.choice([job.pid, *pids])
                os.kill(victim, signal.SIGKILL)
                result = job.wait()
                expect(result.status != 0, f"{result}")
                wait_until(lambda: not any(map(is_alive, pids)), "the end of all ranks", limit=PATIENCE)
            expect_nothing_lost(out, before)
        expect_end(out)


def slurm(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def processes(name, within=""):
    """The ids of processes of a name whose command line contains a text."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if (command_name(int(entry.name)) or "").startswith(name) and within in line:
                found.append(int(entry.name))
    return sorted(found)


def submit(folder, file, out, launcher, *arguments):
    """Submits a job of two ranks; its number."""
    environment = {
        **os.environ, "FEDCRLD": FEDCRLD, "DATA": str(data()), "RUN": str(out), "LAUNCHER": launcher, "REQUEUES": "0"}
    return subprocess.run(
        ["sbatch", "--parsable", "--ntasks=2", "--no-requeue", f"slurm/{file}", *arguments], cwd=folder, env=environment,
        capture_output=True, text=True, check=True).stdout.strip()


def ended(job):
    return slurm("squeue", "--noheader", "--format=%T", f"--jobs={job}") in ("", "COMPLETED", "FAILED", "CANCELLED")


if os.environ.get("FEDCRLD_SLURM"):

    @test(f"{KILLS} kills of Slurm jobs: scancel, a rank, the launcher, the step's daemon; half during a checkpoint")
    def _(folder):
        shutil.copytree(PROJECT / "slurm", folder / "slurm")
        out = folder / "run"
        options = ["--preset", "tiny", *settings(*SETTINGS, "rounds=100000", "crl.placement=client")]
        draw = random.Random("slurm")
        for number in range(KILLS):
            how = ["scancel", "rank", "launcher", "daemon"][number // 2 % 4]
            launcher = ["srun --mpi=pmix", "mpirun"][draw.randrange(2)] if how != "daemon" else "srun --mpi=pmix"
            start = seen(out)
            if start == (0, 0):
                job = submit(folder, "train.sbatch", out, launcher, *options)
            else:
                job = submit(folder, "resume.sbatch", out, launcher)
            wait_until(lambda: seen(out) > start, f"a checkpoint more of job {job} ({how}, {launcher})", limit=120)
            wait_for_instant(out, number, draw)
            pids, before = processes("fedcrld", str(out)), seen(out)
            expect(len(pids) == 2, f"ranks {pids}")
            if how == "scancel":
                slurm("scancel", job)
            elif how == "rank":
                os.kill(draw.choice(pids), signal.SIGKILL)
            elif how == "launcher":
                os.kill(processes(launcher.split()[0], str(out))[0], signal.SIGKILL)
            else:
                for pid in processes("slurmstepd", f"[{job}.0]"):
                    os.kill(pid, signal.SIGKILL)
            wait_until(
                lambda: not any(map(is_alive, pids)), f"the end of the ranks of job {job} ({how}, {launcher})", limit=120)
            subprocess.run(["scancel", job], check=False)
            wait_until(lambda: ended(job), f"the end of job {job}", limit=180)
            after = seen(out)
            expect_nothing_lost(out, before)
            print(f"        {number + 1:2}. {how} ({launcher}): {before} was complete, then {after}", flush=True)
        expect_end(out)

    @test("a comparison as a job array, one task of which is killed, and submitted again: the tables of an undisturbed one")
    def _(folder):
        shutil.copytree(PROJECT / "slurm", folder / "slurm")
        methods = ["--methods", "fedcrld,local", "--seeds", "1,2", "--preset", "tiny", *settings(*SETTINGS, "rounds=4")]

        def start(out):
            """Submits the first job and waits until it has submitted the others; the numbers of those."""
            environment = {**os.environ, "FEDCRLD": FEDCRLD, "DATA": str(data()), "OUT": str(out), "REQUEUES": "0", "AT_ONCE": "2"}
            job = subprocess.run(
                ["sbatch", "--parsable", "slurm/compare.sbatch", *methods], cwd=folder, env=environment, capture_output=True,
                text=True, check=True).stdout.strip()
            wait_until(lambda: ended(job), "the first job's end", limit=120)
            return re.findall(r"job array (\d+).*by job (\d+)", (folder / f"fedcrld-{job}.out").read_text())[0]

        def finish(out):
            array, tables = start(out)
            wait_until(lambda: ended(tables), f"the end of job {tables}", limit=300)
            return [(out / f"comparison.{name}").read_text() for name in ("csv", "tex")]
        whole = finish(folder / "whole")
        out = folder / "killed"
        array, tables = start(out)
        victim = out / "runs" / "fedcrld-seed-1"
        wait_until(lambda: seen(victim) > (0, 0), "a checkpoint", limit=120)
        for pid in processes("fedcrld", f"{out} "):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: ended(tables), f"the end of job {tables}", limit=300)
        expect(not (out / "results" / "fedcrld-seed-1.json").exists(), "it was not killed in time")
        expect(finish(out) == whole, "the tables are others")


main()
