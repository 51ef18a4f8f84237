"""Comparisons of methods and searches for settings: what they compute, and that interrupting them changes nothing."""

import csv
import importlib.util
import json
import os
import re
import shutil
import signal
import time
from xml.etree import ElementTree

from lib.page import Page
from lib.program import FEDCRLD, PROJECT, Job, fedcrld, launcher, mpirun, run, wait_until
from lib.runs import settings
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test

SETTINGS = [
    "width=4", "size=32x32", "local_epochs=1", "learning_rate=1e-2", "preprocessing.spacing=3", "rounds=3",
    "evaluate_every=1", "threads=1", "augmentation.enabled=false",
]
METHODS = "fedcrld,local,fedavg,fedavg-matched"


@fixture
def data():
    """Three centers, of which the last has classes of its own."""
    folder = shared_folder() / "data"
    fedcrld("simulate", "--out", folder, "--subjects", 6, "--size", "3x32x32", "--centers", 6).succeeded()
    for center in ("center-2", "center-3", "center-4"):
        os.rename(next(folder.glob(f"{center}-*")), shared_folder() / center)
    return folder


def comparing(out, *options, methods=METHODS, seeds="1,2", ranks=1, values=()):
    prefix = launcher(ranks) if ranks > 1 else []
    return [*prefix, FEDCRLD, "compare", "--data", data(), "--out", out, "--methods", methods, "--seeds", seeds,
            "--preset", "tiny", *settings(*SETTINGS, *values), *options]


@fixture
def reference():
    out = shared_folder() / "reference"
    return out, run(*comparing(out, "--json")).succeeded()


def tables(out):
    """The files of the result without what hangs on the machine's speed, and the folder's name."""
    texts = {}
    for name in ("comparison.html", "comparison.csv", "comparison.json", "comparison.tex"):
        texts[name] = (out / name).read_text().replace(str(out), "OUT")
    texts["comparison.json"] = re.sub(r'"seconds_per_round":[^,}]*', "", texts["comparison.json"])
    # The last column of the last table.
    texts["comparison.html"] = re.sub(r"<td>[^<]*</td></tr>", "", texts["comparison.html"])
    return texts


def expect_same_tables(out):
    found, wanted = tables(out), tables(reference()[0])
    for name, text in wanted.items():
        expect(found[name] == text, f"{name} is another one")


def case_dice(out):
    """Mean foreground Dice by method and (seed, center, subject, phase)."""
    values = {}
    for row in csv.DictReader((out / "comparison.csv").open()):
        if row["dice"]:
            key = (row["seed"], row["center"], row["subject"], row["phase"])
            values.setdefault(row["method"], {}).setdefault(key, []).append(float(row["dice"]))
    return {name: {key: sum(v) / len(v) for key, v in cases.items()} for name, cases in values.items()}


@test("a comparison trains every method with every seed, and says which is better by how much")
def _(folder):
    out, result = reference()
    found = json.loads(result.out)
    expect_equal([row["method"] for row in found["methods"]], METHODS.split(","), "methods")
    expect_equal([row["trainings"] for row in found["methods"]], [2] * 4, "trainings")
    expect_equal(found["distant"], "center-6-siemens-lge-psir", "the distant center")
    by_name = {row["method"]: row for row in found["methods"]}
    # The nearest width to FedCRLD's size, of those that are multiples of 4.
    sizes = {name: row["parameters"] for name, row in by_name.items()}
    expect(sizes["fedavg"] < sizes["fedcrld"] and sizes["fedavg-matched"] != sizes["fedavg"], f"{sizes}")
    expect_equal(by_name["local"]["bytes_per_round"], 0, "what local sends")
    expect(by_name["fedavg"]["bytes_per_round"] > by_name["fedcrld"]["bytes_per_round"] > 0, f"{by_name}")
    gain = by_name["fedavg"]["distant"]["mean"] - by_name["local"]["distant"]["mean"]
    expect(abs(by_name["fedavg"]["gain_over_local"]["mean"] - gain) < 1e-12, f"{by_name['fedavg']}")
    for row in found["methods"]:
        centers = [value["mean"] for value in row["centers"].values()]
        expect(abs(sum(centers) / len(centers) - row["dice"]["mean"]) < 1e-9, f"{row}")
    for name in METHODS.split(","):
        for seed in (1, 2):
            fedcrld("verify", out / "runs" / f"{name}-seed-{seed}").succeeded()


