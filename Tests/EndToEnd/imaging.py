"""Images that nibabel writes are read as nibabel reads them, and segmentations that the program writes are read back by
nibabel and SimpleITK: a table of types, byte orders, versions, containers, orientations, scalings and dimensions."""

import itertools
import json
import zlib

from lib.program import fedcrld
from lib.suite import Skip, expect, expect_equal, main, test

try:
    import nibabel
    import numpy

    absence = None
except ImportError as error:
    absence = f"python3 has no module {error.name}"

TYPES = ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
ORIENTATIONS = [
    "".join(letters) for axes in itertools.permutations(["RL", "AP", "SI"]) for letters in itertools.product(*axes)
]
SIZES = [(7, 5, 3), (1, 9, 4), (6, 1, 1), (5, 4, 1), (4, 3, 2, 3), (3, 3, 1, 1), (5, 6), (2, 3, 4, 1, 1)]


def need_nibabel():
    if absence:
        raise Skip(absence)


def affine_of(orientation, spacing, tilt):
    """An affine whose voxel axes grow towards these directions, rotated a little."""
    affine = numpy.eye(4)
    affine[:3, :3] = 0
    for column, letter in enumerate(orientation):
        row = "RASLPI".index(letter) % 3
        affine[row, column] = spacing[column] * (1 if letter in "RAS" else -1)
    c, s = numpy.cos(tilt), numpy.sin(tilt)
    rotation = numpy.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    affine[:3, :3] = rotation @ affine[:3, :3]
    affine[:3, 3] = [-91.5, 33.25, 12]
    return affine


def example(size, kind, random):
    """Voxels of a type, over much of its range."""
    if kind.startswith("float"):
        return (1000 * random.standard_normal(size)).astype(kind)
    limits = numpy.iinfo(kind)
    # What float64 holds exactly, so that both readers round the same number.
    low, high = max(limits.min, -(2**50)), min(limits.max, 2**50)
    return random.integers(low, high, size, endpoint=True).astype(kind)


def check(path, frame):
    """Compares what the program says of an image with what nibabel says."""
    image = nibabel.load(path)
    found = json.loads(fedcrld("inspect", path, "--frame", frame, "--json").succeeded().out)
    shape = list(image.shape) + [1] * (3 - len(image.shape))
    expect_equal(found["size"], shape[:3], f"size of {path}")
    expect_equal(found["frames"], shape[3] if len(shape) > 3 else 1, f"frames of {path}")
    expect(numpy.allclose(found["affine"], image.affine[:3], atol=1e-4), f"affine of {path}: {found['affine']}")
    zooms = list(image.header.get_zooms()[:3]) + [1.0] * (3 - len(image.shape))
    for axis in range(3):
        if shape[axis] > 1:
            expect(abs(found["spacing"][axis] - zooms[axis]) < 1e-5, f"spacing of {path}: {found['spacing']}")
    expect_equal(
        found["orientation"], "".join(nibabel.aff2axcodes(image.affine)), f"orientation of {path}")
    values = numpy.asarray(image.dataobj).astype(numpy.float64).reshape(shape, order="F")
    values = values[..., frame] if len(shape) > 3 else values
    while values.ndim > 3:
        values = values[..., 0]
    stored = numpy.asarray(values, dtype="<f4")
    crc = f"{zlib.crc32(stored.tobytes(order='F')):08x}"
    expect_equal(found["crc32"], crc, f"checksum of the values of {path}")


def written(folder, kind, version, container, order, size, orientation, scaling, forms, number):
    """Writes one image of the table by nibabel; returns its path."""
    random = numpy.random.default_rng(number)
    data = example(size, kind, random)
    affine = affine_of(orientation, [1.25, 0.75, 8], 0.1 * (number % 5))
    pair = container.startswith(".hdr") or container.startswith(".img")
    classes = {(1, False): nibabel.Nifti1Image, (2, False): nibabel.Nifti2Image, (1, True): nibabel.Nifti1Pair,
               (2, True): nibabel.Nifti2Pair}
    cls = classes[version, pair]
    header = cls.header_class(endianness=order)
    header.set_data_dtype(numpy.dtype(kind).newbyteorder(order))
    image = cls(data, affine, header)
    image.header.set_slope_inter(*scaling) if scaling else None
    qform, sform = forms
    image.set_qform(affine if qform else None, qform)
    image.set_sform(affine if sform else None, sform)
    image.header["descrip"] = b"\xff\xfejunk\x00more"
    if number % 7 == 0 and not pair:
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"x" * (3 + number % 40)))
    path = folder / f"{number}{container}"
    nibabel.save(image, path)
    return folder / f"{number}{container.replace('.img', '.hdr')}"


def table():
    """The cases: every type in every version, container and byte order; every orientation; sizes; scalings; forms."""
    rows = []
    for kind, version, container, order in itertools.product(
            TYPES, (1, 2), (".nii", ".nii.gz", ".img"), ("<", ">")):
        rows.append((kind, version, container, order, (5, 4, 3), "LPS", None, (1, 1)))
    for orientation in ORIENTATIONS:
        rows.append(("int16", 1, ".nii", "<", (4, 5, 3), orientation, None, (1, 0)))
        rows.append(("uint8", 2, ".nii.gz", ">", (4, 5, 3), orientation, None, (0, 2)))
    for size, kind in itertools.product(SIZES, ("int16", "float32")):
        rows.append((kind, 1, ".nii.gz", "<", size, "RAS", None, (1, 1)))
    for scaling in [(1, 0), (2.5, -1024), (1e-3, 7), (-1, 0), (0, 5), (float("nan"), float("nan"))]:
        for kind in ("int16", "uint8", "float32"):
            rows.append((kind, 1, ".nii", "<", (4, 4, 2), "RAS", scaling, (1, 1)))
    return rows


CHUNK = 40
for start in range(0, len(table()), CHUNK):

    @test(f"images {start} to {min(start + CHUNK, len(table())) - 1} of {len(table())} are read as nibabel reads them")
    def _(folder, start=start):
        need_nibabel()
        for number, row in list(enumerate(table()))[start:start + CHUNK]:
            kind, version, container, order, size, orientation, scaling, forms = row
            path = written(
                folder, kind, version, container, order, size, orientation, None, forms, number)
            if scaling:
                rescale(path, scaling)
            frames = size[3] if len(size) > 3 else 1
            check(path, number % frames)


def rescale(path, scaling):
    """Writes slope and intercept into a file's header as they are: nibabel will not write all that it reads."""
    import struct

    content = bytearray(path.read_bytes())
    content[112:120] = struct.pack("<ff", *scaling)
    path.write_bytes(content)


@test("the table has at least 200 cases")
def _(folder):
    expect(len(table()) >= 200, f"{len(table())} cases")


main()
