"""Segmentations overlay their images in other readers, whatever the grid, and score as evaluate says."""

import itertools
import json

from lib.program import fedcrld
from lib.runs import centers, cohort, simulate, train
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test

try:
    import h5py
    import nibabel
    import numpy
    from scipy import ndimage

    absence = None
except ImportError as error:
    absence = f"python3 has no module {error.name}"


@fixture
def finished():
    """The data and a run that has learnt to predict something."""
    if absence:
        raise Skip(absence)
    data = simulate(shared_folder())
    out = shared_folder() / "run"
    train(data, out, "rounds=8", "learning_rate=1e-2", ranks=3).succeeded()
    return data, out, centers(data)[0]


def predict(image, output, *options):
    _, out, center = finished()
    return fedcrld("predict", "--run", out, "--center", center, "--input", image, "--output", output, *options)


def odd_image(path, frames=None):
    """A test image with its axes exchanged and turned, cropped, in voxels of three different sizes, perhaps in frames."""
    data, _, center = finished()
    case = cohort(data, center)["cases"][0]
    image = nibabel.load(data / center / case["image"])
    voxels = numpy.asarray(image.dataobj)[3:-2, 1:-6, :]
    if frames:
        voxels = numpy.stack([voxels * (1 + 0.1 * frame) for frame in range(frames)], axis=3).astype(numpy.int16)
    angle = 0.4
    rotation = numpy.array(
        [[0, -numpy.cos(angle), numpy.sin(angle)], [1, 0, 0], [0, numpy.sin(angle), numpy.cos(angle)]])
    affine = numpy.eye(4)
    affine[:3, :3] = rotation @ numpy.diag([2.1, 3.4, -9.75])
    affine[:3, 3] = [40.5, -12.25, 7]
    result = nibabel.Nifti1Image(voxels, affine)
    if frames:
        result.header.set_zooms([2.1, 3.4, 9.75, 0.043])
        result.header.set_xyzt_units("mm", "sec")
    nibabel.save(result, path)
    return voxels, affine


@test("a rotated, anisotropic, cropped 4-D image gets a mask of its grid, frame by frame")
def _(folder):
    finished()
    voxels, affine = odd_image(folder / "cine.nii.gz", frames=3)
    predict(folder / "cine.nii.gz", folder / "masks.nii.gz").succeeded()
    masks = nibabel.load(folder / "masks.nii.gz")
    expect_equal(masks.shape, voxels.shape, "shape")
    expect(numpy.allclose(masks.affine, affine, atol=1e-4), f"affine {masks.affine}")
    expect(abs(masks.header.get_zooms()[3] - 0.043) < 1e-6, "the time between frames")
    for frame in range(3):
        predict(folder / "cine.nii.gz", folder / "one.nii", "--frame", frame).succeeded()
        one = numpy.asarray(nibabel.load(folder / "one.nii").dataobj)
        expect(numpy.array_equal(one, numpy.asarray(masks.dataobj)[..., frame]), f"frame {frame} alone is another")
    predict(folder / "cine.nii.gz", folder / "one.nii", "--frame", 3).failed_with(1, "no frame 3", "0 to 2")


@test("images of all 48 orientations get masks at their place, for nibabel and SimpleITK alike")
def _(folder):
    finished()
    try:
        import SimpleITK
    except ImportError:
        SimpleITK = None
    voxels = numpy.random.default_rng(1).integers(0, 500, (9, 10, 3)).astype(numpy.int16)
    scans = folder / "scans"
    scans.mkdir()
    affines = {}
    for number, axes in enumerate(itertools.permutations(range(3))):
        for signs in itertools.product((1, -1), repeat=3):
            affine = numpy.eye(4)
            affine[:3, :3] = numpy.eye(3)[:, axes] * signs * numpy.array([4.5, 5.5, 9])
            affine[:3, 3] = [number, -20.5, 3]
            name = f"{number}{''.join('+' if sign > 0 else '-' for sign in signs)}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(voxels, affine), scans / name)
            affines[name] = affine
    expect_equal(len(affines), 48, "orientations")
    predict(scans, folder / "masks").succeeded()
    for name, affine in affines.items():
        mask = nibabel.load(folder / "masks" / name)
        expect(numpy.allclose(mask.affine, affine, atol=1e-4), f"affine of {name}: {mask.affine}")
        image = nibabel.load(scans / name)
        for field in ("qform_code", "sform_code", "quatern_b", "qoffset_x", "srow_x", "srow_y", "srow_z"):
            expect_equal(mask.header[field].tolist(), image.header[field].tolist(), f"{field} of {name}")
        expect_equal(mask.header["pixdim"][:4].tolist(), image.header["pixdim"][:4].tolist(), f"pixdim of {name}")
        expect_equal(mask.shape, voxels.shape, f"shape of {name}")
        if SimpleITK:
            image, read = (SimpleITK.ReadImage(str(path / name)) for path in (scans, folder / "masks"))
            for what in ("GetOrigin", "GetSpacing", "GetDirection"):
                found, wanted = getattr(read, what)(), getattr(image, what)()
                expect(numpy.allclose(found, wanted, atol=1e-4), f"{what} of {name}: {found}, not {wanted}")


