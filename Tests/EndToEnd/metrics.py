"""Dice, Hausdorff distances and ASSD of generated pairs of masks against medpy's and MONAI's."""

import itertools
import json
import warnings

from lib.program import fedcrld
from lib.suite import Skip, expect, expect_equal, main, test

warnings.filterwarnings("ignore")
try:
    import nibabel
    import numpy
    import torch
    from medpy.metric import binary
    from monai.metrics import compute_hausdorff_distance

    absence = None
except ImportError as error:
    absence = f"python3 has no module {error.name}"

TOLERANCE = 1e-4
SPACINGS = [(1, 1, 1), (1.25, 1.25, 10), (0.7, 1.9, 8), (2.5, 1, 5), (1.4, 1.4, 13)]


def ellipsoid(size, center, radii):
    grids = numpy.meshgrid(*[numpy.arange(extent) for extent in size], indexing="ij")
    return sum(((grid - c) / r) ** 2 for grid, c, r in zip(grids, center, radii)) <= 1


def pairs():
    """Pairs of masks with their spacing: blobs, noise, shells, single voxels, masks at the border, one slice."""
    random = numpy.random.default_rng(5)
    rows = []
    for number, spacing in itertools.product(range(8), SPACINGS):
        size = [(24, 20, 8), (17, 31, 5), (12, 12, 12), (30, 9, 1)][number % 4]
        center = [extent / 2 for extent in size]
        radii = [max(1.5, extent / 4) for extent in size]
        truth = ellipsoid(size, center, radii)
        moved = ellipsoid(
            size, [c + random.normal(0, 1.5) for c in center], [r * random.uniform(0.6, 1.4) for r in radii])
        if number in (1, 5):
            moved = moved ^ (random.random(size) < 0.02)
        if number == 2:
            truth = truth & ~ellipsoid(size, center, [r / 2 for r in radii])
        if number == 3:
            truth[0, :, :] = True
            moved[:, -1, :] = True
        if number == 6:
            truth = numpy.zeros(size, bool)
            truth[tuple(random.integers(0, extent) for extent in size)] = True
        if number == 7:
            truth, moved = (random.random(size) < 0.3 for _ in range(2))
        rows.append((moved, truth, spacing))
    single = numpy.zeros((6, 7, 3), bool)
    other = single.copy()
    single[0, 0, 0], other[5, 6, 2] = True, True
    rows.append((single, other, (1.1, 1.2, 9)))
    rows.append((single, single, (1, 2, 3)))
    full = numpy.ones((5, 5, 5), bool)
    rows += [(full, single[:5, :5, :3].repeat(2, axis=2)[:, :, :5], (1, 1, 4)), (full, full, (1, 1, 4))]
    for _ in range(8):
        shape = tuple(random.integers(2, 15, 3))
        first, second = random.random(shape) < 0.5, random.random(shape) < 0.5
        first.flat[0] = second.flat[-1] = True
        rows.append((first, second, tuple(random.uniform(0.5, 10, 3))))
    return rows


def scores(folder, prediction, truth, spacing):
    """What the program says of label 1, or None where there is no such label."""
    paths = []
    for name, mask in (("prediction", prediction), ("truth", truth)):
        path = folder / f"{name}.nii"
        nibabel.save(nibabel.Nifti1Image(mask.astype(numpy.uint8), numpy.diag([*spacing, 1])), path)
        paths.append(path)
    out = fedcrld("score", "--prediction", paths[0], "--truth", paths[1], "--json").succeeded().out
    classes = json.loads(out)["classes"]
    return classes[0] if classes else None


def close(found, wanted, what):
    expect(found is not None and abs(found - wanted) < TOLERANCE * max(1, abs(wanted)), f"{what}: {found}, not {wanted}")


@test("at least 50 pairs agree with medpy's Dice, Hausdorff distance and surface distances and MONAI's HD95")
def _(folder):
    if absence:
        raise Skip(absence)
    checked = 0
    for number, (prediction, truth, spacing) in enumerate(pairs()):
        # What is stored is float32.
        spacing = tuple(float(numpy.float32(length)) for length in spacing)
        found = scores(folder, prediction, truth, spacing)
        if not prediction.any() or not truth.any():
            continue
        close(found["dice"], binary.dc(prediction, truth), f"Dice of pair {number}")
        close(found["hd_mm"], binary.hd(prediction, truth, spacing), f"HD of pair {number}")
        mean = (binary.asd(prediction, truth, spacing) + binary.asd(truth, prediction, spacing)) / 2
        close(found["assd_mm"], mean, f"ASSD of pair {number}")
        batches = [torch.from_numpy(mask[None, None].astype(numpy.float32)) for mask in (prediction, truth)]
        hd95 = compute_hausdorff_distance(
            *batches, include_background=True, percentile=95, spacing=list(spacing)).item()
        close(found["hd95_mm"], hd95, f"HD95 of pair {number}")
        close(found["true_ml"], truth.sum() * numpy.prod(spacing) / 1000, f"volume of pair {number}")
        checked += 1
    expect(checked >= 50, f"{checked} pairs")


@test("a class that one mask lacks has Dice 0 and no distance; one that both lack is not listed")
def _(folder):
    if absence:
        raise Skip(absence)
    empty = numpy.zeros((5, 6, 2), bool)
    mask = empty.copy()
    mask[2, 2, 1] = True
    for prediction, truth in ((empty, mask), (mask, empty)):
        found = scores(folder, prediction, truth, (1, 1, 5))
        expect_equal([found["dice"], found["hd95_mm"], found["assd_mm"], found["hd_mm"]], [0, None, None, None], "scores")
    expect_equal(scores(folder, empty, empty, (1, 1, 5)), None, "scores of empty masks")


@test("what is no segmentation is refused, and so are two of different size")
def _(folder):
    if absence:
        raise Skip(absence)
    for name, data in (("image", numpy.full((3, 3, 3), 0.5, numpy.float32)), ("mask", numpy.ones((3, 3, 3), numpy.uint8)),
                       ("other", numpy.ones((3, 3, 4), numpy.uint8))):
        nibabel.save(nibabel.Nifti1Image(data, numpy.eye(4)), folder / f"{name}.nii")

    def score(prediction):
        return fedcrld("score", "--prediction", folder / f"{prediction}.nii", "--truth", folder / "mask.nii")

    score("image").failed_with(1, "image.nii", "no whole number")
    score("other").failed_with(1, "other.nii", "3 × 3 × 4")
    score("nothing").failed_with(1, "nothing.nii")


main()
