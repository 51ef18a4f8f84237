"""`fedcrld check` says what a run would meet, and changes nothing."""

import json
import os
import shutil

from lib.program import FEDCRLD, launcher, run
from lib.runs import SETTINGS, centers, images, settings, simulate, train
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test


@fixture
def data():
    return simulate(shared_folder())


def check(*arguments, ranks=3, **options):
    prefix = launcher(ranks) if ranks > 1 else []
    return run(*prefix, FEDCRLD, "check", *arguments, **options)


def usual(out, *values):
    return ["--data", data(), "--out", out, "--preset", "tiny", *settings(*SETTINGS, *values)]


def findings(result):
    """What was found, by what was looked at."""
    found = json.loads(result.out)
    return {finding["what"]: finding for finding in found["findings"]}, found


for ranks, placement in [(1, "client"), (3, "root"), (7, "client")]:

    @test(f"a run that can be started is ready: {ranks} ranks, CRL at the {placement}")
    def _(folder, ranks=ranks, placement=placement):
        arguments = usual(folder / "run", f"crl.placement={placement}")
        text = check(*arguments, ranks=ranks).succeeded().out
        for word in ["Open MPI" if "Open MPI" in text else "MPI", "OpenBLAS", "HDF5", "ready", str(folder)]:
            expect(word in text, f"no {word} in\n{text}")
        by, found = findings(check(*arguments, "--json", ranks=ranks).succeeded())
        expect(found["ready"], str(found))
        expect_equal(len(found["ranks"]), ranks, "the number of ranks")
        expect_equal(sum(rank["centers"] for rank in found["ranks"]), len(centers(data())), "the centers")
        for rank in found["ranks"]:
            expect((rank["step_seconds"] is None) == (rank["centers"] == 0), f"{rank}")
        expect(not list(folder.iterdir()), f"left behind: {list(folder.iterdir())}")


@test("the memory that it foretells is what a run needs, by a third at most")
def _(folder):
    out, ranks = folder / "run", 3
    values = ["crl.placement=client", "rounds=2", "resident_centers=2"]
    _, found = findings(check(*usual(out, *values), "--json", ranks=ranks).succeeded())
    # Linux gives the children's peak in KiB.
    measure = (
        "import os, resource, subprocess, sys; status = subprocess.run(sys.argv[2:]).returncode; "
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10; "
        "open(sys.argv[1] + '-' + os.environ.get('OMPI_COMM_WORLD_RANK', os.environ.get('PMI_RANK', '0')), 'w')"
        ".write(str(peak)); sys.exit(status)")
    run(
        *launcher(ranks), "python3", "-c", measure, folder / "peak", FEDCRLD, "train", *usual(out, *values)
    ).succeeded()
    for rank in found["ranks"]:
        peak = int((folder / f"peak-{rank['rank']}").read_text())
        foretold = rank["needed_mib"]
        # The server's staging may stay empty; what is foretold is what may be needed.
        expect(peak <= 1.34 * foretold, f"rank {rank['rank']} needed {peak} MiB, {foretold} were foretold")
        if rank["centers"]:
            expect(foretold <= 1.34 * peak + 64, f"rank {rank['rank']} needed {peak} MiB, {foretold} were foretold")


@test("a damaged image is a problem that names rank, center and file; so is a folder that cannot be written")
def _(folder):
    own = shutil.copytree(data(), folder / "data")
    center = centers(own)[3]
    image = images(own, center, "test")[0]
    os.truncate(image, 20)
    (folder / "file").write_text("")
    result = check(
        "--data", own, "--out", folder / "file" / "run", "--preset", "tiny", "--no-step", "--json").ended_with(1)
    problems = [finding["found"] for finding in json.loads(result.out)["findings"] if finding["verdict"] == "problem"]
    expect_equal(len(problems), 2, "\n".join(problems))
    expect("rank " in problems[0] and center in problems[0] and str(image) in problems[0], problems[0])
    expect(str(folder / "file") in problems[1], problems[1])


@test("more threads than cores are named, and ranks without work")
def _(folder):
    by, found = findings(check(*usual(folder / "run", "threads=64"), "--no-step", "--json").succeeded())
    expect(by["cores"]["verdict"] == "warning" and "64" in by["cores"]["found"], str(by))
    result = check(*usual(folder / "run"), "--no-step", ranks=9).succeeded()
    expect("at most 7 ranks" in result.out and "the others idle" in result.out, f"{result}")


@test("a run to continue is checked with its own configuration")
def _(folder):
    out = folder / "run"
    train(data(), out, "rounds=1").succeeded()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    expect("ready" in check("--resume", out).succeeded().out, "it is not ready")
    expect({path: path.stat().st_mtime_ns for path in out.rglob("*.*")}.items() <= before.items(), "the run was changed")
    check("--resume", folder / "nowhere").failed_with(2, "nowhere")
    check("--out", out).failed_with(2, "--data")


main()