@test("SimpleITK reads the mask at the image's place")
def _(folder):
    finished()
    try:
        import SimpleITK
    except ImportError:
        raise Skip("python3 has no module SimpleITK") from None
    odd_image(folder / "image.nii.gz")
    predict(folder / "image.nii.gz", folder / "mask.nii.gz").succeeded()
    image, mask = (SimpleITK.ReadImage(str(folder / f"{name}.nii.gz")) for name in ("image", "mask"))
    expect_equal(mask.GetSize(), image.GetSize(), "size")
    for what in ("GetOrigin", "GetSpacing", "GetDirection"):
        found, wanted = getattr(mask, what)(), getattr(image, what)()
        expect(numpy.allclose(found, wanted, atol=1e-4), f"{what}: {found}, not {wanted}")
    read = SimpleITK.GetArrayFromImage(mask).transpose(2, 1, 0)
    expect(numpy.array_equal(read, numpy.asarray(nibabel.load(folder / "mask.nii.gz").dataobj)), "the values differ")


@test("a predicted mask's Dice is the one that evaluate gives")
def _(folder):
    data, out, center = finished()
    result = json.loads(fedcrld("evaluate", "--run", out, "--center", center, "--json").succeeded().out)
    scores = {case["case"]: case for case in result["centers"][center]["cases"]}
    information = cohort(data, center)
    seen = 0.0
    for case in information["cases"]:
        name = f"{case['subject']}-{case['phase']}"
        if name not in scores:
            continue
        predict(data / center / case["image"], folder / f"{name}.nii.gz").succeeded()
        mask = numpy.asarray(nibabel.load(folder / f"{name}.nii.gz").dataobj)
        truth = numpy.asarray(nibabel.load(data / center / case["label"]).dataobj)
        for label, found in enumerate(scores[name]["dice"], 1):
            ours, theirs = mask == label, truth == label
            size = ours.sum() + theirs.sum()
            wanted = 2 * (ours & theirs).sum() / size if size else 1
            expect(abs(found - wanted) < 1e-12, f"Dice of class {label} of {name}: {found}, not {wanted}")
            seen += wanted
        score = json.loads(fedcrld(
            "score", "--prediction", folder / f"{name}.nii.gz", "--truth", data / center / case["label"],
            "--json").succeeded().out)
        for row in score["classes"]:
            expect_equal(row["dice"], scores[name]["dice"][row["label"] - 1], f"what score says of {name}")
            expect_equal(row["hd95_mm"], scores[name]["hd95_mm"][row["label"] - 1], f"HD95 of {name}")
    expect(seen > 0, "the network predicts nothing")


@test("a folder of images becomes a folder of masks; a bad image is named and does not cost the others")
def _(folder):
    finished()
    scans = folder / "scans"
    scans.mkdir()
    for name in ("a.nii.gz", "c.nii"):
        odd_image(scans / name)
    (scans / "notes.txt").write_text("no image")
    predict(scans, folder / "masks").succeeded()
    expect_equal(sorted(path.name for path in (folder / "masks").iterdir()), ["a.nii.gz", "c.nii"], "masks")
    (scans / "b.nii.gz").write_bytes(b"no image either")
    result = predict(scans, folder / "again").failed_with(1, "1 of 3 images")
    expect("b.nii.gz" in result.err, "the bad image is not named")
    expect_equal(sorted(path.name for path in (folder / "again").iterdir()), ["a.nii.gz", "c.nii"], "masks")


