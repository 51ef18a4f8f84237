"""Every key of the configuration has an effect in a run: one table over all keys, so that a new key without effect fails."""

import functools
import gzip
import json
import os
import re
import shutil
import stat
import struct
import time
from pathlib import Path

from lib.program import fedcrld, run, wait_until
from lib.runs import (
    centers, checkpoint, cohort, copy, metrics, positions, rounds, simulate, start, states, train, training)
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test

# Every random change occurs, so that each range is drawn from.
BASE = [
    # Of all methods' settings, tried with the one that is fastest.
    "method=fedavg", "rounds=2", "participation=1", "size=[3, 32, 24]", "checkpoint.keep=9", "history_depth=3", "preprocessing.spacing=3.1",
    *(f"augmentation.{name}.probability=1" for name in (
        "rotation", "scale", "elastic", "gamma", "brightness", "contrast", "noise", "blur")),
]


@fixture
def data():
    """Four centers with one, one, two and two subjects to train on."""
    folder = simulate(shared_folder(), centers=4)
    more = shared_folder() / "more"
    fedcrld("simulate", "--out", more, "--subjects", 4, "--size", "3x32x32", "--centers", 4).succeeded()
    for center in centers(folder)[2:]:
        shutil.rmtree(folder / center)
        shutil.copytree(more / center, folder / center)
    fedcrld("keys", folder).succeeded()
    return folder


# Noise that two runs have in common.
HIDING = ("privacy.dp.enabled=true", "privacy.dp.insecure_seed=7")
# The runs that are there, with their settings.
_runs = {}


@fixture
def result(*values):
    """A run of the base's settings and some others."""
    out = shared_folder() / f"run-{abs(hash(values))}"
    said = train(data(), out, *BASE, *values).succeeded()
    _runs[out] = values
    return out, said


def remove_runs(key, before):
    """Removes the runs with a value of a key, once it is checked, and what else was made for it: all together are gigabytes."""
    for out, values in list(_runs.items()):
        # A method's own settings are compared with a run of the method, and those of noise with a run that has noise.
        if key != "method" and values != HIDING and any(value.startswith(f"{key}=") for value in values):
            shutil.rmtree(out)
            del _runs[out]
    for made in set(shared_folder().iterdir()) - before - set(_runs):
        # What other keys' checks use, too.
        if made.name not in ("data", "more", "validated", "prediction-usual") and not made.name.startswith("fold-"):
            shutil.rmtree(made) if made.is_dir() else made.unlink()


@functools.cache
def numbers(path):
    """The norms of a checkpoint file's datasets."""
    content = json.loads(fedcrld("inspect", path, "--json").succeeded().out)["datasets"]
    return {name: value["norm"] for name, value in content.items()}


def differ(first, second):
    """Whether the newest checkpoints of two runs hold other numbers: the server's, which most have an effect on, or a center's."""
    files = [[checkpoint(out, rounds(out)[-1]) / "server.h5"] for out in (first, second)]
    for out, found in zip((first, second), files):
        found += [path for _, path in sorted(states(out, rounds(out)[-1]).items())]
    return any(numbers(one) != numbers(other) for one, other in zip(*files))


def evaluated(out):
    """The rounds after which a run was evaluated."""
    return [line["round"] for line in kinds(out, "evaluation")]


def kinds(out, kind):
    return [line for line in metrics(out) if line["kind"] == kind]


def other_bits(value):
    """A value that changes what is computed."""
    def check(key):
        out, _ = result(f"{key}={value}")
        expect(differ(out, result()[0]), f"{key}={value} leads to the parameters of the default")
    return check


def each(*checks):
    """Several values of one key."""
    def check(key):
        for single in checks:
            single(key)
    return check


def of_method(name, value, *others):
    """A value of a method's own setting, or of another one under it, that changes what is computed."""
    def check(key):
        values = (f"method={name}", *others)
        out, _ = result(*values, f"{key}={value}")
        expect(differ(out, result(*values)[0]), f"{key}={value} leads to the parameters of the default")
    return check


