"""Two builds of the program, with different MPI libraries: the same bits, and each resumes what the other began.

    FEDCRLD=… FEDCRLD_OTHER=… MPIRUN_OTHER=mpirun.mpich PYTHONPATH=Tests/EndToEnd python3 Tests/EndToEnd/mpi/libraries.py
"""

import os

from lib.program import FEDCRLD, launcher, run
from lib.runs import SETTINGS, expect_same_bits, positions, resume, settings, simulate, train
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test

OTHER, OTHER_LAUNCHER = os.environ["FEDCRLD_OTHER"], os.environ["MPIRUN_OTHER"]


@fixture
def data():
    return simulate(shared_folder())


def other(ranks, *arguments):
    """Runs the other build under its own launcher."""
    return run(OTHER_LAUNCHER, "-n", str(ranks), OTHER, *arguments)


def train_other(out, *values, ranks):
    return other(
        ranks, "train", "--data", data(), "--out", out, "--preset", "tiny", *settings(*SETTINGS, *values))


@fixture
def undisturbed():
    out = shared_folder() / "undisturbed"
    train(data(), out, "rounds=3", ranks=3).succeeded()
    return out


@test("the two programs are built with different libraries")
def _(folder):
    linked = [run("ldd", program).succeeded().out for program in (FEDCRLD, OTHER)]
    names = [sorted(word for word in text.split() if word.startswith("libmp")) for text in linked]
    expect(names[0] and names[1] and names[0] != names[1], f"{names}")


for placement in ("root", "client"):
    for ranks in (1, 3, 4):

        @test(f"training has the bits of the other library, {ranks} ranks, CRL at the {placement}")
        def _(folder, placement=placement, ranks=ranks):
            train_other(folder / "run", "rounds=3", f"crl.placement={placement}", ranks=ranks).succeeded()
            expect_same_bits(folder / "run", undisturbed())


@test("each library resumes in the middle of a round what the other has begun")
def _(folder):
    begun = other(
        2, "train", "--data", data(), "--out", folder / "a", "--preset", "tiny", "--max-hours", "0.000001",
        *settings(*SETTINGS, "rounds=3"))
    expect(75 in (begun.status, begun.status & 0xFF), f"{begun}")
    expect_equal(len(positions(folder / "a")), 1, "checkpoints")
    resume(folder / "a", ranks=3).succeeded()
    expect_same_bits(folder / "a", undisturbed())
    train(data(), folder / "b", "rounds=1", ranks=2).succeeded()
    other(3, "train", "--resume", folder / "b", *settings("rounds=3")).succeeded()
    expect_same_bits(folder / "b", undisturbed())


@test("a program under the other library's launcher does not start as many single ranks")
def _(folder):
    for command in ([OTHER_LAUNCHER, "-n", "2", FEDCRLD], [*launcher(2), OTHER]):
        out = folder / "run"
        result = run(
            *command, "train", "--data", data(), "--out", out, "--preset", "tiny", *settings(*SETTINGS, "rounds=1"))
        expect(result.status != 0 and "MPI" in result.err, f"{result}")
        expect(not (out / "checkpoints").exists(), "something was trained")


main()
