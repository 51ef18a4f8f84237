"""Where a run is, as one sees it from outside."""

import json
import os
import shutil
import signal

from lib.program import Job, fedcrld, wait_until
from lib.runs import checkpoint, metrics, resume, resuming, simulate, start, train
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test


@fixture
def data():
    return simulate(shared_folder())


@fixture
def finished():
    """A run of four rounds that came to its end, with validations."""
    out = shared_folder() / "finished"
    train(data(), out, "rounds=4", "evaluate_every=2").succeeded()
    return out


def status(out):
    """What the command says, for a person and for a program."""
    line = fedcrld("status", out, "--json").succeeded().out
    expect_equal(line.count("\n"), 1, "lines of JSON")
    return fedcrld("status", out).succeeded().out, json.loads(line)


@test("a finished run: its rounds, checkpoint, last and best validation")
def _(folder):
    text, found = status(finished())
    expect_equal((found["state"], found["round"], found["rounds"]), ("finished", 4, 4), "state")
    expect_equal(found["checkpoint"]["name"], "round-000004", "checkpoint")
    last = [line for line in metrics(finished()) if line["kind"] == "evaluation" and line["split"] == found["evaluation"]["split"]][-1]
    expect_equal(found["evaluation"]["round"], last["round"], "the evaluation's round")
    expect(abs(found["evaluation"]["dice"] - last["mean_dice"]) < 1e-12, f"{found['evaluation']} instead of {last}")
    expect(found["job"] is None and found["damaged"] is None and found["seconds_left"] is None, f"{found}")
    for word in ("finished", "round 4", f"{last['mean_dice']:.3f}"):
        expect(word in text, f'no "{word}" in {text}')
    expect("--resume" not in text, text)


for ranks in (1, 3):

    @test(f"a run of {ranks} ranks while it trains: who has it, round, step, speed and time left; then stopped, and what to do")
    def _(folder, ranks=ranks):
        out = folder / "run"
        with start(data(), out, "rounds=1000", "local_epochs=4", "checkpoint.every=1", ranks=ranks) as job:
            wait_until(lambda: out.exists() and (out / "progress").exists() and (out / "checkpoints/latest").exists(), "a round")
            wait_until(lambda: status(out)[1]["seconds_left"] is not None, "a speed")
            text, found = status(out)
            expect_equal(found["state"], "running", "state")
            expect(found["job"]["lives"] and found["job"]["process"] in job.ranks() + [job.pid], f"{found} {job.ranks()}")
            expect(found["round"] >= 1 and found["steps"] > 0 and 0 <= found["step"] <= found["steps"], f"{found}")
            expect(found["steps_per_second"] > 0 and "left" in text and "step" in text, text)
            before = json.loads((out / "progress").read_text())
            wait_until(lambda: json.loads((out / "progress").read_text())["time"] > before["time"], "another note")
            job.send(signal.SIGUSR1)
            job.wait().ended_with(75)
        text, found = status(out)
        expect_equal((found["state"], found["job"]), ("stopped", None), "state")
        expect(f"fedcrld train --resume {out}" in text, text)


@test("steps of ranks whose work the root does not see are counted within a round, and their notes go with them")
def _(folder):
    out = folder / "run"
    with start(data(), out, "rounds=2", "local_epochs=3000", "crl.placement=client", ranks=3) as job:
        wait_until(lambda: (out / "progress").exists() and status(out)[1]["step"] > 0, "a step")
        before = status(out)[1]
        expect_equal((before["state"], before["round"]), ("running", 1), "state")
        wait_until(lambda: status(out)[1]["step"] > before["step"], "more steps")
        found = status(out)[1]
        expect(0 < found["step"] < found["steps"], f"{found}")
        expect(not metrics(out), "the round has ended")
        job.send(signal.SIGUSR1)
        job.wait().ended_with(75)
    expect_equal(sorted(path.name for path in out.glob("progress*")), ["progress"], "what is left")
    # What a killed rank has left is removed by the job that goes on.
    (out / "progress-2").write_text('{"round": 1, "steps": 5}')
    with Job(*resuming(out)) as job:
        wait_until(lambda: not (out / "progress-2").exists(), "the removal")
        job.send(signal.SIGUSR1)
        job.wait().ended_with(75)


@test("a finished run whose rounds are raised, and that is stopped, is stopped")
def _(folder):
    out = folder / "run"
    shutil.copytree(finished(), out)
    with Job(*resuming(out, "rounds=1000")) as job:
        wait_until(lambda: status(out)[1]["round"] > 4, "another round")
        job.send(signal.SIGUSR1)
        job.wait().ended_with(75)
    expect_equal(status(out)[1]["state"], "stopped", "state")


@test("a run that its patience has ended is finished")
def _(folder):
    out = folder / "run"
    cohorts = folder / "data"
    fedcrld("simulate", "--out", cohorts, "--subjects", 8, "--size", "3x32x32", "--centers", 2).succeeded()
    # Nothing is learnt at this rate, so that nothing gets better.
    train(cohorts, out, "rounds=9", "evaluate_every=1", "patience=2", "learning_rate=1e-9").succeeded()
    _, found = status(out)
    expect_equal((found["state"], found["rounds"]), ("finished", 9), "state")
    expect(found["round"] < 9, f"{found}")


@test("a killed run: who had it, and from where it goes on; resumed to its end it is finished")
def _(folder):
    out = folder / "run"
    with start(data(), out, "rounds=1000", "checkpoint.every=1") as job:
        wait_until(lambda: (out / "checkpoints/latest").exists(), "a checkpoint")
        for pid in job.ranks() or [job.pid]:
            os.kill(pid, signal.SIGKILL)
        job.wait()
    text, found = status(out)
    expect_equal((found["state"], found["job"]["lives"]), ("killed", False), "state")
    expect("it is gone" in text and "--resume" in text, text)
    resume(out, f"rounds={found['checkpoint']['round'] + 1}").succeeded()
    expect_equal(status(out)[1]["state"], "finished", "state")


@test("a run whose newest checkpoint is damaged: what is wrong, and the one before")
def _(folder):
    out = folder / "run"
    shutil.copytree(finished(), out)
    manifest = checkpoint(out, 4) / "manifest.json"
    manifest.write_text(manifest.read_text()[:100])
    text, found = status(out)
    expect("manifest.json" in found["damaged"] and "damaged" in text, f"{found}")
    expect(found["checkpoint"] is None or found["checkpoint"]["round"] < 4, f"{found}")


@test("a folder without a run, and a configuration that cannot be read, are refused")
def _(folder):
    fedcrld("status", folder).failed_with(2, "config.yaml", "give the folder of a run")
    fedcrld("status", folder / "none").failed_with(2, "config.yaml")
    out = folder / "run"
    shutil.copytree(finished(), out)
    (out / "config.yaml").write_text("rounds: many\n")
    fedcrld("status", out).failed_with(2, "rounds")
    shutil.copy(finished() / "config.yaml", out / "config.yaml")
    # What else is there may be cut off anywhere.
    for name in ("metrics.jsonl", "progress"):
        (out / name).write_text((out / name).read_text()[:-20])
        status(out)
        (out / name).unlink()
        status(out)


main()
