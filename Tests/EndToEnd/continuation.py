"""A run that was interrupted, stopped, finished or rolled back goes on exactly: the same bits as without."""

import json
import os
import re
import signal

from lib.program import Job, fedcrld, is_alive, run, wait_until
from lib.runs import (
    centers, checkpoint, copy, expect_rounds, expect_same_bits, expect_sound, metrics, positions, resume, resuming,
    rounds, simulate, start, train, training, within)
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test

# More than a run that is about to be interrupted can reach.
ENDLESS = "rounds=1000"
# What a rank may take to notice that mpirun is gone.
PATIENCE = 20


@fixture
def data():
    return simulate(shared_folder())


@fixture
def reference(*values):
    """A run of one rank that nothing interrupts."""
    out = shared_folder() / "-".join(("reference", *values))
    train(data(), out, *values).succeeded()
    return out


def reaches(out, number):
    """Waits until a run has finished a round."""
    wait_until(
        lambda: (out / "metrics.jsonl").exists() and f'"round":{number}' in (out / "metrics.jsonl").read_text(),
        f"round {number} of {out}")


def expect_continuation(out, *values, ranks=1):
    """Resumes an interrupted run: it comes to the same end as one that was not, and has told of each round once."""
    # How far it came depends on the machine; one end serves most tests.
    end = f"rounds={max(4, max(positions(out))[0] + 1)}"
    resume(out, end, *values, ranks=ranks).succeeded()
    expect_same_bits(out, reference(end))
    expect(metrics(out) == metrics(reference(end)), "the metrics differ")
    expect_sound(out)


for ranks, placement, later_ranks, later_placement in [(3, "root", 2, "client"), (4, "client", 3, "root")]:

    @test(
        f"kill -9 of mpirun in round 3 leaves no rank; {ranks} ranks, CRL at the {placement}, go on as "
        f"{later_ranks}, CRL at the {later_placement}")
    def _(folder, ranks=ranks, placement=placement, later_ranks=later_ranks, later_placement=later_placement):
        out = folder / "run"
        with start(data(), out, ENDLESS, f"crl.placement={placement}", ranks=ranks) as job:
            wait_until(lambda: max(rounds(out), default=0) >= 2, "the checkpoint of round 2")
            pids = job.ranks()
            expect_equal(len(pids), ranks, "the number of ranks")
            job.send(signal.SIGKILL)
            job.wait().ended_with(128 + signal.SIGKILL)
            wait_until(lambda: not any(map(is_alive, pids)), "the end of all ranks", limit=PATIENCE)
        expect_continuation(out, f"crl.placement={later_placement}", ranks=later_ranks)


@test("with a checkpoint every second round, a run killed in between repeats a round")
def _(folder):
    out = folder / "run"
    with start(data(), out, ENDLESS, "checkpoint.every=2", ranks=2) as job:
        reaches(out, 3)
        pids = job.ranks()
        job.send(signal.SIGKILL)
        job.wait()
        wait_until(lambda: not any(map(is_alive, pids)), "the end of all ranks", limit=PATIENCE)
    expect(all(number % 2 == 0 for number in rounds(out)), f"checkpoints of rounds {rounds(out)}")
    expect_continuation(out, "resident_centers=1", ranks=4)


for ranks, placement, later_ranks, later_placement in [
    (3, "root", 1, "root"), (3, "root", 2, "client"), (1, "client", 3, "root")
]:

    @test(
        f"a finished run goes on with more rounds, centers that rest too: {ranks} ranks, CRL at the {placement}, then "
        f"{later_ranks}, CRL at the {later_placement}")
    def _(folder, ranks=ranks, placement=placement, later_ranks=later_ranks, later_placement=later_placement):
        out = folder / "run"
        some, all_rounds = "participation=0.34", "rounds=6"
        train(
            data(), out, "rounds=2", some, f"crl.placement={placement}", "resident_centers=1", ranks=ranks
        ).succeeded()
        resume(out, all_rounds, f"crl.placement={later_placement}", ranks=later_ranks).succeeded()
        expect_same_bits(out, reference(some, all_rounds))
        expect_sound(out)