@test("the page is well-formed, refers to nothing outside itself and has every method and center; the LaTeX is a table")
def _(folder):
    out, _ = reference()
    page = Page((out / "comparison.html").read_text())
    outside = [value for _, attributes in page.elements for name, value in attributes.items()
               if name in ("src", "href") and not value.startswith("data:")]
    expect_equal(outside, [], "what it refers to")
    cells = "".join(page.text)
    for word in [*METHODS.split(","), "center-1-siemens-bssfp", "center-6-siemens-lge-psir", "Wilcoxon"]:
        expect(word in cells, f"{word} is not on the page")
    expect("strong" in [tag for tag, _ in page.elements], "nothing is the best")
    lines = (out / "comparison.tex").read_text().splitlines()
    rows = [line for line in lines if line.rstrip().endswith("\\\\")]
    expect_equal(len(rows), 1 + len(METHODS.split(",")), "rows of the LaTeX table")
    expect_equal({line.count("&") for line in rows}, {rows[0].count("&")}, "columns of its rows")
    text = "\n".join(line for line in lines if not line.startswith("%"))
    expect_equal(text.count("{"), text.count("}"), "opening and closing braces")
    expect("_" not in text and "±" not in text, "a character that LaTeX takes otherwise")


@test("the tables hold what `evaluate --checkpoint best` says of each run")
def _(folder):
    out, result = reference()
    dice = []
    for seed in (1, 2):
        found = json.loads(fedcrld(
            "evaluate", "--run", out / "runs" / f"fedavg-seed-{seed}", "--checkpoint", "best", "--json").succeeded().out)
        dice.append(found["mean_dice"])
    row = next(row for row in json.loads(result.out)["methods"] if row["method"] == "fedavg")
    expect(abs(sum(dice) / 2 - row["dice"]["mean"]) < 1e-12, f"{dice} {row['dice']}")


@test("differences, Wilcoxon's test, Holm's correction and the interval are scipy's on the same numbers")
def _(folder):
    if not importlib.util.find_spec("scipy"):
        raise Skip("no scipy")
    import numpy
    from scipy import stats

    out, result = reference()
    dice = case_dice(out)
    found = {row["method"]: row.get("against_reference") for row in json.loads(result.out)["methods"]}
    expect_equal(found.pop("fedcrld"), None, "the reference against itself")
    probabilities = {}
    for name, numbers in found.items():
        keys = sorted(set(dice[name]) & set(dice["fedcrld"]))
        differences = numpy.array([dice[name][key] - dice["fedcrld"][key] for key in keys])
        # The table has six digits.
        expect_equal(numbers["pairs"], len(keys), f"pairs of {name}")
        expect(abs(numbers["difference"] - differences.mean()) < 1e-5, f"{name}: {numbers} {differences.mean()}")
        patients = {}
        for key, value in zip(keys, differences):
            patients.setdefault((key[1], key[2]), []).append(value)
        expect_equal(numbers["patients"], len(patients), f"patients of {name}")
        # Phases of one heart and seeds are not independent: each patient counts once.
        means = [sum(values) / len(values) for values in patients.values()]
        probabilities[name] = stats.wilcoxon(means).pvalue
        expect(abs(numbers["p"] - probabilities[name]) < 1e-3, f"{name}: {numbers} {probabilities[name]}")
        groups = [(sum(values), len(values)) for values in patients.values()]
        draws = numpy.random.default_rng(0).integers(len(groups), size=(20000, len(groups)))
        sums, counts = (numpy.array(column)[draws].sum(axis=1) for column in zip(*groups))
        low, high = numpy.percentile(sums / counts, [2.5, 97.5])
        width = high - low
        expect(abs(numbers["interval"][0] - low) < 0.05 * width and abs(numbers["interval"][1] - high) < 0.05 * width,
               f"{name}: {numbers['interval']} instead of {low}, {high}")
    names = sorted(found, key=lambda name: found[name]["p"])
    largest = 0
    for place, name in enumerate(names):
        largest = max(largest, min(1, (len(names) - place) * found[name]["p"]))
        expect(abs(found[name]["p_holm"] - largest) < 1e-12, f"{name}: {found[name]} instead of {largest}")


