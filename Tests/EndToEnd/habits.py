"""What people do to their data: outputs over inputs, folders full of other things, keys misspelt, files changed between
two jobs, cases that cannot be used, and who may read what."""

import functools
import gzip
import json
import os
import shutil
import stat

from lib.faulty_files import faulty
from lib.program import FEDCRLD, Job, fedcrld, mpirun, run, wait_until
from lib.runs import (
    SETTINGS, centers, checkpoint, cohort, copy, expect_same_bits, expect_sound, images, metrics, positions, resume,
    resuming, rounds, settings, simulate, start, state, train, training)
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test

try:
    import nibabel
    import numpy
except ImportError:
    nibabel = None


def need_nibabel():
    if nibabel is None:
        raise Skip("python3 has no module nibabel")


@fixture
def data():
    return simulate(shared_folder(), centers=3)


@fixture
def finished():
    out = shared_folder() / "run"
    train(data(), out, "rounds=2").succeeded()
    return out


def scan():
    return images(data(), centers(data())[0], "test")[0]


def predict(image, output, *options):
    return fedcrld(
        "predict", "--run", finished(), "--center", centers(data())[0], "--input", image, "--output", output, *options)


def edit(path, change):
    """Changes the content of a cohort.json."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


# Inputs stay.


@test("a scan is never written over, under whatever name: by a mask, by probabilities, in a folder")
def _(folder):
    image = folder / "scan.nii.gz"
    shutil.copy(scan(), image)
    before = image.read_bytes()
    (folder / "link.nii.gz").symlink_to(image)
    (folder / "here").symlink_to(folder)
    os.link(image, folder / "hard.nii.gz")
    for output in ("scan.nii.gz", "link.nii.gz", "hard.nii.gz", "here/scan.nii.gz"):
        predict(image, folder / output).failed_with(2, output, "read")
    predict(folder / "link.nii.gz", image).failed_with(2, "scan.nii.gz")
    predict(image, folder / "mask.nii.gz", "--probabilities", image).failed_with(2, "scan.nii.gz")
    predict(image, folder / "mask.nii.gz", "--probabilities", folder / "mask.nii.gz").failed_with(2, "two outputs")
    weights = state(finished(), centers(data())[0], 2)
    predict(image, folder / "mask.nii.gz", "--probabilities", weights).failed_with(2, weights.name)
    for target in (folder, folder / "here"):
        predict(folder, target).failed_with(2, "nothing was changed")
    expect_equal(image.read_bytes(), before, "the scan")
    expect_sound(finished())
    expect_equal(sorted(path.name for path in folder.iterdir()),
                 ["hard.nii.gz", "here", "link.nii.gz", "scan.nii.gz"], "what is there")


@test("report and evaluate write over nothing that they read")
def _(folder):
    out = copy(finished(), folder / "run")
    center = centers(data())[0]
    for path in (out / "config.yaml", out / "metrics.jsonl", checkpoint(out, 2) / "manifest.json",
                 data() / center / "cohort.json", scan()):
        before = path.read_bytes()
        fedcrld("report", out, "--out", path).failed_with(2, path.name)
        expect_equal(path.read_bytes(), before, f"{path.name}")
    (folder / "evaluation").mkdir()
    (folder / "evaluation/cases.csv").symlink_to(out / "config.yaml")
    fedcrld("evaluate", "--run", out, "--out", folder / "evaluation").failed_with(2, "config.yaml")


# Folders of images.


@test("a folder's images are those that end as images do, in any case; what is skipped is said")
def _(folder):
    scans = folder / "scans"
    (scans / "__MACOSX").mkdir(parents=True)
    (scans / "more").mkdir()
    plain = gzip.decompress(scan().read_bytes())
    shutil.copy(scan(), scans / "a.nii.gz")
    shutil.copy(scan(), scans / "B.NII.GZ")
    (scans / "C.NII").write_bytes(plain)
    pair = bytearray(plain)
    pair[344:348] = b"ni1\0"
    pair[108:112] = bytes(4)
    (scans / "d.hdr").write_bytes(pair[:348])
    (scans / "d.img").write_bytes(plain[352:])
    for junk in ("._a.nii.gz", ".hidden.nii", "notes.txt", ".DS_Store"):
        (scans / junk).write_bytes(b"\0\5\26\7")
    result = predict(scans, folder / "masks").succeeded()
    expect_equal(sorted(path.name for path in (folder / "masks").iterdir()),
                 ["B.NII.GZ", "C.NII", "a.nii.gz", "d.nii.gz"], "masks")
    for skipped in ("._a.nii.gz", ".hidden.nii", "notes.txt", ".DS_Store", "__MACOSX", "more"):
        expect(f"/{skipped} is skipped: " in result.err, f"{skipped} is not said to be skipped\n{result}")
    expect("d.img" not in result.err, f"{result}")
    first = (folder / "masks/C.NII").read_bytes()
    for name in ("a.nii.gz", "B.NII.GZ", "d.nii.gz"):
        expect_equal(gzip.decompress((folder / "masks" / name).read_bytes()), first, f"the mask {name}")


# Cohorts.


@test("a key of cohort.json that is misspelt is an error that names the nearest one")
def _(folder):
    for number, (wrong, right, change) in enumerate((
            ("labelvalues", "labelValues", lambda c: c.update(labelvalues=[0, 2, 1, 3])),
            ("cases[1].Frame", "cases[1].frame", lambda c: c["cases"][1].update(Frame=1)),
            ("cases[0].lable", "cases[0].label", lambda c: c["cases"][0].update(lable="x")),
            ("splits.val", "splits.validation", lambda c: c["splits"].update(val=[])),
            ("Center", "center", lambda c: c.update(Center="x")))):
        other = copy(data(), folder / str(number))
        path = other / centers(data())[1] / "cohort.json"
        edit(path, change)
        for command in (["train", "--out", folder / "run"], ["check", "--out", folder / "run"]):
            result = fedcrld(command[0], "--data", other, *command[1:])
            expect(result.status in (1, 2), f"{result}")
            expect(f'"{wrong}"' in result.messages[0] and f'"{right}"' in result.messages[0]
                   and "cohort.json" in result.messages[0], f"{result}")
    expect(not (folder / "run").exists(), "a run was begun")


@test("label values are compared as whole numbers; those that float32 cannot tell apart are refused")
def _(folder):
    other = copy(data(), folder / "data")
    edit(other / centers(data())[0] / "cohort.json", lambda c: c.update(labelValues=[0, 16777216, 16777217, 3]))
    result = fedcrld("train", "--data", other, "--out", folder / "run")
    expect(result.status in (1, 2) and "labelValues" in result.messages[0], f"{result}")


@test("centers' names name files: their length, control characters and case are looked at when they are read")
def _(folder):
    for number, (name, word) in enumerate((
            ("x" * 245, "bytes"), ("ä" * 101, "bytes"), ("A\r\n", "cannot name a file"), ("a\u0085", "cannot"),
            ("a\u2028b", "cannot"), ("a/b", "cannot"), (centers(data())[1].upper(), "case alone"))):
        other = copy(data(), folder / str(number))
        edit(other / centers(data())[0] / "cohort.json", lambda c, name=name: c.update(center=name))
        result = fedcrld("train", "--data", other, "--out", folder / "run")
        expect(result.status in (1, 2) and word in result.err, f"{name!r}: {result}")
    # The longest name there may be, on two ranks and with all kinds of files.
    other = copy(data(), folder / "long")
    for center, letter in zip(centers(data()), "abc"):
        edit(other / center / "cohort.json", lambda c, letter=letter: c.update(center=letter * 200))
    train(other, folder / "run", "rounds=2", f"preprocessing.cache={folder}/cache", "resident_centers=1",
          "balance=true", ranks=3).succeeded()
    expect_sound(folder / "run")


# Cases that cannot be used.


def damage(item, kind, folder):
    """Spoils a case's files in one of the ways that are met."""
    image, label = folder / item["image"], folder / item["label"]
    if kind == "cut gzip":
        image.write_bytes(image.read_bytes()[:-200])
        return image.name
    if kind == "NaN":
        source = nibabel.load(image)
        voxels = numpy.asarray(source.dataobj, numpy.float32)
        voxels[3, 2, 1] = numpy.nan
        nibabel.save(nibabel.Nifti1Image(voxels, source.affine), image)
        return image.name
    source = nibabel.load(label)
    voxels = numpy.asarray(source.dataobj, numpy.float32)
    if kind == "other size":
        voxels = voxels[1:]
    else:
        voxels[3, 2, 1] = {"label 0.6": 0.6, "label 1.999": 1.999, "label 2.0235": 2.0235, "label 9": 9}[kind]
    nibabel.save(nibabel.Nifti1Image(voxels, source.affine), label)
    return label.name


