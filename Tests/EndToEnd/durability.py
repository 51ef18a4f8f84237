"""What reaches the disk, in what order; file systems that have their moments; jobs that stand still, and that are asked
to stop at any time."""

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

from lib.faulty_files import faulty
from lib.program import FEDCRLD, PROJECT, Job, fedcrld, launcher, run, wait_until
from lib.runs import (
    SETTINGS, centers, checkpoint, copy, expect_same_bits, expect_sound, images, metrics, positions, resume, resuming,
    rounds, settings, simulate, start, train, training)
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test


@fixture
def data():
    return simulate(shared_folder(), centers=3)


@fixture
def reference(*values):
    """A run that nothing disturbs."""
    out = shared_folder() / "-".join(("reference", *values)).replace("/", "_")
    train(data(), out, *values).succeeded()
    return out


def need_strace(folder):
    if not shutil.which("strace") or run("strace", "-qq", "-o", folder / "try", "true").status != 0:
        raise Skip("strace is not installed, or not allowed here")


# The order in which files reach the disk.


def traced(folder, *command):
    """The system calls of a command that write, flush, rename and remove, in their order: (call, path, new path)."""
    need_strace(folder)
    log = folder / "trace"
    run("strace", "-f", "-y", "-qq", "-e", "trace=fsync,rename,renameat,renameat2,unlink,unlinkat,rmdir,write",
        "-o", log, *command, limit=120).succeeded()
    calls, pending = [], {}
    for line in log.read_text(errors="replace").splitlines():
        pid, rest = line.split(None, 1)
        if "<unfinished ...>" in rest:
            pending[pid] = rest.split("<unfinished")[0]
            continue
        if rest.startswith("<..."):
            rest = pending.pop(pid, "") + rest.split("resumed>", 1)[1]
        found = re.match(r"(\w+)\((.*)\)\s+= (-?\d+)", rest)
        if not found or found[3].startswith("-"):
            continue
        name, arguments = found[1], found[2]
        paths = re.findall(r'<(/[^>]*)>|"([^"]*)"', arguments)
        paths = [one or other for one, other in paths]
        if name == "unlinkat" and len(paths) > 1:
            paths = [f"{paths[0]}/{paths[1]}"]
        if name.startswith("renameat") and len(paths) > 2:
            paths = [path for path in paths if path.startswith(str(folder))][-2:]
        if paths and str(folder) in paths[0]:
            calls.append((name, *paths[:2]) if name.startswith("rename") else (name, paths[0], None))
    return calls


def expect_durable(calls, folder):
    """Fails the test unless whatever gets its name by a rename was flushed before, and the folder of the name after; a
    center's state both before the list of the next checkpoint has its name."""
    renames = [index for index, call in enumerate(calls) if call[0].startswith("rename")]
    expect(len(renames) > 2, f"{len(renames)} renames were seen")
    for index in renames:
        _, old, new = calls[index]
        # What only tells how far a run is may be lost with the machine.
        if Path(new).name.startswith("progress"):
            continue
        if not old.endswith(".partial") and ".partial" not in Path(old).name and not Path(old).name.startswith("running."):
            continue
        if "/working/" in new or "/banks/" in new:
            after = calls[index + 1:]
            # A checkpoint's list may get its name beside the next round. A state follows its snapshot.
            center = Path(new).stem if "/working/" in new else Path(new).parent.name
            snapshots = [call[2] for call in calls[:index + 1] if call[0].startswith("rename") and f"/banks/{center}/" in call[2]]
            lists = [place for place, call in enumerate(after) if call[0].startswith("rename")
                     and call[2].endswith(f"/{Path(snapshots[-1]).stem}.partial/manifest.json")]
            expect(lists, f"no checkpoint follows {new}")
            for path in (new, str(Path(new).parent)):
                expect(("fsync", path, None) in after[:lists[0]], f"{path} is not flushed before the checkpoint's list")
            continue
        before = [call for call in calls[:index] if call[1] == old]
        flushed = [place for place, call in enumerate(before) if call[0] == "fsync"]
        written = [place for place, call in enumerate(before) if call[0] == "write"]
        expect(flushed and (not written or flushed[-1] > written[-1]),
               f"{old} is not flushed before it becomes {new}: {before[-5:]}")
        after = calls[index + 1:]
        expect(("fsync", str(Path(new).parent), None) in after, f"{Path(new).parent} is not flushed after {new} was made")
        # Nothing else is renamed in the folder in between: what comes next relies on this name.
        until = after.index(("fsync", str(Path(new).parent), None))
        between = [call for call in after[:until] if call[0].startswith("rename") and Path(call[2]).parent == Path(new).parent
                   and Path(call[2]).name == "latest"]
        expect(not between, f"{between} before {new} is durable")


