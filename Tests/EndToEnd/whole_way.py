"""The whole way from a configuration and cohorts on disk to trained parameters, against a reference in PyTorch:
prepared images, local training, momentum distillation, federated rounds. Every key on the way has a value that is not
its default, and each of them alone changes the result to what the reference says."""

import dataclasses
import json
import statistics

from lib.program import fedcrld
from lib.runs import checkpoint, cohort, images, metrics, state, train
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test

try:
    import h5py
    import nibabel
    import numpy
    import torch

    from lib.reference_training import Outcome, federate, prepared

    absence = None
except ImportError as error:
    absence = f"python3 has no module {error.name}"

# The bounds of the unit tests' goldens (Tests/MethodsTests/GoldenCase.swift), in the first round and in later ones:
# how far a parameter may be off, relative to its norm, and a loss, relative to what the total is without further
# weights.
PARAMETER = (2e-4, 1e-2)
LOSS = (5e-6, 2e-5)
# Norms' biases begin at 0 here, and with values of this size in the goldens; their bound is the same.
NORM_BIAS = 0.058
# Rectifiers and pooling have kinks where rounding decides, and Adam turns the sign of a tiny gradient into a whole
# step; so the rate is low. That this may forgive nothing, differences are also compared with the way that parameters
# have come since the start, which does not depend on the rate. A kink in a bottleneck of 48 positions can move a few
# percent of one network (in PyTorch's float32 up to 7 with these settings, and 9 with other seeds), so the bound of
# each network is wide; that of the median over all networks and banks of a round is not. Weights, biases and norms of
# each part are looked at one by one, too: a few signs are a lot of theirs, but none of them may have stayed behind.
WHOLE_WAY = 0.15
MEDIAN_WAY = 0.03
PART_WAY = 0.5
# What a changed key changes at least, of some network as a whole, to be told from that.
CHANGED_WAY = 0.2

# All keys that matter. None has the value of its default or of the preset but size, width and spacing, which are those
# of all tests. The bank is near its network at such a rate, so what ties them together has large weights.
SETTINGS = {
    "seed": 13, "rounds": 2, "local_epochs": 2, "learning_rate": 4e-6, "momentum": 0.7,
    "loss.dice": 2.5, "loss.cross_entropy": 0.6, "loss.distillation": 250, "loss.correlation": 800,
    "loss.contrast": 10, "crl.attention_scale": "sqrt_d", "aggregation.weights": "volumes",
    "preprocessing.clip_percentile": 97,
}
# A round of one epoch, of which variants change one thing.
ROUND = {**SETTINGS, "rounds": 1, "local_epochs": 1}


def need_python_modules():
    if absence:
        raise Skip(absence)
    torch.set_num_threads(1)


# Data: three unequal centers.


@fixture
def data():
    """Cohorts of 1, 3 and 3 training volumes, of 4, 4 and 5 classes, with a test subject each."""
    need_python_modules()
    simulated, folder = shared_folder() / "simulated", shared_folder() / "data"
    fedcrld("simulate", "--out", simulated, "--subjects", 4, "--size", "3x144x128", "--centers", 6).succeeded()
    folder.mkdir()
    for number, subjects, volumes in ((1, 1, 1), (2, 2, 3), (6, 3, 3)):
        center = next(simulated.glob(f"center-{number}-*"))
        center = center.rename(folder / center.name)
        content = cohort(folder, center.name)
        names = sorted({case["subject"] for case in content["cases"]})
        # The last subject is the first to train on: it is the split that says the order, not the names.
        content["splits"] = {"train": names[subjects - 1::-1], "validation": [], "test": names[-1:]}
        training = [case for case in content["cases"] if case["subject"] in names[:subjects]][:volumes]
        content["cases"] = training + [case for case in content["cases"] if case["subject"] == names[-1]]
        if number == 2:
            crop(center, training[0])
            renumber(center, content, [0, 500, 200, 600])
        (center / "cohort.json").write_text(json.dumps(content))
        expect_equal(len(images(folder, center.name, "train")), volumes, f"the number of volumes of {center.name}")
    return folder