KINDS = ["cut gzip", "NaN", "other size", "label 0.6", "label 1.999", "label 2.0235", "label 9"]


@test("what cannot be used is found by check and before the first round, in every split, by name; import leaves it out")
def _(folder):
    need_nibabel()
    for number, kind in enumerate(KINDS):
        split = ("train", "test", "validation")[number % 3]
        other = copy(data(), folder / str(number))
        center = centers(data())[number % 3]
        path = other / center / "cohort.json"
        if split == "validation":
            edit(path, lambda c: c.update(splits={
                "train": c["splits"]["train"], "validation": c["splits"]["test"], "test": []}))
        content = json.loads(path.read_text())
        item = next(item for item in content["cases"] if item["subject"] in content["splits"][split])
        name = damage(item, kind, path.parent)
        for ranks in (1, 3):
            command = ["check", "--data", other, "--out", folder / "run", "--no-step", "--json", *settings("width=4")]
            result = (fedcrld if ranks == 1 else functools.partial(mpirun, 3))(*command).ended_with(1)
            findings = json.loads(result.out)["findings"]
            expect(any(name in finding["found"] and finding["verdict"] == "problem" for finding in findings),
                   f"{kind}: {findings}")
            result = train(other, folder / f"run-{number}-{ranks}", "rounds=1", ranks=ranks)
            result.failed_with(1, "cannot train on", name, "fedcrld check")
            expect(not rounds(folder / f"run-{number}-{ranks}"), f"{kind}: rounds were trained")
        # The layout of a public data set with this one case.
        subject = folder / f"source-{number}/training/patient001"
        subject.mkdir(parents=True)
        (subject / "Info.cfg").write_text("ED: 1\nES: 2\n")
        for source, ending in ((item["image"], ""), (item["label"], "_gt")):
            for frame in ("01", "02"):
                shutil.copy(path.parent / source, subject / f"patient001_frame{frame}{ending}.nii.gz")
        result = fedcrld("import", "acdc", folder / f"source-{number}", "--out", folder / f"imported-{number}", "--json")
        expect(result.status == 1 and "no labelled case" in result.err and "left out" in result.err, f"{kind}: {result}")


