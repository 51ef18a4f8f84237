"""Public data sets in their own layouts become cohorts: miniatures with the real names of folders and files, and with
what goes wrong in real ones."""

import csv
import json

from lib.program import fedcrld
from lib.suite import Skip, expect, expect_equal, main, test

try:
    import nibabel
    import numpy

    absence = None
except ImportError as error:
    absence = f"python3 has no module {error.name}"

SIZE = (16, 18, 3)


def need_nibabel():
    if absence:
        raise Skip(absence)


def labels(values, size=SIZE):
    """A segmentation that holds these values, each in a part of a slice."""
    data = numpy.zeros(size, numpy.uint16)
    for index, value in enumerate(values):
        data[4 + 2 * index:6 + 2 * index, 5:12, 1] = value
    return data


def save(path, data, dtype=numpy.int16):
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = numpy.diag([-1.4, -1.4, 9.5, 1])
    image = nibabel.Nifti1Image(numpy.asarray(data, dtype), affine)
    image.header.set_zooms([1.4, 1.4, 9.5] + [1.0] * (numpy.ndim(data) - 3))
    nibabel.save(image, path)


def image(seed, size=SIZE):
    return numpy.random.default_rng(seed).integers(0, 900, size)


def imported(name, source, out, *options):
    """What the program prints as JSON, and the cohorts that it wrote."""
    result = json.loads(fedcrld("import", name, source, "--out", out, "--json", *options).succeeded().out)
    cohorts = {path.parent.name: json.loads(path.read_text()) for path in out.glob("*/cohort.json")}
    expect_equal(sorted(cohorts), sorted(center["center"] for center in result["centers"]), "the cohorts written")
    return result, cohorts


def problems(result):
    return {(problem["kind"], problem["subject"]) for problem in result["problems"]}


def mnms(folder):
    """M&Ms with its traps: a subject without a folder, one without labels, one that is unlabelled, frames out of range,
    a second row, a folder that the table does not name, equal frames, "7.0" for a frame."""
    root = folder / "OpenDataset"
    rows = []

    def subject(code, part, centre, ed, es, gt=True, filled=True, row=True):
        frames = numpy.stack([image(ord(code[0]) + frame) for frame in range(8)], axis=3)
        place = root / part / code
        save(place / f"{code}_sa.nii.gz", frames)
        if gt:
            truth = numpy.zeros(SIZE + (8,), numpy.uint8)
            if filled:
                for frame in {int(float(ed)) % 8, int(float(es)) % 8}:
                    truth[..., frame] = labels([1, 2, 3])
            save(place / f"{code}_sa_gt.nii.gz", truth, numpy.uint8)
        if row:
            rows.append([len(rows), code, "Philips" if centre == "2" else "Siemens", "A", centre, ed, es, "61.0", "HCM"])

    for number, code in enumerate(["A0S9V9", "A1D0Q7", "B2G5R2", "C8J7L5"]):
        subject(code, "Training/Labeled", "1", "0", str(3 + number))
    subject("D1R0Y5", "Validation", "2", "7.0", "2")
    subject("E4W8Z7", "Testing", "2", "1", "5")
    subject("F0K4T6", "Training/Unlabeled", "2", "0", "4", filled=False)
    subject("G0I6P3", "Testing", "1", "0", "4", gt=False)
    subject("H1N8S6", "Testing", "1", "0", "11")
    subject("I5L2U3", "Testing", "2", "3", "3")
    subject("J4J8Q3", "Testing", "2", "3", "4", row=False)
    rows.append([99, "Z9Z9Z9", "GE", "C", "4", "0", "9", "50.0", "NOR"])
    rows.append(rows[0])
    table = folder / "211230_M&Ms_Dataset_information_diagnosis_opendataset.csv"
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["", "External code", "VendorName", "Vendor", "Centre", "ED", "ES", "Age", "Pathology"])
        writer.writerows(rows)
    return root