def same_bits_but(value, effect, *others):
    """A value that changes how the same is computed, with what else is to be seen of it."""
    def check(key):
        out, said = result(*others, f"{key}={value}")
        fedcrld("verify", "--compare", out, result(*others)[0]).succeeded()
        expect(effect(out, said), f"{key}={value} has no effect\n{said}")
    return check


def seen(value, effect):
    """A value whose effect is described."""
    def check(key):
        out, said = result(f"{key}={value}")
        expect(effect(out, said), f"{key}={value} has no effect\n{said}")
    return check


def weights(out):
    return [sorted(round(c["weight"], 6) for c in line["centers"].values()) for line in kinds(out, "round")]


def placement_of(out, _):
    return json.loads((checkpoint(out, 2) / "manifest.json").read_text())["placement"] == "client"


def preset(_):
    widths = []
    for name in ("tiny", "small"):
        out = shared_folder() / f"preset-{name}"
        fedcrld("train", "--data", data(), "--out", out, "--set", f"preset={name}", "--set", "rounds=1", "--set",
                "local_epochs=1", "--set", "size=[1, 16, 16]", limit=120).succeeded()
        widths.append(json.loads(fedcrld("inspect", out, "--json").succeeded().out)["configuration"]["width"])
    expect_equal(widths, ["8", "16"], "widths of the presets")


def data_key(_):
    fedcrld("train", "--out", shared_folder() / "nodata", "--set", f"data={shared_folder()}/nowhere").failed_with(
        2, "no such folder")


def method(_):
    fedcrld("train", "--data", data(), "--out", shared_folder() / "m", "--set", "method=other").failed_with(2, "method")


def named_threads(pid):
    """How many threads of a process have its name. Queues' threads give themselves others, a moment after they begin."""
    time.sleep(0.02)
    names = []
    for path in Path(f"/proc/{pid}/task").glob("*/comm"):
        try:
            names.append(path.read_text().strip())
        except OSError:
            continue
    return names.count("fedcrld")


def threads(_):
    counts = []
    for value in (1, 3):
        out = shared_folder() / f"threads-{value}"
        with start(data(), out, *BASE, f"threads={value}", "rounds=1000") as job:
            wait_until(lambda: out.joinpath("metrics.jsonl").exists() and kinds(out, "round"), "a round's end")
            counts.append(min(named_threads(job.process.pid) for _ in range(150)))
    expect_equal(counts[1] - counts[0], 2, "threads more with threads=3 than with 1")


def resident(_):
    folder = shared_folder() / "resident"
    trace = shared_folder() / "resident.trace"
    counts = []
    for value in (1, 9):
        run("strace", "-f", "-qq", "-e", "trace=rename", "-o", trace, *training(
            data(), folder / str(value), *BASE, "checkpoint.every=9", f"resident_centers={value}")).succeeded()
        counts.append(trace.read_text().count("/working/"))
    expect(counts[0] > counts[1], f"{counts} states were set aside with 1 and 9 in memory")


def balance(_):
    out = shared_folder() / "balance"
    said = train(data(), out, *BASE, "participation=0.5", "rounds=6", "balance=true", ranks=3, environment={
        "FEDCRLD_PROGRESS": "none"}).succeeded()
    plain = shared_folder() / "plain"
    train(data(), plain, *BASE, "participation=0.5", "rounds=6", ranks=3).succeeded()
    fedcrld("verify", "--compare", out, plain).succeeded()


def discreet(_):
    other = copy(data(), shared_folder() / "spoilt")
    center = centers(other)[0]
    label = other / center / cohort(other, center)["cases"][0]["label"]
    label.write_bytes(b"no image")
    for value, named in (("false", True), ("true", False)):
        said = train(other, shared_folder() / f"spoilt-{value}", *BASE, f"discreet={value}").ended_with(1)
        expect((label.name in said.err) == named, f"{said}")