def scan():
    """A test image of the center."""
    data, _, center = finished()
    content = cohort(data, center)
    case = next(case for case in content["cases"] if case["subject"] in content["splits"]["test"])
    return data / center / case["image"]


def labels(path):
    return numpy.asarray(nibabel.load(path).dataobj)


@test("the largest connected part of the foreground, or of each class, is what scipy finds")
def _(folder):
    # Noise over the heart, so that there are specks.
    original = nibabel.load(scan())
    voxels = numpy.asarray(original.dataobj).astype(numpy.float32)
    noise = numpy.random.default_rng(3).normal(0, 0.6 * voxels.std(), voxels.shape)
    image = folder / "noisy.nii"
    nibabel.save(nibabel.Nifti1Image((voxels + noise).astype(numpy.float32), original.affine), image)
    predict(image, folder / "all.nii.gz").succeeded()
    whole = labels(folder / "all.nii.gz")
    whole_connectivity = numpy.ones((3, 3, 3))

    def largest(mask):
        parts, count = ndimage.label(mask, whole_connectivity)
        if not count:
            return mask
        sizes = ndimage.sum_labels(mask, parts, range(1, count + 1))
        return parts == sizes.argmax() + 1

    changed = 0
    for which in ("foreground", "classes", "both"):
        predict(image, folder / f"{which}.nii.gz", "--set", f"prediction.largest_component={which}").succeeded()
        wanted = numpy.zeros_like(whole)
        start = numpy.where(largest(whole > 0), whole, 0) if which == "both" else whole
        for mask in [start > 0] if which == "foreground" else [start == label for label in numpy.unique(start)[1:]]:
            wanted = numpy.where(largest(mask), start, wanted)
        expect((labels(folder / f"{which}.nii.gz") == wanted).all(), f"{which}: other voxels than scipy's")
        changed += (wanted != whole).sum()
    expect(changed > 0, "there was nothing to remove, and nothing was tested")


@test("with mirror images an image and its mirror image have mirrored probabilities, which are means of four")
def _(folder):
    def probabilities(name, columns, *options):
        original = nibabel.load(scan())
        voxels = numpy.asarray(original.dataobj)[:, ::-1 if columns else 1]
        nibabel.save(nibabel.Nifti1Image(voxels, original.affine), folder / f"{name}.nii")
        predict(folder / f"{name}.nii", folder / "out.nii.gz", "--probabilities", folder / f"{name}.h5", *options).succeeded()
        with h5py.File(folder / f"{name}.h5") as file:
            return file["probabilities"][()], file["image"][()]
    on = ["--set", "prediction.mirrors=true"]
    (plain, image), (mean, _), (other, turned) = probabilities("a", False), probabilities("b", False, *on), probabilities(
        "c", True, *on)
    axis = next(axis for axis in (1, 2) if numpy.abs(numpy.flip(turned, axis) - image).max() < 1e-4)
    expect(numpy.abs(numpy.flip(other, axis + 1) - mean).max() < 1e-4, "the mirror image has other probabilities")
    expect(numpy.abs(plain - mean).max() > 1e-3, "mirrors change nothing")
    expect(numpy.abs(mean.sum(axis=0) - 1).max() < 1e-5, "they do not add up to 1")


@test("evaluate takes such settings, and none that training depends on")
def _(folder):
    _, out, _ = finished()
    def evaluate(*options):
        return fedcrld("evaluate", "--run", out, "--json", *options)
    plain = json.loads(evaluate().succeeded().out)
    other = json.loads(evaluate("--set", "prediction.largest_component=foreground", "--set", "evaluate_absent=one").succeeded().out)
    expect(other["mean_dice"] != plain["mean_dice"], "they change nothing")
    expect_equal((plain["absent"], other["absent"]), ("left_out", "one"), "the convention")
    evaluate("--set", "width=8").failed_with(2, "width 8", "started with width 4")
    evaluate("--set", "prediction.mirror=true").failed_with(2, "prediction.mirror", "prediction.mirrors")


main()
