"""Images stay with the ranks that host their center: no other rank opens one, least of all the server."""

import re
import shutil

from lib.program import FEDCRLD, launcher, run
from lib.runs import SETTINGS, settings, simulate
from lib.suite import Skip, expect, fixture, main, shared_folder, test


@fixture
def data():
    return simulate(shared_folder())


def opened(folder, ranks, *values):
    """Runs a training in which each rank is traced; the files of the data that each rank opened."""
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    if run("strace", "-qq", "-o", folder / "trace", "true").status != 0:
        raise Skip("this machine does not allow strace")
    # The rank is known to the traced process only; every rank writes a file that names it.
    script = 'exec strace -f -qq -e trace=open,openat,openat2 -o "$0/rank-${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" "$@"'
    run(
        *launcher(ranks), "bash", "-c", script, folder, FEDCRLD, "train", "--data", data(), "--out", folder / "run",
        "--preset", "tiny", *settings(*SETTINGS, "rounds=2", "evaluate_every=1", *values)).succeeded()
    traces = sorted(folder.glob("rank-*"), key=lambda path: int(path.name[5:]))
    expect(len(traces) == ranks, f"{len(traces)} traces of {ranks} ranks")
    return [set(re.findall(rf'"{data()}/([^"]*)"', path.read_text(errors="replace"))) for path in traces]


for placement, ranks in [("root", 3), ("client", 4)]:

    @test(f"the server opens no image of a center, and each image is opened by one rank: {ranks} ranks, {placement}")
    def _(folder, placement=placement, ranks=ranks):
        files = opened(folder, ranks, f"crl.placement={placement}")
        images = [{name for name in names if ".nii" in name} for names in files]
        expect(any(name.endswith("cohort.json") for name in files[0]), f"the trace of rank 0 saw nothing: {files[0]}")
        expect(not images[0], f"the server opened {sorted(images[0])}")
        expect(all(images[1:]), "a client opened no image: the traces saw nothing")
        for first in range(ranks):
            for second in range(first):
                both = {name.split("/")[0] for name in images[first]} & {name.split("/")[0] for name in images[second]}
                expect(not both, f"ranks {second} and {first} both opened images of {sorted(both)}")


main()
