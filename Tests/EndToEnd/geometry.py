"""Where voxels are: images whose slices are stored the other way round, segmentations stored in another order or place than
their images, headers with two transforms or a broken one, and masks that take over what their image's header says."""

import itertools
import json

from lib.program import fedcrld
from lib.runs import centers, cohort, copy, metrics, settings, simulate, train
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test

try:
    import nibabel
    import numpy
except ImportError:
    nibabel = None

FIELDS = ("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z",
          "srow_x", "srow_y", "srow_z")


def need_nibabel():
    if nibabel is None:
        raise Skip("python3 has no module nibabel")


@fixture
def data():
    return simulate(shared_folder(), centers=1)


@fixture
def finished():
    out = shared_folder() / "run"
    train(data(), out, "rounds=8", "learning_rate=3e-3").succeeded()
    return out


def case(split="test"):
    """A case's image and label."""
    center = centers(data())[0]
    content = cohort(data(), center)
    item = next(item for item in content["cases"] if item["subject"] in content["splits"][split])
    return data() / center / item["image"], data() / center / item["label"]


def stored_otherwise(source, target, axes, flips):
    """Saves an image with its voxels in another order, at the same place in the body."""
    image = nibabel.load(source)
    orientation = [[axis, -1 if flip else 1] for axis, flip in zip(axes, flips)]
    nibabel.save(image.as_reoriented(numpy.array(orientation)), target)


def score(prediction, truth):
    return json.loads(fedcrld("score", "--prediction", prediction, "--truth", truth, "--json").succeeded().out)["classes"]


def evaluated(out, folder):
    """Dice and volumes of every case, as evaluate finds them."""
    content = json.loads(fedcrld("evaluate", "--run", out, "--data", folder, "--json").succeeded().out)
    (center,) = content["centers"].values()
    return {item["case"]: (item["dice"], item["true_ml"], item["hd95_mm"]) for item in center["cases"]}


# Images whose slices are stored the other way round.

WAYS_ROUND = {
    "mirrored columns": ((0, 1, 2), (True, False, False)),
    "mirrored rows": ((0, 1, 2), (False, True, False)),
    "a quarter turn": ((1, 0, 2), (True, False, False)),
}


@test("a cohort trains, is evaluated and predicted alike in four orientations of its slices; with `stored` it does not")
def _(folder):
    need_nibabel()
    center = centers(data())[0]
    image, _ = case()

    def result(source, name, *values):
        out = folder / f"{name}-run"
        train(source, out, "rounds=4", "learning_rate=3e-3", *values).succeeded()
        losses = [line["losses"] for line in metrics(out) if line["kind"] == "round"]
        name = source / center / image.relative_to(data() / center)
        fedcrld("predict", "--run", out, "--center", center, "--input", name, "--output", folder / "s.nii").succeeded()
        prediction, shown = nibabel.load(folder / "s.nii"), nibabel.load(name)
        expect_equal(prediction.shape, shown.shape, "the size of the segmentation")
        expect(numpy.allclose(prediction.affine, shown.affine, atol=1e-3), "the segmentation lies beside its image")
        canonical = nibabel.as_closest_canonical(prediction)
        return losses, evaluated(out, source), numpy.asarray(canonical.dataobj)

    wanted = result(data(), "as-simulated")
    expect(any(dice for scores in wanted[1].values() for dice in scores[0]), "nothing was learnt")
    for name, (axes, flips) in WAYS_ROUND.items():
        other = copy(data(), folder / name.replace(" ", "-"))
        for kind in ("images", "labels"):
            for file in (other / center / kind).iterdir():
                stored_otherwise(file, file, axes, flips)
        losses, scores, labels = result(other, name.replace(" ", "-"))
        expect_equal(losses, wanted[0], f"losses with {name}")
        expect_equal(list(scores), list(wanted[1]), f"cases with {name}")
        for case_name, (dice, volumes, distances) in scores.items():
            expect_equal((dice, volumes), wanted[1][case_name][:2], f"Dice and volumes of {case_name} with {name}")
            # A distance that there is none of is null.
            pair = [numpy.array(values, dtype=float) for values in (distances, wanted[1][case_name][2])]
            expect(numpy.allclose(*pair, atol=1e-3, equal_nan=True), f"distances of {case_name} with {name}: {pair}")
        expect(numpy.array_equal(labels, wanted[2]), f"another segmentation with {name}")
    expect(
        result(other, "stored", "preprocessing.orientation=stored")[0] != wanted[0],
        "as stored, a quarter turn makes no difference")


# Labels in another order, or in other places.


@test("score finds a segmentation in the truth's order of voxels, in all 48 orders: Dice 1 everywhere")
def _(folder):
    need_nibabel()
    _, label = case()
    wanted = score(label, label)
    expect(len(wanted) == 3, f"classes {wanted}")
    for axes in itertools.permutations(range(3)):
        for flips in itertools.product((False, True), repeat=3):
            stored_otherwise(label, folder / "other.nii.gz", axes, flips)
            found = score(folder / "other.nii.gz", label)
            expect_equal(found, wanted, f"scores with axes {axes} and flips {flips}")