@test("killed in the middle, and its ranks killed, and stopped by a signal: the same tables")
def _(folder):
    out = folder / "comparison"
    results = out / "results"
    with Job(*comparing(out, ranks=3)) as job:
        wait_until(lambda: results.is_dir() and len(list(results.iterdir())) >= 1, "a result")
        time.sleep(0.3)
        # Who is left of a killed launcher is not found by it any more.
        for pid in [*job.ranks(), job.pid]:
            os.kill(pid, signal.SIGKILL)
        job.wait()
    with Job(*comparing(out, ranks=2)) as job:
        before = len(list(results.iterdir()))
        wait_until(lambda: len(list(results.iterdir())) > before + 1, "another result")
        os.kill(job.ranks()[1], signal.SIGKILL)
        job.wait()
    with Job(*comparing(out)) as job:
        before = len(list(results.iterdir()))
        wait_until(lambda: len(list(results.iterdir())) > before, "another result")
        job.send(signal.SIGTERM)
        job.wait().ended_with(75)
    run(*comparing(out)).succeeded()
    expect_same_tables(out)
    # What is done is not done again.
    again = run(*comparing(out)).succeeded()
    expect("training" not in again.err, f"{again}")
    expect_same_tables(out)


@test("the tasks of a job array and the one that makes the tables: the same tables")
def _(folder):
    out = folder / "comparison"
    total = int(run(*comparing(out, "--count")).succeeded().out)
    expect_equal(total, 8, "trainings")
    expect(not out.exists(), "counting makes nothing")
    with Job(*comparing(out, "--only", "1-4")) as first, Job(*comparing(out, "--only", "5-8")) as second:
        first.wait().succeeded()
        second.wait().succeeded()
    expect(not (out / "comparison.json").exists(), "a task makes no tables")
    fedcrld("compare", "--out", out, "--tables").succeeded()
    expect_same_tables(out)
    run(*comparing(folder / "none", "--only", "9")).failed_with(2, "--only 9", "from 1 to 8")


@test("a comparison does not go on over other splits or images, and its files are whom access lets read them")
def _(folder):
    own = folder / "data"
    shutil.copytree(data(), own)

    def command(*options, values=()):
        words = comparing(folder / "c", *options, values=values)
        words[words.index("--data") + 1] = own
        return words
    run(*command("--only", "1-2", values=["access=group"])).succeeded()
    for path in (folder / "c", folder / "c" / "results", folder / "c" / "plan.json"):
        expect(path.stat().st_mode & 0o040, f"{path} has mode {path.stat().st_mode:o}")
    path = next(own.glob("center-1-*")) / "cohort.json"
    old = path.read_text()
    content = json.loads(old)
    splits = content["splits"]
    splits["train"][0], splits["test"][0] = splits["test"][0], splits["train"][0]
    path.write_text(json.dumps(content))
    run(*command(values=["access=group"])).failed_with(2, "cohort.json", "center-1")
    path.write_text(old)
    # Other voxels under the same names.
    images = sorted((path.parent / "images").iterdir())
    first, second = images[0].read_bytes(), images[1].read_bytes()
    images[0].write_bytes(second)
    images[1].write_bytes(first)
    result = run(*command(values=["access=group"])).ended_with(1)
    expect("labels or splits were not the same" in result.err, f"{result}")


