"""A run's report is one page that needs nothing else, and shows what the run's files say."""

import json
import re

from lib.faulty_files import faulty
from lib.page import Page
from lib.program import fedcrld
from lib.runs import centers, simulate, train
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


main()