@fixture
def validated():
    """Two centers with validation cases."""
    fedcrld("simulate", "--out", shared_folder() / "validated", "--subjects", 5, "--size", "3x32x32", "--centers", 2).succeeded()
    return shared_folder() / "validated"


def evaluate_split(_):
    splits = {}
    for value in ("validation", "test"):
        out = shared_folder() / f"split-{value}"
        train(validated(), out, *BASE, "evaluate_every=1", f"evaluate_split={value}").succeeded()
        splits[value] = [(line["round"], line["split"]) for line in kinds(out, "evaluation")]
    expect_equal(splits["validation"], [(1, "validation"), (2, "validation"), (2, "test")], "evaluations")
    expect_equal(splits["test"], [(1, "test"), (2, "test")], "evaluations")


def patience(_):
    out = shared_folder() / "patience"
    train(validated(), out, *BASE, "rounds=5", "evaluate_every=1", "learning_rate=1e-9", "patience=1").succeeded()
    expect_equal(rounds(out), [1, 2], "rounds")


def prediction(value):
    """The parameters are the same, and the Dice is another."""
    def check(key):
        dice = {}
        settings = [*BASE, "method=fedcrld", "rounds=4", "learning_rate=1e-2", "evaluate_every=0"]
        for name, values in (("usual", []), (key, [f"{key}={value}"])):
            out = shared_folder() / f"prediction-{name}"
            if not out.exists():
                train(data(), out, *settings, *values).succeeded()
            dice[name] = kinds(out, "evaluation")[-1]["centers"]
        fedcrld("verify", "--compare", shared_folder() / "prediction-usual", shared_folder() / f"prediction-{key}").succeeded()
        expect(dice["usual"] != dice[key], f"{key}={value} has no effect on {dice['usual']}")
    return check


def absent(_):
    """In two rounds the networks learn nothing but background: every class that a truth lacks is absent."""
    other = copy(data(), shared_folder() / "lacking")
    center = centers(other)[0]
    item = next(item for item in cohort(other, center)["cases"] if item["subject"] in cohort(other, center)["splits"]["test"])
    path = other / center / item["label"]
    content = gzip.decompress(path.read_bytes())
    # Labels are bytes behind a header of 352.
    path.write_bytes(gzip.compress(content[:352] + content[352:].replace(b"\3", b"\0")))
    dice = {}
    for value in ("left_out", "one"):
        out = shared_folder() / f"absent-{value}"
        train(other, out, *BASE, "method=fedcrld", f"evaluate_absent={value}").succeeded()
        dice[value] = kinds(out, "evaluation")[-1]["centers"][center]
    name = cohort(other, center)["classes"][3]
    expect_equal(dice["one"]["absent"], dice["left_out"]["absent"], "what is absent")
    expect(dice["one"]["absent"][name] > 0, f"the network has seen {name} where it is not: {dice}")
    cases, missing = dice["one"]["cases"], dice["one"]["absent"][name]
    rest = (dice["left_out"]["dice"][name] or 0) * (cases - missing)
    expect(abs(dice["one"]["dice"][name] - (rest + missing) / cases) < 1e-12, f"{dice}")


def orientation(key):
    """Images whose headers say that they are mirrored: of the simulated ones both values see the same."""
    other = copy(data(), shared_folder() / "mirrored")
    for path in [*other.glob("*/images/*.nii.gz"), *other.glob("*/labels/*.nii.gz")]:
        content = bytearray(gzip.decompress(path.read_bytes()))
        # qform_code and sform_code, then the first entry of each row of the sform.
        struct.pack_into("<2h", content, 252, 0, 1)
        for place in (280, 296, 312):
            struct.pack_into("<f", content, place, -struct.unpack_from("<f", content, place)[0])
        path.write_bytes(gzip.compress(bytes(content)))
    found = []
    for value in ("canonical", "stored"):
        out = shared_folder() / f"orientation-{value}"
        train(other, out, *BASE, f"{key}={value}").succeeded()
        found.append(out)
    expect(differ(*found), f"{key} leads to the same parameters")