@test("M&Ms: a cohort per centre, the labelled frames of 4-D files, no voxel copied, and a list of what is wrong")
def _(folder):
    need_nibabel()
    mnms(folder / "source")
    result, cohorts = imported("mnms", folder / "source", folder / "data")
    expect_equal(sorted(cohorts), ["mnms-center-1", "mnms-center-2"], "centers")
    first = cohorts["mnms-center-1"]
    expect_equal(first["classes"], ["background", "LV", "MYO", "RV"], "classes")
    expect_equal(first["vendor"], "Siemens", "vendor")
    frames = {(case["subject"], case["phase"]): (case["frame"], case["labelFrame"]) for case in first["cases"]}
    expect_equal(frames["A1D0Q7", "ED"], (0, 0), "the end-diastolic frame")
    expect_equal(frames["A1D0Q7", "ES"], (4, 4), "the end-systolic frame")
    second = {(case["subject"], case["phase"]): case["frame"] for case in cohorts["mnms-center-2"]["cases"]}
    expect_equal(second["D1R0Y5", "ED"], 7, 'the frame that the table calls "7.0"')
    expect(first["cases"][0]["image"].startswith("/"), "images are named by absolute paths")
    expect_equal(list((folder / "data").rglob("*.nii.gz")), [], "files copied")
    for split in first["splits"].values():
        expect(set(split) <= {case["subject"] for case in first["cases"]}, "splits are by subject")
    found = problems(result)
    for problem in [
            ("missing", "Z9Z9Z9"), ("unlabelled", "F0K4T6-ED"), ("unlabelled", "G0I6P3"), ("contradictory", "H1N8S6-ES"),
            ("contradictory", "I5L2U3"), ("missing", "J4J8Q3"), ("duplicated", "A0S9V9")]:
        expect(problem in found, f"{problem} is not among {sorted(found)}")


@test("what is imported can be trained on and evaluated")
def _(folder):
    need_nibabel()
    root = mnms(folder / "source")
    imported("mnms", root.parent, folder / "data")
    settings = ["width=4", "size=16x16", "preprocessing.spacing=0", "rounds=1", "threads=1", "preset=tiny"]
    fedcrld(
        "train", "--data", folder / "data", "--out", folder / "run",
        *[word for value in settings for word in ("--set", value)]).succeeded()
    out = fedcrld("evaluate", "--run", folder / "run", "--json").succeeded().out
    expect_equal(sorted(json.loads(out)["centers"]), ["mnms-center-1", "mnms-center-2"], "centers")


