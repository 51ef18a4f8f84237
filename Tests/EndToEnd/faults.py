"""What goes wrong is said once, clearly, with the right exit status, within seconds; nothing hangs or is lost."""

import array
import gzip
import json
import os
import re
import shutil
import signal
import struct
import subprocess
from pathlib import Path

from lib.program import FEDCRLD, Job, fedcrld, is_alive, launcher, run, wait_until
from lib.runs import (
    centers, expect_same_bits, expect_sound, images, resume, rounds, simulate, start, train, training)
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test


@fixture
def data():
    return simulate(shared_folder())


@fixture
def finished():
    """A run of two rounds."""
    out = shared_folder() / "finished"
    train(data(), out, "rounds=2", ranks=3).succeeded()
    return out


def own_data(folder):
    """Data of a test's own, to damage."""
    return shutil.copytree(data(), folder / "data")



# Ranks


@test("a killed client rank ends the job, and the run goes on from its last checkpoint")
def _(folder):
    out = folder / "run"
    with start(data(), out, "rounds=1000", ranks=3) as job:
        wait_until(lambda: rounds(out), "a checkpoint")
        pids = job.ranks()
        os.kill(pids[-1], signal.SIGKILL)
        result = job.wait()
        expect(result.status != 0, f"{result}")
        wait_until(lambda: not any(map(is_alive, pids)), "the end of all ranks")
    expect_sound(out)
    end = rounds(out)[-1] + 1
    resume(out, f"rounds={end}", ranks=2).succeeded()
    expect_equal(rounds(out)[-1], end, "the last round")


CHECKS = Path(FEDCRLD).parent / "RankChecks"
for what, words in [
    ("sleep", ["rank 1 did not come", "ranks 0 and 2", "sum onto the root", "round 3"]),
    ("mismatch", ["rank 1 is at collective 2", "wait for all ranks", "ranks 0 and 2", "sum onto the root"]),
    ("compared", ["different collectives", 'rank 0 at collective 1, "sum onto the root"', 'rank 1 at collective 1, "broadcast"']),
    ("payload", ["different collectives", "of 800 bytes", "of 400 bytes"]),
]:

    @test(f"ranks that never meet ({what}) end within seconds, with a message that names rank and operation")
    def _(folder, what=what, words=words):
        if not CHECKS.exists():
            raise Skip(f"there is no {CHECKS}")
        result = run(*launcher(3), CHECKS, "--misbehave", what)
        expect(result.status != 0, f"{result}")
        said = [line for line in (result.out + result.err).splitlines() if line.startswith("rank ")]
        expect(len(said) == 1 and all(word in said[0] for word in words), f"{result}")
        expect(result.seconds < 30, f"it took {result.seconds:.0f} s")


for placement in ("root", "client"):

    @test(f"a rank that hangs is named after the ranks' patience, and the run goes on; CRL at the {placement}")
    def _(folder, placement=placement):
        out = folder / "run"
        command = [*training(data(), out, "rounds=1000", f"crl.placement={placement}", ranks=3), "--patience", "0.05"]
        with Job(*command) as job:
            wait_until(lambda: rounds(out), "a checkpoint")
            os.kill(job.ranks()[-1], signal.SIGSTOP)
            result = job.wait(30)
        # Three seconds, and what a busy machine adds.
        said = re.search(r"rank 2 did not come in \d+ s and did not answer", result.err)
        expect(result.status != 0 and said, f"{result}")
        expect_sound(out)
        resume(out, f"rounds={rounds(out)[-1] + 1}", ranks=2).succeeded()


