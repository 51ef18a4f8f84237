"""Every method: the same bits however it is spread and interrupted, what is kept of it, and the errors of who chooses one."""

import json
import os
import shutil
import signal

from lib.program import Job, fedcrld, wait_until
from lib.runs import (
    centers, checkpoint, expect_same_bits, expect_sound, metrics, resume, resuming, simulate, start, state, states, train)
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test

METHODS = ["local", "centralized", "fedavg", "fedprox", "fedbn", "fedper", "fedrep", "ditto", "mr-mtl", "apfl", "moon", "scaffold",
           "fedadam", "fedyogi", "prrfl"]
# The encoder learns, and a deputy's stage follows from another, in the epochs after the first.
NEEDS = {"fedrep": ["local_epochs=2"], "prrfl": ["local_epochs=3"]}
# With a state of the server, two models, controls, a model of the round before, parts that take steps of their own.
STATEFUL = ["fedadam", "ditto", "scaffold", "moon", "fedrep", "centralized"]
# Absent and late centers, and weights that differ.
FAULTS = ["dropout=0.3", "stragglers=0.3", "aggregation.weights=volumes"]


@fixture
def data():
    """Five centers with three foreground classes, one with four."""
    return simulate(shared_folder())


def chosen(method):
    """The settings of a run by a method."""
    return [f"method={method}", *NEEDS.get(method, [])]


@fixture
def reference(method, *values):
    """A run of one rank and one thread."""
    out = shared_folder() / "-".join(("reference", method, *values))
    train(data(), out, *chosen(method), *values).succeeded()
    return out


def datasets(path):
    """The names of the datasets in an HDF5 file."""
    return set(json.loads(fedcrld("inspect", path, "--json").succeeded().out)["datasets"])


for method in METHODS:

    @test(f"{method}: the same bits and metrics on other ranks and threads, with absent and late centers")
    def _(folder, method=method):
        whole = reference(method, *FAULTS)
        for ranks, threads, resident in ((2, 2, 1), (7, 1, 9)) if method in STATEFUL else ((3, 2, 1),):
            out = folder / str(ranks)
            values = [*FAULTS, f"threads={threads}", f"resident_centers={resident}"]
            train(data(), out, *chosen(method), *values, ranks=ranks).succeeded()
            expect_same_bits(out, whole)
            expect_equal(metrics(out), metrics(whole), f"metrics of {ranks} ranks")
            expect_sound(out)
        found = {line["kind"] for line in metrics(whole)}
        expect(found >= {"round", "evaluation"}, f"{found}")


@test("prrfl: stopped and killed in an epoch, it goes on in the stage and with the averages of a run that nobody stopped")
def _(folder):
    # What it averages depends on the number of rounds: they stay as they are.
    values = ["local_epochs=4", "rounds=8"]
    whole = reference("prrfl", *values)
    stages = {line["centers"][name]["stage"] for line in metrics_of(whole) for name in line["centers"]}
    expect(len(stages) > 1, f"stages {stages}")
    out = folder / "run"
    with start(data(), out, "method=prrfl", *values, ranks=3) as job:
        wait_until(lambda: len(metrics_of(out)) > 2, "some rounds")
        job.send(signal.SIGUSR1)
        job.wait().ended_with(75)
    with Job(*resuming(out, ranks=2)) as job:
        before = len(metrics_of(out))
        wait_until(lambda: len(metrics_of(out)) > before, "another round")
        for pid in job.ranks():
            os.kill(pid, signal.SIGKILL)
        job.wait()
    expect(len(metrics_of(out)) < 8, "it was not killed in time")
    resume(out, "rounds=9").failed_with(2, "rounds 9", "rounds 8")
    resume(out).succeeded()
    expect_same_bits(out, whole)
    expect_sound(out)


for method in STATEFUL:

    @test(f"{method}: stopped in the middle of a round, and killed, it comes to the end of a run that nobody stopped")
    def _(folder, method=method):
        # Several steps for each center, so that there is a middle.
        values = ["local_epochs=4", "rounds=4"]
        whole = reference(method, *values)
        out = folder / "run"
        with start(data(), out, *chosen(method), *values, "rounds=1000", ranks=3) as job:
            wait_until(lambda: len(metrics_of(out)) > 1, "a round's end")
            job.send(signal.SIGUSR1)
            job.wait().ended_with(75)
        # A round that was stopped, or its end, is a checkpoint.
        with Job(*resuming(out, "rounds=1000", ranks=2)) as job:
            before = len(metrics_of(out))
            wait_until(lambda: len(metrics_of(out)) > before, "another round")
            for pid in job.ranks():
                os.kill(pid, signal.SIGKILL)
            job.wait()
        last = max(line["round"] for line in metrics_of(out))
        end = f"rounds={max(4, last + 1)}"
        resume(out, end).succeeded()
        if end != "rounds=4":
            whole = reference(method, "local_epochs=4", end)
        expect_same_bits(out, whole)
        expect_sound(out)