@test("M&Ms-2: a cohort per vendor, phases as files")
def _(folder):
    need_nibabel()
    source = folder / "source"
    rows = [("1", "SIEMENS"), ("2", "GE MEDICAL SYSTEMS"), ("3", "SIEMENS"), ("4", "SIEMENS"), ("5", "SIEMENS")]
    for number, _ in rows[:4]:
        code = number.zfill(3)
        place = source / "dataset" / code
        for phase in ("ED", "ES"):
            for axis in ("SA", "LA"):
                save(place / f"{code}_{axis}_{phase}.nii.gz", image(int(number)))
                save(place / f"{code}_{axis}_{phase}_gt.nii.gz", labels([1, 2, 3]), numpy.uint8)
        save(place / f"{code}_SA_CINE.nii.gz", image(1, SIZE + (4,)))
    (source / "dataset" / "003" / "003_SA_ES_gt.nii.gz").unlink()
    with open(source / "dataset_information.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["SUBJECT_CODE", "DISEASE", "VENDOR", "SCANNER", "FIELD"])
        writer.writerows([(code, "NOR", vendor, "Symphony", "1.5") for code, vendor in rows])
    result, cohorts = imported("mnms2", source, folder / "data", "--files", "links")
    expect_equal(sorted(cohorts), ["mnms2-ge-medical-systems", "mnms2-siemens"], "centers")
    cases = {(case["subject"], case["phase"]) for case in cohorts["mnms2-siemens"]["cases"]}
    expect_equal(
        cases, {("001", "ED"), ("001", "ES"), ("003", "ED"), ("004", "ED"), ("004", "ES")}, "cases")
    expect_equal(problems(result), {("unlabelled", "003-ES"), ("missing", "005")}, "problems")
    link = folder / "data" / "mnms2-siemens" / "images" / "001-ED.nii.gz"
    expect(link.is_symlink() and link.exists(), "images are links")


@test("ACDC: frames from 1, the right ventricle first in the files")
def _(folder):
    need_nibabel()
    source = folder / "source"
    for number, part in enumerate(["training"] * 3 + ["testing"] * 2, 1):
        name = f"patient{number:03}"
        place = source / part / name
        save(place / f"{name}_4d.nii.gz", image(number, SIZE + (14,)))
        for frame in (1, 12):
            save(place / f"{name}_frame{frame:02}.nii.gz", image(number + frame))
            save(place / f"{name}_frame{frame:02}_gt.nii.gz", labels([1, 2, 3]), numpy.uint8)
        (place / "Info.cfg").write_text(f"ED: 1\nES: 12\nGroup: DCM\nHeight: 184.0\nNbFrame: 30\nWeight: 95.0\n")
    (source / "training" / "patient003" / "Info.cfg").write_text("ED: 1\n")
    (source / "testing" / "patient005" / "Info.cfg").unlink()
    result, cohorts = imported("acdc", source, folder / "data", "--files", "copies")
    cohort = cohorts["acdc"]
    expect_equal(cohort["labelValues"], [0, 3, 2, 1], "what stands for background, LV, MYO and RV")
    expect_equal(len(cohort["cases"]), 7, "number of cases")
    expect_equal(problems(result), {("missing", "patient003-ES"), ("missing", "patient005")}, "problems")
    copy = folder / "data" / "acdc" / "images" / "patient001-ES.nii.gz"
    expect(copy.is_file() and not copy.is_symlink(), "images are copies")


@test("EMIDEC: classes come from the cohort, though normal cases lack two of them")
def _(folder):
    need_nibabel()
    source = folder / "source" / "emidec-dataset-1.0.1"
    for subject, values in (("Case_P001", [1, 2, 3, 4]), ("Case_P002", [1, 2, 3]), ("Case_N011", [1, 2]), ("Case_N012", [1, 2])):
        save(source / subject / "Images" / f"{subject}.nii.gz", image(3))
        save(source / subject / "Contours" / f"{subject}.nii.gz", labels(values), numpy.float64)
        (source / f"{subject.replace('_', ' ')}.txt").write_bytes("Sex: F\nÂge: 61\n".encode("latin-1"))
    (source / "Case_P003" / "Images").mkdir(parents=True)
    save(source / "Case_P003" / "Images" / "Case_P003.nii.gz", image(4))
    result, cohorts = imported("emidec", folder / "source", folder / "data")
    expect_equal(cohorts["emidec"]["classes"], ["background", "LV", "MYO", "infarct", "no-reflow"], "classes")
    expect_equal(len(cohorts["emidec"]["cases"]), 4, "number of cases")
    expect_equal(problems(result), {("unlabelled", "Case_P003")}, "problems")


@test("MSCMRSeg: pairs of late-enhancement images, labels 200, 500, 600")
def _(folder):
    need_nibabel()
    source = folder / "source"
    for number in (6, 7, 8):
        save(source / "LGE_images" / f"patient{number}_LGE.nii.gz", image(number))
        save(source / "LGE_manual" / f"patient{number}_LGE_manual.nii.gz", labels([500, 200, 600]))
    save(source / "LGE_images" / "patient9_LGE.nii.gz", image(9))
    save(source / "LGE_manual" / "patient10_LGE_manual.nii.gz", labels([500, 200, 600]))
    save(source / "LGE_images" / "patient11_LGE.nii.gz", image(9))
    save(source / "LGE_manual" / "patient11_LGE_manual.nii.gz", labels([500, 200, 420]))
    result, cohorts = imported("mscmr", source, folder / "data")
    expect_equal(cohorts["mscmr"]["labelValues"], [0, 500, 200, 600], "what stands for background, LV, MYO and RV")
    expect_equal(
        problems(result),
        {("unlabelled", "patient9"), ("missing", "patient10"), ("contradictory", "patient11-ED")}, "problems")


@test("splits come from a table where there is one; subjects that it does not name are listed")
def _(folder):
    need_nibabel()
    source = folder / "source"
    for number in range(1, 6):
        save(source / f"patient{number}_LGE.nii", image(number))
        save(source / f"patient{number}_LGE_manual.nii", labels([500, 200, 600]))
    table = folder / "splits.csv"
    table.write_text("\ufeffsubject;split\r\npatient1;train\r\npatient2;Test\r\n\"patient3\";validation\r\npatient4;train\r\n")
    result, cohorts = imported("mscmr", source, folder / "data", "--splits", table)
    expect_equal(
        cohorts["mscmr"]["splits"],
        {"train": ["patient1", "patient4"], "test": ["patient2"], "validation": ["patient3"]}, "splits")
    expect_equal(problems(result), {("missing", "patient5")}, "problems")
    table.write_text("subject,split\npatient1,holdout\n")
    fedcrld("import", "mscmr", source, "--out", folder / "other", "--splits", table).failed_with(1, "holdout", "splits.csv")


@test("tables are read however spreadsheets write them: separators, sep=, encodings, byte order marks")
def _(folder):
    need_nibabel()
    mnms(folder / "source")
    table = next((folder / "source").glob("*.csv"))
    rows = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
    wanted = None
    for number, (separator, head, encoding, mark, name) in enumerate((
            (",", "", "utf-8", b"", table.name), (";", "", "latin-1", b"", table.name),
            ("\t", "", "utf-8", b"\xef\xbb\xbf", table.name), ("\t", "", "utf-16-le", b"\xff\xfe", table.name),
            (";", "sep=;\r\n", "utf-8", b"", table.name), (",", "sep=,\n", "utf-16-be", b"\xfe\xff", table.name),
            ("|", "sep=|\n", "utf-8", b"", table.name), ("\t", "", "utf-16-le", b"", "dataset_INFORMATION.tsv"),
            ("\t", "", "utf-8", b"", "Dataset_information.txt"))):
        for other in (folder / "source").glob("*ataset_*nformation*"):
            other.unlink()
        (folder / "source" / table.name).unlink(missing_ok=True)
        (folder / "source" / "dataset_INFORMATION.tsv").unlink(missing_ok=True)
        text = head + "\r\n".join(separator.join(row) for row in rows) + "\r\n"
        (folder / "source" / name).write_bytes(mark + text.encode(encoding))
        _, cohorts = imported("mnms", folder / "source", folder / f"data-{number}")
        wanted = wanted or cohorts
        expect_equal(cohorts, wanted, f"cohorts of {name!r} with {separator!r}, {head!r}, {encoding}")


def acdc(folder, info=b"ED: 1\nES: 2\n"):
    """One patient of ACDC."""
    place = folder / "training" / "patient001"
    for frame in ("01", "02"):
        save(place / f"patient001_frame{frame}.nii.gz", image(int(frame)))
        save(place / f"patient001_frame{frame}_gt.nii.gz", labels([1, 2, 3]), numpy.uint8)
    (place / "Info.cfg").write_bytes(info)
    return place


@test("Info.cfg is read in every spelling that is met")
def _(folder):
    need_nibabel()
    for number, info in enumerate((
            b"ED: 1\nES: 2\n", b"ED: 1.0\r\nES: 2.0\r\n", b"ed = 1\nes=2\n", b"\xef\xbb\xbfED:1\nES:2",
            b"\xff\xfe" + "ED: 1\nES: 2\n".encode("utf-16-le"), b"Gr\xf6\xdfe: 180\rED: 1\rES: 2\r")):
        acdc(folder / str(number), info)
        _, cohorts = imported("acdc", folder / str(number), folder / f"data-{number}")
        expect_equal(len(cohorts["acdc"]["cases"]), 2, f"cases with {info!r}")
    acdc(folder / "same", b"ED: 2\nES: 2.0\n")
    fedcrld("import", "acdc", folder / "same", "--out", folder / "data").failed_with(1, "the same frame 2")


@test("what macOS and others leave in folders is no image, and images may end in any case or be pairs")
def _(folder):
    need_nibabel()
    place = acdc(folder / "source")
    for path in list(place.glob("*.nii.gz")):
        (place / f"._{path.name}").write_bytes(b"\0\5\26\7")
    (folder / "source" / "__MACOSX" / "training" / "patient001").mkdir(parents=True)
    first = place / "patient001_frame01.nii.gz"
    first.rename(place / "patient001_frame01.NII.GZ")
    second = nibabel.load(place / "patient001_frame02.nii.gz")
    nibabel.save(nibabel.Nifti1Pair(numpy.asarray(second.dataobj), second.affine), place / "patient001_frame02.hdr")
    (place / "patient001_frame02.nii.gz").unlink()
    for files in ("paths", "copies", "links"):
        result, cohorts = imported("acdc", folder / "source", folder / files, "--files", files)
        expect_equal(problems(result), set(), "problems")
        expect_equal(len(cohorts["acdc"]["cases"]), 2, "cases")
        fedcrld("check", "--data", folder / files, "--out", folder / "run", "--no-step", "--set", "width=4").succeeded()


@test("a label in its image's place in another order is imported, one in another place is left out")
def _(folder):
    need_nibabel()
    place = acdc(folder / "source")
    path = place / "patient001_frame01_gt.nii.gz"
    nibabel.save(nibabel.load(path).as_reoriented(numpy.array([[0, -1], [1, 1], [2, -1]])), path)
    path = place / "patient001_frame02_gt.nii.gz"
    nibabel.save(nibabel.Nifti1Image(labels([1, 2, 3]).astype(numpy.uint8), numpy.eye(4)), path)
    result, cohorts = imported("acdc", folder / "source", folder / "data")
    expect_equal(problems(result), {("odd", "patient001-ED"), ("contradictory", "patient001-ES")}, "problems")
    expect_equal([case["phase"] for case in cohorts["acdc"]["cases"]], ["ED"], "cases")


@test("an empty or a foreign folder, and a full one to write to, are refused")
def _(folder):
    need_nibabel()
    (folder / "empty").mkdir()
    fedcrld("import", "acdc", folder / "empty", "--out", folder / "data").failed_with(1, "no labelled case", "empty")
    fedcrld("import", "mnms", folder / "empty", "--out", folder / "data").failed_with(1, "CSV", "External code")
    fedcrld("import", "acdc", folder / "nothing", "--out", folder / "data").failed_with(1, "no such folder")
    (folder / "full").mkdir()
    (folder / "full" / "file").touch()
    fedcrld("import", "acdc", folder / "empty", "--out", folder / "full").failed_with(1, "not empty")


main()