@test("a finished run that is resumed without more rounds stays as it is")
def _(folder):
    out = folder / "run"
    train(data(), out, "rounds=1").succeeded()
    manifest = (checkpoint(out, 1) / "manifest.json").read_bytes()
    resume(out, ranks=3).succeeded()
    expect_rounds(out, [1])
    expect((checkpoint(out, 1) / "manifest.json").read_bytes() == manifest, "the checkpoint was written again")


@test("--max-hours ends a run at the step that it leaves time for, with status 75; it goes on to the same bits")
def _(folder):
    out = folder / "run"
    # Milliseconds, which the first step passes: every job makes a step for each rank at least.
    for job in [training(data(), out, "rounds=3", ranks=2), resuming(out, ranks=3), resuming(out)]:
        result = run(*job, "--max-hours", "1e-6").ended_with(75)
        expect("limit of time" in result.err and "--resume" in result.err, str(result))
    expect(len(within(out)) == 1 and not rounds(out), f"{positions(out)}: one checkpoint, in the middle of round 1")
    fedcrld("evaluate", "--run", out).failed_with(2, str(out), "before the end of its first round")
    expect_sound(out)
    expect_continuation(out, ranks=2)
    fedcrld("train", "--data", data(), "--out", folder / "other", "--max-hours", "0").ended_with(2)


def stopped_position(result):
    """Rounds and steps that a stopped run says it has done."""
    found = re.search(r"stopped after round (\d+)(?: and (\d+) steps)? of", result.messages[0])
    return int(found[1]), int(found[2] or 0)


# Two epochs make rounds of 12 steps, more of which are inside than at an end.
LONG = ["local_epochs=2"]
for number, target, ranks, placement, later_ranks, later_placement in [
    (signal.SIGUSR1, "mpirun", 3, "root", 4, "client"), (signal.SIGTERM, "the last rank", 3, "client", 1, "client"),
    (signal.SIGUSR1, "the first rank", 3, "client", 2, "root"), (signal.SIGTERM, "the last rank", 4, "root", 3, "root"),
]:

    @test(
        f"{number.name} to {target} of {ranks}, CRL at the {placement}, stops all at their next step; {later_ranks} ranks, "
        f"CRL at the {later_placement}, go on with the step after, and stop again")
    def _(
        folder, number=number, target=target, ranks=ranks, placement=placement, later_ranks=later_ranks,
        later_placement=later_placement,
    ):
        out = folder / "run"
        job = start(
            data(), out, ENDLESS, *LONG, f"crl.placement={placement}", "checkpoint.every=1000", "resident_centers=2",
            ranks=ranks)
        with job:
            reaches(out, 1)
            pid = {"mpirun": lambda: job.pid, "the last rank": lambda: job.ranks()[-1]}.get(target, lambda: job.ranks()[0])()
            os.kill(pid, number)
            first = stopped_position(job.wait().failed_with(75, "stopped after round", "--resume"))
        expect_equal(positions(out), [first], "the checkpoints")
        expect_sound(out)
        with Job(*resuming(out, f"crl.placement={later_placement}", ranks=later_ranks)) as job:
            wait_until(lambda: (out / "working").exists() or len(metrics(out)) > first[0], "the run's going on")
            job.send(signal.SIGUSR1)
            second = stopped_position(job.wait().failed_with(75, "stopped after round"))
        expect(second > first, f"{second} after {first}")
        expect_equal(max(positions(out)), second, "the newest checkpoint")
        expect_equal(within(out), [second] if second[1] else [], "those in the middle of a round")
        expect_sound(out)
        end = [f"rounds={second[0] + 2}"]
        resume(out, *end, f"crl.placement={placement}", ranks=ranks).succeeded()
        whole = reference(*LONG, *end)
        expect_same_bits(out, whole)
        expect(metrics(out) == metrics(whole), "the metrics differ")
        expect_sound(out)