def allow_features(key):
    values = [*BASE, "method=fedcrld", "privacy.secure_aggregation=true", "crl.placement=root"]
    train(data(), shared_folder() / "hidden", *values, ranks=2).failed_with(2, "features")
    train(data(), shared_folder() / "allowed", *values, f"{key}=true", ranks=2).succeeded()


def hides(value=None):
    """A value of how centers are hidden, or that they are, which changes what is computed."""
    def check(key):
        values = [item for item in HIDING if not item.startswith(f"{key}=") or value is None]
        out, _ = result(*values, *([f"{key}={value}"] if value is not None else []))
        other = result(*HIDING)[0] if value is not None else result()[0]
        expect(differ(out, other), f"{key} has no effect")
    return check


def follows(key):
    """A bound of changes that follows a quantile, fast or slowly."""
    values = [*HIDING, "privacy.dp.clip_quantile=0.4"]
    usual, other = (result(*values, *more)[0] for more in ([], [f"{key}=0.05"]))
    steps = [[line["next_clip"] for line in kinds(out, "round")] for out in (usual, other)]
    expect(steps[0] != steps[1], f"{key} has no effect: {steps}")


def privacy_loss(value):
    """A value that changes how the loss of privacy is told, or when it ends the run, of the same noise."""
    def check(key):
        out, _ = result(*HIDING, f"{key}={value}")
        told, usual = ([line["epsilon"] for line in kinds(run, "round")] for run in (out, result(*HIDING)[0]))
        expect(told != usual and told, f"{key}={value} has no effect on {usual}")
    return check


def leave_out(key):
    out = shared_folder() / "left-out"
    train(data(), out, *BASE, f"{key}=[{centers(data())[1]}]").succeeded()
    found = {name for line in kinds(out, "round") for name in line["centers"]}
    expect_equal(sorted(found), [name for name in centers(data()) if name != centers(data())[1]], "centers of a round")
    train(data(), shared_folder() / "nobody", *BASE, f"{key}=[nobody]").failed_with(2, "nobody", "choose among")


def folds(_):
    """Each subject is tested on in one fold, and trains in others."""
    names = {split: [] for split in ("train", "validation", "test")}
    for fold in (1, 2, 3, 4, 5):
        out = shared_folder() / f"fold-{fold}"
        if not out.exists():
            train(validated(), out, *BASE, "rounds=1", "cohorts.folds=5", f"cohorts.fold={fold}").succeeded()
        for center in centers(validated()):
            record = json.loads(next((out / "data").glob(f"{center}-*.json")).read_text())
            for case, split in record["splits"].items():
                names[split].append((center, case))
    expect_equal(len(names["test"]), len(set(names["test"])), "cases that are tested on, and different ones")
    expect_equal(set(names["test"]), set(names["train"]), "cases that are tested on, and trained on elsewhere")
    expect_equal(len(names["train"]), 3 * len(names["test"]), "cases to train on")
    train(validated(), shared_folder() / "two", *BASE, "cohorts.folds=2").failed_with(2, "three folds")
    train(validated(), shared_folder() / "six", *BASE, "cohorts.folds=6").failed_with(2, "6 parts")


