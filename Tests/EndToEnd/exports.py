"""A center's network in other programs: ONNX Runtime computes what `predict` does, safetensors and the Python file load it, and
the example goes on with it."""

import subprocess
import sys

from lib.program import FEDCRLD, fedcrld
from lib.runs import centers, cohort, predicted, simulate, train
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test

try:
    import numpy
    import onnx
    import onnxruntime
    import safetensors.numpy
    import torch

    from lib.python_file import FOLDER, Run, cohorts, volumes

    absence = None
except ImportError as error:
    absence = f"python3 has no module {error.name}"

# The second is odd: pooling drops rows and columns, and the decoder pads them. The third is the smallest there is.
SIZES = ("40x32", "3x27x35", "8x8")


def need_python_modules():
    if absence:
        raise Skip(absence)
    torch.set_num_threads(1)


@fixture
def data():
    return simulate(shared_folder())


@fixture
def finished(*values):
    """A run of two rounds."""
    out = shared_folder() / "-".join(["run", *values])
    train(data(), out, "rounds=2", "learning_rate=1e-2", *values, ranks=2).succeeded()
    return out


def exported(folder, out, center, *options):
    """The ONNX and the safetensors file of a center's network."""
    files = folder / "network.onnx", folder / "network.safetensors"
    result = fedcrld(
        "export", "--run", out, "--center", center, "--onnx", files[0], "--safetensors", files[1], *options).succeeded()
    expect_equal(result.out.split(), [str(file) for file in files], "what is printed")
    return files