for where, subject, ranks in [("a client rank", "train", 3), ("the only rank", "train", 1), ("a client rank", "test", 4)]:

    @test(f"a damaged {subject} image fails on {where}, and ends the job; the message names center and file")
    def _(folder, subject=subject, ranks=ranks):
        own = own_data(folder)
        center = centers(own)[3]
        image = images(own, center, subject)[0]
        os.truncate(image, image.stat().st_size // 2)
        train(own, folder / "run", ranks=ranks).failed_with(1, center, str(image), "truncated")


for variable in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"]:

    @test(f"ranks that do not see each other are refused ({variable})")
    def _(folder, variable=variable):
        out = folder / "run"
        train(data(), out, environment={variable: "4"}).failed_with(1, "launched as 4 ranks", variable)
        expect(not out.exists(), "something was written")


# Data


def put_nan(image):
    """Makes the middle voxel of an image NaN."""
    content = bytearray(gzip.decompress(image.read_bytes()))
    (data_type,) = struct.unpack_from("<h", content, 70)
    (offset,) = struct.unpack_from("<f", content, 108)
    voxels = array.array({2: "B", 4: "h", 8: "i", 16: "f", 64: "d", 512: "H"}[data_type])
    voxels.frombytes(bytes(content[int(offset) :]))
    floats = array.array("f", voxels)
    floats[len(floats) // 2] = float("nan")
    struct.pack_into("<hh", content, 70, 16, 32)
    image.write_bytes(gzip.compress(bytes(content[: int(offset)]) + floats.tobytes()))


for ranks in (1, 3):

    @test(f"NaN in one center's volume, {ranks} ranks: the message names center and file")
    def _(folder, ranks=ranks):
        own = own_data(folder)
        center = centers(own)[-1]
        image = images(own, center, "train")[0]
        put_nan(image)
        train(own, folder / "run", ranks=ranks).failed_with(1, center, str(image), "nan")


@test("a center whose images are gone is named before anything starts")
def _(folder):
    own, out = own_data(folder), folder / "run"
    center = centers(own)[1]
    shutil.rmtree(own / center / "images")
    train(own, out, ranks=3).failed_with(1, center, "there is no file")
    expect(not out.exists(), "something was written")


@test("a center without training cases is named before anything starts")
def _(folder):
    own, out = own_data(folder), folder / "run"
    center = centers(own)[1]
    file = own / center / "cohort.json"
    content = json.loads(file.read_text())
    content["splits"]["test"] += content["splits"].pop("train")
    content["splits"]["train"] = []
    file.write_text(json.dumps(content))
    train(own, out, ranks=3).failed_with(1, center, "train split")
    expect(not out.exists(), "something was written")


@test("a data folder that is not there is refused")
def _(folder):
    train(folder / "nowhere", folder / "run", ranks=3).failed_with(2, "nowhere", "no such folder")


@test("a data folder without centers is refused")
def _(folder):
    (folder / "empty").mkdir()
    train(folder / "empty", folder / "run", ranks=2).failed_with(1, "empty", "cohort.json")


# Configuration


for value, words in [
    ("learning_rat=1e-3", ["learning_rat", "nearest is learning_rate"]),
    ("learning_rate=7", ["learning_rate", "out of range"]),
    ("width=6", ["width", "multiple of 4"]),
    ("rounds=many", ["rounds", "many"]),
    ("crl.placement=moon", ["crl.placement", "root", "client"]),
    ("aggregation.parts=[global_encodr]", ["global_encodr"]),
    ("rounds", ["rounds"]),
]:

    @test(f"--set {value} is refused")
    def _(folder, value=value, words=words):
        out = folder / "run"
        train(data(), out, value, ranks=3).failed_with(2, *words)
        expect(not out.exists(), "something was written")


@test("a wrong key of a file is refused with its line")
def _(folder):
    file = folder / "settings.yaml"
    file.write_text("rounds: 2\nmomentun: 0.5\n")
    run(FEDCRLD, "train", "--data", data(), "--out", folder / "run", "--config", file).failed_with(
        2, "momentun", f"{file}, line 2", "momentum")


@test("a folder that already holds a run is refused")
def _(folder):
    before = sorted(finished().rglob("*"))
    train(data(), finished(), ranks=3).failed_with(2, str(finished()), "already holds one", "--resume")
    expect(sorted(finished().rglob("*")) == before, "the run was changed")


@test("a second job on a run is refused while the first lives, and nothing is changed")
def _(folder):
    out = folder / "run"
    with start(data(), out, "rounds=1000", ranks=2) as job:
        wait_until(lambda: rounds(out), "a checkpoint")
        for ranks in (1, 3):
            resume(out, ranks=ranks).failed_with(2, str(out), "another job does: process")
        fedcrld("rollback", "--run", out, "--center", centers(data())[0], "--to", 1).failed_with(2, "another job does")
        expect(is_alive(job.pid), "the first job has ended")
        job.send(signal.SIGUSR1)
        job.wait().ended_with(75)
    expect(not (out / "running").exists(), "it is still marked as running")
    resume(out, f"rounds={rounds(out)[-1] + 2}").succeeded()


@test("resuming a folder that is no run is refused")
def _(folder):
    resume(folder, ranks=3).failed_with(2, str(folder), "config.yaml")
    resume(folder / "nowhere").failed_with(2, "nowhere")


@test("resuming with another width is refused, and says how to go on")
def _(folder):
    resume(finished(), "width=8", ranks=2).failed_with(2, "width", "--initial")


@test("resuming with other centers is refused")
def _(folder):
    own = own_data(folder)
    center = centers(own)[0]
    shutil.rmtree(own / center)
    before = (finished() / "config.yaml").read_bytes()
    run(FEDCRLD, "train", "--resume", finished(), "--data", own).failed_with(1, center)
    expect((finished() / "config.yaml").read_bytes() == before, "the run was changed")


@test("a run cannot be both new and resumed")
def _(folder):
    run(FEDCRLD, "train", "--resume", finished(), "--preset", "tiny").failed_with(2, "--preset")


# Disk


@test("a full disk ends the run with a message that says so, and the last checkpoint stays")
def _(folder):
    disk = folder / "disk"
    disk.mkdir()
    size = 150 << 20
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        raise Skip("a small file system can only be mounted by root")
    try:
        for name, ranks, more in [("one", 1, []), ("three", 3, ["resident_centers=1"])]:
            out = disk / name
            train(data(), out, "rounds=20", *more, ranks=ranks).failed_with(1, str(disk), "no space left on device")
            expect(rounds(out), "there is no checkpoint")
            expect_sound(out)
            reached = rounds(out)[-1]
            # With space again, it goes on.
            moved = folder / name
            shutil.move(out, moved)
            resume(moved, f"rounds={reached + 1}", ranks=2).succeeded()
            whole = folder / f"whole-{name}"
            train(data(), whole, f"rounds={reached + 1}").succeeded()
            expect_same_bits(moved, whole)
    finally:
        subprocess.run(["umount", disk], check=False)


@test("a run's folder that cannot be written is refused")
def _(folder):
    (folder / "file").write_text("")
    train(data(), folder / "file" / "run", ranks=2).failed_with(1, "file/run")


main()
