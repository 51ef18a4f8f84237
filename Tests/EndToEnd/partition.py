"""Many simulated centers out of few cohorts."""

import json
import os

from lib.program import FEDCRLD, fedcrld, launcher, run
from lib.runs import (
    centers, checkpoint, cohort, copy, expect_same_bits, expect_sound, metrics, resume, resuming, rounds, settings, within)
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test

try:
    from lib.python_file import Run
except ImportError:
    # Without h5py.
    Run = None

SETTINGS = [
    "width=4", "size=32x32", "local_epochs=1", "learning_rate=1e-2", "preprocessing.spacing=3", "rounds=3",
    "evaluate_every=0", "threads=1", "augmentation.enabled=false", "participation=0.1", "resident_centers=2",
]


@fixture
def data():
    folder = shared_folder() / "data"
    fedcrld("simulate", "--out", folder, "--subjects", 30, "--size", "3x32x32", "--centers", 6).succeeded()
    return folder


@fixture
def many(by, *options):
    out = shared_folder() / "-".join(("many", by, *map(str, options)))
    fedcrld("partition", data(), "--out", out, "--centers", 100, "--by", by, *options).succeeded()
    return out


def subjects(folder, split):
    """The subjects of a split, by center."""
    return {center: cohort(folder, center)["splits"][split] for center in centers(folder)}


for by in ("dirichlet", "size", "scanner"):

    @test(f"by {by}: every subject is in one center and in its old split, every center has one to train on, classes agree")
    def _(folder, by=by):
        out = many(by)
        expect_equal(len(centers(out)), 100, "centers")
        for split in ("train", "validation", "test"):
            found = [name for names in subjects(out, split).values() for name in names]
            wanted = [f"{center}-{name}" for center in centers(data()) for name in cohort(data(), center)["splits"][split]]
            expect_equal(sorted(found), sorted(wanted), f"{split} subjects")
        expect(all(subjects(out, "train").values()), "a center has nobody to train on")
        for center in centers(out):
            content = cohort(out, center)
            for case in content["cases"]:
                expect(os.path.isabs(case["image"]) and os.path.samefile(
                    os.path.dirname(os.path.dirname(os.path.dirname(case["image"]))), data()), f"{case}")
            origins = {case["subject"].split("-subject")[0] for case in content["cases"]}
            classes = {tuple(cohort(data(), origin)["classes"]) for origin in origins}
            expect_equal(classes, {tuple(content["classes"])}, f"classes of {center}")
            expect(by != "scanner" or len(origins) == 1, f"{center} is of {origins}")


