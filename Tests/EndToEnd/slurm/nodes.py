"""Jobs on two and three nodes of a real Slurm (lib/nodes.py): the bits of one process, and of an undisturbed run where a node is cut
off in the middle of a round, during a checkpoint and during an exchange of root placement. Some minutes; as root.

    FEDCRLD_SLURM_NODES=1 scripts/test endtoend
    PYTHONPATH=Tests/EndToEnd python3 Tests/EndToEnd/slurm/nodes.py
"""

import os
import shutil
import time
from pathlib import Path

from lib.nodes import TIMEOUT, Nodes, missing
from lib.program import FEDCRLD, PROJECT, fedcrld, run, wait_until
from lib.runs import SETTINGS, expect_same_bits, expect_sound, positions, settings, simulate, train
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test

OPTIONS = ["--preset", "tiny", *settings(*SETTINGS)]
LONG = ["rounds=10", "local_epochs=4", "size=48x48", "checkpoint.every=2"]

expect(not missing(), f"not there: {', '.join(missing())}; apt-get install slurm-wlm munge iproute2")
expect(os.geteuid() == 0, "network namespaces need root")


@fixture
def data():
    return simulate(shared_folder())


@fixture
def undisturbed(*values):
    out = shared_folder() / "-".join(["undisturbed", *values])
    train(data(), out, *values, limit=300).succeeded()
    return out


def submit(nodes, folder, out, *values, launcher="srun --mpi=pmix", tasks=2, options=()):
    """Submits a job of some ranks on every node; its number."""
    shutil.copytree(PROJECT / "slurm", folder / "slurm", dirs_exist_ok=True)
    environment = {
        **os.environ, "FEDCRLD": FEDCRLD, "DATA": str(data()), "RUN": str(out), "LAUNCHER": launcher,
        "SBATCH_EXPORT": "ALL"}
    return nodes.run(
        "sbatch", "--parsable", f"--nodes={len(nodes.names)}", f"--ntasks-per-node={tasks}", "--cpus-per-task=1",
        "--chdir", folder, "slurm/train-multinode.sbatch", *OPTIONS, *settings(*values), *options,
        env=environment, cwd=folder)


def output(folder):
    """What the jobs of a folder have written."""
    return "\n".join(path.read_text(errors="replace") for path in sorted(folder.glob("fedcrld-*.out")))


def finish(nodes, job, folder, limit=240):
    """Waits until a job has ended well."""
    ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "")

    def states():
        """Of the job's components; of most jobs one."""
        return set(nodes.state(job).split()) or {""}

    wait_until(lambda: states() <= {*ended}, f"the end of job {job}: {output(folder)[-3000:]}", limit)
    expect_equal(states(), {"COMPLETED"}, f"the state of job {job}: {output(folder)[-3000:]}")


for count in (2, 3):

    @test(f"{count} nodes, srun and mpirun, either placement, centers that rest on each node's own disk: the bits of one process")
    def _(folder, count=count):
        values = ["rounds=3"]
        with Nodes(folder / "nodes", count) as nodes:
            for launcher, placement in (("srun --mpi=pmix", "root"), ("mpirun", "client"), ("mpirun", "root")):
                out = folder / f"{launcher.split()[0]}-{placement}"
                extra = ["--scratch", folder / "nodes" / "scratch"] if placement == "client" else []
                job = submit(
                    nodes, folder, out, *values, f"crl.placement={placement}", "resident_centers=1", "balance=true",
                    launcher=launcher, options=extra)
                finish(nodes, job, folder)
                expect_same_bits(out, undisturbed(*values))
                expect_sound(out)
        said = output(folder)
        expect(f"on n[1-{count}]" in said or f"on {','.join(f'n{n + 1}' for n in range(count))}" in said, said[:2000])


@test("an installed copy, where neither source tree nor toolchain is to be seen: a job that queues itself again, and one that resumes")
def _(folder):
    swift = Path(os.path.realpath(shutil.which("swift")))
    expect(len(swift.parents) > 3, f"the toolchain of {swift} cannot be hidden: it is not in a folder of its own")
    prefix, empty = folder / "prefix", folder / "empty"
    empty.mkdir()
    run(PROJECT / "scripts" / "install", "--prefix", prefix, limit=600).succeeded()
    jobs = prefix / "share" / "fedcrld" / "slurm"
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(empty), "DATA": str(data()), "RUN": "run"}
    with Nodes(folder / "nodes", 1, hidden=[PROJECT, swift.parents[2]]) as nodes:
        environment["SLURM_CONF"] = os.environ["SLURM_CONF"]
        expect_equal(nodes.run("find", PROJECT, swift.parents[2], "-mindepth", "1"), "", "what is to be seen of hidden folders")

        def job(name, *arguments):
            number = nodes.run("sbatch", "--parsable", jobs / name, *arguments, env=environment, cwd=empty)
            finish(nodes, number, empty)

        job("train.sbatch", *OPTIONS, *settings("rounds=2"), "--max-hours", "0.0003")
        job("resume.sbatch", *settings("rounds=3"))
    expect("back in the queue" in output(empty), output(empty)[-3000:])
    expect_same_bits(empty / "run", undisturbed("rounds=3"))