@test("a bad test case that turns up later costs an evaluation nothing but itself")
def _(folder):
    need_nibabel()
    other = copy(data(), folder / "data")
    out = folder / "run"
    train(other, out, "rounds=2").succeeded()
    center = centers(data())[0]
    content = cohort(other, center)
    item = next(item for item in content["cases"] if item["subject"] in content["splits"]["test"])
    damage(item, "cut gzip", other / center)
    name = f"{item['subject']}-{item['phase']}"
    result = fedcrld("evaluate", "--run", out, "--json").succeeded()
    found = json.loads(result.out)["centers"]
    expect_equal(list(found[center]["left_out"]), [name], "what is left out")
    expect_equal(found[center]["summary"]["left_out"], 1, "their number")
    expect(found[center]["cases"] and all(found[other_]["cases"] for other_ in centers(data())), "other cases")
    expect(name in fedcrld("evaluate", "--run", out).succeeded().out, "the table does not name it")
    fedcrld("report", out, "--out", folder / "report.html").succeeded()
    # While the run goes on, too: here the last round's evaluation meets it.
    resume(out, "rounds=3").failed_with(1, "cannot train on", item["image"].split("/")[-1])


# Data that changed.


@test("a run is not resumed on other data without leave: the message names the case")
def _(folder):
    need_nibabel()
    other = copy(data(), folder / "data")
    out = folder / "run"
    train(other, out, "rounds=1", ranks=3).succeeded()
    center = centers(data())[1]
    content = cohort(other, center)
    item = content["cases"][0]
    name = f"{item['subject']}-{item['phase']}"
    label = other / center / item["label"]
    # Other bytes of the same voxels are no change.
    label.write_bytes(gzip.compress(gzip.decompress(label.read_bytes()), 1))
    resume(out, "rounds=2").succeeded()
    image = nibabel.load(label)
    voxels = numpy.asarray(image.dataobj).copy()
    voxels[3, 2, 1] = 1 - min(1, voxels[3, 2, 1])
    nibabel.save(nibabel.Nifti1Image(voxels, image.affine, image.header), label)
    for ranks in (1, 3):
        resume(out, "rounds=3", ranks=ranks).failed_with(1, "cannot resume on", name, center, "--accept-changed-data")
    expect_equal(rounds(out), [1, 2], "checkpoints")
    run(*resuming(out, "rounds=3"), "--accept-changed-data").succeeded()
    expect_sound(out)
    # It is what the run has been trained on from then on.
    resume(out, "rounds=4").succeeded()
    # A subject that changes sides would be a test that was trained on.
    edit(other / center / "cohort.json", lambda c: c.update(splits={
        "train": c["splits"]["test"], "validation": [], "test": c["splits"]["train"]}))
    resume(out, "rounds=5").failed_with(1, "was in the split")