@test("centers are uneven as they are asked to be, and the same options make the same files")
def _(folder):
    def sizes(alpha):
        out = folder / f"size-{alpha}"
        fedcrld("partition", data(), "--out", out, "--centers", 12, "--by", "size", "--alpha", alpha).succeeded()
        return sorted(len(names) for names in subjects(out, "train").values())
    even, uneven = sizes(1000), sizes(0.2)
    expect(even[-1] - even[0] <= 4, f"{even}")
    expect(uneven[-1] > 3 * even[-1] // 2 and uneven[0] == 1, f"{uneven}")
    again = folder / "again"
    fedcrld("partition", data(), "--out", again, "--centers", 100).succeeded()
    for center in centers(again):
        expect((again / center / "cohort.json").read_bytes() == (many("dirichlet") / center / "cohort.json").read_bytes(),
               f"{center} differs")
    other = folder / "other"
    fedcrld("partition", data(), "--out", other, "--centers", 100, "--seed", 2).succeeded()
    expect_equal(subjects(other, "train") != subjects(again, "train"), True, "whether another seed deals otherwise")


@test("with scanners of their own images are changed, alike within a center, and labels stay")
def _(folder):
    out = folder / "shifted"
    fedcrld("partition", data(), "--out", out, "--centers", 8, "--shift", 1).succeeded()
    center = centers(out)[0]
    case = cohort(out, center)["cases"][0]
    expect((out / center / case["image"]).is_file() and os.path.isabs(case["label"]), f"{case}")
    origin, name = case["subject"].split("-subject")
    old = next(c for c in cohort(data(), origin)["cases"] if c["subject"] == "subject" + name and c["phase"] == case["phase"])
    norms = [json.loads(fedcrld("inspect", path, "--json").succeeded().out)
             for path in (out / center / case["image"], data() / origin / old["image"])]
    expect(norms[0] != norms[1], "the image is what it was")
    fedcrld("check", "--data", out, "--preset", "tiny", *settings("width=4", "size=32x32")).succeeded()


for method in ("fedavg", "scaffold", "fedcrld"):

    @test(f"{method} trains on a hundred centers with ten in a round, with few of them in memory")
    def _(folder, method=method):
        out = folder / "run"
        rate = ["learning_rate=1e-1"] if method == "scaffold" else []
        result = run(*launcher(2), FEDCRLD, "train", "--data", many("dirichlet"), "--out", out, "--preset", "tiny",
                     *settings(*SETTINGS, f"method={method}", *rate)).succeeded()
        lines = [line for line in metrics(out) if line["kind"] == "round"]
        expect_equal([len(line["centers"]) for line in lines], [10] * 3, f"centers in a round\n{result}")
        expect_equal(metrics(out)[-1]["split"], "test", "the last evaluation's cases")


def lists(out):
    """The lists that checkpoints of a run refer to."""
    return sorted(path.name for path in (out / "lists").iterdir()) if (out / "lists").exists() else []


def training(out, *values, ranks=1):
    return [*(launcher(ranks) if ranks > 1 else []), FEDCRLD, "train", "--data", many("dirichlet"), "--out", out, "--preset",
            "tiny", *settings(*SETTINGS, "checkpoint.every=1", "schedule=constant", "warmup_rounds=0", *values)]


@fixture
def whole():
    """Five rounds of ten in a hundred, all checkpoints kept."""
    out = shared_folder() / "whole"
    run(*training(out, "rounds=5", "checkpoint.keep=9")).succeeded()
    return out


@test("checkpoints of many centers name those of their round, refer to one another's lists, and are read as a whole")
def _(folder):
    out = whole()
    expect_equal(rounds(out), [1, 2, 3, 4, 5], "checkpoints")
    expect_equal(lists(out), ["round-000001.json"], "lists")
    expect_sound(out)
    said = {number: json.loads((checkpoint(out, number) / "manifest.json").read_text()) for number in rounds(out)}
    expect_equal(len(said[1]["banks"]), 100, "centers that the first names")
    expect(all(10 <= len(said[number]["banks"]) <= 10 * (number - 1) for number in rounds(out)[1:]), f"{said}")
    trained = {center: 0 for center in centers(many("dirichlet"))}
    for line in metrics(out):
        if line["kind"] == "round":
            trained.update({center: line["round"] for center in line["centers"]})
            listed = json.loads(fedcrld("inspect", checkpoint(out, line["round"]), "--json").succeeded().out)
            expect_equal({name: about["last_trained"] for name, about in listed["centers"].items()}, trained, "what is listed")
            states = {name for name in listed["files"] if name.startswith("states/")}
            expect_equal(states, {f"states/round-{number:06}/{name}.h5" for name, number in trained.items() if number},
                         f"states in round {line['round']}")
    if Run is not None:
        read = Run(out)
        expect_equal(read.centers(), centers(many("dirichlet")), "the centers in Python")
        for number in (1, 3, 5):
            known = [name for name, about in listed["centers"].items() if 0 < about["last_trained"] <= number]
            expect(read.state_dict(known[0], number)["global_encoder.level1.conv1.weight"].shape[0] == 4, f"{known[0]}")


@test("what is stopped and resumed, elsewhere and with other placement, comes to the same bits, and keeps nothing that it does not need")
def _(folder):
    out = folder / "run"
    run(*training(out, "rounds=3", ranks=2)).succeeded()
    run(*resuming(out, "rounds=5", "crl.placement=root", ranks=3), "--max-hours", "1e-6").ended_with(75)
    expect(within(out), "it was not stopped within a round")
    expect_sound(out)
    resume(out, "rounds=5", ranks=2).succeeded()
    expect_same_bits(out, whole())
    expect_sound(out)
    needed = set()
    for path in (out / "checkpoints").glob("round-*"):
        needed |= set(json.loads(fedcrld("inspect", path, "--json").succeeded().out)["files"])
    found = {str(path.relative_to(out)) for top in ("states", "lists") for path in (out / top).rglob("*.*") if path.is_file()}
    expect_equal(found, {name for name in needed if name.split("/")[0] in ("states", "lists")}, "what is there")


@test("a list that is damaged is named; a run goes on from a checkpoint that does without it")
def _(folder):
    out = copy(whole(), folder / "run")
    path = out / "lists/round-000001.json"
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    said = fedcrld("verify", out).ended_with(1).out
    expect("round-000001: complete" in said and said.count(str(path)) == 4, said)
    result = resume(out, "rounds=5").succeeded()
    expect(result.err.count("passed over") == 4 and result.err.count(str(path)) == 4, f"{result}")
    expect_same_bits(out, whole())
    expect_sound(out)


@test("a center out of many is put back, and the run goes on")
def _(folder):
    out = copy(whole(), folder / "run")
    line = next(line for line in metrics(out) if line["kind"] == "round" and line["round"] == 1)
    again = [name for name in line["centers"] for other in metrics(out)
             if other["kind"] == "round" and other["round"] > 1 and name in other["centers"]]
    fedcrld("rollback", "--run", out, "--center", again[0], "--to", 1).succeeded()
    expect_sound(out)
    listed = json.loads(fedcrld("inspect", checkpoint(out, 5), "--json").succeeded().out)
    expect_equal((len(listed["centers"]), listed["centers"][again[0]]["last_trained"]), (100, 1), "centers, and the round")
    resume(out, "rounds=7", ranks=2).succeeded()
    expect_sound(out)


@test("what cannot be dealt is refused, and nothing is made")
def _(folder):
    out = folder / "out"
    fedcrld("partition", data(), "--out", out, "--centers", 1000).failed_with(2, "1000 centers", "fewer centers")
    fedcrld("partition", data(), "--out", out, "--centers", 1).failed_with(2, "2 kinds of classes", "more centers")
    fedcrld("partition", data(), "--out", out, "--centers", 0).ended_with(2)
    fedcrld("partition", data(), "--out", out, "--centers", 9, "--alpha", 0).ended_with(2)
    fedcrld("partition", data(), "--out", out, "--centers", 9, "--by", "vendor").ended_with(2)
    fedcrld("partition", folder / "none", "--out", out, "--centers", 9).ended_with(1)
    expect(not out.exists(), "something was made")
    out.mkdir()
    # An empty folder is taken; what a try before has left is begun anew.
    (folder / "out.partial" / "center-1").mkdir(parents=True)
    fedcrld("partition", data(), "--out", out, "--centers", 9).succeeded()
    expect_equal(len(centers(out)), 9, "centers")
    expect(not (folder / "out.partial").exists(), "the unfinished folder is still there")
    fedcrld("partition", data(), "--out", out, "--centers", 9).failed_with(1, "not empty")


main()
