"""A run's report is one page that needs nothing else, and shows what the run's files say."""

import json
import re

from lib.faulty_files import faulty
from lib.page import Page
from lib.program import FEDCRLD, Job, fedcrld, is_alive, wait_until
from lib.runs import centers, simulate, start, train
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test

@fixture
def run():
    data = simulate(shared_folder())
    out = shared_folder() / "run"
    train(data, out, "rounds=3", "evaluate_every=1", ranks=3).succeeded()
    return data, out


@fixture
def page():
    _, out = run()
    path = fedcrld("report", out).succeeded().out.strip()
    expect_equal(path, str(out / "report.html"), "the page's path")
    with open(path, encoding="utf-8") as file:
        return file.read()


@test("it is well-formed, and refers to nothing outside itself")
def _(folder):
    parsed = Page(page())
    for tag, attributes in parsed.elements:
        expect(tag not in ("script", "iframe", "object"), f"it has a <{tag}>")
        for name in ("src", "href"):
            value = attributes.get(name)
            expect(value is None or value.startswith("data:"), f"<{tag} {name}={value}>")
    expect(not re.search(r"url\(|@import|https?://", page()), "the style sheet or the text names an address")


@test("every figure has a name for those who do not see it, every table has headings")
def _(folder):
    parsed = Page(page())
    figures = [attributes for tag, attributes in parsed.elements if tag == "svg"]
    expect(len(figures) > 3 * len(centers(run()[0])), f"{len(figures)} figures")
    for attributes in figures:
        expect(attributes.get("role") == "img" and attributes.get("aria-label"), f"a figure without a name: {attributes}")
    for tag, attributes in parsed.elements:
        expect(tag != "th" or "scope" in attributes, "a heading without a scope")


@test("it has every center's curves, the rounds that replaced its encoder, plots, pictures, phases and configuration")
def _(folder):
    text = page()
    for center in centers(run()[0]):
        for title in ("Losses of", "Dice of", "Contrast of"):
            expect(f"<title>{title} {center}</title>" in text, f"no figure {title} {center}")
    for section in ("Learning", "Representation bias", "Accuracy", "Heart function", "Cases", "Time by phase", "Configuration"):
        expect(f"<h2>{section}</h2>" in text, f"no section {section}")
    expect_equal(text.count('class="mark"'), 3 * len(centers(run()[0])), "marks of rounds")
    expect(text.count("data:image/png;base64,") >= len(centers(run()[0])), "a picture for each center")
    expect("learning_rate: 0.001" in text, "the configuration")


@test("its Dice is that of evaluate, whose files hold every case")
def _(folder):
    data, out = run()
    result = json.loads(fedcrld("evaluate", "--run", out, "--json", "--out", folder / "files").succeeded().out)
    expect(f"<b>{result['mean_dice']:.3f}</b>" in page(), "the mean Dice")
    rows = (folder / "files" / "cases.csv").read_text().splitlines()
    expect_equal(rows[0], "center,subject,phase,class,dice,hd95_mm,assd_mm,predicted_ml,true_ml", "the columns")
    count = sum(len(center["classes"]) * len(center["cases"]) for center in result["centers"].values())
    expect_equal(len(rows) - 1, count, "rows of cases.csv")
    expect((folder / "files" / "function.csv").read_text().startswith("center,subject,quantity,unit,predicted,true\n"),
           "the columns of function.csv")
    expect_equal(json.loads((folder / "files" / "evaluation.json").read_text()), result, "evaluation.json")


@test("a full disk costs the report, says what helps, and leaves the one before as it was")
def _(folder):
    _, out = run()
    target = folder / "report.html"
    target.write_text("the one before")
    result = fedcrld("report", out, "--out", target, environment=faulty("open", "report.html", error=28))
    result.failed_with(1, str(target), "no space left on device", "free space on that disk")
    expect("resume" not in result.err, f"it speaks of training\n{result}")
    expect_equal(target.read_text(), "the one before", "the report before")


@test("a folder that is no run is refused")
def _(folder):
    fedcrld("report", folder).failed_with(2, str(folder), "config.yaml")


@test("with --watch the page follows a run from its beginning, is read again by browsers, and is final when the run has finished")
def _(folder):
    data, _ = run()
    out = folder / "run"
    with start(data, out, "rounds=12", "checkpoint.every=4", "local_epochs=4") as training:
        wait_until((out / "config.yaml").exists, "a run")
        with Job(FEDCRLD, "report", out, "--watch", "--every", "1", "--out", folder / "page.html") as watching:
            page = folder / "page.html"
            seen = []

            def text():
                return page.read_text(encoding="utf-8") if page.exists() else ""

            def note():
                seen.append(('http-equiv="refresh" content="1"' in text(), "no complete checkpoint yet" in text(),
                             "checkpoint of round 4" in text() or "checkpoint of round 8" in text()))
                return not is_alive(training.pid)

            wait_until(note, "the end of the training")
            training.wait().succeeded()
            watching.wait(30).succeeded()
    expect(any(again and empty for again, empty, _ in seen), "no page of the beginning")
    expect(any(again and middle for again, _, middle in seen), "no page of the middle")
    expect("refresh" not in text() and "checkpoint of round 12" in text() and "finished" in text(), text()[:2000])
    Page(text())


@test("--watch of a folder that is no run, and a useless interval, are one error")
def _(folder):
    fedcrld("report", folder, "--watch").failed_with(2, "there is no file")
    expect("--every 0" in fedcrld("report", folder, "--watch", "--every", 0).ended_with(2).err, "the interval")


main()
