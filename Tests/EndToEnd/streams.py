"""Standard output and error as people have them: full disks, closed terminals, pipes that nobody reads, short paths."""

import fcntl
import os
import pty
import shutil

from lib.program import FEDCRLD, Job, fedcrld, run
from lib.runs import (
    SETTINGS, centers, expect_same_bits, images, rounds, settings, simulate, start, train, training)
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test


@fixture
def data():
    return simulate(shared_folder(), centers=2)


@fixture
def finished():
    out = shared_folder() / "run"
    train(data(), out, "rounds=2").succeeded()
    return out


def shell(line, *words, folder=None, limit=60):
    """Runs a line of the shell; `words` are its arguments."""
    return run("bash", "-c", line, "bash", *words, folder=folder, limit=limit)


# What is a log never fails the work.

for redirection in ("2>/dev/full", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full", ">/dev/full"):

    @test(f"a training goes on and ends well whatever becomes of its log: {redirection}")
    def _(folder, redirection=redirection):
        command = training(data(), folder / "run", "rounds=2", "evaluate_every=1")
        result = shell(f'"$@" {redirection}', *command).ended_with(0)
        expect_equal(rounds(folder / "run"), [1, 2], f"checkpoints\n{result}\n")
        expect_same_bits(folder / "run", finished())
        if redirection == ">/dev/full":
            expect("warning: the table cannot be printed (no space left on device)" in result.err, f"{result}")


@test("a training does not end with the reader of its log, nor with its terminal")
def _(folder):
    shell('"$@" 2>&1 | head -n 1', *training(data(), folder / "read", "rounds=3", "evaluate_every=1")).ended_with(0)
    expect_equal(rounds(folder / "read"), [2, 3], "checkpoints of the run whose reader has gone")
    mine, terminal = pty.openpty()
    with start(data(), folder / "terminal", "rounds=3", stdout=terminal, stderr=terminal) as job:
        os.close(terminal)
        os.close(mine)
        job.wait().ended_with(0)
    expect_equal(rounds(folder / "terminal"), [2, 3], "checkpoints of the run whose terminal was closed")


@test("a training whose log is a pipe that is full and does not block goes on")
def _(folder):
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETFL, os.O_NONBLOCK)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        pass
    # Misses a reader for its whole life.
    with start(data(), folder / "run", "rounds=2", stdout=writing, stderr=writing) as job:
        job.wait().ended_with(0)
    os.close(reading)
    os.close(writing)
    expect_equal(rounds(folder / "run"), [1, 2], "checkpoints")


@test("a usage error has its status whatever becomes of the message")
def _(folder):
    for redirection in ("2>/dev/full", "2>&-", "2>&1 | cat"):
        line = f'set -o pipefail; "$@" {redirection}'
        shell(line, FEDCRLD, "train", "--nonsense").ended_with(2)
        shell(line, FEDCRLD, "evaluate", "--run", "/nowhere").ended_with(2)


# A result that is lost is a failure.

def commands(folder):
    """Commands that have a result on standard output."""
    out, center = finished(), centers(data())[0]
    image = images(data(), center, "test")[0]
    run_ = ["--run", out]
    (folder / "scans").mkdir(exist_ok=True)
    (folder / "scans" / image.name).write_bytes(image.read_bytes())
    predicting = ["predict", *run_, "--center", center, "--input", folder / "scans", "--output", folder / "masks"]
    truth = image.parent.parent / "labels" / image.name
    return {
        "evaluate": ["evaluate", *run_], "evaluate --json": ["evaluate", *run_, "--json"],
        "inspect": ["inspect", out], "inspect --json": ["inspect", out, "--json"],
        "verify": ["verify", out], "verify --json": ["verify", out, "--json"],
        "verify --compare": ["verify", "--compare", out, out],
        "check --json": ["check", "--data", data(), "--out", folder / "new", "--no-step", "--json"],
        "score": ["score", "--prediction", truth, "--truth", truth], "predict": predicting,
        "report": ["report", out, "--out", folder / "report.html"],
        "simulate": ["simulate", "--out", folder / "simulated", "--subjects", "2", "--size", "2x32x32", "--centers", "1"],
        "--help": ["--help"], "--version": ["--version"], "train --help": ["train", "--help"],
    }


@test("a result that cannot be written is exit status 1 and one message, and the work is done nevertheless")
def _(folder):
    for name, command in commands(folder).items():
        for redirection in (">/dev/full", ">&-"):
            shutil.rmtree(folder / "simulated", ignore_errors=True)
            result = shell(f'"$@" {redirection}', FEDCRLD, *command)
            result.failed_with(1, "cannot write the result to standard output")
            if redirection == ">/dev/full":
                expect("no space left on device" in result.messages[0], f"{name}\n{result}")
    expect(list((folder / "masks").iterdir()) and (folder / "report.html").exists(), "what is no output was not written")


@test("a result goes whole through a pipe that does not block, and is not lost in one whose reader has gone")
def _(folder):
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETFL, os.O_NONBLOCK)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with Job(FEDCRLD, "train", "--help", stdout=writing) as job:
        os.close(writing)
        text = b""
        while piece := os.read(reading, 512):
            text += piece
        job.wait().ended_with(0)
    expect_equal(text.decode(), fedcrld("train", "--help").succeeded().out, "the help")
    result = shell('set -o pipefail; "$@" | true', FEDCRLD, "train", "--help")
    expect(result.status in (0, 1), f"{result}")