def metrics_of(out):
    """The rounds' lines of a run that may not have begun."""
    if not (out / "metrics.jsonl").exists():
        return []
    found = []
    for line in (out / "metrics.jsonl").read_text().splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return [line for line in found if line["kind"] == "round"]


@test("a checkpoint holds what a method declares, and no more")
def _(folder):
    name = centers(data())[0]
    for method, groups, server in (
        ("local", {"network", "optimizer/network"}, set()),
        ("fedavg", {"network", "optimizer/network"}, {"network"}),
        ("ditto", {"network", "personal", "optimizer/network", "optimizer/personal"}, {"network"}),
        ("apfl", {"network", "personal", "mixture", "optimizer/network", "optimizer/personal"}, {"network"}),
        ("moon", {"network", "last", "optimizer/network"}, {"network"}),
        ("prrfl", {"network", "personal", "spectrum", "transfer", "optimizer/network", "optimizer/personal"}, {"spectrum"}),
        ("scaffold", {"network", "control", "control_change"}, {"network", "control"}),
        ("fedadam", {"network", "optimizer/network"}, {
            "network", "optimizer/network"}),
    ):
        path = checkpoint(reference(method, *FAULTS), 3)
        for file, wanted in ((state(reference(method, *FAULTS), name, 3), groups), (path / "server.h5", server)):
            found = {"/".join(dataset.split("/")[:2 if dataset.startswith("optimizer") else 1]) for dataset in datasets(file)}
            expect_equal(found, wanted, f"groups of {method}'s {file.name}")
        # Centers differ in their classes: the last layer is none that the server has.
        expect(not any("head" in dataset for dataset in datasets(path / "server.h5")), f"{method} shares heads")
    expect(not any((reference("fedavg", *FAULTS) / "banks").iterdir()), "fedavg has a history")


@test("fedbn leaves scales and offsets at the centers, fedper all but the encoder, local everything")
def _(folder):
    sent = {method: datasets(checkpoint(reference(method, *FAULTS), 3) / "server.h5") for method in METHODS}
    expect_equal(sent["local"], set(), "what local sends")
    expect_equal({name for name in sent["fedavg"] - sent["fedbn"]}, {
        name for name in sent["fedavg"] if "/norm" in name}, "what fedbn keeps")
    expect(all(name.startswith("network/encoder/") for name in sent["fedper"]), f"{sent['fedper']}")
    expect(len(sent["fedper"]) == sum(name.startswith("network/encoder/") for name in sent["fedavg"]), "all of the encoder")


@test("the losses of a method are what metrics, TensorBoard's tags and the report speak of")
def _(folder):
    out = reference("ditto", *FAULTS)
    line = next(line for line in metrics(out) if line["kind"] == "round")
    wanted = {"total", "dice", "cross_entropy", "proximal", "global_total"}
    expect_equal(set(line["losses"]), wanted, "losses")
    events = b"".join(path.read_bytes() for path in (out / "tensorboard").iterdir())
    for name in wanted:
        expect(f"mean/{name}".encode() in events, f"TensorBoard has no {name}")
    fedcrld("report", out, "--out", folder / "report.html").succeeded()
    expect("method: ditto" in (out / "config.yaml").read_text(), "config.yaml names the method")
    expect("ditto:\n" in (out / "config.yaml").read_text(), "config.yaml has the method's settings")
    expect("fedprox" not in (out / "config.yaml").read_text().replace("one of", "").split("method:")[1], "and no others'")


@test("moon: an evaluation in between leaves the last round's model alone")
def _(folder):
    train(data(), folder / "run", "method=moon", "evaluate_every=1", *FAULTS).succeeded()
    expect_same_bits(folder / "run", reference("moon", *FAULTS))


@test("every method's run can be evaluated, predicted with, inspected, verified and reported")
def _(folder):
    scan = next((data() / centers(data())[0] / "images").iterdir())
    for method in METHODS:
        out = reference(method, *FAULTS)
        found = json.loads(fedcrld("evaluate", "--run", out, "--json").succeeded().out)
        expect_equal(len(found["centers"]), 6, f"{method}: evaluated centers")
        fedcrld("predict", "--run", out, "--center", centers(data())[0], "--input", scan, "--output",
                folder / f"{method}.nii.gz").succeeded()
        fedcrld("inspect", out).succeeded()
        fedcrld("report", out, "--out", folder / f"{method}.html").succeeded()