@test("a training that goes astray costs its own row, not the comparison")
def _(folder):
    wild = ["optimizer=sgd", "learning_rate=1", "fedprox.mu=1000"]
    result = run(*comparing(folder / "c", "--reference", "local", methods="fedprox,local", seeds="1", values=wild)).succeeded()
    found = json.loads((folder / "c" / "comparison.json").read_text())
    expect_equal((found["failed"], [row["method"] for row in found["methods"]]), (["fedprox-seed-1"], ["local"]), f"{result}")


@test("methods and seeds may be added; other settings, and fewer methods, are refused")
def _(folder):
    out = folder / "comparison"
    run(*comparing(out, methods="fedcrld,local", seeds="1")).succeeded()
    run(*comparing(out, methods="fedcrld,local", seeds="1", values=["rounds=2"])).failed_with(2, "rounds 3", "rounds", "2")
    run(*comparing(out, methods="fedcrld", seeds="1")).failed_with(2, "local-seed-1", "not asked for")
    run(*comparing(out)).succeeded()
    expect_same_tables(out)


@test("ablations are settings of the method, each a row of its own")
def _(folder):
    result = run(*comparing(folder / "c", "--ablations", "--json", methods="fedcrld", seeds="1", values=["rounds=1"])).succeeded()
    names = [row["method"] for row in json.loads(result.out)["methods"]]
    expect_equal(names, ["fedcrld", *(f"fedcrld-{name}" for name in (
        "no-crl", "no-md", "no-contrast", "no-correlation", "no-federation", "all-federated"))], "rows")


@test("a cross-validation tests on every subject once, and pairs within folds")
def _(folder):
    out = folder / "c"
    run(*comparing(out, "--folds", 3, "--json", methods="fedcrld,local", seeds="1", values=["rounds=1"])).succeeded()
    rows = list(csv.DictReader((out / "comparison.csv").open()))
    subjects = {(row["center"], row["subject"]): set() for row in rows}
    for row in rows:
        subjects[row["center"], row["subject"]].add(row["fold"])
    expect(all(len(folds) == 1 for folds in subjects.values()), f"{subjects}")
    expect_equal(len(subjects), 18, "subjects that are tested on")


@test("a center that is left out is measured by the ways in which the others can serve it")
def _(folder):
    out = folder / "c"
    names = "center-1-siemens-bssfp,center-6-siemens-lge-psir"
    run(*comparing(out, "--leave-out", names, "--few-shot", 2, "--few-shot-epochs", 3, methods="fedcrld,fedavg,ditto", seeds="1",
                   ranks=2)).succeeded()
    found = json.loads((out / "comparison.json").read_text())
    rows = {row["method"]: row for row in found["methods"]}
    expect_equal(sorted(rows), sorted(
        ["fedcrld, ensemble", "fedcrld, tuned-2"]
        + [f"{name}, {way}" for name in ("fedavg", "ditto") for way in ("ensemble", "global", "tuned-2")]), "rows")
    # The server has a whole network only where the others have the same classes.
    bssfp, lge = names.split(",")
    expect(rows["fedavg, global"]["centers"][bssfp] is None and rows["fedavg, global"]["centers"][lge], f"{rows}")
    expect(rows["ditto, global"]["centers"][lge]["mean"] > 0, f"{rows['ditto, global']}")
    cases = {(row["center"], row["subject"]) for row in csv.DictReader((out / "comparison.csv").open())}
    expect_equal({center for center, _ in cases}, set(names.split(",")), "centers that are measured")
    for name in names.split(","):
        path = out / "runs" / f"fedavg-seed-1-without-{name}"
        expect(name not in fedcrld("inspect", path, "--json").succeeded().out.split("configuration")[0], f"{name} took part")
    # A network on three subjects is the same one whether there was one on two before.
    three = folder / "three"
    run(*comparing(three, "--leave-out", lge, "--few-shot", 3, "--few-shot-epochs", 3, methods="fedavg", seeds="1")).ended_with(2)
    run(*comparing(three, "--leave-out", lge, "--few-shot", 3, "--few-shot-epochs", 3, "--reference", "fedavg", methods="fedavg",
                   seeds="1")).succeeded()
    both = folder / "both"
    run(*comparing(both, "--leave-out", lge, "--few-shot", "2,3", "--few-shot-epochs", 3, "--reference", "fedavg", methods="fedavg",
                   seeds="1")).succeeded()

    def tuned(out):
        return [line for line in (out / "comparison.csv").read_text().splitlines() if "tuned-3" in line]
    expect(tuned(three) and tuned(three) == tuned(both), f"{tuned(three)} and {tuned(both)}")
    run(*comparing(both, "--leave-out", lge, "--few-shot", "2", "--few-shot-epochs", 3, "--reference", "fedavg", methods="fedavg",
                   seeds="1")).failed_with(2, "--few-shot")
    run(*comparing(folder / "no", "--leave-out", lge, "--few-shot", 9)).failed_with(2, "9 subjects", "--few-shot")
    run(*comparing(folder / "no", "--leave-out", f"{lge},{lge}")).failed_with(2, "twice")
    # One rank finds the same.
    alone = folder / "alone"
    run(*comparing(alone, "--leave-out", names, "--few-shot", 2, "--few-shot-epochs", 3, methods="fedcrld,fedavg,ditto", seeds="1")).succeeded()
    expect_equal((alone / "comparison.csv").read_text(), (out / "comparison.csv").read_text(), "the cases")
    run(*comparing(folder / "no", "--leave-out", "nobody")).failed_with(2, "nobody", "choose among")