TABLE = {
    "preset": preset, "data": data_key, "method": method,
    "rounds": seen(3, lambda out, _: rounds(out) == [1, 2, 3]),
    "local_epochs": other_bits(2), "learning_rate": other_bits("2e-3"), "optimizer": of_method("fedavg", "sgd"),
    "schedule": other_bits("cosine"), "warmup_rounds": other_bits(1),
    "participation": seen(0.5, lambda out, _: weights(out) == [[0.5, 0.5]] * 2),
    "dropout": seen(0.7, lambda out, _: any(line["absent"] for line in kinds(out, "round"))),
    "stragglers": seen(0.7, lambda out, _: any(line["late"] for line in kinds(out, "round"))),
    "seed": other_bits(2),
    "evaluate_absent": absent, "evaluate_split": evaluate_split, "patience": patience,
    "prediction.mirrors": prediction("true"), "prediction.largest_component": prediction("classes"),
    "evaluate_every": same_bits_but(1, lambda out, _: evaluated(out) == [1, 2] and evaluated(result()[0]) == [2]),
    "threads": threads, "resident_centers": resident, "balance": balance,
    "access": same_bits_but("umask", lambda out, _: stat.S_IMODE((out / "config.yaml").stat().st_mode) == 0o666 & ~MASK),
    "discreet": discreet,
    "width": other_bits(8), "size": each(other_bits("[2, 32, 24]"), other_bits("[3, 24, 32]")), "momentum": of_method("fedcrld", 0.9),
    "history_depth": None,
    "md.enabled": of_method("fedcrld", "false"), "md.segments": prediction("bank"), "crl.enabled": of_method("fedcrld", "false"),
    "crl.placement": same_bits_but("client", placement_of, "method=fedcrld"), "crl.attention_scale": of_method("fedcrld", "sqrt_d"),
    "loss.dice": other_bits(2), "loss.dice_background": other_bits("false"), "loss.dice_absent": other_bits("false"),
    "loss.cross_entropy": other_bits(2), "loss.distillation": of_method("fedcrld", 2),
    "loss.correlation": of_method("fedcrld", 2), "loss.contrast": of_method("fedcrld", 2),
    # Two volumes at two centers, six at the others.
    "aggregation.weights": seen("volumes", lambda out, _: weights(out) == [[0.125, 0.125, 0.375, 0.375]] * 2),
    "aggregation.parts": of_method("fedcrld", "[global_encoder, decoder.stage1]"),
    "fedprox.mu": of_method("fedprox", 10), "ditto.lambda": of_method("ditto", 10), "mr-mtl.lambda": of_method("mr-mtl", 10),
    "fedrep.head_epochs": of_method("fedrep", 2, "local_epochs=3"),
    "apfl.alpha": of_method("apfl", 0.2), "apfl.alpha_rate": of_method("apfl", 1),
    "moon.mu": of_method("moon", 10), "moon.temperature": of_method("moon", 2),
    "scaffold.server_rate": of_method("scaffold", 0.5),
    "fedadam.server_rate": of_method("fedadam", 0.01), "fedadam.beta1": of_method("fedadam", 0.5),
    "fedadam.beta2": of_method("fedadam", 0.5), "fedadam.tau": of_method("fedadam", 0.1),
    "fedyogi.server_rate": of_method("fedyogi", 0.001), "fedyogi.beta1": of_method("fedyogi", 0.5),
    "fedyogi.beta2": of_method("fedyogi", 0.5), "fedyogi.tau": of_method("fedyogi", 0.1),
    "prrfl.rate": of_method("prrfl", 0.1), "prrfl.final_rate": of_method("prrfl", 0.8, "rounds=4"),
    "prrfl.alpha1": of_method("prrfl", 1, "local_epochs=6", "learning_rate=1e-2"),
    "prrfl.alpha2": of_method("prrfl", 1, "local_epochs=6", "learning_rate=1e-2"),
    "privacy.secure_aggregation": same_bits_but("true", lambda out, _: (out / "privacy").exists()),
    "privacy.allow_features": allow_features,
    "privacy.report": same_bits_but("aggregate", lambda out, _: not any(line["centers"] for line in kinds(out, "round"))),
    "privacy.dp.enabled": hides(), "privacy.dp.clip_quantile": hides(0.5), "privacy.dp.clip_rate": follows,
    "privacy.dp.clip": hides(0.01), "privacy.dp.noise_multiplier": hides(0.3), "privacy.dp.insecure_seed": hides(8),
    "privacy.dp.delta": privacy_loss(1e-3), "privacy.dp.epsilon": privacy_loss(5),
    "cohorts.leave_out": leave_out, "cohorts.folds": folds, "cohorts.fold": folds,
    "preprocessing.orientation": orientation, "preprocessing.spacing": other_bits(4), "preprocessing.clip_percentile": other_bits(90),
    "preprocessing.normalize": other_bits("false"),
    "preprocessing.cache": None,
    "augmentation.enabled": other_bits("false"), "augmentation.mirror.probability": other_bits(0),
    "augmentation.rotation.probability": other_bits(0), "augmentation.rotation.range": other_bits("[-20, 20]"),
    "augmentation.scale.probability": other_bits(0), "augmentation.scale.range": other_bits("[0.9, 1.1]"),
    "augmentation.elastic.probability": other_bits(0), "augmentation.elastic.range": other_bits("[100, 200]"),
    "augmentation.elastic.smoothing": other_bits("[4, 5]"),
    "augmentation.gamma.probability": other_bits(0), "augmentation.gamma.range": other_bits("[0.9, 1.1]"),
    "augmentation.brightness.probability": other_bits(0), "augmentation.brightness.range": other_bits("[0.9, 1.1]"),
    "augmentation.contrast.probability": other_bits(0), "augmentation.contrast.range": other_bits("[0.9, 1.1]"),
    "augmentation.noise.probability": other_bits(0), "augmentation.noise.range": other_bits("[0.2, 0.3]"),
    "augmentation.blur.probability": other_bits(0), "augmentation.blur.range": other_bits("[0.9, 1.1]"),
    "checkpoint.every": same_bits_but(2, lambda out, _: rounds(out) == [2]),
    "checkpoint.keep": same_bits_but(1, lambda out, _: rounds(out) == [2]),
    "checkpoint.keep_every": None,
}