@test("every file is flushed before its rename and its folder after: states, banks, manifests, caches, records, settings")
def _(folder):
    out = folder / "run"
    calls = traced(folder, *training(
        data(), out, "rounds=2", "resident_centers=1", f"preprocessing.cache={folder}/cache", "checkpoint.keep=1"))
    expect_durable(calls, folder)
    named = [call[2] for call in calls if call[0].startswith("rename")]
    for part in ("/working/", "/banks/", "manifest.json", "round-000002", "/latest", "config.yaml", "/cache/", "/data/",
                 "metrics.jsonl"):
        expect(any(part in name for name in named), f"no rename of {part} was seen: {named}")
    # The folder is complete before it has its name.
    place = next(i for i, call in enumerate(calls) if call[0].startswith("rename") and call[2].endswith("/round-000002"))
    for name in ("manifest.json", ""):
        path = str(out / "checkpoints/round-000002.partial" / name).rstrip("/")
        target = [i for i, call in enumerate(calls) if call[0] == "fsync" and call[1].startswith(path)]
        expect(target and target[0] < place, f"{path} is flushed after the checkpoint has its name")
    latest = [i for i, call in enumerate(calls) if call[0].startswith("rename") and call[2].endswith("/latest")]
    expect(latest[-1] > place, "latest names a checkpoint that is not there yet")


@test("a checkpoint that takes another's place does so before that one is removed")
def _(folder):
    out = copy(reference("rounds=2"), folder / "run")
    calls = traced(folder, FEDCRLD, "rollback", "--run", out, "--center", centers(data())[0], "--to", 1)
    expect_durable(calls, folder)
    target = str(out / "checkpoints/round-000002")
    made = next(i for i, call in enumerate(calls) if call[0].startswith("rename") and call[2] == target)
    early = [call for call in calls[:made] if call[0] in ("unlink", "unlinkat", "rmdir")
             and call[1].startswith((target + "/", target + ".replaced/"))]
    expect(not early, f"removed before its successor was there: {early[:3]}")


# What is only tidying does not cost the run.


@test("a checkpoint that cannot be removed is a warning, and is removed after the next one")
def _(folder):
    out = folder / "run"
    # EBUSY, as on NFS while somebody reads.
    result = train(data(), out, "rounds=4", "checkpoint.keep=1",
                   environment=faulty("unlink", "round-000001.removed", error=16, times=1)).succeeded()
    expect("warning: cannot remove" in result.err and "tried again after the next checkpoint" in result.err, f"{result}")
    expect_equal(sorted(path.name for path in (out / "checkpoints").iterdir()), ["latest", "round-000004"], "checkpoints")
    expect_same_bits(out, reference("rounds=4"))
    result = train(data(), folder / "never", "rounds=3", "checkpoint.keep=1",
                   environment=faulty("unlink", ".removed", error=16)).succeeded()
    expect("warning: cannot remove" in result.err, f"{result}")
    expect_sound(folder / "never")
    resume(folder / "never", "rounds=4").succeeded()
    expect_equal(sorted(path.name for path in (folder / "never/checkpoints").iterdir()), ["latest", "round-000004"],
                 "checkpoints after a run that could remove")


# Ranks whose file systems are not equally fast.


def with_slow_root(folder, calls, seconds, command):
    """The command with the root's system calls of these names delayed."""
    need_strace(folder)
    slow = f"strace -f -qq -o /dev/null -e trace={calls} -e inject={calls}:delay_enter={round(seconds * 1e6)}"
    script = f'[[ ${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}} != 0 ]] || exec {slow} "$0" "$@"; exec "$0" "$@"'
    place = command.index(FEDCRLD)
    return [*command[:place], "bash", "-c", script, *command[place:]]


@test("nobody writes before the root has removed what another job left, also where nothing is sent that one waits for")
def _(folder):
    out = folder / "run"
    values = ["history_depth=1", "aggregation.parts=[]", "crl.placement=client", "resident_centers=1"]
    with start(data(), out, *values, "rounds=1000", ranks=2) as job:
        wait_until(lambda: rounds(out), "a checkpoint")
        for pid in job.ranks():
            os.kill(pid, signal.SIGKILL)
        job.wait()
    end = f"rounds={rounds(out)[-1] + 1}"
    command = resuming(out, end, ranks=2)
    run(*with_slow_root(folder, "unlink,unlinkat,rename,rmdir", 0.2, command)).succeeded()
    expect_sound(out)
    expect_same_bits(out, reference(*values, end))


# Unreadable is not damaged.


def checked_by(out, rank, ranks):
    """A center whose file is in this rank's share when so many check the second round's checkpoint."""
    names = sorted(json.loads((checkpoint(out, 2) / "manifest.json").read_text())["files"])
    for index, name in enumerate(names):
        found = re.fullmatch(r"states/round-000002/([^.]*)\.h5", name)
        if found and index % ranks == rank:
            return found[1]
    raise AssertionError(f"rank {rank} checks no center of {names}")