@test("scripts/heterogeneity draws what the reference gains over the others, and continues")
def _(folder):
    command = [PROJECT / "scripts/heterogeneity", folder / "h", "--at", "0 1", "--simulate", "--subjects 4 --size 3x32x32", "--", "--preset", "tiny",
               *settings(*SETTINGS, "rounds=1")]
    run(*command).succeeded()
    figure = (folder / "h" / "gain.svg").read_text()
    expect_equal(len(ElementTree.fromstring(figure).findall("{*}circle")), 4, "points of two curves")
    found = json.loads((folder / "h" / "comparison-1" / "comparison.json").read_text())
    expect("over local" in figure and "over fedavg" in figure and found["reference"] == "fedcrld", figure)
    again = run(*command).succeeded()
    expect("training" not in again.err, f"{again}")


@test("mistakes are told before anything is trained")
def _(folder):
    out = folder / "c"
    for words, options in [
        (["fedagv", "nearest is fedavg"], {"methods": "fedcrld,fedagv"}),
        (["fedcrld", "not among"], {"methods": "fedavg,local"}),
        (["fedrep.head_epochs", "local_epochs"], {"methods": "fedcrld,fedrep"}),
        (["width"], {"values": ["width=5"]}),
        (["--seeds"], {"values": ["seed=9"]}),
        (["--leave-out"], {"values": ["cohorts.leave_out=[center-1-siemens-bssfp]"]}),
        (["--folds"], {"values": ["cohorts.folds=4"]}),
    ]:
        run(*comparing(out, **options)).failed_with(2, *words)
        expect(not out.exists(), f"{words}: something was made")
    run(*comparing(out, "--distant", "nowhere")).failed_with(2, "nowhere", "choose among")
    fedcrld("compare", "--out", out, "--tables").failed_with(2, "plan.json")
    fedcrld("compare", "--out", out).ended_with(2)
    fedcrld("compare", "--out", out, "--methods", "fedcrld").failed_with(2, "--data")
    run(*comparing(out, seeds="1,1")).ended_with(2)
    run(*comparing(out, methods=",")).ended_with(2)
    run(*comparing(out, "--tuned", folder / "none")).failed_with(2, "no such folder")
    run(*comparing(data())).failed_with(2, "holds cohorts")
    run(*tuning(out, values=["evaluate_split=test"])).failed_with(2, "evaluate_split=validation")
    expect(not out.exists(), "something was made")
    # Of all methods those are left out that do not suit: fedrep wants two epochs.
    result = run(*comparing(out, "--count", methods="all", seeds="1")).succeeded()
    expect("fedrep is left out" in result.err and int(result.out) > 10, f"{result}")
    mpirun(2, *comparing(out, methods="fedcrld,fedagv")[1:]).failed_with(2, "fedagv")


