"""The best checkpoint by validation cases: chosen, kept, found again, the same whatever interrupts the run; patience."""

import json
import os
import signal
import time

from lib.faulty_files import faulty
from lib.program import Job, fedcrld, wait_until
from lib.runs import (
    centers, expect_same_bits, expect_sound, images, metrics, resume, resuming, rounds, start, train)
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test

SETTINGS = ["rounds=6", "evaluate_every=1", "checkpoint.every=4", "checkpoint.keep=1", "learning_rate=1e-2"]
STILL = ["rounds=9", "evaluate_every=1", "learning_rate=1e-9", "patience=2"]


@fixture
def data():
    """Two centers with subjects in every split."""
    fedcrld("simulate", "--out", shared_folder() / "data", "--subjects", 5, "--size", "3x32x32", "--centers", 2).succeeded()
    return shared_folder() / "data"


@fixture
def reference():
    out = shared_folder() / "reference"
    result = train(data(), out, *SETTINGS).succeeded()
    return out, result


def evaluations(out, split):
    """Mean Dice by round."""
    return {line["round"]: line["mean_dice"] for line in metrics(out)
            if line["kind"] == "evaluation" and line["split"] == split}


def best(out):
    """The first round of the greatest Dice on validation cases."""
    found = evaluations(out, "validation")
    return min(found, key=lambda number: (-found[number], number))


def named(out):
    return (out / "checkpoints" / "best").read_text()


@test("validation cases are evaluated during the run, test cases at its end alone")
def _(folder):
    out, result = reference()
    expect_equal(list(evaluations(out, "validation")), [1, 2, 3, 4, 5, 6], "rounds with validation Dice")
    expect_equal(list(evaluations(out, "test")), [6], "rounds with test Dice")
    expect(f"after round {best(out)}; `--checkpoint best`" in result.out, f"{result}")
    line = next(line for line in metrics(out) if line["kind"] == "evaluation")
    worst = min(line["centers"], key=lambda name: line["centers"][name]["mean_dice"])
    expect_equal((line["worst_center"], line["worst_dice"]), (worst, line["centers"][worst]["mean_dice"]), "the least")


@test("the best checkpoint is kept beside the newest, and can be evaluated, predicted with and reported")
def _(folder):
    out, _ = reference()
    number = best(out)
    expect_equal(named(out), f"round-{number:06}\n", "checkpoints/best")
    expect_equal(rounds(out), sorted({number, 6}), "the checkpoints that are kept")
    expect_sound(out)
    found = json.loads(fedcrld(
        "evaluate", "--run", out, "--checkpoint", "best", "--split", "validation", "--json").succeeded().out)
    expect_equal((found["round"], found["mean_dice"]), (number, evaluations(out, "validation")[number]), "what is evaluated")
    latest = json.loads(fedcrld("evaluate", "--run", out, "--checkpoint", "latest", "--json").succeeded().out)
    expect_equal((latest["round"], latest["mean_dice"]), (6, evaluations(out, "test")[6]), "the newest")
    scan = images(data(), centers(data())[0], "test")[0]
    fedcrld("predict", "--run", out, "--center", centers(data())[0], "--input", scan, "--output", folder / "a.nii.gz",
            "--checkpoint", "best").succeeded()
    fedcrld("report", out, "--out", folder / "report.html", "--checkpoint", "best").succeeded()
    expect(f"checkpoint of round {number}" in (folder / "report.html").read_text(), "the report is of another round")
    fedcrld("evaluate", "--run", out, "--checkpoint", "good").ended_with(2)


@test("who interrupts the run by signals and kills gets the same choice and the same numbers")
def _(folder):
    whole, _ = reference()
    out = folder / "run"
    with start(data(), out, *SETTINGS, ranks=3) as job:
        wait_until(lambda: (out / "metrics.jsonl").exists() and len(metrics(out)) > 2, "some rounds")
        job.send(signal.SIGUSR1)
        job.wait()
    with Job(*resuming(out, ranks=2)) as job:
        time.sleep(1.5)
        for pid in job.ranks():
            os.kill(pid, signal.SIGKILL)
        job.wait()
    resume(out).succeeded()
    expect_same_bits(out, whole)
    expect_equal(metrics(out), metrics(whole), "metrics")
    expect_equal(named(out), named(whole), "checkpoints/best")


@test("a signal during a validation costs no evaluation: the resumed run makes up for it")
def _(folder):
    whole, _ = reference()
    image = images(data(), centers(data())[0], "validation")[0]
    out = folder / "run"
    slow = faulty("open", image, error=0, seconds=2)
    with start(data(), out, *SETTINGS, environment=slow) as job:
        wait_until(lambda: (out / "metrics.jsonl").exists() and len(metrics(out)) > 0, "the first round")
        time.sleep(0.5)
        os.kill(job.pid, signal.SIGUSR1)
        job.wait().ended_with(75)
    expect_equal(evaluations(out, "validation"), {}, "what was evaluated")
    resume(out).succeeded()
    expect_equal(metrics(out), metrics(whole), "metrics")
    expect_equal(named(out), named(whole), "checkpoints/best")


@test("a run ends in good order when its patience does, on any ranks, and resumed it has nothing left to do")
def _(folder):
    for ranks in (1, 3):
        out = folder / str(ranks)
        result = train(data(), out, *STILL, ranks=ranks).succeeded()
        expect("ends after round 3 of 9: 2 rounds" in result.err, f"{result}")
        expect_equal([line["round"] for line in metrics(out) if line["kind"] == "round"], [1, 2, 3], "rounds")
        expect_equal(list(evaluations(out, "test")), [3], "the test cases' round")
        again = resume(out).succeeded()
        expect_equal([line["round"] for line in metrics(out) if line["kind"] == "round"], [1, 2, 3], f"rounds after {again}")
    # With more of it the run goes on.
    resume(out, "patience=3").succeeded()
    expect_equal([line["round"] for line in metrics(out) if line["kind"] == "round"], [1, 2, 3, 4], "rounds")


@test("what cannot be chosen by is said: no validation cases, no evaluations, patience without them")
def _(folder):
    bare = folder / "bare"
    fedcrld("simulate", "--out", bare, "--subjects", 2, "--size", "3x32x32", "--centers", 2).succeeded()
    result = train(bare, folder / "run", "evaluate_every=1", "rounds=2").succeeded()
    expect("no center has validation cases" in result.err, f"{result}")
    expect_equal(list(evaluations(folder / "run", "test")), [1, 2], "rounds with test Dice")
    fedcrld("evaluate", "--run", folder / "run", "--checkpoint", "best").failed_with(2, "validation")
    train(bare, folder / "no", "evaluate_every=1", "patience=3").failed_with(2, "patience=3", "no center has validation cases")
    train(data(), folder / "no", "evaluate_every=0", "patience=3").failed_with(2, "evaluate_every is 0")
    train(data(), folder / "no", "evaluate_every=1", "evaluate_split=test", "patience=3").failed_with(2, "evaluate_split is test")
    expect(not (folder / "no").exists(), "nothing was started")


main()