@test("a moment in which files cannot be read passes; what stays unreadable on one rank ends the attempt, and sets nothing aside")
def _(folder):
    center = checked_by(reference("rounds=2"), 1, 3)
    for number, (call, error, times, works) in enumerate((
            ("open", 5, 2, True), ("open", 116, 2, True), ("open", 5, None, False), ("open", 2, None, False))):
        out = copy(reference("rounds=2"), folder / f"run-{number}")
        before = sorted(path.relative_to(out) for path in out.rglob("*"))
        # Of the file that the check of rank 1 comes to, and that it reads for itself.
        trouble = faulty(call, f"states/round-000002/{center}.h5", error=error, times=times, rank=1)
        result = resume(out, "rounds=3", ranks=3, environment=trouble)
        if works:
            result.succeeded()
            expect("passed over" not in result.err, f"{result}")
            expect_same_bits(out, reference("rounds=3"))
        else:
            result.failed_with(1, "cannot resume from", f"{center}.h5", "rank 1", "other ranks find it sound")
            expect_equal(sorted(path.relative_to(out) for path in out.rglob("*")), before, "what is in the run")
            resume(out, "rounds=3", ranks=3).succeeded()
            expect_same_bits(out, reference("rounds=3"))


@test("what no rank can read is no damage either: the checkpoint keeps its name")
def _(folder):
    out = copy(reference("rounds=2"), folder / "run")
    trouble = faulty("open", f"states/round-000002/{centers(data())[0]}.h5")
    resume(out, "rounds=3", ranks=2, environment=trouble).failed_with(1, "cannot resume from", "cannot be read")
    expect_equal(rounds(out), [1, 2], "checkpoints")
    expect(not list((out / "checkpoints").glob("*.damaged")), "a checkpoint was set aside")
    resume(out, "rounds=3", ranks=2).succeeded()
    expect_same_bits(out, reference("rounds=3"))


@test("a manifest that one rank cannot read ends the attempt, and that none finds sound is passed over")
def _(folder):
    out = copy(reference("rounds=2"), folder / "run")
    for rank in (0, 1):
        # The others can read it, so all have it.
        trouble = faulty("open", "round-000002/manifest.json", rank=rank)
        target = copy(out, folder / f"rank-{rank}")
        resume(target, "rounds=3", ranks=2, environment=trouble).succeeded()
        expect_same_bits(target, reference("rounds=3"))
    resume(out, "rounds=3", ranks=2, environment=faulty("open", "round-000002/manifest.json")).failed_with(
        1, "cannot resume from", "manifest.json")
    expect_equal(rounds(out), [1, 2], "checkpoints")
    manifest = checkpoint(out, 2) / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-40])
    result = resume(out, "rounds=3", ranks=2).succeeded()
    expect("round 2 is passed over" in result.err, f"{result}")
    expect_same_bits(out, reference("rounds=3"))


@test("a center that moves to another rank is looked for until its file is there, and is never begun anew without a word")
def _(folder):
    moving = ["rounds=3", "balance=true", "resident_centers=1", "participation=0.67", "crl.placement=client"]
    # The states of a rank's centers, as another rank sees them a little late.
    late = faulty("open", "/working/center", end=".h5", error=2, times=2)
    train(data(), folder / "late", *moving, ranks=4, environment=late).succeeded()
    expect_same_bits(folder / "late", reference("rounds=3", "participation=0.67"))


# Long silences.


@test("slow storage and a slow disk are no reason to end a job: a rank that waits for them answers the others")
def _(folder):
    image = images(data(), centers(data())[0], "train")[0]
    for name, trouble in (
            ("images", faulty("open", image, error=0, seconds=5)),
            ("disk", faulty("fsync", "/banks/", error=0, seconds=5, times=1))):
        command = [*training(data(), folder / name, "rounds=2", ranks=3), "--patience", "0.05"]
        run(*command, environment=trouble, limit=180).succeeded()
        expect_same_bits(folder / name, reference("rounds=2"))


@test("a job whose run another one has taken over publishes nothing more")
def _(folder):
    out = folder / "run"
    with start(data(), out, "rounds=100000", ranks=3) as job:
        wait_until(lambda: rounds(out), "a checkpoint")
        for pid in job.ranks():
            os.kill(pid, signal.SIGSTOP)
        holder = json.loads((out / "running").read_text())
        other = {**holder, "process": 4711, "host": "elsewhere", "token": "another"}
        (out / "running").write_text(json.dumps(other))
        before = positions(out)
        for pid in job.ranks():
            os.kill(pid, signal.SIGCONT)
        result = job.wait()
    expect(result.status == 1 and "another job has taken it over: process 4711 on elsewhere" in result.err, f"{result}")
    # What was on its way to its name when the job was stopped may have got it.
    expect(len(set(positions(out)) - set(before)) <= 1, f"{positions(out)} after {before}")
    expect_equal(json.loads((out / "running").read_text())["process"], 4711, "who has the run")