@test("a run says with what build it was written, and a resumed one what differs")
def _(folder):
    out = copy(finished(), folder / "run")
    manifest = json.loads((checkpoint(out, 2) / "manifest.json").read_text())
    build = manifest["build"]
    for key in ("program", "commit", "compiler", "executable", "target", "processor", "libraries"):
        expect(build.get(key), f"the manifest's build has no {key}: {build}")
    expect("last bits may differ" not in resume(out, "rounds=2").succeeded().err, "the same build is said to differ")
    binary = folder / "fedcrld"
    shutil.copy(FEDCRLD, binary)
    with open(binary, "ab") as file:
        file.write(b"another build")
    result = run(binary, "train", "--resume", out, "--set", "rounds=3").succeeded()
    expect("last bits may differ" in result.err and "another build" in result.err, f"{result}")


# Who may read.


def modes(folder):
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}


@test("what holds images or weights is its owner's alone, unless a setting opens it")
def _(folder):
    previous = os.umask(0o022)
    try:
        for access, file, directory in (("owner", 0o600, 0o700), ("group", 0o640, 0o750), ("umask", 0o644, 0o755)):
            out, cache = folder / access, folder / f"{access}-cache"
            train(data(), out, "rounds=1", "resident_centers=1", f"access={access}", f"preprocessing.cache={cache}",
                  ranks=3).succeeded()
            fedcrld("report", out).succeeded()
            fedcrld("evaluate", "--run", out, "--out", out / "evaluation").succeeded()
            fedcrld("predict", "--run", out, "--center", centers(data())[0], "--input", scan(), "--output",
                    out / "mask.nii.gz", "--probabilities", out / "p.h5").succeeded()
            for place in (out, cache):
                expect_equal(modes(place), {file}, f"modes of the files in {place.name}")
                expect_equal({stat.S_IMODE(path.stat().st_mode) for path in [place, *place.rglob("*")] if path.is_dir()},
                             {directory}, f"modes of the folders in {place.name}")
            (out / "metrics.jsonl").chmod(0o604)
            resume(out, "rounds=2").succeeded()
            expect_equal(stat.S_IMODE((out / "metrics.jsonl").stat().st_mode), 0o604, "the mode of metrics.jsonl")
    finally:
        os.umask(previous)