def in_runtime(file, image):
    """The probabilities of ONNX Runtime, and its session."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"image": image[None, None]})[0][0], session


def expect_close(found, wanted, subject):
    expect_equal(found.shape, wanted.shape, f"the shape, {subject}")
    difference = float(numpy.abs(found - wanted).max())
    print(f"        | {subject}: largest difference {difference:.1e}")
    expect(difference < 1e-4, f"{subject}: the probabilities differ by {difference}")
    expect(wanted.std() > 0.01, f"{subject}: the probabilities say nothing")


for size in SIZES:

    @test(f"ONNX Runtime computes what predict does, both numbers of classes, volumes of {size}")
    def _(folder, size=size):
        need_python_modules()
        out = finished(f"size={size}")
        for center in (centers(data())[0], centers(data())[-1]):
            classes = cohort(data(), center)["classes"]
            image, wanted = predicted(folder, data(), out, center)
            file, _ = exported(folder, out, center)
            found, session = in_runtime(file, image)
            expect_close(found, wanted, f"{center}, {image.shape}")
            expect_equal(len(found), len(classes), "the classes")
            expect_equal(session.get_modelmeta().custom_metadata_map["classes"].count('"') // 2, len(classes), "names")


@test("one ONNX file serves volumes of every size and batches; it passes onnx's full check and says how images are prepared")
def _(folder):
    need_python_modules()
    out, center = finished(f"size={SIZES[0]}"), centers(data())[0]
    file, _ = exported(folder, out, center)
    onnx.checker.check_model(onnx.load(file), full_check=True)
    network = Run(out).network(center)
    random = numpy.random.default_rng(1)
    for shape in ((1, 8, 8), (2, 57, 40), (12, 33, 64)):
        image = random.standard_normal(shape, dtype=numpy.float32)
        found, session = in_runtime(file, image)
        with torch.no_grad():
            expect_close(found, network(torch.from_numpy(image)[None, None])[0].numpy(), f"{shape}")
        both = session.run(None, {"image": numpy.stack([image, image[::-1]])[:, None]})[0]
        expect(numpy.abs(both[0] - found).max() < 1e-5, "a batch's volumes are not computed apart")
    metadata = session.get_modelmeta().custom_metadata_map
    expect_equal(
        {key: metadata[key] for key in (
            "center", "method", "round", "size", "preprocessing.spacing", "preprocessing.orientation")},
        {"center": center, "method": "fedcrld", "round": "2", "size": "[40, 32]", "preprocessing.spacing": "3",
         "preprocessing.orientation": "canonical"}, "the metadata")


METHODS = (
    ("local", ()), ("apfl", ()), ("ditto", ()), ("prrfl", ()), ("centralized", ()),
    ("fedcrld", ("crl.enabled=false",)), ("fedcrld", ("crl.attention_scale=sqrt_d", "md.segments=bank")),
)
for method, values in METHODS:

    @test(f"ONNX Runtime, safetensors and PyTorch compute what predict does: {' '.join([method, *values])}")
    def _(folder, method=method, values=values):
        need_python_modules()
        out = finished(f"method={method}", *values)
        for center in (centers(data())[1], centers(data())[-1]):
            image, wanted = predicted(folder, data(), out, center)
            file, parameters = exported(folder, out, center)
            expect_close(in_runtime(file, image)[0], wanted, "ONNX Runtime")
            network = Run(out).network(center)
            with torch.no_grad():
                expect_close(network(torch.from_numpy(image)[None, None])[0].numpy(), wanted, "PyTorch")
            stored = safetensors.numpy.load_file(parameters)
            state = Run(out).state_dict(center)
            # Of a network of several heads a file has the center's alone.
            expect(set(stored) <= set(state) and len(stored) >= len(state) - 2, "other names")
            for name, tensor in stored.items():
                expect(numpy.allclose(tensor, state[name], rtol=0, atol=1e-6), f"{name} differs")


@test("mirror images and the mean of network and bank are part of what is exported")
def _(folder):
    need_python_modules()
    out, center = finished(f"size={SIZES[1]}"), centers(data())[0]
    options = ("--set", "prediction.mirrors=true", "--set", "md.segments=both")
    image, wanted = predicted(folder, data(), out, center, *options)
    file, parameters = exported(folder, out, center, *options)
    expect_close(in_runtime(file, image)[0], wanted, "ONNX Runtime")
    names = list(safetensors.numpy.load_file(parameters))
    expect_equal(sorted(name.startswith("bank.") for name in names).count(True), len(names) // 2, "the bank's part")


@test("exported volumes are what the network sees, split by split")
def _(folder):
    need_python_modules()
    out, center = finished(f"size={SIZES[0]}"), centers(data())[-1]
    file = folder / "volumes.h5"
    fedcrld("export", "--run", out, "--center", center, "--volumes", file).succeeded()
    rows = [row for row in cohorts(data()) if row["center"] == center]
    for split in ("train", "validation", "test"):
        wanted = sorted(f"{row['subject']}-{row['phase']}" for row in rows if row["split"] == split)
        expect_equal(sorted(name for name, _, _ in volumes(file, split)), wanted, f"the cases of {split}")
    (_, image, labels), *_ = volumes(file, "test")
    expect(numpy.array_equal(image, predicted(folder, data(), out, center)[0]), "another image than predict's")
    expect(labels.dtype == numpy.uint8 and labels.shape == image.shape and labels.max() > 0, "no labels")


@test("the Python file tells losses, Dice during the run, and what evaluate measures")
def _(folder):
    need_python_modules()
    out = finished(f"size={SIZES[0]}")
    run = Run(out)
    expect_equal(run.centers(), centers(data()), "the centers")
    expect_equal(run.configuration["preprocessing.spacing"], 3, "a setting")
    expect_equal(run.configuration["aggregation.parts"], ["global_encoder"], "a list")
    losses = run.losses()
    expect_equal(len(losses), 12, "rows of losses")
    expect(all(row["total"] > 0 and row["round"] in (1, 2) for row in losses), f"{losses[0]}")
    scores = run.scores()
    expect({row["class"] for row in scores} == {"LV", "MYO", "RV", "infarct", "no-reflow"}, "classes of the scores")
    rows = run.evaluate(program=FEDCRLD)
    final = [row for row in scores if row["split"] == "test" and row["class"] == "LV"]
    for row in final:
        found = [item["dice"] for item in rows if (item["center"], item["class"]) == (row["center"], "LV")]
        found = [value for value in found if value is not None]
        expect(row["dice"] is None or abs(sum(found) / len(found) - row["dice"]) < 1e-9, f"{row}, {found}")
    for call, kind, words in (
            (lambda: Run(folder), FileNotFoundError, "config.yaml"),
            (lambda: run.state_dict("nobody"), KeyError, "no center nobody"),
            (lambda: run.checkpoint(7), FileNotFoundError, "round-000007"),
            (lambda: run.state_dict(run.centers()[0], variable="personal"), KeyError, "it has network"),
            (lambda: run.evaluate(split="nothing", program=FEDCRLD), RuntimeError, "nothing"),
            (lambda: cohorts(folder), FileNotFoundError, "no cohorts")):
        try:
            call()
        except kind as error:
            expect(words in str(error), f"{error}")
        else:
            expect(False, f"no {kind.__name__} that says {words}")


@test("the example goes on with a center's network in PyTorch, and it learns")
def _(folder):
    need_python_modules()
    out, center = finished(f"size={SIZES[0]}"), centers(data())[0]
    fedcrld("export", "--run", out, "--center", center, "--volumes", folder / "volumes.h5").succeeded()
    result = subprocess.run(
        [sys.executable, "-B", FOLDER / "continue_center.py", out, center, folder / "volumes.h5", "--epochs", "6", "--rate",
         "3e-3", "--out", folder / "network.pt"], capture_output=True, text=True, check=False)
    expect_equal(result.returncode, 0, f"the status: {result.stderr}")
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in result.stdout.splitlines()[1:]]
    expect(len(losses) == 6 and losses[-1] < 0.9 * losses[0], f"losses {losses}")
    state = torch.load(folder / "network.pt")
    expect_equal(set(state), set(Run(out).state_dict(center)), "the names of the state dict")


@test("export refuses what it cannot do: no output, an unknown center, a file of the run, two outputs of one name")
def _(folder):
    out, center = finished(f"size={SIZES[0]}"), centers(data())[0]
    result = fedcrld("export", "--run", out, "--center", center).ended_with(2)
    expect("--onnx FILE" in result.err, f"{result}")
    fedcrld("export", "--run", out, "--center", "nobody", "--onnx", folder / "n").failed_with(2, "no center nobody")
    fedcrld("export", "--run", out, "--center", center, "--onnx", out / "config.yaml").failed_with(2, "is to be read")
    fedcrld(
        "export", "--run", out, "--center", center, "--onnx", folder / "n", "--safetensors", folder / "n"
    ).failed_with(2, "two outputs")
    expect(not (folder / "n").exists(), "something was written")
    result = fedcrld("export", "--run", out, "--center", center, "--onnx", folder / "none" / "n").ended_with(1)
    expect("no such file or directory" in result.err.lower(), f"{result}")


main()