@test("a run that is stopped in the middle of a round, and killed then, goes on from there")
def _(folder):
    out = folder / "run"
    with start(data(), out, "rounds=3", *LONG, ranks=2) as job:
        reaches(out, 1)
        job.send(signal.SIGUSR1)
        stopped = stopped_position(job.wait().failed_with(75, "stopped after round"))
    with Job(*resuming(out, ranks=2)) as job:
        wait_until(lambda: "loss" in (out / "metrics.jsonl").read_text(), "the run's going on")
        job.send(signal.SIGKILL)
        job.wait()
    expect(max(positions(out)) >= stopped, f"{positions(out)} after {stopped}")
    resume(out, ranks=3).succeeded()
    expect_same_bits(out, reference("rounds=3", *LONG))


@test("a center is rolled back in the middle of a round, too: it begins its part of the round again")
def _(folder):
    first, last = centers(data())[0], centers(data())[-1]
    base = folder / "base"
    train(data(), base, "rounds=1").succeeded()
    for number, center in enumerate((first, last)):
        # What comes of it is what comes of putting the center back at the round's end, before.
        wanted = copy(base, folder / f"wanted-{number}")
        fedcrld("rollback", "--run", wanted, "--center", center, "--to", 1).succeeded()
        resume(wanted, "rounds=2").succeeded()
        out = copy(base, folder / f"run-{number}")
        run(*resuming(out, "rounds=2"), "--max-hours", "1e-6").ended_with(75)
        (round_, steps), = within(out)
        expect((round_, steps > 0) == (1, True), f"stopped at {positions(out)}")
        told = json.loads(
            fedcrld("rollback", "--run", out, "--center", center, "--to", 1, "--json").succeeded().out)
        # The first center is the one that had begun; the last had not.
        expect_equal(told["steps"], 0 if center == first else steps, "steps of the round that are left")
        expect_equal(told["round"], 1, "the round")
        expect_sound(out)
        resume(out, "rounds=2", ranks=3).succeeded()
        expect_same_bits(out, wanted)


@test("SIGTERM stops a run without mpirun, too")
def _(folder):
    out = folder / "run"
    with start(data(), out, ENDLESS) as job:
        reaches(out, 1)
        job.send(signal.SIGTERM)
        job.wait().failed_with(75, "stopped after round", "--resume")
    expect_continuation(out)


@test("a center is rolled back alone, and the run goes on from there, the same on any number of ranks")
def _(folder):
    center = centers(data())[2]
    ends = []
    for ranks, placement in [(3, "root"), (1, "client")]:
        out, before = folder / f"run-{ranks}", folder / f"before-{ranks}"
        train(data(), out, "rounds=3", f"crl.placement={placement}", ranks=ranks).succeeded()
        copy(out, before)
        fedcrld("rollback", "--run", out, "--center", center, "--to", 1).succeeded()
        expect_sound(out)
        differences = fedcrld("verify", "--compare", out, before).ended_with(1).out.splitlines()
        expect(all("differs" in line or line.startswith("and ") for line in differences), "\n".join(differences))
        expect(
            all(f"/{center}" in line for line in differences if "differs" in line),
            "another center differs:\n" + "\n".join(differences))
        resume(out, "rounds=4", ranks=4 - ranks).succeeded()
        expect_sound(out)
        ends.append(out)
    expect_same_bits(*ends)


@test("a new run starts from another one's server model")
def _(folder):
    first, second, third = (folder / name for name in ("first", "second", "third"))
    train(data(), first, "rounds=1").succeeded()
    for out in (second, third):
        initial = ["--initial", checkpoint(first, 1)] if out == second else []
        run(*training(data(), out, "rounds=1", ranks=3), *initial).succeeded()
    expect_same_bits(first, third)
    differences = fedcrld("verify", "--compare", first, second).ended_with(1).out
    expect("network/global_encoder/level1/conv1/weight differs" in differences, differences)


main()