@test("the server is told no subject, and messages name none where they are to be discreet")
def _(folder):
    need_nibabel()
    other = copy(data(), folder / "data")
    subjects = set()
    for number, center in enumerate(centers(data())):
        def rename(content, number=number):
            names = {s: f"JohnDoe{number}{index}" for index, s in enumerate(sorted({c["subject"] for c in content["cases"]}))}
            subjects.update(names.values())
            for item in content["cases"]:
                item["subject"] = names[item["subject"]]
            content["splits"] = {split: [names[s] for s in members] for split, members in content["splits"].items()}
        edit(other / center / "cohort.json", rename)
    center = centers(data())[0]
    path = other / center / cohort(other, center)["cases"][0]["label"]
    voxels = numpy.asarray(nibabel.load(path).dataobj)
    nibabel.save(nibabel.Nifti1Image(voxels, numpy.eye(4)), path)
    result = train(other, folder / "named", "rounds=1", ranks=3).succeeded()
    expect(str(path) in result.err, f"{result}")
    result = train(other, folder / "run", "rounds=1", "discreet=true", ranks=3).succeeded()
    expect("the label of case 0 of center" in result.err, f"{result}")
    for name in (*subjects, path.name, str(path)):
        expect(name not in result.err, f"{name} is named\n{result}")
    for file in ("metrics.jsonl",):
        for name in subjects:
            expect(name not in (folder / "run" / file).read_text(), f"{file} names {name}")
    nibabel.save(nibabel.Nifti1Image(voxels[1:], numpy.eye(4)), path)
    result = train(other, folder / "bad", "rounds=1", "discreet=true").ended_with(1)
    expect(path.name not in result.err and not any(name in result.err for name in subjects), f"{result}")


# Reading while a job trains.


@test("a run can be evaluated, reported, verified and predicted with while a job prunes its checkpoints")
def _(folder):
    out = folder / "run"
    with start(data(), out, "rounds=100000", "checkpoint.keep=1") as job:
        wait_until(lambda: rounds(out) and rounds(out)[-1] > 2, "three rounds")
        for _ in range(4):
            fedcrld("evaluate", "--run", out, "--json").succeeded()
            fedcrld("verify", out).succeeded()
            fedcrld("report", out, "--out", folder / "report.html").succeeded()
            fedcrld("predict", "--run", out, "--center", centers(data())[2], "--input", scan(), "--output",
                    folder / "mask.nii.gz").succeeded()
        expect(job.process.poll() is None, "the training has ended")
    expect_sound(out)


@test("a checkpoint that vanishes while it is read makes way for the newest; one that was asked for is an error")
def _(folder):
    out = folder / "run"
    train(data(), out, "rounds=3", "checkpoint.keep=3").succeeded()
    center = centers(data())[0]
    slow = faulty("open", f"states/round-000003/{center}.h5", error=0, seconds=4, times=1)
    with Job(FEDCRLD, "evaluate", "--run", out, "--json", environment=slow) as job:
        import time
        time.sleep(2)
        # As retention removes it: first its name.
        (out / "checkpoints/round-000003").rename(out / "checkpoints/round-000003.removed")
        shutil.rmtree(out / "checkpoints/round-000003.removed")
        shutil.rmtree(out / "states/round-000003")
        result = job.wait().ended_with(0)
    expect_equal(json.loads(result.out)["round"], 2, "the round that was evaluated")
    fedcrld("evaluate", "--run", out, "--checkpoint", 3).failed_with(2, "no checkpoint of round 3")


main()