def crop(center, case):
    """Cuts rows and columns off a case, so that it is padded where others are cropped."""
    for kind in ("image", "label"):
        path = center / case[kind]
        volume = nibabel.load(path)
        voxels = numpy.asarray(volume.dataobj)[50:79, 45:90]
        nibabel.save(nibabel.Nifti1Image(voxels, volume.affine), path)


def renumber(center, content, values):
    """Gives the classes of a cohort other numbers in its label files."""
    content["labelValues"] = values
    for case in content["cases"]:
        path = center / case["label"]
        volume = nibabel.load(path)
        labels = numpy.array(values, dtype=numpy.int16)[numpy.asarray(volume.dataobj).astype(int)]
        nibabel.save(nibabel.Nifti1Image(labels, volume.affine), path)


# Runs of the program, and of the reference.


def trained(out, settings, ranks=1, placement="client"):
    """A run of the program by the reference's settings."""
    values = ["augmentation.enabled=false", "dropout=0", f"crl.placement={placement}"]
    for key, value in settings.items():
        text = f"[{', '.join(value)}]" if isinstance(value, tuple) else str(value)
        values.append(f"{key}={text.lower() if isinstance(value, bool) else text}")
    train(data(), out, *values, ranks=ranks).succeeded()
    return out


@fixture
def finished(ranks, placement):
    """The run that has all the settings."""
    need_python_modules()
    return trained(shared_folder() / f"{placement}-{ranks}", SETTINGS, ranks, placement)


@fixture
def _reference(settings):
    return federate(data(), **dict(settings))


def reference(settings):
    """What the reference makes of settings."""
    need_python_modules()
    return _reference(tuple(settings.items()))


def parameters(path, group):
    """The parameters below a group of a file by their state-dict names. Links to other files are followed."""
    found = {}

    def collect(item, prefix):
        for name, value in item.items():
            if isinstance(value, h5py.Group):
                collect(value, f"{prefix}{name}.")
            else:
                found[prefix + name] = torch.from_numpy(value[()]).double()

    if path.exists():
        with h5py.File(path) as file:
            if group in file:
                collect(file[group], "")
    return found


def outcome(out, number):
    """What a run of the program was after a round, from its files."""
    line = next(line for line in metrics(out) if line["kind"] == "round" and line["round"] == number)
    names, folder = sorted(line["centers"]), checkpoint(out, number)
    return Outcome(
        parameters(folder / "server.h5", "network"),
        {name: parameters(state(out, name, number), "network") for name in names},
        {name: parameters(out / "banks" / name / f"round-{number:06}.h5", "bank") for name in names},
        {name: {term: value for term, value in line["centers"][name].items() if term != "weight"} for name in names},
        {name: line["centers"][name]["weight"] for name in names})


# Comparisons.