@test("a limit on the size of files is an error with a message, and leaves nothing in part")
def _(folder):
    center = centers(data())[0]
    image = images(data(), center, "test")[0]
    base = ["--run", finished()]
    jobs = {
        "predict": ["predict", *base, "--center", center, "--input", image, "--output", folder / "mask.nii"],
        "probabilities": [
            "predict", *base, "--center", center, "--input", image, "--output", folder / "mask.nii.gz",
            "--probabilities", folder / "p.h5"],
        "simulate": ["simulate", "--out", folder / "data", "--subjects", "2", "--size", "3x32x32"],
        "evaluate": ["evaluate", *base, "--out", folder / "evaluation"],
        "report": ["report", finished(), "--out", folder / "report.html"],
        "train": training(data(), folder / "run", "rounds=1")[1:],
    }
    for name, command in jobs.items():
        # Enough for a compressed mask, for nothing else.
        result = shell('ulimit -f 1; exec "$@"', FEDCRLD, *command)
        expect(result.status == 1, f"{name} has status {result.status}\n{result}")
        expect_equal(len(result.messages), 1, f"messages of {name}\n{result}\n")
        expect("file too large" in result.messages[0].lower(), f"{name}\n{result}")
    left = [path for path in folder.rglob("*") if path.is_file() and (".partial" in path.name or "sb-" in path.name)]
    expect_equal(left, [], "files in part")


# Paths of every length, and none.

@test("paths of one character are paths: --out r, --scratch t, check --out c/d")
def _(folder):
    (folder / "d").symlink_to(data())
    options = ["--data", "d", "--preset", "tiny", *settings(*SETTINGS, "rounds=1")]
    run(FEDCRLD, "train", *options, "--out", "r", "--scratch", "t", folder=folder).succeeded()
    expect_same_bits(folder / "r", folder / "r")
    run(FEDCRLD, "check", *options, "--out", "c/d", "--no-step", folder=folder).succeeded()
    run(FEDCRLD, "check", *options, "--out", "c", "--no-step", folder=folder).succeeded()
    run(FEDCRLD, "verify", "r/checkpoints/round-000001", folder=folder).succeeded()
    run(FEDCRLD, "verify", "round-000001", folder=folder / "r/checkpoints").succeeded()
    run(FEDCRLD, "verify", "--compare", "round-000001", "..", folder=folder / "r/checkpoints").succeeded()
    run(FEDCRLD, "simulate", "--out", "s", "--subjects", "2", "--size", "2x32x32", "--centers", "1",
        folder=folder).succeeded()
    expect_equal(sorted(path.name for path in folder.iterdir()), ["d", "r", "s", "t"], "what was made")


@test("an empty path is refused before anything is done, whichever option it is given to")
def _(folder):
    options = ["--data", data(), "--preset", "tiny", *settings(*SETTINGS, "rounds=1")]
    image = images(data(), centers(data())[0], "test")[0]
    predicting = ["predict", "--run", finished(), "--center", centers(data())[0], "--input", image, "--output"]
    for command in (
            ["train", *options, "--out", ""], ["train", *options, "--out", "r", "--scratch", ""],
            ["train", *options, "--out="], ["train", "--data", "", "--out", "r"], ["train", "--resume", ""],
            ["train", *options, "--out", "r", "--set", "preprocessing.cache="],
            ["train", *options, "--out", "r", "--set", 'preprocessing.cache=""'],
            [*predicting, ""], ["evaluate", "--run", ""], ["evaluate", "--run", finished(), "--out", ""],
            ["report", ""], ["report", finished(), "--out", ""], ["inspect", ""], ["verify", ""],
            ["simulate", "--out", ""], ["import", "mnms", "", "--out", "x"]):
        result = run(FEDCRLD, *command, folder=folder).ended_with(2)
        expect(result.err.strip() and result.out == "", f"{result}")
    (folder / "c.yaml").write_text('preprocessing:\n  cache: ""\n')
    run(FEDCRLD, "train", "--data", data(), "--out", "r", "--config", "c.yaml", folder=folder).failed_with(
        2, "preprocessing.cache")
    expect_equal([path.name for path in folder.iterdir()], ["c.yaml"], "what was made")


@test("an argument that is not UTF-8 is refused by name: no other folder is made in its place")
def _(folder):
    name = os.fsencode(folder) + b"/r\xe9sultat"
    result = run(FEDCRLD, "simulate", "--out", name, folder=folder).ended_with(2)
    expect(r"r\xe9sultat" in result.err and "UTF-8" in result.err, f"{result}")
    expect_equal(list(folder.iterdir()), [], "what was made")


@test("a run knows its data wherever it is resumed, evaluated or reported from")
def _(folder):
    (folder / "work").mkdir()
    (folder / "work/data").symlink_to(data())
    options = ["--preset", "tiny", *settings(*SETTINGS, "rounds=1", "preprocessing.cache=cache")]
    run(FEDCRLD, "train", "--data", "data", "--out", "run", *options, folder=folder / "work").succeeded()
    here = folder / "work/run"
    text = (here / "config.yaml").read_text()
    expect(f"data: {folder}/work/data" in text and f"cache: {folder}/work/cache" in text, text)
    for command in (
            ["train", "--resume", here, "--set", "rounds=2"], ["evaluate", "--run", here, "--json"], ["report", here]):
        run(FEDCRLD, *command, folder="/").succeeded()
    (folder / "work/data").unlink()
    # A training that is given another folder keeps it.
    for command in (["evaluate", "--run", here], ["report", here], ["train", "--resume", here, "--set", "rounds=3"]):
        result = fedcrld(*command)
        expect(result.status in (1, 2) and "--data" in result.messages[0], f"{result}")
        fedcrld(*command, "--data", data()).succeeded()


main()