def cache(key):
    folder = shared_folder() / "cache"
    train(data(), shared_folder() / "cached", *BASE, f"{key}={folder}").succeeded()
    expect_equal(sorted(path.stem for path in folder.iterdir()), centers(data()), "cached centers")


def keep_every(key):
    out, _ = result("rounds=4", "checkpoint.keep=1", f"{key}=2")
    expect_equal(rounds(out), [2, 4], "checkpoints")
    out, _ = result("rounds=4", "checkpoint.keep=1")
    expect_equal(rounds(out), [4], "checkpoints without")


def history_depth(key):
    for value, names in ((1, ["round-000004.h5"]), (3, [f"round-00000{number}.h5" for number in (2, 3, 4)])):
        out, _ = result("method=fedcrld", "rounds=4", "checkpoint.keep=1", f"{key}={value}")
        found = sorted(path.name for path in (out / "banks" / centers(data())[0]).iterdir())
        expect_equal(found, names, f"snapshots with a depth of {value}")


TABLE["history_depth"] = history_depth
TABLE["preprocessing.cache"] = cache
TABLE["checkpoint.keep_every"] = keep_every
MASK = os.umask(0o022)
os.umask(MASK)


@test("the table below has every key that the program has")
def _(folder):
    text = fedcrld("train", "--help").succeeded().out
    keys = set(re.findall(r"^ *([a-z_][a-z0-9_-]*(?:\.[a-z0-9_]+)*)(?:: .*)?\n {6,}[A-Z]", text, re.MULTILINE))
    expect(len(keys) > 50, f"{keys}")
    expect_equal(keys ^ set(TABLE), set(), "keys without a check, and checks without a key")


for key, check in TABLE.items():

    @test(f"{key} has an effect")
    def _(folder, key=key, check=check):
        before = set(shared_folder().iterdir())
        try:
            check(key)
        finally:
            remove_runs(key, before)


main()