@test("a heterogeneous job with a wider root, which queues itself again and goes on: the bits of one process")
def _(folder):
    out = folder / "run"
    shutil.copytree(PROJECT / "slurm", folder / "slurm")
    settled = data()
    with Nodes(folder / "nodes", 2) as nodes:
        environment = {**os.environ, "FEDCRLD": FEDCRLD, "DATA": str(settled), "RUN": str(out), "SBATCH_EXPORT": "ALL"}
        job = nodes.run(
            "sbatch", "--parsable", "--cpus-per-task=2", ":", "--ntasks=2", "--cpus-per-task=1",
            "slurm/train-wide-root.sbatch", *OPTIONS, *settings("rounds=3", "crl.placement=root"), "--max-hours", "0.0003",
            env=environment, cwd=folder)
        finish(nodes, job, folder)
    said = output(folder)
    expect("3 ranks of their cores' threads" in said, said[:2000])
    expect("back in the queue" in said and "--resume" in said, said[-3000:])
    expect_same_bits(out, undisturbed("rounds=3"))
    expect_sound(out)


def in_round(out):
    """Whether a run has checkpoints and is in the middle of a later round."""
    return len(positions(out)) > 1


def at_checkpoint(out):
    """Whether a checkpoint is being written, which is not the first."""
    return len(positions(out)) > 0 and any(out.glob("checkpoints/*.partial"))


INSTANTS = {
    "in the middle of a round": (in_round, "client"),
    "during a checkpoint": (at_checkpoint, "client"),
    "during an exchange of root placement": (in_round, "root"),
}
for instant, (has_come, placement) in INSTANTS.items():

    @test(f"a node is cut off {instant}: Slurm puts the job back, and the run ends with the bits of an undisturbed one")
    def _(folder, has_come=has_come, placement=placement):
        out = folder / "run"
        with Nodes(folder / "nodes", 2) as nodes:
            job = submit(nodes, folder, out, *LONG, f"crl.placement={placement}")
            wait_until(lambda: has_come(out), f"the instant: {output(folder)[-3000:]}", limit=120)
            before = positions(out)[-1]
            nodes.cut("n2")
            began = time.monotonic()
            wait_until(lambda: nodes.state(job) in ("PENDING", "REQUEUED"), "the job's return to the queue", limit=180)
            print(f"        | cut after {before}; back in the queue {time.monotonic() - began:.0f} s later "
                  f"(the controller waits {TIMEOUT} s)")
            expect(positions(out)[-1] >= before, "a checkpoint is lost")
            nodes.heal("n2")
            finish(nodes, job, folder, limit=300)
        expect_same_bits(out, undisturbed(*LONG))
        expect_sound(out)
        expect("--resume" in output(folder), "the job began anew")


@test("a node is cut off, and nobody but the program notices: it ends with a message that names the ranks, and is resumed")
def _(folder):
    out = folder / "run"
    with Nodes(folder / "nodes", 2) as nodes:
        job = submit(nodes, folder, out, *LONG, "crl.placement=root", options=["--patience", "0.05"])
        wait_until(lambda: in_round(out), f"the middle: {output(folder)[-3000:]}", limit=120)
        nodes.cut("n2")
        wait_until(lambda: "did not come in" in output(folder), f"the message: {output(folder)[-3000:]}", limit=60)
        nodes.run("scancel", job)
        nodes.heal("n2")
        wait_until(lambda: nodes.state(job) in ("CANCELLED", "FAILED", "COMPLETED", "NODE_FAIL", ""), "the job's end", limit=180)
        wait_until(nodes.idle, "the nodes", limit=120)
        job = nodes.run(
            "sbatch", "--parsable", "--nodes=2", "--ntasks-per-node=1", "--chdir", folder, "slurm/resume.sbatch", cwd=folder,
            env={**os.environ, "FEDCRLD": FEDCRLD, "RUN": str(out), "LAUNCHER": "srun --mpi=pmix"})
        finish(nodes, job, folder)
    expect_same_bits(out, undisturbed(*LONG))
    fedcrld("status", out).succeeded()


main()