@test("training, evaluation and import put flipped and exchanged axes of a segmentation into its image's order")
def _(folder):
    need_nibabel()
    other = copy(data(), folder / "data")
    center = centers(data())[0]
    orders = itertools.cycle([((0, 1, 2), (True, False, False)), ((1, 0, 2), (False, True, True))])
    for item in cohort(data(), center)["cases"]:
        axes, flips = next(orders)
        stored_otherwise(data() / center / item["label"], other / center / item["label"], axes, flips)
    expect_equal(evaluated(finished(), other), evaluated(finished(), data()), "what is measured")
    result = train(other, folder / "run", "rounds=8", "learning_rate=3e-3").succeeded()
    expect("stores its voxels in another order" in result.err, f"{result}")
    fedcrld("verify", "--compare", folder / "run", finished()).succeeded()


@test("what is measured is in the image's millimeters, wherever a segmentation says that it lies")
def _(folder):
    need_nibabel()
    other = copy(data(), folder / "data")
    center = centers(data())[0]
    for item in cohort(data(), center)["cases"]:
        path = other / center / item["label"]
        voxels = numpy.asarray(nibabel.load(path).dataobj)
        nibabel.save(nibabel.Nifti1Image(voxels, numpy.eye(4)), path)
    result = fedcrld("evaluate", "--run", finished(), "--data", other, "--json").succeeded()
    expect("lies up to" in result.err and "on the image's grid" in result.err, f"{result}")
    expect_equal(evaluated(finished(), other), evaluated(finished(), data()), "what is measured")
    result = fedcrld("check", "--data", other, "--out", folder / "run", "--no-step", *settings("width=4")).ended_with(0)
    expect("warning" in result.out and "lies up to" in result.out, f"{result}")


@test("score warns where two segmentations contradict each other, and measures with the truth's millimeters")
def _(folder):
    need_nibabel()
    _, label = case()
    image = nibabel.load(label)
    nibabel.save(nibabel.Nifti1Image(numpy.asarray(image.dataobj), numpy.eye(4)), folder / "flat.nii.gz")
    result = fedcrld("score", "--prediction", folder / "flat.nii.gz", "--truth", label, "--json").succeeded()
    expect("different places" in result.err, f"{result}")
    expect_equal(json.loads(result.out)["classes"], score(label, label), "scores")
    # A file without any transform says nothing that could contradict.
    bare = nibabel.Nifti1Image(numpy.asarray(image.dataobj), None)
    bare.header.set_zooms(image.header.get_zooms())
    nibabel.save(bare, folder / "bare.nii.gz")
    expect_equal(nibabel.load(folder / "bare.nii.gz").header["sform_code"].tolist(), 0, "the code")
    result = fedcrld("score", "--prediction", folder / "bare.nii.gz", "--truth", label, "--json").succeeded()
    expect_equal(result.err, "", "what is said")


# Headers of images.

def predicted(image, folder, *options, name="mask.nii.gz"):
    result = fedcrld(
        "predict", "--run", finished(), "--center", centers(data())[0], "--input", image, "--output", folder / name,
        *options).succeeded()
    return nibabel.load(folder / name), result


def rewritten(source, target, change):
    """Saves an image with header fields that nibabel itself would not write."""
    image = nibabel.load(source)
    voxels = numpy.asarray(image.dataobj)
    header = image.header.copy()
    change(header)
    with open(target, "wb") as file:
        header["vox_offset"] = 352
        header["magic"] = b"n+1"
        header.set_data_dtype(voxels.dtype)
        header["scl_slope"], header["scl_inter"] = 1, 0
        file.write(header.binaryblock + bytes(4) + voxels.tobytes(order="F"))
    return target


TURN = [0.1, 0.2, 0.3]


def both(header):
    """Two transforms that differ, with codes of their own."""
    header["qform_code"], header["sform_code"] = 1, 4
    header["quatern_b"], header["quatern_c"], header["quatern_d"] = TURN
    header["qoffset_x"], header["qoffset_y"], header["qoffset_z"] = -10.5, 20.25, 30
    header["srow_x"], header["srow_y"] = [0, 2.5, 0, 4], [2.5, 0, 0, 5]
    header["srow_z"] = [0, 0, 8, 6]


def qform_only(header):
    both(header)
    header["sform_code"] = 0
    for row in ("srow_x", "srow_y", "srow_z"):
        header[row] = 0