class Comparison:
    """Of what was found with what is wanted: of each kind the difference nearest to its bound, or most beyond."""

    def __init__(self, federation):
        self.federation = federation
        # By kind: the difference over its bound, the difference, and where it is.
        kinds = ("parameter", "network", "median", "part", "loss")
        self.worst = {kind: (-1, 0, "nothing was compared") for kind in kinds}

    def add(self, found, wanted, number):
        """Compares all parameters and losses after a round."""
        centers = list(wanted.networks)
        expect_equal(list(found.networks), centers, "the list of centers")
        start = self.federation.start
        if found.server or wanted.server:
            self._add_network(f"the server after round {number}", found.server, wanted.server, start[centers[0]], number)
        shares = []
        for name in centers:
            for what in ("network", "bank"):
                ours, theirs = (getattr(one, f"{what}s")[name] for one in (found, wanted))
                if not ours and not theirs:
                    continue
                owner = f"the {what} of {name} after round {number}"
                shares.append(self._add_network(owner, ours, theirs, start[name], number))
            self._add_losses(name, found.losses[name], wanted.losses[name], number)
        self._note(
            "median", statistics.median(shares), MEDIAN_WAY, f"half of all networks and banks after round {number}")

    def _add_losses(self, center, found, wanted, number):
        # The terms as they are, without their weights, which are not to widen their bounds.
        scale = wanted["dice"] + wanted["cross_entropy"]
        expect_equal(sorted(found), sorted(wanted), f"losses of {center}")
        for term, value in wanted.items():
            difference = abs(found[term] - value) / (value if term == "total" else scale)
            self._note(
                "loss", difference, LOSS[min(number, 2) - 1],
                f"{term} of {center} in round {number}: {found[term]} instead of {value}")

    def _add_network(self, owner, found, wanted, start, number):
        """Compares a network; returns how far it is off as a whole, relative to the way that it has come."""
        expect_equal(sorted(found), sorted(wanted), f"the list of parameters of {owner}")
        # Squares of errors and of ways.
        whole, parts = numpy.zeros(2), {}
        for name in sorted(self.federation.moving & wanted.keys()):
            expect_equal(found[name].shape, wanted[name].shape, f"the shape of {name} of {owner}")
            error = float((found[name] - wanted[name]).norm())
            size = float(wanted[name].norm())
            part, (layer, kind) = name.split(".")[0], name.split(".")[-2:]
            if layer.startswith("norm") and kind == "bias":
                size = max(size, NORM_BIAS * wanted[name].numel() ** 0.5)
            self._note(
                "parameter", error / size, PARAMETER[min(number, 2) - 1],
                f"{owner}: {example(name, found[name], wanted[name])}")
            squares = numpy.array([error**2, float((wanted[name] - start[name]).norm()) ** 2])
            whole += squares
            part = f"{'norms' if layer.startswith('norm') else 'layers'}, {kind}, of {part} of {owner}"
            parts[part] = parts.get(part, 0) + squares
        for part, (error, way) in parts.items():
            self._note("part", (error / way) ** 0.5, PART_WAY, part)
        share = (whole[0] / whole[1]) ** 0.5
        self._note("network", share, WHOLE_WAY, owner)
        return share

    def _note(self, kind, difference, bound, place):
        ratio = difference / bound if difference == difference else float("inf")
        if ratio > self.worst[kind][0]:
            self.worst[kind] = ratio, difference, place

    def __str__(self):
        return ", ".join(f"{kind} {difference:.1e}" for kind, (_, difference, _) in self.worst.items())

    def expect(self):
        """Fails the test unless all differences are within their bounds; says which parameter differs most."""
        lines = [
            f"{kind} off by {difference:.1e}, {ratio:.3g} times its bound: {place}"
            for kind, (ratio, difference, place) in self.worst.items() if kind == "parameter" or not ratio < 1]
        expect(all(0 <= ratio < 1 for ratio, _, _ in self.worst.values()), "\n".join(lines))


def example(name, found, wanted):
    """A parameter's value that differs most, in words."""
    place = int((found - wanted).abs().argmax())
    index = ", ".join(str(int(i)) for i in numpy.unravel_index(place, wanted.shape))
    return f"{name} is {float(found.flatten()[place]):.8f} instead of {float(wanted.flatten()[place]):.8f} at [{index}]"


def compare(outcomes, federation):
    """Compares outcomes of rounds with those of a federation of the reference."""
    comparison = Comparison(federation)
    for number, (found, wanted) in enumerate(zip(outcomes, federation.outcomes, strict=True), 1):
        comparison.add(found, wanted, number)
    return comparison


def expect_reference(out, settings):
    """Fails the test unless weights, losses and all parameters of a run are those of the reference."""
    federation = reference(settings)
    outcomes = [outcome(out, number) for number in range(1, settings["rounds"] + 1)]
    for found, wanted in zip(outcomes, federation.outcomes):
        for name, weight in wanted.weights.items():
            expect(
                abs(found.weights[name] - weight) < 1e-12,
                f"the weight of {name} is {found.weights[name]} instead of {weight}")
    comparison = compare(outcomes, federation)
    print(f"        | largest differences: {comparison}", flush=True)
    comparison.expect()