# Signals at any time.


@test("a signal during an evaluation ends the run in good order, and the rest is done when it is resumed")
def _(folder):
    image = images(data(), centers(data())[0], "test")[0]
    for number, (values, ranks) in enumerate((
            (["evaluate_every=1", "checkpoint.every=2"], 1), (["evaluate_every=1"], 3), (["evaluate_every=0"], 2))):
        out = folder / f"run-{number}"
        last = 3 if "evaluate_every=1" in values else 1
        # Two openings at the start, by the check; then the evaluation's.
        slow = faulty("open", image, error=0, seconds=2)
        with start(data(), out, f"rounds={last}", *values, ranks=ranks, environment=slow) as job:
            wait_until(lambda: (out / "metrics.jsonl").exists() and len(metrics(out)) > 0, "the first round")
            time.sleep(0.5)
            for pid in job.ranks() if ranks > 1 else [job.pid]:
                os.kill(pid, signal.SIGUSR1)
            job.wait().ended_with(75)
        expect("evaluation" not in [line["kind"] for line in metrics(out)], "the evaluation went on to its end")
        expect_equal(positions(out)[-1], (1, 0), "where it stopped")
        expect_sound(out)
        resume(out).succeeded()
        expect_same_bits(out, reference(f"rounds={last}"))
        expect_equal([line["round"] for line in metrics(out) if line["kind"] == "evaluation"][-1], last, "the last score")


# Event files and jobs.


@test("event files are in the order of the jobs that wrote them, also where the clock was set back")
def _(folder):
    out = copy(reference("rounds=2"), folder / "run")
    events = out / "tensorboard"
    (first,) = events.iterdir()
    ahead = events / "events.out.tfevents.2000000000.host.1.fedcrld"
    first.rename(ahead)
    resume(out, "rounds=3").succeeded()
    names = sorted(path.name for path in events.iterdir())
    expect(len(names) == 2 and names[0] == ahead.name, f"{names}")


def job_script(folder, environment, line):
    """Runs a line after slurm/job.sh, with a launcher that tells how it was called, as a job of Slurm would."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("srun", "mpirun"):
        (tools / name).write_text(
            '#!/bin/bash\n[[ $1 == --mpi=list ]] && { echo "$PMIX"; exit; }\n[[ $1 == --version ]] && exit\n'
            f'echo "{name} $*"; env | grep -E "^(SLURM_EXPORT_ENV|OPENBLAS_NUM_THREADS)=" | sort\nexit "${{FAIL:-0}}"\n')
        (tools / name).chmod(0o755)
    program = folder / "fedcrld"
    program.write_text("#!/bin/bash\n")
    program.chmod(0o755)
    clean = {"PATH": f"{tools}:/usr/bin:/bin", "FEDCRLD": str(program), "HOME": str(folder), **environment}
    words = [f"{key}={value}" for key, value in clean.items()]
    return run("env", "-i", *words, "bash", "-c", f"source {PROJECT}/slurm/job.sh; {line}", folder=folder)


@test("slurm/job.sh gives the ranks what it sets under --export=NONE, and starts them where SLURM_NTASKS is not set")
def _(folder):
    line = 'run_training run --resume run'
    base = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n1", "PMIX": "pmix", "SLURM_EXPORT_ENV": "NONE"}
    result = job_script(folder, base, line).succeeded()
    expect("SLURM_EXPORT_ENV=ALL" in result.out and "OPENBLAS_NUM_THREADS=1" in result.out, f"{result}")
    expect("--ntasks 1 " in result.out, f"{result}")
    result = job_script(folder, {**base, "SLURM_NNODES": "2", "SLURM_NTASKS_PER_NODE": "3", "PMIX": "none"}, line)
    expect("mpirun -n 6 " in result.succeeded().out, f"{result}")
    result = job_script(folder, {**base, "SLURM_NTASKS": "5"}, line).succeeded()
    expect("--ntasks 5 " in result.out and "5 ranks of 1 threads" in result.out, f"{result}")


@test("slurm/job.sh leaves no shared memory of ranks that were killed")
def _(folder):
    base = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n1", "PMIX": "pmix"}
    segment = Path(f"/dev/shm/vader_segment.test-{os.getpid()}")
    segment.write_bytes(b"left behind")
    try:
        job_script(folder, base, "run_training run --resume run").succeeded()
        expect(segment.exists(), "it was removed after a job that ended well: it is another's")
        job_script(folder, {**base, "FAIL": "137"}, "run_training run --resume run").ended_with(137)
        expect(not segment.exists(), "it is still there")
    finally:
        segment.unlink(missing_ok=True)


main()