@test("centralized: one network for all centers, with a head for each list of classes, and said aloud")
def _(folder):
    out = folder / "run"
    own = simulate(folder)
    result = train(own, out, "method=centralized", ranks=3).succeeded()
    expect("centralized pools the data: one rank reads the images of all 6 centers" in result.err, f"{result}")
    expect("1 of 3 ranks has nothing to do, because centralized trains one network: 2 ranks" in result.err, f"{result}")
    expect_equal(list(states(out, 3)), ["pooled"], "centers' files")
    file = json.loads(fedcrld("inspect", state(out, "pooled", 3), "--json").succeeded().out)
    expect_equal(file["info"]["classes"], [4, 5], "classes of the heads")
    heads = {name: file["datasets"][f"network/decoder/heads/{name}/weight"]["shape"][0] for name in "01"}
    expect_equal(heads, {"0": 4, "1": 5}, "channels of the heads")
    for path in (out, checkpoint(out, 3)):
        expect(", ".join(centers(own)) in fedcrld("inspect", path).succeeded().out, f"inspect {path} does not name the centers")
    # A head takes a step for each volume of its classes: five centers of two volumes each, and one.
    line = next(line for line in metrics(out) if line["kind"] == "round")
    expect_equal(list(line["centers"]), ["pooled"], "who has trained")
    scores = json.loads(fedcrld("evaluate", "--run", out, "--json").succeeded().out)["centers"]
    expect_equal(sorted(scores), centers(own), "evaluated centers")
    lge = next(name for name in scores if len(scores[name]["classes"]) == 4)
    expect_equal({len(scores[name]["classes"]) for name in scores if name != lge}, {3}, "foreground classes elsewhere")
    # A prediction needs no data: the checkpoint knows whose head is which.
    scan = folder / "scan.nii.gz"
    shutil.copy(next((own / lge / "images").iterdir()), scan)
    (own).rename(folder / "moved")
    for center, channels in ((lge, 5), (centers(folder / "moved")[0], 4)):
        probabilities = folder / f"{center}.h5"
        fedcrld("predict", "--run", out, "--center", center, "--input", scan, "--output", folder / f"{center}.nii.gz",
                "--probabilities", probabilities).succeeded()
        found = json.loads(fedcrld("inspect", probabilities, "--json").succeeded().out)["datasets"]["probabilities"]
        expect_equal(found["shape"][0], channels, f"classes of {center}")
    fedcrld("predict", "--run", out, "--center", "nobody", "--input", scan, "--output", folder / "x.nii.gz").failed_with(
        2, "no center nobody", lge)
    # Whose data it was is part of the run.
    (folder / "moved" / lge).rename(folder / "elsewhere")
    resume(out, "rounds=4", data=folder / "moved").failed_with(1, lge, "the data does not have")


@test("a center of a method without history cannot be put back, and the message says why")
def _(folder):
    fedcrld("rollback", "--run", reference("fedavg", *FAULTS), "--center", centers(data())[0], "--to", 1).failed_with(
        2, "no snapshots")


@test("who chooses a method that does not exist, another's setting, or what a method cannot do is told so")
def _(folder):
    def refused(*values, words):
        train(data(), folder / "refused", *values).failed_with(2, *words)
        expect(not (folder / "refused").exists(), "nothing was started")
    refused("method=fedprx", words=("fedprx", "the nearest is fedprox"))
    refused("method=fedavg", "fedprox.mu=1", words=("fedprox.mu", "setting of the method fedprox", "fedavg"))
    refused("method=fedavg", "momentum=0.3", words=("momentum", "setting of the method fedcrld", "fedavg"))
    refused("method=scaffold", "optimizer=adam", words=("scaffold", "optimizer", "sgd"))
    refused("method=fedcrld", "optimizer=sgd", words=("fedcrld", "optimizer", "adam"))
    refused("method=fedrep", words=("fedrep.head_epochs", "1 of 1 local epochs", "local_epochs to 2"))
    refused("method=fedprox", "fedprox.mu=-1", words=("fedprox.mu", "a number from 0"))


@test("a run is not resumed by another method")
def _(folder):
    out = reference("fedavg", *FAULTS)
    resume(out, "method=ditto", "rounds=4").failed_with(2, "method", "started with method fedavg")
    resume(out, "fedprox.mu=1", "rounds=4").failed_with(2, "setting of the method fedprox")


@test("ranks to spare are told of, have nothing to do, and change no bits")
def _(folder):
    for method in ("fedavg", "fedcrld"):
        out = folder / method
        result = train(data(), out, f"method={method}", "rounds=2", ranks=9).succeeded()
        expect("2 of 9 ranks have nothing to do" in result.err, f"{result}")
        expect_same_bits(out, reference(method, "rounds=2"))
        checked = fedcrld("check", "--data", data(), "--out", folder / "new", "--set", f"method={method}", "--set",
                          "width=4", "--set", "size=32x32", "--json")
        expect_equal(checked.status, 0, f"{checked}")


main()