def expect_changed(settings, others):
    """Fails the test unless the reference says something else of other settings: it would not see the difference."""
    _, change, _ = compare(reference(settings).outcomes, reference(others)).worst["network"]
    expect(change > CHANGED_WAY, f"the settings change the reference's result by {change:.1%} of its way only")


# The prepared image.


def expect_prepared(folder, image, axes=None):
    """Fails the test unless the network sees of an image what the reference prepares, of an image that nibabel brings to some
    axes before, where it is stored otherwise."""
    out, center = finished(1, "client"), sorted(reference(SETTINGS).start)[0]
    fedcrld(
        "predict", "--run", out, "--center", center, "--input", image, "--output", folder / "labels.nii",
        "--probabilities", folder / "seen.h5").succeeded()
    with h5py.File(folder / "seen.h5") as file:
        found = file["image"][()]
    shown = nibabel.load(image)
    if axes:
        orientations = nibabel.orientations
        shown = shown.as_reoriented(orientations.ornt_transform(
            orientations.io_orientation(shown.affine), orientations.axcodes2ornt(axes)))
    wanted = prepared(shown, {
        "size": (32, 32), "preprocessing.spacing": 3, "preprocessing.normalize": True,
        "preprocessing.clip_percentile": SETTINGS["preprocessing.clip_percentile"]})
    expect_equal(found.shape, wanted.shape, "the size of the prepared image")
    difference = numpy.abs(found - wanted)
    place = numpy.unravel_index(int(difference.argmax()), difference.shape)
    print(f"        | largest difference {difference.max():.1e}", flush=True)
    expect(
        difference.max() < 1e-4,
        f"voxel {[int(i) for i in place]} of the prepared image is {found[place]} instead of {wanted[place]}")


@test("an image is prepared as the reference does it: coarser pixels, of which a part is cut out")
def _(folder):
    center = sorted(path.name for path in data().iterdir())[0]
    expect_prepared(folder, images(data(), center, "test")[0])


@test("an image is prepared as the reference does it: coarser and finer pixels, odd numbers of them, padded")
def _(folder):
    need_python_modules()
    voxels = numpy.random.default_rng(2).gamma(2, 300, (17, 31, 4)).astype(numpy.float32)
    # Stored with rows to the front, with columns to the right, and with rows and columns exchanged; shown as LPS.
    for x, y in (([-4.3, 0], [0, 2.35]), ([4.3, 0], [0, -2.35]), ([0, 4.3], [2.35, 0])):
        affine = numpy.diag([1.0, 1, 8, 1])
        affine[:2, 0], affine[:2, 1] = x, y
        nibabel.save(nibabel.Nifti1Image(voxels, affine), folder / "image.nii.gz")
        expect_prepared(folder, folder / "image.nii.gz", "LPS")


# The whole way.


@test("the reference leaves out of the comparison only biases whose gradients are zero in exact arithmetic")
def _(folder):
    federation = reference(SETTINGS)
    still = {name for start in federation.start.values() for name in start} - federation.moving
    expect_equal(
        sorted(still), [
            "global_encoder.level1.conv1.bias", "local_encoder.level1.conv1.bias",
            "relocalization.cross_attention.key.bias", "relocalization.self_attention.key.bias",
        ], "the list of parameters that are not compared")


for ranks, placement in ((1, "client"), (3, "root")):

    @test(f"two rounds end where the reference does: server, networks and banks; {ranks} ranks, CRL at the {placement}")
    def _(folder, ranks=ranks, placement=placement):
        expect_reference(finished(ranks, placement), SETTINGS)


@test("optimizers have taken the steps of both rounds")
def _(folder):
    out = finished(1, "client")
    for center in sorted(reference(SETTINGS).start):
        steps = SETTINGS["rounds"] * SETTINGS["local_epochs"] * len(images(data(), center, "train"))
        with h5py.File(state(out, center, SETTINGS["rounds"])) as file:
            for optimizer in ("network", "bank"):
                found = list(file[f"optimizer/{optimizer}/step"][()])
                expect_equal(found, [steps], f"the number of steps of {center}'s {optimizer}")