def tuning(out, *options, methods="fedavg,scaffold", trials=3, ranks=1, values=()):
    prefix = launcher(ranks) if ranks > 1 else []
    own = [value for value in SETTINGS if not value.startswith("learning_rate")]
    return [*prefix, FEDCRLD, "tune", "--data", data(), "--out", out, "--methods", methods, "--trials", trials,
            "--preset", "tiny", *settings(*own, *values), *options]


@test("a search tries as many settings of every method, and writes the best for a comparison and a training")
def _(folder):
    out = folder / "tuning"
    run(*tuning(out)).succeeded()
    rows = list(csv.DictReader((out / "tuning.csv").open()))
    expect_equal([row["method"] for row in rows], ["fedavg"] * 3 + ["scaffold"] * 3, "trials")
    expect_equal([row["settings"] for row in rows[::3]], ["", ""], "the first trials' settings")
    for method in ("fedavg", "scaffold"):
        tried = [row for row in rows if row["method"] == method]
        best = max(tried, key=lambda row: float(row["validation_dice"]))
        text = (out / f"{method}.yaml").read_text()
        for setting in best["settings"].split():
            expect(setting.replace("=", ": ") in text, f"{setting} in {text}")
        # The runs' own histories have it.
        lines = [json.loads(line) for line in (out / "runs" / f"{method}-trial-{best['trial']}" / "metrics.jsonl").open()]
        dice = max(line["mean_dice"] for line in lines if line["kind"] == "evaluation")
        expect(abs(dice - float(best["validation_dice"])) < 1e-6, f"{best} {dice}")
        expect(all(line["split"] == "validation" for line in lines if line["kind"] == "evaluation"), "test cases were looked at")
    compared = folder / "comparison"
    command = comparing(compared, "--tuned", out, "--reference", "fedavg", methods="fedavg,scaffold", seeds="1", values=["rounds=1"])
    del command[command.index("learning_rate=1e-2") - 1 : command.index("learning_rate=1e-2") + 1]
    run(*command).succeeded()
    plan = json.loads((compared / "plan.json").read_text())
    for planned in plan["runs"]:
        for line in (out / f"{planned['variant']}.yaml").read_text().splitlines():
            if line.startswith("learning_rate"):
                expect(f"\n{line}\n" in planned["configuration"], f"{line} is not in {planned['name']}")


@test("a search that was killed goes on, and a loss that is not finite is a failed trial")
def _(folder):
    out = folder / "tuning"
    with Job(*tuning(out)) as job:
        wait_until(lambda: (out / "results").is_dir() and list((out / "results").iterdir()), "a result")
        os.kill(job.pid, signal.SIGKILL)
        job.wait()
    run(*tuning(out, ranks=2)).succeeded()
    whole = folder / "whole"
    run(*tuning(whole)).succeeded()
    for name in ("fedavg.yaml", "scaffold.yaml"):
        expect_equal((out / name).read_text(), (whole / name).read_text(), name)
    # Gradient descent that overshoots by a factor of a thousand.
    wild = run(*tuning(folder / "wild", methods="fedprox", trials=1, values=[
        "optimizer=sgd", "learning_rate=1", "fedprox.mu=1000"])).succeeded()
    rows = list(csv.DictReader((folder / "wild" / "tuning.csv").open()))
    expect_equal(rows[0]["failure"], "diverged", f"the outcome of {wild}")
    expect(not (folder / "wild" / "fedprox.yaml").exists(), "what failed is no best")


main()