@test("a mask has the fields and codes of its image's header, both transforms where there are two")
def _(folder):
    need_nibabel()
    for name, change in (("both", both), ("qform", qform_only), ("micrometers", lambda header: (
            both(header), header.set_xyzt_units(3), header.__setitem__("pixdim", [-1, 2500, 2500, 8000, 0, 0, 0, 0]),
            [header.__setitem__(f"srow_{axis}", header[f"srow_{axis}"] * 1000) for axis in "xyz"]))):
        image = rewritten(case()[0], folder / f"{name}.nii", change)
        mask, _ = predicted(image, folder)
        source = nibabel.load(image)
        for field in (*FIELDS, "pixdim"):
            expect_equal(mask.header[field].tolist(), source.header[field].tolist(), f"{name}: {field}")
        expect_equal(int(mask.header["xyzt_units"]) & 7, int(source.header["xyzt_units"]) & 7, f"{name}: units")


@test("a sform that is zero, singular or not finite counts as absent beside a good qform, and ITK reads the mask")
def _(folder):
    need_nibabel()
    try:
        import SimpleITK
    except ImportError:
        raise Skip("python3 has no module SimpleITK") from None
    rows = {
        "zero": [[0, 0, 0, 0]] * 3, "singular": [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 8, 0]],
        "nan": [[float("nan"), 0, 0, 0], [0, 2, 0, 0], [0, 0, 8, 0]],
        "infinite": [[2, 0, 0, float("inf")], [0, 2, 0, 0], [0, 0, 8, 0]]}
    good = rewritten(case()[0], folder / "good.nii", qform_only)
    wanted, _ = predicted(good, folder)
    wanted_voxels = numpy.asarray(wanted.dataobj)
    for name, values in rows.items():
        def change(header):
            qform_only(header)
            header["sform_code"] = 1
            header["srow_x"], header["srow_y"], header["srow_z"] = values
        image = rewritten(case()[0], folder / f"{name}.nii", change)
        mask, _ = predicted(image, folder)
        for field in FIELDS:
            expect_equal(mask.header[field].tolist(), wanted.header[field].tolist(), f"{name}: {field}")
        expect(numpy.array_equal(numpy.asarray(mask.dataobj), wanted_voxels), f"{name}: another mask")
        read, reference = (SimpleITK.ReadImage(str(path)) for path in (folder / "mask.nii.gz", good))
        for what in ("GetOrigin", "GetSpacing", "GetDirection"):
            found, expected = getattr(read, what)(), getattr(reference, what)()
            expect(numpy.allclose(found, expected, atol=1e-4), f"{name}: {what} is {found}, not {expected}")


@test("a sform is taken beside a qform that is not finite")
def _(folder):
    need_nibabel()

    def change(header):
        both(header)
        header["quatern_b"] = float("nan")

    mask, _ = predicted(rewritten(case()[0], folder / "image.nii", change), folder)
    expect_equal(int(mask.header["qform_code"]), 0, "the code of qform")
    expect_equal(mask.header["srow_x"].tolist(), [0, 2.5, 0, 4], "srow_x")


@test("sizes of 0 are read as 1, as ITK does")
def _(folder):
    need_nibabel()
    image = nibabel.load(case()[0])
    first = nibabel.Nifti1Image(numpy.asarray(image.dataobj)[:, :, :1], image.affine)
    nibabel.save(first, folder / "slice.nii")

    def change(header):
        header["dim"] = [4, *image.shape[:2], 1, 0, 0, 0, 0]

    mask, _ = predicted(rewritten(folder / "slice.nii", folder / "image.nii", change), folder)
    expect_equal(mask.shape[:2], image.shape[:2], "the size in the plane")


@test("voxels that no scanner makes are warned of; sizes beyond all measure are refused, and cost a folder's others nothing")
def _(folder):
    need_nibabel()
    scans = folder / "scans"
    scans.mkdir()

    def sized(name, size):
        def change(header):
            qform_only(header)
            header["pixdim"] = [1, *size, 0, 0, 0, 0]
        return rewritten(case()[0], scans / name, change)

    sized("a-good.nii", [2.5, 2.5, 8])
    for name, size in (("thin.nii", [0.003, 0.003, 0.01]), ("thick.nii", [60, 60, 60])):
        path = sized(name, size)
        _, result = predicted(path, folder)
        expect(f"{name} has voxels of" in result.err and "no cardiac MR" in result.err, f"{result}")
        path.unlink()
    for name, size in (("b-tiny.nii", [1e-19, 1e-19, 8]), ("c-huge.nii", [1e17, 1e17, 8])):
        sized(name, size)
    sized("d-good.nii", [2.5, 2.5, 8])
    result = fedcrld(
        "predict", "--run", finished(), "--center", centers(data())[0], "--input", scans, "--output", folder / "masks")
    result.failed_with(1, "2 of 4 images")
    expect_equal(sorted(path.name for path in (folder / "masks").iterdir()), ["a-good.nii", "d-good.nii"], "masks")
    # As labels they are measured on their image's grid, whatever they say.
    fedcrld("score", "--prediction", scans / "b-tiny.nii", "--truth", scans / "c-huge.nii").ended_with(1)


main()