# Keys, one by one.


@test("centers count by their volumes, 1/7, 3/7 and 3/7, or all the same, and the server is the average so weighted")
def _(folder):
    for weighting, wanted in (("volumes", [1 / 7, 3 / 7, 3 / 7]), ("uniform", [1 / 3, 1 / 3, 1 / 3])):
        settings = {**ROUND, "aggregation.weights": weighting}
        out = trained(folder / weighting, settings)
        line = next(line for line in metrics(out) if line["kind"] == "round")
        found = [line["centers"][name]["weight"] for name in sorted(line["centers"])]
        expect(numpy.allclose(found, wanted, rtol=0, atol=1e-12), f"the weights are {found} instead of {wanted}")
        expect_reference(out, settings)
    expect_changed(ROUND, {**ROUND, "aggregation.weights": "uniform"})


for behaviour, changes in {
    "weights of distillation and correlation, exchanged, are each its own loss's": {
        "loss.distillation": SETTINGS["loss.correlation"], "loss.correlation": SETTINGS["loss.distillation"]},
    "the weight of Dice counts, and not in the bank's own training": {"loss.dice": 0.5},
    "the weight of cross-entropy counts, and not in the bank's own training": {"loss.cross_entropy": 3},
    "the weight of contrast counts": {"loss.contrast": 0.5},
    "the bank's momentum counts": {"momentum": 0.4},
    "attention is scaled only where that is asked for": {"crl.attention_scale": "none"},
    "intensities are clipped at the percentile": {"preprocessing.clip_percentile": 90},
    "intensities are not clipped at 100": {"preprocessing.clip_percentile": 100},
    "the seed decides how networks start, and the order of the volumes": {"seed": 14},
}.items():

    @test(behaviour)
    def _(folder, changes=changes):
        settings = {**ROUND, **changes}
        expect_reference(trained(folder / "run", settings), settings)
        expect_changed(settings, ROUND)


# Ablations: what is left of the method without one of its ideas.


for behaviour, changes in {
    "without a bank": {"md.enabled": False},
    "without relocalization": {"crl.enabled": False},
    "without either": {"md.enabled": False, "crl.enabled": False},
    "without federation": {"aggregation.parts": ()},
    "without contrast": {"loss.contrast": 0},
    "without correlation": {"loss.correlation": 0},
}.items():
    for ranks, placement in ((1, "client"), (3, "root")):

        @test(f"{behaviour} two rounds end where the reference does: {ranks} ranks, CRL at the {placement}")
        def _(folder, changes=changes, ranks=ranks, placement=placement):
            settings = {**SETTINGS, **changes}
            # Where a part or a loss is missing, its name is missing, too.
            expect_reference(trained(folder / "run", settings, ranks, placement), settings)
            if any(key.startswith("loss.") for key in changes):
                expect_changed(settings, SETTINGS)


@test("the CRL is federated where aggregation.parts says so; 3 ranks, CRL at the root, momentum 0.8")
def _(folder):
    settings = {
        **ROUND, "rounds": 2, "momentum": 0.8, "aggregation.parts": ("global_encoder", "relocalization")}
    out = trained(folder / "run", settings, ranks=3, placement="root")
    expect_reference(out, settings)
    # Who federates the encoder alone has less of a server, but networks and banks to compare.
    both, alone = reference(settings), reference({**settings, "aggregation.parts": ("global_encoder",)})
    for one in both.outcomes:
        expect(any(name.startswith("relocalization.") for name in one.server), "the CRL is not on the server")
    servers = [one.server for one in alone.outcomes]
    outcomes = [dataclasses.replace(one, server=server) for one, server in zip(both.outcomes, servers)]
    _, change, _ = compare(outcomes, alone).worst["network"]
    expect(change > CHANGED_WAY, f"federating the CRL changes the reference's result by {change:.1%} of its way only")


main()
