"""Runs that programs of earlier checkpoint formats left are read and continued.

The fixtures are such runs, whose arrays have one value each (`Tests/Fixtures/formats.py`): the same in both."""

import json
import math
import re
import shutil
import tarfile
import zlib

from lib.program import PROJECT, fedcrld
from lib.runs import centers, checkpoint, copy, expect_same_bits, expect_sound, resume, rounds, simulate
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test

try:
    import h5py
except ImportError:
    h5py = None

CENTERS = ["center-1-siemens-bssfp", "center-6-siemens-lge-psir"]
FORMATS = [1, 2]


def value(name):
    """The number of an array of the fixtures; see formats.py there."""
    draw = (zlib.crc32(name.encode()) % 101 - 50) / 50
    if "second_moment" in name:
        return 1e-6 * (1.5 + draw)
    return (1 if re.search(r"norm\d?/weight$", name) and "moment" not in name else 0) + 0.02 * draw


@fixture
def data():
    """The two centers of the fixtures, of which one has more classes."""
    folder = simulate(shared_folder(), centers=6)
    for center in set(centers(folder)) - set(CENTERS):
        shutil.rmtree(folder / center)
    return folder


@fixture
def run_of(number):
    """A run of a format."""
    out = shared_folder() / f"format-{number}"
    with tarfile.open(PROJECT / f"Tests/Fixtures/format-{number}.tar.gz") as archive:
        archive.extractall(out)
    return out


@fixture
def continued(number, ranks, placement):
    """The same after one round more."""
    out = copy(run_of(number), shared_folder() / f"continued-{number}-{ranks}-{placement}")
    resume(
        out, "rounds=3", f"crl.placement={placement}", data=data(), accepting=True, ranks=ranks).succeeded()
    return out


for number in FORMATS:

    @test(f"format {number}: verified, inspected, evaluated; what it holds is what was written")
    def _(folder, number=number):
        out = run_of(number)
        expect_sound(out)
        manifest = json.loads((checkpoint(out, 2) / "manifest.json").read_text())
        expect_equal(manifest["formatVersion"], number, "the format")
        for center in CENTERS:
            file = checkpoint(out, 2) / "centers" / f"{center}.h5"
            arrays = json.loads(fedcrld("inspect", file, "--json").succeeded().out)["datasets"]
            expect(any("/relocalization/" in name for name in arrays), "the CRL is found through the links")
            expect(len(arrays) > 300, f"{len(arrays)} arrays")
            for name, array in arrays.items():
                wanted = abs(value(name)) * math.sqrt(math.prod(array["shape"]))
                expect(name.endswith("/step") or math.isclose(array["norm"], wanted, rel_tol=1e-5),
                       f"the norm of {name} is {array['norm']} instead of {wanted}")
        found = json.loads(fedcrld("evaluate", "--run", out, "--data", data(), "--json").succeeded().out)
        expect_equal(sorted(found["centers"]), CENTERS, "evaluated centers")

    @test(f"format {number} is continued with the same bits on 1 and 3 ranks, with either placement")
    def _(folder, number=number):
        whole = continued(number, 1, "client")
        expect_equal(rounds(whole), [3], "checkpoints")
        for ranks, placement in ((3, "root"), (3, "client")):
            expect_same_bits(continued(number, ranks, placement), whole)
            expect_sound(continued(number, ranks, placement))


@test("runs of both formats with the same numbers go on alike, and not as a run without them")
def _(folder):
    if h5py is None:
        raise Skip("there is no h5py")
    expect_same_bits(continued(1, 1, "client"), continued(2, 1, "client"))
    other = folder / "other"
    run = copy(run_of(2), other)
    # Another number in one array of the bank, which the step after depends on.
    name = f"banks/{CENTERS[0]}/round-000002.h5"
    with h5py.File(run / name, "r+") as file:
        file["bank/decoder/stage1/up/weight"][...] += 0.01
    path = checkpoint(run, 2) / "manifest.json"
    text = path.read_text()
    manifest = json.loads(text)
    text = text.replace(manifest["files"][name]["crc32"], f"{zlib.crc32((run / name).read_bytes()):08x}")
    text = text.replace(manifest["checksum"], "00000000")
    path.write_text(text.replace('"checksum" : "00000000"', f'"checksum" : "{zlib.crc32(text.encode()):08x}"'))
    resume(run, "rounds=3", "crl.placement=client", data=data(), accepting=True).succeeded()
    result = fedcrld("verify", "--compare", run, continued(2, 1, "client"))
    expect(result.status == 1 and "network/decoder" in result.out, f"{result}")


main()
